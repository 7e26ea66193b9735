/** What looks after a host, as data by AWS's names: alarms that act, patches, snapshots. Loads no framework. */
import { partitionOf } from '../../platform/aws.ts';
import { patchSchedule, PLACES, RUNBOOK, SNAPSHOTS } from './defaults.ts';
import type { PatchingProps, Place, SnapshotProps } from './props.ts';

interface AlarmedHost<Id> {
  readonly name: string;
  readonly place: Place;
  readonly awsRegion: string;
  /** @default - docs/operations.md */
  readonly runbook?: string;
  readonly instanceId: Id;
}

/** Moved to other hardware where that can be done, and restarted when the operating system does not answer. */
export const recoveryAlarms = <Id>(host: AlarmedHost<Id>) => [
  ...(PLACES[host.place].recovers ? [alarm(host, 'recover', 'StatusCheckFailed_System', 2, 'its hardware failed: it is moved to another one')] : []),
  alarm(host, 'reboot', 'StatusCheckFailed_Instance', 3, 'its operating system does not answer: it is restarted'),
];

const alarm = <Id>({ name, awsRegion, runbook, instanceId }: AlarmedHost<Id>, id: 'recover' | 'reboot', metricName: string, minutes: number, what: string) => ({
  id,
  alarmName: `${name}-${id}`,
  alarmDescription: `${name}: ${what}. Runbook: ${runbook ?? RUNBOOK}`,
  namespace: 'AWS/EC2', metricName, dimensions: { InstanceId: instanceId },
  statistic: 'Maximum', period: 60, evaluationPeriods: minutes, datapointsToAlarm: minutes, threshold: 1,
  comparisonOperator: 'GreaterThanOrEqualToThreshold',
  // A machine that is being replaced has no status.
  treatMissingData: 'missing',
  alarmActions: [`arn:${partitionOf(awsRegion)}:automate:${awsRegion}:ec2:${id}`],
});

export const snapshotSchedule = ({ at = SNAPSHOTS.at, keep = SNAPSHOTS.keep }: SnapshotProps) => ({
  name: 'daily', copyTags: true,
  createRule: { interval: 24, intervalUnit: 'HOURS', times: [at] },
  retainRule: { count: keep },
});

/** An association of Systems Manager without its targets. */
export const patchAssociation = (name: string, { schedule = patchSchedule(0), operation = 'Install' }: PatchingProps) => ({
  associationName: `${name}-patches`, name: 'AWS-RunPatchBaseline',
  scheduleExpression: schedule, applyOnlyAtCronInterval: true, complianceSeverity: 'HIGH',
  parameters: { Operation: operation, RebootOption: 'RebootIfNeeded' },
});
