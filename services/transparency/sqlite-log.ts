/**
 * A log in SQLite: the entries, one row for each call of append, and the finished tiles (C2SP tlog-tiles). Everything happens
 * inside the caller's transaction, so that entries and what the caller keeps beside them become durable together.
 *
 * Of the growing tiles only those above level 0 are stored, once in 256 entries; the growing tile of level 0 is hashed again
 * from its entries, at most 255 of them, when the log is opened. So opening reads a few rows, however long the log is.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { EncodingError } from '../protocol/errors.ts';
import { bundleLeafHashes, bundleOffsets, sliceBundle } from './bundle.ts';
import { LogCorruptError } from './errors.ts';
import { asBuffer, HASH_SIZE, hashLeaf } from './hash.ts';
import { consistencyProof, inclusionProof, rangeProof, rootAt } from './proof.ts';
import { hashesAtLevel, TILE_WIDTH, type TileReader } from './tiles.ts';
import { Tree } from './tree.ts';

export const SQLITE_LOG_PREFIX = 'log';

/** The tables of one log, for a list of migrations; creating them twice does no harm. */
export function sqliteLogSchema(prefix: string = SQLITE_LOG_PREFIX): string {
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(prefix)) {
    throw new RangeError(`table prefix ${JSON.stringify(prefix)}: expected lower-case letters, digits and _`);
  }
  // A tile's key holds its level and index, so that its 8 KB lie in a table ordered by integers, not in an index.
  return `
    CREATE TABLE IF NOT EXISTS ${prefix}_rows (first INTEGER PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, entries BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS ${prefix}_tiles (key INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
  `;
}

const tileKey = (level: number, index: number): number => level * 2 ** 46 + index;

/** Rows kept in memory after they were written. */
const RECENT_BYTES_MAX = 8 * 1024 * 1024;
const RECENT_ROWS_MAX = 512;

interface Row {
  readonly first: number;
  /** Size of the log after this row: its entries are `first .. size-1`. */
  readonly size: number;
  readonly entries: Uint8Array;
}

export class SqliteLog {
  readonly #insertRow: StatementSync;
  readonly #lastSize: StatementSync;
  readonly #rowOf: StatementSync;
  readonly #rowsFrom: StatementSync;
  readonly #spanOf: StatementSync;
  readonly #putTile: StatementSync;
  readonly #getTile: StatementSync;
  #tree = Tree.empty();
  /** The rows written last: what is appended is mostly read again at once, to be sent on. */
  #recent: Row[] = [];
  #recentBytes = 0;
  /** The row that an entry was read from last: entries are mostly asked for in order. */
  #lastRow: (Row & { readonly offsets: Uint32Array }) | null = null;

