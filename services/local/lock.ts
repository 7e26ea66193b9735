/**
 * A lock that lives exactly as long as its holder: the system lets go of it when the process ends, however it ends, so
 * there is no stale lock to detect and no race about who may remove it. It is SQLite's lock on a database file, which works
 * the same on every system and also between two holders in one process.
 *
 * The process must not open the file in any other way: POSIX drops a process's locks on a file when it closes any
 * descriptor of it (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
 */
import { DatabaseSync } from 'node:sqlite';

export interface Lock {
  release(): void;
}

const SQLITE_BUSY = 5;

/** @returns null when somebody else holds it */
export function acquireLock(path: string): Lock | null {
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
  return { release: () => db.close() };
}
