/** What goes wrong with proofs and notes. Bytes that are cut off or malformed are an EncodingError of services/protocol. */

/** A proof that does not hold, or an index or size that cannot be. The message says which, with both values. */
export class ProofError extends Error {
  override readonly name = 'ProofError';
}

/**
 * - `malformed`: not a signed note, or not a checkpoint
 * - `unsigned`: no signature by the key that has to have signed
 * - `invalid-signature`: a known key's signature that does not verify; the note was altered or forged
 * - `wrong-origin`: signed, but it speaks for another log
 * - `no-quorum`: too few cosignatures
 */
export type NoteErrorCode = 'malformed' | 'unsigned' | 'invalid-signature' | 'wrong-origin' | 'no-quorum';

/** A signed note, key, checkpoint or policy that is not accepted. */
export class NoteError extends Error {
  override readonly name = 'NoteError';
  readonly code: NoteErrorCode;

  constructor(code: NoteErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Shortens and escapes what somebody else sent, so that it may stand in an error message. */
export const shown = (value: string, max = 80): string =>
  JSON.stringify(value.length > max ? `${value.slice(0, max)}...` : value);

/** The log's own storage does not hold what was written to it: hardware, or somebody, has changed it. Nothing of it may be signed. */
export class LogCorruptError extends Error {
  override readonly name = 'LogCorruptError';
}
