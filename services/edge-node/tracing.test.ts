/** Which settlements the node follows, what stands in its log of them, and what it tells. */
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeDecision, formatTraceparent, PARTS_PER_MILLION, Problem, readTrace, spanIdOf, type Instruction, type OutcomeEntry, type Policy } from '../protocol/index.ts';
import type { Span, StepIds, Tracer } from '../shell/index.ts';
import { createEdgeCore } from './core/node.ts';
import { createIntake, type Intake } from './intake.ts';
import { openEdgeStore, type EdgeStore } from './store.ts';
import { createEdgeTracing, traceOf, type EdgeTracing } from './tracing.ts';

const policy: Policy = { version: 1, offlineAfterMs: 60_000, maxStalenessMs: 60_000, offlinePerAccount: {}, offlinePerNode: {} };
const pay = (id: string, amount = 5n): Instruction => ({ id, asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount });
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const header = formatTraceparent(TRACE, CALLER);

interface Stage {
  readonly tracing: EdgeTracing;
  readonly intake: Intake;
  readonly store: EdgeStore;
  readonly spans: Span[];
  readonly steps: (StepIds & { what: string })[];
  dropped: number;
  time: number;
}

function stage(o: { ratio?: number; clients?: number } = {}): Stage {
  const store = openEdgeStore(':memory:');
  onTestFinished(() => store.close());
  const core = createEdgeCore(policy, 0);
  for (const account of ['a', 'b']) core.learn({ account, asset: 'EUR', balance: 1_000_000n, overdraft: null, asOf: 0 }, 0);
  const self: Stage = { store, spans: [], steps: [], dropped: 0, time: 10_000 } as never;
  const tracer: Tracer = {
    isHeard: () => true, soon: (_spans, work) => work(), tell: (span) => void self.spans.push(span), step: (what, at) => void self.steps.push({ what, ...at }),
    dropped: (n) => void (self.dropped += n), metrics: () => [], flush: () => Promise.resolve(),
  };
  const now = (): number => self.time++;
  const tracing = createEdgeTracing({ node: 'n1', region: 'eu', tracer, now, partsPerMillion: o.ratio ?? 0, clientsPerSecond: o.clients ?? 100 });
  const intake = createIntake(core, store, now, () => true, () => undefined, (_flush, traced) => {
    if (traced !== null) tracing.decided(traced);
  }, (error) => {
    throw error;
  }, tracing.sample);
  return Object.assign(self, { tracing, intake });
}

/** As the route does it. */
async function settle(s: Stage, instruction: Instruction, traceparent?: string): Promise<void> {
  const receivedAt = s.time;
  const followed = s.tracing.followed(traceparent === undefined ? {} : { traceparent }, receivedAt);
  const [decided] = await s.intake.settle([instruction], receivedAt, followed === null ? undefined : traceOf(followed));
  s.tracing.answered(followed, decided!, receivedAt, decided!.repeated ? 200 : 201);
}

const entryAt = (s: Stage, index: number): ReturnType<typeof decodeDecision> => decodeDecision(s.store.log.entry(index));
const named = (s: Stage, name: string): Span[] => s.spans.filter((span) => span.name === name);
const outcome = (id: string, index: number, more: Partial<OutcomeEntry> = {}): OutcomeEntry =>
  ({ type: 'outcome', instruction: pay(id), region: 'eu', node: 'n1', index, status: 'final', at: 1, ...more });

