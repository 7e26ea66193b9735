/** Buckets: reach, transport, encryption, versions, locks, logs. The AWS provider splits a bucket into many resources. */
import type { Problem, Resource, Rule, Tree } from '../model.ts';
import { written } from '../narrowing.ts';
import { policyOf, type PolicyStatement } from '../policy.ts';
import { absent, block, blocks, mustBeFalse, mustBeOneOf, mustBeTrue, numberOf, problem, truth, undecided } from '../values.ts';

const BUCKET = ['aws_s3_bucket'];

/** The resource that configures a bucket, or a problem: there is none. */
const part = (
  type: string,
  bucket: Resource,
  tree: Tree,
  missing: string,
  check: (part: Resource) => readonly Problem[],
): readonly Problem[] => {
  const parts = tree.companions(type, 'bucket', bucket);
  return parts.length === 0 ? [problem(missing)] : parts.flatMap(check);
};

/** Where S3 or a load balancer writes access logs: they deliver to nothing but SSE-S3, and a log of the log would not end. */
const isLogTarget = (bucket: Resource, tree: Tree): boolean =>
  tree.companions('aws_s3_bucket_logging', 'target_bucket', bucket).length > 0
  || tree
    .ofType('aws_lb', 'aws_alb')
    .some((lb) =>
      ['access_logs', 'connection_logs'].some((kind) => blocks(lb, kind).some((logs) => tree.pointsTo(logs['bucket'], bucket))),
    );

const BLOCKS = ['block_public_acls', 'block_public_policy', 'ignore_public_acls', 'restrict_public_buckets'];
const PUBLIC_ACLS = ['public-read', 'public-read-write', 'authenticated-read', 'website'];
const PUBLIC_GROUPS = /groups\/(?:global\/AllUsers|global\/AuthenticatedUsers)$/;

/** Some objects of a bucket: `arn:aws:s3:::audit/public/*`, `${aws_s3_bucket.b.arn}/public/*`. */
const BELOW_PREFIX = /^(?:arn:[^:]*:s3:::[^/]*|x)\/[^*]/;

/** Denies everyone every action on every object, not only below a prefix, when the request did not come by TLS. */
const deniesPlainHttp = (statement: PolicyStatement): boolean =>
  !statement.allow
  && statement.principals.includes('*')
  && statement.actions.some((action) => action === '*' || action.toLowerCase() === 's3:*')
  && statement.resources.some((resource) => resource.endsWith('*') && !BELOW_PREFIX.test(written(resource)))
  && statement.conditions.length === 1
  && statement.conditions.some(
    (c) =>
      /^Bool(?:IfExists)?$/.test(c.test)
      && c.key === 'aws:securetransport'
      && c.values.length > 0
      && c.values.every((v) => v === 'false'),
  );

