/**
 * The stack of one edge site: its network, its secrets, the edge node on a machine of its own, and the way to its region. It reads
 * the facts of the control plane and of its region, and is deployed after them.
 */
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record/index.js';
import { TerraformOutput, TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { suppress } from '../constructs/checks/index.ts';
import { publishFacts, readFacts, stackName, type Facts } from '../constructs/common/index.ts';
import { EdgeNodeHost, RegionLink, type CloudPlace, type EdgeNodeHostProps, type EdgeSecrets } from '../constructs/edge-node-host/index.ts';
import { EncryptionKey } from '../constructs/encryption-key/index.ts';
import { Network } from '../constructs/network/index.ts';
import { ecrRegistry, ServiceImage } from '../constructs/service-image/index.ts';
import { ServiceSecrets } from '../constructs/service-secrets/index.ts';
import { SlaAlarms } from '../constructs/sla-alarms/index.ts';
import { patchSchedule } from '../constructs/stateful-host/index.ts';
import { COLLECTOR_IMAGE, TelemetryPipeline } from '../constructs/telemetry-pipeline/index.ts';
import {
  awsRegionOf, deployedPeersOf, edgeHostOf, IMAGE, metricNamespace, planEdgeSubnets, policyText, replicaHosts, secretsOf, siteHost, zonesOf, type EdgeHost, type Size,
} from '../platform/index.ts';
import { authoritiesOf, type AuthorityProps } from './authorities.ts';
import { namePrefix, runbooksOf, setUp, stackId, type EdgeStackProps, type Providers } from './common.ts';
import { PILOT_EXCEPTIONS, shapeOf } from './global-shape.ts';

/** Zones with an endpoint of the region's service, by the site's size: each is paid by the hour, and one loss is borne from two on. */
const LINK_ZONES: Readonly<Record<Size, number>> = { small: 1, medium: 2, large: 3 };

/** What the edge node is made with. */
interface MadeSoFar {
  readonly where: EdgeHost;
  readonly name: string;
  readonly accountId: string;
  readonly centre: Facts<'global'>;
  readonly providers: Providers;
}

export class EdgeStack extends TerraformStack {
  readonly edgeNode: EdgeNodeHost;
  readonly secrets: ServiceSecrets;
  readonly key: EncryptionKey;
  /** Absent on premises, where the network is there already. */
  readonly network: Network | undefined;
  /** The way to the region; absent on premises, from where that leads through the internet. */
  readonly link: RegionLink | undefined;
  readonly alarms: SlaAlarms;

  constructor(scope: Construct, id: string, props: EdgeStackProps & AuthorityProps) {
    super(scope, id);
    const { platform, edge } = props;
    const { deploy } = platform;
    const self = stackId(platform, 'edge', edge.id);
    const providers = setUp(this, platform, self, edge.location);
    const name = `${namePrefix(platform)}-${edge.id}`;
    const where = edgeHostOf(platform, edge);
    const shape = shapeOf(deploy);
    const centre = readFacts(this, stackId(platform, 'global'), { provider: providers.global });
    const accountId = deploy.accountId ?? new DataAwsCallerIdentity(this, 'account').accountId;

    this.key = new EncryptionKey(this, 'key', {
      name, description: `Disks, logs and secrets of ${edge.id}`, region: providers.ownRegion, uses: ['logs'],
    });
    this.secrets = new ServiceSecrets(this, 'secrets', {
      stack: self, settings: secretsOf(platform, self), encryptionKeyArn: this.key.arn, accountId, recoveryDays: shape.secretRecoveryDays,
    });
    this.network = where.kind === 'on-premises' ? undefined : this.#makeNetwork(props, where, name);
    this.edgeNode = this.#makeNode(props, { where, name, accountId, centre, providers });
    this.link = this.network === undefined ? undefined : this.#connect(props, this.network, name, providers);

    const { external, host } = this.edgeNode;
    if (host !== undefined) {
      for (const site of deployedPeersOf(platform, edge).probedBy) this.edgeNode.allowClients(`probes-by-${site}`, { cidr: networkOf(props, site) });
      new Route53Record(this, 'name', { zoneId: deploy.hostedZoneId, name: siteHost(deploy, edge), type: 'A', ttl: 60, records: [host.privateIp] });
      if (!shape.isProtected) for (const rule of PILOT_EXCEPTIONS.disk.rules) suppress(host.volume, rule, PILOT_EXCEPTIONS.disk.reason);
    }
    if (external !== undefined) {
      new TerraformOutput(this, 'install_command', {
        value: external.installCommand, sensitive: true, description: 'To be run once, as root, on the machine of this site',
      });
    }
    // Beside the metrics and the topics, which are the centre's.
    this.alarms = new SlaAlarms(this, 'alarms', {
      name: namePrefix(platform), slas: platform.slas, scopes: [`site:${edge.id}`], ...runbooksOf(platform), namespace: metricNamespace(platform.name, deploy.environment),
      provider: providers.global, maintenanceAlarmName: centre.maintenanceAlarmName,
      topicArns: { page: [centre.pageTopicArn], ticket: [centre.ticketTopicArn] },
    });
    publishFacts(this, self, {
      securityGroupId: this.edgeNode.securityGroupId ?? '-', url: this.edgeNode.url as string,
      clusterArn: this.edgeNode.clusterArn, serviceName: this.edgeNode.serviceName,
    }, { provider: providers.global });
  }

  /**
   * The host is in a private subnet in the site's zone; the way out and the endpoints are in zones of the AWS region, because
   * Local Zones, Wavelength Zones and Outposts have none of them.
   */
  #makeNetwork({ platform, edge, addresses }: EdgeStackProps, where: EdgeHost, name: string): Network {
    const { deploy } = platform;
    const zone = where.zone as string;
    const cidr = networkOf({ addresses }, edge.id);
    const plan = planEdgeSubnets(cidr, zone, zonesOf(where.awsRegion, deploy));
    // The host's own zone first, where it is one of them: what fails with the host costs nothing more.
    const near = [...plan.endpoints].sort((a, b) => Number(b.zone === zone) - Number(a.zone === zone));
    return new Network(this, 'network', {
      name, region: where.awsRegion, cidr, nat: 'one', flowLogs: { encryptionKeyArn: this.key.arn, retentionDays: deploy.retention.logDays },
      // Costs nothing and keeps images off the NAT gateway; from elsewhere than the region S3 is reached like everything else.
      gatewayEndpoints: where.kind === 'region' ? ['s3'] : [],
      subnets: {
        private: [{ ...plan.host, ...(where.outpost === undefined ? {} : { outpostArn: where.outpost.arn }) }],
        public: [{ zone: where.kind === 'region' ? zone : near[0]!.zone, cidr: plan.public.cidr }],
        isolated: near.slice(0, LINK_ZONES[where.size]),
      },
    });
  }

  #makeNode(props: EdgeStackProps & AuthorityProps, made: MadeSoFar): EdgeNodeHost {
    const { platform, edge, images } = props;
    const { deploy } = platform;
    const { where, name, accountId, centre, providers } = made;
    const image = ServiceImage.fromLock(this, 'image', {
      name: IMAGE.repository('edge-node'), lock: images, registry: ecrRegistry(accountId, providers.ownRegion),
    });
    const collector = ServiceImage.fromLock(this, 'collector', { name: COLLECTOR_IMAGE, lock: images });
    const node = new EdgeNodeHost(this, 'edge-node', {
      name, site: edge.id, awsRegion: providers.ownRegion, encryptionKeyArn: this.key.arn, size: where.size, hostName: siteHost(deploy, edge),
      ...this.#placed(props, where),
      regionUrls: replicaHosts(platform.deploy, props.region).map((host) => `https://${host}`), policy: policyText(platform), slas: JSON.stringify(platform.slas), secrets: this.#edgeSecrets(), image: image.imageUri,
      ...this.#peers(props),
      telemetry: {
        image: collector.imageUri,
        pipeline: TelemetryPipeline.fromAttributes({
          namespace: metricNamespace(platform.name, deploy.environment), awsRegion: providers.globalRegion,
          logGroupName: centre.telemetryLogGroupName, logGroupArn: centre.telemetryLogGroupArn,
        }),
      },
      // Not all sites on one night; by the name alone, so that none changes when others come.
      patching: { schedule: patchSchedule([...edge.id].reduce((sum, c) => sum + c.charCodeAt(0), 0)) },
      logRetentionDays: deploy.retention.logDays,
    });
    image.grantPull(node.executionRole);
    collector.grantPull(node.executionRole);
    return node;
  }

  /** What is said of a machine in AWS, and cannot be said of one's own. */
  #placed({ platform }: EdgeStackProps, where: EdgeHost): Pick<EdgeNodeHostProps, 'place' | 'clientCidrs' | 'dataGib' | 'protectData'> {
    const { network } = this;
    if (network === undefined || where.kind === 'on-premises') return { place: { kind: 'on-premises' } };
    const place: CloudPlace = {
      kind: where.kind, vpcId: network.vpcId, subnetId: network.subnets.private[0]!.id, zone: where.zone as string,
      ...(where.outpost === undefined ? {} : { outpostArn: where.outpost.arn }),
    };
    return {
      place, clientCidrs: [network.cidr, ...where.clientCidrs], protectData: shapeOf(platform.deploy).isProtected,
      ...(where.diskGib === undefined ? {} : { dataGib: where.diskGib }),
    };
  }

  /** Edge nodes show certificates of the platform's own authority. */
  #peers(props: EdgeStackProps & AuthorityProps): Pick<EdgeNodeHostProps, 'peers' | 'authorities'> {
    const { probes } = deployedPeersOf(props.platform, props.edge);
    if (probes.length === 0) return {};
    return { peers: probes.map((peer) => ({ ...peer, cidr: networkOf(props, peer.site) })), authorities: authoritiesOf(this, props).pemInJson };
  }

  #edgeSecrets(): EdgeSecrets {
    const arn = (what: string): string => this.secrets.setting(what).secretArn;
    return { trust: arn('trust'), key: arn('key'), token: arn('token'), certificate: { chain: arn('tls-cert'), key: arn('tls-key') } };
  }

  #connect(props: EdgeStackProps, network: Network, name: string, { global, ownRegion }: Providers): RegionLink {
    const { platform, region, edge } = props;
    const theirs = awsRegionOf(region.location, platform);
    const facts = readFacts(this, stackId(platform, 'region', region.id), { provider: global });
    const link = new RegionLink(this, 'link', {
      name, vpcId: network.vpcId, subnetIds: network.subnetIds('isolated'), serviceName: facts.endpointServiceName,
      ...(ownRegion === theirs ? {} : { serviceRegion: theirs }),
      domain: siteHost(platform.deploy, region), hosts: replicaHosts(platform.deploy, region),
    });
    link.allow(`Edge node ${edge.id}`, this.edgeNode.host!);
    return link;
  }
}

/** The network of an edge site. */
const networkOf = ({ addresses }: Pick<EdgeStackProps, 'addresses'>, site: string): string => addresses.networks[stackName({ kind: 'edge', id: site })] as string;
