/**
 * Settlements as a marketplace has them: a few merchants and customers make most of the traffic (Zipf), amounts are log-normal.
 * Seeded and pure: the n-th settlement of a seed is always the same, whoever asks first.
 *
 * Amounts: of the 28,205 transactions of the real bank data that the kit is tested with (PKDD'99, 1993), the logarithm of the
 * amount has mean 7.1 and standard deviation 2.5 in koruna (generator.test.ts measures it again); here they are minor units, so a hundredth
 * of that.
 */

export interface Generated {
  readonly debit: number;
  readonly credit: number;
  /** Minor units. */
  readonly amount: number;
  /** Which of the edge nodes it goes to, from 0 to 1: a customer's own, always the same. */
  readonly site: number;
}

/** Uniform in [0, 1), from a seed and a position: no state, so iterations may run in any order (SplitMix32 over both). */
export function uniform(seed: number, position: number, stream: number): number {
  let z = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(position + 1, 0x9e3779b1) + Math.imul(stream + 1, 0xc2b2ae35)) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  z ^= z >>> 15;
  return (z >>> 0) / 4_294_967_296;
}

/** Cumulative shares of `size` ranks under Zipf's law with the exponent; computed once, searched often. */
export function zipf(size: number, exponent: number): Float64Array {
  const cumulative = new Float64Array(size);
  let sum = 0;
  for (let rank = 1; rank <= size; rank++) cumulative[rank - 1] = sum += rank ** -exponent;
  for (let i = 0; i < size; i++) cumulative[i] = cumulative[i]! / sum;
  return cumulative;
}

export function pick(cumulative: Float64Array, u: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle]! > u) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Of the natural logarithm of the amount in minor units. */
export const LOG_MEAN = 7.1;
export const LOG_DEVIATION = 2.5;
const AMOUNT_MAX = 10_000_000;

export interface GeneratorOptions {
  readonly seed: number;
  readonly merchants: number;
  readonly customers: number;
  readonly skew: number;
  readonly hotShare: number;
}

export function createGenerator(o: GeneratorOptions): (n: number) => Generated {
  const merchants = zipf(o.merchants, o.skew);
  const customers = zipf(o.customers, o.skew);
  return (n) => {
    const hot = uniform(o.seed, n, 0) < o.hotShare;
    // Box and Muller.
    const normal = Math.sqrt(-2 * Math.log(1 - uniform(o.seed, n, 3))) * Math.cos(2 * Math.PI * uniform(o.seed, n, 4));
    const debit = pick(customers, uniform(o.seed, n, 2));
    return {
      credit: hot ? 0 : pick(merchants, uniform(o.seed, n, 1)),
      debit,
      amount: Math.min(AMOUNT_MAX, Math.max(1, Math.round(Math.exp(LOG_MEAN + LOG_DEVIATION * normal)))),
      site: uniform(o.seed, debit, 5),
    };
  };
}

export const merchantAccount = (prefix: string, n: number): string => `${prefix}-merchant-${n}`;
export const customerAccount = (prefix: string, n: number): string => `${prefix}-customer-${n}`;
