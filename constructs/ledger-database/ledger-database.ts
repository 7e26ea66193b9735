/** The ledger's database: Aurora PostgreSQL Serverless v2, encrypted, TLS only, with backups, and hard to delete. */
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group/index.js';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { DataAwsPartition } from '@cdktf/provider-aws/lib/data-aws-partition/index.js';
import { DbSubnetGroup } from '@cdktf/provider-aws/lib/db-subnet-group/index.js';
import { RdsClusterInstance } from '@cdktf/provider-aws/lib/rds-cluster-instance/index.js';
import { RdsClusterParameterGroup } from '@cdktf/provider-aws/lib/rds-cluster-parameter-group/index.js';
import { RdsCluster } from '@cdktf/provider-aws/lib/rds-cluster/index.js';
import { Construct } from 'constructs';
import { check, ServiceRole, type Grantee, type Mistakes } from '../common/index.ts';
import { SecurityGroup, type Peer } from '../network/index.ts';
import { BACKUP, CAPACITY, DATABASE, ENGINE, INSTANCES, LOGS, MONITORING, monitoringStatements, PARAMETERS } from './defaults.ts';

export interface LedgerDatabaseProps {
  /** Of the cluster: small letters, digits and dashes, at most 50. */
  readonly name: string;
  /** AWS region of the database. */
  readonly region: string;
  readonly vpcId: string;
  /** Subnets of at least two zones, best those that never reach the internet. */
  readonly subnetIds: readonly string[];
  /** KMS key of the data, its backups, the master password and the logs; CloudWatch Logs must be allowed to use it. */
  readonly encryptionKeyArn: string;
  /** @default 'tidemark' */
  readonly databaseName?: string;
  /** What it shrinks to when idle. Aurora capacity units, 0.5 to 256 in halves. @default 0.5 */
  readonly minCapacity?: number;
  /** What it grows to. Aurora capacity units. @default 16 */
  readonly maxCapacity?: number;
  /** How many servers: one writes, the others take over, 1 to 16. @default 2 */
  readonly instances?: number;
  /** Days that one can go back in time, 7 to 35. @default 35 */
  readonly backupDays?: number;
  /** Deletion protection, a last snapshot, and Terraform refuses to plan its destruction. @default true */
  readonly protected?: boolean;
  /** Days that logs are kept; a value that CloudWatch knows. @default 90 */
  readonly logRetentionDays?: number;
  /** Major version of PostgreSQL, or a minor one to stay with. @default '17' */
  readonly engineVersion?: string;
}

/** A database for a ledger, made here or elsewhere. */
export interface ExistingLedgerDatabase {
  readonly endpoint: string;
  readonly port: number;
  readonly databaseName: string;
  /** `postgres://host:port/database`: the control plane's setting `ledger`. */
  readonly url: string;
  /** Lets it connect as a user of the database with a token of IAM instead of a password; the user needs the role `rds_iam`. */
  readonly grantConnect: (grantee: Grantee, user: string) => void;
}

export interface LedgerDatabaseAttributes {
  readonly endpoint: string;
  /** @default 5432 */
  readonly port?: number;
  readonly databaseName: string;
  /** ARN of the cluster. */
  readonly arn: string;
  /** As IAM calls it: `cluster-ABCDEF...`. */
  readonly resourceId: string;
}

export class LedgerDatabase extends Construct implements ExistingLedgerDatabase {
  /** A database that exists. Whoever owns it lets its users in. */
  static fromAttributes(attributes: LedgerDatabaseAttributes): ExistingLedgerDatabase {
    const { endpoint, port = DATABASE.port, databaseName, arn, resourceId } = attributes;
    const [, partition = '', , region = '', accountId = ''] = arn.split(':');
    return {
      endpoint, port, databaseName, url: urlOf(endpoint, port, databaseName),
      grantConnect: (grantee, user) => grantee.allow({ actions: ['rds-db:connect'], resources: [`arn:${partition}:rds-db:${region}:${accountId}:dbuser:${resourceId}/${user}`] }),
    };
  }

  readonly endpoint: string;
  readonly readerEndpoint: string;
  readonly port: number;
  readonly databaseName: string;
  readonly url: string;
  readonly securityGroup: SecurityGroup;
  /** Secret with the administrator's password, which RDS changes every week: for people, not for services. */
  readonly masterSecretArn: string;
  readonly cluster: RdsCluster;
  readonly instances: readonly RdsClusterInstance[];
  readonly #userArn: (user: string) => string;

