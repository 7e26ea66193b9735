/**
 * From a 53-bit hash to a position in a log, for hundreds of millions of them, in SQLite.
 *
 * Hashes are random, so in one large B-tree every new one would dirty a page of its own (measured: 5 KB written and 8 us each
 * at three million, and rising). So this is a log-structured merge tree (O'Neil et al., 1996), size-tiered: new ones stay in
 * memory and, in the order they came, in a tail on disk; when there are enough they become a sorted run; {@link FAN} runs of one level are merged into one of the
 * next. A filter for each run (a blocked Bloom filter, Putze et al., 2007; 2 bytes an id, in memory) says of nearly all ids
 * that they are not in it, so that a new id costs no read. Merging is done a little with each commit. Everything happens
 * inside the caller's transaction.
 */
import type { DatabaseSync } from 'node:sqlite';

/** Hashes in the tail before they become a run. */
export const YOUNG_MAX = 32_768;
/** Runs of a level that are merged into one of the next. A power of two: a page becomes FAN pages one level up. */
const FAN = 8;
const FAN_BITS = 3;
/** A run of level 1 has 2^5 pages of about 1,024 ids; page k holds the hashes whose upper bits are k. */
const LEVEL1_BITS = 5;
const HASH_BITS = 53;
/** A page's filter: 32 blocks of 16 words; a hash sets 6 of the 512 bits of one block. */
const BLOCK_BITS = 5;
const BLOCK_WORDS = 16;
const FILTER_WORDS = 2 ** BLOCK_BITS * BLOCK_WORDS;
/** Merging that is done with each commit, in hashes for each new one: more than the levels there can ever be. */
const MERGE_PER_ID = 8;
/** Keys of pages: run * 2^24 + page. */
const RUN_PAGES = 2 ** 24;

export const ID_TREE_SCHEMA = `
  -- What one commit added: hashes, then their positions, as 64-bit floats.
  CREATE TABLE id_tail (row INTEGER PRIMARY KEY, entries BLOB NOT NULL);
  -- merged: pages of the level below that a growing run has taken in; null when it is complete.
  CREATE TABLE id_run (run INTEGER PRIMARY KEY, level INTEGER NOT NULL, merged INTEGER);
  CREATE TABLE id_page (key INTEGER PRIMARY KEY, entries BLOB NOT NULL);
  CREATE TABLE id_filter (key INTEGER PRIMARY KEY, bits BLOB NOT NULL);
`;

export interface IdTree {
  /** The position noted for a hash before; or null, and then this one is noted: on disk once `settle` was called. */
  claim(hash: number, position: number): number | null;
  find(hash: number): number | null;
  /** Writes what was noted since, and tidies up in proportion; at the end of a transaction. */
  settle(): void;
  /** After a rollback: takes everything from the database again. */
  reload(): void;
}

interface Run {
  readonly run: number;
  readonly level: number;
  /** All pages' filters, one after the other. A page that is not there (any more) has an empty one. */
  readonly filter: Uint32Array;
  merged: number | null;
}

/** A page's hashes in rising order and, at the same places, their positions. */
interface Entries {
  readonly hashes: Float64Array;
  readonly positions: Float64Array;
}

const pageBits = (level: number): number => LEVEL1_BITS + FAN_BITS * (level - 1);
const pageOf = (hash: number, level: number): number => Math.floor(hash / 2 ** (HASH_BITS - pageBits(level)));

