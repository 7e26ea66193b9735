/** A platform as CDKTF stacks: all of them as one app, or one at a time in an app of yours. */
export { buildApp, stackNames, type AppOptions } from './app.ts';
export type { DeployedPlatform, EdgeStackProps, RegionStackProps, StackProps } from './common.ts';
export { EdgeStack } from './edge.ts';
export { GlobalStack } from './global.ts';
export { loadLocks, saveAddresses, type Locks } from './locks.ts';
export { RegionStack } from './region.ts';
