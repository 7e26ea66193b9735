/** Telemetry and SLAs as the page uses them; see shapes.ts. */
import { fields, items, number, numberOr, text, textOr, type Fields } from './shapes.ts';

export interface LiveSite {
  readonly id: string;
  readonly region: string | null;
  readonly state: string;
  /** Settlements decided a second. */
  readonly throughput: number | null;
  /** Request to final, milliseconds; null when nothing became final lately. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly provisionalRatio: number | null;
  readonly provisional: number | null;
  readonly provisionalAgeMs: number | null;
  /** By age, as `AGES`; null where it is not told. */
  readonly byAge: readonly number[] | null;
  readonly queued: number | null;
  /** When it last told its figures, milliseconds since 1970. */
  readonly heardAt: number | null;
  /** When it, or its region for it, last made itself heard. */
  readonly contactAt: number | null;
  /** Whether it should have since. */
  readonly isLate: boolean;
}

/** `openIncidents`: null where the control plane does not tell. */
export interface Live { readonly at: number; readonly sites: readonly LiveSite[]; readonly openIncidents: number | null }

/** Ages of provisional settlements, as edge nodes tell them apart. */
export const AGES = ['up to 1 s', 'up to 10 s', 'up to 1 min', 'up to 10 min', 'up to 1 h', 'older'] as const;

export function readLive(value: unknown): Live {
  const o = fields('live', value);
  return {
    at: number(o, 'at'), openIncidents: numberOr(fields('incidents', o['incidents'] ?? {}), 'open', null),
    sites: items('sites', o['sites'], (s): LiveSite => {
      const lag = fields('lagMs', s['lagMs'] ?? {});
      return {
        id: text(s, 'id'), region: textOr(s, 'region', null), state: text(s, 'state'), throughput: numberOr(s, 'perSecond', null),
        p50Ms: numberOr(lag, 'p50', null), p99Ms: numberOr(lag, 'p99', null), provisionalRatio: numberOr(s, 'provisionalRatio', null),
        provisional: numberOr(s, 'provisional', null), provisionalAgeMs: numberOr(s, 'provisionalAgeMs', null),
        byAge: Array.isArray(s['provisionalByAge']) && s['provisionalByAge'].length === AGES.length ? s['provisionalByAge'].map(Number) : null, queued: numberOr(s, 'queued', null),
        heardAt: numberOr(s, 'heardAt', null), contactAt: numberOr(s, 'contactAt', null), isLate: s['isLate'] === true,
      };
    }),
  };
}

export interface Interval {
  readonly method: string;
  readonly confidence: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** What has to be said beside it. */
  readonly note: string | null;
}

const readInterval = (o: Fields): Interval =>
  ({ method: text(o, 'method'), confidence: numberOr(o, 'confidence', null), low: numberOr(o, 'low', null), high: numberOr(o, 'high', null), note: textOr(o, 'note', null) });
export const readIntervals = (value: unknown): readonly Interval[] => (value == null ? [] : items('intervals', value, readInterval));

/** A burn rate over its window. */
export interface Burn { readonly minutes: number | null; readonly rate: number | null }

/** It burns when both windows are above `factor`. */
export interface Alert { readonly id: string; readonly long: Burn; readonly short: Burn; readonly factor: number | null; readonly burning: boolean }

export interface Sla {
  readonly id: string;
  readonly scope: string;
  readonly indicator: string;
  readonly objective: number;
  readonly windowDays: number | null;
  readonly events: number;
  readonly good: number;
  /** Null while nothing was counted. */
  readonly attainment: number | null;
  /** Share of the error budget that is left; below 0 when it is overspent; null while nothing was counted. */
  readonly budgetLeft: number | null;
  /** Whether enough was counted to say that of the whole window. */
  readonly budgetKnown: boolean;
  /** Null while the budget is not shrinking. */
  readonly exhaustedInMs: number | null;
  readonly intervals: readonly Interval[];
  readonly alerts: readonly Alert[];
}

/** Worst first; what has no budget yet is last. */
const byBudget = (a: Sla, b: Sla): number => (a.budgetLeft ?? Infinity) - (b.budgetLeft ?? Infinity) || (`${a.id} ${a.scope}` < `${b.id} ${b.scope}` ? -1 : 1);

