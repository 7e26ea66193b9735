/** What the node counts since its start: settlements by what became of them, their lag by stage, and drift. */
import { STAGES, type Drift, type OutcomeEntry, type ServiceStatus, type Stage } from '../protocol/index.ts';
import type { Metric } from '../shell/index.ts';
import { emptyHistogram, quantile, record, toJson, type Histogram } from '../telemetry/index.ts';
import type { OutcomeEffect } from './core/node.ts';
import type { Flush } from './intake.ts';
import { createQueue } from './queue.ts';

export interface Figures {
  /** A request was answered. */
  readonly answered: (count: number, lagMs: number) => void;
  /** A commit is on disk. */
  readonly decided: (flush: Flush) => void;
  /** The log is ordered up to `size`. */
  readonly orderedUpTo: (size: number, time: number) => void;
  readonly settled: (outcome: OutcomeEntry, effect: OutcomeEffect) => void;
  /** Everything before `size` has its outcome. @returns when the youngest commit that is wholly settled with it was decided, or null */
  readonly finalUpTo: (size: number, time: number) => number | null;
  readonly counts: () => Readonly<Record<string, number>>;
  /** When the oldest entry without outcome was decided, as far as it was in this life. */
  readonly oldestAt: () => number | null;
  readonly lag: () => NonNullable<ServiceStatus['lag']>;
  readonly drift: () => Drift;
  readonly metrics: () => readonly Metric[];
}

export function createFigures(): Figures {
  const lag = Object.fromEntries(STAGES.map((s) => [s, emptyHistogram()])) as Record<Stage, Histogram>;
  const counts = { accepted: 0, refused: 0, offline: 0, final: 0, rejected: 0, reversed: 0 };
  const drift = { compared: 0, drifted: 0, amount: new Map<string, bigint>(), amountMax: new Map<string, bigint>(), reversedAmount: new Map<string, bigint>() };
  /** Commits of this life whose entries are not final yet, oldest first. */
  const underWay = createQueue<Flush & { orderedAt: number | null }>();
  /** How many of them, from the oldest on, are ordered. */
  let orderedCommits = 0;

  return {
    answered(count, lagMs) {
      if (count > 0) record(lag.provisional, lagMs, count);
    },

    decided(flush) {
      underWay.push({ ...flush, orderedAt: null });
      counts.accepted += flush.count - flush.refused;
      counts.refused += flush.refused;
      counts.offline += flush.offline;
    },

    orderedUpTo(size, time) {
      for (let f = underWay.at(orderedCommits); f !== undefined && f.first + f.count <= size; f = underWay.at(orderedCommits)) {
        f.orderedAt = time;
        record(lag.ordered, Math.max(0, time - f.decidedAt), f.count);
        orderedCommits += 1;
      }
    },

    settled(outcome, effect) {
      const { asset, amount } = outcome.instruction;
      counts[outcome.status] += 1;
      if (effect.drift !== null) {
        drift.compared += 1;
        if (effect.drift !== 0n) {
          const size = effect.drift < 0n ? -effect.drift : effect.drift;
          drift.drifted += 1;
          drift.amount.set(asset, (drift.amount.get(asset) ?? 0n) + size);
          if (size > (drift.amountMax.get(asset) ?? 0n)) drift.amountMax.set(asset, size);
        }
      }
      if (effect.reversed) {
        counts.reversed += 1;
        drift.reversedAmount.set(asset, (drift.reversedAmount.get(asset) ?? 0n) + amount);
      }
    },

    finalUpTo(size, time) {
      let youngest: number | null = null;
      for (let f = underWay.at(0); f !== undefined && f.first + f.count <= size; f = underWay.at(0)) {
        underWay.shift();
        orderedCommits -= 1;
        youngest = f.decidedAt;
        record(lag.final, Math.max(0, time - (f.orderedAt ?? time)), f.count);
        record(lag.whole, Math.max(0, time - f.receivedAt), f.count);
      }
      return youngest;
    },

    counts: () => counts,
    oldestAt: () => underWay.at(0)?.decidedAt ?? null,
    lag: () => Object.fromEntries(STAGES.map((s) => [s, toJson(lag[s])])),
    drift: () => ({
      compared: drift.compared, drifted: drift.drifted, amount: asText(drift.amount), amountMax: asText(drift.amountMax),
      reversed: counts.reversed, reversedAmount: asText(drift.reversedAmount),
    }),

    metrics: () => [
      {
        name: 'tidemark_edge_settlements_total', help: 'Settlements by what became of them, since the start.', type: 'counter',
        samples: Object.entries(counts).map(([result, value]) => ({ labels: { result }, value })),
      },
      {
        name: 'tidemark_edge_lag_milliseconds', help: 'Settlement lag by stage.', type: 'summary',
        samples: STAGES.flatMap((stage) => [
          ...[0.5, 0.95, 0.99].map((q) => ({ labels: { stage, quantile: String(q) }, value: quantile(lag[stage], q) ?? Number.NaN })),
          { labels: { stage }, suffix: '_sum', value: lag[stage].sum }, { labels: { stage }, suffix: '_count', value: lag[stage].count },
        ]),
      },
    ],
  };
}

const asText = (amounts: ReadonlyMap<string, bigint>): Record<string, string> =>
  Object.fromEntries([...amounts].map(([asset, amount]) => [asset, amount.toString()]));
