import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundlePath, parseTilePath, tilePath, tilesOf, tileWidth } from './index.ts';

describe('tile paths (tlog-tiles, section "Merkle Tree")', () => {
  it('are those of the specification', () => {
    expect(tilePath(0, 1_234_067, 256)).toBe('tile/0/x001/x234/067');
    expect(tilePath(63, 0, 1)).toBe('tile/63/000.p/1');
    expect(bundlePath(1_000, 255)).toBe('tile/entries/x001/000.p/255');
  });

  it('come back from their text', () => {
    const [levels, widths] = [fc.integer({ min: 0, max: 63 }), fc.integer({ min: 1, max: 256 })];
    fc.assert(fc.property(levels, fc.maxSafeNat(), widths, (level, index, width) => {
      expect(parseTilePath(tilePath(level, index, width))).toEqual({ kind: 'tile', level, index, width });
      expect(parseTilePath(bundlePath(index, width))).toEqual({ kind: 'entries', level: 0, index, width });
    }), { numRuns: 300 });
  });

  it.each([
    '', 'tile', 'tile/', 'tile/0', 'tile/0/', '/tile/0/000', 'tile/0/000/', 'tile/0/00', 'tile/0/0000', 'tile/00/000',
    'tile/01/000',
    'tile/64/000', 'tile/-1/000', 'tile/0/x000/001', 'tile/0/x001', 'tile/0/001/002', 'tile/0/X001/002', 'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01', 'tile/0/000.p/', 'tile/0/000.p', 'tile/0/000.p/-1', 'tile/0/000.p/1/', 'tile/0/000?x=1', 'tile/0/000 ',
    'tile/0/000\n',
    'tile/0/../0/000', 'tile/0/x999/x999/x999/x999/x999/x999/999', 'tile/0/x999/x999/x999/x999/x999/999', 'tile/data/000',
    'tile/entries/x00/000', 'tile/8/0/000',
    'tile/0/%30%30%30', 'tile/0/００0', `tile/0/${'x001/'.repeat(10_000)}000`,
  ])('refuses %j', (path) => expect(parseTilePath(path.slice(0, 60_000))).toBeNull());
});

describe('tile widths (section "Partial Tiles")', () => {
  it('are as in the example of 70,000 entries', () => {
    const tiles = [...tilesOf(70_000)];
    const count = (level: number, full: boolean): number =>
      tiles.filter((t) => t.level === level && (t.width === 256) === full).length;
    expect([count(0, true), count(0, false), count(1, true), count(1, false), count(2, true), count(2, false)])
      .toEqual([273, 1, 1, 1, 0, 1]);
    expect(tiles.filter((t) => t.width < 256)).toEqual([
      { level: 0, index: 273, width: 112 }, { level: 1, index: 1, width: 17 }, { level: 2, index: 0, width: 1 },
    ]);
    expect([...tilesOf(256)]).toEqual([{ level: 0, index: 0, width: 256 }, { level: 1, index: 0, width: 1 }]);
    expect([...tilesOf(0)]).toEqual([]);
    expect(tileWidth(70_000, 0, 274)).toBe(0);
  });

  it('refuses to name a tile that cannot be', () => {
    expect(() => tilePath(64, 0, 1)).toThrow(RangeError);
    expect(() => tilePath(0, -1, 1)).toThrow(RangeError);
    expect(() => tilePath(0, 0.5, 1)).toThrow(RangeError);
    expect(() => tilePath(0, 0, 0)).toThrow(RangeError);
    expect(() => tilePath(0, 0, 257)).toThrow(RangeError);
  });
});
