/** One settlement is one trace: the real services, a receiver of OTLP, and what it was told. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createControlClient, createEdgeClient, type EdgeClient } from '../protocol/client.ts';
import type { Instruction } from '../protocol/index.ts';
import { serviceOf, startOtlpReceiver, type OtlpResource } from './fixtures/otlp-receiver.ts';
import { samplePlatform, temporaryFolder, tinyPlatform } from './fixtures/platform.ts';
import { layoutOf } from './provision.ts';
import { startLocalPlatform, type LocalPlatform } from './start.ts';

interface ReceivedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, string | number>> }[];
  readonly links?: readonly { readonly traceId: string }[];
}

/** Every span that is sent. */
async function startReceiver(): Promise<{ url: string; of: (traceId: string) => ReceivedSpan[]; all: ReceivedSpan[] }> {
  const all: ReceivedSpan[] = [];
  const { url, stop } = await startOtlpReceiver<{ resourceSpans: { resource: OtlpResource; scopeSpans: { spans: Omit<ReceivedSpan, 'service'>[] }[] }[] }>('traces', ({ resourceSpans }) => {
    for (const r of resourceSpans) for (const s of r.scopeSpans) for (const span of s.spans) all.push({ ...span, service: serviceOf(r.resource) });
  });
  onTestFinished(stop);
  return { url, all, of: (traceId) => all.filter((s) => s.traceId === traceId) };
}

async function until<T>(what: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await what();
    if (found !== undefined && found !== false) return found;
    await sleep(20);
  }
}

const pay = (id: string): Instruction => ({ id, asset: 'EUR', debitAccount: 'bank', creditAccount: 'alice', amount: 5n });
const TRACE = (n: number): string => n.toString(16).padStart(32, 'a');
const CALLER = 'c'.repeat(16);
const header = (n: number): string => `00-${TRACE(n)}-${CALLER}-01`;

async function openAccounts(platform: LocalPlatform): Promise<void> {
  const centre = createControlClient(platform.controlUrl, { token: readFileSync(platform.tokenFile, 'utf8').trim() });
  onTestFinished(() => centre.close());
  await centre.openAccounts([{ account: 'bank', asset: 'EUR', overdraftLimit: null }, { account: 'alice', asset: 'EUR', overdraftLimit: '0' }]);
}

function edgeOf(platform: LocalPlatform, id = 'eu-a'): EdgeClient {
  const client = createEdgeClient(platform.edges.find((e) => e.id === id)!.url);
  onTestFinished(() => client.close());
  return client;
}

const outcomeOf = (edge: EdgeClient, id: string) => until(async () => {
  const view = await edge.settlement(id);
  return (view.state === 'final' || view.state === 'rejected') && view;
});

