/**
 * Base-2 exponential histogram at scale 6: bucket i holds (g^i, g^(i+1)] with g = 2^(1/64), so a quantile is off by at
 * most 0.55% (OpenTelemetry metrics data model, "ExponentialHistogram"; DDSketch with gamma 2^(1/64), Masson et al. 2019).
 * Merging adds counts bucket by bucket and loses nothing.
 */
import { EncodingError } from '../protocol/errors.ts';

export const SCALE = 6;

export interface Histogram {
  count: number;
  sum: number;
  min: number;
  max: number;
  /** Values of exactly zero. */
  zero: number;
  readonly buckets: Map<number, number>;
}

/** A histogram as it travels: `buckets` are [index, count] pairs in rising order of index. */
export interface HistogramJson {
  readonly scale: number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly zero: number;
  readonly buckets: readonly (readonly [number, number])[];
}

export const emptyHistogram = (): Histogram => ({ count: 0, sum: 0, min: Infinity, max: -Infinity, zero: 0, buckets: new Map() });

/** Upper-inclusive bucket of a positive value. */
export const bucketOf = (value: number): number => Math.ceil(Math.log2(value) * 2 ** SCALE) - 1;

/** Every duration that a clock can tell lies within, in milliseconds: 2^-48 to 2^48. */
const INDEX_MAX = 48 * 2 ** SCALE;
const VALUE_MAX = 2 ** 48;
const VALUE_MIN = 1 / VALUE_MAX;

/**
 * Adds `times` observations of a finite, non-negative value. What is smaller than 2^-48 is nothing, as the difference of two doubles can be;
 * what is larger than 2^48 counts as that: what is counted here can be told.
 */
export function record(h: Histogram, observed: number, times = 1): void {
  const value = observed <= VALUE_MIN ? 0 : Math.min(observed, VALUE_MAX);
  h.count += times;
  h.sum += value * times;
  if (value < h.min) h.min = value;
  if (value > h.max) h.max = value;
  if (value === 0) {
    h.zero += times;
    return;
  }
  const i = bucketOf(value);
  h.buckets.set(i, (h.buckets.get(i) ?? 0) + times);
}

export const cloneHistogram = (h: Histogram): Histogram => ({ ...h, buckets: new Map(h.buckets) });

/** A histogram to add to another one: as it is counted, or as it travels, when something is in it. */
export type Counted = Pick<Histogram, 'count' | 'sum' | 'min' | 'max' | 'zero'> & { readonly buckets: Iterable<readonly [number, number]> };

/** New buckets that may still come into being. */
export interface Room {
  left: number;
}

/**
 * Adds all of `b` to `a`.
 * @param room for new buckets: when there is none left, what would need one is counted in the nearest bucket that there is. @default - for all
 */
export function merge(a: Histogram, b: Readonly<Counted>, room?: Room): void {
  a.count += b.count;
  a.sum += b.sum;
  a.min = Math.min(a.min, b.min);
  a.max = Math.max(a.max, b.max);
  a.zero += b.zero;
  let inOrder: readonly number[] | undefined;
  for (const [i, n] of b.buckets) {
    const there = a.buckets.get(i);
    if (there !== undefined || room === undefined || room.left > 0 || a.buckets.size === 0) {
      if (there === undefined && room !== undefined) room.left -= 1;
      a.buckets.set(i, (there ?? 0) + n);
    } else {
      // No bucket is added from here on, as the room is used up.
      inOrder ??= [...a.buckets.keys()].sort((x, y) => x - y);
      const near = nearest(inOrder, i);
      a.buckets.set(near, a.buckets.get(near)! + n);
    }
  }
}

/** The one of these numbers, which rise, that is the nearest. */
function nearest(numbers: readonly number[], wanted: number): number {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [numbers[low - 1], numbers[low]!];
  return before !== undefined && wanted - before < after - wanted ? before : after;
}

/**
 * What was observed between two states of one histogram: `later` without all of `earlier`. Extremes of the difference are not known
 * exactly, only that they lie in its outer buckets, so they become those buckets' edges, cut to what `later` has seen.
 *
 * @throws Error when `earlier` holds something that `later` does not: it is then no earlier state of the same histogram
 */
export function subtract(later: Histogram, earlier: Histogram): Histogram {
  const buckets = new Map<number, number>();
  const zero = later.zero - earlier.zero;
  let count = zero;
  for (const [i, n] of later.buckets) {
    const left = n - (earlier.buckets.get(i) ?? 0);
    if (left !== 0) buckets.set(i, left);
    count += left;
  }
  const strangers = [...earlier.buckets.keys()].filter((i) => !later.buckets.has(i));
  if (zero < 0 || strangers.length > 0 || [...buckets.values()].some((n) => n < 0)) {
    throw new Error(`histogram: ${earlier.count} observations can't be taken from ${later.count}: these are not two states of one histogram`);
  }
  const indices = [...buckets.keys()];
  const [min, max] = count === 0 ? [Infinity, -Infinity] : [
    zero > 0 ? 0 : Math.max(later.min, lowerEdge(Math.min(...indices))),
    indices.length === 0 ? 0 : Math.min(later.max, lowerEdge(Math.max(...indices) + 1)),
  ];
  return { count, sum: later.sum - earlier.sum, min, max, zero, buckets };
}

