/** Networks: VPCs, subnets, routes, network ACLs, endpoint services. */
import type { Resource, Rule } from '../model.ts';
import { covers, isAnywhere, portsOf, portsText, type Ports } from '../network.ts';
import { blocks, mustBeFalse, problem, texts, truth, undecided, unreadable } from '../values.ts';
import { ADMIN_PORTS, hiddenRules } from './security-groups.ts';

/** Allowing entries of network ACLs. */
function aclEntries(acl: Resource): { readonly ports: Ports; readonly cidr: unknown }[] {
  const own =
    acl.type === 'aws_network_acl_rule'
      ? truth(acl.attributes['egress']) === true
        ? []
        : [acl.attributes]
      : blocks(acl, 'ingress');
  return own
    .filter((entry) => String(entry['rule_action'] ?? entry['action']).toLowerCase() === 'allow')
    .flatMap((entry) =>
      ['cidr_block', 'ipv6_cidr_block']
        .filter((name) => isAnywhere(entry[name]))
        .map((name) => ({
          ports: portsOf(entry['protocol'], entry['from_port'], entry['to_port']),
          cidr: entry[name],
        })),
    );
}

const ROUTES = ['cidr_block', 'ipv6_cidr_block', 'destination_cidr_block', 'destination_ipv6_cidr_block'];

export const NETWORK_RULES: readonly Rule[] = [
  {
    id: 'TM-VPC-01',
    severity: 'medium',
    controls: ['flow-logs', 'CC6.6', 'CC7.2'],
    types: ['aws_vpc'],
    what: 'The traffic of a VPC is logged.',
    why: 'Who talked to whom, and what was refused, can be told afterwards only from flow logs.',
    fix: 'Add aws_flow_log with vpc_id.',
    check: (vpc, tree) => (tree.companions('aws_flow_log', 'vpc_id', vpc).length > 0 ? [] : [problem('has no flow log')]),
  },
  {
    id: 'TM-VPC-02',
    severity: 'medium',
    controls: ['default-sg', 'CC6.1', 'CC6.6'],
    types: ['aws_vpc'],
    what: 'The default security group of a VPC lets nothing through.',
    why: 'What is launched without a group of its own gets this one.',
    fix: 'Add aws_default_security_group with vpc_id and neither ingress nor egress.',
    check: (vpc, tree) => {
      const groups = tree.companions('aws_default_security_group', 'vpc_id', vpc);
      if (groups.length === 0) return [problem('its default security group is as AWS made it')];
      return groups.flatMap((group) => [
        ...(['ingress', 'egress'] as const)
          .filter((way) => blocks(group, way).length > 0)
          .map((way) => problem(`its default security group has ${way} rules`)),
        ...hiddenRules(group, 'ingress'),
        ...hiddenRules(group, 'egress'),
      ]);
    },
  },
  {
    id: 'TM-VPC-03',
    severity: 'medium',
    controls: ['CC6.6'],
    types: ['aws_subnet', 'aws_default_subnet'],
    what: 'A subnet hands out no public addresses.',
    why: 'A host that lands in it by mistake is on the internet.',
    fix: 'Take map_public_ip_on_launch away; load balancers and NAT gateways do not need it.',
    check: (subnet) =>
      mustBeFalse(
        subnet.attributes['map_public_ip_on_launch'],
        'hands out public addresses',
        subnet.type === 'aws_default_subnet',
      ),
  },
  {
    id: 'TM-VPC-04',
    severity: 'medium',
    controls: ['acl-admin-ports', 'CC6.6'],
    types: ['aws_network_acl', 'aws_default_network_acl', 'aws_network_acl_rule'],
    what: 'No network ACL lets the internet in to ports of administration.',
    why: 'It is the second lock when a security group is wrong.',
    fix: 'Deny 22 and 3389 from 0.0.0.0/0 and ::/0, or allow only what is needed.',
    check: (acl) => {
      const expression = unreadable(acl, 'ingress');
      return [
        ...(expression === undefined ? [] : [undecided('what it lets in', expression)]),
        ...aclEntries(acl)
          .filter(({ ports }) => ADMIN_PORTS.some((port) => covers(ports, port)))
          .map(({ ports, cidr }) =>
            problem('lets the internet in to ports of administration', `${String(cidr)} ${portsText(ports)}`),
          ),
      ];
    },
  },
  {
    id: 'TM-VPC-05',
    severity: 'medium',
    controls: ['peering-routes', 'CC6.6'],
    types: ['aws_route', 'aws_route_table'],
    applies: ({ type, attributes }) => type === 'aws_route_table' || attributes['vpc_peering_connection_id'] !== undefined,
    what: 'A route over a peering connection names the network on the other side.',
    why: 'A default route would send the traffic of one VPC through another one.',
    fix: 'Write the CIDR of the peer, or a part of it.',
    check: ({ type, attributes }) =>
      (type === 'aws_route' ? [attributes] : blocks(attributes, 'route'))
        .filter((route) => route['vpc_peering_connection_id'] !== undefined)
        .flatMap((route) =>
          ROUTES.map((name) => route[name])
            .filter((cidr) => isAnywhere(cidr))
            .map((cidr) => problem('a default route goes over a peering connection', cidr)),
        ),
  },
  {
    id: 'TM-VPC-06',
    severity: 'high',
    controls: ['CC6.1', 'CC6.6'],
    types: ['aws_vpc_endpoint_service', 'aws_vpc_endpoint_service_allowed_principal'],
    what: 'An endpoint service is for named accounts.',
    why: 'PrivateLink open to everyone lets any AWS account connect to what stands behind it.',
    fix: 'Name allowed_principals, or set acceptance_required true.',
    check: (service, tree) => {
      const everyone = [...texts(service.attributes['allowed_principals']), ...texts(service.attributes['principal_arn'])].filter(
        (arn) => arn === '*',
      );
      const accepted =
        service.type === 'aws_vpc_endpoint_service' ? [service] : tree.follow(service.attributes['vpc_endpoint_service_id']);
      const guarded = accepted.some((s) => truth(s.attributes['acceptance_required']) === true);
      return guarded ? [] : everyone.map((arn) => problem('everyone may connect without being accepted', arn));
    },
  },
];
