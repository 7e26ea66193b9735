import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, relaxedTransaction, transaction } from './sqlite.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tidemark-sqlite-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the embedded database', () => {
  it('syncs every commit: WAL with synchronous=FULL', () => {
    const db = openDatabase(join(dir, 'a.db'), ['CREATE TABLE t (x)']);
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    db.close();
  });

  it('syncs again after a transaction that need not be, also after one that failed', () => {
    const db = openDatabase(join(dir, 'a.db'), ['CREATE TABLE t (x)']);
    relaxedTransaction(db, () => {
      expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 1 });
      db.exec('INSERT INTO t VALUES (1)');
    });
    expect(() => relaxedTransaction(db, () => {
      throw new Error('no');
    })).toThrow('no');
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect(db.prepare('SELECT * FROM t').all()).toEqual([{ x: 1 }]);
    db.close();
  });

  it('applies each migration once, also those that came later, and refuses a newer file', () => {
    const path = join(dir, 'a.db');
    const first = ['CREATE TABLE t (x); INSERT INTO t VALUES (1)'];
    openDatabase(path, first).close();
    openDatabase(path, first).close();
    const db = openDatabase(path, [...first, 'ALTER TABLE t ADD COLUMN y; UPDATE t SET y = 2']);
    expect(db.prepare('SELECT * FROM t').all()).toEqual([{ x: 1, y: 2 }]);
    db.close();
    expect(() => openDatabase(path, first)).toThrow('schema version 2 is newer than this program knows (1)');
  });

  it('leaves nothing of a migration or a transaction that failed', () => {
    const path = join(dir, 'a.db');
    expect(() => openDatabase(path, ['CREATE TABLE t (x); nonsense'])).toThrow();
    const db = openDatabase(path, ['CREATE TABLE t (x)']);
    expect(() => transaction(db, () => {
      db.exec('INSERT INTO t VALUES (1)');
      throw new Error('no');
    })).toThrow('no');
    expect(db.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 0 });
    db.close();
  });
});
