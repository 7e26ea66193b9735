/** The task and its ECS service as data, by ECS's names. Loads no framework. */
import type { ContainerDefinition } from '../common/index.ts';
import { FINAL_EXIT_CODES, HOST_ATTRIBUTE, PATHS, RESTART_ATTEMPT_SECONDS, VOLUMES } from './defaults.ts';

export const NETWORK_MODE = 'host' as const;

/** Why the task has no network interface of its own. */
export const SHARED_NETWORK = {
  EC2: 'The host is for this one task, whose address must outlive it (DNS names, peers, load balancers). Its containers have no capabilities, '
    + 'and a firewall rule keeps them from the credentials of the host.',
  EXTERNAL: 'ECS Anywhere has no network interfaces for tasks, and the collector reads the metrics of the service over the loopback interface. '
    + 'The containers have no capabilities.',
} as const;

/** How the service keeps its one task. */
export const SERVICE_SETTINGS = {
  // One log has one writer: the old task has ended before the new one starts.
  desiredCount: 1, deploymentMinimumHealthyPercent: 0, deploymentMaximumPercent: 100,
  availabilityZoneRebalancing: 'DISABLED',
  deploymentCircuitBreaker: { enable: true, rollback: true },
  enableExecuteCommand: false, enableEcsManagedTags: true, propagateTags: 'SERVICE',
} as const;

/** On the one container instance that carries the name. */
export const placedOn = (name: string) => ({ type: 'memberOf', expression: `attribute:${HOST_ATTRIBUTE} == ${name}` });

/** The folders of the host that containers can mount. */
export const volumesOf = (files: boolean) => [
  { name: VOLUMES.data, hostPath: PATHS.data },
  ...(files ? [{ name: VOLUMES.files, hostPath: PATHS.files }] : []),
];

/** Container definitions as the API takes them. */
export const definitions = (containers: readonly ContainerDefinition[], finalExitCodes: readonly number[] = FINAL_EXIT_CODES): string =>
  JSON.stringify(containers.map((container) => restarted(container, finalExitCodes)));

/** Started again by the agent itself, so that it also happens when the site is cut off from AWS. */
function restarted(container: ContainerDefinition, finalExitCodes: readonly number[]): ContainerDefinition {
  return {
    restartPolicy: { enabled: true, ignoredExitCodes: finalExitCodes, restartAttemptPeriod: RESTART_ATTEMPT_SECONDS },
    ...container,
  };
}
