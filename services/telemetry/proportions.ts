/** Confidence intervals for shares: good events of all events, provisional settlements of all settlements. */
import { chiSquaredQuantile, createRandom, drawNormal, normalCdf, normalQuantile, studentQuantile, weightedDegrees } from './statistics.ts';

export type ShareMethod = 'wilson' | 'node-ratio';

export interface ShareInterval {
  readonly method: ShareMethod;
  readonly confidence: number;
  /** From 0 to 1; null where there is nothing to say. */
  readonly low: number | null;
  readonly high: number | null;
}

export interface Share {
  readonly good: number;
  readonly events: number;
}

/** For events that are like each other: the score interval (Wilson, JASA 22, 1927). */
export function wilsonInterval({ good, events }: Share, confidence = 0.95): ShareInterval {
  const method = 'wilson';
  if (events === 0) return { method, confidence, low: null, high: null };
  const z = normalQuantile((1 + confidence) / 2);
  const p = good / events;
  const centre = (p + z * z / (2 * events)) / (1 + z * z / events);
  const half = z / (1 + z * z / events) * Math.sqrt(p * (1 - p) / events + z * z / (4 * events * events));
  // Exactly, where rounding would leave something.
  return { method, confidence, low: good === 0 ? 0 : Math.max(0, centre - half), high: good === events ? 1 : Math.min(1, centre + half) };
}

/** With fewer degrees of freedom a variance of nearly nothing is as good as chance, so nodes count as no more alike than events are. */
const FLOOR_DEGREES = 4;
/** Draws that the critical values of a share are taken from. */
const DRAWS = 399;
/** With more nodes than this Student's t does as well, and draws would take long. */
const DRAWN_NODES_MAX = 200;

/**
 * For nodes that differ: the share as a ratio of two sums over nodes on the logit scale, its variance by the linearized jackknife between
 * nodes (Cochran, Sampling Techniques, 3rd ed., chapters 6 and 9A; Korn and Graubard, Survey Methodology 24, 1998), with
 * Satterthwaite's degrees of freedom for nodes that count unequally. It is floored where nodes agree better than chance lets them: at
 * the binomial variance times what chi-squared makes of it in one sample of forty, or the whole of it with fewer than four degrees of freedom.
 *
 * A share close to 1 is skewed: a sample without one of the few bad nodes shows a share that is too high and a variance that is too small
 * at once, and Student's t is too short on that side. So critical values are the larger of Student's and those that the same statistic
 * has for fleets drawn from a model of this one (the parametric bootstrap-t: Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
 * chapters 12 and 22): nodes' shares normal on the probit scale, their spread drawn from its own uncertainty. Only the correction for
 * skewness stands on that model; estimate and variance do not. The draws are from a fixed seed: the same counts give the same interval.
 */
export function nodeRatioInterval(nodes: readonly Share[], confidence = 0.95): ShareInterval {
  const method = 'node-ratio';
  // In one order, whatever the order that they came in: draws are taken by place.
  const used = nodes.filter((n) => n.events > 0).sort((a, b) => a.events - b.events || a.good - b.good);
  const m = used.length;
  if (m < 2) return { method, confidence, low: null, high: null };
  const good = used.reduce((sum, n) => sum + n.good, 0);
  const events = used.reduce((sum, n) => sum + n.events, 0);
  if (good === 0 || good === events) return { ...wilsonInterval({ good, events }, confidence), method };
  const weights = used.map((n) => n.events / events);
  const degrees = weightedDegrees(weights);
  const alpha = 1 - confidence;
  const statistic = createStatistic(degrees < FLOOR_DEGREES ? 1 : chiSquaredQuantile(alpha / 2, degrees) / degrees);
  const [logit, error] = statistic(Float64Array.from(used, (n) => n.good), Float64Array.from(used, (n) => n.events));
  const student = studentQuantile(1 - alpha / 2, degrees);
  const drawn = m > DRAWN_NODES_MAX ? new Float64Array() : drawStatistics(used, weights, degrees, statistic);
  const at = (p: number): number => drawn[Math.min(drawn.length - 1, Math.floor(p * drawn.length))] ?? 0;
  const back = (x: number): number => 1 / (1 + Math.exp(-x));
  return {
    method, confidence,
    low: back(logit - Math.max(student, at(1 - alpha / 2)) * error), high: back(logit + Math.max(student, -at(alpha / 2)) * error),
  };
}

