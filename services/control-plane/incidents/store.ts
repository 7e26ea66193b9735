/**
 * Incidents, and what receivers are still to be told of them. Both change in one transaction, so nothing happens that nobody is told,
 * and nobody is told what did not happen.
 *
 * In a database of its own: the ledger never waits for it, it is kept for longer than telemetry, and what the ledger finds about
 * itself is copied from there behind a cursor that is stored with the copy, so exactly once.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { IncidentEvent, Severity } from '../../../platform/index.ts';
import { openDatabase, relaxedTransaction, transaction, type Migration } from '../../shell/index.ts';
import type { OpenBreach } from '../core/incidents.ts';
import type { ClosedBy, Delivery, DeliveryState, Incident, KnownOfFinding, KnownOfSla } from './model.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Closed incidents, as long as the days that SLA reports are made of; what was sent, as long as raw deltas. Days. */
export const INCIDENT_RETENTION_DAYS = { incident: 4_000, event: 90 } as const;
/** Deliveries that wait for one receiver; what is beyond is given up at once, and said. */
export const WAITING_MAX = 10_000;
const PRUNE_STEP = 1_000;
const DELIVERIES_SHOWN = 100;
const ERROR_MAX = 300;

/** What happened, as receivers get it. */
export interface Told {
  /** Same event, same id: receivers recognize what they have. */
  readonly id: string;
  readonly type: IncidentEvent;
  readonly at: number;
  readonly body: string;
  /** Ids of those who are told. */
  readonly webhooks: readonly string[];
}

export type Change =
  | { readonly kind: 'open'; readonly incident: Incident; readonly state: OpenBreach | null; readonly told: Told }
  /** Only what is given changes. */
  | {
    readonly kind: 'update'; readonly id: string; readonly severity?: Severity; readonly state?: OpenBreach; readonly summary?: string;
    readonly budgetExhaustedAt?: number | null; readonly known?: KnownOfFinding; readonly told?: Told;
  }
  /** `by` an operator: what was bad until then opens nothing again, see `closedByHand`. */
  | { readonly kind: 'close'; readonly id: string; readonly at: number; readonly by: ClosedBy; readonly note: string | null; readonly known: KnownOfSla | null; readonly told: Told };

export interface OpenIncident {
  readonly incident: Incident;
  /** Null for what the platform found about itself. */
  readonly state: OpenBreach | null;
}

export interface Due {
  readonly n: number;
  readonly attempts: number;
  /** Of the event, and its body. */
  readonly id: string;
  readonly body: string;
  readonly createdAt: number;
}

export interface Attempted {
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly at: number;
  readonly nextAt: number;
}

export interface Asked {
  readonly state: 'open' | 'closed' | 'all';
  /** Null: all of them. */
  readonly scopes: readonly string[] | null;
  /** Number of the last page's last one; null: from the newest on. */
  readonly before: number | null;
  readonly limit: number;
}

export interface IncidentStore {
  /**
   * One transaction. A change of an incident that is closed already, and an incident where one of its kind is open, changes nothing and
   * is not told.
   * @param cursor how far the ledger's findings are copied @default - as before
   */
  apply(changes: readonly Change[], now: number, cursor?: number): void;
  cursor(): number;
  open(): readonly OpenIncident[];
  /** When an operator last closed an incident of the SLA in the scope; null: none. */
  closedByHand(sla: string, scope: string): number | null;
  openCounts(): Readonly<Record<Severity, number>>;
  get(id: string): Incident | null;
  /** Newest first, each with its number. */
  list(asked: Asked): readonly { readonly n: number; readonly incident: Incident }[];
  /** Those that were open at some time within [from, to): the first `limit`, oldest first, and how many there are. */
  during(from: number, to: number, limit: number): { readonly total: number; readonly incidents: readonly Incident[] };
  /** The newest, in the order in which they were put in. */
  deliveries(incident: string): readonly Delivery[];

  /** The next delivery that is due; of one incident always the oldest that waits. */
  due(webhook: string, now: number): Due | null;
  /** When the next one is due; null: none waits. */
  nextAt(webhook: string): number | null;
  attempted(n: number, result: Attempted): void;
  /** Gives up what has waited since before `before`, or for receivers that are none any more. @returns how many, by webhook */
  giveUp(webhooks: readonly string[], before: number, now: number): ReadonlyMap<string, number>;
  waiting(webhook: string): number;
  /** @returns whether there is more to delete */
  prune(now: number): boolean;
  close(): void;
}

