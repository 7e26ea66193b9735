/** Against published tables and exact sums. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binomialCdf, binomialQuantile, chiSquaredQuantile, createRandom, drawNormal, logGamma, normalCdf, normalQuantile, regularizedBeta, studentQuantile, weightedDegrees,
} from './statistics.ts';

/** P(X <= k) as a sum of exact terms. */
function binomialSum(k: number, n: number, p: number): number {
  let term = (1 - p) ** n;
  let sum = term;
  for (let i = 1; i <= k; i++) sum += term = term * (n - i + 1) / i * p / (1 - p);
  return sum;
}

describe('distributions', () => {
  it('log gamma is that of factorials', () => {
    let factorial = 1;
    for (let n = 1; n <= 20; n++) expect(logGamma(n + 1)).toBeCloseTo(Math.log(factorial *= n), 10);
  });

  it('the incomplete beta has its symmetry', () => {
    fc.assert(fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 5_000 }), (x, a, b) => {
      expect(regularizedBeta(x, a, b) + regularizedBeta(1 - x, b, a)).toBeCloseTo(1, 9);
    }));
  });

  it('the binomial distribution is the sum of its terms, and its quantile the inverse', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 150 }), fc.double({ min: 0.02, max: 0.98, noNaN: true }), fc.double({ min: 0.001, max: 0.999, noNaN: true }), (n, p, probability) => {
      const k = binomialQuantile(probability, n, p);
      expect(binomialCdf(k, n, p)).toBeGreaterThanOrEqual(probability);
      if (k > 0) expect(binomialCdf(k - 1, n, p)).toBeLessThan(probability);
      expect(binomialCdf(k, n, p)).toBeCloseTo(binomialSum(k, n, p), 8);
    }));
  });

  it('holds for ten million trials', () => {
    // Within a few of the normal approximation, which is good there: 9,900,000 -+ 1.96 * 314.6.
    expect(Math.abs(binomialQuantile(0.025, 10_000_000, 0.99) - (9_900_000 - 616.7))).toBeLessThan(3);
  });

  // NIST/SEMATECH e-Handbook of Statistical Methods, tables 1.3.6.7.1, .2 and .4.
  it.each([[0.975, 1.959964], [0.95, 1.644854], [0.995, 2.575829], [0.5, 0], [0.001, -3.090232]])('normal quantile of %d', (p, z) => {
    expect(normalQuantile(p)).toBeCloseTo(z, 5);
    expect(normalCdf(normalQuantile(p))).toBeCloseTo(p, 6);
  });
  it.each([[1, 12.706], [5, 2.571], [9, 2.262], [30, 2.042], [100, 1.984]])('Student\'s t with %d degrees', (degrees, t) => {
    expect(studentQuantile(0.975, degrees)).toBeCloseTo(t, 3);
  });
  it.each([[0.975, 9, 19.023], [0.025, 9, 2.7], [0.95, 19, 30.144], [0.025, 49, 31.555]])('chi-squared quantile %d with %d degrees', (p, degrees, x) => {
    expect(Math.abs(chiSquaredQuantile(p, degrees) / x - 1)).toBeLessThan(0.01);
  });

  it('weights that are equal leave one degree of freedom less than there are values, others fewer, and at least one', () => {
    for (const m of [2, 5, 40]) expect(weightedDegrees(Array.from({ length: m }, () => 1 / m))).toBeCloseTo(m - 1, 8);
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 2, maxLength: 50 }), (counts) => {
      const all = counts.reduce((a, b) => a + b);
      const degrees = weightedDegrees(counts.map((n) => n / all));
      expect(degrees).toBeGreaterThanOrEqual(1);
      expect(degrees).toBeLessThanOrEqual(counts.length - 1 + 1e-6);
    }));
  });

  it('draws are the same for the same seed, and spread as they should', () => {
    const random = createRandom(3);
    const drawn = Array.from({ length: 20_000 }, () => drawNormal(random));
    const again = createRandom(3);
    expect(drawNormal(again)).toBe(drawn[0]);
    const mean = drawn.reduce((a, b) => a + b) / drawn.length;
    const deviation = Math.sqrt(drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / drawn.length);
    // Five standard errors: 1 / sqrt(n), and 1 / sqrt(2 n).
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(20_000));
    expect(Math.abs(deviation - 1)).toBeLessThan(5 / Math.sqrt(40_000));
  });
});
