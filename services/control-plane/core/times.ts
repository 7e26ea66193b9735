/**
 * When the settlements of a batch were decided, packed: the first time, then each one's distance from the one before as a
 * LEB128 number with its sign in the lowest bit. Decisions follow each other closely, so that it takes a byte or two each.
 */

/** Of a time and of a distance. */
const BYTES_MAX = 8;
/** Twice this, and its sign, is still a whole number to a double. A clock beyond the year 140,000 is kept as this. */
export const TIME_MAX = 2 ** 52 - 1;

/** @param times milliseconds since 1970, in any order; at most `TIME_MAX` each */
export function packTimes(times: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(times.length * BYTES_MAX);
  let at = 0;
  let before = 0;
  for (const said of times) {
    const time = Math.min(TIME_MAX, said);
    const distance = time - before;
    // Beyond 32 bits, so without shifts.
    for (let rest = distance < 0 ? -2 * distance - 1 : 2 * distance; ; rest = Math.floor(rest / 128)) {
      const low = rest % 128;
      bytes[at] = rest >= 128 ? low + 128 : low;
      at += 1;
      if (rest < 128) break;
    }
    before = time;
  }
  return bytes.slice(0, at);
}

/** @param index from 0 @returns null when so many were not packed */
export function timeAt(packed: Uint8Array, index: number): number | null {
  let time = 0;
  let at = 0;
  for (let i = 0; i <= index; i += 1) {
    if (at >= packed.length) return null;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = packed[at]!;
      at += 1;
      value += (byte % 128) * scale;
      if (byte < 128) break;
    }
    time += value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }
  return time;
}
