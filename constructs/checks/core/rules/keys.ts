/** KMS keys, secrets, parameters, and the activations that register machines. */
import type { Rule } from '../model.ts';
import { isSecretName, secretIn } from '../secrets.ts';
import { isExpression } from '../template.ts';
import { absent, block, keyOfOnesOwn, mustBeAtLeast, mustBeTrue, numberOf, problem, truth, undecided } from '../values.ts';

/** Days that an accidental deletion of a key can still be called off. */
const DELETION_DAYS_MIN = 14;
const SYMMETRIC = 'SYMMETRIC_DEFAULT';
const RFC3339_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

export const KEY_RULES: readonly Rule[] = [
  {
    id: 'TM-KMS-01',
    severity: 'medium',
    controls: ['kms-rotation', 'CC6.1'],
    types: ['aws_kms_key'],
    // AWS KMS cannot rotate asymmetric and HMAC keys, nor keys of a custom key store.
    applies: ({ attributes }) =>
      (attributes['customer_master_key_spec'] ?? SYMMETRIC) === SYMMETRIC && absent(attributes['custom_key_store_id']),
    what: 'A symmetric key is rotated every year.',
    why: 'Rotation bounds how much one key has encrypted; old material stays for decryption, so nothing else changes.',
    fix: 'Set enable_key_rotation true.',
    check: ({ attributes }) => mustBeTrue(attributes['enable_key_rotation'], 'is not rotated'),
  },
  {
    id: 'TM-KMS-02',
    severity: 'medium',
    controls: ['A1.2', 'C1.1'],
    types: ['aws_kms_key', 'aws_kms_external_key', 'aws_kms_replica_key'],
    what: `A key that is deleted can be had back for at least ${DELETION_DAYS_MIN} days.`,
    why: 'What a deleted key has encrypted is lost for good: backups and evidence too.',
    fix: 'Leave deletion_window_in_days out (30 days), or set it to 14 to 30.',
    check: ({ attributes }) =>
      mustBeAtLeast(attributes['deletion_window_in_days'], DELETION_DAYS_MIN, 'is gone too soon after its deletion', 30),
  },
  {
    id: 'TM-SEC-01',
    severity: 'medium',
    controls: ['CC6.1'],
    types: ['aws_secretsmanager_secret'],
    what: "A secret is encrypted with a key of one's own.",
    why: 'Under the AWS managed key every identity of the account with secretsmanager:GetSecretValue reads it; a key is a second lock.',
    fix: 'Set kms_key_id.',
    check: ({ attributes }) => keyOfOnesOwn(attributes['kms_key_id'], 'is encrypted with the AWS managed key'),
  },
  {
    id: 'TM-SEC-02',
    severity: 'high',
    controls: ['CC6.1', 'C1.1'],
    types: ['aws_secretsmanager_secret_version'],
    what: 'The value of a secret is not in the configuration, nor in the state.',
    why: 'Terraform keeps it in the state in plain text, for all who may plan.',
    fix: 'Put the value outside Terraform, or by secret_string_wo with an ephemeral value.',
    check: ({ attributes }) =>
      ['secret_string', 'secret_binary']
        .filter((name) => !absent(attributes[name]))
        .map((name) => ({
          message: `${name} puts the value into the state${isExpression(attributes[name]) ? '' : ' and into the configuration'}`,
        })),
  },
  {
    id: 'TM-SEC-03',
    severity: 'high',
    controls: ['CC6.1', 'C1.1'],
    types: ['aws_ssm_parameter'],
    what: 'A parameter holds a secret only as SecureString, and not from the configuration.',
    why: 'A plain parameter is readable to whoever may list parameters, and its value stands in the state.',
    fix: 'Use Secrets Manager, or SecureString with value_wo.',
    check: ({ attributes }) => {
      const name = String(attributes['name'] ?? '');
      const given = attributes['value'] ?? attributes['insecure_value'];
      const kind = secretIn(given);
      if (kind !== null) return [{ message: `its value holds ${kind}` }];
      if (!isSecretName(name) || absent(given)) return [];
      return [
        problem(
          attributes['type'] === 'SecureString'
            ? 'its value is in the state: use value_wo'
            : 'is named like a secret and is plain text',
          name,
        ),
      ];
    },
  },
  {
    id: 'TM-SEC-04',
    severity: 'medium',
    controls: ['A1.2', 'CC7.5'],
    types: ['aws_secretsmanager_secret'],
    what: 'A secret that is deleted can be had back.',
    why: 'With a recovery window of 0 a mistake takes a key of the platform away at once.',
    fix: 'Leave recovery_window_in_days out (30 days), or set it to 7 to 30.',
    check: ({ attributes }) =>
      numberOf(attributes['recovery_window_in_days']) === 0 ? [problem('is deleted without a recovery window', 0)] : [],
  },
  {
    id: 'TM-SSM-01',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.6'],
    types: ['aws_ssm_activation'],
    what: 'An activation registers one machine, and ends.',
    why: "Its code lets any machine join the site with the site's role, for as long and as often as it is valid.",
    fix: 'Leave registration_limit at 1 and expiration_date out (24 hours), or write a date; an expression with timestamp() moves with every plan.',
    check: ({ attributes }) => {
      const limit = numberOf(attributes['registration_limit']) ?? 1;
      const until = attributes['expiration_date'];
      return [
        ...(limit === 'unknown' ? [undecided('how many machines it registers', attributes['registration_limit'])] : []),
        ...(typeof limit === 'number' && limit > 1 ? [problem(`registers ${limit} machines`, limit)] : []),
        ...(isExpression(until) && /\btimestamp\s*\(/.test(until) ? [problem('its end moves with every plan', until)] : []),
        ...(absent(until) || isExpression(until) || (typeof until === 'string' && RFC3339_UTC.test(until))
          ? []
          : [problem('its end is no UTC timestamp of the form 2026-01-31T00:00:00Z', until)]),
      ];
    },
  },
  {
    id: 'TM-SSM-02',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.7'],
    types: ['aws_ssm_document'],
    applies: ({ attributes }) => attributes['document_type'] === 'Session',
    what: 'Sessions on hosts are encrypted and logged.',
    why: 'A shell on a host sees what the service sees; without a log nobody can tell what was done in it.',
    fix: "In the document's inputs set kmsKeyId, and cloudWatchLogGroupName or s3BucketName.",
    check: ({ attributes }) => {
      const content = String(attributes['content'] ?? '');
      const sets = (name: string): boolean => new RegExp(`"${name}"\\s*:\\s*"[^"]+"`).test(content);
      return [
        ...(sets('kmsKeyId') ? [] : [problem('sessions are not encrypted with a key (kmsKeyId)')]),
        ...(sets('cloudWatchLogGroupName') || sets('s3BucketName') ? [] : [problem('sessions are not logged')]),
      ];
    },
  },
  {
    id: 'TM-EFS-01',
    severity: 'high',
    controls: ['efs-encryption', 'CC6.1'],
    types: ['aws_efs_file_system'],
    what: 'A file system is encrypted.',
    why: 'Encryption of a file system cannot be added later.',
    fix: 'Set encrypted true, and kms_key_id.',
    check: ({ attributes }) => mustBeTrue(attributes['encrypted'], 'is not encrypted'),
  },
  {
    id: 'TM-DDB-01',
    severity: 'medium',
    controls: ['A1.2', 'CC7.5'],
    types: ['aws_dynamodb_table'],
    what: 'A table can be restored to a point in time, and is protected from deletion.',
    why: 'A bad write or a wrong `destroy` is otherwise final.',
    fix: 'Add point_in_time_recovery with enabled true, and deletion_protection_enabled true.',
    check: ({ attributes }) => [
      ...mustBeTrue(block(attributes, 'point_in_time_recovery')['enabled'], 'has no point-in-time recovery'),
      ...(truth(attributes['deletion_protection_enabled']) === true ? [] : [problem('is not protected from deletion')]),
    ],
  },
];
