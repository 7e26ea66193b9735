/**
 * An index from ids to log positions, for databases that hold hundreds of millions of them. Ids are random to a B-tree:
 * every insert would rewrite a page of its own, 4 KB for 16 bytes. So this is a log-structured index (O'Neil et al., "The
 * Log-Structured Merge-Tree", 1996) in the service's own database and transactions: the newest ids lie in memory and, in the
 * order they came, in a tail; each 65,536 of them become a sorted run, written once. A lookup asks memory, then each run's
 * Bloom filter (16 bits an id, 8 probes: one miss in 1,700 reads a page in vain).
 *
 * An id is known by a keyed hash of 53 bits, cut to 37 in the runs: a hit is a candidate that the caller compares with its log.
 */
import { randomBytes } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { createIdHash, type IdHash } from './id-hash.ts';

/** Ids in a run. Its place in the run fits 16 bits, so that hash and place sort as one number of 53 bits. */
const RUN = 65_536;
const CHUNK = 512;
const BLOOM_BITS = 20;
const PROBES = 8;

interface Run {
  readonly id: number;
  readonly bloom: Uint8Array;
  /** First key of each chunk. */
  readonly fences: Float64Array;
}

const blob = (a: Float64Array | Uint8Array): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
/** SQLite's bytes lie anywhere; numbers want to be aligned. */
const numbers = (bytes: Uint8Array): Float64Array => new Float64Array(Uint8Array.from(bytes).buffer);

export class IdIndex {
  readonly #hash: IdHash;
  readonly #putTail: StatementSync;
  readonly #clearTail: StatementSync;
  readonly #tails: StatementSync;
  readonly #putRun: StatementSync;
  readonly #runRows: StatementSync;
  readonly #putChunk: StatementSync;
  readonly #getChunk: StatementSync;
  #runs: Run[] = [];
  /** The ids that are in no run yet: hash and position in the order they came, and by key. */
  #count = 0;
  #tailRow = 0;
  readonly #hashes = new Float64Array(RUN);
  readonly #positions = new Float64Array(RUN);
  readonly #byKey = new Map<number, number | number[]>();
  #bloom: Uint8Array = new Uint8Array(2 ** BLOOM_BITS / 8);

  /** @param hash replaces the keyed hash, for tests of collisions */
  constructor(db: DatabaseSync, prefix = 'id', hash?: IdHash) {
    db.exec(`CREATE TABLE IF NOT EXISTS ${prefix}_key (one INTEGER PRIMARY KEY CHECK (one = 1), key BLOB NOT NULL);
      CREATE TABLE IF NOT EXISTS ${prefix}_tail (row INTEGER PRIMARY KEY, hashes BLOB NOT NULL, positions BLOB NOT NULL);
      CREATE TABLE IF NOT EXISTS ${prefix}_run (run INTEGER PRIMARY KEY, bloom BLOB NOT NULL, fences BLOB NOT NULL);
      CREATE TABLE IF NOT EXISTS ${prefix}_chunk (chunk INTEGER PRIMARY KEY, keys BLOB NOT NULL, positions BLOB NOT NULL);`);
    db.prepare(`INSERT OR IGNORE INTO ${prefix}_key VALUES (1, ?)`).run(randomBytes(8));
    const { key } = db.prepare(`SELECT key FROM ${prefix}_key`).get() as { key: Uint8Array };
    this.#hash = hash ?? createIdHash(key);
    this.#putTail = db.prepare(`INSERT INTO ${prefix}_tail VALUES (?, ?, ?)`);
    this.#clearTail = db.prepare(`DELETE FROM ${prefix}_tail`);
    this.#tails = db.prepare(`SELECT row, hashes, positions FROM ${prefix}_tail ORDER BY row`);
    this.#putRun = db.prepare(`INSERT INTO ${prefix}_run VALUES (?, ?, ?)`);
    this.#runRows = db.prepare(`SELECT run, bloom, fences FROM ${prefix}_run ORDER BY run`);
    this.#putChunk = db.prepare(`INSERT INTO ${prefix}_chunk VALUES (?, ?, ?)`);
    this.#getChunk = db.prepare(`SELECT keys, positions FROM ${prefix}_chunk WHERE chunk = ?`);
    this.reload();
  }

