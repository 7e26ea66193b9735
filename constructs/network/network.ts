/** The VPC of one stack: subnets by tier, ways out, endpoints of AWS services, flow logs, nothing open by default. */
import { DefaultRouteTable } from '@cdktf/provider-aws/lib/default-route-table/index.js';
import { DefaultSecurityGroup } from '@cdktf/provider-aws/lib/default-security-group/index.js';
import { Eip } from '@cdktf/provider-aws/lib/eip/index.js';
import { InternetGateway } from '@cdktf/provider-aws/lib/internet-gateway/index.js';
import { NatGateway } from '@cdktf/provider-aws/lib/nat-gateway/index.js';
import { Route } from '@cdktf/provider-aws/lib/route/index.js';
import { RouteTable } from '@cdktf/provider-aws/lib/route-table/index.js';
import { RouteTableAssociation } from '@cdktf/provider-aws/lib/route-table-association/index.js';
import { Subnet } from '@cdktf/provider-aws/lib/subnet/index.js';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint/index.js';
import { Vpc } from '@cdktf/provider-aws/lib/vpc/index.js';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import { GATEWAY_ENDPOINTS, type GatewayService } from './defaults.ts';
import { FlowLogs, type FlowLogsProps } from './flow-logs.ts';
import { all, checkLayout, TIERS, type Nat, type Subnets, type SubnetTier } from './layout.ts';
import { peer, type Peering, type PeeringProps } from './peering.ts';
import { SecurityGroup } from './security-group.ts';

export interface NetworkProps {
  /** What every part of it is called after: `tidemark-production-global`. */
  readonly name: string;
  /** AWS region of the network. */
  readonly region: string;
  /** Addresses of the whole network, /16 to /28. */
  readonly cidr: string;
  /** By tier, one subnet of a tier in each zone. */
  readonly subnets: Subnets;
  /** How private subnets reach the internet: not at all, through one gateway, or through one in each zone. @default 'none' */
  readonly nat?: Nat;
  /** AWS services that are reached by route. @default ['s3'] */
  readonly gatewayEndpoints?: readonly GatewayService[];
  /** AWS services that get an address in the network, by short name: `ecr.api`; see FARGATE_ENDPOINTS, HOST_ENDPOINTS. @default - none */
  readonly interfaceEndpoints?: readonly string[];
  /** `false` leaves them out. */
  readonly flowLogs: FlowLogsProps | false;
}

/** A subnet that exists. */
export interface NetworkSubnet {
  readonly id: string;
  readonly zone: string;
  readonly cidr: string;
}

/** A network for others to build on, made here or elsewhere. */
export interface ExistingNetwork {
  readonly vpcId: string;
  readonly cidr: string;
  readonly region: string;
  readonly subnets: Readonly<Record<SubnetTier, readonly NetworkSubnet[]>>;
  /** Route tables that get a route to each peer: one for each private subnet; without any, the one of the isolated subnets. */
  readonly routeTableIds: readonly string[];
}

export interface NetworkAttributes {
  readonly vpcId: string;
  readonly cidr: string;
  readonly region: string;
  readonly subnets?: Readonly<Partial<Record<SubnetTier, readonly NetworkSubnet[]>>>;
  /** @default - none */
  readonly routeTableIds?: readonly string[];
}

export class Network extends Construct implements ExistingNetwork {
  /** A network that was made elsewhere. */
  static fromAttributes(attributes: NetworkAttributes): ExistingNetwork {
    const { vpcId, cidr, region, subnets = {}, routeTableIds = [] } = attributes;
    return { vpcId, cidr, region, routeTableIds, subnets: { public: subnets.public ?? [], private: subnets.private ?? [], isolated: subnets.isolated ?? [] } };
  }

  readonly vpcId: string;
  readonly cidr: string;
  readonly region: string;
  readonly subnets: Readonly<Record<SubnetTier, readonly NetworkSubnet[]>>;
  readonly routeTableIds: readonly string[];
  /** Id of the addresses of a service with a gateway endpoint, for security groups. */
  readonly prefixListIds: Readonly<Partial<Record<GatewayService, string>>>;
  /** Of the interface endpoints; absent without any. */
  readonly endpointSecurityGroup?: SecurityGroup;
  /** Addresses that the network is seen under on the internet; empty without a NAT gateway. */
  readonly natAddresses: readonly string[];
  readonly vpc: Vpc;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const { name, region, cidr, subnets, nat = 'none', gatewayEndpoints = GATEWAY_ENDPOINTS, interfaceEndpoints = [] } = props;
    check(this, (m) => {
      m.text('name', name, /^[a-zA-Z0-9][\w.-]{0,199}$/, 'at most 200 letters, digits, dots and dashes');
      m.text('region', region, /^[a-z]{2}(?:-[a-z]+)+-\d+$/, 'an AWS region such as eu-west-1');
      checkLayout(m, { cidr, subnets, nat, gatewayEndpoints, interfaceEndpoints });
    });
    this.region = region;
    this.vpc = new Vpc(this, 'vpc', { cidrBlock: cidr, enableDnsSupport: true, enableDnsHostnames: true, tags: { Name: name } });
    this.vpcId = this.vpc.id;
    this.cidr = cidr;
    // What nobody chose lets nothing through: whatever is put in a VPC without a security group or a route table gets these.
    new DefaultSecurityGroup(this, 'default-security-group', { vpcId: this.vpcId, ingress: [], egress: [], tags: { Name: `${name}-closed` } });
    new DefaultRouteTable(this, 'default-routes', { defaultRouteTableId: this.vpc.defaultRouteTableId, route: [], tags: { Name: `${name}-closed` } });

