/**
 * The typed client of an edge node and of the control plane, for the command line, tests, benchmarks and runbooks.
 *
 * Everything here may be sent again: settlements and accounts carry ids, and the same id with the same content is answered
 * the same. So a request that found nobody, or was told to come back (429, 503), is repeated until its time is up.
 */
import { createHttpClient, problemOf, UnreachableError, type Answer, type Call, type HttpClient } from './http-client.ts';
import { createBackoff } from './backoff.ts';
import { Problem } from './errors.ts';
import type { ServiceStatus } from './status.ts';
import type { Instruction, SettlementState } from './types.ts';

export interface RetryOptions {
  /** For how long a request is repeated before its failure counts. Milliseconds; 0: never repeated. @default 60000 */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  /** Told of every repetition. */
  readonly onRetry?: (why: string, pauseMs: number) => void;
  /** @default - the system's clock, timer and randomness */
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
  readonly random?: () => number;
}

export interface ClientOptions extends RetryOptions {
  readonly token?: string;
  /** Shared with others; closed by who made it. @default - one of its own */
  readonly http?: HttpClient;
  /** One exchange. Milliseconds. @default 30000 */
  readonly timeoutMs?: number;
}

/** The edge node's answer to a settlement. */
export interface Receipt {
  readonly id: string;
  readonly state: 'provisional' | 'rejected';
  readonly reason?: string;
  readonly mode: 'online' | 'offline';
  readonly node: string;
  readonly index: number;
  readonly decidedAt: number;
  /** Leaf hash of the log entry, base64. */
  readonly leaf: string;
}

/** One item of a batch: a receipt with 201 (new) or 200 (as before), or what is wrong with it. */
export type BatchItem = (Receipt & { readonly status: 200 | 201 })
  | { readonly id: string | null; readonly status: 400 | 409; readonly problem: { readonly code: string; readonly detail: string } };

export interface SettlementView {
  readonly id: string;
  readonly state: SettlementState;
  readonly asset: string;
  readonly debitAccount: string;
  readonly creditAccount: string;
  readonly amount: string;
  readonly reason?: string;
  readonly node: string;
  readonly index: number;
  readonly globalIndex?: number;
  /** At the control plane, when each step was taken, by the clock of who took it; milliseconds since 1970. */
  readonly decidedAt?: number;
  readonly orderedAt?: number;
  readonly finalAt?: number;
  /** 32 hex digits; where the settlement is traced. */
  readonly traceId?: string;
  readonly [field: string]: unknown;
}

export interface Provenance {
  readonly entry: string;
  readonly policy?: string;
  readonly node?: string;
  readonly index: number;
  readonly leaf: string;
}

export interface EdgeAccount {
  readonly account: string;
  readonly asset: string;
  readonly balance: string;
  readonly overdraftLimit: string | null;
  readonly reserved: string;
  readonly available: string | null;
  readonly asOf: number;
  readonly ageMs: number;
  readonly connected: boolean;
}

export interface CentreAccount {
  readonly account: string;
  readonly asset: string;
  readonly overdraftLimit: string | null;
  readonly posted: string;
  readonly pending: string;
  readonly balance: string;
  readonly asOf: number;
}

export interface AccountOpening {
  readonly account: string;
  readonly asset: string;
  /** Minor units as digits; null: without limit. */
  readonly overdraftLimit: string | null;
}

export interface LogClient {
  readonly url: string;
  status(): Promise<ServiceStatus>;
  /** Null while the log has none. */
  checkpoint(): Promise<string | null>;
  /** A file of the log as tlog-tiles lays it out, e.g. `tile/entries/000.p/7`. */
  file(path: string): Promise<Buffer>;
  /** Ends connections, unless the http client was handed in. */
  close(): Promise<void>;
}

export interface SettlementReads {
  settlement(id: string): Promise<SettlementView>;
  /** A tlog-proof, as text. */
  receipt(id: string, log?: 'edge' | 'global'): Promise<string>;
  provenance(id: string): Promise<Provenance>;
}

export interface EdgeClient extends LogClient, SettlementReads {
  /** @param trace a W3C `traceparent`; with the sampled flag the settlement is traced through all tiers */
  settle(instruction: Instruction, trace?: string): Promise<Receipt>;
  /** At most `BATCH_MAX`; answered in order, each on its own. */
  settleMany(instructions: readonly Instruction[]): Promise<readonly BatchItem[]>;
  account(id: string): Promise<EdgeAccount>;
  /** @returns the accounts that the centre does not know */
  prefetch(accounts: readonly string[]): Promise<readonly string[]>;
  /** A policy that decisions of this node's log name, as canonical JSON. */
  policy(digest: string): Promise<string>;
}

