/**
 * Brings the region's log to the centre, in blocks under a checkpoint with a quorum. Every replica can; the first one does,
 * and each next one steps in when what is ordered stays unapplied for a while longer. The centre takes a block twice
 * without harm, so nobody has to agree on who sends.
 */
import { encodeFrame, FRAME_TYPE, Problem } from '../protocol/index.ts';
import { createBackoff, problemOf, startLoop, UnreachableError, type HttpClient, type Logger, type Loop } from '../shell/index.ts';
import type { Trust } from '../transparency/index.ts';
import type { Agreement, Reached } from './agreement.ts';
import type { Centre } from './centre.ts';
import { parseBatch } from './core/batch.ts';
import type { OrderedStream } from './ordered-stream.ts';
import { askProof } from './proven.ts';
import type { Repair } from './repair.ts';
import type { Replica } from './replica.ts';
import type { BatchRow, RegionStore } from './store.ts';

const BLOCK_ENTRIES_MAX = 64;
const BLOCK_BYTES_MAX = 8 * 1024 * 1024;
const BLOCK_TIMEOUT_MS = 15_000;
/** How much longer each next replica leaves it to the others, milliseconds. */
const STEP_IN_MS = 400;
/** Having stepped in, a replica goes on for this long before it looks again whether it has to, milliseconds. */
const LEAD_MS = 5_000;
/** A refusal that is not about load does not go away soon. */
const REFUSED_MS = 5_000;
const TRIM_MS = 2_000;
/** Region log entries looked at, and proofs asked for, in one round of trimming. */
const TRIM_ENTRIES = 4_096;
const TRIM_PROOFS = 64;

export interface Forwarder {
  /** Message bytes in the stream that the centre has not applied. */
  backlogBytes(): number;
  /** Region log entries that this replica has brought to the centre since it started. */
  forwarded(): number;
  stop(): Promise<void>;
}

