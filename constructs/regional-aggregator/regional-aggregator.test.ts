/** RegionalAggregator as the synthesized stack shows it. */
import { expect, test } from 'vitest';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { OrderedStreamCluster } from '../ordered-stream-cluster/index.ts';
import { Example } from './example.ts';
import { RegionalAggregator, type RegionalAggregatorProps } from './index.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const secret = (what: string): string => `arn:aws:secretsmanager:eu-west-1:123456789012:secret:/t/test/region-eu/${what}-AbCdEf`;
const STREAM = OrderedStreamCluster.fromHosts({ hosts: ['n0.stream', 'n1.stream', 'n2.stream'], tokenSecretArn: secret('stream-token') });
const PROPS: RegionalAggregatorProps = {
  name: 'tidemark-test-eu', site: 'eu', vpcId: 'vpc-1', awsRegion: 'eu-west-1', encryptionKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/1',
  places: ['a', 'b', 'c'].map((zone) => ({ subnetId: `subnet-${zone}`, zone: `eu-west-1${zone}` })),
  privateZone: { id: 'Z1', name: 'eu.clearing.example.com' },
  image: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/tidemark/regional-aggregator@sha256:${'a'.repeat(64)}`,
  secrets: {
    trust: secret('trust'), keys: [0, 1, 2].map((i) => secret(`key-${i}`)), regionKey: secret('region-key'), certificate: secret('tls-cert'),
    certificateKey: secret('tls-key'), token: secret('token'),
  },
  authorities: PEM, controlUrl: 'https://control.clearing.example.com', stream: STREAM,
};
const ONE = { places: PROPS.places.slice(0, 1), secrets: { ...PROPS.secrets, keys: [secret('key-0')] } };

interface Container { readonly name: string; readonly environment: { name: string; value: string }[]; readonly secrets: { name: string; valueFrom: string }[] }
const synth = (props: Partial<RegionalAggregatorProps> = {}, use: (aggregator: RegionalAggregator) => void = () => undefined): Synthesized =>
  synthStack((stack) => use(new RegionalAggregator(stack, 'aggregator', { ...PROPS, ...props })));
const attributes = (s: Synthesized, type: string): Record<string, unknown>[] => s.resources(type).map(([, one]) => one);
const containers = (s: Synthesized): Container[] =>
  attributes(s, 'aws_ecs_task_definition').flatMap((task) => JSON.parse(task['container_definitions'] as string) as Container[]);
const variables = (list: { name: string; value?: string; valueFrom?: string }[]): Record<string, string | undefined> =>
  Object.fromEntries(list.map((one) => [one.name, one.value ?? one.valueFrom]));

test('what is synthesized', () => {
  const s = synth();
  // The machines themselves are StatefulHost's own snapshot.
  expect(Object.fromEntries(Object.entries(s.json['resource'] as object).map(([type, all]) => [type, Object.keys(all as object)]))).toMatchSnapshot('resources');
  expect(containers(s)[0]).toMatchSnapshot('a container');
});

test('every replica knows which one it is, its own key, and all the others by name', () => {
  const found = containers(synth());
  const urls = [0, 1, 2].map((i) => `https://r${i}.eu.clearing.example.com:8080`).join(',');
  for (const [i, { environment, secrets }] of found.entries()) {
    expect(variables(environment)).toMatchObject({
      TIDEMARK_SITE: 'eu', TIDEMARK_REPLICA: String(i), TIDEMARK_PEER_URLS: urls, TIDEMARK_STREAM: 'nats://n0.stream:4222,n1.stream:4222,n2.stream:4222/order',
      TIDEMARK_CONTROL_URL: 'https://control.clearing.example.com', TIDEMARK_TLS_CA_CONTENT: PEM, TIDEMARK_DATA: '/data',
    });
    expect(variables(secrets)).toEqual({
      TIDEMARK_TRUST_CONTENT: secret('trust'), TIDEMARK_KEY_CONTENT: secret(`key-${i}`), TIDEMARK_REGION_KEY_CONTENT: secret('region-key'),
      TIDEMARK_TLS_CERT_CONTENT: secret('tls-cert'), TIDEMARK_TLS_KEY_CONTENT: secret('tls-key'), TIDEMARK_TOKEN_FILE_CONTENT: secret('token'),
      TIDEMARK_STREAM_TOKEN_FILE_CONTENT: secret('stream-token'),
    });
  }
  expect(found).toHaveLength(3);
});

test('embedded: one replica, the stream beside its log', () => {
  const [container] = containers(synth({ ...ONE, stream: 'embedded' }));
  expect(variables(container?.environment ?? [])['TIDEMARK_STREAM']).toBe('sqlite:/data/stream.db');
  expect(variables(container?.secrets ?? [])['TIDEMARK_STREAM_TOKEN_FILE_CONTENT']).toBeUndefined();
});

