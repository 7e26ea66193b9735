/** The site's machine: in AWS with a disk of its own, as StatefulHost makes it, or one's own that joins (ECS Anywhere). */
import { MetricAlarm } from '@pulumi/aws/cloudwatch/metricAlarm.js';
import { LifecyclePolicy } from '@pulumi/aws/dlm/lifecyclePolicy.js';
import { Volume } from '@pulumi/aws/ebs/volume.js';
import { Instance } from '@pulumi/aws/ec2/instance.js';
import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup.js';
import { VolumeAttachment } from '@pulumi/aws/ec2/volumeAttachment.js';
import { Cluster } from '@pulumi/aws/ecs/cluster.js';
import { InstanceProfile } from '@pulumi/aws/iam/instanceProfile.js';
import { Association } from '@pulumi/aws/ssm/association.js';
import { getParameterOutput } from '@pulumi/aws/ssm/getParameter.js';
import { SecurityGroupEgressRule } from '@pulumi/aws/vpc/securityGroupEgressRule.js';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule.js';
import type * as pulumi from '@pulumi/pulumi';
import { partitionOf } from '../../../platform/aws.ts';
import { SERVICES } from '../../../platform/services.ts';
import { EDGE_DEFAULTS, EDGE_SIZES } from '../../edge-node-host/defaults.ts';
import { cloudConfig } from '../../stateful-host/boot.ts';
import { AMI_PARAMETER, architectureOf, HOST_TAG, MACHINE_SETTINGS, PLACES, ROOT_GIB } from '../../stateful-host/defaults.ts';
import { patchAssociation, recoveryAlarms, snapshotSchedule } from '../../stateful-host/recovery.ts';
import { ecsAgent, snapshots, systemsManager } from '../../stateful-host/roles.ts';
import { siteName, type CloudPlace, type EdgeSiteArgs } from './args.ts';
import { serviceRole, type RoleArgs } from './role.ts';

export interface Machine {
  readonly instance: Instance;
  readonly volume: Volume;
  readonly attachment: VolumeAttachment;
  readonly securityGroup: SecurityGroup;
}

const SERVICE = SERVICES['edge-node'];

/** Of its own, so that no other machine can claim to be this one and be given its task and its secrets. */
export const siteCluster = (id: string, args: EdgeSiteArgs, options: pulumi.CustomResourceOptions): Cluster => new Cluster(id, {
  name: siteName(args.stack), settings: [{ name: 'containerInsights', value: 'disabled' }], tags: { ...args.tags },
}, { ...options, deleteBeforeReplace: true });

/** What the machine itself may do, wherever it stands. */
export function machineRole(id: string, args: EdgeSiteArgs, cluster: Cluster, who: Pick<RoleArgs, 'service' | 'conditions'>, options: pulumi.CustomResourceOptions) {
  const name = siteName(args.stack);
  const partition = partitionOf(args.awsRegion);
  return serviceRole(`${id}-machine`, {
    name: `${name}-machine`, description: `Machine ${name}`, ...who, tags: args.tags ?? {},
    statements: cluster.arn.apply((arn) => [...ecsAgent(partition, args.awsRegion, { arn, name }), ...systemsManager(partition, args.awsRegion)]),
  }, options).role;
}

