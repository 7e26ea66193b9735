/**
 * What is posted and what is pending: an account's posted balance is the one at the witnessed size of the global log. Kept
 * as the balances from before whatever is not witnessed yet, in two generations: what the round under way asks witnesses
 * to cosign, and what came after. So it costs one map entry for each account that changed, however often it changed.
 */
import type { Effects } from './ledger.ts';

export interface Pending {
  /** Takes the balances that a batch changed; batches in the order of the log. */
  applied(effects: Pick<Effects, 'changed' | 'before'>): void;
  /** A witnessing round starts: it covers everything applied so far. */
  roundStarted(): void;
  /** The round under way got its quorum: what it covers is posted. */
  roundWitnessed(): void;
  /** The posted balance, given the balance with everything applied. */
  posted(account: string, balance: bigint): bigint;
}

/** @param atStart balances from before what was applied and not witnessed when the process started */
export function createPending(atStart: ReadonlyMap<string, bigint> = new Map()): Pending {
  let inRound = new Map(atStart);
  let after = new Map<string, bigint>();
  return {
    applied({ changed, before }) {
      for (let i = 0; i < changed.length; i += 1) {
        const { id } = changed[i]!;
        if (!after.has(id)) after.set(id, before[i]!);
      }
    },
    roundStarted() {
      // A round that failed is taken up by the next one: its balances are the earlier ones and stay.
      if (inRound.size === 0) {
        inRound = after;
      } else {
        for (const [id, balance] of after) if (!inRound.has(id)) inRound.set(id, balance);
      }
      after = new Map();
    },
    roundWitnessed() {
      inRound = new Map();
    },
    posted: (account, balance) => inRound.get(account) ?? after.get(account) ?? balance,
  };
}

/** A final outcome that moved something, with the balances right after it. */
export interface Move {
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
  readonly debitBalance: bigint;
  readonly creditBalance: bigint;
}

/** Adds to `before` the balances from before a row of moves, in the order of the log: the first move of an account tells. */
export function balancesBefore(moves: Iterable<Move>, before: Map<string, bigint> = new Map()): Map<string, bigint> {
  for (const m of moves) {
    if (m.debit === m.credit) continue;
    if (!before.has(m.debit)) before.set(m.debit, m.debitBalance + m.amount);
    if (!before.has(m.credit)) before.set(m.credit, m.creditBalance - m.amount);
  }
  return before;
}