describe('whom the node follows', () => {
  it('the sender\'s trace stands in the entry, and the first one stands for ever', async () => {
    const s = stage();
    await settle(s, pay('s1'), header);
    await settle(s, pay('s1'), formatTraceparent('1'.repeat(32), CALLER));
    await settle(s, pay('s1'));
    await settle(s, pay('s2'));
    expect([s.store.log.size, entryAt(s, 0).trace, entryAt(s, 1).trace]).toEqual([2, header, undefined]);
    const { settleId } = readTrace(header, 's1');
    const [first, again, ...more] = named(s, 'settle');
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      traceId: TRACE, spanId: settleId, parentId: CALLER, isRemote: true, kind: 'server',
      attributes: { 'tidemark.settlement.id': 's1', 'tidemark.state': 'provisional', 'http.response.status_code': 201, 'tidemark.log.index': 0 },
    });
    // A repetition is told in the trace of whoever repeats, beside the one that decided.
    expect(again).toMatchObject({ traceId: '1'.repeat(32), parentId: CALLER, attributes: { 'http.response.status_code': 200 }, links: [{ traceId: TRACE, spanId: settleId }] });
  });

  it('a repetition in the same trace is another span than the first', async () => {
    const s = stage();
    await settle(s, pay('s1'), header);
    await settle(s, pay('s1'), header);
    await settle(s, pay('s1'), header);
    expect(new Set(named(s, 'settle').map((span) => span.spanId)).size).toBe(3);
  });

  it('what is not sampled, malformed or of nobody is decided as if there were no header', async () => {
    const s = stage();
    for (const [i, traceparent] of [undefined, `00-${TRACE}-${CALLER}-00`, `00-${'0'.repeat(32)}-${CALLER}-01`, 'x'.repeat(10_000)].entries()) await settle(s, pay(`s${i}`), traceparent);
    expect([s.spans, [0, 1, 2, 3].map((i) => entryAt(s, i).trace)]).toEqual([[], [undefined, undefined, undefined, undefined]]);
  });

  it('so many senders a second may, and the others are counted', async () => {
    const s = stage({ clients: 2 });
    s.time = 20_000;
    for (const id of ['s0', 's1', 's2', 's3']) await settle(s, pay(id), header);
    expect([0, 1, 2, 3].map((i) => entryAt(s, i).trace !== undefined)).toEqual([true, true, false, false]);
    expect(s.tracing.metrics().find((m) => m.name === 'tidemark_edge_traceparents_ignored_total')!.samples).toEqual([{ value: 2 }]);
    s.time = 21_000;
    await settle(s, pay('s4'), header);
    expect(entryAt(s, 4).trace).toBe(header);
  });

  it('with a share of all, a settlement has a trace of its own, of which it is the root', async () => {
    const s = stage({ ratio: PARTS_PER_MILLION });
    await settle(s, pay('s1'));
    const trace = entryAt(s, 0).trace!;
    expect(named(s, 'settle')).toMatchObject([{ traceId: trace.slice(3, 35), parentId: null, isRemote: false }]);
    await settle(s, pay('s2'), header);
    expect(entryAt(s, 1).trace).toBe(header);
  });

  it('a batch whose sender follows it: each followed settlement has its own trace, linked to the request\'s span', async () => {
    const s = stage({ ratio: PARTS_PER_MILLION });
    await settle(s, pay('s0'));
    s.spans.length = 0;
    const followed = s.tracing.followed({ traceparent: header }, s.time)!;
    const decided = await s.intake.settle([pay('s0'), pay('s1'), pay('s2'), pay('s1')], s.time);
    s.tracing.batchAnswered(followed, decided, s.time);
    const [batch] = named(s, 'settle batch');
    expect(batch).toMatchObject({ traceId: TRACE, parentId: CALLER, attributes: { 'tidemark.batch.size': 4 } });
    expect(named(s, 'settle').map((span) => [span.attributes['tidemark.settlement.id'], span.links])).toEqual(['s1', 's2'].map((id) => [id, [{ traceId: TRACE, spanId: batch!.spanId }]]));
  });

  it('a request that fails is told in its sender\'s trace; what the client got wrong is no error of the node', () => {
    const s = stage();
    const followed = s.tracing.followed({ traceparent: header }, 1)!;
    s.tracing.failed(followed, new Problem(409, 'id-conflict', 'x'));
    s.tracing.failed(followed, new Problem(503, 'overloaded', 'x'));
    s.tracing.failed(followed, new TypeError('x'));
    expect(s.spans.map((span) => [span.attributes['http.response.status_code'], span.attributes['error.type'], span.error])).toEqual([
      [409, 'id-conflict', undefined], [503, 'overloaded', 'overloaded'], [500, 'internal', 'internal'],
    ]);
  });

  it('in one commit each settlement gets the trace of its own request, whatever waits beside it', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ count: fc.integer({ min: 1, max: 3 }), isFollowed: fc.boolean() }), { minLength: 1, maxLength: 8 }), async (requests) => {
      const s = stage({ clients: 1_000 });
      const asked = requests.map((r, i) => ({
        ids: Array.from({ length: r.isFollowed ? 1 : r.count }, (_, k) => `r${i}.${k}`),
        trace: r.isFollowed ? formatTraceparent(TRACE, (i + 1).toString(16).padStart(16, '0')) : undefined, receivedAt: i,
      }));
      const answers = await Promise.all(asked.map((a) => s.intake.settle(a.ids.map((id) => pay(id)), a.receivedAt, a.trace)));
      asked.forEach((a, i) => answers[i]!.forEach((d) => expect(d.entry.trace).toBe(a.trace)));
      const followed = asked.filter((a) => a.trace !== undefined);
      expect(named(s, 'queue').map((span) => [span.attributes['tidemark.settlement.id'], span.start])).toEqual(followed.map((a) => [a.ids[0], a.receivedAt]));
    }), { numRuns: 30 });
  });
});