  /**
   * Opens the log, and creates its tables when they are not there. `prefix` tells the logs of one database apart.
   *
   * @throws LogCorruptError when what is on disk does not hash to the root that was written with it (checked along the right edge)
   */
  constructor(db: DatabaseSync, options: { readonly prefix?: string } = {}) {
    const prefix = options.prefix ?? SQLITE_LOG_PREFIX;
    db.exec(sqliteLogSchema(prefix));
    const rows = `${prefix}_rows`;
    const tiles = `${prefix}_tiles`;
    this.#insertRow = db.prepare(`INSERT INTO ${rows} (first, size, root, entries) VALUES (?, ?, ?, ?)`);
    this.#lastSize = db.prepare(`SELECT size, root FROM ${rows} ORDER BY first DESC LIMIT 1`);
    this.#rowOf = db.prepare(`SELECT first, size, entries FROM ${rows} WHERE first <= ? ORDER BY first DESC LIMIT 1`);
    this.#rowsFrom = db.prepare(`SELECT first, size, entries FROM ${rows}
      WHERE first >= (SELECT first FROM ${rows} WHERE first <= ? ORDER BY first DESC LIMIT 1) AND first < ? ORDER BY first`);
    this.#spanOf = db.prepare(`SELECT first, size FROM ${rows} WHERE first <= ? ORDER BY first DESC LIMIT 1`);
    this.#putTile = db.prepare(`INSERT INTO ${tiles} (key, hashes) VALUES (?, ?)
      ON CONFLICT (key) DO UPDATE SET hashes = excluded.hashes`);
    this.#getTile = db.prepare(`SELECT hashes FROM ${tiles} WHERE key = ?`);
    this.reload();
  }

  /** Takes the log from the database again; needed after the caller's transaction was rolled back. */
  reload(): void {
    this.#lastRow = null;
    this.#recent = [];
    this.#recentBytes = 0;
    this.#tree = Tree.empty();
    this.#tree = Tree.restore(this.#storedSize(), (level, index, width) => this.#storedTile(level, index, width));
    const last = this.#lastSize.get() as { root: Uint8Array } | undefined;
    if (last !== undefined && !this.#tree.root().equals(last.root)) {
      throw new LogCorruptError(`the log's ${this.size} entries on disk hash to another root than when they were written: the disk, or somebody, has changed them`);
    }
  }

  #storedSize(): number {
    return (this.#lastSize.get() as { size: number } | undefined)?.size ?? 0;
  }

  get size(): number {
    return this.#tree.size;
  }

  root(): Buffer {
    return this.#tree.root();
  }

  /**
   * Appends all entries of a bundle; part of the caller's transaction.
   *
   * @param bundle the entries, as encodeBundle writes them; not empty; kept in memory for a while, so not to be written to again
   * @param count how many there are
   * @param leafHashes their leaf hashes, `count * 32` bytes, when the caller has them from bundleLeafHashes
   * @throws Error when the log in memory is not the one in the database: after a rollback, call {@link reload}
   */
  append(bundle: Uint8Array, count: number, leafHashes?: Uint8Array): { first: number; size: number } {
    const hashes = leafHashes ?? bundleLeafHashes(bundle).hashes;
    const entries = leafHashes === undefined ? hashes.length / HASH_SIZE : bundleOffsets(bundle).length - 1;
    if (entries !== count || hashes.length !== count * HASH_SIZE || count === 0) {
      throw new EncodingError(
        `append: a bundle of ${entries} entries with ${hashes.length / HASH_SIZE} leaf hashes, said to be ${count} (at least 1)`,
      );
    }
    const first = this.#tree.size;
    const stored = this.#storedSize();
    if (stored !== first) {
      throw new Error(`the log has ${stored} entries in the database and ${first} in memory; reload() after a rollback`);
    }
    const size = first + count;
    this.#tree.appendMany(hashes);
    this.#insertRow.run(first, size, this.#tree.root(), bundle);
    this.#keepRecent({ first, size, entries: bundle });
    for (const tile of this.#tree.takeDirtyTiles()) {
      if (tile.level > 0 || tile.width === TILE_WIDTH) this.#putTile.run(tileKey(tile.level, tile.index), tile.hashes);
    }
    return { first, size };
  }

  #row(i: number): Row & { readonly offsets: Uint32Array } {
    this.#checkRange(i, i + 1);
    let row = this.#lastRow;
    if (row === null || i < row.first || i >= row.size) {
      const read = this.#rowOf.get(i) as unknown as Row;
      row = { ...read, offsets: bundleOffsets(read.entries) };
      this.#lastRow = row;
    }
    return row;
  }

  #keepRecent(row: Row): void {
    this.#recent.push(row);
    this.#recentBytes += row.entries.byteLength;
    while (this.#recentBytes > RECENT_BYTES_MAX || this.#recent.length > RECENT_ROWS_MAX) this.#recentBytes -= this.#recent.shift()!.entries.byteLength;
  }

  #recentRows(first: number, end: number): Row[] | null {
    if (this.#recent.length === 0 || first < this.#recent[0]!.first) return null;
    return this.#recent.filter((row) => row.size > first && row.first < end);
  }

  #checkRange(first: number, end: number): void {
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(end) || first < 0 || first > end || end > this.size) {
      throw new RangeError(`entries ${first}..${end}: the log has ${this.size}`);
    }
  }

  /**
   * The bytes of entry `i`; a view that is not to be written to.
   *
   * @throws LogCorruptError when they are not what the tree has the hash of
   */
  entry(i: number): Buffer {
    const row = this.#row(i);
    const bytes = asBuffer(row.entries).subarray(row.offsets[i - row.first]! + 2, row.offsets[i - row.first + 1]);
    const place = i % TILE_WIDTH;
    const hash = asBuffer(this.readTile(0, Math.floor(i / TILE_WIDTH), place + 1)).subarray(place * HASH_SIZE);
    if (!hash.equals(hashLeaf(bytes))) throw new LogCorruptError(`entry ${i} on disk is not what was written: its hash is not the one in the tree`);
    return bytes;
  }

  /** Entries `first .. end-1` as a bundle; a view that is not to be written to. */
  entries(first: number, end: number): Buffer {
    this.#checkRange(first, end);
    if (first === end) return Buffer.alloc(0);
    const begin = this.#row(first);
    if (end <= begin.size) {
      return asBuffer(begin.entries).subarray(begin.offsets[first - begin.first], begin.offsets[end - begin.first]);
    }
    const rows = this.#recentRows(first, end) ?? this.#rowsFrom.all(first, end) as unknown as Row[];
    const parts = rows.map((row) =>
      (row.first >= first && row.size <= end
        ? row.entries
        : sliceBundle(row.entries, Math.max(first - row.first, 0), Math.min(end, row.size) - row.first)));
    return Buffer.concat(parts);
  }

  /** What the append call that wrote entry `i` wrote: entries `first .. end-1`. */
  spanOf(i: number): { first: number; end: number } {
    this.#checkRange(i, i + 1);
    const { first, size } = this.#spanOf.get(i) as { first: number; size: number };
    return { first, end: size };
  }

  /** The entry bundle of a tile, for `tile/entries/...`: entries `index * 256 .. index * 256 + width - 1`. */
  bundle(index: number, width: number): Buffer {
    return this.entries(index * TILE_WIDTH, index * TILE_WIDTH + width);
  }

  /** The first `width` hashes of a tile. Throws RangeError when the log is not that large. */
  readonly readTile: TileReader = (level, index, width) => {
    const valid = Number.isInteger(level) && level >= 0 && Number.isSafeInteger(index) && index >= 0 && Number.isInteger(width);
    if (!valid || width < 1 || width > TILE_WIDTH || index * TILE_WIDTH + width > hashesAtLevel(this.size, level)) {
      throw new RangeError(`tile ${level}/${index} of width ${width}: the log has ${this.size} entries`);
    }
    const growing = this.#tree.partialTile(level);
    if (growing !== null && growing.index === index) return growing.hashes.subarray(0, width * HASH_SIZE);
    return this.#storedTile(level, index, width);
  };

  #storedTile(level: number, index: number, width: number): Buffer {
    const stored = this.#getTile.get(tileKey(level, index)) as { hashes: Uint8Array } | undefined;
    if (stored !== undefined) {
      const hashes = asBuffer(stored.hashes);
      if (hashes.length < width * HASH_SIZE) {
        throw new Error(`tile ${level}/${index}: ${hashes.length} bytes stored, expected ${width * HASH_SIZE}`);
      }
      return hashes.subarray(0, width * HASH_SIZE);
    }
    if (level > 0) throw new Error(`tile ${level}/${index} is missing in the database`);
    const first = index * TILE_WIDTH;
    const rows = this.#rowsFrom.all(first, first + width) as unknown as Row[];
    const bundle = Buffer.concat(rows.map((row) =>
      sliceBundle(row.entries, Math.max(first - row.first, 0), Math.min(first + width, row.size) - row.first)));
    return bundleLeafHashes(bundle).hashes;
  }

  /** Root of the first `size` entries. */
  rootAt(size: number): Buffer {
    return size === this.size ? this.root() : rootAt(size, this.readTile);
  }

  inclusionProof(i: number, size: number): Buffer[] {
    return inclusionProof(i, size, this.readTile);
  }

  consistencyProof(oldSize: number, newSize: number): Buffer[] {
    return consistencyProof(oldSize, newSize, this.readTile);
  }

  rangeProof(start: number, end: number, size: number): Buffer[] {
    return rangeProof(start, end, size, this.readTile);
  }
}
