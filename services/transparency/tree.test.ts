import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodingError } from '../protocol/errors.ts';
import { EMPTY_ROOT, Frontier, hashChildren, hashLeaf, hashesAtLevel, ProofError, rootAt, Tree } from './index.ts';
import { NaiveTree, sampleEntries, sampleLog, TileStore } from './testing.ts';

// The vectors that every Certificate Transparency implementation uses.
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('hashing (RFC 6962, section 2.1)', () => {
  it('gives the well-known roots', () => {
    const tree = Tree.empty();
    const frontier = Frontier.empty();
    expect(EMPTY_ROOT.toString('hex')).toBe(ROOTS[0]);
    for (const [i, input] of INPUTS.entries()) {
      expect(tree.root().toString('hex')).toBe(ROOTS[i]);
      tree.append(hashLeaf(Buffer.from(input, 'hex')));
      frontier.append(hashLeaf(Buffer.from(input, 'hex')));
      expect(tree.root().toString('hex')).toBe(ROOTS[i + 1]);
      expect(frontier.root()).toEqual(tree.root());
    }
  });

  it('hashes leaves of every length as SHA-256(0x00 || data)', () => {
    for (const length of [0, 1, 2047, 2048, 2049, 65_534, 65_535, 65_536, 200_000]) {
      const data = Buffer.alloc(length, length % 251);
      expect(hashLeaf(data), `length ${length}`).toEqual(hash('sha256', Buffer.concat([Buffer.of(0), data]), 'buffer'));
      expect(hashLeaf(new Uint8Array(data)), `plain bytes, length ${length}`).toEqual(hashLeaf(data));
    }
  });

  it('hashes nodes as SHA-256(0x01 || left || right)', () => {
    const [l, r] = [hashLeaf(Buffer.from('l')), hashLeaf(Buffer.from('r'))];
    expect(hashChildren(l, r)).toEqual(hash('sha256', Buffer.concat([Buffer.of(1), l, r]), 'buffer'));
  });
});

describe('Tree', () => {
  it('equals the recursive definition at every size up to 600, however it is appended to', () => {
    const leaves = sampleEntries(600).map(hashLeaf);
    const naive = new NaiveTree(leaves);
    const one = Tree.empty();
    const { store } = sampleLog(600);
    for (let size = 1; size <= 600; size += 1) {
      one.append(leaves[size - 1]!);
      expect(one.root().equals(naive.mth(0, size)), `size ${size}`).toBe(true);
      expect(rootAt(size, store.read).equals(naive.mth(0, size)), `rootAt ${size}`).toBe(true);
    }
    expect(rootAt(0, store.read)).toEqual(EMPTY_ROOT);
  });

  it('restored at any size goes on like the original, and reads only the right edge', () => {
    const leaves = sampleEntries(70_000).map(hashLeaf);
    const all = Buffer.concat(leaves);
    for (const size of [0, 1, 2, 127, 128, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_793, 69_000]) {
      const original = Tree.empty();
      original.appendMany(all.subarray(0, size * 32));
      const store = new TileStore();
      store.put(original.takeDirtyTiles());
      let reads = 0;
      const restored = Tree.restore(size, (level, index, width) => {
        reads += 1;
        expect(index, 'only the rightmost tile').toBe(Math.floor(hashesAtLevel(size, level) / 256));
        return store.read(level, index, width);
      });
      expect(reads).toBeLessThanOrEqual(3);
      expect(restored.size).toBe(size);
      expect(restored.root()).toEqual(original.root());
      expect(restored.takeDirtyTiles(), 'nothing has changed yet').toEqual([]);
      for (const step of [1, 255, 3, 700]) {
        const next = all.subarray(original.size * 32, (original.size + step) * 32);
        original.appendMany(next);
        restored.appendMany(next);
        expect(restored.root()).toEqual(original.root());
        expect(restored.takeDirtyTiles()).toEqual(original.takeDirtyTiles());
      }
    }
  });

  it('hands out every tile that changed, as the specification defines tiles', () => {
    const leaves = sampleEntries(1_400).map(hashLeaf);
    const naive = new NaiveTree(leaves);
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.boolean()), { maxLength: 12 }), (steps) => {
      const tree = Tree.empty();
      const store = new TileStore();
      for (const [count, take] of steps) {
        const from = tree.size;
        tree.appendMany(Buffer.concat(leaves.slice(from, Math.min(from + count, leaves.length))));
        if (take) store.put(tree.takeDirtyTiles());
      }
      store.put(tree.takeDirtyTiles());
      expect(tree.takeDirtyTiles()).toEqual([]);
      let count = 0;
      for (let level = 0; hashesAtLevel(tree.size, level) > 0; level += 1) {
        const span = 256 ** level;
        for (let i = 0; i < hashesAtLevel(tree.size, level); i += 1) {
          const tile = store.tiles.get(`${level}/${Math.floor(i / 256)}`);
          if (i % 256 === 0) count += 1;
          if (!tile?.hashes.subarray((i % 256) * 32, (i % 256 + 1) * 32).equals(naive.mth(i * span, (i + 1) * span))) {
            throw new Error(`hash ${i} of level ${level} in a tree of ${tree.size} is wrong`);
          }
        }
        const last = Math.floor((hashesAtLevel(tree.size, level) - 1) / 256);
        expect(store.tiles.get(`${level}/${last}`)?.width).toBe(hashesAtLevel(tree.size, level) - last * 256);
      }
      expect(store.tiles.size).toBe(count);
    }), { numRuns: 60 });
  });

  it('hands out tiles that later appends do not touch', () => {
    const { leaves } = sampleLog(20);
    const tree = Tree.empty();
    tree.append(leaves[0]!);
    const [tile] = tree.takeDirtyTiles();
    tree.append(leaves[1]!);
    expect(tile).toEqual({ level: 0, index: 0, width: 1, hashes: leaves[0] });
  });

  it('refuses what is no leaf hash, and a size that cannot be', () => {
    const tree = Tree.empty();
    expect(() => tree.append(Buffer.alloc(31))).toThrow(/32 bytes, got 31/);
    expect(() => tree.appendMany(Buffer.alloc(33))).toThrow(/multiple of 32/);
    expect(() => Tree.restore(-1, () => Buffer.alloc(0))).toThrow(RangeError);
    expect(() => Tree.restore(2 ** 53, () => Buffer.alloc(0))).toThrow(RangeError);
    expect(() => Tree.restore(3, () => Buffer.alloc(64))).toThrow(/64 bytes, expected 96/);
  });
});

