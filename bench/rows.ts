/** The rows of the benchmark: what each one does and what it finds. */
import { createRoundTrips, type Platform } from '../platform/index.ts';
import { openLink } from '../services/local/wan.ts';
import { fromJson, quantile, type Histogram } from '../services/telemetry/index.ts';
import type { JobResult } from './jobs.ts';
import type { Load } from './load.ts';
import type { Postgres } from './postgres.ts';
import type { Figure } from './report.ts';
import { nextPrefix, TIERS, type Run, type Stand } from './stand.ts';
import { percentile, slope, spread, type Spread } from './stats.ts';

export const ROWS = ['lone', 'batch', 'pipeline', 'hot', 'finality', 'perceived', 'telemetry', 'memory', 'start'] as const;
export type Row = (typeof ROWS)[number];

/** How much of everything. */
export interface Amounts {
  readonly repeats: number;
  /** Lone settlements in one repeat. */
  readonly lone: number;
  readonly loneWarmup: number;
  /** Settlements in one repeat of the rows that send batches. */
  readonly bulk: number;
  readonly batch: number;
  readonly openRate: number;
  readonly openSeconds: number;
  readonly watchOneIn: number;
  /** Requests of the client that is far from the centre. */
  readonly far: number;
  /** Log size for the rows about memory and starting. */
  readonly memoryLog: number;
  readonly startLog: number;
  /** Rounds with telemetry, and as many without, one after the other; settlements in each. */
  readonly rounds: number;
  readonly round: number;
  /** Seconds of each measurement of PostgreSQL's rate. */
  readonly peerSeconds: number;
}

export const FULL: Amounts = {
  repeats: 3, lone: 2_000, loneWarmup: 1_500, bulk: 100_000, batch: 1_000,
  openRate: 200, openSeconds: 15, watchOneIn: 10, far: 80, memoryLog: 600_000, startLog: 1_000_000, rounds: 12, round: 20_000,
  peerSeconds: 3,
};

export const QUICK: Amounts = {
  repeats: 1, lone: 20, loneWarmup: 2, bulk: 400, batch: 100, openRate: 50, openSeconds: 1, watchOneIn: 10, far: 3,
  memoryLog: 1_000, startLog: 1_000, rounds: 2, round: 200, peerSeconds: 1,
};

// ---- the peer ------------------------------------------------------------------------------------------------------

/** What PostgreSQL did in this run; the rows put it beside theirs. */
export interface Peer {
  readonly version: string;
  readonly loneP50: Spread;
  readonly loneP99: Spread;
  /** By clients. */
  readonly transfers: ReadonlyMap<number, Spread>;
  readonly hot: Spread;
  readonly many: Spread;
}

const PEER_CLIENTS = [1, 16, 64] as const;
export const HOT_CLIENTS = 16;

async function times<T>(n: number, step: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < n; i += 1) all.push(await step());
  return all;
}

export async function measurePeer(
  postgres: Postgres, load: Load, a: Amounts, wanted: ReadonlySet<Row>, say: (line: string) => void,
): Promise<Peer> {
  const none: Spread = { min: Number.NaN, median: Number.NaN, max: Number.NaN, repeats: 0 };
  const rate = async (clients: number, oneAccount: boolean): Promise<Spread> => {
    say(`PostgreSQL: ${oneAccount ? 'one hot account' : 'spread accounts'}, ${clients} clients`);
    return spread(await times(a.repeats, () => postgres.transfers(clients, a.peerSeconds, oneAccount)));
  };
  let [loneP50, loneP99] = [none, none];
  if (wanted.has('lone')) {
    say('PostgreSQL: lone commits');
    const { socket } = postgres;
    const runs = await times(a.repeats, () => load.run({ kind: 'postgres-lone', socket, count: a.lone, warmup: a.loneWarmup }));
    loneP50 = spread(runs.map((r) => percentile(r.latenciesMs, 0.5)));
    loneP99 = spread(runs.map((r) => percentile(r.latenciesMs, 0.99)));
  }
  const transfers = new Map<number, Spread>();
  let [oneHot, many] = [none, none];
  if (wanted.has('pipeline')) {
    for (const clients of PEER_CLIENTS) transfers.set(clients, await rate(clients, false));
    say(`PostgreSQL: ${a.batch} transfers a call`);
    const count = Math.min(a.bulk, 20 * a.batch);
    const { socket } = postgres;
    const runs = await times(a.repeats, () => load.run({ kind: 'postgres-many', socket, count, batch: a.batch }));
    many = spread(runs.map((r) => count / seconds(r)));
  }
  if (wanted.has('hot')) {
    if (!transfers.has(HOT_CLIENTS)) transfers.set(HOT_CLIENTS, await rate(HOT_CLIENTS, false));
    oneHot = await rate(HOT_CLIENTS, true);
  }
  return { version: postgres.version, loneP50, loneP99, transfers, hot: oneHot, many };
}