export function createIdTree(db: DatabaseSync): IdTree {
  const putTail = db.prepare('INSERT INTO id_tail (entries) VALUES (?)');
  const allTail = db.prepare('SELECT entries FROM id_tail ORDER BY row');
  const clearTail = db.prepare('DELETE FROM id_tail');
  const listRuns = db.prepare('SELECT run, level, merged FROM id_run ORDER BY run');
  const putRun = db.prepare('INSERT OR REPLACE INTO id_run (run, level, merged) VALUES (?, ?, ?)');
  const dropRun = db.prepare('DELETE FROM id_run WHERE run = ?');
  const getPage = db.prepare('SELECT entries FROM id_page WHERE key = ?');
  const putPage = db.prepare('INSERT INTO id_page (key, entries) VALUES (?, ?)');
  const dropPage = db.prepare('DELETE FROM id_page WHERE key = ?');
  const listFilters = db.prepare('SELECT key, bits FROM id_filter WHERE key >= ? AND key < ?');
  const putFilter = db.prepare('INSERT INTO id_filter (key, bits) VALUES (?, ?)');
  const dropFilter = db.prepare('DELETE FROM id_filter WHERE key = ?');
  let runs: Run[] = [];
  /** All that is in no run yet, in the order it came: the last `added` of them are not in the tail on disk either. */
  const young = new Map<number, number>();
  let added: number[] = [];

  const emptyFilter = (level: number): Uint32Array => new Uint32Array(2 ** pageBits(level) * FILTER_WORDS);

  function reload(): void {
    young.clear();
    added = [];
    for (const row of allTail.all() as unknown as { entries: Uint8Array }[]) {
      const { hashes, positions } = toEntries(row.entries);
      hashes.forEach((h, i) => young.set(h, positions[i]!));
    }
    runs = (listRuns.all() as unknown as { run: number; level: number; merged: number | null }[]).map((r) => {
      const filter = emptyFilter(r.level);
      const stored = listFilters.all(r.run * RUN_PAGES, (r.run + 1) * RUN_PAGES);
      for (const row of stored as unknown as { key: number; bits: Uint8Array }[]) {
        filter.set(words(row.bits), (row.key - r.run * RUN_PAGES) * FILTER_WORDS);
      }
      return { ...r, filter };
    });
  }

  function readPage(run: Run, page: number): Entries | null {
    const row = getPage.get(run.run * RUN_PAGES + page) as { entries: Uint8Array } | undefined;
    if (row === undefined) return null;
    return toEntries(row.entries);
  }

  /** @param from first of the entries' places that belong to the page, @param to behind the last */
  function writePage(run: Run, page: number, entries: Entries, from: number, to: number): void {
    if (from === to) return;
    const numbers = new Float64Array(2 * (to - from));
    numbers.set(entries.hashes.subarray(from, to));
    numbers.set(entries.positions.subarray(from, to), to - from);
    for (let i = from; i < to; i += 1) addToFilter(run.filter, entries.hashes[i]!, run.level);
    const filter = run.filter.slice(page * FILTER_WORDS, (page + 1) * FILTER_WORDS);
    putPage.run(run.run * RUN_PAGES + page, new Uint8Array(numbers.buffer));
    putFilter.run(run.run * RUN_PAGES + page, new Uint8Array(filter.buffer));
  }

  function newRun(level: number, merged: number | null): Run {
    const run = { run: (runs.at(-1)?.run ?? 0) + 1, level, filter: emptyFilter(level), merged };
    putRun.run(run.run, level, merged);
    runs.push(run);
    return run;
  }

  function inRuns(hash: number): number | null {
    for (const run of runs) {
      if (!mayHold(run.filter, hash, run.level)) continue;
      const entries = readPage(run, pageOf(hash, run.level));
      const at = entries === null ? -1 : search(entries.hashes, hash);
      if (at >= 0) return entries!.positions[at]!;
    }
    return null;
  }

  /** Makes the tail a run of level 1. */
  function flush(): void {
    const hashes = Float64Array.from(young.keys()).sort();
    writePages(newRun(1, null), 0, 2 ** LEVEL1_BITS, { hashes, positions: hashes.map((h) => young.get(h)!) });
    clearTail.run();
    young.clear();
  }

  function writePages(run: Run, firstPage: number, endPage: number, entries: Entries): void {
    let from = 0;
    for (let page = firstPage; page < endPage; page += 1) {
      let to = from;
      while (to < entries.hashes.length && pageOf(entries.hashes[to]!, run.level) === page) to += 1;
      writePage(run, page, entries, from, to);
      from = to;
    }
  }

  /** What to merge into next: of the merges under way or due the one of the lowest level, so that small runs never pile up. */
  function growing(): Run | null {
    const complete = new Map<number, number>();
    for (const r of runs) if (r.merged === null) complete.set(r.level, (complete.get(r.level) ?? 0) + 1);
    const levels = runs.reduce((most, r) => Math.max(most, r.level), 0);
    for (let level = 1; level <= levels; level += 1) {
      const started = runs.find((r) => r.level === level + 1 && r.merged !== null);
      if (started !== undefined) return started;
      if ((complete.get(level) ?? 0) >= FAN) return newRun(level + 1, 0);
    }
    return null;
  }

  /** The oldest runs below a growing one: while it grows, newer ones of their level may come. */
  const sourcesOf = (target: Run): Run[] => runs.filter((r) => r.level === target.level - 1).slice(0, FAN);

  /** Moves one page of each source into the growing run; returns how many ids it moved. */
  function mergePage(target: Run): number {
    const sources = sourcesOf(target);
    const page = target.merged!;
    const parts = sources.map((s) => readPage(s, page)).filter((p) => p !== null);
    const entries = mergeSorted(parts);
    writePages(target, page * FAN, (page + 1) * FAN, entries);
    for (const s of sources) {
      dropPage.run(s.run * RUN_PAGES + page);
      dropFilter.run(s.run * RUN_PAGES + page);
      s.filter.fill(0, page * FILTER_WORDS, (page + 1) * FILTER_WORDS);
    }
    target.merged = page + 1;
    if (target.merged === 2 ** pageBits(target.level - 1)) {
      target.merged = null;
      for (const s of sources) dropRun.run(s.run);
      runs = runs.filter((r) => !sources.includes(r));
    }
    putRun.run(target.run, target.level, target.merged);
    return entries.hashes.length;
  }

  reload();
  return {
    reload,
    claim(hash, position) {
      const known = young.get(hash) ?? inRuns(hash);
      if (known !== null) return known;
      young.set(hash, position);
      added.push(hash);
      return null;
    },
    find: (hash) => young.get(hash) ?? inRuns(hash),
    settle() {
      let budget = added.length * MERGE_PER_ID;
      if (young.size >= YOUNG_MAX) {
        flush();
      } else if (added.length > 0) {
        const numbers = new Float64Array(2 * added.length);
        numbers.set(added);
        added.forEach((h, i) => {
          numbers[added.length + i] = young.get(h)!;
        });
        putTail.run(new Uint8Array(numbers.buffer));
      }
      added = [];
      while (budget > 0) {
        const target = growing();
        if (target === null) return;
        budget -= Math.max(1, mergePage(target));
      }
    },
  };
}

