import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packTimes, timeAt } from './times.ts';

const time = fc.integer({ min: 0, max: 999_999_999_999_999 });

test('every time comes back, whatever the clock did in between', () => {
  fc.assert(fc.property(fc.array(time, { maxLength: 40 }), (times) => {
    const packed = packTimes(times);
    expect(times.map((_t, i) => timeAt(packed, i))).toEqual(times);
    expect(timeAt(packed, times.length)).toBeNull();
  }));
});

test('decisions that follow each other take a byte each', () => {
  const times = Array.from({ length: 1_000 }, (_, i) => 1_795_270_447_601 + i * 3);
  expect(packTimes(times).length).toBeLessThan(1_010);
});
