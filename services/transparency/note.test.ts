import { describe, expect, it } from 'vitest';
import {
  addSignatures, generateSigner, NoteError, openNote, parseNote, parseSigner, parseVerifier, signNote, validSignatures,
} from './index.ts';
import { NOTE_MAX, SIGNATURES_MAX } from './note.ts';
import { flipped, testSeed, thrown } from './testing.ts';

// The example of golang.org/x/mod/sumdb/note: keys, text and signatures.
const SKEY = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const VKEY_2 = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop';
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const LINE = '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const LINE_2 = '\u2014 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';
const NOTE = `${TEXT}\n${LINE}`;
const verifier = parseVerifier(VKEY);
const second = parseVerifier(VKEY_2);

/** The code of the NoteError that `run` throws. */
function codeOf(run: () => unknown): string {
  const error = thrown(run);
  if (error === null) return 'accepted';
  if (error instanceof NoteError) return error.code;
  throw error;
}

describe('signed notes (C2SP signed-note)', () => {
  it("signs and opens Go's example", async () => {
    const signer = parseSigner(SKEY);
    expect(signer).toMatchObject({ name: 'PeterNeumann', hash: 0xc74f20a3, kind: 'ed25519', vkey: VKEY });
    expect(await signNote(TEXT, [signer])).toBe(NOTE);
    const opened = openNote(NOTE, [verifier]);
    expect(opened.text).toBe(TEXT);
    expect(opened.verified.map((s) => [s.name, s.hash, s.signature.length, s.line]))
      .toEqual([['PeterNeumann', 0xc74f20a3, 64, LINE]]);
    expect(opened.unverified).toEqual([]);
    expect(openNote(new Uint8Array(Buffer.from(NOTE)), [verifier])).toEqual(opened);
    expect(openNote(NOTE + LINE_2, [verifier, second]).verified.map((s) => s.name)).toEqual(['PeterNeumann', 'EnochRoot']);
  });

  it('takes a text with empty lines, and splits it from the signatures at the last one', async () => {
    const { signer } = generateSigner('example.com/log', 'ed25519', testSeed(1));
    for (const text of ['\n', '\n\n', 'a\n\nb\n', `${NOTE}`, '\u2014 x y\n']) {
      const note = await signNote(text, [signer]);
      expect(openNote(note, [parseVerifier(signer.vkey)]).text).toBe(text);
    }
  });

  it('ignores unknown keys, also with a known name or a known key ID', () => {
    const otherName = LINE.replace('PeterNeumann', 'Somebody');
    const bytes = Buffer.from(LINE.split(' ')[2]!, 'base64');
    const otherId = `\u2014 PeterNeumann ${flipped(bytes, 0).toString('base64')}\n`;
    const opened = openNote(`${TEXT}\n${otherName}${otherId}${LINE}${LINE_2}${LINE_2}`, [verifier]);
    expect(opened.verified.map((s) => s.name)).toEqual(['PeterNeumann']);
    expect(opened.unverified.map((s) => s.name)).toEqual(['Somebody', 'PeterNeumann', 'EnochRoot']);
    expect(codeOf(() => openNote(`${TEXT}\n${otherName}${otherId}`, [verifier]))).toBe('unsigned');
    expect(codeOf(() => openNote(NOTE, []))).toBe('unsigned');
  });

  it('counts a key once, by its first signature', () => {
    const bad = `\u2014 PeterNeumann ${flipped(Buffer.from(LINE.split(' ')[2]!, 'base64'), 100).toString('base64')}\n`;
    expect(openNote(`${TEXT}\n${LINE}${LINE}`, [verifier, parseVerifier(VKEY)]).verified).toHaveLength(1);
    expect(openNote(`${TEXT}\n${LINE}${bad}`, [verifier]).verified).toHaveLength(1);
    expect(codeOf(() => openNote(`${TEXT}\n${bad}${LINE}`, [verifier]))).toBe('invalid-signature');
  });

  it('refuses every note with one bit turned', () => {
    const bytes = Buffer.from(NOTE);
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const bad = flipped(bytes, bit);
      expect(['malformed', 'invalid-signature', 'unsigned'], `bit ${bit}`).toContain(codeOf(() => openNote(bad, [verifier])));
    }
  });

  it('refuses every note that is cut off', () => {
    for (let cut = 0; cut < NOTE.length; cut += 1) {
      expect(codeOf(() => openNote(NOTE.slice(0, cut), [verifier])), `cut at ${cut}`).toBe('malformed');
    }
  });

  const b64 = LINE.slice(LINE.indexOf(' ', 3) + 1, -1);
  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['no signature', TEXT],
    ['no signature after the empty line', `${TEXT}\n`],
    ['no newline at the end', NOTE.slice(0, -1)],
    ['CRLF', NOTE.replaceAll('\n', '\r\n')],
    ['CR in the text', NOTE.replace(',\n', ',\r\n')],
    ['a tab', NOTE.replace(' ', '\t')],
    ['a NUL', `\u0000${NOTE}`],
    ['a hyphen for the dash', NOTE.replace('\u2014', '-')],
    ['an en dash for the dash', NOTE.replace('\u2014', '\u2013')],
    ['two spaces', NOTE.replace('\u2014 ', '\u2014  ')],
    ['a no-break space in the name', NOTE.replace('PeterNeumann', 'Peter\u00a0Neumann')],
    ['an ideographic space in the name', NOTE.replace('PeterNeumann', 'Peter\u3000Neumann')],
    ['a plus in the name', NOTE.replace('PeterNeumann', 'Peter+Neumann')],
    ['no name', NOTE.replace('PeterNeumann', '')],
    ['no base64', NOTE.replace(b64, '')],
    ['a space at the end of the line', NOTE.replace(b64, `${b64} `)],
    ['base64 without padding', NOTE.replace(b64, b64.replace('=', ''))],
    ['URL-safe base64', NOTE.replace(b64, b64.replaceAll('/', '_'))],
    ['base64 with bits left over', NOTE.replace('AM=\n', 'AN=\n')],
    ['a signature of no bytes', NOTE.replace(b64, b64.slice(0, 4))],
    ['text among the signatures', `${NOTE}hello\n`],
    ['too many signatures', `${TEXT}\n${LINE_2.repeat(SIGNATURES_MAX)}${LINE}`],
    ['too long', `${'x'.repeat(NOTE_MAX)}\n\n${LINE}`],
    ['a lone surrogate', `\ud800${NOTE}`],
    ['invalid UTF-8', Buffer.concat([Buffer.of(0xff), Buffer.from(NOTE)])],
    ['overlong UTF-8', Buffer.concat([Buffer.of(0xc0, 0x80), Buffer.from(NOTE)])],
    ['UTF-8 cut off', Buffer.concat([Buffer.from(NOTE), Buffer.of(0xe2, 0x80)])],
    ['an encoded surrogate', Buffer.concat([Buffer.of(0xed, 0xa0, 0x80), Buffer.from(NOTE)])],
  ])('refuses %s', (_what, note) => {
    expect(codeOf(() => openNote(note, [verifier]))).toBe('malformed');
  });

  it('takes a byte order mark for what it is: other text', () => {
    expect(codeOf(() => openNote(Buffer.from(`\ufeff${NOTE}`), [verifier]))).toBe('invalid-signature');
  });

  it('takes 100 signatures', () => {
    expect(openNote(`${TEXT}\n${LINE_2.repeat(SIGNATURES_MAX - 1)}${LINE}`, [verifier]).verified).toHaveLength(1);
  });

  it('says whose signature is missing, in a bounded message', () => {
    const long = `${'a'.repeat(5_000)}`;
    expect(() => openNote(`${TEXT}\n${LINE_2}`, [verifier]))
      .toThrow(/signed by "EnochRoot", by none of the known keys \("PeterNeumann"\)/);
    expect((thrown(() => openNote(`${TEXT}\n${LINE_2.replace('EnochRoot', long)}`, [verifier])) as Error).message.length)
      .toBeLessThan(500);
  });

  it('refuses two known keys that can not be told apart', () => {
    const twin = { ...second, name: verifier.name, hash: verifier.hash };
    expect(codeOf(() => openNote(NOTE, [verifier, twin]))).toBe('malformed');
  });

  it('signs only what can be a note', async () => {
    const signer = parseSigner(SKEY);
    await expect(signNote('no newline', [signer])).rejects.toThrow(NoteError);
    await expect(signNote('carriage\r\nreturn\n', [signer])).rejects.toThrow(NoteError);
    await expect(signNote('\ud800\n', [signer])).rejects.toThrow(NoteError);
    await expect(signNote(TEXT, [])).rejects.toThrow(NoteError);
    await expect(signNote(TEXT, [generateSigner('w', 'cosignature/v1', testSeed(1)).signer])).rejects.toThrow(/cosign\(\)/);
  });
});

