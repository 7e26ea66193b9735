import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { createAllowance } from '../allowance.ts';
import { nanos } from '../otlp/json.ts';
import { encodeTraces, type Span } from './span.ts';
import { createTracer } from './tracer.ts';
import { createUnderWay } from './under-way.ts';

const silent = pino({ level: 'silent' });
const hex = (digits: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const anySpan: fc.Arbitrary<Span> = fc.record({
  traceId: hex(32), spanId: hex(16), parentId: fc.option(hex(16)), isRemote: fc.boolean(), name: fc.string(),
  kind: fc.constantFrom('internal' as const, 'server' as const, 'consumer' as const),
  // Whole milliseconds, which the oracle's seconds and nanoseconds hold exactly.
  start: fc.integer({ min: 1, max: 2_000_000_000_000 }), end: fc.integer({ min: 2_000_000_000_000, max: 2_100_000_000_000 }),
  attributes: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n)))).map((o) => ({ ...o })),
  links: fc.array(fc.record({ traceId: hex(32), spanId: hex(16) }), { minLength: 1, maxLength: 2 }),
  error: fc.string({ minLength: 1 }),
}, { requiredKeys: ['traceId', 'spanId', 'parentId', 'name', 'kind', 'start', 'end', 'attributes'] });

const KINDS = { internal: 0, server: 1, consumer: 4 } as const;
const hr = (ms: number): [number, number] => [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000];

/** What OpenTelemetry's own serializer makes of the same span. */
function oracle(resource: Record<string, string>, spans: readonly Span[]): unknown {
  const scope = { name: 'tidemark', version: '1' };
  const of = { attributes: resource, asyncAttributesPending: false, merge: () => of, getRawAttributes: () => Object.entries(resource) };
  const bytes = JsonTraceSerializer.serializeRequest(spans.map((s) => ({
    name: s.name, kind: KINDS[s.kind], spanContext: () => ({ traceId: s.traceId, spanId: s.spanId, traceFlags: 1 }),
    ...(s.parentId === null ? {} : { parentSpanContext: { traceId: s.traceId, spanId: s.parentId, traceFlags: 1, isRemote: s.isRemote === true } }),
    startTime: hr(s.start), endTime: hr(s.end), duration: hr(s.end - s.start), ended: true,
    status: s.error === undefined ? { code: 0 } : { code: 2, message: s.error }, attributes: s.attributes, events: [],
    links: (s.links ?? []).map((context) => ({ context: { ...context, traceFlags: 1 } })),
    resource: of, instrumentationScope: scope, droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0,
  })) as never)!;
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** proto3: a field with its default is as if it were not there; so is an empty list. */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withoutDefaults(v)] as const)
    .filter(([k, v]) => !(v === 0 && !k.endsWith('Value')) && !(Array.isArray(v) && v.length === 0)));
}

describe('spans in OTLP', () => {
  it('are what OpenTelemetry\'s own serializer writes', () => {
    fc.assert(fc.property(fc.array(anySpan, { minLength: 1, maxLength: 4 }), (spans) => {
      const of = spans.map((s) => (s.parentId === null ? { ...s, isRemote: false } : s));
      const ours = JSON.parse(encodeTraces({ 'service.name': 'x' }, { name: 'tidemark', version: '1' }, of)) as object;
      expect(normalized(ours)).toEqual(normalized(oracle({ 'service.name': 'x' }, of) as object));
    }));
  });

  /** 64-bit integers may be numbers or texts, doubles that are whole may be integers: readers take both. */
  function normalized(request: object): unknown {
    return JSON.parse(JSON.stringify(withoutDefaults(request)), (key: string, value: unknown) => (key === 'intValue' || key === 'doubleValue' ? Number(value) : value),
    ) as unknown;
  }

  it('end no earlier than they start, whatever the clock did', () => {
    const [span] = fc.sample(anySpan, 1);
    const text = encodeTraces({}, { name: 't', version: '1' }, [{ ...span!, start: 2_000, end: 1_000 }]);
    expect(text).toContain('"startTimeUnixNano":"2000000000","endTimeUnixNano":"2000000000"');
  });

  it('nanoseconds are digits that rise with the time', () => {
    expect([nanos(0), nanos(0.5), nanos(1), nanos(1_790_000_000_000.25), nanos(1.9999999)]).toEqual(['0', '500000', '1000000', '1790000000000250000', '1999000']);
    fc.assert(fc.property(fc.double({ min: 0, max: 4e12, noNaN: true }), fc.double({ min: 0, max: 1e6, noNaN: true }), (a, more) => {
      expect(nanos(a)).toMatch(/^(0|[1-9]\d*)$/);
      expect(BigInt(nanos(a + more))).toBeGreaterThanOrEqual(BigInt(nanos(a)));
      expect(Math.abs(Number(BigInt(nanos(a))) / 1e6 - a)).toBeLessThan(0.002);
    }));
  });
});

