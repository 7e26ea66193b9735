/** The whole platform as `tidemark up` runs it: every service a process of its own, cut off, stopped, started again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decide, decodeDecision, decodePolicy } from '../../services/protocol/index.ts';
import { verifyProof } from '../../services/transparency/index.ts';
import { createRng } from '../simulation/rng.ts';
import {
  ASSET, audit, drained, instruction, noteWitnessed, openAccounts, openStage, settle, statusOf, transfers, until, type Stage,
    type Witnessed,
} from './stage.ts';

const rng = createRng(2026);
const users = Array.from({ length: 12 }, (_, i) => `user-${i}`);
const witnessed: Witnessed = [];
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  await openAccounts(stage, users);
  for (const edge of stage.edgeIds) expect(await stage.edge(edge).prefetch(['bank', ...users])).toEqual([]);
}, 60_000);
afterAll(() => stage?.close());

const balance = async (account: string): Promise<bigint> => BigInt((await stage.control().account(account)).balance);
const urlOf = (edge: string): string => stage.places().edgeUrls[edge]!;
const isOffline = (edge: string): Promise<unknown> => until(`${edge} decides offline`, 10_000, async () =>
  (await statusOf(urlOf(edge))).state === 'disconnected');

async function clean(): Promise<void> {
  await drained(stage);
  await noteWitnessed(stage, witnessed);
  expect((await audit(stage, witnessed)).violations).toEqual([]);
}

describe('the platform', () => {
  test('makes final what is settled one by one and in batches, at every edge node, with proofs that verify', async () => {
    const batches = stage.edgeIds.map((edge, i) => [edge, transfers(rng, users, `first-${i}`, 150)] as const);
    await Promise.all(batches.map(([edge, batch]) => settle(stage, edge, batch)));
    for (const edge of stage.edgeIds) {
      const receipt = await stage.edge(edge).settle(instruction(`single-${edge}`, 'bank', 'user-0', 250));
      expect(receipt).toMatchObject({ id: `single-${edge}`, state: 'provisional', node: edge });
      stage.book.issued.set(receipt.id, [instruction(receipt.id, 'bank', 'user-0', 250)]);
    }
    await clean();
    const { global, regions } = stage.trust;
    const replicas = [...regions.values()].flatMap((r) => r.replicas);
    for (const edge of stage.edgeIds) {
      const client = stage.edge(edge);
      const view = await client.settlement(`single-${edge}`);
      expect(view).toMatchObject({ state: 'final', amount: '250', node: edge });
      const { entry, policy } = await client.provenance(`single-${edge}`);
      const decision = decodeDecision(entry);
      expect(decide(decision.instruction, decision.inputs, decodePolicy(policy!))).toEqual(decision.decision);
      const region = [...regions.values()].find((r) => r.nodes.has(edge))!;
      expect(verifyProof(await client.receipt(`single-${edge}`, 'edge'), { entry: Buffer.from(entry) },
        { log: region.nodes.get(edge)! }).index)
        .toBe(view.index);
      const outcome = await stage.control().provenance(`single-${edge}`);
      for (const receipt of [await client.receipt(`single-${edge}`), await stage.control().receipt(`single-${edge}`)]) {
        expect(verifyProof(receipt, { entry: Buffer.from(outcome.entry) }, { log: global, cosigners: replicas, quorum: 1 }).index)
          .toBe(view.globalIndex);
      }
    }
  }, 60_000);

  test('moves money once when the same settlement goes to two edge nodes of two regions, and refuses a used id', async () => {
    const before = await balance('user-1');
    const twice = instruction('twice', 'bank', 'user-1', 500);
    await Promise.all([settle(stage, 'eu-a', [twice]), settle(stage, 'us-b', [twice])]);
    expect(await settle(stage, 'eu-a', [twice])).toMatchObject([{ status: 200, state: 'provisional' }]);
    expect(await settle(stage, 'eu-a', [instruction('twice', 'bank', 'user-1', 501)]))
      .toMatchObject([{ status: 409, problem: { code: 'id-conflict' } }]);
    // Elsewhere the id is new; the centre knows better.
    expect(await settle(stage, 'eu-b', [instruction('twice', 'bank', 'user-1', 502)])).toMatchObject([{ status: 201 }]);
    await clean();
    expect(await balance('user-1') - before).toBe(500n);
    expect(await stage.edge('eu-b').settlement('twice')).toMatchObject({ state: 'rejected', reason: 'id-conflict' });
    const views = await Promise.all(['eu-a', 'us-b'].map((edge) => stage.edge(edge).settlement('twice')));
    expect(views.map((v) => v.state)).toEqual(['final', 'final']);
    expect(views.filter((v) => v['duplicateOf'] !== undefined)).toHaveLength(1);
  }, 60_000);

  test('goes on with one of three replicas stopped, and with one killed over and over', async () => {
    // The first replica is the one that proposes and forwards, and eu-a's own.
    await stage.platform().kill('eu/1', 'SIGSTOP');
    try {
      await Promise.all(['eu-a', 'eu-b'].map((edge) => settle(stage, edge, transfers(rng, users, `stopped-${edge}`, 20))));
      await until('the region goes on without its first replica', 30_000, async () => {
        const views = await Promise.all(['eu-a', 'eu-b'].map((edge) => stage.edge(edge).settlement(`stopped-${edge}-19`)));
        return views.every((v) => v.state === 'final' || v.state === 'rejected');
      });
    } finally {
      await stage.platform().kill('eu/1', 'SIGCONT');
    }
    for (let i = 0; i < 2; i += 1) {
      await stage.platform().kill(`eu/${i + 1}`);
      await settle(stage, 'eu-a', transfers(rng, users, `killed-${i}`, 20));
    }
    await stage.platform().ready();
    await clean();
  }, 60_000);

  test('a region that is cut off goes on under its offline limits, and converges when it is healed; drift is reported',
    async () => {
    // Both sides of the cut know that user-2 has this much, and both will spend it.
    await settle(stage, 'us-a', [instruction('fund-2', 'bank', 'user-2', 800)]);
    await drained(stage);
    const held = await balance('user-2');
    await Promise.all(['us-a', 'eu-a'].map((edge) => until(`${edge} knows the balance`, 20_000, async () =>
      BigInt((await stage.edge(edge).account('user-2')).balance) === held)));
    const reversedBefore = (await statusOf(urlOf('us-a'))).drift!.reversed;
    await stage.platform().partition('us');
    await Promise.all(['us-a', 'us-b'].map(isOffline));

    const amount = Number(held > 900n ? 900n : held);
    const [atUs] = await settle(stage, 'us-a', [instruction('spent-offline', 'user-2', 'user-3', amount)]);
    expect(atUs).toMatchObject({ status: 201, state: 'provisional', mode: 'offline' });
    const batch = await settle(stage, 'us-b', transfers(rng, users, 'offline', 100));
    expect(batch.every((item) => item.status === 201 && (item as { mode?: string }).mode === 'offline')).toBe(true);
    // The most that one account may be promised offline.
    expect(await settle(stage, 'us-b', [instruction('too-much', 'user-0', 'user-3', 1_001)]))
      .toMatchObject([{ state: 'rejected' }]);
    expect((await statusOf(urlOf('us-b'))).provisional).toMatchObject({ count: 101, offline: 101 });
    expect(await stage.edge('us-a').account('user-2')).toMatchObject({ connected: false, reserved: String(amount) });

    // The rest of the world does not wait for it.
    await settle(stage, 'eu-a', [instruction('spent-online', 'user-2', 'user-4', Number(held))]);
    await until('the other region is final', 10_000, async () =>
      (await stage.control().settlement('spent-online')).state === 'final');

    await stage.platform().heal('us');
    await clean();
    expect(await stage.edge('us-a').settlement('spent-offline'))
      .toMatchObject({ state: 'rejected', reason: 'insufficient-funds' });
    const { drift, provisional } = await statusOf(urlOf('us-a'));
    expect(drift!.reversed).toBe(reversedBefore + 1);
    expect(drift!.drifted).toBeGreaterThan(0);
    expect(BigInt(drift!.reversedAmount[ASSET]!)).toBeGreaterThanOrEqual(BigInt(amount));
    expect(provisional).toMatchObject({ count: 0, offline: 0 });
  }, 60_000);

  test('an edge node that is cut off goes on alone', async () => {
    await stage.platform().partition('eu-b');
    await isOffline('eu-b');
    const offline = await settle(stage, 'eu-b', transfers(rng, users, 'alone', 30));
    expect(offline.every((item) => (item as { mode?: string }).mode === 'offline')).toBe(true);
    await settle(stage, 'eu-a', transfers(rng, users, 'neighbour', 30));
    await until('its neighbour is final', 10_000, async () =>
      (await stage.edge('eu-a').settlement('neighbour-29')).globalIndex !== undefined);
    expect(await stage.edge('eu-b').settlement('alone-0'))
      .toMatchObject({ state: expect.stringMatching(/provisional|rejected/) as string });
    await stage.platform().heal('eu-b');
    await clean();
  }, 60_000);

  test('stopped and started again, carries on from what is on disk', async () => {
    const before = await Promise.all(['bank', ...users].map(balance));
    const sizes = await Promise.all(stage.edgeIds.map(async (edge) => (await statusOf(urlOf(edge))).log.size));
    await stage.down();
    await stage.up();
    expect(await Promise.all(['bank', ...users].map(balance))).toEqual(before);
    expect(await Promise.all(stage.edgeIds.map(async (edge) => (await statusOf(urlOf(edge))).log.size))).toEqual(sizes);
    const [old] = await settle(stage, 'eu-a', [stage.book.issued.get('killed-0-0')![0]!]);
    expect(old).toMatchObject({ status: 200 });
    await Promise.all(stage.edgeIds.map((edge) => settle(stage, edge, transfers(rng, users, `again-${edge}`, 50))));
    await clean();
  }, 60_000);
});
