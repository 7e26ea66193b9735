import { describe, expect, it } from 'vitest';
import { EncodingError } from '../protocol/errors.ts';
import {
  consistencyProof, decideAddCheckpoint, EMPTY_ROOT, formatAddCheckpoint, generateSigner, NoteError, parseAddCheckpoint,
  parseVerifier, rootAt, signCheckpoint, signNote,
  type WitnessDecision, type WitnessState,
} from './index.ts';
import { flipped, sampleLog, testSeed, thrown } from './testing.ts';

const ORIGIN = 'example.com/log';
const log = generateSigner(ORIGIN, 'ed25519', testSeed(1)).signer;
const logKey = parseVerifier(log.vkey);
const { store } = sampleLog(300);
const root = (size: number): Buffer => rootAt(size, store.read);
const state = (size: number): WitnessState => ({ size, root: root(size) });

async function request(oldSize: number, size: number, change: { root?: Buffer; proof?: Buffer[] } = {}): Promise<string> {
  const checkpoint = await signCheckpoint({ origin: ORIGIN, size, root: change.root ?? root(size) }, log);
  const proof = change.proof ?? (oldSize <= size ? consistencyProof(oldSize, size, store.read) : []);
  return formatAddCheckpoint({ oldSize, proof, checkpoint });
}
const decide = (known: WitnessState | null, body: string, key = logKey): WitnessDecision =>
  decideAddCheckpoint(known, parseAddCheckpoint(body), key);

describe('add-checkpoint (C2SP tlog-witness)', () => {
  it('has the format of the specification', async () => {
    const body = await request(200, 300);
    const proof = consistencyProof(200, 300, store.read);
    const [head] = body.split('\n\n');
    expect(head).toBe(`old 200\n${proof.map((h) => h.toString('base64')).join('\n')}`);
    expect(parseAddCheckpoint(Buffer.from(body))).toMatchObject({ oldSize: 200, proof, origin: ORIGIN });
    expect(await request(0, 300)).toMatch(/^old 0\n\nexample\.com\/log\n300\n/);
  });

  it('is accepted from nothing, from any state before, and again', async () => {
    for (const [old, size] of [[0, 0], [0, 1], [1, 1], [1, 2], [200, 300], [256, 300], [300, 300]] as const) {
      const known = old === 0 ? null : state(old);
      expect(decide(known, await request(old, size)))
        .toMatchObject({ ok: true, newState: { size, root: root(size) }, checkpoint: { origin: ORIGIN, size } });
      expect(decide(old === 0 ? { size: 0, root: EMPTY_ROOT } : known, await request(old, size)).ok).toBe(true);
    }
  });

  it('404 for a log that the witness does not know', async () => {
    expect(decideAddCheckpoint(null, parseAddCheckpoint(await request(0, 5)), undefined))
      .toMatchObject({ ok: false, status: 404 });
    expect(decide(null, await request(0, 5), parseVerifier(generateSigner('example.com/other').signer.vkey)))
      .toMatchObject({ ok: false, status: 404 });
  });

  it('403 without a valid signature of the log, even for a request that is wrong otherwise', async () => {
    const stranger = parseVerifier(generateSigner(ORIGIN, 'ed25519', testSeed(9)).signer.vkey);
    expect(decide(null, await request(0, 5), stranger)).toMatchObject({ ok: false, status: 403 });
    expect(decide(state(9), await request(7, 5), stranger)).toMatchObject({ ok: false, status: 403 });
    const body = await request(0, 5);
    expect(decide(null, body.replace('\n5\n', '\n6\n'))).toMatchObject({ ok: false, status: 403 });
  });

  it('400 when the old size is larger than the checkpoint\'s', async () => {
    expect(decide(state(9), await request(9, 5))).toMatchObject({ ok: false, status: 400 });
  });

  it('409 with the size it knows when the old size is another, and for a second root of the same size', async () => {
    expect(decide(state(9), await request(0, 12)))
      .toEqual({ ok: false, status: 409, body: '9\n', contentType: 'text/x.tlog.size' });
    expect(decide(state(9), await request(8, 12))).toMatchObject({ ok: false, status: 409, body: '9\n' });
    expect(decide(null, await request(3, 12))).toMatchObject({ ok: false, status: 409, body: '0\n' });
    expect(decide(state(9), await request(9, 9, { root: root(8) }))).toMatchObject({ ok: false, status: 409 });
    expect(decide(null, await request(0, 0, { root: root(8) }))).toMatchObject({ ok: false, status: 409 });
  });

  it('422 when the proof does not hold: rewritten history, no proof, a proof of something else', async () => {
    const proof = consistencyProof(200, 300, store.read);
    for (const bad of [
      [], proof.slice(1), [...proof, root(1)], proof.map((h, i) => (i === 0 ? flipped(h, 9) : h)),
      consistencyProof(199, 300, store.read),
    ]) {
      expect(decide(state(200), await request(200, 300, { proof: bad }))).toMatchObject({ ok: false, status: 422 });
    }
    expect(decide(state(200), await request(200, 300, { root: flipped(root(300), 0) })))
      .toMatchObject({ ok: false, status: 422 });
    expect(decide({ size: 200, root: flipped(root(200), 0) }, await request(200, 300))).toMatchObject({ ok: false, status: 422 });
    expect(decide(null, await request(0, 300, { proof: [root(1)] }))).toMatchObject({ ok: false, status: 422 });
    expect(decide(state(300), await request(300, 300, { proof: [root(1)] }))).toMatchObject({ ok: false, status: 422 });
  });

  it('refuses bodies that are not requests', async () => {
    const body = await request(200, 300);
    const hash = root(1).toString('base64');
    const cases: (string | Uint8Array)[] = [
      '', '\n', 'old 1', 'old 1\n\n', body.replace('old 200', 'old 0200'), body.replace('old 200', 'old  200'),
      body.replace('old 200', 'old -1'),
      body.replace('old 200', 'old 9007199254740993'), body.replace('old 200', 'old 1e2'), body.replace('old 200\n', ''),
      body.replace('old 200', 'OLD 200'),
      body.replaceAll('\n', '\r\n'), body.slice(0, -1), body.replace('\n\n', '\nnot base64\n\n'),
      body.replace('\n\n', '\nAAAA\n\n'), body.replace('\n\n', '\n'),
      body.replace('old 200\n', `old 200\n${`${hash}\n`.repeat(63)}`), await signNote('not a checkpoint\n', [log]),
      `old 0\n\n${await signNote('not a checkpoint\n', [log])}`,
      `${body}${'x'.repeat(2_000_000)}`, Buffer.from([0xff, 0xfe]), Buffer.concat([Buffer.from(body), Buffer.of(0xff)]),
      'old 0\n\n\n\n', '\u0000'.repeat(100),
    ];
    for (const [i, bad] of cases.entries()) {
      const error = thrown(() => parseAddCheckpoint(bad));
      expect(error instanceof EncodingError || error instanceof NoteError, `case ${i}: ${String(error)}`).toBe(true);
    }
  });
});
