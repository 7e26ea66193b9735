/**
 * Signed notes: C2SP signed-note, sections "Format" and "Signatures" (https://c2sp.org/signed-note), read as strictly as Go's
 * golang.org/x/mod/sumdb/note reads them; base64 has to be canonical besides.
 */
import { NoteError, shown } from './errors.ts';
import { isKeyName, strictBase64, type Signer, type Verifier } from './keys.ts';
import { verifyCosignature } from './cosignature.ts';

/** A whole note, bytes. The largest that Tidemark itself makes, a thousand account states, has a quarter of that. */
export const NOTE_MAX = 1024 * 1024;
/** Signature lines of a note; Go's limit. The specification asks for at least 16. */
export const SIGNATURES_MAX = 100;

export interface NoteSignature {
  readonly name: string;
  /** Key ID. */
  readonly hash: number;
  /** What follows the key ID: 64 bytes of Ed25519, or a timestamped signature. */
  readonly signature: Buffer;
  /** The whole line, with its newline. */
  readonly line: string;
}

export interface VerifiedSignature extends NoteSignature {
  readonly verifier: Verifier;
  /** Seconds since 1970; of a cosignature only. */
  readonly timestamp?: number;
}

export interface OpenedNote {
  /** With its final newline. */
  readonly text: string;
  /** In the note's order, each key once. */
  readonly verified: readonly VerifiedSignature[];
  /** By keys that are not known: nothing may be concluded from them. */
  readonly unverified: readonly NoteSignature[];
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

const malformed = (why: string): NoteError => new NoteError('malformed', `signed note: ${why}`);

/** The text of what has to be UTF-8 without control characters. */
export function noteText(note: string | Uint8Array): string {
  if (note.length > NOTE_MAX) throw malformed(`${note.length} bytes, at most ${NOTE_MAX} are read`);
  let text: string;
  if (typeof note === 'string') {
    if (!note.isWellFormed()) throw malformed('not valid Unicode');
    text = note;
  } else {
    try {
      text = utf8.decode(note);
    } catch {
      throw malformed('not valid UTF-8');
    }
  }
  const control = CONTROL.exec(text);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).padStart(4, '0');
    throw malformed(`control character U+${code} at ${control.index}; lines end with U+000A alone`);
  }
  return text;
}

/** Signature lines, one after the other, each ended by a newline. @throws NoteError */
export function parseSignatures(block: string): NoteSignature[] {
  if (block === '') return [];
  if (!block.endsWith('\n')) throw malformed('the last line does not end with a newline');
  const lines = block.slice(0, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) throw malformed(`${lines.length} signatures, at most ${SIGNATURES_MAX} are read`);
  return lines.map((line, i) => {
    const [, name = '', base64 = ''] = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
    const bytes = strictBase64(base64);
    if (!isKeyName(name) || bytes === null || bytes.length < 5) {
      throw malformed(`signature line ${i + 1}: expected "\u2014 <name> <base64 of key ID and signature>", got ${shown(line)}`);
    }
    return { name, hash: bytes.readUInt32BE(0), signature: bytes.subarray(4), line: `${line}\n` };
  });
}

/**
 * Text and signatures of a note. Nothing is verified: for finding out which key to look for, never for acting on the text.
 *
 * @throws NoteError when it isn't a note
 */
export function parseNote(note: string | Uint8Array): { text: string; signatures: NoteSignature[] } {
  const whole = noteText(note);
  const split = whole.lastIndexOf('\n\n');
  if (split < 0) throw malformed('no empty line between text and signatures');
  const signatures = parseSignatures(whole.slice(split + 2));
  if (signatures.length === 0) throw malformed('no signature line');
  return { text: whole.slice(0, split + 1), signatures };
}

/** The known key that made a signature, by name and key ID. */
function verifierOf(signature: NoteSignature, verifiers: readonly Verifier[]): Verifier | undefined {
  const found = verifiers.filter((v) => v.name === signature.name && v.hash === signature.hash);
  if (found.some((v) => v.vkey !== found[0]!.vkey)) {
    throw new NoteError('malformed', `two known keys have the name ${shown(signature.name)} and the same key ID`);
  }
  return found[0];
}

