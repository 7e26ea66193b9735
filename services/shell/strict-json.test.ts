import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '../protocol/errors.ts';
import { parseStrictBatch, parseStrictJson } from './strict-json.ts';

const code = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
  return 'ok';
};

describe('strict JSON', () => {
  it.each([
    ['{"a":1}', 'ok'],
    ['{"a":{"a":1},"b":[{"a":1},{"a":2}]}', 'ok'],
    ['{"a":"\\"a\\":1,","b":"{"}', 'ok'],
    ['{"a":1,"a":1}', 'duplicate-key'],
    ['{"a":1,"\\u0061":2}', 'duplicate-key'],
    ['[{"b":{"x":[1,{"k":1,"k":2}]}}]', 'duplicate-key'],
    ['{"a":', 'malformed-json'],
    ['', 'malformed-json'],
    ['{"a":1}x', 'malformed-json'],
    ['['.repeat(100_000), 'nested-too-deep'],
    ['{"a":'.repeat(100_000), 'nested-too-deep'],
  ])('%s is %s', (text, expected) => {
    expect(code(() => parseStrictJson(Buffer.from(text)))).toBe(expected);
  });

  it('refuses what is not UTF-8', () => {
    expect(code(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22])))).toBe('malformed-json');
  });

  it('reads what JSON.parse reads', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 8 }), (text) => {
      const parsed: unknown = JSON.parse(text);
      // fc.json builds from objects, so no name stands twice.
      expect(parseStrictJson(Buffer.from(text))).toEqual(parsed);
      expect(parseStrictBatch(Buffer.from(text), 'settlements', 5)).toEqual(parsed);
    }));
  });

  it('finds a duplicate among thousands of items, too', () => {
    const items = Array.from({ length: 1000 }, (_, i) => ({ id: `s${i}`, asset: 'EUR', debitAccount: 'a', creditAccount: 'b', amount: '1' }));
    const text = JSON.stringify({ settlements: items });
    expect(parseStrictBatch(Buffer.from(text), 'settlements', 5)).toEqual({ settlements: items });
    for (const bad of [
      text.replace('"id":"s500"', '"id":"s500","amount":"9"'),
      text.replace('"id":"s500"', '"id":"s500","id":"s500"'),
      text.replace('{"settlements"', '{"settlements":[],"settlements"'),
    ]) expect(code(() => parseStrictBatch(Buffer.from(bad), 'settlements', 5))).toBe('duplicate-key');
  });
});
