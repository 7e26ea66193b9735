/** What travels between the tiers: vocabulary, canonical encodings, the decision, frames, problems. */
export { acceptedEncoding } from './accept-encoding.ts';
export * from './decide.ts';
export * from './decimal.ts';
export * from './encoding.ts';
export * from './errors.ts';
export * from './frame.ts';
export { HASH_BASE64_PATTERN, LIMIT_PATTERN, NATURAL_PATTERN, NONCE_PATTERN, POLICY_DIGEST_PATTERN, TRACEPARENT_PATTERN } from './grammar.ts';
export * from './outcomes.ts';
export * from './status.ts';
export * from './trace.ts';
export * from './traced.ts';
export * from './types.ts';
