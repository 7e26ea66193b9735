/** StatefulHost: one machine with a disk of its own and one task on it, which is the only writer of what is on the disk. */
export type { Peer, Rule } from '../network/rule.ts';
export { StatefulHost, type HostAttributes, type IStatefulHost } from './host.ts';
export { connectAll, groupProps, type GroupProps } from './group.ts';
export { PinnedService, type PinnedServiceProps } from './service.ts';
// What a machine that is not EC2's needs as well: constructs/edge-node-host.
export { agentConfig } from './boot.ts';
export { patches, type PatchesProps } from './care.ts';
export { architectureOf, HOST_TAG, patchSchedule, PATHS as HOST_PATHS } from './defaults.ts';
export { ecsAgent, systemsManager, type ClusterRef } from './roles.ts';
export type {
  HostContext, HostFile, HostSize, PatchingProps, Place, SnapshotProps, StatefulHostProps, TargetGroup, TaskProps,
} from './props.ts';
