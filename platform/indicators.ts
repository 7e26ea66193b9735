/**
 * What an SLA can be about, each defined once. An indicator is a stream of events of which each is good or bad, so that
 * attainment, error budget and burn rate mean the same for all of them (Google, Site Reliability Workbook, chapter 2).
 */

export type Indicator =
  | 'provisional-ack'
  | 'ordering'
  | 'finality'
  | 'provisional-age'
  | 'provisional-ratio'
  | 'reconciliation'
  | 'cache-drift'
  | 'peering-rtt'
  | 'peering-loss'
  | 'availability';

export interface IndicatorDefinition {
  readonly title: string;
  /** What is counted, and when one of it is good; `T` is the SLA's threshold. */
  readonly good: string;
  /** What the threshold is: a time (`thresholdMs`), a share (`thresholdRatio`), or nothing. */
  readonly threshold: 'ms' | 'ratio' | 'none';
}

export const INDICATORS: Readonly<Record<Indicator, IndicatorDefinition>> = {
  'provisional-ack': {
    title: 'Provisional acknowledgement',
    good: 'a settlement that an edge node answered within T of its request, whatever the answer',
    threshold: 'ms',
  },
  ordering: {
    title: 'Ordering',
    good: 'a settlement known to be ordered at its edge node within T of its provisional decision',
    threshold: 'ms',
  },
  finality: {
    title: 'Finality',
    good: 'a settlement whose outcome (final or rejected) is proven at its edge node within T of the request',
    threshold: 'ms',
  },
  'provisional-age': {
    title: 'Age of provisional states',
    good: 'a minute in which no settlement of an edge node was provisional for longer than T',
    threshold: 'ms',
  },
  'provisional-ratio': {
    title: 'Share of provisional states',
    good: 'a minute at whose end at most the share T of the settlements accepted in the hour before it was still provisional',
    threshold: 'ratio',
  },
  reconciliation: {
    title: 'Reconciliation window',
    good: 'a partition after which everything decided during it had its outcome within T of the first contact',
    threshold: 'ms',
  },
  'cache-drift': {
    title: 'Cache drift',
    good: 'an account balance that an edge node relied upon and that turned out to be the true one',
    threshold: 'none',
  },
  'peering-rtt': {
    title: 'Round trip between sites',
    good: 'a probe that an edge node sent to its region and that came back within T; probes of other edge nodes count for neither',
    threshold: 'ms',
  },
  'peering-loss': {
    title: 'Loss between sites',
    good: 'a minute in which at most the share T of the probes that an edge node sent to its region was lost; probes of other edge nodes count for neither',
    threshold: 'ratio',
  },
  availability: {
    title: 'Availability',
    good: 'a request from a client that was not answered with a 5xx and did not time out',
    threshold: 'none',
  },
};

/** What is good of an SLA's events, with its threshold in the place of T. */
export function goodEventOf({ indicator, thresholdMs, thresholdRatio = 0 }: { readonly indicator: Indicator; readonly thresholdMs?: number; readonly thresholdRatio?: number }): string {
  const threshold = thresholdMs === undefined ? `${Number((thresholdRatio * 100).toPrecision(6))} %` : `${thresholdMs} ms`;
  return INDICATORS[indicator].good.replace(/\bT\b/, threshold);
}

export const isIndicator = (value: unknown): value is Indicator => typeof value === 'string' && Object.hasOwn(INDICATORS, value);
