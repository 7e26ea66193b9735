/** The network of a stack: VPC, subnets by tier, NAT, endpoints, flow logs; security groups; peering. */
export { FARGATE_ENDPOINTS, HOST_ENDPOINTS, type GatewayService } from './defaults.ts';
export { type FlowLogsProps } from './flow-logs.ts';
export { type Nat, type SubnetProps, type Subnets, type SubnetTier } from './layout.ts';
export { Network, type ExistingNetwork, type NetworkAttributes, type NetworkProps, type NetworkSubnet } from './network.ts';
export { peer, type Peering, type PeeringProps } from './peering.ts';
export { addRule, type Peer, type Rule } from './rule.ts';
export { SecurityGroup, type SecurityGroupProps } from './security-group.ts';
