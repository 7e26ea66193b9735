/**
 * Sends traces and metrics to a receiver of the OpenTelemetry protocol (OTLP 1.x over HTTP, JSON). A service never waits for the
 * receiver: what it has to tell waits here, in bounded memory, and is dropped, counted and logged when it can't be told in time.
 *
 * Not OpenTelemetry's own exporters: these take settings from variables of theirs, log in a place of theirs, and keep
 * nothing while a receiver is away; and the SDK in front of them measures, while our histograms are finished. What is
 * left is a POST, over the client, authorities and certificate that every other call has.
 */
import { createBackoff } from '../../protocol/backoff.ts';
import type { HttpClient } from '../../protocol/http-client.ts';
import { startLoop, type Loop } from '../loop.ts';
import type { NumberMetric } from '../metrics.ts';
import type { Logger } from '../run.ts';
import { SIGNALS, verdictOf, type Signal, type Verdict } from './answer.ts';
import type { OtlpTarget } from './settings.ts';

/** Bounds, each for one signal. */
export const OTLP_LIMITS = {
  /** Requests that wait, the one under way among them. */
  waiting: 64,
  /** Bytes of all of them; one alone that is larger is not taken. */
  waitingBytes: 8 * 1024 * 1024,
  /** What waits longer is dropped (as the collector's own exporters do). Milliseconds. */
  ageMs: 300_000,
  /** One exchange (OTEL_EXPORTER_OTLP_TIMEOUT's default). Milliseconds. */
  timeoutMs: 10_000,
  /** Pause after a failure: doubled from the first to the second. A receiver that asks for more is given up to `ageMs`. Milliseconds. */
  backoffMs: [1_000, 60_000],
  /** At the stop, for everything that still waits. Milliseconds. */
  flushMs: 3_000,
  /** Failures and losses are told once in so many milliseconds, with how many there were since. */
  logEveryMs: 60_000,
  /** Bytes of an answer that are looked at. */
  answer: 16_384,
} as const;

/** Why a request did not arrive, as the label of the counter has it. */
const LOSSES = ['refused', 'expired', 'no-room', 'stopped'] as const;
type Loss = (typeof LOSSES)[number];

export interface OtlpExporter {
  /**
   * Takes one request's body: OTLP's JSON. Never rejects, and holds up nobody who does not wait.
   *
   * @returns once what became of the body is known: whether the receiver took it
   */
  readonly post: (signal: Signal, body: string) => Promise<boolean>;
  /** What became of it all. */
  readonly metrics: () => NumberMetric[];
  /** Sends what waits, each body once, and drops what has not arrived within `flushMs`. Takes nothing after. */
  readonly stop: () => Promise<void>;
}

export interface OtlpExporterOptions extends Pick<OtlpTarget, 'endpoint' | 'headers'> {
  readonly http: Pick<HttpClient, 'call'>;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** From 0 to 1, for the pauses. @default - Math.random */
  readonly random?: () => number;
}

interface Waiting {
  readonly body: string;
  readonly bytes: number;
  readonly since: number;
  readonly done: (isTaken: boolean) => void;
}

export function createOtlpExporter(o: OtlpExporterOptions): OtlpExporter {
  const lanes = new Map(SIGNALS.map((signal) => [signal, startLane(signal, o)] as const));
  const count = (name: string, help: string, read: (lane: Lane) => number, type: NumberMetric['type'] = 'counter'): NumberMetric =>
    ({ name: `tidemark_otlp_${name}`, help, type, samples: [...lanes].map(([signal, lane]) => ({ labels: { signal }, value: read(lane) })) });
  return {
    post: (signal, body) => lanes.get(signal)!.post(body),
    metrics: () => [
      count('sent_total', 'Requests that the OTLP receiver took.', (lane) => lane.sent()),
      count('failed_total', 'Tries that failed: no answer, or one that asks to try again.', (lane) => lane.failed()),
      count('rejected_total', 'Spans or data points that the OTLP receiver did not want, of requests that it took.', (lane) => lane.rejected()),
      count('waiting', 'Requests that wait to be sent.', (lane) => lane.waiting(), 'gauge'),
      {
        name: 'tidemark_otlp_dropped_total', help: 'Requests that never arrived, by why.', type: 'counter',
        samples: [...lanes].flatMap(([signal, lane]) => LOSSES.map((reason) => ({ labels: { signal, reason }, value: lane.lost(reason) }))),
      },
    ],
    async stop() {
      await Promise.all([...lanes.values()].map((lane) => lane.stop()));
    },
  };
}

interface Lane {
  post(body: string): Promise<boolean>;
  sent(): number;
  failed(): number;
  rejected(): number;
  waiting(): number;
  lost(reason: Loss): number;
  stop(): Promise<void>;
}

