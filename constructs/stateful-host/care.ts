/** What looks after a host while nobody does: recovery, patches, snapshots. */
import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm/index.js';
import { DlmLifecyclePolicy } from '@cdktf/provider-aws/lib/dlm-lifecycle-policy/index.js';
import { SsmAssociation, type SsmAssociationTargets } from '@cdktf/provider-aws/lib/ssm-association/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { partitionOf } from '../../platform/index.ts';
import { ServiceRole } from '../common/index.ts';
import { HOST_TAG } from './defaults.ts';
import { type PatchingProps, type StatefulHostProps } from './props.ts';
import { patchAssociation, recoveryAlarms, snapshotSchedule } from './recovery.ts';
import { snapshots } from './roles.ts';

interface CareProps extends StatefulHostProps {
  readonly instanceId: string;
  readonly volumeArn: string;
}

export class Care extends Construct {
  constructor(scope: Construct, id: string, props: CareProps) {
    super(scope, id);
    for (const { id: action, ...alarm } of recoveryAlarms({ ...props, place: props.place ?? 'region' })) new CloudwatchMetricAlarm(this, action, { ...providerOf(props), ...alarm });
    if (props.patching !== false) patches(this, 'patches', { ...props.patching, ...providerOf(props), name: props.name, targets: [{ key: 'InstanceIds', values: [props.instanceId] }] });
    if (props.snapshots !== false) this.#snapshot(props);
  }

  #snapshot(props: CareProps): void {
    const role = new ServiceRole(this, 'snapshots-role', { name: `${props.name}-snapshots`, services: ['dlm.amazonaws.com'], description: `Snapshots of ${props.name}` });
    snapshots(partitionOf(props.awsRegion), props.awsRegion, props.volumeArn, [HOST_TAG, props.name]).forEach(role.allow);
    new DlmLifecyclePolicy(this, 'snapshots', {
      ...providerOf(props),
      description: `Data disk of ${props.name}`, executionRoleArn: role.arn, state: 'ENABLED',
      policyDetails: {
        resourceTypes: ['VOLUME'], targetTags: { [HOST_TAG]: props.name },
        schedule: [snapshotSchedule(props.snapshots === false ? {} : props.snapshots ?? {})],
      },
    });
  }
}

export interface PatchesProps extends PatchingProps {
  readonly name: string;
  /** Which machines, as an SSM association has it. */
  readonly targets: SsmAssociationTargets[];
  /** @default - the stack's own */
  readonly provider?: TerraformProvider;
}

/** Patches of the operating system, by the default patch baseline of its kind or the one that the patch group is registered with. */
export function patches(scope: Construct, id: string, props: PatchesProps): SsmAssociation {
  return new SsmAssociation(scope, id, {
    ...providerOf(props),
    ...patchAssociation(props.name, props), targets: props.targets,
  });
}

const providerOf = (props: { readonly provider?: TerraformProvider }): { readonly provider?: TerraformProvider } => (props.provider === undefined ? {} : { provider: props.provider });
