/** The alarms of SLAs in a Pulumi program: the same plan, names and arithmetic as constructs/sla-alarms, from the same functions. */
import { CompositeAlarm } from '@pulumi/aws/cloudwatch/compositeAlarm.js';
import { MetricAlarm } from '@pulumi/aws/cloudwatch/metricAlarm.js';
import { getCallerIdentityOutput } from '@pulumi/aws/getCallerIdentity.js';
import { getPartitionOutput } from '@pulumi/aws/getPartition.js';
import { getRegionOutput } from '@pulumi/aws/getRegion.js';
import * as pulumi from '@pulumi/pulumi';
import type { Severity } from '../../platform/model.ts';
import { compositeAlarm, metricAlarm, monthlyCost, opsItemArn, planOf, tagsOf, type AlarmProps } from '../sla-alarms/alarms.ts';
import type { AlertPlan } from '../sla-alarms/plan.ts';
import { check } from './mistakes.ts';

export interface SlaAlarmsArgs extends Omit<AlarmProps, 'topicArns' | 'maintenanceAlarmName'> {
  /** SNS topics to tell, by severity; at most 5 each, OpsItem included. Topics of the same AWS region as the alarms. */
  readonly topicArns: Readonly<Record<Severity, readonly pulumi.Input<string>[]>>;
  /** Name of the alarm that is in ALARM during maintenance and drills: no alert acts meanwhile. @default - nothing silences them */
  readonly maintenanceAlarmName?: pulumi.Input<string>;
}

/** An alert with its resources. */
export interface SlaAlert {
  readonly plan: AlertPlan;
  readonly metricAlarms: readonly MetricAlarm[];
  readonly composite: CompositeAlarm;
}

const TYPE = 'tidemark:kit:SlaAlarms';

/**
 * Alarms belong into the control plane's AWS region: give that provider as `provider`.
 * @throws ConstructError with every mistake, before anything is registered
 */
export class SlaAlarms extends pulumi.ComponentResource {
  readonly alerts: readonly SlaAlert[];
  /** Of the composite alarms, which are those that act. */
  readonly alarmNames: readonly string[];
  readonly alarmArns: pulumi.Output<string[]>;
  /** What they cost at list prices: US dollars a month. */
  readonly monthlyCost: number;

  constructor(name: string, args: SlaAlarmsArgs, options: pulumi.ComponentResourceOptions = {}) {
    let plan: AlertPlan[] = [];
    // What only the deployment knows passes every check; that there is something, and how many, is known.
    check(`${TYPE}::${name}`, (m) => void (plan = planOf(m, args as AlarmProps)));
    super(TYPE, name, {}, options);
    const actions = this.#actions(args);
    this.alerts = plan.map((alert) => this.#alert(name, alert, actions[alert.severity], args));
    this.alarmNames = plan.map((alert) => alert.name);
    this.alarmArns = pulumi.all(this.alerts.map(({ composite }) => composite.arn));
    this.monthlyCost = monthlyCost(plan);
    this.registerOutputs({ alarmNames: this.alarmNames, alarmArns: this.alarmArns, monthlyCost: this.monthlyCost });
  }

  #actions({ topicArns, opsItems = {} }: SlaAlarmsArgs): Record<Severity, pulumi.Input<string>[]> {
    const all = { page: [...topicArns.page], ticket: [...topicArns.ticket] };
    if (opsItems.page === undefined && opsItems.ticket === undefined) return all;
    const at = { parent: this };
    const place = pulumi.all([getPartitionOutput({}, at).partition, getRegionOutput({}, at).region, getCallerIdentityOutput({}, at).accountId]);
    for (const severity of ['page', 'ticket'] as const) {
      const level = opsItems[severity];
      if (level !== undefined) all[severity].push(place.apply(([partition, region, account]) => opsItemArn(partition, region, account, level)));
    }
    return all;
  }

  #alert(name: string, alert: AlertPlan, actions: readonly pulumi.Input<string>[], args: SlaAlarmsArgs): SlaAlert {
    const tags = tagsOf(alert, args);
    const id = `${name}-${alert.sla.id}-${alert.scope.replace(':', '-')}-${alert.id}`;
    const metricAlarms = alert.parts.map((part) => {
      const { alarmName, metricQuery, ...rest } = metricAlarm(part);
      return new MetricAlarm(`${id}-${part.id}`, { name: alarmName, metricQueries: metricQuery, ...rest, tags }, { parent: this });
    });
    const made = pulumi.all([pulumi.all(metricAlarms.map((alarm) => alarm.name)), pulumi.all([...actions]), args.maintenanceAlarmName ?? '']).apply(
      ([parts, arns, maintenance]) => compositeAlarm(alert, parts, arns, {
        ...(args.tellWhenOver === undefined ? {} : { tellWhenOver: args.tellWhenOver }), ...(maintenance === '' ? {} : { maintenanceAlarmName: maintenance }),
      }),
    );
    const composite = new CompositeAlarm(id, {
      // Known before the deployment, so that a preview shows what is being made.
      alarmName: alert.name, alarmDescription: alert.description,
      alarmRule: made.alarmRule, alarmActions: made.alarmActions, okActions: made.apply((m) => m.okActions ?? []),
      ...(args.maintenanceAlarmName === undefined ? {} : { actionsSuppressor: made.apply((m) => m.actionsSuppressor!) }),
      tags,
    }, { parent: this });
    return { plan: alert, metricAlarms, composite };
  }
}
