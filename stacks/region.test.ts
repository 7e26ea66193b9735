/** The stack of a region, as a pilot and as production have it. */
import { Testing } from 'cdktf';
import { expect, test } from 'vitest';
import { evaluate, readStack } from '../constructs/checks/index.ts';
import { FACTS, parameterName } from '../constructs/common/index.ts';
import { synthesized, type Synthesized } from '../constructs/common/testing.ts';
import { contains, definePlatform, parseCidr, planAddresses, replicaUrls, secretsOf, witnessUrls, type Cidr, type PlatformInput } from '../platform/index.ts';
import { stackId, type DeployedPlatform } from './common.ts';
import { RegionStack } from './region.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

const platform = (change: Partial<PlatformInput> = {}, deploy: Partial<NonNullable<PlatformInput['deploy']>> = {}): DeployedPlatform => definePlatform({
  name: 'tidemark', origin: 'tidemark.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  locations: [{ id: 'prague', near: 'eu-central-1', roundTripMs: 9 }],
  regions: [{
    id: 'eu', location: 'eu-central-1', replicas: 3, edges: [{ id: 'frankfurt', location: 'eu-central-1' }, { id: 'warsaw', location: 'eu-central-1-waw-1' }],
  }],
  slas: [{ id: 'ordered', indicator: 'ordering', objective: 0.99, thresholdMs: 250, scope: 'region', severity: 'ticket', owner: 'settlement', runbook: 'runbooks/ordering.ts' }],
  ...change,
  deploy: {
    accountId: '123456789012', domain: 'clearing.example.com', hostedZoneId: 'Z0123456789ABCDEFGHIJ', replicaRegion: 'eu-central-1',
    contacts: { page: ['on-call@example.com'], ticket: ['settlement@example.com'] }, state: { bucket: 'tidemark-state', region: 'eu-west-1' },
    ...deploy,
  },
}) as DeployedPlatform;

const REGION = { id: 'eu', location: 'eu-central-1', edges: [{ id: 'frankfurt', location: 'eu-central-1' }] };
const PILOT = platform({ regions: [{ ...REGION, replicas: 1 }] }, { shape: 'pilot' });

const stackOf = (of: DeployedPlatform, authorities?: string): RegionStack =>
  new RegionStack(Testing.app(), 'region-eu', { platform: of, region: of.regions[0]!, addresses: planAddresses(of), authorities });
const region = (of: DeployedPlatform = platform(), authorities: string | undefined = PEM): Synthesized => synthesized(stackOf(of, authorities));

const attributes = (s: Synthesized, type: string): Record<string, unknown>[] => s.resources(type).map(([, one]) => one);
const variables = (s: Synthesized, container: string): Record<string, string>[] => attributes(s, 'aws_ecs_task_definition')
  .flatMap((task) => JSON.parse(task['container_definitions'] as string) as { name: string; environment: { name: string; value: string }[] }[])
  .filter(({ name }) => name === container).map(({ environment }) => Object.fromEntries(environment.map(({ name, value }) => [name, value])));

/** What the constructs make of themselves, their own snapshots hold. */
test.each([['production', platform()], ['pilot', PILOT]])('what the stack of a region is made of: %s', (_, of) => {
  const resources = region(of).json['resource'] as Record<string, object>;
  expect(Object.fromEntries(Object.entries(resources).map(([type, all]) => [type, Object.keys(all).length]))).toMatchSnapshot();
});

test.each([['production', platform()], ['pilot', PILOT]])('the rule pack finds nothing: %s', (_, of) => {
  const stack = stackOf(of, PEM);
  stack.prepareStack();
  expect(evaluate([readStack('region-eu', stack.toTerraform())]).findings).toEqual([]);
});

test('three zones, one replica and one server of the stream in each, all within the region\'s network', () => {
  const s = region();
  const network = parseCidr(s.only('aws_vpc')['cidr_block'] as string) as Cidr;
  for (const { cidr_block: cidr } of attributes(s, 'aws_subnet')) expect(contains(network, parseCidr(cidr as string) as Cidr)).toBe(true);
  const zones = (prefix: string): unknown[] => s.resources('aws_ebs_volume').filter(([id]) => id.startsWith(prefix)).map(([, volume]) => volume['availability_zone']);
  expect(zones('aggregator')).toEqual(['eu-central-1a', 'eu-central-1b', 'eu-central-1c']);
  expect(zones('stream')).toEqual(['eu-central-1a', 'eu-central-1b', 'eu-central-1c']);
});

