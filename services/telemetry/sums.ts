/**
 * What is counted at an edge node over some stretch of time, in a form that adds up: over time, over nodes, over regions. All of it
 * is counts, sums and histograms, so that no percentile and no ratio is ever averaged.
 */
import { ASSET_PATTERN, ID_PATTERN } from '../protocol/grammar.ts';
import { EncodingError } from '../protocol/errors.ts';
import { checkHistogram, emptyHistogram, fromJson, merge, toJson, type Counted, type Histogram, type HistogramJson, type Room } from './histogram.ts';
import type { Share } from './proportions.ts';

/** As `STAGES` of the protocol has them. */
export const LAG_STAGES = ['provisional', 'ordered', 'final', 'whole'] as const;
export type LagStage = (typeof LAG_STAGES)[number];

/** Settlements by what became of them; `offline` of those accepted or refused, `reversed` of those rejected. */
export const COUNTS = ['accepted', 'refused', 'offline', 'final', 'rejected', 'reversed'] as const;
export type CountName = (typeof COUNTS)[number];

export interface Drift {
  /** Balances relied upon that were compared with the ledger's. */
  compared: number;
  /** Of those, the ones that were not the true ones. */
  drifted: number;
  /** Sum of absolute differences, and of what was accepted and then reversed: minor units by asset. */
  readonly amount: Map<string, bigint>;
  readonly reversedAmount: Map<string, bigint>;
  /** For how long a balance that was not the true one had been relied upon. Milliseconds. */
  readonly time: Histogram;
}

/** Probes of one site by another one. */
export interface Peering {
  sent: number;
  /** Of those, the ones that were not answered in time. */
  lost: number;
  /** Round trips of the others. Milliseconds. */
  readonly rtt: Histogram;
  /**
   * By how much the round trips of two probes differ that followed each other and both came back: |D(i-1, i)| of RFC 3550, section 6.4.1,
   * as a distribution in place of its running mean, so that it adds up exactly. Its mean is `sum / count`. Milliseconds.
   */
  readonly jitter: Histogram;
}

export interface Sums {
  /** Milliseconds, by stage. */
  readonly lag: Readonly<Record<LagStage, Histogram>>;
  readonly counts: Record<CountName, number>;
  /** By SLA. */
  readonly slas: Map<string, { events: number; good: number }>;
  readonly drift: Drift;
  /** From the first contact after a partition until all that was decided in it had its outcome. Milliseconds. */
  readonly reconciliation: Histogram;
  /** By the site probed. */
  readonly peering: Map<string, Peering>;
}

export interface SumsJson {
  readonly lag: Readonly<Partial<Record<LagStage, HistogramJson>>>;
  readonly counts: Readonly<Partial<Record<CountName, number>>>;
  readonly slas: Readonly<Record<string, { readonly events: number; readonly good: number }>>;
  readonly drift?: {
    readonly compared: number; readonly drifted: number; readonly amount: Readonly<Record<string, string>>;
    readonly reversedAmount: Readonly<Record<string, string>>; readonly time?: HistogramJson;
  };
  readonly reconciliation?: HistogramJson;
  readonly peering: Readonly<Record<string, { readonly sent: number; readonly lost: number; readonly rtt?: HistogramJson; readonly jitter?: HistogramJson }>>;
}

const forEach = <K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> =>
  Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>;

export const emptySums = (): Sums => ({
  lag: forEach(LAG_STAGES, emptyHistogram), counts: forEach(COUNTS, () => 0), slas: new Map(),
  drift: { compared: 0, drifted: 0, amount: new Map(), reversedAmount: new Map(), time: emptyHistogram() },
  reconciliation: emptyHistogram(), peering: new Map(),
});

export const addAmount = (to: Map<string, bigint>, asset: string, amount: bigint): void => void to.set(asset, (to.get(asset) ?? 0n) + amount);

export function addShare(to: Sums['slas'], sla: string, { events, good }: Share): void {
  const sum = to.get(sla);
  if (sum === undefined) to.set(sla, { events, good });
  else {
    sum.events += events;
    sum.good += good;
  }
}

export function peeringOf(sums: Sums, to: string): Peering {
  let peering = sums.peering.get(to);
  if (peering === undefined) sums.peering.set(to, peering = { sent: 0, lost: 0, rtt: emptyHistogram(), jitter: emptyHistogram() });
  return peering;
}

/** Sums to add to others: as they are counted, or as they travel. */
export interface Summand {
  readonly lag: Readonly<Partial<Record<LagStage, Counted>>>;
  readonly counts: Readonly<Partial<Record<CountName, number>>>;
  readonly slas: Iterable<readonly [string, Share]>;
  readonly drift: Pick<Drift, 'compared' | 'drifted'> & {
    readonly amount: Iterable<readonly [string, bigint]>; readonly reversedAmount: Iterable<readonly [string, bigint]>; readonly time: Counted | undefined;
  };
  readonly reconciliation: Counted | undefined;
  readonly peering: Iterable<readonly [string, Pick<Peering, 'sent' | 'lost'> & { readonly rtt?: Counted; readonly jitter?: Counted }]>;
}

