/** What all figures of the centre's telemetry are made with. */
import { caveatOf, nodeRatioInterval, wilsonInterval, type Interval, type Share, type ShareInterval } from '../../telemetry/index.ts';

export const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

/** Lets others have a turn: a month of a thousand nodes takes a while. */
export const breathe = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve);
});

/** Work goes on for so long before others have a turn. Milliseconds. */
const TURN_MS = 10;

/** To be awaited after each piece of work: lets others have a turn when it is time to. */
export function createTurns(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => (performance.now() - since < TURN_MS ? undefined : breathe().then(() => {
    since = performance.now();
  }));
}

/**
 * Intervals with what has to be said beside them, as `note`.
 * @param nodes with events that they are made of
 * @param q of a quantile; left out for a share
 */
export const withNotes = (intervals: readonly (Interval | ShareInterval)[], nodes: number, q?: number): unknown[] => intervals.map((interval) => {
  const note = interval.low === null && interval.high === null ? null : caveatOf(interval.method, nodes, q);
  return note === null ? interval : { ...interval, note };
});

/** A share with the intervals of both methods. */
export function shareOf(nodes: readonly Share[]): Record<string, unknown> {
  const good = nodes.reduce((sum, n) => sum + n.good, 0);
  const events = nodes.reduce((sum, n) => sum + n.events, 0);
  return {
    count: good, of: events, value: events === 0 ? null : good / events,
    intervals: events === 0 ? [] : withNotes([wilsonInterval({ good, events }), nodeRatioInterval(nodes)], nodes.filter((n) => n.events > 0).length),
  };
}
