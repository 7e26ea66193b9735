/** The alarms of SLAs in CloudWatch, from the plan: metric alarms that watch, and composite alarms that act. */
import { CloudwatchCompositeAlarm } from '@cdktf/provider-aws/lib/cloudwatch-composite-alarm/index.js';
import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm/index.js';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition/index.js';
import { DataAwsRegion } from '@cdktf/provider-aws/lib/data-aws-region/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import type { BurnWindow } from '../../platform/burn-rates.ts';
import type { Indicator } from '../../platform/indicators.ts';
import type { Severity, Sla } from '../../platform/model.ts';
import { check, type Grantee } from '../common/index.ts';
import { checkAlarms, ruleOf } from './checks.ts';
import { MAINTENANCE_WAIT_SECONDS, OPS_CATEGORY, PRICES, type SilencePolicy } from './defaults.ts';
import { LIMITS } from './limits.ts';
import { planAlerts, runbookLink, type AlarmPlanInput, type AlertPlan, type MetricAlarmPlan } from './plan.ts';
import { type ScopeInstance } from './scopes.ts';

/** 1 is critical, 4 is low. */
export type OpsItemSeverity = 1 | 2 | 3 | 4;

export interface SlaAlarmsProps {
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
  /** Provider of the AWS region that metrics and topics are in. @default - the stack's own */
  readonly provider?: TerraformProvider;
}

/** Names and ARNs of alerts, made here or elsewhere. */
export interface ExistingSlaAlarms {
  readonly alarmNames: readonly string[];
  readonly alarmArns: readonly string[];
}

/** An alert with its resources. */
export interface SlaAlert {
  readonly plan: AlertPlan;
  readonly metricAlarms: readonly CloudwatchMetricAlarm[];
  readonly composite: CloudwatchCompositeAlarm;
}

export interface AlarmPlace {
  /** AWS region of the alarms. */
  readonly region: string;
  /** 12 digits. */
  readonly accountId: string;
  /** @default 'aws' */
  readonly partition?: string;
}

export class SlaAlarms extends Construct implements ExistingSlaAlarms {
  /** Those that another stack made from the same SLAs: names follow from them. */
  static fromSlas(props: Pick<SlaAlarmsProps, 'name' | 'slas' | 'scopes' | 'silence' | 'windows'>, place: AlarmPlace): ExistingSlaAlarms {
    const alarmNames = planAlerts({ ...props, namespace: '-' }).map(({ name }) => name);
    return { alarmNames, alarmArns: alarmNames.map((name) => `arn:${place.partition ?? 'aws'}:cloudwatch:${place.region}:${place.accountId}:alarm:${name}`) };
  }

  readonly alerts: readonly SlaAlert[];
  /** Of the composite alarms, which are those that act. */
  readonly alarmNames: readonly string[];
  readonly alarmArns: readonly string[];
  /** What they cost at list prices: US dollars a month. */
  readonly monthlyCost: number;

