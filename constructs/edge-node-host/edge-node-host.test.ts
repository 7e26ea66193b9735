/** An edge node in every place, as the synthesized stack shows it. */
import { TerraformStack, Testing } from 'cdktf';
import { describe, expect, test } from 'vitest';
import { EDGE_SETTINGS, policyText } from '../../platform/index.ts';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { TelemetryPipeline } from '../telemetry-pipeline/index.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { EDGE_SIZES, EdgeNodeHost, installCommand, RegionLink, type CloudPlace, type EdgeNodeHostProps, type RegionLinkProps } from './index.ts';

const NAME = 'tidemark-production-eu-fra-1';
const REGION = { region: 'eu-central-1' };
const POLICY = policyText({ policy: { version: 1, offlineAfterMs: 2_000, maxStalenessMs: 60_000, offlinePerAccount: { EUR: '100', CZK: '2500' }, offlinePerNode: {} } });
const PLACE: CloudPlace = { kind: 'region', vpcId: 'vpc-1', subnetId: 'subnet-1', zone: 'eu-central-1a' };
const secret = (what: string): string => `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${what}`;
const image = (name: string): string => `registry.example.com/${name}@sha256:${'a'.repeat(64)}`;
const TELEMETRY = {
  image: image('collector'),
  pipeline: TelemetryPipeline.fromAttributes({ namespace: 'Tidemark/tidemark/production', awsRegion: 'eu-west-1', logGroupName: 'metrics', logGroupArn: 'arn:metrics' }),
};
const PROPS: EdgeNodeHostProps = {
  name: NAME, site: 'eu-fra-1', awsRegion: 'eu-central-1', place: PLACE, image: image('edge-node'), policy: POLICY,
  regionUrls: ['https://r0.eu.clearing.example.com', 'https://r1.eu.clearing.example.com'],
  secrets: { trust: secret('trust'), key: secret('key'), token: secret('token'), certificate: { chain: secret('tls-cert'), key: secret('tls-key') } },
  encryptionKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1', telemetry: TELEMETRY,
};
const node = (more: Partial<EdgeNodeHostProps> = {}): Synthesized => synthStack((stack) => void new EdgeNodeHost(stack, 'node', { ...PROPS, ...more }), REGION);

interface Container { readonly name: string; readonly environment: { name: string; value: string }[]; readonly secrets: { name: string; valueFrom: string }[]; readonly memory: number }
const containers = (s: Synthesized): Container[] => JSON.parse(s.only('aws_ecs_task_definition')['container_definitions'] as string) as Container[];

test('an edge node in an AWS region', () => {
  expect(node({ clientCidrs: ['10.20.0.0/16'] }).json).toMatchSnapshot();
});

test('an edge node on premises', () => {
  expect(node({ place: { kind: 'on-premises' } }).json).toMatchSnapshot();
});

const PEER = { site: 'eu-waw-1', url: 'https://eu-waw-1.clearing.example.com:8080', cidr: '10.65.1.0/24' };

test('other edge nodes are probed where they are said to be', () => {
  const egress = (s: Synthesized): unknown[] => s.resources('aws_vpc_security_group_egress_rule').map(([, rule]) => [rule['cidr_ipv4'], rule['from_port']]);
  expect(egress(node({ peers: [PEER] }))).toContainEqual(['10.65.1.0/24', 8080]);
  expect(egress(node())).not.toContainEqual(['10.65.1.0/24', 8080]);
  expect(() => node({ peers: [{ ...PEER, url: 'eu-waw-1' }, { ...PEER, cidr: '0.0.0.0/0' }] })).toThrow(/peers\[0\]\.url[^]*peers\[1\]\.cidr: expected the IPv4 network of eu-waw-1, got "0\.0\.0\.0\/0"/);
  expect(() => node({ peers: Array.from({ length: 17 }, () => PEER) })).toThrow('at most 16 others');
  expect(() => node({ place: { kind: 'on-premises' }, peers: [PEER] })).toThrow('on premises the kit knows no way to other sites');
});

