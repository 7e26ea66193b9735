/**
 * Brings down to an edge node what became of its entries: their order, from this replica's own log, and their outcomes, from
 * the centre, untouched. One long poll of the node races the region's news with one long poll to the centre.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeFrame, encodeFrame, Problem, type Frame } from '../protocol/index.ts';
import { createBackoff, UnreachableError, type HttpClient, type Logger } from '../shell/index.ts';
import type { Agreement } from './agreement.ts';
import type { Centre } from './centre.ts';
import type { RegionStore } from './store.ts';

export const WAIT_MAX_MS = 30_000;
const WAITERS_MAX = 2_000;
/** How long the centre is asked to hold a poll. */
const POLL_WAIT_MS = 10_000;
/** Outcomes that nobody fetched are dropped after this long, milliseconds: they can be asked for again. */
const KEEP_MS = 15_000;

export interface DownQuery {
  /** Log size that the node knows to be ordered. */
  readonly ordered: number;
  /** Edge index from which it needs outcomes. */
  readonly final: number;
  readonly waitMs: number;
}

export interface Relay {
  /** The answer as a frame. @param gone aborted when the client is */
  down(node: string, query: DownQuery, gone: AbortSignal): Promise<Buffer>;
  waiters(): number;
  stop(): Promise<void>;
}

export interface RelayOptions {
  readonly store: RegionStore;
  readonly agreement: Agreement;
  readonly centre: Centre;
  /** A client with a connection to spare for a node's poll. */
  readonly http: (node: string) => HttpClient;
  readonly logger: Logger;
}

interface Outcomes {
  readonly from: number;
  readonly to: number;
  readonly frame: Frame<Record<string, unknown>>;
}

interface Line {
  /** The request under way; a newer one ends it, since a node has one at a time and the older one's connection is gone. */
  waiter: { readonly wake: () => void; replaced: boolean } | null;
  poll: { readonly from: number; readonly abort: AbortController } | null;
  /** What came when nobody waited for it. */
  outcomes: Outcomes | null;
  expire: NodeJS.Timeout | undefined;
}

/** What the centre answered, if it is what it should be. @throws UnreachableError */
function readOutcomes(frame: Frame<Record<string, unknown>>, from: number): Outcomes | null {
  const { outcomes } = frame.header;
  const wrong = (why: string): UnreachableError => new UnreachableError(`the centre's outcomes: ${why}`);
  if (!Array.isArray(outcomes)) throw wrong('expected a list');
  if (outcomes.length === 0) return null;
  if (outcomes.length !== frame.parts.length) throw wrong(`${outcomes.length} ranges, but ${frame.parts.length} parts`);
  const { to } = outcomes.at(-1) as { to?: unknown };
  if (typeof to !== 'number' || !Number.isSafeInteger(to) || to <= from) {
    throw wrong(`end at ${String(to)}, asked for from ${from}`);
  }
  return { from, to, frame };
}

