/**
 * Telemetry as it was received, and what it adds up to: every delta once, and in the same transaction the rollups of its minute,
 * hour and day. In a database of its own, so that the ledger never waits for it.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { openDatabase, transaction, type Migration } from '../../shell/index.ts';
import {
  addRollup, addRollupText, emptyRollup, floorTo, GRAINS, rollupOf, rollupToText, timeOf,
  type Basis, type Delta, type GrainId, type Rollup, type Segment, type Share, type Signed,
} from '../../telemetry/index.ts';

/** How long each is kept. Days. */
export const RETENTION_DAYS = { raw: 90, minute: 35, hour: 400, day: 4_000 } as const;
/** Checkpoints that exports stand on, the largest are kept: one is added when the log has grown since the last export. */
const CHECKPOINTS_MAX = 10_000;
/** Characters of notes in one answer: a node may sign deltas a hundred times as large as usual. */
const PAGE_CHARACTERS = 8 * 1024 * 1024;
/** Rows deleted in one step, so that nothing waits for long. */
const PRUNE_STEP = 5_000;
const DAY_MS = 86_400_000;

/** What was signed, without who signed it: a second signature, or one more line behind it, makes no other story of it. */
const signedPart = (note: string): string => note.split('\n\n', 1)[0]!;

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

/** Where a delta lies among those of its node. */
export interface Place {
  /** When its counts count (`timeOf`). Milliseconds since 1970. */
  readonly at: number;
  readonly seq: number;
}

export type TimedDelta = Pick<RawDelta, 'note' | 'receivedAt'> & Place;

/** Milliseconds since 1970; `to` is not included. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
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

/** A delta that can't be one of those that its node has told. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly node: string;

  constructor(node: string, message: string) {
    super(message);
    this.node = node;
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
   * @throws ConflictError, RefusedError when a window overlaps that of another number, or lies before it and should not
   */
  add(deltas: readonly Signed<Delta>[], sum: { readonly region: string; readonly note: string }, receivedAt: number): readonly Delta[];
  progress(node: string): Readonly<NodeProgress> | undefined;
  nodes(): readonly Readonly<NodeProgress>[];
  /** The delta with the highest number of a node, while it is kept. */
  last(node: string): Pick<RawDelta, 'note' | 'receivedAt'> | undefined;
  /** Those behind `after` in the order in which they came: `limit` of them, or fewer when they are large, but one if there is one. */
  raw(scope: Scope, after: number, limit: number): readonly RawDelta[];
  /**
   * Of those whose counts count in the range, in order of that time: the ones behind `after`, or from the first on when it is 0.
   * @returns null when there is no delta `after`, for instance because it is not kept any more
   */
  rawWithin(scope: Scope, range: TimeRange, after: number, limit: number): readonly RawDelta[] | null;
  /** The same of one node, in order of that time and their number: those behind `after`, `limit` of them or fewer when they are large; none: there are no more. */
  within(node: string, range: TimeRange, after: Place, limit: number): readonly TimedDelta[];
  countWithin(node: string, range: TimeRange): number;
  /** The smallest kept checkpoint of the global log of at least this size. */
  checkpoint(size: number): { readonly size: number; readonly note: string } | undefined;
  keepCheckpoint(size: number, note: string): void;
  /** Of one node, as `addRollupText` reads them: one for each grain of the time, in its order. */
  rollups(node: string, segment: Segment): readonly string[];
  /** What the same rollups stand on, without taking them apart; null when there are none. */
  basis(node: string, segment: Segment): Basis | null;
  /** Nodes of which a delta came at this time or later. */
  heardSince(time: number): ReadonlySet<string>;
  /** Counts of one SLA by node. */
  slaCounts(sla: string, segments: readonly Segment[]): ReadonlyMap<string, Share>;
  /** The first minute in which an event of the SLA was counted, and one in which any of these nodes was heard: the later one; null when there is none. */
  countedSince(sla: string, nodes: readonly string[]): number | null;
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
`, `
  CREATE INDEX delta_time ON delta (node, min(until - 1, received), seq);
  -- Under which entries of the global log were shown to auditors: later exports of the same range show the same.
  CREATE TABLE audit_checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
`, `
  CREATE INDEX delta_time_all ON delta (min(until - 1, received));
  CREATE INDEX delta_time_region ON delta (region, min(until - 1, received));
