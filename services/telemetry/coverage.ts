/**
 * How often the intervals really contain what they are about: by simulation of fleets whose true quantiles are known, for nodes
 * that are alike and for nodes that differ, from a seed. `npm run -s coverage:intervals` prints it; docs/telemetry.md keeps it.
 */
import { emptyHistogram, merge, record, type Histogram } from './histogram.ts';
import { nodeEffectsInterval, orderStatisticInterval, type Interval, type IntervalMethod } from './intervals.ts';
import { nodeRatioInterval, wilsonInterval, type ShareMethod } from './proportions.ts';
import { normalCdf, normalQuantile } from './statistics.ts';

export interface Fleet {
  readonly name: string;
  readonly nodes: number;
  /** Median number of events a node. */
  readonly events: number;
  /** Standard deviation of the nodes' levels, in natural logarithms: 0.3 makes one node in six 35% slower than the median one. */
  readonly spread: number;
  /** Standard deviation of the logarithm of the number of events of a node. */
  readonly loadSpread: number;
  /** Levels are normal, or have heavier tails (Student's t with 5 degrees of freedom, the same standard deviation). */
  readonly levels: 'normal' | 'heavy-tailed';
}

export const FLEETS: readonly Fleet[] = [
  { name: '10 equal nodes', nodes: 10, events: 300, spread: 0, loadSpread: 0, levels: 'normal' },
  { name: '20 equal nodes', nodes: 20, events: 300, spread: 0, loadSpread: 0, levels: 'normal' },
  { name: '50 equal nodes', nodes: 50, events: 300, spread: 0, loadSpread: 0, levels: 'normal' },
  { name: '10 nodes that differ a little', nodes: 10, events: 300, spread: 0.1, loadSpread: 0, levels: 'normal' },
  { name: '10 nodes that differ', nodes: 10, events: 300, spread: 0.3, loadSpread: 0, levels: 'normal' },
  { name: '10 nodes that differ in speed and load', nodes: 10, events: 300, spread: 0.3, loadSpread: 0.7, levels: 'normal' },
  { name: '20 nodes that differ in speed and load', nodes: 20, events: 300, spread: 0.3, loadSpread: 0.7, levels: 'normal' },
  { name: '50 nodes that differ in speed and load', nodes: 50, events: 300, spread: 0.3, loadSpread: 0.7, levels: 'normal' },
  { name: '20 nodes with heavy tails between them', nodes: 20, events: 300, spread: 0.3, loadSpread: 0.7, levels: 'heavy-tailed' },
];
export const QUANTILES = [0.5, 0.95, 0.99] as const;
/** Spread of the events of one node, in natural logarithms. */
const WITHIN = 0.5;
/** Median of the median node. Milliseconds. */
const MEDIAN_MS = 5;

export interface Coverage {
  readonly fleet: string;
  readonly method: IntervalMethod | ShareMethod;
  /** `p50`, `p95`, `p99` of a time, or `share` for the share of events within a threshold. */
  readonly of: string;
  /** Share of the runs whose interval contained the true value, and whose interval there was. */
  readonly coverage: number;
  /** Standard error of that share. */
  readonly error: number;
  readonly runs: number;
  /** Within two points of the nominal. */
  readonly holds: boolean;
}

/** Mulberry32: small, seeded, good enough to make fleets. Uniform in [0, 1). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const normalOf = (random: () => number): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** A level with standard deviation 1. */
function levelOf(fleet: Fleet, random: () => number): number {
  if (fleet.levels === 'normal') return normalOf(random);
  let squares = 0;
  for (let i = 0; i < 5; i++) squares += normalOf(random) ** 2;
  // Student's t with 5 degrees has variance 5/3.
  return normalOf(random) / Math.sqrt(squares / 5) * Math.sqrt(3 / 5);
}

/** Values of this logarithm's distribution that the truth is taken from: closed for normal levels, else from many draws. */
function trueLogs(fleet: Fleet): (q: number) => number {
  if (fleet.levels === 'normal' || fleet.spread === 0) return (q) => normalQuantile(q) * Math.hypot(fleet.spread, WITHIN);
  const random = generator(1);
  const levels = Array.from({ length: 20_000 }, () => fleet.spread * levelOf(fleet, random));
  return (q) => {
    let [low, high] = [-10, 10];
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2;
      if (levels.reduce((sum, level) => sum + normalCdf((middle - level) / WITHIN), 0) / levels.length < q) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
}

const contains = (interval: { readonly low: number | null; readonly high: number | null }, value: number): boolean =>
  interval.low !== null && interval.high !== null && interval.low <= value && value <= interval.high;

/** Coverage of every method for one kind of fleet. */
export function measureCoverage(fleet: Fleet, runs: number, seed: number, confidence = 0.95): Coverage[] {
  const random = generator(seed);
  const logs = trueLogs(fleet);
  const truths = QUANTILES.map((q) => ({ q, value: MEDIAN_MS * Math.exp(logs(q)) }));
  const threshold = truths.find(({ q }) => q === 0.95)!.value;
  const hits = new Map<string, number>();
  const note = (of: string, interval: Pick<Interval, 'low' | 'high'> & { readonly method: string }, truth: number): void => {
    const key = `${interval.method} ${of}`;
    hits.set(key, (hits.get(key) ?? 0) + (contains(interval, truth) ? 1 : 0));
  };
  for (let run = 0; run < runs; run++) {
    const nodes: Histogram[] = [];
    const shares: { good: number; events: number }[] = [];
    const pooled = emptyHistogram();
    for (let i = 0; i < fleet.nodes; i++) {
      const level = fleet.spread * levelOf(fleet, random);
      const events = Math.max(20, Math.round(fleet.events * Math.exp(fleet.loadSpread * normalOf(random))));
      const h = emptyHistogram();
      let good = 0;
      for (let k = 0; k < events; k++) {
        const value = MEDIAN_MS * Math.exp(level + WITHIN * normalOf(random));
        record(h, value);
        if (value <= threshold) good++;
      }
      nodes.push(h);
      shares.push({ good, events });
      merge(pooled, h);
    }
    for (const { q, value } of truths) {
      const of = `p${q * 100}`;
      note(of, orderStatisticInterval(pooled, q, confidence), value);
      note(of, nodeEffectsInterval(nodes, pooled, q, confidence), value);
    }
    const all = shares.reduce((a, b) => ({ good: a.good + b.good, events: a.events + b.events }));
    note('share', wilsonInterval(all, confidence), 0.95);
    note('share', nodeRatioInterval(shares, confidence), 0.95);
  }
  return [...hits].map(([key, hit]) => {
    const [method, of] = key.split(' ') as [Coverage['method'], string];
    const coverage = hit / runs;
    return {
      fleet: fleet.name, method, of, coverage, error: Math.sqrt(coverage * (1 - coverage) / runs), runs,
      holds: Math.abs(coverage - confidence) <= 0.02,
    };
  });
}
