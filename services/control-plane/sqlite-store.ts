/** The ledger store in one SQLite file: accounts, settlement ids, the global log and all progress, in one transaction. */
import { hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { decodeGlobal, type OutcomeEntry } from '../protocol/index.ts';
import { bundleLeafHashes, SqliteLog, sqliteLogSchema } from '../transparency/index.ts';
import { createIdIndex, ID_INDEX_SCHEMA, openDatabase, relaxedTransaction, transaction, type Migration } from '../shell/index.ts';
import type { Account, Earlier } from './core/ledger.ts';
import { timeAt } from './core/times.ts';
import type {
  AssetTotal, Changes, Counts, Found, Head, Incident, KeptIncident, LedgerStore, NodeRow, OutcomeRange, RegionRow, TraceRow, Wanted,
} from './store.ts';

const EVIDENCE_MAX = 64;
const INCIDENTS_MAX = 1_000;

const MIGRATIONS: readonly Migration[] = [`
  ${sqliteLogSchema('global')}
  CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE account (
    ref INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, overdraft INTEGER, balance INTEGER NOT NULL
  );
  -- The first outcome of each settlement id.
  ${ID_INDEX_SCHEMA}
  CREATE TABLE region (
    id TEXT PRIMARY KEY, applied INTEGER NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, checkpoint TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE node (
    id TEXT PRIMARY KEY, region TEXT NOT NULL, log BLOB NOT NULL, halted_at INTEGER, halted_why TEXT
  ) WITHOUT ROWID;
  CREATE TABLE outcome_range (
    node TEXT NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (node, last)
  ) WITHOUT ROWID;
  CREATE INDEX outcome_range_start ON outcome_range (start);
  CREATE TABLE incident (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL);
  CREATE TABLE evidence (
    n INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL, signed INTEGER NOT NULL,
    digest TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL
  );
`, `
  -- Of those settlements that are followed. position: of the outcome in the log.
  CREATE TABLE trace (position INTEGER PRIMARY KEY, trace TEXT NOT NULL) STRICT;
`, `
  -- Null for what was ordered before this column was there.
  ALTER TABLE outcome_range ADD COLUMN ordered_at INTEGER;
  ALTER TABLE outcome_range ADD COLUMN decided_at BLOB;
`, `
  ALTER TABLE incident ADD COLUMN scope TEXT NOT NULL DEFAULT 'global';
`];

const RANGE = 'node, first AS "from", last AS "to", start';

const NO_COUNTS: Counts = { applied: 0, final: 0, rejected: 0, duplicates: 0, accounts: 0 };

interface AccountRow {
  readonly ref: bigint;
  readonly id: string;
  readonly asset: string;
  readonly overdraft: bigint | null;
  readonly balance: bigint;
}

const accountOf = (r: AccountRow): Account =>
  ({ ref: Number(r.ref), id: r.id, asset: r.asset, overdraft: r.overdraft, balance: r.balance, touched: -1 });

export interface SqliteStoreOptions {
  /** Replaces the hash of settlement ids; for tests of collisions. */
  readonly idHash?: (id: string) => number;
}

/** @param path of the file, or ':memory:' */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): LedgerStore {
  const db = openDatabase(path, MIGRATIONS);
  const log = new SqliteLog(db, { prefix: 'global' });
  const meta = metaTable(db);

  const prepareMoney = (sql: string): ReturnType<DatabaseSync['prepare']> => {
    const statement = db.prepare(sql);
    statement.setReadBigInts(true);
    return statement;
  };
  const accountById = prepareMoney('SELECT ref, id, asset, overdraft, balance FROM account WHERE id = ?');
  const accountsAfter = prepareMoney('SELECT ref, id, asset, overdraft, balance FROM account WHERE id > ? ORDER BY id LIMIT ?');
  const accountsOpenedAfter = prepareMoney('SELECT ref, id, asset, overdraft, balance FROM account WHERE ref > ? ORDER BY ref LIMIT ?');
  const insertAccount = db.prepare('INSERT INTO account (id, asset, overdraft, balance) VALUES (?, ?, ?, ?)');
  const updateAccount = db.prepare('UPDATE account SET overdraft = ?, balance = ? WHERE ref = ?');
  // In halves: the sum of all is zero, but a part of it may leave 64 bits.
  const sums = prepareMoney(`SELECT asset, count(*) AS accounts, sum(balance >> 32) AS high, sum(balance & 4294967295) AS low
    FROM account GROUP BY asset ORDER BY asset`);
  const putRegion = db.prepare('INSERT OR REPLACE INTO region (id, applied, size, root, checkpoint) VALUES (?, ?, ?, ?, ?)');
  const putNode = db.prepare('INSERT OR REPLACE INTO node (id, region, log, halted_at, halted_why) VALUES (?, ?, ?, ?, ?)');
  const allNodes = db.prepare('SELECT id, region, log, halted_at AS haltedAt, halted_why AS haltedWhy FROM node');
  const putRange = db.prepare('INSERT INTO outcome_range (node, first, last, start, ordered_at, decided_at) VALUES (?, ?, ?, ?, ?, ?)');
  const rangesOf = db.prepare(`SELECT ${RANGE} FROM outcome_range WHERE node = ? AND last > ? ORDER BY last LIMIT ?`);
  const rangesFrom = db.prepare(`SELECT ${RANGE} FROM outcome_range WHERE start >= ? ORDER BY start`);
  const timesAt = db.prepare(`SELECT start, last - first AS count, ordered_at AS orderedAt, decided_at AS decidedAt
    FROM outcome_range WHERE start <= ? ORDER BY start DESC LIMIT 1`);
  const putTrace = db.prepare('INSERT INTO trace VALUES (?, ?)');
  const traceAt = db.prepare('SELECT trace FROM trace WHERE position = ?');
  const tracesFrom = db.prepare('SELECT position AS "index", trace FROM trace WHERE position >= ? ORDER BY position LIMIT ?');
  const putIncident = db.prepare('INSERT INTO incident (at, kind, detail, scope) VALUES (?, ?, ?, ?)');
  const trimIncidents = db.prepare('DELETE FROM incident WHERE n <= (SELECT max(n) FROM incident) - ?');
  const laterIncidents = db.prepare('SELECT n, at, kind, detail, scope FROM incident WHERE n > ? ORDER BY n LIMIT ?');
  const latestIncidents = db.prepare('SELECT at, kind, detail FROM incident ORDER BY n DESC LIMIT ?');
  const putEvidence = db.prepare(
    'INSERT OR IGNORE INTO evidence (at, kind, detail, signed, digest, bytes) VALUES (?, ?, ?, ?, ?, ?)');
  const trimEvidence = db.prepare(`DELETE FROM evidence WHERE signed = ?
    AND n NOT IN (SELECT n FROM evidence WHERE signed = ? ORDER BY n DESC LIMIT ?)`);

  const outcome = (index: number): OutcomeEntry => {
    const entry = decodeGlobal(log.entry(index));
    if (entry.type !== 'outcome') {
      throw new Error(`global log entry ${index}: an outcome by the index of settlements, it is an account`);
    }
    return entry;
  };
  const earlierAt = (index: number): Earlier => {
    const { instruction: s, reason } = outcome(index);
    return {
      index, id: s.id, asset: s.asset, debit: s.debitAccount, credit: s.creditAccount, amount: String(s.amount),
      reason: reason ?? null,
    };
  };

  /** Ids of the commit under way: their outcomes will stand behind the log's end, in this order. */
  let claiming: readonly string[] = [];
  const idIndex = createIdIndex(
    db, (position) => (position < log.size ? outcome(position).instruction.id : claiming[position - log.size]!), options.idHash);

  /** Notes the first outcome of each id; returns those that have an earlier one. */
  function claimIds(ids: readonly string[]): Found['earlier'] {
    const first = log.size;
    const earlier = new Map<number, { index: number; outcome: Earlier | null }>();
    claiming = ids;
    ids.forEach((id, i) => {
      const position = idIndex.claim(id, first + i);
      if (position !== null) earlier.set(i, { index: position, outcome: position < first ? earlierAt(position) : null });
    });
    return earlier;
  }

  function addIncident(incident: Incident): void {
    putIncident.run(incident.at, incident.kind, incident.detail, incident.scope ?? 'global');
    trimIncidents.run(INCIDENTS_MAX);
  }

  function write(changes: Changes): void {
    for (const { bundle, count } of changes.bundles) log.append(bundle, count, bundleLeafHashes(bundle).hashes);
    for (const a of changes.accounts) {
      if (a.ref === null) a.ref = Number(insertAccount.run(a.id, a.asset, a.overdraft, a.balance).lastInsertRowid);
      else updateAccount.run(a.overdraft, a.balance, a.ref);
    }
    for (const r of changes.regions) putRegion.run(r.id, r.applied, r.size, r.root, r.checkpoint);
    for (const n of changes.nodes) putNode.run(n.id, n.region, n.log, n.haltedAt, n.haltedWhy);
    for (const r of changes.ranges) putRange.run(r.node, r.from, r.to, r.start, r.orderedAt, r.decidedAt);
    for (const t of changes.traces) putTrace.run(t.index, t.trace);
    for (const incident of changes.incidents) addIncident(incident);
    meta.put('counts', JSON.stringify(changes.counts));
  }

  return {
    async head() {
      const witnessed = meta.text('witnessed');
      return {
        size: log.size, root: log.root(),
        witnessed: witnessed === null ? null : JSON.parse(witnessed) as Head['witnessed'],
        regions: db.prepare('SELECT id, applied, size, root, checkpoint FROM region').all() as unknown as RegionRow[],
        nodes: allNodes.all() as unknown as NodeRow[],
        counts: { ...NO_COUNTS, ...JSON.parse(meta.text('counts') ?? '{}') as Partial<Counts> },
      };
    },
    async commit(wanted: Wanted, decide) {
      try {
        transaction(db, () => {
          const earlier = claimIds(wanted.ids);
          const accounts: Account[] = [];
          for (const id of wanted.accounts) {
            const row = accountById.get(id) as unknown as AccountRow | undefined;
            if (row !== undefined) accounts.push(accountOf(row));
          }
          write(decide({ earlier, accounts }));
          idIndex.settle();
        });
      } catch (error) {
        log.reload();
        idIndex.reload();
        throw error;
      }
    },
    async setWitnessed(size, note) {
      // Not waited for: after a power cut the same log is simply witnessed again.
      relaxedTransaction(db, () => meta.put('witnessed', JSON.stringify({ size, note })));
    },
    async keepEvidence(incident, evidence, signed) {
      transaction(db, () => {
        const flag = signed ? 1 : 0;
        const kept = putEvidence.run(incident.at, incident.kind, incident.detail, flag, hash('sha256', evidence), evidence);
        if (kept.changes === 0) return;
        trimEvidence.run(flag, flag, EVIDENCE_MAX);
        if (signed) addIncident(incident);
      });
    },
    async addIncident(incident) {
      transaction(db, () => addIncident(incident));
    },
    incidents: async (limit) => latestIncidents.all(limit) as unknown as Incident[],
    incidentsAfter: async (n, limit) => laterIncidents.all(n, limit) as unknown as KeptIncident[],

    async account(id) {
      const row = accountById.get(id) as unknown as AccountRow | undefined;
      return row === undefined ? null : accountOf(row);
    },
    accounts: async (after, limit) => (accountsAfter.all(after, limit) as unknown as AccountRow[]).map(accountOf),
    openedAfter: async (ref, limit) => (accountsOpenedAfter.all(ref, limit) as unknown as AccountRow[]).map(accountOf),
    totals: async () => (sums.all() as unknown as { asset: string; accounts: bigint; high: bigint; low: bigint }[])
      .map((r): AssetTotal => ({ asset: r.asset, accounts: Number(r.accounts), sum: (r.high << 32n) + r.low })),
    settlement: async (id) => idIndex.find(id),
    async times(index) {
      const row = timesAt.get(index) as { start: number; count: number; orderedAt: number | null; decidedAt: Uint8Array | null } | undefined;
      if (row === undefined || index >= row.start + row.count || row.orderedAt === null || row.decidedAt === null) return null;
      const decidedAt = timeAt(row.decidedAt, index - row.start);
      return decidedAt === null ? null : { decidedAt, orderedAt: row.orderedAt };
    },
    trace: async (index) => (traceAt.get(index) as { trace: string } | undefined)?.trace ?? null,
    tracesSince: async (index, limit) => tracesFrom.all(index, limit) as unknown as TraceRow[],
    ranges: async (node, from, limit) => rangesOf.all(node, from, limit) as unknown as OutcomeRange[],
    rangesSince: async (start) => rangesFrom.all(start) as unknown as OutcomeRange[],

    entries: async (first, end) => log.entries(first, end),
    tile: async (level, index, width) => log.readTile(level, index, width),
    bundle: async (index, width) => log.bundle(index, width),
    inclusionProof: async (index, size) => log.inclusionProof(index, size),
    consistencyProof: async (oldSize, newSize) => log.consistencyProof(oldSize, newSize),
    rangeProof: async (start, end, size) => log.rangeProof(start, end, size),
    rootAt: async (size) => log.rootAt(size),
    async close() {
      db.close();
    },
  };
}

function metaTable(db: DatabaseSync): {
  text(key: string): string | null;
  put(key: string, value: string | Uint8Array): void;
} {
  const get = db.prepare('SELECT value FROM meta WHERE key = ?');
  const set = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  return {
    text: (key) => (get.get(key) as { value: string } | undefined)?.value ?? null,
    put: (key, value) => void set.run(key, value),
  };
}
