import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cosigned, cosignedAt, grown, latest, PROPOSE_STEP_MS, quorumState, reachedSize, receive, tick, timeToProposal,
  type Cosigned, type QuorumState, type Turn,
} from './quorum.ts';

const rootOf = (size: number, world = 'true'): Uint8Array => hash('sha256', `${world} ${size}`, 'buffer');
const line = (world: string, size: number, ...replicas: number[]): Cosigned =>
  ({ size, root: rootOf(size, world), note: `${world} ${size}`, lines: new Map(replicas.map((r) => [r, `line of ${r}`])) });

interface Sim {
  states: QuorumState[];
  halted: boolean[];
  now: number;
  /** Messages under way: to whom, and what. */
  wire: { to: number; what: Cosigned }[];
}

/** Replicas on a wire that loses and reorders, in worlds of their own when they lie. */
function simulate(n: number, quorum: number, worlds: readonly string[]): Sim & { turn: (i: number, t: Turn) => void; deliver: (k: number) => void; grow: (i: number, size: number) => void; propose: (i: number) => void } {
  const sim: Sim = { states: Array.from({ length: n }, (_, i) => quorumState(i, quorum, 0, null, 0)), halted: Array(n).fill(false) as boolean[], now: 0, wire: [] };
  const rootAt = (i: number) => (size: number): Uint8Array => rootOf(size, worlds[i]);
  const turn = (i: number, t: Turn): void => {
    sim.states[i] = t.state;
    for (const e of t.effects) {
      if (e.do === 'halt') sim.halted[i] = true;
      if (e.do === 'sign' && !sim.halted[i]) turn(i, cosigned(sim.states[i]!, line(worlds[i]!, e.size, i), sim.now));
    }
    for (const e of t.effects) {
      const mine = e.do === 'tell' && !sim.halted[i] ? cosignedAt(sim.states[i]!, e.size) : null;
      if (mine !== null) for (let to = 0; to < n; to += 1) if (to !== i) sim.wire.push({ to, what: mine });
    }
  };
  return Object.assign(sim, {
    turn,
    grow: (i: number, size: number) => turn(i, grown(sim.states[i]!, size, sim.now, rootAt(i))),
    propose: (i: number) => turn(i, tick(sim.states[i]!, sim.now)),
    deliver(k: number) {
      const [m] = sim.wire.splice(k, 1);
      if (m === undefined || sim.halted[m.to]) return;
      turn(m.to, receive(sim.states[m.to]!, m.what, sim.now, rootAt(m.to)));
      // The answer: what the receiver has cosigned last, straight to whoever asks.
      const answer = latest(sim.states[m.to]!);
      for (const from of m.what.lines.keys()) if (answer !== null && from !== m.to && !sim.halted[from]) turn(
        from, receive(sim.states[from]!, answer, sim.now, rootAt(from)),
      );
    },
  });
}

describe('agreement', () => {
  it('of one replica is its own signature', () => {
    const sim = simulate(1, 1, ['true']);
    sim.grow(0, 5);
    expect(reachedSize(sim.states[0]!)).toBe(5);
    sim.grow(0, 9);
    expect(reachedSize(sim.states[0]!)).toBe(9);
  });

  it('never goes back, never counts a signature over another root, and comes about when everybody is heard', () => {
    fc.assert(fc.property(
      fc.constantFrom([3, 2], [5, 3], [4, 3]), fc.nat(4), fc.boolean(),
      fc.array(fc.record({ i: fc.nat(4), by: fc.nat(3), deliver: fc.nat(20), lose: fc.boolean() }), { maxLength: 60 }),
      ([n, q], liar, lies, steps) => {
        const worlds = Array.from({ length: n! }, (_, i) => (lies && i === liar % n! ? 'false' : 'true'));
        const sim = simulate(n!, q!, worlds);
        let top = 0;
        for (const s of steps) {
          const i = s.i % n!;
          const before = sim.states.map(reachedSize);
          sim.now += s.deliver;
          sim.grow(i, sim.states[i]!.size + s.by);
          top = Math.max(top, sim.states[i]!.size);
          if (sim.wire.length > 0) {
            if (s.lose) sim.wire.splice(s.deliver % sim.wire.length, 1);
            else sim.deliver(s.deliver % sim.wire.length);
          }
          sim.propose(i);
          sim.states.forEach((st, k) => expect(reachedSize(st)).toBeGreaterThanOrEqual(before[k]!));
        }
        // Everybody replays the rest, and nothing is lost any more.
        for (let i = 0; i < n!; i += 1) sim.grow(i, top);
        for (let round = 0; round < 4; round += 1) {
          sim.now += 1_000;
          for (let i = 0; i < n!; i += 1) {
            sim.propose(i);
            const told = latest(sim.states[i]!);
            if (told !== null && !sim.halted[i]) {
              for (let to = 0; to < n!; to += 1) if (to !== i) sim.wire.push({ to, what: told });
            }
          }
          while (sim.wire.length > 0) sim.deliver(0);
        }
        sim.states.forEach((s, i) => {
          if (worlds[i] === 'true') {
            expect(sim.halted[i]).toBe(false);
            expect(reachedSize(s)).toBe(top);
          }
          if (s.reached !== null) {
            expect(Buffer.from(s.reached.root).equals(rootOf(s.reached.size, worlds[i]))).toBe(true);
            for (const r of s.reached.lines.keys()) expect(worlds[r]).toBe(worlds[i]);
          }
          if (worlds[i] === 'false' && top > 0) expect([sim.halted[i], reachedSize(s)]).toEqual([true, 0]);
        });
      },
    ), { numRuns: 200 });
  });

  it('is proposed by the first replica at once, by each next one a little later', () => {
    const waits = [0, 1, 2].map((me) => timeToProposal({ ...quorumState(me, 2, 5, null, 100) }, 100));
    expect(waits).toEqual([0, PROPOSE_STEP_MS, 2 * PROPOSE_STEP_MS]);
    expect(timeToProposal(quorumState(0, 2, 5, line('true', 5, 0, 1), 100), 100)).toBe(Infinity);
  });

  it('keeps few sizes open however many a peer names', () => {
    let state = quorumState(0, 3, 10_000, null, 0);
    for (let size = 1; size < 1_000; size += 1) state = receive(state, line('true', size, 1), 0, (s) => rootOf(s)).state;
    expect(state.open.size).toBeLessThanOrEqual(64);
    for (let size = 10_001; size < 11_000; size += 1) state = receive(state, line('true', size, 1), 0, (s) => rootOf(s)).state;
    expect(state.held.size).toBe(1);
  });
});

it('does not put cosignatures over two texts under one note', () => {
  const mine = { ...line('true', 1, 0), note: 'text\n\nsignature\n' };
  const state = cosigned({ ...quorumState(0, 2, 1, null, 0) }, mine, 0).state;
  const theirs = { ...line('true', 1, 1), note: 'text and more\n\nsignature\n' };
  expect(() => receive(state, theirs, 0, (size) => rootOf(size))).toThrow('over two texts');
  const again = { ...line('true', 1, 1), note: 'text\n\nanother signature of the log\n' };
  expect(reachedSize(receive(state, again, 0, (size) => rootOf(size)).state)).toBe(1);
});
