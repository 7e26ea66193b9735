/**
 * The typed model of a deployment: what `tidemark.config.ts` says, and what everything else is derived from.
 *
 * `PlatformInput` is what one writes, with defaults left out; `Platform` is the same with every default filled in. A `Platform`
 * is plain JSON data and a valid `PlatformInput`, so it can be stored, sent and read again without loss.
 */
import type { Deploy, DeployInput } from './deploy.ts';
import type { Indicator } from './indicators.ts';
import type { IncidentEvent } from './webhooks.ts';

/** Ids of sites (control plane, regions, edge nodes): they become key names, DNS labels and folder names. */
export const SITE_ID_PATTERN = '^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$';
/** As on the wire: see ASSET_PATTERN in services/protocol/types.ts. */
export const ASSET_CODE_PATTERN = '^[A-Z][A-Z0-9]{1,11}$';
/** Minor units as digits without leading zeros, at most 18: see AMOUNT_MAX in services/protocol/types.ts. */
export const LIMIT_PATTERN = '^(?:0|[1-9][0-9]{0,17})$';

/** Edge nodes that one of them probes, at most. */
export const PEERS_MAX = 16;

export interface PlatformInput {
  /** A short name for people and folders, like a site id: `tidemark`. */
  readonly name: string;
  /** Schema-less URL that every key name starts with: `tidemark.example`. Changing it later means new keys everywhere. */
  readonly origin: string;
  /** What is settled; at least one. */
  readonly assets: readonly AssetInput[];
  readonly controlPlane: ControlPlaneInput;
  /** At least one, and at least one of them with an edge node. */
  readonly regions: readonly RegionInput[];
  /**
   * How many regions must cosign a global checkpoint before it counts.
   * @default - half of the regions, rounded up
   */
  readonly witnessQuorum?: number;
  /** @default - offline after 5 s without the centre, account states relied upon for an hour, nothing settled offline */
  readonly policy?: PolicyInput;
  /** @default - none */
  readonly slas?: readonly SlaInput[];
  /** Who is told of incidents. @default - nobody */
  readonly webhooks?: readonly WebhookInput[];
  /** Places that are neither an AWS region nor a zone of one, such as a data centre of one's own. @default - none */
  readonly locations?: readonly LocationInput[];
  readonly ports?: PortsInput;
  readonly wan?: WanInput;
  /** How it is laid out on AWS. @default - none: it runs on this machine only */
  readonly deploy?: DeployInput;
}

export interface AssetInput {
  /** 2 to 12 capital letters and digits: `EUR`. */
  readonly code: string;
  /** Decimal places of the minor unit, 0 to 9: 2 for cents. */
  readonly scale: number;
  /** For people. @default - the code */
  readonly name?: string;
}

export interface ControlPlaneInput {
  /** @default 'global' */
  readonly id?: string;
  /** An AWS region, a Local Zone, a Wavelength Zone or one of `locations`. To be deployed on AWS: an AWS region. */
  readonly location: string;
}

export interface RegionInput {
  readonly id: string;
  /** As of the control plane: anywhere; to be deployed on AWS: an AWS region. */
  readonly location: string;
  /** Processes that order and cosign, 1 to 7: with 1 nothing may fail, with 3 one may, with 5 two. @default 1 */
  readonly replicas?: number;
  /** How many replicas must agree; more than half of them. @default - the smallest majority */
  readonly quorum?: number;
  /** @default - none: a region without edge nodes is a witness */
  readonly edges?: readonly EdgeInput[];
}

export interface EdgeInput {
  readonly id: string;
  /** An AWS region, a Local Zone, a Wavelength Zone or one of `locations`, deployed or not. */
  readonly location: string;
  /** Edge nodes, of any region, that this one probes, at most PEERS_MAX; none of them: `[]`. @default - up to four: see peers.ts */
  readonly peers?: readonly string[];
}

export interface PolicyInput {
  /** Goes up with every change, so that decisions under the old and the new policy can be told apart. @default 1 */
  readonly version?: number;
  /** Without word from the centre for longer than this, an edge node decides offline. Milliseconds. @default 5000 */
  readonly offlineAfterMs?: number;
  /** Offline, an account state older than this is no longer relied upon. Milliseconds. @default 3600000 (an hour) */
  readonly maxStalenessMs?: number;
  /**
   * Offline, the most that may be provisionally debited from one account and not be final yet, by asset. In MINOR units, as a
   * string of digits or a bigint: `'25000'` or `25_000n` is 250.00 EUR. An asset not named is not settled offline.
   * @default - none
   */
  readonly offlinePerAccount?: Readonly<Record<string, string | bigint>>;
  /** Offline, the same over all accounts of one edge node. Minor units as above. @default - none */
  readonly offlinePerNode?: Readonly<Record<string, string | bigint>>;
}

/** `page` wakes somebody up, `ticket` waits for office hours. */
export type Severity = 'page' | 'ticket';

/**
 * Whom an SLA is measured over: everything at once (`global`), each region or each edge site on its own (`region`, `site`), or
 * one of them (`region:eu`, `site:eu-fra-1`).
 */
export type Scope = 'global' | 'region' | 'site' | `region:${string}` | `site:${string}`;

