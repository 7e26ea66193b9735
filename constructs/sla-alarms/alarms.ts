/** From what one says to alarms as data, by CloudWatch's names: what the construct and the Pulumi component are both made from. */
import type { BurnWindow } from '../../platform/burn-rates.ts';
import type { Indicator } from '../../platform/indicators.ts';
import type { Severity, Sla } from '../../platform/model.ts';
import type { Mistakes } from '../common/index.ts';
import { checkAlarms, ruleOf } from './checks.ts';
import { MAINTENANCE_WAIT_SECONDS, OPS_CATEGORY, PRICES, type SilencePolicy } from './defaults.ts';
import { LIMITS } from './limits.ts';
import { runbookLink, type AlarmPlanInput, type AlertPlan, type MetricAlarmPlan } from './plan.ts';
import type { ScopeInstance } from './scopes.ts';

/** 1 is critical, 4 is low. */
export type OpsItemSeverity = 1 | 2 | 3 | 4;

/** What one says to get alarms, in CDKTF or elsewhere. */
export interface AlarmProps {
  /** Start of every alarm's name: `tidemark-production`. Letters, digits and . _ -, at most 100. */
  readonly name: string;
  /** Those that are measured over none of `scopes` are left out: other stacks make their alarms. */
  readonly slas: readonly Sla[];
  /** What is watched here: `['global']`, `['region:eu']`, `['site:eu-fra-1']`. */
  readonly scopes: readonly ScopeInstance[];
  /** CloudWatch namespace of the platform's metrics: `metricNamespace(platform, environment)`. */
  readonly namespace: string;
  /** SNS topics to tell, by severity; at most 5 each, OpsItem included. Topics of the same AWS region as the alarms. */
  readonly topicArns: Readonly<Record<Severity, readonly string[]>>;
  /** Opens an OpsItem in Systems Manager as well, with this severity. @default - none */
  readonly opsItems?: Readonly<Partial<Record<Severity, OpsItemSeverity>>>;
  /** Name of the alarm that is in ALARM during maintenance and drills: no alert acts meanwhile. @default - nothing silences them */
  readonly maintenanceAlarmName?: string;
  /** What runbooks that are files of the repository are below: `https://git.example.com/tidemark/blob/main`. @default - the file's name as it is */
  readonly runbookBaseUrl?: string;
  /** Tells the same topics when an alert is over. @default true */
  readonly tellWhenOver?: boolean;
  /** Whether it is a fault when nothing is counted, by indicator. @default - see SILENCE in defaults.ts */
  readonly silence?: Readonly<Partial<Record<Indicator, SilencePolicy>>>;
  /** How many sites are counted together, by scope, for indicators that count minutes. @default 1 */
  readonly sources?: Readonly<Record<string, number>>;
  /** Windows and budget shares for an SLA of 30 days. @default - the Site Reliability Workbook's: BURN_WINDOWS of platform/burn-rates.ts */
  readonly windows?: readonly BurnWindow[];
  /** On every alarm, beside the SLA's own: `sla`, `scope`, `owner`, `severity`. @default - none */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Reports every mistake; the plan, as far as the properties allow one. */
export function planOf(m: Mistakes, props: AlarmProps): AlertPlan[] {
  for (const severity of ['page', 'ticket'] as const) m.range(`opsItems.${severity}`, props.opsItems?.[severity], 1, 4, 'the OpsItem scale');
  m.text('maintenanceAlarmName', props.maintenanceAlarmName, /^[^\p{Cc}]{1,255}$/u, 'the name of an alarm');
  // Stands for the OpsItem, whose ARN is known once the account is.
  const actions = (severity: Severity): readonly string[] => [...props.topicArns[severity], ...(props.opsItems?.[severity] === undefined ? [] : ['opsitem'])];
  return checkAlarms(m, {
    ...planInput(props), actions: { page: actions('page'), ticket: actions('ticket') }, sources: props.sources ?? {},
  });
}

/** The action that opens an OpsItem. */
export const opsItemArn = (partition: string, region: string, accountId: string, level: OpsItemSeverity): string =>
  `arn:${partition}:ssm:${region}:${accountId}:opsitem:${level}#CATEGORY=${OPS_CATEGORY}`;

/** What alerts cost at list prices: US dollars a month. */
export function monthlyCost(plan: readonly AlertPlan[]): number {
  const metrics = plan.flatMap(({ parts }) => parts.flatMap(({ queries }) => queries.filter(({ metric }) => metric !== undefined))).length;
  return Number((metrics * PRICES.alarmMetric + plan.length * PRICES.composite).toFixed(2));
}

function planInput(props: AlarmProps): AlarmPlanInput {
  const { name, slas, scopes, namespace, runbookBaseUrl, silence, windows } = props;
  return {
    name, slas, scopes, namespace, ...(runbookBaseUrl === undefined ? {} : { runbookBaseUrl }),
    ...(silence === undefined ? {} : { silence }), ...(windows === undefined ? {} : { windows }),
  };
}

/**
 * The alert itself.
 * @param parts names of its metric alarms as their resources have them, so that those are made first
 * @param actions ARNs, of its severity
 */
export const compositeAlarm = (alert: AlertPlan, parts: readonly string[], actions: readonly string[], props: Pick<AlarmProps, 'tellWhenOver' | 'maintenanceAlarmName'>) => ({
  alarmName: alert.name, alarmDescription: alert.description, alarmRule: ruleOf(parts),
  alarmActions: [...actions], ...(props.tellWhenOver === false ? {} : { okActions: [...actions] }),
  ...(props.maintenanceAlarmName === undefined ? {} : {
    actionsSuppressor: { alarm: props.maintenanceAlarmName, waitPeriod: MAINTENANCE_WAIT_SECONDS, extensionPeriod: alert.afterMaintenanceSeconds },
  }),
});

/** A metric alarm, as CloudWatch and the providers of it name things. */
export const metricAlarm = (part: MetricAlarmPlan) => ({
  alarmName: part.name, alarmDescription: part.description,
  comparisonOperator: part.comparison, threshold: part.threshold, evaluationPeriods: part.periods, datapointsToAlarm: part.periods,
  treatMissingData: part.treatMissingData,
  metricQuery: part.queries.map(({ id, metric, expression }, i) => ({
    id, returnData: i === part.queries.length - 1,
    ...(expression === undefined ? {} : { expression }),
    ...(metric === undefined ? {} : {
      metric: { metricName: metric.name, namespace: metric.namespace, dimensions: { ...metric.dimensions }, stat: metric.stat, period: part.periodSeconds },
    }),
  })),
});

/** Tags allow letters, digits, spaces and a few signs; what is none of them becomes a hyphen. */
export const tagValue = (text: string): string => text.replace(/[^\p{L}\p{N}\p{Z}_.:/=+\-@]/gu, '-').slice(0, LIMITS.tagValue.most);

export const tagsOf = ({ sla, scope, severity }: AlertPlan, props: Pick<AlarmProps, 'tags' | 'runbookBaseUrl'>): Record<string, string> => ({
  ...props.tags, sla: sla.id, scope, severity, owner: tagValue(sla.owner),
  // No tag may hold a #; the page without it is one, too, and the description has the whole link.
  runbook: tagValue(runbookLink(sla, props.runbookBaseUrl).replace(/#.*$/, '')),
});
