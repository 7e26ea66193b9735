/** The dashboards: what they show, that CloudWatch and Grafana show the same, and that CloudWatch takes them. */
import fc from 'fast-check';
import { type Dashboard, type Panel as GrafanaPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { INDICATORS, type Indicator } from '../../platform/indicators.ts';
import { metricNamespace, METRICS } from '../../platform/metrics.ts';
import type { Sla } from '../../platform/model.ts';
import platform from '../../tidemark.config.ts';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { instancesOf, scopesOf, type ScopeInstance } from '../sla-alarms/index.ts';
import { EXPORTED } from '../telemetry-pipeline/defaults.ts';
import { metricRows, type DashboardBody } from './cloudwatch.ts';
import { grafanaDashboards, type GrafanaSource } from './grafana.ts';
import { describeDashboards, layOut, LIMITS, METRIC_PANELS, SettlementDashboard, toCloudWatch, type DashboardInput, type Panel, type SettlementDashboardProps } from './index.ts';
import { prometheusQuery } from './prometheus.ts';
import { cloudWatchQueries } from './queries.ts';

const FINAL: Sla = {
  id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 1_000, windowDays: 30, scope: 'global', severity: 'page',
  owner: 'settlement', runbook: 'runbooks/finality.ts',
};
const AVAILABLE: Sla = { ...FINAL, id: 'available', indicator: 'availability', objective: 0.999, scope: 'site' };
const ORDERED: Sla = { ...FINAL, id: 'ordered', indicator: 'ordering', thresholdMs: 250, scope: 'region', severity: 'ticket' };
const INPUT: DashboardInput = { title: 'tidemark test', slas: [FINAL, ORDERED, AVAILABLE], scopes: ['global', 'region:eu', 'site:eu-fra-1', 'site:eu-waw-1'] };
const CLOUDWATCH = { namespace: 'Tidemark/tidemark/test', region: 'eu-west-1' };
const PROPS: SettlementDashboardProps = { name: 'tidemark-test', slas: INPUT.slas, scopes: INPUT.scopes, ...CLOUDWATCH };
const SOURCES: readonly GrafanaSource[] = [{ kind: 'cloudwatch', ...CLOUDWATCH }, { kind: 'prometheus' }, { kind: 'prometheus', uid: 'mine' }];

const synth = (more: Partial<SettlementDashboardProps> = {}): Synthesized => synthStack((stack) => void new SettlementDashboard(stack, 'dashboard', { ...PROPS, ...more }));
const panelsOf = (input: DashboardInput): Panel[] => describeDashboards(input).flatMap((page) => page.rows.flatMap((row) => row.panels));
const panel = (id: string, page = 0): Panel => describeDashboards(INPUT)[page]!.rows.flatMap((row) => row.panels).find((one) => one.id === id)!;

test('everything of it', () => {
  expect(synth({ slas: [FINAL], scopes: ['global', 'site:eu-fra-1'] }).json).toMatchSnapshot();
});

test('an overview of the platform, and pages of sites', () => {
  const pages = describeDashboards(INPUT);
  expect(pages.map(({ id, title, rows }) => [id, title, rows.map((row) => row.title)])).toEqual([
    ['overview', 'tidemark test: Overview', ['Service levels', 'final: Finality, 99 % over 30 d', 'ordered: Ordering, 99 % over 30 d', 'Platform']],
    ['sites-1', 'tidemark test: Sites, eu-fra-1 to eu-waw-1', ['Service levels', 'available: Availability, 99.9 % over 30 d', 'Platform']],
  ]);
  expect(panel('final-good').series.map(({ label }) => label)).toEqual(['global']);
  expect(panel('available-burn', 1).series.map(({ label }) => label)).toEqual(['site eu-fra-1', 'site eu-waw-1']);
  expect(panel('lag-final').series.map(({ label }) => label)).toEqual(['worst site']);
  expect(panel('settlements').series.map(({ label }) => label)).toEqual(['all sites']);
  expect(panel('lag-final', 1).series.map(({ label }) => label)).toEqual(['eu-fra-1', 'eu-waw-1']);
});

test('thresholds: the objective, the factors of the alarms, and the SLA\'s own', () => {
  expect(panel('final-good').thresholds).toEqual([{ label: 'objective 99 %', value: 99, bad: 'below' }]);
  expect(panel('final-burn')).toMatchObject({ title: 'Burn rate over 5 min', thresholds: [{ label: 'fast: page', value: 14.4 }, { label: 'slow: page', value: 6 }, { label: 'steady: ticket', value: 1 }] });
  expect(panel('ordered-burn')).toMatchObject({ title: 'Burn rate over 6 h', thresholds: [{ label: 'steady: ticket', value: 1 }] });
  expect(panel('lag-final').thresholds).toEqual([{ label: 'SLA final', value: 1_000, bad: 'above' }]);
  expect(panel('final-budget')).toMatchObject({ kind: 'figures', days: 30 });
});

test('every metric of the platform is drawn, by the dimensions that it is exported with', () => {
  expect(new Set(METRIC_PANELS.map(({ metric }) => metric))).toEqual(new Set(Object.keys(METRICS)));
  for (const { metric, labels = {}, id } of METRIC_PANELS) {
    const dimensions = EXPORTED.find(({ name }) => name === METRICS[metric].name)?.dimensions[0];
    expect(dimensions, id).toEqual(expect.arrayContaining(['site', ...Object.keys(labels)]));
  }
});

interface Shown { readonly title: string; readonly x: number; readonly y: number; readonly w: number; readonly h: number; readonly labels: readonly string[] }
const sorted = (shown: readonly Shown[]): Shown[] => [...shown].sort((a, b) => a.y - b.y || a.x - b.x);

function inCloudWatch({ widgets }: DashboardBody): Shown[] {
  return sorted(widgets.filter(({ properties }) => !String(properties['markdown']).startsWith('## ')).map(({ x, y, width, height, properties }) => ({
    title: (properties['title'] as string | undefined) ?? 'SLAs', x, y, w: width, h: height,
    labels: ((properties['metrics'] as unknown[][] | undefined) ?? []).map((row) => row.at(-1) as { visible: boolean; label?: string })
      .flatMap(({ visible, label }) => (visible ? [label!.replace(' (%)', '')] : [])),
  })));
}

const panelsIn = (dashboard: Dashboard): GrafanaPanel[] => (dashboard.panels ?? []).filter((one) => one.type !== 'row') as GrafanaPanel[];
type Target = { readonly hide?: boolean; readonly label?: string; readonly legendFormat?: string; readonly refId: string; readonly expression?: string; readonly id?: string };
const targetsOf = (one: GrafanaPanel): Target[] => (one.targets ?? []) as unknown as Target[];

const inGrafana = (dashboard: Dashboard): Shown[] => sorted(panelsIn(dashboard).map((one) => ({
  title: one.title!, x: one.gridPos!.x, y: one.gridPos!.y, w: one.gridPos!.w, h: one.gridPos!.h,
  labels: targetsOf(one).filter(({ hide }) => hide !== true).map(({ label, legendFormat }) => label ?? legendFormat!),
})));

test('CloudWatch and Grafana show the same panels, in the same places, with the same series', () => {
  const pages = describeDashboards(INPUT);
  for (const source of SOURCES) {
    const dashboards = grafanaDashboards(INPUT, source);
    expect(dashboards.map(({ title }) => title)).toEqual(pages.map(({ title }) => title));
    for (const [i, page] of pages.entries()) {
      const body = toCloudWatch(page, CLOUDWATCH);
      expect(inGrafana(dashboards[i]!)).toEqual(inCloudWatch(body));
      const headings = body.widgets.flatMap(({ properties }) => /^## (.*)$/.exec(String(properties['markdown']))?.[1] ?? []);
      expect((dashboards[i]!.panels ?? []).flatMap((one) => (one.type === 'row' ? [one.title] : []))).toEqual(headings);
    }
  }
});

test('Grafana\'s JSON: ids are unique, nothing overlaps, every expression finds its metrics, data sources are named or picked', () => {
  for (const source of SOURCES) {
    const dashboards = grafanaDashboards(INPUT, source);
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
    for (const dashboard of dashboards) {
      expect(dashboard.uid!.length).toBeLessThanOrEqual(40);
      const all = dashboard.panels ?? [];
      expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
      expect(all.every(({ id }) => Number.isInteger(id))).toBe(true);
      noOverlap(all.map(({ gridPos }) => ({ x: gridPos!.x, y: gridPos!.y, width: gridPos!.w, height: gridPos!.h })));
      for (const one of panelsIn(dashboard)) {
        const targets = targetsOf(one);
        expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
        for (const { expression } of targets) for (const id of expression?.match(/\b(?:good|events)\d+\b/g) ?? []) expect(targets.map((target) => target.id)).toContain(id);
        if (one.type !== 'text') expect(one.datasource).toEqual({ type: source.kind, uid: source.uid ?? '${source}' });
      }
      expect(dashboard.templating?.list?.map(({ name, type }) => [name, type]) ?? []).toEqual(source.uid === undefined ? [['source', 'datasource']] : []);
    }
  }
  expect(grafanaDashboards(INPUT, SOURCES[1]!)[0]!.uid).toBe(grafanaDashboards(INPUT, SOURCES[1]!)[0]!.uid);
});

test('a panel of Grafana, from either source', () => {
  const good = (source: GrafanaSource): GrafanaPanel => panelsIn(grafanaDashboards(INPUT, source)[0]!).find(({ title }) => title === 'Good events')!;
  expect(good(SOURCES[0]!)).toMatchObject({
    type: 'timeseries', description: 'objective 99 %: 99',
    targets: [
      {
        id: 'events0', refId: 'events0', hide: true, region: 'eu-west-1', namespace: 'Tidemark/tidemark/test', metricName: 'tidemark_sla_events_total', statistic: 'Sum', period: '300',
        matchExact: true, dimensions: { sla: ['final'], scope: ['global'] },
      },
      { id: 'good0', hide: true, metricName: 'tidemark_sla_good_total' },
      { id: 'drawn0', hide: false, expression: '100 * FILL(good0, 0) / events0', label: 'global', metricEditorMode: 1 },
    ],
    fieldConfig: { defaults: { unit: 'percent', max: 100, thresholds: { mode: 'absolute', steps: [{ value: null, color: 'red' }, { value: 99, color: 'green' }] } } },
  });
  expect(good(SOURCES[2]!)).toMatchObject({ datasource: { type: 'prometheus', uid: 'mine' }, targets: [{ refId: 'drawn0', range: true, legendFormat: 'global' }] });
  const dashboard = grafanaDashboards(INPUT, SOURCES[1]!)[0]!;
  expect(dashboard).toMatchObject({ editable: false, timezone: 'utc', tags: ['tidemark', 'sla'], time: { from: 'now-6h', to: 'now' } });
  expect(dashboard.schemaVersion).toBeGreaterThan(30);
  expect(JSON.parse(JSON.stringify(dashboard))).toEqual(dashboard);
});

interface Box { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
function noOverlap(boxes: readonly Box[]): void {
  const taken = new Set<string>();
  for (const { x, y, width, height } of boxes) {
    expect(x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 24).toBe(true);
    for (let column = x; column < x + width; column += 1) {
      for (let line = y; line < y + height; line += 1) {
        expect(taken.has(`${column}/${line}`)).toBe(false);
        taken.add(`${column}/${line}`);
      }
    }
  }
}

test('for any SLAs and any number of regions and sites: all shown once, nothing overlaps, CloudWatch takes it', () => {
  const slas = fc.array(fc.record({
    indicator: fc.constantFrom(...Object.keys(INDICATORS) as Indicator[]), scope: fc.constantFrom('global' as const, 'region' as const, 'site' as const, 'region:r1' as const),
    windowDays: fc.integer({ min: 1, max: 90 }), objective: fc.constantFrom(0.5, 0.99, 0.9999), severity: fc.constantFrom('page' as const, 'ticket' as const),
  }), { maxLength: 8 }).map((list) => list.map((sla, i): Sla => ({ ...FINAL, ...sla, id: `sla-${i}` })));
  fc.assert(fc.property(slas, fc.integer({ min: 0, max: 45 }), fc.integer({ min: 0, max: 120 }), (given, regions, sites) => {
    const scopes: ScopeInstance[] = [
      'global', ...Array.from({ length: regions }, (_, i): ScopeInstance => `region:r${i}`), ...Array.from({ length: sites }, (_, i): ScopeInstance => `site:s${i}`),
    ];
    const input = { ...INPUT, slas: given, scopes };
    const pages = describeDashboards(input);
    expect(new Set(pages.map(({ id }) => id)).size).toBe(pages.length);
    for (const kind of ['good', 'burn', 'budget'] as const) {
      const shown = pages.flatMap((page) => page.rows.flatMap((row) => row.panels.flatMap(({ series }) => series))).flatMap((one) => (one.kind === kind ? [`${one.sla} ${one.scope}`] : []));
      expect(shown.toSorted()).toEqual(instancesOf(given, scopes).map(({ sla, scope }) => `${sla.id} ${scope}`).toSorted());
    }
    for (const page of pages) {
      const { headings, panels } = layOut(page);
      noOverlap([...headings, ...panels].map(({ place }) => place));
      const { widgets } = toCloudWatch(page, CLOUDWATCH);
      expect(widgets.length).toBeLessThanOrEqual(LIMITS.widgets.most);
      expect(widgets.reduce((sum, widget) => sum + metricRows(widget), 0)).toBeLessThanOrEqual(LIMITS.metrics.most);
      expect(Math.max(...widgets.map(metricRows))).toBeLessThanOrEqual(LIMITS.metricsPerWidget.most);
    }
  }), { numRuns: 30 });
});

/** An expression of the dashboards for one point of each metric. */
const evaluated = (expression: string, events: number, good: number | null): number =>
  // oxlint-disable-next-line no-new-func -- evaluates what the compiler wrote
  (new Function('events0', 'good0', 'FILL', 'SUM', `return ${expression}`) as (...given: unknown[]) => number)(events, good, (x: number | null, y: number) => x ?? y, (x: number) => x);

test('the expressions for CloudWatch', () => {
  const drawn = (kind: 'good' | 'burn' | 'budget'): string =>
    cloudWatchQueries({ kind, label: '', sla: 'final', scope: 'global', objective: 0.99, minutes: 5 }, 0, 'ns').at(-1)!.expression!;
  expect(evaluated(drawn('good'), 200, 199)).toBeCloseTo(99.5, 9);
  expect(evaluated(drawn('burn'), 200, 199)).toBeCloseTo(0.5, 9);
  expect(evaluated(drawn('budget'), 200, 199)).toBeCloseTo(50, 9);
  expect(evaluated(drawn('budget'), 100, 98)).toBeCloseTo(-100, 9);
  expect(evaluated(drawn('good'), 100, null)).toBe(0);
  const lag = panel('lag-final');
  expect(cloudWatchQueries(lag.series[0]!, 0, 'Tidemark/t/x')).toEqual([{
    id: 'drawn0', drawn: true, periodSeconds: 300,
    expression: 'MAX(SEARCH(\'{"Tidemark/t/x","site","stage"} MetricName="tidemark_settlement_lag_ms" "stage"="final"\', \'p99\', 300))',
  }]);
  expect(cloudWatchQueries(panel('lag-final', 1).series[1]!, 1, 'ns')).toEqual([{
    id: 'drawn1', drawn: true, periodSeconds: 300, metric: { name: 'tidemark_settlement_lag_ms', dimensions: { site: 'eu-waw-1', stage: 'final' }, stat: 'p99' },
  }]);
  expect(cloudWatchQueries(panel('settlements', 1).series[0]!, 0, 'ns')[0]!.expression)
    .toBe('SUM(SEARCH(\'{"ns","site","decision"} MetricName="tidemark_settlements_total" "site"="eu-fra-1"\', \'Sum\', 300))');
});

test('the queries for Prometheus', () => {
  const good = '((sum(increase(tidemark_sla_good_total{sla="final",scope="global"}[5m])) or vector(0)) / sum(increase(tidemark_sla_events_total{sla="final",scope="global"}[5m])))';
  expect(prometheusQuery(panel('final-good').series[0]!)).toBe(`100 * ${good}`);
  expect(prometheusQuery(panel('final-burn').series[0]!)).toBe(`(1 - ${good}) / 0.01`);
  expect(prometheusQuery(panel('final-budget').series[0]!, 30)).toBe(`100 * (1 - (1 - ${good.replaceAll('5m', '30d')}) / 0.01)`);
  expect(prometheusQuery(panel('lag-final', 1).series[0]!)).toBe('max(histogram_quantile(0.99, sum by (site) (rate(tidemark_settlement_lag_ms{site="eu-fra-1",stage="final"}[5m]))))');
  expect(prometheusQuery(panel('queued').series[0]!)).toBe('max(max_over_time(tidemark_queued_entries{}[5m]))');
  expect(prometheusQuery(panel('settlements').series[0]!)).toBe('sum(increase(tidemark_settlements_total{}[5m]))');
});

test('the list of SLAs says who answers and what to do, and what is written in it stays in its cell', () => {
  const text = (sla: Sla): string => panelsOf({ ...INPUT, slas: [sla], scopes: ['global'], runbookBaseUrl: 'https://git.example.com/t' })[0]!.markdown!.split('\n').at(-1)!;
  expect(text(FINAL)).toBe('| final | 99 % | 30 d | a settlement whose outcome (final or rejected) is proven at its edge node within 1000 ms of the request | page | settlement '
    + '| [runbook](https://git.example.com/t/runbooks/finality.ts) |');
  const hostile = text({ ...FINAL, owner: 'a | b <script>', runbook: 'https://x.example/a)|<b>' });
  expect(hostile).toContain('| a \\| b &lt;script> |');
  expect(hostile).toContain('[runbook](https://x.example/a%29%7c%3cb%3e)');
});

test('all mistakes at once, with the construct\'s path', () => {
  expect(() => synth({ name: 'a b', namespace: '', region: 'Dublin', title: '${x}', scopes: ['site:a', 'site:a', 'x' as never], slas: [{ ...FINAL, objective: 2 }] }))
    .toThrow(/test\/dashboard: 7 mistakes:[\s\S]*name: [\s\S]*title: [\s\S]*namespace: [\s\S]*region: [\s\S]*slas\[0\]\.objective[\s\S]*scopes\[1\]: site:a is named twice[\s\S]*scopes\[2\]/);
  const many = Array.from({ length: 40 }, (_, i): Sla => ({ ...AVAILABLE, id: `sla-${i}` }));
  const sites = Array.from({ length: 20 }, (_, i): ScopeInstance => `site:s${i}`);
  expect(() => synth({ slas: many, scopes: sites })).toThrow(/dashboard tidemark-test-sites-1: \d+ metrics, CloudWatch allows 2500 \(https:.*\); show fewer/);
});

test('the README\'s examples, with the deployment in use', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const [construct, grafana] = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!.replaceAll(/^import .*$/gm, ''));
  const given = { SettlementDashboard, grafanaDashboards, platform, scopesOf, metricNamespace };
  const run = (code: string, more: object): unknown => {
    const all = { ...given, ...more };
    // oxlint-disable-next-line no-new-func -- runs what the README tells its readers to
    return (new Function(...Object.keys(all), code) as (...args: unknown[]) => unknown)(...Object.values(all));
  };
  const made = synthStack((stack) => void run(construct!, { stack }));
  const names = made.resources('aws_cloudwatch_dashboard').map(([, one]) => one['dashboard_name'] as string).sort();
  expect(names).toEqual(['tidemark-production-overview', 'tidemark-production-sites-1']);
  expect((run(`${grafana!}; return files;`, {}) as Dashboard[]).map(({ title }) => title)).toEqual([
    'tidemark production: Overview', 'tidemark production: Sites, eu-fra-1 to us-nyc-1',
  ]);
});
