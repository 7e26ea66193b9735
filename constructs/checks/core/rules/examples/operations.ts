import { of, type Example, type Examples, type Section } from './model.ts';

const logs = (attributes: Record<string, unknown>): Example => of({ aws_cloudwatch_log_group: { l: attributes } });
const alarm = (attributes: Record<string, unknown>, more: Section = {}): Example =>
  of({ aws_cloudwatch_metric_alarm: { a: { alarm_name: 'lag', ...attributes } }, ...more });
const RINGS = { alarm_actions: ['${aws_sns_topic.page.arn}'], alarm_description: 'Runbook: https://runbooks.example.com/lag' };
const composite = (attributes: Record<string, unknown>) => ({
  aws_cloudwatch_composite_alarm: { c: { alarm_name: 'c', ...RINGS, ...attributes } },
});
const topic = (attributes: Record<string, unknown>): Example => of({ aws_sns_topic: { t: attributes } });
const trail = (attributes: Record<string, unknown>): Example =>
  of({ aws_cloudtrail: { t: { is_multi_region_trail: true, ...attributes } } });
const snapshots = (attributes: Record<string, unknown>): Example => of({ aws_dlm_lifecycle_policy: { p: attributes } });

export const OPERATIONS_EXAMPLES: Examples = {
  'TM-LOG-01': {
    catches: [
      logs({}),
      logs({ retention_in_days: 0 }),
      logs({ retention_in_days: 7 }),
      logs({ retention_in_days: '${var.days}' }),
    ],
    passes: [logs({ retention_in_days: 90 })],
  },
  'TM-LOG-02': { catches: [logs({})], passes: [logs({ kms_key_id: '${aws_kms_key.k.arn}' })] },
  'TM-ALM-01': {
    catches: [
      alarm({}),
      alarm({ alarm_actions: [] }),
      alarm({ ...RINGS, actions_enabled: false }),
      of(composite({ alarm_rule: 'ALARM(other)', alarm_actions: [] })),
      alarm({}, composite({ alarm_rule: 'ALARM(lag-of-another)' })),
    ],
    passes: [
      alarm(RINGS),
      alarm({}, composite({ alarm_rule: 'ALARM(lag) AND OK(maintenance)' })),
      alarm({}, composite({ alarm_rule: 'ALARM("${aws_cloudwatch_metric_alarm.a.alarm_name}")' })),
      alarm({}, composite({ alarm_rule: 'ALARM(x)', actions_suppressor: { alarm: '${aws_cloudwatch_metric_alarm.a.arn}' } })),
    ],
  },
  'TM-ALM-02': {
    catches: [alarm({}), alarm({ alarm_description: 'lag is high' })],
    passes: [alarm(RINGS), alarm({ alarm_description: 'See runbooks/lag.md' })],
  },
  'TM-SNS-01': {
    catches: [topic({}), topic({ kms_master_key_id: 'alias/aws/sns' })],
    passes: [topic({ kms_master_key_id: '${aws_kms_key.k.arn}' }), topic({ kms_master_key_id: 'alias/tidemark' })],
  },
  'TM-SNS-02': {
    catches: [of({ aws_sns_topic_subscription: { s: { protocol: 'http', endpoint: 'http://x' } } })],
    passes: [of({ aws_sns_topic_subscription: { s: { protocol: 'https' } } })],
  },
  'TM-SNS-03': {
    catches: [alarm(RINGS, { aws_sns_topic: { page: {} } })],
    passes: [
      alarm(RINGS, {
        aws_sns_topic: { page: {}, unused: {} },
        aws_sns_topic_subscription: { s: { topic_arn: '${aws_sns_topic.page.arn}', protocol: 'email' } },
      }),
    ],
  },
  'TM-SQS-01': {
    catches: [of({ aws_sqs_queue: { q: { sqs_managed_sse_enabled: false } } })],
    passes: [
      of({ aws_sqs_queue: { q: {} } }),
      of({ aws_sqs_queue: { q: { sqs_managed_sse_enabled: false, kms_master_key_id: 'k' } } }),
    ],
  },
  'TM-TRL-01': { catches: [trail({ is_multi_region_trail: false }), trail({ enable_logging: false })], passes: [trail({})] },
  'TM-TRL-02': { catches: [trail({})], passes: [trail({ enable_log_file_validation: true })] },
  'TM-TRL-03': { catches: [trail({})], passes: [trail({ kms_key_id: '${aws_kms_key.k.arn}' })] },
  'TM-DLM-01': {
    catches: [snapshots({ state: 'DISABLED' }), snapshots({ policy_details: { schedule: [{ retain_rule: { count: 1 } }] } })],
    passes: [snapshots({ state: 'ENABLED', policy_details: { schedule: { retain_rule: { count: 14 } } } })],
  },
};
