/**
 * Makes pictures of pages small: PNG (W3C, third edition) with a palette of at most 256 colours in place of three bytes a pixel. A page
 * has few colours and many in between at the edges of letters, which look the same when they are a shade apart.
 */
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS_MAX = 256;

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** 0xRRGGBB, row by row. */
  readonly colours: Uint32Array;
}

/** @throws Error unless it is as browsers write screenshots: 8 bits a sample, colour type 2 or 6 (which has to be opaque), not interlaced */
export function decodePng(png: Buffer): Pixels {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error('png: no PNG');
  const data: Buffer[] = [];
  let header: Buffer | null = null;
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = body;
    if (type === 'IDAT') data.push(body);
    at += 12 + length;
  }
  const [bits, colourType, , , interlaced] = header?.subarray(8) ?? [];
  const samples = colourType === 2 ? 3 : colourType === 6 ? 4 : 0;
  if (header === null || bits !== 8 || samples === 0 || interlaced !== 0) throw new Error(`png: expected 8 bits, colour type 2 or 6, not interlaced; got ${bits} bits, type ${colourType}`);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const rows = unfilter(inflateSync(Buffer.concat(data)), width * samples, height, samples);
  const colours = new Uint32Array(width * height);
  for (let i = 0; i < colours.length; i += 1) {
    const p = i * samples;
    if (samples === 4 && rows[p + 3] !== 255) throw new Error('png: a picture with holes');
    colours[i] = (rows[p]! << 16) | (rows[p + 1]! << 8) | rows[p + 2]!;
  }
  return { width, height, colours };
}

/** Section 9, "Filtering". @param stride bytes of a row @param step bytes of a pixel */
function unfilter(filtered: Buffer, stride: number, height: number, step: number): Buffer {
  if (filtered.length !== height * (stride + 1)) throw new Error('png: cut off');
  const out = Buffer.alloc(height * stride);
  for (let y = 0; y < height; y += 1) {
    const filter = filtered[y * (stride + 1)]!;
    for (let x = 0; x < stride; x += 1) {
      const i = y * stride + x;
      const left = x >= step ? out[i - step]! : 0;
      const up = y > 0 ? out[i - stride]! : 0;
      const corner = x >= step && y > 0 ? out[i - stride - step]! : 0;
      const predicted = filter === 0 ? 0 : filter === 1 ? left : filter === 2 ? up : filter === 3 ? (left + up) >> 1 : paeth(left, up, corner);
      out[i] = (filtered[y * (stride + 1) + 1 + x]! + predicted) & 255;
    }
  }
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

interface Box {
  readonly colours: readonly (readonly [colour: number, count: number])[];
  /** Widest channel (shift) and how wide it is. */
  readonly shift: number;
  readonly spread: number;
}

function boxOf(colours: Box['colours']): Box {
  const spreads = [16, 8, 0].map((shift) => {
    const values = colours.map(([c]) => (c >> shift) & 255);
    return { shift, spread: values.reduce((a, b) => Math.max(a, b), 0) - values.reduce((a, b) => Math.min(a, b), 255) };
  });
  return { colours, ...spreads.toSorted((a, b) => b.spread - a.spread)[0]! };
}

const weight = (box: Box): number => box.colours.reduce((sum, [, n]) => sum + n, 0);

/** Median cut (Heckbert 1982): the box that is worst off is halved until there are enough. */
function paletteOf(counts: ReadonlyMap<number, number>): number[] {
  if (counts.size <= COLOURS_MAX) return [...counts.keys()].sort((a, b) => a - b);
  const boxes = [boxOf([...counts])];
  while (boxes.length < COLOURS_MAX) {
    const [worst] = boxes.filter((b) => b.colours.length > 1).sort((a, b) => b.spread * Math.log1p(weight(b)) - a.spread * Math.log1p(weight(a)));
    if (worst === undefined) break;
    const sorted = worst.colours.toSorted(([a], [b]) => ((a >> worst.shift) & 255) - ((b >> worst.shift) & 255));
    const half = weight(worst) / 2;
    let cut = 1;
    for (let sum = sorted[0]![1]; cut < sorted.length - 1 && sum < half; cut += 1) sum += sorted[cut]![1];
    boxes.splice(boxes.indexOf(worst), 1, boxOf(sorted.slice(0, cut)), boxOf(sorted.slice(cut)));
  }
  // The commonest colour of a box stands for it: large areas keep theirs exactly.
  return boxes.map((b) => b.colours.reduce((a, c) => (c[1] > a[1] ? c : a))[0]);
}

function nearest(palette: readonly number[], colour: number): number {
  let [best, distance] = [0, Infinity];
  for (const [i, p] of palette.entries()) {
    const d = [16, 8, 0].reduce((sum, shift) => sum + (((p >> shift) & 255) - ((colour >> shift) & 255)) ** 2, 0);
    if (d < distance) [best, distance] = [i, d];
  }
  return best;
}

function chunk(type: string, body: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  out.set(body, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}

/** The picture with a palette. The same pixels give the same bytes, with the same zlib. */
export function encodePng({ width, height, colours }: Pixels): Buffer {
  const counts = new Map<number, number>();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const palette = paletteOf(counts);
  const places = new Map([...counts.keys()].map((colour) => [colour, nearest(palette, colour)]));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  // Rows unfiltered, as section 12.7 recommends for palettes.
  const rows = Buffer.alloc(height * (width + 1));
  for (let i = 0; i < colours.length; i += 1) rows[Math.floor(i / width) * (width + 1) + 1 + (i % width)] = places.get(colours[i]!)!;
  const table = Buffer.from(palette.flatMap((c) => [(c >> 16) & 255, (c >> 8) & 255, c & 255]));
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('PLTE', table), chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

export const shrinkPng = (png: Buffer): Buffer => encodePng(decodePng(png));
