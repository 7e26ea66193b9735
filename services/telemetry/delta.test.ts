import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncodingError } from '../protocol/errors.ts';
import { generateSigner, parseVerifier, signNote } from '../transparency/index.ts';
import {
  addRollup, addRollupText, addSums, canonicalJson, checkHistogram, checkSum, cloneHistogram, countUpTo, DELTA_PEERS_MAX, emptyHistogram, emptyRollup, emptySums, EVENTS_PER_MS_MAX, EVENTS_SHORT_MAX, floorTo, GRAINS, merge, missingOf, openAcknowledgement, openDelta, parseSlas,
  peeringOf, readDelta, record, ROLLUP_MAX, rollupOf, rollupToText, segments, signAcknowledgement, signDelta, signSum, sumOf, sumsFromJson, sumsToJson, toJson, type Delta, type Sums,
} from './index.ts';

const { signer } = generateSigner('t.example/edge/n1', 'ed25519');
const key = parseVerifier(signer.vkey);
const nodes = new Map([['n1', key]]);

const values = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1e8, noNaN: true })), { maxLength: 20 });
const sumsArb: fc.Arbitrary<Sums> = fc.record({
  lags: fc.tuple(values, values, values, values), rtts: values, lost: fc.nat(5), jitters: values, accepted: fc.nat(1_000), good: fc.nat(50), bad: fc.nat(50),
  drifted: fc.nat(3), amount: fc.bigInt({ min: 0n, max: 10n ** 18n }),
}).map((x) => {
  const s = emptySums();
  (['provisional', 'ordered', 'final', 'whole'] as const).forEach((stage, i) => x.lags[i]!.forEach((v) => record(s.lag[stage], v)));
  s.counts.accepted = x.accepted;
  s.slas.set('final', { events: x.good + x.bad, good: x.good });
  s.drift.compared = x.drifted + 4;
  s.drift.drifted = x.drifted;
  s.drift.amount.set('EUR', x.amount);
  const peering = peeringOf(s, 'eu');
  x.rtts.forEach((v) => record(peering.rtt, v));
  x.jitters.slice(0, x.rtts.length).forEach((v) => record(peering.jitter, v));
  peering.lost = x.lost;
  peering.sent = x.lost + x.rtts.length;
  return s;
});

const deltaOf = (sums: Sums, more: Partial<Delta> = {}): Delta => ({
  origin: 't.example', node: 'n1', region: 'eu', seq: 7, acknowledged: 5, from: 1_000, to: 6_000, sums,
  gauges: { state: 'ready', provisional: 3, provisionalRatio: 0.25, provisionalAgeMs: 12, queued: 9, logSize: 100 }, ...more,
});

const histogram = { scale: 6, count: 1, sum: 1, min: 1, max: 1, zero: 0, buckets: [[-1, 1]] };
const peersArb = fc.dictionary(fc.constantFrom('eu', 'n2', 'n3'), fc.record({ up: fc.boolean(), since: fc.nat() }), { minKeys: 1, noNullPrototype: true });

