/** What the collector is told, and what it may do. */
import { TerraformStack, Testing } from 'cdktf';
import { describe, expect, test } from 'vitest';
import { METRICS, SERVICES, SLA_METRICS } from '../../platform/index.ts';
import { ServiceRole } from '../common/index.ts';
import { synthStack } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { collectorConfig, EXPORTED, OTLP_SETTINGS, TelemetryPipeline, type CollectorConfigProps, type CollectorProps } from './index.ts';

const IMAGE = `public.ecr.aws/aws-observability/aws-otel-collector@sha256:${'b'.repeat(64)}`;
const SERVICE = SERVICES['edge-node'];
const WHERE = { namespace: 'Tidemark/tidemark/production', awsRegion: 'eu-west-1', logGroupName: '/tidemark/tidemark-production/metrics', logGroupArn: 'arn:aws:logs:eu-west-1:123456789012:log-group:metrics' };
const COLLECTOR: CollectorProps = { service: SERVICE, site: 'eu-fra-1', image: IMAGE, logs: { logGroupName: 'site', region: 'eu-central-1' } };
const CONFIG: CollectorConfigProps = {
  service: SERVICE, site: 'eu-fra-1', https: true, scrapeSeconds: 60, namespace: WHERE.namespace, awsRegion: WHERE.awsRegion,
  logGroupName: WHERE.logGroupName, logStreamName: 'eu-fra-1/edge-node',
};

/** Any part of the configuration, without types: it is the collector's to define. */
// oxlint-disable-next-line typescript/no-explicit-any
const config = (more: Partial<CollectorConfigProps> = {}): any => collectorConfig({ ...CONFIG, ...more });

test('the collector\'s configuration', () => {
  expect(config()).toMatchSnapshot();
});

describe('scraping', () => {
  test('goes to the service beside it, whose certificate is for another name than the loopback address', () => {
    const [scrape] = config().receivers.prometheus.config.scrape_configs;
    expect(scrape).toMatchObject({ scheme: 'https', tls_config: { insecure_skip_verify: true }, metrics_path: '/metrics', static_configs: [{ targets: ['127.0.0.1:8080'], labels: { site: 'eu-fra-1' } }] });
    const [plain] = config({ https: false, scrapeSeconds: 5 }).receivers.prometheus.config.scrape_configs;
    expect(plain).toMatchObject({ scheme: 'http', scrape_interval: '5s', scrape_timeout: '5s' });
    expect(plain.tls_config).toBeUndefined();
  });

  test('keeps counters and gauges that are exported, and drops the rest before it costs anything', () => {
    const [scrape] = config().receivers.prometheus.config.scrape_configs;
    const keep = new RegExp(`^(?:${scrape.metric_relabel_configs[0].regex})$`);
    for (const { name, kind } of EXPORTED) expect(keep.test(name), name).toBe(kind !== 'histogram');
    for (const { name } of EXPORTED) for (const series of [`${name}_bucket`, `${name}_sum`, `${name}_count`]) expect(keep.test(series), series).toBe(false);
    for (const other of ['tidemark_edge_log_size', 'up', 'go_goroutines', 'tidemark_sla_events_total_x']) expect(keep.test(other), other).toBe(false);
  });

  test('nothing listens but on the loopback interface', () => {
    expect(JSON.stringify(config())).not.toContain('0.0.0.0');
    expect(config().receivers.otlp.protocols).toEqual({ grpc: { endpoint: '127.0.0.1:4317' }, http: { endpoint: '127.0.0.1:4318' } });
    expect(config().service.telemetry.metrics).toEqual({ level: 'none' });
  });
});

test('each exported metric comes by one way: it is scraped, or the service sends it', () => {
  const { receivers, processors, service } = config();
  const scraped = new RegExp(`^(?:${receivers.prometheus.config.scrape_configs[0].metric_relabel_configs[0].regex})$`);
  const sent: readonly string[] = processors['filter/sent'].metrics.include.metric_names;
  for (const { name } of EXPORTED) expect(Number(scraped.test(name)) + Number(sent.includes(name)), name).toBe(1);
  const metrics = Object.entries<{ receivers: string[]; processors: string[] }>(service.pipelines).filter(([id]) => id.startsWith('metrics'));
  expect(metrics.map(([, p]) => p.receivers)).toEqual([['prometheus'], ['otlp']]);
  // What is sent has no label of the site yet.
  expect(metrics[1]![1].processors).toEqual(['memory_limiter', 'filter/sent', 'attributes/site']);
  expect(processors['attributes/site'].actions).toEqual([{ key: 'site', value: 'eu-fra-1', action: 'upsert' }]);
});

test('the service\'s settings lead to the port that the collector listens on', () => {
  expect(OTLP_SETTINGS).toEqual({ otlp: `http://${config().receivers.otlp.protocols.http.endpoint}`, otlpTemporality: 'delta' });
});

