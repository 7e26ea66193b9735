/** The control plane as one task on Fargate: for managed storage, which is where everything of it is. */
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group/index.js';
import { EcsCluster } from '@cdktf/provider-aws/lib/ecs-cluster/index.js';
import { EcsService } from '@cdktf/provider-aws/lib/ecs-service/index.js';
import { EcsTaskDefinition } from '@cdktf/provider-aws/lib/ecs-task-definition/index.js';
import { type IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy/index.js';
import { Construct } from 'constructs';
import { type ServiceContract } from '../../platform/index.ts';
import { serviceContainer, ServiceRole, type Grantee, type LogTarget } from '../common/index.ts';
import { SecurityGroup, type Peer } from '../network/index.ts';
import { literal } from '../stateful-host/boot.ts';
import { execution } from '../stateful-host/roles.ts';
import { BALANCER, FARGATE_PLATFORM, LOG_RETENTION_DAYS, SIZES } from './defaults.ts';
import type { FrontDoor } from './front-door.ts';
import type { ControlPlaneProps, FargateProps } from './props.ts';

/** What runs the service, whatever it is. */
export interface Compute {
  readonly clusterArn: string;
  readonly serviceName: string;
  readonly securityGroupId: string;
  readonly logs: LogTarget;
  readonly taskRole: ServiceRole;
  readonly executionRole: ServiceRole;
  readonly allowTo: (what: string, peer: Peer, port: number) => void;
  readonly grantDeploy: (grantee: Grantee) => void;
}

/** Name of the task's volume for scratch data. */
const DATA_VOLUME = 'data';

export class FargateTask extends Construct implements Compute {
  readonly cluster: EcsCluster;
  readonly service: EcsService;
  readonly taskDefinition: EcsTaskDefinition;
  readonly securityGroup: SecurityGroup;
  readonly clusterArn: string;
  readonly serviceName: string;
  readonly securityGroupId: string;
  readonly logs: LogTarget;
  readonly taskRole: ServiceRole;
  readonly executionRole: ServiceRole;

  constructor(scope: Construct, id: string, props: ControlPlaneProps & { readonly compute: FargateProps }, contract: ServiceContract, door: FrontDoor) {
    super(scope, id);
    const { name, region, compute, encryptionKeyArn } = props;
    const size = SIZES[props.size ?? 'small'].fargate;
    const group = new CloudwatchLogGroup(this, 'logs', {
      name: `/tidemark/${name}`, kmsKeyId: encryptionKeyArn, retentionInDays: props.logRetentionDays ?? LOG_RETENTION_DAYS,
    });
    this.logs = { logGroupName: group.name, region };
    const containers = [
      serviceContainer(this, { service: contract, image: props.image, settings: props.settings, logs: this.logs, dataVolume: DATA_VOLUME }),
      ...(props.sidecars?.(this.logs) ?? []),
    ];
    const role = (what: string, description: string): ServiceRole =>
      new ServiceRole(this, `${what}-role`, { name: `${name}-${what}`, services: ['ecs-tasks.amazonaws.com'], description });
    this.taskRole = role('task', `Containers of ${name}`);
    this.executionRole = role('execution', `Starts the task of ${name}`);
    execution({ containers, logGroupArn: group.arn, secretsKeyArn: props.secretsKeyArn ?? encryptionKeyArn, region }).forEach(this.executionRole.allow);

    this.securityGroup = new SecurityGroup(this, 'security-group', { name, vpcId: props.vpcId, description: `Task of ${name}` });
    this.securityGroupId = this.securityGroup.id;
    this.securityGroup.allowFrom('Load balancer', { securityGroupId: door.securityGroup.id }, contract.port).allowTo('HTTPS: AWS, registry, regions', { cidr: '0.0.0.0/0' }, 443);

    this.cluster = new EcsCluster(this, 'cluster', {
      name, setting: [{ name: 'containerInsights', value: 'enabled' }],
      configuration: { managedStorageConfiguration: { fargateEphemeralStorageKmsKeyId: encryptionKeyArn } },
    });
    this.clusterArn = this.cluster.arn;
    this.taskDefinition = new EcsTaskDefinition(this, 'task', {
      family: name, networkMode: 'awsvpc', requiresCompatibilities: ['FARGATE'], cpu: String(compute.cpu ?? size.cpu), memory: String(compute.memoryMib ?? size.memoryMib),
      runtimePlatform: { operatingSystemFamily: 'LINUX', cpuArchitecture: compute.architecture ?? 'X86_64' },
      taskRoleArn: this.taskRole.arn, executionRoleArn: this.executionRole.arn, containerDefinitions: literal(JSON.stringify(containers)),
      volume: [{ name: DATA_VOLUME }],
    });
    this.service = new EcsService(this, 'service', {
      name, cluster: this.cluster.arn, taskDefinition: this.taskDefinition.arn, launchType: 'FARGATE', platformVersion: FARGATE_PLATFORM,
      // The old task is stopped before the new one starts. This orders deployments; it does not prove one writer: a task on a host
      // that ECS cannot reach may still run when its successor starts. The ledger's store has to fence the old one off.
      desiredCount: 1, deploymentMinimumHealthyPercent: 0, deploymentMaximumPercent: 100, availabilityZoneRebalancing: 'DISABLED',
      deploymentCircuitBreaker: { enable: true, rollback: true }, healthCheckGracePeriodSeconds: BALANCER.graceSeconds,
      networkConfiguration: { subnets: [...compute.subnetIds], securityGroups: [this.securityGroup.id], assignPublicIp: false },
      loadBalancer: [{ targetGroupArn: door.targetGroup.arn, containerName: contract.id, containerPort: contract.port }],
      enableExecuteCommand: false, enableEcsManagedTags: true, propagateTags: 'SERVICE', waitForSteadyState: props.waitForSteadyState ?? false,
      // What lets the task start comes first, and a target group takes targets only once a listener leads to it.
      dependsOn: [door.rule, this.executionRole.node.findChild('grants') as IamRolePolicy],
    });
    this.serviceName = this.service.name;
  }

  readonly allowTo = (what: string, peer: Peer, port: number): void => void this.securityGroup.allowTo(what, peer, port);

  readonly grantDeploy = (grantee: Grantee): void => {
    grantee.allow({ actions: ['ecs:DescribeServices', 'ecs:UpdateService'], resources: [this.service.id] });
  };
}
