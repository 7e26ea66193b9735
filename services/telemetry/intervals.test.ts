/** The intervals on cases that can be told by hand, and their coverage on a small simulation with a seed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLEETS, measureCoverage } from './coverage.ts';
import { emptyHistogram, merge, quantile, record, type Histogram } from './histogram.ts';
import { nodeEffectsInterval, NODES_MIN, orderStatisticInterval } from './intervals.ts';
import { nodeRatioInterval, wilsonInterval } from './proportions.ts';

function of(values: readonly number[]): Histogram {
  const h = emptyHistogram();
  for (const v of values) record(h, v);
  return h;
}

describe('the order-statistic interval', () => {
  it('for the median of 1..100 runs from the 40th to the 61st, widened to their buckets', () => {
    // Conover, Practical Nonparametric Statistics, 3rd ed., table A3: binomial(100, 0.5).
    const { low, high } = orderStatisticInterval(of(Array.from({ length: 100 }, (_, i) => i + 1)), 0.5);
    expect(low).toBeLessThanOrEqual(40);
    expect(low).toBeGreaterThan(39.4);
    expect(high).toBeGreaterThanOrEqual(61);
    expect(high).toBeLessThan(61.7);
  });

  it('has no end where the events are too few to bound the quantile', () => {
    const few = of([1, 2, 3, 4, 5]);
    expect(orderStatisticInterval(few, 0.99).high).toBeNull();
    expect(orderStatisticInterval(few, 0.01).low).toBeNull();
    expect(orderStatisticInterval(emptyHistogram(), 0.5)).toMatchObject({ low: null, high: null });
  });

  it('contains the estimate, whatever was recorded', () => {
    fc.assert(fc.property(
      fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1e6, noNaN: true })), { minLength: 1, maxLength: 300 }), fc.constantFrom(0.5, 0.95, 0.99),
      (values, q) => {
        const h = of(values);
        const { low, high } = orderStatisticInterval(h, q);
        const estimate = quantile(h, q) as number;
        if (low !== null) expect(low).toBeLessThanOrEqual(estimate);
        if (high !== null) expect(high).toBeGreaterThanOrEqual(estimate);
      },
    ));
  });
});

describe('the node-effects interval', () => {
  it('says nothing about how nodes differ when there are too few of them', () => {
    const nodes = Array.from({ length: NODES_MIN - 1 }, () => of([1, 2, 3]));
    expect(nodeEffectsInterval(nodes, of([1, 2, 3]), 0.5)).toMatchObject({ low: null, high: null });
  });

  it('is the same for the same histograms, in any order of nodes, and wider when nodes differ', () => {
    const node = (level: number): Histogram => of(Array.from({ length: 200 }, (_, i) => level * (1 + (i * 37 % 200) / 100)));
    const pool = (nodes: readonly Histogram[]): Histogram => {
      const all = emptyHistogram();
      for (const h of nodes) merge(all, h);
      return all;
    };
    const alike = Array.from({ length: 10 }, () => node(5));
    const unlike = Array.from({ length: 10 }, (_, i) => node(3 + i * 0.5));
    const width = (nodes: readonly Histogram[]): number => {
      const { low, high } = nodeEffectsInterval(nodes, pool(nodes), 0.5);
      return (high as number) / (low as number);
    };
    expect(nodeEffectsInterval(unlike.toReversed(), pool(unlike), 0.5).low).toBeCloseTo(nodeEffectsInterval(unlike, pool(unlike), 0.5).low as number, 9);
    expect(width(unlike)).toBeGreaterThan(width(alike) * 1.2);
  });

  it('never throws, whatever the nodes have seen', () => {
    const values = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1e6, noNaN: true })), { maxLength: 50 });
    fc.assert(fc.property(fc.array(values, { maxLength: 12 }), fc.constantFrom(0.5, 0.95, 0.99), (nodes, q) => {
      const hs = nodes.map(of);
      const all = emptyHistogram();
      for (const h of hs) merge(all, h);
      const { low, high } = nodeEffectsInterval(hs, all, q);
      expect(low === null).toBe(high === null);
      if (low !== null && high !== null) expect(low).toBeLessThanOrEqual(high);
    }));
  });
});

describe('shares', () => {
  it('Wilson\'s interval is that of the published example', () => {
    // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 is 0.2553 to 0.3662, 0 of 20 is 0 to 0.1611.
    const many = wilsonInterval({ good: 81, events: 263 });
    expect(many.low).toBeCloseTo(0.2553, 4);
    expect(many.high).toBeCloseTo(0.3662, 4);
    const none = wilsonInterval({ good: 0, events: 20 });
    expect(none.low).toBeCloseTo(0, 10);
    expect(none.high).toBeCloseTo(0.1611, 4);
  });

  it('between nodes it is never narrower than that, and stays a share', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(500), fc.nat(500)), { minLength: 2, maxLength: 30 }), (pairs) => {
      const nodes = pairs.map(([good, bad]) => ({ good, events: good + bad }));
      const all = nodes.reduce((a, b) => ({ good: a.good + b.good, events: a.events + b.events }));
      const { low, high } = nodeRatioInterval(nodes);
      if (low === null || high === null) return;
      const wilson = wilsonInterval(all);
      expect(low).toBeLessThanOrEqual(wilson.low as number);
      expect(high).toBeGreaterThanOrEqual(wilson.high as number);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
    }));
  });
});

describe('coverage', () => {
  const measured = (name: string): Map<string, number> =>
    new Map(measureCoverage(FLEETS.find((f) => f.name === name)!, 60, 7).map((c) => [`${c.method} ${c.of}`, c.coverage]));

  it('of node-effects holds for nodes that differ, where the order statistics alone fail', () => {
    const c = measured('10 nodes that differ in speed and load');
    for (const p of ['p50', 'p95', 'p99']) {
      expect(c.get(`node-effects ${p}`)).toBeGreaterThan(0.85);
      expect(c.get(`order-statistic ${p}`)).toBeLessThan(0.75);
    }
  });
});