function readBurn(value: unknown): Burn {
  const o = fields('burn rate', value ?? {});
  return { minutes: numberOr(o, 'minutes', null), rate: numberOr(o, 'burnRate', null) };
}

export const readAlert = (a: Fields): Alert => ({
  id: text(a, 'id'), long: readBurn(a['long']), short: readBurn(a['short']), factor: numberOr(a, 'factor', null), burning: a['burning'] === true,
});

function readSla(o: Fields): Sla {
  const events = number(o, 'events');
  return {
    id: text(o, 'sla'), scope: text(o, 'scope'), indicator: text(o, 'indicator'), objective: number(o, 'objective'), windowDays: numberOr(o, 'windowDays', null),
    events, good: number(o, 'goodEvents'), attainment: numberOr(o, 'attainment', null), budgetLeft: events === 0 ? null : numberOr(fields('budget', o['budget']), 'left', null),
    budgetKnown: events > 0 && fields('budget', o['budget'])['known'] !== false,
    exhaustedInMs: numberOr(o, 'exhaustedInMs', null), intervals: readIntervals(o['intervals']), alerts: items('alerts', o['alerts'] ?? [], readAlert),
  };
}

export const readSlas = (value: unknown): readonly Sla[] => [...items('slas', fields('answer', value)['slas'], readSla)].sort(byBudget);

export const STAGES = [
  ['whole', 'Request to final'], ['provisional', 'Request to provisional'], ['ordered', 'Provisional to ordered'], ['final', 'Ordered to final'],
] as const;
export const QUANTILES = ['p50', 'p95', 'p99'] as const;
export type QuantileName = (typeof QUANTILES)[number];

export interface Figure { readonly value: number | null; readonly intervals: readonly Interval[] }

/** A histogram's quantiles, milliseconds. */
export interface Quantiles { readonly count: number; readonly quantiles: Readonly<Record<QuantileName, Figure>> }

export interface Share { readonly count: number; readonly of: number; readonly value: number | null; readonly intervals: readonly Interval[] }

export interface Peering {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly sent: number;
  readonly lost: number;
  /** Of the probes, those that came back. */
  readonly reachable: Share | null;
  readonly rtt: Quantiles;
  readonly jitter: Quantiles;
  /** As of the last delta; null when it did not say. */
  readonly up: boolean | null;
  /** Since when, milliseconds since 1970. */
  readonly upSince: number | null;
}

export interface Indicators {
  readonly from: number;
  readonly to: number;
  readonly nodes: { readonly expected: number; readonly reporting: number; readonly silent: readonly string[] };
  readonly deltas: number;
  readonly missing: number;
  /** In the order of `STAGES`, each with its title. */
  readonly lag: readonly (Quantiles & { readonly stage: string; readonly title: string })[];
  readonly shares: readonly (Share & { readonly name: string })[];
  readonly provisional: { readonly worstRatio: number | null; readonly worstAgeMs: number | null };
  readonly drift: {
    readonly compared: number; readonly drifted: number; readonly right: Share | null; readonly amounts: readonly (readonly [string, string])[];
    readonly reversed: readonly (readonly [string, string])[]; readonly time: Quantiles;
  };
  readonly reconciliation: Quantiles;
  readonly peering: readonly Peering[];
  /** Ways between sites that there are: the worst of them are listed. */
  readonly peeringPairs: number;
}

/** Either with a list of intervals, or with one band around it. */
function readFigure(value: unknown): Figure {
  if (value == null) return { value: null, intervals: [] };
  const o = fields('figure', value);
  const bare = { method: 'order-statistic', confidence: 0.95, low: numberOr(o, 'low', null), high: numberOr(o, 'high', null), note: null };
  return { value: numberOr(o, 'value', null), intervals: 'low' in o ? [bare] : readIntervals(o['intervals']) };
}

function readQuantiles(value: unknown): Quantiles {
  const o = fields('quantiles', value ?? {});
  const q = fields('quantiles', o['quantiles'] ?? {});
  return { count: numberOr(o, 'count', 0), quantiles: { p50: readFigure(q['p50']), p95: readFigure(q['p95']), p99: readFigure(q['p99']) } };
}

