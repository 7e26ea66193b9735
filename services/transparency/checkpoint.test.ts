import { describe, expect, it } from 'vitest';
import {
  addSignatures, cosign, EMPTY_ROOT, formatCheckpoint, generateSigner, hashLeaf, NoteError, openCheckpoint,
  openCheckpointWithQuorum, openNote,
  parseCheckpoint, parseVerifier, signCheckpoint, signNote,
} from './index.ts';
import { flipped, testSeed } from './testing.ts';

const ROOT = hashLeaf(Buffer.from('root'));
const ORIGIN = 'example.com/log';
const log = generateSigner(ORIGIN, 'ed25519', testSeed(1)).signer;
const logKey = parseVerifier(log.vkey);
const witnesses = [2, 3, 4].map((n) => generateSigner(`example.com/witness/${n}`, 'cosignature/v1', testSeed(n)).signer);
const witnessKeys = witnesses.map((w) => parseVerifier(w.vkey));
const TIME = 1_790_000_000;

// C2SP tlog-checkpoint, the example at the top.
const EXAMPLE = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';

async function cosigned(count: number): Promise<string> {
  let note = await signCheckpoint({ origin: ORIGIN, size: 9, root: ROOT }, log);
  for (const w of witnesses.slice(0, count)) note = addSignatures(note, await cosign(note, w, TIME));
  return note;
}

describe('checkpoints (C2SP tlog-checkpoint)', () => {
  it("read and write the specification's example", () => {
    const checkpoint = parseCheckpoint(EXAMPLE);
    expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163, extensions: [] });
    expect(formatCheckpoint(checkpoint)).toBe(EXAMPLE);
    expect(formatCheckpoint({ origin: 'x', size: 0, root: EMPTY_ROOT, extensions: ['one', 'two'] }))
      .toBe(`x\n0\n${EMPTY_ROOT.toString('base64')}\none\ntwo\n`);
  });

  const b64 = ROOT.toString('base64');
  it.each([
    ['nothing', ''], ['two lines', 'x\n1\n'], ['no newline at the end', `x\n1\n${b64}`], ['an empty origin', `\n1\n${b64}\n`],
    ['an empty line', `x\n1\n${b64}\n\n`], ['a leading zero', `x\n01\n${b64}\n`], ['a sign', `x\n+1\n${b64}\n`],
    ['a negative size', `x\n-1\n${b64}\n`],
    ['a fraction', `x\n1.5\n${b64}\n`], ['an exponent', `x\n1e3\n${b64}\n`], ['hexadecimal', `x\n0x1\n${b64}\n`],
    ['a size of 2^53', `x\n9007199254740992\n${b64}\n`],
    ['a size of 2^64', `x\n18446744073709551616\n${b64}\n`], ['digits of another script', `x\n\u0661\n${b64}\n`],
    ['a space', `x\n 1\n${b64}\n`],
    ['a short root', `x\n1\n${ROOT.subarray(1).toString('base64')}\n`], ['no base64', `x\n1\n${b64.slice(0, -1)}!\n`],
    ['CRLF', `x\r\n1\r\n${b64}\r\n`],
  ])('refuse %s', (_what, text) => {
    expect(() => parseCheckpoint(text)).toThrow(NoteError);
  });

  it('are not written with what could not be read', () => {
    for (const bad of [
      { origin: '', size: 1, root: ROOT }, { origin: 'a\nb', size: 1, root: ROOT }, { origin: 'a', size: -1, root: ROOT },
      { origin: 'a', size: 1.5, root: ROOT },
      { origin: 'a', size: 2 ** 53, root: ROOT }, { origin: 'a', size: 1, root: ROOT.subarray(1) },
      { origin: 'a', size: 1, root: ROOT, extensions: [''] },
      { origin: 'a', size: 1, root: ROOT, extensions: ['x\ny'] }, { origin: 'a\n5', size: 1, root: ROOT },
    ]) expect(() => formatCheckpoint(bad), JSON.stringify(bad)).toThrow(NoteError);
  });

  it('open with the key of their log', async () => {
    const note = await signCheckpoint({ origin: ORIGIN, size: 9, root: ROOT }, log);
    expect(openCheckpoint(note, logKey)).toEqual({ origin: ORIGIN, size: 9, root: ROOT, extensions: [] });
    expect(openCheckpoint(await cosigned(3), logKey)).toEqual(openCheckpoint(note, logKey));
    expect(() => openCheckpoint(note, witnessKeys[0]!)).toThrow(/none of the known keys/);
    expect(() => openCheckpoint(note.replace('\n9\n', '\n8\n'), logKey)).toThrow(/does not verify/);
  });

  it('do not speak for another log', async () => {
    const text = formatCheckpoint({ origin: 'example.com/other', size: 9, root: ROOT });
    const note = await signNote(text, [log]);
    expect(() => openCheckpoint(note, logKey)).toThrow(expect.objectContaining({ code: 'wrong-origin' }));
    await expect(signCheckpoint({ origin: 'example.com/other', size: 9, root: ROOT }, log)).rejects.toThrow(/not the key's name/);
  });
});

