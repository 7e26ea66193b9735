/** The edge node's task, on whichever machine. */
import { Route } from '@cdktf/provider-aws/lib/route/index.js';
import { Ec2CarrierGateway } from '@cdktf/provider-aws/lib/ec2-carrier-gateway/index.js';
import { Eip } from '@cdktf/provider-aws/lib/eip/index.js';
import { EipAssociation } from '@cdktf/provider-aws/lib/eip-association/index.js';
import { Token } from 'cdktf';
import { Construct } from 'constructs';
import { parseCidr, SERVICES } from '../../platform/index.ts';
import {
  check, ConstructError, serviceContainer, type ContainerDefinition, type Mistakes, type ServiceRole, type SettingValue,
} from '../common/index.ts';
import { StatefulHost, type HostContext, type Peer, type PinnedService } from '../stateful-host/index.ts';
import { EDGE_DEFAULTS, EDGE_SIZES, ON_PREMISES_MEMORY_MIB } from './defaults.ts';
import { ExternalHost } from './external-host.ts';
import { type CloudPlace, type EdgeNodeHostProps } from './props.ts';

const SERVICE = SERVICES['edge-node'];

export class EdgeNodeHost extends Construct {
  /** The machine in AWS; absent on premises. */
  readonly host: StatefulHost | undefined;
  /** What lets a machine of one's own join; absent in AWS. */
  readonly external: ExternalHost | undefined;
  /** The task and its ECS service. */
  readonly pinned: PinnedService;
  /** Absent on premises. */
  readonly securityGroupId: string | undefined;
  readonly clusterArn: string;
  readonly serviceName: string;
  /** What the containers may do. */
  readonly taskRole: ServiceRole;
  /** What starting them may do: grant the registry's `grantPull` to it. */
  readonly executionRole: ServiceRole;
  /** TCP port that clients call. */
  readonly port: number = SERVICE.port;
  /** Base URL that clients call; on premises only known with a `hostName`. */
  readonly url: string | undefined;

  constructor(scope: Construct, id: string, props: EdgeNodeHostProps) {
    super(scope, id);
    check(this, (m) => checkProps(m, props));
    const { place } = props;
    const containers = (context: HostContext): ContainerDefinition[] => this.#containers(props, context);
    if (place.kind === 'on-premises') {
      const { name, awsRegion, encryptionKeyArn } = props;
      this.external = new ExternalHost(this, 'external', {
        ...common(props), name, awsRegion, encryptionKeyArn, containers,
        ...(place.registerUntil === undefined ? {} : { registerUntil: place.registerUntil }),
      });
      this.pinned = this.external.pinned;
      this.clusterArn = this.external.clusterArn;
    } else {
      this.host = this.#machine(props, place, containers);
      this.pinned = this.host.pinned;
      this.clusterArn = this.host.clusterArn;
      this.securityGroupId = this.host.securityGroupId;
      if (place.carrier !== undefined) this.#carrier(this.host, place);
    }
    ({ serviceName: this.serviceName, taskRole: this.taskRole, executionRole: this.executionRole } = this.pinned);
    props.telemetry?.pipeline.grantWrite(this.taskRole);
    for (const [i, cidr] of (props.clientCidrs ?? []).entries()) this.allowClients(`clients-${i}`, { cidr });
    const at = props.hostName ?? this.host?.privateIp;
    this.url = at === undefined ? undefined : `${props.secrets.certificate === undefined ? 'http' : 'https'}://${at}:${SERVICE.port}`;
  }

  /** Lets clients call the node. Throws ConstructError on premises, where the network is not AWS's. */
  readonly allowClients = (id: string, peer: Peer): void => {
    if (this.host === undefined) throw new ConstructError(this.node.path, [`${id}: on premises the network is yours; let clients reach port ${SERVICE.port} there`]);
    this.host.allowFrom(id, { ...peer, port: SERVICE.port, description: 'Clients of the edge node' });
  };

