/** Copies every version to the other AWS region within a quarter of an hour, with its retention; deletions are not copied. */
import { S3BucketReplicationConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-replication-configuration/index.js';
import { Construct } from 'constructs';
import { ServiceRole } from '../common/index.ts';
import type { PrivateBucket } from '../private-bucket/index.ts';
import { REPLICATION_MINUTES } from './defaults.ts';
import type { ReplicaProps } from './transparency-bucket.ts';

export interface ReplicationProps {
  readonly source: PrivateBucket;
  readonly sourceKeyArn: string;
  /** AWS region of the source. */
  readonly region: string;
  readonly replica: PrivateBucket;
  readonly to: ReplicaProps;
}

export class Replication extends Construct {
  constructor(scope: Construct, id: string, props: ReplicationProps) {
    super(scope, id);
    const { source, replica, to } = props;
    // A bucket's name is unique and short enough to be a role's, too.
    const role = new ServiceRole(this, 'role', { name: to.name, services: ['s3.amazonaws.com'], description: 'Copies the audit bucket to another AWS region' });
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
    role.allow({ actions: ['s3:GetReplicationConfiguration', 's3:ListBucket'], resources: [source.arn] });
    role.allow({
      actions: [
        's3:GetObjectLegalHold', 's3:GetObjectRetention', 's3:GetObjectVersionAcl', 's3:GetObjectVersionForReplication', 's3:GetObjectVersionTagging',
      ],
      resources: [`${source.arn}/*`],
    });
    role.allow({ actions: ['s3:ReplicateObject', 's3:ReplicateTags'], resources: [`${replica.arn}/*`] });
    role.allow({ actions: ['kms:Decrypt'], resources: [props.sourceKeyArn], conditions: { StringLike: { 'kms:ViaService': `s3.${props.region}.*` } } });
    role.allow({
      actions: ['kms:Encrypt', 'kms:GenerateDataKey'], resources: [to.encryptionKeyArn], conditions: { StringLike: { 'kms:ViaService': `s3.${to.region}.*` } },
    });
    new S3BucketReplicationConfigurationA(this, 'replication', {
      bucket: source.bucket.id, role: role.arn, dependsOn: [source.versioning, replica.versioning],
      rule: [{
        id: 'everything', priority: 0, status: 'Enabled', filter: { prefix: '' }, deleteMarkerReplication: { status: 'Disabled' },
        sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: 'Enabled' } },
        destination: {
          bucket: replica.arn, encryptionConfiguration: { replicaKmsKeyId: to.encryptionKeyArn },
          replicationTime: { status: 'Enabled', time: { minutes: REPLICATION_MINUTES } },
          metrics: { status: 'Enabled', eventThreshold: { minutes: REPLICATION_MINUTES } },
        },
      }],
    });
  }
}
