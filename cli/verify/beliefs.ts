/**
 * What edge nodes believed of accounts when they decided: each decision records a state of the account that it debits with
 * the size of the global log that it is of, and the asset of the account that it credits. The ledger, recomputed up to that
 * size, has to have had that state.
 *
 * An overdraft limit may be older than the balance beside it: outcomes tell a node new balances, and no limits. It has to be
 * one that the account had by then.
 */
import type { DecisionInputs } from '../../services/protocol/index.ts';
import type { AuditLedger } from './ledger.ts';
import type { Findings } from './report.ts';

type State = NonNullable<DecisionInputs['debit']>;

/** The log that recorded a belief, as far as it matters here. */
export interface Believer {
  readonly id: string;
  /** Log size that the global log's outcomes have reached. */
  readonly settled: number;
}

interface Belief<T> {
  readonly what: T;
  readonly believer: Believer;
  /** Where it was recorded first. */
  readonly file: string;
  readonly entry: number;
}

export class Beliefs {
  /** By node and content: the same belief is recorded by many decisions, of which the first says the most. */
  readonly #states = new Map<string, Belief<State>>();
  readonly #assets = new Map<string, Belief<{ account: string; asset: string }>>();
  #sorted: Belief<State>[] | null = null;
  #next = 0;

  /** What the decision at `entry` of the node's log was taken on. */
  add(believer: Believer, { debit, creditAsset }: DecisionInputs, creditAccount: string, file: string, entry: number): void {
    if (debit !== null) {
      const key = `${believer.id} ${debit.account} ${debit.asOf} ${debit.balance} ${debit.overdraft} ${debit.asset}`;
      if (!this.#states.has(key)) this.#states.set(key, { what: debit, believer, file, entry });
    }
    if (creditAsset !== null) {
      const key = `${believer.id} ${creditAccount} ${creditAsset}`;
      if (!this.#assets.has(key)) {
        this.#assets.set(key, { what: { account: creditAccount, asset: creditAsset }, believer, file, entry });
      }
    }
  }

  /** Compares the beliefs of this size; called with every size, rising. */
  compare(size: number, ledger: AuditLedger, found: Findings): void {
    this.#sorted ??= [...this.#states.values()].sort((a, b) => a.what.asOf - b.what.asOf);
    for (let b = this.#sorted[this.#next]; b !== undefined && b.what.asOf <= size; b = this.#sorted[this.#next]) {
      this.#next += 1;
      const { account, asOf, asset, balance, overdraft } = b.what;
      const is = ledger.balance(account);
      if (is !== balance || ledger.asset(account) !== asset) {
        found.fail(b.file, `believed that ${account} held ${balance} ${asset} at size ${asOf} of the global log; it held `
          + `${is === undefined ? 'nothing, it was not open' : `${is} ${ledger.asset(account)!}`}`, b.entry);
      } else if (!ledger.hadOverdraft(account, overdraft)) {
        found.fail(b.file, `believed that ${account} had ${limit(overdraft)} at size ${asOf} of the global log; it had `
          + `${limit(ledger.overdraft(account)!)}, and never that one before`, b.entry);
      } else {
        found.count('believed balances and limits compared with the ledger');
      }
    }
  }

  /**
   * What is left once the whole global log of this size was compared. A decision that has its outcome there was taken before
   * it, on what was in the log by then; only what has no outcome yet may be of a later log than the one at hand.
   */
  finish(size: number, ledger: AuditLedger, found: Findings): void {
    this.compare(size, ledger, found);
    let unchecked = 0;
    for (const b of this.#sorted!.slice(this.#next)) {
      if (b.entry >= b.believer.settled) unchecked += 1;
      else {
        found.fail(b.file, `believed that ${b.what.account} held ${b.what.balance} ${b.what.asset} at size ${b.what.asOf} of the `
          + `global log, which has ${size} entries and the outcome of this decision among them`, b.entry);
      }
    }
    for (const b of this.#assets.values()) {
      const { account, asset } = b.what;
      const is = ledger.asset(account);
      if (is === asset) found.count('believed assets compared with the ledger');
      else if (is === undefined && b.entry >= b.believer.settled) unchecked += 1;
      else {
        found.fail(b.file, `believed that ${account} is an account in ${asset}; `
          + `${is === undefined ? 'it was never opened' : `it is in ${is}`}`, b.entry);
      }
    }
    if (unchecked > 0) {
      found.count('beliefs UNCHECKED, younger than the global log', unchecked);
      found.note(`what edge nodes believed of accounts is unchecked in ${unchecked} ${unchecked === 1 ? 'case' : 'cases'}: of a `
        + `larger global log than the ${size} entries of this export, recorded by decisions that have no outcome in it yet`);
    }
  }
}

const limit = (overdraft: bigint | null): string =>
  (overdraft === null ? 'no overdraft limit' : `an overdraft limit of ${overdraft}`);
