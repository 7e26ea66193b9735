/**
 * A batch: what an edge node posts to `/v1/batches`, and, byte for byte, one message of the region's ordered stream
 * (docs/protocol.md, edge node -> region). Reading it checks its form and bounds; whether it continues the node's log is
 * `assess` and `replay`.
 */
import { decodeFrame, EncodingError, HASH_BASE64_PATTERN } from '../../protocol/index.ts';
import { openCheckpoint, type Verifier } from '../../transparency/index.ts';

/** Most bytes of one message. JetStream's `max_payload` defaults to 1 MB and has to be raised to this. */
export const MESSAGE_MAX = 8 * 1024 * 1024;
export const ENTRIES_MAX = 20_000;
/** A decision entry is 300 to 1,500 bytes; with every id at its longest it stays under this. */
export const ENTRY_BYTES_MAX = 4_096;
/** Checkpoint and proof of the header: 63 hashes and a note of a few lines. */
const HEADER_BYTES_MAX = 16_384;
const CHECKPOINT_CHARS_MAX = 4_096;
const PROOF_HASHES_MAX = 63;

export interface Batch {
  readonly node: string;
  readonly from: number;
  readonly size: number;
  /** Signed note, as the node sent it. */
  readonly checkpoint: string;
  readonly proof: readonly Uint8Array[];
  /** The entries in bundle encoding: a view into the message. */
  readonly payload: Uint8Array;
  /** The JSON header's bytes: what is kept as evidence of a refused batch. */
  readonly header: Uint8Array;
}

/** Cryptography that the core asks for, so that it imports nothing from the platform it runs on. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

const isNat = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;

/**
 * Form and bounds of a message; nothing about its truth.
 *
 * @throws EncodingError that names the field
 */
export function parseBatch(message: Uint8Array): Batch {
  if (message.byteLength > MESSAGE_MAX) {
    throw new EncodingError(`batch: ${message.byteLength} bytes, at most ${MESSAGE_MAX} are allowed`);
  }
  if (message.byteLength >= 4) {
    const length = new DataView(message.buffer, message.byteOffset).getUint32(0);
    if (length > HEADER_BYTES_MAX) {
      throw new EncodingError(`batch: header of ${length} bytes, at most ${HEADER_BYTES_MAX} are allowed`);
    }
  }
  const { header, parts } = decodeFrame(message);
  const { node, from, size, checkpoint, proof } = header;
  if (typeof node !== 'string' || node.length === 0 || node.length > 128) {
    throw new EncodingError('node: expected an id of at most 128 characters');
  }
  if (!isNat(from)) throw new EncodingError(`from: expected a non-negative integer, got ${show(from)}`);
  if (!isNat(size) || size <= from) throw new EncodingError(`size: expected an integer above from (${from}), got ${show(size)}`);
  if (size - from > ENTRIES_MAX) {
    throw new EncodingError(`size: ${size - from} entries, at most ${ENTRIES_MAX} are allowed in one batch`);
  }
  if (typeof checkpoint !== 'string' || checkpoint.length > CHECKPOINT_CHARS_MAX) {
    throw new EncodingError(`checkpoint: expected a signed note of at most ${CHECKPOINT_CHARS_MAX} characters`);
  }
  if (!Array.isArray(proof) || proof.length > PROOF_HASHES_MAX) {
    throw new EncodingError(`proof: expected a list of at most ${PROOF_HASHES_MAX} hashes`);
  }
  if (parts.length !== 1) throw new EncodingError(`parts: expected 1 (the entries), got ${parts.length}`);
  return {
    node, from, size, checkpoint, proof: proof.map(hashFromBase64), payload: parts[0]!,
    header: message.subarray(4, message.byteLength - parts[0]!.byteLength),
  };
}

const hashRegex = new RegExp(HASH_BASE64_PATTERN);

function hashFromBase64(value: unknown, i: number): Uint8Array {
  const bytes = typeof value === 'string' && hashRegex.test(value) ? Buffer.from(value, 'base64') : null;
  if (bytes === null || bytes.toString('base64') !== value) {
    throw new EncodingError(`proof[${i}]: expected a SHA-256 in base64, got ${show(value)}`);
  }
  return bytes;
}

const show = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80);

/**
 * What a message is called: a hash over its header and its payload's digest, in hex. The digest is needed anyway, so the
 * payload is hashed once.
 */
export function messageId(batch: Batch, digest: Uint8Array, sha256: Sha256): string {
  const input = new Uint8Array(batch.header.byteLength + digest.byteLength);
  input.set(batch.header);
  input.set(digest, batch.header.byteLength);
  return Buffer.from(sha256(input)).toString('hex');
}

export interface Refusal {
  readonly code: 'unknown-node' | 'bad-signature' | 'gap' | 'rollback' | 'fork' | 'bad-batch';
  readonly detail: string;
}

/**
 * The root that the node signed for the batch's size.
 *
 * @returns a refusal when the note is not the node's, or is of another log or size
 */
export function signedRoot(batch: Batch, verifier: Verifier): Uint8Array | Refusal {
  let checkpoint: { readonly origin: string; readonly size: number; readonly root: Uint8Array };
  try {
    checkpoint = openCheckpoint(batch.checkpoint, verifier);
  } catch (error) {
    return { code: 'bad-signature', detail: `checkpoint: ${(error as Error).message}` };
  }
  if (checkpoint.origin !== verifier.name) {
    return { code: 'bad-signature', detail: `checkpoint: of ${show(checkpoint.origin)}, expected ${verifier.name}` };
  }
  if (checkpoint.size !== batch.size) {
    return { code: 'bad-batch', detail: `checkpoint: of size ${checkpoint.size}, but the batch says ${batch.size}` };
  }
  return checkpoint.root;
}

export const isRefusal = (value: object): value is Refusal => 'code' in value;
