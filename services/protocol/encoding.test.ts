import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyBalance, anyDecisionEntry, anyId, anyInstruction, anyPolicy } from './arbitraries.ts';
import {
  decodeBatch, decodeDecision, decodeGlobal, decodePolicy, encodeBatch, encodeDecision, encodeGlobal, encodePolicy, policyDigest,
} from './encoding.ts';
import { EncodingError } from './errors.ts';
import { decodeOutcomes } from './outcomes.ts';
import type { BatchEntry, GlobalEntry } from './types.ts';

const nat = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const anyGlobal: fc.Arbitrary<GlobalEntry> = fc.oneof(
  fc.record({ type: fc.constant('account' as const), account: anyId, asset: fc.constant('EUR'), overdraft: fc.option(fc.bigInt(0n, 10n ** 18n)), at: nat }),
  fc.record({
    type: fc.constant('outcome' as const), instruction: anyInstruction, region: anyId, node: anyId, index: nat, status: fc.constant('final' as const),
    debitBalance: anyBalance, creditBalance: anyBalance, at: nat,
  }),
  fc.record({
    type: fc.constant('outcome' as const), instruction: anyInstruction, region: anyId, node: anyId, index: nat, status: fc.constant('rejected' as const),
    reason: fc.constantFrom('id-conflict' as const, 'insufficient-funds' as const), refusedAtEdge: fc.constant(true as const), duplicateOf: nat, at: nat,
  }),
);

const anyBatch: fc.Arbitrary<BatchEntry> = fc.record({
  region: anyId, node: anyId, from: fc.nat(), checkpoint: fc.string(), seq: nat, at: nat,
  digest: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString('base64')),
}).map((b) => ({ ...b, size: b.from + 1 }));

/** RFC 8785 for values without floats: keys in UTF-16 order, no spaces. */
function jcs(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jcs).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${JSON.stringify(k)}:${jcs(v)}`).join(',')}}`;
}

describe('log entries', () => {
  it.each([
    ['decision', anyDecisionEntry, encodeDecision, decodeDecision],
    ['outcome or account', anyGlobal, encodeGlobal, decodeGlobal],
    ['batch', anyBatch, encodeBatch, decodeBatch],
    ['policy', anyPolicy, encodePolicy, decodePolicy],
  ] as const)('%s: what is written is canonical and reads back as it was', (_name, arbitrary, encode, decode) => {
    fc.assert(fc.property(arbitrary as fc.Arbitrary<never>, (entry) => {
      const text = (encode as (e: never) => string)(entry);
      expect(text).toBe(jcs(JSON.parse(text)));
      expect((decode as (t: string) => unknown)(text)).toEqual(entry);
    }));
  });

  it('outcomes: read by the thousand as they are read one by one', () => {
    const bundle = (texts: readonly string[]): Buffer => Buffer.concat(texts.flatMap((t) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(Buffer.byteLength(t));
      return [length, Buffer.from(t)];
    }));
    fc.assert(fc.property(fc.array(anyGlobal.filter((e) => e.type === 'outcome')), (entries) => {
      expect(decodeOutcomes(bundle(entries.map(encodeGlobal)))).toEqual(entries);
    }));
    const [good] = fc.sample(anyGlobal.filter((e) => e.type === 'outcome' && e.status === 'final'), 1);
    const text = encodeGlobal(good!);
    for (const bad of [`${text} `, text.slice(0, -1), text.replace('final', 'rejected'), text.replace('"v":1', '"v":2'), '']) {
      expect(() => decodeOutcomes(bundle([text, bad]))).toThrow(EncodingError);
    }
  });

  it('are refused when a byte too many, in another order, or not UTF-8', () => {
    const [entry] = fc.sample(anyDecisionEntry, 1);
    const text = encodeDecision(entry!);
    for (const bad of [`${text} `, text.replace('{"amount"', '{ "amount"'), text.replace('"v":1', '"v":2'), text.replace('"type":"decision"', '"type":"outcome"'), `[${text}]`, text.slice(0, -1), '']) {
      expect(() => decodeDecision(bad)).toThrow(EncodingError);
    }
    expect(() => decodeDecision(Uint8Array.of(0xff, 0xfe))).toThrow(/UTF-8/);
    expect(() => decodeDecision(Buffer.from(`\ufeff${text}`))).toThrow(EncodingError);
    const swapped = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse()));
    expect(() => decodeDecision(swapped)).toThrow(/canonical/);
  });

  it('names the field that is wrong, and its value', () => {
    const [entry] = fc.sample(anyDecisionEntry, 1);
    const text = encodeDecision(entry!).replace(/"amount":"[0-9]+"/, '"amount":"-5"');
    expect(() => decodeDecision(text)).toThrow('amount: expected an amount in minor units, got "-5"');
  });

  it('gives a policy the same digest however its limits were listed', () => {
    const base = { version: 1, offlineAfterMs: 1, maxStalenessMs: 2, offlinePerNode: {} };
    expect(policyDigest({ ...base, offlinePerAccount: { EUR: 1n, USD: 2n } })).toBe(policyDigest({ ...base, offlinePerAccount: { USD: 2n, EUR: 1n } }));
  });
});
