/**
 * Telemetry as it was received, and what it adds up to: every delta once, and in the same transaction the rollups of its minute,
 * hour and day. In a database of its own, so that the ledger never waits for it.
 */
import type { DatabaseSync } from 'node:sqlite';
import { openDatabase, transaction, type Migration } from '../../shell/index.ts';
import {
  addRollup, emptyRollup, floorTo, GRAINS, rollupFromText, rollupOf, rollupToText, timeOf,
  type Delta, type GrainId, type Rollup, type Segment, type Share, type Signed,
} from '../../telemetry/index.ts';

/** How long each is kept. Days. */
export const RETENTION_DAYS = { raw: 90, minute: 35, hour: 400, day: 4_000 } as const;
/** Rows deleted in one step, so that nothing waits for long. */
const PRUNE_STEP = 5_000;
const DAY_MS = 86_400_000;

export interface RawDelta {
  /** Order in which they came. */
  readonly n: number;
  readonly node: string;
  readonly region: string;
  readonly seq: number;
  readonly from: number;
  readonly to: number;
  readonly receivedAt: number;
  readonly note: string;
}

export interface NodeProgress {
  readonly node: string;
  readonly region: string;
  /** Everything up to this number is stored, or was acknowledged in an earlier life of this store. */
  contiguous: number;
  /** Highest number, and how many deltas there are. */
  max: number;
  stored: number;
}

/** The same number with other content: somebody signs two stories. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  readonly node: string;
  readonly seq: number;
  readonly notes: readonly [string, string];

  constructor(node: string, seq: number, notes: readonly [string, string]) {
    super(`${node} has signed two deltas with the number ${seq}`);
    this.node = node;
    this.seq = seq;
    this.notes = notes;
  }
}

export interface Scope {
  /** @default - all */
  readonly region?: string;
  readonly node?: string;
}

export interface TelemetryStore {
  /**
   * On disk when this returns, all or nothing.
   * @returns those that are new
   * @throws ConflictError
   */
  add(deltas: readonly Signed<Delta>[], sum: { readonly region: string; readonly note: string }, receivedAt: number): readonly Delta[];
  progress(node: string): Readonly<NodeProgress> | undefined;
  nodes(): readonly Readonly<NodeProgress>[];
  /** In the order in which they came. */
  raw(scope: Scope, after: number, limit: number): readonly RawDelta[];
  /** One row for each node and grain, in the order of time. */
  rollups(scope: Scope, segment: Segment): readonly { readonly node: string; readonly at: number; readonly rollup: Rollup }[];
  /** Counts of one SLA by node. */
  slaCounts(sla: string, segments: readonly Segment[]): ReadonlyMap<string, Share>;
  /** @returns whether there is more to delete */
  prune(now: number): boolean;
  close(): void;
}

const MIGRATIONS: readonly Migration[] = [`
  CREATE TABLE delta (
    n INTEGER PRIMARY KEY AUTOINCREMENT, node TEXT NOT NULL, seq INTEGER NOT NULL, region TEXT NOT NULL, start INTEGER NOT NULL,
    until INTEGER NOT NULL, received INTEGER NOT NULL, note TEXT NOT NULL, UNIQUE (node, seq)
  ) STRICT;
  CREATE INDEX delta_received ON delta (received);
  CREATE INDEX delta_region ON delta (region, n);
  CREATE INDEX delta_node ON delta (node, n);
  -- What each region says it passed on, as it signed it.
  CREATE TABLE region_sum (n INTEGER PRIMARY KEY, region TEXT NOT NULL, received INTEGER NOT NULL, note TEXT NOT NULL) STRICT;
  CREATE TABLE node (
    node TEXT PRIMARY KEY, region TEXT NOT NULL, contiguous INTEGER NOT NULL, max INTEGER NOT NULL, stored INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE rollup (
    grain TEXT NOT NULL, at INTEGER NOT NULL, node TEXT NOT NULL, region TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (grain, at, node)
  ) STRICT;
  CREATE INDEX rollup_node ON rollup (node, grain, at);
  CREATE TABLE sla_count (
    sla TEXT NOT NULL, grain TEXT NOT NULL, at INTEGER NOT NULL, node TEXT NOT NULL, events INTEGER NOT NULL, good INTEGER NOT NULL,
    PRIMARY KEY (sla, grain, at, node)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sla_count_at ON sla_count (grain, at);
`];

