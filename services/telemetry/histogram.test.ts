import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, emptyHistogram, fromJson, merge, quantile, record, toJson } from './histogram.ts';

const values = fc.array(fc.double({ min: 1e-3, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 200 });

describe('the exponential histogram', () => {
  it('puts a value into (g^i, g^(i+1)], g = 2^(1/64)', () => {
    expect(bucketOf(1)).toBe(-1);
    expect(bucketOf(2)).toBe(63);
    expect(bucketOf(2.0001)).toBe(64);
  });

  it('finds quantiles within 0.6% of the exact ones', () => {
    fc.assert(fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (vs, q) => {
      const h = emptyHistogram();
      for (const v of vs) record(h, v);
      const exact = vs.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * vs.length)) - 1]!;
      expect(Math.abs(quantile(h, q)! - exact) / exact).toBeLessThan(0.006);
    }));
  });

  it('merges without loss, in any order, and survives the wire', () => {
    fc.assert(fc.property(values, values, (a, b) => {
      const [ha, hb, both] = [emptyHistogram(), emptyHistogram(), emptyHistogram()];
      for (const v of a) record(ha, v);
      for (const v of b) record(hb, v);
      for (const v of [...b, ...a]) record(both, v);
      const merged = fromJson(toJson(ha));
      merge(merged, hb);
      expect(merged.buckets).toEqual(new Map(toJson(both).buckets));
      expect([merged.count, merged.min, merged.max]).toEqual([both.count, both.min, both.max]);
    }));
  });

  it('is null when empty, and keeps zeros', () => {
    const h = emptyHistogram();
    expect(quantile(h, 0.5)).toBeNull();
    record(h, 0, 3);
    record(h, 5);
    expect([quantile(h, 0.5), quantile(h, 1)]).toEqual([0, 5]);
  });
});
