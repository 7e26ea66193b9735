/** Aurora PostgreSQL as a ledger needs it, and what AWS allows. */
import type { Statement } from '../common/index.ts';

/** Major version: minor ones come by themselves in the maintenance window. https://docs.aws.amazon.com/AmazonRDS/latest/AuroraPostgreSQLReleaseNotes */
export const ENGINE = { engine: 'aurora-postgresql', version: '17' } as const;

export const DATABASE = { name: 'tidemark', port: 5432, masterUser: 'administrator' } as const;

/** Aurora capacity units, of about 2 GiB each, in halves: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.how-it-works.html */
export const CAPACITY = { min: 0.5, max: 16, least: 0.5, most: 256 } as const;

/** One writes; the others take over when it fails, from another zone. */
export const INSTANCES = { count: 2, least: 1, most: 16 } as const;

/** Days that one can go back to any second of. */
export const BACKUP = { days: 35, least: 7, most: 35, window: '02:00-03:00', maintenanceWindow: 'sun:03:30-sun:04:30' } as const;

/** What goes to CloudWatch Logs, and for how many days it is kept. */
export const LOGS = { exports: ['postgresql', 'iam-db-auth-error'], days: 90 } as const;

/** Seconds between samples of enhanced monitoring; days that Performance Insights keeps for nothing. */
export const MONITORING = { intervalSeconds: 30, insightsDays: 7 } as const;

/** What the managed policy AmazonRDSEnhancedMonitoringRole allows, in one account and AWS region. @param logs `arn:aws:logs:<region>:<account>` */
export const monitoringStatements = (logs: string): Statement[] => [
  { actions: ['logs:CreateLogGroup', 'logs:PutRetentionPolicy'], resources: [`${logs}:log-group:RDS*`] },
  { actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:GetLogEvents', 'logs:PutLogEvents'], resources: [`${logs}:log-group:RDS*:log-stream:*`] },
];

/** https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Reference.ParameterGroups.html */
export const PARAMETERS: Readonly<Record<string, string>> = {
  'rds.force_ssl': '1',
  ssl_min_protocol_version: 'TLSv1.2',
  log_connections: '1',
  log_disconnections: '1',
  // What changes the schema; statements with money in them stay out of the log.
  log_statement: 'ddl',
  log_min_duration_statement: '1000',
  // A transaction that nobody goes on with holds locks on accounts.
  idle_in_transaction_session_timeout: '30000',
};
