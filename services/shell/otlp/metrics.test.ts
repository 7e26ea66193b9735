import fc from 'fast-check';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { emptyHistogram, merge, record, toJson, type Histogram } from '../../telemetry/index.ts';
import type { Metric } from '../metrics.ts';
import { anyHistogram } from '../testing-metrics.ts';
import { denseBuckets, encodeMetricsRequest, takeSnapshot, type MetricsContext, type Snapshot, type Temporality } from './metrics.ts';
import { SEND_EVERY_MS, startSending } from './send.ts';

const START = 1_790_000_000_000;
const nano = (ms: number): string => `${START + ms}000000`;

interface Point {
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly asInt?: string;
  readonly asDouble?: number;
  readonly count?: string;
  readonly sum?: number;
  readonly zeroCount?: string;
  readonly positive?: { readonly offset: number; readonly bucketCounts: readonly string[] };
}

const counter = (value: number, more: object = {}): Metric => ({ name: 'c_total', help: 'C.', type: 'counter', samples: [{ value }], ...more });
const lag = (histogram: Histogram): Metric => ({ name: 'lag_ms', help: 'L.', type: 'histogram', unit: 'ms', samples: [{ labels: { stage: 'final' }, histogram }] });
const histogramOf = (...values: number[]): Histogram => {
  const h = emptyHistogram();
  for (const v of values) record(h, v);
  return h;
};

/** Data points by name of the metric. */
function pointsOf(body: string): { c_total: Point[]; lag_ms: Point[] } {
  const { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] } = JSON.parse(body) as { resourceMetrics: [{ scopeMetrics: [{ metrics: Record<string, unknown>[] }] }] };
  return Object.fromEntries(metrics.map((m) => [m['name'], ((m['sum'] ?? m['gauge'] ?? m['exponentialHistogram']) as { dataPoints: Point[] }).dataPoints])) as { c_total: Point[]; lag_ms: Point[] };
}

const context = (temporality: Temporality, first: Snapshot | null = null): MetricsContext => ({ resource: {}, temporality, startedAt: START, first });

