/**
 * Payloads that the stream has no longer and the centre has not applied: after the centre was restored from a backup, or when
 * somebody trimmed the stream who should not have. The region log still says what they were, and the edge nodes still have
 * them: the region admits to less of their logs than it has ordered, they send the rest again, however cut, and it is kept
 * beside the stream until the centre has it. Each entry is held against the leaf hash that the log was built from, so that
 * nobody can spoil this with a payload of his own.
 */
import { bundleLeafHashes, bundleOffsets } from '../transparency/index.ts';
import type { Batch } from './core/batch.ts';
import type { BatchRow, RegionStore } from './store.ts';

/** What is missing is asked for in steps of this many region log entries: bounds what has to be kept at once. */
const WANTED_MAX = 64;

export interface Repair {
  /** These rows' payloads are gone, and the centre needs them. Replaces what was wanted before. */
  want(rows: readonly BatchRow[]): void;
  /** The node's log size up to which this replica has whatever the centre needs, or does not miss it. */
  forwardable(node: string): number;
  /** A batch of a range that the region has ordered already: takes from it what is wanted. */
  offer(batch: Batch): void;
  /** A payload that came again, or null. */
  payload(idx: number): Uint8Array | null;
  /** Region log entries below `idx` are needed no longer. */
  forget(idx: number): void;
  /** Calls back when a wanted payload is whole. */
  onRepaired(listener: () => void): void;
}

interface Wanted {
  readonly row: BatchRow;
  readonly leaves: Uint8Array;
  /** Edge index of its first entry. */
  readonly from: number;
  /** What came of it so far, from the beginning on: a batch may be cut shorter than the one that was lost. */
  parts: Uint8Array[];
  have: number;
}

export function createRepair(store: RegionStore): Repair {
  let wanted: Wanted[] = [];
  const listeners: (() => void)[] = [];
  return {
    want(rows) {
      const before = new Map(wanted.map((w) => [w.row.idx, w]));
      wanted = rows.slice(0, WANTED_MAX).map((row) => {
        const leaves = store.leaves(row.idx);
        return before.get(row.idx) ?? { row, leaves, from: row.size - leaves.byteLength / 32, parts: [], have: 0 };
      });
    },
    forwardable(node) {
      const first = wanted.find((w) => w.row.node === node);
      return first === undefined ? store.nodeState(node).size : first.from + first.have;
    },
    offer(batch) {
      if (!wanted.some((w) => w.row.node === batch.node)) return;
      const offsets = bundleOffsets(batch.payload);
      const end = batch.from + offsets.length - 1;
      let repaired = false;
      for (const w of wanted) {
        const next = w.from + w.have;
        const to = Math.min(w.row.size, end);
        if (w.row.node !== batch.node || next < batch.from || next >= to) continue;
        const part = batch.payload.subarray(offsets[next - batch.from], offsets[to - batch.from]);
        const expected = w.leaves.subarray(w.have * 32, (to - w.from) * 32);
        if (Buffer.compare(bundleLeafHashes(part).hashes, expected) !== 0) return;
        // A copy: the message is not kept.
        w.parts.push(part.slice());
        w.have += to - next;
        if (to < w.row.size) break;
        store.keepPayload(w.row.idx, Buffer.concat(w.parts));
        repaired = true;
      }
      if (!repaired) return;
      wanted = wanted.filter((w) => w.from + w.have < w.row.size);
      for (const listener of listeners) listener();
    },
    payload: (idx) => store.payload(idx),
    forget: (idx) => store.forgetPayloads(idx),
    onRepaired: (listener) => void listeners.push(listener),
  };
}
