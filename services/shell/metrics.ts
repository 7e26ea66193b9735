/** Prometheus text exposition, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
import { countUpTo, type Histogram } from '../telemetry/index.ts';

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'summary' | 'histogram';
  readonly samples: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number; readonly suffix?: string }[];
}

const escapeLabel = (v: string): string => v.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

export function formatMetrics(metrics: readonly Metric[]): string {
  let out = '';
  for (const m of metrics) {
    out += `# HELP ${m.name} ${m.help}\n# TYPE ${m.name} ${m.type}\n`;
    for (const s of m.samples) {
      const labels = Object.entries(s.labels ?? {}).map(([k, v]) => `${k}="${escapeLabel(v)}"`).join(',');
      out += `${m.name}${s.suffix ?? ''}${labels === '' ? '' : `{${labels}}`} ${s.value}\n`;
    }
  }
  return out;
}

/** Upper bounds of classic histograms of durations. Milliseconds; 1, 2.5, 5 in each decade. */
export const DURATION_BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 75, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000, 600_000] as const;

/**
 * The samples of a classic histogram. A bucket of ours that a bound lies in counts as above it, so a figure read off these
 * buckets is never better than the truth, and worse by at most the 1.1% that a bucket is wide.
 */
export function classicHistogram(h: Histogram, labels: Readonly<Record<string, string>>): Metric['samples'] {
  return [
    ...DURATION_BOUNDS_MS.map((le) => ({ labels: { ...labels, le: String(le) }, suffix: '_bucket', value: countUpTo(h, le) })),
    { labels: { ...labels, le: '+Inf' }, suffix: '_bucket', value: h.count },
    { labels, suffix: '_sum', value: h.sum }, { labels, suffix: '_count', value: h.count },
  ];
}
