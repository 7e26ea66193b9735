/**
 * What a replica keeps: the region log, its nodes' states, its place in the stream, the quorum checkpoint, the witness's
 * memory and evidence. Everything that one step of the replay changes is one transaction.
 */
import type { DatabaseSync } from 'node:sqlite';
import { encodeBatch } from '../protocol/index.ts';
import { openDatabase, transaction, type Migration } from '../shell/index.ts';
import { encodeBundle, SqliteLog } from '../transparency/index.ts';
import type { Cosigned } from './core/quorum.ts';
import { emptyNode, extend, type NodeState, type Step } from './core/replay.ts';

const MIGRATIONS: readonly Migration[] = [`
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE node (
    node TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, frontier BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- One row per region log entry. frontier: the node's log before the batch; leaves: the batch's leaf hashes; bytes: of all
  -- payloads up to here.
  CREATE TABLE batch (
    idx INTEGER PRIMARY KEY, node TEXT NOT NULL, size INTEGER NOT NULL, seq INTEGER NOT NULL, bytes INTEGER NOT NULL,
    frontier BLOB NOT NULL, leaves BLOB NOT NULL
  ) STRICT;
  CREATE INDEX batch_node ON batch (node, size);
  CREATE TABLE witnessed (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL,
    detail TEXT NOT NULL, document TEXT NOT NULL, known TEXT, UNIQUE (who, kind, hash)
  ) STRICT;
`, `
  -- Payloads that the stream lost and their nodes sent again, until the centre has them.
  CREATE TABLE payload (idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
`];

/** Pieces of evidence kept per offender and kind; the newest stay. So nobody's junk drives out what others did. */
const EVIDENCE_MAX = 50;

export interface Evidence {
  readonly at: number;
  /** A node or replica of this region, or `?` for anyone else. */
  readonly who: string;
  readonly kind: string;
  /** Of the offending content. */
  readonly hash: string;
  readonly detail: string;
  /** What was sent, without its payload: a batch's header, a note. */
  readonly document: string;
  /** What the region knows and the document contradicts, or null. */
  readonly known: string | null;
}

/** A place in the region log, and where its payload is. */
export interface BatchRow {
  readonly idx: number;
  readonly node: string;
  readonly size: number;
  readonly seq: number;
  /** Payload bytes of all batches up to and including this one. */
  readonly bytes: number;
}

export interface ReplayStep {
  readonly step: Step;
  readonly payloadBytes: number;
}

export interface RegionStore {
  readonly db: DatabaseSync;
  readonly log: SqliteLog;
  /** Place in the stream up to which everything is in the log. */
  cursor(): number;
  nodeState(node: string): NodeState;
  /** Root of a node's accepted log at any size up to the present one. */
  nodeRootAt(node: string, size: number): Uint8Array;
  /** The node's last batch among the region log's first `size` entries. */
  lastBatch(node: string, size: number): BatchRow | null;
  batch(idx: number): BatchRow | null;
  batches(from: number, to: number): readonly BatchRow[];
  /** Leaf hashes of the edge log entries of a batch, 32 bytes each. @throws RangeError when there is no such batch */
  leaves(idx: number): Uint8Array;
  keepPayload(idx: number, payload: Uint8Array): void;
  payload(idx: number): Uint8Array | null;
  keptPayloads(): readonly number[];
  /** Drops the kept payloads below `idx`. */
  forgetPayloads(idx: number): void;
  /** Payload bytes of all batches so far. */
  bytes(): number;
  nodeCount(): number;
  /** Entries of all nodes' logs together. */
  entryCount(): number;
  /** One group of replayed messages, durable when this returns. */
  commit(steps: readonly ReplayStep[], cursor: number): void;
  get(key: 'halted' | 'applied' | 'reached' | 'trimmed'): string | null;
  /** On disk when this returns. */
  put(key: 'halted', value: string): void;
  /** On disk with the next `commit` or `flush`: for what can be found out again, such as a checkpoint that peers have. */
  putSoon(key: 'applied' | 'reached' | 'trimmed', value: string): void;
  flush(): void;
  witnessed(origin: string): { readonly size: number; readonly root: Uint8Array } | null;
  /** On disk when this returns. */
  setWitnessed(origin: string, size: number, root: Uint8Array): void;
  /** @returns whether it is new */
  keep(evidence: Evidence): boolean;
  evidence(limit: number): readonly Evidence[];
  evidenceCount(): number;
  close(): void;
}

