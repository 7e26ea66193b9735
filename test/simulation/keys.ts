/**
 * Signers and verifiers whose signature is a keyed hash: the `Signer` port with the mathematics left out, so that thousands of
 * notes cost nothing and signing needs no waiting. Names, key ids and note formats are the real ones, and a forged signature
 * is found just the same. Real Ed25519 keys are what the end-to-end tests use.
 */
import { hash } from 'node:crypto';
import {
  addSignatures, formatCheckpoint, generateSigner, parseNote, parseVerifier, type KeyKind, type Verifier,
} from '../../services/transparency/index.ts';

export interface SimKey {
  readonly verifier: Verifier;
  /** A note over a text that ends with a newline. */
  readonly note: (text: string) => string;
  /** A cosignature/v1 line over a note's text. */
  readonly cosign: (note: string, seconds: number) => string;
}

const digest = (name: string, message: Uint8Array): Buffer =>
  hash('sha512', Buffer.concat([Buffer.from(`secret of ${name}\n`), message]), 'buffer');

const known = new Map<string, SimKey>();

export function simKey(name: string, kind: KeyKind = 'ed25519'): SimKey {
  const found = known.get(`${kind} ${name}`);
  if (found !== undefined) return found;
  const { signer } = generateSigner(name, kind, hash('sha256', `key of ${name}`, 'buffer'));
  const line = (signature: Uint8Array): string => {
    const id = Buffer.alloc(4);
    id.writeUInt32BE(signer.hash);
    return `\u2014 ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
  };
  const key: SimKey = {
    verifier: { ...parseVerifier(signer.vkey), verify: (message, signature) => digest(name, message).equals(signature) },
    note: (text) => `${text}\n${line(digest(name, Buffer.from(text)))}`,
    cosign(note, seconds) {
      const { text } = parseNote(note);
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(BigInt(seconds));
      return line(Buffer.concat([time, digest(name, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`))]));
    },
  };
  known.set(`${kind} ${name}`, key);
  return key;
}

export const checkpointNote = (key: SimKey, size: number, root: Uint8Array): string =>
  key.note(formatCheckpoint({ origin: key.verifier.name, size, root }));

export const withCosignatures = (note: string, lines: Iterable<string>): string => addSignatures(note, [...lines]);
