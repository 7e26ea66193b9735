/**
 * What the services count for the SLAs, by name: the one definition that exporters write, alarms watch and dashboards draw.
 *
 * Each SLA is a ratio of good events to all events (see `INDICATORS`), counted where the indicator is measured, already judged
 * by the SLA's threshold. So every consumer divides the same two counters, and no percentile is ever averaged.
 */

/** CloudWatch namespace of a deployment's metrics: `Tidemark/tidemark/production`. */
export const metricNamespace = (platform: string, environment: string): string => `Tidemark/${platform}/${environment}`;

export const SLA_METRICS = {
  /** Counter: events of the SLA's indicator. */
  events: 'tidemark_sla_events_total',
  /** Counter: those of them that were good. */
  good: 'tidemark_sla_good_total',
} as const;

/** Labels of both counters. `scope` is `global`, `region:eu` or `site:eu-fra-1`, as an SLA is evaluated. */
export const SLA_LABELS = { sla: 'sla', scope: 'scope' } as const;

/** A figure as every exporter, alarm and dashboard has it. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** CloudWatch's. */
  readonly unit: 'Count' | 'Milliseconds' | 'None';
  readonly what: string;
}

/** What dashboards draw beside the SLAs. */
export const METRICS = {
  settlementsTotal: { name: 'tidemark_settlements_total', kind: 'counter', unit: 'Count', what: 'settlements decided at an edge node, by decision' },
  lagMs: { name: 'tidemark_settlement_lag_ms', kind: 'histogram', unit: 'Milliseconds', what: 'settlement lag by stage: provisional, ordered, final' },
  provisionalRatio: { name: 'tidemark_provisional_ratio', kind: 'gauge', unit: 'None', what: 'share of the last hour\'s settlements that is still provisional' },
  provisionalAgeMs: { name: 'tidemark_provisional_age_ms', kind: 'gauge', unit: 'Milliseconds', what: 'age of the oldest provisional settlement' },
  queued: { name: 'tidemark_queued_entries', kind: 'gauge', unit: 'Count', what: 'entries of an edge log that are not yet proven final' },
  cacheDriftTotal: { name: 'tidemark_cache_drift_total', kind: 'counter', unit: 'Count', what: 'balances relied upon that turned out not to be the true ones' },
  peeringRttMs: { name: 'tidemark_peering_rtt_ms', kind: 'histogram', unit: 'Milliseconds', what: 'round trip of a probe to another site' },
  peeringJitterMs: { name: 'tidemark_peering_jitter_ms', kind: 'histogram', unit: 'Milliseconds', what: 'difference of two round trips to another site that follow each other' },
  peeringUp: { name: 'tidemark_peering_up', kind: 'gauge', unit: 'None', what: '1 while another site answers probes, 0 after three lost in a row' },
  peeringLost: { name: 'tidemark_peering_lost_total', kind: 'counter', unit: 'Count', what: 'probes that were not answered' },
  incidents: { name: 'tidemark_incidents', kind: 'gauge', unit: 'Count', what: 'open incidents, as the control plane has them' },
} as const satisfies Record<string, MetricDefinition>;