export function createRelay(o: RelayOptions): Relay {
  const lines = new Map<string, Line>();
  let waiters = 0;
  let stopped = false;
  let told = o.agreement.reached()?.size ?? 0;

  o.agreement.onReached(() => {
    const size = o.agreement.reached()?.size ?? 0;
    for (const node of new Set(o.store.batches(told, size).map((b) => b.node))) lines.get(node)?.waiter?.wake();
    told = size;
  });

  function lineOf(node: string): Line {
    let line = lines.get(node);
    if (line === undefined) {
      line = { waiter: null, poll: null, outcomes: null, expire: undefined };
      lines.set(node, line);
    }
    return line;
  }

  function orderedNews(node: string, known: number): Record<string, unknown> | null {
    const reached = o.agreement.reached();
    const batch = reached === null ? null : o.store.lastBatch(node, reached.size);
    if (reached === null || batch === null || batch.size <= known) return null;
    return {
      entry: Buffer.from(o.store.log.entry(batch.idx)).toString('utf8'), index: batch.idx, size: reached.size,
      proof: o.store.log.inclusionProof(batch.idx, reached.size).map((h) => Buffer.from(h).toString('base64')),
      checkpoint: reached.note,
    };
  }

  /** Makes sure that the centre is being asked for the outcomes from `from` on, and for nothing else. */
  function ensurePoll(node: string, line: Line, from: number): void {
    if (line.outcomes !== null && line.outcomes.from !== from) line.outcomes = null;
    if (line.poll !== null && line.poll.from !== from) {
      line.poll.abort.abort();
      line.poll = null;
    }
    if (line.poll !== null || line.outcomes !== null || stopped) return;
    const poll = { from, abort: new AbortController() };
    line.poll = poll;
    void ask(node, line, from, poll.abort.signal).then((outcomes) => {
      if (line.poll !== poll) return;
      line.poll = null;
      if (outcomes === null) return;
      line.outcomes = outcomes;
      clearTimeout(line.expire);
      line.expire = setTimeout(() => {
        line.outcomes = null;
      }, KEEP_MS).unref();
      line.waiter?.wake();
    });
  }

  /** Asks until there are outcomes, or nobody waits for them any more. */
  async function ask(node: string, line: Line, from: number, signal: AbortSignal): Promise<Outcomes | null> {
    const backoff = createBackoff(100, 2_000);
    const path = `/v1/nodes/${node}/outcomes?from=${from}&wait=${POLL_WAIT_MS}`;
    while (!signal.aborted) {
      try {
        const answer = await o.centre.call(o.http(node), path, { timeoutMs: POLL_WAIT_MS + 5_000, signal });
        if (answer.status !== 200) {
          throw new UnreachableError(`GET ${path}: ${answer.status} ${answer.body.toString('utf8').slice(0, 200)}`);
        }
        const outcomes = readOutcomes(decodeFrame(answer.body), from);
        if (outcomes !== null) return outcomes;
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return null;
        o.logger.debug({ err: error, node }, 'no outcomes from the centre');
        await sleep(backoff.next(), undefined, { signal }).catch(() => undefined);
      }
      if (line.waiter === null) return null;
    }
    return null;
  }

  function encodeDown(node: string, ordered: Record<string, unknown> | null, outcomes: Outcomes | null): Buffer {
    const { checkpoint = null, outcomes: ranges = [] } = outcomes?.frame.header ?? {};
    const accepted = o.store.nodeState(node).size;
    const header = { accepted, centreAgeMs: o.centre.ageMs(), ordered, checkpoint, outcomes: ranges };
    return encodeFrame(header, outcomes?.frame.parts ?? []);
  }

  return {
    async down(node, query, gone) {
      if (waiters >= WAITERS_MAX) throw new Problem(503, 'busy', `${waiters} nodes are waiting; try again`, {}, 1);
      const line = lineOf(node);
      if (line.waiter !== null) {
        line.waiter.replaced = true;
        line.waiter.wake();
      }
      let wake = (): void => undefined;
      const waiter = { wake: () => wake(), replaced: false };
      line.waiter = waiter;
      waiters += 1;
      let over = query.waitMs <= 0;
      const end = (): void => {
        over = true;
        wake();
      };
      const timer = setTimeout(end, query.waitMs);
      gone.addEventListener('abort', end);
      try {
        for (;;) {
          if (waiter.replaced || gone.aborted) return encodeDown(node, null, null);
          const ordered = orderedNews(node, query.ordered);
          ensurePoll(node, line, query.final);
          const { outcomes } = line;
          if (outcomes !== null) {
            line.outcomes = null;
            // What comes next is on its way while the node reads this.
            ensurePoll(node, line, outcomes.to);
          }
          if (ordered !== null || outcomes !== null || over || stopped) return encodeDown(node, ordered, outcomes);
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearTimeout(timer);
        gone.removeEventListener('abort', end);
        waiters -= 1;
        if (line.waiter === waiter) line.waiter = null;
      }
    },
    waiters: () => waiters,
    async stop() {
      stopped = true;
      for (const line of lines.values()) {
        clearTimeout(line.expire);
        line.poll?.abort.abort();
        line.waiter?.wake();
      }
    },
  };
}
