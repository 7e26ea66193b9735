/** Retries: never sooner than asked, never for ever. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GIVE_UP_MS, pauseMs, verdictOf } from './webhooks.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('pauses double from some 5 seconds to 6 hours, and lie between a half of that and all of it', () => {
  expect([1, 2, 3, 4].map((n) => pauseMs(n, 0))).toEqual([2_500, 5_000, 10_000, 20_000]);
  fc.assert(fc.property(fc.integer({ min: 1, max: 10_000 }), random, (attempts, r) => {
    const most = Math.min(6 * 3_600_000, 5_000 * 2 ** Math.min(30, attempts - 1));
    expect(pauseMs(attempts, r)).toBeGreaterThanOrEqual(most / 2);
    expect(pauseMs(attempts, r)).toBeLessThanOrEqual(most);
  }));
});

test('a receiver is left alone for as long as it asks, but for a day at most', () => {
  const DAY = 86_400_000;
  expect([60_000, DAY, DAY + 1, Infinity].map((retryAfterMs) => verdictOf({ status: 503, retryAfterMs }, 1, 0, 0, 0)))
    .toEqual([60_000, DAY, DAY, DAY].map((at) => ({ kind: 'again', at, quietUntil: at })));
});

test('a receiver that never takes it is asked a bounded number of times within the three days, and not beyond them', () => {
  fc.assert(fc.property(fc.array(fc.record({ status: fc.constantFrom(null, 301, 400, 404, 429, 500, 503), asked: fc.option(fc.nat(90_000_000)), random }), { minLength: 60, maxLength: 60 }), (answers) => {
    let now = 0;
    for (const [i, { status, asked, random: r }] of answers.entries()) {
      const verdict = verdictOf({ status, retryAfterMs: asked }, i + 1, 0, now, r);
      if (verdict.kind === 'given-up') return;
      expect(verdict.kind).toBe('again');
      if (verdict.kind !== 'again') return;
      expect(verdict.at).toBeGreaterThanOrEqual(now + Math.max(2_500, Math.min(86_400_000, asked ?? 0)));
      expect(verdict.quietUntil - now).toBe(asked !== null && (status === 429 || status === 503) ? Math.min(86_400_000, asked) : 0);
      expect(verdict.at).toBeLessThanOrEqual(GIVE_UP_MS);
      now = verdict.at;
    }
    throw new Error('still not given up after 60 attempts');
  }));
});

test('2xx is a delivery, 410 the end, and the rest is tried again', () => {
  const kind = (status: number | null): string => verdictOf({ status, retryAfterMs: null }, 1, 0, 0, 0).kind;
  expect([200, 201, 202, 204, 299].map(kind)).toEqual(Array.from({ length: 5 }, () => 'delivered'));
  expect(kind(410)).toBe('gone');
  expect([null, 199, 300, 302, 400, 401, 415, 429, 500, 502, 599].map(kind)).toEqual(Array.from({ length: 11 }, () => 'again'));
});
