/**
 * Accounts in memory, the recently used ones, in two generations: when the young one is full it becomes the old one, and
 * what was still in the old one is forgotten. Every change of an account is stored in the transaction that makes it, so
 * forgetting loses nothing; but one transaction must not touch more accounts than a generation holds.
 */
import type { Account } from './core/ledger.ts';

export interface AccountCache {
  readonly get: (id: string) => Account | undefined;
  readonly put: (account: Account) => void;
  readonly drop: (id: string) => void;
}

/** @param accountsMax accounts in one generation; in memory are at most twice as many */
export function createAccountCache(accountsMax: number): AccountCache {
  let young = new Map<string, Account>();
  let old = new Map<string, Account>();
  const put = (account: Account): void => {
    if (young.size >= accountsMax) {
      old = young;
      young = new Map();
    }
    young.set(account.id, account);
  };
  return {
    get(id) {
      const account = young.get(id);
      if (account !== undefined) return account;
      const known = old.get(id);
      if (known !== undefined) put(known);
      return known;
    },
    put,
    drop(id) {
      young.delete(id);
      old.delete(id);
    },
  };
}
