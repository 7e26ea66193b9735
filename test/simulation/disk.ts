/**
 * A disk under a storage port: records in the order they were written. A write lies in a volatile cache until it is synced; a
 * crash
 * keeps what was synced and any beginning of the rest. One record is one transaction of the real stores.
 */
import type { Rng } from './rng.ts';

export interface Disk<R> {
  write(record: R): void;
  /** Everything written so far survives a crash from here on. */
  sync(): void;
  /** Synced records only: what another process that shares the disk sees. */
  synced(): readonly R[];
  /** What is there after a crash, for the process that starts on it. */
  all(): readonly R[];
  crash(rng: Rng): void;
}

export function createDisk<R>(): Disk<R> {
  let records: R[] = [];
  let durable = 0;
  return {
    write: (record) => void records.push(record),
    sync() {
      durable = records.length;
    },
    synced: () => records.slice(0, durable),
    all: () => records,
    crash(rng) {
      records = records.slice(0, rng.between(durable, records.length));
      durable = records.length;
    },
  };
}
