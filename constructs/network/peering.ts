/**
 * A private connection between two networks, with routes both ways. Both ends are made by the one who asks, so that the other
 * end's stack needs to know nothing: for a network in another AWS region, with that region's provider.
 */
import { Route } from '@cdktf/provider-aws/lib/route/index.js';
import { VpcPeeringConnection } from '@cdktf/provider-aws/lib/vpc-peering-connection/index.js';
import { VpcPeeringConnectionAccepterA as VpcPeeringConnectionAccepter } from '@cdktf/provider-aws/lib/vpc-peering-connection-accepter/index.js';
import { Token, type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import type { ExistingNetwork } from './network.ts';

export interface PeeringProps {
  readonly name: string;
  readonly vpcId: string;
  /** Addresses of the other network. */
  readonly cidr: string;
  /** AWS region of the other network. */
  readonly region: string;
  /**
   * Route tables of the other network that need a route back. How many there are must be known when a plan is made: from a
   * fact of another stack, take them one by one with `Fn.element(list, i)`.
   */
  readonly routeTableIds: readonly string[];
  /** Provider of the other network's AWS region. @default - the stack's own */
  readonly provider?: TerraformProvider;
}

export interface Peering {
  /** Known to be accepted: whatever uses it waits until then. */
  readonly connectionId: string;
}

/** Connects `own` (reached with the stack's own provider) with another network. */
export function peer(scope: Construct, id: string, own: ExistingNetwork, props: PeeringProps): Peering {
  const holder = new Construct(scope, id);
  const { name, provider } = props;
  const theirs = provider === undefined ? {} : { provider };
  check(holder, (m) => {
    if (Token.isUnresolved(props.routeTableIds)) m.add('routeTableIds: a list of unknown length; take the tables one by one with Fn.element(list, i)');
    else if (props.routeTableIds.length === 0) m.add('routeTableIds: none, so that nothing would find its way back; give those of the other network\'s subnets');
    if (own.routeTableIds.length === 0) m.add('the own network has no route tables; give routeTableIds to Network.fromAttributes');
  });
  const connection = new VpcPeeringConnection(holder, 'connection', {
    vpcId: own.vpcId, peerVpcId: props.vpcId, tags: { Name: name },
    // Within one AWS region the API takes no region, and whoever asks may accept.
    ...(props.region === own.region ? { autoAccept: true } : { peerRegion: props.region }),
  });
  const accepted = props.region === own.region ? connection : new VpcPeeringConnectionAccepter(holder, 'accepter', {
    vpcPeeringConnectionId: connection.id, autoAccept: true, tags: { Name: name }, ...theirs,
  });
  for (const [i, routeTableId] of own.routeTableIds.entries()) {
    new Route(holder, `there-${i}`, { routeTableId, destinationCidrBlock: props.cidr, vpcPeeringConnectionId: accepted.id });
  }
  for (const [i, routeTableId] of [...props.routeTableIds].entries()) {
    new Route(holder, `back-${i}`, { routeTableId, destinationCidrBlock: own.cidr, vpcPeeringConnectionId: accepted.id, ...theirs });
  }
  return { connectionId: accepted.id };
}
