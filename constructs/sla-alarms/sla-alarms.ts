/** The alarms of SLAs in CloudWatch, from the plan: metric alarms that watch, and composite alarms that act. */
import { CloudwatchCompositeAlarm } from '@cdktf/provider-aws/lib/cloudwatch-composite-alarm/index.js';
import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm/index.js';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition/index.js';
import { DataAwsRegion } from '@cdktf/provider-aws/lib/data-aws-region/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import type { Severity } from '../../platform/model.ts';
import { check, type Grantee } from '../common/index.ts';
import { compositeAlarm, metricAlarm, monthlyCost, opsItemArn, planOf, tagsOf, type AlarmProps } from './alarms.ts';
import { planAlerts, type AlertPlan } from './plan.ts';
import { scopeSlug } from './scopes.ts';

export interface SlaAlarmsProps extends AlarmProps {
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
    const prefix = `arn:${place.partition ?? 'aws'}:cloudwatch:${place.region}:${place.accountId}:alarm:`;
    return { alarmNames, alarmArns: alarmNames.map((name) => `${prefix}${name}`) };
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
    check(this, (m) => void (plan = planOf(m, props)));
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
      if (level !== undefined) all[severity].push(opsItemArn(partition, region, accountId, level));
    }
    return all;
  }

  #alert(alert: AlertPlan, actions: string[], props: SlaAlarmsProps): SlaAlert {
    const common = { tags: tagsOf(alert, props), ...(props.provider === undefined ? {} : { provider: props.provider }) };
    const holder = within(within(within(this, `sla-${alert.sla.id}`), scopeSlug(alert.scope)), alert.id);
    const metricAlarms = alert.parts.map((part) => new CloudwatchMetricAlarm(holder, part.id, { ...metricAlarm(part), ...common }));
    const names = metricAlarms.map(({ alarmName }) => alarmName);
    const composite = new CloudwatchCompositeAlarm(holder, 'alert', { ...compositeAlarm(alert, names, actions, props), ...common });
    return { plan: alert, metricAlarms, composite };
  }
}

/** The part of a construct with this id, made when it is first asked for. */
const within = (parent: Construct, id: string): Construct => (parent.node.tryFindChild(id) as Construct | undefined) ?? new Construct(parent, id);
