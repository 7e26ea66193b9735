import { of, policy, type Examples } from './model.ts';

const bucket = { aws_s3_bucket: { b: { bucket: 'audit' } } };
const ID = '${aws_s3_bucket.b.id}';
const ALL = { block_public_acls: true, block_public_policy: true, ignore_public_acls: true, restrict_public_buckets: true };
const TLS_ONLY = {
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:*',
  Resource: ['${aws_s3_bucket.b.arn}', '${aws_s3_bucket.b.arn}/*'],
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
};
const withPolicy = (statement: Record<string, unknown>) =>
  of({ ...bucket, aws_s3_bucket_policy: { p: { bucket: ID, policy: policy(statement) } } });
const encrypted = (by: Record<string, unknown>) => ({
  aws_s3_bucket_server_side_encryption_configuration: {
    e: { bucket: ID, rule: [{ apply_server_side_encryption_by_default: by }] },
  },
});
const locked = (retention: Record<string, unknown>) =>
  of({
    aws_s3_bucket: { b: { bucket: 'audit', object_lock_enabled: true } },
    aws_s3_bucket_object_lock_configuration: { l: { bucket: ID, rule: { default_retention: retention } } },
  });

export const S3_EXAMPLES: Examples = {
  'TM-S3-01': {
    catches: [
      of(bucket),
      of({ ...bucket, aws_s3_bucket_public_access_block: { p: { bucket: ID, ...ALL, block_public_policy: false } } }),
      of({ ...bucket, aws_s3_bucket_public_access_block: { p: { bucket: ID, ...ALL, ignore_public_acls: '${var.closed}' } } }),
      of({ ...bucket, aws_s3_bucket_public_access_block: { p: { bucket: 'another', ...ALL } } }),
    ],
    passes: [
      of({ ...bucket, aws_s3_bucket_public_access_block: { p: { bucket: ID, ...ALL } } }),
      of({ ...bucket, aws_s3_bucket_public_access_block: { p: { bucket: 'audit', ...ALL } } }),
      // The reference goes through another part of the bucket.
      of({
        ...bucket,
        aws_s3_bucket_versioning: { v: { bucket: ID } },
        aws_s3_bucket_public_access_block: { p: { bucket: '${aws_s3_bucket_versioning.v.bucket}', ...ALL } },
      }),
      of({
        ...bucket,
        aws_s3_bucket_versioning: { v: { bucket: ID } },
        aws_s3_bucket_public_access_block: { p: { bucket: '${aws_s3_bucket_versioning.v.id}', ...ALL } },
      }),
      of({
        aws_s3_bucket: { b: { count: 1, bucket: 'x' } },
        aws_s3_bucket_public_access_block: { p: { bucket: '${aws_s3_bucket.b[0].id}', ...ALL } },
      }),
      {
        resource: { ...bucket, aws_s3_bucket_public_access_block: { p: { bucket: '${local.audit}', ...ALL } } },
        locals: { audit: ID },
      },
      {
        resource: {
          ...bucket,
          aws_s3_bucket_public_access_block: { p: { bucket: ID, ...ALL, block_public_acls: '${var.closed}' } },
        },
        variable: { closed: { default: true } },
      },
    ],
  },
  'TM-S3-02': {
    catches: [
      of(bucket),
      withPolicy({ ...TLS_ONLY, Effect: 'Allow' }),
      withPolicy({ ...TLS_ONLY, Action: 's3:GetObject' }),
      withPolicy({ ...TLS_ONLY, Principal: { AWS: 'arn:aws:iam::111122223333:root' } }),
      withPolicy({ ...TLS_ONLY, Resource: '${aws_s3_bucket.b.arn}' }),
      withPolicy({ ...TLS_ONLY, Resource: 'arn:aws:s3:::audit/public/*' }),
      withPolicy({ ...TLS_ONLY, Condition: { Bool: { 'aws:SecureTransport': 'true' } } }),
      // A second condition leaves requests over that it does not deny.
      withPolicy({
        ...TLS_ONLY,
        Condition: { Bool: { 'aws:SecureTransport': 'false' }, StringEquals: { 'aws:SourceVpc': 'vpc-1' } },
      }),
      of({ ...bucket, aws_s3_bucket_policy: { p: { bucket: ID, policy: '${var.policy}' } } }),
      of({ ...bucket, aws_s3_bucket_policy: { p: { bucket: ID, policy: '{"Statement": ' } } }),
    ],
    passes: [
      withPolicy(TLS_ONLY),
      withPolicy({
        ...TLS_ONLY,
        Principal: { AWS: '*' },
        Action: ['s3:*'],
        Condition: { Bool: { 'AWS:SecureTransport': [false] } },
      }),
      {
        resource: { ...bucket, aws_s3_bucket_policy: { p: { bucket: ID, policy: '${data.aws_iam_policy_document.d.json}' } } },
        data: {
          aws_iam_policy_document: {
            base: {
              statement: {
                effect: 'Deny',
                actions: ['s3:*'],
                resources: ['${aws_s3_bucket.b.arn}/*'],
                principals: { type: '*', identifiers: ['*'] },
                condition: { test: 'Bool', variable: 'aws:SecureTransport', values: ['false'] },
              },
            },
            d: { source_policy_documents: ['${data.aws_iam_policy_document.base.json}'] },
          },
        },
      },
      of({
        ...bucket,
        aws_s3_bucket_policy: {
          p: {
            bucket: ID,
            policy:
              '${jsonencode({"Statement" = [{"Effect" = "Deny", "Principal" = "*", "Action" = "s3:*", "Resource" = [aws_s3_bucket.b.arn, "${aws_s3_bucket.b.arn}/*"], '
              + '"Condition" = {"Bool" = {"aws:SecureTransport" = "false"}}}]})}',
          },
        },
      }),
    ],
  },
  'TM-S3-03': {
    catches: [
      of(bucket),
      of({ ...bucket, ...encrypted({ sse_algorithm: 'AES256' }) }),
      of({ ...bucket, ...encrypted({ sse_algorithm: 'aws:kms' }) }),
      of({ ...bucket, ...encrypted({ sse_algorithm: '${var.algorithm}', kms_master_key_id: 'k' }) }),
      of({ ...bucket, aws_s3_bucket_server_side_encryption_configuration: { e: { bucket: ID } } }),
    ],
    passes: [
      of({ ...bucket, ...encrypted({ sse_algorithm: 'aws:kms', kms_master_key_id: '${aws_kms_key.k.arn}' }) }),
      of({ ...bucket, ...encrypted({ sse_algorithm: 'AES256' }), aws_lb: { l: { access_logs: { bucket: ID, enabled: true } } } }),
      of({
        aws_s3_bucket: { b: { bucket: 'logs' } },
        ...encrypted({ sse_algorithm: 'AES256' }),
        aws_s3_bucket_logging: { l: { bucket: 'audit', target_bucket: ID } },
      }),
    ],
  },
  'TM-S3-04': {
    catches: [
      of(bucket),
      of({ ...bucket, aws_s3_bucket_versioning: { v: { bucket: ID, versioning_configuration: { status: 'Suspended' } } } }),
    ],
    passes: [
      of({ ...bucket, aws_s3_bucket_versioning: { v: { bucket: ID, versioning_configuration: { status: 'Enabled' } } } }),
      of({ ...bucket, aws_s3_bucket_versioning: { v: { bucket: ID, versioning_configuration: [{ status: 'Enabled' }] } } }),
    ],
  },
  'TM-S3-05': {
    catches: [
      of({ aws_s3_bucket: { b: { object_lock_enabled: true } } }),
      locked({ mode: 'GOVERNANCE', days: 30 }),
      locked({ mode: 'COMPLIANCE' }),
      locked({ mode: 'COMPLIANCE', days: 0 }),
    ],
    passes: [
      locked({ mode: 'COMPLIANCE', days: 3_650 }),
      locked({ mode: 'COMPLIANCE', years: '10' }),
      locked({ mode: 'COMPLIANCE', days: '${var.days}' }),
    ],
  },
  'TM-S3-06': {
    catches: [of(bucket)],
    passes: [
      of({
        aws_s3_bucket: { b: { bucket: 'audit' }, logs: { bucket: 'logs' } },
        aws_s3_bucket_logging: { l: { bucket: ID, target_bucket: '${aws_s3_bucket.logs.id}' } },
      }),
    ],
  },
  'TM-S3-07': {
    catches: [
      of({ aws_s3_bucket_acl: { a: { bucket: 'x', acl: 'public-read' } } }),
      of({ aws_s3_bucket: { b: { acl: 'public-read-write' } } }),
      of({
        aws_s3_bucket_acl: {
          a: {
            access_control_policy: {
              grant: [{ permission: 'READ', grantee: { type: 'Group', uri: 'http://acs.amazonaws.com/groups/global/AllUsers' } }],
            },
          },
        },
      }),
    ],
    passes: [of(bucket), of({ aws_s3_bucket_acl: { a: { bucket: 'x', acl: 'private' } } })],
  },
  'TM-S3-08': {
    catches: [
      of({ aws_s3_bucket: { b: { force_destroy: true } } }),
      of({ aws_s3_bucket: { b: { force_destroy: '${var.pilot}' } } }),
    ],
    passes: [of(bucket), of({ aws_s3_bucket: { b: { force_destroy: 'false' } } })],
  },
};
