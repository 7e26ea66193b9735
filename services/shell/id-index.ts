/**
 * An index from ids to log positions, for databases that hold hundreds of millions of them: an id is kept as a 53-bit
 * salted hash beside its position, 10 to 16 bytes a row. Two ids may share a hash, so a hit is a candidate that the caller
 * compares with the log; the salt, drawn once per database, keeps clients from aiming for such a hit.
 */
import { randomInt } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Rows a statement takes at once: fewer crossings into SQLite are most of the speed. */
const ROWS = 128;

export class IdIndex {
  readonly #salt: number;
  readonly #insert: StatementSync;
  readonly #insertMany: StatementSync;
  readonly #find: StatementSync;
  readonly #findMany: StatementSync;

  constructor(db: DatabaseSync, prefix = 'id') {
    db.exec(`CREATE TABLE IF NOT EXISTS ${prefix}_index (key INTEGER, position INTEGER, PRIMARY KEY (key, position)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS ${prefix}_salt (one INTEGER PRIMARY KEY CHECK (one = 1), salt INTEGER NOT NULL);`);
    db.prepare(`INSERT OR IGNORE INTO ${prefix}_salt VALUES (1, ?)`).run(randomInt(2 ** 31));
    this.#salt = (db.prepare(`SELECT salt FROM ${prefix}_salt`).get() as { salt: number }).salt;
    this.#insert = db.prepare(`INSERT INTO ${prefix}_index VALUES (?, ?)`);
    this.#insertMany = db.prepare(`INSERT INTO ${prefix}_index VALUES ${Array.from({ length: ROWS }, () => '(?, ?)').join(', ')}`);
    this.#find = db.prepare(`SELECT position FROM ${prefix}_index WHERE key = ?`);
    this.#findMany = db.prepare(`SELECT key, position FROM ${prefix}_index WHERE key IN (${Array.from({ length: ROWS }, () => '?').join(', ')})`);
  }

  /** Candidate positions for each id, in the order of `ids`; undefined where there is none. */
  find(ids: readonly string[]): readonly (readonly number[] | undefined)[] {
    const keys = ids.map((id) => this.#key(id));
    const out: (number[] | undefined)[] = Array.from({ length: ids.length });
    let i = 0;
    for (; i + ROWS <= keys.length; i += ROWS) {
      const rows = this.#findMany.all(...keys.slice(i, i + ROWS)) as { key: number; position: number }[];
      for (const row of rows) {
        for (let k = i; k < i + ROWS; k += 1) if (keys[k] === row.key) (out[k] ??= []).push(row.position);
      }
    }
    for (; i < keys.length; i += 1) {
      const rows = this.#find.all(keys[i]!) as { position: number }[];
      if (rows.length > 0) out[i] = rows.map((r) => r.position);
    }
    return out;
  }

  /** Adds `ids[k]` at position `first + k`, within the caller's transaction. */
  add(ids: readonly string[], first: number): void {
    const order = ids.map((id, k): [number, number] => [this.#key(id), first + k]);
    // In key order, neighbours share a page.
    order.sort((a, b) => a[0] - b[0]);
    let i = 0;
    for (; i + ROWS <= order.length; i += ROWS) this.#insertMany.run(...order.slice(i, i + ROWS).flat());
    for (; i < order.length; i += 1) this.#insert.run(order[i]![0], order[i]![1]);
  }

  /** Two 32-bit multiply-xor lanes (after MurmurHash3's finalizer), 53 bits of them: a safe integer, so no bigint is made. */
  #key(id: string): number {
    let a = this.#salt | 0;
    let b = ~this.#salt | 0;
    for (let i = 0; i < id.length; i += 1) {
      const c = id.charCodeAt(i);
      a = Math.imul(a ^ c, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b ^ c, 0x85ebca77);
      b ^= b >>> 13;
    }
    a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ b;
    b = Math.imul(b ^ (b >>> 16), 0xc2b2ae35) ^ a;
    return ((a ^ (a >>> 13)) & 0x1fffff) * 2 ** 32 + ((b ^ (b >>> 16)) >>> 0);
  }
}
