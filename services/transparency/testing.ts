/** What the tests of this folder share: the definitions of RFC 6962 written down as they stand there, and small logs. */
import { encodeBundle } from './bundle.ts';
import { hashChildren, hashLeaf, HASH_SIZE } from './hash.ts';
import { splitOf } from './proof.ts';
import type { Tile, TileReader } from './tiles.ts';
import { Tree } from './tree.ts';

/** Entries that all differ, of different lengths. */
export const sampleEntries = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(`entry ${i} ${'.'.repeat(i % 23)}`));

/** Stores tiles as a tile server would. */
export class TileStore {
  readonly tiles = new Map<string, Tile>();

  put(tiles: readonly Tile[]): void {
    for (const tile of tiles) this.tiles.set(`${tile.level}/${tile.index}`, tile);
  }

  readonly read: TileReader = (level, index, width) => {
    const tile = this.tiles.get(`${level}/${index}`);
    if (tile === undefined || tile.width < width) throw new Error(`tile ${level}/${index} of width ${width} is missing`);
    return tile.hashes.subarray(0, width * HASH_SIZE);
  };
}

/** A log in memory: entries, leaf hashes, tiles. */
export function sampleLog(size: number): { entries: Buffer[]; leaves: Buffer[]; bundle: Buffer; tree: Tree; store: TileStore } {
  const entries = sampleEntries(size);
  const leaves = entries.map(hashLeaf);
  const tree = Tree.empty();
  tree.appendMany(Buffer.concat(leaves));
  const store = new TileStore();
  store.put(tree.takeDirtyTiles());
  return { entries, leaves, bundle: encodeBundle(entries), tree, store };
}

/** RFC 6962, section 2.1, word for word, with a memory. */
export class NaiveTree {
  readonly #known = new Map<number, Buffer>();
  readonly #leaves: readonly Buffer[];

  constructor(leaves: readonly Buffer[]) {
    this.#leaves = leaves;
  }

  /** MTH(D[lo:hi]), hi > lo. */
  mth(lo: number, hi: number): Buffer {
    if (hi - lo === 1) return this.#leaves[lo]!;
    const key = lo * 1_000_003 + hi;
    let root = this.#known.get(key);
    if (root === undefined) {
      const k = splitOf(hi - lo);
      root = hashChildren(this.mth(lo, lo + k), this.mth(lo + k, hi));
      this.#known.set(key, root);
    }
    return root;
  }

  /** PATH(m, D[lo:hi]), section 2.1.1. */
  path(m: number, lo: number, hi: number): Buffer[] {
    if (hi - lo === 1) return [];
    const k = splitOf(hi - lo);
    return m < k
      ? [...this.path(m, lo, lo + k), this.mth(lo + k, hi)]
      : [...this.path(m - k, lo + k, hi), this.mth(lo, lo + k)];
  }

  /** SUBPROOF(m, D[lo:hi], b), section 2.1.2. */
  subproof(m: number, lo: number, hi: number, whole: boolean): Buffer[] {
    if (m === hi - lo) return whole ? [] : [this.mth(lo, hi)];
    const k = splitOf(hi - lo);
    return m <= k
      ? [...this.subproof(m, lo, lo + k, whole), this.mth(lo + k, hi)]
      : [...this.subproof(m - k, lo + k, hi, false), this.mth(lo, lo + k)];
  }
}

/** Numbers below `limit` in a fixed pseudo-random order (mulberry32). */
export function sampler(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Positions in 0..size-1 worth a look: all of a small tree; of a large one both ends, powers of two, and some others. */
export function positions(size: number, pick: (limit: number) => number): number[] {
  if (size <= 20) return Array.from({ length: size }, (_, i) => i);
  const some = new Set([0, 1, size - 2, size - 1, pick(size), pick(size), pick(size)]);
  for (let p = 2; p <= size; p *= 2) for (const n of [p - 1, p]) if (n < size) some.add(n);
  return [...some].sort((a, b) => a - b);
}

/** The same bytes with one bit turned. */
export function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

/** 32 bytes to make a key from, the same every time. */
export const testSeed = (n: number): Buffer => Buffer.alloc(32, n);

/** The error that `run` throws; null when it doesn't. */
export function thrown(run: () => unknown): unknown {
  try {
    run();
    return null;
  } catch (error) {
    return error;
  }
}
