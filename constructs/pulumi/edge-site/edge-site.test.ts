/** An edge site by Pulumi is the one that CDKTF makes; what is secret stays so. */
import * as pulumi from '@pulumi/pulumi';
import { expect, test } from 'vitest';
import { SERVICES } from '../../../platform/index.ts';
import { synthStack } from '../../common/testing.ts';
import { EdgeNodeHost } from '../../edge-node-host/index.ts';
import { TelemetryPipeline } from '../../telemetry-pipeline/index.ts';
import { EdgeSite, type EdgeSiteArgs } from '../index.ts';
import { stackPolicies, type StackResource } from '../policy/index.ts';
import { isSecret, valueOf, withMocks, type MockOptions, type RecordedResource } from '../testing/index.ts';

const digest = `@sha256:${'a'.repeat(64)}`;
const registry = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/tidemark';
const key = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555';
const secretArn = (name: string): string => `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}-abcdef`;
const telemetry = { namespace: 'Tidemark/tidemark/production', awsRegion: 'eu-west-1', logGroupName: '/tidemark/m', logGroupArn: 'arn:aws:logs:eu-west-1:123456789012:log-group:/tidemark/m', image: `${registry}/collector${digest}` };

const args = (more: Partial<EdgeSiteArgs> = {}): EdgeSiteArgs => ({
  stack: { platform: 'tidemark', environment: 'production', kind: 'edge', id: 'eu-fra-1' }, awsRegion: 'eu-central-1', tags: { owner: 'settlement' },
  place: { kind: 'region', zone: 'eu-central-1a', vpcId: 'vpc-1', subnetId: pulumi.output('subnet-1') },
  regionUrls: pulumi.output(['https://r0.eu.example.com', 'https://r1.eu.example.com']), policy: '{"version":1}', slas: '[]', image: `${registry}/edge-node${digest}`,
  encryptionKeyArn: key, clientCidrs: ['10.20.0.0/16'], telemetry, repositoryArns: ['arn:aws:ecr:eu-central-1:123456789012:repository/tidemark/edge-node'],
  secrets: {
    trust: { arn: secretArn('trust') }, key: { arn: secretArn('key') }, certificate: { chain: { arn: secretArn('cert') }, key: { arn: secretArn('tls') } }, token: { arn: secretArn('token') },
  },
  ...more,
});
const calls: NonNullable<MockOptions['calls']> = {
  'aws:ssm/getParameter:getParameter': () => ({ insecureValue: 'ami-0123456789abcdef0' }),
  'aws:index/getCallerIdentity:getCallerIdentity': () => ({ accountId: '123456789012' }),
};
const run = (more: Partial<EdgeSiteArgs> = {}, options: MockOptions = {}) => withMocks(() => new EdgeSite('fra', args(more)), { calls, ...options });
const TASK = 'aws:ecs/taskDefinition:TaskDefinition';
const link = { subnetIds: ['subnet-2'], serviceName: 'com.amazonaws.vpce.x', domain: 'eu.example.com', hosts: ['r0.eu.example.com', 'r1.eu.example.com'] };

