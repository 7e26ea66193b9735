/**
 * Witness cosignatures by Ed25519: C2SP tlog-cosignature, sections "Format" and "Ed25519 signed message"
 * (https://c2sp.org/tlog-cosignature). The signature is uint64 BE time || 64 bytes over a header, the time and the
 * checkpoint's text.
 */
import { NoteError } from './errors.ts';
import type { Signer, Verifier } from './keys.ts';

const SIGNATURE_SIZE = 8 + 64;

const signedMessage = (text: string, timestamp: number): Buffer => Buffer.from(`cosignature/v1\ntime ${timestamp}\n${text}`);

/**
 * @param text the checkpoint without its signatures
 * @returns the time of the cosignature in seconds since 1970, or null when it does not verify
 */
export function verifyCosignature(text: string, signature: Buffer, verifier: Verifier): number | null {
  if (signature.length !== SIGNATURE_SIZE) return null;
  const timestamp = Number(signature.readBigUInt64BE(0));
  if (!Number.isSafeInteger(timestamp)) return null;
  return verifier.verify(signedMessage(text, timestamp), signature.subarray(8)) ? timestamp : null;
}

/** The timestamped signature over a checkpoint's text. */
export async function signCosignature(text: string, signer: Signer, timestamp: number): Promise<Buffer> {
  if (signer.kind !== 'cosignature/v1') {
    throw new NoteError('malformed', `the key ${signer.name} is of kind ${signer.kind}; a cosigner's is cosignature/v1`);
  }
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw new RangeError(`time ${timestamp}: expected whole seconds since 1970`);
  }
  const time = Buffer.allocUnsafe(8);
  time.writeBigUInt64BE(BigInt(timestamp));
  return Buffer.concat([time, await signer.sign(signedMessage(text, timestamp))]);
}
