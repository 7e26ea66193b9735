/**
 * Deltas that the centre has not acknowledged yet, in a file of their own, so that telemetry never waits for settlements or they
 * for it. What `add` returned survives a power cut: a number is never used for two deltas.
 */
import { openDatabase, transaction, type Migration } from '../shell/index.ts';
import type { Marks } from './figures.ts';

export interface StoredDelta {
  readonly seq: number;
  readonly note: string;
}

export interface TelemetryStore {
  /** Of the last delta: its number, where its window ended, what was counted up to where. */
  last(): { readonly seq: number; readonly to: number; readonly marks: Marks } | null;
  /** The highest number that the centre has acknowledged. */
  acknowledged(): number;
  add(delta: StoredDelta, to: number, marks: Marks): void;
  /** Forgets what the centre has. */
  acknowledge(seq: number): void;
  /** The oldest ones. */
  oldest(most: number): readonly StoredDelta[];
  count(): number;
  close(): void;
}

const MIGRATIONS: readonly Migration[] = [`
  CREATE TABLE delta (seq INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, until INTEGER NOT NULL, acknowledged INTEGER NOT NULL, marks TEXT NOT NULL
  ) STRICT;
`];

export function openTelemetryStore(path: string): TelemetryStore {
  const db = openDatabase(path, MIGRATIONS);
  const insert = db.prepare('INSERT INTO delta VALUES (?, ?)');
  const put = db.prepare('INSERT INTO state VALUES (1, ?, ?, 0, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, until = excluded.until, marks = excluded.marks');
  const get = db.prepare('SELECT seq, until, acknowledged, marks FROM state');
  const forget = db.prepare('DELETE FROM delta WHERE seq <= ?');
  const setAcknowledged = db.prepare('UPDATE state SET acknowledged = max(acknowledged, ?)');
  const oldest = db.prepare('SELECT seq, note FROM delta ORDER BY seq LIMIT ?');
  const count = db.prepare('SELECT count(*) AS n FROM delta');
  const state = (): { seq: number; until: number; acknowledged: number; marks: string } | undefined => get.get() as ReturnType<typeof state>;
  return {
    last() {
      const row = state();
      return row === undefined ? null : { seq: row.seq, to: row.until, marks: JSON.parse(row.marks) as Marks };
    },
    acknowledged: () => state()?.acknowledged ?? 0,
    add: (delta, to, marks) => transaction(db, () => {
      insert.run(delta.seq, delta.note);
      put.run(delta.seq, to, JSON.stringify(marks));
    }),
    acknowledge: (seq) => transaction(db, () => {
      forget.run(seq);
      setAcknowledged.run(seq);
    }),
    oldest: (most) => oldest.all(most) as unknown as StoredDelta[],
    count: () => (count.get() as { n: number }).n,
    close: () => db.close(),
  };
}
