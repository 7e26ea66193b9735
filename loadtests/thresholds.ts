/**
 * From the SLAs of a platform to what k6 checks: no threshold is written in a script. Each has a partner on its number of
 * samples, because a k6 threshold on a metric without samples passes.
 */
import type { Sla } from '../platform/index.ts';
import { metricOf, samplesOf, type JudgedSla, type Role } from './plan.ts';

/** By indicator: whose iterations measure it. What no client can see from outside is not judged here. */
const MEASURED_BY: Readonly<Record<string, readonly Role[]>> = {
  'provisional-ack': ['settle', 'retry', 'follow'],
  availability: ['settle', 'retry', 'follow', 'read'],
  ordering: ['follow'],
  finality: ['follow'],
  'provisional-ratio': ['watch'],
  'provisional-age': ['watch'],
  'cache-drift': ['watch'],
  reconciliation: ['drill'],
};

/** A partition and what it does to settlements behind it is no breach of these: their clock stands while a region is cut off. */
const NOT_IN_A_PARTITION: readonly string[] = ['ordering', 'finality', 'provisional-ratio', 'provisional-age'];

/** The fewest events that a verdict may rest on, by how many there can be. */
const SAMPLES_MIN: Readonly<Partial<Record<string, number>>> = { reconciliation: 1, 'provisional-ratio': 3, 'provisional-age': 3, 'cache-drift': 1 };
const SAMPLES_MIN_DEFAULT = 10;

/** A share of 99.9% cannot be told from fewer than a thousand events: one bad one among fewer would breach it already. */
const samplesMin = ({ indicator, objective }: Pick<Sla, 'indicator' | 'objective'>): number =>
  SAMPLES_MIN[indicator] ?? Math.max(SAMPLES_MIN_DEFAULT, Math.ceil(Number((1 / (1 - objective)).toPrecision(12))));

/** A share of an hour's settlements says nothing before there are some: as long as this is waited for it. Seconds. */
export const RATIO_WARM_UP_SECONDS = 30;

export interface Judging {
  /** In the platform's order. */
  readonly judged: readonly JudgedSla[];
  /** The others, and why the run says nothing about them. */
  readonly unjudged: readonly { readonly sla: string; readonly why: string }[];
}

/** Which SLAs a scenario with these roles and of this length can judge. */
export function judgedSlas(slas: readonly Sla[], roles: readonly Role[], partition: boolean, seconds: number): Judging {
  const judged: JudgedSla[] = [];
  const unjudged: { sla: string; why: string }[] = [];
  for (const sla of slas) {
    const by = MEASURED_BY[sla.indicator];
    const why = by === undefined ? 'no client can see it from outside'
      : !by.some((role) => roles.includes(role)) ? 'this scenario does not measure it'
        : partition && NOT_IN_A_PARTITION.includes(sla.indicator) ? 'its clock stands while a region is cut off'
          : sla.indicator === 'provisional-ratio' && seconds < 2 * RATIO_WARM_UP_SECONDS ? `needs a run of ${2 * RATIO_WARM_UP_SECONDS} s or more: its first ${RATIO_WARM_UP_SECONDS} s are warm-up`
            : undefined;
    if (why !== undefined) unjudged.push({ sla: sla.id, why });
    else {
      judged.push({
        id: sla.id, indicator: sla.indicator, objective: sla.objective, samplesMin: samplesMin(sla),
        ...(sla.thresholdMs === undefined ? {} : { thresholdMs: sla.thresholdMs }),
        ...(sla.thresholdRatio === undefined ? {} : { thresholdRatio: sla.thresholdRatio }),
      });
    }
  }
  return { judged, unjudged };
}

/** k6's `thresholds` option. */
export function compileThresholds(slas: readonly JudgedSla[]): Record<string, string[]> {
  return Object.fromEntries(slas.flatMap((sla) => [
    [metricOf(sla), [`rate>=${sla.objective}`]],
    [samplesOf(sla), [`count>=${sla.samplesMin}`]],
  ]));
}
