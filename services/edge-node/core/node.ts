/**
 * The edge node's mind: what it knows of accounts, what it has promised and is not final yet, and the decision on the
 * next settlement. Pure and synchronous: time comes in as an argument, nothing is read or written.
 *
 * Everything here can be rebuilt from the node's log and its cached account states, and is, at start.
 */
import { decide, policyDigest, sameInstruction } from '../../protocol/index.ts';
import type { AccountState, Decision, DecisionEntry, DecisionInputs, Instruction, OutcomeEntry, Policy } from '../../protocol/index.ts';

export interface CachedAccount {
  state: AccountState;
  /** When the centre last confirmed this state, milliseconds. */
  confirmedAt: number;
  /** When a settlement last named the account; what is in use is kept fresh. */
  usedAt: number;
}

/** A decision on the log whose outcome is not known yet. */
export interface Pending {
  readonly instruction: Instruction;
  readonly provisional: boolean;
  readonly offline: boolean;
  /** Whether its amount counts towards the offline limits. */
  readonly exposed: boolean;
}

interface Promised {
  reserved: bigint;
  offline: bigint;
  entries: number;
}

export interface OutcomeEffect {
  /** Provisionally accepted here, rejected by the ledger. */
  readonly reversed: boolean;
  /** Balance the node believed the debit account to have after this settlement, against the ledger's; null when not comparable. */
  readonly drift: bigint | null;
  /** How long ago the centre had confirmed what was believed, milliseconds; 0 when not comparable. */
  readonly believedMs: number;
  /** Accounts whose cached state changed. */
  readonly changed: readonly string[];
}

export interface EdgeCore {
  readonly policyDigest: string;
  /** Index of the first entry without a known outcome. */
  readonly finalSize: () => number;
  readonly pendingCount: () => number;
  readonly pendingOffline: () => number;
  /** Takes the decision and remembers it: the caller must make the entry durable before it tells anyone. */
  readonly decide: (instruction: Instruction, now: number, connected: boolean) => DecisionEntry;
  /** Takes an entry of the log back into memory, at start, in order. */
  readonly replay: (entry: DecisionEntry) => void;
  /**
   * Whether these are the outcomes of the oldest pending entries, in order. Changes nothing.
   *
   * @throws Error that names the first one that is not
   */
  readonly check: (outcomes: readonly OutcomeEntry[]) => void;
  /** Takes the outcome of the oldest pending entry in; it was checked and stored before. */
  readonly settle: (outcome: OutcomeEntry, globalIndex: number, now: number) => OutcomeEffect;
  /** Learns an account state; an older one than known only confirms. Returns whether something changed. */
  readonly learn: (state: AccountState, now: number) => boolean;
  readonly restoreAccount: (state: AccountState, confirmedAt: number) => void;
  /** What an outcome at a global index says of the accounts it names, if they are known. Returns those whose state changed. */
  readonly learnOutcome: (outcome: OutcomeEntry, globalIndex: number, now: number) => string[];
  readonly account: (id: string) => CachedAccount | undefined;
  readonly accountCount: () => number;
  readonly reserved: (id: string) => bigint;
  readonly staleAccounts: (usedSince: number, confirmedBefore: number, most: number) => string[];
  /** Drops the accounts used longest ago that nothing is reserved on, down to `most`. */
  readonly evict: (most: number) => void;
}

