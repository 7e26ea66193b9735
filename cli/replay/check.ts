/** What a replay came to, against what it had to come to. Pure: the logs were verified and read by then. */
import type { OutcomeEntry } from '../../services/protocol/index.ts';
import type { Expectation } from './chain.ts';

/** Follows the outcomes of the global log for the ids of one replay. */
export class OutcomeBook {
  readonly #seen = new Map<string, { final: number; rejected: number; index: number; why: string | null }>();

  add(outcome: OutcomeEntry, index: number): void {
    const { id } = outcome.instruction;
    const known = this.#seen.get(id);
    const final = outcome.status === 'final' && outcome.duplicateOf === undefined ? 1 : 0;
    if (known === undefined) this.#seen.set(id, { final, rejected: 1 - final, index, why: outcome.reason ?? null });
    else {
      known.final += final;
      known.rejected += 1 - final;
    }
  }

  /** Global index of the first outcome of an id. */
  indexOf(id: string): number | undefined {
    return this.#seen.get(id)?.index;
  }

  /** What became of these ids: each has to be final, once. */
  check(ids: Iterable<string>): OutcomeCheck {
    const out = { final: 0, lost: 0, duplicated: 0, rejected: 0, examples: [] as string[] };
    const example = (text: string): void => {
      if (out.examples.length < 20) out.examples.push(text);
    };
    for (const id of ids) {
      const seen = this.#seen.get(id);
      if (seen === undefined) {
        out.lost += 1;
        example(`${id}: has no outcome in the global log`);
      } else if (seen.final + seen.rejected > 1) {
        out.duplicated += 1;
        example(`${id}: has ${seen.final + seen.rejected} outcomes in the global log`);
      } else if (seen.final === 1) {
        out.final += 1;
      } else {
        out.rejected += 1;
        example(`${id}: was rejected (${seen.why ?? 'no reason given'})`);
      }
    }
    return out;
  }
}

export interface OutcomeCheck {
  readonly final: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly rejected: number;
  readonly examples: readonly string[];
}

export interface BalanceCheck {
  readonly accounts: number;
  readonly matching: number;
  readonly exact: number;
  /** Accounts whose recorded rows do not follow from each other. */
  readonly broken: number;
  /** Largest difference, minor units. */
  readonly differenceMax: bigint;
  readonly examples: readonly string[];
}

/**
 * @param balance of an account in the ledger, minor units
 * @param tolerance how far a recorded balance may be off, for each entry of the account, minor units
 */
export function checkBalances(
  expected: readonly Expectation[], balance: (account: string) => bigint | undefined, tolerance: bigint,
): BalanceCheck {
  let matching = 0;
  let exact = 0;
  let broken = 0;
  let differenceMax = 0n;
  const examples: string[] = [];
  for (const e of expected) {
    const is = balance(e.account);
    if (e.broken) broken += 1;
    if (is === undefined) {
      if (examples.length < 20) examples.push(`${e.account}: is not in the ledger`);
      continue;
    }
    const difference = is > e.end ? is - e.end : e.end - is;
    if (difference > differenceMax) differenceMax = difference;
    if (difference === 0n) exact += 1;
    if (difference <= tolerance * BigInt(e.entries)) matching += 1;
    else if (examples.length < 20) {
      examples.push(`${e.account}: holds ${is}, recorded are ${e.end} (minor units, ${e.entries} `
        + `entries${e.broken ? '; its recorded rows do not follow from each other' : ''})`);
    }
  }
  return { accounts: expected.length, matching, exact, broken, differenceMax, examples };
}
