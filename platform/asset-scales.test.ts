import fc from 'fast-check';
import { expect, it } from 'vitest';
import { platformInputs } from './arbitraries.ts';
import { formatAssetScales, parseAssetScales } from './asset-scales.ts';
import { definePlatform } from './define.ts';

it('what is written for any platform is read as its assets, in their order', () => {
  fc.assert(fc.property(platformInputs, (input) => {
    const { assets } = definePlatform(input);
    expect(parseAssetScales(formatAssetScales(assets).split(','))).toEqual(assets.map(({ code, scale }) => ({ code, scale })));
  }), { numRuns: 30 });
});

it('a code alone leaves its places open; nothing at all allows any asset', () => {
  expect(parseAssetScales(['EUR', 'JPY:0'])).toEqual([{ code: 'EUR', scale: null }, { code: 'JPY', scale: 0 }]);
  expect(parseAssetScales([])).toEqual([]);
});

it.each([['eur:2'], ['EUR:10'], ['EUR:'], ['EUR:-1'], ['EUR:2:2'], [':2'], ['E:2'], ['EUR: 2'], ['__proto__']])('%s is no asset', (item) => {
  expect(() => parseAssetScales(['USD:2', item])).toThrow(`got ${JSON.stringify(item)}; allowed: a code of 2 to 12 capital letters`);
});

it('an asset that is told twice is refused, beside every other mistake', () => {
  expect(() => parseAssetScales(['EUR:2', 'x', 'EUR:3'])).toThrow(/got "x"; allowed: .*; EUR is there twice/);
});
