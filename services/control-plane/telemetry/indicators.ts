/** Indicators over a stretch of time: what was counted, read from the rollups, each figure with its intervals and what it stands on. */
import {
  addRollup, emptyHistogram, emptyRollup, GRAINS, LAG_STAGES, merge, missingOf, nodeEffectsInterval, nodeRatioInterval,
  orderStatisticInterval, quantile, segments, wilsonInterval,
  type Histogram, type Rollup, type Segment, type Share,
} from '../../telemetry/index.ts';
import type { AskedScope, Range } from './scope.ts';
import type { TelemetryStore } from './store.ts';

export const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

/** Lets others have a turn: a month of a thousand nodes takes a while. */
export const breathe = (): Promise<void> => new Promise((resolve) => {
  setImmediate(resolve);
});

/** The rollups of each node over a time. */
export async function gather(store: TelemetryStore, { scope, nodes }: AskedScope, range: Range): Promise<Map<string, Rollup>> {
  const found = new Map<string, Rollup>();
  for (const segment of segments(range.from, range.to)) {
    for (const piece of nodes.length < 10 ? [segment] : slots(segment)) {
      for (const { node, rollup } of store.rollups(scope, piece)) {
        const sum = found.get(node);
        if (sum === undefined) found.set(node, rollup);
        else addRollup(sum, rollup);
      }
      await breathe();
    }
  }
  return found;
}

function slots({ grain, from, to }: Segment): Segment[] {
  const { ms } = GRAINS.find((g) => g.id === grain)!;
  return Array.from({ length: (to - from) / ms }, (_, i) => ({ grain, from: from + i * ms, to: from + (i + 1) * ms }));
}

/** Quantiles with the intervals of both methods; null where nothing was counted. */
async function figuresOf(nodes: readonly Histogram[]): Promise<Record<string, unknown>> {
  const pooled = emptyHistogram();
  for (const h of nodes) merge(pooled, h);
  const quantiles: Record<string, unknown> = {};
  for (const [name, q] of Object.entries(QUANTILES)) {
    quantiles[name] = {
      value: quantile(pooled, q), intervals: pooled.count === 0 ? [] : [orderStatisticInterval(pooled, q), nodeEffectsInterval(nodes, pooled, q)],
    };
    await breathe();
  }
  return { unit: 'ms', count: pooled.count, nodes: nodes.filter((h) => h.count > 0).length, quantiles };
}

/** A share with the intervals of both methods. */
export function shareOf(nodes: readonly Share[]): Record<string, unknown> {
  const good = nodes.reduce((sum, n) => sum + n.good, 0);
  const events = nodes.reduce((sum, n) => sum + n.events, 0);
  return {
    count: good, of: events, value: events === 0 ? null : good / events,
    intervals: events === 0 ? [] : [wilsonInterval({ good, events }), nodeRatioInterval(nodes)],
  };
}

const amounts = (m: ReadonlyMap<string, bigint>): Record<string, string> => Object.fromEntries([...m].map(([asset, n]) => [asset, String(n)]));

/** What the figures stand on. */
export function basisOf(asked: AskedScope, rollups: ReadonlyMap<string, Rollup>): Record<string, unknown> {
  const all = [...rollups.values()];
  return {
    nodes: { expected: asked.nodes.length, reporting: all.length, silent: asked.nodes.filter((node) => !rollups.has(node)).slice(0, 100) },
    deltas: all.reduce((sum, r) => sum + r.deltas, 0), missing: all.reduce((sum, r) => sum + missingOf(r), 0),
    coveredMs: all.reduce((sum, r) => sum + r.coveredMs, 0),
  };
}

export async function indicators(store: TelemetryStore, asked: AskedScope, range: Range): Promise<Record<string, unknown>> {
  const rollups = await gather(store, asked, range);
  const each = [...rollups.values()];
  const lag: Record<string, unknown> = {};
  for (const stage of LAG_STAGES) lag[stage] = await figuresOf(each.map((r) => r.sums.lag[stage]));
  const total = emptyRollup();
  for (const r of each) addRollup(total, r);
  const { counts, drift } = total.sums;
  const decided = (r: Rollup): number => r.sums.counts.accepted + r.sums.counts.refused;
  const share = (good: (r: Rollup) => number, of: (r: Rollup) => number): unknown => shareOf(each.map((r) => ({ good: good(r), events: of(r) })));
  const peering: unknown[] = [];
  for (const [from, r] of rollups) {
    for (const [to, p] of r.sums.peering) peering.push({ from, to, sent: p.sent, lost: p.lost, reachable: shareOf([{ good: p.sent - p.lost, events: p.sent }]), rtt: rttOf(p.rtt) });
  }
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
    peering,
  };
}

function rttOf(h: Histogram): Record<string, unknown> {
  const values = Object.fromEntries(Object.entries(QUANTILES).map(([name, q]) => [name, { value: quantile(h, q), intervals: h.count === 0 ? [] : [orderStatisticInterval(h, q)] }]));
  const [p50, p95] = [quantile(h, 0.5), quantile(h, 0.95)];
  // How far the slow round trips are from the usual one.
  return { unit: 'ms', count: h.count, quantiles: values, jitterMs: p50 === null || p95 === null ? null : p95 - p50 };
}

/** Points for charts: p50, p95 and p99 of each stage with the order-statistic band, throughput, the worst provisional ratio. */
export async function series(store: TelemetryStore, asked: AskedScope, range: Range, stepMs: number): Promise<unknown[]> {
  const points: unknown[] = [];
  for (let from = range.from; from < range.to; from += stepMs) {
    const to = Math.min(range.to, from + stepMs);
    const total = emptyRollup();
    const rollups = await gather(store, asked, { from, to });
    for (const r of rollups.values()) addRollup(total, r);
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
