/**
 * Tells the tiers above what the node counts: closes a window, signs and stores what was counted in it as the next numbered delta,
 * and sends deltas until the centre's own signature says that it has them. Settlements never wait for any of it.
 */
import { createBackoff, startLoop, type HttpClient, type Logger } from '../shell/index.ts';
import { openAcknowledgement, signDelta, type Gauges } from '../telemetry/index.ts';
import type { Signer, Trust } from '../transparency/index.ts';
import type { Figures } from './figures.ts';
import type { TelemetryStore } from './telemetry-store.ts';

/** A node of which there is nothing to tell says so this often. Milliseconds. */
const QUIET_MS = 60_000;
const TICK_MS = 1_000;
/** Of one request: deltas, and characters of them. */
const SEND_MOST = 32;
const SEND_CHARACTERS = 1024 * 1024;
const SEND_TIMEOUT_MS = 10_000;
/** Numbered deltas that wait; beyond, the window stays open, however long that takes: nothing that was counted is dropped. */
export const WAITING_MAX = 1_024;
/** Windows become twice as wide with each of so many deltas that wait, up to an hour: most of the WAITING_MAX are then of the first minutes. */
const WIDEN_EVERY = 64;
const WIDTH_MAX_MS = 3_600_000;

export interface TelemetryOptions {
  readonly node: string;
  readonly region: string;
  readonly trust: Trust;
  readonly signer: Signer;
  readonly store: TelemetryStore;
  readonly figures: Figures;
  /** Base URLs of the region's replicas. */
  readonly urls: readonly string[];
  /** Its own, so that no settlement waits for a connection. */
  readonly http: HttpClient;
  readonly logger: Logger;
  readonly now: () => number;
  /** Milliseconds; 0 counts and sends nothing. */
  readonly windowMs: number;
  /** Lets the figures look at the time. */
  readonly tick: (time: number) => void;
  readonly gauges: (time: number) => Gauges;
  readonly onIncident: (kind: string, detail: string) => void;
}

export interface Telemetry {
  readonly waiting: () => number;
  readonly stop: () => Promise<void>;
}

/** How long a window is when so many deltas wait. Milliseconds. */
export const windowWidth = (windowMs: number, waiting: number): number =>
  (waiting >= WAITING_MAX ? Infinity : Math.max(windowMs, Math.min(WIDTH_MAX_MS, windowMs * 2 ** Math.floor(waiting / WIDEN_EVERY))));

/** Of how things stand, what is told at once when it changes. */
const standingOf = ({ state, peers = {} }: Gauges): string => JSON.stringify([state, Object.entries(peers).map(([to, { up }]) => [to, up])]);

/** The steps, without a timer. */
export interface TelemetrySteps {
  /**
   * Closes the window, if it is time to.
   *
   * @param isLast the node stops: whatever was counted is told
   * @returns whether there is a new delta
   */
  close(isLast?: boolean): Promise<boolean>;
  /**
   * Sends the oldest deltas.
   *
   * @returns whether there may be more to send
   * @throws when they were not acknowledged
   */
  send(signal?: AbortSignal): Promise<boolean>;
}

type StepsOptions = Pick<TelemetryOptions, 'node' | 'region' | 'trust' | 'signer' | 'store' | 'figures' | 'urls' | 'now' | 'windowMs' | 'gauges'> & {
  readonly http: Pick<HttpClient, 'text'>;
};

export function createTelemetrySteps(o: StepsOptions): TelemetrySteps {
  const { store, figures } = o;
  // What was told stays told: a clock that was set back waits for its own past.
  let from = Math.max(Math.floor(o.now()), store.last()?.to ?? 0);
  let standing: string | null = null;
  let target = 0;
  return {
    async close(isLast = false) {
      const time = Math.floor(o.now());
      if (o.windowMs === 0 || time <= from) return false;
      const gauges = o.gauges(time);
      if (!isLast && time - from < windowWidth(o.windowMs, store.count())) return false;
      const stands = standingOf(gauges);
      if (!isLast && time - from < QUIET_MS && stands === standing && figures.quiet()) return false;
      const seq = (store.last()?.seq ?? 0) + 1;
      const { sums, marks } = figures.take();
      try {
        const delta = { origin: o.trust.origin, node: o.node, region: o.region, seq, acknowledged: store.acknowledged(), from, to: time, gauges, sums };
        store.add({ seq, note: await signDelta(delta, o.signer) }, time, marks);
      } catch (error) {
        figures.putBack();
        throw error;
      }
      figures.kept();
      from = time;
      standing = stands;
      return true;
    },

    async send(signal) {
      let characters = 0;
      const deltas = store.oldest(SEND_MOST).filter((d, i) => {
        characters += d.note.length;
        return i === 0 || characters <= SEND_CHARACTERS;
      });
      if (deltas.length === 0) return false;
      const url = o.urls[target % o.urls.length]!;
      try {
        const note = await o.http.text(`${url}/v1/telemetry`, {
          method: 'POST', body: JSON.stringify({ deltas: deltas.map((d) => d.note) }), type: 'application/json', timeoutMs: SEND_TIMEOUT_MS,
          ...(signal === undefined ? {} : { signal }),
        });
        const seq = openAcknowledgement(note, o.trust.origin, o.trust.global)[o.node] ?? 0;
        const last = store.last()?.seq ?? 0;
        if (seq > last) throw new Error(`the centre acknowledges delta ${seq}, the last one is ${last}`);
        if (seq < deltas[0]!.seq) throw new Error(`the centre has the deltas up to ${seq} only, ${deltas[0]!.seq} is not among them`);
        store.acknowledge(seq);
        return true;
      } catch (error) {
        target += 1;
        throw error;
      }
    },
  };
}

export function startTelemetry(o: TelemetryOptions): Telemetry {
  const { store } = o;
  const steps = createTelemetrySteps(o);
  const backoff = createBackoff(1_000, 30_000);

  const windows = startLoop(async () => {
    o.tick(o.now());
    if (await steps.close()) sender.wake();
    return Math.min(TICK_MS, o.windowMs === 0 ? TICK_MS : o.windowMs);
  }, (error) => {
    o.logger.error({ err: error }, 'telemetry: the window could not be closed, it stays open');
    return TICK_MS;
  });

  const sender = startLoop(async (signal) => {
    const more = await steps.send(signal);
    backoff.reset();
    return more ? 0 : Infinity;
  }, (error) => {
    const { code, status, message } = error as Error & { code?: string; status?: number };
    if (code === 'telemetry-conflict') {
      o.onIncident('telemetry-conflict', message);
      return QUIET_MS;
    }
    const isRefused = status !== undefined && status >= 400 && status < 500 && status !== 429;
    o.logger[isRefused ? 'warn' : 'debug']({ err: error }, 'telemetry: not taken; it is kept, and sent again');
    return backoff.next();
  });

  return {
    waiting: store.count,
    async stop() {
      await Promise.all([windows.stop(), sender.stop()]);
      await steps.close(true).catch((error: unknown) => o.logger.error({ err: error }, 'telemetry: the last window was not stored'));
      await o.http.close();
      store.close();
    },
  };
}
