/** One log of an export: everything recomputed from the entry bundles, and read entry by entry. */
import {
  bundleLeafHashes, bundlePath, decodeBundle, HASH_SIZE, hashChildren, hashLeaf, TILE_WIDTH, tilePath, tileWidth, Tree, type Checkpoint, type TileReader,
} from '../../services/transparency/index.ts';
import type { Files, Findings } from './report.ts';

export interface LogReader {
  readonly size: number;
  readonly checkpoint: Checkpoint;
  /** File that holds an entry. */
  fileOf(index: number): string;
  entry(index: number): Buffer;
  readonly readTile: TileReader;
}

export interface VerifiedLog extends LogReader {
  readonly name: string;
  readonly dir: string;
  /** False when a bundle is missing or cannot be read: what needs all entries cannot be checked. */
  readonly readable: boolean;
}

const TILES_KEPT = 64;

/** Tile and bundle files that a log of `size` entries consists of, relative to its folder. */
export function* logFiles(size: number): Generator<string> {
  for (let level = 0; tileWidth(size, level, 0) > 0; level += 1) {
    for (let index = 0, width = 0; (width = tileWidth(size, level, index)) > 0; index += 1) {
      yield tilePath(level, index, width);
      if (level === 0) yield bundlePath(index, width);
    }
  }
}

/** Recomputes every tile and the root from the bundles, and compares. */
export function verifyLog(files: Files, dir: string, name: string, checkpoint: Checkpoint, found: Findings): VerifiedLog {
  const { size } = checkpoint;
  const tree = Tree.empty();
  let readable = true;
  const compare = (): void => {
    for (const tile of tree.takeDirtyTiles()) {
      // Of a tile that still grows only the last form is part of the log.
      if (tile.width !== tileWidth(size, tile.level, tile.index)) continue;
      const path = `${dir}/${tilePath(tile.level, tile.index, tile.width)}`;
      found.attempt(path, () => {
        if (!files.read(path).equals(tile.hashes)) throw new Error('is not the tile that follows from the log\'s entries');
        found.count('tiles recomputed');
      });
    }
  };
  for (let index = 0, width = 0; (width = tileWidth(size, 0, index)) > 0 && readable; index += 1) {
    const path = `${dir}/${bundlePath(index, width)}`;
    const hashes = found.attempt(path, () => {
      const bundle = bundleLeafHashes(files.read(path));
      if (bundle.count !== width) throw new Error(`holds ${bundle.count} entries, expected ${width}`);
      return bundle.hashes;
    });
    if (hashes === undefined) {
      readable = false;
      break;
    }
    tree.appendMany(hashes);
    found.count('entries hashed', width);
    compare();
  }
  if (readable) {
    if (!Buffer.from(tree.root()).equals(Buffer.from(checkpoint.root))) {
      found.fail(`${dir}/checkpoint`, `its root is not that of the log's ${size} entries: expected `
        + `${Buffer.from(tree.root()).toString('base64')}, got ${Buffer.from(checkpoint.root).toString('base64')}`);
    }
    found.count('roots compared with checkpoints');
  } else {
    found.note(`${name}: what depends on all entries of this log could not be checked`);
  }

  return { name, dir, readable, ...createLogReader(files, dir, checkpoint) };
}

/** Reads entries and tiles of a log in an export; verifies nothing. Entries are cheapest in rising order. */
export function createLogReader(files: Files, dir: string, checkpoint: Checkpoint): LogReader {
  const { size } = checkpoint;
  let cached = -1;
  let entries: Buffer[] = [];
  const tiles = new Map<string, Buffer>();
  const bundleAt = (index: number): string => `${dir}/${bundlePath(index, tileWidth(size, 0, index))}`;
  return {
    size, checkpoint,
    fileOf: (index) => bundleAt(Math.floor(index / TILE_WIDTH)),
    entry(index) {
      const bundle = Math.floor(index / TILE_WIDTH);
      if (bundle !== cached) {
        entries = decodeBundle(files.read(bundleAt(bundle)));
        cached = bundle;
      }
      const entry = entries[index % TILE_WIDTH];
      if (entry === undefined || index >= size) throw new Error(`entry ${index}: the log has ${size}`);
      return entry;
    },
    readTile(level, index, width) {
      const path = `${dir}/${tilePath(level, index, tileWidth(size, level, index))}`;
      let tile = tiles.get(path);
      if (tile === undefined) {
        tile = files.read(path);
        // A few: proofs of neighbours share them.
        if (tiles.size >= TILES_KEPT) tiles.clear();
        tiles.set(path, tile);
      }
      return tile.subarray(0, width * HASH_SIZE);
    },
  };
}

/**
 * Makes inclusion proofs (RFC 6962, section 2.1.1) for many entries of one log: the tree is hashed once, level by level, and
 * kept (64 bytes an entry), where a proof from tiles would hash most of a tile anew each time.
 */
export function createProver(log: LogReader): (index: number) => Uint8Array[] {
  let level = Array.from({ length: log.size }, (_, i) => hashLeaf(log.entry(i)));
  const levels = [level];
  while (level.length > 1) {
    const next: Buffer[] = [];
    // A node without a sibling goes up as it is: that is where RFC 6962 splits an incomplete tree.
    for (let i = 0; i < level.length; i += 2) {
      next.push(i + 1 < level.length ? hashChildren(level[i]!, level[i + 1]!) : level[i]!);
    }
    levels.push(next);
    level = next;
  }
  return (index) => {
    const proof: Uint8Array[] = [];
    let at = index;
    for (const nodes of levels) {
      const sibling = nodes[at ^ 1];
      if (sibling !== undefined) proof.push(sibling);
      at >>>= 1;
    }
    return proof;
  };
}