  constructor(scope: Construct, id: string, props: SlaAlarmsProps) {
    super(scope, id);
    let plan: AlertPlan[] = [];
    check(this, (m) => {
      for (const severity of ['page', 'ticket'] as const) m.range(`opsItems.${severity}`, props.opsItems?.[severity], 1, 4, 'the OpsItem scale');
      m.text('maintenanceAlarmName', props.maintenanceAlarmName, /^[^\p{Cc}]{1,255}$/u, 'the name of an alarm');
      const input = planInput(props);
      // Stands for the OpsItem, whose ARN is known once the account is.
      const actions = (severity: Severity): string[] => [...props.topicArns[severity], ...(props.opsItems?.[severity] === undefined ? [] : ['opsitem'])];
      plan = checkAlarms(m, { ...input, actions: { page: actions('page'), ticket: actions('ticket') }, sources: props.sources ?? {} });
    });
    const actions = this.#actions(props);
    this.alerts = plan.map((alert) => this.#alert(alert, actions[alert.severity], props));
    this.alarmNames = plan.map(({ name }) => name);
    this.alarmArns = this.alerts.map(({ composite }) => composite.arn);
    this.monthlyCost = monthlyCost(plan);
  }

  /** Lets it see the state and the history of all alarms. */
  readonly grantDescribe = (grantee: Grantee): void => {
    // DescribeAlarms tells of composite alarms only with `*` (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html).
    grantee.allow({ actions: ['cloudwatch:DescribeAlarms', 'cloudwatch:DescribeAlarmHistory'], resources: ['*'] });
  };

  #actions({ topicArns, opsItems = {}, provider }: SlaAlarmsProps): Record<Severity, string[]> {
    const all = { page: [...topicArns.page], ticket: [...topicArns.ticket] };
    if (opsItems.page === undefined && opsItems.ticket === undefined) return all;
    const where = provider === undefined ? {} : { provider };
    const { partition } = new DataAwsPartition(this, 'partition', where);
    // `id` is the region's name in every version of the provider.
    const region = new DataAwsRegion(this, 'region', where).id;
    const { accountId } = new DataAwsCallerIdentity(this, 'account', where);
    for (const severity of ['page', 'ticket'] as const) {
      const level = opsItems[severity];
      if (level !== undefined) all[severity].push(`arn:${partition}:ssm:${region}:${accountId}:opsitem:${level}#CATEGORY=${OPS_CATEGORY}`);
    }
    return all;
  }

  #alert(alert: AlertPlan, actions: string[], props: SlaAlarmsProps): SlaAlert {
    const common = { tags: tagsOf(alert, props), ...(props.provider === undefined ? {} : { provider: props.provider }) };
    const holder = new Construct(this, `${alert.sla.id}-${alert.scope.replace(':', '-')}-${alert.id}`);
    const metricAlarms = alert.parts.map((part) => new CloudwatchMetricAlarm(holder, part.id, { ...metricAlarm(part), ...common }));
    const composite = new CloudwatchCompositeAlarm(holder, 'alert', {
      alarmName: alert.name, alarmDescription: alert.description, alarmRule: ruleOf(metricAlarms.map(({ alarmName }) => alarmName)),
      alarmActions: actions, ...(props.tellWhenOver === false ? {} : { okActions: actions }),
      ...(props.maintenanceAlarmName === undefined ? {} : {
        actionsSuppressor: { alarm: props.maintenanceAlarmName, waitPeriod: MAINTENANCE_WAIT_SECONDS, extensionPeriod: alert.afterMaintenanceSeconds },
      }),
      ...common,
    });
    return { plan: alert, metricAlarms, composite };
  }
}

/** What alerts cost at list prices: US dollars a month. */
export function monthlyCost(plan: readonly AlertPlan[]): number {
  const metrics = plan.flatMap(({ parts }) => parts.flatMap(({ queries }) => queries.filter(({ metric }) => metric !== undefined))).length;
  return Number((metrics * PRICES.alarmMetric + plan.length * PRICES.composite).toFixed(2));
}

function planInput(props: SlaAlarmsProps): AlarmPlanInput {
  const { name, slas, scopes, namespace, runbookBaseUrl, silence, windows } = props;
  return {
    name, slas, scopes, namespace, ...(runbookBaseUrl === undefined ? {} : { runbookBaseUrl }),
    ...(silence === undefined ? {} : { silence }), ...(windows === undefined ? {} : { windows }),
  };
}

const metricAlarm = (part: MetricAlarmPlan): ConstructorParameters<typeof CloudwatchMetricAlarm>[2] => ({
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
const tagValue = (text: string): string => text.replace(/[^\p{L}\p{N}\p{Z}_.:/=+\-@]/gu, '-').slice(0, LIMITS.tagValue.most);

const tagsOf = ({ sla, scope, severity }: AlertPlan, props: SlaAlarmsProps): Record<string, string> => ({
  ...props.tags, sla: sla.id, scope, severity, owner: tagValue(sla.owner), runbook: tagValue(runbookLink(sla, props.runbookBaseUrl)),
});
