/** HTTP towards other tiers: bounded time, problems as errors, frames. */
import type { SecureContext } from 'node:tls';
import { Agent, request } from 'undici';
import { Problem } from './errors.ts';
import { decodeFrame, FRAME_MAX, FRAME_TYPE, type Frame } from './frame.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: Buffer | string;
  readonly type?: string;
  readonly token?: string;
  /** Beside those that the other fields make. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of the answer's body that are wanted; the rest is not read. @default - all of it, and one that is too large is an error */
  readonly answerMax?: number;
  /** Whole exchange, milliseconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The other side could not be reached, or did not answer in time. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export interface HttpClient {
  /** Any answer, whatever its status. @throws UnreachableError */
  call(url: string, call?: Call): Promise<Answer>;
  /** @throws Problem when the status is not 2xx, UnreachableError */
  json<T>(url: string, call?: Call & { json?: unknown }): Promise<T>;
  frame(url: string, call?: Call): Promise<Frame<Record<string, unknown>>>;
  text(url: string, call?: Call): Promise<string>;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  /** Whom to believe behind an https URL, and the certificate to show when asked for one. @default - whom Node trusts, and none */
  readonly secureContext?: SecureContext | undefined;
}

const TIMEOUT_MS = 10_000;

export function createHttpClient({ secureContext }: HttpClientOptions = {}): HttpClient {
  const agent = new Agent({
    connections: 64, pipelining: 1, keepAliveTimeout: 30_000,
    // Who waits for whom is counted in connections, so that no two exchanges share one.
    allowH2: false,
    // Said here, so that no variable of the environment says otherwise.
    connect: { timeout: 5_000, rejectUnauthorized: true, ...(secureContext === undefined ? {} : { secureContext }) },
  });

  async function call(url: string, c: Call = {}): Promise<Answer> {
    const timeout = AbortSignal.timeout(c.timeoutMs ?? TIMEOUT_MS);
    const signal = c.signal === undefined ? timeout : AbortSignal.any([c.signal, timeout]);
    try {
      const response = await request(url, {
        dispatcher: agent, method: c.method ?? 'GET', signal, headersTimeout: 0, bodyTimeout: 0,
        headers: {
          ...c.headers,
          ...(c.type === undefined ? {} : { 'content-type': c.type }),
          ...(c.token === undefined ? {} : { authorization: `Bearer ${c.token}` }),
        },
        ...(c.body === undefined ? {} : { body: c.body }),
      });
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        length += chunk.byteLength;
        if (length > (c.answerMax ?? FRAME_MAX + 65_536)) {
          response.body.destroy();
          if (c.answerMax === undefined) throw new Error(`answer larger than ${FRAME_MAX} bytes`);
          chunks.push(chunk.subarray(0, chunk.byteLength - (length - c.answerMax)));
          break;
        }
        chunks.push(chunk);
      }
      return { status: response.statusCode, headers: response.headers, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) };
    } catch (error) {
      const cause = error as Error & { code?: string };
      throw new UnreachableError(`${c.method ?? 'GET'} ${url}: ${cause.code ?? cause.name}: ${cause.message}`, { cause: error });
    }
  }

  async function ok(url: string, c?: Call): Promise<Answer> {
    const answer = await call(url, c);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw problemOf(url, answer);
  }

  return {
    call,
    async json<T>(url: string, c: Call & { json?: unknown } = {}): Promise<T> {
      const { json, ...rest } = c;
      const answer = await ok(url, json === undefined ? rest : { ...rest, body: JSON.stringify(json), type: 'application/json' });
      return JSON.parse(answer.body.toString('utf8')) as T;
    },
    frame: async (url, c) => {
      const answer = await ok(url, c);
      if (answer.headers['content-type'] !== FRAME_TYPE) throw new UnreachableError(`${url}: expected ${FRAME_TYPE}, got ${answer.headers['content-type'] ?? 'no media type'}`);
      return decodeFrame(answer.body);
    },
    text: async (url, c) => (await ok(url, c)).body.toString('utf8'),
    close: () => agent.destroy(),
  };
}

/** The problem that an answer carries, or one made from its status. */
export function problemOf(url: string, answer: Answer): Problem {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(answer.body.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // Not from one of ours: the status says what there is to say.
  }
  const { code, detail, type: _type, title: _title, status: _status, ...extra } = body;
  const retry = Number(answer.headers['retry-after']);
  return new Problem(
    answer.status, typeof code === 'string' ? code : `http-${answer.status}`,
    typeof detail === 'string' ? detail : `${url} answered ${answer.status}`, extra,
    Number.isFinite(retry) && retry > 0 ? retry : undefined,
  );
}
