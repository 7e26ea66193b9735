/** One attempt to deliver: a POST that follows nothing, waits for so long and no longer, and reads no more than it must. */
import type { SecureContext } from 'node:tls';
import { Agent, request } from 'undici';
import { retryAfterMs } from '../../protocol/retry-after.ts';
import { ATTEMPT_MS, type Attempt } from '../core/webhooks.ts';

/** Of an answer; the rest is for nobody. Bytes. */
const ANSWER_MAX = 4_096;
const CONNECTIONS_MAX = 4;

export interface Sent extends Attempt {
  /** Why it is no delivery; null when it is one. */
  readonly error: string | null;
}

export interface Sender {
  post(url: string, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal): Promise<Sent>;
  close(): Promise<void>;
}

export interface SenderOptions {
  /** Whom to believe behind an https URL. @default - whom Node trusts */
  readonly secureContext?: SecureContext | undefined;
  readonly now: () => number;
  /** One exchange, milliseconds. @default ATTEMPT_MS */
  readonly timeoutMs?: number;
}

export function createSender({ secureContext, now, timeoutMs = ATTEMPT_MS }: SenderOptions): Sender {
  const agent = new Agent({
    connections: CONNECTIONS_MAX, pipelining: 1, keepAliveTimeout: 10_000, allowH2: false, maxResponseSize: -1,
    connect: { timeout: Math.min(5_000, timeoutMs), rejectUnauthorized: true, ...(secureContext === undefined ? {} : { secureContext }) },
  });
  return {
    async post(url, headers, body, signal) {
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const response = await request(url, {
          dispatcher: agent, method: 'POST', headers, body, signal: AbortSignal.any([signal, timeout]), headersTimeout: timeoutMs, bodyTimeout: timeoutMs,
        });
        const { statusCode: status } = response;
        const isDelivered = status >= 200 && status < 300;
        // The status has come, and it decides; a body that is slow, endless or cut off changes nothing of it.
        const reading = beginning(response.body).catch(() => '');
        const text = isDelivered ? '' : await reading;
        return {
          status, retryAfterMs: retryAfterMs(response.headers['retry-after'], now()),
          error: isDelivered ? null : `it answered ${status}${status >= 300 && status < 400 ? ', and redirects are not followed' : ''}${text === '' ? '' : `: ${text}`}`,
        };
      } catch (error) {
        const { code, message, name } = error as Error & { code?: string };
        const why = timeout.aborted ? `no answer within ${timeoutMs} ms` : `${code ?? name}: ${message}`;
        return { status: null, retryAfterMs: null, error: why };
      }
    },
    close: () => agent.destroy(),
  };
}

/** The first characters of an answer, as one line of printable ASCII. Stops reading there. */
async function beginning(body: AsyncIterable<Buffer> & { destroy(): void }): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk.subarray(0, ANSWER_MAX));
    length += chunk.byteLength;
    if (length >= ANSWER_MAX) break;
  }
  body.destroy();
  return Buffer.concat(chunks).toString('latin1').replace(/[^\x20-\x7e]+/g, ' ').trim().slice(0, 200);
}
