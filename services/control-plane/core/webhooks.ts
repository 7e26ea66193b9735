/** When a delivery is tried again, and what an answer to it means. Pure; times in milliseconds. */

/** A receiver that needs longer has not got it. */
export const ATTEMPT_MS = 15_000;
/** Tried for so long, then given up. */
export const GIVE_UP_MS = 3 * 24 * 60 * 60_000;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 6 * 60 * 60_000;
/** What a receiver may ask for at most. */
const RETRY_AFTER_MAX_MS = 24 * 60 * 60_000;

/**
 * The pause after a failed attempt: twice as long each time, from 5 seconds to 6 hours; a part of it, a half at least, by chance, so
 * that what failed together does not come back together.
 * @param attempts so far, this one included
 * @param random from 0 to below 1
 */
export const pauseMs = (attempts: number, random: number): number =>
  Math.round(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempts - 1, 30)) * (1 + random) / 2);

/** How an attempt ended: an answer, or none. */
export interface Attempt {
  /** Null: no answer in time, no connection, or one that broke. */
  readonly status: number | null;
  /** What the receiver asked for; null when it did not. */
  readonly retryAfterMs: number | null;
}

export type Verdict =
  | { readonly kind: 'delivered' }
  /** Again at `at`; until `quietUntil` nothing at all is sent to this receiver. */
  | { readonly kind: 'again'; readonly at: number; readonly quietUntil: number }
  /** Too old. */
  | { readonly kind: 'given-up' }
  /** The receiver wants nothing any more (410, CloudEvents HTTP 1.1 Web Hooks, section 2.2). It waits, until the service starts again. */
  | { readonly kind: 'gone' };

/**
 * Only 2xx is a delivery: a redirect is not followed, as it would take what was signed to an address that nobody wrote down. A
 * refusal may be a mistake that somebody mends, so it is tried again as well.
 * @param createdAt when there was something to deliver first
 */
export function verdictOf({ status, retryAfterMs }: Attempt, attempts: number, createdAt: number, now: number, random: number): Verdict {
  const asked = retryAfterMs === null ? null : Math.min(RETRY_AFTER_MAX_MS, retryAfterMs);
  if (status !== null && status >= 200 && status < 300) return { kind: 'delivered' };
  const at = now + Math.max(pauseMs(attempts, random), asked ?? 0);
  if (at > createdAt + GIVE_UP_MS) return { kind: 'given-up' };
  if (status === 410) return { kind: 'gone' };
  // Who says when to come back says so for everything (RFC 6585, section 4; RFC 9110, section 15.6.4).
  return { kind: 'again', at, quietUntil: asked !== null && (status === 429 || status === 503) ? now + asked : now };
}
