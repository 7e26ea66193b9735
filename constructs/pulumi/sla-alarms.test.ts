/** The alarms are those of the CDKTF construct, resource by resource. */
import * as pulumi from '@pulumi/pulumi';
import { expect, test } from 'vitest';
import { metricNamespace, type Sla } from '../../platform/index.ts';
import { synthStack } from '../common/testing.ts';
import { SlaAlarms as Construct } from '../sla-alarms/index.ts';
import { SlaAlarms, type SlaAlarmsArgs } from './index.ts';
import { valueOf, withMocks } from './testing/index.ts';

const sla: Sla = {
  id: 'acknowledgement', indicator: 'availability', objective: 0.99, scope: 'site', severity: 'page', owner: 'settlement', runbook: 'runbooks/a.ts', windowDays: 30,
} as Sla;
const plain = {
  name: 'tidemark-production', slas: [sla], scopes: ['site:eu-fra-1' as const], namespace: metricNamespace('tidemark', 'production'), runbookBaseUrl: 'https://git.example.com/main',
  topicArns: { page: ['arn:page'], ticket: ['arn:ticket'] }, maintenanceAlarmName: 'maintenance',
};
const run = (args: SlaAlarmsArgs) => withMocks(() => new SlaAlarms('alarms', args), {
  calls: {
    'aws:index/getPartition:getPartition': () => ({ partition: 'aws' }), 'aws:index/getRegion:getRegion': () => ({ region: 'eu-west-1' }),
    'aws:index/getCallerIdentity:getCallerIdentity': () => ({ accountId: '123456789012' }),
  },
});
const METRIC = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const COMPOSITE = 'aws:cloudwatch/compositeAlarm:CompositeAlarm';

test('same names, queries, thresholds, rules, actions and tags as the construct', async () => {
  const made = await run({ ...plain, topicArns: { page: [pulumi.output('arn:page')], ticket: ['arn:ticket'] }, maintenanceAlarmName: pulumi.output('maintenance') });
  const terraform = synthStack((stack) => void new Construct(stack, 'alarms', plain));
  const theirs = new Map(terraform.resources('aws_cloudwatch_metric_alarm').map(([, alarm]) => [alarm['alarm_name'], alarm]));
  const ours = made.ofType(METRIC);
  expect(ours.map(({ inputs }) => inputs['name']).sort()).toEqual([...theirs.keys()].sort());
  for (const { inputs } of ours) {
    const alarm = theirs.get(inputs['name'])!;
    expect([inputs['alarmDescription'], inputs['threshold'], inputs['comparisonOperator'], inputs['treatMissingData'], inputs['tags']]).toEqual(
      [alarm['alarm_description'], alarm['threshold'], alarm['comparison_operator'], alarm['treat_missing_data'], alarm['tags']],
    );
    const queries = (inputs['metricQueries'] as { id: string; expression?: string; metric?: { period: number; dimensions: object } }[]).map((q) => [q.id, q.expression, q.metric?.period, q.metric?.dimensions]);
    expect(queries).toEqual((alarm['metric_query'] as { id: string; expression?: string; metric?: { period: number; dimensions: object } }[]).map((q) => [q.id, q.expression, q.metric?.period, q.metric?.dimensions]));
  }
  const composites = new Map(terraform.resources('aws_cloudwatch_composite_alarm').map(([, alarm]) => [alarm['alarm_name'], alarm]));
  for (const { inputs } of made.ofType(COMPOSITE)) {
    const alarm = composites.get(inputs['alarmName'])!;
    expect(inputs['alarmActions']).toEqual(alarm['alarm_actions']);
    expect(inputs['okActions']).toEqual(alarm['ok_actions']);
    expect(inputs['actionsSuppressor']).toEqual({ alarm: 'maintenance', waitPeriod: 120, extensionPeriod: (alarm['actions_suppressor'] as { extension_period: number }).extension_period });
    expect(inputs['alarmRule']).toContain(`ALARM("${inputs['alarmName'] as string}/`);
  }
  expect(made.ofType(COMPOSITE)).toHaveLength(composites.size);
  expect(await valueOf(made.result.alarmArns)).toHaveLength(made.result.alarmNames.length);
  expect(made.result.monthlyCost).toBeGreaterThan(0);
});

test('OpsItems are opened in the account and region of the provider', async () => {
  const made = await run({ ...plain, opsItems: { page: 2 } });
  expect(made.ofType(COMPOSITE)[0]!.inputs['alarmActions']).toEqual(['arn:page', 'arn:aws:ssm:eu-west-1:123456789012:opsitem:2#CATEGORY=Availability']);
});

test('mistakes come all at once, and before anything is registered', async () => {
  const registered: string[] = [];
  const wrong = withMocks(() => void new SlaAlarms('alarms', { ...plain, name: 'a b', namespace: 'AWS/x', topicArns: { page: [], ticket: [] } }), { outputs: ({ type }) => void registered.push(type) });
  await expect(wrong).rejects.toThrow(/tidemark:kit:SlaAlarms::alarms: [\s\S]*name: [\s\S]*namespace: [\s\S]*topicArns\.page: nobody is told/);
  expect(registered).toEqual([]);
});
