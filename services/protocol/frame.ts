/**
 * A frame: one JSON header and a row of binary parts, for what travels in bulk between tiers.
 *
 *     uint32 BE   length of the header in bytes
 *     header      JSON object; its field `parts` lists the parts' lengths in bytes, in order
 *     parts       the bytes of each part, one after the other
 *
 * Media type `application/vnd.tidemark.frame`. The parts are log entries in tlog-tiles bundle encoding.
 */
import { EncodingError } from './errors.ts';

export const FRAME_TYPE = 'application/vnd.tidemark.frame';
/** A whole frame, in bytes. Senders cut their work to fit; receivers refuse more. */
export const FRAME_MAX = 16 * 1024 * 1024;
const HEADER_MAX = 4 * 1024 * 1024;

export interface Frame<H> {
  readonly header: H;
  readonly parts: readonly Uint8Array[];
}

export function encodeFrame(header: object, parts: readonly Uint8Array[] = []): Buffer {
  const json = Buffer.from(JSON.stringify({ ...header, parts: parts.map((p) => p.byteLength) }));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(json.byteLength);
  return Buffer.concat([length, json, ...parts]);
}

/** The header is checked to be an object, no more: its reader validates the fields. Parts are views into `bytes`. */
export function decodeFrame(bytes: Uint8Array): Frame<Record<string, unknown>> {
  if (bytes.byteLength < 4) throw new EncodingError(`frame: cut off: ${bytes.byteLength} bytes, expected at least 4`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (length > HEADER_MAX) throw new EncodingError(`frame: header of ${length} bytes, at most ${HEADER_MAX} are allowed`);
  if (bytes.byteLength < 4 + length) throw new EncodingError(`frame: cut off inside the header (${bytes.byteLength - 4} of ${length} bytes)`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(4, 4 + length)));
  } catch (error) {
    throw new EncodingError(`frame: header is not JSON in UTF-8: ${(error as Error).message}`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw new EncodingError('frame: header is not an object');
  const lengths = (header as { parts?: unknown }).parts;
  if (!Array.isArray(lengths) || !lengths.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new EncodingError('frame: header.parts: expected a list of lengths');
  }
  const parts: Uint8Array[] = [];
  let offset = 4 + length;
  for (const n of lengths as number[]) {
    if (offset + n > bytes.byteLength) throw new EncodingError(`frame: part ${parts.length} of ${n} bytes is cut off`);
    parts.push(bytes.subarray(offset, offset + n));
    offset += n;
  }
  if (offset !== bytes.byteLength) throw new EncodingError(`frame: ${bytes.byteLength - offset} bytes too many`);
  return { header: header as Record<string, unknown>, parts };
}
