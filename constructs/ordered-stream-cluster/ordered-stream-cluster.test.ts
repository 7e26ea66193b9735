/** OrderedStreamCluster as the synthesized stack shows it; what NATS itself makes of it is in nats.test.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { streamServerConfig } from './config.ts';
import { Example } from './example.ts';
import { OrderedStreamCluster, STREAM_DEFAULTS, type OrderedStreamClusterProps } from './index.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const secret = (what: string): string => `arn:aws:secretsmanager:eu-west-1:123456789012:secret:/t/test/region-eu/${what}-AbCdEf`;
const PROPS: OrderedStreamClusterProps = {
  name: 'tidemark-test-eu-stream', vpcId: 'vpc-1', awsRegion: 'eu-west-1', encryptionKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/1',
  places: ['a', 'b', 'c'].map((zone) => ({ subnetId: `subnet-${zone}`, zone: `eu-west-1${zone}` })),
  privateZone: { id: 'Z1', name: 'eu.clearing.example.com' }, image: `public.ecr.aws/docker/library/nats@sha256:${'a'.repeat(64)}`,
  tokenSecretArn: secret('stream-token'),
};
const TLS = { certificateSecretArn: secret('tls-crt'), keySecretArn: secret('tls-key'), authorities: PEM };
const synth = (props: Partial<OrderedStreamClusterProps> = {}): Synthesized =>
  synthStack((stack) => { new OrderedStreamCluster(stack, 'stream', { ...PROPS, ...props }); });
const attributes = (s: Synthesized, type: string): Record<string, unknown>[] => s.resources(type).map(([, one]) => one);
const containers = (s: Synthesized): Record<string, unknown>[] =>
  attributes(s, 'aws_ecs_task_definition').flatMap((task) => JSON.parse(task['container_definitions'] as string) as Record<string, unknown>[]);

test('what is synthesized', () => {
  const { json } = synth({ tls: TLS });
  const resource = json['resource'] as Record<string, Record<string, unknown>>;
  // The machines themselves are StatefulHost's own snapshot.
  expect(Object.fromEntries(Object.entries(resource).map(([type, all]) => [type, Object.keys(all)]))).toMatchSnapshot('resources');
  expect(containers({ resources: (type: string) => Object.entries(resource[type] ?? {}) } as Synthesized)[0]).toMatchSnapshot('a container');
});

test('three machines, each with a disk in its own zone and a name in the private zone', () => {
  const s = synth();
  expect(attributes(s, 'aws_ebs_volume').map((volume) => volume['availability_zone'])).toEqual(['eu-west-1a', 'eu-west-1b', 'eu-west-1c']);
  expect(attributes(s, 'aws_ebs_volume').every((volume) => (volume['lifecycle'] as Record<string, unknown>)['prevent_destroy'] === true)).toBe(true);
  expect(attributes(s, 'aws_route53_record').map((record) => record['name'])).toEqual([0, 1, 2].map((i) => `n${i}.stream.eu.clearing.example.com`));
});

test('they are updated one after the other', () => {
  const s = synth();
  const services = s.resources('aws_ecs_service');
  const ids = services.map(([id]) => `aws_ecs_service.${id}`);
  const before = services.map(([, service]) => (service['depends_on'] as string[]).filter((on) => ids.includes(on)));
  expect(before).toEqual([[], [ids[0]], [ids[1]]]);
  expect(services.every(([, service]) => service['wait_for_steady_state'] === true)).toBe(true);
  const machines = attributes(s, 'aws_instance');
  expect(machines.map((machine) => machine['depends_on'])).toEqual([[], [ids[0]], [ids[1]]]);
  for (const machine of machines) expect(machine['lifecycle']).toEqual({ ignore_changes: ['ami', 'user_data', 'user_data_base64'] });
});

test('servers reach each other on the route port, clients on theirs, and nobody the monitor', () => {
  const s = synthStack((stack) => {
    const cluster = new OrderedStreamCluster(stack, 'stream', PROPS);
    const out: number[] = [];
    cluster.allowClient('replica-0', { securityGroupId: 'sg-client', allowTo: (_, rule) => void out.push(rule.port) });
    expect(out).toEqual([4222, 4222, 4222]);
  });
  const rules = attributes(s, 'aws_vpc_security_group_ingress_rule');
  expect(rules.filter((rule) => rule['from_port'] === 6222)).toHaveLength(6);
  expect(rules.filter((rule) => rule['from_port'] === 4222)).toMatchObject([1, 2, 3].map(() => ({ referenced_security_group_id: 'sg-client' })));
  expect(new Set(rules.map((rule) => rule['from_port']))).toEqual(new Set([4222, 6222]));
  expect(rules.every((rule) => rule['cidr_ipv4'] === undefined)).toBe(true);
});

test('the token and the key are secrets, and the container has no more than it needs', () => {
  for (const container of containers(synth({ tls: TLS }))) {
    expect(container['secrets']).toEqual([
      { name: 'STREAM_TOKEN', valueFrom: secret('stream-token') }, { name: 'STREAM_TLS_CERT', valueFrom: secret('tls-crt') }, { name: 'STREAM_TLS_KEY', valueFrom: secret('tls-key') },
    ]);
    expect(container).toMatchObject({ readonlyRootFilesystem: true, privileged: false, user: '10001:10001', memory: 6_144, linuxParameters: { capabilities: { drop: ['ALL'] } } });
  }
});

test('the configuration: synced always, a majority in different zones, room for a frame, the disk never full', () => {
  let configs: readonly string[] = [];
  synthStack((stack) => { configs = new OrderedStreamCluster(stack, 'stream', { ...PROPS, dataGib: 100, tls: TLS }).configs; });
  expect(configs).toHaveLength(3);
  expect(configs[0]).toMatchSnapshot('n0');
  for (const config of configs) {
    expect(config).toMatch(/^ {2}sync_interval: always$/m);
    expect(config).toMatch(/^ {2}unique_tag: "zone:"$/m);
    expect(config).toContain(`max_file_store: ${85 * 1_024 ** 3}\n`);
    expect(config).toMatch(/^http: "127\.0\.0\.1:8222"$/m);
  }
});

test('a message holds the longest frame of the services', () => {
  // constructs may not import services, so the number is read where it is written.
  const source = readFileSync(join(import.meta.dirname, '../../services/protocol/frame.ts'), 'utf8');
  const [, mebibytes] = /export const FRAME_MAX = (\d+) \* 1024 \* 1024;/.exec(source) ?? [];
  expect(STREAM_DEFAULTS.messageBytesMax).toBe((Number(mebibytes) + 1) * 1_024 * 1_024);
});

test('text that would break out of its line is refused', () => {
  const server = { name: 'n0', host: 'n0', zone: 'a"\n} authorization {}' };
  expect(() => streamServerConfig({
    server, servers: [server], clusterName: 'c', ports: { client: 1, route: 2, monitor: 3 }, storeFolder: '/data', storeBytesMax: 1, messageBytesMax: 1,
    connectionsMax: 1, tokenVariable: 'T',
  })).toThrow(/can't stand in the configuration/);
});

test('where clients find it, made here or elsewhere', () => {
  const attributesOf = { hosts: ['a', 'b'], tokenSecretArn: 'arn' };
  expect(OrderedStreamCluster.fromHosts(attributesOf).url('order')).toBe('nats://a:4222,b:4222/order');
  expect(() => OrderedStreamCluster.fromHosts(attributesOf).url('a b')).toThrow(/stream: expected/);
});

test('all mistakes are told at once', () => {
  const attempt = (): unknown => synth({ places: PROPS.places.slice(0, 2), image: 'nats:latest', messageBytesMax: 100, tls: { ...TLS, authorities: '' } });
  expect(attempt).toThrow(/^test\/stream: 5 mistakes:\n {2}- places: expected 3 or 5 servers, got 2\n {2}- places: expected at least 3 different zones/);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_instance')).toHaveLength(3);
});
