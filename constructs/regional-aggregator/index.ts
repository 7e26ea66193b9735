/**
 * The replicas of one region: each a machine with a disk of its own, that orders what edge nodes send, cosigns the region's log, and
 * passes blocks on to the centre. They agree by calling each other; a majority of them is enough.
 */
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record/index.js';
import { Construct } from 'constructs';
import { SERVICES, type Size } from '../../platform/index.ts';
import { check, serviceContainer, type ContainerDefinition, type Mistakes, type SettingValue } from '../common/index.ts';
import { type OrderedStream, type OrderedStreamCluster, type PrivateZone, type StreamPlace } from '../ordered-stream-cluster/index.ts';
import { addRule } from '../network/index.ts';
import { connectAll, groupProps, patchSchedule, StatefulHost, type GroupProps, type HostContext, type Peer } from '../stateful-host/index.ts';
import { AGGREGATOR_DEFAULTS, AGGREGATOR_SIZES, EMBEDDED_STREAM_FILE, REPLICAS } from './defaults.ts';

export { AGGREGATOR_DEFAULTS, AGGREGATOR_SIZES } from './defaults.ts';

const SERVICE = SERVICES['regional-aggregator'];

/** ARNs of secrets in the AWS region of the replicas. */
export interface AggregatorSecrets {
  /** trust.json */
  readonly trust: string;
  /** Note keys of the replicas, in order: as many as there are replicas. */
  readonly keys: readonly string[];
  /** Note key of the region's log. */
  readonly regionKey: string;
  /** PEM chain of a certificate for all replicas' names, for clients and servers. */
  readonly certificate: string;
  readonly certificateKey: string;
  /** The operator's token. @default - nothing that needs it is served */
  readonly token?: string;
}

export interface RegionalAggregatorProps extends GroupProps {
  /** What everything of it is called: `tidemark-production-eu`. */
  readonly name: string;
  /** Id of the region, as in the platform's definition. */
  readonly site: string;
  /** One for each replica, 1 to 7, spread over zones. The order says which replica is which: add at the end only. */
  readonly places: readonly StreamPlace[];
  /** Where the replicas' names are made: `r0.<name of the zone>`. */
  readonly privateZone: PrivateZone;
  /** Of the regional aggregator, by digest. */
  readonly image: string;
  readonly secrets: AggregatorSecrets;
  /** PEM certificates of the platform's own authorities. */
  readonly authorities: string;
  /** Base URL of the control plane. */
  readonly controlUrl: string;
  /** The cluster that keeps the order; `embedded`: SQLite on the disk of the one replica. */
  readonly stream: OrderedStream | OrderedStreamCluster | 'embedded';
  /** Name of the stream in the cluster. @default 'order' */
  readonly streamName?: string;
  /** @default 'medium' */
  readonly size?: Size;
  /** @default - by size */
  readonly instanceType?: string;
  /** GiB @default - by size */
  readonly dataGib?: number;
  /** More containers of each replica's task, such as a collector of its metrics. @default - none */
  readonly sidecars?: (host: HostContext, replica: number) => readonly ContainerDefinition[];
  /** pino level. @default 'info' */
  readonly logLevel?: string;
  /** More settings of each replica, by the contract's names: those of a collector among its `sidecars`. @default - none */
  readonly settings?: Readonly<Record<string, SettingValue>>;
}

export interface ReplicaTarget {
  /** Host name of the replica. */
  readonly host: string;
  /** Its EC2 instance. */
  readonly targetId: string;
  readonly securityGroupId: string;
}

/** The replicas of a region, made here or elsewhere. */
export interface IRegionalAggregator {
  /** What RegionIngress takes as `replicas`, in order. */
  readonly targets: readonly ReplicaTarget[];
  /** Host names inside the network, and of every network that the private zone is associated with. */
  readonly hosts: readonly string[];
  /** Base URLs by those names, in order: what replicas and the control plane call. */
  readonly urls: readonly string[];
  /** TCP port of every replica. */
  readonly port: number;
  /** Lets whoever it is call every replica: the load balancer, the control plane's network. */
  readonly allowFrom: (what: string, peer: Peer) => void;
}

export class RegionalAggregator extends Construct implements IRegionalAggregator {
  /** Replicas that another stack made. @param targets one for each, in order */
  static fromTargets(scope: Construct, id: string, targets: readonly ReplicaTarget[]): IRegionalAggregator {
    const holder = new Construct(scope, id);
    check(holder, (m) => m.range('targets', targets.length, REPLICAS.least, REPLICAS.most, 'replicas'));
    const replicas = targets.map(({ securityGroupId }, i) => ({ securityGroupId, scope: new Construct(holder, `r${i}`) }));
    const hosts = targets.map(({ host }) => host);
    return {
      targets, hosts, urls: hosts.map(urlOf), port: SERVICE.port,
      allowFrom: (what, peer) => {
        for (const replica of replicas) addRule(replica.scope, what, 'from', replica.securityGroupId, { ...peer, port: SERVICE.port, description: what });
      },
    };
  }

