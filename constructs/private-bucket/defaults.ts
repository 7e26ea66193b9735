/** Names, limits, and the policies that buckets have. */
import type { Statement } from '../common/index.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, without dots, which break TLS names. */
export const BUCKET_NAME = /^(?!xn--|sthree-|amzn-s3-demo-)(?!.*(?:-s3alias|--ol-s3|--x-s3|--table-s3)$)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
export const BUCKET_NAME_ALLOWED = '3 to 63 small letters, digits and dashes, not starting or ending with a dash';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html: at most a hundred years. */
export const LOCK_DAYS = { least: 1, most: 36_500 } as const;

/** Neither plain HTTP nor a TLS before 1.2, whoever asks. */
export const transportStatements = (arn: string): Statement[] => [
  {
    sid: 'DenyPlainHttp', effect: 'Deny', actions: ['s3:*'], resources: [arn, `${arn}/*`], principals: { AWS: '*' },
    conditions: { Bool: { 'aws:SecureTransport': 'false' } },
  },
  {
    sid: 'DenyOldTls', effect: 'Deny', actions: ['s3:*'], resources: [arn, `${arn}/*`], principals: { AWS: '*' },
    conditions: { NumericLessThan: { 's3:TlsVersion': '1.2' } },
  },
];

/** Logs that AWS delivers. */
export const LOG_RETENTION = { days: 365, least: 1, most: 36_500 } as const;
/** Versions that somebody has overwritten or deleted, and uploads that were never finished. Days. */
export const LOG_LEFTOVER_DAYS = { versions: 30, uploads: 7 } as const;

export interface LogSourceWhere {
  readonly bucketArn: string;
  readonly partition: string;
  readonly accountId: string;
  readonly region: string;
}

/** By who delivers: the folder in the bucket, and what the delivering service may do. */
export const LOG_SOURCES = {
  /** https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html */
  alb: {
    prefix: 'alb',
    statements: ({ bucketArn, partition, accountId, region }: LogSourceWhere): Statement[] => [{
      sid: 'ApplicationLoadBalancer', actions: ['s3:PutObject'], resources: [`${bucketArn}/alb/AWSLogs/${accountId}/*`],
      principals: { Service: 'logdelivery.elasticloadbalancing.amazonaws.com' },
      conditions: { ArnLike: { 'aws:SourceArn': `arn:${partition}:elasticloadbalancing:${region}:${accountId}:loadbalancer/*` } },
    }],
  },
  /** https://docs.aws.amazon.com/elasticloadbalancing/latest/network/enable-access-logs.html */
  nlb: {
    prefix: 'nlb',
    statements: ({ bucketArn, partition, accountId, region }: LogSourceWhere): Statement[] => {
      const principals = { Service: 'delivery.logs.amazonaws.com' };
      const source = { ArnLike: { 'aws:SourceArn': `arn:${partition}:logs:${region}:${accountId}:*` } };
      return [
        { sid: 'NetworkLoadBalancerAsks', actions: ['s3:GetBucketAcl'], resources: [bucketArn], principals, conditions: { ...source, StringEquals: { 'aws:SourceAccount': accountId } } },
        {
          sid: 'NetworkLoadBalancerWrites', actions: ['s3:PutObject'], resources: [`${bucketArn}/nlb/AWSLogs/${accountId}/*`], principals,
          conditions: { ...source, StringEquals: { 'aws:SourceAccount': accountId, 's3:x-amz-acl': 'bucket-owner-full-control' } },
        },
      ];
    },
  },
  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html */
  s3: {
    prefix: 's3',
    statements: ({ bucketArn, accountId }: LogSourceWhere): Statement[] => [{
      sid: 'ServerAccess', actions: ['s3:PutObject'], resources: [`${bucketArn}/s3/*`], principals: { Service: 'logging.s3.amazonaws.com' },
      conditions: { StringEquals: { 'aws:SourceAccount': accountId } },
    }],
  },
} as const satisfies Record<string, { readonly prefix: string; readonly statements: (where: LogSourceWhere) => Statement[] }>;

export type LogSource = keyof typeof LOG_SOURCES;
