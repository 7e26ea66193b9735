/**
 * The replay: reads the stream, judges each message with the pure core, and commits what came of a group of messages at
 * once. Whoever waits for a place in the stream to be passed waits here.
 */
import { hash } from 'node:crypto';
import { decodeBatch, Problem } from '../protocol/index.ts';
import { startLoop, type Logger } from '../shell/index.ts';
import type { Verifier } from '../transparency/index.ts';
import { MESSAGE_MAX, type Batch } from './core/batch.ts';
import { assess, replay, type Extension, type Judgement, type NodeState, type ReplayContext } from './core/replay.ts';
import type { OrderedStream } from './ordered-stream.ts';
import { decodeReached, type RegionStore, type ReplayStep } from './store.ts';
import type { RegionTracing, Replayed } from './tracing.ts';

/** One group: bounded in messages and bytes, so that memory and the time to commit are. */
const GROUP_MESSAGES = 256;
const GROUP_BYTES = 2 * MESSAGE_MAX;
/** Wake-ups are best effort: look anyway. */
const LOOK_MS = 200;
/** Batches looked at for traces at the start; of these no more than one group has bytes. */
const RESUMED_MAX = GROUP_MESSAGES;
/** Extensions remembered between receiving a batch and replaying it. */
const ASSESSED_MAX = 256;

export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

export interface Incident {
  readonly at: number;
  readonly kind: string;
  readonly detail: string;
}

export interface Replica {
  /** Judges a batch against the replicated state; remembers the work for its replay. */
  assess(batch: Batch, digest: Uint8Array, verifier: Verifier): Judgement;
  /**
   * Resolves when everything up to `seq` has been replayed and committed. @throws Problem 503 when that takes too long or the
   * replica halts
   */
  passed(seq: number, timeoutMs: number): Promise<void>;
  /** Calls back after each commit that added to the log. */
  onGrown(listener: () => void): void;
  /** Why this replica stopped for good, or null. */
  halted(): string | null;
  halt(kind: string, detail: string): void;
  incident(kind: string, detail: string): void;
  incidents(): readonly Incident[];
  /** Messages of the stream that every replica refused: somebody put them in without looking, or lied. */
  refusedInStream(): number;
  stop(): Promise<void>;
}

export interface ReplicaOptions {
  readonly region: string;
  readonly store: RegionStore;
  readonly stream: OrderedStream;
  readonly nodes: ReadonlyMap<string, Verifier>;
  readonly logger: Logger;
  readonly now: () => number;
  readonly tracing: RegionTracing;
}

const INCIDENTS_MAX = 50;