const bigints = (amounts: Readonly<Record<string, string>> = {}): [string, bigint][] => Object.entries(amounts).map(([asset, amount]) => [asset, BigInt(amount)]);

/** What `sumsToJson` wrote, ready to be added up without being taken apart: several times as fast as `sumsFromJson`, and nothing is checked. */
export const summandOf = ({ lag, counts, slas, drift, reconciliation, peering }: SumsJson): Summand => ({
  lag, counts, slas: Object.entries(slas), reconciliation, peering: Object.entries(peering),
  drift: {
    compared: drift?.compared ?? 0, drifted: drift?.drifted ?? 0, amount: bigints(drift?.amount), reversedAmount: bigints(drift?.reversedAmount), time: drift?.time,
  },
});

const mergeAny = (a: Histogram, b: Counted | undefined, room: Room | undefined): void => (b === undefined ? undefined : merge(a, b, room));

/** What sums may hold where somebody may make things up: what is counted under further names is left out. */
export interface SumsMax {
  readonly slas: number;
  /** Of either amount. */
  readonly assets: number;
  /** Sites probed. */
  readonly peers: number;
  /** Of all histograms together; beyond, values are counted in the nearest bucket that there is. */
  readonly buckets: number;
}

export const UNBOUNDED: SumsMax = { slas: Infinity, assets: Infinity, peers: Infinity, buckets: Infinity };

function roomIn({ lag, drift, reconciliation, peering }: Sums, most: number): Room | undefined {
  if (most === Infinity) return undefined;
  let left = most - drift.time.buckets.size - reconciliation.buckets.size;
  for (const stage of LAG_STAGES) left -= lag[stage].buckets.size;
  for (const { rtt, jitter } of peering.values()) left -= rtt.buckets.size + jitter.buckets.size;
  return { left };
}

const hasRoom = (names: ReadonlyMap<string, unknown>, name: string, max: number): boolean => names.size < max || names.has(name);

/**
 * Adds all of `b` to `a`.
 * @param max in `a` afterwards
 */
export function addSums(a: Sums, b: Summand, max: SumsMax = UNBOUNDED): void {
  const room = roomIn(a, max.buckets);
  for (const stage of LAG_STAGES) mergeAny(a.lag[stage], b.lag[stage], room);
  for (const name of COUNTS) a.counts[name] += b.counts[name] ?? 0;
  for (const [sla, share] of b.slas) if (hasRoom(a.slas, sla, max.slas)) addShare(a.slas, sla, share);
  a.drift.compared += b.drift.compared;
  a.drift.drifted += b.drift.drifted;
  for (const name of ['amount', 'reversedAmount'] as const) {
    for (const [asset, amount] of b.drift[name]) if (hasRoom(a.drift[name], asset, max.assets)) addAmount(a.drift[name], asset, amount);
  }
  mergeAny(a.drift.time, b.drift.time, room);
  mergeAny(a.reconciliation, b.reconciliation, room);
  for (const [to, { sent, lost, rtt, jitter }] of b.peering) {
    if (!hasRoom(a.peering, to, max.peers)) continue;
    const peering = peeringOf(a, to);
    peering.sent += sent;
    peering.lost += lost;
    mergeAny(peering.rtt, rtt, room);
    mergeAny(peering.jitter, jitter, room);
  }
}

/** Whether anything but probes was counted. */
export const isQuiet = (s: Sums): boolean => COUNTS.every((name) => s.counts[name] === 0) && s.drift.compared === 0
  && s.reconciliation.count === 0 && LAG_STAGES.every((stage) => s.lag[stage].count === 0);

const amounts = (m: ReadonlyMap<string, bigint>): Record<string, string> => Object.fromEntries([...m].map(([asset, n]) => [asset, String(n)]));

const when = <K extends string>(key: K, h: Histogram): Partial<Record<K, HistogramJson>> =>
  (h.count === 0 ? {} : { [key]: toJson(h) } as Partial<Record<K, HistogramJson>>);

/** What was not counted is left out. */
export function sumsToJson(s: Sums): SumsJson {
  return {
    lag: Object.assign({}, ...LAG_STAGES.map((stage) => when(stage, s.lag[stage]))) as SumsJson['lag'],
    counts: Object.fromEntries(COUNTS.filter((name) => s.counts[name] > 0).map((name) => [name, s.counts[name]])),
    slas: Object.fromEntries([...s.slas].map(([id, { events, good }]) => [id, { events, good }])),
    ...(s.drift.compared + s.drift.reversedAmount.size === 0 ? {} : {
      drift: {
        compared: s.drift.compared, drifted: s.drift.drifted, amount: amounts(s.drift.amount),
        reversedAmount: amounts(s.drift.reversedAmount), ...when('time', s.drift.time),
      },
    }),
    ...when('reconciliation', s.reconciliation),
    peering: Object.fromEntries([...s.peering].map(([to, p]) => [to, { sent: p.sent, lost: p.lost, ...when('rtt', p.rtt), ...when('jitter', p.jitter) }])),
  };
}

