/**
 * Metrics in OTLP's JSON (opentelemetry-proto, metrics/v1; OpenTelemetry's metrics data model). Pure. Names are those at /metrics, in every
 * encoding: a figure is looked for under one name, whichever way it came.
 */
import { cloneHistogram, SCALE, subtract, type Histogram } from '../../telemetry/index.ts';
import type { HistogramMetric, Labels, Metric, NumberMetric } from '../metrics.ts';
import { encodeAttributes, encodeResource, nanos, OTLP_SCOPE, type Attributes } from './json.ts';

/** `cumulative`: all since the process began. `delta`: counters and histograms since what the receiver took last; gauges are as they are. */
export const TEMPORALITIES = ['cumulative', 'delta'] as const;
export type Temporality = (typeof TEMPORALITIES)[number];

/** `AggregationTemporality`. */
const TEMPORALITY = { delta: 1, cumulative: 2 } as const satisfies Record<Temporality, number>;

/** The metrics as they stood at one time. */
export interface Snapshot {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly metrics: readonly Metric[];
  /** Of counters and histograms, by series. */
  readonly values: ReadonlyMap<string, number | Histogram>;
}

export interface MetricsContext {
  readonly resource: Attributes;
  readonly temporality: Temporality;
  /** When the process began to count. Milliseconds since 1970. */
  readonly startedAt: number;
  /** When it was looked at for the first time: what counters from before the process had come to by then is not news. */
  readonly first: Snapshot | null;
}

const seriesOf = (name: string, labels: Labels = {}): string => JSON.stringify([name, ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);

/** What is counted on in place is copied. */
export function takeSnapshot(collected: readonly Metric[], at: number): Snapshot {
  const metrics = collected.map((m): Metric => (m.type !== 'histogram' ? m : {
    ...m, samples: m.samples.map((s) => ({ ...s, histogram: cloneHistogram(s.histogram) })),
  }));
  const values = new Map<string, number | Histogram>();
  for (const m of metrics) {
    if (m.type === 'histogram') for (const s of m.samples) values.set(seriesOf(m.name, s.labels), s.histogram);
    else if (m.type === 'counter') for (const s of m.samples) values.set(seriesOf(m.name, s.labels), s.value);
  }
  return { at, metrics, values };
}

/**
 * `ExportMetricsServiceRequest`, as text.
 *
 * @param taken what the receiver has, or will have before this; null when that is nothing
 */
export function encodeMetricsRequest(now: Snapshot, taken: Snapshot | null, c: MetricsContext): string {
  const metrics = now.metrics.map((m) => (m.type === 'histogram' ? encodeHistogram(m, now, taken, c) : encodeNumbers(m, now, taken, c)));
  return JSON.stringify({ resourceMetrics: [{ resource: encodeResource(c.resource), scopeMetrics: [{ scope: OTLP_SCOPE, metrics }] }] });
}

const family = ({ name, help, unit }: Metric): object => ({ name, description: help, ...(unit === undefined ? {} : { unit }) });

function encodeNumbers(m: NumberMetric, now: Snapshot, taken: Snapshot | null, c: MetricsContext): object {
  const dataPoints = m.samples.flatMap(({ labels = {}, value }): object[] => {
    // Neither JSON nor most receivers have them.
    if (!Number.isFinite(value)) return [];
    const point = { attributes: encodeAttributes(labels), timeUnixNano: nanos(now.at) };
    if (m.type === 'gauge') return [{ ...point, asDouble: value }];
    const { start, base } = baseOf(seriesOf(m.name, labels), m.outlivesProcess === true, now, taken, c);
    // A counter that is less than it was began anew.
    const counted = typeof base === 'number' && base <= value ? value - base : value;
    return [{ ...point, startTimeUnixNano: nanos(start), ...(Number.isSafeInteger(counted) ? { asInt: String(counted) } : { asDouble: counted }) }];
  });
  if (m.type === 'gauge') return { ...family(m), gauge: { dataPoints } };
  return { ...family(m), sum: { aggregationTemporality: TEMPORALITY[c.temporality], isMonotonic: true, dataPoints } };
}

function encodeHistogram(m: HistogramMetric, now: Snapshot, taken: Snapshot | null, c: MetricsContext): object {
  const dataPoints = m.samples.flatMap(({ labels = {}, histogram }): object[] => {
    const { start, base } = baseOf(seriesOf(m.name, labels), false, now, taken, c);
    const h = typeof base === 'object' ? difference(histogram, base) : histogram;
    // A stretch of time in which nothing was observed has nothing to tell.
    if (c.temporality === 'delta' && h.count === 0) return [];
    return [{
      attributes: encodeAttributes(labels), startTimeUnixNano: nanos(start), timeUnixNano: nanos(now.at),
      count: String(h.count), sum: h.sum, scale: SCALE, zeroCount: String(h.zero), zeroThreshold: 0,
      positive: denseBuckets(h), negative: { offset: 0, bucketCounts: [] },
      ...(h.count === 0 ? {} : { min: h.min, max: h.max }),
    }];
  });
  return { ...family(m), exponentialHistogram: { aggregationTemporality: TEMPORALITY[c.temporality], dataPoints } };
}

/** From when on a point counts, and what is to be taken off its value. */
function baseOf(series: string, outlives: boolean, now: Snapshot, taken: Snapshot | null, c: MetricsContext): { start: number; base: number | Histogram | undefined } {
  const first = c.first ?? now;
  // Data model, "Cumulative streams: handling unknown start time": the first point is at its own start, and holds what went before.
  if (c.temporality === 'cumulative') return { start: outlives ? first.at : c.startedAt, base: undefined };
  if (taken !== null) return { start: taken.at, base: taken.values.get(series) };
  return outlives ? { start: first.at, base: first.values.get(series) } : { start: c.startedAt, base: undefined };
}

function difference(later: Histogram, earlier: Histogram): Histogram {
  try {
    return subtract(later, earlier);
  } catch {
    // It began anew.
    return later;
  }
}

/** Every bucket from the first one with counts to the last, as OTLP has them. */
export function denseBuckets({ buckets }: Pick<Histogram, 'buckets'>): { readonly offset: number; readonly bucketCounts: readonly string[] } {
  if (buckets.size === 0) return { offset: 0, bucketCounts: [] };
  let [from, to] = [Infinity, -Infinity];
  for (const index of buckets.keys()) [from, to] = [Math.min(from, index), Math.max(to, index)];
  return { offset: from, bucketCounts: Array.from({ length: to - from + 1 }, (_, i) => String(buckets.get(from + i) ?? 0)) };
}
