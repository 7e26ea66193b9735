/** SLAs as they stand: attainment, error budget, burn rates and time to exhaustion of each scope that an SLA is about. */
import { burnRateOf, burnRates, isBudgetKnown, isBurning, type Counted } from '../../../platform/burn-rates.ts';
import { goodEventOf, type Sla } from '../../../platform/index.ts';
import { instanceAt, segments, type Share } from '../../telemetry/index.ts';
import type { Trust } from '../../transparency/index.ts';
import { createTurns, shareOf } from './figures.ts';
import { rangeOf, type Range } from './scope.ts';
import type { TelemetryStore } from './store.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export interface Instance {
  readonly sla: Sla;
  readonly scope: string;
  /** Nodes whose events count. */
  readonly nodes: readonly string[];
}

/** Each SLA with each scope that it is about, in order. */
export function instancesOf(slas: readonly Sla[], trust: Trust): Instance[] {
  return slas.flatMap((sla) => {
    const scopes = new Map<string, string[]>();
    for (const region of trust.regions.values()) {
      for (const node of region.nodes.keys()) {
        const scope = instanceAt(sla.scope, node, region.id);
        if (scope !== null) scopes.set(scope, [...scopes.get(scope) ?? [], node]);
      }
    }
    return [...scopes].map(([scope, nodes]): Instance => ({ sla, scope, nodes }));
  });
}

/** By node. */
export type Counts = ReadonlyMap<string, Share>;

/** Counts of an SLA over several stretches of time, each read once. */
export function countsReader(store: Pick<TelemetryStore, 'slaCounts'>, sla: string): (range: Range) => Counts {
  const read = new Map<string, Counts>();
  return (range) => {
    const key = `${range.from}-${range.to}`;
    let counts = read.get(key);
    if (counts === undefined) read.set(key, counts = store.slaCounts(sla, segments(range.from, range.to)));
    return counts;
  };
}

export const sharesOf = (counts: Counts, nodes: readonly string[]): Share[] => nodes.flatMap((node) => counts.get(node) ?? []);

export const total = (shares: readonly Share[]): Counted =>
  ({ good: shares.reduce((sum, s) => sum + s.good, 0), events: shares.reduce((sum, s) => sum + s.events, 0) });

/** For how many minutes events of an instance have been counted, the present one included. */
export function sinceOf(store: Pick<TelemetryStore, 'countedSince'>, { sla, nodes }: Instance, now: number): number {
  const first = store.countedSince(sla.id, nodes);
  return first === null ? 0 : Math.floor(now / MINUTE_MS) - Math.floor(first / MINUTE_MS) + 1;
}

/**
 * Of an alert: the present minute, and so many before it. Without these one more, a window of a minute would be empty whenever one begins,
 * and what came just before would never be looked at.
 */
export const windowOf = (minutes: number, now: number): Range => rangeOf((minutes + 1) * MINUTE_MS, now);

/** Twelve digits are more than any measurement has, and hide what doubles make of 1 - 0.99. */
const rounded = (value: number): number => Number(value.toPrecision(12));

/** What an SLA allows and what of it is used. A budget of nothing is left whole. */
export function budgetOf(objective: number, { good, events }: Counted): { readonly allowed: number; readonly bad: number; readonly left: number } {
  const allowed = rounded(events * (1 - objective));
  const bad = events - good;
  return { allowed, bad, left: events === 0 ? 1 : rounded(1 - bad / allowed) };
}

/** The figures that stand behind an SLA in a stretch of time. */
export function attained({ sla, scope }: Instance, shares: readonly Share[]): Record<string, unknown> {
  const counted = total(shares);
  const { allowed, bad, left } = budgetOf(sla.objective, counted);
  const attainment = counted.events === 0 ? null : counted.good / counted.events;
  const { intervals } = shareOf(shares);
  return {
    sla: sla.id, scope, indicator: sla.indicator, good: goodEventOf(sla), objective: sla.objective,
    ...(sla.thresholdMs === undefined ? {} : { thresholdMs: sla.thresholdMs }), ...(sla.thresholdRatio === undefined ? {} : { thresholdRatio: sla.thresholdRatio }),
    severity: sla.severity, owner: sla.owner, runbook: sla.runbook, events: counted.events, goodEvents: counted.good, badEvents: bad,
    nodes: shares.length, attainment, intervals, met: attainment === null ? null : attainment >= sla.objective,
    budget: { allowedBadEvents: allowed, usedBadEvents: bad, left },
  };
}