const readShare = (o: Fields): Share => ({ count: number(o, 'count'), of: number(o, 'of'), value: numberOr(o, 'value', null), intervals: readIntervals(o['intervals']) });
const readAmounts = (value: unknown): readonly (readonly [string, string])[] => Object.entries(fields('amounts', value ?? {})).map(([asset, amount]) => [asset, String(amount)] as const);

const SHARES: Readonly<Record<string, string>> = { refused: 'Refused at the edge', offline: 'Decided offline', reversed: 'Reversed by the centre' };

export function readIndicators(value: unknown): Indicators {
  const o = fields('indicators', value);
  const lag = fields('lag', o['lag']);
  const nodes = fields('nodes', o['nodes']);
  const drift = fields('drift', o['drift']);
  const worst = fields('provisional', o['provisional'] ?? {});
  return {
    from: number(o, 'from'), to: number(o, 'to'), deltas: number(o, 'deltas'), missing: number(o, 'missing'),
    nodes: { expected: number(nodes, 'expected'), reporting: number(nodes, 'reporting'), silent: Array.isArray(nodes['silent']) ? nodes['silent'].map(String) : [] },
    lag: STAGES.map(([stage, title]) => ({ stage, title, ...readQuantiles(lag[stage]) })),
    shares: Object.entries(fields('shares', o['shares'] ?? {})).map(([name, share]) => ({ name: SHARES[name] ?? name, ...readShare(fields(name, share)) })),
    provisional: { worstRatio: numberOr(worst, 'worstRatio', null), worstAgeMs: numberOr(worst, 'worstAgeMs', null) },
    drift: {
      compared: number(drift, 'compared'), drifted: number(drift, 'drifted'), right: drift['true'] == null ? null : readShare(fields('true', drift['true'])),
      amounts: readAmounts(drift['amount']), reversed: readAmounts(drift['reversedAmount']), time: readQuantiles(drift['time']),
    },
    reconciliation: readQuantiles(o['reconciliation']),
    peering: items('peering', o['peering'] ?? [], (p): Peering => ({
      from: text(p, 'from'), to: text(p, 'to'), kind: textOr(p, 'kind', 'region'), sent: number(p, 'sent'), lost: number(p, 'lost'),
      reachable: p['reachable'] == null ? null : readShare(fields('reachable', p['reachable'])), rtt: readQuantiles(p['rtt']), jitter: readQuantiles(p['jitter']),
      up: typeof p['up'] === 'boolean' ? p['up'] : null, upSince: numberOr(p, 'upSince', null),
    })),
    peeringPairs: numberOr(fields('peeringPairs', o['peeringPairs'] ?? {}), 'of', Array.isArray(o['peering']) ? o['peering'].length : 0),
  };
}

export interface Point {
  /** Begin of the point, milliseconds since 1970. */
  readonly at: number;
  readonly lag: Readonly<Record<string, Quantiles>>;
  readonly throughput: number | null;
  readonly provisionalRatio: number | null;
  readonly provisionalAgeMs: number | null;
  readonly drifted: number | null;
}

export const readSeries = (value: unknown): readonly Point[] => items('points', fields('series', value)['points'], (o): Point => {
  const lag = fields('lag', o['lag']);
  return {
    at: number(o, 'from'), lag: Object.fromEntries(STAGES.map(([stage]) => [stage, readQuantiles(lag[stage])])),
    throughput: numberOr(o, 'perSecond', null), provisionalRatio: numberOr(o, 'provisionalRatio', null), provisionalAgeMs: numberOr(o, 'provisionalAgeMs', null),
    drifted: numberOr(o, 'drifted', null),
  };
});

export interface RawDelta {
  /** Order in which the centre received them, over all sites. */
  readonly n: number;
  readonly node: string;
  readonly seq: number;
  readonly from: number;
  readonly to: number;
  readonly receivedAt: number;
  /** The signed note, as received. */
  readonly note: string;
}

export interface DeltasPage { readonly deltas: readonly RawDelta[]; readonly next: number }

export function readDeltas(value: unknown): DeltasPage {
  const o = fields('answer', value);
  return {
    next: number(o, 'next'),
    deltas: items('deltas', o['deltas'], (d) => ({
      n: number(d, 'n'), node: text(d, 'node'), seq: number(d, 'seq'), from: number(d, 'from'), to: number(d, 'to'), receivedAt: number(d, 'receivedAt'), note: text(d, 'note'),
    })),
  };
}
