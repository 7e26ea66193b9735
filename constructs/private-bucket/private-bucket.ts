/** An S3 bucket that only its own account reaches, only over TLS, with every version kept: what all buckets of the kit have in common. */
import { S3BucketLifecycleConfiguration, type S3BucketLifecycleConfigurationRule } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration/index.js';
import { S3BucketLoggingA } from '@cdktf/provider-aws/lib/s3-bucket-logging/index.js';
import { S3BucketObjectLockConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-object-lock-configuration/index.js';
import { S3BucketOwnershipControls } from '@cdktf/provider-aws/lib/s3-bucket-ownership-controls/index.js';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy/index.js';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block/index.js';
import { S3BucketServerSideEncryptionConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration/index.js';
import { S3BucketVersioningA } from '@cdktf/provider-aws/lib/s3-bucket-versioning/index.js';
import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket/index.js';
import { Lazy, type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check, policyJson, type Statement } from '../common/index.ts';
import { BUCKET_NAME, BUCKET_NAME_ALLOWED, LOCK_DAYS, transportStatements } from './defaults.ts';

export interface PrivateBucketProps {
  /** Unique in all of S3: 3 to 63 small letters, digits and dashes. */
  readonly name: string;
  /** KMS key. @default - keys of S3 itself: for logs that AWS delivers, which takes no others */
  readonly encryptionKeyArn?: string;
  /** Object Lock in compliance mode: nobody, the account's root included, can delete a version earlier. Days. @default - none */
  readonly lockDays?: number;
  /** Where requests to it are logged. @default - nowhere */
  readonly accessLogs?: { readonly bucketName: string; readonly prefix: string };
  /** @default - none */
  readonly lifecycle?: readonly S3BucketLifecycleConfigurationRule[];
  /** Whether Terraform refuses to plan its destruction. @default false */
  readonly preventDestroy?: boolean;
  /** Provider of the bucket's AWS region. @default - the stack's own */
  readonly provider?: TerraformProvider;
}

export class PrivateBucket extends Construct {
  readonly bucketName: string;
  readonly arn: string;
  readonly bucket: S3Bucket;
  /** What replication has to wait for. */
  readonly versioning: S3BucketVersioningA;
  /** What AWS services that deliver to it have to wait for. */
  readonly policy: S3BucketPolicy;
  readonly #statements: Statement[];

  constructor(scope: Construct, id: string, props: PrivateBucketProps) {
    super(scope, id);
    check(this, (m) => {
      m.text('name', props.name, BUCKET_NAME, BUCKET_NAME_ALLOWED);
      m.range('lockDays', props.lockDays, LOCK_DAYS.least, LOCK_DAYS.most, 'days');
    });
    const at = props.provider === undefined ? {} : { provider: props.provider };
    this.bucket = new S3Bucket(this, 'bucket', {
      bucket: props.name, forceDestroy: false, tags: { Name: props.name }, ...at,
      ...(props.lockDays === undefined ? {} : { objectLockEnabled: true }),
      ...(props.preventDestroy === true ? { lifecycle: { preventDestroy: true } } : {}),
    });
    this.bucketName = this.bucket.bucket;
    this.arn = this.bucket.arn;
    const own = { bucket: this.bucket.id, ...at };
    const closed = new S3BucketPublicAccessBlock(this, 'public-access', {
      ...own, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true,
    });
    new S3BucketOwnershipControls(this, 'ownership', { ...own, rule: { objectOwnership: 'BucketOwnerEnforced' } });
    this.versioning = new S3BucketVersioningA(this, 'versioning', { ...own, versioningConfiguration: { status: 'Enabled' } });
    new S3BucketServerSideEncryptionConfigurationA(this, 'encryption', {
      ...own,
      rule: [props.encryptionKeyArn === undefined
        ? { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }
        : { applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: props.encryptionKeyArn }, bucketKeyEnabled: true }],
    });
    this.#statements = transportStatements(this.arn);
    this.policy = new S3BucketPolicy(this, 'policy', {
      // One change at a time: S3 refuses two at once of what decides on access.
      ...own, policy: Lazy.stringValue({ produce: () => policyJson(this.#statements) }), dependsOn: [closed],
    });
    if (props.lockDays !== undefined) {
      new S3BucketObjectLockConfigurationA(this, 'lock', {
        ...own, objectLockEnabled: 'Enabled', rule: { defaultRetention: { mode: 'COMPLIANCE', days: props.lockDays } }, dependsOn: [this.versioning],
      });
    }
    if (props.accessLogs !== undefined) {
      new S3BucketLoggingA(this, 'access-logs', { ...own, targetBucket: props.accessLogs.bucketName, targetPrefix: props.accessLogs.prefix });
    }
    if (props.lifecycle !== undefined && props.lifecycle.length > 0) {
      new S3BucketLifecycleConfiguration(this, 'lifecycle', { ...own, rule: [...props.lifecycle], dependsOn: [this.versioning] });
    }
  }

  /** Adds to the bucket's own policy: for AWS services, and to deny. Whoever is in this account is granted what they need. */
  readonly addToPolicy = (...statements: readonly Statement[]): void => void this.#statements.push(...statements);
}