test('the service is given every setting of its contract that a site needs, secrets by reference', () => {
  const [service] = containers(node({ authorities: 'PEM', logLevel: 'warn', slas: '[]', peers: [PEER] }));
  const environment = Object.fromEntries(service!.environment.map(({ name, value }) => [name, value]));
  expect(environment).toEqual({
    TIDEMARK_SITE: 'eu-fra-1', TIDEMARK_DATA: '/data', TIDEMARK_HOST: '0.0.0.0', TIDEMARK_PORT: '8080', TIDEMARK_POLICY_CONTENT: POLICY,
    TIDEMARK_REGION_URLS: 'https://r0.eu.clearing.example.com,https://r1.eu.clearing.example.com', TIDEMARK_TLS_CA_CONTENT: 'PEM', TIDEMARK_LOG_LEVEL: 'warn', TIDEMARK_SLAS_CONTENT: '[]',
    TIDEMARK_OTLP_ENDPOINT: 'http://127.0.0.1:4318', TIDEMARK_OTLP_TEMPORALITY: 'delta',
    TIDEMARK_PEERS: JSON.stringify([{ site: PEER.site, url: PEER.url }]),
  });
  expect(Object.fromEntries(service!.secrets.map(({ name, valueFrom }) => [name, valueFrom]))).toEqual({
    TIDEMARK_TRUST_CONTENT: secret('trust'), TIDEMARK_KEY_CONTENT: secret('key'), TIDEMARK_TOKEN_FILE_CONTENT: secret('token'),
    TIDEMARK_TLS_CERT_CONTENT: secret('tls-cert'), TIDEMARK_TLS_KEY_CONTENT: secret('tls-key'),
  });
  const given = [...service!.environment, ...service!.secrets].map(({ name }) => name.replace(/_CONTENT$/, ''));
  // How often telemetry is sent, and of how many settlements, is the service's own to say; the collector beside it asks for no headers.
  const { telemetryWindow, traceRatio, traceClients, otlpHeaders } = EDGE_SETTINGS;
  expect(new Set([...given, ...[telemetryWindow, traceRatio, traceClients, otlpHeaders].map(({ env }) => env)])).toEqual(new Set(Object.values(EDGE_SETTINGS).map((setting) => setting.env)));
});

test('clients are let in from where they are said to be, at the service\'s port', () => {
  expect(node().resources('aws_vpc_security_group_ingress_rule')).toEqual([]);
  expect(node({ clientCidrs: ['10.20.0.0/16', '192.168.7.0/24'] }).resources('aws_vpc_security_group_ingress_rule').map(([, rule]) => [rule['cidr_ipv4'], rule['from_port'], rule['to_port']]))
    .toEqual([['10.20.0.0/16', 8080, 8080], ['192.168.7.0/24', 8080, 8080]]);
});

test('metrics are collected the way that the service speaks', () => {
  const collector = (s: Synthesized): string => JSON.stringify(containers(s).find((c) => c.name === 'collector')?.environment);
  expect(collector(node())).toContain('insecure_skip_verify');
  const { trust, key } = PROPS.secrets;
  const plain = node({ secrets: { trust, key } });
  expect(collector(plain)).not.toContain('insecure_skip_verify');
  const { telemetry: _, ...without } = PROPS;
  expect(containers(synthStack((stack) => void new EdgeNodeHost(stack, 'node', without))).map((c) => c.name)).toEqual(['edge-node']);
});

test('what clients call is the name of the site, or the address of its host', () => {
  synthStack((stack) => {
    const { trust, key } = PROPS.secrets;
    expect(new EdgeNodeHost(stack, 'a', { ...PROPS, name: 'a', hostName: 'eu-fra-1.clearing.example.com' }).url).toBe('https://eu-fra-1.clearing.example.com:8080');
    expect(new EdgeNodeHost(stack, 'b', { ...PROPS, name: 'b', secrets: { trust, key } }).url).toMatch(/^http:\/\/\$\{.+\}:8080$/);
    expect(new EdgeNodeHost(stack, 'c', { ...PROPS, name: 'c', place: { kind: 'on-premises' } }).url).toBeUndefined();
  });
});