describe('more signatures on a note', () => {
  it('are added at the end, and take the place of older ones by the same key', () => {
    const both = addSignatures(NOTE, LINE_2);
    expect(both).toBe(`${TEXT}\n${LINE}${LINE_2}`);
    expect(addSignatures(both, [LINE])).toBe(`${TEXT}\n${LINE_2}${LINE}`);
    expect(addSignatures(NOTE, [])).toBe(NOTE);
    expect(() => addSignatures(NOTE, LINE_2.slice(0, -1))).toThrow(NoteError);
    expect(() => addSignatures(NOTE, `\n${LINE_2}`)).toThrow(NoteError);
    expect(() => addSignatures(NOTE, `${LINE_2}\nforged text\n\n${LINE}`)).toThrow(NoteError);
  });

  it('are picked from an answer when they verify', () => {
    const bad = LINE_2.replace('Hp+v', 'Hp+w');
    expect(validSignatures(NOTE, `${bad}${LINE}${LINE}${LINE_2}`, [verifier, second]).map((s) => s.line)).toEqual([LINE, LINE_2]);
    expect(validSignatures(NOTE, LINE_2, [verifier])).toEqual([]);
    expect(validSignatures(NOTE, '', [verifier])).toEqual([]);
    expect(() => validSignatures(NOTE, 'nonsense\n', [verifier])).toThrow(NoteError);
  });

  it('parseNote shows signatures without believing them', () => {
    expect(parseNote(NOTE.replace('answer', 'question')).signatures.map((s) => s.name)).toEqual(['PeterNeumann']);
  });
});

