/**
 * Confidence intervals for quantiles that are known from histograms. Two methods, since two questions are asked:
 *
 * - `order-statistic`: the quantile of the traffic of these nodes, when every event is like every other one.
 * - `node-effects`: the quantile of such a fleet, when nodes differ from each other, so that a handful of nodes says less than
 *   their many events make believe.
 *
 * How often each really contains the true value is measured by coverage.ts and printed in docs/telemetry.md.
 */
import { lowerEdge, type Histogram } from './histogram.ts';
import { binomialQuantile, chiSquaredQuantile, normalCdf, normalQuantile } from './statistics.ts';

export type IntervalMethod = 'order-statistic' | 'node-effects';

export interface Interval {
  readonly method: IntervalMethod;
  /** Nominal: 0.95. */
  readonly confidence: number;
  /** In the unit of the histogram. Null where the events are too few to bound the quantile on that side. */
  readonly low: number | null;
  readonly high: number | null;
}

/** Bounds of the value at a rank (from 1): the edges of its bucket, cut to what was seen. */
function boundsAt(h: Histogram, sorted: readonly (readonly [number, number])[], rank: number): readonly [number, number] {
  let seen = h.zero;
  if (rank <= seen) return [0, 0];
  for (const [index, n] of sorted) {
    seen += n;
    if (rank <= seen) return [Math.max(h.min, lowerEdge(index)), Math.min(h.max, lowerEdge(index + 1))];
  }
  return [h.max, h.max];
}

/** The ranks (from 1) between which the quantile lies; below 1 or above the count where there are too few events to say. */
function rankInterval(count: number, q: number, confidence: number): readonly [number, number] {
  const alpha = 1 - confidence;
  // The largest l with P(B <= l - 1) <= alpha / 2, the smallest u with P(B <= u - 1) >= 1 - alpha / 2, B binomial(n, q).
  return [binomialQuantile(alpha / 2, count, q), binomialQuantile(1 - alpha / 2, count, q) + 1];
}

/**
 * Distribution-free: the ranks between which the quantile lies with the wanted probability, whatever the distribution (David and
 * Nagaraja, Order Statistics, 3rd ed., section 7.1), each widened to the edge of its bucket, which is the sketch's whole error.
 */
export function orderStatisticInterval(h: Histogram, q: number, confidence = 0.95): Interval {
  const method = 'order-statistic';
  if (h.count === 0) return { method, confidence, low: null, high: null };
  const [lowRank, highRank] = rankInterval(h.count, q, confidence);
  const sorted = [...h.buckets].sort((a, b) => a[0] - b[0]);
  return {
    method, confidence,
    low: lowRank < 1 ? null : boundsAt(h, sorted, lowRank)[0],
    high: highRank > h.count ? null : boundsAt(h, sorted, highRank)[1],
  };
}

/** Fewer nodes than this say nothing about how nodes differ. */
export const NODES_MIN = 5;
/** Points per dimension at which the distributions of the fleet's mean and spread are taken. */
const GRID = 41;
/** Width in buckets at which residuals are gathered: 1.1% of a value. */
const RESIDUAL_STEP = 1;

/**
 * For nodes that differ: on the logarithmic scale (the buckets' own) a node's values are its level plus a residual, levels vary
 * normally between nodes, and residuals are distributed as all nodes' residuals taken together. Mean and spread of the levels are not known from few nodes;
 * their generalized pivotal distributions (Weerahandi, JASA 88, 1993: normal and chi-squared with nodes - 1 degrees of freedom; the part of
 * the spread that is sampling within nodes is taken off) give that of the quantile of the mixture. To it the sampling error of all events together is added
 * in quadrature, as the order-statistic interval has it. Nothing is drawn at random: the same histograms give the same interval.
 *
 * @param nodes one histogram a node; those without events do not count
 */
