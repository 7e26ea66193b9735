/**
 * What regions ask for on behalf of their edge nodes: the witnessed outcomes of a node from an index on, held back until
 * there are any. A thousand nodes may wait: a node's waiters are looked at only when something of that node was witnessed.
 */
import { encodeFrame, Problem } from '../protocol/index.ts';
import { bundleOffsets } from '../transparency/index.ts';
import type { Committed } from './applier.ts';
import type { LedgerStore, OutcomeRange } from './store.ts';
import type { Witnessed } from './witness.ts';

/** An answer is cut off after the range that reaches this many bytes of entries. */
const ANSWER_BYTES = 8 * 1024 * 1024;
/** A range is cut into pieces of this many outcomes, so that even the largest entries fit a frame. */
const PIECE_OUTCOMES = 8_192;
const RANGES_AT_ONCE = 1_024;
const WAITERS_MAX = 10_000;
/** Ranges are asked for within milliseconds after they were witnessed: so much of them stays in memory. */
const RECENT_BYTES = 32 * 1024 * 1024;

export interface Outcomes {
  committed(committed: Committed): void;
  /** What the checkpoint covers may be handed out, from now on. */
  witnessed(witnessed: Witnessed): void;
  /**
   * A frame `{checkpoint, outcomes}` (docs/protocol.md) of the node's outcomes from `from` on, at most `limit` of them.
   * `aborted`: the asker left.
   */
  ask(node: string, from: number, waitMs: number, aborted: AbortSignal, limit?: number): Promise<Buffer>;
  readonly waiting: () => number;
}

export function createOutcomes(
  { store, checkpoint, nodes, unwitnessed }: {
    readonly store: LedgerStore;
    readonly checkpoint: () => Witnessed | null;
    /** Every node's outcomes, counted from index 0, committed so far. */
    readonly nodes: ReadonlyMap<string, number>;
    /** Ranges beyond the witnessed checkpoint, in the order of the log. */
    readonly unwitnessed: readonly OutcomeRange[];
  },
): Outcomes {
  /** By node: its outcomes below this index are witnessed. */
  const ready = new Map(nodes);
  for (const range of unwitnessed.toReversed()) ready.set(range.node, range.from);
  let upcoming: OutcomeRange[] = [...unwitnessed];
  const waiters = new Map<string, Set<() => void>>();
  let waiting = 0;
  const recent = new Map<number, Uint8Array>();
  let recentBytes = 0;

  async function entriesOf(start: number, count: number, range: OutcomeRange): Promise<Uint8Array> {
    const whole = recent.get(range.start);
    if (whole === undefined) return store.entries(start, start + count);
    if (count === range.to - range.from) return whole;
    const offsets = bundleOffsets(whole);
    const first = start - range.start;
    return whole.subarray(offsets[first], offsets[first + count]);
  }

  async function answer(node: string, from: number, limit: number): Promise<Buffer> {
    const witnessed = checkpoint();
    const outcomes: { from: number; to: number; start: number; proof: string[] }[] = [];
    const parts: Uint8Array[] = [];
    let bytes = 0;
    if (witnessed !== null && from < (ready.get(node) ?? 0)) {
      let next = from;
      ranges: for (const range of await store.ranges(node, from, RANGES_AT_ONCE)) {
        while (next < range.to) {
          const to = Math.min(range.to, next + PIECE_OUTCOMES, from + limit);
          const start = range.start + (next - range.from);
          if (to === next || start + (to - next) > witnessed.size || bytes >= ANSWER_BYTES) break ranges;
          const part = await entriesOf(start, to - next, range);
          if (bytes > 0 && bytes + part.byteLength > ANSWER_BYTES) break ranges;
          const proof = await store.rangeProof(start, start + (to - next), witnessed.size);
          outcomes.push({ from: next, to, start, proof: proof.map((h) => Buffer.from(h).toString('base64')) });
          parts.push(part);
          bytes += part.byteLength;
          next = to;
        }
      }
    }
    return encodeFrame({ checkpoint: witnessed?.note ?? null, outcomes }, parts);
  }

  return {
    committed({ ranges, bundles }) {
      for (const range of ranges) upcoming.push(range);
      for (let i = 0; i < bundles.length && i < ranges.length; i += 1) {
        recent.set(ranges[i]!.start, bundles[i]!);
        recentBytes += bundles[i]!.byteLength;
      }
      for (const [start, bundle] of recent) {
        if (recentBytes <= RECENT_BYTES) break;
        recent.delete(start);
        recentBytes -= bundle.byteLength;
      }
    },
    witnessed({ size }) {
      let done = 0;
      const nodesReady = new Set<string>();
      while (done < upcoming.length && upcoming[done]!.start + upcoming[done]!.to - upcoming[done]!.from <= size) {
        ready.set(upcoming[done]!.node, upcoming[done]!.to);
        nodesReady.add(upcoming[done]!.node);
        done += 1;
      }
      upcoming = upcoming.slice(done);
      for (const node of nodesReady) for (const wake of waiters.get(node) ?? []) wake();
    },
    async ask(node, from, waitMs, aborted, limit = Infinity) {
      if (from >= (ready.get(node) ?? 0) && waitMs > 0) {
        if (waiting >= WAITERS_MAX) throw new Problem(503, 'busy', `${waiting} requests wait for outcomes already`, {}, 1);
        await new Promise<void>((resolve) => {
          const ofNode = waiters.get(node) ?? new Set();
          waiters.set(node, ofNode);
          const wake = (): void => {
            if (from < (ready.get(node) ?? 0)) finish();
          };
          const timer = setTimeout(finish, waitMs);
          function finish(): void {
            clearTimeout(timer);
            aborted.removeEventListener('abort', finish);
            if (ofNode.delete(wake)) waiting -= 1;
            if (ofNode.size === 0 && waiters.get(node) === ofNode) waiters.delete(node);
            resolve();
          }
          ofNode.add(wake);
          waiting += 1;
          aborted.addEventListener('abort', finish);
          if (aborted.aborted) finish();
        });
      }
      return answer(node, from, limit);
    },
    waiting: () => waiting,
  };
}