/** Every span of the settlement has come, and each has its parent. */
async function wholeTrace(receiver: Awaited<ReturnType<typeof startReceiver>>, traceId: string, names: readonly string[]): Promise<ReceivedSpan[]> {
  const spans = await until(() => {
    const came = receiver.of(traceId);
    return names.every((name) => came.some((s) => s.name === name)) && came;
  });
  for (const s of spans) {
    expect(BigInt(s.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(s.startTimeUnixNano));
    if (s.parentSpanId !== undefined && s.parentSpanId !== CALLER) expect(spans.map((p) => p.spanId)).toContain(s.parentSpanId);
  }
  return spans;
}

const AT_THE_EDGE = ['settle', 'queue', 'decide', 'commit', 'await order', 'await outcome'];
const IN_THE_REGION = ['order', 'publish', 'replay', 'cosign'];
const AT_THE_CENTRE = ['finalize', 'apply', 'witness'];
const EVERYWHERE = [...AT_THE_EDGE, ...IN_THE_REGION, ...AT_THE_CENTRE];

test('a settlement sent with a sampled traceparent is one trace through all three tiers', async () => {
  const receiver = await startReceiver();
  const platform = await startLocalPlatform(samplePlatform(), {
    dataDir: temporaryFolder(onTestFinished), portBase: 0, wan: 'off', logLevel: 'debug', observed: { otlp: receiver.url },
  });
  onTestFinished(() => platform.stop(5_000));
  await openAccounts(platform);
  const edge = edgeOf(platform);

  const receipt = await edge.settle(pay('s1'), header(1));
  expect(await edge.settle(pay('plain'))).toMatchObject({ state: 'provisional' });
  expect(await edge.settle(pay('not-sampled'), `00-${TRACE(9)}-${CALLER}-00`)).toMatchObject({ state: 'provisional' });
  // The trace is no part of what was asked for: the same receipt, whoever follows the repetition, and the first trace stands.
  expect(await edge.settle(pay('s1'), header(2))).toEqual(receipt);
  expect(await outcomeOf(edge, 's1')).toMatchObject({ state: 'final', traceId: TRACE(1) });
  expect(await outcomeOf(edge, 'plain')).not.toHaveProperty('traceId');
  expect(await outcomeOf(edge, 'not-sampled')).not.toHaveProperty('traceId');
  const centre = createControlClient(platform.controlUrl);
  onTestFinished(() => centre.close());
  expect(await centre.settlement('s1')).toMatchObject({ traceId: TRACE(1) });
  expect(await centre.settlement('plain')).not.toHaveProperty('traceId');
  expect(JSON.parse((await edge.provenance('s1')).entry)).toMatchObject({ trace: header(1) });

  const spans = await wholeTrace(receiver, TRACE(1), EVERYWHERE);
  const services = (names: readonly string[]): string[] => [...new Set(spans.filter((s) => names.includes(s.name)).map((s) => s.service))];
  expect([services(AT_THE_EDGE), services(IN_THE_REGION), services(AT_THE_CENTRE)])
    .toEqual([['tidemark-edge-node'], ['tidemark-regional-aggregator'], ['tidemark-control-plane']]);
  const settle = spans.find((s) => s.name === 'settle')!;
  expect(settle.parentSpanId).toBe(CALLER);
  for (const name of ['order', 'finalize', 'await outcome']) expect(spans.find((s) => s.name === name)!.parentSpanId).toBe(settle.spanId);
  // Three replicas, each with its own work; the batch came in at one of them.
  await until(() => receiver.of(TRACE(1)).filter((s) => s.name === 'order').length === 3);
  const ids = receiver.of(TRACE(1)).map((s) => s.spanId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(receiver.of(TRACE(1)).filter((s) => s.name === 'publish')).toHaveLength(1);
  const time = (name: string, end: 'startTimeUnixNano' | 'endTimeUnixNano'): bigint => BigInt(spans.find((s) => s.name === name)![end]);
  expect(time('commit', 'endTimeUnixNano')).toBeLessThanOrEqual(time('await outcome', 'endTimeUnixNano'));
  expect(time('queue', 'endTimeUnixNano')).toBe(time('decide', 'startTimeUnixNano'));

  const [again] = await wholeTrace(receiver, TRACE(2), ['settle']);
  expect(again).toMatchObject({ parentSpanId: CALLER, links: [{ traceId: TRACE(1), spanId: settle.spanId }] });
  expect(receiver.all.filter((s) => ![TRACE(1), TRACE(2)].includes(s.traceId))).toEqual([]);

  // The logs of all three tiers lead to the same trace, by the spans that were told.
  const lines = (process: string): Record<string, unknown>[] => readFileSync(layoutOf(platform.dataDir).log(process), 'utf8').split('\n')
    .filter((line) => line.includes(TRACE(1)) && line.includes('"settlement"')).map((line) => JSON.parse(line) as Record<string, unknown>);
  const told = new Set(receiver.of(TRACE(1)).map((s) => s.spanId));
  for (const [process, steps] of [['eu-a', ['decided', 'ordered', 'outcome known']], ['eu/1', ['ordered']], ['global', ['final']]] as const) {
    expect(lines(process).map((l) => [l['msg'], l['trace_id'], l['settlement'], told.has(String(l['span_id']))])).toEqual(steps.map((step) => [step, TRACE(1), 's1', true]));
  }
}, 60_000);

test('a trace goes on over a partition, kills and a graceful restart of the edge node between decision and outcome', async () => {
  const receiver = await startReceiver();
  const policy = { offlineAfterMs: 300, offlinePerAccount: { EUR: '100000' }, offlinePerNode: { EUR: '100000' } };
  const platform = await startLocalPlatform(tinyPlatform({ policy }), {
    dataDir: temporaryFolder(onTestFinished), portBase: 0, wan: 'off', observed: { otlp: receiver.url, traceRatio: 1_000_000 },
  });
  onTestFinished(() => platform.stop(5_000));
  await openAccounts(platform);
  const edge = edgeOf(platform);
  await edge.settle(pay('first'), header(1));
  await outcomeOf(edge, 'first');

  await platform.partition('eu-a');
  await until(async () => (await edge.account('bank')).connected === false);
  await edge.settle(pay('killed'), header(2));
  await platform.kill('eu-a', 'SIGKILL');
  await platform.ready('eu-a').catch(() => undefined);
  await until(() => edge.settlement('killed').catch(() => undefined));
  const { traceId } = await edge.settlement('killed');
  expect(traceId).toBe(TRACE(2));
  await edge.settle(pay('stopped'), header(3));
  await edge.settle(pay('own'));
  await platform.kill('eu-a', 'SIGTERM');
  await until(() => edge.settlement('own').catch(() => undefined));
  await platform.kill('global', 'SIGKILL');
  await platform.kill('eu/1', 'SIGKILL');
  await platform.heal();
  expect(await outcomeOf(edge, 'killed')).toMatchObject({ state: 'final', mode: 'offline' });

  await wholeTrace(receiver, TRACE(2), ['settle', 'await order', 'await outcome', 'order', 'finalize']);
  const stopped = await wholeTrace(receiver, TRACE(3), ['settle', 'queue', 'decide', 'commit', 'await order', 'await outcome', 'order', 'finalize']);
  // Stopped, the node had told what was over: told once.
  expect(stopped.filter((s) => s.name === 'settle')).toHaveLength(1);
  // One that the node follows of its own has no parent, and at 1,000,000 in a million all are.
  const own = await until(async () => (await edge.settlement('own')).traceId);
  const ofOwn = await wholeTrace(receiver, own, ['settle', 'await outcome', 'order', 'finalize']);
  expect(ofOwn.find((s) => s.name === 'settle')).not.toHaveProperty('parentSpanId');
}, 60_000);

test('with nobody to tell, settlements go on as ever', async () => {
  const platform = await startLocalPlatform(tinyPlatform(), {
    // A port that nothing listens on.
    dataDir: temporaryFolder(onTestFinished), portBase: 0, wan: 'off', observed: { otlp: 'http://127.0.0.1:1', traceRatio: 1_000_000 },
  });
  onTestFinished(() => platform.stop(5_000));
  await openAccounts(platform);
  const edge = edgeOf(platform);
  const ids = Array.from({ length: 600 }, (_, i) => `s${i}`);
  const answers = await edge.settleMany(ids.map(pay));
  expect(answers.every((a) => a.status === 201)).toBe(true);
  expect((await Promise.all(ids.map((id) => outcomeOf(edge, id)))).every((view) => view.state === 'final' && view.traceId !== undefined)).toBe(true);
  const metrics = await (await fetch(`${platform.edges[0]!.url}/metrics`)).text();
  expect(Number(/^tidemark_spans_total (\d+)$/m.exec(metrics)![1])).toBeGreaterThanOrEqual(600 * 6);
}, 60_000);
