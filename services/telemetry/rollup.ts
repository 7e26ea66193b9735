/**
 * Time in grains: minutes, hours and days of UTC. A stretch of time is put together of as few grains as it takes, so that a month of
 * a thousand nodes is read as days, and its ends as hours and minutes.
 */
import { addSums, emptySums, KEYS_MAX, summandOf, sumsToJson, type Summand, type Sums, type SumsJson, type SumsMax } from './sums.ts';
import { DELTA_PEERS_MAX, type Delta } from './delta.ts';

export const GRAINS = [
  { id: 'minute', ms: 60_000 },
  { id: 'hour', ms: 3_600_000 },
  { id: 'day', ms: 86_400_000 },
] as const;
export type GrainId = (typeof GRAINS)[number]['id'];

export interface Segment {
  readonly grain: GrainId;
  /** Milliseconds since 1970; `to` is not included. */
  readonly from: number;
  readonly to: number;
}

export const floorTo = (time: number, ms: number): number => Math.floor(time / ms) * ms;

/** The grains that make up [from, to), both on whole minutes. In no particular order. */
export function segments(from: number, to: number, level: number = GRAINS.length - 1): Segment[] {
  if (from >= to) return [];
  const { id, ms } = GRAINS[level]!;
  if (level === 0) return [{ grain: id, from, to }];
  const [first, last] = [Math.ceil(from / ms) * ms, floorTo(to, ms)];
  if (first >= last) return segments(from, to, level - 1);
  return [{ grain: id, from: first, to: last }, ...segments(from, first, level - 1), ...segments(last, to, level - 1)];
}

/** What figures of one node stand on. */
export interface Basis {
  deltas: number;
  /** Lowest and highest number among the deltas: what is missing in between shows. */
  seqFrom: number;
  seqTo: number;
  /** Time that the deltas speak of. Milliseconds. */
  coveredMs: number;
}

/** What is known of one node in one grain. */
export interface Rollup extends Basis {
  readonly sums: Sums;
  /** The worst among the deltas' gauges. */
  provisionalRatioMax: number;
  provisionalAgeMsMax: number;
}

export const emptyRollup = (): Rollup =>
  ({ sums: emptySums(), deltas: 0, seqFrom: Infinity, seqTo: 0, coveredMs: 0, provisionalRatioMax: 0, provisionalAgeMsMax: 0 });

/**
 * What a rollup of one node holds: a node that makes up something new with every delta must neither fill the centre nor keep it busy, which writes the
 * whole rollup again with every delta. Names are twice what one delta can have, so that all of them can be renamed within a day; buckets are
 * twice those of a day with 17 sites probed whose round trips vary over three powers of two, and jitter over ten.
 */
export const ROLLUP_MAX: SumsMax = { slas: 2 * KEYS_MAX, assets: 2 * KEYS_MAX, peers: 2 * DELTA_PEERS_MAX, buckets: 32_768 };
/** The same of many rollups of a node together: there is room for every bucket of an honest one. */
const ROLLUPS_MAX: SumsMax = { ...ROLLUP_MAX, buckets: 4 * ROLLUP_MAX.buckets };

export function addBasis(a: Basis, b: Basis): void {
  a.deltas += b.deltas;
  a.seqFrom = Math.min(a.seqFrom, b.seqFrom);
  a.seqTo = Math.max(a.seqTo, b.seqTo);
  a.coveredMs += b.coveredMs;
}

/**
 * Adds all of `b` to `a`.
 * @param max in `a` afterwards; by default for a rollup of one node
 */
export function addRollup(a: Rollup, b: Omit<Rollup, 'sums'> & { readonly sums: Summand }, max: SumsMax = ROLLUP_MAX): void {
  addSums(a.sums, b.sums, max);
  addBasis(a, b);
  a.provisionalRatioMax = Math.max(a.provisionalRatioMax, b.provisionalRatioMax);
  a.provisionalAgeMsMax = Math.max(a.provisionalAgeMsMax, b.provisionalAgeMsMax);
}

export const rollupOf = (d: Delta): Rollup => ({
  sums: d.sums, deltas: 1, seqFrom: d.seq, seqTo: d.seq, coveredMs: d.to - d.from,
  provisionalRatioMax: d.gauges.provisionalRatio, provisionalAgeMsMax: d.gauges.provisionalAgeMs,
});

/** Numbers between the lowest and the highest that no delta is known for. */
export const missingOf = (r: Omit<Basis, 'coveredMs'>): number => (r.deltas === 0 ? 0 : r.seqTo - r.seqFrom + 1 - r.deltas);

/**
 * When a delta's counts count: at the last moment of its window, by the node's clock, but never later than it came.
 * @param receivedAt milliseconds since 1970
 */
export const timeOf = (d: Pick<Delta, 'to'>, receivedAt: number): number => Math.min(d.to - 1, receivedAt);

export const rollupToText = ({ sums, ...rest }: Rollup): string => JSON.stringify({ ...rest, sums: sumsToJson(sums) });

/** Adds to `a` what `rollupToText` wrote. It is not checked again: a month of a thousand nodes is a hundred thousand of them. */
export function addRollupText(a: Rollup, text: string): void {
  const { sums, ...rest } = JSON.parse(text) as Omit<Rollup, 'sums'> & { sums: SumsJson };
  addRollup(a, { ...rest, sums: summandOf(sums) }, ROLLUPS_MAX);
}
