/** The telemetry relay beside a node that means it harm, or that is newer than the centre: the others' deltas go on. */
import fc from 'fast-check';
import pino from 'pino';
import { expect, test } from 'vitest';
import type { Problem } from '../protocol/index.ts';
import type { Answer } from '../shell/index.ts';
import { emptySums, readDelta, signDelta } from '../telemetry/index.ts';
import { generateSigner, parseNote, parseTrust, type Signer } from '../transparency/index.ts';
import { createTelemetryRelay } from './telemetry.ts';

const NODES = Array.from({ length: 12 }, (_, i) => `n${i}`);
const signers = new Map(['global', 'region', ...NODES].map((name) => [name, generateSigner(`t.example/${name}`, 'ed25519').signer]));
const signer = (name: string): Signer => signers.get(name)!;
const trust = parseTrust(JSON.stringify({
  origin: 't.example', global: signer('global').vkey, witnessQuorum: 1,
  regions: [{
    id: 'eu', log: signer('region').vkey, quorum: 1, replicas: [generateSigner('t.example/replica', 'cosignature/v1').signer.vkey],
    nodes: NODES.map((id) => ({ id, vkey: signer(id).vkey })),
  }],
}));
const notes = new Map(await Promise.all(NODES.map(async (node) => [node, await signDelta({
  origin: 't.example', node, region: 'eu', seq: 1, acknowledged: 0, from: 1_000, to: 6_000, sums: emptySums(),
  gauges: { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 0 },
}, signer(node))] as const)));

/**
 * @param refuses what the centre answers to a request with these nodes; null: it takes it
 * @param until before it answers at all
 */
function relayTo(refuses: (nodes: readonly string[]) => { readonly status: number; readonly node?: string } | null, until = Promise.resolve()) {
  const requests: string[][] = [];
  const relay = createTelemetryRelay({
    origin: 't.example', trust: trust.regions.get('eu')!, signer: signer('region'), logger: pino({ level: 'silent' }), now: () => 10_000,
    http: { close: async () => undefined } as never,
    centre: {
      async call(_http: unknown, _path: string, { body }: { body: string }): Promise<Answer> {
        const nodes = (JSON.parse(body) as { deltas: string[] }).deltas.map((note) => readDelta(parseNote(note).text).node);
        requests.push(nodes);
        await until;
        const refused = refuses(nodes);
        const said = refused === null ? 'acknowledged' : JSON.stringify({ code: 'bad-delta', detail: 'no', ...(refused.node === undefined ? {} : { node: refused.node }) });
        return { status: refused?.status ?? 200, headers: {}, body: Buffer.from(said) };
      },
    } as never,
  });
  return { relay, requests };
}

test('the centre refuses what some nodes tell, whether it says which or not: the others\' deltas arrive, and only theirs come back', async () => {
  await fc.assert(fc.asyncProperty(fc.subarray(NODES), fc.boolean(), fc.constantFrom(400, 403, 409, 413, 422, 500), async (bad, isNamed, status) => {
    const { relay, requests } = relayTo((nodes) => {
      const node = nodes.find((n) => bad.includes(n));
      return node === undefined ? null : { status, ...(isNamed ? { node } : {}) };
    });
    const results = await Promise.allSettled(NODES.map((node) => relay.take([notes.get(node)!])));
    expect(NODES.filter((_, i) => results[i]!.status === 'rejected')).toEqual(bad);
    expect(relay.passed()).toBe(NODES.length - bad.length);
    // No more than all the halves that there are.
    expect(requests.length).toBeLessThan(2 * NODES.length);
    await relay.stop();
  }), { numRuns: 60 });
});

test.each([429, 503])('a centre that is busy (%d) is not asked once for each node', async (status) => {
  const { relay, requests } = relayTo(() => ({ status }));
  const results = await Promise.allSettled(NODES.map((node) => relay.take([notes.get(node)!])));
  expect(results.every((r) => r.status === 'rejected')).toBe(true);
  // What came first goes alone, the rest together.
  expect(requests.map((r) => r.length)).toEqual([1, NODES.length - 1]);
  await relay.stop();
});

test('a node that does not wait for answers takes no room from others', async () => {
  const { promise: until, resolve: go } = Promise.withResolvers<void>();
  const { relay } = relayTo(() => null, until);
  const impatient = Array.from({ length: 20 }, () => relay.take([notes.get('n0')!]));
  const other = relay.take([notes.get('n1')!]);
  go();
  const results = await Promise.allSettled(impatient);
  expect(results.map((r) => (r.status === 'rejected' ? (r.reason as Problem).status : 200))).toEqual([200, 200, ...Array.from({ length: 18 }, () => 429)]);
  expect(await other).toBe('acknowledged');
  // What was answered makes room.
  expect(await relay.take([notes.get('n0')!])).toBe('acknowledged');
  await relay.stop();
});
