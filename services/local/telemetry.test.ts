/** Telemetry from the counting at an edge node to the figures at the centre: nothing is counted twice, and nothing is lost. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { Sla } from '../../platform/index.ts';
import { createIngest } from '../control-plane/telemetry/ingest.ts';
import { openTelemetryStore as openCentreStore, type TelemetryStore as CentreStore } from '../control-plane/telemetry/store.ts';
import { createFigures, type Figures } from '../edge-node/figures.ts';
import { createTelemetrySteps, windowWidth, WAITING_MAX, type TelemetrySteps } from '../edge-node/telemetry.ts';
import { openTelemetryStore as openEdgeStore, type TelemetryStore as EdgeStore } from '../edge-node/telemetry-store.ts';
import { createTelemetryRelay, type TelemetryRelay } from '../regional-aggregator/telemetry.ts';
import { UnreachableError, type Answer } from '../shell/index.ts';
import { addRollupText, addSums, emptyRollup, emptySums, LAG_STAGES, openDelta, peeringOf, record, signDelta, sumsToJson, type Sums } from '../telemetry/index.ts';
import { generateSigner, parseTrust, type Signer, type Trust } from '../transparency/index.ts';
import { tinyPlatform } from './fixtures/platform.ts';
import { startLocalPlatform } from './start.ts';

const NODES = ['n0', 'n1', 'n2'];
const signers = new Map(['global', 'region', ...NODES].map((name) => [name, generateSigner(`t.example/${name}`, 'ed25519').signer]));
const signer = (name: string): Signer => signers.get(name)!;
const trust: Trust = parseTrust(JSON.stringify({
  origin: 't.example', global: signer('global').vkey, witnessQuorum: 1,
  regions: [{
    id: 'eu', log: signer('region').vkey, quorum: 1, replicas: [generateSigner('t.example/replica', 'cosignature/v1').signer.vkey],
    nodes: NODES.map((id) => ({ id, vkey: signer(id).vkey })),
  }],
}));
const sla = (id: string, indicator: Sla['indicator'], thresholdMs: number): Sla =>
  ({ id, indicator, objective: 0.9, thresholdMs, windowDays: 30, scope: 'global', severity: 'ticket', owner: 'o', runbook: 'runbooks/x.ts' });
const slas = [sla('ack', 'provisional-ack', 5), sla('ordered', 'ordering', 50), sla('final', 'finality', 100)];
const logger = pino({ level: 'silent' });

interface Node {
  readonly id: string;
  figures: Figures;
  store: EdgeStore;
  steps: TelemetrySteps;
  size: number;
}

type Fault = 'none' | 'request-lost' | 'answer-lost' | 'twice';

/** Three tiers in one process; the links between them do what they are told to. */
function stage(folder: string) {
  let time = Date.UTC(2026, 0, 1);
  const faults: Fault[] = [];
  const incidents: string[] = [];
  const fault = (): Fault => faults.shift() ?? 'none';
  async function link<T>(work: () => Promise<T>): Promise<T> {
    const what = fault();
    if (what === 'request-lost') throw new UnreachableError('lost');
    const answer = await work();
    if (what === 'twice') return await work();
    if (what === 'answer-lost') throw new UnreachableError('answer lost');
    return answer;
  }
  const openCentre = (): { store: CentreStore; ingest: ReturnType<typeof createIngest> } => {
    const store = openCentreStore(join(folder, 'centre.db'));
    const ingest = createIngest({
      trust, signer: signer('global'), store, ledger: { keepEvidence: async () => undefined }, onIncident: (i) => incidents.push(i.kind), now: () => time,
    });
    return { store, ingest };
  };
  let centre = openCentre();
  const openReplica = (): TelemetryRelay => createTelemetryRelay({
    origin: trust.origin, trust: trust.regions.get('eu')!, signer: signer('region'), logger, now: () => time,
    http: { close: async () => undefined } as never,
    centre: {
      call: (_http: unknown, _path: string, call: { body: string }): Promise<Answer> => link(async () =>
        ({ status: 200, headers: {}, body: Buffer.from(await centre.ingest.take(JSON.parse(call.body))) })),
    } as never,
  });
  const replicas = [openReplica(), openReplica()];
  const openSteps = (node: Pick<Node, 'id' | 'figures' | 'store'>): TelemetrySteps => createTelemetrySteps({
    node: node.id, region: 'eu', trust, signer: signer(node.id), store: node.store, figures: node.figures, urls: ['0', '1'], now: () => time, windowMs: 5_000,
    gauges: (now) => ({ state: 'ready', ...node.figures.provisional(now), queued: 0, logSize: 0 }),
    http: { text: (url, call) => link(() => replicas[Number(url[0])]!.take((JSON.parse(String(call?.body)) as { deltas: string[] }).deltas)) },
  });
  const openNode = (id: string, size: number): Node => {
    const store = openEdgeStore(join(folder, `${id}.db`));
    const figures = createFigures({ slas, node: id, region: 'eu', reach: 'in-reach' });
    figures.resume([], store.last()?.marks ?? null);
    return { id, store, figures, size, steps: openSteps({ id, store, figures }) };
  };
  const nodes = NODES.map((id) => openNode(id, 0));
  return {
    nodes, faults, incidents,
    now: () => time,
    pass: (ms: number): void => void (time += ms),
    centre: () => centre,
    restartCentre(): void {
      centre.store.close();
      centre = openCentre();
    },
    restartReplica: (i: number): void => void (replicas[i] = openReplica()),
    async restartNode(i: number): Promise<void> {
      const node = nodes[i]!;
      time += 1;
      await node.steps.close(true);
      node.store.close();
      nodes[i] = openNode(node.id, node.size);
    },
    close(): void {
      centre.store.close();
      for (const node of nodes) node.store.close();
    },
  };
}

