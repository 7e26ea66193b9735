/** What the centre makes of telemetry by an edge node, or a region, that means it harm: it has their keys. */
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { Problem } from '../../protocol/index.ts';
import {
  emptySums, EVENTS_PER_MS_MAX, EVENTS_SHORT_MAX, floorTo, openAcknowledgement, peeringOf, record, ROLLUP_MAX, signDelta, signSum, sumOf, type Delta, type Sums,
} from '../../telemetry/index.ts';
import { fakePlatform, ORIGIN } from '../testing.ts';
import { indicators } from './indicators.ts';
import { AHEAD_MAX, createIngest, type Ingest } from './ingest.ts';
import { sitesNow } from './live.ts';
import { askedScope } from './scope.ts';
import { openTelemetryStore, type TelemetryStore } from './store.ts';

const START = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const platform = fakePlatform({ regions: 1, nodes: 3 });
const { trust } = platform;
const region = platform.regions[0]!;

interface Centre {
  readonly store: TelemetryStore;
  ingest: Ingest;
  readonly evidence: string[];
  at: number;
  restart(): void;
  /** @returns what is acknowledged, or the problem */
  tell(deltas: readonly Delta[], change?: (note: string) => string): Promise<Readonly<Record<string, number>> | Problem>;
}

function centre(): Centre {
  const store = openTelemetryStore(':memory:');
  onTestFinished(() => store.close());
  const evidence: string[] = [];
  const open = (): Ingest => createIngest({
    trust, signer: platform.global.signer, store, onIncident: () => undefined, now: () => c.at,
    ledger: { keepEvidence: async (_incident, bytes) => void evidence.push(Buffer.from(bytes).toString()) },
  });
  const c: Centre = {
    store, evidence, at: START, ingest: undefined as unknown as Ingest,
    restart: () => void (c.ingest = open()),
    async tell(deltas, change = (note) => note) {
      const notes = await Promise.all(deltas.map(async (d) => change(await signDelta(d, region.nodes.get(d.node)!.signer))));
      const request = { region: region.id, sum: await signSum(sumOf(ORIGIN, region.id, c.at, deltas), region.logSigner), deltas: notes };
      try {
        return openAcknowledgement(await c.ingest.take(request), ORIGIN, trust.global);
      } catch (error) {
        if (error instanceof Problem) return error;
        throw error;
      }
    },
  };
  c.restart();
  return c;
}

/** Of a node with a window of five seconds that ends `seq` times as late after the start. */
const deltaOf = (node: string, seq: number, more: Partial<Delta> = {}): Delta => ({
  origin: ORIGIN, node, region: region.id, seq, acknowledged: 0, from: START + (seq - 1) * 5_000, to: START + seq * 5_000, sums: emptySums(),
  gauges: { state: 'ready', provisional: 1, provisionalRatio: 0.5, provisionalAgeMs: 9, queued: 2, logSize: 50, peers: { r0: { up: false, since: START } } }, ...more,
});

test('windows of one node follow each other as their numbers do, in whatever order they come', async () => {
  // Ten deltas, of which some claim other windows than their own.
  const lies = fc.uniqueArray(fc.record({ seq: fc.integer({ min: 1, max: 10 }), from: fc.integer({ min: 0, max: 49_999 }), ms: fc.integer({ min: 1, max: 20_000 }) }), { maxLength: 3, selector: (l) => l.seq });
  const order = fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { minLength: 10 });
  await fc.assert(fc.asyncProperty(lies, order, async (lied, came) => {
    const c = centre();
    c.at = START + HOUR;
    for (const seq of came) {
      const lie = lied.find((l) => l.seq === seq);
      const answer = await c.tell([deltaOf('r0-n0', seq, lie === undefined ? {} : { from: START + lie.from, to: START + lie.from + lie.ms })]);
      if (answer instanceof Problem) expect(answer).toMatchObject({ status: 422, code: 'bad-delta', extra: { node: 'r0-n0' } });
    }
    const kept = c.store.raw({}, 0, 100).toSorted((a, b) => a.seq - b.seq);
    for (const [i, d] of kept.entries()) if (i > 0) expect(d.from).toBeGreaterThanOrEqual(kept[i - 1]!.to);
    if (lied.length === 0) expect(kept).toHaveLength(10);
  }), { numRuns: 40 });
});

test('a node that claims as much as it may, for as long as it may, in windows as short and as many as it may: all sums stay exact', async () => {
  const c = centre();
  const width = 400 * 86_400_000;
  c.at = START + width;
  const full = (from: number, to: number): Sums => {
    const sums = emptySums();
    const n = Math.max(EVENTS_SHORT_MAX, (to - from) * EVENTS_PER_MS_MAX);
    sums.counts.accepted = n;
    sums.slas.set('final', { events: n, good: n });
    record(sums.lag.whole, 2 ** 47, n);
    return sums;
  };
  const tell = (seq: number, from: number, to: number): Promise<unknown> => c.tell([deltaOf('r0-n0', seq, { from, to, sums: full(from, to) })]);
  expect(await tell(1, START, c.at)).toEqual({ 'r0-n0': 1 });
  expect(await tell(2, c.at, c.at + AHEAD_MAX)).toEqual({ 'r0-n0': 2 });
  // Not a millisecond of what has been told is there to be told again, and there is no more of the future.
  expect(await tell(3, c.at + AHEAD_MAX - 1, c.at + AHEAD_MAX)).toMatchObject({ code: 'bad-delta' });
  expect(await tell(3, c.at + AHEAD_MAX, c.at + AHEAD_MAX + 1)).toMatchObject({ code: 'clock-ahead', extra: { node: 'r0-n0' } });
  for (let seq = 3; seq < 103; seq += 1) {
    c.at += 1;
    expect(await tell(seq, c.at + AHEAD_MAX - 1, c.at + AHEAD_MAX)).toEqual({ 'r0-n0': seq });
  }
  const day = { grain: 'day', from: 0, to: floorTo(c.at, 86_400_000) + 86_400_000 } as const;
  const events = width * EVENTS_PER_MS_MAX + AHEAD_MAX * EVENTS_PER_MS_MAX + 100 * EVENTS_SHORT_MAX;
  expect(events).toBeLessThan(Number.MAX_SAFE_INTEGER);
  expect(c.store.slaCounts('final', [day]).get('r0-n0')).toEqual({ events, good: events });
  const told = await indicators(c.store, askedScope(trust, 'global'), day, { trust, latest: c.ingest.latest });
  expect(told).toMatchObject({ deltas: 102, counts: { accepted: events }, lag: { whole: { count: events, quantiles: { p99: { value: 2 ** 47 } } } } });
});

