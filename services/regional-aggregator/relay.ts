/**
 * Brings down to an edge node what became of its entries: their order, from this replica's own log, and their outcomes, from
 * the centre, untouched. A long poll of the node races the region's news with a long poll to the centre.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeFrame, encodeFrame, Problem, type Frame } from '../protocol/index.ts';
import { createBackoff, UnreachableError, type HttpClient, type Logger } from '../shell/index.ts';
import type { Agreement } from './agreement.ts';
import type { Centre } from './centre.ts';
import type { Repair } from './repair.ts';
import type { RegionStore } from './store.ts';

export const WAIT_MAX_MS = 30_000;
const WAITERS_MAX = 2_000;
/** Requests of one node that wait at once; one more, and the oldest is answered with what there is. */
const WAITERS_NODE_MAX = 8;
/** Polls to the centre for one node at once. Further edge indexes take turns. */
export const POLLS_NODE_MAX = 8;
const LINES_NODE_MAX = 64;
/** How long the centre is asked to hold a poll, and how long while others wait for their turn. */
const POLL_WAIT_MS = 10_000;
const CROWDED_WAIT_MS = 1_000;
/** Outcomes that nobody fetched are dropped after this long, milliseconds: they can be asked for again. */
const KEEP_MS = 15_000;
/** Of one node; each may have some megabytes. */
const KEPT_NODE_MAX = 2;

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
  readonly repair: Repair;
  /** A client with a connection to spare for a node's poll. */
  readonly http: (node: string) => HttpClient;
  readonly logger: Logger;
}

interface Outcomes {
  readonly from: number;
  readonly to: number;
  readonly frame: Frame<Record<string, unknown>>;
}

/** What is asked for from one edge index on. Anyone may ask for any index of any node: one key's requests never end another's. */
interface Line {
  readonly from: number;
  waiting: number;
  isAsking: boolean;
  /** What came when nobody waited for it. */
  outcomes: Outcomes | null;
  expire: NodeJS.Timeout | undefined;
}

interface Waiter {
  readonly line: Line;
  readonly wake: () => void;
  outcomes: Outcomes | null;
  /** Has to go: there are too many. */
  displaced: boolean;
}

interface Node {
  readonly waiters: Set<Waiter>;
  /** By edge index, the one whose turn it is to be asked for first. */
  readonly lines: Map<number, Line>;
  /** Polls to the centre under way. */
  polls: number;
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
  const nodes = new Map<string, Node>();
  const stopping = new AbortController();
  let waiters = 0;
  let told = o.agreement.reached()?.size ?? 0;

  o.agreement.onReached(() => {
    const size = o.agreement.reached()?.size ?? 0;
    for (const node of new Set(o.store.batches(told, size).map((b) => b.node))) {
      for (const waiter of nodes.get(node)?.waiters ?? []) waiter.wake();
    }
    told = size;
  });

  function nodeOf(id: string): Node {
    let node = nodes.get(id);
    if (node === undefined) {
      node = { waiters: new Set(), lines: new Map(), polls: 0 };
      nodes.set(id, node);
    }
    return node;
  }

  function lineOf(node: Node, from: number): Line {
    const known = node.lines.get(from);
    if (known !== undefined) return known;
    if (node.lines.size >= LINES_NODE_MAX) {
      for (const line of node.lines.values()) {
        if (line.waiting > 0 || line.isAsking) continue;
        drop(node, line);
        break;
      }
    }
    const line: Line = { from, waiting: 0, isAsking: false, outcomes: null, expire: undefined };
    node.lines.set(from, line);
    return line;
  }