describe('cosignatures (C2SP tlog-cosignature)', () => {
  it('sign header, time and the whole text of the checkpoint', async () => {
    const note = await signCheckpoint({ origin: ORIGIN, size: 9, root: ROOT, extensions: ['an extension line'] }, log);
    const line = await cosign(note, witnesses[0]!, TIME);
    const [signature] = openNote(addSignatures(note, line), [witnessKeys[0]!]).verified;
    expect(signature!.timestamp).toBe(TIME);
    expect(signature!.signature).toHaveLength(72);
    expect(signature!.signature.readBigUInt64BE(0)).toBe(BigInt(TIME));
    const text = `cosignature/v1\ntime ${TIME}\n${note.slice(0, note.indexOf('\n\n') + 1)}`;
    expect(witnessKeys[0]!.verify(Buffer.from(text), signature!.signature.subarray(8))).toBe(true);
  });

  it('do not verify with one bit turned, time included', async () => {
    const note = await cosigned(0);
    const line = await cosign(note, witnesses[0]!, TIME);
    const [dash, name, base64] = line.trimEnd().split(' ');
    for (let bit = 0; bit < 76 * 8; bit += 3) {
      const bad = `${dash} ${name} ${flipped(Buffer.from(base64!, 'base64'), bit).toString('base64')}\n`;
      expect(() => openCheckpointWithQuorum(addSignatures(note, bad), logKey, witnessKeys, 1), `bit ${bit}`).toThrow(NoteError);
    }
  });

  it('need a cosigner\'s key, a checkpoint, and a time', async () => {
    const note = await cosigned(0);
    await expect(cosign(note, log, TIME)).rejects.toThrow(/a cosigner's is cosignature/);
    await expect(cosign(await signNote('not a checkpoint\n', [log]), witnesses[0]!, TIME)).rejects.toThrow(NoteError);
    for (const time of [-1, 0.5, Number.NaN, 2 ** 53]) {
      await expect(cosign(note, witnesses[0]!, time)).rejects.toThrow(RangeError);
    }
  });
});

describe('quorum', () => {
  it('holds with enough cosigners', async () => {
    for (const [count, quorum] of [[0, 0], [1, 1], [2, 1], [2, 2], [3, 3]] as const) {
      expect(openCheckpointWithQuorum(await cosigned(count), logKey, witnessKeys, quorum).cosigners).toHaveLength(count);
    }
    for (const [count, quorum] of [[0, 1], [1, 2], [2, 3], [3, 4], [3, Number.NaN]] as const) {
      const note = await cosigned(count);
      expect(() => openCheckpointWithQuorum(note, logKey, witnessKeys, quorum))
        .toThrow(expect.objectContaining({ code: 'no-quorum' }));
    }
  });

  it('is not reached by one cosigner twice, under two names, by an unknown one, or by the log itself', async () => {
    const note = await cosigned(1);
    const twice = addSignatures(note, await cosign(note, witnesses[0]!, TIME + 1));
    const alias = generateSigner('example.com/witness/alias', 'cosignature/v1', testSeed(2)).signer;
    const aliased = addSignatures(note, await cosign(note, alias, TIME));
    const stranger =
      addSignatures(note, await cosign(note, generateSigner('stranger', 'cosignature/v1', testSeed(9)).signer, TIME));
    const own = generateSigner(ORIGIN, 'cosignature/v1', testSeed(1)).signer;
    const byItself = addSignatures(note, await cosign(note, own, TIME));
    for (const bad of [twice, aliased, stranger, byItself]) {
      expect(() => openCheckpointWithQuorum(bad, logKey, [...witnessKeys, parseVerifier(alias.vkey)], 2))
        .toThrow(expect.objectContaining({ code: 'no-quorum' }));
    }
    // A log whose only key is a cosigner's does not witness itself.
    const text = formatCheckpoint({ origin: ORIGIN, size: 9, root: ROOT });
    const selfSigned = `${text}\n${await cosign(note, own, TIME)}`;
    expect(openCheckpointWithQuorum(selfSigned, parseVerifier(own.vkey), [], 0).cosigners).toEqual([]);
    expect(() => openCheckpointWithQuorum(selfSigned, parseVerifier(own.vkey), [], 1))
      .toThrow(expect.objectContaining({ code: 'no-quorum' }));
    // A log key among the cosigners is no cosigner's key.
    expect(() => openCheckpointWithQuorum(note, logKey, [witnessKeys[0]!, logKey], 2))
      .toThrow(expect.objectContaining({ code: 'no-quorum' }));
  });

  it('does not replace the log\'s own signature', async () => {
    const note = await cosigned(3);
    const without = note.split('\n').filter((l) => !l.startsWith(`\u2014 ${ORIGIN} `)).join('\n');
    expect(() => openCheckpointWithQuorum(without, logKey, witnessKeys, 2))
      .toThrow(expect.objectContaining({ code: 'unsigned' }));
  });

  it('of cosignatures of another checkpoint does not hold', async () => {
    const note = await cosigned(0);
    const other = await signCheckpoint({ origin: ORIGIN, size: 10, root: ROOT }, log);
    const moved = addSignatures(note, await cosign(other, witnesses[0]!, TIME));
    expect(() => openCheckpointWithQuorum(moved, logKey, witnessKeys, 1))
      .toThrow(expect.objectContaining({ code: 'invalid-signature' }));
  });
});