describe('a delta', () => {
  test('comes back as it was signed, and adds up the same in any order but for the last digits of sums', async () => {
    await fc.assert(fc.asyncProperty(sumsArb, sumsArb, async (a, b) => {
      const opened = openDelta(await signDelta(deltaOf(a), signer), 't.example', 'eu', nodes).value;
      expect(canonicalJson(sumsToJson(opened.sums))).toBe(canonicalJson(sumsToJson(a)));
      expect({ ...opened, sums: null }).toEqual({ ...deltaOf(a), sums: null });
      const [ab, ba] = [emptySums(), emptySums()];
      for (const x of [a, b]) addSums(ab, x);
      for (const x of [b, a]) addSums(ba, x);
      expect(ab.lag.whole.buckets).toEqual(ba.lag.whole.buckets);
      expect(ab.drift.amount).toEqual(ba.drift.amount);
      expect(sumsToJson(sumsFromJson(sumsToJson(ab)))).toEqual(sumsToJson(ab));
    }), { numRuns: 50 });
  });

  const json = (): Record<string, unknown> => JSON.parse(canonicalJson({ v: 1, ...deltaOf(emptySums()), sums: sumsToJson(emptySums()) })) as Record<string, unknown>;
  const { gauges } = deltaOf(emptySums());
  const peering = (of: Record<string, unknown>): Record<string, unknown> => ({ sums: { lag: {}, counts: {}, slas: {}, peering: of } });
  const many = <T>(value: T): Record<string, T> => Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`s${i}`, value]));
  test.each<[string, Record<string, unknown>]>([
    ['another version', { v: 2 }], ['an unknown field', { more: 1 }], ['a number of zero', { seq: 0 }], ['an acknowledged number beyond its own', { acknowledged: 7 }],
    ['no time', { to: 1_000 }], ['time backwards', { to: 999 }], ['a fraction', { from: 0.5 }], ['a node that is no id', { node: '../x' }],
    ['gauges of another shape', { gauges: { state: 'fine' } }],
    ['more good than events', { sums: { lag: {}, counts: {}, slas: { a: { events: 1, good: 2 } }, peering: {} } }],
    ['a negative count', { sums: { lag: {}, counts: { accepted: -1 }, slas: {}, peering: {} } }],
    ['an unknown stage', { sums: { lag: { other: histogram }, counts: {}, slas: {}, peering: {} } }],
    ['probes that do not add up', { sums: { lag: {}, counts: {}, slas: {}, peering: { eu: { sent: 3, lost: 1 } } } }],
    ['more differences than round trips', peering({ n2: { sent: 1, lost: 1, jitter: histogram } })],
    ['something else of a peer', peering({ n2: { sent: 1, lost: 1, more: 1 } })], ['probes of ten thousand sites', peering(many({ sent: 1, lost: 1 }))],
    ['probes of more sites than a node has', peering(Object.fromEntries(Object.entries(many({ sent: 1, lost: 1 })).slice(0, DELTA_PEERS_MAX + 1)))],
    ['the states of ten thousand peers', { gauges: { ...gauges, peers: many({ up: true, since: 1 }) } }], ['a peer that is no id', { gauges: { ...gauges, peers: { '../x': { up: true, since: 1 } } } }],
    ['a peer that is neither up nor down', { gauges: { ...gauges, peers: { n2: { up: 1, since: 1 } } } }], ['a peer since before all time', { gauges: { ...gauges, peers: { n2: { up: true, since: -1 } } } }],
    ['a peer since after all time', { gauges: { ...gauges, peers: { n2: { up: true, since: 8.64e15 + 1 } } } }], ['a window after all time', { from: 8.64e15, to: 8.64e15 + 1 }],
    ['a list of peers', { gauges: { ...gauges, peers: [] } }], ['nothing of a peer', { gauges: { ...gauges, peers: { n2: null } } }],
    ['buckets that do not add up', { sums: { lag: { whole: { ...histogram, count: 2 } }, counts: {}, slas: {}, peering: {} } }],
    ['a minimum outside its bucket', { sums: { lag: { whole: { ...histogram, min: 0.5, sum: 0.5 } }, counts: {}, slas: {}, peering: {} } }],
  ])('with %s is refused', async (_what, change) => {
    const note = await signNote(`tidemark telemetry delta v1\n${canonicalJson({ ...json(), ...change })}\n`, [signer]);
    expect(() => openDelta(note, 't.example', 'eu', nodes)).toThrow(EncodingError);
  });

  test('says how the ways to other sites stood', async () => {
    await fc.assert(fc.asyncProperty(peersArb, async (peers) => {
      const d = deltaOf(emptySums(), { gauges: { ...gauges, peers } });
      expect(openDelta(await signDelta(d, signer), 't.example', 'eu', nodes).value.gauges).toEqual(d.gauges);
    }), { numRuns: 20 });
  });

  test('from before there was jitter, or states of peers, is read as ever', () => {
    // As it was written then, byte for byte.
    const old = '{"acknowledged":5,"from":1000,"gauges":{"logSize":100,"provisional":3,"provisionalAgeMs":12,"provisionalRatio":0.25,"queued":9,"state":"ready"},"node":"n1",'
      + '"origin":"t.example","region":"eu","seq":7,"sums":{"counts":{},"lag":{},"peering":{"eu":{"lost":1,"rtt":{"buckets":[[-1,1]],"count":1,"max":1,"min":1,"scale":6,"sum":1,"zero":0},"sent":2}},'
      + '"slas":{}},"to":6000,"v":1}';
    const d = readDelta(`tidemark telemetry delta v1\n${old}\n`);
    expect(d.sums.peering.get('eu')).toEqual({ sent: 2, lost: 1, rtt: expect.objectContaining({ count: 1 }), jitter: emptyHistogram() });
    expect(d.gauges).toEqual(gauges);
    // And comes out again as it was, so that sums over it can be checked.
    expect(canonicalJson({ v: 1, ...d, sums: sumsToJson(d.sums) })).toBe(old);
  });

  test('not in canonical form, nested without end, or under another title is refused', async () => {
    for (const text of [
      `tidemark telemetry delta v1\n ${canonicalJson(json())}\n`, `tidemark telemetry delta v1\n${'['.repeat(100)}${']'.repeat(100)}\n`,
      `tidemark telemetry sum v1\n${canonicalJson(json())}\n`, `tidemark telemetry delta v1\n${canonicalJson(json())}\nmore\n`, 'tidemark telemetry delta v1\n{\n',
    ]) {
      const note = await signNote(text, [signer]);
      expect(() => openDelta(note, 't.example', 'eu', nodes)).toThrow(EncodingError);
    }
  });
});

