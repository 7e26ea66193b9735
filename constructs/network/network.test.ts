/** Networks, as the synthesized stack shows them. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { Fn } from 'cdktf';
import { expect, test } from 'vitest';
import { synthStack } from '../common/testing.ts';
import { Example } from './example.ts';
import { FARGATE_ENDPOINTS, Network, peer, SecurityGroup, type NetworkProps } from './index.ts';
import { checkExample } from './testing-example.ts';

const ZONES = ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'];
const tier = (third: number) => ZONES.map((zone, i) => ({ zone, cidr: `10.64.${third + i}.0/24` }));
const PROPS: NetworkProps = {
  name: 'tidemark-test', region: 'eu-west-1', cidr: '10.64.0.0/18', flowLogs: { encryptionKeyArn: 'arn:key' },
  subnets: { public: tier(0), private: tier(16), isolated: tier(32) },
};
const synth = (props: Partial<NetworkProps> = {}, then?: (network: Network) => void) => synthStack((stack) => {
  const network = new Network(stack, 'network', { ...PROPS, ...props });
  then?.(network);
});
const names = (entries: readonly [string, Record<string, unknown>][], tag = 'Name') => entries.map(([, r]) => (r['tags'] as Record<string, string>)[tag]).sort();

test('the whole network', () => {
  expect(synth({ nat: 'one', interfaceEndpoints: ['ecr.api'] }).json).toMatchSnapshot();
});

test('what nobody chose lets nothing through', () => {
  const { only } = synth();
  expect(only('aws_default_security_group')).toMatchObject({ ingress: [], egress: [] });
  expect(only('aws_default_route_table')).toMatchObject({ route: [] });
  expect(only('aws_flow_log')).toMatchObject({ traffic_type: 'ALL', max_aggregation_interval: 60 });
  expect(only('aws_cloudwatch_log_group')).toMatchObject({ kms_key_id: 'arn:key', retention_in_days: 90 });
});

test('no subnet gives public addresses, and there is one table for each private subnet whatever the NAT', () => {
  for (const [nat, gateways, ways] of [['none', 0, 1], ['one', 1, 4], ['per-zone', 3, 4]] as const) {
    const { resources } = synth({ nat });
    expect(resources('aws_subnet')).toHaveLength(9);
    expect(resources('aws_subnet').every(([, s]) => s['map_public_ip_on_launch'] === false)).toBe(true);
    expect(resources('aws_nat_gateway')).toHaveLength(gateways);
    expect(resources('aws_route')).toHaveLength(ways);
    expect(names(resources('aws_route_table'))).toEqual([
      'tidemark-test-isolated', 'tidemark-test-private-eu-west-1a', 'tidemark-test-private-eu-west-1b', 'tidemark-test-private-eu-west-1c', 'tidemark-test-public',
    ]);
    const natRoutes = resources('aws_route').filter(([, r]) => r['nat_gateway_id'] !== undefined);
    expect(new Set(natRoutes.map(([, r]) => r['nat_gateway_id'])).size).toBe(gateways);
    expect(natRoutes.some(([, r]) => String(r['route_table_id']).includes('isolated'))).toBe(false);
  }
});

test('a network without public subnets has no internet gateway', () => {
  const { resources } = synth({ subnets: { private: tier(0) } });
  expect(resources('aws_internet_gateway')).toEqual([]);
  expect(resources('aws_route')).toEqual([]);
});

test('endpoints: by route for all tables that are not public, by address from the own network alone', () => {
  const { resources, only } = synth({ interfaceEndpoints: FARGATE_ENDPOINTS });
  const endpoints = resources('aws_vpc_endpoint').map(([, e]) => e);
  const [gateway, ...none] = endpoints.filter((e) => e['vpc_endpoint_type'] === 'Gateway');
  expect(none).toEqual([]);
  expect(gateway).toMatchObject({ service_name: 'com.amazonaws.eu-west-1.s3' });
  expect(gateway!['route_table_ids']).toHaveLength(4);
  const others = endpoints.filter((e) => e['vpc_endpoint_type'] === 'Interface');
  expect(new Set(others.map((e) => e['service_name']))).toEqual(new Set(FARGATE_ENDPOINTS.map((s) => `com.amazonaws.eu-west-1.${s}`)));
  expect(others.every((e) => e['private_dns_enabled'] === true && (e['subnet_ids'] as string[]).length === 3)).toBe(true);
  expect(only('aws_vpc_security_group_ingress_rule')).toMatchObject({ cidr_ipv4: '10.64.0.0/18', from_port: 443, to_port: 443 });
  expect(resources('aws_vpc_security_group_egress_rule')).toEqual([]);
});

test('all mistakes of a layout at once', () => {
  expect(() => synth({
    cidr: '10.64.0.0/18', region: 'europe', nat: 'per-zone', interfaceEndpoints: ['ecr.api', 'ecr.api', 'Logs'],
    subnets: {
      public: [{ zone: 'eu-west-1a', cidr: '10.64.0.0/24' }, { zone: 'eu-west-1a', cidr: '10.64.0.128/25' }],
      private: [{ zone: 'eu-west-1b', cidr: '10.65.0.0/24' }, { zone: 'eu-west-1c', cidr: '10.64.1.1/24' }],
    },
  })).toThrow([
    'test/network: 8 mistakes:',
    '  - region: expected an AWS region such as eu-west-1, got "europe"',
    '  - subnets.public[1].zone: eu-west-1a has a public subnet already; one of each tier in a zone',
    '  - subnets.public[1].cidr: 10.64.0.128/25 overlaps 10.64.0.0/24 of subnets.public[0]',
    '  - subnets.private[0].cidr: 10.65.0.0/24 is outside of the network\'s own 10.64.0.0/18',
    '  - subnets.private[1].cidr: expected an IPv4 network of /16 to /28 without host bits, such as 10.64.0.0/18, got "10.64.1.1/24"',
    '  - nat: per-zone needs a public subnet in eu-west-1b, eu-west-1c; add them, or choose one',
    '  - interfaceEndpoints: expected the short name of an AWS service such as ecr.api, got "Logs"',
    '  - interfaceEndpoints: ecr.api more than once',
  ].join('\n'));
  expect(() => synth({ subnets: {}, nat: 'one' })).toThrow(/subnets: none[\s\S]*nat: one needs a public subnet[\s\S]*nat: one serves private subnets/);
});

const OTHER = { name: 'to-centre', vpcId: 'vpc-2', cidr: '10.65.0.0/18', routeTableIds: ['rtb-1', 'rtb-2'] };

test('peering with another AWS region is accepted there, and has routes both ways', () => {
  const { only, resources } = synthStack((stack) => {
    const provider = new AwsProvider(stack, 'aws-global', { region: 'us-east-1', alias: 'global' });
    new Network(stack, 'network', PROPS).peerTo('centre', { ...OTHER, region: 'us-east-1', provider });
  });
  expect(only('aws_vpc_peering_connection')).toMatchObject({ peer_vpc_id: 'vpc-2', peer_region: 'us-east-1' });
  expect(only('aws_vpc_peering_connection')).not.toHaveProperty('auto_accept');
  expect(only('aws_vpc_peering_connection_accepter')).toMatchObject({ auto_accept: true, provider: 'aws.global' });
  const routes = resources('aws_route').map(([, r]) => r).filter((r) => r['vpc_peering_connection_id'] !== undefined);
  expect(routes.map((r) => [r['destination_cidr_block'], r['provider'] ?? 'own']).sort()).toEqual([
    ['10.64.0.0/18', 'aws.global'], ['10.64.0.0/18', 'aws.global'], ...ZONES.map(() => ['10.65.0.0/18', 'own']),
  ]);
  expect(routes.every((r) => String(r['vpc_peering_connection_id']).includes('aws_vpc_peering_connection_accepter'))).toBe(true);
});

test('peering within one AWS region is accepted by who asks; the tables of the other side may come from a fact', () => {
  const { only, resources } = synthStack((stack) => {
    const own = Network.fromAttributes({ vpcId: 'vpc-1', cidr: '10.64.0.0/18', region: 'eu-west-1', routeTableIds: ['rtb-9'] });
    const list = Fn.split(',', '${var.tables}');
    peer(stack, 'centre', own, { ...OTHER, region: 'eu-west-1', routeTableIds: [0, 1].map((i) => Fn.element(list, i) as string) });
    expect(() => peer(stack, 'unknown', { ...own, routeTableIds: [] }, { ...OTHER, region: 'eu-west-1', routeTableIds: list }))
      .toThrow(/test\/unknown: 2 mistakes:[\s\S]*unknown length[\s\S]*the own network has no route tables/);
  });
  expect(only('aws_vpc_peering_connection')).toMatchObject({ vpc_id: 'vpc-1', auto_accept: true });
  expect(resources('aws_vpc_peering_connection_accepter')).toEqual([]);
  expect(resources('aws_route')).toHaveLength(3);
});

test('a security group has the rules that were asked for, each with its reason', () => {
  const { resources, only } = synthStack((stack) => {
    const group = new SecurityGroup(stack, 'group', { name: 'service', vpcId: 'vpc-1', description: 'A service' });
    group.allowFrom('Load balancer', { securityGroupId: 'sg-1' }, 8080).allowTo('S3', { prefixListId: 'pl-1' }, 443).allowTo('Database', { cidr: '10.0.0.0/24' }, 5432);
    expect(() => group.allowFrom('Naïve', { cidr: '10.0.0.0/33' }, 0)).toThrow(/test\/group: 3 mistakes/);
  });
  expect(only('aws_security_group')).not.toHaveProperty('egress');
  expect(only('aws_vpc_security_group_ingress_rule')).toMatchObject({ referenced_security_group_id: 'sg-1', from_port: 8080, to_port: 8080, ip_protocol: 'tcp', description: 'Load balancer' });
  expect(resources('aws_vpc_security_group_egress_rule').map(([, r]) => r['prefix_list_id'] ?? r['cidr_ipv4']).sort()).toEqual(['10.0.0.0/24', 'pl-1']);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_vpc')).toHaveLength(1);
});