/** One signal's way: requests one after the other, in order. */
function startLane(signal: Signal, o: OtlpExporterOptions): Lane {
  const url = `${o.endpoint}/v1/${signal}`;
  const backoff = createBackoff(...OTLP_LIMITS.backoffMs, o.random);
  const queue: Waiting[] = [];
  let queuedBytes = 0;
  let [sent, failed, rejected] = [0, 0, 0];
  const lost = new Map<Loss, number>();
  const tell = createThrottle(o);
  let isStopped = false;
  /** The one under way: it does not give way to others. */
  let sending: Waiting | null = null;
  let isAway = false;
  const cut = new AbortController();

  function leave(waiting: Waiting, isTaken: boolean): void {
    queue.splice(queue.indexOf(waiting), 1);
    queuedBytes -= waiting.bytes;
    waiting.done(isTaken);
  }

  function drop(waiting: Waiting | null, reason: Loss, why: string): void {
    lost.set(reason, (lost.get(reason) ?? 0) + 1);
    tell(`lost-${reason}`, { signal, url, reason, why }, 'telemetry was dropped: it did not get to the OTLP receiver');
    if (waiting !== null) leave(waiting, false);
  }

  async function send(waiting: Waiting): Promise<Verdict> {
    try {
      const answer = await o.http.call(url, {
        method: 'POST', body: waiting.body, type: 'application/json', headers: o.headers,
        timeoutMs: OTLP_LIMITS.timeoutMs, signal: cut.signal, answerMax: OTLP_LIMITS.answer,
      });
      return verdictOf(signal, answer, o.now());
    } catch (error) {
      return { result: 'later', afterMs: 0, message: (error as Error).message.slice(0, 300) };
    }
  }

  /** @returns milliseconds until the next try, or 0 when there is no need to wait */
  async function sendFirst(): Promise<number> {
    const first = queue[0]!;
    sending = first;
    const verdict = await send(first);
    sending = null;
    if (verdict.result === 'later') {
      failed += 1;
      isAway = true;
      tell('failed', { signal, url, why: verdict.message }, 'the OTLP receiver did not take telemetry; it is tried again');
      return Math.min(OTLP_LIMITS.ageMs, Math.max(backoff.next(), verdict.afterMs));
    }
    backoff.reset();
    if (isAway) o.logger.info({ signal, url }, 'the OTLP receiver answers again');
    isAway = false;
    if (verdict.result === 'refused') {
      drop(first, 'refused', verdict.message);
      return 0;
    }
    sent += 1;
    rejected += verdict.rejected;
    if (verdict.rejected > 0 || verdict.message !== '') {
      tell('partial', { signal, url, rejected: verdict.rejected, why: verdict.message }, 'the OTLP receiver took telemetry, and has something to say about it');
    }
    leave(first, true);
    return 0;
  }

  function expire(): void {
    for (let first = queue[0]; first !== undefined && o.now() - first.since >= OTLP_LIMITS.ageMs; first = queue[0]) {
      drop(first, 'expired', `the receiver was away for ${OTLP_LIMITS.ageMs / 1_000} s`);
    }
  }

  /** When the receiver may be asked again, by `now`. New telemetry must not break the pause. */
  let quietUntil = 0;
  const loop: Loop = startLoop(async () => {
    expire();
    if (queue.length === 0) return Infinity;
    const left = quietUntil - o.now();
    // More than ever was asked for: the clock was set back.
    if (left > 0 && left <= OTLP_LIMITS.ageMs) return left;
    const pause = await sendFirst();
    quietUntil = pause === 0 ? 0 : o.now() + pause;
    return pause;
  }, () => OTLP_LIMITS.backoffMs[1]);

  return {
    post(body) {
      const bytes = Buffer.byteLength(body);
      if (isStopped) {
        drop(null, 'stopped', 'the service stops');
        return Promise.resolve(false);
      }
      if (bytes > OTLP_LIMITS.waitingBytes) {
        drop(null, 'no-room', `${bytes} bytes at once; at most ${OTLP_LIMITS.waitingBytes} are sent`);
        return Promise.resolve(false);
      }
      const { promise, resolve } = Promise.withResolvers<boolean>();
      queue.push({ body, bytes, since: o.now(), done: resolve });
      queuedBytes += bytes;
      // The oldest gives way: what is newer says more, and counters hold what was in the ones before.
      while (queue.length > OTLP_LIMITS.waiting || queuedBytes > OTLP_LIMITS.waitingBytes) {
        drop(queue[sending === null ? 0 : 1]!, 'no-room', 'too much waits for the receiver');
      }
      loop.wake();
      return promise;
    },
    sent: () => sent,
    failed: () => failed,
    rejected: () => rejected,
    waiting: () => queue.length,
    lost: (reason) => lost.get(reason) ?? 0,
    async stop() {
      if (isStopped) return;
      isStopped = true;
      const deadline = setTimeout(() => cut.abort(), OTLP_LIMITS.flushMs);
      try {
        await loop.stop();
        // Once each, without a pause: if the receiver does not take the first one, it is away.
        while (queue.length > 0 && !cut.signal.aborted) if (await sendFirst() > 0) break;
      } finally {
        clearTimeout(deadline);
        while (queue.length > 0) drop(queue[0]!, 'stopped', 'the service stopped before the receiver had it');
      }
    },
  };
}

/** Says the first of a kind at once, and the next after `logEveryMs` with the number of those in between. */
function createThrottle({ logger, now }: Pick<OtlpExporterOptions, 'logger' | 'now'>): (kind: string, bindings: object, message: string) => void {
  const said = new Map<string, { at: number; unsaid: number }>();
  return (kind, bindings, message) => {
    const last = said.get(kind);
    if (last !== undefined && now() - last.at < OTLP_LIMITS.logEveryMs) {
      last.unsaid += 1;
      return;
    }
    said.set(kind, { at: now(), unsaid: 0 });
    logger.warn({ ...bindings, ...(last === undefined || last.unsaid === 0 ? {} : { before: last.unsaid }) }, message);
  };
}