    const made = new Map(all(subnets).map((subnet) => [`${subnet.tier}-${subnet.zone}`, new Subnet(this, `${subnet.tier}-${subnet.zone}`, {
      vpcId: this.vpcId, availabilityZone: subnet.zone, cidrBlock: subnet.cidr, mapPublicIpOnLaunch: false,
      ...(subnet.outpostArn === undefined ? {} : { outpostArn: subnet.outpostArn }),
      tags: { Name: `${name}-${subnet.tier}-${subnet.zone}`, 'tidemark:tier': subnet.tier },
    })]));
    const subnetId = (tier: SubnetTier, zone: string): string => made.get(`${tier}-${zone}`)!.id;
    this.subnets = Object.fromEntries(TIERS.map((tier) => [
      tier, (subnets[tier] ?? []).map((subnet): NetworkSubnet => ({ id: subnetId(tier, subnet.zone), zone: subnet.zone, cidr: subnet.cidr })),
    ])) as unknown as Record<SubnetTier, NetworkSubnet[]>;

    // A table for each private subnet whatever the choice of NAT is, so that the choice can change without moving subnets.
    const privateTables = new Map(this.subnets.private.map((subnet) => [subnet.zone, this.#table(`private-${subnet.zone}`, name, [subnet])]));
    const isolatedTable = this.subnets.isolated.length === 0 ? undefined : this.#table('isolated', name, this.subnets.isolated);
    const gateways = this.#waysOut(name, nat, privateTables);
    this.natAddresses = gateways.map((eip) => eip.publicIp);
    const tables = [...privateTables.values(), ...(isolatedTable === undefined ? [] : [isolatedTable])].map((table) => table.id);
    // Isolated subnets beside private ones hold what only the own network has any business with.
    this.routeTableIds = tables.slice(0, Math.max(privateTables.size, 1));

    this.prefixListIds = Object.fromEntries(gatewayEndpoints.map((service) => [service, new VpcEndpoint(this, `gateway-${service}`, {
      vpcId: this.vpcId, serviceName: `com.amazonaws.${region}.${service}`, vpcEndpointType: 'Gateway', routeTableIds: tables,
      tags: { Name: `${name}-${service}` },
    }).prefixListId]));
    const group = this.#interfaceEndpoints(name, interfaceEndpoints);
    if (group !== undefined) this.endpointSecurityGroup = group;
    if (props.flowLogs !== false) new FlowLogs(this, 'flow-logs', { name, vpcId: this.vpcId, ...props.flowLogs });
  }

  /** The ids of a tier's subnets, in the order of their zones. */
  readonly subnetIds = (tier: SubnetTier): string[] => this.subnets[tier].map((subnet) => subnet.id);

  /** Connects this network with another one, with routes both ways. */
  readonly peerTo = (id: string, props: PeeringProps): Peering => peer(this, id, this, props);

  #table(id: string, name: string, subnets: readonly NetworkSubnet[]): RouteTable {
    const table = new RouteTable(this, `routes-${id}`, { vpcId: this.vpcId, tags: { Name: `${name}-${id}` } });
    for (const subnet of subnets) new RouteTableAssociation(this, `routes-${id}-${subnet.zone}`, { routeTableId: table.id, subnetId: subnet.id });
    return table;
  }

  /** Internet gateway for public subnets, NAT gateways for private ones. */
  #waysOut(name: string, nat: Nat, privateTables: ReadonlyMap<string, RouteTable>): Eip[] {
    const [first] = this.subnets.public;
    if (first === undefined) return [];
    const internet = new InternetGateway(this, 'internet-gateway', { vpcId: this.vpcId, tags: { Name: name } });
    const table = this.#table('public', name, this.subnets.public);
    new Route(this, 'public-route', { routeTableId: table.id, destinationCidrBlock: ANYWHERE, gatewayId: internet.id });
    if (nat === 'none') return [];
    const placed = nat === 'one' ? [first] : this.subnets.public.filter(({ zone }) => privateTables.has(zone));
    const gateways = new Map(placed.map((subnet) => {
      const tags = { Name: `${name}-nat-${subnet.zone}` };
      const eip = new Eip(this, `nat-address-${subnet.zone}`, { domain: 'vpc', tags });
      const gateway = new NatGateway(this, `nat-${subnet.zone}`, { allocationId: eip.allocationId, subnetId: subnet.id, tags, dependsOn: [internet] });
      return [subnet.zone, { eip, gateway }] as const;
    }));
    for (const [zone, privateTable] of privateTables) {
      const natGatewayId = gateways.get(nat === 'one' ? first.zone : zone)!.gateway.id;
      new Route(this, `private-route-${zone}`, { routeTableId: privateTable.id, destinationCidrBlock: ANYWHERE, natGatewayId });
    }
    return [...gateways.values()].map(({ eip }) => eip);
  }

  #interfaceEndpoints(name: string, services: readonly string[]): SecurityGroup | undefined {
    if (services.length === 0) return undefined;
    const group = new SecurityGroup(this, 'endpoints', { name: `${name}-endpoints`, vpcId: this.vpcId, description: 'Interface endpoints of AWS services' });
    group.allowFrom('Own network', { cidr: this.cidr }, 443);
    const placed = this.subnets.private.length > 0 ? this.subnets.private : this.subnets.isolated;
    for (const service of services) {
      new VpcEndpoint(this, `endpoint-${service.replaceAll('.', '-')}`, {
        vpcId: this.vpcId, serviceName: `com.amazonaws.${this.region}.${service}`, vpcEndpointType: 'Interface', privateDnsEnabled: true,
        subnetIds: placed.map((subnet) => subnet.id), securityGroupIds: [group.id], tags: { Name: `${name}-${service}` },
      });
    }
    return group;
  }
}

const ANYWHERE = '0.0.0.0/0';
