/** What one says to get a host with a disk, and what one gets. */
import { type ITerraformDependable, type TerraformProvider } from 'cdktf';
import { type ContainerDefinition, type LogTarget } from '../common/index.ts';

/** Where a host is: what disks there are, and what recovers it, follows from that. */
export type Place = 'region' | 'local-zone' | 'wavelength' | 'outpost';

/** What a host of some size is. */
export interface HostSize {
  /** Nitro, x86-64. */
  readonly instanceType: string;
  /** Data disk. GiB */
  readonly dataGib: number;
  /** Of the service's container; the rest is for its sidecars, the operating system and the ECS agent. MiB */
  readonly memoryMib: number;
}

/** What containers need to know of the host that they are written for. */
export interface HostContext {
  /** The host's log group. */
  readonly logs: LogTarget;
  /** Name of the task's volume that is the host's data disk: `serviceContainer`'s `dataVolume`. */
  readonly dataVolume: string;
  /** Name of the task's volume that holds `files`; mount it read-only. Only there when there are `files`. */
  readonly filesVolume: string;
  /** Containers share the host's network: what one listens on, the others reach at 127.0.0.1. */
  readonly networkMode: 'host';
}

/** One more file of the host, for configuration that a program reads from a file only. No secrets: user data can be read. */
export interface HostFile {
  /** Relative to the folder that the volume `filesVolume` shows: `nats.conf`. */
  readonly path: string;
  readonly content: string;
}

export interface TargetGroup {
  /** Of a load balancer's target group with target type `instance`. */
  readonly arn: string;
  /** @default - the first container */
  readonly container?: string;
  readonly port: number;
}

/** What a task of one host is made of; see `PinnedService`. */
export interface TaskProps {
  /**
   * The containers, written for this host. Each needs `memory` or `memoryReservation`. Secrets that they name are granted to
   * the execution role; the registry of their images is not, it has a `grantPull` of its own.
   */
  readonly containers: (host: HostContext) => readonly ContainerDefinition[];
  /**
   * Containers are started again on the host itself, also when nothing else can be reached, except after these exit codes.
   * @default [2], which is how a service says that a setting is wrong
   */
  readonly finalExitCodes?: readonly number[];
  /**
   * Key that the secrets of the containers are encrypted with. @default - `encryptionKeyArn`
   */
  readonly secretsKeyArn?: string;
  /** Whether an apply waits until the new task runs. @default false */
  readonly waitForSteadyState?: boolean;
  /**
   * What has to be in place before this task is started or replaced. With the ECS service of the host before it, and
   * `waitForSteadyState` on each, an apply updates hosts one after the other. @default - nothing
   */
  readonly after?: readonly ITerraformDependable[];
  /** Load balancers that the task registers with. @default - none */
  readonly targetGroups?: readonly TargetGroup[];
}

/** Times at which the operating system is patched; the host restarts when a patch asks for it. */
export interface PatchingProps {
  /** `cron(...)` or `rate(...)` as SSM has them, UTC. @default - Sunday 03:00; `patchSchedule(i)` spreads replicas over the week */
  readonly schedule?: string;
  /** `Scan` only reports what is missing. @default 'Install' */
  readonly operation?: 'Install' | 'Scan';
}

export interface SnapshotProps {
  /** Time of day of the daily snapshot, UTC. @default '03:30' */
  readonly at?: string;
  /** How many are kept, 1 to 1000. @default 7 */
  readonly keep?: number;
}

export interface StatefulHostProps extends TaskProps {
  /** What everything of it is called: a lower-case letter, then letters, digits and hyphens, at most 48. */
  readonly name: string;
  readonly vpcId: string;
  readonly subnetId: string;
  /** Availability zone (or Local Zone, Wavelength Zone) of the subnet: the disk has to be in the same one. */
  readonly zone: string;
  /** AWS region of the zone. */
  readonly awsRegion: string;
  /** @default 'region' */
  readonly place?: Place;
  /** For an Outpost: its ARN; subnet and disk have to be on the same one. */
  readonly outpostArn?: string;
  /** A Nitro type that is to be had in the zone; its architecture picks the AMI and has to be the images'. */
  readonly instanceType: string;
  /** Size of the data disk. GiB, 20 to 16384; may grow later, never shrink. */
  readonly dataGib: number;
  /** Key for disks, logs and secrets; its policy has to let CloudWatch Logs of `awsRegion` use it. */
  readonly encryptionKeyArn: string;
  /** A fixed address inside the subnet. @default - any, kept as long as the machine lives */
  readonly privateIp?: string;
  /**
   * Image of the machine; another one replaces the machine, not the disk.
   * @default - the recommended ECS-optimized Amazon Linux 2023 at the first apply, then kept and patched
   */
  readonly amiId?: string;
  /** User and group that own the data. @default - the services' (platform/services.ts) */
  readonly dataUid?: number;
  /** Written when the machine starts for the first time; a change replaces the machine, not the disk. @default - none */
  readonly files?: readonly HostFile[];
  /** Outbound HTTPS: to anywhere, or only what `allowTo` adds. @default 'https' */
  readonly outbound?: 'https' | 'none';
  /** Whether Terraform refuses to destroy the data disk; when it may, it takes a last snapshot before. @default true */
  readonly protectData?: boolean;
  /** @default - daily, seven are kept; false for none */
  readonly snapshots?: SnapshotProps | false;
  /** @default - Sunday 03:00 UTC; false where others patch */
  readonly patching?: PatchingProps | false;
  /** Days that logs are kept, a value that CloudWatch knows. @default 90 */
  readonly logRetentionDays?: number;
  /** Minutely metrics of the machine, at a price. @default false */
  readonly detailedMonitoring?: boolean;
  /** Where what to do is written when the machine fails. @default - docs/operations.md */
  readonly runbook?: string;
  /** For all its resources. @default - the stack's own provider */
  readonly provider?: TerraformProvider;
}