  /** Reads its state from the database; to be called after a rollback. */
  reload(): void {
    this.#clear();
    this.#runs = (this.#runRows.all() as { run: number; bloom: Uint8Array; fences: Uint8Array }[])
      .map((row) => ({ id: row.run, bloom: Uint8Array.from(row.bloom), fences: numbers(row.fences) }));
    this.#tailRow = 0;
    for (const row of this.#tails.all() as { row: number; hashes: Uint8Array; positions: Uint8Array }[]) {
      const positions = numbers(row.positions);
      numbers(row.hashes).forEach((h, i) => this.#remember(h, positions[i]!));
      this.#tailRow = row.row + 1;
    }
  }

  /** Candidate positions for each id, in the order of `ids`; undefined where there is none. */
  find(ids: readonly string[]): readonly (readonly number[] | undefined)[] {
    return ids.map((id) => this.#candidates(this.#hash(id)));
  }

  /** Adds `ids[k]` at position `positions[k]`, or `positions + k`, within the caller's transaction. */
  add(ids: readonly string[], positions: number | readonly number[]): void {
    let from = this.#count;
    ids.forEach((id, k) => {
      this.#remember(this.#hash(id), typeof positions === 'number' ? positions + k : positions[k]!);
      if (this.#count === RUN) {
        this.#seal();
        from = 0;
      }
    });
    if (this.#count === from) return;
    this.#putTail.run(this.#tailRow, blob(this.#hashes.subarray(from, this.#count)), blob(this.#positions.subarray(from, this.#count)));
    this.#tailRow += 1;
  }

  #remember(h: number, position: number): void {
    const place = this.#count;
    this.#hashes[place] = h;
    this.#positions[place] = position;
    this.#count += 1;
    const key = keyOf(h);
    const known = this.#byKey.get(key);
    if (known === undefined) this.#byKey.set(key, place);
    else if (typeof known === 'number') this.#byKey.set(key, [known, place]);
    else known.push(place);
    const [low, step] = probesOf(h);
    for (let i = 0, at = low; i < PROBES; i += 1, at = (at + step) | 0) {
      const bit = at >>> (32 - BLOOM_BITS);
      this.#bloom[bit >>> 3]! |= 1 << (bit & 7);
    }
  }

  #candidates(h: number): number[] | undefined {
    let found: number[] | undefined;
    const key = keyOf(h);
    const places = this.#byKey.get(key);
    if (typeof places === 'number') found = [this.#positions[places]!];
    else if (places !== undefined) found = places.map((p) => this.#positions[p]!);
    const [low, step] = probesOf(h);
    for (const run of this.#runs) {
      let hit = true;
      for (let i = 0, at = low; i < PROBES && hit; i += 1, at = (at + step) | 0) {
        const bit = at >>> (32 - BLOOM_BITS);
        hit = (run.bloom[bit >>> 3]! & (1 << (bit & 7))) !== 0;
      }
      if (hit) for (const position of this.#search(run, key)) (found ??= []).push(position);
    }
    return found;
  }

  /** Positions under a key in a run. Equal keys may go over the end of a chunk. */
  #search(run: Run, key: number): number[] {
    let low = 0;
    let high = run.fences.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (Math.floor(run.fences[mid]! / RUN) < key) low = mid + 1;
      else high = mid;
    }
    const found: number[] = [];
    for (let c = Math.max(0, low - 1); c < run.fences.length && Math.floor(run.fences[c]! / RUN) <= key; c += 1) {
      const row = this.#getChunk.get(run.id * (RUN / CHUNK) + c) as { keys: Uint8Array; positions: Uint8Array };
      const keys = numbers(row.keys);
      const positions = numbers(row.positions);
      let a = 0;
      let b = keys.length;
      while (a < b) {
        const mid = (a + b) >>> 1;
        if (keys[mid]! < key * RUN) a = mid + 1;
        else b = mid;
      }
      for (; a < keys.length && Math.floor(keys[a]! / RUN) === key; a += 1) found.push(positions[a]!);
    }
    return found;
  }

  /** The tail becomes a sorted run. */
  #seal(): void {
    const keys = this.#hashes.map((h, place) => keyOf(h) * RUN + place).sort();
    const id = this.#runs.length;
    const fences = new Float64Array(RUN / CHUNK);
    for (let c = 0; c < fences.length; c += 1) {
      const part = keys.slice(c * CHUNK, (c + 1) * CHUNK);
      fences[c] = part[0]!;
      this.#putChunk.run(id * (RUN / CHUNK) + c, blob(part), blob(part.map((k) => this.#positions[k % RUN]!)));
    }
    this.#putRun.run(id, this.#bloom, blob(fences));
    this.#clearTail.run();
    this.#runs.push({ id, bloom: this.#bloom, fences });
    this.#clear();
  }

  #clear(): void {
    this.#count = 0;
    this.#byKey.clear();
    this.#bloom = new Uint8Array(2 ** BLOOM_BITS / 8);
  }
}

const keyOf = (h: number): number => Math.floor(h / 65_536);

/** Where a Bloom filter is probed: start and odd step, 32 bits each (Kirsch and Mitzenmacher, "Less Hashing, Same Performance"). */
const probesOf = (h: number): [number, number] => {
  const low = h % 2 ** 32 | 0;
  return [low, Math.imul(Math.floor(h / 2 ** 32), 0x9e3779b1) | 1];
};
