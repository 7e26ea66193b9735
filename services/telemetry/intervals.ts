/**
 * Confidence intervals for quantiles that are known from histograms. Two methods, since two questions are asked:
 *
 * - `order-statistic`: the quantile of the traffic of these nodes, when every event is like every other one.
 * - `node-effects`: the quantile of such a fleet, when nodes differ from each other, so that a handful of nodes says less than
 *   their many events make believe.
 *
 * How often each really contains the true value is measured by coverage.ts and printed in docs/telemetry.md.
 */
import { lowerEdge, quantile, type Histogram } from './histogram.ts';
import { binomialQuantile, chiSquaredQuantile, normalCdf, normalQuantile, weightedDegrees } from './statistics.ts';

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
/** Of a quantile of the mixture, in buckets, and how often it is come nearer to at most. */
const TOLERANCE = 1e-3;
const ITERATIONS_MAX = 60;
/** Below so many degrees of freedom the approximation of chi-squared's quantile is of no use. */
const DEGREES_MIN = 3;

/**
 * For nodes that differ: on the logarithmic scale (the buckets' own) a node's values are its level plus a residual, levels vary
 * normally between nodes, and residuals are distributed as all nodes' residuals taken together. A node counts as much as it has events, so
 * that it does not matter whether busy nodes are slower than idle ones; of nodes that all count the same it would.
 *
 * Mean and spread of the levels are not known from few nodes; their generalized pivotal distributions (Weerahandi, JASA 88, 1993) give
 * that of the quantile of the mixture. The spread's is chi-squared; its degrees of freedom are Satterthwaite's for the unequal weights, and
 * fewer where the levels' kurtosis says that a variance tells less (Box, Biometrika 40, 1953); the part of it that is sampling within nodes is
 * taken off. The mean's is normal, with the larger of the model's variance and the one between weighted nodes as they are (linearization, as in
 * `nodeRatioInterval`). To it the sampling error of all events together is added in quadrature, as the order-statistic interval has it.
 * Nothing is drawn at random: the same histograms give the same interval.
 *
 * @param nodes one histogram a node; those without events do not count
 * @returns the interval for a quantile; what the nodes have in common is worked out once
 */
export function nodeEffects(nodes: readonly Histogram[], pooled: Histogram, confidence = 0.95): (q: number) => Interval {
  const method = 'node-effects';
  const none: Interval = { method, confidence, low: null, high: null };
  const used = nodes.filter((h) => h.count > 0);
  if (used.length < NODES_MIN) return () => none;
  // Zeros have no logarithm.
  if (pooled.buckets.size === 0) return () => ({ method, confidence, low: 0, high: 0 });
  const all = inOrder(pooled);
  const fleet = fleetOf(used, pooled.count);
  const alpha = 1 - confidence;
  return (q) => {
    const [lowRank, highRank] = rankInterval(pooled.count, q, confidence);
    if (lowRank < 1 || highRank > pooled.count) return none;
    const centre = positionAt(all, q * pooled.count);
    const samplingAbove = positionAt(all, highRank) - centre;
    const samplingBelow = centre - positionAt(all, lowRank);
    const candidates: number[] = [];
    let shift = centre - fleet.mean;
    for (const p of PROBABILITIES) {
      const variance = Math.max(0, fleet.spread * fleet.degrees / chiSquaredQuantile(p, fleet.degrees) - fleet.within);
      shift = mixtureQuantile(fleet.residuals, Math.sqrt(variance), q, shift);
      const error = Math.sqrt(variance * fleet.meanShare);
      for (const z of NORMALS) candidates.push(fleet.mean + z * error + shift);
    }
    candidates.sort((a, b) => a - b);
    const at = (p: number): number => candidates[Math.min(candidates.length - 1, Math.floor(p * candidates.length))]!;
    const estimate = at(0.5);
    // Where all events are alike the estimate lies anywhere in their bucket, and among zeros below it: the value that is shown is within.
    const shown = quantile(pooled, q)!;
    return {
      method, confidence,
      low: Math.min(shown, lowerEdge(estimate - Math.hypot(estimate - at(alpha / 2), samplingBelow))),
      high: Math.max(shown, lowerEdge(estimate + Math.hypot(at(1 - alpha / 2) - estimate, samplingAbove))),
    };
  };
}

/** The same for one quantile. */
export const nodeEffectsInterval = (nodes: readonly Histogram[], pooled: Histogram, q: number, confidence = 0.95): Interval =>
  nodeEffects(nodes, pooled, confidence)(q);

const PROBABILITIES = Array.from({ length: GRID }, (_, i) => (i + 0.5) / GRID);
const NORMALS = PROBABILITIES.map(normalQuantile);

/** Buckets as positions on the logarithmic scale: the middle of each, and how many events are in it. */
type Positions = readonly (readonly [number, number])[];

/** Calls back for each bucket. Zeros, which have no logarithm, count as lying in the bucket below the lowest. */
function eachPosition(h: Histogram, call: (position: number, n: number) => void): void {
  let lowest = Infinity;
  for (const [index, n] of h.buckets) {
    if (index < lowest) lowest = index;
    call(index + 0.5, n);
  }
  if (h.zero > 0) call(h.buckets.size === 0 ? -1 : lowest - 0.5, h.zero);
}

