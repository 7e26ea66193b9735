/** Series of the description in PromQL. Histograms are native ones, so a quantile needs no buckets' labels. */
import { METRICS, SLA_LABELS, SLA_METRICS } from '../../platform/metrics.ts';
import type { MetricSeries, Series, SlaSeries } from './describe.ts';

/** @param days what the whole panel looks back over */
export const prometheusQuery = (series: Series, days?: number): string => (series.kind === 'metric' ? metricQuery(series) : slaQuery(series, days));

const quoted = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
const selector = (name: string, labels: Readonly<Record<string, string>>): string =>
  `${name}{${Object.entries(labels).map(([label, value]) => `${label}=${quoted(value)}`).join(',')}}`;

function slaQuery({ kind, sla, scope, objective, minutes }: SlaSeries, days: number | undefined): string {
  const range = kind === 'budget' && days !== undefined ? `${days}d` : `${minutes}m`;
  const counted = (name: string): string => `sum(increase(${selector(name, { [SLA_LABELS.sla]: sla, [SLA_LABELS.scope]: scope })}[${range}]))`;
  // All bad means that nothing was counted as good: no series there is a zero.
  const good = `((${counted(SLA_METRICS.good)} or vector(0)) / ${counted(SLA_METRICS.events)})`;
  const budget = Number((1 - objective).toPrecision(12));
  switch (kind) {
    case 'good': return `100 * ${good}`;
    case 'burn': return `(1 - ${good}) / ${budget}`;
    case 'budget': return `100 * (1 - (1 - ${good}) / ${budget})`;
  }
}

function metricQuery({ metric, stat, labels, minutes }: MetricSeries): string {
  const selected = selector(METRICS[metric].name, labels);
  switch (stat) {
    case 'Sum': return `sum(increase(${selected}[${minutes}m]))`;
    case 'Maximum': return `max(max_over_time(${selected}[${minutes}m]))`;
    case 'Minimum': return `min(min_over_time(${selected}[${minutes}m]))`;
    // The worst site's quantile; over all sites together a single bad one would vanish.
    case 'p99': return `max(histogram_quantile(0.99, sum by (site) (rate(${selected}[${minutes}m]))))`;
  }
}