export interface ControlClient extends LogClient, SettlementReads {
  /** @throws Problem 409 `asset-mismatch` */
  openAccount(opening: AccountOpening): Promise<CentreAccount>;
  /** At most 10,000; answered in order, each on its own. */
  openAccounts(openings: readonly AccountOpening[]): Promise<readonly OpenedAccount[]>;
  account(id: string): Promise<CentreAccount>;
  accounts(
    after?: string, limit?: number,
  ): Promise<{ readonly accounts: readonly CentreAccount[]; readonly next: string | null }>;
  /** Newest first. */
  incidents(asked?: IncidentQuery): Promise<{ readonly incidents: readonly IncidentView[]; readonly next: string | null }>;
  /** @throws Problem 409 `incident-closed` */
  closeIncident(id: string, note: string): Promise<IncidentView>;
  /** Witnessed outcomes behind a global index, in order; from the beginning without one. */
  outcomes(after: number | null, limit?: number): Promise<OutcomesPage>;
}

/** An incident of the control plane, as far as every kind has it; docs/telemetry.md. Times are milliseconds since 1970. */
export interface IncidentView {
  readonly id: string;
  readonly kind: string;
  readonly state: 'open' | 'closed';
  readonly sla: string | null;
  readonly scope: string;
  readonly severity: 'page' | 'ticket';
  readonly owner: string | null;
  readonly runbook: string;
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly closedBy: 'recovery' | 'operator' | 'merged' | null;
  readonly note: string | null;
  readonly summary: string;
  readonly deliveries: readonly { readonly webhook: string; readonly event: string; readonly state: string; readonly attempts: number }[];
  readonly [field: string]: unknown;
}

export interface IncidentQuery {
  readonly state?: 'open' | 'closed' | 'all';
  readonly scope?: string;
  /** The last page's `next`. */
  readonly after?: string;
  readonly limit?: number;
}

export interface OpenedAccount {
  readonly account: string;
  readonly status: number;
  readonly problem?: { readonly code: string; readonly detail: string };
}

export interface OutcomesPage {
  readonly outcomes: readonly Readonly<Record<string, unknown>>[];
  /** What to pass as `after` for the next page; null while the log is empty. */
  readonly next: number | null;
}

const RETRIED = new Set([429, 502, 503, 504]);

/** Repeats `attempt` while it finds nobody or is told to come back. @throws what the last attempt threw */
export async function retrying<T>(attempt: () => Promise<T>, o: RetryOptions = {}): Promise<T> {
  const now = o.now ?? ((): number => performance.now());
  const sleep = o.sleep ?? ((ms: number): Promise<void> => new Promise((resolve) => {
    setTimeout(resolve, ms);
  }));
  const deadline = now() + (o.patienceMs ?? 60_000);
  const backoff = createBackoff(50, 2_000, o.random);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const again = error instanceof UnreachableError || (error instanceof Problem && RETRIED.has(error.status));
      if (!again || o.signal?.aborted === true) throw error;
      const asked = error instanceof Problem && error.retryAfter !== undefined ? error.retryAfter * 1_000 : 0;
      const pause = Math.max(backoff.next(), asked);
      if (now() + pause > deadline) throw error;
      o.onRetry?.((error as Error).message, pause);
      await sleep(pause);
    }
  }
}

function logClient(url: string, o: ClientOptions): LogClient & { json: HttpClient['json']; text: (path: string) => Promise<string>; bytes: (path: string) => Promise<Answer> } {
  const http = o.http ?? createHttpClient();
  const common: Call = {
    timeoutMs: o.timeoutMs ?? 30_000, ...(o.token === undefined ? {} : { token: o.token }), ...(o.signal === undefined ? {} : { signal: o.signal }),
  };
  const bytes = (path: string): Promise<Answer> => retrying(async () => {
    const answer = await http.call(`${url}${path}`, common);
    if (answer.status < 200 || answer.status > 299) throw problemOf(`${url}${path}`, answer);
    return answer;
  }, o);
  const text = async (path: string): Promise<string> => (await bytes(path)).body.toString('utf8');
  const json: HttpClient['json'] = (path, call) => retrying(() => http.json(`${url}${path}`, { ...common, ...call }), o);
  return {
    url, json, text, bytes,
    status: () => json('/v1/status'),
    async checkpoint() {
      try {
        return await text('/checkpoint');
      } catch (error) {
        if (error instanceof Problem && error.code === 'no-checkpoint') return null;
        throw error;
      }
    },
    file: async (path) => (await bytes(`/${path}`)).body,
    close: async () => {
      if (o.http === undefined) await http.close();
    },
  };
}

