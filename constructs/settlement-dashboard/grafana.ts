/**
 * Pages as Grafana dashboards, from CloudWatch or from Prometheus: JSON to import, to provision, or to give to a Terraform
 * provider of Grafana. An entry of its own: whoever needs no Grafana loads none of its SDK.
 */
import { createHash } from 'node:crypto';
import { MetricEditorMode, MetricQueryType, MetricsQueryBuilder, QueryMode } from '@grafana/grafana-foundation-sdk/cloudwatch';
import { type Builder, type Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  GraphThresholdsStyleConfigBuilder, GraphThresholdsStyleMode, LegendDisplayMode, LegendPlacement, ReduceDataOptionsBuilder, VizLegendOptionsBuilder,
  type DataSourceRef,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder, DatasourceVariableBuilder, RowBuilder, ThresholdsConfigBuilder, ThresholdsMode, type Dashboard, type GridPos, type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TextBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text';
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { type CloudWatchOptions } from './cloudwatch.ts';
import { describeDashboards, layOut, type DashboardInput, type Page, type Panel, type Place } from './describe.ts';
import { prometheusQuery } from './prometheus.ts';
import { cloudWatchQueries, type CloudWatchQuery } from './queries.ts';

/** Where Grafana gets its data. `uid` names one data source; without it, each dashboard lets one pick. */
export type GrafanaSource =
  | ({ readonly kind: 'cloudwatch'; readonly uid?: string } & CloudWatchOptions)
  | { readonly kind: 'prometheus'; readonly uid?: string };

export const grafanaDashboards = (input: DashboardInput, source: GrafanaSource): Dashboard[] =>
  describeDashboards(input).map((page) => toGrafana(page, source, input.title));

/** A page as a dashboard, whose uid follows from the title of the set, the page and the kind of source: importing it again replaces it. */
export function toGrafana(page: Page, source: GrafanaSource, title: string): Dashboard {
  const uid = `tidemark-${createHash('sha256').update(JSON.stringify([title, page.id, source.kind])).digest('hex').slice(0, 16)}`;
  const dashboard = new DashboardBuilder(page.title).uid(uid).tags(['tidemark', 'sla']).readonly().timezone('utc')
    .time({ from: 'now-6h', to: 'now' }).refresh('1m');
  if (source.uid === undefined) dashboard.withVariable(new DatasourceVariableBuilder('source').label('Data source').type(source.kind));
  const datasource: DataSourceRef = { type: source.kind, uid: source.uid ?? '${source}' };
  const { headings, panels } = layOut(page);
  let id = 0;
  for (const { title: heading, place } of headings) {
    const next = headings.find((other) => other.place.y > place.y)?.place.y ?? Number.POSITIVE_INFINITY;
    dashboard.withRow(new RowBuilder(heading).id(id += 1).gridPos(gridPos(place)));
    for (const { panel, place: at } of panels.filter((other) => other.place.y > place.y && other.place.y < next)) {
      dashboard.withPanel(build(panel, datasource, source).id(id += 1).gridPos(gridPos(at)));
    }
  }
  // Plain JSON: the builders leave functions on queries that mark their kind.
  return JSON.parse(JSON.stringify(dashboard.build())) as Dashboard;
}

const gridPos = ({ x, y, width, height }: Place): GridPos => ({ x, y, w: width, h: height });

function build(panel: Panel, datasource: DataSourceRef, source: GrafanaSource): TextBuilder | LinesBuilder | StatBuilder {
  if (panel.kind === 'text') return new TextBuilder().title(panel.title).mode(TextMode.Markdown).content(panel.markdown ?? '');
  const targets = panel.series.flatMap((series, i): Builder<Dataquery>[] => {
    if (source.kind === 'prometheus') {
      const query = new DataqueryBuilder().refId(`drawn${i}`).datasource(datasource).expr(prometheusQuery(series, panel.days)).legendFormat(series.label);
      return [panel.kind === 'lines' ? query.range() : query.instant()];
    }
    return cloudWatchQueries(series, i, source.namespace).map((query) => cloudWatchTarget(query, series.label, datasource, source));
  });
  const thresholds = new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps(panel));
  if (panel.kind === 'figures') {
    const stat = new StatBuilder().title(panel.title).datasource(datasource).targets(targets).unit('percent').decimals(1).thresholds(thresholds)
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
    return panel.days === undefined ? stat : stat.timeFrom(`${panel.days}d`);
  }
  const lines = new LinesBuilder().title(panel.title).datasource(datasource).targets(targets).unit(UNITS[panel.unit]).thresholds(thresholds)
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(panel.thresholds.length === 0 ? GraphThresholdsStyleMode.Off : GraphThresholdsStyleMode.Dashed))
    .legend(new VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom))
    .description(panel.thresholds.map(({ label, value }) => `${label}: ${value}`).join('; '));
  return panel.unit === 'percent' ? lines.max(100) : lines.min(0);
}

function cloudWatchTarget(query: CloudWatchQuery, label: string, datasource: DataSourceRef, { region, namespace }: CloudWatchOptions): MetricsQueryBuilder {
  // A hidden query with an id is still sent, because expressions name it.
  const builder = new MetricsQueryBuilder().refId(query.id).id(query.id).datasource(datasource).hide(!query.drawn).label(label)
    .queryMode(QueryMode.Metrics).metricQueryType(MetricQueryType.Search).region(region).namespace(namespace).period(String(query.periodSeconds));
  if (query.metric === undefined) return builder.metricEditorMode(MetricEditorMode.Code).expression(query.expression ?? '');
  return builder.metricEditorMode(MetricEditorMode.Builder).metricName(query.metric.name).statistic(query.metric.stat).matchExact(true)
    .dimensions(Object.fromEntries(Object.entries(query.metric.dimensions).map(([name, value]) => [name, [value]])));
}

const UNITS = { percent: 'percent', ms: 'ms', ratio: 'percentunit', count: 'short' } as const;

/** Grafana's thresholds go upwards from a base colour. */
function steps({ thresholds }: Panel): Threshold[] {
  const below = thresholds.some(({ bad }) => bad === 'below');
  const sorted = [...thresholds].sort((a, b) => a.value - b.value);
  const colour = (i: number): string => (i === sorted.length - 1 ? 'red' : 'orange');
  return [{ value: null, color: below ? 'red' : 'green' }, ...sorted.map(({ value }, i) => ({ value, color: below ? 'green' : colour(i) }))];
}
