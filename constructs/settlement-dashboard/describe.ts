/**
 * What the settlement dashboards show, as plain data: pages of rows of panels, with what each draws. CloudWatch and Grafana are
 * compiled from it (cloudwatch.ts, grafana.ts), so both show the same.
 *
 * A page holds the scopes that one can read at once. The first page has the platform as a whole: SLAs of the global scope and of
 * regions, and the worst or the sum of all sites for every metric; each page of sites has one line for each of them.
 */
import { burnRates } from '../../platform/burn-rates.ts';
import { INDICATORS } from '../../platform/indicators.ts';
import type { Sla } from '../../platform/model.ts';
import { duration, goodEvent, instancesOf, percent, runbookLink, scopeTitle, type ScopeInstance } from '../sla-alarms/index.ts';
import { COLUMNS, SCOPES_PER_PAGE } from './limits.ts';
import { METRIC_PANELS, type MetricKey, type MetricPanel, type Statistic } from './panels.ts';

export interface DashboardInput {
  /** For people: `tidemark production`. */
  readonly title: string;
  readonly slas: readonly Sla[];
  readonly scopes: readonly ScopeInstance[];
  /** What runbooks that are files are below. @default - the file's name as it is */
  readonly runbookBaseUrl?: string;
}

export interface Page {
  /** `overview`, `regions-2`, `sites-1`: unique in a set of pages. */
  readonly id: string;
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Where a panel is on the grid, in units of it; the same in CloudWatch and Grafana. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Panel {
  /** Unique on its page. */
  readonly id: string;
  readonly title: string;
  /** Markdown; lines over time; or one figure for each series. */
  readonly kind: 'text' | 'lines' | 'figures';
  readonly width: number;
  readonly height: number;
  readonly markdown?: string;
  readonly unit: 'percent' | 'ms' | 'ratio' | 'count';
  readonly series: readonly Series[];
  readonly thresholds: readonly Threshold[];
  /** Looks back this far, whatever time the dashboard shows. Days. @default - the dashboard's time */
  readonly days?: number;
}

export interface Threshold {
  readonly label: string;
  readonly value: number;
  /** On which side of it things are bad. */
  readonly bad: 'above' | 'below';
}

/** One line, or one figure. */
export type Series = SlaSeries | MetricSeries;

export interface SlaSeries {
  /** Good events (percent), what is left of the error budget (percent), or the burn rate. */
  readonly kind: 'good' | 'budget' | 'burn';
  readonly label: string;
  readonly sla: string;
  readonly scope: ScopeInstance;
  readonly objective: number;
  /** What one point covers. Minutes. */
  readonly minutes: number;
}

export interface MetricSeries {
  readonly kind: 'metric';
  readonly label: string;
  readonly metric: MetricKey;
  readonly stat: Statistic;
  /** Fixed labels; over all values of the others it is the sum of counters, the greatest of anything else. */
  readonly labels: Readonly<Record<string, string>>;
  readonly minutes: number;
}

const TEXT_HEIGHT_MAX = 12;
const LINES_MINUTES = 5;
/** Points of the budget: few enough for 90 days, fine enough for one. */
const BUDGET_MINUTES = 360;

export function describeDashboards(input: DashboardInput): Page[] {
  const isSite = (scope: ScopeInstance): boolean => scope.startsWith('site:');
  const upper = chunks(input.scopes.filter((scope) => !isSite(scope)));
  const sites = chunks(input.scopes.filter(isSite));
  return [
    // There is an overview even where no SLA is measured.
    pageOf(input, 'overview', 'Overview', upper[0] ?? [], [undefined]),
    ...upper.slice(1).map((scopes, i) => pageOf(input, `regions-${i + 2}`, `Regions, ${span(scopes)}`, scopes, [])),
    ...sites.map((scopes, i) => pageOf(input, `sites-${i + 1}`, `Sites, ${span(scopes)}`, scopes, scopes.map(idOf))),
  ];
}

const chunks = (scopes: readonly ScopeInstance[]): ScopeInstance[][] => Array.from(
  { length: Math.ceil(scopes.length / SCOPES_PER_PAGE) }, (_, i) => scopes.slice(i * SCOPES_PER_PAGE, (i + 1) * SCOPES_PER_PAGE),
);

const idOf = (scope: string): string => scope.slice(scope.indexOf(':') + 1);
const span = (scopes: readonly string[]): string => (scopes.length === 1 ? idOf(scopes[0]!) : `${idOf(scopes[0]!)} to ${idOf(scopes.at(-1)!)}`);

/** @param sites whose metrics are drawn, `undefined` for all together; none for no metrics */
function pageOf(
  input: DashboardInput, id: string, title: string, scopes: readonly ScopeInstance[], sites: readonly (string | undefined)[],
): Page {
  const instances = instancesOf(input.slas, scopes);
  const shown = input.slas.filter((sla) => instances.some((instance) => instance.sla === sla));
  return {
    id, title: `${input.title}: ${title}`,
    rows: [
      ...(shown.length === 0 ? [] : [{ title: 'Service levels', panels: [slaText(input, shown)] }]),
      ...shown.map((sla) => slaRow(sla, instances.filter((instance) => instance.sla === sla).map(({ scope }) => scope))),
      ...(sites.length === 0 ? [] : [{ title: 'Platform', panels: METRIC_PANELS.map((panel) => metricPanel(panel, sites, input.slas)) }]),
    ],
  };
}

function slaRow(sla: Sla, scopes: readonly ScopeInstance[]): Row {
  const rates = burnRates(sla);
  const minutes = rates[0]?.short.minutes ?? LINES_MINUTES;
  const series = (kind: SlaSeries['kind'], pointMinutes: number): SlaSeries[] =>
    scopes.map((scope) => ({ kind, label: scopeTitle(scope), sla: sla.id, scope, objective: sla.objective, minutes: pointMinutes }));
  return {
    title: `${sla.id}: ${INDICATORS[sla.indicator].title}, ${percent(sla.objective)} over ${sla.windowDays} d`,
    panels: [
      {
        id: `${sla.id}-budget`, title: `Error budget left of ${sla.windowDays} d`, kind: 'figures', width: 6, height: 7, unit: 'percent',
        days: sla.windowDays, series: series('budget', BUDGET_MINUTES), thresholds: [{ label: 'spent', value: 0, bad: 'below' }],
      },
      {
        id: `${sla.id}-good`, title: 'Good events', kind: 'lines', width: 9, height: 7, unit: 'percent', series: series('good', LINES_MINUTES),
        thresholds: [{ label: `objective ${percent(sla.objective)}`, value: Number((sla.objective * 100).toPrecision(12)), bad: 'below' }],
      },
      {
        id: `${sla.id}-burn`, title: `Burn rate over ${duration(minutes)}`, kind: 'lines', width: 9, height: 7, unit: 'count', series: series('burn', minutes),
        thresholds: rates.map(({ id, severity, factor }) => ({ label: `${id}: ${severity}`, value: factor, bad: 'above' as const })),
      },
    ],
  };
}

function metricPanel(panel: MetricPanel, sites: readonly (string | undefined)[], slas: readonly Sla[]): Panel {
  const together = panel.stat === 'Sum' ? 'all sites' : 'worst site';
  return {
    id: panel.id, title: panel.title, kind: 'lines', width: COLUMNS / 3, height: 7, unit: panel.unit,
    series: sites.map((site): MetricSeries => ({
      kind: 'metric', label: site ?? together, metric: panel.metric, stat: panel.stat, minutes: LINES_MINUTES,
      labels: { ...(site === undefined ? {} : { site }), ...panel.labels },
    })),
    thresholds: slas.filter(({ indicator }) => indicator === panel.indicator).flatMap((sla): Threshold[] => {
      const value = panel.unit === 'ms' ? sla.thresholdMs : sla.thresholdRatio;
      return value === undefined ? [] : [{ label: `SLA ${sla.id}`, value, bad: 'above' }];
    }),
  };
}

function slaText({ runbookBaseUrl }: DashboardInput, slas: readonly Sla[]): Panel {
  const cell = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const link = (sla: Sla): string => {
    const target = runbookLink(sla, runbookBaseUrl);
    // Signs that would end the link or the cell.
    return target.startsWith('https:') ? `[runbook](${target.replaceAll(/[()|<>\\]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)})` : cell(target);
  };
  const lines = slas.map((sla) => {
    const cells = [sla.id, percent(sla.objective), `${sla.windowDays} d`, goodEvent(sla), sla.severity, sla.owner];
    return `| ${[...cells.map(cell), link(sla)].join(' | ')} |`;
  });
  return {
    id: 'slas', title: 'SLAs', kind: 'text', width: COLUMNS, height: Math.min(TEXT_HEIGHT_MAX, 2 + slas.length), unit: 'count', series: [], thresholds: [],
    markdown: ['| SLA | objective | window | good is | severity | owner | runbook |', '| --- | --- | --- | --- | --- | --- | --- |', ...lines].join('\n'),
  };
}

export interface Layout {
  readonly headings: readonly { readonly title: string; readonly place: Place }[];
  readonly panels: readonly { readonly panel: Panel; readonly place: Place }[];
}

/** Panels with their places, row by row, left to right; a row's own heading takes a line above it. */
export function layOut(page: Page): Layout {
  const headings: { title: string; place: Place }[] = [];
  const panels: { panel: Panel; place: Place }[] = [];
  let y = 0;
  for (const row of page.rows) {
    headings.push({ title: row.title, place: { x: 0, y, width: COLUMNS, height: 1 } });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      if (x + panel.width > COLUMNS) {
        x = 0;
        y += height;
        height = 0;
      }
      panels.push({ panel, place: { x, y, width: panel.width, height: panel.height } });
      x += panel.width;
      height = Math.max(height, panel.height);
    }
    y += height;
  }
  return { headings, panels };
}

