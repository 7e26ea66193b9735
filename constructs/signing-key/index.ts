/** The key that signs checkpoints. */
export { SigningKey, type ExistingSigningKey, type SigningKeyProps } from './signing-key.ts';
