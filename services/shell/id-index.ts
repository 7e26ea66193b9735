/**
 * Which ids stand in a log, and where. The log has the ids themselves; the index keeps a keyed hash of each (`id-tree.ts`). Of
 * two ids with one hash the later one goes into a table of its own.
 */
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { createIdHash, type IdHash } from './id-hash.ts';
import { createIdTree, ID_TREE_SCHEMA } from './id-tree.ts';

/** To be part of a database's first migration. */
export const ID_INDEX_SCHEMA = `
  CREATE TABLE id_key (one INTEGER PRIMARY KEY CHECK (one = 1), key BLOB NOT NULL);
  ${ID_TREE_SCHEMA}
  CREATE TABLE id_collision (id TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
`;

export interface IdIndex {
  find(id: string): number | null;
  /** The position that the id was noted with before; or null, and then this one is noted. Within the caller's transaction. */
  claim(id: string, position: number): number | null;
  /** At the end of a transaction that claimed something. */
  settle(): void;
  /** After a rollback: takes everything from the database again. */
  reload(): void;
}

/**
 * @param idAt reads the id at a position from the log, or from what is about to be appended
 * @param idHash replaces the keyed hash, for tests of collisions
 */
export function createIdIndex(db: DatabaseSync, idAt: (position: number) => string, idHash?: IdHash): IdIndex {
  db.prepare('INSERT OR IGNORE INTO id_key VALUES (1, ?)').run(randomBytes(8));
  const hash = idHash ?? createIdHash((db.prepare('SELECT key FROM id_key').get() as { key: Uint8Array }).key);
  const tree = createIdTree(db);
  const claimCollision = db.prepare('INSERT OR IGNORE INTO id_collision (id, position) VALUES (?, ?)');
  const findCollision = db.prepare('SELECT position FROM id_collision WHERE id = ?');
  const inCollisions = (id: string): number | null => (findCollision.get(id) as { position: number } | undefined)?.position ?? null;

  return {
    find(id) {
      const position = tree.find(hash(id));
      return position === null || idAt(position) === id ? position : inCollisions(id);
    },
    claim(id, position) {
      const known = tree.claim(hash(id), position);
      if (known === null || idAt(known) === id) return known;
      return claimCollision.run(id, position).changes === 0 ? inCollisions(id) : null;
    },
    settle: tree.settle,
    reload: tree.reload,
  };
}
