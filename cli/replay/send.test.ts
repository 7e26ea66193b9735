import { describe, expect, test } from 'vitest';
import type { BatchItem } from '../../services/protocol/client.ts';
import type { Instruction } from '../../services/protocol/index.ts';
import { send, type Barrier, type Outgoing, type SendOptions } from './send.ts';
import { chooseSite } from './sites.ts';

const EDGES = ['a', 'b', 'c'];
const outgoing = (position: number): Outgoing =>
  ({
    position, edge: EDGES[position % 3]!,
    instruction: { id: `s-${position}`, asset: 'EUR', debitAccount: 'x', creditAccount: 'y', amount: 1n },
  });
async function* rows(count: number, barrierAt = new Map<number, () => Promise<void>>()): AsyncGenerator<Outgoing | Barrier> {
  for (let i = 0; i < count; i += 1) {
    const barrier = barrierAt.get(i);
    if (barrier !== undefined) yield { barrier };
    yield outgoing(i);
  }
}
const receipt = (edge: string, s: Instruction, extra: object = {}): BatchItem =>
  ({
    id: s.id, state: 'provisional', mode: 'online', node: edge, index: 0, decidedAt: 0, leaf: '', status: 201, ...extra,
  }) as BatchItem;

function recorder(
  answer: SendOptions['settle'] = async (edge, batch) => batch.map((s) => receipt(edge, s)),
): SendOptions & { sent: Map<string, string[][]>; cursors: number[] } {
  const sent = new Map<string, string[][]>();
  const cursors: number[] = [];
  return {
    edges: EDGES, batch: 10, rate: Infinity, sent, cursors,
    settle: async (edge, batch) => {
      sent.set(edge, [...(sent.get(edge) ?? []), batch.map((s) => s.id)]);
      return answer(edge, batch);
    },
    onAcknowledged: (_, cursor) => cursors.push(cursor),
  };
}

describe('sending', () => {
  test('each edge node gets its rows in order, in batches, and nothing is left', async () => {
    const o = recorder();
    const sent = await send(rows(1_000), o);
    expect(sent).toMatchObject({ accepted: 1_000, repeated: 0, refused: 0, failed: 0 });
    for (const [i, edge] of EDGES.entries()) {
      const ids = o.sent.get(edge)!.flat();
      expect(ids).toEqual(Array.from({ length: ids.length }, (_, k) => `s-${i + 3 * k}`));
      expect(Math.max(...o.sent.get(edge)!.map((b) => b.length))).toBe(10);
    }
    expect(o.cursors.at(-1)).toBe(1_000);
  });

  test('the cursor never passes a row that is not answered', async () => {
    let free: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    const o = recorder(async (edge, batch) => {
      if (edge === 'b') await held;
      return batch.map((s) => receipt(edge, s));
    });
    const done = send(rows(90), o);
    while ((o.sent.get('c')?.flat().length ?? 0) < 30) await new Promise(setImmediate);
    // Row 1 is the first of b.
    expect(Math.max(...o.cursors)).toBe(1);
    free();
    await done;
    expect(o.cursors.at(-1)).toBe(90);
  });

  test('memory is bounded: the reader waits while a node does not answer', async () => {
    let read = 0;
    let free: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      free = resolve;
    });
    async function* counted(): AsyncGenerator<Outgoing> {
      for (let i = 0; i < 5_000; i += 1) {
        read += 1;
        yield outgoing(i);
      }
    }
    const done = send(counted(), recorder(async (edge, batch) => {
      await held;
      return batch.map((s) => receipt(edge, s));
    }));
    for (let i = 0; i < 500; i += 1) await new Promise(setImmediate);
    expect(read).toBeLessThan(3 * 10 * 6);
    free();
    await done;
    expect(read).toBe(5_000);
  });

  test('at a barrier everything before is answered and nothing behind is sent', async () => {
    const o = recorder();
    let seen = -1;
    await send(rows(100, new Map([[47, async () => {
      seen = [...o.sent.values()].flat(2).length;
    }]])), o);
    expect(seen).toBe(47);
  });

  test('refusals, conflicts and repetitions are told apart', async () => {
    const sent = await send(rows(9), recorder(async (edge, batch) => batch.map((s): BatchItem => {
      const n = Number(s.id.slice(2));
      if (n === 0) return { id: s.id, status: 409, problem: { code: 'id-conflict', detail: 'other content' } };
      if (n === 1) return receipt(edge, s, { state: 'rejected', reason: 'insufficient-funds' });
      return receipt(edge, s, n === 2 ? { status: 200 } : { mode: 'offline' });
    })));
    expect(sent).toMatchObject({ accepted: 6, repeated: 1, refused: 1, offline: 6, failed: 1 });
    expect(sent.failures.map((f) => f.why).sort()).toEqual(['id-conflict: other content', 'refused at b: insufficient-funds']);
  });

  test('an error for good ends it, with the cursor where it was', async () => {
    const o = recorder(async (edge, batch) => {
      if (edge === 'c' && batch[0]!.id !== 's-2') throw new Error('gone');
      return batch.map((s) => receipt(edge, s));
    });
    await expect(send(rows(300), o)).rejects.toThrow('gone');
    expect(Math.max(...o.cursors)).toBeLessThanOrEqual(32);
  });

  test('a rate is kept, by the clock', async () => {
    let time = 0;
    const o = { ...recorder(), rate: 100, now: () => time, sleep: async (ms: number) => {
      time += ms;
    } };
    await send(rows(250), o);
    expect(time).toBeCloseTo(2_500, -1);
  });
});

describe('the choice of the edge node', () => {
  test('is the same every time, spreads evenly, and moves little when a node goes', () => {
    const values = Array.from({ length: 2_000 }, (_, i) => `account-${i}`);
    const chosen = values.map((v) => chooseSite(v, EDGES));
    expect(values.map((v) => chooseSite(v, EDGES.toReversed()))).toEqual(chosen);
    for (const edge of EDGES) expect(chosen.filter((c) => c === edge).length).toBeGreaterThan(550);
    values.forEach((v, i) => {
      if (chosen[i] !== 'c') expect(chooseSite(v, ['a', 'b'])).toBe(chosen[i]);
    });
  });
});
