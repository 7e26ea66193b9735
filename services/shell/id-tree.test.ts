import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { createIdHash } from './id-hash.ts';
import { createIdTree, ID_TREE_SCHEMA, YOUNG_MAX } from './id-tree.ts';

const hashOf = createIdHash(new Uint8Array(8));
const hashes = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => hashOf(`settlement-${first + i}`));

function database(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  db.exec(ID_TREE_SCHEMA);
  return db;
}

/** Adds ids in commits of a quarter of what makes a run. */
function fill(db: DatabaseSync, index: ReturnType<typeof createIdTree>, first: number, count: number): void {
  const step = YOUNG_MAX / 4;
  for (let at = first; at < first + count; at += step) {
    db.exec('BEGIN');
    const some = hashes(at, Math.min(step, first + count - at));
    expect(some.findIndex((h, i) => index.claim(h, at + i) !== null)).toBe(-1);
    index.settle();
    db.exec('COMMIT');
  }
}

const levels = (db: DatabaseSync): Record<string, number> =>
  Object.fromEntries(db.prepare('SELECT level, count(*) AS n FROM id_run GROUP BY level').all().map((r) => [r['level'], r['n']])) as Record<string, number>;

describe('the tree of hashes', () => {
  test('finds every id where it was first noted, through runs, merges and a restart', () => {
    const db = database();
    const index = createIdTree(db);
    const count = YOUNG_MAX * 10;
    fill(db, index, 0, count);
    expect(levels(db)).toEqual({ 1: 2, 2: 1 });
    const check = (i: ReturnType<typeof createIdTree>): void => {
      expect(hashes(0, count).findIndex((h, n) => (n % 37 === 0 || n > count - 100) && i.find(h) !== n)).toBe(-1);
      expect(hashes(count, 500).map((h) => i.find(h)).every((p) => p === null)).toBe(true);
    };
    check(index);
    expect(hashes(0, count).every((h, n) => n % 101 !== 0 || index.claim(h, 0) === n)).toBe(true);
    check(createIdTree(db));
  });

  test('is right at every step of a merge', () => {
    const db = database();
    const index = createIdTree(db);
    fill(db, index, 0, YOUNG_MAX * 7);
    const sample = hashes(0, YOUNG_MAX * 7).filter((_, n) => n % 997 === 0);
    // Few ids with each commit: the merge takes many of them.
    let between = 0;
    for (let at = YOUNG_MAX * 7; at < YOUNG_MAX * 7 + 72_000; at += 2_000) {
      hashes(at, 2_000).forEach((h, i) => index.claim(h, at + i));
      index.settle();
      if (db.prepare('SELECT count(*) AS n FROM id_run WHERE merged IS NOT NULL').get()!['n'] === 1) between += 1;
      expect(sample.map((h) => index.find(h))).toEqual(sample.map((_, k) => k * 997));
    }
    expect(between).toBeGreaterThan(3);
  });

  test('after a rollback knows what the database knows', () => {
    const db = database();
    const index = createIdTree(db);
    fill(db, index, 0, YOUNG_MAX * 2);
    db.exec('BEGIN');
    const lost = hashes(YOUNG_MAX * 2, YOUNG_MAX);
    lost.forEach((h, i) => index.claim(h, YOUNG_MAX * 2 + i));
    index.settle();
    db.exec('ROLLBACK');
    index.reload();
    expect(lost.every((h) => index.find(h) === null)).toBe(true);
    fill(db, index, YOUNG_MAX * 2, YOUNG_MAX);
    expect(index.find(lost[7]!)).toBe(YOUNG_MAX * 2 + 7);
  });
});
