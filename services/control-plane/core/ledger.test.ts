import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BALANCE_MAX, decodeGlobal, encodeOutcome, type OutcomeEntry, type RefusalReason } from '../../protocol/index.ts';
import type { Settlement } from './decisions.ts';
import { applyBatch, LedgerError, undo, type Account, type Earlier, type Fate } from './ledger.ts';

const settlement = (id: string, debit: string, credit: string, amount: bigint | string, more: Partial<Settlement> = {}): Settlement =>
  ({ id, debit, credit, amount: String(amount), asset: 'EUR', refusal: null, ...more });

/** A ledger in memory that remembers first outcomes the way a store does. */
function memoryLedger(accounts: readonly Omit<Account, 'ref' | 'touched'>[]) {
  const byId = new Map(accounts.map((a): [string, Account] => [a.id, { ...a, ref: null, touched: -1 }]));
  const first = new Map<string, number>();
  const outcomes: Settlement[] = [];
  const fates: Fate[] = [];
  const apply = (settlements: readonly Settlement[], node = 'n', from = 0) => {
    const start = fates.length;
    const earlier = new Map<number, number>();
    settlements.forEach((s, i) => {
      const seen = first.get(s.id);
      if (seen === undefined) first.set(s.id, start + i);
      else earlier.set(start + i, seen);
      outcomes.push(s);
    });
    const effects = applyBatch({
      account: (id) => byId.get(id),
      earlier: (index): Earlier | undefined => {
        const seen = earlier.get(index);
        return seen === undefined ? undefined : { ...outcomes[seen]!, index: seen, reason: fates[seen]! };
      },
    }, { region: 'r', node, from, first: start, settlements }, 1_000, fates);
    return { effects, entries: effects.entries.map((e) => decodeGlobal(e) as OutcomeEntry) };
  };
  return { apply, byId, balance: (id: string) => byId.get(id)!.balance, fates };
}

const eur = (id: string, balance = 0n, overdraft: bigint | null = 0n) => ({ id, asset: 'EUR', balance, overdraft });

