import { expect, test } from 'vitest';
import { spanIdOf } from '../protocol/index.ts';
import type { Span, Tracer } from '../shell/index.ts';
import { createCentreTracing, TRACES_UNDER_WAY_MAX, type TracedOutcome } from './tracing.ts';

function stage() {
  const spans: Span[] = [];
  const steps: string[] = [];
  const s = { spans, steps, lost: 0, time: 0 };
  const tracer: Tracer = {
    isHeard: () => true, soon: (_spans, work) => work(), tell: (span) => void spans.push(span), step: (what, at) => void steps.push(`${what} ${at.settlement}`), dropped: (n) => void (s.lost += n), metrics: () => [],
    flush: () => Promise.resolve(),
  };
  return Object.assign(s, { tracing: createCentreTracing(tracer, () => s.time) });
}
const traceId = 'a'.repeat(32);
const outcome = (index: number, rejection: string | null = null): TracedOutcome => ({
  index, id: `s${index}`, trace: { traceId, settleId: 'c'.repeat(16), parentId: null }, region: 'eu', node: 'n1', rejection,
  receivedAt: 10, startedAt: 20, committedAt: 30,
});

test('tells of a settlement when its outcome is witnessed, and no sooner', () => {
  const s = stage();
  s.tracing.committed([outcome(3), outcome(5, 'insufficient-funds')]);
  s.tracing.witnessed(3);
  expect(s.spans).toEqual([]);
  s.time = 35;
  s.tracing.roundStarted();
  s.time = 50;
  s.tracing.witnessed(4);
  const finalize = spanIdOf(traceId, 's3', 'finalize');
  expect(s.spans).toMatchObject([
    { name: 'finalize', spanId: finalize, parentId: 'c'.repeat(16), isRemote: true, kind: 'consumer', start: 10, end: 50, attributes: { 'tidemark.state': 'final', 'tidemark.log.index': 3 } },
    { name: 'apply', parentId: finalize, start: 20, end: 30 }, { name: 'witness', parentId: finalize, start: 35, end: 50 },
  ]);
  s.tracing.witnessed(9);
  // A rejection is an answer, and no error of the centre.
  expect(s.spans.slice(3)).toMatchObject([{ attributes: { 'tidemark.state': 'rejected', 'tidemark.reason': 'insufficient-funds' } }, { name: 'apply' }, { name: 'witness' }]);
  expect([s.spans.every((span) => span.error === undefined), s.steps]).toEqual([true, ['final s3', 'rejected s5']]);
});

test('while nobody witnesses, so many are remembered and the others counted', () => {
  const s = stage();
  for (let index = 0; index < TRACES_UNDER_WAY_MAX + 5; index += 1) s.tracing.committed([outcome(index)], index === 0 ? 1 : 0);
  expect(s.lost).toBe(3 + 5 * 3);
  s.tracing.witnessed(Infinity);
  expect(s.spans).toHaveLength(TRACES_UNDER_WAY_MAX * 3);
});