describe('keys', () => {
  it('come back from their text, of both kinds', () => {
    for (const kind of ['ed25519', 'cosignature/v1'] as const) {
      const { signer, skey } = generateSigner('example.com/key', kind);
      expect(parseSigner(skey)).toMatchObject({ name: signer.name, hash: signer.hash, kind, vkey: signer.vkey });
      expect(parseVerifier(signer.vkey)).toMatchObject({ name: signer.name, hash: signer.hash, kind });
    }
    const a = generateSigner('k', 'ed25519', testSeed(3));
    const b = generateSigner('k', 'cosignature/v1', testSeed(3));
    expect(a.signer.hash).not.toBe(b.signer.hash);
    expect(parseVerifier(a.signer.vkey).publicKey).toEqual(parseVerifier(b.signer.vkey).publicKey);
  });

  it.each([
    ['nothing', ''], ['a name', 'x'], ['no key', 'PeterNeumann+c74f20a3+'],
    ['an upper-case ID', VKEY.replace('c74f20a3', 'C74F20A3')],
    ['a short ID', VKEY.replace('c74f20a3', 'c74f20a')], ['another ID', VKEY.replace('c74f20a3', 'c74f20a4')],
    ['another name', VKEY.replace('Peter', 'Petra')], ['a space in the name', VKEY.replace('Peter', 'Peter ')],
    ['no name', VKEY.slice(12)],
    ['an unknown type', 'x+12345678+CRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['a short key', 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegw'],
    ['a newline', `${VKEY}\n`], ['a private key', SKEY], ['something long', `${'x'.repeat(1_000_000)}+c74f20a3+AA==`],
  ])('refuse %s as a verifier key', (_what, vkey) => {
    expect(codeOf(() => parseVerifier(vkey))).toBe('malformed');
  });

  it('refuse what is no private key, without showing any of it', () => {
    const secret = SKEY.slice(SKEY.lastIndexOf('+') + 1);
    for (const bad of [
      '', VKEY, `${SKEY}A`, SKEY.replace('c74f20a3', 'c74f20a4'), SKEY.replace('Peter', 'Petra'), SKEY.slice(0, -4),
      SKEY.replace('+AY', '+CY'), ` ${SKEY}`,
    ]) {
      const message = String((thrown(() => parseSigner(bad)) as Error | null)?.message);
      expect(message, bad.slice(0, 20)).toMatch(/^private key/);
      expect(message).not.toContain(secret.slice(4, 12));
    }
  });

  it('refuse a seed of another length', () => {
    expect(() => generateSigner('x', 'ed25519', Buffer.alloc(31))).toThrow(RangeError);
    expect(() => generateSigner('x y')).toThrow(NoteError);
  });
});
