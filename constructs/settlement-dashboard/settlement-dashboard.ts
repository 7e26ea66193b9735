/** The settlement dashboards in CloudWatch: one for each page of the description. */
import { CloudwatchDashboard } from '@cdktf/provider-aws/lib/cloudwatch-dashboard/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import type { Sla } from '../../platform/model.ts';
import { check, type Mistakes } from '../common/index.ts';
import { checkScopes, checkSlas, NAMESPACE, NAMESPACE_ALLOWED, type ScopeInstance } from '../sla-alarms/index.ts';
import { metricRows, toCloudWatch, type DashboardBody } from './cloudwatch.ts';
import { describeDashboards, type Page } from './describe.ts';
import { LIMITS } from './limits.ts';

export interface SettlementDashboardProps {
  /** Start of every dashboard's name: `tidemark-production`. Letters, digits, - and _, at most 200. */
  readonly name: string;
  /** For people. @default - the name */
  readonly title?: string;
  /** Those that are measured over none of `scopes` are left out. */
  readonly slas: readonly Sla[];
  /** What is shown: all of a platform (`scopesOf(platform)`) or a part; twenty to a page. */
  readonly scopes: readonly ScopeInstance[];
  /** CloudWatch namespace of the platform's metrics: `metricNamespace(platform, environment)`. */
  readonly namespace: string;
  /** AWS region that the metrics are in. */
  readonly region: string;
  /** What runbooks that are files of the repository are below. @default - the file's name as it is */
  readonly runbookBaseUrl?: string;
  /** Provider of an AWS region to make them through; dashboards themselves belong to the account. @default - the stack's own */
  readonly provider?: TerraformProvider;
}

export class SettlementDashboard extends Construct {
  /** What is shown, as data. */
  readonly pages: readonly Page[];
  /** One for each page, in order. */
  readonly dashboards: readonly CloudwatchDashboard[];
  readonly dashboardNames: readonly string[];
  readonly dashboardArns: readonly string[];

  constructor(scope: Construct, id: string, props: SettlementDashboardProps) {
    super(scope, id);
    let made: { page: Page; body: DashboardBody; name: string }[] = [];
    check(this, (m) => {
      m.text('name', props.name, /^[\w-]{1,200}$/, 'at most 200 letters, digits, - and _');
      m.text('title', props.title, /^(?:(?![$%]\{)[^\p{Cc}]){1,100}$/u, '1 to 100 characters on one line, without ${ and %{');
      m.text('namespace', props.namespace, NAMESPACE, NAMESPACE_ALLOWED);
      m.text('region', props.region, /^[a-z]{2}(?:-[a-z]+)+-\d$/, 'an AWS region such as eu-west-1');
      const slas = checkSlas(m, props.slas);
      const scopes = checkScopes(m, props.scopes);
      made = describeDashboards({ ...props, title: props.title ?? props.name, slas, scopes })
        .map((page) => ({ page, body: toCloudWatch(page, props), name: `${props.name}-${page.id}` }));
      for (const { name, body } of made) checkLimits(m, name, body);
    });
    this.pages = made.map(({ page }) => page);
    this.dashboards = made.map(({ page, body, name }) => new CloudwatchDashboard(this, page.id, {
      dashboardName: name, dashboardBody: JSON.stringify(body), ...(props.provider === undefined ? {} : { provider: props.provider }),
    }));
    this.dashboardNames = made.map(({ name }) => name);
    this.dashboardArns = this.dashboards.map(({ dashboardArn }) => dashboardArn);
  }
}

function checkLimits(m: Mistakes, name: string, { widgets }: DashboardBody): void {
  const within = (what: string, value: number, { most, source }: { most: number; source: string }): void => {
    if (value <= most) return;
    m.add(`dashboard ${name}: ${value} ${what}, CloudWatch allows ${most} (${source}); show fewer SLAs or scopes, or make several of them`);
  };
  within('characters in its name', name.length, LIMITS.name);
  within('widgets', widgets.length, LIMITS.widgets);
  within('metrics', widgets.reduce((sum, widget) => sum + metricRows(widget), 0), LIMITS.metrics);
  within('metrics in one widget', Math.max(0, ...widgets.map(metricRows)), LIMITS.metricsPerWidget);
}
