/**
 * What a service counts and measures, as it is at /metrics and as it is sent by OTLP: one list of definitions, several encodings. The
 * text is Prometheus' exposition format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
import type { MetricDefinition } from '../../platform/index.ts';
import { countUpTo, type Histogram } from '../telemetry/index.ts';

export type Labels = Readonly<Record<string, string>>;

interface Family {
  /** Of ASCII letters, digits and underscores. A counter's ends in `_total`, and what has a unit in the unit. */
  readonly name: string;
  readonly help: string;
  /** UCUM, as OpenTelemetry has it; the text format has no place for it. @default - a number of things */
  readonly unit?: 'ms' | 's' | 'By';
}

export interface NumberMetric extends Family {
  readonly type: 'counter' | 'gauge';
  /** What differs between the samples is in their labels. */
  readonly samples: readonly { readonly labels?: Labels; readonly value: number }[];
  /** A counter that goes on where the process before this one stopped. @default - it began at 0 with this process */
  readonly outlivesProcess?: true;
}

export interface HistogramMetric extends Family {
  readonly type: 'histogram';
  /** Of what was observed since this process began. */
  readonly samples: readonly { readonly labels?: Labels; readonly histogram: Histogram }[];
}

export type Metric = NumberMetric | HistogramMetric;

/** The family of a metric that alarms and dashboards know too; the caller adds the samples. */
export const familyOf = <K extends MetricDefinition['kind']>({ name, kind, unit, what }: MetricDefinition & { readonly kind: K }): Family & { readonly type: K } =>
  ({ name, help: `${what}.`, type: kind, ...(unit === 'Milliseconds' ? { unit: 'ms' } : {}) });

export const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const escapeHelp = (v: string): string => v.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (v: string): string => escapeHelp(v).replaceAll('"', '\\"');

export const formatNumber = (v: number): string => (v === Infinity ? '+Inf' : v === -Infinity ? '-Inf' : String(v));

export function formatMetrics(metrics: readonly Metric[]): string {
  let out = '';
  const line = (name: string, labels: Labels, value: number): void => {
    const text = Object.entries(labels).map(([k, v]) => `${k}="${escapeLabel(v)}"`).join(',');
    out += `${name}${text === '' ? '' : `{${text}}`} ${formatNumber(value)}\n`;
  };
  for (const m of metrics) {
    out += `# HELP ${m.name} ${escapeHelp(m.help)}\n# TYPE ${m.name} ${m.type}\n`;
    if (m.type !== 'histogram') {
      for (const { labels = {}, value } of m.samples) line(m.name, labels, value);
      continue;
    }
    for (const { labels = {}, histogram } of m.samples) {
      for (const { upTo, count } of classicBuckets(histogram)) line(`${m.name}_bucket`, { ...labels, le: String(upTo) }, count);
      line(`${m.name}_bucket`, { ...labels, le: '+Inf' }, histogram.count);
      line(`${m.name}_sum`, labels, histogram.sum);
      line(`${m.name}_count`, labels, histogram.count);
    }
  }
  return out;
}

/** Upper bounds of classic histograms of durations. Milliseconds; 1, 2.5, 5 in each decade. */
export const DURATION_BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 75, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000, 600_000] as const;

/**
 * The buckets of a classic histogram but the last, each with all before it. A bucket of ours that a bound lies in counts as above
 * it, so a figure read off these is never better than the truth, and worse by at most the 1.1% that a bucket is wide.
 */
export const classicBuckets = (h: Histogram): { readonly upTo: number; readonly count: number }[] =>
  DURATION_BOUNDS_MS.map((upTo) => ({ upTo, count: countUpTo(h, upTo) }));
