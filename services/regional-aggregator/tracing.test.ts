import { expect, test } from 'vitest';
import { encodeDecision, encodeFrame, formatTraceparent, readTrace, spanIdOf, TRACED_MAX, type DecisionEntry } from '../protocol/index.ts';
import type { Span, Tracer } from '../shell/index.ts';
import { encodeBundle } from '../transparency/index.ts';
import { createRegionTracing, type RegionTracing, type Replayed } from './tracing.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const header = formatTraceparent(TRACE, '00f067aa0ba902b7');
const decision = (id: string, trace?: string): string => encodeDecision({
  instruction: { id, asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount: 5n },
  inputs: { debit: null, debitAgeMs: 0, creditAsset: null, reserved: 0n, offlineAccount: 0n, offlineNode: 0n, connected: true },
  decision: { result: 'refused', mode: 'online', reason: 'account-unknown' }, decidedAt: 1, policy: '0'.repeat(16), ...(trace === undefined ? {} : { trace }),
} satisfies DecisionEntry);

function stage(replica = 'eu/1'): { tracing: RegionTracing; spans: Span[]; lost: () => number; at: (time: number) => void } {
  const spans: Span[] = [];
  let lost = 0;
  let time = 0;
  const tracer: Tracer = { isHeard: () => true, soon: (_spans, work) => work(), tell: (s) => void spans.push(s), step: () => undefined, dropped: (n) => void (lost += n), metrics: () => [], flush: () => Promise.resolve() };
  return { tracing: createRegionTracing({ region: 'eu', replica, tracer, now: () => time }), spans, lost: () => lost, at: (t) => void (time = t) };
}

function replayed(index: number, entries: readonly (string | Buffer)[], id = `m${index}`): Replayed {
  const payload = encodeBundle(entries.map((e) => Buffer.from(e)));
  const size = entries.length;
  return {
    index, id, message: encodeFrame({ node: 'n1', from: 0, size, checkpoint: 'x', proof: [] }, [payload]), startedAt: 30, committedAt: 40,
    entry: { region: 'eu', node: 'n1', from: 0, size, checkpoint: 'x', digest: '', seq: 7, at: 25 },
  };
}

test('the replica that a batch came in at tells of receipt, publishing, replay and cosigning; others of their own part', () => {
  const batch = replayed(3, [decision('plain'), decision('s1', header)]);
  const [first, second] = [stage('eu/1'), stage('eu/2')];
  first.at(15);
  const published = first.tracing.publishing(batch.id, 10);
  first.at(28);
  published();
  for (const s of [first, second]) {
    s.tracing.replayed([batch]);
    s.tracing.reached(3);
    expect(s.spans).toEqual([]);
    s.at(50);
    s.tracing.reached(4);
    s.tracing.reached(5);
  }
  const shape = (s: typeof first) => s.spans.map(({ name, start, end }) => [name, start, end]);
  expect(shape(first)).toEqual([['order', 10, 50], ['publish', 15, 28], ['replay', 30, 40], ['cosign', 40, 50]]);
  expect(shape(second)).toEqual([['order', 25, 50], ['replay', 30, 40], ['cosign', 40, 50]]);
  const order = first.spans[0]!;
  expect(order).toMatchObject({
    traceId: TRACE, spanId: spanIdOf(TRACE, 's1', 'order', 'eu/1'), parentId: readTrace(header, 's1').settleId, isRemote: true, kind: 'consumer',
    attributes: { 'tidemark.settlement.id': 's1', 'tidemark.node': 'n1', 'tidemark.log.index': 3 },
  });
  for (const span of first.spans.slice(1)) expect(span).toMatchObject({ traceId: TRACE, parentId: order.spanId });
  expect(new Set([...first.spans, ...second.spans].map((s) => s.spanId)).size).toBe(7);
});

test('what nobody follows leaves nothing behind, and neither does junk that a node signed', () => {
  const s = stage();
  const junk = [',"trace":"00-', `{"trace":"${header}"}`, decision('s1', header).slice(1), Buffer.from([0, 255])];
  const batch = replayed(0, [decision('a'), ...junk]);
  s.tracing.publishing(batch.id, 1)();
  s.tracing.replayed([batch]);
  s.tracing.reached(9);
  expect([s.spans, s.lost()]).toEqual([[], 0]);
});

test('a node that has everything followed costs a bounded amount, and the rest is counted', () => {
  const s = stage();
  const flood = Array.from({ length: TRACED_MAX + 1 }, (_, i) => decision(`s${i}`, header));
  for (let index = 0; index < 10; index += 1) s.tracing.replayed([replayed(index, flood)]);
  expect(s.lost()).toBe(10 * 3 + (10 * TRACED_MAX - 10_000) * 3);
  s.tracing.reached(10);
  expect(s.spans).toHaveLength(10_000 * 3);
  // All that is replayed in one turn counts as one.
  const group = stage();
  group.tracing.replayed(Array.from({ length: 10 }, (_, index) => replayed(index, flood)));
  expect(group.lost()).toBe(10 * 3);
  group.tracing.reached(10);
  expect(group.spans).toHaveLength(TRACED_MAX * 3);
  // Batches that are published and never come back.
  for (let i = 0; i < 1_000; i += 1) s.tracing.publishing(`lost${i}`, 1)();
});
