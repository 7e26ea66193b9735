/** Figures of all sites put together: lag per stage and region, drift, what is still provisional. */
import { STAGES, type Drift, type ServiceStatus, type Stage } from '../../services/protocol/index.ts';
import { emptyHistogram, fromJson, merge, quantile, type Histogram, subtract } from '../../services/telemetry/index.ts';

export interface Quantiles {
  readonly count: number;
  /** Milliseconds, one decimal; null when nothing was observed. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export type StageQuantiles = Readonly<Record<Stage, Quantiles>>;
export type StageHistograms = Record<Stage, Histogram>;

const oneDecimal = (v: number | null): number | null => (v === null ? null : Math.round(v * 10) / 10);

export const quantilesOf = (h: Histogram): Quantiles => ({
  count: h.count, p50: oneDecimal(quantile(h, 0.5)), p95: oneDecimal(quantile(h, 0.95)), p99: oneDecimal(quantile(h, 0.99)),
  max: oneDecimal(h.count === 0 ? null : h.max),
});

export const stageQuantiles = (stages: StageHistograms): StageQuantiles =>
  Object.fromEntries(STAGES.map((s) => [s, quantilesOf(stages[s])])) as StageQuantiles;

export const emptyStages = (): StageHistograms => Object.fromEntries(STAGES.map((s) => [s, emptyHistogram()])) as StageHistograms;

export function addLag(to: StageHistograms, status: Pick<ServiceStatus, 'lag'>): void {
  for (const stage of STAGES) {
    const json = status.lag?.[stage];
    if (json !== undefined) merge(to[stage], fromJson(json));
  }
}

/**
 * What was observed since `before`: bucket by bucket, exactly. When the service was started again in between (it has
 * fewer observations than before) everything it has is newer.
 */
export function lagSince(before: ServiceStatus['lag'], after: ServiceStatus['lag']): StageHistograms {
  const out = emptyStages();
  for (const stage of STAGES) {
    const now = after?.[stage];
    const then = before?.[stage];
    if (now === undefined) continue;
    // Fewer than before: the service was started again, and all that it has is newer.
    out[stage] = then === undefined || then.count > now.count ? fromJson(now) : subtract(fromJson(now), fromJson(then));
  }
  return out;
}

export const emptyDrift = (): Drift => ({ compared: 0, drifted: 0, amount: {}, amountMax: {}, reversed: 0, reversedAmount: {} });

export function addDrift(a: Drift, b: Drift | undefined): Drift {
  if (b === undefined) return a;
  const both = (x: Drift['amount'], y: Drift['amount'], join: (p: bigint, q: bigint) => bigint): Record<string, string> =>
    Object.fromEntries(
      [
        ...new Set([...Object.keys(x), ...Object.keys(y)]),
      ].map((k) => [k, join(BigInt(x[k] ?? '0'), BigInt(y[k] ?? '0')).toString()]),
    );
  const sum = (p: bigint, q: bigint): bigint => p + q;
  return {
    compared: a.compared + b.compared, drifted: a.drifted + b.drifted, amount: both(a.amount, b.amount, sum),
    amountMax: both(a.amountMax, b.amountMax, (p, q) => (p > q ? p : q)), reversed: a.reversed + b.reversed,
    reversedAmount: both(a.reversedAmount, b.reversedAmount, sum),
  };
}

/**
 * What was found since `before`. How large the largest difference since then was is not known when an earlier one was as
 * large: `amountMax` is then a bound. When the service was started again in between, everything it has is newer.
 */
export function driftSince(before: Drift | undefined, after: Drift | undefined): Drift {
  if (after === undefined) return emptyDrift();
  if (before === undefined || before.compared > after.compared) return after;
  const less = (a: Drift['amount'], b: Drift['amount']): Record<string, string> =>
    Object.fromEntries(Object.entries(a).map(([k, v]) => [k, (BigInt(v) - BigInt(b[k] ?? '0')).toString()]));
  const amount = less(after.amount, before.amount);
  const least = (a: bigint, b: bigint): string => (a < b ? a : b).toString();
  return {
    compared: after.compared - before.compared, drifted: after.drifted - before.drifted, amount,
    amountMax: Object.fromEntries(
      Object.entries(after.amountMax).map(([k, v]) => [k, least(BigInt(v), BigInt(amount[k] ?? '0'))]),
    ),
    reversed: after.reversed - before.reversed, reversedAmount: less(after.reversedAmount, before.reversedAmount),
  };
}
