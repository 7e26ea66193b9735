import { expect, test } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

test('Retry-After: seconds and dates, never before now; anything else is as if it were not there', () => {
  const now = Date.UTC(2026, 10, 21, 12);
  const read = (header: string | string[] | undefined): number | null => retryAfterMs(header, now);
  expect(['120', ' 0 ', '99999999', 'Sat, 21 Nov 2026 12:01:00 GMT', 'Sat, 21 Nov 2026 11:00:00 GMT', ['5', '6']].map(read)).toEqual([120_000, 0, 99_999_999_000, 60_000, 0, 5_000]);
  expect([undefined, [], '', '-1', '1.5', 'soon', 'Fri, soon', '2026-11-21', '1e9'].map(read)).toEqual(Array.from({ length: 9 }, () => null));
});
