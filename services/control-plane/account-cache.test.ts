import { expect, test } from 'vitest';
import { createAccountCache } from './account-cache.ts';

const CAPACITY = 3;

function filled(...ids: string[]) {
  const cache = createAccountCache(CAPACITY);
  const put = (id: string): void => cache.put({ id, asset: 'EUR', overdraft: null, balance: 0n, ref: 1, touched: -1 });
  ids.forEach(put);
  return { cache, put };
}

test('keeps whatever a generation holds, and forgets what was not used since', () => {
  const { cache, put } = filled('a', 'b', 'c', 'd');
  expect(cache.get('a')?.id).toBe('a');
  for (const id of ['e', 'f']) put(id);
  // Used since the last change of generations: a, d, e, f.
  expect([cache.get('a'), cache.get('b')].map((x) => x?.id)).toEqual(['a', undefined]);
});

test('the last accounts, as many as a generation holds, are always there', () => {
  const { cache, put } = filled();
  for (let n = 0; n < 50; n += 1) {
    put(`x${n}`);
    for (let back = 0; back < CAPACITY && back <= n; back += 1) expect(cache.get(`x${n - back}`)?.id).toBe(`x${n - back}`);
  }
});

test('what is dropped is gone from both generations', () => {
  const { cache, put } = filled('a', 'b', 'c', 'd');
  put('a');
  cache.drop('a');
  expect(cache.get('a')).toBeUndefined();
});