describe('places', () => {
  const CLOUD: readonly CloudPlace[] = [
    PLACE,
    { ...PLACE, kind: 'local-zone', zone: 'eu-central-1-waw-1a' },
    { ...PLACE, kind: 'wavelength', zone: 'eu-central-1-wl1-ber-wlz-1' },
    { ...PLACE, kind: 'outpost', outpostArn: 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-1' },
  ];

  test('each size of each fits its machine: the containers and some room for the system', () => {
    const gib: Readonly<Record<string, number>> = {
      't3.small': 2, 't3.medium': 4, 't3.xlarge': 16, 'm5.large': 8, 'm5.xlarge': 16, 'm5.2xlarge': 32, 'm6i.large': 8, 'm6i.2xlarge': 32, 'r5.2xlarge': 64,
    };
    for (const place of CLOUD) {
      for (const size of ['small', 'medium', 'large'] as const) {
        const s = node({ place, size });
        const type = s.only('aws_instance')['instance_type'] as string;
        expect(type).toBe(EDGE_SIZES[place.kind][size].instanceType);
        const taken = containers(s).reduce((sum, c) => sum + c.memory, 0);
        expect(taken, `${place.kind} ${size}`).toBeLessThanOrEqual((gib[type] as number) * 1_024 - 384);
      }
    }
  });

  test('machine and disk can be chosen', () => {
    const s = node({ instanceType: 'm7g.large', dataGib: 333 });
    expect(s.only('aws_instance')['instance_type']).toBe('m7g.large');
    expect(s.only('aws_ebs_volume')['size']).toBe(333);
  });

  test('an Outpost\'s disk is on the Outpost', () => {
    const s = node({ place: CLOUD[3]! });
    expect(s.only('aws_ebs_volume')).toMatchObject({ outpost_arn: 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-1', type: 'gp2' });
  });

  test('a carrier\'s clients come by an address of the carrier, when that is asked for', () => {
    const carrier = { routeTableId: 'rtb-1', networkBorderGroup: 'eu-central-1-wl1-ber-wlz-1' };
    const s = node({ place: { ...CLOUD[2]!, carrier } });
    expect(s.only('aws_eip')).toMatchObject({ network_border_group: carrier.networkBorderGroup });
    expect(s.only('aws_route')).toMatchObject({ route_table_id: 'rtb-1', destination_cidr_block: '0.0.0.0/0' });
    expect(node({ place: CLOUD[2]! }).resources('aws_ec2_carrier_gateway')).toEqual([]);
    expect(() => node({ place: { ...PLACE, carrier } })).toThrow('place.carrier: only a Wavelength Zone');
  });
});

describe('on premises', () => {
  const premises = (more: Partial<EdgeNodeHostProps> = {}): Synthesized => node({ place: { kind: 'on-premises', registerUntil: '2026-01-31T00:00:00Z' }, ...more });

  test('one machine may join, until a time', () => {
    const s = premises();
    expect(s.only('aws_ssm_activation')).toMatchObject({ registration_limit: 1, expiration_date: '2026-01-31T00:00:00Z', tags: { 'tidemark:host': NAME } });
    expect(node({ place: { kind: 'on-premises' } }).only('aws_ssm_activation')['expiration_date']).toBeUndefined();
    expect(s.resources('aws_instance')).toEqual([]);
    expect(s.resources('aws_security_group')).toEqual([]);
  });

  test('the task goes to the machine that carries the name, which is nobody else\'s cluster', () => {
    const s = premises();
    expect(s.only('aws_ecs_service')).toMatchObject({
      launch_type: 'EXTERNAL', deployment_maximum_percent: 100, deployment_minimum_healthy_percent: 0,
      placement_constraints: [{ type: 'memberOf', expression: `attribute:tidemark.host == ${NAME}` }],
    });
    expect(s.only('aws_ecs_task_definition')).toMatchObject({ requires_compatibilities: ['EXTERNAL'], network_mode: 'host', volume: [{ name: 'data', host_path: '/var/lib/tidemark/data' }] });
    expect(s.only('aws_ssm_association')).toMatchObject({ targets: [{ key: 'tag:tidemark:host', values: [NAME] }] });
  });

  test('the machine is told its name and given its folder before the agent is there', () => {
    const command = installCommand({ name: NAME, awsRegion: 'eu-central-1', activationId: 'id', activationCode: 'code' });
    expect(command).toContain('install -d -m 0700 -o 10001 -g 10001 /var/lib/tidemark/data\n');
    expect(command).toContain(`ECS_INSTANCE_ATTRIBUTES={"tidemark.host":"${NAME}"}\n`);
    expect(command.indexOf('ecs.config')).toBeLessThan(command.indexOf('curl'));
    expect(command).toContain(`--region eu-central-1 --cluster ${NAME} --activation-id id --activation-code code`);
  });

  test('what is the network\'s or the machine\'s there is not said here', () => {
    expect(() => premises({ clientCidrs: ['10.0.0.0/8'], dataGib: 20, amiId: 'ami-1', snapshots: false, registerUntil: 'x' } as Partial<EdgeNodeHostProps>))
      .toThrow(/4 mistakes[\s\S]*clientCidrs: on premises[\s\S]*dataGib[\s\S]*amiId[\s\S]*snapshots/);
    expect(() => node({ place: { kind: 'on-premises', registerUntil: 'soon' } })).toThrow('registerUntil: expected a UTC time');
    const stack = new TerraformStack(Testing.app(), 'test');
    const made = new EdgeNodeHost(stack, 'node', { ...PROPS, place: { kind: 'on-premises' } });
    expect(() => made.allowClients('bank', { cidr: '10.0.0.0/8' })).toThrow('on premises the network is yours; let clients reach port 8080');
  });
});

test('mistakes are told at once', () => {
  expect(() => node({ regionUrls: [], policy: '{ "version": 1 }', clientCidrs: ['0.0.0.0/0', '10.0.0.1/8'] }))
    .toThrow(/test\/node: 4 mistakes[\s\S]*regionUrls: none[\s\S]*policy: expected canonical JSON[\s\S]*clientCidrs\[0\]: the whole internet[\s\S]*clientCidrs\[1\]: expected an IPv4 network/);
  expect(() => node({ regionUrls: ['https://a,https://b'], policy: 'x' })).toThrow(/regionUrls\[0\][\s\S]*policy/);
});

describe('the way to the region', () => {
  const LINK: RegionLinkProps = {
    name: NAME, vpcId: 'vpc-1', subnetIds: ['subnet-2'], serviceName: 'com.amazonaws.vpce.eu-central-1.vpce-svc-1', domain: 'eu.clearing.example.com',
    hosts: ['r0.eu.clearing.example.com', 'r1.eu.clearing.example.com'],
  };

  test('is an endpoint in the own network, which the replicas\' names lead to, and which the host alone may use', () => {
    const s = synthStack((stack) => {
      const link = new RegionLink(stack, 'link', LINK);
      link.allow('Edge node eu-fra-1', new EdgeNodeHost(stack, 'node', PROPS).host!);
    }, REGION);
    expect(s.only('aws_vpc_endpoint')).toMatchObject({ vpc_endpoint_type: 'Interface', private_dns_enabled: false, subnet_ids: ['subnet-2'] });
    expect(s.only('aws_vpc_endpoint')['service_region']).toBeUndefined();
    expect(s.only('aws_route53_zone')).toMatchObject({ name: 'eu.clearing.example.com', vpc: [{ vpc_id: 'vpc-1' }] });
    expect(s.resources('aws_route53_record').map(([, record]) => record['name'])).toEqual(LINK.hosts);
    expect(s.only('aws_vpc_security_group_ingress_rule')).toMatchObject({ from_port: 443, to_port: 443, referenced_security_group_id: expect.stringContaining('node_host') });
    expect(s.resources('aws_vpc_security_group_egress_rule').map(([, rule]) => rule['referenced_security_group_id'] ?? rule['cidr_ipv4']))
      .toEqual(['0.0.0.0/0', expect.stringContaining('aws_security_group.link')]);
  });

  test('may lead to another AWS region', () => {
    expect(synthStack((stack) => void new RegionLink(stack, 'link', { ...LINK, serviceRegion: 'eu-west-1' })).only('aws_vpc_endpoint')).toMatchObject({ service_region: 'eu-west-1' });
  });

  test('knows the region\'s names only', () => {
    const stack = new TerraformStack(Testing.app(), 'test');
    expect(() => new RegionLink(stack, 'link', { ...LINK, subnetIds: [], hosts: ['r0.us.clearing.example.com'] })).toThrow(/subnetIds: none[\s\S]*hosts\[0\]: r0\.us\.clearing\.example\.com is not below/);
  });
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_vpc_endpoint')).toHaveLength(1);
});

test('clients are let in to a node that another stack made, unless it is on premises', () => {
  const s = synthStack((stack) => {
    const made = { clusterArn: 'arn:cluster', serviceName: 'node' };
    const found = EdgeNodeHost.fromAttributes(stack, 'found', { ...made, securityGroupId: 'sg-node', url: 'https://eu-fra-1.clearing.example.com' });
    found.allowClients('bank', { cidr: '198.51.100.0/24' });
    expect(found.port).toBe(8080);
    const cellar = EdgeNodeHost.fromAttributes(stack, 'cellar', made);
    expect(() => cellar.allowClients('bank', { cidr: '198.51.100.0/24' })).toThrow('test/cellar: bank: on premises the network is yours; let clients reach port 8080 there');
  });
  expect(s.only('aws_vpc_security_group_ingress_rule')).toMatchObject({ security_group_id: 'sg-node', cidr_ipv4: '198.51.100.0/24', from_port: 8080, description: 'Clients of the edge node' });
});
