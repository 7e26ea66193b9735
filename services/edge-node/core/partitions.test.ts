import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPartitions, type Reach } from './partitions.ts';

/** A node with a clock of its own. A word of the centre is the answer to a question, if not told otherwise. */
function node(reach: Reach = 'in-reach') {
  const contacts: number[] = [];
  const told: (readonly [contactAt: number, ms: number])[] = [];
  const open = new Map<object, number>();
  let [time, log, final] = [0, 0, 0];
  const partitions = createPartitions(reach, (partition, at) => {
    contacts.push(at);
    open.set(partition, at);
  }, (partition, ms) => {
    told.push([open.get(partition)!, ms]);
    open.delete(partition);
  });
  const look = (connected: boolean): void => partitions.observe(connected, time, final);
  return {
    contacts, told, open, look,
    at: (to: number) => void (time = to),
    decide: (count: number) => void (log += count),
    word: (askedAt = time, provenAt = askedAt) => partitions.heard({ provenAt, askedAt }, log, final),
    outcomes(upTo: number, askedAt: number, decidedAt: number) {
      partitions.heard({ provenAt: decidedAt, askedAt }, log, final);
      final = upTo;
    },
    waiting: () => log - final,
  };
}

test('the window runs from the first word to when all that was decided before it has its outcome', () => {
  const n = node();
  n.decide(4);
  n.at(1_000);
  n.look(false);
  n.decide(5);
  n.at(5_000);
  n.word(4_900);
  n.look(true);
  // Decided since the word came: not part of it.
  n.decide(11);
  n.at(5_200);
  n.outcomes(8, 5_000, 4_000);
  n.look(true);
  expect(n.told).toEqual([]);
  n.at(5_300);
  n.outcomes(9, 5_200, 4_500);
  n.look(true);
  expect(n.told).toEqual([[4_900, 400]]);
});

test('a word and all outcomes between two looks take the time from the word', () => {
  const n = node();
  n.at(3_000);
  n.look(false);
  n.decide(10);
  n.at(7_100);
  n.word(7_060);
  n.look(true);
  n.at(7_350);
  n.outcomes(10, 7_100, 6_000);
  n.look(true);
  expect(n.told).toEqual([[7_060, 290]]);
});

test('outcomes may be the first word; the window then begins with the exchange that brought them, or with the decision if that was later', () => {
  for (const [askedAt, from] of [[6_200, 6_200], [5_000, 6_000]] as const) {
    const n = node();
    n.at(3_000);
    n.look(false);
    n.decide(10);
    n.at(9_000);
    n.outcomes(10, askedAt, 6_000);
    // Decided too long ago for the node to decide as one in reach: what comes next is still the end of the same partition.
    n.look(false);
    n.at(9_100);
    n.word(9_050);
    n.look(true);
    expect(n.told).toEqual([[from, 9_000 - from]]);
  }
});

test('what is decided between an old word and one that puts the node in reach is part of the partition', () => {
  const n = node();
  n.look(false);
  n.decide(10);
  n.at(9_000);
  n.outcomes(4, 8_000, 1_000);
  n.look(false);
  n.decide(1);
  n.at(9_100);
  n.word();
  n.look(true);
  n.at(9_200);
  n.outcomes(10, 9_100, 2_000);
  n.look(true);
  expect(n.told).toEqual([]);
  n.at(9_300);
  n.outcomes(11, 9_200, 9_050);
  n.look(true);
  expect(n.told).toEqual([[8_000, 1_300]]);
});

test('with nothing waiting there is nothing to reconcile', () => {
  const n = node();
  n.decide(3);
  n.outcomes(3, 0, 0);
  n.at(3_000);
  n.look(false);
  n.at(4_000);
  n.word();
  n.look(true);
  expect(n.contacts).toEqual([]);
});