const seconds = (r: JobResult): number => Number(r.answeredNs - r.startedNs) / 1e9;

const one = (value: number): Spread => spread([value]);

/** The peers of a figure: those that were measured. */
function beside(...peers: readonly (readonly [what: string, value: Spread | undefined])[]): Pick<Figure, 'peers'> {
  const measured = peers.flatMap(([what, value]) => (value === undefined || value.repeats === 0 ? [] : [{ what, value }]));
  return measured.length === 0 ? {} : { peers: measured };
}

// ---- the rows ------------------------------------------------------------------------------------------------------

export interface Context {
  readonly amounts: Amounts;
  readonly load: Load;
  readonly peer: Peer | null;
  readonly say: (line: string) => void;
}

/**
 * Pauses region and centre during `work`, as if they were on other machines and slow to answer, then waits until all is
 * final.
 */
async function edgeAlone<T>(stand: Stand, work: () => Promise<T>): Promise<T> {
  const others = stand.local.sites.filter((s) => s.tier !== 'edge').map((s) => s.id);
  for (const id of others) await stand.local.kill(id, 'SIGSTOP');
  try {
    return await work();
  } finally {
    for (const id of others) await stand.local.kill(id, 'SIGCONT');
    await stand.drain();
  }
}

export async function lone({ amounts: a, load, peer }: Context, stand: Stand): Promise<Figure[]> {
  const send = (): Promise<JobResult> =>
    load.run({ kind: 'lone', url: stand.local.edges[0]!.url, count: a.lone, warmup: a.loneWarmup, prefix: nextPrefix() });
  const alone = await times(a.repeats, () => edgeAlone(stand, send));
  const among = await times(a.repeats, async () => {
    const r = await send();
    await stand.drain();
    return r;
  });
  const figure = (what: string, runs: readonly JobResult[], q: number, target: number, value: Spread | undefined): Figure => ({
    row: 'lone', what: `durable acknowledgement, one at a time, ${what}, p${q * 100}`, unit: 'ms', better: 'lower', target,
    value: spread(runs.map((r) => percentile(r.latenciesMs, q))), ...beside(['PostgreSQL, INSERT and COMMIT', value]),
  });
  return ([['edge node alone', alone], ['all tiers at work', among]] as const).flatMap(([what, runs]) =>
    [figure(what, runs, 0.5, 1, peer?.loneP50), figure(what, runs, 0.99, 5, peer?.loneP99)]);
}

const CONNECTIONS = 4;

/** The edge node's own speed. */
export async function batch({ amounts: a, load }: Context, stand: Stand): Promise<Figure[]> {
  const runs = await times(a.repeats, () => edgeAlone(stand, () => load.run({
    ...bulk(a, false), kind: 'batches', urls: stand.local.edges.map((e) => e.url), prefix: nextPrefix(),
  })));
  return [
    {
      row: 'batch', what: `durable provisional decisions, batches of ${a.batch}, through HTTP`,
      unit: '/s', better: 'higher', target: 100_000,
      value: spread(runs.map((r) => a.bulk / seconds(r))),
      note: `one edge node, ${CONNECTIONS} connections; the load generator has the other core, region and centre are paused`,
    },
    {
      row: 'batch', what: `answer to a batch of ${a.batch}, p99`, unit: 'ms', better: 'lower',
      value: spread(runs.map((r) => percentile(r.latenciesMs, 0.99))),
    },
  ];
}

const CPU_NAMES = { edge: 'edge', region: 'region', global: 'centre' } as const;

