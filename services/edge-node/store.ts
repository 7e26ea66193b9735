/**
 * What the edge node keeps on disk. The port is small so that the simulation can put a disk under it that forgets what
 * was not synced; `openEdgeStore` is the SQLite one.
 *
 * `append` returns when what it wrote survives a power cut. That is the promise every answer of the node rests on. The other
 * writes survive a kill; what a power cut may take of them comes down from the centre again.
 */
import type { DatabaseSync } from 'node:sqlite';
import { decodeAccountState, decodeDecision, encodeAccountState, type AccountState } from '../protocol/index.ts';
import { createIdIndex, ID_INDEX_SCHEMA, openDatabase, relaxedTransaction, transaction, type Migration } from '../shell/index.ts';
import { SqliteLog, sqliteLogSchema } from '../transparency/index.ts';

/** Outcomes of the edge log's entries `from` .. `to - 1`, proven to stand at `start` of the global log. */
export interface OutcomeRange {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  /** Range proof against `checkpoint`. */
  readonly proof: readonly Uint8Array[];
  /** The global log's entries, in bundle encoding. */
  readonly entries: Uint8Array;
  /** Witnessed global checkpoint. */
  readonly checkpoint: string;
  readonly at: number;
}

export interface EdgeStore {
  readonly log: SqliteLog;
  /** Index in the log of the entry with this id, or null. */
  findId(id: string): number | null;
  /**
   * Index of the entry with this id, on the log or claimed before for the commit under way; or null, and then the id is claimed
   * for the next entry of that commit.
   */
  claimId(id: string): number | null;
  /** Appends the entries (bundle encoding) of the claimed ids, in the order of the claims. Durable when it returns. */
  append(bundle: Uint8Array, leafHashes: Uint8Array): void;
  /** Takes claims back that nothing was appended for. */
  abandon(): void;
  /** Records outcomes. What a power cut takes of them is fetched again: the centre keeps them for ever. */
  settle(ranges: readonly OutcomeRange[]): void;
  saveAccounts(accounts: readonly CachedRow[]): void;
  /** The same, and with them all that the outcomes before edge index `settled` say of accounts is saved. */
  saveAccountsAt(accounts: readonly CachedRow[], settled: number): void;
  /** Outcomes that came after the last {@link saveAccountsAt}: what they say of accounts is not saved yet. */
  unsavedRanges(): Iterable<OutcomeRange>;
  /** The log is known to be ordered up to `size` since `at`. */
  saveOrdered(size: number, at: number): void;
  orderedAt(index: number): number | undefined;
  orderedSize(): number;
  finalSize(): number;
  outcomeRange(index: number): OutcomeRange | undefined;
  account(id: string): CachedRow | undefined;
  /** Log size up to which an earlier life had told the spans of all that was decided. */
  tracesTold(): number;
  saveTracesTold(size: number): void;
  policy(digest: string): string | undefined;
  savePolicy(digest: string, text: string): void;
  close(): void;
}

export interface CachedRow {
  readonly state: AccountState;
  readonly confirmedAt: number;
}

const MIGRATIONS: readonly Migration[] = [`
  ${sqliteLogSchema()}
  ${ID_INDEX_SCHEMA}
  CREATE TABLE account (id TEXT PRIMARY KEY, state TEXT NOT NULL, confirmed_at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE ordered (size INTEGER PRIMARY KEY, at INTEGER NOT NULL);
  CREATE TABLE outcome (first INTEGER PRIMARY KEY, past INTEGER NOT NULL, start INTEGER NOT NULL, at INTEGER NOT NULL,
    proof BLOB NOT NULL, entries BLOB NOT NULL, checkpoint INTEGER NOT NULL);
  CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, note TEXT NOT NULL UNIQUE);
  CREATE TABLE policy (digest TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE accounts_saved (one INTEGER PRIMARY KEY CHECK (one = 1), settled INTEGER NOT NULL);
  INSERT INTO accounts_saved VALUES (1, 0);
`, `
  CREATE TABLE traces_told (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL);
`];

const HASH = 32;

interface OutcomeRow {
  readonly first: number;
  readonly past: number;
  readonly start: number;
  readonly at: number;
  readonly proof: Uint8Array;
  readonly entries: Uint8Array;
  readonly note: string;
}

const toRange = (row: OutcomeRow): OutcomeRange => ({
  from: row.first, to: row.past, start: row.start, at: row.at, entries: row.entries, checkpoint: row.note,
  proof: Array.from({ length: row.proof.byteLength / HASH }, (_, i) => row.proof.subarray(i * HASH, (i + 1) * HASH)),
});

