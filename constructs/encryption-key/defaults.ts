/** Rotation, deletion, and what the AWS services that use a key on their own account may do with it. */
import type { Statement } from '../common/index.ts';

/** https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html */
export const ROTATION = { days: 365, least: 90, most: 2560 } as const;
/** https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html */
export const DELETION = { days: 30, least: 7, most: 30 } as const;

/** What a key policy lets the account do, so that IAM policies decide; `kms:*` would include what nobody has asked for yet. */
export const ACCOUNT_ACTIONS = [
  'kms:CancelKeyDeletion', 'kms:CreateAlias', 'kms:CreateGrant', 'kms:Decrypt', 'kms:DeleteAlias', 'kms:DescribeKey', 'kms:DisableKey',
  'kms:DisableKeyRotation', 'kms:EnableKey', 'kms:EnableKeyRotation', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext',
  'kms:GetKeyPolicy', 'kms:GetKeyRotationStatus', 'kms:ListAliases', 'kms:ListGrants', 'kms:ListKeyPolicies', 'kms:ListKeyRotations', 'kms:ListResourceTags',
  'kms:PutKeyPolicy', 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:RetireGrant', 'kms:RevokeGrant', 'kms:RotateKeyOnDemand',
  'kms:ScheduleKeyDeletion', 'kms:TagResource', 'kms:UntagResource', 'kms:UpdateAlias', 'kms:UpdateKeyDescription',
] as const;

const USE = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];

export interface Where {
  readonly partition: string;
  readonly accountId: string;
  readonly region: string;
}

/**
 * By use: the statements that a key policy needs for it. Services that act with the permissions of whoever calls them (EBS, S3,
 * RDS, Secrets Manager, ECR) need none.
 */
export const USES = {
  /** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html */
  logs: ({ partition, region, accountId }: Where): Statement[] => [{
    sid: 'Logs', actions: USE, resources: ['*'], principals: { Service: `logs.${region}.amazonaws.com` },
    conditions: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${accountId}:log-group:*` } },
  }],
  /** Alarms that publish to an encrypted topic: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html */
  alarms: ({ accountId }: Where): Statement[] => [{
    sid: 'Alarms', actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: ['*'], principals: { Service: 'cloudwatch.amazonaws.com' },
    conditions: { StringEquals: { 'aws:SourceAccount': accountId } },
  }],
  /** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-create-storage-key.html */
  fargate: ({ accountId }: Where): Statement[] => {
    const principals = { Service: 'fargate.amazonaws.com' };
    const cluster = { StringEquals: { 'kms:EncryptionContext:aws:ecs:clusterAccount': accountId } };
    return [
      { sid: 'FargateData', actions: ['kms:GenerateDataKeyWithoutPlaintext'], resources: ['*'], principals, conditions: cluster },
      {
        sid: 'FargateGrant', actions: ['kms:CreateGrant'], resources: ['*'], principals,
        conditions: { ...cluster, 'ForAllValues:StringEquals': { 'kms:GrantOperations': ['Decrypt'] } },
      },
    ];
  },
} as const satisfies Record<string, (where: Where) => Statement[]>;

export type KeyUse = keyof typeof USES;
