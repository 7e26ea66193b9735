import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['orgin', 'origin'], ['Regions', 'regions'], ['edge', 'edges'], ['witnessQurom', 'witnessQuorum'],
    ['salsa', null], ['', null], ['x', null],
  ])('takes %o for %o', (written, meant) => {
    expect(nearest(written, ['name', 'origin', 'regions', 'edges', 'witnessQuorum'])).toBe(meant);
  });

  it('counts two letters swapped as one mistake', () => {
    expect(nearest('nmae', ['name'])).toBe('name');
  });

  it('finds itself, and any word with one letter changed, added or lost', () => {
    const words = fc.stringMatching(/^[a-z]{6,12}$/);
    fc.assert(fc.property(words, fc.nat(5), fc.stringMatching(/^[a-z]$/), (word, at, letter) => {
      for (const written of [word, word.slice(0, at) + word.slice(at + 1), word.slice(0, at) + letter + word.slice(at)]) {
        expect(nearest(written, [word])).toBe(word);
      }
    }));
  });

  it('does not spend long on what is no word at all', () => {
    expect(nearest('x'.repeat(100_000), ['x'])).toBeNull();
  });
});
