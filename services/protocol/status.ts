/** What a service says of itself at `/v1/status`; `tidemark status` puts the answers of all sites together. */
import type { HistogramJson } from '../telemetry/histogram.ts';

export type Stage = 'provisional' | 'ordered' | 'final' | 'whole';
/** provisional: request to durable decision; ordered: decision to ordered; final: ordered to final; whole: request to final. Milliseconds. */
export const STAGES: readonly Stage[] = ['provisional', 'ordered', 'final', 'whole'];

export interface Drift {
  /** Outcomes compared with what the edge believed. */
  readonly compared: number;
  /** Of those, how many found another balance than the edge believed. */
  readonly drifted: number;
  /** Sum and maximum of the absolute differences, minor units, per asset. */
  readonly amount: Readonly<Record<string, string>>;
  readonly amountMax: Readonly<Record<string, string>>;
  /** Provisional settlements that the centre rejected: count, and minor units per asset. */
  readonly reversed: number;
  readonly reversedAmount: Readonly<Record<string, string>>;
}

/**
 * What people call a replica: `eu/1` is the first one of region eu. Settings, key names and the field `replica` count from 0
 * (docs/protocol.md, names and keys).
 */
export const replicaName = (region: string, replica: number): string => `${region}/${replica + 1}`;

export interface ServiceStatus {
  readonly id: string;
  readonly tier: 'edge' | 'region' | 'global';
  readonly region?: string;
  /** From 0. */
  readonly replica?: number;
  /** `disconnected`: works, but has not heard from the tier above lately. `halted`: refuses to go on; see incidents. */
  readonly state: 'ready' | 'disconnected' | 'halted';
  readonly log: { readonly origin: string; readonly size: number };
  /** Named counters and gauges of the tier, e.g. `accepted`, `refused`, `queued`. */
  readonly counts: Readonly<Record<string, number>>;
  readonly provisional?: { readonly count: number; readonly offline: number; readonly oldestMs: number; readonly ratio: number };
  readonly lag?: Readonly<Partial<Record<Stage, HistogramJson>>>;
  readonly drift?: Drift;
  readonly incidents: readonly { readonly at: number; readonly kind: string; readonly detail: string }[];
}
