import { of, type Example, type Examples, type Section } from './model.ts';

const vpc = { aws_vpc: { v: { cidr_block: '10.64.0.0/16' } } };
const VPC = '${aws_vpc.v.id}';
const ingress = (attributes: Record<string, unknown>, more: Section = {}): Example =>
  of({
    aws_vpc_security_group_ingress_rule: {
      i: { security_group_id: '${aws_security_group.g.id}', ip_protocol: 'tcp', ...attributes },
    },
    aws_security_group: { g: {} },
    ...more,
  });
const inlined = (direction: string, rule: Record<string, unknown>): Example =>
  of({ aws_security_group: { g: { [direction]: [rule] } } });
const egress = (attributes: Record<string, unknown>): Example =>
  of({ aws_vpc_security_group_egress_rule: { e: { ip_protocol: '-1', ...attributes } } });
const HTTPS = { from_port: 443, to_port: 443 };
const publicLb = (lb: Record<string, unknown>) => ({ aws_lb: { l: { security_groups: ['${aws_security_group.g.id}'], ...lb } } });
const acl = (entry: Record<string, unknown>): Example =>
  of({ aws_network_acl: { a: { ingress: [{ action: 'allow', protocol: 'tcp', rule_no: 1, ...entry }] } } });

export const NETWORK_EXAMPLES: Examples = {
  'TM-VPC-01': { catches: [of(vpc)], passes: [of({ ...vpc, aws_flow_log: { f: { vpc_id: VPC, traffic_type: 'ALL' } } })] },
  'TM-VPC-02': {
    catches: [
      of(vpc),
      of({
        ...vpc,
        aws_default_security_group: {
          d: { vpc_id: VPC, egress: { protocol: '-1', from_port: 0, to_port: 0, cidr_blocks: ['0.0.0.0/0'] } },
        },
      }),
      of({ ...vpc, aws_default_security_group: { d: { vpc_id: VPC, ingress: '${var.rules}' } } }),
    ],
    passes: [of({ ...vpc, aws_default_security_group: { d: { vpc_id: VPC, ingress: [] } } })],
  },
  'TM-VPC-03': {
    catches: [of({ aws_subnet: { s: { map_public_ip_on_launch: true } } }), of({ aws_default_subnet: { s: {} } })],
    passes: [of({ aws_subnet: { s: { cidr_block: '10.64.0.0/24' } } })],
  },
  'TM-VPC-04': {
    catches: [
      acl({ protocol: '-1', cidr_block: '0.0.0.0/0', from_port: 0, to_port: 0 }),
      acl({ protocol: '6', cidr_block: '0.0.0.0/0', from_port: 0, to_port: 1024 }),
      of({
        aws_network_acl_rule: {
          r: { rule_action: 'allow', protocol: 'tcp', ipv6_cidr_block: '::/0', from_port: 3389, to_port: 3389 },
        },
      }),
      of({
        aws_network_acl: {
          a: {
            dynamic: {
              ingress: {
                for_each: [22],
                content: {
                  action: 'allow',
                  protocol: 'tcp',
                  cidr_block: '0.0.0.0/0',
                  from_port: '${ingress.value}',
                  to_port: '${ingress.value}',
                },
              },
            },
          },
        },
      }),
    ],
    passes: [
      acl({ cidr_block: '0.0.0.0/0', from_port: 443, to_port: 443 }),
      acl({ cidr_block: '10.0.0.0/8', from_port: 22, to_port: 22 }),
      acl({ action: 'deny', cidr_block: '0.0.0.0/0', from_port: 22, to_port: 22 }),
      of({ aws_network_acl_rule: { r: { egress: true, rule_action: 'allow', protocol: '-1', cidr_block: '0.0.0.0/0' } } }),
    ],
  },
  'TM-VPC-05': {
    catches: [
      of({ aws_route: { r: { destination_cidr_block: '0.0.0.0/0', vpc_peering_connection_id: 'pcx' } } }),
      of({
        aws_route_table: {
          t: {
            route: [
              { cidr_block: '0.0.0.0/0', gateway_id: 'igw' },
              { ipv6_cidr_block: '::/0', vpc_peering_connection_id: 'pcx' },
            ],
          },
        },
      }),
    ],
    passes: [
      of({ aws_route: { r: { destination_cidr_block: '10.64.0.0/18', vpc_peering_connection_id: 'pcx' } } }),
      of({
        aws_route: { r: { destination_cidr_block: '${data.aws_ssm_parameter.cidr.value}', vpc_peering_connection_id: 'pcx' } },
      }),
      of({ aws_route_table: { t: { route: [{ cidr_block: '0.0.0.0/0', gateway_id: 'igw' }] } } }),
    ],
  },
  'TM-VPC-06': {
    catches: [
      of({ aws_vpc_endpoint_service: { s: { acceptance_required: false, allowed_principals: ['*'] } } }),
      of({
        aws_vpc_endpoint_service: { s: { acceptance_required: false } },
        aws_vpc_endpoint_service_allowed_principal: {
          p: { vpc_endpoint_service_id: '${aws_vpc_endpoint_service.s.id}', principal_arn: '*' },
        },
      }),
    ],
    passes: [
      of({
        aws_vpc_endpoint_service: { s: { acceptance_required: false, allowed_principals: ['arn:aws:iam::111122223333:root'] } },
      }),
      of({ aws_vpc_endpoint_service: { s: { acceptance_required: true, allowed_principals: ['*'] } } }),
    ],
  },
  'TM-SG-01': {
    catches: [
      ingress({ cidr_ipv4: '0.0.0.0/0', from_port: 22, to_port: 22 }),
      ingress({ cidr_ipv6: '::/0', ...HTTPS }),
      ingress({ cidr_ipv4: '0.0.0.0/1', ...HTTPS }),
      ingress({ cidr_ipv4: '0.0.0.0/0', ...HTTPS }, publicLb({ internal: true })),
      ingress({ cidr_ipv4: '0.0.0.0/0', from_port: 80, to_port: 443 }, publicLb({})),
      { ...ingress({ cidr_ipv4: '${var.from}', ...HTTPS }), variable: { from: { default: '0.0.0.0/0' } } },
      inlined('ingress', { protocol: 'tcp', from_port: 5432, to_port: 5432, cidr_blocks: ['10.0.0.0/8', '0.0.0.0/0'] }),
      of({ aws_security_group: { g: { ingress: '${[for p in var.ports : {from_port = p}]}' } } }),
      of({
        aws_security_group: {
          g: {
            dynamic: {
              ingress: {
                for_each: '${toset(["10.0.0.0/8", "0.0.0.0/0"])}',
                content: { protocol: 'tcp', from_port: 22, to_port: 22, cidr_blocks: ['${ingress.value}'] },
              },
            },
          },
        },
      }),
      of({
        aws_security_group: {
          g: {
            dynamic: [
              {
                ingress: [
                  {
                    for_each: { ssh: 22 },
                    iterator: 'it',
                    content: [{ protocol: 'tcp', from_port: '${it.value}', to_port: '${it.value}', cidr_blocks: ['0.0.0.0/0'] }],
                  },
                ],
              },
            ],
          },
        },
      }),
      of({
        aws_security_group_rule: {
          r: { type: 'ingress', protocol: 'all', from_port: 0, to_port: 0, ipv6_cidr_blocks: ['::/0'] },
        },
      }),
    ],
    passes: [
      ingress({ cidr_ipv4: '0.0.0.0/0', ...HTTPS }, publicLb({})),
      ingress({ cidr_ipv4: '0.0.0.0/0', ...HTTPS }, publicLb({ load_balancer_type: 'network', internal: false })),
      ingress({ cidr_ipv4: '10.64.0.0/16', from_port: 4222, to_port: 4222 }),
      ingress({ cidr_ipv4: '${data.aws_ssm_parameter.cidr.value}', ...HTTPS }),
      ingress({ referenced_security_group_id: '${aws_security_group.g.id}', from_port: 8080, to_port: 8080 }),
      of({ aws_security_group: { g: { ingress: [] } } }),
      of({ aws_security_group_rule: { r: { type: 'ingress', protocol: 'tcp', ...HTTPS, cidr_blocks: ['10.0.0.0/8'] } } }),
    ],
  },
  'TM-SG-02': {
    catches: [
      ingress({ cidr_ipv4: '10.64.0.0/16', from_port: 22, to_port: 22 }),
      inlined('ingress', { protocol: 'tcp', from_port: 3000, to_port: 4000, security_groups: ['sg-1'] }),
      ingress({ cidr_ipv4: '10.64.0.0/16', from_port: '${var.port}', to_port: '${var.port}' }),
    ],
    passes: [
      ingress({ cidr_ipv4: '10.64.0.0/16', from_port: 8080, to_port: 8080 }),
      ingress({ cidr_ipv4: '10.64.0.0/16', ip_protocol: 'icmp', from_port: -1, to_port: -1 }),
    ],
  },
  'TM-SG-03': {
    catches: [
      egress({ cidr_ipv4: '0.0.0.0/0' }),
      inlined('egress', { protocol: '-1', from_port: 0, to_port: 0, cidr_blocks: ['0.0.0.0/0'] }),
      egress({ ip_protocol: 'tcp', from_port: 0, to_port: 65_535, cidr_ipv6: '::/0' }),
      of({ aws_security_group: { g: { egress: '${var.egress}' } } }),
    ],
    passes: [
      egress({ ip_protocol: 'tcp', ...HTTPS, cidr_ipv4: '0.0.0.0/0' }),
      egress({ cidr_ipv4: '10.64.0.0/16' }),
      of({ aws_security_group: { g: {} } }),
    ],
  },
  'TM-SG-04': {
    catches: [
      ingress({ ip_protocol: '-1', referenced_security_group_id: 'sg-1' }),
      inlined('ingress', { protocol: 'tcp', from_port: 0, to_port: 65_535, self: true }),
    ],
    passes: [ingress({ cidr_ipv4: '10.64.0.0/16', from_port: 6222, to_port: 6222 })],
  },
};