  function drop(node: Node, line: Line): void {
    clearTimeout(line.expire);
    node.lines.delete(line.from);
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

  /** Asks the centre for the lines whose turn it is. */
  function ensurePolls(id: string, node: Node): void {
    for (const line of node.lines.values()) {
      if (node.polls >= POLLS_NODE_MAX || stopping.signal.aborted) return;
      if (line.isAsking || line.outcomes !== null) continue;
      line.isAsking = true;
      node.polls += 1;
      void ask(id, node, line).then((outcomes) => {
        line.isAsking = false;
        node.polls -= 1;
        // To the end of the queue: its next turn comes after everybody else's.
        node.lines.delete(line.from);
        if (outcomes !== null) deliver(node, line, outcomes);
        if (line.waiting > 0 || line.outcomes !== null) node.lines.set(line.from, line);
        ensurePolls(id, node);
      });
    }
  }

  /** To all who wait for it: whoever asks for what a node needs does not take it away from that node. */
  function deliver(node: Node, line: Line, outcomes: Outcomes): void {
    if (line.waiting === 0) {
      const kept = [...node.lines.values()].filter((l) => l.outcomes !== null);
      if (kept.length >= KEPT_NODE_MAX) drop(node, kept[0]!);
      line.outcomes = outcomes;
      line.expire = setTimeout(() => {
        if (node.lines.get(line.from) === line && line.waiting === 0) drop(node, line);
        line.outcomes = null;
      }, KEEP_MS).unref();
      return;
    }
    for (const waiter of node.waiters) {
      if (waiter.line !== line) continue;
      waiter.outcomes = outcomes;
      waiter.wake();
    }
  }

  /** Asks until there are outcomes, nobody waits for them any more, or it is somebody else's turn. */
  async function ask(id: string, node: Node, line: Line): Promise<Outcomes | null> {
    const { signal } = stopping;
    const backoff = createBackoff(100, 2_000);
    for (;;) {
      const wait = node.lines.size > POLLS_NODE_MAX ? CROWDED_WAIT_MS : POLL_WAIT_MS;
      const path = `/v1/nodes/${id}/outcomes?from=${line.from}&wait=${wait}`;
      try {
        const answer = await o.centre.call(o.http(id), path, { timeoutMs: wait + 5_000, signal });
        if (answer.status !== 200) {
          throw new UnreachableError(`GET ${path}: ${answer.status} ${answer.body.toString('utf8').slice(0, 200)}`);
        }
        const outcomes = readOutcomes(decodeFrame(answer.body), line.from);
        if (outcomes !== null) return outcomes;
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return null;
        o.logger.debug({ err: error, node: id }, 'no outcomes from the centre');
        await sleep(backoff.next(), undefined, { signal }).catch(() => undefined);
      }
      if (signal.aborted || line.waiting === 0 || node.lines.size > POLLS_NODE_MAX) return null;
    }
  }

  function encodeDown(node: string, ordered: Record<string, unknown> | null, outcomes: Outcomes | null): Buffer {
    const { checkpoint = null, outcomes: ranges = [] } = outcomes?.frame.header ?? {};
    const accepted = o.repair.forwardable(node);
    const header = { accepted, centreAgeMs: o.centre.ageMs(), ordered, checkpoint, outcomes: ranges };
    return encodeFrame(header, outcomes?.frame.parts ?? []);
  }

  return {
    async down(id, query, gone) {
      if (waiters >= WAITERS_MAX) throw new Problem(503, 'busy', `${waiters} nodes are waiting; try again`, {}, 1);
      const node = nodeOf(id);
      if (node.waiters.size >= WAITERS_NODE_MAX) {
        const oldest = [...node.waiters].find((w) => !w.displaced);
        if (oldest !== undefined) oldest.displaced = true;
        oldest?.wake();
      }
      let wake = (): void => undefined;
      const line = lineOf(node, query.final);
      const waiter: Waiter = { line, wake: () => wake(), outcomes: line.outcomes, displaced: false };
      if (line.outcomes !== null) {
        clearTimeout(line.expire);
        line.outcomes = null;
      }
      node.waiters.add(waiter);
      line.waiting += 1;
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
          const ordered = orderedNews(id, query.ordered);
          const { outcomes } = waiter;
          // What comes next is on its way while the node reads this.
          if (outcomes !== null) lineOf(node, outcomes.to);
          if (outcomes === null || line.waiting > 1) ensurePolls(id, node);
          if (ordered !== null || outcomes !== null || over || waiter.displaced || stopping.signal.aborted) {
            return encodeDown(id, ordered, outcomes);
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearTimeout(timer);
        gone.removeEventListener('abort', end);
        waiters -= 1;
        line.waiting -= 1;
        node.waiters.delete(waiter);
        if (waiter.outcomes !== null && line.waiting === 0 && !line.isAsking && line.outcomes === null) drop(node, line);
        ensurePolls(id, node);
      }
    },
    waiters: () => waiters,
    async stop() {
      stopping.abort();
      for (const node of nodes.values()) {
        for (const line of node.lines.values()) clearTimeout(line.expire);
        for (const waiter of node.waiters) waiter.wake();
      }
    },
  };
}
