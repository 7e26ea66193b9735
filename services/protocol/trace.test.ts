import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyDecisionEntry, anyId, anyTrace } from './arbitraries.ts';
import { decodeDecision, encodeDecision } from './encoding.ts';
import { EncodingError } from './errors.ts';
import { createSampler, formatTraceparent, parseTraceparent, PARTS_PER_MILLION, readTrace, spanIdOf } from './trace.ts';
import { findTraced, holdsTrace, TRACED_MAX } from './traced.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const bundle = (texts: readonly (string | Buffer)[]): Buffer => Buffer.concat(texts.flatMap((t) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(t));
  return [length, Buffer.from(t)];
}));
const [plain] = fc.sample(anyDecisionEntry.filter((e) => e.trace === undefined), 1);

describe('traceparent', () => {
  // W3C Trace Context level 1, sections 3.2.2 and 3.2.4, and the cases of its test suite.
  it.each<[string, unknown, boolean | null]>([
    ['sampled', `00-${TRACE}-${SPAN}-01`, true],
    ['not sampled', `00-${TRACE}-${SPAN}-00`, false],
    ['the random flag beside it', `00-${TRACE}-${SPAN}-03`, true],
    ['other flags alone', `00-${TRACE}-${SPAN}-fe`, false],
    ['all flags', `00-${TRACE}-${SPAN}-ff`, true],
    ['a version to come', `cc-${TRACE}-${SPAN}-01`, true],
    ['a version to come, with more', `cc-${TRACE}-${SPAN}-01-what-the-future-holds`, true],
    ['a version to come, with more that has no dash', `cc-${TRACE}-${SPAN}-01.what`, null],
    ['version 00 with more', `00-${TRACE}-${SPAN}-01-more`, null],
    ['version 00 with a dash behind it', `00-${TRACE}-${SPAN}-01-`, null],
    ['version ff', `ff-${TRACE}-${SPAN}-01`, null],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`, null],
    ['a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`, null],
    ['capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`, null],
    ['no hex', `00-${TRACE.replace('4', 'g')}-${SPAN}-01`, null],
    ['a trace id too short', `00-${TRACE.slice(1)}-${SPAN}-01`, null],
    ['a span id too long', `00-${TRACE}-${SPAN}0-01`, null],
    ['flags too short', `00-${TRACE}-${SPAN}-1`, null],
    ['two of them', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`, null],
    ['blanks', ` 00-${TRACE}-${SPAN}-01`, null],
    ['a line break', `00-${TRACE}-${SPAN}-01\n`, null],
    ['nothing', '', null], ['none', undefined, null], ['a list', [`00-${TRACE}-${SPAN}-01`], null],
  ])('%s', (_what, header, sampled) => {
    expect(parseTraceparent(header)).toEqual(sampled === null ? null : { traceId: TRACE, spanId: SPAN, sampled });
  });

  it('reads what it writes, and nothing that is a character longer or shorter', () => {
    fc.assert(fc.property(anyTrace, fc.nat(54), (trace, place) => {
      const context = parseTraceparent(trace)!;
      expect(formatTraceparent(context.traceId, context.spanId)).toBe(trace);
      expect(parseTraceparent(trace.slice(0, place) + trace.slice(place + 1))).toBeNull();
      expect(parseTraceparent(`${trace}0`)).toBeNull();
    }));
    fc.assert(fc.property(fc.string(), (text) => {
      expect(() => parseTraceparent(text)).not.toThrow();
    }));
  });
});

describe('the trace of an entry', () => {
  it('is in the canonical form, between "result" and "type"', () => {
    const trace = formatTraceparent(TRACE, SPAN);
    const text = encodeDecision({ ...plain!, trace });
    expect(text).toBe(encodeDecision(plain!).replace(',"type"', `,"trace":"${trace}","type"`));
    expect(decodeDecision(text).trace).toBe(trace);
  });

  it.each([
    ['not sampled', `00-${TRACE}-${SPAN}-00`], ['another version', `01-${TRACE}-${SPAN}-01`], ['no trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['no span', `00-${TRACE}-${'0'.repeat(16)}-01`], ['capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`], ['long', `00-${TRACE}-${SPAN}-01-${'x'.repeat(4_000)}`],
    ['null', null], ['a number', 1], ['empty', ''], ['escaped', `00-${TRACE}-${SPAN}-0\u0031\\u0031`],
  ])('is refused when it is %s', (_what, trace) => {
    const text = encodeDecision(plain!).replace(',"type"', `,"trace":${JSON.stringify(trace)},"type"`);
    expect(() => decodeDecision(text)).toThrow(EncodingError);
    expect(findTraced(bundle([text])).traced).toEqual([]);
  });

  it('gives each settlement of a trace a span of its own, the same one at every tier', () => {
    fc.assert(fc.property(anyTrace, anyId, anyId, (trace, a, b) => {
      fc.pre(a !== b);
      const read = readTrace(trace, a);
      expect(read).toEqual(readTrace(trace, a));
      expect(read.settleId).not.toBe(readTrace(trace, b).settleId);
      expect(read.parentId).toBe(trace.slice(36, 52));
      expect(spanIdOf(read.traceId, a, 'settle')).toBe(read.settleId);
      expect(spanIdOf(read.traceId, a, 'order', 'eu/1')).not.toBe(spanIdOf(read.traceId, a, 'order', 'eu/2'));
      expect(parseTraceparent(formatTraceparent(read.traceId, read.settleId))).not.toBeNull();
    }));
    expect(() => readTrace(`00-${TRACE}-${SPAN}-00`, 'a')).toThrow(/expected a sampled W3C traceparent/);
  });
});

