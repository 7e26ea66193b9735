import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeDecision, encodeDecision, type DecisionEntry } from '../../protocol/index.ts';
import { encodeBundle } from '../../transparency/index.ts';
import { decisionOf } from '../testing.ts';
import { PayloadError, readDecisions, type Followed, type Settlement } from './decisions.ts';

const read = (entries: readonly (string | Uint8Array)[]): Settlement[] => {
  const payload = encodeBundle(entries.map((e) => Buffer.from(e)));
  const out: Settlement[] = [];
  readDecisions(payload, out);
  return out;
};

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@-]{0,40}$/);
const asset = fc.stringMatching(/^[A-Z][A-Z0-9]{1,11}$/);
const amount = fc.bigInt(1n, 999_999_999_999_999_999n);
const balance = fc.bigInt(-9_223_372_036_854_775_807n, 9_223_372_036_854_775_807n);
const nat = fc.maxSafeNat();
const entry: fc.Arbitrary<DecisionEntry> = fc.record({
  instruction: fc.record({ id, asset, debitAccount: id, creditAccount: id, amount }),
  inputs: fc.record({
    debit: fc.option(fc.record({ account: id, asset, balance, overdraft: fc.option(balance), asOf: nat })), debitAgeMs: nat, creditAsset: fc.option(asset),
    reserved: balance, offlineAccount: balance, offlineNode: balance, connected: fc.boolean(),
  }),
  decision: fc.oneof(
    fc.record({ result: fc.constant('provisional' as const), mode: fc.constantFrom('online' as const, 'offline' as const) }),
    fc.record({
      result: fc.constant('refused' as const), mode: fc.constantFrom('online' as const, 'offline' as const),
      reason: fc.constantFrom('account-unknown', 'asset-mismatch', 'insufficient-funds', 'offline-limit-account', 'offline-limit-node', 'stale-state' as const),
    }),
  ),
  decidedAt: nat, policy: fc.stringMatching(/^[0-9a-f]{16}$/),
  trace: fc.stringMatching(/^00-[0-9a-f]{31}1-[0-9a-f]{15}1-01$/),
}, { requiredKeys: ['instruction', 'inputs', 'decision', 'decidedAt', 'policy'] });

describe('readDecisions', () => {
  test('reads what decodeDecision reads', () => {
    fc.assert(fc.property(fc.array(entry, { minLength: 1, maxLength: 5 }), (entries) => {
      const followed: Followed[] = [];
      const times: number[] = [];
      readDecisions(encodeBundle(entries.map((e) => Buffer.from(encodeDecision(e)))), [], times, followed);
      expect(times).toEqual(entries.map((e) => e.decidedAt));
      expect(followed).toEqual(entries.flatMap((e, at) => (e.trace === undefined ? [] : [{ at, id: e.instruction.id, trace: e.trace }])));
      expect(read(entries.map(encodeDecision))).toEqual(entries.map(({ instruction: s, decision: d }) => ({
        id: s.id, asset: s.asset, debit: s.debitAccount, credit: s.creditAccount, amount: String(s.amount), refusal: d.reason ?? null,
      })));
    }));
  });

  test('what is remembered of a followed settlement does not keep the rest of its batch in memory', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const trace = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;
    const texts = Array.from({ length: 80 }, (_, i) => encodeDecision(decisionOf({ id: `a-settlement-${i}`, debit: 'a', credit: 'b', amount: 5n })));
    const decision = decodeDecision(texts[0]!);
    const bundle = encodeBundle([encodeDecision({ ...decision, trace }), ...texts.slice(1)].map((text) => Buffer.from(text)));
    const kept: Followed[] = [];
    const heap = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    readDecisions(bundle, [], [], kept);
    const before = heap();
    for (let i = 0; i < 1_000; i += 1) readDecisions(bundle, [], [], kept);
    const bytes = heap() - before;
    expect(kept).toHaveLength(1_001);
    // A batch has some 30,000 bytes; an id and a trace, in their object, some 200.
    expect(bytes / 1_000).toBeLessThan(bundle.byteLength / 10);
  });

  test.each([undefined, `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`])('refuses what decodeDecision refuses: any change of one byte, trace %s', (trace) => {
    const decision = decodeDecision(encodeDecision(decisionOf({ id: 's1', debit: 'a', credit: 'b', amount: 5n, refused: 'stale-state' })));
    const text = Buffer.from(encodeDecision(trace === undefined ? decision : { ...decision, trace }));
    fc.assert(fc.property(fc.nat(text.length - 1), fc.nat(255), (place, byte) => {
      const changed = Buffer.from(text);
      changed[place] = byte;
      let strict: unknown = null;
      try {
        strict = decodeDecision(changed).instruction.id;
      } catch { /* refused */ }
      let fast: unknown = null;
      try {
        fast = read([changed])[0]!.id;
      } catch { /* refused */ }
      expect(fast).toBe(strict);
    }), { numRuns: 2_000 });
  });

  test('reads payloads of many pieces', () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `s${i}`);
    expect(read(ids.map((name) => encodeDecision(decisionOf({ id: name, debit: 'a', credit: 'b', amount: 5n })))).map((s) => s.id)).toEqual(ids);
    expect(() => read([...ids.map((name) => encodeDecision(decisionOf({ id: name, debit: 'a', credit: 'b', amount: 5n }))), '{}'])).toThrow(/^payload entry 1000: /);
  });

  test.each([
    ['nothing', ''], ['no JSON', 'x'], ['another entry', '{"type":"account","v":1}'], ['not UTF-8', Buffer.from([0xff, 0xfe])],
    ['something behind it', `${encodeDecision(decisionOf({ id: 's1', debit: 'a', credit: 'b', amount: 5n }))} `],
    ['a name twice', encodeDecision(decisionOf({ id: 's1', debit: 'a', credit: 'b', amount: 5n })).replace('"v":1}', '"v":1,"v":1}')],
  ])('says which entry is %s', (_what, bad) => {
    const good = encodeDecision(decisionOf({ id: 's0', debit: 'a', credit: 'b', amount: 5n }));
    expect(() => read([good, bad, good])).toThrow(PayloadError);
    expect(() => read([good, bad, good])).toThrow(/^payload entry 1: /);
  });
});
