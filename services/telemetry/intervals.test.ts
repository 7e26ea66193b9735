/** The intervals on cases that can be told by hand, and their coverage on a small simulation with a seed. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COVERAGE_HEAD, FLEETS, measureCoverage } from './coverage.ts';
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

  it('of a fleet in which the busiest nodes are the slowest is about its events, not about its nodes', () => {
    const node = (level: number, events: number): Histogram => of(Array.from({ length: events }, (_, i) => level * (0.9 + 0.2 * i / events)));
    const nodes = Array.from({ length: 20 }, (_, i) => (i % 4 === 0 ? node(20 + i / 20, 900) : node(5 + i / 20, 100)));
    const all = emptyHistogram();
    for (const h of nodes) merge(all, h);
    const { low, high } = nodeEffectsInterval(nodes, all, 0.5);
    // Three events in four are of a slow node.
    expect(low).toBeLessThan(quantile(all, 0.5)!);
    expect(high).toBeGreaterThan(20);
  });

  it('never throws, whatever the nodes have seen', () => {
    const values = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1e6, noNaN: true })), { maxLength: 50 });
    fc.assert(fc.property(fc.array(values, { maxLength: 12 }), fc.constantFrom(0.5, 0.95, 0.99), (nodes, q) => {
      const hs = nodes.map(of);
      const all = emptyHistogram();
      for (const h of hs) merge(all, h);
      const { low, high } = nodeEffectsInterval(hs, all, q);
      expect(low === null).toBe(high === null);
      if (low === null || high === null) return;
      expect(low).toBeLessThanOrEqual(quantile(all, q)!);
      expect(high).toBeGreaterThanOrEqual(quantile(all, q)!);
    }));
  });

  it.each([['nothing but zeros', 0], ['one value', 5]])('has the value in it where there is %s', (_what, value) => {
    const hs = Array.from({ length: 6 }, () => of(Array.from({ length: 100 }, () => value)));
    const all = emptyHistogram();
    for (const h of hs) merge(all, h);
    const { low, high } = nodeEffectsInterval(hs, all, 0.95);
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
    if (value === 0) expect([low, high]).toEqual([0, 0]);
  });
});

describe('shares', () => {
  it('Wilson\'s interval is that of the published example', () => {
    // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 is 0.2553 to 0.3662, 0 of 20 is 0 to 0.1611.
    const many = wilsonInterval({ good: 81, events: 263 });
    expect(many.low).toBeCloseTo(0.2553, 4);
    expect(many.high).toBeCloseTo(0.3662, 4);
    const none = wilsonInterval({ good: 0, events: 20 });
    expect(none.low).toBe(0);
    expect(wilsonInterval({ good: 1, events: 1 }).high).toBe(1);
    expect(none.high).toBeCloseTo(0.1611, 4);
  });

  it('Wilson\'s interval is one of shares and has the share in it, at its ends exactly', () => {
    const counts = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
    const share = counts.chain((events) => fc.tuple(fc.oneof(fc.integer({ min: 0, max: events }), fc.constantFrom(0, 1, events - 1, events)), fc.constant(events)));
    fc.assert(fc.property(share, fc.double({ min: 0.5, max: 0.999, noNaN: true }), ([good, events], confidence) => {
      const { low, high } = wilsonInterval({ good, events }, confidence);
      const p = good / events;
      expect([low! >= 0, low! <= p, p <= high!, high! <= 1]).toEqual([true, true, true, true]);
      if (good === 0) expect(low).toBe(0);
      if (good === events) expect(high).toBe(1);
    }), { numRuns: 2_000 });
    for (let events = 1; events <= 2_000; events += 1) {
      expect(wilsonInterval({ good: events, events }).high, String(events)).toBe(1);
      expect(wilsonInterval({ good: 0, events }).low, String(events)).toBe(0);
    }
  });

  const pairs = fc.array(fc.tuple(fc.nat(500), fc.nat(500)), { minLength: 2, maxLength: 30 });
  const sharesOf = (all: readonly (readonly [number, number])[]): { good: number; events: number }[] => all.map(([good, bad]) => ({ good, events: good + bad }));
  const sum = (nodes: readonly { good: number; events: number }[]): { good: number; events: number } =>
    nodes.reduce((a, b) => ({ good: a.good + b.good, events: a.events + b.events }));

  it('between nodes the interval is one of shares, has the share in it, and is the same in any order of nodes', () => {
    fc.assert(fc.property(pairs, (all) => {
      const nodes = sharesOf(all);
      const { low, high } = nodeRatioInterval(nodes);
      expect(low === null).toBe(nodes.filter((n) => n.events > 0).length < 2);
      if (low === null || high === null) return;
      const { good, events } = sum(nodes);
      expect(low).toBeLessThanOrEqual(good / events);
      expect(high).toBeGreaterThanOrEqual(good / events);
      if (good === 0) expect(low).toBe(0);
      if (good === events) expect(high).toBe(1);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
      expect(nodeRatioInterval(nodes.toReversed())).toEqual({ method: 'node-ratio', confidence: 0.95, low, high });
    }));
  });

  it('nodes that agree by chance leave an interval about as wide as chance is', () => {
    const nodes = Array.from({ length: 10 }, () => ({ good: 95, events: 100 }));
    const [wilson, between] = [wilsonInterval(sum(nodes)), nodeRatioInterval(nodes)];
    const width = (i: { low: number | null; high: number | null }): number => i.high! - i.low!;
    expect(width(between) / width(wilson)).toBeGreaterThan(0.5);
    expect(width(between) / width(wilson)).toBeLessThan(1.5);
  });

  it('few nodes that happen to agree claim no more than events that are alike', () => {
    for (const nodes of [2, 3, 4].map((n) => Array.from({ length: n }, () => ({ good: 50, events: 100 })))) {
      const [wilson, between] = [wilsonInterval(sum(nodes)), nodeRatioInterval(nodes)];
      expect(between.low).toBeLessThan(wilson.low!);
      expect(between.high).toBeGreaterThan(wilson.high!);
    }
    // As few in effect: one of them has nearly all events.
    const { low, high } = nodeRatioInterval([...Array.from({ length: 9 }, () => ({ good: 5, events: 10 })), { good: 50_000, events: 100_000 }]);
    expect([low! < 0.497, high! > 0.503]).toEqual([true, true]);
  });

  it('a share that is skewed between nodes reaches further down than up, beyond Student\'s t on the logit scale', () => {
    const nodes = Array.from({ length: 20 }, (_, i) => ({ good: i === 0 ? 500 : 999, events: 1_000 }));
    const { low, high } = nodeRatioInterval(nodes);
    const logit = (p: number): number => Math.log(p / (1 - p));
    const { good, events } = sum(nodes);
    const centre = logit((good + 0.5) / (events + 1));
    expect(centre - logit(low!)).toBeGreaterThan(logit(high!) - centre);
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

describe('the table in docs/telemetry.md', () => {
  const page = readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8');
  const start = page.indexOf(COVERAGE_HEAD);
  const rows = page.slice(start + COVERAGE_HEAD.length).split('\n\n', 1)[0]!.trimEnd().split('\n').map((line) => {
    const [, fleet, figure, method, measured, holds] = /^\| (.+) \| (.+) \| (.+) \| ([0-9.]+)% ± [0-9.]+ \| (yes|no) \|$/.exec(line)!;
    return { fleet: fleet!, figure: figure!, method: method!, coverage: Number(measured) / 100, holds: holds! };
  });

  it('is what the command prints: every fleet with every method, and what it says of them is what it measured', () => {
    expect(start).toBeGreaterThan(0);
    const figures = [...['p50', 'p95', 'p99'].flatMap((q) => [`${q} order-statistic`, `${q} node-effects`]), 'share wilson', 'share node-ratio'];
    expect(rows.map((r) => `${r.fleet}: ${r.figure} ${r.method}`)).toEqual(FLEETS.flatMap(({ name }) => figures.map((what) => `${name}: ${what}`)));
    for (const r of rows) expect([r, Math.abs(r.coverage - 0.95) <= 0.02 + 1e-9]).toEqual([r, r.holds === 'yes']);
  });

  it('holds in a smaller run of another seed', () => {
    const runs = 100;
    for (const name of ['10 equal nodes', '20 nodes, the busier the slower']) {
      for (const c of measureCoverage(FLEETS.find((f) => f.name === name)!, runs, 4_711)) {
        const { coverage } = rows.find((r) => r.fleet === name && r.figure === c.of && r.method === c.method)!;
        // Four standard errors of the smaller run, which has one more than it would have by its own count.
        expect(Math.abs(c.coverage - coverage), `${name} ${c.of} ${c.method}`).toBeLessThan(4 * Math.sqrt((coverage * (1 - coverage) + 1 / runs) / runs));
      }
    }
  });
});