`];

/** @param path of the file, or ':memory:' */
export function openTelemetryStore(path: string): TelemetryStore {
  const db: DatabaseSync = openDatabase(path, MIGRATIONS);
  const sql = {
    find: db.prepare('SELECT note FROM delta WHERE node = ? AND seq = ?'),
    insert: db.prepare('INSERT INTO delta (node, seq, region, start, until, received, note) VALUES (?, ?, ?, ?, ?, ?, ?)'),
    sum: db.prepare('INSERT INTO region_sum (region, received, note) VALUES (?, ?, ?)'),
    before: db.prepare('SELECT seq, until FROM delta WHERE node = ? AND seq < ? ORDER BY seq DESC LIMIT 1'),
    behind: db.prepare('SELECT seq, start FROM delta WHERE node = ? AND seq > ? ORDER BY seq LIMIT 1'),
    last: db.prepare('SELECT note, received AS receivedAt FROM delta WHERE node = ? ORDER BY seq DESC LIMIT 1'),
    after: db.prepare('SELECT seq FROM delta WHERE node = ? AND seq > ? ORDER BY seq'),
    putNode: db.prepare('INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?)'),
    heard: db.prepare('SELECT DISTINCT node FROM delta WHERE received >= ?'),
    nodes: db.prepare('SELECT node, region, contiguous, max, stored FROM node'),
    rollup: db.prepare('SELECT body FROM rollup WHERE grain = ? AND at = ? AND node = ?'),
    putRollup: db.prepare('INSERT INTO rollup VALUES (?, ?, ?, ?, ?) ON CONFLICT (grain, at, node) DO UPDATE SET body = excluded.body'),
    putSla: db.prepare(`INSERT INTO sla_count VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sla, grain, at, node)
      DO UPDATE SET events = events + excluded.events, good = good + excluded.good`),
    slaCounts: db.prepare('SELECT node, sum(events) AS events, sum(good) AS good FROM sla_count WHERE sla = ? AND grain = ? AND at >= ? AND at < ? GROUP BY node'),
  };
  const first = {
    sla: db.prepare("SELECT at FROM sla_count WHERE sla = ? AND grain = 'minute' ORDER BY at LIMIT 1"),
    node: db.prepare("SELECT at FROM rollup WHERE node = ? AND grain = 'minute' ORDER BY at LIMIT 1"),
  };
  /** Found once, it stays; that earlier minutes are deleted at last changes nothing for any window. */
  const firstOf = (statement: StatementSync, known: Map<string, number>, id: string): number | null => {
    const at = known.get(id) ?? (statement.get(id) as { at: number } | undefined)?.at;
    if (at !== undefined) known.set(id, at);
    return at ?? null;
  };
  const firsts = { sla: new Map<string, number>(), node: new Map<string, number>() };
  const RAW = 'SELECT n, node, region, seq, start AS "from", until AS "to", received AS receivedAt, note FROM delta WHERE';
  const ROLLUP = 'FROM rollup WHERE node = ? AND grain = ? AND at >= ? AND at < ?';
  const raw = {
    all: db.prepare(`${RAW} n > ? ORDER BY n LIMIT ?`), region: db.prepare(`${RAW} region = ? AND n > ? ORDER BY n LIMIT ?`),
    node: db.prepare(`${RAW} node = ? AND n > ? ORDER BY n LIMIT ?`),
  };
  const rollups = db.prepare(`SELECT body ${ROLLUP} ORDER BY at`);
  const basis = db.prepare(`SELECT sum(body ->> 'deltas') AS deltas, min(body ->> 'seqFrom') AS seqFrom, max(body ->> 'seqTo') AS seqTo,
    sum(body ->> 'coveredMs') AS coveredMs ${ROLLUP}`);
  // The time of a delta as `timeOf` tells it, which is what the index is of.
  const AT = 'min(until - 1, received)';
  const timed = {
    within: db.prepare(`SELECT ${AT} AS at, seq, received AS receivedAt, note FROM delta
      WHERE node = ? AND ${AT} >= ? AND ${AT} < ? AND (${AT} > ? OR seq > ?) ORDER BY ${AT}, seq LIMIT ?`),
    count: db.prepare(`SELECT count(*) AS count FROM delta WHERE node = ? AND ${AT} >= ? AND ${AT} < ?`),
    checkpoint: db.prepare('SELECT size, note FROM audit_checkpoint WHERE size >= ? ORDER BY size LIMIT 1'),
    keep: db.prepare('INSERT OR IGNORE INTO audit_checkpoint VALUES (?, ?)'),
    trim: db.prepare('DELETE FROM audit_checkpoint WHERE size NOT IN (SELECT size FROM audit_checkpoint ORDER BY size DESC LIMIT ?)'),
  };
  const RANGE = `${AT} >= ? AND ${AT} < ? AND (${AT} > ? OR n > ?) ORDER BY ${AT}, n LIMIT ?`;
  const rawWithin = {
    all: db.prepare(`${RAW} ${RANGE}`), region: db.prepare(`${RAW} region = ? AND ${RANGE}`), node: db.prepare(`${RAW} node = ? AND ${RANGE}`),
    place: db.prepare(`SELECT ${AT} AS at FROM delta WHERE n = ?`),
  };
  const progress = new Map<string, NodeProgress>();
  const load = (): void => {
    progress.clear();
    for (const row of sql.nodes.all() as unknown as NodeProgress[]) progress.set(row.node, { ...row });
  };
  load();

  /** Windows of a node follow each other as their numbers do: nothing can be counted in two of them, nor more than the time of all has room for. */
  function checkWindow(d: Delta): void {
    const refuse = (seq: number): never => {
      throw new RefusedError(d.node, `delta ${d.seq} of ${d.node}: its window, ${d.from} to ${d.to}, does not lie on its side of that of delta ${seq}`);
    };
    const before = sql.before.get(d.node, d.seq) as { seq: number; until: number } | undefined;
    if (before !== undefined && before.until > d.from) refuse(before.seq);
    const behind = sql.behind.get(d.node, d.seq) as { seq: number; start: number } | undefined;
    if (behind !== undefined && behind.start < d.to) refuse(behind.seq);
  }

  function insertNew(deltas: readonly Signed<Delta>[], receivedAt: number): Delta[] {
    return deltas.flatMap(({ value: d, note }) => {
      const known = sql.find.get(d.node, d.seq) as { note: string } | undefined;
      if (known !== undefined && signedPart(known.note) !== signedPart(note)) throw new ConflictError(d.node, d.seq, [known.note, note]);
      // What is older than what is kept was counted, and then forgotten.
      if (known !== undefined || d.seq <= (progress.get(d.node)?.contiguous ?? 0)) return [];
      checkWindow(d);
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
      const sum = emptyRollup();
      if (before !== undefined) addRollupText(sum, before.body);
      addRollup(sum, rollup);
      sql.putRollup.run(grain, at, node, region, rollupToText(sum));
      for (const [sla, { events, good }] of rollup.sums.slas) if (sum.sums.slas.has(sla)) sql.putSla.run(sla, grain, at, node, events, good);
    }
  }

  function page({ node, region }: Scope, by: Record<'all' | 'region' | 'node', StatementSync>, rest: readonly number[]): RawDelta[] {
    const rows = (node !== undefined ? by.node.iterate(node, ...rest) : region !== undefined ? by.region.iterate(region, ...rest) : by.all.iterate(...rest));
    const found: RawDelta[] = [];
    let characters = 0;
    for (const row of rows as unknown as Iterable<RawDelta>) {
      characters += row.note.length;
      if (characters > PAGE_CHARACTERS && found.length > 0) break;
      if (region === undefined || row.region === region) found.push(row);
    }
    return found;
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
    last: (node) => sql.last.get(node) as Pick<RawDelta, 'note' | 'receivedAt'> | undefined,
    raw: (scope, after, limit) => page(scope, raw, [after, limit]),
    rawWithin(scope, { from, to }, after, limit) {
      const at = after === 0 ? -1 : (rawWithin.place.get(after) as { at: number } | undefined)?.at;
      return at === undefined ? null : page(scope, rawWithin, [Math.max(from, at), to, at, after, limit]);
    },
    rollups: (node, { grain, from, to }) => (rollups.all(node, grain, from, to) as { body: string }[]).map(({ body }) => body),
    basis(node, { grain, from, to }) {
      const found = basis.get(node, grain, from, to) as unknown as Basis;
      return found.deltas === null ? null : found;
    },
    within: (node, { from, to }, after, limit) => {
      const found: TimedDelta[] = [];
      let characters = 0;
      for (const row of timed.within.iterate(node, Math.max(from, after.at), to, after.at, after.seq, limit) as unknown as Iterable<TimedDelta>) {
        found.push(row);
        characters += row.note.length;
        if (characters > PAGE_CHARACTERS) break;
      }
      return found;
    },
    countWithin: (node, { from, to }) => (timed.count.get(node, from, to) as { count: number }).count,
    checkpoint: (size) => timed.checkpoint.get(size) as { size: number; note: string } | undefined,
    keepCheckpoint: (size, note) => transaction(db, () => {
      timed.keep.run(size, note);
      timed.trim.run(CHECKPOINTS_MAX);
    }),
    heardSince: (time) => new Set((sql.heard.all(time) as { node: string }[]).map(({ node }) => node)),
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
    countedSince(sla, nodes) {
      const ofSla = firstOf(first.sla, firsts.sla, sla);
      const ofNodes = Math.min(...nodes.map((node) => firstOf(first.node, firsts.node, node) ?? Infinity));
      return ofSla === null || ofNodes === Infinity ? null : Math.max(ofSla, ofNodes);
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