export function openRegionStore(path: string): RegionStore {
  const db = openDatabase(path, MIGRATIONS);
  const log = new SqliteLog(db, { prefix: 'region' });
  const nodes = new Map<string, NodeState>();
  let cursor = 0;
  let bytes = 0;
  const soon = new Map<string, string>();

  const sql = {
    get: db.prepare('SELECT value FROM meta WHERE key = ?'),
    put: db.prepare('INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value'),
    nodes: db.prepare('SELECT node, size, root, frontier FROM node'),
    putNode: db.prepare('INSERT INTO node (node, size, root, frontier) VALUES (?, ?, ?, ?) ON CONFLICT (node) DO UPDATE '
      + 'SET size = excluded.size, root = excluded.root, frontier = excluded.frontier'),
    putBatch: db.prepare('INSERT INTO batch (idx, node, size, seq, bytes, frontier, leaves) VALUES (?, ?, ?, ?, ?, ?, ?)'),
    covering: db.prepare('SELECT frontier, leaves FROM batch WHERE node = ? AND size >= ? ORDER BY size LIMIT 1'),
    lastBatch: db.prepare('SELECT idx, node, size, seq, bytes FROM batch WHERE node = ? AND idx < ? ORDER BY size DESC LIMIT 1'),
    batches: db.prepare('SELECT idx, node, size, seq, bytes FROM batch WHERE idx >= ? AND idx < ? ORDER BY idx'),
    leaves: db.prepare('SELECT leaves FROM batch WHERE idx = ?'),
    keepPayload: db.prepare('INSERT INTO payload (idx, data) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    payload: db.prepare('SELECT data FROM payload WHERE idx = ?'),
    keptPayloads: db.prepare('SELECT idx FROM payload'),
    forgetPayloads: db.prepare('DELETE FROM payload WHERE idx < ?'),
    bytes: db.prepare('SELECT bytes FROM batch ORDER BY idx DESC LIMIT 1'),
    witnessed: db.prepare('SELECT size, root FROM witnessed WHERE origin = ?'),
    setWitnessed: db.prepare('INSERT INTO witnessed (origin, size, root) VALUES (?, ?, ?) ON CONFLICT (origin) DO UPDATE '
      + 'SET size = excluded.size, root = excluded.root'),
    keep: db.prepare('INSERT INTO evidence (at, who, kind, hash, detail, document, known) VALUES (?, ?, ?, ?, ?, ?, ?) '
      + 'ON CONFLICT DO NOTHING'),
    forget: db.prepare('DELETE FROM evidence WHERE who = ? AND kind = ? AND id NOT IN '
      + `(SELECT id FROM evidence WHERE who = ? AND kind = ? ORDER BY id DESC LIMIT ${EVIDENCE_MAX})`),
    evidence: db.prepare('SELECT at, who, kind, hash, detail, document, known FROM evidence ORDER BY id DESC LIMIT ?'),
    evidenceCount: db.prepare('SELECT count(*) AS n FROM evidence'),
  };

  const get = (key: string): string | null =>
    soon.get(key) ?? (sql.get.get(key) as { value: string } | undefined)?.value ?? null;

  /** What is held in memory is what is on disk: at start, and after a transaction that failed half-way. */
  function load(): void {
    nodes.clear();
    for (const row of sql.nodes.all() as unknown as (NodeState & { node: string })[]) nodes.set(
      row.node, { size: row.size, root: row.root, frontier: row.frontier },
    );
    cursor = Number(get('cursor') ?? 0);
    bytes = (sql.bytes.get() as { bytes: number } | undefined)?.bytes ?? 0;
  }
  load();

  return {
    db,
    log,
    cursor: () => cursor,
    nodeState: (node) => nodes.get(node) ?? emptyNode(),
    nodeRootAt(node, size) {
      const state = nodes.get(node) ?? emptyNode();
      if (size === state.size) return state.root;
      if (size === 0) return emptyNode().root;
      const row = sql.covering.get(node, size) as { frontier: Uint8Array; leaves: Uint8Array } | undefined;
      if (row === undefined) throw new RangeError(`the region has ${node}'s log up to ${state.size}, not ${size}`);
      const before = { size: 0, root: emptyNode().root, frontier: row.frontier };
      return extend(before, row.leaves.subarray(0, (size - extend(before, new Uint8Array(0)).size) * 32)).root;
    },
    lastBatch: (node, size) => (sql.lastBatch.get(node, size) as unknown as BatchRow | undefined) ?? null,
    batch: (idx) => (sql.batches.get(idx, idx + 1) as unknown as BatchRow | undefined) ?? null,
    batches: (from, to) => sql.batches.all(from, to) as unknown as BatchRow[],
    leaves(idx) {
      const row = sql.leaves.get(idx) as { leaves: Uint8Array } | undefined;
      if (row === undefined) throw new RangeError(`the region log has no entry ${idx}`);
      return row.leaves;
    },
    keepPayload: (idx, payload) => void sql.keepPayload.run(idx, payload),
    payload: (idx) => (sql.payload.get(idx) as { data: Uint8Array } | undefined)?.data ?? null,
    keptPayloads: () => (sql.keptPayloads.all() as { idx: number }[]).map(({ idx }) => idx),
    forgetPayloads: (idx) => void sql.forgetPayloads.run(idx),
    bytes: () => bytes,
    nodeCount: () => nodes.size,
    entryCount: () => [...nodes.values()].reduce((sum, n) => sum + n.size, 0),
    commit(steps, upto) {
      const accepted = steps.flatMap(({ step, payloadBytes }) => (step.accepted ? [{ ...step, payloadBytes }] : []));
      const changed = new Map(accepted.map((s) => [s.entry.node, s.next]));
      let total = bytes;
      try {
        transaction(db, () => {
          if (accepted.length > 0) {
            const entries = accepted.map((s) => Buffer.from(encodeBatch(s.entry)));
            let { first } = log.append(encodeBundle(entries), entries.length);
            for (const s of accepted) {
              total += s.payloadBytes;
              sql.putBatch.run(first, s.entry.node, s.entry.size, s.entry.seq, total, s.base.frontier, s.leaves);
              first += 1;
            }
            for (const [node, state] of changed) sql.putNode.run(node, state.size, state.root, state.frontier);
          }
          sql.put.run('cursor', String(upto));
          for (const [key, value] of soon) sql.put.run(key, value);
        });
      } catch (error) {
        log.reload();
        load();
        throw error;
      }
      for (const [node, state] of changed) nodes.set(node, state);
      cursor = upto;
      bytes = total;
      soon.clear();
    },
    get,
    put: (key, value) => void sql.put.run(key, value),
    putSoon: (key, value) => void soon.set(key, value),
    flush() {
      if (soon.size === 0) return;
      transaction(db, () => {
        for (const [key, value] of soon) sql.put.run(key, value);
      });
      soon.clear();
    },
    witnessed: (origin) => (sql.witnessed.get(origin) as { size: number; root: Uint8Array } | undefined) ?? null,
    setWitnessed: (origin, size, root) => void sql.setWitnessed.run(origin, size, root),
    keep: (e) => transaction(db, () => {
      const isNew = sql.keep.run(e.at, e.who, e.kind, e.hash, e.detail, e.document, e.known).changes > 0;
      if (isNew) sql.forget.run(e.who, e.kind, e.who, e.kind);
      return isNew;
    }),
    evidence: (limit) => sql.evidence.all(limit) as unknown as Evidence[],
    evidenceCount: () => (sql.evidenceCount.get() as { n: number }).n,
    close: () => db.close(),
  };
}

/** A cosigned checkpoint as it is kept. */
export const encodeReached = (c: Cosigned): string =>
  JSON.stringify({ size: c.size, root: Buffer.from(c.root).toString('base64'), note: c.note, lines: [...c.lines] });

export function decodeReached(text: string): Cosigned {
  const { size, root, note, lines } = JSON.parse(text) as { size: number; root: string; note: string; lines: [number, string][] };
  return { size, root: Buffer.from(root, 'base64'), note, lines: new Map(lines) };
}
