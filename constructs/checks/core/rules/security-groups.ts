/** Security groups: three resources and two inline blocks that all say the same. */
import type { Block, Problem, Resource, Rule, Tree } from '../model.ts';
import { anywhereIn, covers, isAllTraffic, isAnywhere, portsOf, portsText, type Ports } from '../network.ts';
import { blocks, problem, truth, undecided, unreadable } from '../values.ts';

const GROUPS = ['aws_security_group', 'aws_default_security_group'];
const INGRESS = ['aws_vpc_security_group_ingress_rule', 'aws_security_group_rule', ...GROUPS];
const EGRESS = ['aws_vpc_security_group_egress_rule', 'aws_security_group_rule', ...GROUPS];
/** SSH, RDP, WinRM and CIFS. */
export const ADMIN_PORTS = [22, 3389, 5985, 5986, 445];
/** The one port that the internet may come in by, at a load balancer. */
const PUBLIC_PORT = 443;

/** One rule of a security group, however it is written. */
interface Opening {
  readonly ports: Ports;
  readonly anywhere: readonly string[];
  readonly group: unknown;
}

const inline = (rule: Block, group: unknown): Opening => ({
  ports: portsOf(rule['protocol'], rule['from_port'], rule['to_port']),
  anywhere: [...anywhereIn(rule['cidr_blocks']), ...anywhereIn(rule['ipv6_cidr_blocks'])],
  group,
});

function openings(resource: Resource, direction: 'ingress' | 'egress'): Opening[] {
  const { attributes } = resource;
  if (GROUPS.includes(resource.type))
    return blocks(resource, direction).map((rule) => inline(rule, `\${${resource.address}.id}`));
  if (resource.type === 'aws_security_group_rule')
    return attributes['type'] === direction ? [inline(attributes, attributes['security_group_id'])] : [];
  return [
    {
      ports: portsOf(attributes['ip_protocol'], attributes['from_port'], attributes['to_port']),
      anywhere: [attributes['cidr_ipv4'], attributes['cidr_ipv6']].filter((cidr) => isAnywhere(cidr)).map(String),
      group: attributes['security_group_id'],
    },
  ];
}

/** Blocks written as one expression cannot be judged. */
export const hiddenRules = (resource: Resource, direction: 'ingress' | 'egress'): Problem[] => {
  const expression = GROUPS.includes(resource.type) ? unreadable(resource, direction) : undefined;
  return expression === undefined ? [] : [undecided(`what its ${direction} rules let through`, expression)];
};

/** Whether the group is on a load balancer that is meant to be reached from the internet. */
const isPublicFront = (group: unknown, tree: Tree): boolean =>
  tree
    .follow(group)
    .some((sg) =>
      tree
        .ofType('aws_lb', 'aws_alb')
        .some(
          (lb) => (truth(lb.attributes['internal']) ?? false) === false && tree.pointsTo(lb.attributes['security_groups'], sg),
        ),
    );

const isPublicWeb = ({ ports, group }: Opening, tree: Tree): boolean =>
  ['tcp', 'udp'].includes(ports.protocol) && ports.from === PUBLIC_PORT && ports.to === PUBLIC_PORT && isPublicFront(group, tree);

export const SECURITY_GROUP_RULES: readonly Rule[] = [
  {
    id: 'TM-SG-01',
    severity: 'high',
    controls: ['sg-admin-ports-ipv4', 'sg-admin-ports-ipv6', 'CC6.1', 'CC6.6'],
    types: INGRESS,
    applies: (resource) => resource.type !== 'aws_security_group_rule' || resource.attributes['type'] === 'ingress',
    what: 'The internet comes in at port 443 of a public load balancer and nowhere else.',
    why: 'Everything else that is open to 0.0.0.0/0 or ::/0 is found by scanners within minutes.',
    fix: 'Name the networks or security groups that need it.',
    check: (resource, tree) => [
      ...hiddenRules(resource, 'ingress'),
      ...openings(resource, 'ingress')
        .filter((opening) => opening.anywhere.length > 0 && !isPublicWeb(opening, tree))
        .flatMap(({ ports, anywhere }) =>
          anywhere.map((cidr) => problem('lets in from anywhere', `${cidr} ${portsText(ports)}`)),
        ),
    ],
  },
  {
    id: 'TM-SG-02',
    severity: 'medium',
    controls: ['sg-admin-ports-ipv4', 'sg-admin-ports-ipv6', 'CC6.1'],
    types: INGRESS,
    applies: (resource) => resource.type !== 'aws_security_group_rule' || resource.attributes['type'] === 'ingress',
    what: 'Ports of administration (SSH, RDP, WinRM, CIFS) are not open to anybody.',
    why: 'Session Manager needs no open port, asks IAM, and keeps a log.',
    fix: 'Take the rule away; use aws ssm start-session.',
    check: (resource) =>
      openings(resource, 'ingress')
        .filter(({ ports }) => !isAllTraffic(ports) && ADMIN_PORTS.some((port) => covers(ports, port)))
        .map(({ ports }) =>
          Number.isNaN(ports.from) || Number.isNaN(ports.to)
            ? undecided('which ports it lets in to', portsText(ports))
            : problem('lets in to ports of administration', portsText(ports)),
        ),
  },
  {
    id: 'TM-SG-03',
    severity: 'low',
    controls: ['CC6.6', 'CC6.7'],
    types: EGRESS,
    applies: (resource) => resource.type !== 'aws_security_group_rule' || resource.attributes['type'] === 'egress',
    what: 'Nothing may talk to the whole internet on every port.',
    why: 'It is the way out for data, and in for a second stage of an attack.',
    fix: 'Name ports (443) and networks, prefix lists or security groups.',
    check: (resource) => [
      ...hiddenRules(resource, 'egress'),
      ...openings(resource, 'egress')
        .filter(({ ports, anywhere }) => anywhere.length > 0 && isAllTraffic(ports))
        .flatMap(({ ports, anywhere }) => anywhere.map((cidr) => problem('lets out to anywhere', `${cidr} ${portsText(ports)}`))),
    ],
  },
  {
    id: 'TM-SG-04',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.6'],
    types: INGRESS,
    applies: (resource) => resource.type !== 'aws_security_group_rule' || resource.attributes['type'] === 'ingress',
    what: 'Ingress names its ports.',
    why: 'All ports between two groups is all that ever listens there: agents, debuggers, the container daemon.',
    fix: 'Write protocol and ports.',
    check: (resource) =>
      openings(resource, 'ingress')
        .filter(({ ports, anywhere }) => anywhere.length === 0 && isAllTraffic(ports))
        .map(({ ports }) => problem('lets in to every port', portsText(ports))),
  },
];
