/** What travels between the tiers: vocabulary, canonical encodings, the decision, frames, problems. */
export * from './decide.ts';
export * from './encoding.ts';
export * from './errors.ts';
export * from './frame.ts';
export * from './outcomes.ts';
export * from './status.ts';
export * from './types.ts';