/** Where bucket i begins; its end is where bucket i + 1 begins. */
export const lowerEdge = (i: number): number => 2 ** (i / 2 ** SCALE);

/** How many observations are certainly not greater than a value: those of the bucket that it lies in are left out, unless it is its end. */
export function countUpTo(h: Histogram, value: number): number {
  if (value >= h.max) return h.count;
  const whole = bucketOf(value) + (lowerEdge(bucketOf(value) + 1) <= value ? 1 : 0);
  let seen = h.zero;
  for (const [i, n] of h.buckets) if (i < whole) seen += n;
  return seen;
}

/** The value at rank ceil(q * count): exact for the smallest and largest, else the middle of its bucket; null when nothing was observed. */
export function quantile(h: Histogram, q: number): number | null {
  if (h.count === 0) return null;
  const rank = Math.max(1, Math.ceil(q * h.count));
  if (rank === h.count) return h.max;
  let seen = h.zero;
  if (rank <= seen) return 0;
  for (const i of [...h.buckets.keys()].sort((x, y) => x - y)) {
    seen += h.buckets.get(i)!;
    if (rank <= seen) return Math.min(h.max, Math.max(h.min, 2 ** ((i + 0.5) / 2 ** SCALE)));
  }
  return h.max;
}

/** @throws EncodingError when it is not what {@link toJson} writes */
export function checkHistogram(path: string, value: unknown): HistogramJson {
  const wrong = (what: string): EncodingError => new EncodingError(`${path}: ${what}`);
  const h = value as HistogramJson;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('expected a histogram');
  const extra = Object.keys(value).filter((key) => !['scale', 'count', 'sum', 'min', 'max', 'zero', 'buckets'].includes(key));
  if (extra.length > 0) throw wrong(`unknown fields ${extra.join(', ').slice(0, 80)}`);
  if (h.scale !== SCALE) throw wrong(`expected scale ${SCALE}, got ${JSON.stringify(h.scale) ?? 'nothing'}`);
  const naturals = [h.count, h.zero].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!naturals || ![h.sum, h.min, h.max].every((n) => Number.isFinite(n) && n >= 0) || !Array.isArray(h.buckets)) {
    throw wrong('expected count, zero, sum, min and max from 0, and a list of buckets');
  }
  let count = h.zero;
  let last = -INDEX_MAX - 1;
  for (const bucket of h.buckets as readonly unknown[]) {
    const [index, n, more] = Array.isArray(bucket) ? bucket as unknown[] : [];
    const fits = Number.isSafeInteger(index) && Number.isSafeInteger(n) && (n as number) > 0 && more === undefined;
    if (!fits || (index as number) <= last || (index as number) > INDEX_MAX) {
      throw wrong(`expected buckets [index, count] in rising order from ${-INDEX_MAX} to ${INDEX_MAX}, got ${JSON.stringify(bucket)}`);
    }
    last = index as number;
    count += n as number;
  }
  if (count !== h.count) throw wrong(`${h.count} observations, but ${count} in the buckets`);
  // A little room: a bucket's edge is a rounded number.
  const within = (v: number, index: number | undefined): boolean =>
    (index === undefined ? v === 0 : v >= lowerEdge(index) * (1 - 1e-9) && v <= lowerEdge(index + 1) * (1 + 1e-9));
  const lowest = h.zero > 0 ? undefined : h.buckets[0]?.[0];
  if (!within(h.min, lowest) || !within(h.max, h.buckets.at(-1)?.[0])) throw wrong(`min ${h.min} and max ${h.max} are not in the outer buckets`);
  if (h.sum < h.min * h.count * (1 - 1e-9) || h.sum > h.max * h.count * (1 + 1e-9)) throw wrong(`a sum of ${h.sum} can't be that of ${h.count} values from ${h.min} to ${h.max}`);
  return h;
}

export const toJson = (h: Histogram): HistogramJson => ({
  scale: SCALE, count: h.count, sum: h.sum, min: h.count === 0 ? 0 : h.min, max: h.count === 0 ? 0 : h.max, zero: h.zero,
  buckets: [...h.buckets].sort((x, y) => x[0] - y[0]),
});

export function fromJson(j: HistogramJson): Histogram {
  if (j.scale !== SCALE) throw new Error(`histogram: expected scale ${SCALE}, got ${j.scale}`);
  return {
    count: j.count, sum: j.sum, min: j.count === 0 ? Infinity : j.min, max: j.count === 0 ? -Infinity : j.max, zero: j.zero,
    buckets: new Map(j.buckets),
  };
}