const MIGRATIONS: readonly Migration[] = [`
  CREATE TABLE incident (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, sla TEXT NOT NULL, scope TEXT NOT NULL, severity TEXT NOT NULL,
    opened INTEGER NOT NULL, closed INTEGER, body TEXT NOT NULL, state TEXT
  ) STRICT;
  -- Of each kind at most one is open for one SLA and scope.
  CREATE UNIQUE INDEX incident_open ON incident (kind, sla, scope) WHERE closed IS NULL;
  CREATE INDEX incident_closed ON incident (closed);
  CREATE TABLE event (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, incident TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (incident, type)
  ) STRICT;
  CREATE INDEX event_at ON event (at);
  CREATE TABLE delivery (
    n INTEGER PRIMARY KEY AUTOINCREMENT, webhook TEXT NOT NULL, event INTEGER NOT NULL, incident TEXT NOT NULL, type TEXT NOT NULL, created INTEGER NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, status INTEGER, error TEXT, at INTEGER NOT NULL, next INTEGER NOT NULL, UNIQUE (event, webhook)
  ) STRICT;
  CREATE INDEX delivery_next ON delivery (webhook, next, n) WHERE state = 'waiting';
  CREATE INDEX delivery_order ON delivery (webhook, incident, n) WHERE state = 'waiting';
  CREATE INDEX delivery_incident ON delivery (incident, n);
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`,
// An incident can be updated more than once: its events differ by their ids.
`
  CREATE TABLE event_new (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, incident TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL
  ) STRICT;
  INSERT INTO event_new SELECT n, id, incident, type, at, body FROM event;
  DROP TABLE event;
  ALTER TABLE event_new RENAME TO event;
  CREATE INDEX event_at ON event (at);
`];

/** No earlier event of the same incident waits for the same receiver. */
const FIRST = `NOT EXISTS (SELECT 1 FROM delivery p WHERE p.webhook = d.webhook AND p.incident = d.incident AND p.state = 'waiting' AND p.n < d.n)`;

const DURING = 'opened < ? AND (closed IS NULL OR closed >= ?)';

