import { describe, expect, it } from 'vitest';
import {
  consistencyProof, EMPTY_ROOT, inclusionProof, ProofError, rangeProof, verifyConsistency, verifyInclusion, verifyRange,
} from './index.ts';
import { flipped, NaiveTree, positions, sampleLog, sampler, thrown } from './testing.ts';

const SIZE_MAX = 300;
const SEED = 6962;
const { leaves, store } = sampleLog(SIZE_MAX);
const naive = new NaiveTree(leaves);
const root = (size: number): Buffer => (size === 0 ? EMPTY_ROOT : naive.mth(0, size));
const hex = (hashes: readonly Uint8Array[]): string => hashes.map((h) => Buffer.from(h).toString('hex')).join(' ');

/** Runs `check` and says whether it refused with a ProofError; any other error is a bug and goes on. */
function refused(check: () => void): boolean {
  const error = thrown(check);
  if (error === null || error instanceof ProofError) return error !== null;
  throw error;
}

/** What an attacker or a bad disk makes of a proof. */
function* spoiled(proof: readonly Buffer[], pick: (limit: number) => number): Generator<[string, Buffer[]]> {
  if (proof.length > 0) {
    const i = pick(proof.length);
    const bit = pick(256);
    yield [`bit ${bit} of hash ${i} turned`, proof.map((h, k) => (k === i ? flipped(h, bit) : h))];
    yield [`hash ${i} left out`, proof.filter((_, k) => k !== i)];
    yield [`hash ${i} twice`, [...proof.slice(0, i), proof[i]!, ...proof.slice(i)]];
    yield [`hash ${i} cut off`, proof.map((h, k) => (k === i ? h.subarray(0, 31) : h))];
  }
  if (proof.length > 1 && !proof[0]!.equals(proof.at(-1)!)) yield ['in reverse', [...proof].reverse()];
  yield ['one hash more', [...proof, Buffer.alloc(32)]];
}

describe('inclusion proofs', () => {
  it(`are RFC 6962's and verify, at every size up to ${SIZE_MAX}; spoiled ones do not (seed ${SEED})`, () => {
    const pick = sampler(SEED);
    for (let size = 1; size <= SIZE_MAX; size += 1) {
      for (const index of positions(size, pick)) {
        const proof = inclusionProof(index, size, store.read);
        const where = `leaf ${index} of ${size}`;
        if (hex(proof) !== hex(naive.path(index, 0, size))) throw new Error(`${where}: not PATH(m, D[n])`);
        verifyInclusion(leaves[index]!, index, size, proof, root(size));
        if (size % 7 !== 0) continue;
        for (const [how, bad] of spoiled(proof, pick)) {
          if (!refused(() => verifyInclusion(leaves[index]!, index, size, bad, root(size)))) {
            throw new Error(`${where}: accepted with ${how}`);
          }
        }
        if (!refused(() => verifyInclusion(flipped(leaves[index]!, pick(256)), index, size, proof, root(size)))) {
          throw new Error(`${where}: accepted another leaf`);
        }
        if (!refused(() => verifyInclusion(leaves[index]!, index, size, proof, flipped(root(size), pick(256))))) {
          throw new Error(`${where}: accepted another root`);
        }
        const other = pick(size);
        if (other !== index && !refused(() => verifyInclusion(leaves[index]!, other, size, proof, root(size)))) {
          throw new Error(`${where}: accepted at ${other}`);
        }
      }
    }
  });

  it('refuse numbers that cannot be', () => {
    const leaf = leaves[0]!;
    for (const [index, size] of [
      [0, 0], [1, 1], [-1, 1], [0.5, 1], [Number.NaN, 1], [0, 2 ** 53], [0, Infinity], [5, 4],
    ] as const) {
      expect(() => verifyInclusion(leaf, index, size, [], leaf), `index ${index} of ${size}`).toThrow(ProofError);
      expect(() => inclusionProof(index, size, store.read), `index ${index} of ${size}`).toThrow(ProofError);
    }
    expect(() => verifyInclusion(leaf.subarray(1), 0, 1, [], leaf)).toThrow(/31 bytes/);
    expect(() => verifyInclusion(leaf, 0, 1, [], leaf.subarray(1))).toThrow(/31 bytes/);
  });

  it('work beyond 32 bits', () => {
    // A tree whose left half is one known subtree of 2^40 leaves, and one leaf on the right.
    const size = 2 ** 40 + 1;
    const left = leaves[1]!;
    const rootOf = new NaiveTree([left, leaves[0]!]).mth(0, 2);
    verifyInclusion(leaves[0]!, size - 1, size, [left], rootOf);
    expect(() => verifyInclusion(leaves[0]!, size - 2, size, [left], rootOf)).toThrow(ProofError);
  });
});

