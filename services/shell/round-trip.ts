/**
 * Round trips over HTTP, on a connection that stays open: what is measured is the time from a request on it to the head of the answer.
 * What it takes to open one (TCP's and TLS's handshakes) is never part of a figure: a request that found none, or that went out on a
 * new one, opens it, and another one is measured.
 */
import type { SecureContext } from 'node:tls';
import { Client } from 'undici';

export interface RoundTrip {
  /**
   * Milliseconds; the whole of it, with opening a connection where there is none, within `timeoutMs`.
   * @throws when there was no answer of status 200 by then
   */
  measure(timeoutMs: number, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

export interface RoundTripOptions {
  /** What is asked for: small, answered at once, the same each time. */
  readonly url: string;
  /** As of createHttpClient. */
  readonly secureContext?: SecureContext | undefined;
  /** Milliseconds, finer than one. */
  readonly now: () => number;
}

/** One that opens the connection, one that is measured, and one more when the other side closed an old connection in between. */
const REQUESTS_MAX = 3;
/** An answer to a probe is a few bytes. */
const ANSWER_MAX = 16 * 1024;

export function createRoundTrip({ url, secureContext, now }: RoundTripOptions): RoundTrip {
  const { origin, pathname } = new URL(url);
  let opened = 0;
  const client = new Client(origin, {
    pipelining: 1, keepAliveTimeout: 30_000, headersTimeout: 0, bodyTimeout: 0, maxResponseSize: ANSWER_MAX, allowH2: false,
    connect: { timeout: 5_000, rejectUnauthorized: true, ...(secureContext === undefined ? {} : { secureContext }) },
  });
  client.on('connect', () => {
    opened += 1;
  });

  async function request(signal: AbortSignal): Promise<{ status: number; rttMs: number }> {
    const sentAt = now();
    const { statusCode: status, body } = await client.request({ path: pathname, method: 'GET', signal });
    const rttMs = Math.max(0, now() - sentAt);
    await body.dump({ limit: ANSWER_MAX, signal });
    return { status, rttMs };
  }

  return {
    async measure(timeoutMs, signal) {
      const both = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      let failure: unknown = null;
      for (let requests = 0; requests < REQUESTS_MAX; requests += 1) {
        const before = opened;
        const wasOpen = client.stats.connected;
        let answer: { readonly status: number; readonly rttMs: number };
        try {
          answer = await request(both);
        } catch (error) {
          // Only what an old connection did is tried again: whoever refuses a new one is not there.
          if (both.aborted || !wasOpen) throw error;
          failure = error;
          continue;
        }
        if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
        if (wasOpen && opened === before) return answer.rttMs;
      }
      throw failure ?? new Error(`${url}: no connection stays open`);
    },
    close: () => client.destroy(),
  };
}
