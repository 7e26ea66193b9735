import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, encodeFrame } from '../../protocol/index.ts';
import { encodeBundle, type Verifier, parseVerifier } from '../../transparency/index.ts';
import { edgeLog, REGION, testSigner, type EdgeLog } from '../testing.ts';
import { parseBatch } from './batch.ts';
import { assess, emptyNode, replay, type Extension, type Judgement, type NodeState, type ReplayContext } from './replay.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
const verifierOf = (log: EdgeLog): Verifier => parseVerifier(log.signer.vkey);

/** A replica's replay without anything around it. */
function replica(logs: readonly EdgeLog[], remembered = new Map<string, Extension>()): { take: (message: Uint8Array, seq: number) => string; states: Map<string, NodeState>; log: string[] } {
  const states = new Map<string, NodeState>();
  const log: string[] = [];
  const context: ReplayContext = {
    region: REGION, sha256, state: (node) => states.get(node) ?? emptyNode(), assessed: (id) => remembered.get(id),
    verifier: (node) => logs.filter((l) => l.node === node).map(verifierOf)[0],
  };
  return {
    states, log,
    take(message, seq) {
      const step = replay(context, message, seq, 1_000 + seq);
      if (!step.accepted) return step.refusal.code;
      states.set(step.entry.node, step.next);
      log.push(encodeBatch(step.entry));
      return 'accepted';
    },
  };
}

/** Judges as a replica's ingress does, knowing the first `have` entries of the log. */
async function judge(log: EdgeLog, have: number, message: Uint8Array): Promise<Judgement> {
  const r = replica([log]);
  if (have > 0) r.take(await log.batch(0, have), 1);
  const batch = parseBatch(message);
  return assess(
    batch, sha256(batch.payload), verifierOf(log), r.states.get(log.node) ?? emptyNode(), (size) => log.root(size), sha256,
  );
}

const grown = (n: number, text?: string, node = 'a'): EdgeLog => {
  const log = edgeLog(node);
  log.append(n, text);
  return log;
};
/** The same node with another history: same first `shared` entries. */
const forked = (n: number, shared: number): EdgeLog => {
  const log = grown(shared);
  log.append(n - shared, 'other');
  return log;
};

describe('replay', () => {
  it('takes a node\'s batches in order, whatever their sizes, to the root that the node signed', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }), async (sizes) => {
      const log = edgeLog('a');
      const r = replica([log]);
      for (const [i, n] of sizes.entries()) {
        log.append(n);
        expect(r.take(await log.batch(log.size() - n, log.size()), i + 1)).toBe('accepted');
        expect(Buffer.from(r.states.get('a')!.root).equals(log.root())).toBe(true);
      }
    }), { numRuns: 20 });
  });

  it('gives every replica the same log for the same stream, with junk, repeats, forgeries and disorder in it', async () => {
    const [a, b] = [grown(30), grown(30, 'entry', 'b')];
    const stranger = grown(10, 'entry', 'c');
    const liar = edgeLog('a', testSigner('test.example/edge/b').signer);
    liar.append(10);
    const messages = [
      await a.batch(0, 10), await a.batch(10, 20), await a.batch(20, 30), await a.batch(0, 20), await b.batch(0, 15), await b.batch(15, 30),
      await forked(25, 10).batch(10, 25), await forked(20, 5).batch(0, 20), await stranger.batch(0, 10), await liar.batch(0, 10),
      await a.batch(10, 20, { payload: encodeBundle(a.entries.slice(11, 21)) }), Buffer.from('junk'), Buffer.alloc(0),
      encodeFrame({ node: 'a', from: 0, size: 1 }, []), (await a.batch(10, 20)).subarray(0, -3),
    ];
    await fc.assert(fc.asyncProperty(fc.array(fc.nat(messages.length - 1), { maxLength: 40 }), async (order) => {
      const first = replica([a, b]);
      const second = replica([a, b]);
      // One replica has assessed some of the messages itself; the other has not.
      const assessed = new Map<string, Extension>();
      const third = replica([a, b], assessed);
      for (const [i, m] of order.entries()) {
        const message = messages[m]!;
        const code = first.take(message, i + 1);
        expect(second.take(Uint8Array.from(message), i + 1)).toBe(code);
        if (m < 4) {
          const batch = parseBatch(message);
          const { extension } = assess(
            batch, sha256(batch.payload), verifierOf(a), third.states.get('a') ?? emptyNode(), (size) => a.root(size), sha256,
          );
          if (extension !== undefined) assessed.set(extension.id, extension);
        }
        expect(third.take(message, i + 1)).toBe(code);
      }
      expect(second.log).toEqual(first.log);
      expect(third.log).toEqual(first.log);
      for (const [node, state] of first.states) {
        const log = node === 'a' ? [a, forked(25, 10), forked(20, 5)] : [b];
        expect(log.some((l) => state.size <= l.size() && Buffer.from(l.root(state.size)).equals(state.root))).toBe(true);
      }
    }), { numRuns: 60 });
  });

  it('does not believe a memory of another base', async () => {
    const log = grown(30);
    const wrong = forked(30, 5);
    const message = await log.batch(10, 30);
    const { extension } = await judge(log, 10, message);
    const r = replica([log], new Map([[extension!.id, extension!]]));
    r.take(await wrong.batch(0, 10), 1);
    expect(r.take(message, 2)).toBe('fork');
  });

  it.each([
    ['unknown-node', async () => grown(5, 'x', 'nobody').batch(0, 5)],
    ['bad-signature', async () => grown(25).batch(20, 25, { header: { checkpoint: await grown(25, 'x', 'b').checkpoint(25) } })],
    ['bad-signature', async () => grown(25).batch(20, 25, { header: { checkpoint: (await grown(25).checkpoint(25)).replace('\n25\n', '\n26\n') } })],
    ['bad-signature', async () => grown(25).batch(20, 25, { header: { checkpoint: 'no note' } })],
    ['bad-batch', async () => grown(25).batch(20, 25, { header: { checkpoint: await grown(25).checkpoint(24) } })],
    ['bad-batch', async () => grown(25).batch(20, 24, { payload: encodeBundle(grown(25).entries.slice(20, 25)) })],
    ['bad-batch', async () => grown(25).batch(20, 25, { payload: Buffer.alloc(3_000_000) })],
    ['bad-batch', async () => grown(25).batch(20, 21, { payload: encodeBundle([Buffer.alloc(4_097)]) })],
    ['gap', async () => grown(25).batch(21, 25)],
    ['gap', async () => grown(25).batch(10, 25)],
    ['fork', async () => forked(25, 15).batch(20, 25)],
    ['fork', async () => grown(25).batch(20, 25, { payload: encodeBundle(grown(25).entries.slice(19, 24)) })],
  ])('refuses: %s', async (code, message) => {
    const log = grown(20);
    const r = replica([log]);
    r.take(await log.batch(0, 20), 1);
    const before = r.states.get('a');
    expect(r.take(await message(), 2)).toBe(code);
    expect(r.states.get('a')).toBe(before);
    expect(r.log.length).toBe(1);
  });
});