export function startReplica(o: ReplicaOptions): Replica {
  const { store, stream } = o;
  const assessed = new Map<string, Extension>();
  const grown: (() => void)[] = [];
  const incidents: Incident[] = [];
  let waiting: { readonly seq: number; readonly done: (error?: Problem) => void }[] = [];
  let halted = store.get('halted');
  let refused = 0;
  let checked = false;
  if (halted !== null) incidents.push({ at: o.now(), kind: 'halted', detail: halted });

  function incident(kind: string, detail: string): void {
    o.logger.warn({ incident: kind }, detail);
    incidents.push({ at: o.now(), kind, detail });
    if (incidents.length > INCIDENTS_MAX) incidents.shift();
  }

  function halt(kind: string, detail: string): void {
    if (halted !== null) return;
    halted = `${kind}: ${detail}`;
    incident(kind, detail);
    o.logger.error({ incident: kind }, 'halted: this replica no longer takes batches, cosigns or forwards');
    store.put('halted', halted);
    for (const w of waiting) w.done(new Problem(503, 'halted', halted, {}, 5));
    waiting = [];
  }

  /** The stream must go on where this replica stopped reading; what is missing can't be made up. */
  async function checkStream(): Promise<void> {
    const last = await stream.lastSeq();
    if (last < store.cursor()) {
      halt(
        'stream-behind',
        `the stream ends at ${last}, but was replayed up to ${store.cursor()}: it is another stream, or lost its end`,
      );
    }
  }

  /** What an earlier life replayed and no quorum had agreed on is followed from here on. */
  async function resumeTracing(): Promise<void> {
    const reached = store.get('reached');
    const from = reached === null ? 0 : decodeReached(reached).size;
    const rows = store.batches(from, Math.min(store.log.size, from + RESUMED_MAX));
    for (const { idx, seq, bytes } of rows) {
      if (bytes - rows[0]!.bytes > GROUP_BYTES) return;
      const [message] = await stream.read(seq - 1, 1, 1);
      if (message?.seq !== seq) continue;
      const entry = decodeBatch(store.log.entry(idx));
      o.tracing.replayed([{ message: message.data, entry, index: idx, id: '', startedAt: message.at, committedAt: message.at }]);
    }
  }

  async function step(): Promise<number> {
    if (halted !== null) return Infinity;
    const cursor = store.cursor();
    const messages = await stream.read(cursor, GROUP_MESSAGES, GROUP_BYTES);
    if (messages.length === 0) {
      const last = await stream.lastSeq();
      if (last > cursor && (await stream.read(cursor, 1, 1)).length === 0) {
        halt(
          'stream-trimmed',
          `messages ${cursor + 1} to ${last} are gone, and were not replayed: copy another replica's data folder`,
        );
      }
      return LOOK_MS;
    }
    const startedAt = o.now();
    const changed = new Map<string, NodeState>();
    const context: ReplayContext = {
      region: o.region, sha256,
      verifier: (node) => o.nodes.get(node),
      state: (node) => changed.get(node) ?? store.nodeState(node),
      assessed: (id) => assessed.get(id),
    };
    const steps: ReplayStep[] = [];
    for (const [i, { seq, at, data }] of messages.entries()) {
      if (seq !== cursor + 1 + i) {
        halt(
          'stream-trimmed',
          `the stream goes on at ${seq}, but was replayed up to ${cursor + i}: copy another replica's data folder`,
        );
        return Infinity;
      }
      const result = replay(context, data, seq, at);
      if (result.accepted) changed.set(result.entry.node, result.next);
      else if (result.refusal.code !== 'gap') {
        incident('refused-in-stream', `message ${seq}: ${result.refusal.code}: ${result.refusal.detail}`);
      }
      steps.push({ step: result, payloadBytes: data.byteLength });
    }
    const upto = cursor + messages.length;
    let index = store.log.size;
    store.commit(steps, upto);
    const committedAt = o.now();
    const replayed = steps.flatMap(({ step: s }, i): Replayed[] => {
      if (!s.accepted) return [];
      index += 1;
      return [{ message: messages[i]!.data, entry: s.entry, id: s.id, index: index - 1, startedAt, committedAt }];
    });
    refused += steps.filter(({ step: s }) => !s.accepted).length;
    for (const { step: s } of steps) if (s.id !== null) assessed.delete(s.id);
    const passed = waiting.filter((w) => w.seq <= upto);
    waiting = waiting.filter((w) => w.seq > upto);
    for (const w of passed) w.done();
    // Before anybody agrees on it.
    o.tracing.replayed(replayed);
    if (changed.size > 0) for (const listener of grown) listener();
    return 0;
  }

  const loop = startLoop(async () => {
    if (!checked) {
      await checkStream();
      checked = true;
      // Ordering does not depend on it.
      await resumeTracing().catch((error: unknown) => o.logger.warn({ err: error }, 'what an earlier life replayed is not traced'));
    }
    return step();
  }, (error) => {
    o.logger.error({ err: error }, 'replay failed; trying again');
    return 250;
  });
  const unsubscribe = stream.onAppend(() => loop.wake());

  return {
    assess(batch, digest, verifier) {
      const judgement = assess(
        batch, digest, verifier, store.nodeState(batch.node), (size) => store.nodeRootAt(batch.node, size), sha256,
      );
      if (judgement.extension !== undefined) {
        assessed.set(judgement.extension.id, judgement.extension);
        if (assessed.size > ASSESSED_MAX) assessed.delete(assessed.keys().next().value!);
      }
      return judgement;
    },
    passed(seq, timeoutMs) {
      if (halted !== null) return Promise.reject(new Problem(503, 'halted', halted, {}, 5));
      if (store.cursor() >= seq) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const w = {
          seq,
          done(error?: Problem) {
            clearTimeout(timer);
            if (error === undefined) resolve();
            else reject(error);
          },
        };
        const timer = setTimeout(() => {
          waiting = waiting.filter((x) => x !== w);
          reject(
            new Problem(503, 'replay-behind', `the replay is at ${store.cursor()} of the stream, not yet at ${seq}`, {}, 1),
          );
        }, timeoutMs);
        waiting.push(w);
        loop.wake();
      });
    },
    onGrown: (listener) => void grown.push(listener),
    halted: () => halted,
    halt,
    incident,
    incidents: () => incidents,
    refusedInStream: () => refused,
    async stop() {
      unsubscribe();
      await loop.stop();
      for (const w of waiting) w.done(new Problem(503, 'stopping', 'the service is stopping', {}, 1));
      waiting = [];
    },
  };
}

