/** What has to be said beside an interval: where docs/telemetry.md has measured that it misses what it promises, or has not measured it. */
import type { IntervalMethod } from './intervals.ts';
import type { ShareMethod } from './proportions.ts';

/** Coverage is measured from so many nodes on. */
const MEASURED_FROM = 10;

/**
 * @param nodes with events that the interval is made of
 * @param q of a quantile; left out for a share
 * @returns a sentence; null when there is nothing to say
 */
export function caveatOf(method: IntervalMethod | ShareMethod, nodes: number, q?: number): string | null {
  // One node is not to be told from others.
  if (nodes < 2) return null;
  if (method === 'order-statistic' || method === 'wilson') return 'Of these nodes\' traffic alone: where nodes differ, it says nothing of others.';
  if (nodes < MEASURED_FROM) return `Of ${nodes} nodes; how often it holds is measured for ${MEASURED_FROM} and more.`;
  if (method === 'node-ratio' || (q !== undefined && q > 0.5)) return 'Where the busiest nodes are the slowest it holds in 90% to 92% of cases: look at nodes one by one.';
  return null;
}
