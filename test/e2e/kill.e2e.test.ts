/**
 * kill -9 of any process at any moment of a replay, tested with a few thousand settlements: clients repeat until they are
 * answered,
 * the supervisor starts again what was killed, and the end is as if nothing had happened. `TIDEMARK_SEED=n` for other
 * moments and victims, `TIDEMARK_KILLS=n` for more of them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import type { RunState } from '../../services/local/index.ts';
import type { Instruction } from '../../services/protocol/index.ts';
import { createRng, type Rng } from '../simulation/rng.ts';
import { audit, drained, noteWitnessed, openAccounts, openStage, settle, transfers, until, type Stage,
  type Witnessed } from './stage.ts';

const seed = Number(process.env['TIDEMARK_SEED'] ?? 7);
const kills = Number(process.env['TIDEMARK_KILLS'] ?? 16);
const users = Array.from({ length: 20 }, (_, i) => `user-${i}`);
const BATCH = 20;
const LONG = 120_000 + kills * 4_000;

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

/**
 * Clients that send their share batch by batch, each at its own edge node first, at any other one when it has to be sent again.
 * @returns what tells how far they are, and what resolves when all is acknowledged
 */
function replay(s: Stage, rng: Rng, perClient: number): { readonly done: Promise<void>; readonly sent: () => number } {
  let sent = 0;
  const client = async (k: number): Promise<void> => {
    const own = rng.fork();
    const home = s.edgeIds[k % s.edgeIds.length]!;
    const all = transfers(own, users, `c${k}`, perClient);
    for (let i = 0; i < all.length; i += BATCH) {
      const batch = all.slice(i, i + BATCH);
      // One or two of what was sent before, once more, as a client does that lost its memory.
      const again: Instruction[] = i > 0 && own.chance(0.3) ? [own.pick(all.slice(0, i))] : [];
      await settle(s, (attempt) => (attempt > 0 && own.chance(0.3) ? own.pick(s.edgeIds) : home), [...batch, ...again]);
      sent += batch.length;
    }
  };
  return { done: Promise.all(Array.from({ length: 6 }, (_, k) => client(k))).then(() => undefined), sent: () => sent };
}

async function end(s: Stage, witnessed: Witnessed, settlements: number): Promise<void> {
  await s.platform().ready();
  await drained(s, 60_000);
  const result = await audit(s, witnessed);
  expect(result.violations, `seed ${seed}`).toEqual([]);
  expect(s.book.issued.size).toBe(settlements);
  const answered = new Set(s.book.acknowledged.map((a) => a.id));
  expect([...s.book.issued.keys()].filter((id) => !answered.has(id))).toEqual([]);
}

test(`${kills} kills over all three tiers, one at a time and several at once, lose and double nothing (seed ${seed})`,
  async () => {
  stage = await openStage();
  const s = stage;
  const rng = createRng(seed);
  await openAccounts(s, users);
  const witnessed: Witnessed = [];
  const perClient = kills * 40;
  const work = replay(s, rng.fork(), perClient);
  const total = 6 * perClient;
  const processes = s.platform().sites.map((site) => site.id);
  const tiers = [['global'], processes.filter((p) => p.includes('/')), processes.filter((p) => p.includes('-'))];
  const killed: string[] = [];
  for (let k = 0; k < kills;) {
    // Spread over the replay, at a moment that the seed decides: when so much has been acknowledged.
    const at = Math.floor(((k + rng.next()) / (kills + 1)) * total);
    await until(`${at} of ${total} acknowledged (seed ${seed}, after killing ${killed.join(', ')})`, 60_000, async () =>
      work.sent() >= at);
    const victims = rng.chance(0.25) ? [rng.pick(tiers[0]!), rng.pick(tiers[1]!),
      rng.pick(tiers[2]!)] : [rng.pick(rng.pick(tiers))];
    await Promise.all(victims.map(async (victim) => {
      // One that is between two lives can't be killed.
      await s.platform().kill(victim).catch(() => undefined);
      killed.push(victim);
    }));
    k += victims.length;
    await noteWitnessed(s, witnessed).catch(() => undefined);
  }
  await work.done;
  await end(s, witnessed, total);
  for (const tier of tiers) expect(killed.some((id) => tier.includes(id)), `seed ${seed} kills in every tier`).toBe(true);
}, LONG);

test(`the whole platform killed at once, its supervisor with it, carries on in the same folder (seed ${seed})`, async () => {
  stage = await openStage();
  const s = stage;
  await openAccounts(s, users);
  const rng = createRng(seed + 1);
  const witnessed: Witnessed = [];
  await s.down();
  const { child, state } = await startProgram(s.folder);
  await s.use(state);
  const perClient = 300;
  const work = replay(s, rng.fork(), perClient);
  const at = rng.between(300, 1_200);
  await until(`${at} acknowledged (seed ${seed})`, 60_000, async () => work.sent() >= at);
  await noteWitnessed(s, witnessed);
  child.kill('SIGKILL');
  for (const { pid } of state.processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It noticed already that its supervisor is gone.
    }
  }
  await once(child, 'exit');
  await s.up();
  await work.done;
  await end(s, witnessed, 6 * perClient);
}, LONG);

async function startProgram(folder: string): Promise<{ child: ChildProcess; state: RunState }> {
  const child = spawn(
    process.execPath, [fileURLToPath(new URL('supervisor.ts', import.meta.url)), folder],
      { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = await once(createInterface({ input: child.stdout! }), 'line') as [string];
  return { child, state: JSON.parse(line) as RunState };
}
