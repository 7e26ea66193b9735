import { describe, expect, it } from 'vitest';
import { EncodingError } from '../protocol/errors.ts';
import {
  addSignatures, cosign, formatProof, generateSigner, inclusionProof, NoteError, parsePolicy, parseProof, parseVerifier,
  ProofError, signCheckpoint, verifyProof,
} from './index.ts';
import { flipped, sampleLog, testSeed, thrown } from './testing.ts';

const log = generateSigner('example.com/log', 'ed25519', testSeed(1)).signer;
const witness = generateSigner('example.com/w', 'cosignature/v1', testSeed(2)).signer;
const { entries, leaves, tree, store } = sampleLog(300);
const plain = await signCheckpoint({ origin: 'example.com/log', size: 300, root: tree.root() }, log);
const checkpoint = addSignatures(plain, await cosign(plain, witness, 1_790_000_000));
const receiptOf = (index: number, extraData?: Uint8Array): string =>
  formatProof({
    index, proof: inclusionProof(index, 300, store.read), checkpoint, ...(extraData === undefined ? {} : { extraData }),
  });
const trust = { log: parseVerifier(log.vkey), cosigners: [parseVerifier(witness.vkey)], quorum: 1 };
const policy = parsePolicy(`log ${log.vkey}\nwitness w ${witness.vkey}\nquorum w\n`);

describe('receipts (C2SP tlog-proof)', () => {
  it('have the format of the specification', () => {
    const proof = inclusionProof(7, 300, store.read).map((h) => `${h.toString('base64')}\n`).join('');
    expect(receiptOf(7)).toBe(`c2sp.org/tlog-proof@v1\nindex 7\n${proof}\n${checkpoint}`);
    expect(receiptOf(7, Buffer.from('extra'))).toBe(`c2sp.org/tlog-proof@v1\nextra ${Buffer.from('extra')
      .toString('base64')}\nindex 7\n${proof}\n${checkpoint}`);
  });

  it('verify for the entry, by keys and by policy', () => {
    for (const index of [0, 1, 255, 256, 299]) {
      const receipt = receiptOf(index, Buffer.of(0, 255));
      for (const by of [trust, policy]) {
        const verified = verifyProof(receipt, { entry: entries[index]! }, by);
        expect(verified).toMatchObject({ index, checkpoint: { size: 300, cosigners: ['example.com/w'] } });
        expect(verified.extraData).toEqual(Buffer.of(0, 255));
        expect(verifyProof(Buffer.from(receipt), { leafHash: leaves[index]! }, by).index).toBe(index);
      }
    }
  });

  it('of a log of one entry have no hashes', async () => {
    const one = sampleLog(1);
    const note = await signCheckpoint({ origin: 'example.com/log', size: 1, root: one.tree.root() }, log);
    const receipt = formatProof({ index: 0, proof: [], checkpoint: note });
    expect(receipt).toBe(`c2sp.org/tlog-proof@v1\nindex 0\n\n${note}`);
    expect(verifyProof(receipt, { entry: one.entries[0]! }, { log: parseVerifier(log.vkey) }).index).toBe(0);
  });

  it('do not verify for anything else', () => {
    const receipt = receiptOf(7);
    expect(() => verifyProof(receipt, { entry: entries[8]! }, trust)).toThrow(ProofError);
    expect(() => verifyProof(receipt.replace('index 7', 'index 8'), { entry: entries[7]! }, trust)).toThrow(ProofError);
    const stranger = parseVerifier(generateSigner('example.com/log', 'ed25519', testSeed(5)).signer.vkey);
    expect(() => verifyProof(receipt, { entry: entries[7]! }, { ...trust, log: stranger })).toThrow(NoteError);
    expect(() => verifyProof(receipt, { entry: entries[7]! }, { ...trust, quorum: 2 })).toThrow(NoteError);
    expect(() => verifyProof(receipt.replace(checkpoint, plain), { entry: entries[7]! }, policy))
      .toThrow(expect.objectContaining({ code: 'no-quorum' }));
  });

  it('with one bit turned, or cut off, are never accepted for another index, entry or tree', () => {
    const receipt = Buffer.from(receiptOf(7));
    const refused = (bytes: Buffer): boolean => {
      const error = thrown(() => verifyProof(bytes, { entry: entries[7]! }, trust));
      if (error === null) return false;
      if (error instanceof EncodingError || error instanceof NoteError || error instanceof ProofError) return true;
      throw error;
    };
    for (let bit = 0; bit < receipt.length * 8; bit += 3) expect(refused(flipped(receipt, bit)), `bit ${bit}`).toBe(true);
    for (let cut = 0; cut < receipt.length; cut += 3) {
      // Cut exactly between two signatures it is a receipt with fewer of them, and the quorum is missing.
      expect(refused(receipt.subarray(0, cut)), `cut at ${cut}`).toBe(true);
    }
  });

  const receipt = receiptOf(7);
  it.each([
    ['nothing', ''], ['another header', receipt.replace('@v1', '@v2')], ['no index', receipt.replace('index 7\n', '')],
    ['an index with zeroes', receipt.replace('index 7', 'index 07')],
    ['a negative index', receipt.replace('index 7', 'index -7')],
    ['two indexes', receipt.replace('index 7\n', 'index 7\nindex 7\n')],
    ['extra after the index', receipt.replace('index 7\n', 'index 7\nextra AAAA\n')],
    ['extra twice', receipt.replace('index 7\n', 'extra AAAA\nextra AAAA\nindex 7\n')],
    ['extra that is not base64', receipt.replace('index 7\n', 'extra !\nindex 7\n')],
    ['64 hashes', receipt.replace('index 7\n', `index 7\n${`${leaves[0]!.toString('base64')}\n`.repeat(64)}`)],
    ['a short hash', receipt.replace('index 7\n', 'index 7\nAAAA\n')], ['CRLF', receipt.replaceAll('\n', '\r\n')],
    ['no checkpoint', receipt.slice(0, receipt.indexOf('\n\n') + 2)],
    ['a second empty line', receipt.replace('\n\n', '\n\n\n')], ['something huge', `${receipt}${'x'.repeat(2_000_000)}`],
  ])('refuse %s', (_what, text) => {
    const error = thrown(() => parseProof(text));
    expect(error instanceof EncodingError || error instanceof NoteError, String(error)).toBe(true);
  });

  it('are not written with what could not be read', () => {
    expect(() => formatProof({ index: -1, proof: [], checkpoint })).toThrow(EncodingError);
    expect(() => formatProof({ index: 1, proof: [Buffer.alloc(31)], checkpoint })).toThrow(EncodingError);
    expect(() => formatProof({ index: 1, proof: [], checkpoint: 'no note' })).toThrow(NoteError);
  });
});
