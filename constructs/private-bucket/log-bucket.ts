/** Where load balancers and other buckets leave their access logs. */
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import { LOG_LEFTOVER_DAYS, LOG_RETENTION, LOG_SOURCES, type LogSource } from './defaults.ts';
import { PrivateBucket } from './private-bucket.ts';

export interface LogBucketProps {
  /** Unique in all of S3. */
  readonly name: string;
  /** AWS region of the bucket: the same as that of whoever delivers. */
  readonly region: string;
  /** Who delivers. */
  readonly sources: readonly LogSource[];
  /** Days that logs are kept. @default 365 */
  readonly retentionDays?: number;
  /** Whether Terraform refuses to plan its destruction. @default false */
  readonly preventDestroy?: boolean;
  /** Provider of `region`. @default - the stack's own */
  readonly provider?: TerraformProvider;
}

export class LogBucket extends Construct {
  /** Known once the bucket lets the sources in: they are refused before. */
  readonly bucketName: string;
  readonly arn: string;
  readonly bucket: PrivateBucket;
  readonly #sources: readonly LogSource[];

  constructor(scope: Construct, id: string, props: LogBucketProps) {
    super(scope, id);
    const { retentionDays = LOG_RETENTION.days, sources } = props;
    check(this, (m) => {
      m.range('retentionDays', retentionDays, LOG_RETENTION.least, LOG_RETENTION.most, 'days');
      if (sources.length === 0) m.add(`sources: none; name at least one of ${Object.keys(LOG_SOURCES).join(', ')}`);
      for (const source of sources) m.oneOf('sources', source, Object.keys(LOG_SOURCES));
    });
    const at = props.provider === undefined ? {} : { provider: props.provider };
    this.#sources = sources;
    this.bucket = new PrivateBucket(this, 'bucket', {
      name: props.name, ...at, ...(props.preventDestroy === undefined ? {} : { preventDestroy: props.preventDestroy }),
      // No key of one's own: neither load balancers nor S3 deliver to a bucket with one.
      lifecycle: [{
        id: 'expire', status: 'Enabled', filter: [{ prefix: '' }], expiration: [{ days: retentionDays }],
        noncurrentVersionExpiration: [{ noncurrentDays: LOG_LEFTOVER_DAYS.versions }],
        abortIncompleteMultipartUpload: [{ daysAfterInitiation: LOG_LEFTOVER_DAYS.uploads }],
      }],
    });
    this.bucketName = this.bucket.policy.bucket;
    this.arn = this.bucket.arn;
    const { accountId } = new DataAwsCallerIdentity(this, 'account', at);
    const { partition } = new DataAwsPartition(this, 'partition', at);
    for (const source of new Set(sources)) {
      this.bucket.addToPolicy(...LOG_SOURCES[source].statements({ bucketArn: this.arn, partition, accountId, region: props.region }));
    }
  }

  /** The folder for what a source delivers; for buckets, one for each. */
  readonly prefix = (source: LogSource, name?: string): string => {
    check(this, (m) => {
      if (!this.#sources.includes(source)) m.add(`prefix: ${source} may not deliver here; add it to sources (${this.#sources.join(', ')})`);
    });
    return name === undefined ? LOG_SOURCES[source].prefix : `${LOG_SOURCES[source].prefix}/${name}/`;
  };
}