test('a node that makes up new sites, SLAs and assets with every delta fills no rollup', () => {
  const rollup = emptyRollup();
  for (let seq = 1; seq <= 400; seq += 1) {
    const sums = emptySums();
    sums.slas.set('final', { events: 2, good: 1 });
    sums.drift.compared = 1;
    sums.drift.amount.set('EUR', 5n);
    for (let i = 0; i < 20; i += 1) {
      sums.slas.set(`made-up-${seq * 20 + i}`, { events: 1, good: 1 });
      sums.drift.amount.set(`X${seq * 20 + i}`, 1n);
      sums.drift.reversedAmount.set(`X${seq * 20 + i}`, 1n);
    }
    for (let i = 0; i < DELTA_PEERS_MAX; i += 1) Object.assign(peeringOf(sums, `s${seq * DELTA_PEERS_MAX + i}`), { sent: 1, lost: 1 });
    Object.assign(peeringOf(sums, 'eu'), { sent: 1, lost: 1 });
    addRollup(rollup, rollupOf(deltaOf(sums, { seq })));
  }
  const { slas, drift, peering } = rollup.sums;
  expect([slas.size, drift.amount.size, drift.reversedAmount.size, peering.size]).toEqual([ROLLUP_MAX.slas, ROLLUP_MAX.assets, ROLLUP_MAX.assets, ROLLUP_MAX.peers]);
  // What it really probes goes on being counted, and the rollup can be read again.
  const again = emptyRollup();
  addRollupText(again, rollupToText(rollup));
  expect(again).toEqual(rollup);
  expect(again.sums.peering.get('eu')).toMatchObject({ sent: 400, lost: 400 });
  expect([again.sums.slas.get('final'), again.sums.drift.amount.get('EUR')]).toEqual([{ events: 800, good: 400 }, 2_000n]);
});

test('a node whose values are everywhere fills no rollup, and none of them is lost', () => {
  const total = emptyRollup();
  let said = 0;
  for (let seq = 1; seq <= 40; seq += 1) {
    const sums = emptySums();
    for (let peer = 0; peer < 8; peer += 1) {
      const peering = peeringOf(sums, `s${(seq * 8 + peer) % ROLLUP_MAX.peers}`);
      // Each time other values, from a part of a nanosecond to a thousand years.
      for (let i = -3_000; i < 3_000; i += 5) record(peering.rtt, 2 ** ((i + seq % 5 + 0.5) / 64));
      peering.sent = peering.rtt.count;
      said += peering.sent;
    }
    addRollup(total, rollupOf(deltaOf(sums, { seq })));
  }
  const rtts = [...total.sums.peering.values()].map((p) => p.rtt);
  const buckets = rtts.reduce((n, h) => n + h.buckets.size, 0);
  expect(buckets).toBeGreaterThan(ROLLUP_MAX.buckets - 64);
  expect(buckets).toBeLessThanOrEqual(ROLLUP_MAX.buckets + ROLLUP_MAX.peers);
  expect(rtts.reduce((n, h) => n + h.count, 0)).toBe(said);
  for (const h of rtts) expect([...h.buckets.values()].reduce((n, x) => n + x, 0)).toBe(h.count);
  const again = emptyRollup();
  addRollupText(again, rollupToText(total));
  expect(again.sums.peering).toEqual(total.sums.peering);
});

