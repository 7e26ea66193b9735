/**
 * Takes batches from edge nodes into the ordered stream. The answer waits for this replica's own replay: what it then says
 * the region has is in the region's log for good, whatever else was published at the same time.
 */
import { EncodingError, Problem } from '../protocol/index.ts';
import type { Logger } from '../shell/index.ts';
import type { Verifier } from '../transparency/index.ts';
import { messageId, parseBatch, type Batch, type Refusal } from './core/batch.ts';
import type { OrderedStream } from './ordered-stream.ts';
import { sha256, type Replica } from './replica.ts';
import type { Repair } from './repair.ts';
import type { RegionStore } from './store.ts';
import type { RegionTracing } from './tracing.ts';

/** Requests at once: bounds memory to this many messages. */
const IN_FLIGHT_MAX = 64;
/** Of one node, which sends one after the other; a second one is a retry whose first did not come back yet. */
const IN_FLIGHT_NODE_MAX = 4;
/** Message bytes in the stream that the centre has not applied; beyond, nodes keep their batches. */
export const BACKLOG_BYTES_MAX = 1024 ** 3;
const REPLAY_TIMEOUT_MS = 5_000;
const TRIES = 4;
/**
 * Evidence costs a write to disk, and most of it can be made by anyone: this much of each sender a minute, the rest is counted.
 */
const EVIDENCE_PER_MINUTE = 60;

const STATUS: Readonly<Record<Refusal['code'], number>> = {
  'unknown-node': 403, 'bad-signature': 403, gap: 409, rollback: 409, fork: 409, 'bad-batch': 400,
};

/** Refusals of what the node itself has signed. */
const SIGNED: ReadonlySet<Refusal['code']> = new Set(['gap', 'rollback', 'fork']);

export interface Ingress {
  /** @param message the body of `POST /v1/batches` @throws Problem */
  take(message: Uint8Array): Promise<{ readonly size: number }>;
  inFlight(): number;
  /** Requests refused since start, other than for load. */
  refused(): number;
}

export interface IngressOptions {
  readonly region: string;
  readonly nodes: ReadonlyMap<string, Verifier>;
  readonly store: RegionStore;
  readonly stream: OrderedStream;
  readonly replica: Replica;
  readonly repair: Repair;
  /** Message bytes that the centre has not applied yet. */
  readonly backlogBytes: () => number;
  readonly logger: Logger;
  readonly now: () => number;
  readonly tracing: RegionTracing;
}