test('replicas are updated one after the other, and patched on different days', () => {
  const s = synth();
  const services = s.resources('aws_ecs_service');
  const ids = services.map(([id]) => `aws_ecs_service.${id}`);
  expect(services.map(([, service]) => (service['depends_on'] as string[]).filter((on) => ids.includes(on)))).toEqual([[], [ids[0]], [ids[1]]]);
  expect(services.every(([, service]) => service['wait_for_steady_state'] === true)).toBe(true);
  // So are the machines: a change of their type stops one at a time, and nothing replaces them.
  const machines = attributes(s, 'aws_instance');
  expect(machines.map((machine) => machine['depends_on'])).toEqual([[], [ids[0]], [ids[1]]]);
  for (const machine of machines) expect(machine['lifecycle']).toEqual({ ignore_changes: ['ami', 'user_data', 'user_data_base64'] });
  expect(new Set(attributes(s, 'aws_ssm_association').map((one) => one['schedule_expression'])).size).toBe(3);
});

test('only replicas reach replicas, until somebody else is let in', () => {
  const ingress = (s: Synthesized): Record<string, unknown>[] => attributes(s, 'aws_vpc_security_group_ingress_rule');
  const closed = ingress(synth());
  expect(closed).toHaveLength(6);
  expect(closed.every((rule) => rule['from_port'] === 8080 && rule['referenced_security_group_id'] !== undefined)).toBe(true);
  const open = ingress(synth({}, (aggregator) => aggregator.allowFrom('control plane', { cidr: '10.64.0.0/18' })));
  expect(open.filter((rule) => rule['cidr_ipv4'] === '10.64.0.0/18')).toHaveLength(3);
});

test('a cluster made beside it lets its replicas in', () => {
  const s = synthStack((stack) => {
    const { vpcId, awsRegion, encryptionKeyArn, places, privateZone } = PROPS;
    const stream = new OrderedStreamCluster(stack, 'stream', {
      name: 'tidemark-test-eu-stream', vpcId, awsRegion, encryptionKeyArn, places, privateZone, image: PROPS.image, tokenSecretArn: secret('stream-token'),
    });
    new RegionalAggregator(stack, 'aggregator', { ...PROPS, stream });
  });
  expect(attributes(s, 'aws_vpc_security_group_ingress_rule').filter((rule) => rule['from_port'] === 4222)).toHaveLength(9);
  expect(attributes(s, 'aws_vpc_security_group_egress_rule').filter((rule) => rule['from_port'] === 4222)).toHaveLength(9);
});

test('what a way into the region needs to know', () => {
  synth({}, (aggregator) => {
    expect(aggregator.targets.map(({ host }) => host)).toEqual([0, 1, 2].map((i) => `r${i}.eu.clearing.example.com`));
    expect(aggregator.targets.map(({ targetId }) => targetId)).toEqual(aggregator.replicas.map((replica) => replica.instanceId));
    expect(aggregator.urls).toEqual(aggregator.hosts.map((host) => `https://${host}:8080`));
  });
});

test('a collector beside each replica', () => {
  const image = `collector@sha256:${'b'.repeat(64)}`;
  const s = synth({ sidecars: ({ logs }, i) => [{ name: 'collector', image, essential: false, memory: 256, environment: [{ name: 'REPLICA', value: `${i} of ${logs.region}` }] }] });
  expect(containers(s).filter(({ name }) => name === 'collector').map(({ environment }) => environment[0]?.value)).toEqual([0, 1, 2].map((i) => `${i} of eu-west-1`));
});

test('all mistakes are told at once', () => {
  expect(() => synth({ stream: 'embedded', image: 'aggregator:latest', controlUrl: 'http://control', authorities: '', secrets: { ...PROPS.secrets, keys: [] } }))
    .toThrow(/^test\/aggregator: 5 mistakes:\n {2}- secrets\.keys: expected one for each of 3 replicas, got 0\n {2}- stream: embedded is a file of one machine, and there are 3 replicas/);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_instance')).toHaveLength(1);
});

test('replicas that another stack made are called, and let others in, like those of one\'s own', () => {
  const targets = [0, 1].map((i) => ({ host: `r${i}.eu.clearing.example.com`, targetId: `i-${i}`, securityGroupId: `sg-${i}` }));
  const s = synthStack((stack) => {
    const found = RegionalAggregator.fromTargets(stack, 'found', targets);
    expect(found).toMatchObject({ targets, port: 8080, urls: ['https://r0.eu.clearing.example.com:8080', 'https://r1.eu.clearing.example.com:8080'] });
    found.allowFrom('balancer', { securityGroupId: 'sg-balancer' });
    expect(() => RegionalAggregator.fromTargets(stack, 'none', [])).toThrow('test/none: targets: expected a whole number of replicas from 1 to 7, got 0');
  });
  expect(attributes(s, 'aws_vpc_security_group_ingress_rule')).toEqual([0, 1].map((i) => expect.objectContaining({
    security_group_id: `sg-${i}`, referenced_security_group_id: 'sg-balancer', from_port: 8080, to_port: 8080, description: 'balancer',
  })));
});
