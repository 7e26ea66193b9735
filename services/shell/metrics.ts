/** Prometheus text exposition, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'summary';
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
