/** The log group that all collectors of a deployment write to. */
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group/index.js';
import type { TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check, type ContainerDefinition, type Grantee } from '../common/index.ts';
import { collectorContainer, collectorStatements, type CollectorProps, type TelemetryPipelineAttributes } from './collector.ts';
import { LOG_RETENTION_DAYS } from './defaults.ts';

export interface TelemetryPipelineProps extends Pick<TelemetryPipelineAttributes, 'namespace' | 'awsRegion'> {
  /** What the log group is called after: `tidemark-production`. */
  readonly name: string;
  /** Key that CloudWatch Logs of this AWS region may use. */
  readonly encryptionKeyArn: string;
  /** Days, a value that CloudWatch knows. @default 30 */
  readonly logRetentionDays?: number;
  /** Provider of `awsRegion`. @default - the stack's own */
  readonly provider?: TerraformProvider;
}

export interface ITelemetryPipeline extends TelemetryPipelineAttributes {
  /** The collector's container. Throws ConstructError. */
  readonly container: (scope: Construct, props: CollectorProps) => ContainerDefinition;
  /** To the role of the task that the collector is in. */
  readonly grantWrite: (grantee: Grantee) => void;
}

export class TelemetryPipeline extends Construct implements ITelemetryPipeline {
  /** One that another stack made. */
  static fromAttributes(attributes: TelemetryPipelineAttributes): ITelemetryPipeline {
    return {
      ...attributes,
      container: (scope, props) => containerIn(scope, attributes, props),
      grantWrite: (grantee) => grantWrite(attributes, grantee),
    };
  }

  readonly namespace: string;
  readonly awsRegion: string;
  readonly logGroup: CloudwatchLogGroup;
  readonly logGroupName: string;
  readonly logGroupArn: string;

  constructor(scope: Construct, id: string, props: TelemetryPipelineProps) {
    super(scope, id);
    check(this, (m) => {
      // CloudWatch API, MetricDatum: namespace.
      m.text('namespace', props.namespace, /^(?!AWS\/)[\w./#:-]{1,255}$/, 'at most 255 letters, digits and ._-/#:, not beginning with AWS/');
      m.text('name', props.name, /^[\w-]{1,100}$/, 'at most 100 letters, digits and hyphens');
    });
    this.namespace = props.namespace;
    this.awsRegion = props.awsRegion;
    this.logGroup = new CloudwatchLogGroup(this, 'metrics', {
      ...(props.provider === undefined ? {} : { provider: props.provider }),
      name: `/tidemark/${props.name}/metrics`, retentionInDays: props.logRetentionDays ?? LOG_RETENTION_DAYS, kmsKeyId: props.encryptionKeyArn,
    });
    this.logGroupName = this.logGroup.name;
    this.logGroupArn = this.logGroup.arn;
  }

  readonly container = (scope: Construct, props: CollectorProps): ContainerDefinition => containerIn(scope, this, props);
  readonly grantWrite = (grantee: Grantee): void => grantWrite(this, grantee);
}

const grantWrite = (to: TelemetryPipelineAttributes, grantee: Grantee): void => collectorStatements(to).forEach(grantee.allow);

function containerIn(scope: Construct, to: TelemetryPipelineAttributes, props: CollectorProps): ContainerDefinition {
  let made: ContainerDefinition | undefined;
  check(scope, (m) => void (made = collectorContainer(m, to, props)));
  return made!;
}
