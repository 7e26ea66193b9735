/**
 * The stack of the control plane, which all others build on: network, keys, ledger, audit bucket, images, topics of alarms, and the control
 * plane itself. Deployed first; it knows of regions only what the definition says of them.
 */
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { suppress } from '../constructs/checks/suppress.ts';
import { ConstructError, publishFacts, type SettingValue } from '../constructs/common/index.ts';
import { ControlPlane } from '../constructs/control-plane/index.ts';
import { EncryptionKey } from '../constructs/encryption-key/index.ts';
import { LedgerDatabase } from '../constructs/ledger-database/index.ts';
import { Network } from '../constructs/network/index.ts';
import { Notifications } from '../constructs/notifications/index.ts';
import { LogBucket } from '../constructs/private-bucket/index.ts';
import { ecrRegistry, ImageReplication, ServiceImage } from '../constructs/service-image/index.ts';
import { ServiceSecrets } from '../constructs/service-secrets/index.ts';
import { SigningKey } from '../constructs/signing-key/index.ts';
import { SettlementDashboard } from '../constructs/settlement-dashboard/index.ts';
import { scopesOf, SlaAlarms } from '../constructs/sla-alarms/index.ts';
import { COLLECTOR_IMAGE, OTLP_SETTINGS, TelemetryPipeline } from '../constructs/telemetry-pipeline/index.ts';
import { TransparencyBucket } from '../constructs/transparency-bucket/index.ts';
import {
  controlHost, edgeHostOf, formatAssetScales, IMAGE, LEDGER_SECRET, metricNamespace, planSubnets, regionHostOf, secretsOf, SERVICES, stackName, WEBHOOK_SECRETS, witnessUrls, zonesOf, type ServiceId,
} from '../platform/index.ts';
import { authoritiesSetting, type AuthorityProps } from './authorities.ts';
import { runbooksOf, namePrefix, provider, setUp, stackId, type DeployedPlatform, type StackProps } from './common.ts';
import { LEDGER_CAPACITY, PILOT_EXCEPTIONS, shapeOf, type GlobalShape } from './global-shape.ts';

export interface GlobalStackProps extends StackProps, AuthorityProps {}

/** User of the ledger's database that the control plane connects as. */
const LEDGER_USER = 'tidemark';

/** What all parts of the stack are told. */
interface Surroundings {
  readonly platform: DeployedPlatform;
  readonly shape: GlobalShape;
  /** `tidemark-production` */
  readonly prefix: string;
  /** `tidemark-production-global` */
  readonly name: string;
  readonly region: string;
  readonly accountId: string;
  /** For data and logs. */
  readonly key: EncryptionKey;
  readonly network: Network;
}

/** CloudWatch's dashboards are paid one by one; more sites than these are shown by region, and site by site in Grafana (`tidemark slas`). */
const SITES_SHOWN_MAX = 60;

export class GlobalStack extends TerraformStack {
  readonly network: Network;
  readonly key: EncryptionKey;
  readonly signingKey: SigningKey;
  readonly secrets: ServiceSecrets;
  readonly notifications: Notifications;
  readonly telemetry: TelemetryPipeline;
  readonly bucket: TransparencyBucket;
  /** With managed storage. */
  readonly ledger: LedgerDatabase | undefined;
  /** By service: the repositories of the platform's images. */
  readonly images: Readonly<Record<ServiceId, ServiceImage>>;
  readonly controlPlane: ControlPlane;
  readonly alarms: SlaAlarms;
  /** Of the whole platform. */
  readonly dashboard: SettlementDashboard;

