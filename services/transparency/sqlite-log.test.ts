import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodingError } from '../protocol/errors.ts';
import {
  bundleLeafHashes, decodeBundle, EMPTY_ROOT, encodeBundle, LogCorruptError, SqliteLog, sqliteLogSchema, verifyConsistency, verifyInclusion,
  verifyRange,
} from './index.ts';
import { NaiveTree, sampleEntries, sampleLog } from './testing.ts';

const open = (): DatabaseSync => new DatabaseSync(':memory:');

function filled(sizes: readonly number[], db = open()): { db: DatabaseSync; log: SqliteLog; entries: Buffer[] } {
  const entries = sampleEntries(sizes.reduce((a, b) => a + b, 0));
  const log = new SqliteLog(db);
  let at = 0;
  for (const n of sizes) {
    expect(log.append(encodeBundle(entries.slice(at, at + n)), n)).toEqual({ first: at, size: at + n });
    at += n;
  }
  return { db, log, entries };
}

describe('SqliteLog', () => {
  it('is empty at first', () => {
    const log = new SqliteLog(open());
    expect(log.size).toBe(0);
    expect(log.root()).toEqual(EMPTY_ROOT);
    expect(log.rootAt(0)).toEqual(EMPTY_ROOT);
    expect(log.entries(0, 0)).toHaveLength(0);
    expect(() => log.entry(0)).toThrow(RangeError);
    expect(() => log.bundle(0, 1)).toThrow(RangeError);
    expect(() => log.readTile(0, 0, 1)).toThrow(RangeError);
  });

  it('keeps entries, spans, bundles, tiles and roots, whatever the appends, also after it was opened again', () => {
    const count = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 200, max: 600 }));
    fc.assert(fc.property(fc.array(count, { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat(), (sizes, x, y) => {
      const { db, log, entries } = filled(sizes);
      const size = entries.length;
      const expected = sampleLog(size);
      for (const l of [log, new SqliteLog(db)]) {
        expect(l.size).toBe(size);
        expect(l.root()).toEqual(expected.tree.root());
        const [a, b] = [x % (size + 1), y % (size + 1)].sort((p, q) => p - q) as [number, number];
        expect(l.entries(a, b)).toEqual(encodeBundle(entries.slice(a, b)));
        const i = x % size;
        expect(l.entry(i)).toEqual(entries[i]);
        const span = l.spanOf(i);
        expect(span.first <= i && i < span.end).toBe(true);
        let first = 0;
        expect(sizes.some((n) => {
          first += n;
          return first - n === span.first && first === span.end;
        })).toBe(true);
        for (const tile of expected.store.tiles.values()) {
          expect(Buffer.from(l.readTile(tile.level, tile.index, tile.width))).toEqual(tile.hashes);
          const partial = 1 + (y % tile.width);
          expect(Buffer.from(l.readTile(tile.level, tile.index, partial))).toEqual(tile.hashes.subarray(0, partial * 32));
          if (tile.level === 0) {
            expect(l.bundle(tile.index, partial))
              .toEqual(encodeBundle(entries.slice(tile.index * 256, tile.index * 256 + partial)));
          }
        }
      }
    }), { numRuns: 40 });
  });

  it('proves at every size up to 300, opened again at each', () => {
    const db = open();
    const entries = sampleEntries(300);
    const leaves = bundleLeafHashes(encodeBundle(entries)).hashes;
    const naive = new NaiveTree(sampleLog(300).leaves);
    for (let size = 1; size <= 300; size += 1) {
      const log = new SqliteLog(db);
      log.append(encodeBundle([entries[size - 1]!]), 1);
      const root = naive.mth(0, size);
      if (!log.root().equals(root)) throw new Error(`root at ${size}`);
      const i = (size * 7) % size;
      verifyInclusion(leaves.subarray(i * 32, i * 32 + 32), i, size, log.inclusionProof(i, size), root);
      const old = (size * 13) % size;
      verifyConsistency(old, log.rootAt(old), size, root, log.consistencyProof(old, size));
      verifyRange(leaves.subarray(old * 32, size * 32), old, size, log.rangeProof(old, size, size), root);
    }
    const log = new SqliteLog(db);
    for (let size = 1; size <= 300; size += 1) {
      if (!log.rootAt(size).equals(naive.mth(0, size))) throw new Error(`rootAt ${size}`);
    }
  });

  it('opens a long log by reading a few rows', () => {
    const { db, log, entries } = filled([...Array.from({ length: 30 }, () => 2_345), 1, 1, 100]);
    let rows = 0;
    const counting = new Proxy(db, {
      get(target, property) {
        const value = Reflect.get(target, property, target) as unknown;
        if (property !== 'prepare') {
          return typeof value === 'function' ? (value as (...a: unknown[]) => unknown).bind(target) : value;
        }
        return (sql: string) => new Proxy(target.prepare(sql), {
          get(statement, method) {
            const f = Reflect.get(statement, method, statement) as (...a: never[]) => unknown;
            return (...args: never[]): unknown => {
              const result = f.apply(statement, args);
              rows += Array.isArray(result) ? result.length : 1;
              return result;
            };
          },
        });
      },
    });
    const again = new SqliteLog(counting);
    expect(again.root()).toEqual(log.root());
    expect(again.size).toBe(entries.length);
    expect(rows).toBeLessThan(12);
    again.append(encodeBundle([Buffer.from('more')]), 1);
    log.reload();
    expect(log.root()).toEqual(again.root());
  });

  it('comes back from a rolled back transaction, and does not write before it did', () => {
    const { db, log } = filled([300]);
    const before = log.root();
    const bundle = encodeBundle(sampleEntries(500));
    db.exec('BEGIN');
    log.append(bundle, 500);
    expect(log.entry(700)).toEqual(decodeBundle(bundle)[400]);
    db.exec('ROLLBACK');
    expect(() => log.append(bundle, 500)).toThrow(/300 entries in the database and 800 in memory; reload\(\)/);
    log.reload();
    expect(log.size).toBe(300);
    expect(log.root()).toEqual(before);
    expect(() => log.entry(700)).toThrow(RangeError);
    log.append(bundle, 500);
    expect(new SqliteLog(db).root()).toEqual(log.root());
  });

  it('does not append twice from two places', () => {
    const { db, log } = filled([10]);
    const other = new SqliteLog(db);
    other.append(encodeBundle([Buffer.from('x')]), 1);
    expect(() => log.append(encodeBundle([Buffer.from('y')]), 1)).toThrow(/reload\(\)/);
  });

  it('refuses what does not fit together, and leaves the log as it was', () => {
    const { log } = filled([3]);
    const root = log.root();
    const bundle = encodeBundle(sampleEntries(2));
    const { hashes } = bundleLeafHashes(bundle);
    expect(() => log.append(bundle, 3)).toThrow(EncodingError);
    expect(() => log.append(bundle, 3, hashes)).toThrow(EncodingError);
    expect(() => log.append(bundle, 2, hashes.subarray(32))).toThrow(EncodingError);
    expect(() => log.append(bundle.subarray(0, bundle.length - 1), 2)).toThrow(/cut off/);
    expect(() => log.append(bundle.subarray(0, bundle.length - 1), 2, hashes)).toThrow(/cut off/);
    expect(() => log.append(Buffer.alloc(0), 0)).toThrow(EncodingError);
    expect(log.size).toBe(3);
    expect(log.root()).toEqual(root);
    for (const [a, b] of [[-1, 1], [2, 1], [0, 4], [0.5, 1], [Number.NaN, 1]] as const) {
      expect(() => log.entries(a, b)).toThrow(RangeError);
    }
    for (const [l, i, w] of [
      [0, 0, 0], [0, 0, 4], [0, 0, 257], [0, 1, 1], [1, 0, 1], [0, -1, 1], [-1, 0, 1], [0, 0.5, 1], [0, 0, 1.5],
      [0, Number.NaN, 1],
    ] as const) {
      expect(() => log.readTile(l, i, w), `${l}/${i}.${w}`).toThrow(RangeError);
    }
  });

  it('keeps several logs in one database apart', () => {
    const db = open();
    db.exec(sqliteLogSchema('a'));
    const a = new SqliteLog(db, { prefix: 'a' });
    const b = new SqliteLog(db, { prefix: 'b' });
    a.append(encodeBundle([Buffer.from('x')]), 1);
    expect([a.size, b.size]).toEqual([1, 0]);
    expect(() => new SqliteLog(db, { prefix: 'a"; DROP TABLE x' })).toThrow(RangeError);
  });

  it('notices a tile that is not there or too short', () => {
    const { db, log } = filled([600]);
    db.exec('DELETE FROM log_tiles WHERE key >= 70368744177664');
    expect(() => new SqliteLog(db)).toThrow(/tile 1\/0 is missing/);
    db.exec('UPDATE log_tiles SET hashes = x\'00\' WHERE key = 0');
    expect(() => log.readTile(0, 0, 256)).toThrow(/1 bytes stored, expected 8192/);
  });

  it('finds what was changed on disk: at once near the end, elsewhere when it is read', () => {
    const { db } = filled([300, 5]);
    const spoil = (first: number, at: number): void => {
      const { entries } = db.prepare('SELECT entries FROM log_rows WHERE first = ?').get(first) as { entries: Uint8Array };
      entries[at]! ^= 1;
      db.prepare('UPDATE log_rows SET entries = ? WHERE first = ?').run(entries, first);
    };
    spoil(0, 4);
    const opened = new SqliteLog(db);
    expect(() => opened.entry(0)).toThrow(LogCorruptError);
    expect(opened.entry(1)).toBeDefined();
    spoil(300, 4);
    expect(() => new SqliteLog(db)).toThrow(LogCorruptError);
  });
});
