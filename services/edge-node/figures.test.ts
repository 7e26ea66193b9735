/** What is provisional, by age. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PROVISIONAL_AGES_MS, readDelta } from '../telemetry/index.ts';
import { createFigures } from './figures.ts';

const NOW = 1_795_270_447_601;
const commit = fc.record({ ageMs: fc.integer({ min: 0, max: 2 * PROVISIONAL_AGES_MS.at(-1)! }), count: fc.integer({ min: 1, max: 5 }), refused: fc.nat(5) });

test('every provisional settlement is in one age, until it is ordered', () => {
  fc.assert(fc.property(fc.array(commit, { maxLength: 20 }), fc.nat(20), (list, ordered) => {
    const figures = createFigures({ slas: [], node: 'a', region: 'eu', reach: 'new' });
    const commits = list.toSorted((a, b) => b.ageMs - a.ageMs).map((c) => ({ ...c, refused: Math.min(c.refused, c.count) }));
    let first = 0;
    for (const { ageMs, count, refused } of commits) {
      figures.decided({ first, count, decidedAt: NOW - ageMs, receivedAt: NOW - ageMs, offline: 0, refused });
      first += count;
    }
    const left = commits.slice(ordered);
    figures.orderedUpTo(first - left.reduce((sum, c) => sum + c.count, 0), NOW);
    const { provisional, provisionalByAge = [0, 0, 0, 0, 0, 0] } = figures.provisional(NOW);
    const between = (above: number, upTo: number): number => left.filter((c) => c.ageMs > above && c.ageMs <= upTo).reduce((sum, c) => sum + c.count - c.refused, 0);
    expect(provisionalByAge).toEqual([-1, ...PROVISIONAL_AGES_MS].map((above, i, all) => between(above, all[i + 1] ?? Infinity)));
    expect(provisionalByAge.reduce((a, b) => a + b, 0)).toBe(provisional);
  }));
});

test.each([[[1, 2]], ['6'], [[0, 0, 0, 0, 0, -1]], [[0, 0, 0, 0, 0, 0.5]], [[0, 0, 0, 0, 0, 0, 0]]])('a delta with %j for it is none', (provisionalByAge) => {
  const delta = {
    acknowledged: 0, from: 1, gauges: { logSize: 0, provisional: 3, provisionalAgeMs: 0, provisionalByAge, provisionalRatio: 0, queued: 0, state: 'ready' },
    node: 'a', origin: 'o', region: 'eu', seq: 1, sums: { counts: {}, lag: {}, peering: {}, slas: {} }, to: 2, v: 1,
  };
  expect(() => readDelta(`tidemark telemetry delta v1\n${JSON.stringify(delta)}\n`)).toThrow(/provisionalByAge: expected 6 whole numbers/);
});
