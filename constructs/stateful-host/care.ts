/** What looks after a host while nobody does: recovery, patches, snapshots. */
import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm/index.js';
import { DlmLifecyclePolicy } from '@cdktf/provider-aws/lib/dlm-lifecycle-policy/index.js';
import { SsmAssociation, type SsmAssociationTargets } from '@cdktf/provider-aws/lib/ssm-association/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { ServiceRole } from '../common/index.ts';
import { HOST_TAG, partitionOf, patchSchedule, PLACES, RUNBOOK, SNAPSHOTS } from './defaults.ts';
import { type PatchingProps, type StatefulHostProps } from './props.ts';
import { snapshots } from './roles.ts';

interface CareProps extends StatefulHostProps {
  readonly instanceId: string;
  readonly volumeArn: string;
}

export class Care extends Construct {
  constructor(scope: Construct, id: string, props: CareProps) {
    super(scope, id);
    if (PLACES[props.place ?? 'region'].recovers) {
      this.#alarm(props, 'recover', 'StatusCheckFailed_System', 2, 'its hardware failed: it is moved to another one');
    }
    this.#alarm(props, 'reboot', 'StatusCheckFailed_Instance', 3, 'its operating system does not answer: it is restarted');
    if (props.patching !== false) patches(this, 'patches', { ...props.patching, ...providerOf(props), name: props.name, targets: [{ key: 'InstanceIds', values: [props.instanceId] }] });
    if (props.snapshots !== false) this.#snapshot(props);
  }

  #alarm(props: CareProps, action: 'recover' | 'reboot', metricName: string, minutes: number, what: string): void {
    new CloudwatchMetricAlarm(this, action, {
      ...providerOf(props),
      alarmName: `${props.name}-${action}`,
      alarmDescription: `${props.name}: ${what}. Runbook: ${props.runbook ?? RUNBOOK}`,
      namespace: 'AWS/EC2', metricName, dimensions: { InstanceId: props.instanceId },
      statistic: 'Maximum', period: 60, evaluationPeriods: minutes, datapointsToAlarm: minutes, threshold: 1,
      comparisonOperator: 'GreaterThanOrEqualToThreshold',
      // A machine that is being replaced has no status.
      treatMissingData: 'missing',
      alarmActions: [`arn:${partitionOf(props.awsRegion)}:automate:${props.awsRegion}:ec2:${action}`],
    });
  }

  #snapshot(props: CareProps): void {
    const { at = SNAPSHOTS.at, keep = SNAPSHOTS.keep } = props.snapshots === false ? {} : props.snapshots ?? {};
    const role = new ServiceRole(this, 'snapshots-role', { name: `${props.name}-snapshots`, services: ['dlm.amazonaws.com'], description: `Snapshots of ${props.name}` });
    snapshots(partitionOf(props.awsRegion), props.awsRegion, props.volumeArn, [HOST_TAG, props.name]).forEach(role.allow);
    new DlmLifecyclePolicy(this, 'snapshots', {
      ...providerOf(props),
      description: `Data disk of ${props.name}`, executionRoleArn: role.arn, state: 'ENABLED',
      policyDetails: {
        resourceTypes: ['VOLUME'], targetTags: { [HOST_TAG]: props.name },
        schedule: [{
          name: 'daily', copyTags: true,
          createRule: { interval: 24, intervalUnit: 'HOURS', times: [at] },
          retainRule: { count: keep },
        }],
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
    associationName: `${props.name}-patches`, name: 'AWS-RunPatchBaseline', targets: props.targets,
    scheduleExpression: props.schedule ?? patchSchedule(0), applyOnlyAtCronInterval: true, complianceSeverity: 'HIGH',
    parameters: { Operation: props.operation ?? 'Install', RebootOption: 'RebootIfNeeded' },
  });
}

const providerOf = (props: { readonly provider?: TerraformProvider }): { readonly provider?: TerraformProvider } => (props.provider === undefined ? {} : { provider: props.provider });
