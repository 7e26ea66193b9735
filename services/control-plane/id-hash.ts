/**
 * A keyed 53-bit hash of settlement ids: HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", 2012; the 32-bit variant of the reference code), cut to what a JavaScript number and an SQLite
 * integer key both hold. Keyed, so that clients, who choose the ids, can't make them collide.
 */
export type IdHash = (id: string) => number;

/** @param key 8 random bytes that stay the same for the life of a database */
export function createIdHash(key: Uint8Array): IdHash {
  const view = new DataView(key.buffer, key.byteOffset, 8);
  const k0 = view.getUint32(0, true) | 0;
  const k1 = view.getUint32(4, true) | 0;
  return (id) => {
    let v0 = k0;
    let v1 = k1 ^ 0xee;
    let v2 = k0 ^ 0x6c796765;
    let v3 = k1 ^ 0x74656462;
    const round = (): void => {
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5 | v1 >>> 27) ^ v0;
      v0 = v0 << 16 | v0 >>> 16;
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8 | v3 >>> 24) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7 | v3 >>> 25) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13 | v1 >>> 19) ^ v2;
      v2 = v2 << 16 | v2 >>> 16;
    };
    const length = id.length;
    const whole = length & ~3;
    for (let i = 0; i < whole; i += 4) {
      const m = id.charCodeAt(i) | id.charCodeAt(i + 1) << 8 | id.charCodeAt(i + 2) << 16 | id.charCodeAt(i + 3) << 24;
      v3 ^= m;
      round();
      round();
      v0 ^= m;
    }
    let last = length << 24;
    for (let i = whole; i < length; i += 1) last |= id.charCodeAt(i) << 8 * (i - whole);
    v3 ^= last;
    round();
    round();
    v0 ^= last;
    v2 ^= 0xee;
    for (let i = 0; i < 4; i += 1) round();
    const low = (v1 ^ v3) >>> 0;
    v1 ^= 0xdd;
    for (let i = 0; i < 4; i += 1) round();
    return ((v1 ^ v3) >>> 11) * 2 ** 32 + low;
  };
}
