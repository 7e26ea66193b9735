/**
 * Merkle trees of RFC 6962 over WebCrypto: what a browser needs to check a log by itself. The same algorithms as
 * services/transparency, which is bound to Node's crypto and synchronous; tests hold the two to the same verdicts.
 */
import { ProofError } from '../transparency/errors.ts';
import { TILE_WIDTH, tileWidth } from '../transparency/tiles.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

export const HASH_SIZE = 32;

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

export const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));

/** Standard base64 in its one canonical form; null when it is anything else. */
export function fromBase64(text: string): Bytes | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  try {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

export const sha256 = async (data: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest('SHA-256', data));
/** RFC 6962, section 2.1: SHA-256(0x00 || entry). */
export const hashLeaf = (entry: Uint8Array): Promise<Bytes> => sha256(concat(Uint8Array.of(0), entry));
/** RFC 6962, section 2.1: SHA-256(0x01 || left || right). */
export const hashChildren = (left: Uint8Array, right: Uint8Array): Promise<Bytes> => sha256(concat(Uint8Array.of(1), left, right));

function checkSame(what: string, computed: Uint8Array, claimed: Uint8Array): void {
  if (!sameBytes(computed, claimed)) {
    throw new ProofError(`${what}: the proof leads to ${toBase64(computed)}, expected ${toBase64(claimed)}`);
  }
}

function checkNumber(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new ProofError(`${what} ${value}: expected a non-negative safe integer`);
}

const half = (n: number): number => Math.floor(n / 2);

/**
 * Walks a proof from a node up: RFC 9162, sections 2.1.3.2 and 2.1.4.2 share this loop.
 * @param step told of each hash and whether it stands on the left
 */
async function climb(
  what: string, index: number, last: number, proof: readonly Uint8Array[], step: (sibling: Uint8Array, left: boolean) => Promise<void>,
): Promise<void> {
  let fn = index;
  let sn = last;
  for (const sibling of proof) {
    if (sibling.length !== HASH_SIZE) throw new ProofError(`${what}: a hash of ${sibling.length} bytes, expected ${HASH_SIZE}`);
    if (sn === 0) throw new ProofError(`${what}: ${proof.length} hashes are too many`);
    const left = fn % 2 === 1 || fn === sn;
    await step(sibling, left);
    while (left && fn % 2 === 0 && fn !== 0) {
      fn = half(fn);
      sn = half(sn);
    }
    fn = half(fn);
    sn = half(sn);
  }
  if (sn !== 0) throw new ProofError(`${what}: ${proof.length} hashes are too few`);
}

/** Checks that the leaf is number `index` of the tree of `size` leaves with this root: RFC 9162, section 2.1.3.2. @throws ProofError */
export async function verifyInclusion(
  leafHash: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array,
): Promise<void> {
  checkNumber('index', index);
  checkNumber('size', size);
  if (index >= size) throw new ProofError(`index ${index} is not in a tree of ${size} leaves`);
  let current = leafHash;
  await climb(`inclusion of leaf ${index} in the tree of ${size}`, index, size - 1, proof, async (sibling, left) => {
    current = await (left ? hashChildren(sibling, current) : hashChildren(current, sibling));
  });
  checkSame(`inclusion of leaf ${index} in the tree of ${size}`, current, root);
}

/** Checks that one tree is a prefix of the other: RFC 9162, section 2.1.4.2. @throws ProofError */
export async function verifyConsistency(
  oldSize: number, oldRoot: Uint8Array, newSize: number, newRoot: Uint8Array, proof: readonly Uint8Array[],
): Promise<void> {
  checkNumber('old size', oldSize);
  checkNumber('new size', newSize);
  if (oldSize > newSize) throw new ProofError(`old size ${oldSize} is larger than new size ${newSize}`);
  if (oldSize === 0) checkSame('root of the empty tree', await sha256(new Uint8Array()), oldRoot);
  if (oldSize === newSize) checkSame(`two roots of size ${newSize}`, oldRoot, newRoot);
  if (oldSize === 0 || oldSize === newSize) {
    if (proof.length !== 0) throw new ProofError(`consistency from ${oldSize} to ${newSize}: no hash expected, got ${proof.length}`);
    return;
  }
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (fn % 2 === 1) {
    fn = half(fn);
    sn = half(sn);
  }
  const [first, ...rest] = fn === 0 ? [oldRoot, ...proof] : proof;
  if (first?.length !== HASH_SIZE) throw new ProofError(`consistency from ${oldSize} to ${newSize}: the first hash is missing or too short`);
  let fromOld = first;
  let fromNew = first;
  await climb(`consistency from ${oldSize} to ${newSize}`, fn, sn, rest, async (sibling, left) => {
    fromNew = await (left ? hashChildren(sibling, fromNew) : hashChildren(fromNew, sibling));
    if (left) fromOld = await hashChildren(sibling, fromOld);
  });
  checkSame(`old root, of size ${oldSize}`, fromOld, oldRoot);
  checkSame(`new root, of size ${newSize}`, fromNew, newRoot);
}

/** The hashes of one tile, `width` of them, 32 bytes each. */
export type TileFetcher = (level: number, index: number, width: number) => Promise<Uint8Array>;

/** Roots and proofs of one log from its tiles (C2SP tlog-tiles), as far as they are asked for; a tile is fetched once. */
export interface TileTree {
  readonly size: number;
  readonly root: (size: number) => Promise<Bytes>;
  readonly consistency: (oldSize: number, newSize: number) => Promise<Bytes[]>;
}

/** @param size of the whole tree; roots and proofs of smaller sizes come from the same tiles */
export function tileTree(size: number, fetchTile: TileFetcher): TileTree {
  const tiles = new Map<string, Promise<Uint8Array>>();
  const tile = (level: number, index: number): Promise<Uint8Array> => {
    const key = `${level}/${index}`;
    const width = tileWidth(size, level, index);
    const known = tiles.get(key) ?? fetchTile(level, index, width).then((bytes) => {
      if (bytes.length !== width * HASH_SIZE) throw new ProofError(`tile ${key}: ${bytes.length} bytes, expected ${width * HASH_SIZE}`);
      return bytes;
    });
    tiles.set(key, known);
    return known;
  };

  /** Root of the perfect subtree `index` of 2^`height` leaves. */
  async function node(height: number, index: number): Promise<Bytes> {
    const level = Math.floor(height / 8);
    const slots = 2 ** (height % 8);
    const first = index * slots;
    const bytes = await tile(level, Math.floor(first / TILE_WIDTH));
    let row = Array.from({ length: slots }, (_, i) => concat(bytes.subarray(((first % TILE_WIDTH) + i) * HASH_SIZE, ((first % TILE_WIDTH) + i + 1) * HASH_SIZE)));
    while (row.length > 1) {
      row = await Promise.all(Array.from({ length: row.length / 2 }, (_, i) => hashChildren(row[2 * i]!, row[2 * i + 1]!)));
    }
    return row[0]!;
  }

  /** MTH(D[lo:hi]), where lo is a multiple of the power of two that covers the range. */
  async function rootOf(lo: number, hi: number): Promise<Bytes> {
    const parts: Promise<Bytes>[] = [];
    for (let at = lo; at < hi;) {
      let height = 0;
      while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= hi) height += 1;
      parts.push(node(height, at / 2 ** height));
      at += 2 ** height;
    }
    const roots = await Promise.all(parts);
    let root = roots.pop()!;
    for (const left of roots.reverse()) root = await hashChildren(left, root);
    return root;
  }

  function checkSize(n: number): void {
    if (!Number.isSafeInteger(n) || n < 0 || n > size) throw new ProofError(`size ${n}: expected 0 to ${size}`);
  }

  return {
    size,
    async root(n) {
      checkSize(n);
      return n === 0 ? sha256(new Uint8Array()) : rootOf(0, n);
    },
    // RFC 6962, section 2.1.2.
    async consistency(oldSize, newSize) {
      checkSize(newSize);
      if (!Number.isSafeInteger(oldSize) || oldSize < 0 || oldSize > newSize) throw new ProofError(`old size ${oldSize}: expected 0 to ${newSize}`);
      if (oldSize === 0 || oldSize === newSize) return [];
      const path: Promise<Bytes>[] = [];
      let lo = 0;
      let hi = newSize;
      while (oldSize !== hi) {
        let split = 1;
        while (split * 2 < hi - lo) split *= 2;
        const mid = lo + split;
        path.push(oldSize <= mid ? rootOf(mid, hi) : rootOf(lo, mid));
        if (oldSize <= mid) hi = mid;
        else lo = mid;
      }
      if (lo !== 0) path.push(rootOf(lo, hi));
      return Promise.all(path.reverse());
    },
  };
}
