/** The whole platform on one machine: every service a process of its own, with an emulated wide-area network between them. */
export { type LinkReport, type Operations, type Signal } from './control-api.ts';
export { createLocalClient, findLocalPlatform, NotRunningError, type LocalClient } from './control-client.ts';
export { partitionable, planLocal, type LocalPlan } from './plan.ts';
export { PortsError } from './ports.ts';
export { layoutOf, provision, ProvisionError, type Layout } from './provision.ts';
export { readRunState, type LocalSite, type Partition, type RunState, type WanMode } from './run-state.ts';
export { startLocalPlatform, stopOnSignal, type LocalOptions, type LocalPlatform } from './start.ts';
export { LocalPlatformError, type Progress } from './supervisor.ts';
export { openLink, type Link, type LinkOptions } from './wan.ts';
