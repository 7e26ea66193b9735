/**
 * Keys of notes: Ed25519 (signature type 0x01) and Ed25519 witness cosignatures (0x04), in Go's text encodings of them,
 * `<name>+<key id>+<key>` and `PRIVATE+KEY+<name>+<key id>+<key>`.
 *
 * C2SP signed-note, sections "Signature types" and "Ed25519 signatures" (https://c2sp.org/signed-note); tlog-cosignature, section
 * "Format" (https://c2sp.org/tlog-cosignature); golang.org/x/mod/sumdb/note for the private key.
 */
import { createPrivateKey, createPublicKey, hash, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { NoteError, shown } from './errors.ts';

/** `ed25519` signs any note; `cosignature/v1` signs checkpoints, with a time. */
export type KeyKind = 'ed25519' | 'cosignature/v1';

const TYPE_BYTE: Readonly<Record<KeyKind, number>> = { ed25519: 0x01, 'cosignature/v1': 0x04 };

interface Key {
  /** Key name; for a log's key, the log's origin. */
  readonly name: string;
  /** Key ID: uint32, the beginning of SHA-256(name, newline, type byte, public key). */
  readonly hash: number;
  readonly kind: KeyKind;
  /** The public key as text: `<name>+<key id>+<base64>`. */
  readonly vkey: string;
}

export interface Signer extends Key {
  /**
   * Plain Ed25519 signature, 64 bytes, of exactly this message. What the message is, for each kind of key, is up to
   * `signNote` and `cosign`; a signer in a key management service only has to sign bytes.
   */
  readonly sign: (message: Uint8Array) => Promise<Uint8Array> | Uint8Array;
}

export interface Verifier extends Key {
  /** 32 bytes. */
  readonly publicKey: Buffer;
  /** Whether `signature` (64 bytes) is a plain Ed25519 signature of exactly this message. */
  readonly verify: (message: Uint8Array, signature: Uint8Array) => boolean;
}

/** Unicode spaces as Go's unicode.IsSpace has them, plus sign, and control characters: not in a key name. */
// oxlint-disable-next-line no-control-regex
const NOT_IN_NAME = /[\u0000-\u0020\u007f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]/;

export const isKeyName = (name: string): boolean => name !== '' && !NOT_IN_NAME.test(name) && name.isWellFormed();

/** Standard base64 in its one canonical form; null when it is anything else. */
export function strictBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

/** Key ID: SHA-256(name || 0x0A || type || public key)[:4]. */
function keyHash(name: string, typed: Uint8Array): number {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'buffer').readUInt32BE(0);
}

const hex8 = (n: number): string => n.toString(16).padStart(8, '0');

const typed = (kind: KeyKind, key: Uint8Array): Buffer => Buffer.concat([Buffer.of(TYPE_BYTE[kind]), key]);

const kindOf = (byte: number | undefined): KeyKind | undefined =>
  (Object.keys(TYPE_BYTE) as KeyKind[]).find((kind) => TYPE_BYTE[kind] === byte);

// RFC 8410: the ASN.1 around a raw Ed25519 key.
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

const publicKeyObject = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
const privateKeyObject = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
const rawPublicKey = (key: KeyObject): Buffer =>
  (createPublicKey(key).export({ format: 'der', type: 'spki' })).subarray(SPKI_PREFIX.length);

/** The public half of a key as text, e.g. for a signer whose private key lies in a key management service. */
export function formatVerifier(name: string, kind: KeyKind, publicKey: Uint8Array): string {
  if (!isKeyName(name)) {
    throw new NoteError('malformed', `key name ${shown(name)}: empty, or with a space, plus sign or control character`);
  }
  if (publicKey.length !== 32) {
    throw new NoteError('malformed', `key ${name}: public key of ${publicKey.length} bytes, expected 32`);
  }
  const key = typed(kind, publicKey);
  return `${name}+${hex8(keyHash(name, key))}+${key.toString('base64')}`;
}

/** @throws NoteError when the text is not a verifier key that this program knows to use */
export function parseVerifier(vkey: string): Verifier {
  const [name = '', id = '', base64 = '', ...more] = vkey.length > 4_096 ? [] : vkey.split('+');
  // Base64 has plus signs of its own.
  const key = strictBase64([base64, ...more].join('+'));
  const malformed = (why: string): NoteError => new NoteError('malformed', `verifier key ${shown(vkey)}: ${why}`);
  if (!isKeyName(name) || !/^[0-9a-f]{8}$/.test(id) || key === null || key.length === 0) {
    throw malformed('expected <name>+<8 hex digits>+<base64>');
  }
  const kind = kindOf(key[0]);
  if (kind === undefined) {
    throw malformed(`signature type 0x${key[0]!.toString(16).padStart(2, '0')} is not known; 0x01 and 0x04 are`);
  }
  if (key.length !== 33) throw malformed(`public key of ${key.length - 1} bytes, expected 32`);
  const hashed = keyHash(name, key);
  if (hashed !== Number.parseInt(id, 16)) throw malformed(`key ID ${id} does not fit the key, whose ID is ${hex8(hashed)}`);
  const publicKey = key.subarray(1);
  const object = publicKeyObject(publicKey);
  return {
    name, hash: hashed, kind, vkey, publicKey,
    verify: (message, signature) => signature.length === 64 && verify(null, message, object, signature),
  };
}

function signerOf(name: string, kind: KeyKind, seed: Uint8Array): Signer {
  const object = privateKeyObject(seed);
  const vkey = formatVerifier(name, kind, rawPublicKey(object));
  return { name, kind, vkey, hash: parseVerifier(vkey).hash, sign: (message) => sign(null, message, object) };
}

/**
 * The signer of a private key in Go's encoding, one line.
 *
 * @throws NoteError when it isn't one; the message never holds any of the key
 */
export function parseSigner(skey: string): Signer {
  const [, name = '', id = '', base64 = ''] = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(skey) ?? [];
  const malformed = (why: string): NoteError =>
    new NoteError('malformed', `private key${name === '' ? '' : ` of ${shown(name)}`}: ${why}`);
  const key = strictBase64(base64);
  if (!isKeyName(name) || key === null || key.length === 0) {
    throw malformed('expected PRIVATE+KEY+<name>+<8 hex digits>+<base64>');
  }
  const kind = kindOf(key[0]);
  if (kind === undefined) throw malformed('a signature type that is not known; 0x01 and 0x04 are');
  if (key.length !== 33) throw malformed(`${key.length - 1} bytes, expected 32`);
  const signer = signerOf(name, kind, key.subarray(1));
  if (hex8(signer.hash) !== id) throw malformed(`key ID ${id} does not fit the key, whose ID is ${hex8(signer.hash)}`);
  return signer;
}

/** A new key. `seed` (32 bytes) makes it reproducible, for tests and simulations. */
export function generateSigner(
  name: string, kind: KeyKind = 'ed25519', seed: Uint8Array = randomBytes(32),
): { signer: Signer; skey: string } {
  if (seed.length !== 32) throw new RangeError(`seed of ${seed.length} bytes, expected 32`);
  const signer = signerOf(name, kind, seed);
  return { signer, skey: `PRIVATE+KEY+${name}+${hex8(signer.hash)}+${typed(kind, seed).toString('base64')}` };
}