test('a node that never was in reach is not cut off; one that starts with offline decisions waiting is', () => {
  const fresh = node('new');
  fresh.at(5_000);
  fresh.look(false);
  fresh.decide(1);
  fresh.at(6_000);
  fresh.word();
  fresh.look(true);
  expect(fresh.contacts).toEqual([]);
  const again = node('cut-off');
  again.decide(2);
  again.at(500);
  again.word(400);
  again.look(true);
  again.at(600);
  again.outcomes(2, 500, 0);
  again.look(true);
  expect(again.told).toEqual([[400, 200]]);
});

test('an old word, told again, is none', () => {
  const n = node();
  n.word(100);
  n.at(3_000);
  n.look(false);
  n.decide(1);
  n.word(100);
  n.word(50);
  expect(n.contacts).toEqual([]);
});

test('one partition while another is reconciled', () => {
  const n = node();
  n.look(false);
  n.decide(2);
  n.at(80);
  n.word();
  n.look(true);
  n.look(false);
  n.decide(2);
  n.at(95);
  n.word();
  n.look(true);
  n.at(99);
  n.outcomes(4, 90, 85);
  n.look(true);
  expect(n.told).toEqual([[80, 19], [95, 4]]);
});

test('whatever happens: a window for each partition after which something waited, none too short', () => {
  const step = fc.record({
    ms: fc.integer({ min: 1, max: 5_000 }), decided: fc.nat(3), asked: fc.nat(4_000), settled: fc.nat(6), what: fc.constantFrom('look', 'word', 'outcomes'),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom<Reach>('new', 'in-reach', 'cut-off'), (steps, reach) => {
    const n = node(reach);
    const OFFLINE_AFTER_MS = 2_000;
    let [time, log, final, heardAt] = [0, 0, 0, -Infinity];
    /** When each entry was decided. */
    const decidedAt: number[] = [];
    /** When the node knew the outcome of each. */
    const settledAt: number[] = [];
    /** What has to be told at least: of each partition whose end was heard, when that was and what waited. */
    const expected: { heardAt: number; upTo: number }[] = [];
    let isCut = reach === 'cut-off';
    const connected = (): boolean => time - heardAt <= OFFLINE_AFTER_MS;
    const hear = (provenAt: number): void => {
      if (provenAt <= heardAt) return;
      if (isCut && log > final) expected.push({ heardAt: time, upTo: log });
      isCut = false;
      heardAt = provenAt;
    };
    for (const s of steps) {
      time += s.ms;
      n.at(time);
      const askedAt = Math.max(0, time - s.asked);
      for (let i = 0; i < s.decided; i += 1) decidedAt.push(time);
      n.decide(s.decided);
      log += s.decided;
      if (!connected() && (reach !== 'new' || heardAt > -Infinity)) isCut = true;
      n.look(connected());
      if (s.what === 'word') {
        n.word(askedAt);
        hear(askedAt);
      } else if (s.what === 'outcomes' && final < log) {
        const to = Math.min(log, final + 1 + s.settled);
        const provenAt = decidedAt[to - 1]!;
        n.outcomes(to, askedAt, provenAt);
        hear(provenAt);
        final = to;
        while (settledAt.length < to) settledAt.push(time);
      }
      n.look(connected());
    }
    time += 10_000;
    n.at(time);
    n.outcomes(log, time, -Infinity);
    n.look(false);
    // Nothing stays open once everything has its outcome, and nothing is told of what did not wait.
    expect(n.open.size).toBe(0);
    expect(n.told.length).toBe(n.contacts.length);
    expect(n.contacts.length <= expected.length).toBe(true);
    expect(n.contacts.length > 0).toBe(expected.length > 0);
    for (const [contactAt, ms] of n.told) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(contactAt).toBeLessThanOrEqual(time);
    }
    // None is too short: each end of a partition lies in a window with all that waited then.
    for (const { heardAt: from, upTo } of expected) {
      const to = settledAt[upTo - 1] ?? time;
      expect(n.told.some(([contactAt, ms]) => contactAt <= from && contactAt + ms >= to)).toBe(true);
    }
  }), { numRuns: 500 });
});
