/** The log group, the collector's container, and what it needs to be allowed. */
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group/index.js';
import { Token, type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { type ServiceContract } from '../../platform/index.ts';
import { check, type ContainerDefinition, type Grantee, type LogTarget } from '../common/index.ts';
import { collectorConfig } from './config.ts';
import { COLLECTOR_UID, LOG_RETENTION_DAYS, MEMORY_MIB, SCRAPE_SECONDS } from './defaults.ts';

export interface TelemetryPipelineAttributes {
  /** CloudWatch namespace: see `metricNamespace`. */
  readonly namespace: string;
  /** AWS region of the log group, of metrics and of traces. */
  readonly awsRegion: string;
  readonly logGroupName: string;
  readonly logGroupArn: string;
}

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

export interface CollectorProps {
  /** The service beside which it runs, in the same task. */
  readonly service: Pick<ServiceContract, 'id' | 'port' | 'metricsPath'>;
  /** Id of the site that the service is of. */
  readonly site: string;
  /** Unique among the collectors of the deployment: names its log stream. @default - `site` and the service's id */
  readonly stream?: string;
  /** AWS Distro for OpenTelemetry, by digest. */
  readonly image: string;
  /** Where the collector's own log goes. */
  readonly logs: LogTarget;
  /** Whether the service has a certificate, and so speaks TLS. @default true */
  readonly https?: boolean;
  /** Seconds between two scrapes, 5 to 300. @default 60 */
  readonly scrapeSeconds?: number;
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
      container: (scope, props) => collectorContainer(scope, attributes, props),
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

  readonly container = (scope: Construct, props: CollectorProps): ContainerDefinition => collectorContainer(scope, this, props);
  readonly grantWrite = (grantee: Grantee): void => grantWrite(this, grantee);
}

function grantWrite({ logGroupArn }: TelemetryPipelineAttributes, grantee: Grantee): void {
  grantee.allow({
    sid: 'Metrics', actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'], resources: [logGroupArn, `${logGroupArn}:log-stream:*`],
  });
  // X-Ray has no resources to name.
  grantee.allow({ sid: 'Traces', actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], resources: ['*'] });
}

function collectorContainer(scope: Construct, to: TelemetryPipelineAttributes, props: CollectorProps): ContainerDefinition {
  const { service, site, image, logs, https = true, scrapeSeconds = SCRAPE_SECONDS.usual, stream = `${site}/${service.id}` } = props;
  check(scope, (m) => {
    m.range('scrapeSeconds', scrapeSeconds, SCRAPE_SECONDS.least, SCRAPE_SECONDS.most, 'seconds');
    // CloudWatch Logs API, CreateLogStream.
    m.text('stream', stream, /^[^:*]{1,512}$/, 'at most 512 characters without : and *');
    if (!Token.isUnresolved(image)) m.text('image', image, /@sha256:[0-9a-f]{64}$/, 'an image by its digest, repository@sha256:...');
  });
  const config = collectorConfig({
    service, site, https, scrapeSeconds, namespace: to.namespace, awsRegion: to.awsRegion, logGroupName: to.logGroupName, logStreamName: stream,
  });
  return {
    name: 'collector',
    image,
    // Settling does not depend on being watched; the agent starts it again by itself.
    essential: false,
    user: `${COLLECTOR_UID}:${COLLECTOR_UID}`,
    readonlyRootFilesystem: true,
    privileged: false,
    linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['ALL'] } },
    environment: [
      { name: 'AOT_CONFIG_CONTENT', value: JSON.stringify(config) },
      { name: 'AWS_REGION', value: to.awsRegion },
      { name: 'GOMEMLIMIT', value: `${MEMORY_MIB.go}MiB` },
    ],
    secrets: [],
    mountPoints: [],
    portMappings: [],
    memory: MEMORY_MIB.container,
    healthCheck: { command: ['CMD', '/healthcheck'], interval: 30, timeout: 5, retries: 3, startPeriod: 30 },
    stopTimeout: 30,
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': logs.logGroupName, 'awslogs-region': logs.region, 'awslogs-stream-prefix': 'collector', mode: 'non-blocking', 'max-buffer-size': '1m',
      },
    },
  };
}
