import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packTimes, TIME_MAX, timeAt } from './times.ts';

/** Whatever an entry may say. */
const time = fc.oneof(fc.integer({ min: 0, max: 999_999_999_999_999 }), fc.maxSafeNat(), fc.constantFrom(0, TIME_MAX, TIME_MAX + 1, Number.MAX_SAFE_INTEGER));

test('every time that a clock may tell comes back, whatever it did in between', () => {
  fc.assert(fc.property(fc.array(time, { maxLength: 40 }), (times) => {
    const packed = packTimes(times);
    expect(times.map((_t, i) => timeAt(packed, i))).toEqual(times.map((t) => Math.min(t, TIME_MAX)));
    expect(timeAt(packed, times.length)).toBeNull();
  }));
});

test('decisions that follow each other take a byte each', () => {
  const times = Array.from({ length: 1_000 }, (_, i) => 1_795_270_447_601 + i * 3);
  expect(packTimes(times).length).toBeLessThan(1_010);
});