export interface SlaInput {
  readonly id: string;
  /** What is measured; see `INDICATORS` for the definitions. */
  readonly indicator: Indicator;
  /** The share of events that must be good, between 0 and 1: 0.99. */
  readonly objective: number;
  /** For indicators of time: the longest that still counts as good. Milliseconds. */
  readonly thresholdMs?: number;
  /** For indicators of a share: the largest share that still counts as good, between 0 and 1. */
  readonly thresholdRatio?: number;
  /** Length of the rolling window that the error budget is for. Days, 1 to 90. @default 30 */
  readonly windowDays?: number;
  /** @default 'global' */
  readonly scope?: Scope;
  /** @default 'ticket' */
  readonly severity?: Severity;
  /** The team that answers for it. */
  readonly owner: string;
  /** What to do on a breach: a page (`https://...`) or a file of this repository, with a heading of it where it has several (`docs/operations.md#finality`). */
  readonly runbook: string;
}

/** Which incidents: all of them (`global`), those of a region and its sites, or those of one edge site. */
export type WebhookScope = 'global' | `region:${string}` | `site:${string}`;

/** A receiver of incidents: CloudEvents by HTTP, signed as Standard Webhooks are (docs/telemetry.md). */
export interface WebhookInput {
  readonly id: string;
  /** `https://`; `http://` only on this machine. No secret belongs in it: every delivery is signed. */
  readonly url: string;
  /** @default - all of them */
  readonly events?: readonly IncidentEvent[];
  /** The least severe that it is told of. @default 'ticket' */
  readonly severity?: Severity;
  /** @default 'global' */
  readonly scope?: WebhookScope;
}

export interface LocationInput {
  readonly id: string;
  /** The AWS region through which everything else is reached. */
  readonly near: string;
  /** Measured round trip to `near`. Milliseconds. */
  readonly roundTripMs: number;
}

export interface PortsInput {
  /** The first of a block of ports on the local platform: see `portPlan`. @default 4600 */
  readonly base?: number;
}

export interface WanInput {
  /** Whether the local platform emulates the round trips between sites. @default true */
  readonly enabled?: boolean;
  /** Round trips known better than the table does. @default - none */
  readonly roundTrips?: readonly RoundTripInput[];
}

export interface RoundTripInput {
  /** Two locations, in either order; the same one twice for the round trip inside it. */
  readonly between: readonly [string, string];
  readonly roundTripMs: number;
}

// ---- with defaults filled in ---------------------------------------------------------------------------------------

export interface Platform {
  readonly name: string;
  readonly origin: string;
  readonly assets: readonly Asset[];
  readonly controlPlane: ControlPlane;
  readonly regions: readonly Region[];
  readonly witnessQuorum: number;
  readonly policy: PlatformPolicy;
  readonly slas: readonly Sla[];
  readonly webhooks: readonly Webhook[];
  readonly locations: readonly LocationInput[];
  readonly ports: Required<PortsInput>;
  readonly wan: Required<WanInput>;
  readonly deploy?: Deploy;
}

export type Asset = Required<AssetInput>;
export type ControlPlane = Required<ControlPlaneInput>;
export type Edge = EdgeInput;

export interface Region {
  readonly id: string;
  readonly location: string;
  readonly replicas: number;
  readonly quorum: number;
  readonly edges: readonly Edge[];
}

/** As in the config; `toPolicy` makes the protocol's `Policy` of it. */
export interface PlatformPolicy {
  readonly version: number;
  readonly offlineAfterMs: number;
  readonly maxStalenessMs: number;
  /** Minor units as digits, by asset. */
  readonly offlinePerAccount: Readonly<Record<string, string>>;
  readonly offlinePerNode: Readonly<Record<string, string>>;
}

export interface Sla {
  readonly id: string;
  readonly indicator: Indicator;
  readonly objective: number;
  /** Present exactly for indicators of time. */
  readonly thresholdMs?: number;
  /** Present exactly for indicators of a share. */
  readonly thresholdRatio?: number;
  readonly windowDays: number;
  readonly scope: Scope;
  readonly severity: Severity;
  readonly owner: string;
  readonly runbook: string;
}

export type Webhook = Required<WebhookInput>;

/** As services and the CLI call it. */
export type Tier = 'global' | 'region' | 'edge';

/** One place where something of the platform runs. */
export interface Site {
  readonly id: string;
  readonly tier: Tier;
  readonly location: string;
  /** The region that an edge node reports to, or that a region is. */
  readonly region?: string;
}

/** All sites: the control plane, then each region followed by its edge nodes. */
export function sitesOf(platform: Platform): Site[] {
  return [
    { id: platform.controlPlane.id, tier: 'global', location: platform.controlPlane.location },
    ...platform.regions.flatMap((region): Site[] => [
      { id: region.id, tier: 'region', location: region.location, region: region.id },
      ...region.edges.map((edge): Site => ({ id: edge.id, tier: 'edge', location: edge.location, region: region.id })),
    ]),
  ];
}

/**
 * Ports of the local platform, by process: `global`, `eu-fra-1` for an edge node, `eu/1` .. `eu/3` for the replicas of region
 * `eu`. They follow each other from `ports.base` on: the control plane, all edge nodes, then all replicas.
 */
export function portPlan(platform: Platform): ReadonlyMap<string, number> {
  const names = [
    platform.controlPlane.id,
    ...platform.regions.flatMap((region) => region.edges.map((edge) => edge.id)),
    ...platform.regions.flatMap((region) => Array.from({ length: region.replicas }, (_, i) => `${region.id}/${i + 1}`)),
  ];
  return new Map(names.map((name, i) => [name, platform.ports.base + i]));
}