describe('the order of reasons', () => {
  const accounts = [eur('a', 100n), eur('b'), { ...eur('usd'), asset: 'USD' }, eur('bank', 0n, null), eur('top', BALANCE_MAX - 1n)];
  const cases: [string, Settlement, string | undefined][] = [
    ['covered', settlement('x', 'a', 'b', 100n), undefined],
    ['one unit too much', settlement('x', 'a', 'b', 101n), 'insufficient-funds'],
    ['no limit', settlement('x', 'bank', 'b', 10n ** 17n), undefined],
    ['unknown debit account', settlement('x', 'nobody', 'b', 1n), 'account-unknown'],
    ['unknown credit account', settlement('x', 'a', 'nobody', 1n), 'account-unknown'],
    ['other asset of an account', settlement('x', 'a', 'usd', 1n), 'asset-mismatch'],
    ['other asset of both accounts', settlement('x', 'a', 'b', 1n, { asset: 'USD' }), 'asset-mismatch'],
    ['beyond 64 bits', settlement('x', 'bank', 'top', 2n), 'overflow'],
    ['up to 64 bits', settlement('x', 'bank', 'top', 1n), undefined],
    ['to itself', settlement('x', 'a', 'a', 100n), undefined],
    ['to itself, not covered', settlement('x', 'a', 'a', 101n), 'insufficient-funds'],
    ['refused at the edge before anything else', settlement('x', 'nobody', 'b', 1n, { refusal: 'stale-state' }), 'stale-state'],
  ];
  test.each(cases)('%s', (_what, s, reason) => {
    const { apply } = memoryLedger(accounts);
    const { entries: [entry] } = apply([s]);
    expect([entry!.status, entry!.reason, entry!.refusedAtEdge]).toEqual([reason === undefined ? 'final' : 'rejected', reason, s.refusal === null ? undefined : true]);
  });

  test('balances stand in the entry exactly when both accounts exist', () => {
    const { apply } = memoryLedger(accounts);
    const { entries } = apply([settlement('x', 'a', 'b', 30n), settlement('y', 'a', 'usd', 1n), settlement('z', 'a', 'nobody', 1n), settlement('x', 'a', 'b', 30n)]);
    expect(entries.map((e) => [e.debitBalance, e.creditBalance])).toEqual([[70n, 30n], [70n, 0n], [undefined, undefined], [70n, 30n]]);
  });

  test('a repetition has the fate of the first, whatever it was, and other content has not', () => {
    const { apply, balance } = memoryLedger(accounts);
    const { entries } = apply([
      settlement('x', 'a', 'b', 60n), settlement('x', 'a', 'b', 60n), settlement('y', 'a', 'b', 60n), settlement('y', 'a', 'b', 60n),
      settlement('x', 'a', 'b', 61n), settlement('x', 'b', 'a', 60n), settlement('e', 'a', 'b', 1n, { refusal: 'stale-state' }), settlement('e', 'a', 'b', 1n),
    ]);
    expect(entries.map((e) => [e.status, e.reason, e.duplicateOf])).toEqual([
      ['final', undefined, undefined], ['final', undefined, 0], ['rejected', 'insufficient-funds', undefined], ['rejected', 'insufficient-funds', 2],
      ['rejected', 'id-conflict', undefined], ['rejected', 'id-conflict', undefined], ['rejected', 'stale-state', undefined], ['rejected', 'stale-state', 6],
    ]);
    expect(balance('a')).toBe(40n);
  });

  test('a retry at another node that refuses it has the fate of the first outcome, not the refusal of that node', () => {
    const { apply, balance } = memoryLedger(accounts);
    const { entries } = apply([
      settlement('x', 'a', 'b', 100n), settlement('x', 'a', 'b', 100n, { refusal: 'insufficient-funds' }),
      settlement('x', 'a', 'b', 99n, { refusal: 'insufficient-funds' }), settlement('e', 'a', 'b', 1n, { refusal: 'stale-state' }),
      settlement('e', 'a', 'b', 1n, { refusal: 'insufficient-funds' }), settlement('e', 'a', 'b', 2n),
    ]);
    expect(entries.map((e) => [e.status, e.reason, e.duplicateOf, e.refusedAtEdge])).toEqual([
      ['final', undefined, undefined, undefined], ['final', undefined, 0, undefined], ['rejected', 'id-conflict', undefined, undefined],
      ['rejected', 'stale-state', undefined, true], ['rejected', 'stale-state', 3, undefined], ['rejected', 'id-conflict', undefined, undefined],
    ]);
    expect(balance('a')).toBe(0n);
  });

  test('entries are canonical', () => {
    const { apply } = memoryLedger(accounts);
    const { effects, entries } = apply([settlement('x', 'a', 'b', 60n), settlement('x', 'a', 'b', 60n), settlement('z', 'a', 'nobody', 1n, { refusal: 'account-unknown' })], 'node-1', 4_711);
    expect(entries.map(encodeOutcome)).toEqual(effects.entries);
    expect(entries.map((e) => [e.node, e.region, e.index, e.at])).toEqual([['node-1', 'r', 4_711, 1_000], ['node-1', 'r', 4_712, 1_000], ['node-1', 'r', 4_713, 1_000]]);
  });
});

const NAMES = ['a', 'b', 'c', 'd', 'gone', 'usd'];
const someSettlement: fc.Arbitrary<Settlement> = fc.record({
  id: fc.nat(30).map((n) => `s${n}`), debit: fc.constantFrom(...NAMES), credit: fc.constantFrom(...NAMES), asset: fc.constantFrom('EUR', 'EUR', 'EUR', 'USD'),
  amount: fc.bigInt(1n, 60n).map(String), refusal: fc.option(fc.constantFrom<RefusalReason>('stale-state', 'insufficient-funds'), { freq: 8 }),
});
const ledger = () => memoryLedger([eur('a', 100n), eur('b', 0n, 20n), eur('c', -100n, null), eur('d'), { ...eur('usd'), asset: 'USD' }]);
const state = (l: ReturnType<typeof ledger>): [string, bigint][] => [...l.byId].map(([id, a]) => [id, a.balance]);

