/**
 * The port behind which the control plane keeps everything: ledger, global log, progress of regions and nodes, evidence.
 * One writer; what a promise of this port resolved is durable, and a process that dies leaves the state before or after
 * a commit, nothing in between. An adapter passes the suite of `store-contract.ts`.
 */
import type { Account, Earlier } from './core/ledger.ts';

export interface RegionRow {
  readonly id: string;
  readonly applied: number;
  readonly size: number;
  readonly root: Uint8Array;
  /** The checkpoint of that size with its cosignatures, as it came. */
  readonly checkpoint: string;
}

export interface NodeRow {
  readonly id: string;
  readonly region: string;
  /** The node's log so far: `Frontier.encode()`. */
  readonly log: Uint8Array;
  /** Index of the node's first entry that will never have an outcome, and why; null for a node in order. */
  readonly haltedAt: number | null;
  readonly haltedWhy: string | null;
}

/** The outcomes of the node's entries `from .. to-1` are the global log's entries from `start` on. */
export interface OutcomeRange {
  readonly node: string;
  readonly from: number;
  readonly to: number;
  readonly start: number;
}

/** When the settlements of a range took the steps before the ledger. Milliseconds since 1970. */
export interface RangeTimes {
  /** When the range took its place in its region's order, by the stream's clock. */
  readonly orderedAt: number;
  /** When each was decided, by the node's clock: `packTimes`. */
  readonly decidedAt: Uint8Array;
}

/** The outcome at this index is of a settlement that is followed. */
export interface TraceRow {
  readonly index: number;
  /** As the decision's log entry has it. */
  readonly trace: string;
}

/** Counted since the ledger began. */
export interface Counts {
  readonly applied: number;
  readonly final: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly accounts: number;
}

export interface Incident {
  readonly at: number;
  readonly kind: string;
  readonly detail: string;
  /** What it is about: `region:eu`, `site:eu-fra-1`. @default - the whole, `global` */
  readonly scope?: string;
}

/** An incident as it is kept, with its number: they count up in the order in which they were stored. */
export type KeptIncident = Required<Incident> & { readonly n: number };

export interface Head {
  /** Size of the global log. */
  readonly size: number;
  readonly root: Uint8Array;
  readonly witnessed: { readonly size: number; readonly note: string } | null;
  readonly regions: readonly RegionRow[];
  readonly nodes: readonly NodeRow[];
  readonly counts: Counts;
}

/** What a commit needs to know before it can decide. */
export interface Wanted {
  /** Settlement ids in the order of their outcomes; the i-th gets global index `head.size + i`. */
  readonly ids: readonly string[];
  /** Accounts to load. */
  readonly accounts: readonly string[];
}

export interface Found {
  /** By place in `ids`: ids that have a first outcome already, in the log or (outcome null) earlier in `ids`. */
  readonly earlier: ReadonlyMap<number, { readonly index: number; readonly outcome: Earlier | null }>;
  /** Those of the wanted accounts that exist. */
  readonly accounts: readonly Account[];
}

/** What a commit writes. Log entries come to exactly the wanted ids, or there are no ids. */
export interface Changes {
  /** Appended one after the other; a range of outcomes lies within one of them. */
  readonly bundles: readonly { readonly bundle: Uint8Array; readonly count: number }[];
  /** Changed accounts, and new ones (`ref` null; the store sets it). */
  readonly accounts: readonly Account[];
  readonly regions: readonly RegionRow[];
  readonly nodes: readonly NodeRow[];
  readonly ranges: readonly (OutcomeRange & RangeTimes)[];
  readonly traces: readonly TraceRow[];
  readonly counts: Counts;
  readonly incidents: readonly Incident[];
}

export interface AssetTotal {
  readonly asset: string;
  readonly sum: bigint;
  readonly accounts: number;
}

export interface LedgerStore {
  head(): Promise<Head>;
  /**
   * One transaction: looks up what is wanted and notes the ids' first outcomes, calls `decide`, which must not wait for
   * anything, and writes what it returns. When it rejects nothing was written; the caller takes its own changes back.
   */
  commit(wanted: Wanted, decide: (found: Found) => Changes): Promise<void>;
  setWitnessed(size: number, note: string): Promise<void>;
  /**
   * Keeps a refused request; old ones make room for new ones, and one that is kept already is not kept twice. What a region has
   * signed is an incident and kept apart, so that what anybody can send does not push it out.
   */
  keepEvidence(incident: Incident, evidence: Uint8Array, signed: boolean): Promise<void>;
  addIncident(incident: Incident): Promise<void>;
  /** The latest incidents, newest first. */
  incidents(limit: number): Promise<readonly Incident[]>;
  /** Those behind a number, in order. */
  incidentsAfter(n: number, limit: number): Promise<readonly KeptIncident[]>;

  account(id: string): Promise<Account | null>;
  /** Accounts whose id is greater than `after`, in order of id. */
  accounts(after: string, limit: number): Promise<readonly Account[]>;
  /** Accounts in the order in which they were opened: those with a greater `ref` than this. */
  openedAfter(ref: number, limit: number): Promise<readonly Account[]>;
  /** Counted over all accounts. */
  totals(): Promise<readonly AssetTotal[]>;
  /** Global index of the first outcome of a settlement id. */
  settlement(id: string): Promise<number | null>;
  /** What the decision's entry says of its trace, for the outcome at a global index. */
  trace(index: number): Promise<string | null>;
  /** Of the outcomes at or after a global index, in order. */
  tracesSince(index: number, limit: number): Promise<readonly TraceRow[]>;
  /** When the settlement whose outcome has this global index was decided and ordered; null where that was not written down. */
  times(index: number): Promise<{ readonly decidedAt: number; readonly orderedAt: number } | null>;
  /** Ranges of a node that end after `from`, in order. */
  ranges(node: string, from: number, limit: number): Promise<readonly OutcomeRange[]>;
  /** Ranges whose outcomes lie at or after a global index. */
  rangesSince(start: number): Promise<readonly OutcomeRange[]>;

  /** Log entries `first .. end-1` in bundle encoding. */
  entries(first: number, end: number): Promise<Uint8Array>;
  tile(level: number, index: number, width: number): Promise<Uint8Array>;
  bundle(index: number, width: number): Promise<Uint8Array>;
  inclusionProof(index: number, size: number): Promise<readonly Uint8Array[]>;
  consistencyProof(oldSize: number, newSize: number): Promise<readonly Uint8Array[]>;
  rangeProof(start: number, end: number, size: number): Promise<readonly Uint8Array[]>;
  rootAt(size: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