function settlementReads(base: ReturnType<typeof logClient>): SettlementReads {
  return {
    settlement: (id) => base.json(`/v1/settlements/${encodeURIComponent(id)}`),
    receipt: (id, log) => base.text(`/v1/settlements/${encodeURIComponent(id)}/receipt${log === undefined ? '' : `?log=${log}`}`),
    provenance: (id) => base.json(`/v1/settlements/${encodeURIComponent(id)}/provenance`),
  };
}

const wire = (s: Instruction): Record<string, string> =>
  ({ id: s.id, asset: s.asset, debitAccount: s.debitAccount, creditAccount: s.creditAccount, amount: s.amount.toString() });

/** Prefetch is passed to the centre in pieces of this size. */
const PREFETCH_MAX = 1_000;

/** @param url base URL of the edge node, without a slash at its end */
export function createEdgeClient(url: string, options: ClientOptions = {}): EdgeClient {
  const base = logClient(url, options);
  return {
    ...base, ...settlementReads(base),
    settle: (s, trace) => base.json('/v1/settlements', { method: 'POST', json: wire(s), ...(trace === undefined ? {} : { headers: { traceparent: trace } }) }),
    async settleMany(list) {
      const { settlements } = await base.json<{ settlements: BatchItem[] }>(
        '/v1/settlements', { method: 'POST', json: { settlements: list.map(wire) } },
      );
      if (settlements.length !== list.length) {
        throw new Problem(502, 'bad-answer', `${url} answered ${settlements.length} settlements of ${list.length}`);
      }
      return settlements;
    },
    account: (id) => base.json(`/v1/accounts/${encodeURIComponent(id)}`),
    async prefetch(accounts) {
      const unknown: string[] = [];
      for (let i = 0; i < accounts.length; i += PREFETCH_MAX) {
        const answer = await base.json<{ unknown?: string[] }>(
          '/v1/accounts/prefetch', { method: 'POST', json: { accounts: accounts.slice(i, i + PREFETCH_MAX) } },
        );
        unknown.push(...(answer.unknown ?? []));
      }
      return unknown;
    },
    policy: (digest) => base.text(`/v1/policies/${digest}`),
  };
}

/** @param url base URL of the control plane, without a slash at its end */
export function createControlClient(url: string, options: ClientOptions = {}): ControlClient {
  const base = logClient(url, options);
  return {
    ...base, ...settlementReads(base),
    openAccount: ({ account, ...rest }) => base.json(
      `/v1/accounts/${encodeURIComponent(account)}`, { method: 'PUT', json: rest },
    ),
    async openAccounts(openings) {
      const { accounts } = await base.json<{ accounts: OpenedAccount[] }>(
        '/v1/accounts', { method: 'POST', json: { accounts: openings } },
      );
      return accounts;
    },
    account: (id) => base.json(`/v1/accounts/${encodeURIComponent(id)}`),
    accounts: (after, limit) => base.json(`/v1/accounts?${query({ after, limit })}`),
    incidents: (asked = {}) => base.json(`/v1/incidents?${query({ ...asked })}`),
    closeIncident: (id, note) => base.json(`/v1/incidents/${encodeURIComponent(id)}/close`, { method: 'POST', json: { note } }),
    outcomes: (after, limit) => base.json(`/v1/outcomes?${query({ after: after ?? undefined, limit })}`),
  };
}

const query = (fields: Readonly<Record<string, string | number | undefined>>): string =>
  Object.entries(fields).filter(([, v]) => v !== undefined).map(([k, v]) => `${k}=${encodeURIComponent(v!)}`).join('&');

/** The client of a region's replica, as far as anybody outside needs one. */
export const createRegionClient = (url: string, options: ClientOptions = {}): LogClient => logClient(url, options);
