/** The node's figures as metrics: what CloudWatch's alarms watch and dashboards draw, by the names of platform/metrics.ts. */
import { METRICS, SLA_LABELS, SLA_METRICS } from '../../platform/index.ts';
import { STAGES } from '../protocol/index.ts';
import { familyOf, type Metric } from '../shell/index.ts';
import type { Gauges, Sums } from '../telemetry/index.ts';
import type { SlaCount } from './core/judge.ts';

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
    slaCounter('events', 'Events of each SLA that this node measures, by the scope that they count towards.'),
    slaCounter('good', 'Good ones among the events of each SLA.'),
    { ...familyOf(METRICS.settlementsTotal), samples: [{ labels: { decision: 'provisional' }, value: accepted }, { labels: { decision: 'refused' }, value: refused }] },
    { ...familyOf(METRICS.lagMs), samples: STAGES.map((stage) => ({ labels: { stage }, histogram: sums.lag[stage] })) },
    { ...familyOf(METRICS.provisionalRatio), samples: [{ value: gauges.provisionalRatio }] },
    { ...familyOf(METRICS.provisionalAgeMs), samples: [{ value: gauges.provisionalAgeMs }] },
    { ...familyOf(METRICS.queued), samples: [{ value: gauges.queued }] },
    { ...familyOf(METRICS.cacheDriftTotal), samples: [{ value: sums.drift.drifted }] },
    {
      name: 'tidemark_edge_drift_time_ms', type: 'histogram', unit: 'ms', help: 'For how long the centre had not confirmed a balance that turned out not to be the true one.',
      samples: [{ histogram: sums.drift.time }],
    },
    {
      name: 'tidemark_edge_reconciliation_ms', type: 'histogram', unit: 'ms', help: 'From the first contact after a partition until all that was decided before had its outcome.',
      samples: [{ histogram: sums.reconciliation }],
    },
    { ...familyOf(METRICS.peeringRttMs), samples: peers.map(([peer, { rtt }]) => ({ labels: { peer }, histogram: rtt })) },
    { ...familyOf(METRICS.peeringJitterMs), samples: peers.map(([peer, { jitter }]) => ({ labels: { peer }, histogram: jitter })) },
    { ...familyOf(METRICS.peeringLost), samples: peers.map(([peer, { lost }]) => ({ labels: { peer }, value: lost })) },
    { ...familyOf(METRICS.peeringUp), samples: Object.entries(gauges.peers ?? {}).map(([peer, { up }]) => ({ labels: { peer }, value: up ? 1 : 0 })) },
  ];
}