test('without room for a bucket a value is counted in the nearest one that there is', () => {
  const some = fc.array(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 30 });
  fc.assert(fc.property(some, some, fc.nat(10), (ours, theirs, left) => {
    const [a, b] = [emptyHistogram(), emptyHistogram()];
    for (const v of ours) record(a, v);
    for (const v of theirs) record(b, v);
    const [whole, before] = [cloneHistogram(a), new Set(a.buckets.keys())];
    merge(whole, b);
    merge(a, b, { left });
    expect({ ...a, buckets: null }).toEqual({ ...whole, buckets: null });
    expect(a.buckets.size).toBeLessThanOrEqual(before.size + left);
    expect([...a.buckets.values()].reduce((n, x) => n + x, 0)).toBe(whole.count);
    if (left >= b.buckets.size) expect(a).toEqual(whole);
    if (left > 0) return;
    for (const [i, n] of b.buckets) {
      const near = Math.min(...[...before].map((k) => Math.abs(k - i)));
      expect([...before].some((k) => Math.abs(k - i) === near && a.buckets.get(k)! >= n)).toBe(true);
    }
  }));
});

test('what a window may say of amounts and events is as much as there can be, and any number of windows adds up to something that can be read', async () => {
  const opened = async (sums: Sums, more: Partial<Delta> = {}): Promise<Delta> => openDelta(await signDelta(deltaOf(sums, more), signer), 't.example', 'eu', nodes).value;
  const width = 400 * 86_400_000;
  // A window of an outage, full of the largest amounts that there are.
  const wide = emptySums();
  wide.drift.compared = wide.drift.drifted = wide.counts.reversed = width * EVENTS_PER_MS_MAX;
  for (const name of ['amount', 'reversedAmount'] as const) wide.drift[name].set('EUR', BigInt(wide.drift.drifted) * (2n ** 65n - 1n));
  const d = await opened(wide, { from: 0, to: width });
  expect(d.sums).toEqual(wide);
  const total = emptyRollup();
  for (let seq = 1; seq <= 1_000; seq += 1) addRollup(total, rollupOf(d));
  const again = emptyRollup();
  addRollupText(again, rollupToText(total));
  expect(again.sums.drift.amount.get('EUR')).toBe(1_000n * wide.drift.amount.get('EUR')!);
  // Two of them, one behind the other, are counted exactly.
  expect(2 * wide.counts.reversed).toBeLessThan(Number.MAX_SAFE_INTEGER);

  const most = Math.max(EVENTS_SHORT_MAX, 5_000 * EVENTS_PER_MS_MAX);
  const claims: [string, (s: Sums, n: number) => void][] = [
    ['counts', (s, n) => void (s.counts.accepted = n)], ['an SLA', (s, n) => void s.slas.set('final', { events: n, good: 0 })],
    ['drift', (s, n) => void (s.drift.compared = n)], ['a lag', (s, n) => record(s.lag.final, 5, n)], ['lag of nothing', (s, n) => record(s.lag.final, 0, n)],
    ['reconciliation', (s, n) => record(s.reconciliation, 5, n)], ['drift in time', (s, n) => record(s.drift.time, 5, n)], ['probes', (s, n) => void Object.assign(peeringOf(s, 'eu'), { sent: n, lost: n })],
  ];
  for (const [what, claim] of claims) {
    for (const n of [most, most + 1, Number.MAX_SAFE_INTEGER]) {
      const sums = emptySums();
      sums.drift.compared = 1;
      claim(sums, n);
      if (n === most) expect(await opened(sums), what).toBeDefined();
      else await expect(opened(sums), what).rejects.toThrow(`at most ${most} events in 5000 ms`);
    }
  }
  for (const amount of ['1'.repeat(37), '01', '-1', '1e3', '']) {
    const drift = { compared: 1, drifted: 1, amount: { EUR: amount }, reversedAmount: {} };
    expect(() => sumsFromJson({ lag: {}, counts: {}, slas: {}, peering: {}, drift })).toThrow('at most 36 digits');
  }
});

