/**
 * Tiles: their paths and widths. C2SP tlog-tiles, sections "Merkle Tree", "Partial Tiles" and "Log entries".
 * https://c2sp.org/tlog-tiles
 */

export const TILE_WIDTH = 256;

/** Some or all of the hashes of one tile: `width` of them, 32 bytes each. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  /** 1..256; below 256 the tile is partial. */
  readonly width: number;
  readonly hashes: Buffer;
}

/** The first `width` hashes of a tile, `width * 32` bytes. Throws when they are missing. */
export type TileReader = (level: number, index: number, width: number) => Uint8Array;

export interface TilePath {
  readonly kind: 'tile' | 'entries';
  /** 0 for an entry bundle. */
  readonly level: number;
  readonly index: number;
  /** 1..256. */
  readonly width: number;
}

/** How many hashes a tree of `size` leaves has at a tile level, over all tiles: floor(size / 256^level). */
export const hashesAtLevel = (size: number, level: number): number => Math.floor(size / TILE_WIDTH ** level);

/** Width of a tile in a tree of `size` leaves; 0 when the tree has no such tile. */
export const tileWidth = (size: number, level: number, index: number): number =>
  Math.max(0, Math.min(TILE_WIDTH, hashesAtLevel(size, level) - index * TILE_WIDTH));

/** All tiles of a tree of `size` leaves, level by level, left to right: what an export has to hold. */
export function* tilesOf(size: number): Generator<{ level: number; index: number; width: number }> {
  for (let level = 0; hashesAtLevel(size, level) > 0; level += 1) {
    for (let index = 0; tileWidth(size, level, index) > 0; index += 1) {
      yield { level, index, width: tileWidth(size, level, index) };
    }
  }
}

function indexPath(index: number, width: number): string {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`tile index ${index}: expected a non-negative integer`);
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new RangeError(`tile width ${width}: expected 1..${TILE_WIDTH}`);
  }
  let path = String(index % 1000).padStart(3, '0');
  for (let n = Math.floor(index / 1000); n > 0; n = Math.floor(n / 1000)) path = `x${String(n % 1000).padStart(3, '0')}/${path}`;
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

/** `tile/<L>/<N>[.p/<W>]`, relative to the log's prefix, without a slash in front. */
export function tilePath(level: number, index: number, width: number = TILE_WIDTH): string {
  if (!Number.isInteger(level) || level < 0 || level > 63) throw new RangeError(`tile level ${level}: expected 0..63`);
  return `tile/${level}/${indexPath(index, width)}`;
}

/** `tile/entries/<N>[.p/<W>]`, relative to the log's prefix. */
export const bundlePath = (index: number, width: number = TILE_WIDTH): string => `tile/entries/${indexPath(index, width)}`;

const TILE_PATH = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** What a path asks for; null when it isn't a path in the one form that the specification allows. */
export function parseTilePath(path: string): TilePath | null {
  const match = TILE_PATH.exec(path);
  if (match === null) return null;
  const [, where = '', digits = '', partial] = match;
  const index = Number(digits.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (!Number.isSafeInteger(index) || width < 1 || (partial !== undefined && width >= TILE_WIDTH)) return null;
  const kind = where === 'entries' ? 'entries' : 'tile';
  const level = kind === 'entries' ? 0 : Number(where);
  if (level > 63) return null;
  // Leading zeroes and superfluous path elements name the same tile a second time: refused.
  const canonical = kind === 'entries' ? bundlePath(index, width) : tilePath(level, index, width);
  return canonical === path ? { kind, level, index, width } : null;
}
