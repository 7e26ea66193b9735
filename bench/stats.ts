/** The little statistics that the benchmark needs. */

/** One figure over its repeats. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly repeats: number;
}

/** @throws RangeError without values */
export function spread(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) throw new RangeError('spread of no values');
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { min: sorted[0]!, median, max: sorted[sorted.length - 1]!, repeats: sorted.length };
}

/** The value at rank ceil(q * n). @throws RangeError without values */
export function percentile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) throw new RangeError('percentile of no values');
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
}

/** Slope of the least-squares line through the points: growth of y for one more x. Null for fewer than two different x. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number | null {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const varianceX = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (n < 2 || varianceX === 0) return null;
  return points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / varianceX;
}
