/** Telemetry over HTTP, as regions send it and as people, dashboards and auditors ask for it. */
import { request } from 'node:http';
import { expect, test } from 'vitest';
import type { Sla } from '../../../platform/index.ts';
import {
  addSums, emptySums, openAcknowledgement, openDelta, peeringOf, quantile, record, signDelta, signSum, sumOf, type Delta, type Sums,
} from '../../telemetry/index.ts';
import { parseVerifier } from '../../transparency/index.ts';
import type { FakeRegion } from '../testing.ts';
import { json, start, type Bench } from '../testing-service.ts';

const sla = (id: string, more: Partial<Sla>): Sla =>
  ({ id, indicator: 'finality', objective: 0.99, windowDays: 30, scope: 'global', severity: 'page', owner: 'o', runbook: 'runbooks/x.ts', ...more });
const slas = [
  sla('final', { thresholdMs: 100 }), sla('ack', { indicator: 'provisional-ack', thresholdMs: 5, scope: 'region' }), sla('up', { indicator: 'availability', scope: 'site' }),
];

interface Told {
  readonly node: string;
  readonly seq: number;
  readonly lagMs?: readonly number[];
  readonly bad?: number;
}

function sumsOf({ lagMs = [], bad = 0 }: Told): Sums {
  const sums = emptySums();
  for (const ms of lagMs) record(sums.lag.whole, ms);
  sums.counts.accepted = lagMs.length;
  sums.counts.final = lagMs.length;
  sums.slas.set('final', { events: lagMs.length, good: lagMs.length - bad });
  sums.slas.set('up', { events: 10, good: 10 });
  const peering = peeringOf(sums, 'eu');
  for (const ms of [4, 5, 9]) record(peering.rtt, ms);
  peering.sent = 4;
  peering.lost = 1;
  return sums;
}

const deltaOf = (region: FakeRegion, told: Told): Delta => {
  // One behind the other, the third of them now.
  const to = Date.now() - (3 - told.seq) * 5_000;
  return {
    origin: 'tidemark.example', node: told.node, region: region.id, seq: told.seq, acknowledged: 0, from: to - 5_000, to, sums: sumsOf(told),
    gauges: { state: 'ready', provisional: 1, provisionalRatio: 0.1, provisionalAgeMs: 7, queued: 2, logSize: 50 },
  };
};

async function tell(bench: Bench, region: FakeRegion, told: readonly Told[]) {
  const deltas = told.map((t) => deltaOf(region, t));
  const body = {
    region: region.id, sum: await signSum(sumOf('tidemark.example', region.id, Date.now(), deltas), region.logSigner),
    deltas: await Promise.all(deltas.map((d) => signDelta(d, region.nodes.get(d.node)!.signer))),
  };
  return { body, answer: await bench.post('/v1/telemetry', body) };
}

