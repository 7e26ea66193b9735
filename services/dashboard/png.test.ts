import { crc32, deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePng, encodePng, type Pixels } from './png.ts';

/** A PNG with three bytes a pixel and the given filter in every row, as section 9.2 has it. */
function plain({ width, height, colours }: Pixels, filter: number): Buffer {
  const stride = width * 3;
  const raw = Buffer.alloc(height * stride);
  colours.forEach((c, i) => raw.set([(c >> 16) & 255, (c >> 8) & 255, c & 255], i * 3));
  const rows = Buffer.alloc(height * (stride + 1));
  for (let y = 0; y < height; y += 1) {
    rows[y * (stride + 1)] = filter;
    for (let x = 0; x < stride; x += 1) {
      const [a, b, c] = [x >= 3 ? raw[y * stride + x - 3]! : 0, y > 0 ? raw[(y - 1) * stride + x]! : 0, x >= 3 && y > 0 ? raw[(y - 1) * stride + x - 3]! : 0];
      const p = a + b - c;
      const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
      const predicted = [0, a, b, (a + b) >> 1, pa <= pb && pa <= pc ? a : pb <= pc ? b : c][filter]!;
      rows[y * (stride + 1) + 1 + x] = (raw[y * stride + x]! - predicted) & 255;
    }
  }
  const chunk = (type: string, body: Buffer): Buffer => {
    const out = Buffer.concat([Buffer.alloc(4), Buffer.from(type, 'latin1'), body, Buffer.alloc(4)]);
    out.writeUInt32BE(body.length, 0);
    out.writeUInt32BE(crc32(out.subarray(4, -4)), out.length - 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** What a reader of palettes makes of it. */
function shown(png: Buffer): Pixels {
  const parts = new Map<string, Buffer>();
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(png.subarray(at + 4, at + 8 + length)));
    parts.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const [header, table, rows] = [parts.get('IHDR')!, parts.get('PLTE')!, inflateSync(parts.get('IDAT')!)];
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const colours = Uint32Array.from({ length: width * height }, (_, i) => {
    const place = rows[Math.floor(i / width) * (width + 1) + 1 + (i % width)]! * 3;
    return (table[place]! << 16) | (table[place + 1]! << 8) | table[place + 2]!;
  });
  return { width, height, colours };
}

const pixels = (colour: fc.Arbitrary<number>): fc.Arbitrary<Pixels> => fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 })).chain(([width, height]) =>
  fc.array(colour, { minLength: width * height, maxLength: width * height }).map((list) => ({ width, height, colours: Uint32Array.from(list) })));
const anyColour = fc.integer({ min: 0, max: 0xffffff });

describe('a picture', () => {
  it('is read whatever its rows are filtered with', () => {
    fc.assert(fc.property(pixels(anyColour), fc.constantFrom(0, 1, 2, 3, 4), (p, filter) => {
      expect(decodePng(plain(p, filter))).toEqual(p);
    }));
  });

  it('of few colours stays as it is', () => {
    fc.assert(fc.property(fc.uniqueArray(anyColour, { minLength: 1, maxLength: 256 }).chain((list) => pixels(fc.constantFrom(...list))), (p) => {
      expect(shown(encodePng(p))).toEqual(p);
    }));
  });

  it('of many colours keeps large areas exactly, and the others close', () => {
    const [width, height] = [200, 40];
    const ground = 0x0b131a;
    const colours = Uint32Array.from({ length: width * height }, (_, i) => (i % 2 === 0 ? ground : ((i % 97) * 2 << 16) | ((i % 53) * 4 << 8) | (i % 211)));
    const result = shown(encodePng({ width, height, colours }));
    const distance = (a: number, b: number): number => Math.max(...[16, 8, 0].map((s) => Math.abs(((a >> s) & 255) - ((b >> s) & 255))));
    expect(result.colours.filter((c, i) => i % 2 === 0 && c !== ground)).toHaveLength(0);
    expect(Math.max(...[...result.colours].map((c, i) => distance(c, colours[i]!)))).toBeLessThan(48);
  });

  it('that is none, or another kind of one, is refused', () => {
    expect(() => decodePng(Buffer.from('GIF89a'))).toThrow(/no PNG/);
    const png = plain({ width: 2, height: 2, colours: Uint32Array.of(1, 2, 3, 4) }, 0);
    const sixteen = Buffer.from(png);
    sixteen[24] = 16;
    expect(() => decodePng(sixteen)).toThrow(/expected 8 bits/);
  });
});