export function createIngress(o: IngressOptions): Ingress {
  const lanes = new Map<string, { last: Promise<unknown>; length: number }>();
  let inFlight = 0;
  let refused = 0;
  let recent = { minute: 0, of: new Map<string, Set<string>>() };

  function keepEvidence(who: string, refusal: Refusal, id: string, document: string, known: string | null): void {
    refused += 1;
    const at = o.now();
    const minute = Math.floor(at / 60_000);
    if (recent.minute !== minute) recent = { minute, of: new Map() };
    const ids = recent.of.get(who) ?? new Set();
    recent.of.set(who, ids);
    const key = `${refusal.code} ${id}`;
    if (ids.has(key) || ids.size >= EVIDENCE_PER_MINUTE) return;
    ids.add(key);
    const isNew = o.store.keep({ at, who, kind: refusal.code, hash: id, detail: refusal.detail, document, known });
    if (isNew && (refusal.code === 'fork' || refusal.code === 'rollback')) {
      o.replica.incident(refusal.code, `${who}: ${refusal.detail}`);
    }
  }

  function refuse(batch: Batch, refusal: Refusal, id: string): Problem {
    // A node answers for what it has signed, which is its checkpoint. A name, a payload or a header can be anyone's.
    const isOurs = o.nodes.has(batch.node) && SIGNED.has(refusal.code);
    const state = o.store.nodeState(batch.node);
    const root = Buffer.from(state.root).toString('base64');
    const known = isOurs && state.size > 0 ? JSON.stringify({ size: state.size, root }) : null;
    // By the checkpoint's text: what others put around it does not make two of it, and does not use up the node's share.
    const hash = isOurs ? Buffer.from(sha256(Buffer.from(batch.checkpoint.split('\n\n', 1)[0]!))).toString('hex') : id;
    keepEvidence(isOurs ? batch.node : '?', refusal, hash, Buffer.from(batch.header).toString('utf8'), known);
    return new Problem(STATUS[refusal.code], refusal.code, refusal.detail, refusal.code === 'gap' ? { size: state.size } : {});
  }

  /** Runs one after the other what belongs to the same node. */
  async function inLane<T>(node: string, work: () => Promise<T>): Promise<T> {
    const lane = lanes.get(node) ?? { last: Promise.resolve(), length: 0 };
    if (lane.length >= IN_FLIGHT_NODE_MAX) {
      throw new Problem(429, 'too-many-batches', `${node} has ${lane.length} batches under way; send one after the other`, {}, 1);
    }
    lanes.set(node, lane);
    lane.length += 1;
    const result = lane.last.then(work);
    lane.last = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      lane.length -= 1;
      if (lane.length === 0) lanes.delete(node);
    }
  }

  async function order(
    batch: Batch, message: Uint8Array, digest: Uint8Array, id: string, verifier: Verifier, receivedAt: number,
  ): Promise<{ size: number }> {
    const { replica, store, stream } = o;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const { refusal, known } = replica.assess(batch, digest, verifier);
      if (known === true) {
        offer(batch);
        return { size: o.repair.forwardable(batch.node) };
      }
      if (refusal !== undefined) {
        // Another replica may have put into the stream what this one has not replayed yet.
        const last = refusal.code === 'gap' ? await stream.lastSeq() : 0;
        if (last <= store.cursor()) throw refuse(batch, refusal, id);
        await replica.passed(last, REPLAY_TIMEOUT_MS);
        continue;
      }
      // A message with this id that is in the stream already was refused there, or there would be nothing to publish.
      const published = o.tracing.publishing(id, receivedAt);
      const { seq } = await publish(message, attempt === 0 ? id : `${id}.${store.cursor()}`);
      published();
      await replica.passed(seq, REPLAY_TIMEOUT_MS);
      const { size } = store.nodeState(batch.node);
      if (size >= batch.size) return { size };
    }
    throw new Problem(
      503, 'not-ordered', `${batch.node}'s batch ${batch.from} to ${batch.size} got no place in the stream; try again`, {}, 1,
    );
  }

  /** The signature says nothing of a payload whose range is known: one that can't be read is of no use, and no harm. */
  function offer(batch: Batch): void {
    try {
      o.repair.offer(batch);
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
    }
  }

  async function publish(message: Uint8Array, id: string): Promise<{ readonly seq: number }> {
    try {
      return await o.stream.publish(message, id);
    } catch (error) {
      o.logger.error({ err: error }, 'publish failed');
      throw new Problem(
        503, 'stream-unavailable', 'the ordered stream may or may not have taken the batch; send it again', {}, 1,
      );
    }
  }

  async function admit(message: Uint8Array, receivedAt: number): Promise<{ size: number }> {
    let batch: Batch;
    try {
      batch = parseBatch(message);
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
      const id = Buffer.from(sha256(message)).toString('hex');
      // Nobody signed it: the first kilobyte is enough to see what kind of junk it was.
      keepEvidence(
        '?', { code: 'bad-batch', detail: error.message }, id, Buffer.from(message.subarray(0, 1024)).toString('base64'), null,
      );
      throw new Problem(400, 'bad-batch', error.message);
    }
    const digest = sha256(batch.payload);
    const id = messageId(batch, digest, sha256);
    const verifier = o.nodes.get(batch.node);
    if (verifier === undefined) {
      throw refuse(
        batch, { code: 'unknown-node', detail: `${JSON.stringify(batch.node)} is not a node of region ${o.region}` }, id,
      );
    }
    return inLane(batch.node, () => order(batch, message, digest, id, verifier, receivedAt));
  }

  return {
    async take(message) {
      const receivedAt = o.now();
      const halted = o.replica.halted();
      if (halted !== null) throw new Problem(503, 'halted', halted, {}, 5);
      if (inFlight >= IN_FLIGHT_MAX) throw new Problem(503, 'busy', `${inFlight} batches are under way; try again`, {}, 1);
      if (o.backlogBytes() > BACKLOG_BYTES_MAX) {
        throw new Problem(
          503, 'backlog', `${o.backlogBytes()} bytes wait for the centre, more than ${BACKLOG_BYTES_MAX}; keep the batch`, {}, 5,
        );
      }
      inFlight += 1;
      try {
        return await admit(message, receivedAt);
      } finally {
        inFlight -= 1;
      }
    },
    inFlight: () => inFlight,
    refused: () => refused,
  };
}