test('replicas are told what the definition and the control plane\'s facts say', () => {
  const s = region();
  const replicas = variables(s, 'regional-aggregator');
  expect(replicas.map((one) => one['TIDEMARK_REPLICA'])).toEqual(['0', '1', '2']);
  for (const one of replicas) {
    expect(one).toMatchObject({ TIDEMARK_SITE: 'eu', TIDEMARK_TLS_CA_CONTENT: PEM, TIDEMARK_PEER_URLS: replicaUrls(platform().deploy, platform().regions[0]!).join(',') });
    expect(one['TIDEMARK_STREAM']).toBe('nats://n0.stream.eu.clearing.example.com:4222,n1.stream.eu.clearing.example.com:4222,n2.stream.eu.clearing.example.com:4222/order');
    expect(one['TIDEMARK_CONTROL_URL']).toMatch(/^\$\{data\.aws_ssm_parameter\./);
  }
  expect(variables(s, 'collector')).toHaveLength(3);
  expect(variables(region(PILOT), 'regional-aggregator').map((one) => one['TIDEMARK_STREAM'])).toEqual(['sqlite:/data/stream.db']);
});

test('its secrets are those that keys create makes, and each is used', () => {
  for (const of of [platform(), PILOT]) {
    const s = region(of);
    const names = secretsOf(of, { kind: 'region', id: 'eu' }).map((what) => `/tidemark/production/region-eu/${what}`);
    expect(attributes(s, 'aws_secretsmanager_secret').map((one) => one['name']).sort()).toEqual([...names].sort());
    const tasks = JSON.stringify(s.resources('aws_ecs_task_definition'));
    for (const [id] of s.data('aws_secretsmanager_secret_versions')) expect(tasks).toContain(`data.aws_secretsmanager_secret_versions.${id}.secret_id`);
  }
});

test('the private connection is made from both ends here, and the centre\'s door opened for the region\'s network alone', () => {
  const s = region();
  const [network] = attributes(s, 'aws_vpc').map((vpc) => vpc['cidr_block']);
  expect(s.only('aws_vpc_peering_connection')).toMatchObject({ peer_region: 'eu-west-1' });
  expect(s.only('aws_vpc_peering_connection_accepter')).toMatchObject({ auto_accept: true, provider: 'aws.global' });
  const routes = attributes(s, 'aws_route').filter((route) => route['vpc_peering_connection_id'] !== undefined);
  expect(routes.filter((route) => route['provider'] === 'aws.global').map((route) => route['destination_cidr_block'])).toEqual([network, network, network]);
  expect(routes.filter((route) => route['provider'] === undefined)).toHaveLength(3);
  expect(attributes(s, 'aws_vpc_security_group_ingress_rule').filter((rule) => rule['provider'] === 'aws.global')).toMatchObject([{ cidr_ipv4: network, from_port: 443, to_port: 443 }]);
  // The centre finds replicas by the names that their certificates have.
  expect(s.only('aws_route53_zone')).toMatchObject({ name: 'eu.clearing.example.com', lifecycle: { ignore_changes: ['vpc'] } });
  expect(s.only('aws_route53_zone_association')).toMatchObject({ vpc_region: 'eu-west-1' });
  expect(witnessUrls(platform())).toEqual({ eu: [0, 1, 2].map((i) => `https://r${i}.eu.clearing.example.com:8080`) });
});

test('in the control plane\'s own AWS region there is one provider, and nobody to accept', () => {
  const s = region(platform({ regions: [{ ...REGION, location: 'eu-west-1', edges: [{ id: 'dublin', location: 'eu-west-1' }] }] }));
  expect(s.resources('aws_vpc_peering_connection_accepter')).toEqual([]);
  expect(s.only('aws_vpc_peering_connection')).toMatchObject({ auto_accept: true });
  expect(JSON.stringify(s.json)).not.toContain('aws.global');
});

test('only replicas, the load balancer and the centre reach a replica', () => {
  const s = region();
  const rules = s.resources('aws_vpc_security_group_ingress_rule').filter(([id]) => id.startsWith('aggregator_r0')).map(([, rule]) => rule);
  expect(rules.map((rule) => [rule['from_port'], rule['cidr_ipv4'] ?? 'group'])).toEqual(
    expect.arrayContaining([[8080, 'group'], [8080, 'group'], [8080, 'group'], [8080, expect.stringMatching(/^\$\{data\.aws_ssm_parameter\..*vpc-cidr/)]]),
  );
  expect(rules).toHaveLength(4);
});

test('a way in from the internet only for sites on premises, and from other AWS regions only where a site is', () => {
  const inner = region();
  expect(attributes(inner, 'aws_lb').map((one) => one['internal'])).toEqual([true, true]);
  expect(inner.only('aws_vpc_endpoint_service')['supported_regions']).toBeUndefined();
  const outer = region(platform({ regions: [{ ...REGION, edges: [{ id: 'vault', location: 'prague' }, { id: 'paris', location: 'eu-west-3' }] }] }));
  expect(attributes(outer, 'aws_lb').filter((one) => one['internal'] === false)).toHaveLength(1);
  expect(outer.only('aws_vpc_endpoint_service')['supported_regions']).toEqual(['eu-central-1', 'eu-west-3']);
});

test('a pilot can be taken down, production keeps what it has', () => {
  const protection = (of: DeployedPlatform): unknown[] => [
    ...attributes(region(of), 'aws_lb').map((one) => one['enable_deletion_protection']),
    ...attributes(region(of), 'aws_ebs_volume').map((one) => (one['lifecycle'] as Record<string, unknown>)['prevent_destroy']),
  ];
  expect(new Set(protection(platform()))).toEqual(new Set([true]));
  expect(new Set(protection(PILOT))).toEqual(new Set([false]));
});

test('alarms and facts are where the control plane is', () => {
  const s = region();
  for (const one of attributes(s, 'aws_cloudwatch_composite_alarm')) expect(one['provider']).toBe('aws.global');
  expect(attributes(s, 'aws_cloudwatch_composite_alarm').map((one) => one['alarm_name'])).toEqual(['tidemark-production/ordered/region-eu/steady']);
  const facts = attributes(s, 'aws_ssm_parameter');
  expect(facts.map((one) => one['provider'])).toEqual(facts.map(() => 'aws.global'));
  const self = stackId(platform(), 'region', 'eu');
  expect(new Set(facts.map((one) => one['name']))).toEqual(new Set(Object.keys(FACTS.region).map((fact) => parameterName(self, fact))));
  expect(Object.keys(s.json['output'] as object)).toContain('replica_urls');
});

test('without an authority and a lock file, certificates and digests are variables that must be given', () => {
  const { json } = region();
  const given = synthesized(stackOf(platform())).json['variable'] as Record<string, Record<string, unknown>>;
  expect(Object.keys(json['variable'] as object).sort()).toEqual(['collector_digest', 'nats_digest', 'regional_aggregator_digest']);
  expect(Object.keys(given).sort()).toEqual(['authorities', 'collector_digest', 'nats_digest', 'regional_aggregator_digest']);
  expect(given['authorities']).toMatchObject({ sensitive: true, nullable: false });
  expect(given['authorities']).not.toHaveProperty('default');
});

test('a site that is called like a host of the region is refused', () => {
  const of = platform({ regions: [{ ...REGION, edges: [{ id: 'eu-r0', location: 'eu-central-1' }] }] });
  expect(() => stackOf(of, PEM)).toThrow('region-eu: site eu-r0: hosts of the region eu are called eu-r0, eu-n0 and so on; give the site another id');
});

test('a region without a network in the plan says so', () => {
  const of = platform();
  expect(() => new RegionStack(Testing.app(), 'region-eu', { platform: of, region: of.regions[0]!, addresses: { networks: {} }, authorities: PEM }))
    .toThrow('region-eu: addresses: no network for region-eu; plan it with planAddresses');
});
