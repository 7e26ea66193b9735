import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdIndex } from './id-index.ts';
import { transaction } from './sqlite.ts';

const ids = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `settlement-${from + i}`);

describe('the id index', () => {
  it('finds what was added, over several runs, after reopening, and nothing else', () => {
    const db = new DatabaseSync(':memory:');
    const index = new IdIndex(db);
    const total = 150_000;
    for (let first = 0; first < total; first += 15_000) transaction(db, () => index.add(ids(first, first + 15_000), first));
    for (const again of [index, new IdIndex(db)]) {
      for (const at of [0, 1, 65_535, 65_536, 131_071, 131_072, 149_999]) expect(again.find([`settlement-${at}`])[0]).toContain(at);
      const sample = ids(0, total).filter((_, i) => i % 97 === 0);
      again.find(sample).forEach((found, i) => expect(found).toContain(i * 97));
      // 37 bits tell 150,000 ids apart but for a few in a million.
      expect(again.find(ids(total, total + 20_000)).filter((f) => f !== undefined).length).toBeLessThan(5);
    }
  });

  it('gives all positions of ids whose hashes collide, in memory and in runs', () => {
    const db = new DatabaseSync(':memory:');
    const index = new IdIndex(db, 'id', (id) => (id.startsWith('same') ? 5 * 65_536 : Number(id) * 65_536));
    transaction(db, () => index.add(Array.from({ length: 1_000 }, (_, i) => `same${i}`), 100));
    expect(index.find(['same'])[0]).toHaveLength(1_000);
    transaction(db, () => index.add(Array.from({ length: 65_000 }, (_, i) => String(i + 10)), 5_000));
    expect(index.find(['same'])[0]!.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, i) => 100 + i));
  });

  it('takes positions one by one, and forgets what was rolled back', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 2, maxLength: 50 }), (names) => {
      const db = new DatabaseSync(':memory:');
      const index = new IdIndex(db);
      const half = Math.floor(names.length / 2);
      transaction(db, () => index.add(names.slice(0, half), names.slice(0, half).map((_, i) => i * 7)));
      expect(() => transaction(db, () => {
        index.add(names.slice(half), 1_000);
        throw new Error('undo');
      })).toThrow('undo');
      index.reload();
      expect(index.find(names)).toEqual(names.map((_, i) => (i < half ? [i * 7] : undefined)));
    }), { numRuns: 30 });
  });
});
