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

/**
 * Each metric comes by one way, so that none counts twice. Counters and gauges are scraped: alarms stand on them, and a scrape asks
 * nothing of the service. Histograms are sent by the service, as exponential ones of delta temporality: of these CloudWatch makes
 * percentiles, and of what a scrape has to say of a histogram only sum and count.
 */
const namesOf = (isHistogram: boolean): string[] => EXPORTED.filter(({ kind }) => (kind === 'histogram') === isHistogram).map(({ name }) => name);
const SCRAPED = namesOf(false);
const SENT = namesOf(true);

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
            // Relabelling anchors its patterns by itself.
            metric_relabel_configs: [{ source_labels: ['__name__'], regex: SCRAPED.join('|'), action: 'keep' }],
          }],
        },
      },
      otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${PORTS.otlpGrpc}` }, http: { endpoint: `127.0.0.1:${PORTS.otlpHttp}` } } },
    },
    processors: {
      memory_limiter: { check_interval: '1s', limit_mib: MEMORY_MIB.limit, spike_limit_mib: MEMORY_MIB.spike },
      // A service sends all that it has; the rest of it is scraped already.
      'filter/sent': { metrics: { include: { match_type: 'strict', metric_names: SENT } } },
      'attributes/site': { actions: [{ key: SITE_LABEL, value: c.site, action: 'upsert' }] },
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
        'metrics/scraped': { receivers: ['prometheus'], processors: ['memory_limiter'], exporters: ['awsemf'] },
        'metrics/sent': { receivers: ['otlp'], processors: ['memory_limiter', 'filter/sent', 'attributes/site'], exporters: ['awsemf'] },
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
