/**
 * One task on one machine: task definition, ECS service pinned to the container instance that carries the host's name, log
 * group and roles. The machine may be EC2 (see StatefulHost) or one's own (ECS Anywhere, launch type EXTERNAL).
 */
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group/index.js';
import { EcsService } from '@cdktf/provider-aws/lib/ecs-service/index.js';
import { EcsTaskDefinition } from '@cdktf/provider-aws/lib/ecs-task-definition/index.js';
import { type IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check, ServiceRole, type ContainerDefinition, type Grantee, type LogTarget } from '../common/index.ts';
import { suppress } from '../checks/index.ts';
import { literal } from './boot.ts';
import { checkContainers, checkRetention, NAME, NAME_EXPECTED } from './checks.ts';
import { LOG_RETENTION_DAYS, VOLUMES } from './defaults.ts';
import { type TaskProps } from './props.ts';
import { execution } from './roles.ts';
import { definitions, NETWORK_MODE, placedOn, SERVICE_SETTINGS, SHARED_NETWORK, volumesOf } from './task.ts';

export interface PinnedServiceProps extends TaskProps {
  /** As the container instance has it in its attribute. */
  readonly name: string;
  readonly awsRegion: string;
  readonly clusterArn: string;
  readonly launchType: 'EC2' | 'EXTERNAL';
  readonly encryptionKeyArn: string;
  /** Whether there is a volume of files for the containers. @default false */
  readonly files?: boolean;
  /** @default 90 */
  readonly logRetentionDays?: number;
  /** @default - the stack's own provider */
  readonly provider?: TerraformProvider;
}

export class PinnedService extends Construct {
  readonly service: EcsService;
  readonly taskDefinition: EcsTaskDefinition;
  readonly logGroup: CloudwatchLogGroup;
  readonly logs: LogTarget;
  /** What the containers may do. */
  readonly taskRole: ServiceRole;
  /** What starting them may do: grant the registry's `grantPull` to it. */
  readonly executionRole: ServiceRole;
  readonly serviceName: string;

  constructor(scope: Construct, id: string, props: PinnedServiceProps) {
    super(scope, id);
    const { name, awsRegion } = props;
    check(this, (m) => {
      m.text('name', name, NAME, NAME_EXPECTED);
      checkRetention(m, props.logRetentionDays);
    });
    const provider = props.provider === undefined ? {} : { provider: props.provider };
    this.logGroup = new CloudwatchLogGroup(this, 'logs', {
      ...provider, name: `/tidemark/${name}`, retentionInDays: props.logRetentionDays ?? LOG_RETENTION_DAYS, kmsKeyId: props.encryptionKeyArn,
    });
    // The name as it is referred to, so that the group is there before the first line.
    this.logs = { logGroupName: this.logGroup.name, region: awsRegion };
    const containers = props.containers({ logs: this.logs, dataVolume: VOLUMES.data, filesVolume: VOLUMES.files, networkMode: NETWORK_MODE });
    check(this, (m) => checkContainers(m, containers));

    this.taskRole = this.#role('task', name, `Containers of ${name}`);
    this.executionRole = this.#role('execution', name, `Starts the task of ${name}`);
    const secretsKeyArn = props.secretsKeyArn ?? props.encryptionKeyArn;
    execution({ containers, logGroupArn: this.logGroup.arn, secretsKeyArn, region: awsRegion }).forEach(this.executionRole.allow);

    this.taskDefinition = new EcsTaskDefinition(this, 'task', {
      ...provider,
      family: name, networkMode: NETWORK_MODE, requiresCompatibilities: [props.launchType],
      taskRoleArn: this.taskRole.arn, executionRoleArn: this.executionRole.arn,
      containerDefinitions: literal(definitions(containers, props.finalExitCodes)), volume: volumesOf(props.files ?? false),
    });
    suppress(this.taskDefinition, 'TM-ECS-09', SHARED_NETWORK[props.launchType]);
    this.service = new EcsService(this, 'service', {
      ...provider,
      name, cluster: props.clusterArn, taskDefinition: this.taskDefinition.arn, launchType: props.launchType,
      placementConstraints: [placedOn(name)],
      ...SERVICE_SETTINGS,
      waitForSteadyState: props.waitForSteadyState ?? false,
      // The secrets are read when the task starts: what allows that comes first, and is the last to go.
      dependsOn: [this.executionRole.node.findChild('grants') as IamRolePolicy, ...(props.after ?? [])],
      ...(props.targetGroups === undefined || props.targetGroups.length === 0 ? {} : {
        loadBalancer: props.targetGroups.map(({ arn, container, port }) => ({
          targetGroupArn: arn, containerName: container ?? (containers[0] as ContainerDefinition).name, containerPort: port,
        })),
      }),
    });
    this.serviceName = this.service.name;
  }

  #role(what: string, name: string, description: string): ServiceRole {
    return new ServiceRole(this, `${what}-role`, { name: `${name}-${what}`, services: ['ecs-tasks.amazonaws.com'], description });
  }

  /** New task definitions, restarts; not what the containers do. */
  readonly grantDeploy = (grantee: Grantee): void => {
    grantee.allow({ actions: ['ecs:DescribeServices', 'ecs:UpdateService'], resources: [this.service.id] });
  };
}