/** @param path of the file, or ':memory:' */
export function openTelemetryStore(path: string): TelemetryStore {
  const db: DatabaseSync = openDatabase(path, MIGRATIONS);
  const sql = {
    find: db.prepare('SELECT note FROM delta WHERE node = ? AND seq = ?'),
    insert: db.prepare('INSERT INTO delta (node, seq, region, start, until, received, note) VALUES (?, ?, ?, ?, ?, ?, ?)'),
    sum: db.prepare('INSERT INTO region_sum (region, received, note) VALUES (?, ?, ?)'),
    after: db.prepare('SELECT seq FROM delta WHERE node = ? AND seq > ? ORDER BY seq'),
    putNode: db.prepare('INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?)'),
    nodes: db.prepare('SELECT node, region, contiguous, max, stored FROM node'),
    rollup: db.prepare('SELECT body FROM rollup WHERE grain = ? AND at = ? AND node = ?'),
    putRollup: db.prepare('INSERT INTO rollup VALUES (?, ?, ?, ?, ?) ON CONFLICT (grain, at, node) DO UPDATE SET body = excluded.body'),
    putSla: db.prepare(`INSERT INTO sla_count VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sla, grain, at, node)
      DO UPDATE SET events = events + excluded.events, good = good + excluded.good`),
    slaCounts: db.prepare('SELECT node, sum(events) AS events, sum(good) AS good FROM sla_count WHERE sla = ? AND grain = ? AND at >= ? AND at < ? GROUP BY node'),
  };
  const RAW = 'SELECT n, node, region, seq, start AS "from", until AS "to", received AS receivedAt, note FROM delta WHERE';
  const ROLLUP = 'SELECT node, at, body FROM rollup WHERE';
  const raw = {
    all: db.prepare(`${RAW} n > ? ORDER BY n LIMIT ?`), region: db.prepare(`${RAW} region = ? AND n > ? ORDER BY n LIMIT ?`),
    node: db.prepare(`${RAW} node = ? AND n > ? ORDER BY n LIMIT ?`),
  };
  const rollups = {
    all: db.prepare(`${ROLLUP} grain = ? AND at >= ? AND at < ? ORDER BY at, node`),
    region: db.prepare(`${ROLLUP} region = ? AND grain = ? AND at >= ? AND at < ? ORDER BY at, node`),
    node: db.prepare(`${ROLLUP} node = ? AND grain = ? AND at >= ? AND at < ? ORDER BY at`),
  };
  const progress = new Map<string, NodeProgress>();
  const load = (): void => {
    progress.clear();
    for (const row of sql.nodes.all() as unknown as NodeProgress[]) progress.set(row.node, { ...row });
  };
  load();

  function insertNew(deltas: readonly Signed<Delta>[], receivedAt: number): Delta[] {
    return deltas.flatMap(({ value: d, note }) => {
      const known = sql.find.get(d.node, d.seq) as { note: string } | undefined;
      if (known !== undefined && known.note !== note) throw new ConflictError(d.node, d.seq, [known.note, note]);
      // What is older than what is kept was counted, and then forgotten.
      if (known !== undefined || d.seq <= (progress.get(d.node)?.contiguous ?? 0)) return [];
      sql.insert.run(d.node, d.seq, d.region, d.from, d.to, receivedAt, note);
      return [d];
    });
  }

  function advance(d: Delta): void {
    let p = progress.get(d.node);
    if (p === undefined) progress.set(d.node, p = { node: d.node, region: d.region, contiguous: 0, max: 0, stored: 0 });
    p.stored += 1;
    p.max = Math.max(p.max, d.seq);
    p.contiguous = Math.max(p.contiguous, d.acknowledged);
  }

  function addToRollups(fresh: readonly Delta[], receivedAt: number): void {
    const changed = new Map<string, { grain: GrainId; at: number; node: string; region: string; rollup: Rollup }>();
    for (const d of fresh) {
      const rollup = rollupOf(d);
      for (const { id: grain, ms } of GRAINS) {
        const at = floorTo(timeOf(d, receivedAt), ms);
        const key = `${grain} ${at} ${d.node}`;
        let entry = changed.get(key);
        if (entry === undefined) changed.set(key, entry = { grain, at, node: d.node, region: d.region, rollup: emptyRollup() });
        addRollup(entry.rollup, rollup);
      }
    }
    for (const { grain, at, node, region, rollup } of changed.values()) {
      const before = sql.rollup.get(grain, at, node) as { body: string } | undefined;
      const sum = before === undefined ? rollup : rollupFromText(before.body);
      if (before !== undefined) addRollup(sum, rollup);
      sql.putRollup.run(grain, at, node, region, rollupToText(sum));
      for (const [sla, { events, good }] of rollup.sums.slas) sql.putSla.run(sla, grain, at, node, events, good);
    }
  }

  return {
    add(deltas, sum, receivedAt) {
      try {
        return transaction(db, () => {
          const fresh = insertNew(deltas, receivedAt);
          if (fresh.length === 0) return fresh;
          sql.sum.run(sum.region, receivedAt, sum.note);
          for (const d of fresh) advance(d);
          for (const node of new Set(fresh.map((d) => d.node))) {
            const p = progress.get(node)!;
            for (const { seq } of sql.after.iterate(node, p.contiguous) as Iterable<{ seq: number }>) {
              if (seq !== p.contiguous + 1) break;
              p.contiguous = seq;
            }
            sql.putNode.run(p.node, p.region, p.contiguous, p.max, p.stored);
          }
          addToRollups(fresh, receivedAt);
          return fresh;
        });
      } catch (error) {
        load();
        throw error;
      }
    },
    progress: (node) => progress.get(node),
    nodes: () => [...progress.values()],
    raw({ node, region }, after, limit) {
      if (node !== undefined) return (raw.node.all(node, after, limit) as unknown as RawDelta[]).filter((d) => region === undefined || d.region === region);
      return (region === undefined ? raw.all.all(after, limit) : raw.region.all(region, after, limit)) as unknown as RawDelta[];
    },
    rollups({ node, region }, { grain, from, to }) {
      const rows = node !== undefined ? rollups.node.all(node, grain, from, to)
        : region !== undefined ? rollups.region.all(region, grain, from, to) : rollups.all.all(grain, from, to);
      return (rows as unknown as { node: string; at: number; body: string }[]).map((row) => ({ node: row.node, at: row.at, rollup: rollupFromText(row.body) }));
    },
    slaCounts(sla, all) {
      const counts = new Map<string, { events: number; good: number }>();
      for (const { grain, from, to } of all) {
        for (const { node, events, good } of sql.slaCounts.all(sla, grain, from, to) as unknown as (Share & { node: string })[]) {
          const sum = counts.get(node);
          if (sum === undefined) counts.set(node, { events, good });
          else {
            sum.events += events;
            sum.good += good;
          }
        }
      }
      return counts;
    },
    prune: (now) => transaction(db, () => {
      let more = false;
      const step = (table: string, where: string, before: number): void => {
        const { changes } = db.prepare(`DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE ${where} < ? LIMIT ${PRUNE_STEP})`).run(before);
        if (Number(changes) === PRUNE_STEP) more = true;
      };
      step('delta', 'received', now - RETENTION_DAYS.raw * DAY_MS);
      step('region_sum', 'received', now - RETENTION_DAYS.raw * DAY_MS);
      for (const { id } of GRAINS) {
        const before = now - RETENTION_DAYS[id] * DAY_MS;
        step('rollup', `grain = '${id}' AND at`, before);
        db.prepare('DELETE FROM sla_count WHERE grain = ? AND at < ?').run(id, before);
      }
      return more;
    }),
    close: () => db.close(),
  };
}
