/**
 * Rules for AWS stacks in the spirit of cdk-nag: for CDKTF apps as an aspect, for synthesized folders, and for whoever else
 * brings resources under Terraform's names (core/, which loads no CDKTF).
 */
export { addChecks, TidemarkChecks, type TidemarkChecksOptions } from './aspect.ts';
export * from './core/index.ts';
export { canonical, digestOf, digestOfAll } from './digest.ts';
export { readStacks, STACK_FILE, type ReadStacks } from './folder.ts';
export { suppress, SUPPRESSION_METADATA, type SuppressOptions } from './suppress.ts';