  constructor(scope: Construct, id: string, props: GlobalStackProps) {
    super(scope, id);
    const { platform } = props;
    const { deploy } = platform;
    const self = stackId(platform, 'global');
    const { ownRegion: region } = setUp(this, platform, self, platform.controlPlane.location);
    const prefix = namePrefix(platform);
    const name = `${prefix}-${platform.controlPlane.id}`;
    const accountId = deploy.accountId ?? new DataAwsCallerIdentity(this, 'account').accountId;
    const shape = shapeOf(deploy);
    const namespace = metricNamespace(platform.name, deploy.environment);

    this.key = new EncryptionKey(this, 'key', {
      name, description: 'Data and logs of the control plane', region, uses: ['logs', 'alarms', 'fargate'], preventDestroy: shape.isProtected,
    });
    this.network = this.#network(props, name, region, shape);
    const around: Surroundings = { platform, shape, prefix, name, region, accountId, key: this.key, network: this.network };
    this.notifications = new Notifications(this, 'notifications', { name: prefix, encryptionKeyArn: this.key.arn, contacts: deploy.contacts, namespace });
    this.telemetry = new TelemetryPipeline(this, 'telemetry', { name: prefix, namespace, awsRegion: region, encryptionKeyArn: this.key.arn });
    this.signingKey = new SigningKey(this, 'signing-key', { name: `${name}-checkpoints`, description: 'Signs checkpoints of the global log', preventDestroy: shape.isProtected });
    const logs = new LogBucket(this, 'access-logs', { name: `${prefix}-logs-${accountId}-${region}`, region, sources: ['alb', 's3'], preventDestroy: shape.isProtected });
    this.bucket = this.#bucket(around, logs);
    this.ledger = deploy.storage === 'managed' ? this.#ledger(around) : undefined;
    this.images = this.#images(props, around);
    const secretsKey = new EncryptionKey(this, 'secrets-key', { name: `${name}-secrets`, description: 'Secrets of the control plane', region, preventDestroy: shape.isProtected });
    this.secrets = new ServiceSecrets(this, 'secrets', {
      stack: self, encryptionKeyArn: secretsKey.arn, accountId, recoveryDays: shape.secretRecoveryDays,
      settings: secretsOf(platform, self),
    });
    this.controlPlane = this.#controlPlane(props, around, logs, secretsKey.arn);
    const edges = platform.regions.reduce((n, { edges: sites }) => n + sites.length, 0);
    this.alarms = new SlaAlarms(this, 'alarms', {
      name: prefix, slas: platform.slas, scopes: ['global'], sources: { global: edges }, ...runbooksOf(platform), namespace, maintenanceAlarmName: this.notifications.maintenanceAlarmName,
      topicArns: { page: [this.notifications.pageTopicArn], ticket: [this.notifications.ticketTopicArn] },
    });
    this.dashboard = new SettlementDashboard(this, 'dashboard', {
      name: prefix, slas: platform.slas, namespace, region, ...runbooksOf(platform),
      scopes: scopesOf(platform).filter((one) => edges <= SITES_SHOWN_MAX || !one.startsWith('site:')),
    });
    if (!shape.isProtected) this.#exceptions();
    publishFacts(this, self, {
      vpcId: this.network.vpcId, vpcCidr: this.network.cidr, routeTableIds: this.network.routeTableIds,
      controlPlaneUrl: this.controlPlane.url, controlPlaneSecurityGroupId: this.controlPlane.securityGroupId,
      auditBucketName: this.bucket.bucketName, auditBucketArn: this.bucket.arn, signingKeyArn: this.signingKey.arn,
      pageTopicArn: this.notifications.pageTopicArn, ticketTopicArn: this.notifications.ticketTopicArn,
      maintenanceAlarmName: this.notifications.maintenanceAlarmName, registry: ecrRegistry(accountId, region),
      telemetryLogGroupName: this.telemetry.logGroupName, telemetryLogGroupArn: this.telemetry.logGroupArn,
    });
  }

