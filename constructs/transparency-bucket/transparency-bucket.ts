/** The bucket of log tiles and audit exports: written once, deletable by nobody, with a copy in another AWS region. */
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check, type Grantee, type Statement } from '../common/index.ts';
import { BUCKET_NAME, BUCKET_NAME_ALLOWED, PrivateBucket } from '../private-bucket/index.ts';
import { LIFECYCLE, LOCK_DAYS, PREFIXES } from './defaults.ts';
import { Replication } from './replication.ts';

export interface TransparencyBucketProps {
  /** Unique in all of S3: 3 to 63 small letters, digits and dashes. */
  readonly name: string;
  /** AWS region of the bucket. */
  readonly region: string;
  /** KMS key in `region`. */
  readonly encryptionKeyArn: string;
  /** Object Lock in compliance mode. It can be made longer later, never shorter for what is there. Days, 1 to 36500. @default 3650 */
  readonly lockDays?: number;
  /** Where requests to it are logged. */
  readonly accessLogs: { readonly bucketName: string; readonly prefix: string };
  /** The copy. `false` leaves it out, which makes the loss of one AWS region the loss of the audit trail. */
  readonly replica: ReplicaProps | false;
  /** Whether Terraform refuses to plan its destruction. @default true */
  readonly preventDestroy?: boolean;
}

export interface ReplicaProps {
  /** Unique in all of S3; another one than the bucket's. */
  readonly name: string;
  /** Another AWS region than the bucket's. */
  readonly region: string;
  /** Provider of that AWS region. */
  readonly provider: TerraformProvider;
  /** KMS key in that AWS region. */
  readonly encryptionKeyArn: string;
  /** Where requests to it are logged, in that AWS region. */
  readonly accessLogs: { readonly bucketName: string; readonly prefix: string };
}

export interface TransparencyBucketAttributes {
  readonly name: string;
  readonly arn: string;
  readonly encryptionKeyArn: string;
}

/** A bucket of tiles and exports, made here or elsewhere. */
export interface ExistingTransparencyBucket {
  readonly bucketName: string;
  readonly arn: string;
  /** `s3://<bucket>/tiles`: the control plane's setting `tiles`. */
  readonly tilesUrl: string;
  /** Lets it read everything: auditors. */
  readonly grantRead: (grantee: Grantee) => void;
  /** Lets it read and add tiles and exports; to delete is granted to nobody. */
  readonly grantAppend: (grantee: Grantee) => void;
}

export class TransparencyBucket extends Construct implements ExistingTransparencyBucket {
  static fromAttributes(attributes: TransparencyBucketAttributes): ExistingTransparencyBucket {
    return { bucketName: attributes.name, arn: attributes.arn, tilesUrl: tilesUrlOf(attributes.name), ...grantsOf(attributes.arn, attributes.encryptionKeyArn) };
  }

  readonly bucketName: string;
  readonly arn: string;
  readonly tilesUrl: string;
  /** The bucket itself, with its policy. */
  readonly bucket: PrivateBucket;
  /** The copy; absent without one. */
  readonly replica?: PrivateBucket;
  readonly grantRead: ExistingTransparencyBucket['grantRead'];
  readonly grantAppend: ExistingTransparencyBucket['grantAppend'];

  constructor(scope: Construct, id: string, props: TransparencyBucketProps) {
    super(scope, id);
    const { replica, lockDays = LOCK_DAYS, preventDestroy = true } = props;
    check(this, (m) => {
      // The rest of a bucket's own props is checked by the bucket.
      m.text('name', props.name, BUCKET_NAME, BUCKET_NAME_ALLOWED);
      if (replica === false) return;
      m.text('replica.name', replica.name, BUCKET_NAME, BUCKET_NAME_ALLOWED);
      if (replica.name === props.name) m.add(`replica.name: is the bucket's own ${JSON.stringify(props.name)}; the copy is a bucket of its own`);
      if (replica.region === props.region) m.add(`replica.region: is the bucket's own ${props.region}; a copy is of use in another AWS region`);
    });
    this.bucket = bucketOf(this, 'bucket', { ...props, lockDays, preventDestroy });
    if (replica !== false) {
      this.replica = bucketOf(this, 'replica', { ...replica, lockDays, preventDestroy });
      new Replication(this, 'replication', { source: this.bucket, sourceKeyArn: props.encryptionKeyArn, region: props.region, replica: this.replica, to: replica });
    }
    this.bucketName = this.bucket.bucketName;
    this.arn = this.bucket.arn;
    this.tilesUrl = tilesUrlOf(this.bucketName);
    ({ grantRead: this.grantRead, grantAppend: this.grantAppend } = grantsOf(this.arn, props.encryptionKeyArn));
  }
}