/** Processor time for one settlement, by tier, from the run with the median rate. */
function costs(runs: readonly Run[], count: number): string {
  const run = [...runs].sort((x, y) => x.finalSeconds - y.finalSeconds)[runs.length >> 1]!;
  const micros = (s: number): string => ((s / count) * 1e6).toFixed(1);
  return `processor time for one settlement: ${TIERS.map((t) => `${CPU_NAMES[t]} ${micros(run.cpu[t])} µs`).join(', ')}`;
}

const oneEach = (clients: number): string =>
  `PostgreSQL, one function a transfer, ${clients} ${clients === 1 ? 'client' : 'clients'}`;

const bulk = (a: Amounts, oneAccount: boolean): { count: number; batch: number; connections: number; hot: boolean } =>
  ({ count: a.bulk, batch: a.batch, connections: CONNECTIONS, hot: oneAccount });

/** @returns the figures, and the rate that one hot account is held against */
export async function pipeline({ amounts: a, peer }: Context, stand: Stand): Promise<{ figures: Figure[]; rate: Spread }> {
  const runs = await times(a.repeats, async () => {
    const r = await stand.settle(bulk(a, false));
    await stand.weigh();
    return r;
  });
  const rate = spread(runs.map((r) => a.bulk / r.finalSeconds));
  const figures: Figure[] = [{
    row: 'pipeline', what: 'provisional to final through all tiers, 1 region of 1 replica, 1 edge node',
    unit: '/s', better: 'higher', target: 20_000, value: rate,
    ...beside(
      ...[...(peer?.transfers ?? [])].map(([clients, value]) => [oneEach(clients), value] as const),
      [`PostgreSQL, ${a.batch} transfers a call, 1 client`, peer?.many],
    ),
    note: costs(runs, a.bulk),
  }, {
    row: 'pipeline', what: 'decisions at the edge meanwhile, all tiers on the same cores', unit: '/s', better: 'higher',
    value: spread(runs.map((r) => a.bulk / r.answeredSeconds)),
  }];
  return { figures, rate };
}

/** The deployment in use: all its processes on the same cores. */
export async function pipelineWide({ amounts: a, peer }: Context, stand: Stand): Promise<Figure[]> {
  const runs = await times(a.repeats, () => stand.settle({ ...bulk(a, false), connections: 1 }));
  const { sites, edges } = stand.local;
  return [{
    row: 'pipeline', unit: '/s', better: 'higher', value: spread(runs.map((r) => a.bulk / r.finalSeconds)),
    what: `the same in tidemark.config.ts: ${sites.length} processes, ${edges.length} edge nodes`,
    ...beside([oneEach(16), peer?.transfers.get(16)]), note: costs(runs, a.bulk),
  }];
}

export async function hot({ amounts: a, peer }: Context, stand: Stand, spreadRate: Spread): Promise<Figure[]> {
  const runs = await times(a.repeats, async () => {
    const r = await stand.settle(bulk(a, true));
    await stand.weigh();
    return r;
  });
  const rate = spread(runs.map((r) => a.bulk / r.finalSeconds));
  const wide = peer?.transfers.get(HOT_CLIENTS);
  const share = (x: Spread, y: Spread): Spread => one((100 * x.median) / y.median);
  return [
    {
      row: 'hot', what: 'provisional to final, all debits from one account', unit: '/s', better: 'higher', value: rate,
      ...beside([`PostgreSQL, one hot account, ${HOT_CLIENTS} clients`, peer?.hot]),
    },
    {
      row: 'hot', what: 'one hot account, as a share of spread accounts',
      unit: '%', better: 'higher', target: 100, value: share(rate, spreadRate),
      ...(peer === null || wide === undefined || peer.hot.repeats === 0 ? {} : beside(['PostgreSQL', share(peer.hot, wide)])),
    },
  ];
}

