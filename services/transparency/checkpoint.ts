/**
 * Checkpoints: C2SP tlog-checkpoint, sections "Note text" and "Signatures" (https://c2sp.org/tlog-checkpoint). The key
 * name of a log is its origin. Sizes are safe integers.
 */
import { NoteError, shown } from './errors.ts';
import { HASH_SIZE } from './hash.ts';
import { strictBase64, type Signer, type Verifier } from './keys.ts';
import { noteText, openNote, parseNote, signatureLine, signNote, type VerifiedSignature } from './note.ts';
import { signCosignature } from './cosignature.ts';

export interface Checkpoint {
  readonly origin: string;
  /** Number of leaves. */
  readonly size: number;
  readonly root: Buffer;
  /** Lines after the third; nobody audits them. */
  readonly extensions: readonly string[];
}

/** What is to be signed: a checkpoint's fields, with any kind of bytes as root. */
export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly extensions?: readonly string[];
}

const malformed = (why: string): NoteError => new NoteError('malformed', `checkpoint: ${why}`);

/** A size or index in ASCII decimal without leading zeroes; null when it isn't one, or no safe integer. */
export function parseDecimal(text: string): number | null {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return null;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : null;
}

/** The note text, unsigned. @throws NoteError when a field can't stand in a checkpoint */
export function formatCheckpoint(head: TreeHead): string {
  const text =
    [head.origin, String(head.size), Buffer.from(head.root).toString('base64'), ...(head.extensions ?? []), ''].join('\n');
  const parsed = parseCheckpoint(text);
  if (parsed.origin !== head.origin || parsed.extensions.length !== (head.extensions ?? []).length) {
    throw malformed('a line break inside the origin or an extension line');
  }
  return text;
}

/** @param text the note text, without signatures @throws NoteError naming the line that is wrong */
export function parseCheckpoint(text: string): Checkpoint {
  noteText(text);
  if (!text.endsWith('\n')) throw malformed('does not end with a newline');
  const lines = text.slice(0, -1).split('\n');
  const [origin = '', size = '', root = '', ...extensions] = lines;
  if (lines.length < 3) throw malformed(`${lines.length} lines, expected at least 3: origin, size, root`);
  const empty = lines.indexOf('');
  if (empty >= 0) throw malformed(`line ${empty + 1} is empty`);
  const n = parseDecimal(size);
  if (n === null) throw malformed(`line 2: expected the size in decimal, at most 2^53 - 1, got ${shown(size)}`);
  const hash = strictBase64(root);
  if (hash === null || hash.length !== HASH_SIZE) {
    throw malformed(`line 3: expected a root of ${HASH_SIZE} bytes in base64, got ${shown(root)}`);
  }
  return { origin, size: n, root: hash, extensions };
}

/** The signed checkpoint of the log whose key this is. */
export async function signCheckpoint(head: TreeHead, signer: Signer): Promise<string> {
  if (signer.name !== head.origin) throw malformed(`origin ${shown(head.origin)} is not the key's name, ${shown(signer.name)}`);
  return signNote(formatCheckpoint(head), [signer]);
}

/**
 * A cosignature line over a checkpoint. It says that at this time this was the largest consistent tree that the cosigner knew, so
 * consistency has to be checked before.
 *
 * @param note the signed checkpoint
 * @param timestamp seconds since 1970
 */
export async function cosign(note: string, signer: Signer, timestamp: number): Promise<string> {
  const { text } = parseNote(note);
  parseCheckpoint(text);
  return signatureLine(signer, await signCosignature(text, signer, timestamp));
}

/** Opens a checkpoint with the log's key and others; `cosignatures` are the verified ones by keys of kind cosignature/v1. */
export function openCosigned(
  note: string | Uint8Array, log: Verifier, others: readonly Verifier[],
): { checkpoint: Checkpoint; cosignatures: VerifiedSignature[] } {
  const opened = openNote(note, [log, ...others]);
  if (!opened.verified.some((s) => s.verifier.vkey === log.vkey)) {
    throw new NoteError('unsigned', `checkpoint: not signed by the log's key, ${shown(log.name)}`);
  }
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint.origin !== log.name) {
    throw new NoteError('wrong-origin', `checkpoint: origin ${shown(checkpoint.origin)}, expected ${shown(log.name)}`);
  }
  return { checkpoint, cosignatures: opened.verified.filter((s) => s.timestamp !== undefined && s.verifier.vkey !== log.vkey) };
}

/** The checkpoint, when the log's key signed it and it speaks for that log. Other signatures are ignored. @throws NoteError */
export const openCheckpoint = (note: string | Uint8Array, log: Verifier): Checkpoint => openCosigned(note, log, []).checkpoint;

/** A checkpoint and who cosigned it. */
export interface CosignedCheckpoint extends Checkpoint {
  /** Key names of the cosigners, each public key once. */
  readonly cosigners: readonly string[];
}

/**
 * The checkpoint, when besides the log at least `quorum` of the cosigners signed it. Two names of one public key count once.
 *
 * @throws NoteError `no-quorum` and those of {@link openCheckpoint}
 */
export function openCheckpointWithQuorum(
  note: string | Uint8Array, log: Verifier, cosigners: readonly Verifier[], quorum: number,
): CosignedCheckpoint {
  const { checkpoint, cosignatures } = openCosigned(note, log, cosigners);
  const byKey = new Map(cosignatures.map((s) => [s.verifier.publicKey.toString('hex'), s.name]));
  if (!(byKey.size >= quorum)) {
    throw new NoteError(
      'no-quorum',
      `checkpoint of ${shown(log.name)} at ${checkpoint.size}: ${byKey.size} of ${cosigners.length} cosigners, needs ${quorum}`,
    );
  }
  return { ...checkpoint, cosigners: [...byKey.values()] };
}