type BucketProps = Pick<TransparencyBucketProps, 'name' | 'encryptionKeyArn' | 'accessLogs'> & {
  readonly lockDays: number; readonly preventDestroy: boolean; readonly provider?: TerraformProvider;
};

function bucketOf(scope: Construct, id: string, props: BucketProps): PrivateBucket {
  const bucket = new PrivateBucket(scope, id, {
    name: props.name, encryptionKeyArn: props.encryptionKeyArn, lockDays: props.lockDays, preventDestroy: props.preventDestroy, accessLogs: props.accessLogs,
    lifecycle: [
      { id: 'unfinished-uploads', status: 'Enabled', filter: [{ prefix: '' }], abortIncompleteMultipartUpload: [{ daysAfterInitiation: LIFECYCLE.unfinishedUploadDays }] },
      {
        id: 'exports-cold', status: 'Enabled', filter: [{ prefix: PREFIXES.exports }],
        transition: [{ days: LIFECYCLE.exportsColdAfterDays, storageClass: LIFECYCLE.exportsColdClass }],
      },
    ],
    ...(props.provider === undefined ? {} : { provider: props.provider }),
  });
  bucket.addToPolicy(...keepingStatements(bucket.arn, props.encryptionKeyArn));
  return bucket;
}

/**
 * What the lock does not do by itself: it lets a name be hidden by a delete marker, and data be written with another key, with
 * the one of S3 (`AES256`), or with the account's `aws/s3` (`aws:kms` without a key id). Without headers, the bucket's default holds.
 */
const keepingStatements = (arn: string, keyArn: string): Statement[] => [
  { sid: 'DenyHiding', effect: 'Deny', actions: ['s3:DeleteObject'], resources: [`${arn}/*`], principals: { AWS: '*' } },
  {
    sid: 'DenyOtherKeys', effect: 'Deny', actions: ['s3:PutObject'], resources: [`${arn}/*`], principals: { AWS: '*' },
    conditions: {
      StringNotEquals: { 's3:x-amz-server-side-encryption-aws-kms-key-id': keyArn }, Null: { 's3:x-amz-server-side-encryption-aws-kms-key-id': 'false' },
    },
  },
  {
    sid: 'DenyOtherEncryption', effect: 'Deny', actions: ['s3:PutObject'], resources: [`${arn}/*`], principals: { AWS: '*' },
    conditions: { StringNotEquals: { 's3:x-amz-server-side-encryption': 'aws:kms' }, Null: { 's3:x-amz-server-side-encryption': 'false' } },
  },
  {
    sid: 'DenyUnnamedKey', effect: 'Deny', actions: ['s3:PutObject'], resources: [`${arn}/*`], principals: { AWS: '*' },
    conditions: { Null: { 's3:x-amz-server-side-encryption': 'false', 's3:x-amz-server-side-encryption-aws-kms-key-id': 'true' } },
  },
];

const tilesUrlOf = (bucketName: string): string => `s3://${bucketName}/${PREFIXES.tiles.slice(0, -1)}`;

const grantsOf = (arn: string, keyArn: string): Pick<ExistingTransparencyBucket, 'grantRead' | 'grantAppend'> => {
  const read = (grantee: Grantee): void => {
    grantee.allow({ actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketVersions'], resources: [arn] });
    grantee.allow({ actions: ['s3:GetObject', 's3:GetObjectRetention', 's3:GetObjectVersion'], resources: [`${arn}/*`] });
  };
  return {
    grantRead: (grantee) => {
      read(grantee);
      grantee.allow({ actions: ['kms:Decrypt'], resources: [keyArn] });
    },
    grantAppend: (grantee) => {
      read(grantee);
      grantee.allow({ actions: ['s3:AbortMultipartUpload', 's3:PutObject'], resources: Object.values(PREFIXES).map((prefix) => `${arn}/${prefix}*`) });
      grantee.allow({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [keyArn] });
    },
  };
};
