import { afterEach, describe, expect, test } from 'vitest';
import { encodeDecision, formatTraceparent } from '../protocol/index.ts';
import { createApplier, type Applier, type Committed } from './applier.ts';
import { openSqliteStore } from './sqlite-store.ts';
import type { Incident, LedgerStore } from './store.ts';
import { decisionOf, encodeDecisions, fakePlatform, type FakeBlock } from './testing.ts';

/** A store whose commits fail, or wait, when told to. */
function brittle(store: LedgerStore): LedgerStore & { fail: boolean; commits: number; hold(): () => void } {
  let held: Promise<void> = Promise.resolve();
  const wrapped = {
    ...store, fail: false, commits: 0,
    hold() {
      let release = (): void => {};
      held = new Promise((resolve) => { release = resolve; });
      return release;
    },
    async commit(...[wanted, decide]: Parameters<LedgerStore['commit']>) {
      await held;
      wrapped.commits += 1;
      await store.commit(wanted, (found) => {
        const changes = decide(found);
        if (wrapped.fail) throw new Error('disk full');
        return changes;
      });
    },
  };
  return wrapped;
}

let store: ReturnType<typeof brittle>;
let applier: Applier;
const committed: Committed[] = [];
let witnessedSize = 0;
const incidents: Incident[] = [];
afterEach(async () => {
  committed.length = incidents.length = 0;
  witnessedSize = 0;
  await applier.stop();
  await store.close();
});

const platform = () => fakePlatform({ replicas: 1, quorum: 1 });
async function start(): Promise<void> {
  store = brittle(openSqliteStore(':memory:'));
  applier = createApplier({ store, head: await store.head(), now: () => 1_000, witnessedSize: () => witnessedSize, onCommit: (c) => committed.push(c), onIncident: (i) => incidents.push(i) });
  await applier.open([{ account: 'bank', asset: 'EUR', overdraft: null }, { account: 'alice', asset: 'EUR', overdraft: 0n }]);
}
const paid = (id: string, amount = 1n): Buffer[] => encodeDecisions([{ id, debit: 'bank', credit: 'alice', amount }]);
const outcomeOf = async (work: Promise<unknown>): Promise<string> => work.then(() => 'done', (error: { code?: string; problem?: { code: string } }) => error.code ?? error.problem?.code ?? String(error));

describe('followed settlements', () => {
  const trace = formatTraceparent('a'.repeat(32), 'b'.repeat(16));
  const followed = (id: string, amount: bigint): Buffer => Buffer.from(encodeDecision({ ...decisionOf({ id, debit: amount > 0n ? 'bank' : 'alice', credit: amount > 0n ? 'alice' : 'bank', amount: amount > 0n ? amount : -amount }), trace }));

  test('are told with their place in the global log, and what stands in their entries is kept with it', async () => {
    await start();
    const { regions: [region], trust } = platform();
    await region!.order('r0-n0', [...paid('s0'), followed('s1', 5n), ...paid('s2')]);
    await region!.order('r0-n0', [followed('s3', -1_000n), followed('s1', 5n)]);
    const block = await region!.block(0, 0);
    committed.length = 0;
    await applier.block(block.header, block.parts, trust.regions.get('r0')!);
    const at = { region: 'r0', node: 'r0-n0', trace: { traceId: 'a'.repeat(32), parentId: 'b'.repeat(16) }, receivedAt: 1_000, startedAt: 1_000, committedAt: 1_000 };
    expect(committed).toMatchObject([{
      cut: 0, traced: [{ ...at, index: 3, id: 's1', rejection: null }, { ...at, index: 5, id: 's3', rejection: 'insufficient-funds' }, { ...at, index: 6, id: 's1', rejection: null }],
    }]);
    expect(await store.tracesSince(0, 9)).toEqual([3, 5, 6].map((index) => ({ index, trace })));
    expect(await Promise.all([2, 3, 4].map((index) => store.trace(index)))).toEqual([null, trace, null]);
  });

  test('of a transaction that failed nothing is told or kept', async () => {
    await start();
    const { regions: [region], trust } = platform();
    await region!.order('r0-n0', [followed('s1', 5n)]);
    const block = await region!.block(0, 0);
    committed.length = 0;
    store.fail = true;
    expect(await outcomeOf(applier.block(block.header, block.parts, trust.regions.get('r0')!))).toBe('not-stored');
    expect([committed, await store.tracesSince(0, 9)]).toEqual([[], []]);
  });
});