export const S3_RULES: readonly Rule[] = [
  {
    id: 'TM-S3-01',
    severity: 'high',
    controls: ['s3-public-access', 'CC6.1', 'CC6.6'],
    types: BUCKET,
    what: 'A bucket blocks public access, with all four settings.',
    why: 'One object ACL or bucket policy is enough to publish everything in it; the block wins over both.',
    fix: 'Add aws_s3_bucket_public_access_block with block_public_acls, block_public_policy, ignore_public_acls and restrict_public_buckets true.',
    check: (bucket, tree) =>
      part('aws_s3_bucket_public_access_block', bucket, tree, 'has no aws_s3_bucket_public_access_block', (access) =>
        BLOCKS.flatMap((name) => mustBeTrue(access.attributes[name], `${name} is not true`)),
      ),
  },
  {
    id: 'TM-S3-02',
    severity: 'high',
    controls: ['s3-tls', 'CC6.1', 'CC6.7'],
    types: BUCKET,
    what: 'A bucket refuses requests without TLS.',
    why: 'S3 answers plain HTTP too: data and signed requests would cross networks readable.',
    fix: 'Add a bucket policy that denies `s3:*` to everyone on the bucket and its objects where aws:SecureTransport is false.',
    check: (bucket, tree) =>
      part('aws_s3_bucket_policy', bucket, tree, 'has no bucket policy that denies requests without TLS', (policy) => {
        const document = policyOf(policy.attributes['policy'], tree);
        if (document?.statements.some(deniesPlainHttp) === true) return [];
        return document?.unreadable?.undecided === true
          ? [undecided('its policy', document.unreadable.value)]
          : [problem('its policy has no statement that denies s3:* to everyone where aws:SecureTransport is false')];
      }),
  },
  {
    id: 'TM-S3-03',
    severity: 'medium',
    controls: ['CC6.1'],
    types: BUCKET,
    what: "A bucket is encrypted with a KMS key of one's own; one that receives access logs with at least SSE-S3.",
    why: "With a key of one's own, reading needs a second permission that is granted, logged and taken away apart from the bucket.",
    fix: 'Add aws_s3_bucket_server_side_encryption_configuration with sse_algorithm aws:kms and kms_master_key_id.',
    check: (bucket, tree) =>
      part(
        'aws_s3_bucket_server_side_encryption_configuration',
        bucket,
        tree,
        'has no encryption configuration',
        (encryption) => {
          const by = blocks(encryption, 'rule').flatMap((rule) => blocks(rule, 'apply_server_side_encryption_by_default'));
          if (by.length === 0) return [problem('its encryption configuration has no default')];
          const target = isLogTarget(bucket, tree);
          return by.flatMap((rule) => [
            ...mustBeOneOf(
              rule['sse_algorithm'],
              target ? ['AES256', 'aws:kms', 'aws:kms:dsse'] : ['aws:kms', 'aws:kms:dsse'],
              'is not encrypted with KMS',
            ),
            ...(String(rule['sse_algorithm']).startsWith('aws:kms') && !target && absent(rule['kms_master_key_id'])
              ? [problem('is encrypted without a key of its own (kms_master_key_id)')]
              : []),
          ]);
        },
      ),
  },
  {
    id: 'TM-S3-04',
    severity: 'medium',
    controls: ['CC7.5', 'A1.2', 'C1.1'],
    types: BUCKET,
    what: 'A bucket keeps versions.',
    why: 'Without versions an overwritten or deleted object is gone, by mistake or by malice.',
    fix: 'Add aws_s3_bucket_versioning with status Enabled.',
    check: (bucket, tree) =>
      part('aws_s3_bucket_versioning', bucket, tree, 'has no aws_s3_bucket_versioning', (versioning) =>
        mustBeOneOf(block(versioning, 'versioning_configuration')['status'], ['Enabled'], 'versioning is not enabled'),
      ),
  },
  {
    id: 'TM-S3-05',
    severity: 'high',
    controls: ['CC6.1', 'C1.1', 'A1.2'],
    types: BUCKET,
    applies: (bucket, tree) =>
      truth(bucket.attributes['object_lock_enabled']) === true
      || tree.companions('aws_s3_bucket_object_lock_configuration', 'bucket', bucket).length > 0,
    what: 'A bucket with Object Lock locks what it receives, in compliance mode.',
    why: 'Without a default retention nothing is locked; in governance mode whoever has s3:BypassGovernanceRetention deletes evidence.',
    fix: 'Add aws_s3_bucket_object_lock_configuration with a default_retention of mode COMPLIANCE and days or years.',
    check: (bucket, tree) =>
      part('aws_s3_bucket_object_lock_configuration', bucket, tree, 'has no default retention', (lock) => {
        const retention = block(block(lock, 'rule'), 'default_retention');
        const spans = [retention['days'], retention['years']].map((v) => numberOf(v)).filter((v) => v !== undefined);
        return [
          ...mustBeOneOf(retention['mode'], ['COMPLIANCE'], 'the default retention is not in compliance mode'),
          ...(spans.some((span) => span === 'unknown' || span >= 1)
            ? []
            : [problem('the default retention has neither days nor years')]),
        ];
      }),
  },
  {
    id: 'TM-S3-06',
    severity: 'low',
    controls: ['CC7.2', 'CC7.3'],
    types: BUCKET,
    applies: (bucket, tree) => !isLogTarget(bucket, tree),
    what: 'Access to a bucket is logged.',
    why: 'Who read or changed what can be told afterwards only from a log.',
    fix: 'Add aws_s3_bucket_logging with a target_bucket of its own for logs.',
    check: (bucket, tree) => part('aws_s3_bucket_logging', bucket, tree, 'has no aws_s3_bucket_logging', () => []),
  },
  {
    id: 'TM-S3-07',
    severity: 'high',
    controls: ['s3-public-access', 'CC6.1', 'CC6.6'],
    types: ['aws_s3_bucket', 'aws_s3_bucket_acl', 'aws_s3_object'],
    what: 'No ACL grants access to everyone.',
    why: 'ACLs are the older way to publish a bucket, and easy to overlook beside its policy.',
    fix: 'Take the ACL away: grant by bucket policy, with object ownership BucketOwnerEnforced.',
    check: ({ attributes }) => {
      const acl = attributes['acl'];
      const grants = blocks(block(attributes, 'access_control_policy'), 'grant')
        .flatMap((grant) => blocks(grant, 'grantee'))
        .concat(blocks(attributes, 'grant'))
        .map((grantee) => grantee['uri'])
        .filter((uri) => typeof uri === 'string' && PUBLIC_GROUPS.test(uri));
      return [
        ...(typeof acl === 'string' && PUBLIC_ACLS.includes(acl) ? [problem(`grants access by the ACL ${acl}`, acl)] : []),
        ...grants.map((uri) => problem('grants access to a group of everyone', uri)),
      ];
    },
  },
  {
    id: 'TM-S3-08',
    severity: 'medium',
    controls: ['A1.2', 'C1.1'],
    types: BUCKET,
    what: 'A bucket is not destroyed with what is in it.',
    why: 'With force_destroy, `terraform destroy` or a renamed resource deletes every object and version.',
    fix: 'Take force_destroy away; empty a bucket on purpose, by hand.',
    check: ({ attributes }) => mustBeFalse(attributes['force_destroy'], 'force_destroy is set: its objects go with it'),
  },
];
