/**
 * The embedded database: one file, WAL, `synchronous=FULL`, so that a commit that returned survives a power cut
 * (https://sqlite.org/pragma.html#pragma_synchronous). Schema changes are migrations, applied in order, each once.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Statements of one schema version. The list of a database only ever grows at its end. */
export type Migration = string;

/**
 * Opens or creates the database and brings its schema up to date. Integers come back as number; a statement whose
 * columns hold money calls `setReadBigInts(true)`.
 *
 * @throws Error when the file was written by a newer version
 */
export function openDatabase(path: string, migrations: readonly Migration[]): DatabaseSync {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(path, { timeout: 10_000 });
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000');
  migrate(db, migrations, path);
  return db;
}

function migrate(db: DatabaseSync, migrations: readonly Migration[], path: string): void {
  transaction(db, () => {
    const version = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
    if (version > migrations.length) {
      throw new Error(`${path}: schema version ${version} is newer than this program knows (${migrations.length}); run a newer Tidemark`);
    }
    for (const statements of migrations.slice(version)) db.exec(statements);
    db.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

/** Runs `work` in one transaction: committed and on disk when this returns, rolled back when it throws. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/**
 * The same without waiting for the disk: for what can be had again from elsewhere. A power cut may take it, together with
 * whatever was written after it and not synced either, never something before it; a kill of the process takes nothing.
 */
export function relaxedTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('PRAGMA synchronous = NORMAL');
  try {
    return transaction(db, work);
  } finally {
    db.exec('PRAGMA synchronous = FULL');
  }
}
