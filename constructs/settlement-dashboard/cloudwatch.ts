/**
 * A page as the body of a CloudWatch dashboard
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
 */
import { layOut, type Page, type Panel, type Place, type Threshold } from './describe.ts';
import { cloudWatchQueries } from './queries.ts';

export interface CloudWatchOptions {
  /** Namespace of the platform's metrics. */
  readonly namespace: string;
  /** AWS region of the metrics. */
  readonly region: string;
}

export interface Widget {
  readonly type: 'text' | 'metric';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface DashboardBody {
  readonly start: string;
  readonly periodOverride: 'inherit';
  readonly widgets: readonly Widget[];
}

const RED = '#d13212';

export function toCloudWatch(page: Page, options: CloudWatchOptions): DashboardBody {
  const { headings, panels } = layOut(page);
  const widgets = [
    ...headings.map(({ title, place }): Widget => ({ type: 'text', ...place, properties: { markdown: `## ${title}`, background: 'transparent' } })),
    ...panels.map(({ panel, place }): Widget => widgetOf(panel, place, options)),
  ];
  // Periods are what the series say, not what fits the time on screen: a burn rate over 5 minutes stays one.
  return { start: '-PT6H', periodOverride: 'inherit', widgets: widgets.sort((a, b) => a.y - b.y || a.x - b.x) };
}

/** Rows of a widget's `metrics`: what it counts against CloudWatch's limits. */
export const metricRows = (widget: Widget): number => (Array.isArray(widget.properties['metrics']) ? widget.properties['metrics'].length : 0);

function widgetOf(panel: Panel, place: Place, options: CloudWatchOptions): Widget {
  if (panel.kind === 'text') return { type: 'text', ...place, properties: { markdown: panel.markdown ?? '' } };
  const lines = panel.kind === 'lines';
  return {
    type: 'metric', ...place,
    properties: {
      title: panel.title, region: options.region, view: lines ? 'timeSeries' : 'singleValue', stacked: false,
      metrics: panel.series.flatMap((series, i) => cloudWatchQueries(series, i, options.namespace).map((query) => {
        const common = { id: query.id, period: query.periodSeconds, visible: query.drawn, ...(query.drawn ? { label: label(panel, series.label) } : {}) };
        return query.metric === undefined
          ? [{ ...common, expression: query.expression }]
          : [options.namespace, query.metric.name, ...Object.entries(query.metric.dimensions).flat(), { ...common, stat: query.metric.stat }];
      })),
      ...(lines ? { yAxis: axis(panel), annotations: { horizontal: panel.thresholds.map(annotation) } } : {}),
      // A time of its own, up to now.
      ...(panel.days === undefined ? {} : { start: `-P${panel.days}D` }),
    },
  };
}

const annotation = ({ label: text, value, bad }: Threshold): object => ({ label: text, value, fill: bad, color: RED });

/** Figures carry their unit, lines have it at the axis. */
const label = (panel: Panel, text: string): string =>
  (panel.kind === 'figures' && panel.unit === 'percent' ? `${text} (%)` : text);

function axis({ unit }: Panel): object {
  const labels = { percent: '%', ms: 'ms', ratio: 'share', count: '' } as const;
  return { left: { label: labels[unit], showUnits: false, ...(unit === 'percent' ? { max: 100 } : { min: 0 }) } };
}
