/** What all constructs share, as the synthesized stack shows it. */
import { IamRole } from '@cdktf/provider-aws/lib/iam-role/index.js';
import { Fn, TerraformStack, Testing } from 'cdktf';
import { expect, test } from 'vitest';
import { SERVICES } from '../../platform/index.ts';
import { check, ConstructError, FACTS, parameterName, publishFacts, readFacts, serviceContainer, ServiceRole, type Facts } from './index.ts';
import { synthStack } from './testing.ts';

const PLATFORM = { platform: 'tidemark', environment: 'production' } as const;
const IMAGE = `registry/edge@sha256:${'a'.repeat(64)}`;
const LOGS = { logGroupName: 'logs', region: 'eu-west-1' };
const EDGE = {
  site: 'eu-fra-1', regionUrls: 'https://r0.eu.example:443', trust: { secretArn: 'arn:trust' }, key: { secretArn: 'arn:key' }, policy: { content: '{}' },
};

test('a role has one policy with all its grants, and none without a grant', () => {
  const { only, resources } = synthStack((stack) => {
    const role = new ServiceRole(stack, 'role', { name: 'r', services: ['ecs-tasks.amazonaws.com'] });
    const other = new IamRole(stack, 'other', { assumeRolePolicy: '{}' });
    role.allow({ actions: ['s3:GetObject'], resources: [`${other.arn}/*`] });
    role.allow({ actions: ['kms:Sign'], resources: ['*'], conditions: { StringEquals: { 'aws:SourceAccount': '1' } } });
    new ServiceRole(stack, 'idle', { name: 'i', services: ['ec2.amazonaws.com'] });
  });
  expect(resources('aws_iam_role')).toHaveLength(3);
  expect(JSON.parse(only('aws_iam_role_policy')['policy'] as string)).toEqual({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['${aws_iam_role.other.arn}/*'] },
      { Effect: 'Allow', Action: ['kms:Sign'], Resource: ['*'], Condition: { StringEquals: { 'aws:SourceAccount': '1' } } },
    ],
  });
});

test('mistakes come all at once, under the path of the construct', () => {
  const stack = new TerraformStack(Testing.app(), 'test');
  const role = new ServiceRole(stack, 'role', { name: 'r', services: [] });
  const attempt = (): void => check(role, (m) => {
    m.range('days', 0, 1, 7, 'days');
    m.text('name', 'A B', /^\S+$/, 'no spaces');
    m.oneOf('tier', 'x', ['a', 'b']);
    m.exactlyOne({ vpcId: 'v', network: {} });
    m.range('known later', 3, 1, 7, 'days');
  });
  expect(attempt).toThrow(ConstructError);
  expect(attempt).toThrow('test/role: 4 mistakes:\n  - days: expected a whole number of days from 1 to 7, got 0\n  - name: expected no spaces, got "A B"\n'
    + '  - tier: expected one of a, b, got "x"\n  - exactly one of vpcId, network is needed, got vpcId and network');
});

test('what a stack publishes is what another one reads', () => {
  const facts = Object.fromEntries(Object.entries(FACTS.global).map(([name, { kind }]) => [name, kind === 'list' ? ['a', 'b'] : name])) as unknown as Facts<'global'>;
  const published = synthStack((stack) => publishFacts(stack, { ...PLATFORM, kind: 'global' }, facts));
  const names = published.resources('aws_ssm_parameter').map(([, p]) => p['name']);
  expect(new Set(names)).toEqual(new Set(Object.keys(FACTS.global).map((name) => parameterName({ ...PLATFORM, kind: 'global' }, name))));
  expect(names).toContain('/tidemark/production/global/vpc-id');
  expect(Object.keys(published.json['output'] as object)).toContain('route_table_ids');

  const read = synthStack((stack) => {
    const known = readFacts(stack, { ...PLATFORM, kind: 'global' });
    new ServiceRole(stack, 'role', { name: 'r', services: [known.vpcId, known.vpcId, Fn.element([...known.routeTableIds], 1) as string] });
  });
  expect(read.data('aws_ssm_parameter').map(([, p]) => p['name']).sort()).toEqual(['/tidemark/production/global/route-table-ids', '/tidemark/production/global/vpc-id']);
});

test('a fact that is left out is an error that names it', () => {
  const attempt = (): unknown => synthStack((stack) => publishFacts(stack, { ...PLATFORM, kind: 'edge', id: 'a' }, { url: 'u' } as never));
  expect(attempt).toThrow('securityGroupId: a edge stack publishes it, and it was not given');
});

test('a container definition follows from the contract', () => {
  synthStack((stack) => {
    const container = serviceContainer(stack, { service: SERVICES['edge-node'], image: IMAGE, settings: EDGE, logs: LOGS, dataVolume: 'data' });
    expect(container['environment']).toEqual(expect.arrayContaining([
      { name: 'TIDEMARK_DATA', value: '/data' }, { name: 'TIDEMARK_HOST', value: '0.0.0.0' }, { name: 'TIDEMARK_PORT', value: '8080' },
      { name: 'TIDEMARK_POLICY_CONTENT', value: '{}' },
    ]));
    expect(container['secrets']).toEqual(expect.arrayContaining([{ name: 'TIDEMARK_KEY_CONTENT', valueFrom: 'arn:key' }]));
    expect(container).toMatchObject({ readonlyRootFilesystem: true, user: '10001:10001', mountPoints: [{ sourceVolume: 'data', containerPath: '/data' }] });
  });
});

test('settings that are missing, unknown, or secrets in plain sight are refused together', () => {
  expect(() => synthStack((stack) => {
    serviceContainer(stack, { service: SERVICES['edge-node'], image: IMAGE, logs: LOGS, settings: { ...EDGE, key: { content: 'PRIVATE+KEY' }, site: undefined as never, ledger: 'sqlite' } });
  })).toThrow(/settings\.ledger: the edge-node has no such setting[\s\S]*settings\.site: needed[\s\S]*settings\.key: is secret/);
});
