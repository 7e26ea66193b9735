/** How the sites stand right now, once a second to whoever listens: server-sent events (WHATWG HTML, section 9.2). */
import type { ServerResponse } from 'node:http';
import { quantile } from '../../telemetry/index.ts';
import type { Trust } from '../../transparency/index.ts';
import type { Latest } from './ingest.ts';

export const LISTENERS_MAX = 64;
const PERIOD_MS = 1_000;
/** A node of which nothing was heard for so long is silent: one that has nothing to tell says so every minute. */
export const SILENT_MS = 90_000;
/** What a node told so long ago is no longer what happens now; three windows and the way. */
const NOW_MS = 20_000;
/** Of a node that is connected, its region asks for outcomes every ten seconds: after two such rounds without, something is cut off. */
const LATE_MS = 20_000;
/** A listener that does not keep up is let go. Bytes. */
const BACKLOG_MAX = 1024 * 1024;

export interface SiteNow {
  readonly id: string;
  readonly region: string;
  readonly state: 'ready' | 'disconnected' | 'halted' | 'silent' | 'unknown';
  /** When its last delta came; null before the first. */
  readonly heardAt: number | null;
  /** When its last delta came, or its region last asked for its outcomes, which nobody has signed; null before the first of them. */
  readonly contactAt: number | null;
  /** Whether there should have been a word since: it, its region or this centre may be cut off. */
  readonly isLate: boolean;
  /** Settlements decided a second. */
  readonly perSecond: number;
  /** Request to final, milliseconds; null when nothing became final in the last window. */
  readonly lagMs: { readonly p50: number | null; readonly p95: number | null; readonly p99: number | null };
  readonly provisionalRatio: number | null;
  readonly provisional: number | null;
  readonly provisionalAgeMs: number | null;
  /** By age: at most so old as each of `PROVISIONAL_AGES_MS`, and older than all; null when it did not say. */
  readonly provisionalByAge: readonly number[] | null;
  readonly queued: number | null;
  readonly seq: number | null;
}

/** @param asked when the outcomes of each node were last asked for, milliseconds since 1970 */
export function sitesNow(trust: Trust, latest: ReadonlyMap<string, Latest>, now: number, asked: ReadonlyMap<string, number> = new Map()): SiteNow[] {
  return [...trust.regions.values()].flatMap((region) => [...region.nodes.keys()].map((id): SiteNow => {
    const last = latest.get(id);
    const contacts = [last?.receivedAt, asked.get(id)].filter((at) => at !== undefined);
    const contactAt = contacts.length === 0 ? null : Math.max(...contacts);
    const contact = { contactAt, isLate: contactAt !== null && now - contactAt > LATE_MS };
    if (last === undefined) {
      return {
        id, region: region.id, state: 'unknown', heardAt: null, ...contact, perSecond: 0, lagMs: { p50: null, p95: null, p99: null },
        provisionalRatio: null, provisional: null, provisionalAgeMs: null, provisionalByAge: null, queued: null, seq: null,
      };
    }
    const { delta, decided, whole, receivedAt } = last;
    const isFresh = now - receivedAt <= NOW_MS;
    const { state, provisionalRatio, provisional, provisionalAgeMs, provisionalByAge = null, queued } = delta.gauges;
    return {
      id, region: region.id, state: now - receivedAt > SILENT_MS ? 'silent' : state, heardAt: receivedAt, ...contact,
      perSecond: isFresh ? decided * 1_000 / (delta.to - delta.from) : 0,
      lagMs: isFresh ? { p50: quantile(whole, 0.5), p95: quantile(whole, 0.95), p99: quantile(whole, 0.99) } : { p50: null, p95: null, p99: null },
      provisionalRatio, provisional, provisionalAgeMs, provisionalByAge, queued, seq: delta.seq,
    };
  }));
}

export interface Live {
  /** @returns false when there are too many already */
  listen(response: ServerResponse): boolean;
  count(): number;
  stop(): void;
}

/** @param snapshot what is told, as JSON */
export function createLive(snapshot: () => string): Live {
  const listeners = new Set<ServerResponse>();
  let timer: NodeJS.Timeout | null = null;
  const event = (): string => `event: status\ndata: ${snapshot()}\n\n`;
  function tell(): void {
    const text = event();
    for (const response of listeners) {
      if (response.writableLength > BACKLOG_MAX) response.destroy();
      else response.write(text);
    }
  }
  return {
    listen(response) {
      if (listeners.size >= LISTENERS_MAX) return false;
      listeners.add(response);
      timer ??= setInterval(tell, PERIOD_MS);
      response.on('close', () => {
        listeners.delete(response);
        if (listeners.size > 0 || timer === null) return;
        clearInterval(timer);
        timer = null;
      });
      response.write(`retry: 2000\n${event()}`);
      return true;
    },
    count: () => listeners.size,
    stop() {
      if (timer !== null) clearInterval(timer);
      timer = null;
      for (const response of listeners) response.destroy();
    },
  };
}