export function nodeEffectsInterval(nodes: readonly Histogram[], pooled: Histogram, q: number, confidence = 0.95): Interval {
  const method = 'node-effects';
  const none: Interval = { method, confidence, low: null, high: null };
  const used = nodes.filter((h) => h.count > 0);
  const m = used.length;
  if (m < NODES_MIN) return none;
  const [lowRank, highRank] = rankInterval(pooled.count, q, confidence);
  if (lowRank < 1 || highRank > pooled.count) return none;
  const samplingAbove = positionAt(pooled, highRank) - positionAt(pooled, q * pooled.count);
  const samplingBelow = positionAt(pooled, q * pooled.count) - positionAt(pooled, lowRank);

  const levels = used.map(levelOf);
  const mean = levels.reduce((sum, l) => sum + l.mean, 0) / m;
  const spread = levels.reduce((sum, l) => sum + (l.mean - mean) ** 2, 0) / (m - 1);
  const within = levels.reduce((sum, l) => sum + l.meanVariance, 0) / m;
  const residuals = residualsOf(used, levels.map((l) => l.mean));

  const probabilities = Array.from({ length: GRID }, (_, i) => (i + 0.5) / GRID);
  const normals = probabilities.map(normalQuantile);
  const candidates: number[] = [];
  for (const p of probabilities) {
    const between = Math.max(0, (m - 1) * spread / chiSquaredQuantile(p, m - 1) - within);
    const tau = Math.sqrt(between);
    const shift = mixtureQuantile(residuals, tau, q);
    for (const z of normals) candidates.push(mean + z * tau / Math.sqrt(m) + shift);
  }
  candidates.sort((a, b) => a - b);
  const at = (p: number): number => candidates[Math.min(candidates.length - 1, Math.floor(p * candidates.length))]!;
  const alpha = 1 - confidence;
  const estimate = at(0.5);
  return {
    method, confidence,
    low: lowerEdge(estimate - Math.hypot(estimate - at(alpha / 2), samplingBelow)),
    high: lowerEdge(estimate + Math.hypot(at(1 - alpha / 2) - estimate, samplingAbove)),
  };
}

/** Where a rank lies on the logarithmic scale, values lying evenly within their bucket. */
function positionAt(h: Histogram, rank: number): number {
  let seen = 0;
  const all = positions(h).sort((a, b) => a[0] - b[0]);
  for (const [x, n] of all) {
    if (rank <= seen + n) return x - 0.5 + (rank - seen) / n;
    seen += n;
  }
  return (all.at(-1)?.[0] ?? 0) + 0.5;
}

interface Level {
  /** Mean bucket, as a position on the logarithmic scale. */
  readonly mean: number;
  /** Variance of that mean by sampling. */
  readonly meanVariance: number;
}

/** Zeros, which have no logarithm, count as lying in the bucket below the lowest. */
function positions(h: Histogram): (readonly [number, number])[] {
  const all = [...h.buckets].map(([index, n]) => [index + 0.5, n] as const);
  if (h.zero === 0) return all;
  const lowest = all.length === 0 ? 0 : Math.min(...all.map(([position]) => position));
  return [...all, [lowest - 1, h.zero] as const];
}

function levelOf(h: Histogram): Level {
  const all = positions(h);
  const mean = all.reduce((sum, [x, n]) => sum + x * n, 0) / h.count;
  const squares = all.reduce((sum, [x, n]) => sum + n * (x - mean) ** 2, 0);
  return { mean, meanVariance: h.count < 2 ? squares : squares / (h.count - 1) / h.count };
}

/** Share of all events by distance from their node's level, in rising order. */
function residualsOf(nodes: readonly Histogram[], means: readonly number[]): (readonly [number, number])[] {
  const gathered = new Map<number, number>();
  let total = 0;
  for (const [i, h] of nodes.entries()) {
    for (const [x, n] of positions(h)) {
      const step = Math.round((x - means[i]!) / RESIDUAL_STEP);
      gathered.set(step, (gathered.get(step) ?? 0) + n);
      total += n;
    }
  }
  return [...gathered].map(([step, n]) => [step * RESIDUAL_STEP, n / total] as const).sort((a, b) => a[0] - b[0]);
}

/** Quantile of a residual plus a normal with standard deviation `tau`. */
function mixtureQuantile(residuals: readonly (readonly [number, number])[], tau: number, q: number): number {
  // Within a step residuals lie evenly: a standard deviation of step / sqrt(12) that keeps the sum smooth.
  const sigma = Math.hypot(tau, RESIDUAL_STEP / Math.sqrt(12));
  let low = residuals[0]![0] - 8 * sigma;
  let high = residuals.at(-1)![0] + 8 * sigma;
  for (let i = 0; i < 40 && high - low > 1e-3; i++) {
    const middle = (low + high) / 2;
    let below = 0;
    for (const [e, share] of residuals) {
      const z = (middle - e) / sigma;
      if (z < -8) break;
      below += z > 8 ? share : share * normalCdf(z);
    }
    if (below < q) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
