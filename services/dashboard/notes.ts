/**
 * Signed notes, checkpoints and cosignatures over WebCrypto: C2SP signed-note, tlog-checkpoint and tlog-cosignature, read as
 * strictly as services/transparency reads them.
 */
import { NoteError, shown } from '../transparency/errors.ts';
import { concat, fromBase64, HASH_SIZE, sha256, toBase64, type Bytes } from './merkle.ts';

export interface Key {
  readonly name: string;
  /** First four bytes of SHA-256(name, newline, type, public key). */
  readonly id: number;
  /** `ed25519` signs any note; `cosignature` signs checkpoints, with a time. */
  readonly kind: 'ed25519' | 'cosignature';
  readonly vkey: string;
  /** 32 bytes, base64. */
  readonly publicKey: string;
  readonly verify: (message: Bytes, signature: Bytes) => Promise<boolean>;
}

export interface Signature {
  readonly name: string;
  readonly id: number;
  readonly bytes: Bytes;
}

export interface Note {
  /** With its final newline. */
  readonly text: string;
  readonly signatures: readonly Signature[];
}

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Bytes;
}

export interface Cosignature {
  readonly key: Key;
  /** Seconds since 1970. */
  readonly at: number;
}

const NOTE_MAX = 1024 * 1024;
const SIGNATURES_MAX = 100;
const KIND: Readonly<Record<number, Key['kind']>> = { 1: 'ed25519', 4: 'cosignature' };
// oxlint-disable-next-line no-control-regex
const NOT_IN_NAME = /[\u0000-\u0020\u007f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

const utf8 = (text: string): Bytes => concat(new TextEncoder().encode(text));
const malformed = (why: string): NoteError => new NoteError('malformed', why);
const isName = (name: string): boolean => name !== '' && !NOT_IN_NAME.test(name) && name.isWellFormed();
const uint32 = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

/** @param vkey `<name>+<key id>+<base64>` @throws NoteError */
export async function readKey(vkey: string): Promise<Key> {
  const [name = '', id = '', ...base64] = vkey.length > 4_096 ? [] : vkey.split('+');
  const typed = fromBase64(base64.join('+'));
  if (!isName(name) || !/^[0-9a-f]{8}$/.test(id) || typed?.length !== 33) throw malformed(`verifier key ${shown(vkey)}: expected <name>+<8 hex digits>+<base64 of 33 bytes>`);
  const kind = KIND[typed[0]!];
  if (kind === undefined) throw malformed(`verifier key ${shown(vkey)}: signature type ${typed[0]} is not known; 1 and 4 are`);
  const hashed = uint32(await sha256(concat(utf8(`${name}\n`), typed)));
  if (hashed !== Number.parseInt(id, 16)) throw malformed(`verifier key ${shown(vkey)}: the key ID does not fit the key`);
  const raw = typed.slice(1);
  const imported = await crypto.subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']);
  return {
    name, id: hashed, kind, vkey, publicKey: toBase64(raw),
    verify: async (message, signature) => signature.length === 64 && crypto.subtle.verify({ name: 'Ed25519' }, imported, signature, message),
  };
}

/** Text and signatures; nothing is verified. @throws NoteError */
export function readNote(note: string): Note {
  if (note.length > NOTE_MAX) throw malformed(`signed note: ${note.length} characters, at most ${NOTE_MAX} are read`);
  if (!note.isWellFormed() || CONTROL.test(note)) throw malformed('signed note: a control character, or not Unicode');
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n') || note.length < split + 3) throw malformed('signed note: expected a text, an empty line, and signature lines');
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) throw malformed(`signed note: ${lines.length} signatures, at most ${SIGNATURES_MAX} are read`);
  const signatures = lines.map((line, i): Signature => {
    const [, name = '', base64 = ''] = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
    const bytes = fromBase64(base64);
    if (!isName(name) || bytes === null || bytes.length < 5) throw malformed(`signed note: signature line ${i + 1} is ${shown(line)}`);
    return { name, id: uint32(bytes), bytes: bytes.slice(4) };
  });
  return { text: note.slice(0, split + 1), signatures };
}

/** @param text of a note, without its signatures @throws NoteError */
export function readCheckpoint(text: string): Checkpoint {
  const lines = text.slice(0, -1).split('\n');
  const [origin = '', size = '', root = ''] = lines;
  const hash = fromBase64(root);
  if (lines.length < 3 || lines.includes('')) throw malformed('checkpoint: expected origin, size and root, and no empty line');
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) throw malformed(`checkpoint: size ${shown(size)}`);
  if (hash?.length !== HASH_SIZE) throw malformed(`checkpoint: root ${shown(root)}: expected ${HASH_SIZE} bytes in base64`);
  return { origin, size: Number(size), root: hash };
}

/** The time of a cosignature, or 0 for a plain signature; null when it does not verify. */
async function check(text: string, { bytes }: Signature, key: Key): Promise<number | null> {
  if (key.kind === 'ed25519') return await key.verify(utf8(text), bytes) ? 0 : null;
  if (bytes.length !== 72) return null;
  const at = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
  if (!Number.isSafeInteger(at)) return null;
  return await key.verify(utf8(`cosignature/v1\ntime ${at}\n${text}`), bytes.slice(8)) ? at : null;
}

/**
 * A checkpoint and who cosigned it. As in C2SP signed-note: signatures by unknown keys say nothing, one by a known key that does
 * not verify spoils the whole note, and of two by one key the first counts.
 *
 * @throws NoteError when the log's own key did not sign it, or it speaks for another log
 */
export async function openCheckpoint(
  note: string, log: Key, cosigners: readonly Key[],
): Promise<{ readonly checkpoint: Checkpoint; readonly cosignatures: readonly Cosignature[] }> {
  const { text, signatures } = readNote(note);
  const done = new Map<string, number>();
  for (const signature of signatures) {
    const key = [log, ...cosigners].find((k) => k.name === signature.name && k.id === signature.id);
    if (key === undefined || done.has(key.vkey)) continue;
    const at = await check(text, signature, key);
    if (at === null) throw new NoteError('invalid-signature', `the signature by ${shown(key.name)} does not verify: the checkpoint was altered, or it is forged`);
    done.set(key.vkey, at);
  }
  if (!done.has(log.vkey)) throw new NoteError('unsigned', `the checkpoint is not signed by ${shown(log.name)}`);
  const checkpoint = readCheckpoint(text);
  if (checkpoint.origin !== log.name) throw new NoteError('wrong-origin', `the checkpoint speaks for ${shown(checkpoint.origin)}, expected ${shown(log.name)}`);
  const cosignatures = cosigners.flatMap((key) => (done.has(key.vkey) ? [{ key, at: done.get(key.vkey)! }] : []));
  return { checkpoint, cosignatures };
}


/** The text of a note that this key signed. @throws NoteError when it did not, or the signature does not verify */
export async function openSigned(note: string, key: Key): Promise<string> {
  const { text, signatures } = readNote(note);
  const signature = signatures.find((s) => s.name === key.name && s.id === key.id);
  if (signature === undefined) throw new NoteError('unsigned', `the note is not signed by ${shown(key.name)}`);
  if (await check(text, signature, key) === null) throw new NoteError('invalid-signature', `the signature by ${shown(key.name)} does not verify: the note was altered, or it is forged`);
  return text;
}
