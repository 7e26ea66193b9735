/** The ledger's database, as the synthesized stack shows it. */
import { expect, test } from 'vitest';
import { ServiceRole } from '../common/index.ts';
import { synthStack } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { LedgerDatabase, type LedgerDatabaseProps } from './index.ts';

const PROPS: LedgerDatabaseProps = { name: 'tidemark-test-ledger', region: 'eu-west-1', vpcId: 'vpc-1', subnetIds: ['subnet-1', 'subnet-2', 'subnet-3'], encryptionKeyArn: 'arn:key' };
const synth = (props: Partial<LedgerDatabaseProps> = {}, then?: (database: LedgerDatabase) => void) => synthStack((stack) => {
  const database = new LedgerDatabase(stack, 'ledger', { ...PROPS, ...props });
  then?.(database);
});

test('the whole database', () => {
  expect(synth().json).toMatchSnapshot();
});

test('encrypted, TLS only, backed up, without a password in Terraform, and reachable by nobody until somebody is let in', () => {
  const { only, resources } = synth();
  const cluster = only('aws_rds_cluster');
  expect(cluster).toMatchObject({
    storage_encrypted: true, kms_key_id: 'arn:key', backup_retention_period: 35, deletion_protection: true, skip_final_snapshot: false,
    final_snapshot_identifier: 'tidemark-test-ledger-final', iam_database_authentication_enabled: true, manage_master_user_password: true,
    master_user_secret_kms_key_id: 'arn:key', copy_tags_to_snapshot: true, lifecycle: { prevent_destroy: true }, enabled_cloudwatch_logs_exports: ['postgresql', 'iam-db-auth-error'],
  });
  expect(cluster).not.toHaveProperty('master_password');
  expect(only('aws_rds_cluster_parameter_group')).toMatchObject({ family: 'aurora-postgresql17' });
  expect(only('aws_rds_cluster_parameter_group')['parameter']).toContainEqual({ name: 'rds.force_ssl', value: '1' });
  expect(resources('aws_rds_cluster_instance').map(([, i]) => [i['instance_class'], i['publicly_accessible'], i['performance_insights_enabled'], i['promotion_tier']]))
    .toEqual([['db.serverless', false, true, 0], ['db.serverless', false, true, 1]]);
  expect(resources('aws_cloudwatch_log_group').every(([, g]) => g['kms_key_id'] === 'arn:key' && g['retention_in_days'] === 90)).toBe(true);
  expect(resources('aws_vpc_security_group_ingress_rule')).toEqual([]);
});

test('one that may go, goes without traces', () => {
  const { only } = synth({ protected: false, instances: 1 });
  expect(only('aws_rds_cluster')).toMatchObject({ deletion_protection: false, skip_final_snapshot: true });
  for (const absent of ['lifecycle', 'final_snapshot_identifier']) expect(only('aws_rds_cluster')).not.toHaveProperty(absent);
  expect(only('aws_rds_cluster_instance')).toMatchObject({ identifier: 'tidemark-test-ledger-0' });
});

test('who is let in reaches the port; who connects does so as one user, of a database made here or elsewhere', () => {
  const { only, resources } = synth({}, (database) => {
    database.allowFrom('Control plane', { securityGroupId: 'sg-1' });
    const role = new ServiceRole(database, 'role', { name: 'role', services: ['ecs-tasks.amazonaws.com'] });
    database.grantConnect(role, 'tidemark');
    const existing = LedgerDatabase.fromAttributes({ endpoint: 'db.example', databaseName: 'ledger', arn: 'arn:aws:rds:eu-west-1:123456789012:cluster:x', resourceId: 'cluster-X' });
    existing.grantConnect(role, 'tidemark');
    expect(existing.url).toBe('postgres://db.example:5432/ledger');
    expect(() => database.grantConnect(role, '*')).toThrow('test/ledger: grantConnect: user: expected a PostgreSQL role');
  });
  expect(only('aws_vpc_security_group_ingress_rule')).toMatchObject({ referenced_security_group_id: 'sg-1', from_port: 5432, to_port: 5432 });
  const [, policy] = resources('aws_iam_role_policy').find(([id]) => id.startsWith('ledger_role_'))!;
  const { Statement } = JSON.parse(policy['policy'] as string) as { Statement: { Action: string[]; Resource: string[] }[] };
  expect(Statement.map((s) => s.Action)).toEqual([['rds-db:connect'], ['rds-db:connect']]);
  expect(Statement[0]!.Resource[0]).toMatch(/:dbuser:\$\{aws_rds_cluster\.\w+\.cluster_resource_id\}\/tidemark$/);
  expect(Statement[1]!.Resource[0]).toBe('arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-X/tidemark');
});

test('all mistakes at once', () => {
  expect(() => synth({ name: 'Ledger', subnetIds: ['subnet-1'], minCapacity: 3, maxCapacity: 2.25, instances: 0, backupDays: 1, engineVersion: 'latest', databaseName: 'my-db' })).toThrow([
    'test/ledger: 8 mistakes:',
    '  - name: expected at most 50 small letters, digits and single dashes, starting with a letter, got "Ledger"',
    '  - databaseName: expected at most 63 small letters, digits and _, starting with a letter, got "my-db"',
    '  - engineVersion: expected a version such as 17 or 17.6, got "latest"',
    '  - subnetIds: expected those of at least two zones, got 1',
    '  - maxCapacity: expected 0.5 to 256 Aurora capacity units in halves, got 2.25',
    '  - minCapacity: 3 is more than maxCapacity, 2.25',
    '  - instances: expected a whole number of servers from 1 to 16, got 0',
    '  - backupDays: expected a whole number of days from 7 to 35, got 1',
  ].join('\n'));
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_rds_cluster')).toHaveLength(1);
});