describe('a request', () => {
  it('names, describes and types each metric once, as OTLP has it', () => {
    const body = encodeMetricsRequest(takeSnapshot([counter(3), lag(histogramOf(0, 1)), { name: 'g', help: 'G.', type: 'gauge', samples: [{ value: 0.5 }, { value: Number.NaN }] }], START + 5), null, {
      ...context('cumulative'), resource: { 'service.name': 'x' },
    });
    expect(JSON.parse(body)).toEqual({
      resourceMetrics: [{
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'x' } }] },
        scopeMetrics: [{
          scope: { name: 'tidemark', version: '1' },
          metrics: [
            {
              name: 'c_total', description: 'C.',
              sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ attributes: [], startTimeUnixNano: nano(0), timeUnixNano: nano(5), asInt: '3' }] },
            },
            {
              name: 'lag_ms', description: 'L.', unit: 'ms',
              exponentialHistogram: {
                aggregationTemporality: 2,
                dataPoints: [{
                  attributes: [{ key: 'stage', value: { stringValue: 'final' } }], startTimeUnixNano: nano(0), timeUnixNano: nano(5), count: '2', sum: 1, scale: 6,
                  zeroCount: '1', zeroThreshold: 0, positive: { offset: -1, bucketCounts: ['1'] }, negative: { offset: 0, bucketCounts: [] }, min: 0, max: 1,
                }],
              },
            },
            { name: 'g', description: 'G.', gauge: { dataPoints: [{ attributes: [], timeUnixNano: nano(5), asDouble: 0.5 }] } },
          ],
        }],
      }],
    });
  });

  it('has every bucket from the first to the last', () => {
    expect(denseBuckets(histogramOf())).toEqual({ offset: 0, bucketCounts: [] });
    fc.assert(fc.property(anyHistogram(), (h) => {
      const { offset, bucketCounts } = denseBuckets(h);
      expect(bucketCounts.flatMap((n, i) => (n === '0' ? [] : [[offset + i, Number(n)]]))).toEqual(toJson(h).buckets);
      expect([bucketCounts[0], bucketCounts.at(-1)]).not.toContain('0');
    }));
  });

  it('of deltas says what is new since what the receiver has, and from when on', () => {
    const taken = takeSnapshot([counter(3), lag(histogramOf(1, 5))], START + 60);
    const now = takeSnapshot([counter(10), lag(histogramOf(1, 5, 5, 0))], START + 120);
    const { c_total: [c], lag_ms: [h] } = pointsOf(encodeMetricsRequest(now, taken, context('delta')));
    expect(c).toMatchObject({ asInt: '7', startTimeUnixNano: nano(60), timeUnixNano: nano(120) });
    expect(h).toMatchObject({ count: '2', zeroCount: '1', sum: 5, startTimeUnixNano: nano(60) });
    expect(h!.positive!.bucketCounts).toEqual(['1']);
    // Nothing new is no news of a histogram; of a counter it is a zero.
    const again = pointsOf(encodeMetricsRequest(takeSnapshot(now.metrics, START + 180), now, context('delta')));
    expect(again.lag_ms).toEqual([]);
    expect(again['c_total']![0]).toMatchObject({ asInt: '0' });
  });

  it('takes what is less than it was for a new beginning', () => {
    const taken = takeSnapshot([counter(10), lag(histogramOf(1, 5))], START + 60);
    const now = takeSnapshot([counter(4), lag(histogramOf(5))], START + 120);
    const { c_total: [c], lag_ms: [h] } = pointsOf(encodeMetricsRequest(now, taken, context('delta')));
    expect([c!.asInt, h!.count]).toEqual(['4', '1']);
  });

  it('does not tell as news what was counted before the process began', () => {
    const at = (value: number, ms: number): Snapshot => takeSnapshot([counter(value, { outlivesProcess: true })], START + ms);
    const first = at(1_000, 10);
    const one = (temporality: Temporality, now: Snapshot, taken: Snapshot | null): Point => pointsOf(encodeMetricsRequest(now, taken, context(temporality, first))).c_total[0]!;
    expect(one('delta', first, null)).toMatchObject({ asInt: '0', startTimeUnixNano: nano(10) });
    expect(one('delta', at(1_004, 20), null)).toMatchObject({ asInt: '4', startTimeUnixNano: nano(10) });
    expect(one('delta', at(1_005, 30), at(1_004, 20))).toMatchObject({ asInt: '1', startTimeUnixNano: nano(20) });
    // The reset point of the data model, and the ones behind it.
    expect(one('cumulative', first, null)).toMatchObject({ asInt: '1000', startTimeUnixNano: nano(10), timeUnixNano: nano(10) });
    expect(one('cumulative', at(1_004, 20), first)).toMatchObject({ asInt: '1004', startTimeUnixNano: nano(10) });
  });

  it('is of one moment: what is counted on in place meanwhile is not in it', () => {
    const h = histogramOf(1);
    const snapshot = takeSnapshot([lag(h)], START);
    record(h, 2);
    expect(pointsOf(encodeMetricsRequest(snapshot, null, context('cumulative'))).lag_ms[0]).toMatchObject({ count: '1' });
  });
});