describe('the applier', () => {
  test('takes back what could not be stored, with everything that waited behind it, and carries on when it is sent again', async () => {
    await start();
    const { regions: [region], trust } = platform();
    const keys = trust.regions.get('r0')!;
    const blocks: FakeBlock[] = [];
    for (const n of [0, 1, 2]) {
      await region!.order('r0-n0', paid(`s${n}`, 10n));
      blocks.push(await region!.block(n, n));
    }
    store.fail = true;
    const openings = applier.open([{ account: 'bob', asset: 'EUR', overdraft: 0n }, { account: 'alice', asset: 'EUR', overdraft: 7n }]);
    const sent = blocks.map((b) => applier.block(b.header, b.parts, keys));
    expect(await Promise.all([openings, ...sent].map(outcomeOf))).toEqual(['not-stored', 'not-stored', 'not-stored', 'not-stored']);
    expect([applier.size(), applier.region('r0').applied, applier.queued(), await applier.account('bob')]).toEqual([2, 0, 0, null]);
    expect(await applier.account('alice')).toMatchObject({ balance: 0n, overdraft: 0n });
    expect(incidents.map((i) => i.kind)).toEqual(['commit-failed']);

    store.fail = false;
    await Promise.all(blocks.map((b) => applier.block(b.header, b.parts, keys)));
    expect([applier.size(), applier.region('r0').applied, (await applier.account('alice'))!.balance]).toEqual([5, 3, 30n]);
    expect(applier.counts()).toMatchObject({ applied: 3, final: 3, accounts: 2 });
  });

  test('blocks that wait together share a transaction, also when ids repeat between them', async () => {
    await start();
    const { regions, trust } = platform();
    const sent: Promise<unknown>[] = [];
    for (const region of regions) {
      await region.order(`${region.id}-n0`, paid('same'));
      const block = await region.block(0, 0);
      sent.push(applier.block(block.header, block.parts, trust.regions.get(region.id)!));
    }
    const before = store.commits;
    await Promise.all(sent);
    expect(store.commits - before).toBe(1);
    expect(applier.counts()).toMatchObject({ applied: 2, final: 2, duplicates: 1 });
    expect((await applier.account('alice'))!.balance).toBe(1n);
    expect(committed.at(-1)!.ranges).toEqual([{ node: 'r0-n0', from: 0, to: 1, start: 2 }, { node: 'r1-n0', from: 0, to: 1, start: 3 }]);
  });

  test('tells callers to come back when too much waits, and forgets nothing of what it took', async () => {
    await start();
    const { regions: [region], trust } = platform();
    const keys = trust.regions.get('r0')!;
    const release = store.hold();
    const sent: Promise<unknown>[] = [];
    for (let n = 0; n < 66; n += 1) {
      await region!.order('r0-n0', paid(`s${n}`));
      const block = await region!.block(n, n);
      sent.push(applier.block(block.header, block.parts, keys));
    }
    sent.forEach((s) => s.catch(() => {}));
    expect(await outcomeOf(sent[64]!)).toBe('busy');
    release();
    expect((await Promise.all(sent.map(outcomeOf))).filter((x) => x === 'done')).toHaveLength(64);
    expect((await applier.account('alice'))!.balance).toBe(64n);
  });

  test('shows no balance that is not stored yet', async () => {
    await start();
    const { regions: [region], trust } = platform();
    await region!.order('r0-n0', paid('s1', 9n));
    const block = await region!.block(0, 0);
    let release = (): void => {};
    const inner = store.commit;
    // The decision is taken, its transaction takes its time.
    store.commit = async (wanted, decide) => {
      await inner(wanted, decide);
      await new Promise<void>((resolve) => { release = resolve; });
    };
    const sent = applier.block(block.header, block.parts, trust.regions.get('r0')!);
    while (applier.queued() === 1 && store.commits < 2) await new Promise(setImmediate);
    let seen: bigint | null = null;
    const reading = applier.account('alice').then((a) => { seen = a!.balance; });
    await new Promise(setImmediate);
    expect(seen).toBeNull();
    release();
    await Promise.all([sent, reading]);
    expect(seen).toBe(9n);
    store.commit = inner;
  });

  test('takes no more blocks while too much is not witnessed', async () => {
    await start();
    const { regions: [region], trust } = platform();
    await region!.order('r0-n0', paid('s1'));
    const block = await region!.block(0, 0);
    witnessedSize = -2_000_000;
    expect(await outcomeOf(applier.block(block.header, block.parts, trust.regions.get('r0')!))).toBe('not-witnessed');
    witnessedSize = 0;
    expect(await outcomeOf(applier.block(block.header, block.parts, trust.regions.get('r0')!))).toBe('done');
  });
});
