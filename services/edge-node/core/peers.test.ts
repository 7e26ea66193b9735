import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPeers, DOWN_AFTER } from './peers.ts';

const series = fc.array(fc.option(fc.integer({ min: 0, max: 2_000 }), { freq: 3 }), { maxLength: 60 });

test('a way is down after three lost probes in a row and up after one that came back, since the probe with which that began', () => {
  fc.assert(fc.property(series, (rtts) => {
    const peers = createPeers();
    let state: { up: boolean; since: number } | undefined;
    rtts.forEach((rttMs, i) => {
      peers.probed({ to: 'b', path: 'b', sentAt: 1_000 * i, rttMs });
      const lastThree = rtts.slice(Math.max(0, i - DOWN_AFTER + 1), i + 1);
      if (rttMs !== null) {
        if (state?.up !== true) state = { up: true, since: 1_000 * i };
      } else if (lastThree.length === DOWN_AFTER && lastThree.every((rtt) => rtt === null) && state?.up !== false) {
        state = { up: false, since: 1_000 * (i - DOWN_AFTER + 1) };
      }
      expect(peers.states()['b']).toEqual(state);
    });
  }));
});

test('jitter is the difference of two round trips that follow each other on one path and both came back', () => {
  fc.assert(fc.property(series, (rtts) => {
    const peers = createPeers();
    const found = rtts.map((rttMs, i) => peers.probed({ to: 'b', path: 'b', sentAt: i, rttMs }));
    expect(found).toEqual(rtts.map((rtt, i) => {
      const before = rtts[i - 1] ?? null;
      return rtt === null || before === null ? null : Math.abs(rtt - before);
    }));
    // Never more differences than round trips: what deltas are checked for.
    expect(found.filter((j) => j !== null).length).toBeLessThanOrEqual(rtts.filter((r) => r !== null).length);
  }));
});

test('processes of one site in turn: one state for the site, and no jitter between two of them', () => {
  const peers = createPeers();
  const found = [['eu/1', 10], ['eu/2', 50], ['eu/1', 13], ['eu/2', 50], ['eu/1', null], ['eu/2', 51]] as const;
  expect(found.map(([path, rttMs], i) => peers.probed({ to: 'eu', path, sentAt: i, rttMs }))).toEqual([null, null, 3, 0, null, 1]);
  expect(peers.states()).toEqual({ eu: { up: true, since: 0 } });
});
