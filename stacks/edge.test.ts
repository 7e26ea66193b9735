/** The stack of an edge site, in every place that a deployment knows. */
import { Testing } from 'cdktf';
import { expect, test } from 'vitest';
import { synthesized, type Synthesized } from '../constructs/common/testing.ts';
import { contains, definePlatform, parseCidr, planAddresses, policyText, secretsOf, type Cidr, type PlatformInput } from '../platform/index.ts';
import { type DeployedPlatform } from './common.ts';
import { EdgeStack } from './edge.ts';

const OUTPOST = { arn: 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0', zone: 'eu-central-1b' };

const platform = (deploy: Partial<NonNullable<PlatformInput['deploy']>> = {}): DeployedPlatform => definePlatform({
  name: 'tidemark', origin: 'tidemark.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  locations: [{ id: 'prague', near: 'eu-central-1', roundTripMs: 9 }],
  regions: [{
    id: 'eu', location: 'eu-central-1', replicas: 3, edges: [
      { id: 'plain', location: 'eu-central-1' }, { id: 'warsaw', location: 'eu-central-1-waw-1' }, { id: 'london', location: 'eu-west-2-wl1-lon-wlz-1' },
      { id: 'bank', location: 'eu-central-1' }, { id: 'vault', location: 'prague' }, { id: 'dublin', location: 'eu-west-1' },
    ],
  }],
  slas: [{ id: 'available', indicator: 'availability', objective: 0.999, scope: 'site', severity: 'page', owner: 'settlement', runbook: 'runbooks/availability.ts' }],
  deploy: {
    accountId: '123456789012', domain: 'clearing.example.com', hostedZoneId: 'Z0123456789ABCDEFGHIJ', replicaRegion: 'eu-central-1',
    contacts: { page: ['on-call@example.com'], ticket: ['settlement@example.com'] },
    edges: { bank: { kind: 'outpost', outpost: OUTPOST, size: 'medium' }, plain: { clientCidrs: ['10.20.0.0/16'], diskGib: 40 } },
    ...deploy,
  },
}) as DeployedPlatform;

function edge(id: string, of: DeployedPlatform = platform(), authorities?: string): Synthesized {
  const region = of.regions[0]!;
  const found = region.edges.find((e) => e.id === id)!;
  return synthesized(new EdgeStack(Testing.app(), `edge-${id}`, { platform: of, region, edge: found, addresses: planAddresses(of), authorities }));
}

const attribute = (s: Synthesized, type: string, name: string): unknown[] => s.resources(type).map(([, r]) => r[name]);
const environment = (s: Synthesized): Record<string, string> => {
  const [service] = JSON.parse(s.only('aws_ecs_task_definition')['container_definitions'] as string) as { environment: { name: string; value: string }[] }[];
  return Object.fromEntries(service!.environment.map(({ name, value }) => [name, value]));
};

/** What the constructs make of themselves, their own snapshots hold. */
test.each(['plain', 'warsaw', 'london', 'bank', 'vault'])('what the stack of %s is made of', (id) => {
  const resources = edge(id).json['resource'] as Record<string, object>;
  expect(Object.fromEntries(Object.entries(resources).map(([type, all]) => [type, Object.keys(all).length]))).toMatchSnapshot();
});

test('the host is in the site\'s zone, the ways out of it in zones of the AWS region, and all within the site\'s network', () => {
  const zones = (id: string): Record<string, unknown> => Object.fromEntries(edge(id).resources('aws_subnet').map(([, s]) => [(s['tags'] as Record<string, string>)['tidemark:tier'], s['availability_zone']]));
  expect(zones('warsaw')).toEqual({ private: 'eu-central-1-waw-1a', public: 'eu-central-1a', isolated: 'eu-central-1a' });
  expect(zones('london')).toMatchObject({ private: 'eu-west-2-wl1-lon-wlz-1', public: 'eu-west-2a' });
  const plain = edge('plain');
  // What a host needs is in its own zone, so that the loss of another one costs it nothing.
  expect(new Set(attribute(plain, 'aws_subnet', 'availability_zone')).size).toBe(1);
  expect(attribute(plain, 'aws_subnet', 'availability_zone')[0]).toBe(plain.only('aws_ebs_volume')['availability_zone']);
  const network = parseCidr(plain.only('aws_vpc')['cidr_block'] as string) as Cidr;
  for (const cidr of attribute(plain, 'aws_subnet', 'cidr_block')) expect(contains(network, parseCidr(cidr as string) as Cidr)).toBe(true);
});

test('an Outpost has the host and its disk; larger sites have more than one way to the region', () => {
  const s = edge('bank');
  const subnets = s.resources('aws_subnet').map(([, subnet]) => subnet);
  expect(subnets.filter((subnet) => subnet['outpost_arn'] === OUTPOST.arn).map((subnet) => subnet['availability_zone'])).toEqual([OUTPOST.zone]);
  expect(s.only('aws_ebs_volume')).toMatchObject({ outpost_arn: OUTPOST.arn, availability_zone: OUTPOST.zone });
  expect(s.resources('aws_vpc_endpoint').map(([, e]) => (e['subnet_ids'] as unknown[]).length)).toEqual([2]);
});

test('nothing reaches a site but the clients that were named', () => {
  const s = edge('plain');
  const ingress = s.resources('aws_vpc_security_group_ingress_rule').map(([, rule]) => rule);
  const cidrs = ingress.filter((rule) => rule['from_port'] === 8080).map((rule) => rule['cidr_ipv4']);
  expect(cidrs).toEqual([s.only('aws_vpc')['cidr_block'], '10.20.0.0/16']);
  expect(ingress.filter((rule) => rule['from_port'] !== 8080)).toEqual([expect.objectContaining({ from_port: 443, referenced_security_group_id: expect.stringContaining('edge-node_host') })]);
  expect(s.only('aws_instance')['associate_public_ip_address']).toBe(false);
});

test('the region is reached by the names on its certificates, through the endpoint', () => {
  const s = edge('plain');
  const hosts = ['r0', 'r1', 'r2'].map((r) => `${r}.eu.clearing.example.com`);
  expect(environment(s)['TIDEMARK_REGION_URLS']).toBe(hosts.map((host) => `https://${host}`).join(','));
  const records = s.resources('aws_route53_record').map(([, record]) => record);
  expect(records.filter((record) => record['alias'] !== undefined).map((record) => record['name'])).toEqual(hosts);
  const endpoint = s.resources('aws_vpc_endpoint').map(([, e]) => e).find((e) => e['vpc_endpoint_type'] === 'Interface');
  expect(endpoint?.['service_name']).toMatch(/^\$\{data\.aws_ssm_parameter\..*endpoint-service-name.*\.insecure_value\}$/);
  expect(endpoint?.['service_region']).toBeUndefined();
  expect(edge('dublin').resources('aws_vpc_endpoint').map(([, e]) => e).find((e) => e['vpc_endpoint_type'] === 'Interface')?.['service_region']).toBe('eu-central-1');
});

test('clients find the site by the name on its certificate', () => {
  const s = edge('plain');
  const record = s.resources('aws_route53_record').map(([, r]) => r).find((r) => r['name'] === 'plain.clearing.example.com');
  expect(record).toMatchObject({ zone_id: 'Z0123456789ABCDEFGHIJ', type: 'A', records: [expect.stringMatching(/aws_instance\..*\.private_ip/)] });
});

test('the policy and the secrets are the platform\'s', () => {
  const s = edge('plain');
  expect(environment(s)['TIDEMARK_POLICY_CONTENT']).toBe(policyText(platform()));
  expect(new Set(attribute(s, 'aws_secretsmanager_secret', 'name')))
    .toEqual(new Set(secretsOf(platform(), { kind: 'edge', id: 'plain' }).map((what) => `/tidemark/production/edge-plain/${what}`)));
});

test('what belongs to the control plane\'s AWS region goes there', () => {
  const s = edge('plain');
  expect((s.json['provider'] as { aws: { region: string; alias?: string }[] }).aws.map(({ region, alias }) => [region, alias])).toEqual([['eu-central-1', undefined], ['eu-west-1', 'global']]);
  for (const [, parameter] of s.resources('aws_ssm_parameter')) expect(parameter['provider']).toBe('aws.global');
  expect(attribute(s, 'aws_ssm_parameter', 'name')).toContain('/tidemark/production/edge-plain/url');
  expect(new Set(s.data('aws_ssm_parameter').filter(([, p]) => String(p['name']).includes('/production/')).map(([, p]) => p['provider']))).toEqual(new Set(['aws.global']));
  for (const [, alarm] of s.resources('aws_cloudwatch_composite_alarm')) expect(alarm).toMatchObject({ provider: 'aws.global', alarm_name: expect.stringContaining('site-plain') });
  expect(s.resources('aws_cloudwatch_composite_alarm')).not.toEqual([]);
  // In the control plane's own AWS region, one provider is both.
  expect((edge('dublin').json['provider'] as { aws: unknown[] }).aws).toHaveLength(1);
});

test('images are pinned: by the lock file, or by a variable that takes nothing but a digest', () => {
  const s = edge('plain');
  expect(Object.keys(s.json['variable'] as object).sort()).toEqual(['collector_digest', 'edge_node_digest']);
  expect(s.only('aws_ecs_task_definition')['container_definitions']).toContain('123456789012.dkr.ecr.eu-central-1.amazonaws.com/tidemark/edge-node@${var.edge_node_digest}');
});

test('on premises there is no network of ours, and one secret output', () => {
  const s = edge('vault');
  for (const type of ['aws_vpc', 'aws_instance', 'aws_vpc_endpoint', 'aws_route53_record', 'aws_security_group']) expect(s.resources(type), type).toEqual([]);
  expect((s.json['output'] as Record<string, { sensitive?: boolean }>)['install_command']).toMatchObject({ sensitive: true });
  expect(environment(s)['TIDEMARK_REGION_URLS']).toContain('https://r0.eu.clearing.example.com');
  const url = s.resources('aws_ssm_parameter').map(([, p]) => p).find((p) => p['name'] === '/tidemark/production/edge-vault/url');
  expect(url?.['value']).toBe('https://vault.clearing.example.com:8080');
});

test('the disk of a pilot can be destroyed, that of production cannot', () => {
  const protectedBy = (s: Synthesized): unknown => (s.only('aws_ebs_volume')['lifecycle'] as { prevent_destroy: boolean }).prevent_destroy;
  expect(protectedBy(edge('plain'))).toBe(true);
  expect(protectedBy(edge('plain', definePlatform({ ...platform(), regions: [{ ...platform().regions[0]!, replicas: 1, quorum: 1 }], deploy: { ...platform().deploy, shape: 'pilot', storage: 'embedded' } }) as DeployedPlatform))).toBe(false);
});

test('sites that are connected with each other probe each other, and let each other in at the port of clients', () => {
  const of = platform({ sitesConnected: true });
  const { networks } = planAddresses(of);
  const others = ['bank', 'dublin', 'london', 'warsaw'];
  const s = edge('plain', of, 'PEM');
  // Five on AWS: all of each other. The one on premises is out of reach.
  expect(JSON.parse(environment(s)['TIDEMARK_PEERS']!)).toEqual(others.map((site) => ({ site, url: `https://${site}.clearing.example.com:8080` })));
  // Their certificates are of the platform's own authority.
  expect(environment(s)['TIDEMARK_TLS_CA_CONTENT']).toBe('PEM');
  const rules = (type: string): unknown[] => s.resources(type).map(([, rule]) => [rule['cidr_ipv4'], rule['from_port']]);
  for (const site of others) {
    expect(rules('aws_vpc_security_group_egress_rule')).toContainEqual([networks[`edge-${site}`], 8080]);
    expect(rules('aws_vpc_security_group_ingress_rule')).toContainEqual([networks[`edge-${site}`], 8080]);
  }
  const vault = edge('vault', of);
  expect(environment(vault)['TIDEMARK_PEERS']).toBeUndefined();
  // Otherwise nobody is let in who need not be.
  const alone = edge('plain');
  expect(environment(alone)['TIDEMARK_PEERS']).toBeUndefined();
  expect(alone.resources('aws_vpc_security_group_ingress_rule').filter(([, rule]) => Object.values(networks).includes(rule['cidr_ipv4'] as string) && rule['from_port'] === 8080)).toHaveLength(1);
});