/** @param path of the file, or ':memory:' */
export function openIncidentStore(path: string): IncidentStore {
  const db: DatabaseSync = openDatabase(path, MIGRATIONS);
  const sql = {
    insert: db.prepare('INSERT INTO incident (id, kind, sla, scope, severity, opened, closed, body, state) VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?) ON CONFLICT DO NOTHING'),
    find: db.prepare('SELECT body, state, closed FROM incident WHERE id = ?'),
    put: db.prepare('UPDATE incident SET severity = ?, closed = ?, body = ?, state = ? WHERE id = ?'),
    open: db.prepare('SELECT body, state FROM incident WHERE closed IS NULL ORDER BY n'),
    byHand: db.prepare(`SELECT sla, scope, max(closed) AS at FROM incident
      WHERE closed IS NOT NULL AND sla <> '' AND json_extract(body, '$.closedBy') = 'operator' GROUP BY sla, scope`),
    counts: db.prepare('SELECT severity, count(*) AS count FROM incident WHERE closed IS NULL GROUP BY severity'),
    list: db.prepare(`SELECT n, body FROM incident WHERE n < ? AND (? = 'all' OR (closed IS NULL) = (? = 'open'))
      AND (? IS NULL OR scope IN (SELECT value FROM json_each(?))) ORDER BY n DESC LIMIT ?`),
    during: db.prepare(`SELECT body FROM incident WHERE ${DURING} ORDER BY opened, n LIMIT ?`),
    countDuring: db.prepare(`SELECT count(*) AS count FROM incident WHERE ${DURING}`),
    event: db.prepare('INSERT INTO event (id, incident, type, at, body) VALUES (?, ?, ?, ?, ?)'),
    deliver: db.prepare(`INSERT INTO delivery (webhook, event, incident, type, created, state, attempts, status, error, at, next)
      VALUES (?, ?, ?, ?, ?, ?, 0, NULL, ?, ?, ?)`),
    deliveries: db.prepare(`SELECT webhook, type AS event, state, attempts, status AS lastStatus, error AS lastError, at FROM
      (SELECT * FROM delivery WHERE incident = ? ORDER BY n DESC LIMIT ${DELIVERIES_SHOWN}) ORDER BY n`),
    waiting: db.prepare('SELECT count(*) AS count FROM delivery WHERE webhook = ? AND state = \'waiting\''),
    due: db.prepare(`SELECT d.n, d.attempts, e.id, e.body, d.created AS createdAt FROM delivery d JOIN event e ON e.n = d.event
      WHERE d.webhook = ? AND d.state = 'waiting' AND d.next <= ? AND ${FIRST} ORDER BY d.next, d.n LIMIT 1`),
    next: db.prepare(`SELECT d.next AS next FROM delivery d WHERE d.webhook = ? AND d.state = 'waiting' AND ${FIRST} ORDER BY d.next LIMIT 1`),
    attempted: db.prepare('UPDATE delivery SET state = ?, attempts = ?, status = ?, error = ?, at = ?, next = ? WHERE n = ?'),
    tooOld: db.prepare(`UPDATE delivery SET state = 'given-up', error = coalesce(error, 'it waited for too long'), at = ?
      WHERE state = 'waiting' AND created < ? RETURNING webhook`),
    unknown: db.prepare(`UPDATE delivery SET state = 'given-up', error = 'the definition has no such webhook any more', at = ?
      WHERE state = 'waiting' AND webhook NOT IN (SELECT value FROM json_each(?)) RETURNING webhook`),
    cursor: db.prepare('SELECT value FROM meta WHERE key = \'findings\''),
    putCursor: db.prepare('INSERT OR REPLACE INTO meta VALUES (\'findings\', ?)'),
    pruneIncidents: db.prepare('DELETE FROM incident WHERE n IN (SELECT n FROM incident WHERE closed < ? LIMIT ?)'),
    pruneEvents: db.prepare(`DELETE FROM event WHERE n IN (SELECT e.n FROM event e WHERE e.at < ?
      AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.n AND d.state = 'waiting') LIMIT ?) RETURNING n`),
    pruneDeliveries: db.prepare('DELETE FROM delivery WHERE event = ?'),
  };

  // Those of before there was such a time have none.
  const incidentOf = (row: unknown): Incident => ({ budgetExhaustedAt: null, ...JSON.parse((row as { body: string }).body) as Partial<Incident> }) as Incident;
  const keyOf = (sla: string, scope: string): string => JSON.stringify([sla, scope]);
  const byHand = new Map((sql.byHand.all() as { sla: string; scope: string; at: number }[])
    .map(({ sla, scope, at }): [string, number] => [keyOf(sla, scope), at]));

  /** @param waiting how many wait for each webhook, as far as it was looked up */
  function tell(incident: string, told: Told, now: number, waiting: Map<string, number>): void {
    const event = sql.event.run(told.id, incident, told.type, told.at, told.body).lastInsertRowid;
    for (const webhook of told.webhooks) {
      const before = waiting.get(webhook) ?? (sql.waiting.get(webhook) as { count: number }).count;
      const isFull = before >= WAITING_MAX;
      waiting.set(webhook, isFull ? before : before + 1);
      sql.deliver.run(webhook, event, incident, told.type, now, isFull ? 'given-up' : 'waiting', isFull ? `${WAITING_MAX} others waited already` : null, now, now);
    }
  }

  /** @param closed takes in what was closed by hand */
  function applyOne(change: Change, now: number, waiting: Map<string, number>, closed: [key: string, at: number][]): void {
    if (change.kind === 'open') {
      const { incident: i, state, told } = change;
      const { changes } = sql.insert.run(i.id, i.kind, i.sla ?? '', i.scope, i.severity, i.openedAt, JSON.stringify(i), state === null ? null : JSON.stringify(state));
      if (Number(changes) === 1) tell(i.id, told, now, waiting);
      return;
    }
    const row = sql.find.get(change.id) as { body: string; state: string | null; closed: number | null } | undefined;
    if (row === undefined || row.closed !== null) return;
    const before = incidentOf(row);
    const after: Incident = change.kind === 'close'
      ? { ...before, closedAt: change.at, closedBy: change.by, note: change.note, knownAtClose: change.known }
      : { ...before, severity: change.severity ?? before.severity, summary: change.summary ?? before.summary, known: change.known ?? before.known,
        budgetExhaustedAt: change.budgetExhaustedAt ?? before.budgetExhaustedAt };
    const state = change.kind === 'close' ? null : change.state === undefined ? row.state : JSON.stringify(change.state);
    sql.put.run(after.severity, after.closedAt, JSON.stringify(after), state, change.id);
    if (change.kind === 'close' && change.by === 'operator' && after.sla !== null) closed.push([keyOf(after.sla, after.scope), change.at]);
    if (change.told !== undefined) tell(change.id, change.told, now, waiting);
  }

  return {
    apply(changes, now, cursor) {
      if (changes.length === 0 && cursor === undefined) return;
      const closed: [key: string, at: number][] = [];
      transaction(db, () => {
        const waiting = new Map<string, number>();
        for (const change of changes) applyOne(change, now, waiting, closed);
        if (cursor !== undefined) sql.putCursor.run(cursor);
      });
      for (const [key, at] of closed) byHand.set(key, at);
    },
    cursor: () => (sql.cursor.get() as { value: number } | undefined)?.value ?? 0,
    open: () => (sql.open.all() as { body: string; state: string | null }[])
      .map((row) => ({ incident: incidentOf(row), state: row.state === null ? null : JSON.parse(row.state) as OpenBreach })),
    closedByHand: (sla, scope) => byHand.get(keyOf(sla, scope)) ?? null,
    openCounts() {
      const counts: Record<Severity, number> = { ticket: 0, page: 0 };
      for (const { severity, count } of sql.counts.all() as { severity: Severity; count: number }[]) counts[severity] = count;
      return counts;
    },
    get(id) {
      const row = sql.find.get(id);
      return row === undefined ? null : incidentOf(row);
    },
    list({ state, scopes, before, limit }) {
      const wanted = scopes === null ? null : JSON.stringify(scopes);
      return (sql.list.all(before ?? Number.MAX_SAFE_INTEGER, state, state, wanted, wanted, limit) as { n: number; body: string }[])
        .map((row) => ({ n: row.n, incident: incidentOf(row) }));
    },
    during: (from, to, limit) =>
      ({ total: (sql.countDuring.get(to, from) as { count: number }).count, incidents: sql.during.all(to, from, limit).map(incidentOf) }),
    deliveries: (incident) => sql.deliveries.all(incident) as unknown as Delivery[],
    due: (webhook, now) => (sql.due.get(webhook, now) as unknown as Due | undefined) ?? null,
    nextAt: (webhook) => (sql.next.get(webhook) as { next: number } | undefined)?.next ?? null,
    attempted(n, { state, attempts, status, error, at, nextAt }) {
      // Not waited for: after a power cut it is sent again, and the receiver knows it by its id.
      relaxedTransaction(db, () => sql.attempted.run(state, attempts, status, error?.slice(0, ERROR_MAX) ?? null, at, nextAt, n));
    },
    giveUp(webhooks, before, now) {
      const rows = transaction(db, () => [...sql.unknown.all(now, JSON.stringify(webhooks)), ...sql.tooOld.all(now, before)]) as { webhook: string }[];
      const counts = new Map<string, number>();
      for (const { webhook } of rows) counts.set(webhook, (counts.get(webhook) ?? 0) + 1);
      return counts;
    },
    waiting: (webhook) => (sql.waiting.get(webhook) as { count: number }).count,
    prune: (now) => transaction(db, () => {
      const incidents = sql.pruneIncidents.run(now - INCIDENT_RETENTION_DAYS.incident * DAY_MS, PRUNE_STEP).changes;
      const events = sql.pruneEvents.all(now - INCIDENT_RETENTION_DAYS.event * DAY_MS, PRUNE_STEP) as { n: number }[];
      for (const { n } of events) sql.pruneDeliveries.run(n);
      return Number(incidents) === PRUNE_STEP || events.length === PRUNE_STEP;
    }),
    close: () => db.close(),
  };
}
