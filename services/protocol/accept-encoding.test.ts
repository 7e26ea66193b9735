import { expect, test } from 'vitest';
import { acceptedEncoding } from './accept-encoding.ts';

test.each([
  [undefined, null], ['', null], ['identity', null], ['gzip, deflate, br', 'br'], ['gzip', 'gzip'], ['GZIP;Q=0.1', 'gzip'], ['br;q=0, gzip;q=0.5', 'gzip'], ['br;q=0.000', null], ['br ; q=0', null],
  ['br;q=1.0', 'br'], ['*', 'br'], ['*;q=0', null], ['br;q=0, *', 'gzip'], ['gzip;q=0.01, *;q=0', 'gzip'], ['brotli, x-gzip', null], [';;;,,q=,', null], [`${'x,'.repeat(5_000)}br`, null],
] as const)('%s', (header, encoding) => {
  expect(acceptedEncoding(header, ['br', 'gzip'])).toBe(encoding);
});
