/** The scenarios: which clients come, how many, and what they are for. Data and arithmetic; `tidemark load --list` prints it. */
import type { Arrivals, Population, Role } from './plan.ts';

export interface ScenarioOptions {
  /** Settlements a second of the good clients, before what the scenario does to it. */
  readonly rate: number;
  readonly seconds: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** When to choose it, in a sentence. */
  readonly what: string;
  readonly rate: number;
  readonly seconds: number;
  readonly hotShare?: number;
  readonly skew?: number;
  readonly merchants?: number;
  /** Cuts a region off for the middle third. */
  readonly partition?: true;
  readonly populations: (o: ScenarioOptions) => Readonly<Record<string, Population>>;
}

const constant = (rate: number, seconds: number): Arrivals => ({ kind: 'constant', rate, seconds });
const good = (role: Role, arrivals: Arrivals): Population => ({ role, arrivals, judged: true });
const bad = (role: Role, arrivals: Arrivals): Population => ({ role, arrivals, judged: false });

/** Settlements followed to their end: enough for a verdict in a short run, few enough that asking is no load. */
const followers = ({ rate, seconds }: ScenarioOptions): Population => good('follow', constant(Math.max(2, Math.min(20, Math.round(rate / 20))), seconds));
const watcher = ({ seconds }: ScenarioOptions): Population => good('watch', { kind: 'loop', clients: 1, seconds });

const steady = (o: ScenarioOptions): Record<string, Population> =>
  ({ clients: good('settle', constant(o.rate, o.seconds)), followers: followers(o), watcher: watcher(o) });

/** The share of a day's peak in each of its hours, as card payments have it: low at night, a shoulder at noon, a peak in the evening. */
const DAY = [0.12, 0.08, 0.06, 0.05, 0.06, 0.1, 0.22, 0.4, 0.55, 0.65, 0.75, 0.88, 0.95, 0.85, 0.78, 0.76, 0.82, 0.95, 1, 0.9, 0.7, 0.5, 0.32, 0.2];

/** Share of a run in which a rate goes from one step to the next: k6 knows slopes only. */
const JUMP = 0.01;

const ramp = (stages: readonly (readonly [rate: number, seconds: number])[]): Arrivals =>
  ({ kind: 'ramp', stages: stages.map(([rate, seconds]) => ({ rate: Math.max(1, Math.round(rate)), seconds: Math.max(0.1, seconds) })) });

const LIST: readonly Scenario[] = [
  {
    name: 'steady', title: 'Steady load', what: 'is the site within its SLAs at the rate that it is meant for?', rate: 100, seconds: 60,
    populations: steady,
  },
  {
    name: 'ramp', title: 'Ramp to the knee', what: 'at which rate does a site stop keeping its SLAs? The rate rises in ten steps from a tenth of --rate', rate: 1_000, seconds: 100,
    populations: (o) => ({
      ...steady(o),
      clients: good('settle', ramp(Array.from({ length: 10 }, (_, i) => [[o.rate * (i + 1) / 10, o.seconds * JUMP], [o.rate * (i + 1) / 10, o.seconds * (0.1 - JUMP)]] as const).flat())),
    }),
  },
  {
    name: 'spike', title: 'Flash sale', what: 'five times the rate from one second to the next, for a fifth of the time', rate: 100, seconds: 60,
    populations: (o) => ({
      ...steady(o),
      clients: good('settle', ramp([[o.rate, o.seconds * 0.4], [o.rate * 5, o.seconds * JUMP], [o.rate * 5, o.seconds * (0.2 - JUMP)], [o.rate, o.seconds * JUMP], [o.rate, o.seconds * (0.4 - JUMP)]])),
    }),
  },
  {
    name: 'soak', title: 'A day, compressed', what: 'does anything grow or wear out? The rate follows a day\'s shape; give it hours', rate: 100, seconds: 3_600,
    populations: (o) => ({ ...steady(o), clients: good('settle', ramp(DAY.map((share) => [o.rate * share, o.seconds / DAY.length]))) }),
  },
  {
    name: 'hot-account', title: 'One hot account', what: 'four of five settlements credit one and the same merchant', rate: 100, seconds: 60, hotShare: 0.8,
    populations: steady,
  },
  {
    name: 'mixed', title: 'Reads and writes', what: 'nine reads from the edge\'s cache for each settlement', rate: 50, seconds: 60,
    populations: (o) => ({ ...steady(o), readers: good('read', constant(o.rate * 9, o.seconds)) }),
  },
  {
    name: 'merchants', title: 'Many merchants', what: 'no account is hot: 2,000 merchants, all alike', rate: 100, seconds: 60, skew: 0, merchants: 2_000,
    populations: steady,
  },
  {
    name: 'batches', title: 'Batches', what: 'an acquirer that sends its settlements in batches beside clients that send one by one', rate: 50, seconds: 60,
    populations: (o) => ({ ...steady(o), acquirer: bad('batch', constant(Math.max(1, Math.round(o.rate / 25)), o.seconds)) }),
  },
  {
    name: 'retry-storm', title: 'Retry storm', what: 'every settlement is sent five times at once, with the same id: one of them counts', rate: 30, seconds: 60,
    populations: (o) => ({ ...steady(o), stormers: good('retry', constant(o.rate, o.seconds)) }),
  },
  {
    name: 'partition', title: 'Partition and heal', what: 'a region is cut off for the middle third; its sites go on offline and reconcile', rate: 50, seconds: 60, partition: true,
    populations: (o) => ({ ...steady(o), drill: good('drill', { kind: 'loop', clients: 1, seconds: o.seconds }) }),
  },
  {
    name: 'abuse', title: 'Abusive clients', what: 'clients that send nonsense as fast as they can, beside good ones, who keep their SLA', rate: 50, seconds: 60,
    populations: (o) => ({ ...steady(o), abusers: bad('abuse', { kind: 'loop', clients: 8, seconds: o.seconds }) }),
  },
  {
    name: 'malformed', title: 'Malformed and oversized', what: 'every kind of bad request at a steady rate: each is refused, none hurts', rate: 30, seconds: 30,
    populations: (o) => ({ ...steady(o), malformed: bad('abuse', constant(o.rate, o.seconds)) }),
  },
];

export const SCENARIOS: ReadonlyMap<string, Scenario> = new Map(LIST.map((scenario) => [scenario.name, scenario]));