test('containers, start of the machine and permissions are those of EdgeNodeHost', async () => {
  const made = await run();
  const { stack: _, telemetry: __, tags: ___, place: ____, repositoryArns: _____, regionUrls: ______, secrets: _______, policy, slas, image, awsRegion, encryptionKeyArn, clientCidrs } = args();
  const terraform = synthStack((stack) => void new EdgeNodeHost(stack, 'node', {
    name: 'tidemark-production-eu-fra-1', site: 'eu-fra-1', awsRegion, encryptionKeyArn: encryptionKeyArn as string, policy: policy as string, slas: slas!, image, clientCidrs: clientCidrs!,
    place: { kind: 'region', zone: 'eu-central-1a', vpcId: 'vpc-1', subnetId: 'subnet-1' }, regionUrls: ['https://r0.eu.example.com', 'https://r1.eu.example.com'],
    secrets: { trust: secretArn('trust'), key: secretArn('key'), certificate: { chain: secretArn('cert'), key: secretArn('tls') }, token: secretArn('token') },
    telemetry: { image: telemetry.image, pipeline: TelemetryPipeline.fromAttributes(telemetry) },
  }), { region: 'eu-central-1' });
  const containers = (text: unknown): Record<string, unknown>[] => JSON.parse((text as string).replaceAll(/\$\{aws_cloudwatch_log_group[^}]+\}/g, '/tidemark/tidemark-production-eu-fra-1').replaceAll('$${', '${')) as Record<string, unknown>[];
  expect(containers(made.only(TASK).inputs['containerDefinitions'])).toEqual(containers(terraform.only('aws_ecs_task_definition')['container_definitions']));
  const userData = (terraform.only('aws_instance')['user_data'] as string).replaceAll(/\$\{replace\([^}]+\)\}/g, 'fra-id'.replace('-', '')).replaceAll('$${', '${').replaceAll('%%{', '%{');
  expect(made.only('aws:ec2/instance:Instance').inputs['userData']).toBe(userData);
  const volume = made.only('aws:ebs/volume:Volume').inputs;
  expect([volume['size'], volume['type'], volume['encrypted']]).toEqual([terraform.only('aws_ebs_volume')['size'], terraform.only('aws_ebs_volume')['type'], true]);
  const actions = (document: unknown): unknown[] => (JSON.parse(document as string) as { Statement: { Action: unknown }[] }).Statement.map((s) => s.Action);
  const policies = made.ofType('aws:iam/rolePolicy:RolePolicy').flatMap(({ inputs }) => actions(inputs['policy'])).map(String);
  for (const [, { policy: document }] of terraform.resources('aws_iam_role_policy')) for (const action of actions(document)) expect(policies).toContain(String(action));
});

test('everything of it is below it, and outputs are what others need', async () => {
  const made = await run({ link, hostName: 'eu-fra-1.example.com' });
  const site = made.result;
  expect(await valueOf(site.url!)).toBe('https://eu-fra-1.example.com:8080');
  expect(site.port).toBe(SERVICES['edge-node'].port);
  const urn = await valueOf(site.urn);
  const task = await valueOf(site.task.taskDefinition.urn);
  expect(task).toContain(`${urn.split('::')[2]!}$${TASK}`);
  expect(made.ofType('aws:route53/record:Record').map(({ inputs }) => inputs['name'])).toEqual(link.hosts);
  expect(made.only('aws:ec2/vpcEndpoint:VpcEndpoint').inputs).toMatchObject({ serviceName: 'com.amazonaws.vpce.x', privateDnsEnabled: false });
});

test('secrets by value: made in Secrets Manager under the platform\'s names, and plain nowhere', async () => {
  const value = 'PRIVATE+KEY+very+secret';
  const made = await run({ secrets: { trust: { arn: secretArn('trust') }, key: { value }, certificate: { chain: { value: pulumi.secret('chain-pem') }, key: { value: 'tls-pem' } } } });
  const versions = made.ofType('aws:secretsmanager/secretVersion:SecretVersion');
  expect(versions.map(({ inputs, secretInputs }) => [inputs['secretString'], secretInputs])).toEqual([
    [value, ['secretString']], ['chain-pem', ['secretString']], ['tls-pem', ['secretString']],
  ]);
  expect(made.ofType('aws:secretsmanager/secret:Secret').map(({ inputs }) => inputs['name'])).toContain('/tidemark/production/edge-eu-fra-1/tls-key');
  const others = JSON.stringify(made.resources.filter((resource) => !versions.includes(resource)));
  for (const secret of [value, 'chain-pem', 'tls-pem']) expect(others).not.toContain(secret);
  expect(made.only(TASK).inputs['containerDefinitions']).toContain('arn:aws:secretsmanager:eu-central-1:123456789012:fra-key-value');
});

