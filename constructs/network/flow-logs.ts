/** Flow logs of a VPC in CloudWatch Logs: who talked with whom, and what was refused. */
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group/index.js';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { FlowLog } from '@cdktf/provider-aws/lib/flow-log/index.js';
import { Construct } from 'constructs';
import { ServiceRole } from '../common/index.ts';
import { FLOW_LOGS } from './defaults.ts';

export interface FlowLogsProps {
  /** Key that CloudWatch Logs may use. */
  readonly encryptionKeyArn: string;
  /** Days; a value that CloudWatch knows. @default 90 */
  readonly retentionDays?: number;
}

export class FlowLogs extends Construct {
  constructor(scope: Construct, id: string, props: FlowLogsProps & { readonly name: string; readonly vpcId: string }) {
    super(scope, id);
    const group = new CloudwatchLogGroup(this, 'group', {
      name: `/tidemark/flow-logs/${props.name}`, kmsKeyId: props.encryptionKeyArn, retentionInDays: props.retentionDays ?? FLOW_LOGS.retentionDays,
    });
    const account = new DataAwsCallerIdentity(this, 'account');
    const role = new ServiceRole(this, 'role', {
      name: `${props.name}-flow-logs`, services: ['vpc-flow-logs.amazonaws.com'], description: `Writes the flow logs of ${props.name}`,
      conditions: { StringEquals: { 'aws:SourceAccount': account.accountId } },
    });
    role.allow({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'], resources: [`${group.arn}:*`] });
    new FlowLog(this, 'flow-log', {
      vpcId: props.vpcId, trafficType: 'ALL', logDestinationType: 'cloud-watch-logs', logDestination: group.arn, iamRoleArn: role.arn,
      maxAggregationInterval: FLOW_LOGS.intervalSeconds, tags: { Name: props.name },
    });
  }
}