describe('assess', () => {
  it.each<[string, () => Promise<Uint8Array>]>([
    ['gap', () => grown(30).batch(21, 30)],
    ['fork', () => forked(20, 15).batch(15, 20)],
    ['fork', () => forked(25, 15).batch(20, 25)],
    ['fork', () => forked(25, 15).batch(10, 25)],
    ['rollback', () => forked(18, 12).batch(12, 18)],
    ['rollback', () => forked(12, 0).batch(0, 12)],
    ['bad-batch', () => grown(30).batch(20, 30, { payload: encodeBundle(grown(30).entries.slice(19, 29)) })],
    ['bad-batch', () => grown(30).batch(20, 30, { header: { proof: [] } })],
    ['bad-signature', async () => grown(30).batch(20, 30, { header: { checkpoint: await grown(30, 'x', 'b').checkpoint(30) } })],
  ])('answers %s', async (code, message) => {
    expect((await judge(grown(30), 20, await message())).refusal?.code).toBe(code);
  });

  it('calls the first batch of a log bad, not a fork, when its entries are not those of the checkpoint', async () => {
    expect((await judge(grown(30), 0, await grown(30).batch(0, 30, { payload: encodeBundle(forked(30, 3).entries) }))).refusal?.code).toBe(
      'bad-batch',
    );
    expect((await judge(grown(30), 0, await grown(30).batch(0, 30, { header: { proof: [Buffer.alloc(32).toString('base64')] } }))).refusal?.code).toBe(
      'bad-batch',
    );
  });

  it('knows every earlier part of the log again, however it is cut', async () => {
    const log = grown(40);
    for (let to = 1; to <= 20; to += 1) expect((await judge(log, 20, await log.batch(Math.max(0, to - 3), to))).known).toBe(true);
    // Cut across what it has: the node is told to go on from there.
    expect((await judge(log, 20, await log.batch(10, 30))).known).toBe(true);
    expect((await judge(log, 20, await log.batch(20, 30))).extension?.next.size).toBe(30);
  });
});

describe('parseBatch', () => {
  it('says which field is wrong, for any bytes, and throws nothing else', async () => {
    const good = await grown(8).batch(4, 8);
    fc.assert(fc.property(fc.nat(good.byteLength - 1), fc.integer({ min: 0, max: 255 }), fc.nat(good.byteLength), (at, byte, length) => {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      for (const message of [bytes, bytes.subarray(0, length)]) {
        try {
          parseBatch(message);
        } catch (error) {
          expect((error as Error).name).toBe('EncodingError');
        }
      }
    }), { numRuns: 300 });
  });

  it.each([
    ['node', { node: 5 }], ['node', { node: 'x'.repeat(129) }], ['from', { from: -1 }], ['from', { from: 1.5 }], ['from', { from: 2 ** 53 }],
    ['size', { size: 4 }], ['size', { size: 30_000 }], ['size', { size: '8' }], ['checkpoint', { checkpoint: 'x'.repeat(4_097) }], ['checkpoint', {}],
    ['proof', { proof: 'x' }], ['proof', { proof: Array(64).fill(Buffer.alloc(32).toString('base64')) }], ['proof[0]', { proof: ['AAAA'] }],
    ['header', { extra: 'x'.repeat(20_000) }],
  ])('names %s', async (field, changes) => {
    const fields = { node: 'a', from: 4, size: 8, checkpoint: 'c', proof: [], ...changes };
    if (Object.keys(changes).length === 0) delete (fields as { checkpoint?: string }).checkpoint;
    expect(() => parseBatch(encodeFrame(fields, [Buffer.alloc(1)]))).toThrow(field);
  });
});
