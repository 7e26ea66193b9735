/**
 * What edge nodes believed of accounts when they decided: each decision records a balance and the size of the global log
 * that it is of. The ledger, recomputed up to that size, has to have had that balance.
 */
import type { AccountState } from '../../services/protocol/index.ts';
import type { AuditLedger } from './ledger.ts';
import type { Findings } from './report.ts';

interface Belief {
  readonly state: AccountState;
  /** Where it was recorded first. */
  readonly file: string;
  readonly entry: number;
}

export class Beliefs {
  /** By account, size and balance: the same belief is recorded by many decisions. */
  readonly #all = new Map<string, Belief>();
  #sorted: Belief[] | null = null;
  #next = 0;

  add(state: AccountState, file: string, entry: number): void {
    const key = `${state.account} ${state.asOf} ${state.balance} ${state.asset}`;
    if (!this.#all.has(key)) this.#all.set(key, { state, file, entry });
  }

  /** Compares the beliefs of this size; called with every size, rising. */
  compare(size: number, ledger: AuditLedger, found: Findings): void {
    this.#sorted ??= [...this.#all.values()].sort((a, b) => a.state.asOf - b.state.asOf);
    for (let b = this.#sorted[this.#next]; b !== undefined && b.state.asOf <= size; b = this.#sorted[this.#next]) {
      this.#next += 1;
      const { account, asOf, asset, balance } = b.state;
      const is = ledger.balance(account);
      if (is === balance && ledger.asset(account) === asset) found.count('believed balances compared with the ledger');
      else found.fail(b.file, `believed that ${account} held ${balance} ${asset} at size ${asOf} of the global log; it held `
        + `${is === undefined ? 'nothing, it was not open' : `${is} ${ledger.asset(account)!}`}`, b.entry);
    }
  }
}
