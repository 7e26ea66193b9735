/**
 * The configuration of a collector (AWS Distro for OpenTelemetry) as data: what it scrapes and receives on the task's loopback
 * interface, and what becomes of it in CloudWatch and X-Ray. It is given to the collector as JSON, which is YAML.
 */
import type { ServiceContract } from '../../platform/services.ts';
import { EXPORTED, MEMORY_MIB, PORTS, SITE_LABEL } from './defaults.ts';

export interface CollectorConfigProps {
  readonly service: Pick<ServiceContract, 'id' | 'port' | 'metricsPath'>;
  /** Id of the site that the service is of. */
  readonly site: string;
  /** Whether the service speaks TLS. Its certificate is for its own name, not for 127.0.0.1, so it is not looked at there. */
  readonly https: boolean;
  readonly scrapeSeconds: number;
  /** CloudWatch namespace. */
  readonly namespace: string;
  /** AWS region of metrics and traces. */
  readonly awsRegion: string;
  readonly logGroupName: string;
  /** Unique among the writers of one log group. */
  readonly logStreamName: string;
}

const NAMES = EXPORTED.map((metric) => metric.name);
/** Those that may be histograms; the processor leaves gauges as they are. */
const TIMES = EXPORTED.filter((metric) => metric.unit === 'Milliseconds').map((metric) => metric.name);

/** Prometheus' relabelling anchors its patterns by itself; histograms come as three series. */
const SERIES = `(?:${NAMES.join('|')})(?:_sum|_count|_bucket)?`;

export function collectorConfig(c: CollectorConfigProps): Readonly<Record<string, unknown>> {
  return {
    extensions: { health_check: { endpoint: `127.0.0.1:${PORTS.health}` } },
    receivers: {
      prometheus: {
        config: {
          scrape_configs: [{
            job_name: c.service.id, metrics_path: c.service.metricsPath, scrape_interval: `${c.scrapeSeconds}s`, scrape_timeout: `${Math.min(10, c.scrapeSeconds)}s`,
            ...(c.https ? { scheme: 'https', tls_config: { insecure_skip_verify: true } } : { scheme: 'http' }),
            static_configs: [{ targets: [`127.0.0.1:${c.service.port}`], labels: { [SITE_LABEL]: c.site } }],
            metric_relabel_configs: [{ source_labels: ['__name__'], regex: SERIES, action: 'keep' }],
          }],
        },
      },
      otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${PORTS.otlpGrpc}` }, http: { endpoint: `127.0.0.1:${PORTS.otlpHttp}` } } },
    },
    processors: {
      memory_limiter: { check_interval: '1s', limit_mib: MEMORY_MIB.limit, spike_limit_mib: MEMORY_MIB.spike },
      // What services send by themselves is not looked at by the scraper.
      'filter/exported': { metrics: { include: { match_type: 'strict', metric_names: NAMES } } },
      // The exporter makes deltas of counters itself, and not of histograms. A collector that starts beside a service that
      // runs has not seen how far it had come: the first value is where it starts to count.
      cumulativetodelta: { include: { match_type: 'strict', metrics: TIMES }, initial_value: 'drop' },
      'batch/traces': { timeout: '5s', send_batch_size: 256 },
    },
    exporters: {
      awsemf: {
        region: c.awsRegion, namespace: c.namespace, log_group_name: c.logGroupName, log_stream_name: c.logStreamName,
        dimension_rollup_option: 'NoDimensionRollup', resource_to_telemetry_conversion: { enabled: false }, max_retries: 5,
        metric_declarations: declarations(),
        metric_descriptors: EXPORTED.filter((metric) => metric.unit !== 'None').map(({ name, unit }) => ({ metric_name: name, unit, overwrite: true })),
      },
      awsxray: { region: c.awsRegion, local_mode: true },
    },
    service: {
      extensions: ['health_check'],
      pipelines: {
        metrics: { receivers: ['prometheus', 'otlp'], processors: ['memory_limiter', 'filter/exported', 'cumulativetodelta'], exporters: ['awsemf'] },
        traces: { receivers: ['otlp'], processors: ['memory_limiter', 'batch/traces'], exporters: ['awsxray'] },
      },
      // Its own metrics would take a port of the host.
      telemetry: { logs: { level: 'warn' }, metrics: { level: 'none' } },
    },
  };
}

/** One declaration for all metrics with the same dimensions. A name ends where a word does: `$` would be read as a variable. */
function declarations(): Record<string, unknown>[] {
  const byDimensions = new Map<string, { dimensions: readonly (readonly string[])[]; metric_name_selectors: string[] }>();
  for (const { name, dimensions } of EXPORTED) {
    const key = JSON.stringify(dimensions);
    const declared = byDimensions.get(key) ?? { dimensions, metric_name_selectors: [] };
    declared.metric_name_selectors.push(`^${name}\\b`);
    byDimensions.set(key, declared);
  }
  return [...byDimensions.values()];
}