type Readers = Map<string, (range: Range) => Counts>;

/**
 * @param now milliseconds since 1970
 * @param readers by SLA: what was read already
 */
export function slaStatus(
  store: Pick<TelemetryStore, 'slaCounts' | 'countedSince'>, instances: readonly Instance[], now: number, readers: Readers = new Map(),
): Record<string, unknown>[] {
  return instances.map((instance) => {
    const { sla, nodes } = instance;
    let read = readers.get(sla.id);
    if (read === undefined) readers.set(sla.id, read = countsReader(store, sla.id));
    const sinceMinutes = sinceOf(store, instance, now);
    const over = (minutes: number): Counted => ({ ...total(sharesOf(read(windowOf(minutes, now)), nodes)), sinceMinutes });
    const window = rangeOf(sla.windowDays * DAY_MS, now);
    const state = attained(instance, sharesOf(read(window), nodes));
    const alerts = burnRates(sla).map((rate) => {
      const [long, short] = [over(rate.long.minutes), over(rate.short.minutes)];
      const shown = (minutes: number, c: Counted): unknown => ({ minutes, events: c.events, badEvents: c.events - c.good, burnRate: burnRateOf(sla.objective, c) });
      return { id: rate.id, severity: rate.severity, factor: rate.factor, long: shown(rate.long.minutes, long), short: shown(rate.short.minutes, short), burning: isBurning(rate, long, short) };
    });
    const budget = { ...state['budget'] as { left: number }, known: isBudgetKnown(sla, { ...total(sharesOf(read(window), nodes)), sinceMinutes }) };
    const pace = alerts[0]?.long as { burnRate: number } | undefined;
    return {
      ...state, budget, windowDays: sla.windowDays, from: window.from, to: window.to, alerts, burning: alerts.some((a) => a.burning),
      // At the pace of the shortest of the long windows; null while the budget isn't shrinking.
      exhaustedInMs: budget.left <= 0 ? 0 : pace === undefined || pace.burnRate <= 1 ? null : budget.left * sla.windowDays * DAY_MS / pace.burnRate,
    };
  });
}

/** The same a little at a time: a thousand sites with an SLA of their own take a while. */
export async function slaStatusInTurns(store: Pick<TelemetryStore, 'slaCounts' | 'countedSince'>, instances: readonly Instance[], now: number): Promise<Record<string, unknown>[]> {
  const turn = createTurns();
  const readers: Readers = new Map();
  for (const sla of new Set(instances.map((i) => i.sla))) {
    const read = countsReader(store, sla.id);
    readers.set(sla.id, read);
    for (const minutes of [sla.windowDays * 24 * 60, ...burnRates(sla).flatMap(({ long, short }) => [long.minutes, short.minutes])]) {
      read(windowOf(minutes, now));
      await turn();
    }
  }
  const states: Record<string, unknown>[] = [];
  for (const instance of instances) {
    states.push(...slaStatus(store, [instance], now, readers));
    await turn();
  }
  return states;
}

export async function slaReport(store: TelemetryStore, instances: readonly Instance[], range: Range): Promise<Record<string, unknown>[]> {
  const turn = createTurns();
  const readers: Readers = new Map();
  const rows: Record<string, unknown>[] = [];
  for (const instance of instances) {
    const { id } = instance.sla;
    let read = readers.get(id);
    if (read === undefined) readers.set(id, read = countsReader(store, id));
    const counts = read(range);
    rows.push({ ...attained(instance, sharesOf(counts, instance.nodes)), byNode: instance.nodes.flatMap((node) => {
      const share = counts.get(node);
      return share === undefined ? [] : [{ node, events: share.events, goodEvents: share.good }];
    }) });
    await turn();
  }
  return rows;
}
