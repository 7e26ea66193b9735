/** Logs, alarms and the topics and queues that carry them. */
import type { Resource, Rule, Tree } from '../model.ts';
import { absent, blocks, keyOfOnesOwn, mustBeAtLeast, mustBeSet, mustBeTrue, numberOf, problem, truth } from '../values.ts';

const ALARMS = ['aws_cloudwatch_metric_alarm', 'aws_cloudwatch_composite_alarm'];
/** A link, or the name of a page that a person follows. */
const RUNBOOK = /\brunbooks?\b/i;

/** An alarm that only feeds another one, or switches others' actions off, rings nobody by itself. */
function isInput(alarm: Resource, tree: Tree): boolean {
  const name = alarm.attributes['alarm_name'];
  return tree
    .ofType('aws_cloudwatch_composite_alarm')
    .some(
      ({ attributes, address }) =>
        address !== alarm.address
        && (tree.pointsTo(attributes['alarm_rule'], alarm)
          || (typeof name === 'string'
            && name !== ''
            && typeof attributes['alarm_rule'] === 'string'
            && namesAlarm(attributes['alarm_rule'], name))
          || blocks(attributes, 'actions_suppressor').some(
            (suppressor) => tree.pointsTo(suppressor['alarm'], alarm) || suppressor['alarm'] === name,
          )),
    );
}
/** `ALARM(name)`, `ALARM("name")`, or an ARN that ends with it. */
const namesAlarm = (rule: string, name: string): boolean =>
  [...rule.matchAll(/(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*["']?([^"')]+)["']?\s*\)/g)].some(
    (match) => match[1] === name || match[1]!.endsWith(`:alarm:${name}`),
  );

const rings = (alarm: Resource, tree: Tree): boolean => !isInput(alarm, tree);

