/** Encryption keys, as the synthesized stack shows them. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { expect, test } from 'vitest';
import { ServiceRole } from '../common/index.ts';
import { synthStack } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { EncryptionKey, type EncryptionKeyProps } from './index.ts';

const PROPS: EncryptionKeyProps = { name: 'tidemark-test', description: 'Data of a test', region: 'eu-west-1' };
type Policy = { readonly Statement: readonly { readonly Sid: string; readonly Action: string[]; readonly Principal: unknown; readonly Condition?: unknown }[] };
const policyOf = (key: Record<string, unknown>): Policy => JSON.parse(key['policy'] as string) as Policy;

test('the whole key', () => {
  expect(synthStack((stack) => void new EncryptionKey(stack, 'key', { ...PROPS, uses: ['logs', 'alarms', 'fargate'], preventDestroy: true })).json).toMatchSnapshot();
});

test('it rotates, and its policy has no wildcard and nobody but the account and the services that were named', () => {
  const { only } = synthStack((stack) => void new EncryptionKey(stack, 'key', { ...PROPS, uses: ['logs', 'logs'] }));
  expect(only('aws_kms_key')).toMatchObject({ enable_key_rotation: true, rotation_period_in_days: 365, deletion_window_in_days: 30 });
  expect(only('aws_kms_key')).not.toHaveProperty('lifecycle');
  const { Statement } = policyOf(only('aws_kms_key'));
  expect(Statement.map((s) => s.Sid)).toEqual(['Account', 'Logs']);
  expect(Statement.flatMap((s) => s.Action).filter((action) => action.includes('*'))).toEqual([]);
  expect(Statement[1]).toMatchObject({ Principal: { Service: 'logs.eu-west-1.amazonaws.com' } });
});

test('grants are the least that is needed, of a key made here and of one that exists', () => {
  const { resources } = synthStack((stack) => {
    const role = (name: string) => new ServiceRole(stack, name, { name, services: ['ecs-tasks.amazonaws.com'] });
    new EncryptionKey(stack, 'key', PROPS).grantEncryptDecrypt(role('writer'));
    EncryptionKey.fromArn('arn:aws:kms:eu-west-1:1:key/1').grantDecrypt(role('reader'));
  });
  const policies = resources('aws_iam_role_policy').map(([, p]) => (JSON.parse(p['policy'] as string) as { Statement: unknown[] }).Statement);
  expect(policies).toContainEqual([{ Effect: 'Allow', Action: ['kms:Decrypt', 'kms:DescribeKey'], Resource: ['arn:aws:kms:eu-west-1:1:key/1'] }]);
  expect(policies).toContainEqual([expect.objectContaining({ Action: ['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKey'] })]);
});

test('a key of another AWS region is wholly there; a statement can be added later', () => {
  const { only, data } = synthStack((stack) => {
    const provider = new AwsProvider(stack, 'replica', { region: 'eu-central-1', alias: 'replica' });
    const key = new EncryptionKey(stack, 'key', { ...PROPS, region: 'eu-central-1', provider });
    key.addToPolicy({ sid: 'Later', actions: ['kms:Decrypt'], principals: { Service: 'sns.amazonaws.com' } });
    expect(() => key.addToPolicy({ actions: ['kms:Decrypt'] })).toThrow('test/key: addToPolicy: a statement of a key policy names its principals');
  });
  for (const part of [only('aws_kms_key'), only('aws_kms_alias'), ...data('aws_caller_identity').map(([, d]) => d)]) expect(part['provider']).toBe('aws.replica');
  expect(policyOf(only('aws_kms_key')).Statement.map((s) => s.Sid)).toEqual(['Account', 'Later']);
});

test('all mistakes at once', () => {
  expect(() => synthStack((stack) => void new EncryptionKey(stack, 'key', { ...PROPS, name: 'aws/mine', rotationDays: 30, deletionDays: 31, uses: ['sqs' as never] })))
    .toThrow(/test\/key: 4 mistakes:[\s\S]*name:[\s\S]*rotationDays: expected a whole number of days from 90 to 2560, got 30[\s\S]*deletionDays[\s\S]*uses: expected one of logs, alarms, fargate, got "sqs"/);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_kms_key')).toHaveLength(1);
});