  constructor(scope: Construct, id: string, props: LedgerDatabaseProps) {
    super(scope, id);
    check(this, (m) => checkProps(m, props));
    const { name, encryptionKeyArn, databaseName = DATABASE.name, engineVersion = ENGINE.version } = props;
    const isProtected = props.protected ?? true;
    const kept = isProtected ? { lifecycle: { preventDestroy: true } } : {};
    const { accountId } = new DataAwsCallerIdentity(this, 'account');
    const { partition } = new DataAwsPartition(this, 'partition');

    const logGroups = LOGS.exports.map((log) => new CloudwatchLogGroup(this, `log-${log}`, {
      name: `/aws/rds/cluster/${name}/${log}`, kmsKeyId: encryptionKeyArn, retentionInDays: props.logRetentionDays ?? LOGS.days,
    }));
    const subnetGroup = new DbSubnetGroup(this, 'subnets', { name, description: `Subnets of ${name}`, subnetIds: [...props.subnetIds] });
    const parameters = new RdsClusterParameterGroup(this, 'parameters', {
      name: `${name}-${engineVersion.split('.')[0]}`, family: `${ENGINE.engine}${engineVersion.split('.')[0]}`, description: 'TLS only; connections are logged',
      parameter: Object.entries(PARAMETERS).map(([parameter, value]) => ({ name: parameter, value })),
      // The new one of another major version is there before the old one goes.
      lifecycle: { createBeforeDestroy: true },
    });
    this.securityGroup = new SecurityGroup(this, 'security-group', { name: `${name}-database`, vpcId: props.vpcId, description: `Database ${name}` });
    this.cluster = new RdsCluster(this, 'cluster', {
      clusterIdentifier: name, engine: ENGINE.engine, engineMode: 'provisioned', engineVersion, allowMajorVersionUpgrade: false,
      databaseName, port: DATABASE.port, dbSubnetGroupName: subnetGroup.name, vpcSecurityGroupIds: [this.securityGroup.id],
      dbClusterParameterGroupName: parameters.name,
      serverlessv2ScalingConfiguration: { minCapacity: props.minCapacity ?? CAPACITY.min, maxCapacity: props.maxCapacity ?? CAPACITY.max },
      masterUsername: DATABASE.masterUser, manageMasterUserPassword: true, masterUserSecretKmsKeyId: encryptionKeyArn,
      iamDatabaseAuthenticationEnabled: true, storageEncrypted: true, kmsKeyId: encryptionKeyArn,
      backupRetentionPeriod: props.backupDays ?? BACKUP.days, preferredBackupWindow: BACKUP.window, preferredMaintenanceWindow: BACKUP.maintenanceWindow,
      copyTagsToSnapshot: true, deletionProtection: isProtected, skipFinalSnapshot: !isProtected, deleteAutomatedBackups: !isProtected,
      ...(isProtected ? { finalSnapshotIdentifier: `${name}-final` } : {}),
      enabledCloudwatchLogsExports: [...LOGS.exports], applyImmediately: false, dependsOn: logGroups, tags: { Name: name }, ...kept,
    });
    const monitoring = new ServiceRole(this, 'monitoring', {
      name: `${name}-monitoring`, services: ['monitoring.rds.amazonaws.com'], description: `Enhanced monitoring of ${name}`,
      conditions: { StringEquals: { 'aws:SourceAccount': accountId } },
    });
    monitoringStatements(`arn:${partition}:logs:${props.region}:${accountId}`).forEach(monitoring.allow);
    this.instances = Array.from({ length: props.instances ?? INSTANCES.count }, (_, i) => new RdsClusterInstance(this, `instance-${i}`, {
      identifier: `${name}-${i}`, clusterIdentifier: this.cluster.id, engine: ENGINE.engine, instanceClass: 'db.serverless',
      dbSubnetGroupName: subnetGroup.name, publiclyAccessible: false, promotionTier: i === 0 ? 0 : 1, autoMinorVersionUpgrade: true, copyTagsToSnapshot: true,
      monitoringInterval: MONITORING.intervalSeconds, monitoringRoleArn: monitoring.arn,
      performanceInsightsEnabled: true, performanceInsightsKmsKeyId: encryptionKeyArn, performanceInsightsRetentionPeriod: MONITORING.insightsDays,
      tags: { Name: `${name}-${i}` },
    }));
    this.endpoint = this.cluster.endpoint;
    this.readerEndpoint = this.cluster.readerEndpoint;
    this.port = DATABASE.port;
    this.databaseName = databaseName;
    this.url = urlOf(this.endpoint, this.port, databaseName);
    this.masterSecretArn = this.cluster.masterUserSecret.get(0).secretArn;
    const { clusterResourceId } = this.cluster;
    this.#userArn = (user) => `arn:${partition}:rds-db:${props.region}:${accountId}:dbuser:${clusterResourceId}/${user}`;
  }

  /** Lets its members or network in on the database's port. */
  readonly allowFrom = (what: string, peer: Peer): void => void this.securityGroup.allowFrom(what, peer, this.port);

  readonly grantConnect = (grantee: Grantee, user: string): void => {
    check(this, (m) => m.text('grantConnect: user', user, /^[a-z_][a-z0-9_]{0,62}$/, 'a PostgreSQL role: at most 63 small letters, digits and _'));
    grantee.allow({ actions: ['rds-db:connect'], resources: [this.#userArn(user)] });
  };
}

const urlOf = (endpoint: string, port: number, databaseName: string): string => `postgres://${endpoint}:${port}/${databaseName}`;

function checkProps(m: Mistakes, props: LedgerDatabaseProps): void {
  const { minCapacity = CAPACITY.min, maxCapacity = CAPACITY.max } = props;
  m.text('name', props.name, /^[a-z](?:-?[a-z0-9]){0,49}$/, 'at most 50 small letters, digits and single dashes, starting with a letter');
  m.text('databaseName', props.databaseName, /^[a-z][a-z0-9_]{0,62}$/, 'at most 63 small letters, digits and _, starting with a letter');
  m.text('engineVersion', props.engineVersion, /^\d{2}(?:\.\d{1,2})?$/, 'a version such as 17 or 17.6');
  if (props.subnetIds.length < 2) m.add(`subnetIds: expected those of at least two zones, got ${props.subnetIds.length}`);
  for (const [prop, value] of [['minCapacity', minCapacity], ['maxCapacity', maxCapacity]] as const) {
    const fits = value >= CAPACITY.least && value <= CAPACITY.most && Number.isInteger(value * 2);
    if (!fits) m.add(`${prop}: expected ${CAPACITY.least} to ${CAPACITY.most} Aurora capacity units in halves, got ${value}`);
  }
  if (minCapacity > maxCapacity) m.add(`minCapacity: ${minCapacity} is more than maxCapacity, ${maxCapacity}`);
  m.range('instances', props.instances, INSTANCES.least, INSTANCES.most, 'servers');
  m.range('backupDays', props.backupDays, BACKUP.least, BACKUP.most, 'days');
}
