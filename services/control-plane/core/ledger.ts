/**
 * The double-entry ledger: what becomes of each settlement, in order. It reads and writes nothing itself: the caller
 * hands it the accounts and earlier outcomes that a batch touches, and stores what comes out.
 *
 * A settlement ends in the first of these that holds:
 *
 * 1. its id has an outcome already, for the same instruction: the same fate, `duplicateOf` that outcome, nothing moves;
 * 2. its id has an outcome already, for another instruction: rejected, `id-conflict`;
 * 3. the edge node refused it: rejected, for the edge's reason, `refusedAtEdge`;
 * 4. one of its accounts was never opened: rejected, `account-unknown`;
 * 5. one of its accounts holds another asset: rejected, `asset-mismatch`;
 * 6. the debit account's balance and overdraft limit do not cover it: rejected, `insufficient-funds`;
 * 7. a balance would leave 64 bits: rejected, `overflow`;
 * 8. otherwise it is final: the amount leaves one account and enters the other.
 *
 * What an id became stands before what this edge node thought of it: a client that tries again at another node, which
 * refuses, must not find one id both final and rejected.
 */
import { BALANCE_MAX, type RejectionReason } from '../../protocol/index.ts';
import type { Settlement } from './decisions.ts';

/** An account as the ledger holds it. The ledger changes `balance` in place and says which accounts it changed. */
export interface Account {
  readonly id: string;
  readonly asset: string;
  /** Minor units below zero that the account may go; null = without limit. */
  overdraft: bigint | null;
  /** Minor units. */
  balance: bigint;
  /** Where the store keeps it; null before it was stored. */
  ref: number | null;
  /** `first` of the last batch that changed it, or -1: how a batch knows whether it has noted the balance from before. */
  touched: number;
}

/** The first outcome of a settlement id. */
export interface Earlier extends Omit<Settlement, 'refusal'> {
  /** Index in the global log. */
  readonly index: number;
  readonly reason: Fate;
}

/** What became of a settlement: null = final. */
export type Fate = RejectionReason | null;

export interface LedgerView {
  /** Every account that exists among those the batch names; what it does not return does not exist. */
  readonly account: (id: string) => Account | undefined;
  /** The first outcome of the id of the settlement whose outcome gets this global index, if it is an earlier one. */
  readonly earlier: (index: number) => Earlier | undefined;
}

/** One batch of an edge node, at its place in the global log. */
export interface Batch {
  readonly region: string;
  readonly node: string;
  /** Index of the first settlement in the edge node's log. */
  readonly from: number;
  /** Global index that the first outcome gets. */
  readonly first: number;
  readonly settlements: readonly Settlement[];
}

export interface Effects {
  /** The outcome entries as canonical text (ASCII), in order. */
  readonly entries: readonly string[];
  /** Accounts whose balance changed, each once, and their balances from before. */
  readonly changed: readonly Account[];
  readonly before: readonly bigint[];
  readonly duplicates: number;
  readonly rejected: number;
}

/** Raised when the books would not balance. Nothing of the batch may be stored; a program or storage error is behind it. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
}

/**
 * Applies a batch to the accounts of `view`, in place; `undo` takes it back.
 * @param at milliseconds since the epoch, written into every outcome
 * @param fates gets each settlement's fate at its end, as soon as it is decided
 * @throws LedgerError when debits and credits differ; the accounts are as they were
 */
export function applyBatch(view: LedgerView, batch: Batch, at: number, fates: Fate[]): Effects {
  const { settlements } = batch;
  const entries: string[] = new Array<string>(settlements.length);
  const changed: Account[] = [];
  const before: bigint[] = [];
  let duplicates = 0;
  let rejected = 0;
  const touch = (account: Account): void => {
    if (account.touched === batch.first) return;
    account.touched = batch.first;
    changed.push(account);
    before.push(account.balance);
  };
  const at_ = `"at":${at},"credit":"`;
  const node = `,"node":"${batch.node}",`;
  const region = `"region":"${batch.region}","status":"`;
  const final = `${region}final","type":"outcome","v":1}`;
  const refused = `${region}rejected","type":"outcome","v":1}`;

  for (let i = 0; i < settlements.length; i += 1) {
    const s = settlements[i]!;
    const debit = view.account(s.debit);
    const credit = view.account(s.credit);
    const earlier = view.earlier(batch.first + i);
    let reason: Fate;
    let duplicateOf = '';
    let refusedAtEdge = '';
    if (earlier !== undefined) {
      if (sameContent(earlier, s)) {
        reason = earlier.reason;
        duplicateOf = `"duplicateOf":${earlier.index},`;
        duplicates += 1;
      } else {
        reason = 'id-conflict';
      }
    } else if (s.refusal !== null) {
      reason = s.refusal;
      refusedAtEdge = '"refusedAtEdge":true,';
    } else if (debit === undefined || credit === undefined) {
      reason = 'account-unknown';
    } else if (debit.asset !== s.asset || credit.asset !== s.asset) {
      reason = 'asset-mismatch';
    } else {
      const amount = BigInt(s.amount);
      if (debit.overdraft !== null && debit.balance + debit.overdraft < amount) {
        reason = 'insufficient-funds';
      } else if (debit === credit) {
        reason = null;
      } else {
        const debitAfter = debit.balance - amount;
        const creditAfter = credit.balance + amount;
        if (debitAfter < -BALANCE_MAX || creditAfter > BALANCE_MAX) {
          reason = 'overflow';
        } else {
          reason = null;
          touch(debit);
          touch(credit);
          debit.balance = debitAfter;
          credit.balance = creditAfter;
        }
      }
    }
    fates.push(reason);
    const head = `{"amount":"${s.amount}","asset":"${s.asset}",${at_}${s.credit}`;
    const both = debit !== undefined && credit !== undefined;
    const index = `${duplicateOf}"id":"${s.id}","index":${batch.from + i}${node}`;
    const tail = reason === null ? final : `"reason":"${reason}",${refusedAtEdge}${refused}`;
    entries[i] = both
      ? `${head}","creditBalance":"${credit.balance}","debit":"${s.debit}","debitBalance":"${debit.balance}",${index}${tail}`
      : `${head}","debit":"${s.debit}",${index}${tail}`;
    if (reason !== null) rejected += 1;
  }

  const effects = { entries, changed, before, duplicates, rejected };
  assertBalanced(effects);
  return effects;
}

/** Takes a batch back. Batches are taken back in reverse order. */
export function undo(effects: Effects): void {
  for (let i = 0; i < effects.changed.length; i += 1) {
    const account = effects.changed[i]!;
    account.balance = effects.before[i]!;
    account.touched = -1;
  }
}

/** Per asset, what left accounts has entered accounts. Taken from the balances themselves, not from the amounts. */
function assertBalanced(effects: Effects): void {
  const net = new Map<string, bigint>();
  let asset = '';
  let sum = 0n;
  for (let i = 0; i < effects.changed.length; i += 1) {
    const account = effects.changed[i]!;
    if (account.asset !== asset) {
      if (asset !== '') net.set(asset, sum);
      asset = account.asset;
      sum = net.get(asset) ?? 0n;
    }
    sum += account.balance - effects.before[i]!;
  }
  if (asset !== '') net.set(asset, sum);
  for (const [name, difference] of net) {
    if (difference !== 0n) {
      undo(effects);
      throw new LedgerError(`debits and credits of ${name} differ by ${difference} in one batch; nothing of it was applied`);
    }
  }
}

const sameContent = (a: Earlier, b: Settlement): boolean =>
  a.id === b.id && a.amount === b.amount && a.debit === b.debit && a.credit === b.credit && a.asset === b.asset;