  #exceptions(): void {
    const { balancer, disk, ledger } = PILOT_EXCEPTIONS;
    const except = (of: Construct, { rules, reason }: { readonly rules: readonly string[]; readonly reason: string }): void => rules.forEach((rule) => suppress(of, rule, reason));
    except(this.controlPlane.frontDoor, balancer);
    if (this.ledger === undefined) except(this.controlPlane, disk);
    else except(this.ledger, ledger);
  }

  #network({ platform, addresses }: GlobalStackProps, name: string, region: string, shape: GlobalShape): Network {
    const { deploy } = platform;
    const cidr = addresses.networks[stackName({ kind: 'global' })];
    if (cidr === undefined) throw new ConstructError(this.node.path, ['addresses: no network for global; plan it with planAddresses']);
    const { public: publicSubnets, private: privateSubnets, isolated } = planSubnets(cidr, zonesOf(region, deploy));
    return new Network(this, 'network', {
      name, region, cidr, nat: shape.nat, interfaceEndpoints: shape.interfaceEndpoints,
      flowLogs: { encryptionKeyArn: this.key.arn, retentionDays: deploy.retention.logDays },
      subnets: { public: publicSubnets, private: privateSubnets, ...(deploy.storage === 'managed' ? { isolated } : {}) },
    });
  }

  /** Tiles and exports, with a copy in another AWS region: keys, logs and bucket there are this stack's, too. */
  #bucket({ platform, shape, prefix, name, region, accountId }: Surroundings, logs: LogBucket): TransparencyBucket {
    const { replicaRegion, retention } = platform.deploy;
    const there = { region: replicaRegion, provider: provider(this, 'aws-replica', platform, stackId(platform, 'global'), replicaRegion, 'replica') };
    const description = 'Log tiles and audit exports';
    const key = new EncryptionKey(this, 'audit-key', { name: `${name}-audit`, description, region, preventDestroy: shape.isProtected });
    const replicaKey = new EncryptionKey(this, 'audit-replica-key', { ...there, name: `${name}-audit`, description: `${description}: the copy`, preventDestroy: shape.isProtected });
    const replicaLogs = new LogBucket(this, 'access-logs-replica', {
      ...there, name: `${prefix}-logs-${accountId}-${replicaRegion}`, sources: ['s3'], preventDestroy: shape.isProtected,
    });
    return new TransparencyBucket(this, 'audit', {
      name: `${prefix}-audit-${accountId}-${region}`, region, encryptionKeyArn: key.arn, lockDays: retention.auditDays, preventDestroy: shape.isProtected,
      accessLogs: { bucketName: logs.bucketName, prefix: logs.prefix('s3', 'audit') },
      replica: {
        ...there, name: `${prefix}-audit-${accountId}-${replicaRegion}`, encryptionKeyArn: replicaKey.arn,
        accessLogs: { bucketName: replicaLogs.bucketName, prefix: replicaLogs.prefix('s3', 'audit') },
      },
    });
  }

  #ledger({ platform, shape, name, region, key, network }: Surroundings): LedgerDatabase {
    const { sizes, retention } = platform.deploy;
    return new LedgerDatabase(this, 'ledger', {
      name: `${name}-ledger`, region, vpcId: network.vpcId, subnetIds: network.subnetIds('isolated'), encryptionKeyArn: key.arn,
      ...LEDGER_CAPACITY[sizes.controlPlane], instances: shape.ledgerInstances, backupDays: retention.backupDays, logRetentionDays: retention.logDays,
      protected: shape.isProtected,
    });
  }

  #images({ platform, images: lock }: GlobalStackProps, { shape, region, accountId, key }: Surroundings): Readonly<Record<ServiceId, ServiceImage>> {
    const images = Object.fromEntries(Object.values(SERVICES).map((service) => [service.id, new ServiceImage(this, `image-${service.id}`, {
      name: IMAGE.repository(service.id), lock, kmsKeyArn: key.arn, forceDelete: !shape.isProtected,
    })]));
    const regions = new Set(platform.regions.flatMap((r) => [regionHostOf(platform, r).awsRegion, ...r.edges.map((edge) => edgeHostOf(platform, edge).awsRegion)]));
    regions.delete(region);
    if (regions.size > 0) new ImageReplication(this, 'image-replication', { regions: [...regions].sort(), accountId });
    return images as Record<ServiceId, ServiceImage>;
  }

  #controlPlane(props: GlobalStackProps, { platform, shape, name, region, network, key }: Surroundings, logs: LogBucket, secretsKeyArn: string): ControlPlane {
    const { deploy } = platform;
    const contract = SERVICES['control-plane'];
    const collector = ServiceImage.fromLock(this, 'collector', { name: COLLECTOR_IMAGE, lock: props.images });
    const [place] = network.subnets.private;
    const regions = platform.regions.map((r) => ({ id: r.id, cidr: props.addresses.networks[stackName({ kind: 'region', id: r.id })] as string }));
    const plane = new ControlPlane(this, 'control-plane', {
      name, region, vpcId: network.vpcId, size: deploy.sizes.controlPlane, encryptionKeyArn: key.arn, secretsKeyArn,
      compute: this.ledger === undefined ? { kind: 'host', subnetId: place!.id, zone: place!.zone } : { kind: 'fargate', subnetIds: network.subnetIds('private') },
      hostName: controlHost(deploy), hostedZoneId: deploy.hostedZoneId, balancerSubnetIds: network.subnetIds('private'),
      clientCidrs: [...new Set([network.cidr, ...deploy.operatorCidrs])], trustedCidrs: regions.map(({ cidr }) => cidr), accessLogs: { bucketName: logs.bucketName, prefix: logs.prefix('alb') },
      protected: shape.isProtected, logRetentionDays: deploy.retention.logDays, image: this.images['control-plane'].imageUri,
      settings: this.#settings(props),
      sidecars: (target) => [this.telemetry.container(this, { service: contract, site: platform.controlPlane.id, image: collector.imageUri, logs: target })],
    });
    this.images['control-plane'].grantPull(plane.executionRole);
    collector.grantPull(plane.executionRole);
    this.telemetry.grantWrite(plane.taskRole);
    this.bucket.grantAppend(plane.taskRole);
    // Not grantSign: nothing signs with this key before `key` below is `awskms:`, and until then nobody shall be able to.
    this.signingKey.grantGetPublicKey(plane.taskRole);
    // What listens on 443 it reaches as it is.
    const webhookPorts = new Set(platform.webhooks.map(({ url }) => Number(new URL(url).port || 443)));
    webhookPorts.delete(443);
    for (const port of webhookPorts) plane.allowTo(`Webhooks on ${port}`, { cidr: '0.0.0.0/0' }, port);
    for (const { id, cidr } of regions) plane.allowTo(`Replicas of ${id}`, { cidr }, SERVICES['regional-aggregator'].port);
    if (this.ledger !== undefined) {
      this.ledger.allowFrom('Control plane', { securityGroupId: plane.serviceSecurityGroupId });
      plane.allowTo('Ledger database', { securityGroupId: this.ledger.securityGroup.id }, this.ledger.port);
      this.ledger.grantConnect(plane.taskRole, LEDGER_USER);
    }
    return plane;
  }

  #settings({ platform, authorities }: GlobalStackProps): Record<string, SettingValue> {
    return {
      site: platform.controlPlane.id,
      // Once the adapter `awskms` is available: `awskms:${this.signingKey.arn}`, with that key's public half in trust.json.
      key: this.secrets.setting('key'),
      trust: this.secrets.setting('trust'), token: this.secrets.setting('token'),
      certificate: this.secrets.setting('tls-cert'), certificateKey: this.secrets.setting('tls-key'),
      authorities: authoritiesSetting(this, authorities),
      assets: formatAssetScales(platform.assets),
      slas: { content: JSON.stringify(platform.slas) },
      witnessUrls: JSON.stringify(witnessUrls(platform)),
      ...OTLP_SETTINGS,
      ...(platform.webhooks.length === 0 ? {} : { webhooks: JSON.stringify(platform.webhooks), webhookSecrets: this.secrets.setting(WEBHOOK_SECRETS) }),
      ...(this.ledger === undefined
        ? { ledger: 'sqlite', tiles: 'files' }
        : { ledger: this.ledger.url, ledgerCredentials: this.secrets.setting(LEDGER_SECRET), tiles: this.bucket.tilesUrl }),
    };
  }
}
