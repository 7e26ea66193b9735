import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BalanceChains, chainDay, type DayRow } from './chain.ts';
import type { MappedRow } from './mapping.ts';

const day = (...rows: [signed: bigint, balance: bigint][]): DayRow[] => rows.map(
  ([signed, balance]) => ({ signed, balance, sent: true, openingId: null }),
);
const row = (order: string, signed: bigint, balance: bigint): MappedRow & { balance: bigint } =>
  ({ instruction: null, own: 'a', signed, order, site: '', balance, openingId: `open:${order}:${balance}` });

describe('the order within a day', () => {
  test('is found whatever the order of the rows', () => {
    // 100 -> 150 -> 120 -> 20
    expect(chainDay(day([-100n, 20n], [50n, 150n], [-30n, 120n]), 100n, 0n)).toEqual([{ first: 1, last: 0 }]);
    expect(chainDay(day([-100n, 20n], [50n, 150n], [-30n, 120n]), null, 0n)).toEqual([{ first: 1, last: 0 }]);
  });
  test('allows for rounding in the source, and no more', () => {
    expect(chainDay(day([50n, 158n]), 100n, 10n)).toHaveLength(1);
    expect(chainDay(day([50n, 161n]), 100n, 10n)).toHaveLength(0);
  });
  test('all ways are kept when there are several', () => {
    expect(chainDay(day([700n, 700n], [-700n, 0n]), null, 0n)).toEqual([{ first: 0, last: 1 }, { first: 1, last: 0 }]);
  });
  test('a day of many rows is chained by its sum', () => {
    const rows = day(...Array.from({ length: 40 }, (_, i): [bigint, bigint] => [1n, BigInt(101 + ((i * 7) % 40))]));
    const ends = chainDay(rows, 100n, 0n);
    expect(ends).toHaveLength(1);
    expect(rows[ends[0]!.last]!.balance).toBe(140n);
  });
});

describe('balances of an account', () => {
  const expectations = (rows: (MappedRow & { balance: bigint })[], sent = rows.length, tolerance = 0n): ReturnType<BalanceChains['finish']> => {
    const chains = new BalanceChains(tolerance);
    rows.forEach((r, i) => chains.add(r, i < sent));
    return chains.finish();
  };

  test('a later day decides what the first one leaves open', () => {
    // 0 +700 -700 or 700 -700 +700: the second day starts from 700.
    const [e] = expectations([row('1', 700n, 700n), row('1', -700n, 0n), row('2', 5n, 705n)]);
    expect(e).toMatchObject({ start: 700n, openingId: 'open:1:0', end: 705n, broken: false, entries: 3 });
  });
  test('what nothing decides starts from nothing', () => {
    expect(expectations([row('1', 700n, 700n), row('1', -700n, 0n)])[0]).toMatchObject({ start: 0n, end: 0n });
  });
  test('a limit in the middle of a day counts the rows that are sent', () => {
    // Booked as 0 +10 +5 -3, listed otherwise; the first two of the list are sent.
    const rows = [row('1', -3n, 12n), row('1', 10n, 10n), row('1', 5n, 15n)];
    expect(expectations(rows, 2)[0]).toMatchObject({ start: 0n, end: 7n, entries: 2 });
    expect(
      expectations([row('0', 1n, 1n), ...rows.map((r) => ({ ...r, balance: r.balance + 1n }))], 2)[0],
    ).toMatchObject({ start: 0n, end: -2n, entries: 2 });
  });
  test('rows that do not follow from each other are said to, and the nearest balance counts', () => {
    expect(
      expectations([row('1', 10n, 10n), row('2', 5n, 90n), row('3', 1n, 91n)])[0],
    ).toMatchObject({ start: 0n, end: 91n, broken: true });
  });
  test('an account of which nothing is sent is not expected to be anything', () => {
    expect(expectations([row('1', 1n, 1n)], 0)).toEqual([]);
  });

  test('any history, shuffled within its days and rounded, leads to where it started and ended', () => {
    const amounts = fc.array(
      fc.array(fc.bigInt(-5_000n, 5_000n).filter((v) => v > 100n || v < -100n), { minLength: 1, maxLength: 6 }),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(fc.property(amounts, fc.bigInt(1n, 100_000n), fc.integer(), (days, start, seed) => {
      let balance = start;
      let state = seed >>> 0;
      const next = (): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return state;
      };
      const rows = days.flatMap((list, d) => list
        .map((signed) => {
          balance += signed;
          return { key: next(), row: row(String(d + 10), signed, balance) };
        })
        .sort((a, b) => a.key - b.key).map((x) => x.row));
      const [e] = expectations(rows);
      expect(e!.broken).toBe(false);
      // A first day may be read in several ways; each of them has to come to the recorded end by the amounts themselves.
      const sum = days.flat().reduce((s, v) => s + v, 0n);
      expect(e!.start + sum).toBe(e!.end);
      expect(e!.entries).toBe(days.flat().length);
    }), { numRuns: 200 });
  });
});
