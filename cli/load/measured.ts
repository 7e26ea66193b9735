/** What a run has measured: shares for the SLAs, histograms of what clients saw, and both second by second. */
import { emptyHistogram, nodeRatioInterval, quantile, record, wilsonInterval, type Histogram } from '../../services/telemetry/index.ts';
import { CLIENT_METRICS, metricOf, type JudgedSla } from '../../loadtests/plan.ts';
import type { Sample } from './k6.ts';

export interface Second {
  /** Seconds since the first sample. */
  readonly at: number;
  sent: number;
  failed: number;
  readonly acknowledged: Histogram;
  readonly final: Histogram;
}

export interface Measured {
  readonly add: (sample: Sample) => void;
  readonly seconds: () => readonly Second[];
  readonly histogram: (name: string) => Histogram;
  readonly counter: (name: string) => number;
  readonly share: (sla: JudgedSla) => { readonly good: number; readonly events: number };
  /** The share in pieces of time, since what is close in time is alike. */
  readonly blocks: (sla: JudgedSla) => readonly { readonly good: number; readonly events: number }[];
}

/** At most this many seconds are kept apart: a day. */
const SECONDS_MAX = 86_400;

export function createMeasured(): Measured {
  const histograms = new Map<string, Histogram>();
  const counters = new Map<string, number>();
  const shares = new Map<string, { good: number; events: number }>();
  const bySecond = new Map<string, Map<number, { good: number; events: number }>>();
  const seconds = new Map<number, Second>();
  let start: number | null = null;

  const histogram = (name: string): Histogram => {
    let h = histograms.get(name);
    if (h === undefined) histograms.set(name, h = emptyHistogram());
    return h;
  };
  const secondOf = (time: number): Second => {
    start ??= time;
    const at = Math.min(SECONDS_MAX, Math.max(0, Math.floor((time - start) / 1_000)));
    let second = seconds.get(at);
    if (second === undefined) seconds.set(at, second = { at, sent: 0, failed: 0, acknowledged: emptyHistogram(), final: emptyHistogram() });
    return second;
  };
  return {
    add({ metric, value, time }) {
      const second = secondOf(time);
      if (metric.startsWith('sla_')) {
        if (metric.endsWith('_samples')) return;
        const share = shares.get(metric) ?? { good: 0, events: 0 };
        share.good += value;
        share.events += 1;
        shares.set(metric, share);
        let blocks = bySecond.get(metric);
        if (blocks === undefined) bySecond.set(metric, blocks = new Map());
        const block = blocks.get(second.at) ?? { good: 0, events: 0 };
        block.good += value;
        block.events += 1;
        blocks.set(second.at, block);
        return;
      }
      if (metric.endsWith('_ms')) {
        record(histogram(metric), Math.max(0, value));
        if (metric === CLIENT_METRICS.acknowledged) record(second.acknowledged, Math.max(0, value));
        if (metric === CLIENT_METRICS.final) record(second.final, Math.max(0, value));
        return;
      }
      counters.set(metric, (counters.get(metric) ?? 0) + value);
      if (metric === CLIENT_METRICS.sent) second.sent += value;
      if (metric === CLIENT_METRICS.failed) second.failed += value;
    },
    seconds: () => [...seconds.values()].sort((a, b) => a.at - b.at),
    histogram,
    counter: (name) => counters.get(name) ?? 0,
    share: (sla) => shares.get(metricOf(sla)) ?? { good: 0, events: 0 },
    blocks: (sla) => [...(bySecond.get(metricOf(sla)) ?? new Map<number, { good: number; events: number }>()).values()],
  };
}

export interface Verdict {
  readonly sla: string;
  readonly indicator: string;
  /** Share that has to be good. */
  readonly objective: number;
  readonly thresholdMs?: number;
  readonly thresholdRatio?: number;
  /** Share that was good; null without samples. */
  readonly measured: number | null;
  /** 95%, of the share: between seconds where there are enough of them, since what is close in time is alike. */
  readonly interval: { readonly low: number | null; readonly high: number | null; readonly confidence: number; readonly method: string };
  readonly samples: number;
  /** How many of them were good. */
  readonly good: number;
  /** The fewest that make a verdict. */
  readonly samplesMin: number;
  readonly pass: boolean;
  /** Why it did not pass. */
  readonly why?: string;
}

/** Seconds that have to have seen events before they are taken for the pieces that an interval is made from. */
const BLOCKS_MIN = 10;

export const verdictOf = (sla: JudgedSla, measured: Measured): Verdict => judge(sla, measured.share(sla), measured.blocks(sla));

/** @param blocks the same events in pieces of time; none where they are not known */
export function judge(
  sla: JudgedSla, { good, events }: { readonly good: number; readonly events: number }, blocks: readonly { readonly good: number; readonly events: number }[],
): Verdict {
  const interval = blocks.length >= BLOCKS_MIN ? nodeRatioInterval(blocks) : wilsonInterval({ good, events });
  const share = events === 0 ? null : good / events;
  const why = events === 0 ? 'no samples: nothing was measured, so nothing is proven'
    : events < sla.samplesMin ? `${events} samples are too few for a verdict; at least ${sla.samplesMin} are needed`
      : share! < sla.objective ? `${percent(share!)} good, and ${percent(sla.objective)} is the objective` : undefined;
  return {
    sla: sla.id, indicator: sla.indicator, objective: sla.objective,
    ...(sla.thresholdMs === undefined ? {} : { thresholdMs: sla.thresholdMs }),
    ...(sla.thresholdRatio === undefined ? {} : { thresholdRatio: sla.thresholdRatio }),
    measured: share,
    interval: { low: interval.low, high: interval.high, confidence: interval.confidence, method: interval.method === 'node-ratio' ? 'ratio between seconds' : interval.method },
    samples: events, good, samplesMin: sla.samplesMin, pass: why === undefined, ...(why === undefined ? {} : { why }),
  };
}

export const percent = (share: number): string => `${(share * 100).toFixed(share > 0.999 && share < 1 ? 3 : 2)}%`;

/** p50, p95 and p99 of a histogram; nulls when nothing was observed. */
export const quantiles = (h: Histogram): { readonly p50: number | null; readonly p95: number | null; readonly p99: number | null } =>
  ({ p50: quantile(h, 0.5), p95: quantile(h, 0.95), p99: quantile(h, 0.99) });
