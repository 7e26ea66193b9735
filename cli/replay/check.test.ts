import { expect, test } from 'vitest';
import type { OutcomeEntry } from '../../services/protocol/index.ts';
import { checkBalances, OutcomeBook } from './check.ts';

const outcome = (id: string, more: Partial<OutcomeEntry> = {}): OutcomeEntry => ({
  type: 'outcome', instruction: {
    id, asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount: 1n,
  }, region: 'r', node: 'n', index: 0, status: 'final', at: 0, ...more,
});

test('each id has to be final exactly once', () => {
  const book = new OutcomeBook();
  [
    outcome('once'), outcome('twice'), outcome('twice', { duplicateOf: 1 }),
    outcome('no', { status: 'rejected', reason: 'overflow' }), outcome('not asked for'),
  ].forEach((o, i) => book.add(o, i));
  expect(book.check(['once', 'twice', 'no', 'never'])).toEqual({
    final: 1, lost: 1, duplicated: 1, rejected: 1,
    examples: [
      'twice: has 2 outcomes in the global log', 'no: was rejected (overflow)',
      'never: has no outcome in the global log',
    ],
  });
  expect(book.indexOf('twice')).toBe(1);
});

test('balances match within the tolerance of their entries', () => {
  const e = (account: string, end: bigint, entries: number): Parameters<typeof checkBalances>[0][number] => ({
    account, start: 0n, openingId: null, end, entries, broken: false,
  });
  const is = new Map([['exact', 100n], ['near', 130n], ['far', 131n]]);
  const check = checkBalances(
    [e('exact', 100n, 1), e('near', 100n, 3), e('far', 100n, 3), e('gone', 0n, 1)], (a) => is.get(a), 10n,
  );
  expect(check).toMatchObject({ accounts: 4, matching: 2, exact: 1, differenceMax: 31n });
  expect(check.examples).toEqual([expect.stringContaining('far: holds 131, recorded are 100'), 'gone: is not in the ledger']);
});
