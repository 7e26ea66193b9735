/** Confidence intervals for shares: good events of all events, provisional settlements of all settlements. */
import { normalQuantile, studentQuantile } from './statistics.ts';

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
  return { method, confidence, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/**
 * For nodes that differ: the share as a ratio of two sums over nodes, its variance by linearization between nodes, Student's t with
 * nodes - 1 degrees of freedom on the logit scale (Cochran, Sampling Techniques, 3rd ed., section 9A; Korn and Graubard, Survey
 * Methodology 24, 1998). Never narrower than Wilson's, which is what remains when all nodes agree.
 */
export function nodeRatioInterval(nodes: readonly Share[], confidence = 0.95): ShareInterval {
  const method = 'node-ratio';
  const used = nodes.filter((n) => n.events > 0);
  const m = used.length;
  const good = used.reduce((sum, n) => sum + n.good, 0);
  const events = used.reduce((sum, n) => sum + n.events, 0);
  if (m < 2) return { method, confidence, low: null, high: null };
  const wilson = wilsonInterval({ good, events }, confidence);
  const p = good / events;
  if (p === 0 || p === 1) return { ...wilson, method };
  const variance = m / (m - 1) * used.reduce((sum, n) => sum + (n.good - p * n.events) ** 2, 0) / (events * events);
  const half = studentQuantile((1 + confidence) / 2, m - 1) * Math.sqrt(variance) / (p * (1 - p));
  const logit = Math.log(p / (1 - p));
  const back = (x: number): number => 1 / (1 + Math.exp(-x));
  return {
    method, confidence,
    low: Math.min(wilson.low as number, back(logit - half)), high: Math.max(wilson.high as number, back(logit + half)),
  };
}
