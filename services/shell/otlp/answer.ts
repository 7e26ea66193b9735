/** What a receiver's answer to an export means: OTLP 1.x, "OTLP/HTTP Response" and "Failures". */
import type { Answer } from '../../protocol/http-client.ts';
import { retryAfterMs } from '../../protocol/retry-after.ts';

/** What is sent, as the end of its path. */
export const SIGNALS = ['traces', 'metrics'] as const;
export type Signal = (typeof SIGNALS)[number];

export type Verdict =
  /** `rejected`: spans or data points that the receiver did not want, which it will not want another time either. */
  | { readonly result: 'taken'; readonly rejected: number; readonly message: string }
  /** The same again, after so many milliseconds at least. */
  | { readonly result: 'later'; readonly afterMs: number; readonly message: string }
  | { readonly result: 'refused'; readonly message: string };

/** Of what the receiver says of its reasons, this much goes into our log. */
const MESSAGE_MAX = 200;
const RETRYABLE: readonly number[] = [429, 502, 503, 504];
/** Field of `partialSuccess` by signal (opentelemetry-proto, collector/<signal>/v1). */
const REJECTED = { traces: 'rejectedSpans', metrics: 'rejectedDataPoints' } as const satisfies Record<Signal, string>;

/** @param now milliseconds since 1970: what a date in `retry-after` is compared with */
export function verdictOf(signal: Signal, { status, headers, body }: Answer, now: number): Verdict {
  const said = readObject(body);
  if (status >= 200 && status < 300) {
    const partial = asObject(said['partialSuccess']);
    return { result: 'taken', rejected: natural(partial[REJECTED[signal]]), message: text(partial['errorMessage']) };
  }
  const message = `${status}${text(said['message']) === '' ? '' : `: ${text(said['message'])}`}`;
  if (RETRYABLE.includes(status)) return { result: 'later', afterMs: retryAfterMs(headers['retry-after'], now) ?? 0, message };
  // A redirect is not followed: our headers are for the receiver that the settings name.
  if (status >= 300 && status < 400) return { result: 'refused', message: `${message}: redirects are not followed` };
  return { result: 'refused', message };
}

function readObject(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(body.toString('utf8')));
  } catch {
    // The status says what there is to say.
    return {};
  }
}

const asObject = (value: unknown): Readonly<Record<string, unknown>> =>
  (typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : {});

/** 64-bit integers are decimal strings in OTLP's JSON; numbers are accepted too. */
function natural(value: unknown): number {
  const n = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(n) && (n as number) > 0 ? n as number : 0;
}

const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, MESSAGE_MAX) : '');
