/**
 * Merkle tree hashing of RFC 6962, section 2.1: leaves SHA-256(0x00 || data), nodes SHA-256(0x01 || left || right).
 *
 * `crypto.hash` with a Buffer as its result costs 1.15 us for a node; the same hash handed over as a latin1 string and
 * written into a buffer that exists already costs 0.33 us, because no ArrayBuffer is made. So everything here that runs
 * once per entry writes into a given buffer. A SHA-256 in JavaScript takes twice as long as that for a node and more
 * for a leaf, because it can't use the processor's SHA instructions; WebAssembly can't either.
 */
import { hash } from 'node:crypto';

export const HASH_SIZE = 32;

/** MTH of the empty tree: SHA-256 of nothing. */
export const EMPTY_ROOT: Buffer = hash('sha256', '', 'buffer');

const SCRATCH_SIZE = 1 + 65_535;
const leaf = Buffer.alloc(SCRATCH_SIZE);
const node = Buffer.alloc(1 + 2 * HASH_SIZE, 1);
/** Views of `leaf` by data length: making one costs as much as a quarter of the hash. */
const leafViews: Buffer[] = [];
const LEAF_VIEWS_MAX = 2_048;

function leafView(length: number): Buffer {
  if (length >= LEAF_VIEWS_MAX) return leaf.subarray(0, length + 1);
  return (leafViews[length] ??= leaf.subarray(0, length + 1));
}

/** The same bytes as a Buffer, without a copy. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Writes the leaf hash of `data[from..to)`, at most 65,535 bytes, to `out[at..at + 32)`. */
export function hashLeafInto(data: Buffer, from: number, to: number, out: Buffer, at: number): void {
  data.copy(leaf, 1, from, to);
  out.write(hash('sha256', leafView(to - from), 'latin1'), at, HASH_SIZE, 'latin1');
}

/** Writes the hash of the node over two children to `out[at..at + 32)`; `out` may be one of the children's buffers. */
export function hashChildrenInto(left: Buffer, leftAt: number, right: Buffer, rightAt: number, out: Buffer, at: number): void {
  left.copy(node, 1, leftAt, leftAt + HASH_SIZE);
  right.copy(node, 1 + HASH_SIZE, rightAt, rightAt + HASH_SIZE);
  out.write(hash('sha256', node, 'latin1'), at, HASH_SIZE, 'latin1');
}

/** Leaf hash of one entry of any length. */
export function hashLeaf(data: Uint8Array): Buffer {
  const bytes = asBuffer(data);
  if (bytes.length >= SCRATCH_SIZE) return hash('sha256', Buffer.concat([new Uint8Array(1), bytes]), 'buffer');
  const out = Buffer.allocUnsafe(HASH_SIZE);
  hashLeafInto(bytes, 0, bytes.length, out, 0);
  return out;
}

/** Hash of the node whose children are `left` and `right`, 32 bytes each. */
export function hashChildren(left: Uint8Array, right: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HASH_SIZE);
  hashChildrenInto(asBuffer(left), 0, asBuffer(right), 0, out, 0);
  return out;
}

/** Folds `count` (a power of two) consecutive hashes at `hashes[at]` into the root of the perfect tree above them. */
export function foldPerfect(hashes: Buffer, at: number, count: number): Buffer {
  if (count === 1) return Buffer.from(hashes.subarray(at, at + HASH_SIZE));
  const level = Buffer.from(hashes.subarray(at, at + count * HASH_SIZE));
  for (let n = count; n > 1; n /= 2) {
    for (let i = 0; i < n; i += 2) hashChildrenInto(level, i * HASH_SIZE, level, (i + 1) * HASH_SIZE, level, (i / 2) * HASH_SIZE);
  }
  return level.subarray(0, HASH_SIZE);
}