function toEntries(bytes: Uint8Array): Entries {
  const numbers = new Float64Array(bytes.slice().buffer);
  return { hashes: numbers.subarray(0, numbers.length / 2), positions: numbers.subarray(numbers.length / 2) };
}

const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.slice().buffer);

function search(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const here = sorted[middle]!;
    if (here === value) return middle;
    if (here < value) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Merges few sorted lists; no hash is in two of them. */
function mergeSorted(parts: readonly Entries[]): Entries {
  const length = parts.reduce((sum, p) => sum + p.hashes.length, 0);
  const merged: Entries = { hashes: new Float64Array(length), positions: new Float64Array(length) };
  const heads = parts.map((p) => p.hashes[0] ?? Infinity);
  const places = parts.map(() => 0);
  for (let i = 0; i < length; i += 1) {
    let least = 0;
    for (let k = 1; k < heads.length; k += 1) if (heads[k]! < heads[least]!) least = k;
    const part = parts[least]!;
    const place = places[least]!;
    merged.hashes[i] = part.hashes[place]!;
    merged.positions[i] = part.positions[place]!;
    places[least] = place + 1;
    heads[least] = place + 1 < part.hashes.length ? part.hashes[place + 1]! : Infinity;
  }
  return merged;
}

/** First word of a hash's block: by its upper bits, so that hashes in order touch the filter in order. */
const blockOf = (hash: number, level: number): number =>
  Math.floor(hash / 2 ** (HASH_BITS - BLOCK_BITS - pageBits(level))) * BLOCK_WORDS;

function addToFilter(filter: Uint32Array, hash: number, level: number): void {
  const block = blockOf(hash, level);
  const low = hash % 4_294_967_296;
  let mix = Math.imul(low, 0x9e3779b1);
  for (let n = 0; n < 2; n += 1) {
    filter[block + (mix >>> 28)]! |= 1 << (mix >>> 23 & 31);
    filter[block + (mix >>> 19 & 15)]! |= 1 << (mix >>> 14 & 31);
    filter[block + (mix >>> 10 & 15)]! |= 1 << (mix >>> 5 & 31);
    mix = Math.imul(mix ^ mix >>> 15, 0x85ebca6b);
  }
}

function mayHold(filter: Uint32Array, hash: number, level: number): boolean {
  const block = blockOf(hash, level);
  const low = hash % 4_294_967_296;
  let mix = Math.imul(low, 0x9e3779b1);
  for (let n = 0; n < 2; n += 1) {
    if ((filter[block + (mix >>> 28)]! & 1 << (mix >>> 23 & 31)) === 0) return false;
    if ((filter[block + (mix >>> 19 & 15)]! & 1 << (mix >>> 14 & 31)) === 0) return false;
    if ((filter[block + (mix >>> 10 & 15)]! & 1 << (mix >>> 5 & 31)) === 0) return false;
    mix = Math.imul(mix ^ mix >>> 15, 0x85ebca6b);
  }
  return true;
}
