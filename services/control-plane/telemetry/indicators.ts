/** Indicators over a stretch of time: what was counted, read from the rollups, each figure with its intervals and what it stands on. */
import {
  addBasis, addRollup, addRollupText, emptyHistogram, emptyRollup, LAG_STAGES, merge, missingOf, nodeEffects, orderStatisticInterval, quantile, segments,
  type Basis, type Histogram, type Rollup, type Segment,
} from '../../telemetry/index.ts';
import { createTurns, QUANTILES, shareOf, withNotes } from './figures.ts';
import { peeringOf, type Sight } from './peering.ts';
import type { AskedScope, Range } from './scope.ts';
import type { TelemetryStore } from './store.ts';

/** Nodes that are in the scope, and those that were when they told something. */
function nodesOf(store: TelemetryStore, { scope, nodes }: AskedScope): ReadonlySet<string> {
  const told = store.nodes().filter((n) => (scope.region ?? n.region) === n.region && (scope.node ?? n.node) === n.node);
  return new Set([...nodes, ...told.map((n) => n.node)]);
}

/** What each node told over a time, put together from its pieces, a little at a time. */
async function eachNode<T>(store: TelemetryStore, asked: AskedScope, range: Range, read: (node: string, pieces: readonly Segment[]) => T | null): Promise<Map<string, T>> {
  const turn = createTurns();
  const pieces = segments(range.from, range.to);
  const found = new Map<string, T>();
  for (const node of nodesOf(store, asked)) {
    const value = read(node, pieces);
    if (value !== null) found.set(node, value);
    await turn();
  }
  return found;
}

/** The rollups of each node over a time. */
export const gather = (store: TelemetryStore, asked: AskedScope, range: Range): Promise<Map<string, Rollup>> => eachNode(store, asked, range, (node, pieces) => {
  const sum = emptyRollup();
  for (const piece of pieces) for (const text of store.rollups(node, piece)) addRollupText(sum, text);
  return sum.deltas === 0 ? null : sum;
});

/** What the figures of each node over a time stand on. */
export const gatherBasis = (store: TelemetryStore, asked: AskedScope, range: Range): Promise<Map<string, Basis>> => eachNode(store, asked, range, (node, pieces) => {
  const sum: Basis = emptyRollup();
  for (const piece of pieces) {
    const part = store.basis(node, piece);
    if (part !== null) addBasis(sum, part);
  }
  return sum.deltas === 0 ? null : sum;
});

/** Quantiles with the intervals of both methods; null where nothing was counted. */
async function figuresOf(nodes: readonly Histogram[]): Promise<Record<string, unknown>> {
  const turn = createTurns();
  const pooled = emptyHistogram();
  for (const h of nodes) {
    merge(pooled, h);
    await turn();
  }
  const effects = nodeEffects(nodes, pooled);
  await turn();
  const counting = nodes.filter((h) => h.count > 0).length;
  const quantiles: Record<string, unknown> = {};
  for (const [name, q] of Object.entries(QUANTILES)) {
    quantiles[name] = { value: quantile(pooled, q), intervals: pooled.count === 0 ? [] : withNotes([orderStatisticInterval(pooled, q), effects(q)], counting, q) };
    await turn();
  }
  return { unit: 'ms', count: pooled.count, nodes: counting, quantiles };
}

/** All that is read of what several nodes have counted together. */
const TOGETHER = { slas: 0, assets: Infinity, peers: 0, buckets: Infinity } as const;

const amounts = (m: ReadonlyMap<string, bigint>): Record<string, string> => Object.fromEntries([...m].map(([asset, n]) => [asset, String(n)]));

