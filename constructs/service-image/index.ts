/** Images of services: repositories, digests from `images.lock.json`, who may fetch them. */
export { SERVICE_IMAGE_DEFAULTS } from './defaults.ts';
export { digestVariableName, recordCommand } from './digest.ts';
export { ImageReplication, type ImageReplicationProps } from './image-replication.ts';
export {
  EMPTY_LOCK, formatLock, isDigest, LOCK_FILE, LockError, parseLock, readLock, writeLock,
  type BuiltImage, type BuiltPlatform, type Digest, type ImageLock, type PinnedImage,
} from './lock.ts';
export {
  ecrRegistry, ServiceImage, type ImageUriProps, type LockedImageProps, type ServiceImageProps, type ServiceImageRef,
} from './service-image.ts';
export { THIRD_PARTY, type ThirdParty } from './third-party.ts';
