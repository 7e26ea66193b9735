/**
 * One leaf's inclusion proof out of the proof of a whole range: who holds the range's leaves and its proof (C2SP tlog-tiles
 * hashes, RFC 6962 tree) can prove each leaf to others without asking the log again.
 */
import { ProofError } from './errors.ts';
import { HASH_SIZE, hashChildren } from './hash.ts';
import { forEachSubtree, splitOf } from './proof.ts';

/**
 * @param leafHashes of the leaves `start`, `start + 1`, ..., `n * 32` bytes
 * @param proof as `rangeProof` makes it for them in the tree of `size` leaves
 */
export function inclusionFromRange(
  index: number, leafHashes: Uint8Array, start: number, size: number, proof: readonly Uint8Array[],
): Uint8Array[] {
  const end = start + leafHashes.length / HASH_SIZE;
  if (index < start || index >= end) throw new ProofError(`index ${index} is not in the range ${start} to ${end}`);
  const known = new Map<string, Uint8Array>();
  let next = 0;
  const learn = (height: number, at: number): void => {
    const hash = proof[next];
    if (hash === undefined) {
      throw new ProofError(`range proof: ${proof.length} hashes are too few for ${start} to ${end} of ${size}`);
    }
    known.set(`${2 ** height}/${at * 2 ** height}`, hash);
    next += 1;
  };
  forEachSubtree(0, start, learn);
  forEachSubtree(end, size, learn);

  function root(lo: number, hi: number): Uint8Array {
    const outside = known.get(`${hi - lo}/${lo}`);
    if (outside !== undefined) return outside;
    if (hi - lo === 1) {
      if (lo < start || lo >= end) throw new ProofError(`range proof: says nothing of leaf ${lo}`);
      return leafHashes.subarray((lo - start) * HASH_SIZE, (lo - start + 1) * HASH_SIZE);
    }
    const mid = lo + splitOf(hi - lo);
    return hashChildren(root(lo, mid), root(mid, hi));
  }

  const path: Uint8Array[] = [];
  let lo = 0;
  let hi = size;
  while (hi - lo > 1) {
    const mid = lo + splitOf(hi - lo);
    path.push(index < mid ? root(mid, hi) : root(lo, mid));
    if (index < mid) hi = mid;
    else lo = mid;
  }
  return path.reverse();
}
