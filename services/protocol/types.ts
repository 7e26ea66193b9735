/**
 * What travels between the tiers: the vocabulary of Tidemark.
 *
 * Amounts are bigint in code and decimal strings on the wire, always in the asset's minor unit. Times are integer
 * milliseconds since the Unix epoch, always passed in, never read here. What texts look like is in grammar.ts.
 */
import type { REFUSALS, REJECTIONS } from './grammar.ts';

export { AMOUNT_PATTERN, ASSET_PATTERN, ID_PATTERN } from './grammar.ts';

/** What a client asks for: move `amount` minor units of `asset` from `debitAccount` to `creditAccount`. */
export interface Instruction {
  /** Client-chosen, unique for ever across the platform; see {@link ID_PATTERN}. */
  readonly id: string;
  readonly asset: string;
  readonly debitAccount: string;
  readonly creditAccount: string;
  /** Minor units, 1 .. {@link AMOUNT_MAX}. */
  readonly amount: bigint;
}

/** The largest that `AMOUNT_PATTERN` matches. */
export const AMOUNT_MAX = 999_999_999_999_999_999n;
/** Bounds of every stored balance: signed 64 bit, as SQLite and PostgreSQL store it. */
export const BALANCE_MAX = 9_223_372_036_854_775_807n;
/** Settlements in one request. */
export const BATCH_MAX = 10_000;

/** What the edge knows of an account: the last-known-good state, proven or signed by the control plane. */
export interface AccountState {
  readonly account: string;
  readonly asset: string;
  /** Minor units; negative when overdrawn. */
  readonly balance: bigint;
  /** How far below zero the account may go, in minor units; null = without limit (a counterparty outside the platform). */
  readonly overdraft: bigint | null;
  /** Size of the global log that this state is of: everything before that index is in it. */
  readonly asOf: number;
}

/** The rules a decision follows. Identified by the digest of its canonical form (see `policyDigest`). */
export interface Policy {
  readonly version: number;
  /** Without word from the centre for longer than this, a node decides offline. Milliseconds. */
  readonly offlineAfterMs: number;
  /** Offline, an account state older than this is no longer relied upon. Milliseconds. */
  readonly maxStalenessMs: number;
  /** Offline, most minor units of an asset that may be provisionally debited from one account and not be final yet. */
  readonly offlinePerAccount: Readonly<Record<string, bigint>>;
  /** Offline, the same over all accounts of the node. */
  readonly offlinePerNode: Readonly<Record<string, bigint>>;
}

/** Everything a decision depends on; recorded beside the result, so that anyone can take the decision again. */
export interface DecisionInputs {
  /** Debit account as last known, or null when this node does not know it. */
  readonly debit: AccountState | null;
  /** Age of `debit` in milliseconds when the decision was taken; 0 when unknown. */
  readonly debitAgeMs: number;
  /** Asset of the credit account, or null when this node does not know the account. */
  readonly creditAsset: string | null;
  /** Minor units that this node has provisionally debited from the account and that are not final yet. */
  readonly reserved: bigint;
  /** The part of `reserved` that was decided offline. */
  readonly offlineAccount: bigint;
  /** The same over all accounts of this node, for this asset; accounts without overdraft limit do not count. */
  readonly offlineNode: bigint;
  /** Whether the centre was in reach, through the region, within `policy.offlineAfterMs`. */
  readonly connected: boolean;
}

export type RefusalReason = (typeof REFUSALS)[number];

export interface Decision {
  readonly result: 'provisional' | 'refused';
  /** `offline`: taken under the offline limits. */
  readonly mode: 'online' | 'offline';
  /** Present exactly when refused. */
  readonly reason?: RefusalReason;
}

/** One leaf of an edge node's log. */
export interface DecisionEntry {
  readonly instruction: Instruction;
  readonly inputs: DecisionInputs;
  readonly decision: Decision;
  readonly decidedAt: number;
  /** First 16 hex digits of the policy's digest. */
  readonly policy: string;
  /** The trace that this settlement is followed in, as it stands in a W3C `traceparent`; only when it is. Nothing is decided by it. */
  readonly trace?: string;
}

/** One leaf of a region's log: a batch of one edge node took its place in the region's order. */
export interface BatchEntry {
  readonly region: string;
  readonly node: string;
  /** The batch holds the edge log's entries `from` .. `size - 1`. */
  readonly from: number;
  readonly size: number;
  /** The edge node's signed checkpoint at `size` (a C2SP signed note, text). */
  readonly checkpoint: string;
  /** SHA-256 over the batch's payload (the entries in tlog-tiles bundle encoding), base64. */
  readonly digest: string;
  /** Position in the region's ordered stream, and the stream's own time for it. */
  readonly seq: number;
  readonly at: number;
}

export type RejectionReason = (typeof REJECTIONS)[number];

/** One leaf of the global log: what became of one settlement. */
export interface OutcomeEntry {
  readonly type: 'outcome';
  readonly instruction: Instruction;
  readonly region: string;
  readonly node: string;
  /** Index in the edge node's log. */
  readonly index: number;
  readonly status: 'final' | 'rejected';
  /** Present exactly when rejected. A refusal by the edge node keeps the edge's reason, with `refusedAtEdge`. */
  readonly reason?: RejectionReason;
  readonly refusedAtEdge?: true;
  /** The same settlement (same id, same content) has this outcome already, at that global index: nothing moved again. */
  readonly duplicateOf?: number;
  /** Posted balances right after this outcome; present when both accounts exist (so also when nothing moved). */
  readonly debitBalance?: bigint;
  readonly creditBalance?: bigint;
  readonly at: number;
}

/** One leaf of the global log: an account was opened, or its overdraft limit changed. */
export interface AccountEntry {
  readonly type: 'account';
  readonly account: string;
  readonly asset: string;
  readonly overdraft: bigint | null;
  readonly at: number;
}

export type GlobalEntry = OutcomeEntry | AccountEntry;

/** See DESIGN: `ordered` is the cut-off for revocation; `final` and `rejected` do not change any more. */
export type SettlementState = 'provisional' | 'ordered' | 'final' | 'rejected';
