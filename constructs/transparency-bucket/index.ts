/** The bucket of log tiles and audit exports. */
export { PREFIXES } from './defaults.ts';
export {
  TransparencyBucket, type ExistingTransparencyBucket, type ReplicaProps, type TransparencyBucketAttributes, type TransparencyBucketProps,
} from './transparency-bucket.ts';