  #machine(props: EdgeNodeHostProps, place: CloudPlace, containers: (context: HostContext) => ContainerDefinition[]): StatefulHost {
    const size = EDGE_SIZES[place.kind][props.size ?? EDGE_DEFAULTS.size];
    const { kind, carrier: _, ...where } = place;
    return new StatefulHost(this, 'host', {
      ...common(props), ...where, name: props.name, awsRegion: props.awsRegion, encryptionKeyArn: props.encryptionKeyArn, place: kind, containers,
      instanceType: props.instanceType ?? size.instanceType, dataGib: props.dataGib ?? size.dataGib, dataUid: SERVICE.uid,
    });
  }

  /** Of the carrier's network alone: a carrier gateway lets nothing in from the internet (AWS Wavelength Developer Guide). */
  #carrier(host: StatefulHost, place: CloudPlace): void {
    const { routeTableId, networkBorderGroup } = place.carrier!;
    const gateway = new Ec2CarrierGateway(this, 'carrier-gateway', { vpcId: place.vpcId });
    new Route(this, 'carrier-route', { routeTableId, destinationCidrBlock: '0.0.0.0/0', carrierGatewayId: gateway.id });
    const address = new Eip(this, 'carrier-address', { domain: 'vpc', networkBorderGroup });
    new EipAssociation(this, 'carrier-address-of-host', { allocationId: address.id, networkInterfaceId: host.instance.primaryNetworkInterfaceId });
  }

  #containers(props: EdgeNodeHostProps, host: HostContext): ContainerDefinition[] {
    const size = props.size ?? EDGE_DEFAULTS.size;
    const node = serviceContainer(this, {
      service: SERVICE, image: props.image, settings: settingsOf(props), logs: host.logs, dataVolume: host.dataVolume, networkMode: host.networkMode,
      memoryMib: props.place.kind === 'on-premises' ? ON_PREMISES_MEMORY_MIB[size] : EDGE_SIZES[props.place.kind][size].memoryMib,
    });
    if (props.telemetry === undefined) return [node];
    const { pipeline, image } = props.telemetry;
    return [node, pipeline.container(this, { service: SERVICE, site: props.site, image, logs: host.logs, https: props.secrets.certificate !== undefined })];
  }
}

/** By the names of the contract. */
function settingsOf(props: EdgeNodeHostProps): Record<string, SettingValue> {
  const { secrets } = props;
  return {
    site: props.site, regionUrls: props.regionUrls.join(','), policy: { content: props.policy },
    trust: { secretArn: secrets.trust }, key: { secretArn: secrets.key },
    ...(secrets.certificate === undefined ? {} : {
      certificate: { secretArn: secrets.certificate.chain }, certificateKey: { secretArn: secrets.certificate.key },
    }),
    ...(secrets.token === undefined ? {} : { token: { secretArn: secrets.token } }),
    ...(props.authorities === undefined ? {} : { authorities: { content: props.authorities } }),
    ...(props.logLevel === undefined ? {} : { logLevel: props.logLevel }),
  };
}

const PASSED_ON = ['secretsKeyArn', 'protectData', 'snapshots', 'patching', 'logRetentionDays', 'runbook', 'amiId', 'waitForSteadyState'] as const;

/** The properties that are simply the machine's. */
const common = (props: EdgeNodeHostProps): Pick<EdgeNodeHostProps, (typeof PASSED_ON)[number]> =>
  Object.fromEntries(PASSED_ON.filter((name) => props[name] !== undefined).map((name) => [name, props[name]]));

function checkProps(m: Mistakes, props: EdgeNodeHostProps): void {
  const { place, clientCidrs = [], regionUrls } = props;
  if (regionUrls.length === 0) m.add('regionUrls: none; an edge node needs at least one replica of its region');
  for (const [i, url] of regionUrls.entries()) m.text(`regionUrls[${i}]`, url, /^https?:\/\/[^/\s,]+\/?$/, 'a base URL without a path and without a comma');
  if (!isCanonical(props.policy)) m.add('policy: expected canonical JSON (RFC 8785), as policyText(platform) gives it');
  for (const [i, cidr] of clientCidrs.entries()) {
    if (Token.isUnresolved(cidr)) continue;
    const parsed = parseCidr(cidr);
    if (parsed === undefined) m.add(`clientCidrs[${i}]: expected an IPv4 network such as 10.20.0.0/16, got ${JSON.stringify(cidr)}`);
    else if (parsed.prefix === 0) m.add(`clientCidrs[${i}]: the whole internet is not a network of clients; name theirs`);
  }
  if (place.kind === 'on-premises') {
    if (clientCidrs.length > 0) m.add('clientCidrs: on premises there is no security group; say it to the firewall there');
    for (const name of ['instanceType', 'dataGib', 'amiId', 'snapshots', 'protectData'] as const) {
      if (props[name] !== undefined) m.add(`${name}: on premises the machine and its disk are yours`);
    }
  } else if (place.carrier !== undefined && place.kind !== 'wavelength') {
    m.add(`place.carrier: only a Wavelength Zone has a carrier, and this is ${place.kind}`);
  }
}

/** Without numbers that need more than JSON.stringify, and a policy has none, canonical means: no spaces, keys in order. */
function isCanonical(text: string): boolean {
  if (Token.isUnresolved(text)) return true;
  const sorted = (value: unknown): unknown => (typeof value !== 'object' || value === null || Array.isArray(value) ? value
    : Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)])));
  try {
    return JSON.stringify(sorted(JSON.parse(text))) === text;
  } catch {
    return false;
  }
}