export function createEdgeCore(policy: Policy, firstPending: number): EdgeCore {
  const digest = policyDigest(policy);
  const accounts = new Map<string, CachedAccount>();
  const promised = new Map<string, Promised>();
  const offlineByAsset = new Map<string, bigint>();
  // A queue as a ring over an array: `head` moves, the array is cut now and then.
  let pending: Pending[] = [];
  let head = 0;
  let finalSize = firstPending;
  let offlineCount = 0;

  function promise(instruction: Instruction, decision: Decision, unlimited: boolean): void {
    const provisional = decision.result === 'provisional';
    const offline = decision.mode === 'offline';
    const exposed = provisional && offline && !unlimited;
    pending.push({ instruction, provisional, offline, exposed });
    if (offline) offlineCount += 1;
    if (!provisional) return;
    let p = promised.get(instruction.debitAccount);
    if (p === undefined) promised.set(instruction.debitAccount, p = { reserved: 0n, offline: 0n, entries: 0 });
    p.reserved += instruction.amount;
    p.entries += 1;
    if (exposed) {
      p.offline += instruction.amount;
      offlineByAsset.set(instruction.asset, (offlineByAsset.get(instruction.asset) ?? 0n) + instruction.amount);
    }
  }

  function release(p: Pending): void {
    if (p.offline) offlineCount -= 1;
    if (!p.provisional) return;
    const { debitAccount, amount, asset } = p.instruction;
    const q = promised.get(debitAccount);
    if (q === undefined || q.reserved < amount) throw new Error(`assertion: ${debitAccount}: released ${amount}, reserved ${q?.reserved ?? 0n}`);
    q.reserved -= amount;
    q.entries -= 1;
    if (p.exposed) {
      q.offline -= amount;
      offlineByAsset.set(asset, offlineByAsset.get(asset)! - amount);
    }
    if (q.entries === 0) promised.delete(debitAccount);
  }

  function checkOne(outcome: OutcomeEntry, p: Pending | undefined, index: number): asserts p is Pending {
    if (p === undefined) throw new Error(`outcome of entry ${outcome.index}, but nothing is pending`);
    if (outcome.index !== index || !sameInstruction(outcome.instruction, p.instruction)) {
      throw new Error(`outcome of entry ${outcome.index} (${outcome.instruction.id}) is not that of entry ${index} (${p.instruction.id})`);
    }
    // What this node refused can only be final as a duplicate of what another node had accepted.
    if (!p.provisional && outcome.status === 'final' && outcome.duplicateOf === undefined) {
      throw new Error(`outcome of entry ${index} (${p.instruction.id}) is final, but this node has refused it`);
    }
    if (p.provisional && outcome.refusedAtEdge === true && outcome.duplicateOf === undefined) {
      throw new Error(`outcome of entry ${index} (${p.instruction.id}) says that this node has refused it, but it has not`);
    }
  }

  function learn(state: AccountState, now: number): boolean {
    const known = accounts.get(state.account);
    if (known === undefined) {
      accounts.set(state.account, { state, confirmedAt: now, usedAt: now });
      return true;
    }
    if (state.asOf < known.state.asOf) return false;
    known.confirmedAt = now;
    const changed = known.state.balance !== state.balance || known.state.overdraft !== state.overdraft;
    known.state = state;
    return changed;
  }

  function learnBalance(id: string, balance: bigint, asOf: number, now: number): boolean {
    const known = accounts.get(id);
    if (known === undefined || asOf < known.state.asOf) return false;
    const { asset, overdraft, balance: before } = known.state;
    known.confirmedAt = now;
    known.state = { account: id, asset, balance, overdraft, asOf };
    return balance !== before;
  }

  function learnOutcome(outcome: OutcomeEntry, globalIndex: number, now: number): string[] {
    const { instruction: { debitAccount, creditAccount }, debitBalance, creditBalance } = outcome;
    const changed: string[] = [];
    if (debitBalance !== undefined && learnBalance(debitAccount, debitBalance, globalIndex + 1, now)) changed.push(debitAccount);
    if (creditBalance !== undefined && learnBalance(creditAccount, creditBalance, globalIndex + 1, now)) changed.push(creditAccount);
    return changed;
  }

  return {
    policyDigest: digest,
    finalSize: () => finalSize,
    pendingCount: () => pending.length - head,
    pendingOffline: () => offlineCount,

    decide(instruction, now, connected) {
      const debit = accounts.get(instruction.debitAccount);
      const credit = accounts.get(instruction.creditAccount);
      const p = promised.get(instruction.debitAccount);
      if (debit !== undefined) debit.usedAt = now;
      if (credit !== undefined) credit.usedAt = now;
      const inputs: DecisionInputs = {
        debit: debit?.state ?? null,
        debitAgeMs: debit === undefined ? 0 : Math.max(0, Math.floor(now - debit.confirmedAt)),
        creditAsset: credit?.state.asset ?? null,
        reserved: p?.reserved ?? 0n,
        offlineAccount: p?.offline ?? 0n,
        offlineNode: offlineByAsset.get(instruction.asset) ?? 0n,
        connected,
      };
      const decision = decide(instruction, inputs, policy);
      promise(instruction, decision, inputs.debit?.overdraft === null);
      return { instruction, inputs, decision, decidedAt: Math.floor(now), policy: digest };
    },

    replay(entry) {
      promise(entry.instruction, entry.decision, entry.inputs.debit?.overdraft === null);
    },

    check(outcomes) {
      outcomes.forEach((outcome, i) => checkOne(outcome, pending[head + i], finalSize + i));
    },

    settle(outcome, globalIndex, now) {
      const p = pending[head];
      checkOne(outcome, p, finalSize);
      // What this node believed: the last known balance, less this very debit.
      const known = accounts.get(outcome.instruction.debitAccount);
      const moved = outcome.status === 'final' && outcome.duplicateOf === undefined;
      const comparable = p.provisional && known !== undefined && outcome.debitBalance !== undefined && known.state.asOf <= globalIndex;
      const drift = comparable ? outcome.debitBalance! - (known.state.balance - (moved ? outcome.instruction.amount : 0n)) : null;
      const believedMs = comparable ? now - known.confirmedAt : 0;
      release(p);
      head += 1;
      finalSize += 1;
      if (head > 4096 && head * 2 > pending.length) {
        pending = pending.slice(head);
        head = 0;
      }
      return { reversed: p.provisional && outcome.status === 'rejected', drift, believedMs, changed: learnOutcome(outcome, globalIndex, now) };
    },

    learn,
    learnOutcome,
    restoreAccount(state, confirmedAt) {
      accounts.set(state.account, { state, confirmedAt, usedAt: confirmedAt });
    },
    account: (id) => accounts.get(id),
    accountCount: () => accounts.size,
    reserved: (id) => promised.get(id)?.reserved ?? 0n,

    staleAccounts(usedSince, confirmedBefore, most) {
      const stale: string[] = [];
      for (const [id, a] of accounts) {
        if (a.usedAt >= usedSince && a.confirmedAt < confirmedBefore) stale.push(id);
        if (stale.length === most) break;
      }
      return stale;
    },

    evict(most) {
      if (accounts.size <= most) return;
      const idle = [...accounts].filter(([id]) => !promised.has(id)).sort((a, b) => a[1].usedAt - b[1].usedAt);
      for (const [id] of idle.slice(0, accounts.size - most)) accounts.delete(id);
    },
  };
}