describe('metrics in CloudWatch', () => {
  const declarations: { readonly dimensions: readonly string[][]; readonly metric_name_selectors: readonly string[] }[] = config().exporters.awsemf.metric_declarations;
  const declaring = (name: string): typeof declarations => declarations.filter((d) => d.metric_name_selectors.some((selector) => new RegExp(selector).test(name)));

  test('every metric of the platform is declared once', () => {
    for (const name of [...Object.values(SLA_METRICS), ...Object.values(METRICS).map((metric) => metric.name)]) expect(declaring(name), name).toHaveLength(1);
  });

  test('an SLA\'s counters have the dimensions that alarms ask for, and no others', () => {
    for (const name of Object.values(SLA_METRICS)) expect(declaring(name)[0]?.dimensions, name).toEqual([['sla', 'scope']]);
    expect(config().exporters.awsemf.dimension_rollup_option).toBe('NoDimensionRollup');
  });

  test('the selector of one is not the beginning of another', () => {
    expect(declaring('tidemark_incidents_closed')).toEqual([]);
  });

  test('units are CloudWatch\'s', () => {
    const units = new Set(config().exporters.awsemf.metric_descriptors.map((d: { unit: string }) => d.unit));
    expect(units).toEqual(new Set(['Count', 'Milliseconds']));
  });
});

test('every part that a pipeline names is there', () => {
  const { service, receivers, processors, exporters, extensions } = config();
  for (const pipeline of Object.values<{ receivers: string[]; processors: string[]; exporters: string[] }>(service.pipelines)) {
    expect(Object.keys(receivers)).toEqual(expect.arrayContaining(pipeline.receivers));
    expect(Object.keys(processors)).toEqual(expect.arrayContaining(pipeline.processors));
    expect(Object.keys(exporters)).toEqual(expect.arrayContaining(pipeline.exporters));
    // Before anything else takes memory.
    expect(pipeline.processors[0]).toBe('memory_limiter');
  }
  expect(Object.keys(extensions)).toEqual(service.extensions);
});

test('the collector expands variables in its configuration, so there is no dollar sign in it', () => {
  expect(JSON.stringify(config())).not.toContain('$');
});

test('the container is given its configuration as JSON, and cannot take the service down with it', () => {
  synthStack((stack) => {
    const container = TelemetryPipeline.fromAttributes(WHERE).container(stack, COLLECTOR);
    expect(container).toMatchObject({ name: 'collector', image: IMAGE, essential: false, readonlyRootFilesystem: true, memory: 256, secrets: [], linuxParameters: { capabilities: { drop: ['ALL'] } } });
    const environment = Object.fromEntries((container['environment'] as { name: string; value: string }[]).map(({ name, value }) => [name, value]));
    expect(JSON.parse(environment['AOT_CONFIG_CONTENT'] ?? '')).toEqual(config());
    expect(container['user']).not.toBe(`${SERVICE.uid}:${SERVICE.uid}`);
  });
});

test('a pipeline has one log group, encrypted, in the AWS region of its provider', () => {
  const s = synthStack((stack) => {
    const pipeline = new TelemetryPipeline(stack, 'telemetry', { name: 'tidemark-production', namespace: WHERE.namespace, awsRegion: 'eu-west-1', encryptionKeyArn: 'arn:key' });
    const role = new ServiceRole(stack, 'role', { name: 'task', services: ['ecs-tasks.amazonaws.com'] });
    pipeline.grantWrite(role);
    const container = pipeline.container(stack, COLLECTOR);
    expect(JSON.stringify(container)).toContain(pipeline.logGroupName);
  });
  expect(s.only('aws_cloudwatch_log_group')).toMatchObject({ name: '/tidemark/tidemark-production/metrics', retention_in_days: 30, kms_key_id: 'arn:key' });
  const { Statement } = JSON.parse(s.only('aws_iam_role_policy')['policy'] as string) as { Statement: { Sid: string; Action: string[]; Resource: string[] }[] };
  expect(Statement).toEqual([
    {
      Sid: 'Metrics', Effect: 'Allow', Action: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      Resource: [expect.stringMatching(/^\$\{aws_cloudwatch_log_group\.\w+\.arn\}$/), expect.stringMatching(/\.arn\}:log-stream:\*$/)],
    },
    { Sid: 'Traces', Effect: 'Allow', Action: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], Resource: ['*'] },
  ]);
});

test('mistakes are told at once', () => {
  const stack = new TerraformStack(Testing.app(), 'test');
  const attempt = (): unknown => TelemetryPipeline.fromAttributes(WHERE).container(stack, { ...COLLECTOR, image: 'collector:latest', scrapeSeconds: 1, stream: 'a:b' });
  expect(attempt).toThrow(/scrapeSeconds[\s\S]*stream[\s\S]*image: expected an image by its digest/);
  expect(() => new TelemetryPipeline(stack, 'a', { name: 'a b', namespace: 'AWS/Own', awsRegion: 'eu-west-1', encryptionKeyArn: 'k' })).toThrow(/namespace[\s\S]*name/);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_cloudwatch_log_group')).toHaveLength(1);
});
