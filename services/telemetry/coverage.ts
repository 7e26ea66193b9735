/**
 * How often the intervals really contain what they are about: by simulation of fleets whose true quantiles are known, for nodes
 * that are alike and for nodes that differ, from a seed. `npm run -s coverage:intervals` prints it; docs/telemetry.md keeps it.
 */
import { emptyHistogram, merge, record, type Histogram } from './histogram.ts';
import { nodeEffects, orderStatisticInterval, type Interval, type IntervalMethod } from './intervals.ts';
import { nodeRatioInterval, wilsonInterval, type ShareMethod } from './proportions.ts';
import { createRandom, drawNormal, normalCdf, normalQuantile } from './statistics.ts';

export interface Fleet {
  readonly name: string;
  readonly nodes: number;
  /** Median number of events a node. */
  readonly events: number;
  /** Standard deviation of the nodes' levels, in natural logarithms: 0.3 makes one node in six 35% slower than the median one. */
  readonly spread: number;
  /** Standard deviation of the logarithm of the number of events of a node. */
  readonly loadSpread: number;
  /**
   * Levels are normal, or have heavier tails (Student's t with 5 degrees of freedom), or are of two kinds (one node in five is slower than the others by
   * two and a half standard deviations), each with the same standard deviation.
   */
  readonly levels: 'normal' | 'heavy-tailed' | 'two kinds';
  /** Correlation of a node's level with the logarithm of its number of events. @default 0 */
  readonly busySlower?: number;
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
  { name: '200 nodes that differ in speed and load', nodes: 200, events: 300, spread: 0.3, loadSpread: 0.7, levels: 'normal' },
  { name: '20 nodes, the busier the slower', nodes: 20, events: 300, spread: 0.3, loadSpread: 0.7, levels: 'normal', busySlower: 0.5 },
  { name: '50 nodes, the busier the slower', nodes: 50, events: 300, spread: 0.3, loadSpread: 0.7, levels: 'normal', busySlower: 0.5 },
  { name: '20 nodes of two kinds', nodes: 20, events: 300, spread: 0.3, loadSpread: 0.7, levels: 'two kinds' },
  { name: '20 nodes with few events', nodes: 20, events: 60, spread: 0.3, loadSpread: 0.3, levels: 'normal' },
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

/** A level with mean 0 and standard deviation 1. */
function levelOf(fleet: Fleet, random: () => number): number {
  if (fleet.levels === 'normal') return drawNormal(random);
  if (fleet.levels === 'two kinds') return random() < 0.2 ? 2 : -0.5;
  let squares = 0;
  for (let i = 0; i < 5; i++) squares += drawNormal(random) ** 2;
  // Student's t with 5 degrees has variance 5/3.
  return drawNormal(random) / Math.sqrt(squares / 5) * Math.sqrt(3 / 5);
}

/** A node's level, as a natural logarithm, and how many events it has. */
function drawNode(fleet: Fleet, random: () => number): { readonly level: number; readonly events: number } {
  const load = drawNormal(random);
  const along = fleet.busySlower ?? 0;
  return {
    level: fleet.spread * (along * load + Math.sqrt(1 - along * along) * levelOf(fleet, random)),
    events: Math.max(20, Math.round(fleet.events * Math.exp(fleet.loadSpread * load))),
  };
}

/** Quantiles of the logarithm of the events of all nodes that there could be: closed for normal levels, else from many nodes. */
function trueLogs(fleet: Fleet): (q: number) => number {
  if (fleet.spread === 0 || (fleet.levels === 'normal' && fleet.busySlower === undefined)) return (q) => normalQuantile(q) * Math.hypot(fleet.spread, WITHIN);
  const random = createRandom(1);
  const nodes = Array.from({ length: 40_000 }, () => drawNode(fleet, random));
  const all = nodes.reduce((sum, n) => sum + n.events, 0);
  return (q) => {
    let [low, high] = [-10, 10];
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2;
      if (nodes.reduce((sum, n) => sum + n.events * normalCdf((middle - n.level) / WITHIN), 0) / all < q) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
}

const contains = (interval: { readonly low: number | null; readonly high: number | null }, value: number): boolean =>
  interval.low !== null && interval.high !== null && interval.low <= value && value <= interval.high;

/** Coverage of every method for one kind of fleet. */
export function measureCoverage(fleet: Fleet, runs: number, seed: number, confidence = 0.95): Coverage[] {
  const random = createRandom(seed);
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
      const { level, events } = drawNode(fleet, random);
      const h = emptyHistogram();
      let good = 0;
      for (let k = 0; k < events; k++) {
        const value = MEDIAN_MS * Math.exp(level + WITHIN * drawNormal(random));
        record(h, value);
        if (value <= threshold) good++;
      }
      nodes.push(h);
      shares.push({ good, events });
      merge(pooled, h);
    }
    const effects = nodeEffects(nodes, pooled, confidence);
    for (const { q, value } of truths) {
      const of = `p${q * 100}`;
      note(of, orderStatisticInterval(pooled, q, confidence), value);
      note(of, effects(q), value);
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
      // A little room: a share and its distance are rounded numbers.
      holds: Math.abs(coverage - confidence) <= 0.02 + 1e-9,
    };
  });
}

/** The table of docs/telemetry.md. */
export const COVERAGE_HEAD = '| fleet | of | method | coverage | within 2 points |\n| --- | --- | --- | --- | --- |\n';
export const coverageLine = ({ fleet, of, method, coverage, error, holds }: Coverage): string =>
  `| ${fleet} | ${of} | ${method} | ${(coverage * 100).toFixed(1)}% ± ${(error * 196).toFixed(1)} | ${holds ? 'yes' : 'no'} |\n`;
