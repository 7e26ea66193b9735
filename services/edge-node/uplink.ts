/**
 * Brings the log to the region: checkpoint, entries since the last one that the region has, consistency proof. The log
 * itself is the retry queue: nothing is held in memory, and what was lost on the way is sent again from it.
 */
import { encodeFrame, FRAME_TYPE, Problem } from '../protocol/index.ts';
import { createBackoff, startLoop, UnreachableError, type HttpClient, type Logger, type Loop } from '../shell/index.ts';
import { signCheckpoint, type Signer } from '../transparency/index.ts';
import type { Link } from './link.ts';
import type { EdgeStore } from './store.ts';

/** One batch, in entries and in bytes. The bytes stay under what an ordered stream takes in one message. */
const ENTRIES_MAX = 10_000;
const BYTES_MAX = 6 * 1024 * 1024;
/** An entry is a few hundred bytes; a batch is cut by this estimate first and by its true size then. */
const UPLOAD_TIMEOUT_MS = 15_000;

export interface Uplink extends Loop {
  /** The region says how much of the log it has (with every answer that comes down). */
  regionHas(size: number): void;
  /** Log size that the region is known to have. */
  sent(): number;
}

export interface UplinkOptions {
  readonly node: string;
  readonly signer: Signer;
  readonly store: EdgeStore;
  readonly link: Link;
  readonly http: HttpClient;
  readonly logger: Logger;
  readonly now: () => number;
  /** The region refuses this log for good (fork, rollback): the node must stop and a person must look. */
  readonly halt: (kind: string, detail: string) => void;
}

export function startUplink(o: UplinkOptions): Uplink {
  let sent: number | null = null;
  let sentAt = 0;
  let busy = false;
  const backoff = createBackoff(50, 5_000);

  function cut(from: number): { to: number; payload: Uint8Array } {
    let to = Math.min(o.store.log.size, from + ENTRIES_MAX);
    let payload = o.store.log.entries(from, to);
    while (payload.byteLength > BYTES_MAX && to > from + 1) {
      to = from + Math.max(1, Math.floor((to - from) * BYTES_MAX / payload.byteLength * 0.9));
      payload = o.store.log.entries(from, to);
    }
    return { to, payload };
  }

  const loop = startLoop(async (signal) => {
    if (sent === null || sent >= o.store.log.size) return Infinity;
    const from = sent;
    const { to, payload } = cut(from);
    const checkpoint = await signCheckpoint({ origin: o.signer.name, size: to, root: o.store.log.rootAt(to) }, o.signer);
    const proof = from === 0 ? [] : o.store.log.consistencyProof(from, to);
    const header = { node: o.node, from, size: to, checkpoint, proof: proof.map((h) => Buffer.from(h).toString('base64')) };
    const url = o.link.url();
    busy = true;
    try {
      const { size } = await o.http.json<{ size: number }>(`${url}/v1/batches`, {
        method: 'POST', body: encodeFrame(header, [payload]), type: FRAME_TYPE, timeoutMs: UPLOAD_TIMEOUT_MS, signal,
      });
      if (!Number.isSafeInteger(size) || size < 0 || size > o.store.log.size) throw new UnreachableError(`${url}: answered with a log size of ${String(size)}`);
      sent = size;
      sentAt = o.now();
      backoff.reset();
      return 0;
    } catch (error) {
      if (error instanceof UnreachableError) o.link.failed(url);
      throw error;
    } finally {
      busy = false;
    }
  }, (error) => {
    const pause = backoff.next();
    if (!(error instanceof Problem)) {
      o.logger.debug({ err: error }, 'uplink: region not reached');
      return pause;
    }
    const has = error.extra['size'];
    if (error.code === 'gap' && typeof has === 'number' && has <= o.store.log.size) {
      sent = has;
      return pause;
    }
    if (error.code === 'fork' || error.code === 'rollback') o.halt(error.code, error.message);
    o.logger.warn({ code: error.code, detail: error.message }, 'uplink: refused by the region');
    // A refusal that is not about load will not go away soon: ask rarely, but do ask.
    return error.retryAfter === undefined ? Math.max(pause, 1_000) : Math.max(pause, error.retryAfter * 1_000);
  });

  return Object.assign(loop, {
    regionHas(size: number) {
      if (size > o.store.log.size) {
        o.halt('log-rolled-back', `the region has ${size} entries of this node's log, the node itself only ${o.store.log.size}: its disk lost some`);
        return;
      }
      if (sent === null || size > sent) {
        sent = size;
        loop.wake();
      } else if (size < sent && !busy && o.now() - sentAt > 2_000) {
        // Acknowledged, and gone since: lost between the region's stream and its replicas. Send it again.
        o.logger.warn({ sent, size }, 'uplink: the region has less than it acknowledged, sending again');
        sent = size;
        loop.wake();
      }
    },
    sent: () => sent ?? 0,
  });
}
