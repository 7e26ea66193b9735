/**
 * Counts, for each SLA that is about this node, its events and the good ones among them, as `INDICATORS` defines them. What takes too
 * long is counted as bad when its time is over, not only when it comes at last: during an outage that is when it is needed.
 */
import type { Indicator } from '../../../platform/indicators.ts';
import type { Sla } from '../../../platform/model.ts';
import { instanceAt } from '../../telemetry/index.ts';

export interface SlaCount {
  readonly sla: Sla;
  /** `site:eu-fra-1`, `region:eu` or `global`. */
  readonly scope: string;
  events: number;
  good: number;
}

/** A group of settlements that move through the stages together. */
export interface Commit {
  readonly count: number;
  readonly decidedAt: number;
  readonly receivedAt: number;
}

/** SLAs whose events are settlements reaching a stage. */
export type StageIndicator = 'ordering' | 'finality';

export interface Judge {
  /** Events that took so long, milliseconds. */
  readonly took: (indicator: Indicator, ms: number, count: number) => void;
  readonly event: (indicator: Indicator, good: boolean) => void;
  /** A minute in which this was the worst value, by the threshold in the SLA. */
  readonly worst: (indicator: Indicator, value: number) => void;
  /** Of the commits under way, the one at `place` (the oldest is at 0) reached the stage. */
  readonly reached: (indicator: StageIndicator, place: number, commit: Commit, time: number) => void;
  /** The oldest commit under way is none any more. */
  readonly shifted: () => void;
  /** Counts commits under way that can no longer be good. */
  readonly overdue: (at: (place: number) => Commit | undefined, time: number) => void;
  /** How many of the commits under way are counted, by SLA: what must not be counted again after a restart. */
  readonly marks: () => Readonly<Record<string, number>>;
  /** @param ordered commits under way, from the oldest on, that are known to be ordered */
  readonly restore: (marks: Readonly<Record<string, number>>, ordered: number) => void;
  readonly counts: readonly SlaCount[];
}

interface Staged extends SlaCount {
  /** Commits under way, from the oldest on, that are counted. */
  judged: number;
}

/** Since when a stage's time runs. */
const startOf = (indicator: StageIndicator, commit: Commit): number => (indicator === 'ordering' ? commit.decidedAt : commit.receivedAt);

export function createJudge(slas: readonly Sla[], node: string, region: string): Judge {
  const counts = slas.flatMap((sla): Staged[] => {
    const scope = instanceAt(sla.scope, node, region);
    return scope === null ? [] : [{ sla, scope, events: 0, good: 0, judged: 0 }];
  });
  const of = new Map<Indicator, Staged[]>();
  for (const c of counts) of.set(c.sla.indicator, [...of.get(c.sla.indicator) ?? [], c]);
  const none: Staged[] = [];
  const measured = (indicator: Indicator): Staged[] => of.get(indicator) ?? none;
  const stages: readonly StageIndicator[] = ['ordering', 'finality'];

  function count(c: SlaCount, events: number, good: boolean): void {
    c.events += events;
    if (good) c.good += events;
  }

  return {
    counts,
    took(indicator, ms, events) {
      for (const c of measured(indicator)) count(c, events, ms <= c.sla.thresholdMs!);
    },
    event(indicator, good) {
      for (const c of measured(indicator)) count(c, 1, good);
    },
    worst(indicator, value) {
      for (const c of measured(indicator)) count(c, 1, value <= (c.sla.thresholdMs ?? c.sla.thresholdRatio)!);
    },
    reached(indicator, place, commit, time) {
      for (const c of measured(indicator)) {
        if (place < c.judged) continue;
        count(c, commit.count, time - startOf(indicator, commit) <= c.sla.thresholdMs!);
        c.judged = place + 1;
      }
    },
    shifted() {
      for (const indicator of stages) for (const c of measured(indicator)) if (c.judged > 0) c.judged -= 1;
    },
    overdue(at, time) {
      for (const indicator of stages) {
        for (const c of measured(indicator)) {
          for (let commit = at(c.judged); commit !== undefined && time - startOf(indicator, commit) > c.sla.thresholdMs!; commit = at(c.judged)) {
            count(c, commit.count, false);
            c.judged += 1;
          }
        }
      }
    },
    marks: () => Object.fromEntries(stages.flatMap((indicator) => measured(indicator).map((c) => [c.sla.id, c.judged]))),
    restore(marks, ordered) {
      for (const c of measured('finality')) c.judged = marks[c.sla.id] ?? 0;
      for (const c of measured('ordering')) c.judged = Math.max(marks[c.sla.id] ?? 0, ordered);
    },
  };
}
