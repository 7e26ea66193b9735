/** What is drawn beside the SLAs: one chart for each metric of the platform. Data alone. */
import type { Indicator } from '../../platform/indicators.ts';
import type { METRICS } from '../../platform/metrics.ts';

export type MetricKey = keyof typeof METRICS;
/** `p99` of a histogram, `Sum` of a counter, `Maximum` or `Minimum` of a gauge: whichever is the bad end. */
export type Statistic = 'p99' | 'Sum' | 'Maximum' | 'Minimum';

export interface MetricPanel {
  readonly id: string;
  readonly title: string;
  readonly metric: MetricKey;
  readonly stat: Statistic;
  /** Labels with one certain value. @default - none */
  readonly labels?: Readonly<Record<string, string>>;
  readonly unit: 'ms' | 'ratio' | 'count';
  /** The indicator whose SLAs' thresholds are drawn as lines. @default - none */
  readonly indicator?: Indicator;
}

export const METRIC_PANELS: readonly MetricPanel[] = [
  {
    id: 'lag-provisional', title: 'Lag to provisional, p99',
    metric: 'lagMs', stat: 'p99', labels: { stage: 'provisional' }, unit: 'ms', indicator: 'provisional-ack',
  },
  {
    id: 'lag-ordered', title: 'Lag to ordered, p99',
    metric: 'lagMs', stat: 'p99', labels: { stage: 'ordered' }, unit: 'ms', indicator: 'ordering',
  },
  {
    id: 'lag-final', title: 'Lag to final, p99',
    metric: 'lagMs', stat: 'p99', labels: { stage: 'final' }, unit: 'ms', indicator: 'finality',
  },
  {
    id: 'provisional-age', title: 'Oldest provisional settlement',
    metric: 'provisionalAgeMs', stat: 'Maximum', unit: 'ms', indicator: 'provisional-age',
  },
  {
    id: 'provisional-ratio', title: 'Share of provisional settlements',
    metric: 'provisionalRatio', stat: 'Maximum', unit: 'ratio', indicator: 'provisional-ratio',
  },
  { id: 'queued', title: 'Entries not yet proven final', metric: 'queued', stat: 'Maximum', unit: 'count' },
  { id: 'settlements', title: 'Settlements decided', metric: 'settlementsTotal', stat: 'Sum', unit: 'count' },
  { id: 'cache-drift', title: 'Balances that were not the true ones', metric: 'cacheDriftTotal', stat: 'Sum', unit: 'count' },
  { id: 'incidents', title: 'Open incidents', metric: 'incidents', stat: 'Maximum', unit: 'count' },
  { id: 'peering-rtt', title: 'Round trip between sites, p99', metric: 'peeringRttMs', stat: 'p99', unit: 'ms', indicator: 'peering-rtt' },
  { id: 'peering-jitter', title: 'Jitter between sites, p99', metric: 'peeringJitterMs', stat: 'p99', unit: 'ms' },
  { id: 'peering-up', title: 'Sites in reach: 0 when one is not', metric: 'peeringUp', stat: 'Minimum', unit: 'count' },
  { id: 'peering-lost', title: 'Probes lost between sites', metric: 'peeringLost', stat: 'Sum', unit: 'count' },
];
