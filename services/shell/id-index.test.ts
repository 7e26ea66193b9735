import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createIdIndex, ID_INDEX_SCHEMA } from './id-index.ts';
import { transaction } from './sqlite.ts';

// Two hashes for all ids: nearly all of them collide.
it('tells ids with the same hash apart, also after reopening and after a rollback', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 4, maxLength: 60 }), (names) => {
    const db = new DatabaseSync(':memory:');
    db.exec(ID_INDEX_SCHEMA);
    const open = (): ReturnType<typeof createIdIndex> => createIdIndex(db, (position) => names[position]!, (id) => id.length % 2);
    const index = open();
    const half = Math.floor(names.length / 2);
    const claimAll = (from: number, to: number): (number | null)[] => names.slice(from, to).map((id, i) => index.claim(id, from + i));
    transaction(db, () => {
      expect(claimAll(0, half).every((p) => p === null)).toBe(true);
      expect(claimAll(0, half)).toEqual(names.slice(0, half).map((_, i) => i));
      index.settle();
    });
    expect(() => transaction(db, () => {
      claimAll(half, names.length);
      index.settle();
      throw new Error('undo');
    })).toThrow('undo');
    index.reload();
    for (const i of [index, open()]) expect(names.map((id) => i.find(id))).toEqual(names.map((_, k) => (k < half ? k : null)));
  }), { numRuns: 50 });
});
