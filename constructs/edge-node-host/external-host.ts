/**
 * A machine of one's own as a container instance (ECS Anywhere): a cluster for it, a Systems Manager activation that lets exactly
 * one machine join, and the task pinned to the machine that carries the host's name.
 */
import { EcsCluster } from '@cdktf/provider-aws/lib/ecs-cluster/index.js';
import { SsmActivation } from '@cdktf/provider-aws/lib/ssm-activation/index.js';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { Construct } from 'constructs';
import { partitionOf } from '../../platform/index.ts';
import { check, ServiceRole, type Mistakes } from '../common/index.ts';
import {
  ecsAgent, HOST_TAG, patches, PinnedService, systemsManager, type PatchingProps, type TaskProps,
} from '../stateful-host/index.ts';
import { checkUntil, installCommand } from './install.ts';

export interface ExternalHostProps extends TaskProps {
  /** What everything of it is called. */
  readonly name: string;
  /** AWS region that the machine is registered in. */
  readonly awsRegion: string;
  readonly encryptionKeyArn: string;
  /** Until when the machine may be registered: UTC, at most 30 days from now. @default - 24 hours from the first apply */
  readonly registerUntil?: string;
  /** @default - Sunday 03:00 UTC; false where others patch */
  readonly patching?: PatchingProps | false;
  /** Days that logs are kept, a value that CloudWatch knows. @default 90 */
  readonly logRetentionDays?: number;
}

export class ExternalHost extends Construct {
  readonly cluster: EcsCluster;
  readonly clusterArn: string;
  readonly pinned: PinnedService;
  readonly machineRole: ServiceRole;
  readonly activation: SsmActivation;
  /** To be run once, as root, on the machine. Whoever has it can be the site until a machine has used it: a secret. */
  readonly installCommand: string;

  constructor(scope: Construct, id: string, props: ExternalHostProps) {
    super(scope, id);
    check(this, (m) => checkProps(m, props));
    const { name, awsRegion } = props;
    this.cluster = new EcsCluster(this, 'cluster', { name, setting: [{ name: 'containerInsights', value: 'disabled' }] });
    this.clusterArn = this.cluster.arn;
    this.machineRole = this.#machineRole(name, awsRegion);
    this.activation = new SsmActivation(this, 'activation', {
      name, description: `The machine of ${name}`, iamRole: this.machineRole.roleName, registrationLimit: 1,
      ...(props.registerUntil === undefined ? {} : { expirationDate: props.registerUntil }),
      // Machines get the activation's tags when they join.
      tags: { Name: name, [HOST_TAG]: name },
    });
    this.pinned = new PinnedService(this, 'task', { ...props, clusterArn: this.cluster.arn, launchType: 'EXTERNAL' });
    if (props.patching !== false) patches(this, 'patches', { ...props.patching, name, targets: [{ key: `tag:${HOST_TAG}`, values: [name] }] });
    this.installCommand = installCommand({ name, awsRegion, activationId: this.activation.id, activationCode: this.activation.activationCode });
  }

  #machineRole(name: string, awsRegion: string): ServiceRole {
    const partition = partitionOf(awsRegion);
    const { accountId } = new DataAwsCallerIdentity(this, 'account');
    const role = new ServiceRole(this, 'machine-role', {
      name: `${name}-machine`, services: ['ssm.amazonaws.com'], description: `Machine ${name}`,
      conditions: { StringEquals: { 'aws:SourceAccount': accountId } },
    });
    for (const statement of [...ecsAgent(partition, awsRegion, { arn: this.cluster.arn, name }), ...systemsManager(partition, awsRegion)]) role.allow(statement);
    return role;
  }
}

function checkProps(m: Mistakes, { registerUntil }: ExternalHostProps): void {
  checkUntil(m, 'registerUntil', registerUntil);
}
