/** The site's task: log group, roles, task definition, and the ECS service that is pinned to the site's one machine. */
import { LogGroup } from '@pulumi/aws/cloudwatch/logGroup.js';
import { Service } from '@pulumi/aws/ecs/service.js';
import { TaskDefinition } from '@pulumi/aws/ecs/taskDefinition.js';
import type { Role } from '@pulumi/aws/iam/role.js';
import * as pulumi from '@pulumi/pulumi';
import type { ContainerDefinition } from '../../common/service-container.ts';
import type { Statement } from '../../common/statements.ts';
import { checkRegion, edgeContainers, type EdgeTask } from '../../edge-node-host/containers.ts';
import { LOGIN_ACTION, PULL_ACTIONS } from '../../service-image/defaults.ts';
import { tagValue } from '../../sla-alarms/alarms.ts';
import { checkContainers } from '../../stateful-host/checks.ts';
import { LOG_RETENTION_DAYS, VOLUMES } from '../../stateful-host/defaults.ts';
import { execution } from '../../stateful-host/roles.ts';
import { definitions, NETWORK_MODE, placedOn, SERVICE_SETTINGS, SHARED_NETWORK, volumesOf } from '../../stateful-host/task.ts';
import { collectorStatements } from '../../telemetry-pipeline/collector.ts';
import { checkAll, type Mistakes } from '../mistakes.ts';
import { suppressTag } from '../suppress.ts';
import { siteName, type EdgeSiteArgs } from './args.ts';
import { serviceRole } from './role.ts';
import type { SecretArns } from './secrets.ts';

export interface SiteTask {
  readonly logGroup: LogGroup;
  readonly taskDefinition: TaskDefinition;
  readonly service: Service;
  readonly taskRole: Role;
  readonly executionRole: Role;
}

interface TaskContext {
  readonly path: string;
  readonly secrets: pulumi.Output<SecretArns>;
  readonly clusterArn: pulumi.Input<string>;
  /** What has to be in place before the task is started. */
  readonly after: readonly pulumi.Resource[];
}

/** The containers, once everything that they are made from is known. */
interface KnownTask {
  readonly regionUrls: readonly string[];
  readonly policy: string;
  readonly secrets: SecretArns;
  readonly telemetryLogGroup: { readonly name: string; readonly arn: string } | undefined;
  readonly logGroupName: string;
}

/** Reports all that is wrong with the containers. */
export function containersOf(m: Mistakes, args: EdgeSiteArgs, known: KnownTask): ContainerDefinition[] {
  const { stack, place, image, slas, authorities, size, logLevel, telemetry } = args;
  const task: EdgeTask = {
    site: stack.id ?? '', place, image, regionUrls: known.regionUrls, policy: known.policy, secrets: known.secrets,
    ...(slas === undefined ? {} : { slas }), ...(authorities === undefined ? {} : { authorities }),
    ...(size === undefined ? {} : { size }), ...(logLevel === undefined ? {} : { logLevel }),
    ...(telemetry === undefined || known.telemetryLogGroup === undefined ? {} : {
      telemetry: {
        image: telemetry.image,
        pipeline: {
          namespace: telemetry.namespace, awsRegion: telemetry.awsRegion, logGroupName: known.telemetryLogGroup.name, logGroupArn: known.telemetryLogGroup.arn,
        },
      },
    }),
  };
  const containers = edgeContainers(m, task, {
    logs: { logGroupName: known.logGroupName, region: args.awsRegion }, dataVolume: VOLUMES.data, filesVolume: VOLUMES.files, networkMode: NETWORK_MODE,
  });
  checkContainers(m, containers);
  return containers;
}

const pull = (repositoryArns: readonly string[]): Statement[] => (repositoryArns.length === 0 ? [] : [
  { sid: 'Images', actions: PULL_ACTIONS, resources: repositoryArns },
  // Takes no resource.
  { sid: 'Login', actions: [LOGIN_ACTION], resources: ['*'] },
]);

export function siteTask(id: string, args: EdgeSiteArgs, { path, secrets, clusterArn, after }: TaskContext, options: pulumi.CustomResourceOptions): SiteTask {
  const { awsRegion, encryptionKeyArn, telemetry, tags = {}, place } = args;
  const name = siteName(args.stack);
  const launchType = place.kind === 'on-premises' ? 'EXTERNAL' : 'EC2';
  const logGroup = new LogGroup(id, {
    name: `/tidemark/${name}`, retentionInDays: args.logRetentionDays ?? LOG_RETENTION_DAYS, kmsKeyId: encryptionKeyArn, tags: { ...tags },
  }, { ...options, deleteBeforeReplace: true });
  const telemetryLogGroup = pulumi.all([telemetry?.logGroupName ?? '', telemetry?.logGroupArn ?? '']).apply(([group, arn]) => (group === '' ? undefined : { name: group, arn }));
  const containers = pulumi.all([pulumi.output(args.regionUrls), args.policy, secrets, telemetryLogGroup, logGroup.name]).apply(
    ([regionUrls, policy, arns, telemetryTo, logGroupName]) => {
      let made: ContainerDefinition[] = [];
      checkAll(path, (m) => {
        checkRegion(m, regionUrls, policy);
        made = containersOf(m, args, { regionUrls, policy, secrets: arns, telemetryLogGroup: telemetryTo, logGroupName });
      });
      return made;
    },
  );
  const task = serviceRole(`${id}-task`, {
    name: `${name}-task`, service: 'ecs-tasks.amazonaws.com', description: `Containers of ${name}`, tags,
    ...(telemetry === undefined ? {} : { statements: pulumi.output(telemetry.logGroupArn).apply((logGroupArn) => collectorStatements({ logGroupArn })) }),
  }, options);
  const start = serviceRole(`${id}-execution`, {
    name: `${name}-execution`, service: 'ecs-tasks.amazonaws.com', description: `Starts the task of ${name}`, tags,
    statements: pulumi.all([containers, logGroup.arn, args.secretsKeyArn ?? encryptionKeyArn, pulumi.all([...args.repositoryArns ?? []])]).apply(
      ([all, logGroupArn, secretsKeyArn, repositories]) => [
        ...execution({ containers: all as readonly ContainerDefinition[], logGroupArn, secretsKeyArn, region: awsRegion }), ...pull(repositories),
      ],
    ),
  }, options);
  const taskDefinition = new TaskDefinition(id, {
    family: name, networkMode: NETWORK_MODE, requiresCompatibilities: [launchType], taskRoleArn: task.role.arn, executionRoleArn: start.role.arn,
    containerDefinitions: containers.apply((all) => definitions(all as readonly ContainerDefinition[])), volumes: volumesOf(false),
    tags: { ...tags, ...suppressTag('TM-ECS-09', tagValue(SHARED_NETWORK[launchType])) },
  }, options);
  const service = new Service(id, {
    name, cluster: clusterArn, taskDefinition: taskDefinition.arn, launchType, placementConstraints: [placedOn(name)], ...SERVICE_SETTINGS,
    waitForSteadyState: args.waitForSteadyState ?? false, tags: { ...tags },
  }, { ...options, deleteBeforeReplace: true, dependsOn: [...(start.policy === undefined ? [] : [start.policy]), ...after] });
  return { logGroup, taskDefinition, service, taskRole: task.role, executionRole: start.role };
}
