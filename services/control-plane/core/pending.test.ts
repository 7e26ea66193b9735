import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Account } from './ledger.ts';
import { balancesBefore, createPending } from './pending.ts';

const account = (id: string): Account => ({ id, asset: 'EUR', overdraft: null, balance: 0n, ref: null, touched: -1 });

describe('posted balances', () => {
  test('are those at the last witnessed size, however commits and rounds follow each other', () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant('apply' as const), id: fc.constantFrom('a', 'b'), by: fc.bigInt(-9n, 9n) }),
      fc.record({ kind: fc.constantFrom('start' as const, 'witnessed' as const, 'failed' as const) }),
    );
    fc.assert(fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const pending = createPending();
      const now = new Map([['a', account('a')], ['b', account('b')]]);
      const balances = () => new Map([...now].map(([id, a]) => [id, a.balance]));
      let posted = balances();
      let round: Map<string, bigint> | null = null;
      for (const e of events) {
        if (e.kind === 'apply') {
          const a = now.get(e.id)!;
          pending.applied({ changed: [a], before: [a.balance] });
          a.balance += e.by;
        } else if (e.kind === 'start' && round === null) {
          pending.roundStarted();
          round = balances();
        } else if (e.kind === 'witnessed' && round !== null) {
          pending.roundWitnessed();
          posted = round;
          round = null;
        } else if (e.kind === 'failed') {
          round = null;
        }
        for (const [id, a] of now) expect(pending.posted(id, a.balance)).toBe(posted.get(id));
      }
    }));
  });

  test('are found again from the log after a restart', () => {
    const moves = [
      { debit: 'a', credit: 'b', amount: 5n, debitBalance: -5n, creditBalance: 15n }, { debit: 'b', credit: 'a', amount: 1n, debitBalance: 14n, creditBalance: -4n },
      { debit: 'c', credit: 'c', amount: 7n, debitBalance: 9n, creditBalance: 9n },
    ];
    const pending = createPending(balancesBefore(moves));
    expect([pending.posted('a', -4n), pending.posted('b', 14n), pending.posted('c', 9n)]).toEqual([0n, 10n, 9n]);
    pending.roundStarted();
    pending.roundWitnessed();
    expect(pending.posted('a', -4n)).toBe(-4n);
  });
});