describe('Frontier', () => {
  it('comes back from its bytes at every size up to 300, and goes on', () => {
    const { leaves } = sampleLog(301);
    const frontier = Frontier.empty();
    for (let size = 0; size <= 300; size += 1) {
      const back = Frontier.decode(frontier.encode());
      expect(back.size).toBe(size);
      back.append(leaves[size]!);
      frontier.append(leaves[size]!);
      expect(back.root().equals(frontier.root()), `size ${size}`).toBe(true);
    }
    const copy = frontier.copy();
    copy.append(leaves[0]!);
    expect(frontier.size).toBe(301);
  });

  it('holds sizes beyond 32 bits', () => {
    const size = 2 ** 52 + 2 ** 40 + 1;
    const subtrees = ['a', 'b', 'c'].map((s) => hashLeaf(Buffer.from(s)));
    const frontier = Frontier.of(size, subtrees);
    expect(frontier.root()).toEqual(hashChildren(subtrees[0]!, hashChildren(subtrees[1]!, subtrees[2]!)));
    frontier.append(subtrees[0]!);
    expect(frontier.size).toBe(size + 1);
    expect(frontier.hashes()[2]).toEqual(hashChildren(subtrees[2]!, subtrees[0]!));
    expect(Frontier.decode(frontier.encode()).root()).toEqual(frontier.root());
  });

  it('refuses bytes that are not a frontier', () => {
    const good = Frontier.empty();
    good.append(hashLeaf(Buffer.from('x')));
    const bytes = good.encode();
    for (let cut = 0; cut < bytes.length; cut += 1) {
      expect(() => Frontier.decode(bytes.subarray(0, cut)), `cut at ${cut}`).toThrow(EncodingError);
    }
    expect(() => Frontier.decode(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(EncodingError);
    expect(() => Frontier.decode(Buffer.alloc(8, 0xff))).toThrow(/too large/);
    expect(() => Frontier.of(3, [Buffer.alloc(32)])).toThrow(ProofError);
    expect(() => Frontier.of(1, [Buffer.alloc(32), Buffer.alloc(32)])).toThrow(ProofError);
    expect(() => Frontier.of(1, [Buffer.alloc(31)])).toThrow(ProofError);
  });
});
