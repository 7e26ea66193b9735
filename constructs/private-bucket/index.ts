/** S3 buckets that are closed by default; the one for access logs. */
export { BUCKET_NAME, BUCKET_NAME_ALLOWED, type LogSource } from './defaults.ts';
export { LogBucket, type LogBucketProps } from './log-bucket.ts';
export { PrivateBucket, type PrivateBucketProps } from './private-bucket.ts';
