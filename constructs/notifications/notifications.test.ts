/** Topics and the maintenance alarm, as the synthesized stack shows them. */
import { expect, test } from 'vitest';
import { ServiceRole } from '../common/index.ts';
import { synthStack } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { Notifications, type NotificationsProps } from './index.ts';

const PROPS: NotificationsProps = {
  name: 'tidemark-test', encryptionKeyArn: 'arn:key', namespace: 'Tidemark/tidemark/test',
  contacts: { page: ['https://incidents.example.com/hook?key=1', 'on-call@example.com'], ticket: ['team@example.com'] },
};
interface PolicyStatement { readonly Effect: string; readonly Action: string[]; readonly Principal: unknown; readonly Condition?: unknown }

test('everything of it', () => {
  expect(synthStack((stack) => void new Notifications(stack, 'alerts', PROPS)).json).toMatchSnapshot();
});

test('topics are encrypted, and only alarms of this account publish to them by themselves', () => {
  const { resources } = synthStack((stack) => void new Notifications(stack, 'alerts', PROPS));
  expect(resources('aws_sns_topic').map(([, t]) => [t['name'], t['kms_master_key_id']])).toEqual([['tidemark-test-page', 'arn:key'], ['tidemark-test-ticket', 'arn:key']]);
  for (const [, policy] of resources('aws_sns_topic_policy')) {
    const [alarms, deny, ...others] = (JSON.parse(policy['policy'] as string) as { Statement: PolicyStatement[] }).Statement;
    expect(alarms).toMatchObject({ Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' }, Condition: { StringEquals: { 'aws:SourceAccount': expect.stringContaining('account_id') } } });
    expect(deny).toMatchObject({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } });
    expect(others).toEqual([]);
  }
});

test('people are reached by e-mail, services by https', () => {
  const { resources } = synthStack((stack) => void new Notifications(stack, 'alerts', PROPS));
  const reached = resources('aws_sns_topic_subscription').map(([, s]) => `${String(s['protocol'])} ${String(s['endpoint'])} ${String(s['endpoint_auto_confirms'] ?? false)}`).sort();
  expect(reached).toEqual(['email on-call@example.com false', 'email team@example.com false', 'https https://incidents.example.com/hook?key=1 true']);
});

test('maintenance ends by itself when nobody declares it any more', () => {
  const { only } = synthStack((stack) => void new Notifications(stack, 'alerts', PROPS));
  expect(only('aws_cloudwatch_metric_alarm')).toMatchObject({
    alarm_name: 'tidemark-test-maintenance', namespace: 'Tidemark/tidemark/test', metric_name: 'tidemark_maintenance', threshold: 1, treat_missing_data: 'notBreaching',
  });
  // Nobody is woken up; those who wait for alarms hear that none will come.
  expect(only('aws_cloudwatch_metric_alarm')['alarm_actions']).toEqual(['${aws_sns_topic.alerts_ticket_4A972D8B.arn}']);
});

test('what can be granted, and what exists already', () => {
  const { only } = synthStack((stack) => {
    const alerts = new Notifications(stack, 'alerts', PROPS);
    const drill = new ServiceRole(stack, 'drill', { name: 'drill', services: ['ecs-tasks.amazonaws.com'] });
    alerts.grantPublish(drill, 'ticket');
    alerts.grantDeclareMaintenance(drill);
    expect(alerts.topicArn('page')).toBe(alerts.pageTopicArn);
  });
  const statements = (JSON.parse(only('aws_iam_role_policy')['policy'] as string) as { Statement: PolicyStatement[] }).Statement;
  expect(statements.map((s) => s.Action)).toEqual([['sns:Publish'], ['kms:Decrypt', 'kms:GenerateDataKey'], ['cloudwatch:PutMetricData']]);
  expect(statements[2]).toMatchObject({ Condition: { StringEquals: { 'cloudwatch:namespace': 'Tidemark/tidemark/test' } } });
  const existing = Notifications.fromAttributes({ pageTopicArn: 'arn:p', ticketTopicArn: 'arn:t', maintenanceAlarmName: 'm' });
  expect([existing.topicArn('page'), existing.topicArn('ticket'), existing.maintenanceAlarmName]).toEqual(['arn:p', 'arn:t', 'm']);
});

test('all mistakes at once', () => {
  expect(() => synthStack((stack) => void new Notifications(stack, 'alerts', {
    ...PROPS, namespace: 'AWS/Tidemark', contacts: { page: [], ticket: ['team', 'http://example.com', 'a@example.com', 'a@example.com'] },
  }))).toThrow(/test\/alerts: 5 mistakes:[\s\S]*namespace[\s\S]*ticket\[0\]: expected an e-mail[\s\S]*ticket\[1\]: expected[\s\S]*ticket\[3\]: a@example\.com is named twice[\s\S]*contacts\.page: nobody/);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_sns_topic')).toHaveLength(2);
});
