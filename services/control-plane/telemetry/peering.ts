/** The ways between sites as the edge nodes' probes saw them: one line for each site and each of those that it probes. */
import { orderStatisticInterval, quantile, type Histogram, type Peering, type Rollup } from '../../telemetry/index.ts';
import type { Trust } from '../../transparency/index.ts';
import { breathe, QUANTILES, shareOf } from './figures.ts';
import type { Latest } from './ingest.ts';

/** Pairs that the indicators list; all of them are at /v1/telemetry/peering, page by page. */
export const PAIRS_MAX = 500;
/** Pairs told between two turns of others. */
const CHUNK = 20;

/** What is known of sites beside what they counted. */
export interface Sight {
  readonly trust: Pick<Trust, 'regions'>;
  readonly latest: ReadonlyMap<string, Latest>;
}

interface Pair {
  readonly from: string;
  readonly to: string;
  readonly counts: Peering;
  /** As of the last delta; null when it did not say, or is not kept any more. */
  readonly up: boolean | null;
  readonly upSince: number | null;
}

function pairsOf(rollups: ReadonlyMap<string, Rollup>, { latest }: Sight): Pair[] {
  return [...rollups].flatMap(([from, { sums }]) => {
    const states = latest.get(from)?.delta.gauges.peers ?? {};
    return [...sums.peering].map(([to, counts]): Pair => {
      const state = Object.hasOwn(states, to) ? states[to] : undefined;
      return { from, to, counts, up: state?.up ?? null, upSince: state?.since ?? null };
    });
  });
}

type Ends = Pick<Pair, 'from' | 'to'>;
const order = (a: string, b: string): number => Number(a > b) - Number(a < b);
const inOrder = (a: Ends, b: Ends): number => order(a.from, b.from) || order(a.to, b.to);
const lostShare = ({ counts: { sent, lost } }: Pair): number => (sent === 0 ? 0 : lost / sent);
const worstFirst = (a: Pair, b: Pair): number =>
  Number(a.up !== false) - Number(b.up !== false) || lostShare(b) - lostShare(a) || inOrder(a, b);

function timesOf(h: Histogram): Record<string, unknown> {
  const quantiles = Object.fromEntries(Object.entries(QUANTILES).map(([name, q]) =>
    [name, { value: quantile(h, q), intervals: h.count === 0 ? [] : [orderStatisticInterval(h, q)] }]));
  return { unit: 'ms', count: h.count, mean: h.count === 0 ? null : h.sum / h.count, quantiles };
}

async function told(pairs: readonly Pair[], { trust }: Sight): Promise<unknown[]> {
  const lines: unknown[] = [];
  for (const { from, to, counts: { sent, lost, rtt, jitter }, up, upSince } of pairs) {
    lines.push({
      from, to, kind: trust.regions.has(to) ? 'region' : 'edge', sent, lost, reachable: shareOf([{ good: sent - lost, events: sent }]),
      rtt: timesOf(rtt), jitter: timesOf(jitter), up, upSince,
    });
    if (lines.length % CHUNK === 0) await breathe();
  }
  return lines;
}

/** For the indicators: all pairs in order, or, where there are more than PAIRS_MAX, the worst: those that are down, then by what they lost. */
export async function peeringOf(rollups: ReadonlyMap<string, Rollup>, sight: Sight): Promise<Record<string, unknown>> {
  const pairs = pairsOf(rollups, sight);
  const listed = pairs.length > PAIRS_MAX ? pairs.toSorted(worstFirst).slice(0, PAIRS_MAX) : pairs.toSorted(inOrder);
  return { peering: await told(listed, sight), peeringPairs: { listed: listed.length, of: pairs.length } };
}

/** A page of all pairs, in order. @param after the last page's `next`: `from>to`, or empty for the first page */
export async function peeringPage(rollups: ReadonlyMap<string, Rollup>, sight: Sight, after: string, limit: number): Promise<Record<string, unknown>> {
  const pairs = pairsOf(rollups, sight).sort(inOrder);
  const [from = '', to = ''] = after.split('>', 2);
  const start = pairs.findIndex((pair) => inOrder({ from, to }, pair) < 0);
  const page = start < 0 ? [] : pairs.slice(start, start + limit);
  const last = page.at(-1);
  const isMore = last !== undefined && start + limit < pairs.length;
  return { pairs: await told(page, sight), of: pairs.length, next: isMore ? `${last.from}>${last.to}` : null };
}