export const OPERATIONS_RULES: readonly Rule[] = [
  {
    id: 'TM-LOG-01',
    severity: 'medium',
    controls: ['CC7.2', 'CC7.3', 'C1.2'],
    types: ['aws_cloudwatch_log_group'],
    what: 'A log group keeps its logs for a time that somebody chose (at least 30 days unless set otherwise).',
    why: 'Never ending logs cost and break promises of deletion; short ones are gone before somebody looks.',
    fix: 'Set retention_in_days.',
    check: ({ attributes }, _tree, { logDays }) =>
      numberOf(attributes['retention_in_days']) === 0
        ? [problem('keeps its logs for ever', 0)]
        : mustBeAtLeast(
            attributes['retention_in_days'],
            logDays,
            absent(attributes['retention_in_days']) ? 'keeps its logs for ever' : `keeps its logs for less than ${logDays} days`,
          ),
  },
  {
    id: 'TM-LOG-02',
    severity: 'medium',
    controls: ['CC6.1', 'CC7.3'],
    types: ['aws_cloudwatch_log_group'],
    what: "Logs are encrypted with a key of one's own.",
    why: 'They tell who settled what with whom.',
    fix: 'Set kms_key_id, and let logs.<region>.amazonaws.com use the key.',
    check: ({ attributes }) => keyOfOnesOwn(attributes['kms_key_id'], 'has no key of its own'),
  },
  {
    id: 'TM-ALM-01',
    severity: 'high',
    controls: ['CC7.2', 'CC7.3'],
    types: ALARMS,
    applies: rings,
    what: 'An alarm tells somebody.',
    why: 'An alarm without an action is a colour on a page that nobody looks at.',
    fix: 'Set alarm_actions, with the ARN of a topic that has subscribers.',
    check: ({ attributes }) => [
      ...mustBeSet(attributes['alarm_actions'], 'has no action'),
      ...mustBeTrue(attributes['actions_enabled'], 'its actions are switched off', true),
    ],
  },
  {
    id: 'TM-ALM-02',
    severity: 'medium',
    controls: ['CC7.4'],
    types: ALARMS,
    applies: rings,
    what: 'An alarm says which runbook to follow.',
    why: "Whoever is woken up needs the next step, not a metric's name.",
    fix: 'Name the runbook in alarm_description: `Runbook: https://...`.',
    check: ({ attributes }) =>
      RUNBOOK.test(String(attributes['alarm_description'] ?? '')) ? [] : [problem('its description names no runbook')],
  },
  {
    id: 'TM-SNS-01',
    severity: 'medium',
    controls: ['CC6.1'],
    types: ['aws_sns_topic'],
    what: "A topic is encrypted with a key of one's own.",
    why: 'Messages rest on disk; and CloudWatch cannot publish to a topic under the AWS managed key, so its alarms would be silent.',
    fix: 'Set kms_master_key_id to a key that cloudwatch.amazonaws.com may use.',
    check: ({ attributes }) => keyOfOnesOwn(attributes['kms_master_key_id'], 'is not encrypted'),
  },
  {
    id: 'TM-SNS-02',
    severity: 'medium',
    controls: ['CC6.7'],
    types: ['aws_sns_topic_subscription'],
    what: 'Notifications travel by TLS.',
    why: 'Plain HTTP shows alarms, and lets others forge confirmations.',
    fix: 'Use protocol https.',
    check: ({ attributes }) =>
      attributes['protocol'] === 'http' ? [problem('is delivered by plain HTTP', attributes['endpoint'])] : [],
  },
  {
    id: 'TM-SNS-03',
    severity: 'medium',
    controls: ['CC7.3', 'CC7.4'],
    types: ['aws_sns_topic'],
    applies: (topic, tree) => tree.ofType(...ALARMS).some((alarm) => tree.pointsTo(alarm.attributes['alarm_actions'], topic)),
    what: 'Somebody subscribes to a topic that alarms go to.',
    why: 'An alarm that is sent to nobody is as good as none.',
    fix: 'Add aws_sns_topic_subscription.',
    check: (topic, tree) =>
      tree.companions('aws_sns_topic_subscription', 'topic_arn', topic).length > 0 ? [] : [problem('has no subscriber')],
  },
  {
    id: 'TM-SQS-01',
    severity: 'low',
    controls: ['CC6.1'],
    types: ['aws_sqs_queue'],
    what: 'A queue is encrypted.',
    why: 'Messages rest on disk.',
    fix: 'Set kms_master_key_id; at least leave sqs_managed_sse_enabled true.',
    check: ({ attributes }) =>
      absent(attributes['kms_master_key_id']) && truth(attributes['sqs_managed_sse_enabled']) === false
        ? [problem('is not encrypted')]
        : [],
  },
  {
    id: 'TM-TRL-01',
    severity: 'high',
    controls: ['trail-regions', 'CC7.2'],
    types: ['aws_cloudtrail'],
    what: 'A trail covers all regions and is on.',
    why: 'An attacker works in the region that nobody looks at.',
    fix: 'Set is_multi_region_trail true, and leave enable_logging and include_global_service_events true.',
    check: ({ attributes }) => [
      ...mustBeTrue(attributes['is_multi_region_trail'], 'covers one region'),
      ...mustBeTrue(attributes['enable_logging'], 'is switched off', true),
      ...mustBeTrue(attributes['include_global_service_events'], 'leaves global services out', true),
    ],
  },
  {
    id: 'TM-TRL-02',
    severity: 'medium',
    controls: ['trail-validation', 'CC7.3'],
    types: ['aws_cloudtrail'],
    what: "A trail's files can be told from changed ones.",
    why: 'Without digests nobody can prove that the log is whole.',
    fix: 'Set enable_log_file_validation true.',
    check: ({ attributes }) => mustBeTrue(attributes['enable_log_file_validation'], 'writes no digests'),
  },
  {
    id: 'TM-TRL-03',
    severity: 'medium',
    controls: ['trail-encryption', 'CC6.1'],
    types: ['aws_cloudtrail'],
    what: "A trail is encrypted with a key of one's own.",
    why: 'It tells how the account works.',
    fix: 'Set kms_key_id.',
    check: ({ attributes }) => keyOfOnesOwn(attributes['kms_key_id'], 'has no key of its own'),
  },
  {
    id: 'TM-DLM-01',
    severity: 'low',
    controls: ['A1.2', 'CC7.5'],
    types: ['aws_dlm_lifecycle_policy'],
    what: 'A snapshot policy is on, and keeps more than one snapshot.',
    why: 'The only snapshot may be of the moment after the mistake.',
    fix: 'Set state ENABLED and retain_rule.count to 2 or more, or an interval.',
    check: (policy) => {
      const rules = blocks(policy, 'policy_details')
        .flatMap((d) => blocks(d, 'schedule'))
        .flatMap((s) => blocks(s, 'retain_rule'));
      return [
        ...(policy.attributes['state'] === 'DISABLED' ? [problem('is switched off', 'DISABLED')] : []),
        ...rules.filter((rule) => numberOf(rule['count']) === 1).map(() => problem('keeps one snapshot', 1)),
      ];
    },
  },
];
