/**
 * One run of the whole platform in one process, from one number: a seed decides topology, workload, faults and every
 * interleaving. Clients settle and retry while processes crash, disks forget and the network loses, repeats, delays and cuts;
 * then everything is healed, drains, and what is left is checked against what clients were told (`../check.ts`).
 */
import type { CachedRow } from '../../services/edge-node/store.ts';
import type { AccountState, Instruction } from '../../services/protocol/index.ts';
import { check, type Acknowledged, type Evidence } from '../check.ts';
import { bootCentre, type CentreRecord, type CentreView } from './centre.ts';
import { bootEdge, type EdgeRecord, type EdgeView, type Settled } from './edge.ts';
import { CENTRE, POLICY, randomTopology, replicaId, streamId, trustOf, type Mutation, type Topology } from './model.ts';
import { bootReplica, bootStream, type ReplicaRecord, type ReplicaView, type StreamRecord } from './region.ts';
import { createRng, type Rng } from './rng.ts';
import { createWorld, isRefusal, type Co, type Process, type World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  /** What is settled; the same workload under another seed meets other interleavings. @default - the seed */
  readonly workload?: number;
  /** Accounts that do not depend on each other's order: without limits, and never the subject of a conflict. */
  readonly independent?: boolean;
  readonly mutation?: Mutation;
}

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Account to its balance in the ledger. */
  readonly balances: ReadonlyMap<string, bigint>;
  readonly trace: number;
  readonly figures: {
    readonly acknowledged: number; readonly crashes: number; readonly events: number; readonly offline: number;
    readonly rejected: number;
    readonly duplicates: number; readonly drifted: number; readonly simulatedMs: number;
  };
}

const FAULTS_MS = 20_000;
const DRAIN_MS = 240_000;
const VIOLATIONS_MAX = 20;

interface Account {
  readonly account: string;
  readonly asset: string;
  readonly overdraft: bigint | null;
}

