/** Databases: the ledger stands in one. */
import type { Resource, Rule, Tree } from '../model.ts';
import { isExpression } from '../template.ts';
import {
  absent,
  blocks,
  mustBeAtLeast,
  mustBeFalse,
  keyOfOnesOwn, mustBeSet,
  mustBeTrue,
  numberOf,
  problem,
  texts,
  truth,
  undecided,
} from '../values.ts';

const DATABASES = ['aws_rds_cluster', 'aws_db_instance'];
const INSTANCES = ['aws_db_instance', 'aws_rds_cluster_instance'];

/** A replica takes storage, users and backups over from its source. */
const stands = ({ attributes }: Resource): boolean =>
  absent(attributes['replicate_source_db']) && absent(attributes['replication_source_identifier']);

/** By engine: the parameter that refuses connections without TLS. */
const TLS_PARAMETERS = ['rds.force_ssl', 'require_secure_transport'];
const GROUPS = {
  aws_rds_cluster: { attribute: 'db_cluster_parameter_group_name', types: ['aws_rds_cluster_parameter_group'] },
  aws_db_instance: { attribute: 'parameter_group_name', types: ['aws_db_parameter_group'] },
} as const;

function forcesTls(database: Resource, tree: Tree): boolean {
  const { attribute, types } = GROUPS[database.type as keyof typeof GROUPS];
  const value = database.attributes[attribute];
  return tree
    .ofType(...types)
    .filter((group) => tree.pointsTo(value, group))
    .some((group) =>
      blocks(group, 'parameter').some(
        (p) => TLS_PARAMETERS.includes(String(p['name'])) && ['1', 'ON', 'on', 'true'].includes(String(p['value'])),
      ),
    );
}