test('made-up SLAs, assets and peers fill neither rows nor memory, and take nothing from other nodes', async () => {
  const c = centre();
  const made: string[] = [];
  for (let seq = 1; seq <= 4; seq += 1) {
    const sums = emptySums();
    for (let i = 0; i < 999; i += 1) {
      made.push(`s${seq}-${i}`);
      sums.slas.set(`s${seq}-${i}`, { events: 1, good: 1 });
      sums.drift.amount.set(`X${seq}Z${i}`, 1n);
    }
    sums.slas.set('final', { events: 1, good: 1 });
    sums.drift.compared = 1;
    c.at = START + seq * 5_000;
    expect(await c.tell([deltaOf('r0-n0', seq, { sums })])).toEqual({ 'r0-n0': seq });
  }
  const honest = emptySums();
  honest.drift.compared = honest.drift.drifted = 1;
  honest.drift.amount.set('EUR', 7n);
  Object.assign(peeringOf(honest, 'r0'), { sent: 1, lost: 1 });
  await c.tell([deltaOf('r0-n1', 1, { sums: honest })]);
  const day = { grain: 'day', from: 0, to: 1e14 } as const;
  const counted = made.filter((sla) => c.store.slaCounts(sla, [day]).size > 0);
  expect(counted).toHaveLength(ROLLUP_MAX.slas - 1);
  expect(c.store.slaCounts('final', [day]).get('r0-n0')).toEqual({ events: 4, good: 4 });
  const told = await indicators(c.store, askedScope(trust, 'global'), { from: START - HOUR, to: START + HOUR }, { trust, latest: c.ingest.latest });
  expect(told['drift']).toMatchObject({ amount: { EUR: '7' } });
  expect(told['peering']).toMatchObject([{ from: 'r0-n1', to: 'r0', up: false }]);
});

test('a region that adds a line to a node\'s note makes no contradiction of it; contradictions of one node are kept once in an hour', async () => {
  const c = centre();
  const one = deltaOf('r0-n0', 1);
  const stranger = (note: string): string => `${note}\u2014 somebody ${Buffer.alloc(68, 7).toString('base64')}\n`;
  expect(await c.tell([one], stranger)).toEqual({ 'r0-n0': 1 });
  expect(await c.tell([one])).toEqual({ 'r0-n0': 1 });
  expect(c.evidence).toEqual([]);
  for (let acknowledged = 0; acknowledged < 5; acknowledged += 1) {
    const sums = emptySums();
    sums.counts.accepted = 1 + acknowledged;
    expect(await c.tell([deltaOf('r0-n0', 1, { sums })])).toMatchObject({ status: 409, extra: { node: 'r0-n0', seq: 1 } });
  }
  expect(c.evidence).toHaveLength(1);
  c.at += HOUR;
  await c.tell([{ ...one, sums: { ...emptySums(), slas: new Map([['x', { events: 1, good: 1 }]]) } }]);
  expect(c.evidence).toHaveLength(2);
});

test('how the sites stand does not begin anew with the service', async () => {
  const c = centre();
  c.at = START + 12_000;
  const sums = emptySums();
  sums.counts.accepted = 50;
  record(sums.lag.whole, 20, 50);
  await c.tell([deltaOf('r0-n0', 1), deltaOf('r0-n1', 1), deltaOf('r0-n0', 2, { sums })]);
  const before = sitesNow(trust, c.ingest.latest, c.at);
  expect(before).toMatchObject([{ id: 'r0-n0', state: 'ready', perSecond: 10, seq: 2 }, { id: 'r0-n1', seq: 1 }, { state: 'unknown' }]);
  c.restart();
  expect(sitesNow(trust, c.ingest.latest, c.at)).toEqual(before);
  expect(c.ingest.latest.get('r0-n0')!.delta.gauges.peers).toEqual({ r0: { up: false, since: START } });
  // A quiet node tells something once a minute; meanwhile its region asks for it. One of which nothing ever came is not late.
  const at = (afterMs: number) => sitesNow(trust, c.ingest.latest, c.at + afterMs, new Map([['r0-n1', c.at + 30_000]])).map((s) => [s.isLate, s.contactAt === null ? null : s.contactAt - c.at]);
  expect(at(20_000)).toEqual([[false, 0], [false, 30_000], [false, null]]);
  expect(at(20_001)[0]).toEqual([true, 0]);
  expect([at(50_000)[1], at(50_001)[1]]).toEqual([[false, 30_000], [true, 30_000]]);
  expect(sitesNow(trust, c.ingest.latest, c.at + HOUR)[0]).toMatchObject({ state: 'silent', heardAt: START + 12_000 });
});