describe('the tracer', () => {
  const span = (name: string): Span => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentId: null, name, kind: 'internal', start: 1, end: 2, attributes: {} });
  function stage(exporting = true) {
    const posted: string[][] = [];
    const turns: (() => void)[] = [];
    const timers: (() => void)[] = [];
    const tracer = createTracer({
      resource: {}, logger: silent,
      exporter: !exporting ? null : {
        // Never answers: whoever told the spans must not notice.
        post: (signal, body) => {
          expect(signal).toBe('traces');
          posted.push((JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans[0]!.scopeSpans[0]!.spans.map((s) => s.name));
          return new Promise(() => undefined);
        },
      },
      later: (work) => {
        timers.push(work);
        return () => void timers.splice(timers.indexOf(work), 1);
      },
      next: (work) => void turns.push(work),
    });
    const value = (name: string): unknown => tracer.metrics().find((m) => m.name === name)!.samples[0];
    return { tracer, posted, timers, turns, value };
  }

  it('sends what was told together, after a while or when there is enough', () => {
    const { tracer, posted, timers, value } = stage();
    tracer.tell(span('a'));
    tracer.tell(span('b'));
    expect([posted, timers.length]).toEqual([[], 1]);
    timers[0]!();
    expect(posted).toEqual([['a', 'b']]);
    for (let i = 0; i < 1_100; i += 1) tracer.tell(span('c'));
    expect([posted.map((p) => p.length), timers.length]).toEqual([[2, 512, 512], 1]);
    void tracer.flush();
    expect([posted.map((p) => p.length), timers.length, value('tidemark_spans_total')]).toEqual([[2, 512, 512, 76], 0, { value: 1_102 }]);
    void tracer.flush();
    expect(posted).toHaveLength(4);
  });

  it('tells what ends at once a little at a time, in order and bounded, and at the stop without waiting', () => {
    const { tracer, posted, turns, value } = stage();
    let told = 0;
    const piece = (i: number) => (): void => {
      expect(told).toBe(i);
      told += 1;
      tracer.tell(span(`s${i}`));
      if (i % 2 === 1) throw new Error('must not reach anybody');
    };
    for (let i = 0; i < 10_002; i += 1) tracer.soon(3, piece(i));
    expect([told, turns.length, value('tidemark_spans_dropped_total')]).toEqual([0, 1, { value: 6 }]);
    turns.shift()!();
    expect([told, turns.length]).toEqual([64, 1]);
    void tracer.flush();
    expect([told, posted.flat().length]).toEqual([10_000, 10_000]);
    turns.shift()!();
    expect([told, turns.length]).toEqual([10_000, 0]);
  });

  it('finds out nothing that nobody hears', () => {
    const { tracer, turns } = stage(false);
    expect(tracer.isHeard()).toBe(false);
    tracer.soon(1, () => expect.unreachable());
    expect(turns).toEqual([]);
  });

  it('without a receiver keeps nothing', async () => {
    const { tracer, timers, value } = stage(false);
    for (let i = 0; i < 10_000; i += 1) tracer.tell(span('a'));
    tracer.dropped(3);
    await tracer.flush();
    expect([timers, value('tidemark_spans_total'), value('tidemark_spans_dropped_total')]).toEqual([[], { value: 0 }, { value: 3 }]);
  });

  it('logs steps at debug level, with the ids that lead to the trace', () => {
    const lines: Record<string, unknown>[] = [];
    const to = (level: string) => pino({ level, base: null, timestamp: false }, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
    const at = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), settlement: 's1' };
    createTracer({ resource: {}, exporter: null, logger: to('info') }).step('decided', at);
    expect(lines).toEqual([]);
    createTracer({ resource: {}, exporter: null, logger: to('debug') }).step('decided', at, { state: 'refused', reason: 'stale-state' });
    expect(lines).toEqual([{
      level: 20, trace_id: at.traceId, span_id: at.spanId, trace_flags: '01', settlement: 's1', state: 'refused', reason: 'stale-state', msg: 'decided',
    }]);
  });
});

describe('what is under way', () => {
  it('is a bounded queue: what a list would give, without those that found no room', () => {
    const step = fc.oneof(fc.record({ add: fc.integer({ min: 1, max: 3 }) }), fc.record({ size: fc.nat(60) }));
    fc.assert(fc.property(fc.array(step), fc.integer({ min: 1, max: 8 }), (steps, most) => {
      const underWay = createUnderWay<{ index: number }>(most);
      let model: number[] = [];
      let index = 0;
      for (const s of steps) {
        if ('add' in s) {
          index += s.add;
          const fits = model.length < most;
          expect(underWay.add({ index })).toBe(fits);
          if (fits) model.push(index);
        } else {
          expect(underWay.before(s.size).map((i) => i.index)).toEqual(model.filter((i) => i < s.size));
          model = model.filter((i) => i >= s.size);
        }
        expect(underWay.all().map((i) => i.index)).toEqual(model);
      }
    }));
  });
});

describe('an allowance', () => {
  it('gives at most so many in any second, also when the clock is set back', () => {
    fc.assert(fc.property(fc.nat(5), fc.array(fc.nat(5_000)), (perSecond, times) => {
      const allowance = createAllowance(perSecond);
      /** By the furthest that the clock has been. */
      const taken = new Map<number, number>();
      let furthest = 0;
      for (const time of times) {
        furthest = Math.max(furthest, Math.floor(time / 1_000));
        const before = taken.get(furthest) ?? 0;
        expect(allowance.take(time)).toBe(before < perSecond);
        if (before < perSecond) taken.set(furthest, before + 1);
      }
    }));
    const allowance = createAllowance(1);
    expect([0, 999, 1_000, 1_500, 500, 2_000].map((t) => allowance.take(t))).toEqual([true, false, true, false, false, true]);
  });
});
