/** What the load generator can be told to do. It is a process of its own, so that its work is not a server's. */

export interface LoneJob {
  readonly kind: 'lone';
  /** An edge node. */
  readonly url: string;
  readonly count: number;
  /** Settlements before the first one that counts. */
  readonly warmup: number;
  /** From each answer to the next request. Milliseconds. @default 0 */
  readonly pauseMs?: number;
  readonly prefix: string;
}

export interface BatchJob {
  readonly kind: 'batches';
  /** Edge nodes; each gets `connections` and an equal share. */
  readonly urls: readonly string[];
  readonly count: number;
  readonly batch: number;
  readonly connections: number;
  /** All settlements debit one account. */
  readonly hot: boolean;
  readonly prefix: string;
}

export interface OpenJob {
  readonly kind: 'open';
  readonly url: string;
  /** Settlements a second, each a request of its own, sent at its time whether or not earlier ones were answered. */
  readonly rate: number;
  readonly seconds: number;
  /** Of so many settlements one is watched until the node says it is final. */
  readonly watchOneIn: number;
  readonly prefix: string;
}

/** The same client writes at the centre, durably: it changes the limit of an account. */
export interface CentreJob {
  readonly kind: 'centre';
  readonly url: string;
  readonly token: string;
  readonly count: number;
  readonly warmup: number;
  readonly pauseMs: number;
}

/** Opens all accounts at the centre and makes them known to the edge nodes. */
export interface OpenAccountsJob {
  readonly kind: 'open-accounts';
  readonly url: string;
  readonly edges: readonly string[];
  readonly token: string;
}

export interface PostgresLoneJob {
  readonly kind: 'postgres-lone';
  readonly socket: string;
  readonly count: number;
  readonly warmup: number;
}

export interface PostgresManyJob {
  readonly kind: 'postgres-many';
  readonly socket: string;
  readonly count: number;
  readonly batch: number;
}

export type Job = LoneJob | BatchJob | OpenJob | CentreJob | OpenAccountsJob | PostgresLoneJob | PostgresManyJob;

export interface JobResult {
  /** On the machine's monotonic clock. Nanoseconds. */
  readonly startedNs: bigint;
  readonly answeredNs: bigint;
  /** Of each request, from its time to its answer. Milliseconds. */
  readonly latenciesMs: readonly number[];
  /** Of each watched settlement, from its time until the client saw it final. Milliseconds. */
  readonly finalMs: readonly number[];
}

export type Reply = { readonly ok: true; readonly result: JobResult } | { readonly ok: false; readonly error: string };
