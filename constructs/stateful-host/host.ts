/** The machine, its disk, its network rules and what looks after it; the task on it is `PinnedService`. */
import { DataAwsSsmParameter } from '@cdktf/provider-aws/lib/data-aws-ssm-parameter/index.js';
import { EbsVolume } from '@cdktf/provider-aws/lib/ebs-volume/index.js';
import { EcsCluster } from '@cdktf/provider-aws/lib/ecs-cluster/index.js';
import { IamInstanceProfile } from '@cdktf/provider-aws/lib/iam-instance-profile/index.js';
import { Instance } from '@cdktf/provider-aws/lib/instance/index.js';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group/index.js';
import { VolumeAttachment } from '@cdktf/provider-aws/lib/volume-attachment/index.js';
import { Fn, type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { partitionOf } from '../../platform/index.ts';
import { check, ServiceRole, type Grantee, type LogTarget } from '../common/index.ts';
import { addRule, type Rule } from '../network/rule.ts';
import { cloudConfig, literal } from './boot.ts';
import { Care } from './care.ts';
import { checkHost } from './checks.ts';
import { AMI_PARAMETER, architectureOf, DATA_UID, HOST_TAG, MACHINE_SETTINGS, PLACES, ROOT_GIB } from './defaults.ts';
import { type StatefulHostProps } from './props.ts';
import { ecsAgent, systemsManager } from './roles.ts';
import { PinnedService } from './service.ts';

/** What others may rely on, whether the host is this stack's or was imported. */
export interface IStatefulHost {
  readonly instanceId: string;
  readonly privateIp: string;
  readonly securityGroupId: string;
  readonly clusterArn: string;
  readonly serviceName: string;
  /** Lets somebody in. Throws ConstructError unless exactly one other party is named. */
  readonly allowFrom: (id: string, rule: Rule) => void;
  /** Lets the host out. */
  readonly allowTo: (id: string, rule: Rule) => void;
}

export type HostAttributes = Omit<IStatefulHost, 'allowFrom' | 'allowTo'>;

export class StatefulHost extends Construct implements IStatefulHost {
  readonly instance: Instance;
  readonly volume: EbsVolume;
  readonly attachment: VolumeAttachment;
  readonly securityGroup: SecurityGroup;
  readonly cluster: EcsCluster;
  readonly instanceRole: ServiceRole;
  /** The task, its ECS service, its roles, its log. */
  readonly pinned: PinnedService;

  readonly instanceId: string;
  readonly privateIp: string;
  readonly securityGroupId: string;
  readonly clusterArn: string;
  readonly serviceName: string;
  readonly logs: LogTarget;
  /** What the containers may do. */
  readonly taskRole: ServiceRole;
  /** What starting them may do: grant the registry's `grantPull` to it. */
  readonly executionRole: ServiceRole;
  readonly #provider: TerraformProvider | undefined;

  constructor(scope: Construct, id: string, props: StatefulHostProps) {
    super(scope, id);
    check(this, (m) => checkHost(m, props));
    this.#provider = props.provider;
    const provider = props.provider === undefined ? {} : { provider: props.provider };
    const { name } = props;
    const tags = { Name: name, [HOST_TAG]: name };

    // Of its own, so that no other machine can claim to be this one and be given its task and its secrets.
    this.cluster = new EcsCluster(this, 'cluster', { ...provider, name, setting: [{ name: 'containerInsights', value: 'disabled' }] });
    this.clusterArn = this.cluster.arn;
    this.instanceRole = this.#machineRole(props);
    this.securityGroup = new SecurityGroup(this, 'security-group', {
      ...provider, name, vpcId: props.vpcId, description: `Host ${name}`, tags,
    });
    this.securityGroupId = this.securityGroup.id;
    if (props.outbound !== 'none') this.allowTo('https', { port: 443, cidr: '0.0.0.0/0', description: 'HTTPS: AWS, registry, sites' });

    this.volume = this.#disk(props, tags);
    this.instance = this.#machine(props, tags);
    this.instanceId = this.instance.id;
    this.privateIp = this.instance.privateIp;
    this.attachment = new VolumeAttachment(this, 'attachment', {
      ...provider, deviceName: '/dev/sdf', volumeId: this.volume.id, instanceId: this.instance.id,
      // Everything on it is written and unmounted before the disk moves to another machine.
      stopInstanceBeforeDetaching: true,
    });
    this.pinned = new PinnedService(this, 'task', {
      ...props, clusterArn: this.cluster.arn, launchType: 'EC2', files: (props.files ?? []).length > 0,
      after: [this.attachment, ...(props.after ?? [])],
    });
    ({ logs: this.logs, taskRole: this.taskRole, executionRole: this.executionRole, serviceName: this.serviceName } = this.pinned);
    new Care(this, 'care', { ...props, instanceId: this.instance.id, volumeArn: this.volume.arn });
  }

  /** A host that another stack made. */
  static fromAttributes(scope: Construct, id: string, attributes: HostAttributes): IStatefulHost {
    const holder = new Construct(scope, id);
    return {
      ...attributes,
      allowFrom: (rule, to) => void addRule(holder, rule, 'from', attributes.securityGroupId, to),
      allowTo: (rule, to) => void addRule(holder, rule, 'to', attributes.securityGroupId, to),
    };
  }

  readonly allowFrom = (id: string, rule: Rule): void => void addRule(this, id, 'from', this.securityGroup.id, rule, this.#provider);
  readonly allowTo = (id: string, rule: Rule): void => void addRule(this, id, 'to', this.securityGroup.id, rule, this.#provider);

  /** A shell on the machine by Systems Manager; there is no other way in. */
  readonly grantSession = (grantee: Grantee): void => {
    grantee.allow({ actions: ['ssm:StartSession'], resources: [this.instance.arn] });
  };

  /** New task definitions and restarts. */
  readonly grantDeploy = (grantee: Grantee): void => this.pinned.grantDeploy(grantee);

  #machineRole(props: StatefulHostProps): ServiceRole {
    const { name, awsRegion } = props;
    const role = new ServiceRole(this, 'machine-role', { name: `${name}-machine`, services: ['ec2.amazonaws.com'], description: `Machine ${name}` });
    const partition = partitionOf(awsRegion);
    for (const statement of [...ecsAgent(partition, awsRegion, { arn: this.cluster.arn, name }), ...systemsManager(partition, awsRegion)]) role.allow(statement);
    return role;
  }

  #disk(props: StatefulHostProps, tags: Record<string, string>): EbsVolume {
    return new EbsVolume(this, 'data', {
      ...(props.provider === undefined ? {} : { provider: props.provider }),
      availabilityZone: props.zone, size: props.dataGib, type: PLACES[props.place ?? 'region'].volumeType,
      encrypted: true, kmsKeyId: props.encryptionKeyArn,
      ...(props.outpostArn === undefined ? {} : { outpostArn: props.outpostArn }),
      // Whoever destroys it after all leaves something to come back to.
      finalSnapshot: true, tags,
      lifecycle: { preventDestroy: props.protectData ?? true },
    });
  }

  #machine(props: StatefulHostProps, tags: Record<string, string>): Instance {
    const provider = props.provider === undefined ? {} : { provider: props.provider };
    const place = PLACES[props.place ?? 'region'];
    const ami = props.amiId ?? new DataAwsSsmParameter(this, 'ami', { ...provider, name: AMI_PARAMETER[architectureOf(props.instanceType)] }).insecureValue;
    const profile = new IamInstanceProfile(this, 'profile', { ...provider, name: `${props.name}-machine`, role: this.instanceRole.roleName });
    return new Instance(this, 'machine', {
      ...provider,
      ami, instanceType: props.instanceType, subnetId: props.subnetId, vpcSecurityGroupIds: [this.securityGroup.id],
      ...(props.privateIp === undefined ? {} : { privateIp: props.privateIp }),
      iamInstanceProfile: profile.name, monitoring: props.detailedMonitoring ?? false,
      ...MACHINE_SETTINGS,
      rootBlockDevice: {
        encrypted: true, kmsKeyId: props.encryptionKeyArn, volumeType: place.volumeType, volumeSize: ROOT_GIB, deleteOnTermination: true,
        // Not the host's tag: its snapshots are of the data disk.
        tags: { Name: props.name },
      },
      userData: literal(cloudConfig({
        name: props.name, clusterName: props.name, volumeSerial: Fn.replace(this.volume.id, '-', ''),
        dataUid: props.dataUid ?? DATA_UID, files: props.files ?? [],
      })),
      tags: { ...tags, PatchGroup: props.name },
      // Replaced on purpose only (`terraform apply -replace=`), one at a time: Terraform destroys all that it replaces before it
      // makes anything anew, so that a new image or boot text would take every host of a quorum away at once.
      lifecycle: { ignoreChanges: ['ami', 'user_data', 'user_data_base64'] },
      // What is changed in place (the type: stopped and started) waits for the host before as well.
      ...(props.after === undefined ? {} : { dependsOn: [...props.after] }),
    });
  }
}
