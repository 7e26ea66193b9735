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
const UPLOAD_TIMEOUT_MS = 5_000;
/** Batches of fewer entries than this start at least this far apart. */
const PACE_MS = 10;
const PACE_ENTRIES = 1_000;
/** A replica that takes batches which nobody ever orders is left for another one after this long. */
const DOUBT_MS = 5_000;

export interface Uplink extends Loop {
  /** The replica at `url` says how much of the log it has (with every answer that comes down). Nothing proves that. */
  regionHas(size: number, url: string): void;
  /** The log is proven to be ordered up to a larger size than before. */
  ordered(): void;
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
  readonly orderedSize: () => number;
  /** How many replicas have to say so before the node believes that its log is not the one the region has. */
  readonly quorum: number;
  readonly halted: () => boolean;
  /** The region refuses this log for good (fork, rollback): the node must stop and a person must look. */
  readonly halt: (kind: string, detail: string) => void;
  readonly incident: (kind: string, detail: string) => void;
}

export function startUplink(o: UplinkOptions): Uplink {
  let sent: number | null = null;
  let sentAt = 0;
  let busy = false;
  let startedAt = -Infinity;
  /** Since when something waits to be ordered and nothing was; null while all is. */
  let waitingSince: number | null = null;
  /** Replicas that called this log a fork or a rollback. One of them may lie; a quorum does not. */
  const accusers = new Set<string>();
  let url = o.link.url();
  const backoff = createBackoff(50, 5_000);

  const isAllOrdered = (): boolean => o.store.log.size <= o.orderedSize();

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
    if (o.halted() || sent === null || sent >= o.store.log.size) return Infinity;
    const from = sent;
    // Many lone settlements make few batches, each of which costs every tier above a commit and signatures.
    const early = startedAt + PACE_MS - o.now();
    if (early > 0 && o.store.log.size - from < PACE_ENTRIES) return Math.ceil(early);
    startedAt = o.now();
    const { to, payload } = cut(from);
    const checkpoint = await signCheckpoint({ origin: o.signer.name, size: to, root: o.store.log.rootAt(to) }, o.signer);
    const proof = from === 0 ? [] : o.store.log.consistencyProof(from, to);
    const header = { node: o.node, from, size: to, checkpoint, proof: proof.map((h) => Buffer.from(h).toString('base64')) };
    url = o.link.url();
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
    if (error.code === 'fork' || error.code === 'rollback') {
      accusers.add(url);
      if (accusers.size >= o.quorum) o.halt(error.code, error.message);
      else o.incident(error.code, `${url}: ${error.message}; ${accusers.size} of ${o.quorum} replicas that have to say so`);
    }
    o.link.failed(url);
    o.logger.warn({ code: error.code, detail: error.message }, 'uplink: refused by the region');
    // A refusal that is not about load will not go away soon: ask rarely, but do ask.
    return error.retryAfter === undefined ? Math.max(pause, 1_000) : Math.max(pause, error.retryAfter * 1_000);
  });

  return Object.assign(loop, {
    regionHas(size: number, from: string) {
      if (size > o.store.log.size) {
        o.incident('unproven', `${from}: says it has ${size} entries of this node's log, the node itself has ${o.store.log.size}`);
        o.link.failed(from);
        return;
      }
      const time = o.now();
      if (isAllOrdered()) waitingSince = null;
      else waitingSince ??= time;
      if (sent !== null && waitingSince !== null && time - waitingSince > DOUBT_MS) {
        // Taken, perhaps, but not ordered: a replica that keeps batches to itself, or a region without quorum.
        waitingSince = time;
        sent = null;
        o.link.failed(from);
        return;
      }
      if (sent === null || size > sent) {
        sent = size;
        loop.wake();
      } else if (size < sent && !busy && time - sentAt > 2_000) {
        // Acknowledged, and gone since: lost between the region's stream and its replicas. Send it again.
        o.logger.warn({ sent, size }, 'uplink: the region has less than it acknowledged, sending again');
        sent = size;
        loop.wake();
      }
    },
    ordered() {
      waitingSince = isAllOrdered() ? null : o.now();
      accusers.clear();
    },
    sent: () => sent ?? 0,
  });
}