describe('properties', () => {
  test('sums stay what they were, and no account leaves its limit', () => {
    fc.assert(fc.property(fc.array(fc.array(someSettlement, { minLength: 1, maxLength: 12 }), { maxLength: 6 }), (batches) => {
      const l = ledger();
      for (const batch of batches) {
        l.apply(batch);
        const sums = new Map<string, bigint>();
        for (const a of l.byId.values()) {
          sums.set(a.asset, (sums.get(a.asset) ?? 0n) + a.balance);
          if (a.overdraft !== null) expect(a.balance >= -a.overdraft).toBe(true);
        }
        expect([...sums]).toEqual([['EUR', 0n], ['USD', 0n]]);
      }
    }));
  });

  test('each id moves money at most once, and repeating everything changes nothing', () => {
    fc.assert(fc.property(fc.array(someSettlement, { minLength: 1, maxLength: 40 }), fc.nat(), (settlements, cut) => {
      const l = ledger();
      const at = cut % settlements.length;
      const outcomes = [...l.apply(settlements.slice(0, at)).entries, ...l.apply(settlements.slice(at)).entries];
      const moved = outcomes.filter((o) => o.status === 'final' && o.duplicateOf === undefined).map((o) => o.instruction.id);
      expect(new Set(moved).size).toBe(moved.length);
      // No id is both final and rejected for what it asked: only other content under it is.
      for (const [id, same] of Map.groupBy(outcomes.filter((o) => o.reason !== 'id-conflict'), (o) => o.instruction.id)) {
        expect(new Set(same.map((o) => `${o.status} ${o.reason}`)).size, id).toBe(1);
      }
      const before = state(l);
      const again = l.apply(settlements).entries;
      expect(state(l)).toEqual(before);
      expect(again.every((o) => o.duplicateOf !== undefined || o.status === 'rejected')).toBe(true);
    }));
  });

  test('however the same settlements are cut into batches, the outcomes are the same', () => {
    fc.assert(fc.property(fc.array(someSettlement, { minLength: 2, maxLength: 30 }), fc.nat(), (settlements, cut) => {
      const at = 1 + cut % (settlements.length - 1);
      const whole = ledger();
      const parts = ledger();
      const one = whole.apply(settlements).entries;
      const two = [...parts.apply(settlements.slice(0, at), 'n', 0).entries, ...parts.apply(settlements.slice(at), 'n', at).entries];
      expect(two).toEqual(one);
      expect(state(parts)).toEqual(state(whole));
    }));
  });

  test('nodes with accounts of their own may come in any order', () => {
    const nodes = ['x', 'y', 'z'];
    const ofNode = (n: string) => fc.array(fc.record({
      debit: fc.constantFrom(`${n}1`, `${n}2`), credit: fc.constantFrom(`${n}1`, `${n}2`), amount: fc.bigInt(1n, 80n),
    }), { maxLength: 8 });
    fc.assert(fc.property(ofNode('x'), ofNode('y'), ofNode('z'), fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), (x, y, z, order) => {
      const batches = [x, y, z].map((list, k) => list.map((m, i) => settlement(`${nodes[k]}-${i}`, m.debit, m.credit, m.amount)));
      const run = (sequence: readonly number[]) => {
        const l = memoryLedger(nodes.flatMap((n) => [eur(`${n}1`, 100n), eur(`${n}2`, -100n, 150n)]));
        const fates = new Map(sequence.map((k) => [k, l.apply(batches[k]!, nodes[k]!).entries.map((e) => [e.status, e.reason, e.debitBalance, e.creditBalance])]));
        return { balances: [...l.byId].map(([id, a]) => [id, a.balance]), fates: [0, 1, 2].map((k) => fates.get(k)) };
      };
      expect(run(order)).toEqual(run([0, 1, 2]));
    }));
  });

  test('a batch taken back leaves no trace', () => {
    fc.assert(fc.property(fc.array(someSettlement, { minLength: 1, maxLength: 20 }), fc.array(someSettlement, { minLength: 1, maxLength: 20 }), (one, two) => {
      const l = ledger();
      const before = state(l);
      const first = l.apply(one).effects;
      const middle = state(l);
      const second = l.apply(two).effects;
      undo(second);
      expect(state(l)).toEqual(middle);
      undo(first);
      expect(state(l)).toEqual(before);
    }));
  });
});

test('books that do not balance are refused, and taken back', () => {
  // An account that forgets part of what it receives stands for any fault in between.
  let balance = 0n;
  const leaky: Account = { id: 'b', asset: 'EUR', overdraft: 0n, ref: null, touched: -1, get balance() { return balance; }, set balance(v) { balance = v === 5n ? 4n : v; } };
  const a: Account = { ...eur('a', 100n), ref: null, touched: -1 };
  const accounts = new Map([['a', a], ['b', leaky]]);
  expect(() => applyBatch({ account: (id) => accounts.get(id), earlier: () => undefined }, { region: 'r', node: 'n', from: 0, first: 0, settlements: [settlement('x', 'a', 'b', 5n)] }, 0, []))
    .toThrow(LedgerError);
  expect([a.balance, balance]).toEqual([100n, 0n]);
});