  readonly replicas: readonly StatefulHost[];
  readonly hosts: readonly string[];
  readonly urls: readonly string[];
  readonly targets: readonly ReplicaTarget[];
  readonly port: number = SERVICE.port;

  constructor(scope: Construct, id: string, props: RegionalAggregatorProps) {
    super(scope, id);
    check(this, (m) => checkProps(m, props));
    const size = AGGREGATOR_SIZES[props.size ?? AGGREGATOR_DEFAULTS.size];
    this.hosts = props.places.map((_, i) => `r${i}.${props.privateZone.name}`);
    this.urls = this.hosts.map(urlOf);
    const hosts: StatefulHost[] = [];
    for (const [i, { subnetId, zone }] of props.places.entries()) {
      hosts.push(new StatefulHost(this, `r${i}`, {
        ...groupProps(props), subnetId, zone,
        name: `${props.name}-r${i}`, instanceType: props.instanceType ?? size.instanceType, dataGib: props.dataGib ?? size.dataGib,
        // One replica after the other, and never two patched on one day: a quorum is always there.
        after: hosts.slice(-1).map((before) => before.pinned.service), waitForSteadyState: true, patching: { schedule: patchSchedule(i) },
        containers: (host) => [
          serviceContainer(this, {
            service: SERVICE, image: props.image, settings: this.#settings(props, i), logs: host.logs, dataVolume: host.dataVolume,
            memoryMib: size.memoryMib, networkMode: host.networkMode,
          }),
          ...(props.sidecars?.(host, i) ?? []),
        ],
      }));
    }
    this.replicas = hosts;
    this.targets = this.replicas.map((replica, i) => ({ host: this.hosts[i]!, targetId: replica.instanceId, securityGroupId: replica.securityGroupId }));
    for (const [i, replica] of this.replicas.entries()) {
      new Route53Record(this, `name-${i}`, { zoneId: props.privateZone.id, name: this.hosts[i]!, type: 'A', ttl: 10, records: [replica.privateIp] });
      if (props.stream !== 'embedded' && 'allowClient' in props.stream) props.stream.allowClient(`replica-${i}`, replica);
    }
    connectAll(this.replicas, 'replica', SERVICE.port, (i) => `Replica ${i} of the region`);
  }

  readonly allowFrom = (what: string, peer: Peer): void => {
    for (const replica of this.replicas) replica.allowFrom(what, { ...peer, port: SERVICE.port, description: what });
  };

  #settings(props: RegionalAggregatorProps, replica: number): Record<string, SettingValue> {
    const { secrets, stream } = props;
    return {
      site: props.site, replica: String(replica), peerUrls: this.urls.join(','), controlUrl: props.controlUrl,
      trust: { secretArn: secrets.trust }, key: { secretArn: secrets.keys[replica]! }, regionKey: { secretArn: secrets.regionKey },
      certificate: { secretArn: secrets.certificate }, certificateKey: { secretArn: secrets.certificateKey }, authorities: { content: props.authorities },
      ...(secrets.token === undefined ? {} : { token: { secretArn: secrets.token } }),
      ...(stream === 'embedded'
        ? { stream: `sqlite:${SERVICE.dataFolder}/${EMBEDDED_STREAM_FILE}` }
        : { stream: stream.url(props.streamName ?? AGGREGATOR_DEFAULTS.streamName), streamToken: { secretArn: stream.tokenSecretArn } }),
      ...(props.logLevel === undefined ? {} : { logLevel: props.logLevel }),
      ...props.settings,
    };
  }
}

const urlOf = (host: string): string => `https://${host}:${SERVICE.port}`;

function checkProps(m: Mistakes, props: RegionalAggregatorProps): void {
  const replicas = props.places.length;
  m.range('places', replicas, REPLICAS.least, REPLICAS.most, 'replicas');
  if (props.secrets.keys.length !== replicas) m.add(`secrets.keys: expected one for each of ${replicas} replicas, got ${props.secrets.keys.length}`);
  if (props.stream === 'embedded' && replicas > 1) {
    m.add(`stream: embedded is a file of one machine, and there are ${replicas} replicas; give an OrderedStreamCluster, or one place`);
  }
  m.text('image', props.image, /@sha256:/, 'an image by its digest, such as repository@sha256:...');
  m.text('controlUrl', props.controlUrl, /^https:\/\/[^/\s]+\/?$/, 'an https URL without a path');
  m.text('authorities', props.authorities, /-----BEGIN CERTIFICATE-----/, 'PEM certificates');
}
