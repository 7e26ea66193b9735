import { of, type Example, type Examples } from './model.ts';

const cluster = (attributes: Record<string, unknown>): Example =>
  of({ aws_rds_cluster: { c: { cluster_identifier: 'ledger', engine: 'aurora-postgresql', ...attributes } } });
const instance = (attributes: Record<string, unknown>): Example =>
  of({ aws_db_instance: { i: { engine: 'postgres', ...attributes } } });
const parameters = (name: string, value: string) =>
  of({
    aws_rds_cluster: { c: { db_cluster_parameter_group_name: '${aws_rds_cluster_parameter_group.p.name}' } },
    aws_rds_cluster_parameter_group: {
      p: {
        family: 'aurora-postgresql16',
        parameter: [
          { name: 'log_statement', value: 'ddl' },
          { name, value },
        ],
      },
    },
  });
const members = (instances: Record<string, Record<string, unknown>>): Example =>
  of({ aws_rds_cluster: { c: {} }, aws_rds_cluster_instance: instances });
const MEMBER = { cluster_identifier: '${aws_rds_cluster.c.id}' };

export const RDS_EXAMPLES: Examples = {
  'TM-RDS-01': {
    catches: [cluster({}), cluster({ storage_encrypted: true }), instance({ storage_encrypted: false, kms_key_id: 'k' })],
    passes: [
      cluster({ storage_encrypted: true, kms_key_id: '${aws_kms_key.k.arn}' }),
      instance({ storage_encrypted: 'true', kms_key_id: 'arn' }),
    ],
  },
  'TM-RDS-02': {
    catches: [
      instance({ publicly_accessible: true }),
      of({ aws_rds_cluster_instance: { i: { publicly_accessible: '${var.open}' } } }),
    ],
    passes: [instance({}), of({ aws_rds_cluster_instance: { i: { publicly_accessible: false } } })],
  },
  'TM-RDS-03': {
    catches: [
      cluster({}),
      instance({ backup_retention_period: 0 }),
      cluster({ backup_retention_period: 6 }),
      cluster({ backup_retention_period: '${var.days}' }),
    ],
    passes: [cluster({ backup_retention_period: 35 }), instance({ backup_retention_period: '7' })],
  },
  'TM-RDS-04': {
    catches: [cluster({}), instance({ deletion_protection: false })],
    passes: [
      cluster({ deletion_protection: true }),
      { ...instance({ deletion_protection: '${var.keep}' }), variable: { keep: { type: 'bool', default: true } } },
    ],
  },
  'TM-RDS-05': {
    catches: [
      cluster({}),
      cluster({ db_cluster_parameter_group_name: 'default.aurora-postgresql16' }),
      cluster({ db_cluster_parameter_group_name: '${var.group}' }),
      parameters('rds.force_ssl', '0'),
    ],
    passes: [
      parameters('rds.force_ssl', '1'),
      parameters('require_secure_transport', 'ON'),
      of({
        aws_db_instance: { i: { parameter_group_name: 'tls' } },
        aws_db_parameter_group: { p: { name: 'tls', parameter: { name: 'rds.force_ssl', value: 1 } } },
      }),
    ],
  },
  'TM-RDS-06': {
    catches: [cluster({}), instance({ iam_database_authentication_enabled: false })],
    passes: [cluster({ iam_database_authentication_enabled: true })],
  },
  'TM-RDS-07': {
    catches: [
      cluster({}),
      cluster({ master_password: 'hunter2-hunter2' }),
      instance({ password: '${random_password.p.result}' }),
      cluster({ manage_master_user_password: true, master_password: 'x' }),
    ],
    passes: [cluster({ manage_master_user_password: true }), instance({ password_wo: '${ephemeral.random_password.p.result}' })],
  },
  'TM-RDS-08': {
    catches: [cluster({}), instance({ enabled_cloudwatch_logs_exports: [] })],
    passes: [cluster({ enabled_cloudwatch_logs_exports: ['postgresql'] })],
  },
  'TM-RDS-09': {
    catches: [instance({ auto_minor_version_upgrade: false })],
    passes: [instance({}), of({ aws_rds_cluster_instance: { i: { auto_minor_version_upgrade: true } } })],
  },
  'TM-RDS-10': {
    catches: [
      instance({}),
      members({ a: MEMBER }),
      cluster({}),
      members({ a: { ...MEMBER, count: '${var.n}' } }),
      members({ a: { ...MEMBER, count: 1 } }),
    ],
    passes: [
      instance({ multi_az: true }),
      members({ a: MEMBER, b: MEMBER }),
      members({ a: { ...MEMBER, count: 2 } }),
      members({ a: { ...MEMBER, for_each: '${toset(["a", "b"])}' } }),
      cluster({ db_cluster_instance_class: 'db.m6gd.large' }),
    ],
  },
  'TM-RDS-11': {
    catches: [cluster({ skip_final_snapshot: true })],
    passes: [cluster({ final_snapshot_identifier: 'last' }), instance({ skip_final_snapshot: false })],
  },
  'TM-RDS-12': {
    catches: [
      of({ aws_db_snapshot: { s: { shared_accounts: ['all'] } } }),
      of({ aws_ami_launch_permission: { a: { image_id: 'ami', group: 'all' } } }),
    ],
    passes: [of({ aws_db_snapshot: { s: { shared_accounts: ['111122223333'] } } })],
  },
};