export function openEdgeStore(path: string): EdgeStore {
  const db: DatabaseSync = openDatabase(path, MIGRATIONS);
  const log = new SqliteLog(db);
  /** Ids of the commit under way: their entries will stand behind the log's end, in this order. */
  let claiming: string[] = [];
  const ids = createIdIndex(db, (position) => (position < log.size ? decodeDecision(log.entry(position)).instruction.id : claiming[position - log.size]!));
  const accountPut = db.prepare('INSERT INTO account VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, confirmed_at = excluded.confirmed_at');
  const accountGet = db.prepare('SELECT state, confirmed_at FROM account WHERE id = ?');
  const orderedPut = db.prepare('INSERT OR IGNORE INTO ordered VALUES (?, ?)');
  const orderedGet = db.prepare('SELECT at FROM ordered WHERE size > ? ORDER BY size LIMIT 1');
  const orderedLast = db.prepare('SELECT max(size) AS size FROM ordered');
  const outcomePut = db.prepare('INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?)');
  const outcomeGet = db.prepare('SELECT o.*, c.note FROM outcome o JOIN checkpoint c ON c.id = o.checkpoint WHERE o.first <= ? ORDER BY o.first DESC LIMIT 1');
  const outcomesAfter = db.prepare(`SELECT o.*, c.note FROM outcome o JOIN checkpoint c ON c.id = o.checkpoint
    WHERE o.first >= (SELECT settled FROM accounts_saved) ORDER BY o.first`);
  const accountsSaved = db.prepare('UPDATE accounts_saved SET settled = ?');
  const outcomeLast = db.prepare('SELECT past FROM outcome ORDER BY first DESC LIMIT 1');
  const checkpointPut = db.prepare('INSERT INTO checkpoint (note) VALUES (?) ON CONFLICT (note) DO UPDATE SET note = excluded.note RETURNING id');
  const toldGet = db.prepare('SELECT size FROM traces_told');
  const toldPut = db.prepare('INSERT OR REPLACE INTO traces_told VALUES (1, ?)');
  const policyGet = db.prepare('SELECT text FROM policy WHERE digest = ?');
  const policyPut = db.prepare('INSERT OR IGNORE INTO policy VALUES (?, ?)');

  const putAccounts = (rows: readonly CachedRow[]): void => {
    for (const row of rows) accountPut.run(row.state.account, encodeAccountState(row.state), Math.floor(row.confirmedAt));
  };

  const lastOutcome = (): number => (outcomeLast.get() as { past: number } | undefined)?.past ?? 0;

  return {
    log,
    findId: (id) => ids.find(id),
    claimId(id) {
      const earlier = ids.claim(id, log.size + claiming.length);
      if (earlier === null) claiming.push(id);
      return earlier;
    },
    append(bundle, leafHashes) {
      transaction(db, () => {
        ids.settle();
        log.append(bundle, claiming.length, leafHashes);
      });
      claiming = [];
    },
    abandon() {
      // What was not committed must not be signed, sent or found.
      claiming = [];
      log.reload();
      ids.reload();
    },
    settle(ranges) {
      relaxedTransaction(db, () => {
        for (const r of ranges) {
          const next = lastOutcome();
          if (r.from !== next) throw new Error(`assertion: outcomes of entries ${r.from} to ${r.to} do not follow on ${next}`);
          const { id } = checkpointPut.get(r.checkpoint) as { id: number };
          outcomePut.run(r.from, r.to, r.start, Math.floor(r.at), Buffer.concat(r.proof), r.entries, id);
        }
      });
    },
    saveAccounts: (rows) => relaxedTransaction(db, () => putAccounts(rows)),
    saveAccountsAt: (rows, settled) => relaxedTransaction(db, () => {
      putAccounts(rows);
      accountsSaved.run(settled);
    }),
    *unsavedRanges() {
      for (const row of outcomesAfter.iterate() as Iterable<OutcomeRow>) yield toRange(row);
    },
    saveOrdered(size, at) {
      relaxedTransaction(db, () => orderedPut.run(size, Math.floor(at)));
    },
    orderedAt: (index) => (orderedGet.get(index) as { at: number } | undefined)?.at,
    orderedSize: () => (orderedLast.get() as { size: number | null }).size ?? 0,
    finalSize: lastOutcome,
    outcomeRange(index) {
      const row = outcomeGet.get(index) as OutcomeRow | undefined;
      return row === undefined || index >= row.past ? undefined : toRange(row);
    },
    account(id) {
      const row = accountGet.get(id) as { state: string; confirmed_at: number } | undefined;
      return row === undefined ? undefined : { state: decodeAccountState(JSON.parse(row.state)), confirmedAt: row.confirmed_at };
    },
    tracesTold: () => (toldGet.get() as { size: number } | undefined)?.size ?? 0,
    saveTracesTold: (size) => relaxedTransaction(db, () => void toldPut.run(size)),
    policy: (digest) => (policyGet.get(digest) as { text: string } | undefined)?.text,
    savePolicy(digest, text) {
      policyPut.run(digest, text);
    },
    close: () => db.close(),
  };
}
