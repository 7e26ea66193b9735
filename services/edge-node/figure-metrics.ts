/** The node's figures as Prometheus text: what CloudWatch's alarms watch and dashboards draw, by the names of platform/metrics.ts. */
import { METRICS, SLA_LABELS, SLA_METRICS } from '../../platform/index.ts';
import { STAGES } from '../protocol/index.ts';
import { classicHistogram, type Metric } from '../shell/index.ts';
import { quantile, type Gauges, type Sums } from '../telemetry/index.ts';
import type { SlaCount } from './core/judge.ts';

type Sample = Metric['samples'][number];

const metric = ({ name, what }: { readonly name: string; readonly what: string }, type: Metric['type'], samples: readonly Sample[]): Metric =>
  ({ name, help: `${what}.`, type, samples });

export function figureMetrics(sums: Sums, slas: readonly SlaCount[], gauges: Gauges): Metric[] {
  const slaCounter = (which: 'events' | 'good', help: string): Metric => ({
    name: SLA_METRICS[which], help, type: 'counter',
    samples: slas.map((c) => ({ labels: { [SLA_LABELS.sla]: c.sla.id, [SLA_LABELS.scope]: c.scope }, value: c[which] })),
  });
  const { accepted, refused } = sums.counts;
  const peers = [...sums.peering];
  return [
    {
      name: 'tidemark_edge_settlements_total', help: 'Settlements by what became of them, since the start.', type: 'counter',
      samples: Object.entries(sums.counts).map(([result, value]) => ({ labels: { result }, value })),
    },
    {
      name: 'tidemark_edge_lag_milliseconds', help: 'Settlement lag by stage.', type: 'summary',
      samples: STAGES.flatMap((stage) => [
        ...[0.5, 0.95, 0.99].map((q) => ({ labels: { stage, quantile: String(q) }, value: quantile(sums.lag[stage], q) ?? Number.NaN })),
        { labels: { stage }, suffix: '_sum', value: sums.lag[stage].sum }, { labels: { stage }, suffix: '_count', value: sums.lag[stage].count },
      ]),
    },
    slaCounter('events', 'Events of each SLA that this node measures, by the scope that they count towards.'),
    slaCounter('good', 'Good ones among the events of each SLA.'),
    metric(METRICS.settlementsTotal, 'counter', [{ labels: { decision: 'provisional' }, value: accepted }, { labels: { decision: 'refused' }, value: refused }]),
    metric(METRICS.lagMs, 'histogram', STAGES.flatMap((stage) => classicHistogram(sums.lag[stage], { stage }))),
    metric(METRICS.provisionalRatio, 'gauge', [{ value: gauges.provisionalRatio }]),
    metric(METRICS.provisionalAgeMs, 'gauge', [{ value: gauges.provisionalAgeMs }]),
    metric(METRICS.queued, 'gauge', [{ value: gauges.queued }]),
    metric(METRICS.cacheDriftTotal, 'counter', [{ value: sums.drift.drifted }]),
    metric(METRICS.peeringRttMs, 'histogram', peers.flatMap(([to, { rtt }]) => classicHistogram(rtt, { to }))),
    metric(METRICS.peeringLost, 'counter', peers.map(([to, { lost }]) => ({ labels: { to }, value: lost }))),
  ];
}
