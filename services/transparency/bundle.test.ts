import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodingError } from '../protocol/errors.ts';
import { bundleLeafHashes, bundleOffsets, decodeBundle, encodeBundle, ENTRY_MAX, hashLeaf, sliceBundle } from './index.ts';

const entriesArb = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 });

describe('entry bundles (tlog-tiles, section "Log entries")', () => {
  it('are length and bytes, big-endian', () => {
    expect(encodeBundle([Buffer.from('ab'), Buffer.alloc(0), Buffer.alloc(258, 1)]).subarray(0, 8).toString('hex'))
      .toBe('0002616200000102');
    expect(encodeBundle([])).toHaveLength(0);
    expect(decodeBundle(Buffer.alloc(0))).toEqual([]);
  });

  it('come back, hash entry by entry, and can be cut between entries', () => {
    fc.assert(fc.property(entriesArb, fc.nat(), fc.nat(), (entries, x, y) => {
      const bundle = encodeBundle(entries);
      expect(decodeBundle(bundle).map((e) => new Uint8Array(e))).toEqual(entries);
      const { count, hashes, offsets } = bundleLeafHashes(bundle);
      expect(count).toBe(entries.length);
      expect(hashes).toEqual(Buffer.concat(entries.map(hashLeaf)));
      expect([...offsets]).toEqual([...bundleOffsets(bundle)]);
      expect(offsets.at(-1)).toBe(bundle.length);
      const [from, to] = [x % (count + 1), y % (count + 1)].sort((a, b) => a - b) as [number, number];
      expect(sliceBundle(bundle, from, to)).toEqual(encodeBundle(entries.slice(from, to)));
    }), { numRuns: 200 });
  });

  it('reads plain bytes that lie in the middle of a buffer', () => {
    const whole = Buffer.concat([Buffer.from('??'), encodeBundle([Buffer.from('x'), Buffer.from('yz')]), Buffer.from('!')]);
    const view = new Uint8Array(whole.buffer, whole.byteOffset + 2, 7);
    expect(decodeBundle(view).map(String)).toEqual(['x', 'yz']);
    expect(bundleLeafHashes(view).hashes.subarray(32)).toEqual(hashLeaf(Buffer.from('yz')));
  });

  it('cut off anywhere but between entries are refused', () => {
    const entries = [Buffer.from('one'), Buffer.alloc(300, 1), Buffer.alloc(0), Buffer.from('last')];
    const bundle = encodeBundle(entries);
    const whole = new Set(bundleOffsets(bundle));
    for (let cut = 0; cut < bundle.length; cut += 1) {
      for (const read of [decodeBundle, bundleLeafHashes, bundleOffsets]) {
        if (whole.has(cut)) read(bundle.subarray(0, cut));
        else expect(() => read(bundle.subarray(0, cut)), `cut at ${cut}`).toThrow(EncodingError);
      }
    }
  });

  it('take entries of up to 65,535 bytes', () => {
    const longest = Buffer.alloc(ENTRY_MAX, 7);
    expect(bundleLeafHashes(encodeBundle([longest])).hashes).toEqual(hashLeaf(longest));
    expect(() => encodeBundle([Buffer.alloc(1), Buffer.alloc(ENTRY_MAX + 1)])).toThrow(/entry 1 has 65536 bytes/);
  });

  it('grow the table of offsets for many short entries', () => {
    const bundle = Buffer.alloc(20_000);
    expect(bundleOffsets(bundle)).toHaveLength(10_001);
    expect(() => sliceBundle(bundle, 0, 10_001)).toThrow(RangeError);
  });
});