test('a region\'s sum is that of the deltas it names, or is refused', async () => {
  const [a, b] = [emptySums(), emptySums()];
  a.counts.accepted = 3;
  b.counts.accepted = 4;
  const deltas = [deltaOf(a), deltaOf(b, { seq: 8 })];
  const note = await signSum(sumOf('t.example', 'eu', 9, deltas), signer);
  expect(checkSum(note, key, 't.example', 'eu', deltas)).toBe(9);
  expect(() => checkSum(note, key, 't.example', 'eu', deltas.slice(1))).toThrow('not that of the 1 deltas');
  expect(() => checkSum(note, key, 't.example', 'eu', deltas.toReversed())).toThrow(EncodingError);
  b.counts.accepted = 5;
  expect(() => checkSum(note, key, 't.example', 'eu', deltas)).toThrow(EncodingError);
});

test('an acknowledgement is the centre\'s, of this platform', async () => {
  const note = await signAcknowledgement('t.example', { n1: 7 }, signer);
  expect(openAcknowledgement(note, 't.example', key)).toEqual({ n1: 7 });
  expect(() => openAcknowledgement(note, 'other.example', key)).toThrow(EncodingError);
  expect(() => openAcknowledgement(note, 't.example', parseVerifier(generateSigner('t.example/x', 'ed25519').signer.vkey))).toThrow('signed by');
});

test('any stretch of minutes is put together of grains without gap or overlap, as few as there are', () => {
  const minute = fc.integer({ min: 0, max: 200_000 });
  fc.assert(fc.property(minute, minute, (a, b) => {
    const [from, to] = [Math.min(a, b) * 60_000, Math.max(a, b) * 60_000];
    const found = segments(from, to).sort((x, y) => x.from - y.from);
    let next = from;
    for (const s of found) {
      const { ms } = GRAINS.find((g) => g.id === s.grain)!;
      expect([s.from, floorTo(s.from, ms), floorTo(s.to, ms)]).toEqual([next, s.from, s.to]);
      next = s.to;
    }
    expect(next).toBe(from === to ? from : to);
    expect(found.length).toBeLessThanOrEqual(5);
  }));
});

test('whatever is recorded can be told', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.double({ min: 0, max: Number.MAX_VALUE, noNaN: true }), fc.constantFrom(Number.MIN_VALUE, 2 ** -48, 2 ** 48, 0)), { maxLength: 20 }), (all) => {
    const h = emptyHistogram();
    for (const v of all) record(h, v);
    expect(checkHistogram('h', toJson(h)).count).toBe(all.length);
  }));
});

test('small things: missing numbers, cumulative counts, SLAs of a file', () => {
  expect(missingOf({ deltas: 3, seqFrom: 5, seqTo: 9 })).toBe(2);
  expect(missingOf({ deltas: 0, seqFrom: Infinity, seqTo: 0 })).toBe(0);
  const h = emptyHistogram();
  for (const v of [0, 0.5, 1, 1.5, 2, 100]) record(h, v);
  expect([0.25, 1, 2, 50, 100, 1_000].map((v) => countUpTo(h, v))).toEqual([1, 3, 5, 5, 6, 6]);
  expect(checkHistogram('h', toJson(h))).toEqual(toJson(h));
  const sla = { id: 'a', indicator: 'finality', objective: 0.9, thresholdMs: 5, windowDays: 30, scope: 'global', severity: 'page', owner: 'o', runbook: 'r' };
  expect(parseSlas(JSON.stringify([sla]))).toEqual([sla]);
  expect(() => parseSlas(JSON.stringify([sla, sla, { ...sla, id: 'b', thresholdMs: undefined }, { ...sla, id: 'c', indicator: 'x' }])))
    .toThrow(/\[1\]\.id: a is there already; \[2\]: thresholdMs: expected milliseconds, got nothing; \[3\]: indicator: expected one of/);
});
