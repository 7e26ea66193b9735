/** The edge node's task, on whichever machine. */
import { Route } from '@cdktf/provider-aws/lib/route/index.js';
import { Ec2CarrierGateway } from '@cdktf/provider-aws/lib/ec2-carrier-gateway/index.js';
import { Eip } from '@cdktf/provider-aws/lib/eip/index.js';
import { EipAssociation } from '@cdktf/provider-aws/lib/eip-association/index.js';
import { Construct } from 'constructs';
import { SERVICES } from '../../platform/index.ts';
import { check, ConstructError, type ContainerDefinition, type ServiceRole } from '../common/index.ts';
import { addRule, type Peer, type Rule } from '../network/index.ts';
import { StatefulHost, type HostContext, type PinnedService } from '../stateful-host/index.ts';
import { checkEdgeNode, edgeContainers, edgeUrl } from './containers.ts';
import { EDGE_DEFAULTS, EDGE_SIZES } from './defaults.ts';
import { ExternalHost } from './external-host.ts';
import { type CloudPlace, type EdgeNodeHostProps } from './props.ts';

const SERVICE = SERVICES['edge-node'];

/** An edge node, made here or elsewhere. */
export interface IEdgeNodeHost {
  /** Absent on premises. */
  readonly securityGroupId: string | undefined;
  readonly clusterArn: string;
  readonly serviceName: string;
  /** TCP port that clients call. */
  readonly port: number;
  /** Base URL that clients call; on premises only known with a `hostName`. */
  readonly url: string | undefined;
  /** Lets clients call the node. Throws ConstructError on premises, where the network is not AWS's. */
  readonly allowClients: (id: string, peer: Peer) => void;
}

export type EdgeNodeAttributes = Pick<IEdgeNodeHost, 'clusterArn' | 'serviceName'> & Partial<Pick<IEdgeNodeHost, 'securityGroupId' | 'url'>>;

export class EdgeNodeHost extends Construct implements IEdgeNodeHost {
  /** An edge node that another stack made: without a security group it is one on premises. */
  static fromAttributes(scope: Construct, id: string, attributes: EdgeNodeAttributes): IEdgeNodeHost {
    const holder = new Construct(scope, id);
    const { clusterArn, serviceName, securityGroupId, url } = attributes;
    return {
      clusterArn, serviceName, securityGroupId, url, port: SERVICE.port,
      allowClients: (rule, peer) => {
        if (securityGroupId === undefined) throw onPremises(holder, rule);
        addRule(holder, rule, 'from', securityGroupId, clientsRule(peer));
      },
    };
  }

  /** The machine in AWS; absent on premises. */
  readonly host: StatefulHost | undefined;
  /** What lets a machine of one's own join; absent in AWS. */
  readonly external: ExternalHost | undefined;
  /** The task and its ECS service. */
  readonly pinned: PinnedService;
  readonly securityGroupId: string | undefined;
  readonly clusterArn: string;
  readonly serviceName: string;
  /** What the containers may do. */
  readonly taskRole: ServiceRole;
  /** What starting them may do: grant the registry's `grantPull` to it. */
  readonly executionRole: ServiceRole;
  readonly port: number = SERVICE.port;
  readonly url: string | undefined;

  constructor(scope: Construct, id: string, props: EdgeNodeHostProps) {
    super(scope, id);
    check(this, (m) => checkEdgeNode(m, props));
    const { place } = props;
    const containers = (context: HostContext): ContainerDefinition[] => {
      let made: ContainerDefinition[] = [];
      check(this, (m) => void (made = edgeContainers(m, props, context)));
      return made;
    };
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
    for (const { site, cidr } of props.peers ?? []) this.host?.allowTo(`probes-of-${site}`, { cidr, port: SERVICE.port, description: `Edge node ${site}` });
    for (const [i, cidr] of (props.clientCidrs ?? []).entries()) this.allowClients(`clients-${i}`, { cidr });
    const at = props.hostName ?? this.host?.privateIp;
    this.url = at === undefined ? undefined : edgeUrl(props, at);
  }

  readonly allowClients = (id: string, peer: Peer): void => {
    if (this.host === undefined) throw onPremises(this, id);
    this.host.allowFrom(id, clientsRule(peer));
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
}

const clientsRule = (peer: Peer): Rule => ({ ...peer, port: SERVICE.port, description: 'Clients of the edge node' });

const onPremises = ({ node }: Construct, rule: string): ConstructError =>
  new ConstructError(node.path, [`${rule}: on premises the network is yours; let clients reach port ${SERVICE.port} there`]);

const PASSED_ON = ['secretsKeyArn', 'protectData', 'snapshots', 'patching', 'logRetentionDays', 'runbook', 'amiId', 'waitForSteadyState'] as const;

/** The properties that are simply the machine's. */
const common = (props: EdgeNodeHostProps): Pick<EdgeNodeHostProps, (typeof PASSED_ON)[number]> =>
  Object.fromEntries(PASSED_ON.filter((name) => props[name] !== undefined).map((name) => [name, props[name]]));
