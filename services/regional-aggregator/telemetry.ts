/**
 * Passes the nodes' telemetry on to the centre. Nothing is kept here: what comes in while a request is under way goes with the next
 * one, with a signed sum of it all, and a node keeps its deltas until the centre's own acknowledgement is back. So a replica that
 * fails, or fails over, can lose nothing and count nothing twice.
 */
import { EncodingError, Problem } from '../protocol/index.ts';
import { problemOf, UnreachableError, type HttpClient, type Logger } from '../shell/index.ts';
import { DELTAS_MAX, openDelta, signSum, sumOf, type Delta, type Signed } from '../telemetry/index.ts';
import { NoteError, type RegionTrust, type Signer } from '../transparency/index.ts';
import type { Centre } from './centre.ts';

/** Characters of notes that wait or are under way; beyond, nodes are asked to come back. */
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** Requests of one node that wait or are under way: it sends one at a time, and one more when it gave up waiting. More would take the others' room. */
const NODE_WAITING_MAX = 2;
/** Of one request to the centre; in JSON it is a little more. Its sum can be as long, and has to fit a signed note (NOTE_MAX). */
const REQUEST_BYTES_MAX = 768 * 1024;
const TIMEOUT_MS = 8_000;
/** Answers of the centre that can be about what one of the nodes tells: refused, too large, or something that the centre can't cope with. */
const CONTENT_STATUS: readonly number[] = [400, 403, 409, 413, 422, 500];
export const TELEMETRY_BODY_MAX = 4 * 1024 * 1024;

interface Waiting {
  readonly node: string;
  readonly deltas: readonly Signed<Delta>[];
  readonly bytes: number;
  readonly done: (note: string) => void;
  readonly failed: (error: unknown) => void;
}

export interface TelemetryRelay {
  /** @returns the centre's signed acknowledgement @throws Problem */
  take(notes: readonly string[]): Promise<string>;
  /** Deltas that this replica has passed on since it was started. */
  passed(): number;
  stop(): Promise<void>;
}

export interface TelemetryRelayOptions {
  readonly origin: string;
  readonly trust: RegionTrust;
  readonly signer: Signer;
  readonly centre: Centre;
  /** Its own. */
  readonly http: HttpClient;
  readonly logger: Logger;
  readonly now: () => number;
}

export function createTelemetryRelay(o: TelemetryRelayOptions): TelemetryRelay {
  const waiting: Waiting[] = [];
  let bytes = 0;
  const open = new Map<string, number>();
  let passed = 0;
  let running: Promise<void> | null = null;
  const abort = new AbortController();

  /** What fits one request, whole nodes' requests at a time. */
  function next(): Waiting[] {
    let [count, size, n] = [0, 0, 0];
    for (const w of waiting) {
      if (n > 0 && (count + w.deltas.length > DELTAS_MAX || size + w.bytes > REQUEST_BYTES_MAX)) break;
      count += w.deltas.length;
      size += w.bytes;
      n += 1;
    }
    return waiting.splice(0, n);
  }

  async function send(group: readonly Waiting[]): Promise<void> {
    const deltas = group.flatMap((w) => w.deltas);
    try {
      const sum = await signSum(sumOf(o.origin, o.trust.id, Math.floor(o.now()), deltas.map((d) => d.value)), o.signer);
      const path = '/v1/telemetry';
      const answer = await o.centre.call(o.http, path, {
        method: 'POST', type: 'application/json', timeoutMs: TIMEOUT_MS, signal: abort.signal,
        body: JSON.stringify({ region: o.trust.id, sum, deltas: deltas.map((d) => d.note) }),
      });
      if (answer.status !== 200) throw problemOf(path, answer);
      passed += deltas.length;
      for (const w of group) w.done(answer.body.toString('utf8'));
    } catch (error) {
      // What one node tells is no reason to keep the others waiting: where the centre does not say which, halves show it.
      const isContent = error instanceof Problem && CONTENT_STATUS.includes(error.status);
      const refused = isContent ? error.extra['node'] : undefined;
      const others = group.filter((w) => w.node !== refused);
      if (!isContent || others.length === 0 || group.length === 1) {
        for (const w of group) w.failed(error);
      } else if (others.length < group.length) {
        for (const w of group) if (w.node === refused) w.failed(error);
        await send(others);
      } else {
        const half = group.length >> 1;
        await send(group.slice(0, half));
        await send(group.slice(half));
      }
    }
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const group = next();
      await send(group);
      bytes -= group.reduce((sum, w) => sum + w.bytes, 0);
    }
    running = null;
  }

  function opened(notes: readonly string[]): Signed<Delta>[] {
    try {
      return notes.map((note) => openDelta(note, o.origin, o.trust.id, o.trust.nodes));
    } catch (error) {
      if (error instanceof EncodingError) throw new Problem(400, 'bad-delta', error.message);
      if (error instanceof NoteError) throw new Problem(error.code === 'malformed' ? 400 : 403, 'bad-delta', error.message);
      throw error;
    }
  }

  return {
    passed: () => passed,
    async take(notes) {
      if (abort.signal.aborted) throw new Problem(503, 'stopping', 'the service is stopping', {}, 1);
      const size = notes.reduce((sum, note) => sum + note.length, 0);
      if (bytes + size > WAITING_BYTES_MAX) throw new Problem(503, 'busy', `${bytes} bytes of telemetry wait for the centre, at most ${WAITING_BYTES_MAX} may; keep it`, {}, 5);
      const deltas = opened(notes);
      const { node } = deltas[0]!.value;
      if (deltas.some((d, i) => d.value.node !== node || (i > 0 && d.value.seq <= deltas[i - 1]!.value.seq))) {
        throw new Problem(400, 'bad-delta', 'deltas: expected those of one node, in the order of their numbers');
      }
      const under = open.get(node) ?? 0;
      if (under >= NODE_WAITING_MAX) throw new Problem(429, 'busy', `${under} requests of ${node} wait for the centre already; wait for their answers`, {}, 5);
      open.set(node, under + 1);
      const answer = new Promise<string>((done, failed) => void waiting.push({ node, deltas, bytes: size, done, failed }));
      bytes += size;
      running ??= run();
      try {
        return await answer;
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
        throw new Problem(503, 'centre-unreachable', 'the control plane does not answer; keep the deltas and try again', {}, 1);
      } finally {
        open.set(node, open.get(node)! - 1);
      }
    },
    async stop() {
      abort.abort();
      for (const w of waiting.splice(0)) w.failed(new Problem(503, 'stopping', 'the service is stopping', {}, 1));
      await running;
      await o.http.close();
    },
  };
}
