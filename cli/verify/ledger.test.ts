import { describe, expect, test } from 'vitest';
import type { DecisionInputs, OutcomeEntry } from '../../services/protocol/index.ts';
import { Beliefs } from './beliefs.ts';
import { createAuditLedger, type AuditLedger } from './ledger.ts';
import { Findings, type Report } from './report.ts';

/** Accounts `a` (limit 100) and `b` in EUR at entries 0 and 1, then these outcomes; the error of the last one, or null. */
function lastOf(...outcomes: Partial<OutcomeEntry>[]): string | null {
  const log = new Map<number, OutcomeEntry>();
  const ledger = createAuditLedger((index) => log.get(index)!);
  for (const account of ['a', 'b']) {
    ledger.open({ type: 'account', account, asset: 'EUR', overdraft: account === 'a' ? 100n : 0n, at: 1 });
  }
  let error: string | null = null;
  outcomes.forEach((o, i) => {
    const entry: OutcomeEntry = {
      type: 'outcome', instruction: { id: 'x', asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount: 60n }, region: 'eu',
      node: 'n', index: i, status: 'final', debitBalance: -60n, creditBalance: 60n, at: 1, ...o,
    };
    log.set(2 + i, entry);
    error = null;
    try {
      ledger.apply(entry, 2 + i);
    } catch (thrown) {
      error = (thrown as Error).message;
    }
  });
  return error;
}
const zero = { debitBalance: 0n, creditBalance: 0n };
const refused: Partial<OutcomeEntry> = { ...zero, status: 'rejected', reason: 'stale-state', refusedAtEdge: true };
const { refusedAtEdge: _, ...repeated } = { ...refused, duplicateOf: 2 };
const other = { instruction: { id: 'x', asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount: 1n } };

describe('one id, one fate', () => {
  test.each<[string, Partial<OutcomeEntry>[], RegExp | null]>([
    ['a repetition', [{}, { duplicateOf: 2 }], null],
    ['a repetition of what an edge refused', [refused, repeated], null],
    ['final first, then an edge refusal', [{}, { ...refused, debitBalance: -60n, creditBalance: 60n }],
      /x has its outcome at entry 2; this one is said to be decided by a refusal at the edge/],
    ['an edge refusal as a duplicate', [refused, { ...refused, duplicateOf: 2 }], /said to be decided by a refusal at the edge/],
    ['final after an edge refusal', [refused, { duplicateOf: 2 }], /was rejected for stale-state at entry 2, here it is final/],
    ['other content after an edge refusal', [refused, { ...refused, ...other }], /said to be decided by a refusal at the edge/],
    ['other content', [refused, { ...zero, ...other, status: 'rejected', reason: 'id-conflict' }], null],
    ['other content, called a duplicate', [refused, { ...repeated, ...other, reason: 'id-conflict' }], /with other content/],
    ['an edge refusal that is final', [{ refusedAtEdge: true }], /said to be refused at the edge, and is final/],
    ['an edge refusal for id-conflict', [{ ...refused, reason: 'id-conflict' }], /and is rejected for id-conflict/],
    ['id-conflict of nothing', [{ ...zero, status: 'rejected', reason: 'id-conflict' }], /recomputed it is final/],
  ])('%s', (_what, outcomes, expected) => {
    const error = lastOf(...outcomes);
    if (expected === null) expect(error).toBe(null);
    else expect(error).toMatch(expected);
  });
});

describe('beliefs', () => {
  const debit = { account: 'a', asset: 'EUR', balance: 0n, overdraft: 0n, asOf: 1 };
  /** Account `a` with limit 0 at entry 0, raised to 50 at entry 1; `b` at entry 2. */
  function verdict(inputs: Partial<DecisionInputs>, settled: number): Report {
    const ledger: AuditLedger = createAuditLedger(() => {
      throw new Error('no outcomes');
    });
    const beliefs = new Beliefs();
    const found = new Findings();
    beliefs.add({ id: 'n', settled }, {
      debit: null, debitAgeMs: 0, creditAsset: null, reserved: 0n, offlineAccount: 0n, offlineNode: 0n, connected: true,
      ...inputs,
    }, 'b', 'file', 0);
    [['a', 0n], ['a', 50n], ['b', null]].forEach(([account, overdraft], i) => {
      beliefs.compare(i, ledger, found);
      ledger.open({ type: 'account', account: account as string, asset: 'EUR', overdraft: overdraft as bigint | null, at: 1 });
    });
    beliefs.finish(3, ledger, found);
    return found.report('export');
  }

  test.each<[string, Partial<DecisionInputs>, number, RegExp | null]>([
    ['as it was', { debit, creditAsset: 'EUR' }, 1, null],
    ['the new limit', { debit: { ...debit, asOf: 2, overdraft: 50n } }, 1, null],
    ['an older limit beside a newer balance', { debit: { ...debit, asOf: 3 } }, 1, null],
    ['a limit from later', { debit: { ...debit, overdraft: 50n } }, 1, /limit of 50 at size 1.* it had an overdraft limit of 0/],
    ['no limit', { debit: { ...debit, overdraft: null } }, 1, /had no overdraft limit/],
    ['another asset', { debit: { ...debit, asset: 'USD' } }, 1, /held 0 USD/],
    ['an account that is not open yet', { debit: { ...debit, asOf: 0 } }, 1, /nothing, it was not open/],
    ['a size beyond the log, with an outcome', { debit: { ...debit, asOf: 999_999_999 } }, 1, /which has 3 entries and the outcome/],
    ['credited in another asset', { creditAsset: 'USD' }, 0, /b is an account in USD; it is in EUR/],
  ])('%s', (_what, inputs, settled, expected) => {
    const report = verdict(inputs, settled);
    if (expected === null) expect(report.failures).toEqual([]);
    else expect(report.failures.map((f) => f.what)).toEqual([expect.stringMatching(expected)]);
    expect(report.notes).toEqual([]);
  });

  test('beyond the log and without an outcome: unchecked, and counted', () => {
    const report = verdict({ debit: { ...debit, asOf: 999_999_999, balance: 10n ** 17n } }, 0);
    expect([report.ok, report.checked]).toEqual([true, { 'beliefs UNCHECKED, younger than the global log': 1 }]);
    expect(report.notes).toHaveLength(1);
  });
});
