/** Buckets, as the synthesized stack shows them. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { expect, test } from 'vitest';
import { synthStack } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { LogBucket, PrivateBucket } from './index.ts';

interface PolicyStatement { readonly Sid: string; readonly Effect: string; readonly Resource: string[]; readonly Principal: { readonly Service?: string } }
const statementsOf = (policy: Record<string, unknown>): PolicyStatement[] => (JSON.parse(policy['policy'] as string) as { Statement: PolicyStatement[] }).Statement;

test('the whole log bucket', () => {
  expect(synthStack((stack) => void new LogBucket(stack, 'logs', { name: 'tidemark-logs', region: 'eu-west-1', sources: ['alb', 'nlb', 's3'] })).json).toMatchSnapshot();
});

test('a bucket is closed, versioned, encrypted with the key, and refuses plain HTTP', () => {
  const { only, resources } = synthStack((stack) => void new PrivateBucket(stack, 'bucket', { name: 'tidemark-data', encryptionKeyArn: 'arn:key' }));
  expect(only('aws_s3_bucket_public_access_block')).toMatchObject({ block_public_acls: true, block_public_policy: true, ignore_public_acls: true, restrict_public_buckets: true });
  expect(only('aws_s3_bucket_ownership_controls')).toMatchObject({ rule: { object_ownership: 'BucketOwnerEnforced' } });
  expect(only('aws_s3_bucket_versioning')).toMatchObject({ versioning_configuration: { status: 'Enabled' } });
  expect(only('aws_s3_bucket_server_side_encryption_configuration')).toMatchObject({
    rule: [{ apply_server_side_encryption_by_default: { sse_algorithm: 'aws:kms', kms_master_key_id: 'arn:key' }, bucket_key_enabled: true }],
  });
  expect(statementsOf(only('aws_s3_bucket_policy')).map((s) => [s.Sid, s.Effect])).toEqual([['DenyPlainHttp', 'Deny'], ['DenyOldTls', 'Deny']]);
  expect(only('aws_s3_bucket')).toMatchObject({ force_destroy: false });
  for (const type of ['aws_s3_bucket_object_lock_configuration', 'aws_s3_bucket_logging', 'aws_s3_bucket_lifecycle_configuration']) expect(resources(type)).toEqual([]);
});

test('each source delivers to its own folder, and no other service does', () => {
  const { only } = synthStack((stack) => {
    const logs = new LogBucket(stack, 'logs', { name: 'tidemark-logs', region: 'eu-west-1', sources: ['alb', 's3'], retentionDays: 30 });
    expect(logs.prefix('alb')).toBe('alb');
    expect(logs.prefix('s3', 'audit')).toBe('s3/audit/');
    expect(() => logs.prefix('nlb')).toThrow('test/logs: prefix: nlb may not deliver here; add it to sources (alb, s3)');
  });
  const allowed = statementsOf(only('aws_s3_bucket_policy')).filter((s) => s.Effect === 'Allow');
  expect(allowed.map((s) => [s.Principal.Service, s.Resource[0]!.replace(/^[^/]*/, '').replace(/\$\{.*\}/, 'ACCOUNT')])).toEqual([
    ['logdelivery.elasticloadbalancing.amazonaws.com', '/alb/AWSLogs/ACCOUNT/*'], ['logging.s3.amazonaws.com', '/s3/*'],
  ]);
  expect(only('aws_s3_bucket_lifecycle_configuration')).toMatchObject({ rule: [{ expiration: [{ days: 30 }] }] });
});

test('a bucket of another AWS region is wholly there', () => {
  const { json } = synthStack((stack) => {
    const provider = new AwsProvider(stack, 'replica', { region: 'eu-central-1', alias: 'replica' });
    new LogBucket(stack, 'logs', { name: 'tidemark-logs', region: 'eu-central-1', sources: ['s3'], provider });
  });
  const parts = [json['resource'], json['data']].flatMap((section) => Object.values(section as Record<string, Record<string, Record<string, unknown>>>).flatMap((type) => Object.values(type)));
  expect(parts.length).toBeGreaterThan(6);
  expect(parts.map((part) => part['provider'])).toEqual(parts.map(() => 'aws.replica'));
});

test('all mistakes at once', () => {
  expect(() => synthStack((stack) => void new PrivateBucket(stack, 'bucket', { name: 'Tidemark.data', lockDays: 0 })))
    .toThrow(/test\/bucket: 2 mistakes:[\s\S]*name: expected 3 to 63[\s\S]*lockDays: expected a whole number of days from 1 to 36500, got 0/);
  expect(() => synthStack((stack) => void new LogBucket(stack, 'logs', { name: 'tidemark-logs', region: 'eu-west-1', sources: [], retentionDays: 0 })))
    .toThrow(/test\/logs: 2 mistakes:[\s\S]*retentionDays[\s\S]*sources: none/);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_s3_bucket')).toHaveLength(2);
});