describe('consistency proofs', () => {
  it(`are RFC 6962's and verify, up to every size up to ${SIZE_MAX}; spoiled ones do not (seed ${SEED})`, () => {
    const pick = sampler(SEED + 1);
    for (let size = 0; size <= SIZE_MAX; size += 1) {
      for (const old of positions(size + 1, pick)) {
        const proof = consistencyProof(old, size, store.read);
        const where = `${old} to ${size}`;
        if (hex(proof) !== (old === 0 ? '' : hex(naive.subproof(old, 0, size, true)))) {
          throw new Error(`${where}: not PROOF(m, D[n])`);
        }
        verifyConsistency(old, root(old), size, root(size), proof);
        if (size % 7 !== 0) continue;
        for (const [how, bad] of spoiled(proof, pick)) {
          if (!refused(() => verifyConsistency(old, root(old), size, root(size), bad))) {
            throw new Error(`${where}: accepted with ${how}`);
          }
        }
        if (!refused(() => verifyConsistency(old, flipped(root(old), pick(256)), size, root(size), proof))) {
          throw new Error(`${where}: accepted another old root`);
        }
        if (old > 0 && !refused(() => verifyConsistency(old, root(old), size, flipped(root(size), pick(256)), proof))) {
          throw new Error(`${where}: accepted another new root`);
        }
      }
    }
  });

  it('refuse a log that rewrote an entry, with any proof it can make', () => {
    const forked = leaves.map((h, i) => (i === 100 ? flipped(h, 0) : h));
    const fork = new NaiveTree(forked);
    for (const [old, size] of [[101, 200], [128, 300], [150, 151], [256, 300]] as const) {
      for (const proof of [fork.subproof(old, 0, size, true), naive.subproof(old, 0, size, true)]) {
        expect(() => verifyConsistency(old, root(old), size, fork.mth(0, size), proof)).toThrow(ProofError);
      }
    }
  });

  it('refuse a smaller tree and two roots of one size', () => {
    expect(() => verifyConsistency(5, root(5), 4, root(4), [])).toThrow(/larger/);
    expect(() => verifyConsistency(5, root(5), 5, root(4), [])).toThrow(/two roots of size 5/);
    expect(() => verifyConsistency(0, root(1), 5, root(5), [])).toThrow(/empty tree/);
    expect(() => verifyConsistency(3, root(3), 5, root(5), [])).toThrow(/no hashes/);
    expect(() => verifyConsistency(-1, root(1), 5, root(5), [])).toThrow(ProofError);
    expect(() => consistencyProof(5, 4, store.read)).toThrow(ProofError);
  });
});

describe('range proofs', () => {
  it(`verify at every size up to ${SIZE_MAX}; spoiled ones do not (seed ${SEED})`, () => {
    const pick = sampler(SEED + 2);
    for (let size = 0; size <= SIZE_MAX; size += 1) {
      const edges = [0, size, ...[1, 2, 3, 4, 5].map(() => pick(size + 1))];
      const ranges = edges.flatMap((start) => edges.filter((end) => end >= start).map((end) => [start, end] as const));
      for (const [start, end] of size <= 12 ? all(size) : ranges.filter((_, i) => i % 3 === size % 3)) {
        const proof = rangeProof(start, end, size, store.read);
        const where = `${start}..${end} of ${size}`;
        verifyRange(leaves.slice(start, end), start, size, proof, root(size));
        if (size % 7 !== 0) continue;
        const bytes = Buffer.concat(leaves.slice(start, end));
        verifyRange(bytes, start, size, proof, root(size));
        for (const [how, bad] of spoiled(proof, pick)) {
          if (!refused(() => verifyRange(bytes, start, size, bad, root(size)))) throw new Error(`${where}: accepted with ${how}`);
        }
        if (end > start) {
          if (!refused(() => verifyRange(flipped(bytes, pick(bytes.length * 8)), start, size, proof, root(size)))) {
            throw new Error(`${where}: accepted other leaves`);
          }
          if (!refused(() => verifyRange(bytes.subarray(32), start, size, proof, root(size)))) {
            throw new Error(`${where}: accepted without the first leaf`);
          }
          if (!refused(() => verifyRange(bytes, start + 1, size, proof, root(size)))) {
            throw new Error(`${where}: accepted one further`);
          }
        }
        if (!refused(() => verifyRange(bytes, start, size, proof, flipped(root(size), pick(256))))) {
          throw new Error(`${where}: accepted another root`);
        }
      }
    }
  });

  function all(size: number): [number, number][] {
    const starts = Array.from({ length: size + 1 }, (_, start) => start);
    return starts.flatMap((start) => starts.slice(start).map((end): [number, number] => [start, end]));
  }

  it('refuse numbers that cannot be', () => {
    expect(() => verifyRange([leaves[0]!], 1, 1, [], root(1))).toThrow(/not in a tree of 1/);
    expect(() => verifyRange(Buffer.alloc(33), 0, 1, [], root(1))).toThrow(/multiple of 32/);
    expect(() => verifyRange([Buffer.alloc(16), Buffer.alloc(16)], 0, 1, [], root(1))).toThrow(/16 bytes/);
    expect(() => verifyRange([leaves[0]!], -1, 1, [], root(1))).toThrow(ProofError);
    expect(() => rangeProof(2, 1, 3, store.read)).toThrow(ProofError);
    expect(() => rangeProof(0, 4, 3, store.read)).toThrow(ProofError);
  });

  it('do not let a forger choose a size whose subtrees are astronomically many', () => {
    expect(() => verifyRange([leaves[0]!], 2 ** 52, 2 ** 53 - 1, [], root(1))).toThrow(/takes \d+ hashes/);
  });
});

describe('tiles that lie', () => {
  it('are noticed when they are cut off, and lead to another root when they are altered', () => {
    expect(() => inclusionProof(3, 300, (l, i, w) => store.read(l, i, w).subarray(32))).toThrow(ProofError);
    const proof = inclusionProof(3, 300, (l, i, w) => flipped(store.read(l, i, w), 0));
    expect(() => verifyInclusion(leaves[3]!, 3, 300, proof, root(300))).toThrow(ProofError);
  });
});
