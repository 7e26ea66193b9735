import { describe, expect, it } from 'vitest';
import { hashLeaf } from './hash.ts';
import { inclusionProof, rangeProof } from './proof.ts';
import { inclusionFromRange } from './range-inclusion.ts';
import { Tree } from './tree.ts';

describe('an inclusion proof out of a range proof', () => {
  it('is the one that the log itself would give, for every leaf of every range, up to size 40 and at some larger', () => {
    for (const size of [...Array.from({ length: 40 }, (_, i) => i + 1), 255, 256, 257, 300]) {
      const leaves = Array.from({ length: size }, (_, i) => Buffer.from(hashLeaf(Buffer.from(`leaf ${i}`))));
      const tree = Tree.empty();
      const tiles = new Map<string, Uint8Array>();
      for (const leaf of leaves) tree.append(leaf);
      for (const t of tree.takeDirtyTiles()) tiles.set(`${t.level}/${t.index}`, Uint8Array.from(t.hashes));
      const readTile = (level: number, index: number, width: number): Uint8Array =>
        tiles.get(`${level}/${index}`)!.subarray(0, width * 32);
      const step = size > 40 ? 61 : 1;
      for (let start = 0; start < size; start += step) {
        for (let end = start + 1; end <= size; end += step) {
          const proof = rangeProof(start, end, size, readTile);
          const index = start + ((end * 7 + size) % (end - start));
          expect(inclusionFromRange(index, Buffer.concat(leaves.slice(start, end)), start, size, proof))
            .toEqual(inclusionProof(index, size, readTile));
        }
      }
    }
  });

  it('refuses an index outside the range', () => {
    expect(() => inclusionFromRange(2, Buffer.alloc(32), 1, 5, [])).toThrow('index 2 is not in the range 1 to 2');
  });
});