test('an input that is secret stays secret where it ends up', async () => {
  const made = await run({ regionUrls: pulumi.secret(['https://r0.eu.example.com']) });
  expect(made.only(TASK).secretInputs).toEqual(['containerDefinitions']);
});

test('on premises: an activation for one machine; how it is registered is a secret', async () => {
  const { clientCidrs: _, ...rest } = args();
  const made = await withMocks(() => new EdgeSite('brno', { ...rest, place: { kind: 'on-premises' } }), { calls });
  expect(made.ofType('aws:ec2/instance:Instance')).toEqual([]);
  expect(made.only('aws:ssm/activation:Activation').inputs).toMatchObject({ registrationLimit: 1 });
  expect(made.only('aws:ecs/service:Service').inputs['launchType']).toBe('EXTERNAL');
  expect(await valueOf(made.result.installCommand!)).toContain('--activation-code code-of-brno');
  expect(await isSecret(made.result.installCommand!)).toBe(true);
  expect(made.result.url).toBeUndefined();
});

test('in a Wavelength Zone: an address of the carrier\'s', async () => {
  const made = await run({ place: { kind: 'wavelength', zone: 'eu-central-1-wl1-ber-wlz-1', vpcId: 'v', subnetId: 's', carrier: { routeTableId: 'rtb-1', networkBorderGroup: 'eu-central-1-wl1-ber-wlz-1' } } });
  expect(made.only('aws:ec2/eipAssociation:EipAssociation').inputs['networkInterfaceId']).toBe('eni-0123456789abcdef0');
});

test('mistakes come all at once, before anything is registered; outputs are looked at when they are known', async () => {
  const registered: string[] = [];
  const wrong = run({
    regionUrls: [], policy: '{ "b": 1 }', image: 'edge-node:latest', clientCidrs: ['0.0.0.0/0'], dataGib: 1, logRetentionDays: 2, link: { ...link, hosts: ['r0.us.example.com'] },
    secrets: { trust: {}, key: { arn: 'PRIVATE+KEY', value: 'x' } },
  }, { outputs: ({ type }) => void registered.push(type) });
  const error = await wrong.catch((e: unknown) => e as Error);
  expect(registered).toEqual([]);
  for (const part of [
    /^ConstructError: tidemark:kit:EdgeSite::fra: /, /exactly one of secrets\.trust\.arn, secrets\.trust\.value is needed, got none/, /got secrets\.key\.arn and secrets\.key\.value/,
    /secrets\.key\.arn: expected the ARN/, /regionUrls: none/, /policy: expected canonical JSON/, /image: expected repository@sha256/, /clientCidrs\[0\]: the whole internet/, /dataGib: /,
    /logRetentionDays: /, /link\.hosts\[0\]: r0\.us\.example\.com is not below/,
  ]) expect(String(error)).toMatch(part);
  expect(String(error)).not.toContain('PRIVATE+KEY');
  await expect(run({ regionUrls: pulumi.output(['ftp://x']) })).rejects.toThrow(/regionUrls\[0\]: expected a base URL/);
});

/** As the engine would give them to a policy pack. */
const asStack = (resources: readonly RecordedResource[]): StackResource[] => resources.map(({ type, name, id, state, secretInputs }) => ({
  type, name, urn: `urn:pulumi:stack::project::${type}::${name}`, props: { ...state, id },
  opts: { protect: type === 'aws:ebs/volume:Volume', additionalSecretOutputs: [...secretInputs] },
}));

test('it passes the kit\'s own rules, with one suppression that it gives the reason for', async () => {
  const { resources } = await run({ link });
  const found: string[] = [];
  for (const policy of stackPolicies()) {
    const stack = { resources: asStack(resources), getConfig: () => ({}) } as unknown as Parameters<typeof policy.validateStack>[0];
    await policy.validateStack(stack, (message) => void found.push(`${policy.name}: ${message}`));
  }
  expect(found).toEqual([]);
});