describe('the sampler', () => {
  it('follows none at 0, all at a million, and about the share in between', () => {
    expect(createSampler(0)).toBeUndefined();
    const ids = Array.from({ length: 4_000 }, (_, i) => `s-${i}`);
    const followed = (ppm: number): Set<string> => new Set(ids.filter((id) => createSampler(ppm)!(id) !== undefined));
    expect(followed(PARTS_PER_MILLION).size).toBe(4_000);
    const quarter = followed(250_000);
    // Fixed ids, so this is one draw and no chance: within 5 standard deviations of 1,000.
    expect(Math.abs(quarter.size - 1_000)).toBeLessThan(5 * Math.sqrt(4_000 * 0.25 * 0.75));
    // Consistent: who is followed at a share is so at every larger one.
    const half = followed(500_000);
    for (const id of quarter) expect(half).toContain(id);
  });

  it('gives the same id the same trace, of which it is the root', () => {
    const sample = createSampler(PARTS_PER_MILLION)!;
    fc.assert(fc.property(anyId, (id) => {
      const trace = sample(id)!;
      expect(sample(id)).toBe(trace);
      expect(parseTraceparent(trace)).toMatchObject({ sampled: true });
      expect(readTrace(trace, id)).toMatchObject({ parentId: null, traceId: trace.slice(3, 35) });
    }));
  });
});

describe('followed settlements of a batch', () => {
  it('are found where they stand, and none is made up', () => {
    fc.assert(fc.property(fc.array(anyDecisionEntry, { maxLength: 12 }), (entries) => {
      const bytes = bundle(entries.map(encodeDecision));
      const expected = entries.flatMap((entry, place) => (entry.trace === undefined ? [] : [{ place, entry, trace: readTrace(entry.trace, entry.instruction.id) }]));
      expect(findTraced(bytes)).toMatchObject({ traced: expected, isCut: false });
      expect(holdsTrace(bytes)).toBe(expected.length > 0);
    }));
  });

  it('junk with the field in it is read past, and costs no more than it may', () => {
    const FIELD = ',"trace":"00-';
    const good = encodeDecision({ ...plain!, trace: formatTraceparent(TRACE, SPAN) });
    const junk = [FIELD, `{"trace":"00-${TRACE}-${SPAN}-01"}`, good.slice(0, -1), `${good} `, Buffer.from([0xff, ...Buffer.from(FIELD)])];
    expect(findTraced(bundle([...junk, good])).traced.map((t) => t.place)).toEqual([junk.length]);
    const many = bundle([...Array.from({ length: TRACED_MAX }, () => FIELD), good]);
    expect(findTraced(many)).toEqual({ traced: [], looked: TRACED_MAX, isCut: true });
    expect(findTraced(bundle(Array.from({ length: TRACED_MAX }, () => good)))).toMatchObject({ isCut: false });
    // Cut off anywhere, or with a length that points beyond the end.
    fc.assert(fc.property(fc.nat(good.length + 2), (end) => {
      expect(findTraced(bundle([good]).subarray(0, end)).traced).toEqual(end === good.length + 2 ? [expect.objectContaining({ place: 0 })] : []);
    }));
    expect(findTraced(Buffer.from([0xff, 0xff, ...Buffer.from(FIELD)])).traced).toEqual([]);
    expect(findTraced(Buffer.alloc(0))).toEqual({ traced: [], looked: 0, isCut: false });
  });
});