function inOrder(h: Histogram): Positions {
  const all: [number, number][] = [];
  eachPosition(h, (position, n) => all.push([position, n]));
  return all.sort((a, b) => a[0] - b[0]);
}

/** Where a rank lies on the logarithmic scale, values lying evenly within their bucket. */
function positionAt(all: Positions, rank: number): number {
  let seen = 0;
  for (const [x, n] of all) {
    if (rank <= seen + n) return x - 0.5 + (rank - seen) / n;
    seen += n;
  }
  return (all.at(-1)?.[0] ?? 0) + 0.5;
}

/** What is known of the levels of a fleet's nodes. */
interface Fleet {
  readonly mean: number;
  /** Variance of the levels, sampling within nodes included, and its degrees of freedom. */
  readonly spread: number;
  readonly degrees: number;
  /** How much of that variance is sampling within nodes. */
  readonly within: number;
  /** Variance of the mean, as a share of the levels' variance: 1 / nodes where all have as many events. */
  readonly meanShare: number;
  /** Share of all events by distance from their node's level, in rising order. */
  readonly residuals: Positions;
}

function fleetOf(nodes: readonly Histogram[], events: number): Fleet {
  const weights = nodes.map((h) => h.count / events);
  const levels = nodes.map(levelOf);
  const weighted = (value: (weight: number, i: number) => number): number => weights.reduce((sum, w, i) => sum + value(w, i), 0);
  const mean = weighted((w, i) => w * levels[i]!.mean);
  const away = levels.map((l) => l.mean - mean);
  const squares = weighted((w) => w * w);
  const seen = weighted((w, i) => w * away[i]! ** 2);
  // E[seen] is (1 - squares) times the variance of a level.
  const spread = seen / (1 - squares);
  const kurtosis = seen === 0 ? 0 : Math.max(0, weighted((w, i) => w * away[i]! ** 4) / (seen * seen) - 3 + 6 / (nodes.length + 1));
  const degrees = Math.max(DEGREES_MIN, 2 / (2 / weightedDegrees(weights) + kurtosis * squares));
  const between = nodes.length / (nodes.length - 1) * weighted((w, i) => (w * away[i]!) ** 2);
  return {
    mean, spread, degrees,
    within: weighted((w, i) => w * (1 - w) * levels[i]!.meanVariance) / (1 - squares),
    meanShare: spread === 0 ? squares : Math.max(squares, between / spread),
    residuals: residualsOf(nodes, levels.map((l) => l.mean), events),
  };
}

interface Level {
  /** Mean bucket, as a position on the logarithmic scale. */
  readonly mean: number;
  /** Variance of that mean by sampling. */
  readonly meanVariance: number;
}

function levelOf(h: Histogram): Level {
  let sum = 0;
  eachPosition(h, (x, n) => void (sum += x * n));
  const mean = sum / h.count;
  let squares = 0;
  eachPosition(h, (x, n) => void (squares += n * (x - mean) ** 2));
  return { mean, meanVariance: h.count < 2 ? squares : squares / (h.count - 1) / h.count };
}

function residualsOf(nodes: readonly Histogram[], means: readonly number[], events: number): Positions {
  const gathered = new Map<number, number>();
  for (const [i, h] of nodes.entries()) {
    const mean = means[i]!;
    eachPosition(h, (x, n) => {
      const step = Math.round((x - mean) / RESIDUAL_STEP);
      gathered.set(step, (gathered.get(step) ?? 0) + n);
    });
  }
  return [...gathered].map(([step, n]) => [step * RESIDUAL_STEP, n / events] as const).sort((a, b) => a[0] - b[0]);
}

/**
 * Quantile of a residual plus a normal with standard deviation `tau`, by Newton's method kept within a bracket (Numerical Recipes, 3rd ed., 9.4).
 * @param start where to look first
 */
function mixtureQuantile(residuals: Positions, tau: number, q: number, start: number): number {
  // Within a step residuals lie evenly: a standard deviation of step / sqrt(12) that keeps the sum smooth.
  const sigma = Math.hypot(tau, RESIDUAL_STEP / Math.sqrt(12));
  let low = residuals[0]![0] - 8 * sigma;
  let high = residuals.at(-1)![0] + 8 * sigma;
  let at = start > low && start < high ? start : (low + high) / 2;
  for (let i = 0; i < ITERATIONS_MAX && high - low > TOLERANCE; i++) {
    let below = 0;
    let density = 0;
    for (const [e, share] of residuals) {
      const z = (at - e) / sigma;
      if (z < -8) break;
      if (z > 8) {
        below += share;
      } else {
        below += share * normalCdf(z);
        density += share * Math.exp(-z * z / 2);
      }
    }
    if (below < q) low = at;
    else high = at;
    const step = (q - below) * sigma * Math.sqrt(2 * Math.PI) / density;
    if (Math.abs(step) < TOLERANCE / 2) return at + step;
    at = at + step > low && at + step < high ? at + step : (low + high) / 2;
  }
  return at;
}
