import { describe, expect, test } from 'vitest';
import type { Drift } from '../../services/protocol/index.ts';
import { emptyHistogram, record, toJson } from '../../services/telemetry/index.ts';
import { addDrift, driftSince, emptyDrift, lagSince, quantilesOf } from './lag.ts';

const histogram = (...values: number[]): ReturnType<typeof emptyHistogram> => {
  const h = emptyHistogram();
  for (const v of values) record(h, v);
  return h;
};
const lag = (...values: number[]): { whole: ReturnType<typeof toJson> } => ({ whole: toJson(histogram(...values)) });

describe('lag since', () => {
  test('is exactly what was observed in between', () => {
    const since = lagSince(lag(1, 5, 0), lag(1, 5, 0, 100, 200, 300)).whole;
    expect(since.count).toBe(3);
    expect(since.buckets).toEqual(histogram(100, 200, 300).buckets);
    expect(quantilesOf(since).p50! / 200).toBeCloseTo(1, 1);
    expect(quantilesOf(since).max! / 300).toBeCloseTo(1, 1);
  });
  test('is all of it after a restart, or when nothing was before', () => {
    expect(lagSince(lag(1, 2, 3), lag(7)).whole.count).toBe(1);
    expect(lagSince(undefined, lag(7, 8)).whole.count).toBe(2);
  });
  test(
    'nothing new has no quantiles',
    () => expect(quantilesOf(lagSince(lag(4), lag(4)).whole)).toEqual({ count: 0, p50: null, p95: null, p99: null, max: null }),
  );
});

test('drift adds up, its maximum does not', () => {
  const a = { ...emptyDrift(), compared: 3, drifted: 1, amount: { EUR: '5' }, amountMax: { EUR: '5' } };
  const b = {
    ...emptyDrift(), compared: 2, drifted: 2, amount: { EUR: '9007199254740993', USD: '1' },
    amountMax: { EUR: '4', USD: '1' }, reversed: 1, reversedAmount: { EUR: '2' },
  };
  expect(addDrift(addDrift(emptyDrift(), a), b)).toEqual({
    compared: 5, drifted: 3, amount: {
      EUR: '9007199254740998', USD: '1',
    }, amountMax: { EUR: '5', USD: '1' }, reversed: 1, reversedAmount: { EUR: '2' },
  });
});

test('drift since the start of a replay', () => {
  const drift = (compared: number, drifted: number, amount: string, max: string, reversed = 0): Drift => ({
    compared, drifted, amount: { EUR: amount }, amountMax: { EUR: max }, reversed, reversedAmount: {},
  });
  expect(driftSince(drift(10, 2, '30', '20', 1), drift(15, 3, '37', '20', 1))).toEqual({ ...drift(5, 1, '7', '7', 0) });
  expect(driftSince(drift(10, 2, '30', '20'), drift(15, 2, '30', '20'))).toMatchObject({ drifted: 0, amountMax: { EUR: '0' } });
  expect(driftSince(undefined, drift(1, 1, '5', '5'))).toEqual(drift(1, 1, '5', '5'));
  // The node was started again in between.
  expect(driftSince(drift(10, 2, '30', '20'), drift(3, 1, '5', '5'))).toEqual(drift(3, 1, '5', '5'));
});