export async function finality({ amounts: a, load }: Context, stand: Stand): Promise<Figure[]> {
  const edge = stand.local.edges[0]!;
  const whole = async (): Promise<Histogram> => fromJson((await stand.edgeStatus())[0]!.lag!.whole!);
  const before = await whole();
  const r = await load.run({
    kind: 'open', url: edge.url, rate: a.openRate, seconds: a.openSeconds, watchOneIn: a.watchOneIn, prefix: nextPrefix(),
  });
  await stand.drain();
  const during = difference(await whole(), before);
  const figure = (what: string, value: number, note?: string): Figure =>
    ({ row: 'finality', what, unit: 'ms', better: 'lower', value: one(value), ...(note === undefined ? {} : { note }) });
  const at = `${a.openRate}/s lone settlements`;
  return [
    figure(`request to proven final, ${at}, p50`, quantile(during, 0.5)!),
    {
      ...figure(
        `request to proven final, ${at}, p99`, quantile(during, 0.99)!,
        `${during.count} settlements in an open loop, no emulated network; from the edge node's own histogram (exact to 0.55%)`,
      ),
      target: 75,
    },
    figure('the same as the client sees it, p50', percentile(r.finalMs, 0.5)),
    figure(
      'the same as the client sees it, p99', percentile(r.finalMs, 0.99),
      `${r.finalMs.length} settlements watched with one GET after the other`,
    ),
    figure(`durable acknowledgement, ${at}, p99`, percentile(r.latenciesMs, 0.99)),
  ];
}

/** What was recorded between two states of one histogram. */
function difference(after: Histogram, before: Histogram): Histogram {
  const counts = [...after.buckets].map(([i, n]): [number, number] => [i, n - (before.buckets.get(i) ?? 0)]);
  const buckets = new Map(counts.filter(([, n]) => n > 0));
  const largest = Math.max(...buckets.keys());
  return {
    count: after.count - before.count, sum: after.sum - before.sum, zero: after.zero - before.zero, buckets,
    // Extremes of the time between are only known by their buckets.
    min: 0, max: 2 ** ((largest + 1) / 64),
  };
}

/** A client that is looked at does not ask again at once: what its last request set off in the tiers above is over by then. */
const FAR_PAUSE_MS = 50;

/**
 * A client beside an edge node settles there, and the same client writes at the centre, each through a wire with the round trip
 * between the places. `deployment` gives the places; the servers are those of `stand`.
 */
export async function perceived({ amounts: a, load, say }: Context, stand: Stand, deployment: Platform): Promise<Figure[]> {
  const roundTrip = createRoundTrips(deployment);
  const toCentre = (location: string): number => roundTrip(location, deployment.controlPlane.location);
  const edges = deployment.regions.flatMap((r) => r.edges).sort((x, y) => toCentre(x.location) - toCentre(y.location));
  const figures: Figure[] = [];

  async function through<T>(url: string, roundTripMs: number, work: (url: string) => Promise<T>): Promise<T> {
    const { hostname, port } = new URL(url);
    const link = await openLink({
      listen: { host: '127.0.0.1', port: 0 }, target: { host: hostname, port: Number(port) }, oneWayMs: roundTripMs / 2,
    });
    try {
      return await work(`http://127.0.0.1:${link.port}`);
    } finally {
      await link.close();
    }
  }

  for (const edge of new Set([edges[0]!, edges.at(-1)!])) {
    const far = toCentre(edge.location);
    say(`a client in ${edge.location}`);
    const central = await through(stand.local.controlUrl, far, (url) =>
      load.run({ kind: 'centre', url, token: stand.token, count: a.far, warmup: 2, pauseMs: FAR_PAUSE_MS }));
    for (const [where, near] of [['in another zone', roundTrip(edge.location, edge.location)], ['on its network', 0]] as const) {
      const local = await through(stand.local.edges[0]!.url, near, (url) =>
        load.run({ kind: 'lone', url, count: a.far, warmup: 2, pauseMs: FAR_PAUSE_MS, prefix: nextPrefix() }));
      const p50 = [local, central].map((r) => percentile(r.latenciesMs, 0.5).toFixed(2));
      const [ours, theirs] = [percentile(local.latenciesMs, 0.95), percentile(central.latenciesMs, 0.95)];
      figures.push({
        row: 'perceived', what: `durable answer to a client ${where} of ${edge.id} (${near} ms), p95`,
        unit: 'ms', better: 'lower', value: one(ours),
        ...beside([`the same client at the centre (${far} ms away)`, one(theirs)]),
      }, {
        row: 'perceived', what: 'lower by', unit: '%', better: 'higher', target: 95, value: one(100 * (1 - ours / theirs)),
        note: `p50: ${p50[0]} ms at the edge, ${p50[1]} ms at the centre (PUT /v1/accounts, one connection kept open)`,
      });
    }
  }
  await stand.drain();
  return figures;
}

