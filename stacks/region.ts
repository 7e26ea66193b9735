/**
 * The stack of one region: its network with a private connection to the control plane's, the replicas, what keeps their order, and
 * the way in for edge nodes. It reads the facts of the control plane and is deployed after it, before the region's edge sites.
 */
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { Route53Zone } from '@cdktf/provider-aws/lib/route53-zone/index.js';
import { Route53ZoneAssociation } from '@cdktf/provider-aws/lib/route53-zone-association/index.js';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule/index.js';
import { Fn, TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { suppress } from '../constructs/checks/index.ts';
import { ConstructError, publishFacts, readFacts, type Facts } from '../constructs/common/index.ts';
import { EncryptionKey } from '../constructs/encryption-key/index.ts';
import { Network } from '../constructs/network/index.ts';
import { OrderedStreamCluster, type PrivateZone, type StreamPlace } from '../constructs/ordered-stream-cluster/index.ts';
import { LogBucket } from '../constructs/private-bucket/index.ts';
import { RegionIngress } from '../constructs/region-ingress/index.ts';
import { RegionalAggregator, type RegionalAggregatorProps } from '../constructs/regional-aggregator/index.ts';
import { ecrRegistry, ServiceImage, type ServiceImageRef } from '../constructs/service-image/index.ts';
import { ServiceSecrets } from '../constructs/service-secrets/index.ts';
import { SlaAlarms } from '../constructs/sla-alarms/index.ts';
import { COLLECTOR_IMAGE, OTLP_SETTINGS, TelemetryPipeline } from '../constructs/telemetry-pipeline/index.ts';
import {
  edgeHostOf, IMAGE, metricNamespace, planSubnets, regionHostOf, secretsOf, SERVICES, siteHost, sitesOf, stackName, ZONES,
} from '../platform/index.ts';
import { authoritiesOf, type Authorities, type AuthorityProps } from './authorities.ts';
import { namePrefix, runbooksOf, setUp, stackId, type Providers, type RegionStackProps } from './common.ts';
import { PILOT_EXCEPTIONS, shapeOf, type GlobalShape } from './global-shape.ts';

const SERVICE = SERVICES['regional-aggregator'];
/** Servers of the ordered stream: one in each zone. */
const STREAM_SERVERS = ZONES;

/** What the parts of the stack have in common. */
interface Base extends Providers {
  /** What everything is called: `tidemark-production-eu`. */
  readonly name: string;
  readonly accountId: string;
  readonly centre: Facts<'global'>;
  readonly key: EncryptionKey;
  readonly authorities: Authorities;
  readonly shape: GlobalShape;
  /** CloudWatch's, of the platform's metrics. */
  readonly namespace: string;
}

type HostsProps = Required<Pick<RegionalAggregatorProps, 'vpcId' | 'awsRegion' | 'encryptionKeyArn' | 'protectData' | 'logRetentionDays' | 'size'>>;

export class RegionStack extends TerraformStack {
  readonly network: Network;
  readonly secrets: ServiceSecrets;
  /** Absent with embedded storage. */
  readonly stream: OrderedStreamCluster | undefined;
  readonly aggregator: RegionalAggregator;
  readonly ingress: RegionIngress;
  readonly alarms: SlaAlarms;

  constructor(scope: Construct, id: string, props: RegionStackProps & AuthorityProps) {
    super(scope, id);
    const { platform, region } = props;
    const { deploy } = platform;
    const self = stackId(platform, 'region', region.id);
    const providers = setUp(this, platform, self, region.location);
    const { ownRegion, global } = providers;
    const name = `${namePrefix(platform)}-${region.id}`;
    checkNames(this, props);
    const shape = shapeOf(deploy);
    const base: Base = {
      ...providers, name, shape, namespace: metricNamespace(platform.name, deploy.environment),
      accountId: deploy.accountId ?? new DataAwsCallerIdentity(this, 'account').accountId,
      centre: readFacts(this, stackId(platform, 'global'), { provider: global }),
      key: new EncryptionKey(this, 'key', {
        name, description: `Disks, logs and secrets of the region ${region.id}`, region: ownRegion, uses: ['logs'], preventDestroy: shape.isProtected,
      }),
      authorities: authoritiesOf(this, props),
    };
    this.network = this.#network(props, base);
    this.#connectToCentre(base);
    const privateZone = this.#privateZone(props, base);
    this.secrets = new ServiceSecrets(this, 'secrets', {
      stack: self, settings: secretsOf(platform, self), encryptionKeyArn: base.key.arn, accountId: base.accountId, recoveryDays: base.shape.secretRecoveryDays,
    });
    this.stream = deploy.storage === 'embedded' ? undefined : this.#stream(props, base, privateZone);
    this.aggregator = this.#aggregator(props, base, privateZone);
    this.ingress = this.#ingress(props, base);
    this.aggregator.allowFrom('balancer', { securityGroupId: this.ingress.securityGroupId });
    // The centre asks replicas for their cosignatures.
    this.aggregator.allowFrom('control-plane', { cidr: base.centre.vpcCidr });
    // Beside the metrics and the topics, which are the centre's.
    this.alarms = new SlaAlarms(this, 'alarms', {
      name: namePrefix(platform), slas: platform.slas, scopes: [`region:${region.id}`], namespace: base.namespace, provider: global, ...runbooksOf(platform),
      ...(region.edges.length === 0 ? {} : { sources: { [`region:${region.id}`]: region.edges.length } }),
      maintenanceAlarmName: base.centre.maintenanceAlarmName, topicArns: { page: [base.centre.pageTopicArn], ticket: [base.centre.ticketTopicArn] },
    });
    this.#exceptions(shape);
    publishFacts(this, self, {
      vpcId: this.network.vpcId, vpcCidr: this.network.cidr, endpointServiceName: this.ingress.serviceName, endpointServiceRegion: this.ingress.serviceRegion,
      replicaUrls: this.ingress.urls, publicIngressName: this.ingress.publicName ?? '-',
    }, { provider: global });
  }

  /** What the rule pack finds with good reason. */
  #exceptions(shape: GlobalShape): void {
    const certificates = 'Holds certificates, which are public; Elastic Load Balancing is not documented to read them under a key of ours.';
    suppress(this.ingress.trustStore.bucket.bucket, 'TM-S3-03', certificates);
    if (shape.isProtected) return;
    const { balancer, disk } = PILOT_EXCEPTIONS;
    for (const { volume } of [...this.aggregator.replicas, ...this.stream?.servers ?? []]) disk.rules.forEach((rule) => suppress(volume, rule, disk.reason));
    for (const one of this.ingress.balancers) balancer.rules.forEach((rule) => suppress(one, rule, balancer.reason));
  }

  #network({ platform, region, addresses }: RegionStackProps, base: Base): Network {
    const { deploy } = platform;
    const stack = stackName(stackId(platform, 'region', region.id));
    const cidr = addresses.networks[stack];
    if (cidr === undefined) throw new ConstructError(this.node.path, [`addresses: no network for ${stack}; plan it with planAddresses`]);
    return new Network(this, 'network', {
      name: base.name, region: base.ownRegion, cidr, subnets: planSubnets(cidr, regionHostOf(platform, region).zones),
      nat: base.shape.nat, flowLogs: { encryptionKeyArn: base.key.arn, retentionDays: deploy.retention.logDays },
    });
  }

  /** Peering, routes both ways, and the control plane's door: all made from here, so that the centre needs to know no region. */
  #connectToCentre(base: Base): void {
    const { centre, global, own } = base;
    const elsewhere = global === own ? {} : { provider: global };
    this.network.peerTo('centre', {
      name: `${base.name}-centre`, vpcId: centre.vpcId, cidr: centre.vpcCidr, region: base.globalRegion, ...elsewhere,
      // One for each of the centre's private subnets, and those are one for each of its zones.
      routeTableIds: Array.from({ length: ZONES }, (_, i) => Fn.element([...centre.routeTableIds], i) as string),
    });
    new VpcSecurityGroupIngressRule(this, 'door-of-the-centre', {
      securityGroupId: centre.controlPlaneSecurityGroupId, cidrIpv4: this.network.cidr, ipProtocol: 'tcp', fromPort: 443, toPort: 443,
      description: `Replicas of ${base.name}`, ...elsewhere,
    });
  }

  /** Names of hosts, for this network and the control plane's. */
  #privateZone({ platform, region }: RegionStackProps, base: Base): PrivateZone {
    const { vpcId } = this.network;
    const zone = new Route53Zone(this, 'names', {
      name: siteHost(platform.deploy, region), comment: `Hosts of ${base.name}`, vpc: [{ vpcId }],
      // The other network is a resource of its own, which this one would take away again.
      lifecycle: { ignoreChanges: ['vpc'] },
    });
    new Route53ZoneAssociation(this, 'names-for-the-centre', { zoneId: zone.zoneId, vpcId: base.centre.vpcId, vpcRegion: base.globalRegion });
    return { id: zone.zoneId, name: siteHost(platform.deploy, region) };
  }

  /** What every host of the region has in common. */
  #hosts({ platform, region }: RegionStackProps, base: Base): HostsProps {
    return {
      vpcId: this.network.vpcId, awsRegion: base.ownRegion, encryptionKeyArn: base.key.arn, protectData: base.shape.isProtected,
      logRetentionDays: platform.deploy.retention.logDays, size: regionHostOf(platform, region).size,
    };
  }

  /** Spread over the zones in turn. */
  #places(count: number): StreamPlace[] {
    const { private: subnets } = this.network.subnets;
    return Array.from({ length: count }, (_, i) => subnets[i % subnets.length]!).map(({ id: subnetId, zone }) => ({ subnetId, zone }));
  }

  #stream(props: RegionStackProps, base: Base, privateZone: PrivateZone): OrderedStreamCluster {
    const image = ServiceImage.fromLock(this, 'nats', { name: 'nats', lock: props.images });
    const stream = new OrderedStreamCluster(this, 'stream', {
      ...this.#hosts(props, base), name: base.name, places: this.#places(STREAM_SERVERS), privateZone, image: image.imageUri,
      tokenSecretArn: this.secrets.setting('stream-token').secretArn,
      tls: {
        certificateSecretArn: this.secrets.setting('stream-tls-cert').secretArn, keySecretArn: this.secrets.setting('stream-tls-key').secretArn,
        authorities: base.authorities.pemInJson,
      },
    });
    for (const server of stream.servers) image.grantPull(server.executionRole);
    return stream;
  }

  #aggregator(props: RegionStackProps, base: Base, privateZone: PrivateZone): RegionalAggregator {
    const { region, images: lock } = props;
    const image = ServiceImage.fromLock(this, 'image', { name: IMAGE.repository(SERVICE.id), lock, registry: ecrRegistry(base.accountId, base.ownRegion) });
    const collector = ServiceImage.fromLock(this, 'collector', { name: COLLECTOR_IMAGE, lock });
    const telemetry = TelemetryPipeline.fromAttributes({
      namespace: base.namespace, awsRegion: base.globalRegion,
      logGroupName: base.centre.telemetryLogGroupName, logGroupArn: base.centre.telemetryLogGroupArn,
    });
    const secret = (what: string): string => this.secrets.setting(what).secretArn;
    const aggregator = new RegionalAggregator(this, 'aggregator', {
      ...this.#hosts(props, base), name: base.name, site: region.id, places: this.#places(region.replicas), privateZone, image: image.imageUri,
      secrets: {
        trust: secret('trust'), keys: Array.from({ length: region.replicas }, (_, i) => secret(`key-${i}`)), regionKey: secret('region-key'),
        certificate: secret('tls-cert'), certificateKey: secret('tls-key'), token: secret('token'),
      },
      authorities: base.authorities.pemInJson, controlUrl: base.centre.controlPlaneUrl, stream: this.stream ?? 'embedded',
      settings: OTLP_SETTINGS,
      sidecars: ({ logs }, i) => [
        telemetry.container(this, { service: SERVICE, site: region.id, stream: `${region.id}/r${i}`, image: collector.imageUri, logs }),
      ],
    });
    for (const replica of aggregator.replicas) {
      for (const pulled of [image, collector] satisfies ServiceImageRef[]) pulled.grantPull(replica.executionRole);
      telemetry.grantWrite(replica.taskRole);
    }
    return aggregator;
  }

  #ingress({ platform, region }: RegionStackProps, base: Base): RegionIngress {
    const { name, accountId, ownRegion, shape } = base;
    const sites = region.edges.map((edge) => edgeHostOf(platform, edge));
    const onAws = sites.filter(({ kind }) => kind !== 'on-premises').map(({ awsRegion }) => awsRegion);
    const elsewhere = [...new Set(onAws)].filter((awsRegion) => awsRegion !== ownRegion);
    const logs = new LogBucket(this, 'logs', {
      name: `${name}-logs-${accountId}`, region: ownRegion, sources: ['alb', 's3'], preventDestroy: shape.isProtected,
    });
    return new RegionIngress(this, 'ingress', {
      name, vpcId: this.network.vpcId, subnetIds: this.network.subnetIds('private'), awsRegion: ownRegion, replicas: this.aggregator.targets,
      port: this.aggregator.port, healthPath: SERVICE.healthPath, hostedZoneId: platform.deploy.hostedZoneId, authorities: base.authorities.pem,
      logs: { bucketName: logs.bucketName, prefix: logs.prefix('alb'), bucketPrefix: logs.prefix('s3', 'authorities') },
      bucketName: `${name}-ca-${accountId}`,
      principals: [`arn:aws:iam::${accountId}:root`], deletionProtection: shape.isProtected,
      ...(elsewhere.length === 0 ? {} : { clientRegions: elsewhere }),
      ...(sites.some(({ kind }) => kind === 'on-premises') ? { publicIngress: { subnetIds: this.network.subnetIds('public') } } : {}),
    });
  }
}

/** Hosts of a region are called after it, and so might be an edge site. */
function checkNames(stack: TerraformStack, { platform, region }: RegionStackProps): void {
  const host = new RegExp(`^${region.id}-[rn]\\d+$`);
  const why = `hosts of the region ${region.id} are called ${region.id}-r0, ${region.id}-n0 and so on; give the site another id`;
  const taken = sitesOf(platform).filter(({ id }) => host.test(id)).map(({ id }) => `site ${id}: ${why}`);
  if (taken.length > 0) throw new ConstructError(stack.node.path, taken);
}
