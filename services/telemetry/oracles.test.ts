/** The histogram against two public implementations, bucket for bucket: DDSketch, and OpenTelemetry's exponential histogram. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LogarithmicMapping } from '@datadog/sketches-js/dist/ddsketch/mapping/index.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, emptyHistogram, lowerEdge, merge, record, SCALE, subtract, toJson, type Histogram } from './histogram.ts';

/** Not among the package's exports, and the one place where its buckets are computed. */
const { LogarithmMapping } = ((load) => load(join(dirname(load.resolve('@opentelemetry/sdk-metrics')), 'aggregator/exponential-histogram/mapping/LogarithmMapping.js')))(
  createRequire(import.meta.url),
) as { readonly LogarithmMapping: new (scale: number) => { mapToIndex: (value: number) => number } };

const positive = fc.double({ min: 1e-6, max: 1e9, noNaN: true, minExcluded: true });

/** Within a few ulps of an edge two ways to compute a logarithm may fall on different sides of it. */
const onEdge = (v: number): boolean => [bucketOf(v), bucketOf(v) + 1].some((i) => Math.abs(v / lowerEdge(i) - 1) < 1e-12);

function same(theirs: (value: number) => number): void {
  fc.assert(fc.property(positive, (v) => {
    if (!onEdge(v)) expect(bucketOf(v)).toBe(theirs(v));
  }), { numRuns: 5_000 });
}

describe('buckets are those of', () => {
  it('OpenTelemetry\'s exponential histogram at scale 6', () => {
    const mapping = new LogarithmMapping(SCALE);
    same((v) => mapping.mapToIndex(v));
  });

  it('DDSketch with gamma 2^(1/64), whose key is the upper edge', () => {
    const gamma = 2 ** (1 / 64);
    const mapping = new LogarithmicMapping((gamma - 1) / (gamma + 1));
    same((v) => mapping.key(v) - 1);
  });

  it('their definition, at powers of two too, where rounding bites', () => {
    for (let e = -30; e <= 40; e++) {
      expect(bucketOf(2 ** e), `2^${e}`).toBe(e * 64 - 1);
      expect(lowerEdge(e * 64)).toBe(2 ** e);
    }
  });
});

describe('a difference', () => {
  const of = (values: readonly number[]): Histogram => {
    const h = emptyHistogram();
    for (const v of values) record(h, v);
    return h;
  };
  const values = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1e6, noNaN: true })), { maxLength: 100 });

  it('is what came in between, and puts together again to the whole', () => {
    fc.assert(fc.property(values, values, (before, between) => {
      const [earlier, later, delta] = [of(before), of([...before, ...between]), of(between)];
      const found = subtract(later, earlier);
      expect(toJson(found).buckets).toEqual(toJson(delta).buckets);
      expect([found.count, found.zero]).toEqual([delta.count, delta.zero]);
      if (delta.count > 0) {
        expect(found.min).toBeLessThanOrEqual(delta.min);
        expect(found.max).toBeGreaterThanOrEqual(delta.max);
      }
      merge(earlier, found);
      expect(toJson(earlier).buckets).toEqual(toJson(later).buckets);
      expect(earlier.count).toBe(later.count);
    }));
  });

  it('of two that are not states of one histogram is refused', () => {
    expect(() => subtract(of([1]), of([1, 1]))).toThrow('2 observations can\'t be taken from 1');
    expect(() => subtract(of([1, 2]), of([5]))).toThrow('not two states');
  });
});