test('indicators, raw deltas, series, SLAs and reports all say the same, over a restart too', async () => {
  const bench = await start({ slas });
  const [r0, r1] = bench.platform.regions;
  const lag = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
  const { body, answer } = await tell(bench, r0!, [{ node: 'r0-n0', seq: 1, lagMs: lag(120), bad: 20 }, { node: 'r0-n0', seq: 3, lagMs: lag(80) }, { node: 'r0-n1', seq: 1, lagMs: lag(50) }]);
  expect(answer.status).toBe(200);
  const log = parseVerifier(bench.platform.global.signer.vkey);
  // The second one never came: it is asked for again.
  expect(openAcknowledgement(answer.body.toString(), 'tidemark.example', log)).toEqual({ 'r0-n0': 1, 'r0-n1': 1 });
  expect((await tell(bench, r1!, [{ node: 'r1-n0', seq: 1, lagMs: [500] }])).answer.status).toBe(200);
  // The same again, as after a lost answer.
  expect((await bench.post('/v1/telemetry', body)).status).toBe(200);
  await bench.restart();
  expect((await bench.post('/v1/telemetry', body)).status).toBe(200);

  const all = json(await bench.get('/v1/telemetry/indicators?window=15m'));
  expect(all).toMatchObject({
    scope: 'global', window: '15m', deltas: 4, missing: 1, nodes: { expected: 4, reporting: 3, silent: ['r1-n1'] }, coveredMs: 20_000,
    counts: { accepted: 251, final: 251 }, provisional: { worstRatio: 0.1, worstAgeMs: 7 },
  });
  expect(all.lag.whole).toMatchObject({ count: 251, nodes: 3, unit: 'ms' });
  expect(all.lag.whole.quantiles.p50.intervals.map((i: { method: string }) => i.method)).toEqual(['order-statistic', 'node-effects']);
  expect(all.peering).toContainEqual(expect.objectContaining({ from: 'r0-n0', to: 'eu', sent: 8, lost: 2 }));

  // An auditor takes the raw deltas, verifies them, and arrives at the same figures.
  const pages = [json(await bench.get('/v1/telemetry/deltas?limit=3'))];
  pages.push(json(await bench.get(`/v1/telemetry/deltas?limit=3&after=${pages[0].next}`)));
  const raw = pages.flatMap((p) => p.deltas as { note: string; region: string; seq: number }[]);
  expect(raw.map((d) => d.seq)).toEqual([1, 3, 1, 1]);
  const recomputed = emptySums();
  for (const d of raw) {
    addSums(recomputed, openDelta(d.note, 'tidemark.example', d.region, bench.platform.trust.regions.get(d.region)!.nodes).value.sums);
  }
  expect(quantile(recomputed.lag.whole, 0.95)).toBe(all.lag.whole.quantiles.p95.value);
  expect(json(await bench.get('/v1/telemetry/deltas?node=r0-n1')).deltas).toHaveLength(1);
  expect(json(await bench.get('/v1/telemetry/deltas?region=r1')).progress).toEqual([{ node: 'r1-n0', region: 'r1', contiguous: 1, max: 1, stored: 1 }]);

  // Of the answer's own time there are all of them, of the time before it none.
  const within = json(await bench.get(`/v1/telemetry/deltas?from=${all.from}&to=${all.to}&limit=3`));
  expect([...within.deltas, ...json(await bench.get(`/v1/telemetry/deltas?from=${all.from}&to=${all.to}&after=${within.next}`)).deltas]).toHaveLength(4);
  const iso = (time: number): string => new Date(time).toISOString();
  expect(json(await bench.get(`/v1/telemetry/deltas?from=${iso(all.from)}&to=${iso(all.to)}&limit=3`))).toEqual(within);
  expect(json(await bench.get(`/v1/telemetry/deltas?to=${all.from}`))).toMatchObject({ deltas: [], next: 0 });

  expect(json(await bench.get('/v1/telemetry/indicators?scope=site:r0-n1')).lag.whole.count).toBe(50);
  expect(json(await bench.get('/v1/telemetry/indicators?scope=region:r1&window=5m')).lag.whole.quantiles.p50.value).toBe(500);
  const series = json(await bench.get('/v1/telemetry/series?scope=region:r0&window=10m&step=2m'));
  expect(series.points.reduce((sum: number, p: { settlements: number }) => sum + p.settlements, 0)).toBe(250);

  const { slas: states } = json(await bench.get('/v1/sla'));
  expect(states.map((s: { sla: string; scope: string }) => `${s.sla} ${s.scope}`)).toEqual([
    'final global', 'ack region:r0', 'ack region:r1', 'up site:r0-n0', 'up site:r0-n1', 'up site:r1-n0', 'up site:r1-n1',
  ]);
  expect(states[0]).toMatchObject({
    events: 251, goodEvents: 231, badEvents: 20, nodes: 3, attainment: 231 / 251, met: false, budget: { allowedBadEvents: 2.51, usedBadEvents: 20, left: -6.96812749004, known: false },
    // The platform is minutes old.
    exhaustedInMs: 0, burning: false,
  });
  expect(states[0].alerts[0].long).toMatchObject({ minutes: 60, events: 251, badEvents: 20 });
  expect(states[1]).toMatchObject({ events: 0, attainment: null, met: null, budget: { left: 1 }, intervals: [] });
  expect(states[3]).toMatchObject({ events: 20, goodEvents: 20, met: true });

  const month = new Date().toISOString().slice(0, 7);
  const report = json(await bench.get(`/v1/sla/report?month=${month}`));
  expect(report).toMatchObject({ month, partial: true, basis: { deltas: 4, missing: 1 } });
  expect(report.slas[0]).toMatchObject({ sla: 'final', events: 251, byNode: [{ node: 'r0-n0', events: 200, goodEvents: 180 }, { node: 'r0-n1' }, { node: 'r1-n0' }] });
  const csv = (await bench.get(`/v1/sla/report?month=${month}&format=csv`)).body.toString().split('\r\n');
  expect(csv[1]).toMatch(/^final,global,finality,0\.99,100,,251,231,20,3,0\.92/);
  const html = await bench.get(`/v1/sla/report?month=${month}&format=html`);
  expect(html.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
  const page = html.body.toString();
  expect(page).toContain('<th scope="row">final');
  // No T to look up elsewhere; what is to be said beside intervals is said; a budget is told in words.
  expect(page).toContain('proven at its edge node within 100 ms of the request');
  expect(page).not.toMatch(/\bT\b/);
  expect(page).toMatch(/<sup>1<\/sup>[\s\S]*<ol><li><small>Of these nodes&#39; traffic alone/);
  expect(page).toContain('data-label="Budget">7.97 times the error budget used<');
  const metrics = (await bench.get('/metrics')).body.toString();
  expect(metrics).toContain('# TYPE tidemark_settlement_lag_ms histogram');
  expect(metrics).toContain('tidemark_global_telemetry_missing{region="r0"} 1');
});

test('every way between two sites is told: how it stood last, its round trips and jitter, in pages too', async () => {
  const bench = await start({ slas });
  const region = bench.platform.regions[0]!;
  const told = async (seq: number, peers: NonNullable<Delta['gauges']['peers']>): Promise<void> => {
    const sums = emptySums();
    for (const [to, rtts] of [['r0', [4, 6]], ['r0-n1', [10, 10]]] as const) {
      const peering = peeringOf(sums, to);
      for (const ms of rtts) record(peering.rtt, ms);
      record(peering.jitter, Math.abs(rtts[1] - rtts[0]));
      peering.sent = 3;
      peering.lost = 1;
    }
    const delta = deltaOf(region, { node: 'r0-n0', seq });
    const whole = { ...delta, sums, gauges: { ...delta.gauges, peers } };
    const body = { region: 'r0', sum: await signSum(sumOf('tidemark.example', 'r0', Date.now(), [whole]), region.logSigner), deltas: [await signDelta(whole, region.nodes.get('r0-n0')!.signer)] };
    expect((await bench.post('/v1/telemetry', body)).status).toBe(200);
  };
  await told(1, { r0: { up: true, since: 5 }, 'r0-n1': { up: true, since: 6 } });
  await told(2, { r0: { up: true, since: 5 }, 'r0-n1': { up: false, since: 9 } });
  const { peering, peeringPairs } = json(await bench.get('/v1/telemetry/indicators?scope=region:r0&window=15m'));
  expect(peeringPairs).toEqual({ listed: 2, of: 2 });
  expect(peering).toMatchObject([
    {
      from: 'r0-n0', to: 'r0', kind: 'region', sent: 6, lost: 2, reachable: { count: 4, of: 6 }, up: true, upSince: 5,
      rtt: { unit: 'ms', count: 4, mean: 5, quantiles: { p99: { value: 6 } } }, jitter: { unit: 'ms', count: 2, mean: 2, quantiles: { p50: { value: 2 } } },
    },
    { from: 'r0-n0', to: 'r0-n1', kind: 'edge', up: false, upSince: 9, jitter: { count: 2, mean: 0, quantiles: { p50: { value: 0 } } } },
  ]);
  const page = json(await bench.get('/v1/telemetry/peering?window=15m&limit=1'));
  expect([page.of, page.next, page.pairs]).toEqual([2, 'r0-n0>r0', [peering[0]]]);
  const last = json(await bench.get(`/v1/telemetry/peering?window=15m&limit=1&after=${encodeURIComponent(page.next)}`));
  expect([last.of, last.next, last.pairs]).toEqual([2, null, [peering[1]]]);
  expect(json(await bench.get('/v1/telemetry/peering?window=15m&after=zz')).pairs).toEqual([]);
  // After a restart it is as it was.
  await bench.restart();
  expect(json(await bench.get('/v1/telemetry/indicators?scope=site:r0-n0&window=15m')).peering[1]).toMatchObject({ sent: 6, up: false, upSince: 9 });
});

test('two stories under one number are evidence', async () => {
  const bench = await start({ slas });
  const [region] = bench.platform.regions;
  await tell(bench, region!, [{ node: 'r0-n0', seq: 1, lagMs: [1] }]);
  const { answer } = await tell(bench, region!, [{ node: 'r0-n1', seq: 1, lagMs: [3] }, { node: 'r0-n0', seq: 1, lagMs: [2] }]);
  expect(json(answer)).toMatchObject({ status: 409, code: 'telemetry-conflict', node: 'r0-n0', seq: 1 });
  expect(json(await bench.get('/v1/status')).incidents).toMatchObject([{ kind: 'telemetry-conflict' }]);
  // All or nothing: the other node's comes again.
  expect(json(await bench.get('/v1/telemetry/indicators')).counts.accepted).toBe(1);
});

test('a region vouches for what it adds up', async () => {
  const bench = await start({ slas });
  const [r0, r1] = bench.platform.regions;
  const delta = deltaOf(r0!, { node: 'r0-n0', seq: 1 });
  const deltas = [await signDelta(delta, r0!.nodes.get('r0-n0')!.signer)];
  const sum = (d: readonly Delta[], by: FakeRegion): Promise<string> => signSum(sumOf('tidemark.example', 'r0', 1, d), by.logSigner);
  expect(json(await bench.post('/v1/telemetry', { region: 'r0', sum: await sum([], r0!), deltas }))).toMatchObject({ status: 400, code: 'bad-delta' });
  expect(json(await bench.post('/v1/telemetry', { region: 'r0', sum: await sum([delta], r1!), deltas }))).toMatchObject({ status: 403, code: 'bad-delta' });
  expect(json(await bench.post('/v1/telemetry', { region: 'r1', sum: await sum([delta], r1!), deltas }))).toMatchObject({ status: 403, code: 'bad-delta' });
  expect(json(await bench.post('/v1/telemetry', { region: 'zz', sum: 'x', deltas }))).toMatchObject({ status: 403, code: 'unknown-region' });
  expect(json(await bench.post('/v1/telemetry', { region: 'r0', sum: 'x', deltas: [] }))).toMatchObject({ status: 400, code: 'invalid-request' });
});

test.each([
  ['/v1/telemetry/indicators?scope=planet', 'scope: expected global, region:ID or site:ID'], ['/v1/telemetry/indicators?scope=region:zz', 'regions r0, r1'],
  ['/v1/telemetry/indicators?scope=site:zz', 'no edge node'], ['/v1/telemetry/indicators?window=5s', 'as 5m, 24h or 30d'], ['/v1/telemetry/indicators?window=401d', 'at most 400d'],
  ['/v1/telemetry/indicators?win=5m', 'additional properties'], ['/v1/telemetry/series?window=30d&step=1m', 'at most 500'], ['/v1/telemetry/deltas?limit=1001', '1 to 1000'],
  ['/v1/telemetry/peering?limit=501', '1 to 500'], ['/v1/telemetry/peering?scope=site:zz', 'no edge node'],
  ['/v1/telemetry/deltas?node=zz', 'no edge node'], ['/v1/telemetry/deltas?from=2000&to=1000', 'to: expected a time after from (2000), got 1000'],
  ['/v1/telemetry/deltas?from=yesterday', 'from: expected a time of UTC as 2026-11-21T15:30:00Z'], ['/v1/telemetry/deltas?to=2026-02-30T00:00Z', 'to: expected a time of UTC'],
  ['/v1/telemetry/deltas?from=2026-11-21T15:30:00', 'from: expected a time of UTC'], ['/v1/telemetry/deltas?to=9000000000000000', 'to: expected a time'],
  ['/v1/telemetry/deltas?from=1&after=77', 'after: there is no delta 77'], ['/v1/sla/report', 'month'], ['/v1/sla/report?month=2026-13', 'as 2026-11'], ['/v1/sla/report?month=2099-01', 'has not begun'],
  ['/v1/sla/report?month=2026-01&format=pdf', 'format'],
])('%s says what is allowed', async (path, detail) => {
  const bench = await start({ slas });
  const problem = json(await bench.get(path));
  expect([problem.status, problem.code]).toEqual([400, 'invalid-request']);
  expect(problem.detail).toContain(detail);
});

test('whoever listens hears at once how the sites stand, and the service stops all the same', async () => {
  const bench = await start({ slas });
  await tell(bench, bench.platform.regions[0]!, [{ node: 'r0-n0', seq: 1, lagMs: [1, 2, 3] }]);
  const first = await new Promise<string>((resolve, reject) => {
    const req = request(`${bench.running.url}/v1/live`, (response) => {
      expect(response.headers['content-type']).toContain('text/event-stream');
      response.setEncoding('utf8').once('data', resolve).on('error', () => undefined);
    });
    req.on('error', reject).end();
  });
  expect(first).toMatch(/^retry: 2000\nevent: status\ndata: \{/);
  const { sites, centre } = JSON.parse(/^data: (.*)$/m.exec(first)![1]!);
  expect(centre).toMatchObject({ state: 'ready' });
  expect(sites.map((s: { id: string; state: string; perSecond: number }) => [s.id, s.state, s.perSecond])).toEqual([
    ['r0-n0', 'ready', 0.6], ['r0-n1', 'unknown', 0], ['r1-n0', 'unknown', 0], ['r1-n1', 'unknown', 0],
  ]);
});