/** What the figures stand on. */
export function basisOf(asked: AskedScope, rollups: ReadonlyMap<string, Basis>): Record<string, unknown> {
  const all = [...rollups.values()];
  return {
    nodes: { expected: asked.nodes.length, reporting: all.length, silent: asked.nodes.filter((node) => !rollups.has(node)).slice(0, 100) },
    deltas: all.reduce((sum, r) => sum + r.deltas, 0), missing: all.reduce((sum, r) => sum + missingOf(r), 0),
    coveredMs: all.reduce((sum, r) => sum + r.coveredMs, 0),
  };
}

export async function indicators(store: TelemetryStore, asked: AskedScope, range: Range, sight: Sight): Promise<Record<string, unknown>> {
  const rollups = await gather(store, asked, range);
  const each = [...rollups.values()];
  const lag: Record<string, unknown> = {};
  for (const stage of LAG_STAGES) lag[stage] = await figuresOf(each.map((r) => r.sums.lag[stage]));
  const total = emptyRollup();
  const turn = createTurns();
  for (const r of each) {
    addRollup(total, r, TOGETHER);
    await turn();
  }
  const { counts, drift } = total.sums;
  const decided = (r: Rollup): number => r.sums.counts.accepted + r.sums.counts.refused;
  const share = (good: (r: Rollup) => number, of: (r: Rollup) => number): unknown => shareOf(each.map((r) => ({ good: good(r), events: of(r) })));
  return {
    scope: asked.name, from: range.from, to: range.to, ...basisOf(asked, rollups), lag, counts,
    shares: {
      refused: share((r) => r.sums.counts.refused, decided), offline: share((r) => r.sums.counts.offline, decided),
      reversed: share((r) => r.sums.counts.reversed, (r) => r.sums.counts.final + r.sums.counts.rejected),
    },
    provisional: { worstRatio: total.provisionalRatioMax, worstAgeMs: total.provisionalAgeMsMax },
    drift: {
      true: share((r) => r.sums.drift.compared - r.sums.drift.drifted, (r) => r.sums.drift.compared),
      compared: drift.compared, drifted: drift.drifted, amount: amounts(drift.amount), reversedAmount: amounts(drift.reversedAmount),
      time: await figuresOf(each.map((r) => r.sums.drift.time)),
    },
    reconciliation: await figuresOf(each.map((r) => r.sums.reconciliation)),
    ...await peeringOf(rollups, sight),
  };
}

/** Points for charts: p50, p95 and p99 of each stage with the order-statistic band, throughput, the worst provisional ratio. */
export async function series(store: TelemetryStore, asked: AskedScope, range: Range, stepMs: number): Promise<unknown[]> {
  const points: unknown[] = [];
  const turn = createTurns();
  for (let from = range.from; from < range.to; from += stepMs) {
    const to = Math.min(range.to, from + stepMs);
    const total = emptyRollup();
    const rollups = await gather(store, asked, { from, to });
    for (const r of rollups.values()) {
      addRollup(total, r, TOGETHER);
      await turn();
    }
    const { counts, lag } = total.sums;
    const band = (h: Histogram): unknown => (h.count === 0 ? null : Object.fromEntries(Object.entries(QUANTILES).map(([name, q]) => {
      const { low, high } = orderStatisticInterval(h, q);
      return [name, { value: quantile(h, q), low, high }];
    })));
    points.push({
      from, to, nodes: rollups.size, deltas: total.deltas, missing: [...rollups.values()].reduce((sum, r) => sum + missingOf(r), 0),
      settlements: counts.accepted + counts.refused, perSecond: (counts.accepted + counts.refused) * 1_000 / (to - from),
      final: counts.final, rejected: counts.rejected, offline: counts.offline, drifted: total.sums.drift.drifted,
      provisionalRatio: total.deltas === 0 ? null : total.provisionalRatioMax, provisionalAgeMs: total.deltas === 0 ? null : total.provisionalAgeMsMax,
      lag: Object.fromEntries(LAG_STAGES.map((stage) => [stage, { count: lag[stage].count, quantiles: band(lag[stage]) }])),
    });
  }
  return points;
}
