/**
 * The ordered stream in one SQLite file that the replicas' processes share. For one machine; see `ordered-stream.ts`.
 *
 * SQLite writes every byte twice, to the WAL and to the table. Log entries shrink to a sixth under zstd's fastest setting,
 * which takes less time than writing the rest; so messages are stored that way.
 */
import type { StatementSync } from 'node:sqlite';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { openDatabase, transaction, type Migration } from '../shell/index.ts';
import { checkMessage, DEDUP_WINDOW_MS, MESSAGE_MAX, type OrderedStream, type StreamMessage } from './ordered-stream.ts';

const MIGRATIONS: readonly Migration[] = [`
  -- AUTOINCREMENT: places are not given again, not even after everything was trimmed.
  -- zstd: 1 when data is compressed.
  CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, id TEXT NOT NULL, zstd INTEGER NOT NULL, data BLOB NOT NULL
  ) STRICT;
  CREATE INDEX message_id ON message (id);
`];

/** How often other processes' appends are looked for, milliseconds: while the stream is busy, and while it is not. */
const POLL_BUSY_MS = 2;
const POLL_IDLE_MS = 5;
const BUSY_FOR_MS = 500;
/** Rows that one trim deletes in one transaction: others wait for it. */
const TRIM_STEP = 64;
/** What was published through this handle is read by it soon, twice: kept in memory up to this many bytes. */
const RECENT_BYTES = 32 * 1024 * 1024;

const FASTEST = { params: { [constants.ZSTD_c_compressionLevel]: -3 } };

export interface SqliteStreamOptions {
  readonly path: string;
  /** Whether other processes write to the file, too. Without, nothing is polled. */
  readonly shared: boolean;
  /** @default Date.now */
  readonly now?: () => number;
}

interface Waiting {
  readonly message: Uint8Array;
  readonly id: string;
  readonly resolve: (answer: { seq: number }) => void;
  readonly reject: (error: unknown) => void;
}

export function openSqliteStream(options: SqliteStreamOptions): OrderedStream {
  const db = openDatabase(options.path, MIGRATIONS);
  const now = options.now ?? Date.now;
  const find = db.prepare('SELECT seq FROM message WHERE id = ? AND at > ? ORDER BY seq LIMIT 1');
  const insert = db.prepare('INSERT INTO message (at, id, zstd, data) '
    + 'VALUES (max(?, coalesce((SELECT at FROM message ORDER BY seq DESC LIMIT 1), 0)), ?, ?, ?)');
  const after = db.prepare('SELECT seq, at, zstd FROM message WHERE seq > ? ORDER BY seq LIMIT ?');
  const dataOf = db.prepare('SELECT data FROM message WHERE seq = ?');
  const last = db.prepare('SELECT seq FROM sqlite_sequence WHERE name = \'message\'');
  const version = db.prepare('PRAGMA data_version');
  const drop = db.prepare('DELETE FROM message WHERE seq IN (SELECT seq FROM message WHERE seq <= ? ORDER BY seq LIMIT ?)');
  const number = (statement: StatementSync, column: string): number =>
    (statement.get() as Record<string, number> | undefined)?.[column] ?? 0;

  const recent = new Map<number, Uint8Array>();
  let recentBytes = 0;
  const listeners = new Set<() => void>();
  let queue: Waiting[] = [];
  let closed = false;
  let seen = number(version, 'data_version');
  let busyUntil = 0;
  let timer: NodeJS.Timeout | undefined;

  function tell(): void {
    for (const listener of listeners) listener();
  }

  /** Everything that was published in one turn of the event loop shares one commit. */
  function flush(): void {
    const batch = queue;
    queue = [];
    if (batch.length === 0) return;
    let seqs: number[];
    const added: [number, Uint8Array][] = [];
    try {
      if (closed) throw new Error('the stream is closed');
      seqs = transaction(db, () => batch.map(({ message, id }) => {
        const at = now();
        const first = find.get(id, at - DEDUP_WINDOW_MS) as { seq: number } | undefined;
        if (first !== undefined) return first.seq;
        const packed = zstdCompressSync(message, FASTEST);
        const isSmaller = packed.byteLength < message.byteLength;
        const seq = Number(insert.run(at, id, isSmaller ? 1 : 0, isSmaller ? packed : message).lastInsertRowid);
        added.push([seq, message]);
        return seq;
      }));
    } catch (error) {
      for (const w of batch) w.reject(error);
      return;
    }
    for (const [seq, message] of added) remember(seq, message);
    batch.forEach((w, i) => w.resolve({ seq: seqs[i]! }));
    tell();
  }

  function remember(seq: number, message: Uint8Array): void {
    recent.set(seq, message);
    recentBytes += message.byteLength;
    for (const [oldest, { byteLength }] of recent) {
      if (recentBytes <= RECENT_BYTES) break;
      recent.delete(oldest);
      recentBytes -= byteLength;
    }
  }

  /** Null when it was trimmed away in between. */
  function dataAt(seq: number, zstd: number): Uint8Array | null {
    const known = recent.get(seq);
    if (known !== undefined) return known;
    const row = dataOf.get(seq) as { data: Uint8Array } | undefined;
    if (row === undefined) return null;
    return zstd === 1 ? zstdDecompressSync(row.data, { maxOutputLength: MESSAGE_MAX }) : row.data;
  }

  function poll(): void {
    const v = number(version, 'data_version');
    if (v !== seen) {
      seen = v;
      busyUntil = performance.now() + BUSY_FOR_MS;
      tell();
    }
    timer = setTimeout(poll, performance.now() < busyUntil ? POLL_BUSY_MS : POLL_IDLE_MS);
  }

  return {
    async publish(message, id) {
      checkMessage(message, id, MESSAGE_MAX);
      if (closed) throw new Error('the stream is closed');
      return new Promise((resolve, reject) => {
        queue.push({ message, id, resolve, reject });
        if (queue.length === 1) setImmediate(flush);
      });
    },
    async read(afterSeq, maxMessages, maxBytes) {
      const out: StreamMessage[] = [];
      let bytes = 0;
      const rows = after.iterate(afterSeq, maxMessages) as Iterable<{ seq: number; at: number; zstd: number }>;
      for (const { seq, at, zstd } of rows) {
        const data = dataAt(seq, zstd);
        if (data === null) continue;
        out.push({ seq, at, data });
        bytes += data.byteLength;
        if (bytes >= maxBytes) break;
      }
      return out;
    },
    lastSeq: async () => number(last, 'seq'),
    onAppend(listener) {
      listeners.add(listener);
      if (options.shared && timer === undefined) poll();
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearTimeout(timer);
        timer = undefined;
      };
    },
    async trim(uptoSeq) {
      while (!closed && Number(transaction(db, () => drop.run(uptoSeq, TRIM_STEP)).changes) === TRIM_STEP) await new Promise(
        setImmediate,
      );
    },
    async close() {
      if (closed) return;
      flush();
      closed = true;
      listeners.clear();
      clearTimeout(timer);
      db.close();
    },
  };
}