export function simulate(options: RunOptions): RunResult {
  const rng = createRng(options.seed);
  const plan = createRng(options.workload ?? options.seed).fork();
  const topology = randomTopology(options.workload === undefined ? rng.fork() : plan.fork());
  const world = createWorld(rng.fork());
  const trust = trustOf(topology);
  const violations: string[] = [];
  const hooks = {
    mutation: options.mutation ?? null,
    violation(what: string) {
      if (violations.length < VIOLATIONS_MAX && !violations.includes(what)) violations.push(what);
    },
  };

  // ---- the centre, and the accounts ----
  let centre: () => CentreView = () => {
    throw new Error('assertion: the centre has not started');
  };
  const witnessed: { size: number; note: string }[] = [];
  world.add<CentreRecord>(CENTRE, (self) => bootCentre(world, self, {
    ...hooks, trust,
    onView: (view) => {
      centre = view;
    },
    onWitnessed: (size, note) => void witnessed.push({ size, note }),
  }));
  const accounts = accountsOf(plan, options.independent === true);
  const late = options.independent === true ? [] : accounts.filter((a) => a.account.startsWith('late'));
  const admin = world.add('client-admin', () => undefined);
  let opened = 0;
  const open = function* open(list: readonly Account[]): Co {
    for (const a of list) {
      while (isRefusalOrNull(yield* world.call(admin as unknown as Process<never>, CENTRE, 'open', a,
        1_000))) yield* world.sleep(50);
      opened += 1;
    }
  };
  const early = accounts.filter((a) => !late.includes(a));
  admin.spawn(open(early));
  world.run(60_000, () => opened === early.length);
  const asOf = centre().log.size();

  // ---- the other tiers ----
  const edges = new Map<string, () => EdgeView>();
  const replicas = new Map<string, () => ReplicaView>();
  const processes: string[] = [CENTRE];
  const streams = new Map<string, Process<StreamRecord>>();
  for (const region of topology.regions) {
    const stream = world.add<StreamRecord>(streamId(region.id), (self) => bootStream(world, self));
    streams.set(region.id, stream);
    processes.push(stream.id);
    const forgets = rng.chance(0.5) ? 0.05 : 0;
    for (let n = 0; n < region.replicas; n += 1) {
      const id = replicaId(region.id, n);
      processes.push(id);
      world.add<ReplicaRecord>(id, (self) => bootReplica(world, self, {
        ...hooks, me: n, trust: trust.regions.get(region.id)!, stream, forgets,
        lie: topology.liars.get(region.id)?.replica === n ? topology.liars.get(region.id)!.lie : null,
        onView: (view) => void replicas.set(id, view),
      }));
    }
    region.edges.forEach((edge, i) => {
      processes.push(edge);
      const known = options.independent === true ? early : early.filter(() => plan.chance(0.7));
      world.add<EdgeRecord>(edge, (self) => bootEdge(world, self, {
        ...hooks, region: region.id, trust, prefetched: known.map((a) => rowOf(a, asOf, self.clock())),
        replicas: Array.from({ length: region.replicas }, (_, n) => replicaId(region.id, (i + n) % region.replicas)),
        onView: (view) => void edges.set(edge, view),
      }));
    });
  }

  // ---- clients ----
  const issued = new Map<string, Instruction[]>();
  const acknowledged: Acknowledged[] = [];
  const lists = clientLists(plan, accounts, options.independent === true, issued);
  let busy = lists.length;
  const edgeIds = [...edges.keys()];
  lists.forEach((list, k) => {
    const client = world.add(`client-${k}`, () => undefined);
    const home = edgeIds[plan.below(edgeIds.length)]!;
    client.spawn((function* settle(): Co {
      for (const request of list) {
        yield* world.sleep(world.rng.between(10, 1_800));
        for (;;) {
          const edge = world.rng.chance(0.25) ? world.rng.pick(edgeIds) : home;
          const answer = yield* world.call<readonly Settled[]>(client as unknown as Process<never>, edge, 'settle',
            { instructions: request }, world.rng.between(100, 1_500));
          if (answer === null || isRefusal(answer)) {
            yield* world.sleep(world.rng.between(10, 500));
            continue;
          }
          answer.forEach((settled, i) => acknowledged.push({ ...settled, instruction: request[i]! }));
          // Now and then somebody sends again what has been answered already.
          if (!world.rng.chance(0.15)) break;
        }
      }
      busy -= 1;
    })());
  });

  // ---- faults, then peace ----
  const start = world.now();
  world.setFaults({
    lose: rng.next() * 0.1, duplicate: rng.next() * 0.1, delayMaxMs: rng.between(5, 120), stragglers: rng.next() * 0.04,
  }, rng.pick([0, 0.003, 0.015]));
  scheduleFaults(world, rng.fork(), topology, processes);
  if (late.length > 0) world.after(rng.between(1_000, 8_000), () => admin.spawn(open(late)));
  world.run(start + FAULTS_MS);
  world.setFaults({ lose: 0, duplicate: 0, delayMaxMs: 10, stragglers: 0 }, 0);
  world.heal();
  world.startAll();
  const honest = [...replicas].filter(([id]) => !isLiar(topology, id));
  const drained = world.run(start + FAULTS_MS + DRAIN_MS, () => busy === 0 && opened === accounts.length
    && [...edges.values()].every((view) => view().finalSize === view().log.size() && view().orderedSize === view().log.size())
    && honest.every(([id, view]) => view().cursor === streams.get(id.split('/')[0]!)!.disk.synced().length
      && (view().reached?.size ?? 0) === view().log.size())
    && centre().witnessed?.size === centre().log.size());
  if (!drained) hooks.violation(stuck());

  function stuck(): string {
    const where = [
      ...(busy === 0 ? [] : [`${busy} clients wait`]),
      ...[...edges].map(([id, v]) => `${id}: log ${v().log.size()}, ordered ${v().orderedSize}, final ${v().finalSize}`),
      ...[...replicas].map(([id, v]) => `${id}: log ${v().log.size()}, quorum at ${v().reached?.size ?? 0}`),
      `centre: log ${centre().log.size()}, witnessed ${centre().witnessed?.size ?? 0}`,
    ];
    return `not drained ${DRAIN_MS} ms after the last fault: ${where.join('; ')}`;
  }

  const evidence: Evidence = {
    trust, policy: POLICY, issued, acknowledged, witnessed,
    edges: new Map([...edges].map(([id, view]) => [id, view()])),
    replicas: new Map(honest.map(([id, view]) => [id, view()])),
    centre: { ...centre(), applied: (region) => centre().region(region).applied },
  };
  const outcome = check(evidence, hooks.violation);
  return {
    seed: options.seed, violations, trace: world.trace(),
    balances: new Map([...centre().accounts].map(([id, a]) => [id, a.balance])),
    figures: {
      acknowledged: acknowledged.length, crashes: world.counts.crashes, events: world.counts.events, offline: outcome.offline,
      rejected: outcome.rejected, duplicates: outcome.duplicates, simulatedMs: Math.round(world.now()),
      drifted: [...edges.values()].reduce((sum, view) => sum + view().drifted, 0),
    },
  };
}

