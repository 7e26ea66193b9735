import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDecimal, parseDecimal } from './decimal.ts';

describe('decimals', () => {
  test.each([
    ['700.00', 2, 70_000n], ['-5343.70', 2, -534_370n], ['0.1', 2, 10n], ['12', 2, 1_200n], ['+3.5', 1, 35n], ['7.', 0, 7n], ['1.2300', 2, 123n],
    ['99999999999999999.99', 2, 9_999_999_999_999_999_999n], [' 1.00 ', 2, 100n],
  ] as const)('%s at scale %i', (text, scale, minor) => expect(parseDecimal(text, scale)).toBe(minor));

  test.each(['', '.', '1,000.00', '1e3', 'NaN', '0x10', '--1', '1.2.3', '.5', 'Infinity', '１'])('refuses %j', (text) => {
    expect(() => parseDecimal(text, 2)).toThrow(/decimal number/);
  });

  test(
    'refuses more places than the asset has',
    () => expect(() => parseDecimal('1.234', 2)).toThrow(/more than 2 decimal places/),
  );

  test('goes there and back', () => {
    fc.assert(fc.property(fc.bigInt(-(10n ** 17n), 10n ** 17n), fc.integer({ min: 0, max: 9 }), (minor, scale) => {
      expect(parseDecimal(formatDecimal(minor, scale), scale)).toBe(minor);
    }));
  });

  test('shows all places', () => {
    expect(
      [formatDecimal(5n, 2), formatDecimal(-70n, 2), formatDecimal(0n, 2), formatDecimal(12n, 0)],
    ).toEqual(['0.05', '-0.70', '0.00', '12']);
  });
});