export const RDS_RULES: readonly Rule[] = [
  {
    id: 'TM-RDS-01',
    severity: 'high',
    controls: ['rds-encryption', 'CC6.1'],
    types: DATABASES,
    applies: stands,
    what: "A database is encrypted with a key of one's own.",
    why: 'Snapshots and replicas inherit it, and it cannot be added later without a copy.',
    fix: 'Set storage_encrypted true and kms_key_id.',
    check: ({ attributes }) => [
      ...mustBeTrue(attributes['storage_encrypted'], 'is not encrypted'),
      ...keyOfOnesOwn(attributes['kms_key_id'], 'has no key of its own (kms_key_id)'),
    ],
  },
  {
    id: 'TM-RDS-02',
    severity: 'high',
    controls: ['rds-public', 'CC6.1', 'CC6.6'],
    types: INSTANCES,
    what: 'A database has no public address.',
    why: 'Password guessing and every weakness of the engine are then open to the internet.',
    fix: 'Take publicly_accessible away, or set it false.',
    check: ({ attributes }) => mustBeFalse(attributes['publicly_accessible'], 'has a public address'),
  },
  {
    id: 'TM-RDS-03',
    severity: 'high',
    controls: ['A1.2', 'CC7.5'],
    types: DATABASES,
    applies: stands,
    what: 'Backups are kept long enough (7 days unless set otherwise).',
    why: 'A mistake that is found on Monday must be mendable from before the weekend.',
    fix: 'Set backup_retention_period; up to 35 days.',
    check: ({ attributes }, _tree, { backupDays }) =>
      mustBeAtLeast(attributes['backup_retention_period'], backupDays, `backups are kept for less than ${backupDays} days`),
  },
  {
    id: 'TM-RDS-04',
    severity: 'medium',
    controls: ['A1.2', 'C1.1'],
    types: DATABASES,
    applies: stands,
    what: 'A database is protected from deletion.',
    why: 'One wrong `terraform destroy` is otherwise the end of the ledger.',
    fix: 'Set deletion_protection true.',
    check: ({ attributes }) => mustBeTrue(attributes['deletion_protection'], 'is not protected from deletion'),
  },
  {
    id: 'TM-RDS-05',
    severity: 'high',
    controls: ['CC6.7'],
    types: DATABASES,
    applies: stands,
    what: 'Connections without TLS are refused.',
    why: 'A client that is set up wrongly would send credentials and the ledger in plain text, and nobody would notice.',
    fix: "Use a parameter group of one's own with rds.force_ssl = 1 (PostgreSQL) or require_secure_transport = 1 (MySQL).",
    check: (database, tree) => {
      const value = database.attributes[GROUPS[database.type as keyof typeof GROUPS].attribute];
      if (forcesTls(database, tree)) return [];
      return isExpression(value) && tree.follow(value).length === 0
        ? [undecided('whether its parameter group forces TLS', value)]
        : [problem('has no parameter group that forces TLS', value)];
    },
  },
  {
    id: 'TM-RDS-06',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.3'],
    types: DATABASES,
    applies: stands,
    what: 'Users log in with IAM.',
    why: 'IAM tokens last 15 minutes and need no password that could leak.',
    fix: 'Set iam_database_authentication_enabled true.',
    check: ({ attributes }) => mustBeTrue(attributes['iam_database_authentication_enabled'], 'has no IAM authentication'),
  },
  {
    id: 'TM-RDS-07',
    severity: 'high',
    controls: ['CC6.1', 'C1.1'],
    types: DATABASES,
    applies: stands,
    what: 'The master password is made and kept by Secrets Manager.',
    why: 'A password in the configuration stands in the state, in plain text.',
    fix: 'Set manage_master_user_password true, with master_user_secret_kms_key_id, and take the password away.',
    check: ({ attributes }) => [
      ...['master_password', 'password']
        .filter((name) => !absent(attributes[name]))
        .map((name) => ({ message: `${name} is in the configuration and the state` })),
      ...(truth(attributes['manage_master_user_password']) === true
      || ['master_password', 'password', 'master_password_wo', 'password_wo', 'snapshot_identifier'].some(
        (name) => !absent(attributes[name]),
      )
        ? []
        : [problem('its master password is not managed')]),
    ],
  },
  {
    id: 'TM-RDS-08',
    severity: 'low',
    controls: ['CC7.2', 'CC7.3'],
    types: DATABASES,
    what: 'A database sends its logs to CloudWatch.',
    why: 'Its own log is gone with the instance, or after days.',
    fix: 'Set enabled_cloudwatch_logs_exports, for example ["postgresql"].',
    check: ({ attributes }) => mustBeSet(attributes['enabled_cloudwatch_logs_exports'], 'sends no logs to CloudWatch'),
  },
  {
    id: 'TM-RDS-09',
    severity: 'low',
    controls: ['rds-upgrades', 'CC7.1'],
    types: INSTANCES,
    what: 'Minor versions are installed by themselves.',
    why: 'They mend known weaknesses.',
    fix: 'Take auto_minor_version_upgrade away, or set it true.',
    check: ({ attributes }) => mustBeTrue(attributes['auto_minor_version_upgrade'], 'minor versions are not installed', true),
  },
  {
    id: 'TM-RDS-10',
    severity: 'medium',
    controls: ['rds-multi-az', 'A1.2'],
    types: DATABASES,
    applies: stands,
    what: 'A database stands in more than one availability zone.',
    why: 'With one instance the ledger is away for as long as its zone is.',
    fix: 'Set multi_az true, or give the cluster a second aws_rds_cluster_instance.',
    check: (database, tree) => {
      if (database.type === 'aws_db_instance') return mustBeTrue(database.attributes['multi_az'], 'stands in one zone');
      if (!absent(database.attributes['db_cluster_instance_class'])) return [];
      const counts = tree
        .companions('aws_rds_cluster_instance', 'cluster_identifier', database)
        .map(({ attributes }) => numberOf(attributes['count']) ?? manyOf(attributes['for_each']));
      if (counts.includes('unknown')) return counts.length > 1 ? [] : [undecided('how many instances it has', 'count')];
      const total = (counts as number[]).reduce((sum, n) => sum + n, 0);
      return total > 1 ? [] : [problem(`has ${total === 1 ? 'one instance' : 'no instance'}`, total)];
    },
  },
  {
    id: 'TM-RDS-11',
    severity: 'medium',
    controls: ['A1.2', 'CC7.5'],
    types: DATABASES,
    applies: stands,
    what: 'A database that is deleted leaves a snapshot.',
    why: 'Automated backups go with the database.',
    fix: 'Take skip_final_snapshot away and set final_snapshot_identifier.',
    check: ({ attributes }) => mustBeFalse(attributes['skip_final_snapshot'], 'skip_final_snapshot is set'),
  },
  {
    id: 'TM-RDS-12',
    severity: 'high',
    controls: ['CC6.1', 'CC6.6'],
    types: ['aws_db_snapshot', 'aws_db_cluster_snapshot', 'aws_ami_launch_permission', 'aws_snapshot_create_volume_permission'],
    what: 'Snapshots and images are not shared with everyone.',
    why: 'A public snapshot is a public database.',
    fix: 'Take `all` away; share with account ids.',
    check: ({ attributes }) =>
      ['shared_accounts', 'group', 'account_id']
        .filter((name) => texts(attributes[name]).includes('all'))
        .map((name) => problem('is shared with everyone', `${name} = all`)),
  },
];

const manyOf = (forEach: unknown): number | 'unknown' => {
  if (isExpression(forEach)) return 'unknown';
  if (Array.isArray(forEach)) return forEach.length;
  return typeof forEach === 'object' && forEach !== null ? Object.keys(forEach).length : 1;
};
