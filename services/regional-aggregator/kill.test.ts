import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { afterEach, expect, it } from 'vitest';
import { decodeBatch } from '../protocol/index.ts';
import { createBed, edgeLog, eventually, post, status, type Bed } from './testing.ts';

let bed: Bed;
afterEach(() => bed.close());

const SEED = Number(process.env['KILL_SEED'] ?? 20_261);
/** Mulberry32. */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

it.each([[1, 1, 4], [3, 2, 4]])('%i replicas, quorum %i, killed %i times: nothing acknowledged is lost', async (replicas, quorum, kills) => {
  const rnd = random(SEED);
  const where = `seed ${SEED}`;
  bed = await createBed({ replicas, quorum, nodes: ['a', 'b'] });
  const children: ChildProcess[] = await Promise.all(Array.from({ length: replicas }, (_, n) => bed.spawn(n)));
  const logs = ['a', 'b'].map((n) => edgeLog(n));
  let sending = true;
  const acknowledged = new Map<string, number>();

  /** As an edge node does: one batch after the other, cut anew at each try, to the next replica when one does not answer. */
  const nodes = logs.map(async (log, k) => {
    let to = k;
    let has = 0;
    while (sending || has < log.size()) {
      if (sending && log.size() - has < 200) log.append(1 + Math.floor(rnd() * 20));
      const size = Math.min(log.size(), has + 1 + Math.floor(rnd() * 60));
      const reply = await post(bed.urls[to % replicas]!, await log.batch(has, size)).catch(() => null);
      const said = reply === null || reply.status >= 500 ? undefined : reply.json()['size'];
      if (typeof said !== 'number') {
        to += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      expect([reply?.status, where]).toEqual([reply?.status === 409 ? 409 : 200, where]);
      // Whatever one replica acknowledged, every other one knows of, or finds out before it answers.
      expect([said >= (acknowledged.get(log.node) ?? 0), where]).toEqual([true, where]);
      has = said;
      acknowledged.set(log.node, said);
    }
  });

  for (let i = 0; i < kills; i += 1) {
    const n = Math.floor(rnd() * replicas);
    const victim = children[n]!;
    // Somewhere in the middle of whatever it is doing then.
    await new Promise((resolve) => setTimeout(resolve, 30 + rnd() * 120));
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    children[n] = await bed.spawn(n);
  }
  sending = false;
  await Promise.all(nodes);
  await eventually('everything at the centre', async () => {
    const s = await Promise.all(bed.urls.map(status));
    return s.every(
      (x) => x.counts['entries'] === logs[0]!.size() + logs[1]!.size() && x.counts['quorumSize'] === x.log.size && bed.control.applied() === x.log.size,
    );
  }, 30_000);

  expect([bed.control.refusals, where]).toEqual([[], where]);
  for (const log of logs) {
    const batches = bed.control.entries.map((e) => decodeBatch(e)).filter((e) => e.node === log.node);
    batches.forEach((b, i) => expect([b.from, where]).toEqual([i === 0 ? 0 : batches[i - 1]!.size, where]));
    expect([batches.at(-1)?.size, where]).toEqual([log.size(), where]);
  }
  const states = await Promise.all(bed.urls.map(status));
  expect([states.map((s) => s.state), where]).toEqual([states.map(() => 'ready'), where]);
}, 60_000);
