/**
 * The few distributions that intervals need. Sources: regularized incomplete beta by its continued fraction (Lentz), log gamma by
 * Lanczos (Press et al., Numerical Recipes, 3rd ed., sections 6.1 and 6.4); normal quantile by Acklam's rational approximation
 *; chi-squared quantile by Wilson and Hilferty (PNAS 17, 1931).
 */

const LANCZOS = [
  57.15623566586292, -59.59796035547549, 14.136097974741746, -0.4919138160976202, 3.399464998481189e-05,
  4.652362892704858e-05, -9.837447530487956e-05, 0.0001580887032249125, -0.00021026444172410488,
  0.00021743961811521265, -0.0001643181065367639, 8.441822398385275e-05, -2.6190838401581408e-05, 3.6899182659531625e-06,
];

export function logGamma(x: number): number {
  let y = x;
  const t = x + 5.2421875;
  let sum = 0.9999999999999971;
  for (const c of LANCZOS) sum += c / ++y;
  return (x + 0.5) * Math.log(t) - t + Math.log(2.5066282746310007 * sum / x);
}

/** I_x(a, b), for a, b > 0 and x from 0 to 1. */
export function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * betaFraction(x, a, b) / a : 1 - front * betaFraction(1 - x, b, a) / b;
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const steps = 100 + 5 * Math.sqrt(Math.max(a, b));
  const away = (v: number): number => (Math.abs(v) < tiny ? tiny : v);
  let c = 1;
  let d = 1 / away(1 - (a + b) * x / (a + 1));
  let h = d;
  for (let m = 1; m <= steps; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    h *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return h;
}

/** P(X <= k) for X binomial with n trials of probability p. */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  if (k >= n) return 1;
  return regularizedBeta(1 - p, n - k, k + 1);
}

/** The smallest k with P(X <= k) >= probability. */
export function binomialQuantile(probability: number, n: number, p: number): number {
  let low = -1;
  let high = n;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (binomialCdf(middle, n, p) >= probability) high = middle;
    else low = middle;
  }
  return high;
}

/** P(X <= x) for a standard normal X; relative error below 1.2e-7. */
export function normalCdf(x: number): number {
  // Numerical Recipes 3rd ed., 6.2.2: erfc by a Chebyshev fit with fractional error below 1.2e-7.
  const z = Math.abs(x) / Math.SQRT2;
  const t = 2 / (2 + z);
  const erfc = t * Math.exp(-z * z - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
    + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
  return x > 0 ? 1 - erfc / 2 : erfc / 2;
}

/** The x with P(X <= x) = p for a standard normal X; relative error below 1.2e-9 (Acklam). */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : Number.NaN;
  const tail = (q: number): number =>
    (((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) * q + 4.374664141464968) * q
      + 2.938163982698783) / ((((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1);
  if (p < 0.02425) return tail(Math.sqrt(-2 * Math.log(p)));
  if (p > 1 - 0.02425) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
  const q = p - 0.5;
  const r = q * q;
  return (((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r + 1.383577518672690e2) * r
    - 3.066479806614716e1) * r + 2.506628277459239) * q
    / (((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r + 6.680131188771972e1) * r
      - 1.328068155288572e1) * r + 1);
}

/** The x with P(X <= x) = p for X chi-squared with `degrees` of freedom. */
export function chiSquaredQuantile(p: number, degrees: number): number {
  const a = 2 / (9 * degrees);
  return degrees * Math.max(0, 1 - a + normalQuantile(p) * Math.sqrt(a)) ** 3;
}

/** The t with P(T <= t) = p for Student's t with `degrees` of freedom, p from 0.5. */
export function studentQuantile(p: number, degrees: number): number {
  const cdf = (t: number): number => 1 - regularizedBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  let low = 0;
  let high = 1;
  while (cdf(high) < p) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (cdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Degrees of freedom of a variance between values that count with these weights (which add up to 1): their number less one where
 * they are equal (Satterthwaite, Biometrics Bulletin 2, 1946, for the sum of w (x - mean)^2 with x normal and mean the weighted one).
 */
export function weightedDegrees(weights: readonly number[]): number {
  let [two, three] = [0, 0];
  for (const w of weights) {
    two += w * w;
    three += w * w * w;
  }
  return Math.max(1, (1 - two) ** 2 / (two - 2 * three + two * two));
}

/** Mulberry32 (Ettinger, 2017): small and seeded, good enough to draw fleets with, and for nothing secret. Uniform in [0, 1). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A standard normal value (Box and Muller, Annals of Mathematical Statistics 29, 1958). */
export const drawNormal = (random: () => number): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