describe('what the node tells', () => {
  it('the way of a settlement, each span below the first and in time', async () => {
    const s = stage();
    await settle(s, pay('s0'));
    await settle(s, pay('s1'), header);
    s.tracing.orderedUpTo(1, 11_000);
    expect(named(s, 'await order')).toEqual([]);
    s.tracing.orderedUpTo(2, 12_000);
    s.tracing.settled(0, [outcome('s0', 0)], 12_500);
    s.tracing.settled(1, [outcome('s1', 1, { status: 'rejected', reason: 'insufficient-funds' })], 13_000);
    s.tracing.settled(2, [outcome('s2', 2)], 14_000);
    const { settleId } = readTrace(header, 's1');
    expect(s.spans.map((span) => span.name)).toEqual(['queue', 'decide', 'commit', 'settle', 'await order', 'await outcome']);
    for (const span of s.spans.filter((x) => x.name !== 'settle')) expect(span).toMatchObject({ traceId: TRACE, parentId: settleId, spanId: spanIdOf(TRACE, 's1', span.name) });
    for (const [before, after] of [['queue', 'decide'], ['decide', 'commit'], ['commit', 'await order'], ['await order', 'await outcome']] as const) {
      expect(named(s, before)[0]!.end).toBe(named(s, after)[0]!.start);
    }
    expect(named(s, 'await outcome')[0]).toMatchObject({ end: 13_000, attributes: { 'tidemark.state': 'rejected', 'tidemark.reason': 'insufficient-funds' } });
    expect(s.spans.every((span) => span.error === undefined)).toBe(true);
    expect(s.steps.map((step) => step.what)).toEqual(['decided', 'ordered', 'outcome known']);
    // No amount and no account leaves the node this way.
    expect(JSON.stringify([s.spans, s.steps])).not.toMatch(/amount|[dD]ebit|[cC]redit/);
  });

  it('after a restart: what is under way goes on, and what may not have been told is told again, as the same span', () => {
    const s = stage();
    const entry = { ...createEdgeCore(policy, 0).decide(pay('s1'), 9_000, false), trace: header };
    s.tracing.resume({ entry, index: 0, receivedAt: 9_000 }, null, true);
    expect(s.spans).toEqual([]);
    s.tracing.resume({ entry: { ...entry, instruction: pay('s2') }, index: 1, receivedAt: 9_000 }, 9_500, false);
    expect(s.spans).toMatchObject([{ name: 'settle', spanId: readTrace(header, 's2').settleId, start: 9_000, end: 9_000, attributes: { 'tidemark.resumed': true } }]);
    s.tracing.settled(0, [outcome('s1', 0), outcome('s2', 1)], 10_000);
    expect(named(s, 'await outcome').map((span) => span.start)).toEqual([9_000, 9_500]);
  });

  it('remembers so many, and counts what it could not', () => {
    const s = stage();
    const entry = { ...createEdgeCore(policy, 0).decide(pay('s'), 9_000, false), trace: header };
    for (let index = 0; index < 10_005; index += 1) s.tracing.resume({ entry, index, receivedAt: 9_000 }, null, true);
    expect(s.dropped).toBe(10);
  });

  it('a node that stopped in order knows what it had told', () => {
    const { store } = stage();
    expect(store.tracesTold()).toBe(0);
    store.saveTracesTold(7);
    store.saveTracesTold(9);
    expect(store.tracesTold()).toBe(9);
  });
});