/** What the centre has counted, over all time, from its days. */
function countedAt(store: CentreStore): Sums {
  const all = emptyRollup();
  for (const { node } of store.nodes()) for (const text of store.rollups(node, { grain: 'day', from: 0, to: 1e14 })) addRollupText(all, text);
  return all.sums;
}

const inFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const faultArb = fc.constantFrom<Fault>('none', 'request-lost', 'answer-lost', 'twice');
const stepArb = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('count' as const), node: fc.nat(2), count: fc.integer({ min: 1, max: 9 }), lag: fc.integer({ min: 0, max: 200 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('window' as const), ms: fc.constantFrom(1_000, 5_000, 61_000) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), node: fc.nat(2), faults: fc.array(faultArb, { maxLength: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('probe' as const), node: fc.nat(2), to: fc.constantFrom('eu', ...NODES), rttMs: fc.option(fc.integer({ min: 0, max: 90 }), { freq: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart-node' as const), node: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart-centre' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart-replica' as const), replica: fc.nat(1) }) },
);

test('over lost requests, lost answers, repetitions and restarts of every tier the centre counts exactly what the nodes counted', async () => {
  await fc.assert(fc.asyncProperty(fc.array(stepArb, { minLength: 5, maxLength: 40 }), async (steps) => {
    const folder = mkdtempSync(join(tmpdir(), 'telemetry-'));
    const s = stage(folder);
    const expected = emptySums();
    const lastRtts = new Map<string, number | null>();
    try {
      for (const step of steps) {
        if (step.do === 'count') {
          const node = s.nodes[step.node]!;
          const at = s.now();
          node.figures.answered(step.count, step.lag);
          node.figures.decided({ first: node.size, count: step.count, decidedAt: at, receivedAt: at, offline: 0, refused: 0 });
          node.size += step.count;
          node.figures.orderedUpTo(node.size, at + step.lag);
          node.figures.finalUpTo(node.size, at + step.lag * 2);
          expected.counts.accepted += step.count;
          for (const [id, good] of [['ack', step.lag <= 5], ['ordered', step.lag <= 50], ['final', step.lag * 2 <= 100]] as const) {
            const share = expected.slas.get(id) ?? { events: 0, good: 0 };
            expected.slas.set(id, { events: share.events + step.count, good: share.good + (good ? step.count : 0) });
          }
        } else if (step.do === 'probe') {
          s.nodes[step.node]!.figures.probed({ to: step.to, path: step.to, sentAt: s.now(), rttMs: step.rttMs });
          const peering = peeringOf(expected, step.to);
          peering.sent += 1;
          if (step.rttMs === null) peering.lost += 1;
          else record(peering.rtt, step.rttMs);
          // What came before on this way, in this life of the node.
          const way = `${step.node} ${step.to}`;
          const before = lastRtts.get(way) ?? null;
          if (before !== null && step.rttMs !== null) record(peering.jitter, Math.abs(step.rttMs - before));
          lastRtts.set(way, step.rttMs);
        } else if (step.do === 'window') {
          s.pass(step.ms);
          for (const node of s.nodes) await node.steps.close();
        } else if (step.do === 'send') {
          s.faults.splice(0, Infinity, ...step.faults);
          await s.nodes[step.node]!.steps.send().catch(() => undefined);
          s.faults.length = 0;
        } else if (step.do === 'restart-node') {
          await s.restartNode(step.node);
          for (const to of ['eu', ...NODES]) lastRtts.delete(`${step.node} ${to}`);
        } else if (step.do === 'restart-centre') s.restartCentre();
        else s.restartReplica(step.replica);
      }
      s.pass(5_000);
      for (const node of s.nodes) {
        await node.steps.close(true);
        while (await node.steps.send());
        expect(node.store.count()).toBe(0);
      }
      const { store } = s.centre();
      const counted = countedAt(store);
      expect(counted.counts.accepted).toBe(expected.counts.accepted);
      for (const lag of LAG_STAGES) expect([lag, counted.lag[lag].count]).toEqual([lag, expected.counts.accepted]);
      expect(sumsToJson(counted).slas).toEqual(sumsToJson(expected).slas);
      expect(new Map([...counted.peering].sort())).toEqual(new Map([...expected.peering].sort()));
      for (const grain of ['minute', 'hour', 'day'] as const) {
        const { events } = [...store.slaCounts('ack', [{ grain, from: 0, to: 1e14 }]).values()].reduce((a, b) => ({ events: a.events + b.events, good: a.good + b.good }), { events: 0, good: 0 });
        expect(events).toBe(expected.slas.get('ack')?.events ?? 0);
      }
      // An auditor adds up the raw deltas and arrives at the same.
      const recomputed = emptySums();
      for (const { note } of store.raw({}, 0, 1_000)) addSums(recomputed, openDelta(note, 't.example', 'eu', trust.regions.get('eu')!.nodes).value.sums);
      expect([recomputed.counts, sumsToJson(recomputed).slas]).toEqual([counted.counts, sumsToJson(counted).slas]);
      for (const p of store.nodes()) expect([p.node, p.contiguous, p.stored]).toEqual([p.node, p.max, p.max]);
      expect(s.incidents).toEqual([]);
    } finally {
      s.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }), { numRuns: 25 });
});

test('a node that signs two stories under one number is found out, and its neighbours are not kept waiting', async () => {
  const s = stage(inFolder());
  onTestFinished(s.close);
  const { ingest } = s.centre();
  const delta = (node: string, accepted: number) => {
    const sums = emptySums();
    sums.counts.accepted = accepted;
    const gauges = { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 0 } as const;
    return signDelta({ origin: 't.example', node, region: 'eu', seq: 1, acknowledged: 0, from: s.now() - 10, to: s.now(), gauges, sums }, signer(node));
  };
  const relay = createTelemetryRelay({
    origin: trust.origin, trust: trust.regions.get('eu')!, signer: signer('region'), logger, now: s.now, http: { close: async () => undefined } as never,
    centre: {
      async call(_http: unknown, _path: string, call: { body: string }): Promise<Answer> {
        try {
          return { status: 200, headers: {}, body: Buffer.from(await ingest.take(JSON.parse(call.body))) };
        } catch (error) {
          return { status: (error as { status: number }).status, headers: {}, body: Buffer.from(JSON.stringify(error)) };
        }
      },
    } as never,
  });
  await relay.take([await delta('n0', 1)]);
  // The second and third wait for the first of the three, and then travel together.
  const answers = await Promise.allSettled([relay.take([await delta('n2', 7)]), relay.take([await delta('n0', 2)]), relay.take([await delta('n1', 5)])]);
  expect(answers.map((a) => a.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect((answers[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'telemetry-conflict', status: 409 });
  expect(s.incidents).toEqual(['telemetry-conflict']);
  expect(countedAt(s.centre().store).counts.accepted).toBe(13);
});

test('what is not of a node of the region, or not signed by it, is refused before it is counted', async () => {
  const s = stage(inFolder());
  onTestFinished(s.close);
  const relay = createTelemetryRelay({
    origin: trust.origin, trust: trust.regions.get('eu')!, signer: signer('region'), logger, now: s.now, http: {} as never, centre: {} as never,
  });
  const gauges = { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 0 } as const;
  const base = { origin: 't.example', node: 'n0', region: 'eu', seq: 1, acknowledged: 0, from: 1, to: 2, gauges, sums: emptySums() };
  const refused = async (note: string, status: number): Promise<void> => {
    await expect(relay.take([note])).rejects.toMatchObject({ code: 'bad-delta', status });
    await expect(s.centre().ingest.take({ region: 'eu', sum: 'x', deltas: [note] })).rejects.toMatchObject({ code: 'bad-delta', status });
  };
  const good = await signDelta(base, signer('n0'));
  await refused(await signDelta(base, signer('n1')), 400);
  await refused(await signDelta({ ...base, region: 'us' }, signer('n0')), 400);
  await refused(await signDelta({ ...base, origin: 'other' }, signer('n0')), 400);
  await refused(await signDelta({ ...base, to: 1 }, signer('n0')), 400);
  await refused(await signDelta({ ...base, seq: 0 }, signer('n0')), 400);
  await refused(await signDelta(base, generateSigner('t.example/n0', 'ed25519').signer), 403);
  await refused(good.replace('"seq":1', '"seq":2'), 403);
  await refused('hello', 400);
  // A sum that is not that of what came with it.
  await expect(s.centre().ingest.take({ region: 'eu', sum: good, deltas: [good] })).rejects.toMatchObject({ code: 'bad-delta' });
  expect(s.centre().store.nodes()).toEqual([]);
});

test('the more deltas wait, the wider the windows, and nothing that was counted is dropped', async () => {
  expect([0, 63, 64, 128, 640, WAITING_MAX - 1, WAITING_MAX].map((n) => windowWidth(5_000, n))).toEqual([5_000, 5_000, 10_000, 20_000, 3_600_000, 3_600_000, Infinity]);
  const s = stage(inFolder());
  onTestFinished(s.close);
  const node = s.nodes[0]!;
  for (let i = 0; i < 400; i += 1) {
    node.figures.answered(1, 1);
    s.pass(5_000);
    await node.steps.close();
  }
  expect(node.store.count()).toBe(180);
  s.pass(1);
  await node.steps.close(true);
  while (await node.steps.send());
  expect(countedAt(s.centre().store).lag.provisional.count).toBe(400);
});

test('the real services: settlements at an edge node become figures and SLAs at the centre', async () => {
  const model = tinyPlatform({
    slas: [{ id: 'final', indicator: 'finality', objective: 0.9, thresholdMs: 60_000, scope: 'region', severity: 'ticket', owner: 'o', runbook: 'runbooks/x.ts' }],
  });
  const platform = await startLocalPlatform(model, { dataDir: inFolder(), portBase: 0, wanScale: 0 });
  onTestFinished(() => platform.stop(5_000));
  const token = readFileSync(platform.tokenFile, 'utf8').trim();
  const ask = async (url: string, method = 'GET', body?: object): Promise<Record<string, never>> => {
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    return await (await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })).json() as Record<string, never>;
  };
  for (const [account, overdraftLimit] of [['bank', null], ['alice', '0']]) await ask(`${platform.controlUrl}/v1/accounts/${account}`, 'PUT', { asset: 'EUR', overdraftLimit });
  const edge = platform.edges[0]!.url;
  const settlements = Array.from({ length: 30 }, (_, i) => ({ id: `s${i}`, asset: 'EUR', debitAccount: 'bank', creditAccount: 'alice', amount: '5' }));
  await ask(`${edge}/v1/settlements`, 'POST', { settlements });
  const indicators = async (): Promise<{ counts: { final: number }; missing: number; lag: { whole: { count: number } } }> =>
    await ask(`${platform.controlUrl}/v1/telemetry/indicators?scope=site:eu-a&window=10m`) as never;
  let shown = await indicators();
  while (shown.counts.final < 30) {
    await sleep(100);
    shown = await indicators();
  }
  expect(shown).toMatchObject({ counts: { accepted: 30, final: 30, rejected: 0 }, missing: 0, lag: { provisional: { count: 30 }, whole: { count: 30 } } });
  await sleep(2_100);
  expect(await ask(`${platform.controlUrl}/v1/sla`)).toMatchObject({ slas: [{ sla: 'final', scope: 'region:eu', events: 30, goodEvents: 30, met: true }] });
  expect(await (await fetch(`${edge}/metrics`)).text()).toContain('tidemark_sla_good_total{sla="final",scope="region:eu"} 30');
}, 60_000);
