/** The collector as a container of a task, and what the task's role has to allow. Loads no framework. */
import type { ServiceContract } from '../../platform/services.ts';
import type { ContainerDefinition, LogTarget, Mistakes, Statement } from '../common/index.ts';
import { collectorConfig } from './config.ts';
import { COLLECTOR_UID, MEMORY_MIB, SCRAPE_SECONDS } from './defaults.ts';

export interface TelemetryPipelineAttributes {
  /** CloudWatch namespace: see `metricNamespace`. */
  readonly namespace: string;
  /** AWS region of the log group, of metrics and of traces. */
  readonly awsRegion: string;
  readonly logGroupName: string;
  readonly logGroupArn: string;
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

/** What the role of the task that the collector is in may do. */
export const collectorStatements = ({ logGroupArn }: Pick<TelemetryPipelineAttributes, 'logGroupArn'>): Statement[] => [
  {
    sid: 'Metrics', actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'], resources: [logGroupArn, `${logGroupArn}:log-stream:*`],
  },
  // X-Ray has no resources to name.
  { sid: 'Traces', actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], resources: ['*'] },
];

/** The collector's container. */
export function collectorContainer(m: Mistakes, to: TelemetryPipelineAttributes, props: CollectorProps): ContainerDefinition {
  const { service, site, image, logs, https = true, scrapeSeconds = SCRAPE_SECONDS.usual, stream = `${site}/${service.id}` } = props;
  m.range('scrapeSeconds', scrapeSeconds, SCRAPE_SECONDS.least, SCRAPE_SECONDS.most, 'seconds');
  // CloudWatch Logs API, CreateLogStream.
  m.text('stream', stream, /^[^:*]{1,512}$/, 'at most 512 characters without : and *');
  m.text('image', image, /@sha256:[0-9a-f]{64}$/, 'an image by its digest, repository@sha256:...');
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
