/** Customer keys for everything at rest. */
export { type KeyUse } from './defaults.ts';
export { EncryptionKey, type EncryptionKeyProps, type ExistingKey } from './encryption-key.ts';
