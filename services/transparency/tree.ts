/**
 * The log's own Merkle tree, incrementally: RFC 6962, section 2.1, kept as the tiles of C2SP tlog-tiles. In memory are the
 * frontier and the rightmost tile of every level; finished tiles are handed out once, to be stored.
 */
import { foldPerfect, asBuffer, HASH_SIZE } from './hash.ts';
import { Frontier, type TileNodeVisitor } from './frontier.ts';
import { hashesAtLevel, TILE_WIDTH, type Tile, type TileReader } from './tiles.ts';

export class Tree {
  #frontier = Frontier.empty();
  /** By level: the tile that grows at the right edge. */
  readonly #growing: Buffer[] = [];
  /** By level: how many hashes the level had when tiles were last taken. */
  readonly #taken: number[] = [];
  #finished: Tile[] = [];
  readonly #visit: TileNodeVisitor = (level, index, hash) => this.#put(level, index, hash, 0);

  static empty(): Tree {
    return new Tree();
  }

  /**
   * The tree of `size` leaves from stored tiles. Reads the rightmost partial tile of each level, at most seven of them;
   * nothing else of the tree is touched.
   */
  static restore(size: number, readTile: TileReader): Tree {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`tree size ${size}: expected a non-negative safe integer`);
    const tree = new Tree();
    const subtrees: Buffer[] = [];
    for (let level = 0; hashesAtLevel(size, level) > 0; level += 1) {
      const count = hashesAtLevel(size, level);
      const width = count % TILE_WIDTH;
      tree.#taken[level] = count;
      tree.#growing[level] = Buffer.alloc(TILE_WIDTH * HASH_SIZE);
      if (width === 0) continue;
      const tile = asBuffer(readTile(level, Math.floor(count / TILE_WIDTH), width));
      if (tile.length !== width * HASH_SIZE) {
        throw new RangeError(
          `tile ${level}/${Math.floor(count / TILE_WIDTH)}: ${tile.length} bytes, expected ${width * HASH_SIZE}`,
        );
      }
      tile.copy(tree.#growing[level]!);
      const ofLevel: Buffer[] = [];
      for (let at = 0, rest = 128; rest >= 1; rest /= 2) {
        if ((width & rest) === 0) continue;
        ofLevel.push(foldPerfect(tile, at * HASH_SIZE, rest));
        at += rest;
      }
      subtrees.unshift(...ofLevel);
    }
    tree.#frontier = Frontier.of(size, subtrees);
    return tree;
  }

  get size(): number {
    return this.#frontier.size;
  }

  /** The tree's root; O(log n). */
  root(): Buffer {
    return this.#frontier.root();
  }

  /** At most log2(size) hashes, one on average. */
  append(leafHash: Uint8Array): void {
    if (leafHash.length !== HASH_SIZE) throw new RangeError(`a leaf hash has ${HASH_SIZE} bytes, got ${leafHash.length}`);
    this.appendMany(leafHash);
  }

  /** Appends n leaf hashes that lie one after the other, `n * 32` bytes. */
  appendMany(leafHashes: Uint8Array): void {
    if (leafHashes.length % HASH_SIZE !== 0) {
      throw new RangeError(`leaf hashes of ${leafHashes.length} bytes: expected a multiple of ${HASH_SIZE}`);
    }
    const hashes = asBuffer(leafHashes);
    for (let at = 0; at < hashes.length; at += HASH_SIZE) {
      const index = this.#frontier.size;
      this.#frontier.appendNode(0, hashes, at, this.#visit);
      this.#put(0, index, hashes, at);
    }
  }

  #put(level: number, index: number, hashes: Buffer, at: number): void {
    const slot = index % TILE_WIDTH;
    const tile = (this.#growing[level] ??= Buffer.alloc(TILE_WIDTH * HASH_SIZE));
    hashes.copy(tile, slot * HASH_SIZE, at, at + HASH_SIZE);
    if (slot < TILE_WIDTH - 1) return;
    this.#finished.push({ level, index: Math.floor(index / TILE_WIDTH), width: TILE_WIDTH, hashes: tile });
    this.#growing[level] = Buffer.alloc(TILE_WIDTH * HASH_SIZE);
  }

  /**
   * The growing tile of a level as far as it is (its hashes are a copy), or null when it is empty or has been finished.
   * Together with the finished tiles that were taken, these are all tiles of the tree.
   */
  partialTile(level: number): Tile | null {
    const count = hashesAtLevel(this.size, level);
    const width = count % TILE_WIDTH;
    if (width === 0) return null;
    const hashes = Buffer.from(this.#growing[level]!.subarray(0, width * HASH_SIZE));
    return { level, index: Math.floor(count / TILE_WIDTH), width, hashes };
  }

  /**
   * Every tile that changed since this was last called (since the start or the restore, the first time): finished ones,
   * and the growing ones as they are. A tree whose tiles nobody takes keeps them all; {@link Frontier} is for those.
   */
  takeDirtyTiles(): Tile[] {
    const tiles = this.#finished;
    this.#finished = [];
    for (let level = 0; level < this.#growing.length; level += 1) {
      const count = hashesAtLevel(this.size, level);
      if (count === (this.#taken[level] ?? 0)) continue;
      this.#taken[level] = count;
      const partial = this.partialTile(level);
      if (partial !== null) tiles.push(partial);
    }
    return tiles;
  }
}
