/** What a collector does unless told otherwise, and what of the services' metrics goes on, under which dimensions. */
import { METRICS, SLA_LABELS, SLA_METRICS, type COMMON_SETTINGS, type MetricDefinition } from '../../platform/index.ts';

/** What the lock file, and the variable of its digest, call the collector's image. */
export const COLLECTOR_IMAGE = 'collector';

/** Seconds between two scrapes. The shortest window of any alarm is five minutes. */
export const SCRAPE_SECONDS = { usual: 60, least: 5, most: 300 } as const;

/** MiB. What the collector takes beside its queues is some 60; near `limit` it refuses data, at `container` it is ended. */
export const MEMORY_MIB = { container: 256, limit: 180, spike: 40, go: 200 } as const;

/** On the loopback interface of the task: services may send traces and metrics there. */
export const PORTS = { otlpGrpc: 4317, otlpHttp: 4318, health: 13_133 } as const;

/** Settings of a service that has a collector beside it, by the contract's names: where it sends traces and histograms, and how. */
export const OTLP_SETTINGS = { otlp: `http://127.0.0.1:${PORTS.otlpHttp}`, otlpTemporality: 'delta' } as const satisfies Partial<Record<keyof typeof COMMON_SETTINGS, string>>;

/** A user of its own, none of the services'. */
export const COLLECTOR_UID = 10_002;

/** Events of the embedded metric format are read once, when they come in; kept for a month to look into. */
export const LOG_RETENTION_DAYS = 30;

/** Label that the collector adds: the site that the service is of. */
export const SITE_LABEL = 'site';

export interface ExportedMetric {
  readonly name: string;
  readonly kind: MetricDefinition['kind'];
  /** CloudWatch's. */
  readonly unit: string;
  /** Each list is one metric of CloudWatch per combination of the labels' values, and is paid for. */
  readonly dimensions: readonly (readonly string[])[];
}

/** Labels that tell the values of one metric apart, beside the site; the rest have the site alone. */
const OWN_LABELS: Readonly<Record<string, string>> = {
  settlementsTotal: 'decision', lagMs: 'stage', peeringRttMs: 'peer', peeringJitterMs: 'peer', peeringUp: 'peer', peeringLost: 'peer',
};

/** All that goes on to CloudWatch. What is not named here stays in the service. */
export const EXPORTED: readonly ExportedMetric[] = [
  ...Object.values(SLA_METRICS).map((name): ExportedMetric => ({ name, kind: 'counter', unit: 'Count', dimensions: [[SLA_LABELS.sla, SLA_LABELS.scope]] })),
  ...Object.entries(METRICS).map(([key, { name, kind, unit }]): ExportedMetric => {
    const own = OWN_LABELS[key];
    return { name, kind, unit, dimensions: [own === undefined ? [SITE_LABEL] : [SITE_LABEL, own]] };
  }),
];
