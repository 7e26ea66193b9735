import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptySums, record, type Delta, type Signed } from '../../telemetry/index.ts';
import { openTelemetryStore, RETENTION_DAYS, type RawDelta } from './store.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MINUTE = 60_000;
const start = Date.UTC(2026, 0, 1);

function delta(node: string, seq: number, more: Partial<Delta> = {}): Signed<Delta> {
  const sums = emptySums();
  // Values as they spread in earnest, from a few to a few hundred milliseconds.
  for (let i = 0; i < 40; i += 1) record(sums.lag.whole, 5 * 1.12 ** ((i * 7 + seq) % 40), 3);
  sums.counts.accepted = 120;
  sums.slas.set('final', { events: 120, good: 119 });
  const to = start + seq * 30_000;
  const value: Delta = {
    origin: 't.example', node, region: 'eu', seq, acknowledged: 0, from: to - 30_000, to, sums,
    gauges: { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 0 }, ...more,
  };
  return { value, note: `note ${node} ${seq}` };
}
const sum = { region: 'eu', note: 'sum' };

test('a thousand sites: what the centre holds in memory does not grow with what they tell', () => {
  const store = openTelemetryStore(':memory:');
  const round = (seq: number): void => {
    for (let from = 0; from < 1_000; from += 200) {
      store.add(Array.from({ length: 200 }, (_, i) => delta(`n${from + i}`, seq)), sum, start + seq * 30_000);
    }
  };
  // The database itself is in memory here, outside of the heap that is looked at.
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  round(1);
  const before = heap();
  for (let seq = 2; seq <= 6; seq += 1) round(seq);
  const grown = heap() - before;
  expect(store.nodes()).toHaveLength(1_000);
  expect(store.nodes().every((p) => p.contiguous === 6 && p.stored === 6)).toBe(true);
  expect([...store.slaCounts('final', [{ grain: 'day', from: 0, to: 1e14 }]).values()].reduce((n, s) => n + s.events, 0)).toBe(720_000);
  expect(grown).toBeLessThan(2e6);
  store.close();
}, 60_000);

test('what an older copy of the centre had acknowledged is not asked for again, and what is missing shows', () => {
  const store = openTelemetryStore(':memory:');
  store.add([delta('n0', 10, { acknowledged: 7 })], sum, start);
  expect(store.progress('n0')).toMatchObject({ contiguous: 7, max: 10, stored: 1 });
  store.add([delta('n0', 9, { acknowledged: 7 }), delta('n0', 8, { acknowledged: 7 })], sum, start);
  expect(store.progress('n0')).toMatchObject({ contiguous: 10, stored: 3 });
  expect(store.add([delta('n0', 8, { acknowledged: 7 }), delta('n0', 3)], sum, start)).toEqual([]);
  store.close();
});

test('pages of a stretch of time hold what counts in it, each delta once, in order of time, whatever the page and the order of coming', () => {
  const store = openTelemetryStore(':memory:');
  const arbitrary = fc.array(fc.record({ late: fc.integer({ min: -40, max: 400 }), node: fc.constantFrom('n0', 'n1'), region: fc.constantFrom('eu', 'us') }), { minLength: 1, maxLength: 40 });
  let seq = 0;
  fc.assert(fc.property(arbitrary, fc.nat(300), fc.nat(300), fc.integer({ min: 1, max: 7 }), (came, first, width, limit) => {
    const times = came.map(({ late, node, region }) => {
      seq += 1;
      // Some windows end after they came: those clocks are ahead.
      const receivedAt = start + seq * 30_000 + late * 1_000;
      store.add([delta(`${node}-${region}`, seq, { region })], { region, note: 'sum' }, receivedAt);
      return { seq, node: `${node}-${region}`, region, at: Math.min(start + seq * 30_000 - 1, receivedAt) };
    });
    const from = times[0]!.at + first * 1_000;
    const range = { from, to: from + 1 + width * 1_000 };
    for (const scope of [{}, { region: 'eu' }, { node: 'n1-us' }, { node: 'n1-us', region: 'eu' }]) {
      const paged: RawDelta[] = [];
      for (let page = store.rawWithin(scope, range, 0, limit)!; page.length > 0; page = store.rawWithin(scope, range, page.at(-1)!.n, limit)!) paged.push(...page);
      const wanted = times.filter((t) => t.at >= range.from && t.at < range.to && (scope.region ?? t.region) === t.region && (scope.node ?? t.node) === t.node);
      expect(paged.map((d) => d.seq).sort((a, b) => a - b)).toEqual(wanted.map((t) => t.seq));
      const at = paged.map((d) => Math.min(d.to - 1, d.receivedAt));
      expect(at).toEqual(at.toSorted((a, b) => a - b));
    }
  }), { numRuns: 50 });
  expect(store.rawWithin({}, { from: 0, to: 1e14 }, 1e9, 10)).toBeNull();
  store.close();
});

test('a page ends before it is larger than an answer may be, and has one delta at least', () => {
  const store = openTelemetryStore(':memory:');
  for (const seq of [1, 2, 3]) store.add([{ ...delta('n0', seq), note: 'x'.repeat(5 * 1024 * 1024) }], sum, start);
  expect(store.raw({}, 0, 1_000).map((d) => d.seq)).toEqual([1]);
  expect(store.raw({}, 2, 1_000).map((d) => d.seq)).toEqual([3]);
  store.close();
});

test('what is too old goes, the finer the sooner', () => {
  const store = openTelemetryStore(':memory:');
  store.add([delta('n0', 1), delta('n0', 2)], sum, start + MINUTE);
  const left = (): unknown => [store.raw({}, 0, 10).length, ...(['minute', 'hour', 'day'] as const).map((grain) => store.rollups('n0', { grain, from: 0, to: 1e14 }).length)];
  const after = (days: number): unknown => {
    while (store.prune(start + days * 86_400_000 + 3_600_000));
    return left();
  };
  expect(left()).toEqual([2, 1, 1, 1]);
  expect(after(RETENTION_DAYS.minute)).toEqual([2, 0, 1, 1]);
  expect(after(RETENTION_DAYS.raw)).toEqual([0, 0, 1, 1]);
  // A number that was counted and forgotten is not counted again.
  expect(store.add([delta('n0', 1)], sum, start)).toEqual([]);
  expect(after(RETENTION_DAYS.day)).toEqual([0, 0, 0, 0]);
  store.close();
});