export interface ForwarderOptions {
  readonly trust: Trust;
  readonly me: number;
  readonly region: string;
  readonly store: RegionStore;
  readonly stream: OrderedStream;
  readonly replica: Replica;
  readonly agreement: Agreement;
  readonly centre: Centre;
  readonly repair: Repair;
  readonly http: HttpClient;
  readonly logger: Logger;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

export function startForwarder(o: ForwarderOptions): Forwarder {
  const { store, stream, centre, agreement } = o;
  const backoff = createBackoff(50, 2_000);
  /** When the quorum reached which size, oldest first, as far as it is not known to be applied. */
  let marks: { size: number; readonly at: number }[] = [];
  let leadUntil = o.me === 0 ? Infinity : -Infinity;
  let forwarded = 0;
  let appliedBytes = bytesUpTo(Number(store.get('applied') ?? 0));

  function bytesUpTo(size: number): number {
    return size === 0 ? 0 : (store.batch(Math.min(size, store.log.size) - 1)?.bytes ?? 0);
  }

  function mark(): void {
    const size = agreement.reached()?.size ?? 0;
    if (size <= (centre.applied() ?? 0)) return;
    if (marks.length < 64) marks.push({ size, at: o.elapsed() });
    else marks.at(-1)!.size = size;
    loop.wake();
  }

  interface Block {
    readonly to: number;
    readonly body: Buffer;
  }

  /** The next block from `applied` on. @throws Error when the stream no longer has what the centre needs */
  async function build(applied: number, knownSize: number, reached: Reached): Promise<Block> {
    const rows = store.batches(applied, Math.min(reached.size, applied + BLOCK_ENTRIES_MAX));
    const messages = await stream.read(rows[0]!.seq - 1, BLOCK_ENTRIES_MAX * 2, BLOCK_BYTES_MAX);
    const bySeq = new Map(messages.map((m) => [m.seq, m.data]));
    const payloads: Uint8Array[] = [];
    let bytes = 0;
    for (const row of rows) {
      const message = bySeq.get(row.seq);
      const payload = message === undefined ? o.repair.payload(row.idx) : parseBatch(message).payload;
      if (payload === null) break;
      bytes += payload.byteLength;
      if (payloads.length > 0 && bytes > BLOCK_BYTES_MAX) break;
      payloads.push(payload);
    }
    if (payloads.length === 0) {
      const there = messages[0]?.seq ?? Infinity;
      o.repair.want(rows.filter((row) => row.seq < there && o.repair.payload(row.idx) === null));
      throw new Error(
        `message ${rows[0]!.seq} is gone from the stream, but the centre has not applied it: entry ${applied} of the region log; `
        + `${rows[0]!.node} has to send it again`,
      );
    }
    const to = applied + payloads.length;
    const base64 = (hashes: readonly Uint8Array[]): string[] => hashes.map((h) => Buffer.from(h).toString('base64'));
    const header = {
      region: o.region, checkpoint: reached.note, from: applied, to,
      consistency: knownSize === 0 ? [] : base64(store.log.consistencyProof(knownSize, reached.size)),
      range: base64(store.log.rangeProof(applied, to, reached.size)),
      entries: Array.from({ length: payloads.length }, (_, i) => Buffer.from(store.log.entry(applied + i)).toString('utf8')),
    };
    return { to, body: encodeFrame(header, payloads) };
  }

  async function send(block: Block, from: number, signal: AbortSignal): Promise<void> {
    const answer = await centre.call(
      o.http, '/v1/blocks', { method: 'POST', body: block.body, type: FRAME_TYPE, timeoutMs: BLOCK_TIMEOUT_MS, signal },
    );
    if (answer.status !== 200) throw problemOf('/v1/blocks', answer);
    let body: { applied: number; size: number };
    try {
      body = JSON.parse(answer.body.toString('utf8')) as { applied: number; size: number };
    } catch (error) {
      throw new UnreachableError('/v1/blocks: answered something else than JSON', { cause: error });
    }
    forwarded += block.to - from;
    // Somebody else is at it, too: leave it to them again.
    if (o.me > 0 && body.applied > block.to) leadUntil = -Infinity;
    centre.learn(body.applied, body.size);
  }

  const loop: Loop = startLoop(async (signal) => {
    if (o.replica.halted() !== null) return Infinity;
    const applied = centre.applied();
    const knownSize = centre.knownSize();
    if (applied === null || knownSize === null) {
      await centre.ask();
      return 0;
    }
    const reached = agreement.reached();
    // What another replica has brought there already, this one will have soon.
    if (reached === null || reached.size <= applied || reached.size < knownSize) return Infinity;
    const now = o.elapsed();
    if (leadUntil <= now) {
      const due = (marks[0]?.at ?? now) + o.me * STEP_IN_MS - now;
      if (due > 0) return due;
      await centre.ask();
      if ((centre.applied() ?? 0) > applied) return 0;
      leadUntil = now + LEAD_MS;
    }
    const block = await build(applied, knownSize, reached);
    await send(block, applied, signal);
    backoff.reset();
    return 0;
  }, (error) => {
    if (error instanceof UnreachableError) return backoff.next();
    if (!(error instanceof Problem)) {
      o.replica.incident('forwarding-failed', (error as Error).message);
      return REFUSED_MS;
    }
    const { applied, size } = error.extra as { applied?: number; size?: number };
    if (error.code === 'gap' && applied !== undefined && size !== undefined && applied !== centre.applied()) {
      centre.learn(applied, size);
      return 1;
    }
    if (error.status === 429 || error.status >= 500) return Math.max(backoff.next(), (error.retryAfter ?? 0) * 1_000);
    o.replica.incident('centre-refused', `${error.code}: ${error.message}`);
    return REFUSED_MS;
  });

  /** By node: its log is proven to be in the global log up to here. */
  const proven = new Map<string, number>();
  let lastApplied = 0;
  mark();
  agreement.onReached(mark);
  centre.onLearned(() => {
    const applied = centre.applied() ?? 0;
    marks = marks.filter((m) => m.size > applied);
    appliedBytes = bytesUpTo(applied);
    store.putSoon('applied', String(Math.min(applied, store.log.size)));
    if (applied < lastApplied) proven.clear();
    lastApplied = applied;
    // It has less than it said: somebody has to bring it again, this replica if no other one does.
    if (marks.length === 0) mark();
    loop.wake();
  });
  o.repair.onRepaired(() => loop.wake());

  let trimmed = Number(store.get('trimmed') ?? 0);
  /** What could be trimmed a round ago: the newest payloads stay for another one. */
  let due = 0;

  /** Up to which of these region log entries everything is proven to be in the global log; asks for what is not known yet. */
  async function provenUpTo(rows: readonly BatchRow[], signal: AbortSignal): Promise<number> {
    const last = new Map(rows.map((row) => [row.node, row.size]));
    const open = [...last].filter(([node, size]) => (proven.get(node) ?? 0) < size).slice(0, TRIM_PROOFS);
    for (const [node, size] of open) {
      if (await askProof(o, node, size - 1, signal)) proven.set(node, size);
    }
    const first = rows.find((row) => (proven.get(row.node) ?? 0) < row.size);
    return first?.idx ?? rows.at(-1)!.idx + 1;
  }

  /**
   * Payloads that every replica has replayed, and whose outcomes are proven to be in the global log, are of no use any more.
   * Whoever answers at the centre's address may say that it has applied them: that is a hint where to look, and no more.
   */
  const trimmer: Loop = startLoop(async (signal) => {
    const to = Math.min(due, centre.applied() ?? 0, trimmed + TRIM_ENTRIES);
    due = Math.min(centre.applied() ?? 0, agreement.smallestPeer(), store.log.size);
    store.flush();
    if (o.replica.halted() !== null || to <= trimmed) return TRIM_MS;
    const [first] = await stream.read(0, 1, 1);
    const rows = store.batches(trimmed, to);
    const kept = new Set(store.keptPayloads());
    // All replicas trim the same stream: what another one has trimmed has been proven to it.
    const left = first === undefined ? rows : rows.filter((row) => row.seq >= first.seq || kept.has(row.idx));
    const upTo = left.length === 0 ? to : await provenUpTo(left, signal);
    if (upTo <= trimmed) return TRIM_MS;
    await stream.trim(store.batch(upTo - 1)!.seq);
    trimmed = upTo;
    store.putSoon('trimmed', String(trimmed));
    o.repair.forget(trimmed);
    return TRIM_MS;
  }, (error) => {
    if (!(error instanceof UnreachableError)) {
      o.logger.error({ err: error }, 'trimming failed');
      o.replica.incident('trimming-failed', (error as Error).message);
    }
    return TRIM_MS;
  });

  return {
    backlogBytes: () => store.bytes() - appliedBytes,
    forwarded: () => forwarded,
    async stop() {
      await Promise.all([loop.stop(), trimmer.stop()]);
    },
  };
}
