/** A log in memory, for the simulation and for audits, with the real tree, tiles and proofs: what `SqliteLog` is on disk. */
import {
  bundleLeafHashes, consistencyProof, encodeBundle, inclusionProof, rangeProof, rootAt, Tree, type TileReader,
} from '../../services/transparency/index.ts';

export interface MemoryLog {
  readonly size: () => number;
  readonly append: (entries: readonly Uint8Array[]) => void;
  readonly entry: (i: number) => Uint8Array;
  readonly bundle: (from: number, to: number) => Buffer;
  readonly rootAt: (size: number) => Uint8Array;
  /** Hashes of a tile. */
  readonly tile: TileReader;
  readonly inclusionProof: (i: number, size: number) => Uint8Array[];
  readonly consistencyProof: (from: number, to: number) => Uint8Array[];
  readonly rangeProof: (from: number, to: number, size: number) => Uint8Array[];
}

/** @param entries what a restarted process finds on its disk; the tree is then restored from tiles, as the services do it */
export function createLog(entries: readonly Uint8Array[] = []): MemoryLog {
  let tree = Tree.empty();
  const all: Uint8Array[] = [];
  const tiles = new Map<string, Buffer>();
  const readTile: TileReader = (level, index, width) => {
    const tile = tiles.get(`${level}/${index}`);
    if (tile === undefined || tile.length < width * 32) {
      throw new RangeError(`tile ${level}/${index} of width ${width} is not there`);
    }
    return tile.subarray(0, width * 32);
  };
  const log: MemoryLog = {
    size: () => all.length,
    append(more) {
      if (more.length === 0) return;
      tree.appendMany(bundleLeafHashes(encodeBundle(more)).hashes);
      for (const tile of tree.takeDirtyTiles()) tiles.set(`${tile.level}/${tile.index}`, tile.hashes);
      all.push(...more);
    },
    entry: (i) => all[i]!,
    bundle: (from, to) => encodeBundle(all.slice(from, to)),
    rootAt: (size) => (size === all.length ? tree.root() : rootAt(size, readTile)),
    tile: readTile,
    inclusionProof: (i, size) => inclusionProof(i, size, readTile),
    consistencyProof: (from, to) => consistencyProof(from, to, readTile),
    rangeProof: (from, to, size) => rangeProof(from, to, size, readTile),
  };
  if (entries.length > 0) {
    log.append(entries);
    const built = tree.root();
    tree = Tree.restore(entries.length, readTile);
    if (!tree.root().equals(built)) {
      throw new Error(`assertion: a tree of ${entries.length} restored from its tiles has another root`);
    }
  }
  return log;
}
