/**
 * Entry bundles: log entries, each after its length as uint16 BE. C2SP tlog-tiles, section "Log entries". A bundle of a
 * tile holds up to 256 entries; in frames and in storage the same encoding holds any number.
 */
import { EncodingError } from '../protocol/errors.ts';
import { asBuffer, HASH_SIZE, hashLeafInto } from './hash.ts';

/** Longest entry, bytes: what a uint16 can say. */
export const ENTRY_MAX = 65_535;

/** @throws EncodingError when an entry is longer than {@link ENTRY_MAX} */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const [i, entry] of entries.entries()) {
    if (entry.length > ENTRY_MAX) {
      throw new EncodingError(`bundle: entry ${i} has ${entry.length} bytes, at most ${ENTRY_MAX} are possible`);
    }
    length += 2 + entry.length;
  }
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  for (const entry of entries) {
    at = out.writeUInt16BE(entry.length, at);
    out.set(entry, at);
    at += entry.length;
  }
  return out;
}

/**
 * Where the entries begin: `offsets[i]` is the place of entry i's length, `offsets[count]` the end of the bundle. So entry i is
 * `bytes.subarray(offsets[i] + 2, offsets[i + 1])`, and `bytes.subarray(offsets[a], offsets[b])` is the bundle of entries a..b-1.
 *
 * @throws EncodingError when the last entry is cut off
 */
export function bundleOffsets(bytes: Uint8Array): Uint32Array {
  const end = bytes.length;
  let offsets = new Uint32Array(Math.min(256, (end >> 1) + 1) + 1);
  let count = 0;
  let at = 0;
  while (at < end) {
    if (at + 2 > end) throw new EncodingError(`bundle: cut off inside the length of entry ${count}, at byte ${at} of ${end}`);
    const length = (bytes[at]! << 8) | bytes[at + 1]!;
    if (at + 2 + length > end) throw new EncodingError(`bundle: entry ${count} of ${length} bytes is cut off at byte ${end}`);
    if (count + 1 >= offsets.length) {
      const larger = new Uint32Array(offsets.length * 2);
      larger.set(offsets);
      offsets = larger;
    }
    offsets[count] = at;
    count += 1;
    at += 2 + length;
  }
  offsets[count] = end;
  return offsets.subarray(0, count + 1);
}

/** The entries as views into `bytes`. @throws EncodingError when the bundle is cut off */
export function decodeBundle(bytes: Uint8Array): Buffer[] {
  const buffer = asBuffer(bytes);
  const offsets = bundleOffsets(buffer);
  const entries: Buffer[] = new Array<Buffer>(offsets.length - 1);
  for (let i = 0; i < entries.length; i += 1) entries[i] = buffer.subarray(offsets[i]! + 2, offsets[i + 1]);
  return entries;
}

export interface BundleHashes {
  readonly count: number;
  /** Leaf hashes one after the other, `count * 32` bytes. */
  readonly hashes: Buffer;
  /** As {@link bundleOffsets} returns them. */
  readonly offsets: Uint32Array;
}

/** The leaf hashes of all entries of a bundle. @throws EncodingError when the bundle is cut off */
export function bundleLeafHashes(bytes: Uint8Array): BundleHashes {
  const buffer = asBuffer(bytes);
  const offsets = bundleOffsets(buffer);
  const count = offsets.length - 1;
  const hashes = Buffer.allocUnsafe(count * HASH_SIZE);
  for (let i = 0; i < count; i += 1) hashLeafInto(buffer, offsets[i]! + 2, offsets[i + 1]!, hashes, i * HASH_SIZE);
  return { count, hashes, offsets };
}

/** The bundle of entries `from .. to-1` of a bundle, as a view. */
export function sliceBundle(bytes: Uint8Array, from: number, to: number): Buffer {
  const buffer = asBuffer(bytes);
  const offsets = bundleOffsets(buffer);
  if (!(from >= 0 && from <= to && to < offsets.length)) {
    throw new RangeError(`entries ${from}..${to} of a bundle of ${offsets.length - 1}`);
  }
  return buffer.subarray(offsets[from], offsets[to]);
}
