/**
 * What `tidemark load` tells k6: everything that differs between two runs, as JSON. Types only, and what both sides must agree
 * on; it is read by Node and by k6, so it imports nothing.
 */

/** A client population of a scenario: what its iterations do. */
export type Role =
  /** One new settlement. */
  | 'settle'
  /** The state of a settlement or of an account, from the edge's cache. */
  | 'read'
  /** A batch of new settlements in one request. */
  | 'batch'
  /** A settlement and its repetitions with the same id, all at once, as clients with short timeouts send them. */
  | 'retry'
  /** One settlement followed until it is final. */
  | 'follow'
  /** Requests that a client should not send: malformed, too large, unknown accounts, wrong methods. */
  | 'abuse'
  /** Reads every edge node's own figures once a second. */
  | 'watch'
  /** Cuts a region off in the middle third, heals it, and waits until all is final. */
  | 'drill';

/** How iterations are started: at a rate, whatever the answers take (open model), or one after the other. Rates are per second. */
export type Arrivals =
  | { readonly kind: 'constant'; readonly rate: number; readonly seconds: number }
  | { readonly kind: 'ramp'; readonly stages: readonly { readonly rate: number; readonly seconds: number }[] }
  | { readonly kind: 'loop'; readonly clients: number; readonly seconds: number };

export interface Population {
  readonly role: Role;
  readonly arrivals: Arrivals;
  /** Good clients are those whom the SLAs are promised to. */
  readonly judged: boolean;
}

export interface EdgeTarget {
  readonly id: string;
  readonly url: string;
}

export interface LoadPlan {
  readonly scenario: string;
  readonly seed: number;
  /** Ids of this run's settlements begin with it, so that two runs never meet. */
  readonly run: string;
  readonly asset: string;
  readonly edges: readonly EdgeTarget[];
  readonly accounts: { readonly prefix: string; readonly merchants: number; readonly customers: number };
  /** Share of settlements whose credit account is one and the same. */
  readonly hotShare: number;
  /** Exponent of the Zipf distribution of merchants and customers; 0: all alike. */
  readonly skew: number;
  readonly batchSize: number;
  readonly populations: Readonly<Record<string, Population>>;
  /** For people and reports: where the settlements come from. */
  readonly data: string;
  /** Settlements of a file instead of generated ones, over and over: path of a list of {@link FileRow}, one in a line. */
  readonly file?: string;
  readonly slas: readonly JudgedSla[];
  readonly unjudged: readonly { readonly sla: string; readonly why: string }[];
  /** Before this many seconds the share of provisional states is not judged. */
  readonly ratioWarmUpSeconds: number;
  readonly drill?: { readonly url: string; readonly token: string; readonly region: string; readonly edges: readonly string[]; readonly fromSeconds: number; readonly forSeconds: number };
}

/** Debit and credit account, amount in minor units, which of the edge nodes (by number). */
export type FileRow = readonly [debit: string, credit: string, amount: string, edge: number];

/** An SLA as far as the load test judges it. */
export interface JudgedSla {
  readonly id: string;
  readonly indicator: string;
  readonly objective: number;
  readonly thresholdMs?: number;
  readonly thresholdRatio?: number;
  /** The fewest events that make a verdict. */
  readonly samplesMin: number;
}

/** The k6 metric (a Rate) whose events are those of the SLA. k6 allows letters, digits and underscores. */
export const metricOf = (sla: Pick<JudgedSla, 'id'>): string => `sla_${sla.id.replaceAll('-', '_')}`;
/** Its partner (a Counter): how many there were. */
export const samplesOf = (sla: Pick<JudgedSla, 'id'>): string => `${metricOf(sla)}_samples`;

/** Trends of what clients saw, in milliseconds, and counters beside them. */
export const CLIENT_METRICS = {
  acknowledged: 'client_acknowledged_ms',
  ordered: 'client_ordered_ms',
  final: 'client_final_ms',
  read: 'client_read_ms',
  reconciled: 'client_reconciled_ms',
  sent: 'client_sent',
  refused: 'client_refused',
  failed: 'client_failed',
  wrong: 'client_wrong_answers',
  /** Settlements that were followed, and those of them whose end was judged. */
  followed: 'client_followed',
  ended: 'client_followed_to_the_end',
} as const;
