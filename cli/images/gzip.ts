/**
 * gzip (RFC 1952) whose bytes do not depend on who makes it: deflate's stored blocks (RFC 1951, 3.2.4) only. What zlib
 * makes of the same input differs between its versions and between processors, and so would the digest of an image.
 * A layer with a service is 3 MB; that some registries and scanners take gzip only is why it is not left as it is.
 */
import { crc32 } from 'node:zlib';

/** RFC 1952, 2.3: magic, deflate, no flags, no time, no extra flags, system unknown. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
const STORED_MAX = 65_535;

export function* storedGzip(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield HEADER;
  let crc = 0;
  let size = 0;
  for (const chunk of chunks) {
    crc = crc32(chunk, crc);
    size += chunk.byteLength;
    for (let at = 0; at < chunk.byteLength; at += STORED_MAX) {
      const part = chunk.subarray(at, at + STORED_MAX);
      yield blockHeader(part.byteLength, false);
      yield part;
    }
  }
  yield blockHeader(0, true);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield trailer;
}

function blockHeader(size: number, last: boolean): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(last ? 1 : 0, 0);
  header.writeUInt16LE(size, 1);
  header.writeUInt16LE(STORED_MAX - size, 3);
  return header;
}