const isRefusalOrNull = (answer: unknown): boolean => answer === null || isRefusal(answer);
const isLiar = (topology: Topology, id: string): boolean => [...topology.liars].some(([region, { replica }]) =>
  replicaId(region, replica) === id);

function rowOf(a: Account, asOf: number, now: number): CachedRow {
  const state: AccountState = { account: a.account, asset: a.asset, balance: 0n, overdraft: a.overdraft, asOf };
  return { state, confirmedAt: now };
}

function accountsOf(plan: Rng, independent: boolean): Account[] {
  const assets = ['EUR', 'USD'];
  if (independent) {
    return Array.from({ length: 8 }, (_, i): Account => ({ account: `free-${i}`, asset: assets[i % 2]!, overdraft: null }));
  }
  return assets.flatMap((asset): Account[] => [
    { account: `bank-${asset}`, asset, overdraft: null },
    ...Array.from({ length: 4 }, (_, i): Account => ({ account: `user-${asset}-${i}`, asset, overdraft: plan.pick([0n, 0n,
      40n]) })),
    { account: `late-${asset}`, asset, overdraft: 10n },
  ]);
}

/** What each client will ask for, request by request. */
function clientLists(plan: Rng, accounts: readonly Account[], independent: boolean, issued: Map<string,
  Instruction[]>): Instruction[][][] {
  let serial = 0;
  const all: Instruction[] = [];
  const issue = (s: Instruction): Instruction => {
    issued.set(s.id, [...(issued.get(s.id) ?? []), s]);
    all.push(s);
    return s;
  };
  const fresh = (): Instruction => {
    const debit = plan.pick(accounts);
    const credit = plan.pick(accounts.filter((a) => a.asset === debit.asset));
    const odd = !independent && plan.chance(0.03);
    serial += 1;
    return {
      id: `s-${serial}`, asset: odd ? plan.pick(['EUR', 'USD', 'GBP']) : debit.asset, debitAccount: debit.account,
      creditAccount: odd && plan.chance(0.3) ? 'nobody' : credit.account, amount: BigInt(plan.between(1, 60)),
    };
  };
  const funding = independent ? [] : accounts.filter((a) => a.overdraft !== null
    && !a.account.startsWith('late')).map((a): Instruction => {
    serial += 1;
    return issue(
      { id: `s-${serial}`, asset: a.asset, debitAccount: `bank-${a.asset}`, creditAccount: a.account,
        amount: BigInt(plan.between(50, 400)) },
    );
  });
  return Array.from({ length: plan.between(3, 5) }, (_, k) => [
    ...(k === 0 && funding.length > 0 ? [funding] : []),
    ...Array.from({ length: plan.between(6, 14) }, () => Array.from({ length: plan.chance(0.3) ? plan.between(2, 6) : 1 },
      (): Instruction => {
      const old = all.length > 0 && plan.chance(0.1) ? plan.pick(all) : null;
      if (old === null) return issue(fresh());
      // The same again, or the same id for something else.
      return independent || plan.chance(0.5) ? old : issue({ ...old, amount: old.amount + 1n });
    })),
  ]);
}

function scheduleFaults(world: World, rng: Rng, topology: Topology, processes: readonly string[]): void {
  const membersOf = new Map<string, ReadonlySet<string>>();
  for (const r of topology.regions) {
    const inside = [streamId(r.id), ...Array.from({ length: r.replicas }, (_, n) => replicaId(r.id, n))];
    membersOf.set(r.id, new Set([...inside, ...r.edges]));
    for (const one of [...inside, ...r.edges]) membersOf.set(one, new Set([one]));
  }
  const crashes = rng.between(0, 12);
  for (let i = 0; i < crashes; i += 1) {
    const several = rng.chance(0.15) ? processes : [rng.pick(processes)];
    const backAfter = rng.between(20, 3_000);
    world.after(rng.between(0, FAULTS_MS), () => {
      for (const id of several) world.crash(id, backAfter);
    });
  }
  const partitions = rng.between(0, 5);
  for (let i = 0; i < partitions; i += 1) {
    const [name, members] = rng.pick([...membersOf]);
    const at = rng.between(0, FAULTS_MS);
    const length = rng.between(300, 9_000);
    world.after(at, () => world.cut(`${name}#${i}`, members));
    world.after(at + length, () => world.heal(`${name}#${i}`));
  }
}