export function cloudMachine(id: string, args: EdgeSiteArgs, place: CloudPlace, cluster: Cluster, options: pulumi.CustomResourceOptions): Machine {
  const name = siteName(args.stack);
  const tags = { ...args.tags, Name: name, [HOST_TAG]: name };
  const size = EDGE_SIZES[place.kind][args.size ?? EDGE_DEFAULTS.size];
  const instanceType = args.instanceType ?? size.instanceType;
  const { volumeType } = PLACES[place.kind];
  // Names are unique, and a disk is attached to one machine: what is replaced goes before its successor comes.
  const replaced = { ...options, deleteBeforeReplace: true };

  const role = machineRole(id, args, cluster, { service: 'ec2.amazonaws.com' }, options);
  const securityGroup = siteSecurityGroup(id, args, place, tags, options);
  const volume = new Volume(id, {
    availabilityZone: place.zone, size: args.dataGib ?? size.dataGib, type: volumeType, encrypted: true, kmsKeyId: args.encryptionKeyArn,
    ...(place.outpostArn === undefined ? {} : { outpostArn: place.outpostArn }),
    // Whoever destroys it after all leaves something to come back to.
    finalSnapshot: true, tags,
  }, { ...options, protect: args.protectData ?? true });
  const profile = new InstanceProfile(id, { name: `${name}-machine`, role: role.name, tags: { ...args.tags } }, replaced);
  const instance = new Instance(id, {
    ...MACHINE_SETTINGS,
    ami: args.amiId ?? getParameterOutput({ name: AMI_PARAMETER[architectureOf(instanceType)] }, options).insecureValue,
    instanceType, subnetId: place.subnetId, vpcSecurityGroupIds: [securityGroup.id], ...(place.privateIp === undefined ? {} : { privateIp: place.privateIp }),
    iamInstanceProfile: profile.name, monitoring: false,
    rootBlockDevice: {
      encrypted: true, kmsKeyId: args.encryptionKeyArn, volumeType, volumeSize: ROOT_GIB, deleteOnTermination: true,
      // Not the host's tag: its snapshots are of the data disk.
      tags: { Name: name },
    },
    userData: volume.id.apply((volumeId) => cloudConfig({
      name, clusterName: name, volumeSerial: volumeId.replace('-', ''), dataUid: SERVICE.uid, files: [],
    })),
    tags: { ...tags, PatchGroup: name },
    // The newest image and boot text when it is made; afterwards it is patched in place, and replaced on purpose only.
  }, { ...replaced, ignoreChanges: ['ami', 'userData', 'userDataBase64'] });
  const attachment = new VolumeAttachment(id, {
    deviceName: '/dev/sdf', volumeId: volume.id, instanceId: instance.id,
    // Everything on it is written and unmounted before the disk moves to another machine.
    stopInstanceBeforeDetaching: true,
  }, replaced);
  care(id, args, place, instance, volume, options);
  return { instance, volume, attachment, securityGroup };
}

function siteSecurityGroup(id: string, args: EdgeSiteArgs, place: CloudPlace, tags: Record<string, string>, options: pulumi.CustomResourceOptions): SecurityGroup {
  const name = siteName(args.stack);
  const group = new SecurityGroup(id, { name, vpcId: place.vpcId, description: `Host ${name}`, tags }, { ...options, deleteBeforeReplace: true });
  new SecurityGroupEgressRule(`${id}-https`, {
    securityGroupId: group.id, description: 'HTTPS: AWS, registry, sites', ipProtocol: 'tcp', fromPort: 443, toPort: 443, cidrIpv4: '0.0.0.0/0',
  }, options);
  for (const [i, cidrIpv4] of (args.clientCidrs ?? []).entries()) {
    new SecurityGroupIngressRule(`${id}-clients-${i}`, {
      securityGroupId: group.id, description: 'Clients of the edge node', ipProtocol: 'tcp', fromPort: SERVICE.port, toPort: SERVICE.port, cidrIpv4,
    }, options);
  }
  return group;
}

/** What looks after it while nobody does. */
function care(id: string, args: EdgeSiteArgs, place: CloudPlace, instance: Instance, volume: Volume, options: pulumi.CustomResourceOptions): void {
  const { stack, awsRegion, runbook, tags = {} } = args;
  const name = siteName(stack);
  const alarms = recoveryAlarms({ name, place: place.kind, awsRegion, instanceId: instance.id, ...(runbook === undefined ? {} : { runbook }) });
  for (const { id: action, alarmName, ...alarm } of alarms) new MetricAlarm(`${id}-${action}`, { name: alarmName, ...alarm, tags: { ...tags } }, options);
  if (args.patching !== false) sitePatches(id, args, [{ key: 'InstanceIds', values: [instance.id] }], options);
  if (args.snapshots === false) return;
  const role = serviceRole(`${id}-snapshots`, {
    name: `${name}-snapshots`, service: 'dlm.amazonaws.com', description: `Snapshots of ${name}`, tags,
    statements: volume.arn.apply((arn) => snapshots(partitionOf(awsRegion), awsRegion, arn, [HOST_TAG, name])),
  }, options).role;
  const { retainRule, createRule: { times, ...createRule }, ...schedule } = snapshotSchedule(args.snapshots ?? {});
  new LifecyclePolicy(id, {
    description: `Data disk of ${name}`, executionRoleArn: role.arn, state: 'ENABLED', tags: { ...tags },
    policyDetails: {
      resourceTypes: ['VOLUME'], targetTags: { [HOST_TAG]: name }, schedules: [{ ...schedule, retainRule, createRule: { ...createRule, times: times[0]! } }],
    },
  }, options);
}

export function sitePatches(id: string, args: EdgeSiteArgs, targets: { key: string; values: pulumi.Input<string>[] }[], options: pulumi.CustomResourceOptions): Association {
  return new Association(`${id}-patches`, {
    ...patchAssociation(siteName(args.stack), args.patching === false ? {} : args.patching ?? {}), targets, tags: { ...args.tags },
  }, options);
}
