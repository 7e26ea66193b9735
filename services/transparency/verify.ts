/**
 * Verification of proofs. Inclusion: RFC 9162, section 2.1.3.2. Consistency: section 2.1.4.2 (the proofs are RFC 6962's;
 * the later document spells the algorithms out). Range: recomputation over a compact range. All throw {@link ProofError}
 * or return nothing.
 */
import { ProofError } from './errors.ts';
import { Frontier } from './frontier.ts';
import { asBuffer, EMPTY_ROOT, HASH_SIZE, hashChildrenInto } from './hash.ts';
import { forEachSubtree } from './proof.ts';

const b64 = (hash: Uint8Array): string => asBuffer(hash).toString('base64');

function checkHash(what: string, hash: Uint8Array): Buffer {
  if (hash.length !== HASH_SIZE) throw new ProofError(`${what}: ${hash.length} bytes, expected ${HASH_SIZE}`);
  return asBuffer(hash);
}

function checkNumber(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new ProofError(`${what} ${value}: expected a non-negative safe integer`);
}

function checkSame(what: string, computed: Buffer, claimed: Uint8Array): void {
  checkHash(what, claimed);
  if (!computed.equals(claimed)) throw new ProofError(`${what}: the proof leads to ${b64(computed)}, expected ${b64(claimed)}`);
}

/** Checks that the leaf is number `index` of the tree of `size` leaves with this root. */
export function verifyInclusion(
  leafHash: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array,
): void {
  checkNumber('index', index);
  checkNumber('size', size);
  if (index >= size) throw new ProofError(`index ${index} is not in a tree of ${size} leaves`);
  const current = Buffer.from(checkHash('leaf hash', leafHash));
  let fn = index;
  let sn = size - 1;
  for (const [i, sibling] of proof.entries()) {
    const hash = checkHash(`inclusion proof, hash ${i}`, sibling);
    if (sn === 0) throw new ProofError(`inclusion proof: ${proof.length} hashes are too many for index ${index} of ${size}`);
    if (fn % 2 === 1 || fn === sn) {
      hashChildrenInto(hash, 0, current, 0, current, 0);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      hashChildrenInto(current, 0, hash, 0, current, 0);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw new ProofError(`inclusion proof: ${proof.length} hashes are too few for index ${index} of ${size}`);
  checkSame(`inclusion of leaf ${index} in the tree of ${size}`, current, root);
}

/** Checks that the tree of `oldSize` leaves with `oldRoot` is a prefix of the tree of `newSize` with `newRoot`. */
export function verifyConsistency(
  oldSize: number, oldRoot: Uint8Array, newSize: number, newRoot: Uint8Array, proof: readonly Uint8Array[],
): void {
  checkNumber('old size', oldSize);
  checkNumber('new size', newSize);
  checkHash('old root', oldRoot);
  checkHash('new root', newRoot);
  if (oldSize > newSize) throw new ProofError(`old size ${oldSize} is larger than new size ${newSize}`);
  if (oldSize === 0) checkSame('root of the empty tree', EMPTY_ROOT, oldRoot);
  if (oldSize === newSize) checkSame(`two roots of size ${newSize}`, asBuffer(oldRoot), newRoot);
  if (oldSize === 0 || oldSize === newSize) {
    if (proof.length !== 0) {
      throw new ProofError(`consistency proof: from ${oldSize} to ${newSize} it is empty, got ${proof.length} hashes`);
    }
    return;
  }
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (fn % 2 === 1) {
    fn = (fn - 1) / 2;
    sn = Math.floor(sn / 2);
  }
  // From a power of two the old root itself is the first hash, and left out of the proof.
  const fromOldRoot = fn === 0;
  const [first, ...rest] = fromOldRoot ? [oldRoot, ...proof] : proof;
  if (first === undefined) throw new ProofError(`consistency proof: no hashes, from ${oldSize} to ${newSize} there are some`);
  const fromOld = Buffer.from(checkHash('consistency proof, hash 0', first));
  const fromNew = Buffer.from(fromOld);
  for (const [i, hash] of rest.entries()) {
    const sibling = checkHash(`consistency proof, hash ${fromOldRoot ? i : i + 1}`, hash);
    if (sn === 0) throw new ProofError(`consistency proof: ${proof.length} hashes are too many, from ${oldSize} to ${newSize}`);
    if (fn % 2 === 1 || fn === sn) {
      hashChildrenInto(sibling, 0, fromOld, 0, fromOld, 0);
      hashChildrenInto(sibling, 0, fromNew, 0, fromNew, 0);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      hashChildrenInto(fromNew, 0, sibling, 0, fromNew, 0);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw new ProofError(`consistency proof: ${proof.length} hashes are too few, from ${oldSize} to ${newSize}`);
  checkSame(`old root, of size ${oldSize}`, fromOld, oldRoot);
  checkSame(`new root, of size ${newSize}`, fromNew, newRoot);
}

/**
 * Checks that the leaves are numbers `start`, `start + 1`, ... of the tree of `size` leaves with this root.
 *
 * @param leafHashes one by one, or one after the other in `n * 32` bytes
 */
export function verifyRange(
  leafHashes: readonly Uint8Array[] | Uint8Array, start: number, size: number, proof: readonly Uint8Array[], root: Uint8Array,
): void {
  const leaves = leafHashes instanceof Uint8Array
    ? asBuffer(leafHashes)
    : Buffer.concat(leafHashes.map((h, i) => checkHash(`leaf hash ${i}`, h)));
  if (leaves.length % HASH_SIZE !== 0) {
    throw new ProofError(`leaf hashes: ${leaves.length} bytes, expected a multiple of ${HASH_SIZE}`);
  }
  checkNumber('start', start);
  checkNumber('size', size);
  const end = start + leaves.length / HASH_SIZE;
  if (end > size) throw new ProofError(`leaves ${start}..${end} are not in a tree of ${size}`);
  const heightsLeft: number[] = [];
  const heightsRight: number[] = [];
  forEachSubtree(0, start, (height) => heightsLeft.push(height));
  forEachSubtree(end, size, (height) => heightsRight.push(height));
  if (proof.length !== heightsLeft.length + heightsRight.length) {
    throw new ProofError(
      `range proof: ${start}..${end} of ${size} takes ${heightsLeft.length + heightsRight.length} hashes, got ${proof.length}`,
    );
  }
  for (const [i, hash] of proof.entries()) checkHash(`range proof, hash ${i}`, hash);
  const frontier = Frontier.of(start, proof.slice(0, heightsLeft.length));
  frontier.appendMany(leaves);
  for (const [i, height] of heightsRight.entries()) frontier.appendNode(height, asBuffer(proof[heightsLeft.length + i]!), 0);
  checkSame(`leaves ${start}..${end} in the tree of ${size}`, frontier.root(), root);
}
