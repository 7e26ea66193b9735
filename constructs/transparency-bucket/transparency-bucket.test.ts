/** The audit bucket, as the synthesized stack shows it. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { expect, test } from 'vitest';
import { ServiceRole } from '../common/index.ts';
import { synthStack } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { TransparencyBucket, type TransparencyBucketProps } from './index.ts';

interface PolicyStatement { readonly Sid?: string; readonly Effect: string; readonly Action: string[]; readonly Resource: string[] }
const statementsOf = (policy: Record<string, unknown>): PolicyStatement[] => (JSON.parse(policy['policy'] as string) as { Statement: PolicyStatement[] }).Statement;
const PROPS: Omit<TransparencyBucketProps, 'replica'> = {
  name: 'tidemark-audit', region: 'eu-west-1', encryptionKeyArn: 'arn:key:1', accessLogs: { bucketName: 'logs', prefix: 's3/audit/' },
};
const REPLICA = { name: 'tidemark-audit-copy', region: 'eu-central-1', encryptionKeyArn: 'arn:key:2', accessLogs: { bucketName: 'logs-2', prefix: 's3/audit/' } };
const synth = (props: Partial<TransparencyBucketProps> = {}, replica: Partial<typeof REPLICA> | false = {}, then?: (bucket: TransparencyBucket) => void) =>
  synthStack((stack) => {
    const provider = new AwsProvider(stack, 'replica', { region: 'eu-central-1', alias: 'replica' });
    const bucket = new TransparencyBucket(stack, 'audit', { ...PROPS, replica: replica === false ? false : { ...REPLICA, ...replica, provider }, ...props });
    then?.(bucket);
  });

test('the whole bucket', () => {
  expect(synth().json).toMatchSnapshot();
});

test('bucket and copy are locked in compliance mode, each with the key of its own AWS region', () => {
  const { resources } = synth({ lockDays: 30 });
  const locks = resources('aws_s3_bucket_object_lock_configuration').map(([, r]) => r);
  expect(locks.map((lock) => lock['rule'])).toEqual([0, 1].map(() => ({ default_retention: { mode: 'COMPLIANCE', days: 30 } })));
  expect(resources('aws_s3_bucket').map(([, b]) => [b['bucket'], b['object_lock_enabled'], b['provider'], b['lifecycle']])).toEqual([
    ['tidemark-audit', true, undefined, { prevent_destroy: true }], ['tidemark-audit-copy', true, 'aws.replica', { prevent_destroy: true }],
  ]);
  const keys = resources('aws_s3_bucket_server_side_encryption_configuration').map(([, e]) => JSON.stringify(e['rule']));
  expect(keys.map((rule) => /arn:key:\d/.exec(rule)?.[0])).toEqual(['arn:key:1', 'arn:key:2']);
});

test('everything is copied in time and nothing is deleted by copying', () => {
  const { only } = synth();
  const [rule] = only('aws_s3_bucket_replication_configuration')['rule'] as Record<string, unknown>[];
  expect(rule).toMatchObject({
    status: 'Enabled', delete_marker_replication: { status: 'Disabled' }, source_selection_criteria: { sse_kms_encrypted_objects: { status: 'Enabled' } },
    destination: { encryption_configuration: { replica_kms_key_id: 'arn:key:2' }, replication_time: { status: 'Enabled', time: { minutes: 15 } } },
  });
  const actions = statementsOf(only('aws_iam_role_policy')).flatMap((s) => s.Action);
  expect(actions).toContain('s3:ReplicateObject');
  expect(actions.filter((action) => action.includes('Delete') || action.includes('*'))).toEqual([]);
});

test('nobody hides what is there or writes it with another key', () => {
  const { resources } = synth();
  for (const [, policy] of resources('aws_s3_bucket_policy')) {
    expect(statementsOf(policy).map((s) => [s.Sid, s.Effect])).toEqual(['DenyPlainHttp', 'DenyOldTls', 'DenyHiding', 'DenyOtherKeys', 'DenyOtherEncryption', 'DenyUnnamedKey'].map((sid) => [sid, 'Deny']));
  }
});

test('to append is granted below the two folders, to delete never; a bucket that exists grants the same', () => {
  const { resources } = synth({}, false, (bucket) => {
    const role = (name: string) => new ServiceRole(bucket, name, { name, services: ['ecs-tasks.amazonaws.com'] });
    bucket.grantAppend(role('writer'));
    const existing = TransparencyBucket.fromAttributes({ name: 'tidemark-audit', arn: 'arn:bucket', encryptionKeyArn: 'arn:key:1' });
    existing.grantRead(role('auditor'));
    expect(existing.tilesUrl).toBe('s3://tidemark-audit/tiles');
    expect(bucket.replica).toBeUndefined();
  });
  const [auditor, writer] = resources('aws_iam_role_policy').map(([, p]) => statementsOf(p));
  expect(writer!.find((s) => s.Action.includes('s3:PutObject'))?.Resource.map((r) => r.replace(/^.*\}/, ''))).toEqual(['/tiles/*', '/exports/*']);
  expect(auditor!.flatMap((s) => s.Action).filter((action) => /Put|Delete|Generate/.test(action))).toEqual([]);
  expect([...auditor!, ...writer!].flatMap((s) => s.Action).filter((action) => /Delete|Bypass|\*/.test(action))).toEqual([]);
  expect(resources('aws_s3_bucket_replication_configuration')).toEqual([]);
});

test('all mistakes at once', () => {
  expect(() => synth({}, { name: 'tidemark-audit', region: 'eu-west-1' })).toThrow([
    'test/audit: 2 mistakes:',
    '  - replica.name: is the bucket\'s own "tidemark-audit"; the copy is a bucket of its own',
    '  - replica.region: is the bucket\'s own eu-west-1; a copy is of use in another AWS region',
  ].join('\n'));
  expect(() => synth({ lockDays: 40_000 })).toThrow('test/audit/bucket: lockDays: expected a whole number of days from 1 to 36500, got 40000');
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_s3_bucket_replication_configuration')).toHaveLength(1);
});
