/** What is chosen for every SLA, apart from the arithmetic. */
import type { Indicator } from '../../platform/indicators.ts';

/**
 * What it means when nothing is counted at all.
 *
 * A burn-rate alarm treats missing data as not breaching, always: without events no budget is spent. Where silence is itself
 * a fault, because something is counted as long as the site lives, a separate alarm says so, for which missing data is
 * breaching (`alarm`). Where it may just be quiet (no settlements at night, no partition for months), there is none (`quiet`).
 */
export type SilencePolicy = 'alarm' | 'quiet';

export const SILENCE: Readonly<Record<Indicator, SilencePolicy>> = {
  // Settlements: none at night.
  'provisional-ack': 'quiet',
  ordering: 'quiet',
  finality: 'quiet',
  'cache-drift': 'quiet',
  // None until there is a partition.
  reconciliation: 'quiet',
  // Requests of clients: an idle site has none, and must not page. A site that is down is silent in what follows, too.
  availability: 'quiet',
  // Every site tells these once a minute, whether anything happens or not.
  'provisional-age': 'alarm',
  'provisional-ratio': 'alarm',
  'peering-loss': 'alarm',
  // Probes never pause.
  'peering-rtt': 'alarm',
};

/** Silence of this long is one: three periods, so that a restart and late metrics are none. */
export const SILENCE_WATCH = { periodSeconds: 300, periods: 3 } as const;

/** How long actions wait for the maintenance alarm to notice a declaration: twice its period. Seconds. */
export const MAINTENANCE_WAIT_SECONDS = 120;

/** Of OpsItems. */
export const OPS_CATEGORY = 'Availability';

/**
 * Prices a month in us-east-1, as of 2026 (https://aws.amazon.com/cloudwatch/pricing/); an alarm on an expression costs once for
 * each metric in it. US dollars.
 */
export const PRICES = { alarmMetric: 0.1, composite: 0.5 } as const;