/** The share's logit and its standard error, from the good events and all events of each node. */
type Statistic = (good: Float64Array, events: Float64Array) => readonly [logit: number, error: number];

/** Half an event more on either side: a logit of nothing is none. */
const shareNear = (good: number, events: number): number => (good + 0.5) / (events + 1);

/** @param floor of the variance, in binomial variances */
const createStatistic = (floor: number): Statistic => (good, events) => {
  const m = good.length;
  let [allGood, all] = [0, 0];
  for (let i = 0; i < m; i++) {
    allGood += good[i]!;
    all += events[i]!;
  }
  const p = shareNear(allGood, all);
  let squares = 0;
  // By how much the share would change without the node.
  for (let i = 0; i < m; i++) squares += ((good[i]! - p * events[i]!) / (all - events[i]!)) ** 2;
  const variance = Math.max(squares * (m - 1) / m, floor * p * (1 - p) / all);
  return [Math.log(p / (1 - p)), Math.sqrt(variance) / (p * (1 - p))];
};

/** What the statistic is, less the truth and in standard errors, in fleets like this one; in rising order. */
function drawStatistics(nodes: readonly Share[], weights: readonly number[], degrees: number, statistic: Statistic): Float64Array {
  const m = nodes.length;
  const random = createRandom(1);
  const levels = nodes.map((n) => {
    const p = shareNear(n.good, n.events);
    const probit = normalQuantile(p);
    // The delta method: the probit's derivative is one by the normal density.
    return { probit, variance: p * (1 - p) / (n.events + 1) * 2 * Math.PI * Math.exp(probit * probit) };
  });
  const weighted = (value: (weight: number, i: number) => number): number => weights.reduce((sum, w, i) => sum + value(w, i), 0);
  const mean = weighted((w, i) => w * levels[i]!.probit);
  const part = 1 - weighted((w) => w * w);
  const seen = weighted((w, i) => w * (levels[i]!.probit - mean) ** 2) / part;
  const within = weighted((w, i) => w * (1 - w) * levels[i]!.variance) / part;
  const share = shareNear(nodes.reduce((sum, n) => sum + n.good, 0), nodes.reduce((sum, n) => sum + n.events, 0));
  const truth = Math.log(share / (1 - share));
  const [good, events, drawn] = [new Float64Array(m), new Float64Array(m), new Float64Array(DRAWS)];
  for (let draw = 0; draw < DRAWS; draw++) {
    const variance = Math.max(0, seen * degrees / Math.max(1e-3, chiSquaredQuantile((draw + 0.5) / DRAWS, degrees)) - within);
    const spread = Math.sqrt(variance);
    // Where the levels' mean has to lie for the whole fleet to have the share.
    const level = normalQuantile(share) * Math.sqrt(1 + variance);
    for (let i = 0; i < m; i++) {
      const n = nodes[Math.floor(random() * m)]!.events;
      events[i] = n;
      good[i] = drawBinomial(random, n, normalCdf(level + spread * drawNormal(random)));
    }
    const [logit, error] = statistic(good, events);
    drawn[draw] = (logit - truth) / error;
  }
  return drawn.sort();
}

/** Good events of so many: by the normal distribution where there are many of either kind, else by Poisson's of the rarer kind. */
function drawBinomial(random: () => number, n: number, p: number): number {
  const variance = n * p * (1 - p);
  if (variance > 9) return Math.min(n, Math.max(0, n * p + Math.sqrt(variance) * drawNormal(random)));
  // Knuth, The Art of Computer Programming, volume 2, 3.4.1, algorithm Q.
  const least = Math.exp(-n * Math.min(p, 1 - p));
  let rare = 0;
  for (let product = random(); product > least && rare < n; product *= random()) rare += 1;
  return p > 0.5 ? n - rare : rare;
}
