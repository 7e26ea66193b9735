/**
 * Proofs from tiles. Inclusion: RFC 6962, section 2.1.1. Consistency: section 2.1.2. Range: the compact range of what
 * lies left of the range, then of what lies right of it.
 *
 * A proof reads O(log n) tiles and folds at most 255 hashes in each.
 */
import { ProofError } from './errors.ts';
import { asBuffer, EMPTY_ROOT, foldPerfect, HASH_SIZE, hashChildren } from './hash.ts';
import { TILE_WIDTH, tileWidth, type TileReader } from './tiles.ts';

/** Root of the perfect subtree `index` (counted from the left) of 2^`height` leaves. */
type NodeReader = (height: number, index: number) => Buffer;

function nodeReader(size: number, readTile: TileReader): NodeReader {
  const tiles = new Map<string, Buffer>();
  return (height, index) => {
    const level = Math.floor(height / 8);
    const slots = 2 ** (height % 8);
    const first = index * slots;
    const tileIndex = Math.floor(first / TILE_WIDTH);
    const key = `${level}/${tileIndex}`;
    let tile = tiles.get(key);
    if (tile === undefined) {
      const width = tileWidth(size, level, tileIndex);
      tile = asBuffer(readTile(level, tileIndex, width));
      if (tile.length !== width * HASH_SIZE) {
        throw new ProofError(`tile ${key}: ${tile.length} bytes, expected ${width * HASH_SIZE}`);
      }
      tiles.set(key, tile);
    }
    return foldPerfect(tile, (first % TILE_WIDTH) * HASH_SIZE, slots);
  };
}

/** The largest power of two below `n` (n > 1): where RFC 6962 splits a tree of n leaves. */
export function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/**
 * The perfect subtrees that `begin .. end-1` falls apart into, left to right, each as large as its place allows: the compact
 * range. Calls `visit` with height and index.
 */
export function forEachSubtree(begin: number, end: number, visit: (height: number, index: number) => void): void {
  for (let at = begin; at < end;) {
    let height = 0;
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= end) {
      width *= 2;
      height += 1;
    }
    visit(height, at / width);
    at += width;
  }
}

/** MTH(D[lo:hi]) where lo is a multiple of the power of two that covers the range, as it is in every proof. */
function subtreeRoot(node: NodeReader, lo: number, hi: number): Buffer {
  let root: Buffer | undefined;
  const parts: Buffer[] = [];
  forEachSubtree(lo, hi, (height, index) => parts.push(node(height, index)));
  for (const part of parts.reverse()) root = root === undefined ? part : hashChildren(part, root);
  return root!;
}

function checkSize(name: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) throw new ProofError(`${name} ${value}: expected 0..${max}`);
}

/** Root of the tree's first `size` leaves. */
export function rootAt(size: number, readTile: TileReader): Buffer {
  checkSize('size', size, Number.MAX_SAFE_INTEGER);
  return size === 0 ? Buffer.from(EMPTY_ROOT) : subtreeRoot(nodeReader(size, readTile), 0, size);
}

/** Proof that leaf `index` is in the tree of `size` leaves, from the leaf's sibling up. */
export function inclusionProof(index: number, size: number, readTile: TileReader): Buffer[] {
  checkSize('size', size, Number.MAX_SAFE_INTEGER);
  checkSize('index', index, size - 1);
  const node = nodeReader(size, readTile);
  const path: Buffer[] = [];
  let lo = 0;
  let hi = size;
  while (hi - lo > 1) {
    const mid = lo + splitOf(hi - lo);
    if (index < mid) {
      path.push(subtreeRoot(node, mid, hi));
      hi = mid;
    } else {
      path.push(subtreeRoot(node, lo, mid));
      lo = mid;
    }
  }
  return path.reverse();
}

/** Proof that the tree of `oldSize` leaves is a prefix of the tree of `newSize`. Empty when the old one is empty or the same. */
export function consistencyProof(oldSize: number, newSize: number, readTile: TileReader): Buffer[] {
  checkSize('new size', newSize, Number.MAX_SAFE_INTEGER);
  checkSize('old size', oldSize, newSize);
  if (oldSize === 0 || oldSize === newSize) return [];
  const node = nodeReader(newSize, readTile);
  const path: Buffer[] = [];
  let lo = 0;
  let hi = newSize;
  while (oldSize !== hi) {
    const mid = lo + splitOf(hi - lo);
    if (oldSize <= mid) {
      path.push(subtreeRoot(node, mid, hi));
      hi = mid;
    } else {
      path.push(subtreeRoot(node, lo, mid));
      lo = mid;
    }
  }
  // A left edge that is a whole subtree of the old tree from leaf 0 on is what the verifier knows: the old root.
  if (lo !== 0) path.push(subtreeRoot(node, lo, hi));
  return path.reverse();
}

/**
 * Proof that leaves `start .. end-1` are in the tree of `size` leaves: the roots of the perfect subtrees of 0..start, then those
 * of end..size, each left to right.
 */
export function rangeProof(start: number, end: number, size: number, readTile: TileReader): Buffer[] {
  checkSize('size', size, Number.MAX_SAFE_INTEGER);
  checkSize('end', end, size);
  checkSize('start', start, end);
  const node = nodeReader(size, readTile);
  const proof: Buffer[] = [];
  const push = (height: number, index: number): void => { proof.push(node(height, index)); };
  forEachSubtree(0, start, push);
  forEachSubtree(end, size, push);
  return proof;
}
