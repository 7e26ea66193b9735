import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countByAge, type Aged } from './ages.ts';

const AGES = [1_000, 10_000, 60_000];
const commits = fc.array(fc.record({ ageMs: fc.integer({ min: -5, max: 100_000 }), count: fc.nat(9) }), { maxLength: 60 });
const agedOf = (list: readonly { ageMs: number; count: number }[]): { list: Aged[]; upTo: number } => {
  let upTo = 17;
  return { list: list.map(({ ageMs, count }) => ({ decidedAt: -ageMs, before: (upTo += count) - count })), upTo };
};

test('counts each settlement once, in its age', () => {
  fc.assert(fc.property(commits, (list) => {
    const sorted = list.toSorted((a, b) => b.ageMs - a.ageMs);
    const { list: aged, upTo } = agedOf(sorted);
    const between = (above: number, most: number): number => sorted.filter((c) => c.ageMs > above && c.ageMs <= most).reduce((sum, c) => sum + c.count, 0);
    expect(countByAge(aged.length, (i) => aged[i]!, upTo, AGES, 0)).toEqual([-Infinity, ...AGES].map((above, i, all) => between(above, all[i + 1] ?? Infinity)));
  }));
});

test('a clock that was set back loses none and counts none twice', () => {
  fc.assert(fc.property(commits, (list) => {
    const { list: aged, upTo } = agedOf(list);
    const counts = countByAge(aged.length, (i) => aged[i]!, upTo, AGES, 0);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(0);
    expect(counts.reduce((a, b) => a + b)).toBe(upTo - 17);
  }));
});

test('looks at some of a million commits, not at all of them', () => {
  let looks = 0;
  const at = (place: number): Aged => {
    looks += 1;
    return { decidedAt: place, before: place };
  };
  expect(countByAge(1_000_000, at, 1_000_000, AGES, 1_000_000)).toEqual([1_000, 9_000, 50_000, 940_000]);
  expect(looks).toBeLessThan(100);
});
