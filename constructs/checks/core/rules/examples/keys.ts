import { of, type Example, type Examples } from './model.ts';

const key = (attributes: Record<string, unknown>): Example => of({ aws_kms_key: { k: attributes } });
const secret = (attributes: Record<string, unknown>): Example => of({ aws_secretsmanager_secret: { s: attributes } });
const version = (attributes: Record<string, unknown>): Example =>
  of({ aws_secretsmanager_secret_version: { v: { secret_id: 's', ...attributes } } });
const parameter = (attributes: Record<string, unknown>): Example =>
  of({ aws_ssm_parameter: { p: { type: 'String', ...attributes } } });
const activation = (attributes: Record<string, unknown>): Example =>
  of({ aws_ssm_activation: { a: { iam_role: 'site', ...attributes } } });
const session = (inputs: Record<string, unknown>): Example =>
  of({ aws_ssm_document: { d: { document_type: 'Session', content: JSON.stringify({ inputs }) } } });
const table = (attributes: Record<string, unknown>): Example => of({ aws_dynamodb_table: { t: attributes } });

export const KEY_EXAMPLES: Examples = {
  'TM-KMS-01': {
    catches: [key({}), key({ enable_key_rotation: false }), key({ enable_key_rotation: '${var.rotate}' })],
    passes: [
      key({ enable_key_rotation: true }),
      of({ aws_kms_key: { signing: { customer_master_key_spec: 'ECC_NIST_EDWARDS25519' }, k: { enable_key_rotation: true } } }),
    ],
  },
  'TM-KMS-02': { catches: [key({ deletion_window_in_days: 7 })], passes: [key({}), key({ deletion_window_in_days: 30 })] },
  'TM-SEC-01': { catches: [secret({}), secret({ kms_key_id: '' }), secret({ kms_key_id: 'alias/aws/secretsmanager' })], passes: [secret({ kms_key_id: '${aws_kms_key.k.arn}' })] },
  'TM-SEC-02': {
    catches: [
      version({ secret_string: 'hunter2' }),
      version({ secret_string: '${random_password.p.result}' }),
      version({ secret_binary: 'aHVudGVyMg==' }),
    ],
    passes: [version({ secret_string_wo: '${ephemeral.random_password.p.result}', secret_string_wo_version: 1 })],
  },
  'TM-SEC-03': {
    catches: [
      parameter({ name: '/site/db-password', value: 'hunter2' }),
      parameter({ name: '/site/db-password', type: 'SecureString', value: '${var.password}' }),
      parameter({ name: '/site/url', value: 'postgres://ledger:hunter2@db:5432/ledger' }),
      parameter({ name: '/site/x', value: 'PRIVATE+KEY+eu-fra-1+0123abcd+AQIDBA==' }),
    ],
    passes: [
      parameter({ name: '/tidemark/production/global/vpc-id', value: '${aws_vpc.v.id}' }),
      parameter({ name: '/site/db-password', type: 'SecureString', value_wo: 'x' }),
      parameter({ name: '/site/token-arn', value: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:t' }),
    ],
  },
  'TM-SEC-04': {
    catches: [secret({ recovery_window_in_days: 0 })],
    passes: [secret({}), secret({ recovery_window_in_days: 7 })],
  },
  'TM-SSM-01': {
    catches: [
      activation({ registration_limit: 10 }),
      activation({ expiration_date: '${timeadd(timestamp(), "720h")}' }),
      activation({ expiration_date: 'never' }),
      activation({ registration_limit: '${var.hosts}' }),
    ],
    passes: [
      activation({}),
      activation({ registration_limit: 1, expiration_date: '2026-01-31T00:00:00Z' }),
      activation({ expiration_date: '${time_offset.week.rfc3339}' }),
    ],
  },
  'TM-SSM-02': {
    catches: [session({}), session({ kmsKeyId: 'k', cloudWatchLogGroupName: '' })],
    passes: [session({ kmsKeyId: '${aws_kms_key.k.arn}', cloudWatchLogGroupName: 'sessions' })],
  },
  'TM-EFS-01': {
    catches: [of({ aws_efs_file_system: { f: {} } })],
    passes: [of({ aws_efs_file_system: { f: { encrypted: true } } })],
  },
  'TM-DDB-01': {
    catches: [
      table({}),
      table({ point_in_time_recovery: { enabled: true } }),
      table({ point_in_time_recovery: [{ enabled: false }], deletion_protection_enabled: true }),
    ],
    passes: [table({ point_in_time_recovery: { enabled: true }, deletion_protection_enabled: true })],
  },
};