describe('sending', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: START });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  async function pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
    for (let i = 0; i < 8; i += 1) await new Promise(setImmediate);
  }

  /** A service that counts, and a receiver that does with each request as it is told. */
  function rig(temporality: Temporality, fate: (nth: number) => boolean | Promise<boolean>): { count: (n: number) => void; bodies: string[]; sending: ReturnType<typeof startSending>; counted: () => number } {
    let n = 0;
    const h = emptyHistogram();
    const bodies: string[] = [];
    const sending = startSending({
      exporter: {
        post: async (_signal, body) => {
          bodies.push(body);
          return await fate(bodies.length);
        },
      },
      collect: () => [counter(n), lag(h)], resource: {}, temporality, startedAt: START, now: Date.now, logger: pino({ level: 'silent' }),
    });
    return {
      bodies, sending, counted: () => n,
      count(more) {
        n += more;
        record(h, 2 ** (more / 3), more);
      },
    };
  }

  it('is once a minute, from the start on, and at the stop', async () => {
    const { bodies, sending } = rig('cumulative', () => true);
    await pass(0);
    expect(bodies).toHaveLength(1);
    await pass(SEND_EVERY_MS);
    await pass(SEND_EVERY_MS);
    expect(bodies).toHaveLength(3);
    sending.stop();
    sending.stop();
    await sending.stopped;
    expect(bodies).toHaveLength(4);
    await pass(10 * SEND_EVERY_MS);
    expect(bodies).toHaveLength(4);
  });

  it('is one at a time: who is slow gets the next when it has the last', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const { bodies, sending } = rig('delta', (nth) => (nth === 1 ? promise : true));
    await pass(5 * SEND_EVERY_MS);
    expect(bodies).toHaveLength(1);
    resolve(true);
    await pass(0);
    await pass(SEND_EVERY_MS);
    expect(bodies).toHaveLength(2);
    sending.stop();
    await sending.stopped;
  });

  it('says what kept it from being told, and goes on', async () => {
    const said: string[] = [];
    let broken = true;
    const bodies: string[] = [];
    const sending = startSending({
      exporter: { post: async (_signal, body) => bodies.push(body) > 0 },
      collect() {
        if (broken) throw new Error('no such table');
        return [counter(3)];
      },
      resource: {}, temporality: 'cumulative', startedAt: START, now: Date.now, logger: pino({}, { write: (line) => void said.push(line) }),
    });
    await pass(0);
    expect(said.join()).toContain('no such table');
    broken = false;
    await pass(SEND_EVERY_MS);
    expect(pointsOf(bodies[0]!).c_total[0]!.asInt).toBe('3');
    sending.stop();
    await sending.stopped;
  });

  it('does not wait for the receiver when it stops', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const { bodies, sending, count } = rig('delta', (nth) => (nth === 2 ? promise : true));
    await pass(0);
    count(5);
    await pass(SEND_EVERY_MS);
    count(2);
    sending.stop();
    expect(bodies.map((body) => pointsOf(body).c_total[0]!.asInt)).toEqual(['0', '5', '2']);
    resolve(true);
    await sending.stopped;
  });

  it('of deltas adds up to what was counted, whichever requests are lost', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ more: fc.integer({ min: 1, max: 50 }), isTaken: fc.boolean() }), { maxLength: 12 }), async (steps) => {
      const fates = [true, ...steps.map((s) => s.isTaken), true];
      const { bodies, sending, count, counted } = rig('delta', (nth) => fates[nth - 1]!);
      await pass(0);
      for (const { more } of steps) {
        count(more);
        await pass(SEND_EVERY_MS);
      }
      sending.stop();
      await sending.stopped;
      const taken = bodies.filter((_, i) => fates[i]).map(pointsOf);
      expect(taken.reduce((sum, p) => sum + Number(p.c_total[0]!.asInt), 0)).toBe(counted());
      const all = emptyHistogram();
      for (const { lag_ms: points } of taken) {
        for (const { count: n, sum, zeroCount, positive } of points) {
          const buckets = new Map(positive!.bucketCounts.map((c, i) => [positive!.offset + i, Number(c)] as const).filter(([, c]) => c > 0));
          merge(all, { count: Number(n), sum: sum!, zero: Number(zeroCount), min: 0, max: 0, buckets });
        }
      }
      expect(all.count).toBe(counted());
      expect([...all.buckets.values()].reduce((sum, n) => sum + n, 0)).toBe(counted());
    }), { numRuns: 30 });
  });
});
