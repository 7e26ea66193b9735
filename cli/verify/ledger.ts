/**
 * The ledger again, from the global log alone: written for the auditor, apart from the control plane's own, so that a
 * mistake there does not hide here.
 */
import {
  BALANCE_MAX, sameInstruction, type AccountEntry, type Instruction, type OutcomeEntry, type RejectionReason,
} from '../../services/protocol/index.ts';

interface Account {
  readonly asset: string;
  overdraft: bigint | null;
  /** Every limit it has had. */
  readonly limits: Set<bigint | null>;
  balance: bigint;
}

export interface AuditLedger {
  /** @throws Error when the account exists in another asset */
  open(entry: AccountEntry): void;
  /** Applies the outcome at global index `at`. @throws Error saying what of it is not so */
  apply(entry: OutcomeEntry, at: number): void;
  balance(account: string): bigint | undefined;
  asset(account: string): string | undefined;
  /** Minor units below zero that the account may go, null = without limit; undefined when it is not open. */
  overdraft(account: string): bigint | null | undefined;
  /** Whether it has that limit, or has had it before. */
  hadOverdraft(account: string, limit: bigint | null): boolean;
  readonly accounts: number;
  /** Sum of all balances, by asset: zero when no money came from nowhere. */
  sums(): Map<string, bigint>;
}

/** @param outcomeAt reads an outcome again, by its global index */
export function createAuditLedger(outcomeAt: (index: number) => OutcomeEntry): AuditLedger {
  const accounts = new Map<string, Account>();
  /** Id to the global index of its first outcome. */
  const ids = new Map<string, number>();

  /** Why the ledger cannot make `s` final now, in the order of docs/protocol.md; null when it can. */
  function obstacle(s: Instruction): RejectionReason | null {
    const debit = accounts.get(s.debitAccount);
    const credit = accounts.get(s.creditAccount);
    if (debit === undefined || credit === undefined) return 'account-unknown';
    if (debit.asset !== s.asset || credit.asset !== s.asset) return 'asset-mismatch';
    if (debit.overdraft !== null && s.amount > debit.balance + debit.overdraft) return 'insufficient-funds';
    if (debit !== credit && (debit.balance - s.amount < -BALANCE_MAX || credit.balance + s.amount > BALANCE_MAX)) {
      return 'overflow';
    }
    return null;
  }

  function compareBalances(entry: OutcomeEntry): void {
    const { debitAccount, creditAccount } = entry.instruction;
    const debit = accounts.get(debitAccount);
    const credit = accounts.get(creditAccount);
    const both = debit !== undefined && credit !== undefined;
    if (entry.debitBalance !== (both ? debit.balance : undefined)) {
      throw new Error(`balance of ${debitAccount}: the log says ${entry.debitBalance ?? 'nothing'}, recomputed it is `
        + `${both ? debit.balance : 'nothing (an account is unknown)'}`);
    }
    if (entry.creditBalance !== (both ? credit.balance : undefined)) {
      throw new Error(`balance of ${creditAccount}: the log says ${entry.creditBalance ?? 'nothing'}, recomputed it is `
        + `${both ? credit.balance : 'nothing (an account is unknown)'}`);
    }
  }

  function applyNew(entry: OutcomeEntry): void {
    const s = entry.instruction;
    const reason = obstacle(s);
    if (reason !== (entry.reason ?? null)) {
      throw new Error(`${s.id} is ${fateOf(entry)}; recomputed it is `
        + `${reason === null ? 'final' : `rejected for ${reason}`}`);
    }
    if (reason !== null) return;
    accounts.get(s.debitAccount)!.balance -= s.amount;
    accounts.get(s.creditAccount)!.balance += s.amount;
  }

  /** What the earlier outcome of the same id makes of this one. */
  function compareEarlier(entry: OutcomeEntry, earlier: OutcomeEntry, at: number): void {
    const { id } = entry.instruction;
    if (entry.refusedAtEdge === true) {
      throw new Error(`${id} has its outcome at entry ${at}; this one is said to be decided by a refusal at the edge`);
    }
    if (!sameInstruction(earlier.instruction, entry.instruction)) {
      if (entry.reason !== 'id-conflict' || entry.duplicateOf !== undefined) {
        throw new Error(`${id} stands at entry ${at} with other content, and is not rejected for id-conflict`);
      }
      return;
    }
    if (entry.duplicateOf !== at) {
      throw new Error(`${id} has its outcome at entry ${at}; this one says `
        + `${entry.duplicateOf === undefined ? 'nothing of that' : `it is at ${entry.duplicateOf}`}`);
    }
    if (entry.status !== earlier.status || entry.reason !== earlier.reason) {
      throw new Error(`${id} was ${fateOf(earlier)} at entry ${at}, here it is ${fateOf(entry)}`);
    }
  }

  return {
    open(entry) {
      const account = accounts.get(entry.account);
      if (account === undefined) {
        const { asset, overdraft } = entry;
        accounts.set(entry.account, { asset, overdraft, limits: new Set([overdraft]), balance: 0n });
      } else if (account.asset !== entry.asset) {
        throw new Error(`account ${entry.account} is opened in ${entry.asset}, and was opened in ${account.asset}`);
      } else {
        account.overdraft = entry.overdraft;
        account.limits.add(entry.overdraft);
      }
    },
    apply(entry, at) {
      const { id } = entry.instruction;
      const earlierAt = ids.get(id);
      // What an id became stands before what an edge node thought of it: this comes first, refused at the edge or not.
      if (earlierAt !== undefined) {
        compareEarlier(entry, outcomeAt(earlierAt), earlierAt);
      } else {
        ids.set(id, at);
        if (entry.duplicateOf !== undefined) {
          throw new Error(`${id} is said to repeat entry ${entry.duplicateOf}, and is the first with its id`);
        }
        if (entry.refusedAtEdge !== true) applyNew(entry);
        else if (entry.status !== 'rejected' || entry.reason === 'id-conflict') {
          throw new Error(`${id} is said to be refused at the edge, and is ${fateOf(entry)}`);
        }
      }
      compareBalances(entry);
    },
    balance: (account) => accounts.get(account)?.balance,
    asset: (account) => accounts.get(account)?.asset,
    overdraft: (account) => accounts.get(account)?.overdraft,
    hadOverdraft: (account, limit) => accounts.get(account)?.limits.has(limit) === true,
    get accounts() {
      return accounts.size;
    },
    sums() {
      const sums = new Map<string, bigint>();
      for (const { asset, balance } of accounts.values()) sums.set(asset, (sums.get(asset) ?? 0n) + balance);
      return sums;
    },
  };
}

const fateOf = (entry: OutcomeEntry): string =>
  (entry.reason === undefined ? entry.status : `${entry.status} for ${entry.reason}`);