// ---- reading what others send ---------------------------------------------------------------------------------------

type Fields = Readonly<Record<string, unknown>>;

export const isNatural = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;
export const wrong = (path: string, expected: string, got: unknown): EncodingError =>
  new EncodingError(`${path}: expected ${expected}, got ${(JSON.stringify(got) ?? 'nothing').slice(0, 80)}`);

/** @throws EncodingError unless it is an object with no other than these keys */
export function fields(path: string, value: unknown, allowed?: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'an object', value);
  for (const key of Object.keys(value)) if (allowed?.includes(key) === false) throw wrong(`${path}.${key}`, `none but ${allowed.join(', ')}`, key);
  return value as Fields;
}

export function natural(path: string, value: unknown): number {
  if (!isNatural(value)) throw wrong(path, 'a whole number from 0', value);
  return value;
}

/** Keys of one of these: many enough for every deployment, few enough to be held. */
export const KEYS_MAX = 1_000;
const idRegex = new RegExp(ID_PATTERN);
const assetRegex = new RegExp(ASSET_PATTERN);
/** A sum of amounts: each is below 2^65, and events are below 2^53 (`EVENTS_PER_MS_MAX` of delta.ts); that is 36 digits. */
const amountRegex = /^(?:0|[1-9][0-9]{0,35})$/;

function entries(path: string, value: unknown, key: RegExp): [string, unknown][] {
  const all = Object.entries(fields(path, value));
  if (all.length > KEYS_MAX) throw wrong(path, `at most ${KEYS_MAX} keys`, all.length);
  for (const [name] of all) if (!key.test(name)) throw wrong(path, 'a key that is an id', name);
  return all;
}

const amountsOf = (path: string, value: unknown): Map<string, bigint> => new Map(entries(path, value, assetRegex).map(([asset, amount]) => {
  if (typeof amount !== 'string' || !amountRegex.test(amount)) throw wrong(`${path}.${asset}`, 'minor units, at most 36 digits', amount);
  return [asset, BigInt(amount)];
}));

const histogramOf = (path: string, value: unknown): Histogram => (value === undefined ? emptyHistogram() : fromJson(checkHistogram(path, value)));

/** @throws EncodingError naming the first place that is not as it has to be */
export function sumsFromJson(value: unknown, path = 'sums'): Sums {
  const o = fields(path, value, ['lag', 'counts', 'slas', 'drift', 'reconciliation', 'peering']);
  const lag = fields(`${path}.lag`, o['lag'], LAG_STAGES);
  const counts = fields(`${path}.counts`, o['counts'], COUNTS);
  const drift = fields(`${path}.drift`, o['drift'] ?? { compared: 0, drifted: 0, amount: {}, reversedAmount: {} }, ['compared', 'drifted', 'amount', 'reversedAmount', 'time']);
  const [compared, drifted] = [natural(`${path}.drift.compared`, drift['compared']), natural(`${path}.drift.drifted`, drift['drifted'])];
  if (drifted > compared) throw wrong(`${path}.drift.drifted`, `at most the ${compared} compared`, drifted);
  return {
    lag: forEach(LAG_STAGES, (stage) => histogramOf(`${path}.lag.${stage}`, lag[stage])),
    counts: forEach(COUNTS, (name) => natural(`${path}.counts.${name}`, counts[name] ?? 0)),
    slas: new Map(entries(`${path}.slas`, o['slas'], idRegex).map(([id, share]) => {
      const at = `${path}.slas.${id}`;
      const s = fields(at, share, ['events', 'good']);
      const [events, good] = [natural(`${at}.events`, s['events']), natural(`${at}.good`, s['good'])];
      if (good > events) throw wrong(`${at}.good`, `at most the ${events} events`, good);
      return [id, { events, good }];
    })),
    drift: {
      compared, drifted, amount: amountsOf(`${path}.drift.amount`, drift['amount']),
      reversedAmount: amountsOf(`${path}.drift.reversedAmount`, drift['reversedAmount']), time: histogramOf(`${path}.drift.time`, drift['time']),
    },
    reconciliation: histogramOf(`${path}.reconciliation`, o['reconciliation']),
    peering: new Map(entries(`${path}.peering`, o['peering'], idRegex).map(([to, peer]) => {
      const at = `${path}.peering.${to}`;
      // Without jitter: from before there was any.
      const p = fields(at, peer, ['sent', 'lost', 'rtt', 'jitter']);
      const [sent, lost, rtt] = [natural(`${at}.sent`, p['sent']), natural(`${at}.lost`, p['lost']), histogramOf(`${at}.rtt`, p['rtt'])];
      if (lost + rtt.count !== sent) throw wrong(at, `lost and answered probes to be the ${sent} sent`, lost + rtt.count);
      const jitter = histogramOf(`${at}.jitter`, p['jitter']);
      if (jitter.count > rtt.count) throw wrong(`${at}.jitter`, `at most the ${rtt.count} differences that so many round trips have`, jitter.count);
      return [to, { sent, lost, rtt, jitter }];
    })),
  };
}