/**
 * Two platforms at a time, alike but for telemetry, each of them at work in turn: on, off, off, on, so that what the machine does meanwhile
 * falls on both. Each is idle in the other's rounds, and the processor time of those counts, too: windows close and deltas are sent in them.
 */
export async function telemetry({ amounts: a }: Context, on: Stand, off: Stand): Promise<Figure[]> {
  const job = { count: a.round, batch: a.batch, connections: CONNECTIONS, hot: false };
  const rates: number[] = [];
  const spent = { on: [on.cpu()], off: [off.cpu()] };
  for (let round = 0; round < a.rounds; round += 1) {
    const took = { on: 0, off: 0 };
    const turns = [['on', on], ['off', off]] as const;
    for (const [which, stand] of round % 2 === 0 ? turns : turns.toReversed()) took[which] = (await stand.settle(job)).finalSeconds;
    rates.push((100 * took.off) / took.on);
    spent.on.push(on.cpu());
    spent.off.push(off.cpu());
  }
  /** Of two rounds, since one alone may be shorter than a window. Seconds. */
  const pairs = (of: readonly number[]): number[] => of.slice(2).flatMap((s, i) => (i % 2 === 0 ? [s - of[i]!] : []));
  const shares = pairs(spent.on).map((s, i) => (100 * s) / pairs(spent.off)[i]!);
  const micros = (of: readonly number[]): string => (((of.at(-1)! - of[0]!) / (a.rounds * a.round)) * 1e6).toFixed(1);
  return [
    {
      row: 'telemetry', what: 'provisional to final with telemetry and SLAs, as a share of without', unit: '%', better: 'higher', target: 97, value: spread(rates),
      note: `${a.rounds} rounds of ${a.round} settlements with, in turn with as many without, on two platforms; with: a window every five seconds and an SLA for each indicator; `
        + 'without: no SLAs, and nothing is sent (TIDEMARK_TELEMETRY_WINDOW_MS=0); what /metrics and /v1/status show is counted in both',
    },
    {
      row: 'telemetry', what: 'processor time with telemetry and SLAs, as a share of without', unit: '%', better: 'lower', target: 103, value: spread(shares),
      note: `for one settlement, all tiers: ${micros(spent.on)} µs with, ${micros(spent.off)} µs without`,
    },
  ];
}

/** Sends batches until the log holds `size` settlements or `deadline` (of performance.now) has come. */
export async function fill({ amounts: a, say }: Context, stand: Stand, size: number, deadline: number): Promise<number> {
  let now = await stand.size();
  while (now < size && performance.now() < deadline) {
    say(`${now} of ${size} settlements on the log`);
    await stand.settle({ ...bulk(a, false), count: Math.min(a.bulk, Math.ceil((size - now) / a.batch) * a.batch) });
    await stand.weigh();
    now = await stand.size();
  }
  return now;
}

export function memory(stand: Stand): Figure[] {
  return stand.local.sites.map((site): Figure => {
    const points = stand.weights.filter((w) => w.id === site.id).map((w) => [w.size, w.mib] as const);
    const [first, last] = [points[0]!, points.at(-1)!];
    return {
      row: 'memory', what: `${CPU_NAMES[site.tier]}: growth of resident memory for a million settlements`,
      unit: 'MiB', better: 'lower',
      value: one((slope(points) ?? 0) * 1e6),
      note: `least squares over ${points.length} idle points; ${first[1].toFixed(0)} MiB at ${first[0]} settlements, `
        + `${last[1].toFixed(0)} MiB at ${last[0]} (of it up to 64 MiB are SQLite's page cache)`,
    };
  });
}

export async function startUp({ amounts: a }: Context, stand: Stand): Promise<Figure[]> {
  const size = await stand.size();
  const figures: Figure[] = [];
  for (const tier of TIERS) {
    const site = stand.local.sites.find((s) => s.tier === tier)!;
    const took = await times(a.repeats, async () => {
      await stand.local.kill(site.id);
      const killed = performance.now();
      await stand.local.ready(site.id);
      return (performance.now() - killed) / 1_000;
    });
    figures.push({
      row: 'start', what: `${CPU_NAMES[tier]}: from kill -9 to ready, on a log of ${size.toLocaleString('en-US')}`,
      unit: 's', better: 'lower', value: spread(took),
      ...(tier === 'edge' ? { note: 'the process is started at once; ready is asked every 25 ms' } : {}),
    });
  }
  return figures;
}
