import { expect, test } from 'vitest';
import { budgetWords, percent } from './words.ts';

test('a budget in words, whatever is left of it', () => {
  expect([1, 0.188, 1e-9, 0, -0.5, -8.999, -784.4, -78386.151].map(budgetWords)).toEqual([
    '100% of the error budget left', '18.8% of the error budget left', '1e-7% of the error budget left', 'all of the error budget used', '1.5 times the error budget used',
    '10 times the error budget used', '785 times the error budget used', '78387 times the error budget used',
  ]);
  expect([percent(0.99), percent(1 - 0.99), percent(0.9343779)]).toEqual(['99%', '1%', '93.4378%']);
});
