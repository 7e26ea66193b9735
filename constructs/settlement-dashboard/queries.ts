/** Series of the description in CloudWatch's words: metrics, and expressions over them. CloudWatch's dashboards and Grafana use the same. */
import { METRICS, SLA_LABELS, SLA_METRICS } from '../../platform/metrics.ts';
import { EXPORTED } from '../telemetry-pipeline/defaults.ts';
import type { MetricSeries, Series, SlaSeries } from './describe.ts';
import type { Statistic } from './panels.ts';

/** What makes one line of those of several sites: all together, or the worst. */
const TOGETHER: Readonly<Record<Statistic, string>> = { Sum: 'SUM', Maximum: 'MAX', Minimum: 'MIN', p99: 'MAX' };

/** A metric, or an expression over the ids of others; the last one of a series is what is drawn. */
export interface CloudWatchQuery {
  /** Unique on its panel. */
  readonly id: string;
  readonly drawn: boolean;
  readonly periodSeconds: number;
  readonly expression?: string;
  readonly metric?: { readonly name: string; readonly dimensions: Readonly<Record<string, string>>; readonly stat: string };
}

/** @param i which series of its panel it is */
export const cloudWatchQueries = (series: Series, i: number, namespace: string): CloudWatchQuery[] =>
  (series.kind === 'metric' ? metricQueries(series, i, namespace) : slaQueries(series, i));

function slaQueries(series: SlaSeries, i: number): CloudWatchQuery[] {
  const periodSeconds = series.minutes * 60;
  const counter = (id: string, name: string): CloudWatchQuery => ({
    id, drawn: false, periodSeconds, metric: { name, dimensions: { [SLA_LABELS.sla]: series.sla, [SLA_LABELS.scope]: series.scope }, stat: 'Sum' },
  });
  const events = `events${i}`;
  const good = `FILL(good${i}, 0)`;
  return [
    counter(events, SLA_METRICS.events), counter(`good${i}`, SLA_METRICS.good),
    { id: `drawn${i}`, drawn: true, periodSeconds, expression: slaExpression(series, events, good) },
  ];
}

/** All bad means that nothing was counted as good, so a gap in `good` is a zero; a gap in `events` stays one. */
function slaExpression({ kind, objective }: SlaSeries, events: string, good: string): string {
  const budget = Number((1 - objective).toPrecision(12));
  switch (kind) {
    case 'good': return `100 * ${good} / ${events}`;
    case 'burn': return `(1 - ${good} / ${events}) / ${budget}`;
    // Sums over the whole time are numbers; what is drawn has to be a series, so one of zeros is added.
    case 'budget': return `100 * (1 - (1 - SUM(${good}) / SUM(${events})) / ${budget}) + 0 * ${events}`;
  }
}

function metricQueries(series: MetricSeries, i: number, namespace: string): CloudWatchQuery[] {
  const { name } = METRICS[series.metric];
  const periodSeconds = series.minutes * 60;
  const [dimensions = []] = EXPORTED.find((exported) => exported.name === name)?.dimensions ?? [];
  const id = `drawn${i}`;
  if (dimensions.every((dimension) => series.labels[dimension] !== undefined)) {
    return [{ id, drawn: true, periodSeconds, metric: { name, dimensions: series.labels, stat: series.stat } }];
  }
  const schema = [namespace, ...dimensions].map((part) => `"${part}"`).join(',');
  const fixed = Object.entries(series.labels).map(([label, value]) => ` "${label}"="${value}"`).join('');
  const search = `SEARCH('{${schema}} MetricName="${name}"${fixed}', '${series.stat}', ${periodSeconds})`;
  // A percentile of percentiles means nothing; the greatest of them is the worst one.
  return [{ id, drawn: true, periodSeconds, expression: `${TOGETHER[series.stat]}(${search})` }];
}
