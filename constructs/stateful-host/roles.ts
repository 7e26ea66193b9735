/**
 * What the machine, the starting of its task and its snapshots are allowed to do: statements as data. The task's own role has
 * nothing but what callers grant.
 */
import type { ContainerDefinition, Statement } from '../common/index.ts';

/**
 * Patches and the agent's own updates come from buckets of AWS, which a role has to allow where a VPC endpoint is in between
 * (Systems Manager User Guide, "SSM Agent communications with AWS managed S3 buckets").
 */
const managedBuckets = (partition: string, region: string): string[] => [
  `aws-ssm-${region}`, `aws-windows-downloads-${region}`, `amazon-ssm-${region}`, `amazon-ssm-packages-${region}`,
  `${region}-birdwatcher-prod`, `aws-ssm-distributor-file-${region}`, `aws-ssm-document-attachments-${region}`,
  `patch-baseline-snapshot-${region}`, `al2023-repos-${region}-de612dc2`,
].map((bucket) => `arn:${partition}:s3:::${bucket}/*`);

/**
 * Systems Manager: inventory, patches, and a session for whoever may start one. Of the managed policy
 * AmazonSSMManagedInstanceCore without reading parameters.
 */
export function systemsManager(partition: string, region: string): Statement[] {
  return [
    {
      sid: 'SystemsManager',
      actions: [
        'ssm:DescribeAssociation', 'ssm:GetDeployablePatchSnapshotForInstance', 'ssm:GetManifest', 'ssm:ListAssociations', 'ssm:ListInstanceAssociations',
        'ssm:PutComplianceItems', 'ssm:PutConfigurePackageResult', 'ssm:PutInventory', 'ssm:UpdateAssociationStatus',
        'ssm:UpdateInstanceAssociationStatus', 'ssm:UpdateInstanceInformation',
      ],
      // About the machine itself, whose id is known only when this role is in use.
      resources: ['*'],
    },
    {
      sid: 'Documents',
      actions: ['ssm:DescribeDocument', 'ssm:GetDocument'],
      // AWS's own have no account.
      resources: [`arn:${partition}:ssm:${region}::document/AWS-*`, `arn:${partition}:ssm:${region}:*:document/SSM-SessionManagerRunShell`],
    },
    {
      sid: 'Messages',
      actions: [
        'ssmmessages:CreateControlChannel', 'ssmmessages:CreateDataChannel', 'ssmmessages:OpenControlChannel', 'ssmmessages:OpenDataChannel',
        'ec2messages:AcknowledgeMessage', 'ec2messages:DeleteMessage', 'ec2messages:FailMessage', 'ec2messages:GetEndpoint',
        'ec2messages:GetMessages', 'ec2messages:SendReply',
      ],
      // These actions take no resource (Service Authorization Reference).
      resources: ['*'],
    },
    { sid: 'ManagedBuckets', actions: ['s3:GetObject'], resources: managedBuckets(partition, region) },
  ];
}

export interface ClusterRef {
  readonly arn: string;
  readonly name: string;
}

/** The ECS agent: registers with its own cluster and hears what to run. Of AmazonEC2ContainerServiceforEC2Role for one cluster. */
export function ecsAgent(partition: string, region: string, cluster: ClusterRef): Statement[] {
  const ofCluster = { ArnEquals: { 'ecs:cluster': cluster.arn } };
  return [
    // Takes no resource.
    { sid: 'Discover', actions: ['ecs:DiscoverPollEndpoint'], resources: ['*'] },
    {
      sid: 'Register',
      actions: [
        'ecs:DeregisterContainerInstance', 'ecs:RegisterContainerInstance', 'ecs:SubmitAttachmentStateChanges', 'ecs:SubmitContainerStateChange',
        'ecs:SubmitTaskStateChange',
      ],
      resources: [cluster.arn],
    },
    {
      sid: 'Instance',
      actions: ['ecs:Poll', 'ecs:StartTelemetrySession', 'ecs:UpdateContainerInstancesState'],
      resources: [`arn:${partition}:ecs:${region}:*:container-instance/${cluster.name}/*`],
      conditions: ofCluster,
    },
  ];
}

/** The ARN of a secret out of what a container names, which may go on with a JSON key, a version stage and a version id. */
function secretOf(valueFrom: string): string {
  return /^\$\{[^}]+\}/.exec(valueFrom)?.[0] ?? valueFrom.split(':').slice(0, 7).join(':');
}

const isParameter = (valueFrom: string): boolean => /^arn:[^:]+:ssm:/.test(valueFrom);

interface SecretUse {
  readonly valueFrom: string;
}

export interface ExecutionProps {
  readonly containers: readonly ContainerDefinition[];
  readonly logGroupArn: string;
  readonly secretsKeyArn: string;
  readonly region: string;
}

/** What starting the task needs: the secrets that its containers name, the log, a login at the registry. */
export function execution({ containers, logGroupArn, secretsKeyArn, region }: ExecutionProps): Statement[] {
  const used = [...new Set(containers.flatMap((c) => ((c['secrets'] ?? []) as readonly SecretUse[]).map((s) => s.valueFrom)))];
  const secrets = [...new Set(used.filter((from) => !isParameter(from)).map(secretOf))];
  const parameters = used.filter(isParameter);
  const services = [...(secrets.length > 0 ? ['secretsmanager'] : []), ...(parameters.length > 0 ? ['ssm'] : [])];
  return [
    { sid: 'Log', actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [`${logGroupArn}:*`] },
    ...(secrets.length === 0 ? [] : [{ sid: 'Secrets', actions: ['secretsmanager:GetSecretValue'], resources: secrets }]),
    ...(parameters.length === 0 ? [] : [{ sid: 'Parameters', actions: ['ssm:GetParameters'], resources: parameters }]),
    ...(services.length === 0 ? [] : [{
      sid: 'SecretsKey', actions: ['kms:Decrypt'], resources: [secretsKeyArn],
      conditions: { StringEquals: { 'kms:ViaService': services.map((s) => `${s}.${region}.amazonaws.com`) } },
    }]),
  ];
}

/** Data Lifecycle Manager for the snapshots of one disk. */
export function snapshots(partition: string, region: string, volumeArn: string, tag: readonly [string, string]): Statement[] {
  const all = `arn:${partition}:ec2:${region}::snapshot/*`;
  return [
    // Take no resource.
    { sid: 'See', actions: ['ec2:DescribeInstances', 'ec2:DescribeSnapshots', 'ec2:DescribeVolumes'], resources: ['*'] },
    { sid: 'Take', actions: ['ec2:CreateSnapshot'], resources: [volumeArn, all] },
    { sid: 'Tag', actions: ['ec2:CreateTags'], resources: [all], conditions: { StringEquals: { 'ec2:CreateAction': 'CreateSnapshot' } } },
    { sid: 'Expire', actions: ['ec2:DeleteSnapshot'], resources: [all], conditions: { StringEquals: { [`aws:ResourceTag/${tag[0]}`]: tag[1] } } },
  ];
}
