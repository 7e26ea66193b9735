/**
 * What `retry-after` says: seconds, or a date (RFC 9110, section 10.2.3).
 *
 * @param now milliseconds since 1970: what a date is compared with
 * @returns milliseconds from `now`, never below 0; null when it is not there or neither of the two
 */
export function retryAfterMs(header: string | readonly string[] | undefined, now: number): number | null {
  const text = (typeof header === 'string' ? header : header?.[0])?.trim() ?? '';
  const ms = /^[0-9]{1,10}$/.test(text) ? Number(text) * 1_000 : /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) - now : Number.NaN;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}