/** Checks one signature by a known key. @returns null when it does not verify */
function check(text: string, signature: NoteSignature, verifier: Verifier): VerifiedSignature | null {
  if (verifier.kind === 'cosignature/v1') {
    const timestamp = verifyCosignature(text, signature.signature, verifier);
    return timestamp === null ? null : { ...signature, verifier, timestamp };
  }
  return verifier.verify(Buffer.from(text), signature.signature) ? { ...signature, verifier } : null;
}

/**
 * Opens a note: the text may be used when this returns. Signatures of unknown keys are ignored; one by a known key that
 * does not verify spoils the whole note. Of two signatures by the same key the first counts.
 *
 * @throws NoteError `malformed`, `invalid-signature`, or `unsigned` when no known key signed it
 */
export function openNote(note: string | Uint8Array, verifiers: readonly Verifier[]): OpenedNote {
  const { text, signatures } = parseNote(note);
  const verified: VerifiedSignature[] = [];
  const unverified: NoteSignature[] = [];
  for (const signature of signatures) {
    const verifier = verifierOf(signature, verifiers);
    if (verifier === undefined) {
      if (!unverified.some((s) => s.line === signature.line)) unverified.push(signature);
      continue;
    }
    if (verified.some((s) => s.verifier.vkey === verifier.vkey)) continue;
    const good = check(text, signature, verifier);
    if (good === null) {
      throw new NoteError('invalid-signature', `signed note: the signature by ${shown(verifier.name)} does not verify`);
    }
    verified.push(good);
  }
  if (verified.length === 0) {
    const list = (keys: readonly { readonly name: string }[]): string => keys.map((k) => shown(k.name)).join(', ').slice(0, 200);
    throw new NoteError('unsigned', `signed note: signed by ${list(signatures)}, by none of the known keys (${list(verifiers)})`);
  }
  return { text, verified, unverified };
}

/** One signature line, with its newline. */
export function signatureLine(key: { readonly name: string; readonly hash: number }, signature: Uint8Array): string {
  const id = Buffer.allocUnsafe(4);
  id.writeUInt32BE(key.hash);
  return `\u2014 ${key.name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
}

/**
 * The note over `text`, which has to end with a newline, signed by keys of kind `ed25519`, in their order.
 *
 * @throws NoteError when the text can't stand in a note
 */
export async function signNote(text: string, signers: readonly Signer[]): Promise<string> {
  if (!noteText(text).endsWith('\n')) throw malformed('a text to sign ends with a newline');
  if (signers.length === 0) throw malformed('no signer');
  const message = Buffer.from(text);
  const lines = await Promise.all(signers.map(async (signer) => {
    if (signer.kind !== 'ed25519') throw malformed(`the key ${signer.name} signs checkpoints with a time; cosign() does that`);
    return signatureLine(signer, await signer.sign(message));
  }));
  return `${text}\n${lines.join('')}`;
}

/**
 * The note with more signature lines. A line by a key that signed already takes the place of the older one, and moves to
 * the end. Nothing is verified here: {@link validSignatures} picks what may be added.
 *
 * @param lines signature lines, in any number of pieces
 */
export function addSignatures(note: string, lines: string | readonly string[]): string {
  const { text, signatures } = parseNote(note);
  const added = parseSignatures(typeof lines === 'string' ? lines : lines.join(''));
  const all = [...signatures, ...added];
  const kept = all.filter((s, i) => !all.some((later, j) => j > i && later.name === s.name && later.hash === s.hash));
  if (kept.length > SIGNATURES_MAX) throw malformed(`${kept.length} signatures, at most ${SIGNATURES_MAX} are read`);
  return `${text}\n${kept.map((s) => s.line).join('')}`;
}

/**
 * Those of the signature lines that known keys made and that verify for this note, each key once: what may be added to it. C2SP
 * tlog-witness, section "add-checkpoint": "it can move the valid signatures to its own view of the checkpoint".
 *
 * @param lines what a witness answered
 * @throws NoteError when they are not signature lines
 */
export function validSignatures(note: string, lines: string, verifiers: readonly Verifier[]): VerifiedSignature[] {
  const { text } = parseNote(note);
  const valid: VerifiedSignature[] = [];
  for (const signature of parseSignatures(noteText(lines))) {
    const verifier = verifierOf(signature, verifiers);
    if (verifier === undefined || valid.some((s) => s.verifier.vkey === verifier.vkey)) continue;
    const good = check(text, signature, verifier);
    if (good !== null) valid.push(good);
  }
  return valid;
}
