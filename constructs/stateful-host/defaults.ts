/** What a host is when nothing else is said: data, and the small functions that look things up in it. */
import { SERVICES } from '../../platform/services.ts';
import type { Place } from './props.ts';

/** Recommended image ids of ECS-optimized Amazon Linux 2023, as AWS publishes them (Amazon ECS Developer Guide, "Retrieving Linux AMI metadata"). */
export const AMI_PARAMETER: Readonly<Record<Architecture, string>> = {
  x86_64: '/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id',
  arm64: '/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id',
};

export type Architecture = 'x86_64' | 'arm64';

export interface PlaceDefaults {
  /** gp3 is not to be had in every Local Zone, nor in Wavelength Zones and on Outposts; gp2 is. */
  readonly volumeType: 'gp3' | 'gp2';
  /** Whether CloudWatch can move the machine to other hardware (`ec2:recover`). Elsewhere EC2's own recovery has to do. */
  readonly recovers: boolean;
}

export const PLACES: Readonly<Record<Place, PlaceDefaults>> = {
  region: { volumeType: 'gp3', recovers: true },
  'local-zone': { volumeType: 'gp2', recovers: true },
  wavelength: { volumeType: 'gp2', recovers: false },
  outpost: { volumeType: 'gp2', recovers: false },
};

/** The ECS AMI's own minimum. */
export const ROOT_GIB = 30;
export const DATA_GIB = { least: 20, most: 16_384 } as const;

/** Where things are on the machine. */
export const PATHS = {
  /** The data disk is mounted here; the data is one folder below, so that nothing can be written when it is not. */
  mount: '/var/lib/tidemark',
  data: '/var/lib/tidemark/data',
  files: '/etc/tidemark',
} as const;

export const VOLUMES = { data: 'data', files: 'files' } as const;

/** Name of the attribute of a container instance by which its task finds it. */
export const HOST_ATTRIBUTE = 'tidemark.host';
/** Tag of everything that belongs to one host; snapshots are chosen by it. */
export const HOST_TAG = 'tidemark:host';

export const DATA_UID = SERVICES['edge-node'].uid;
/** Exit code of a service whose settings are wrong: the same settings will be wrong again. */
export const FINAL_EXIT_CODES: readonly number[] = [2];
/** Seconds in which a container that has run for less is not started again in place. The least that ECS takes. */
export const RESTART_ATTEMPT_SECONDS = 60;

export const SNAPSHOTS = { at: '03:30', keep: 7 } as const;
export const LOG_RETENTION_DAYS = 90;
export const RUNBOOK = 'docs/operations.md';

/** Days that CloudWatch Logs knows (PutRetentionPolicy). */
export const RETENTION_DAYS: readonly number[] = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const;

/**
 * When a host is patched, UTC: the i-th of some hosts that must not restart together. Seven days, then an hour later on
 * each of them, so that the first 49 never meet.
 */
export function patchSchedule(i: number): string {
  const hour = 3 + (Math.floor(i / DAYS.length) % DAYS.length);
  return `cron(0 ${hour} ? * ${DAYS[i % DAYS.length]} *)`;
}

/**
 * Families before Nitro (Amazon EC2 Instance Types, "Previous generation and Xen-based instances"): their disks have no
 * names that tell a volume from another, and some cannot encrypt them.
 */
const XEN = /^(?:a0|c1|c3|c4|cc1|cc2|cr1|d2|f1|g2|g3|g3s|h1|hi1|hs1|i2|i3|m1|m2|m3|m4|p2|p3|r3|r4|t1|t2|x1|x1e)\./;
export const isNitro = (instanceType: string): boolean => !XEN.test(instanceType) || /^i3\.metal$/.test(instanceType);

/** Families with a `g` after the generation are AWS Graviton (Amazon EC2 instance type naming conventions), and a1. */
export const architectureOf = (instanceType: string): Architecture => (/^(?:a1|[a-z]+\d+g[a-z]*)\./.test(instanceType) ? 'arm64' : 'x86_64');

/** Of every machine, by EC2's names. */
export const MACHINE_SETTINGS = {
  associatePublicIpAddress: false, ebsOptimized: true,
  // Tasks share the host's network, so no hop is between them, the agents and the metadata service.
  metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1, instanceMetadataTags: 'disabled' },
  maintenanceOptions: { autoRecovery: 'default' },
} as const;
