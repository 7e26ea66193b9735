import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Sla } from '../../platform/index.ts';
import { SettingsError, type RoundTrip } from '../shell/index.ts';
import type { Probe } from './core/peers.ts';
import { createFigures } from './figures.ts';
import { parsePeers } from './peers-setting.ts';
import { createProbeSteps, firstProbes, PROBE_TIMEOUT_MS } from './prober.ts';

/** Ways that take as long as they are told to, by a clock of their own. */
function world(script: (number | null)[]) {
  let time = 10_000;
  const probes: Probe[] = [];
  const asked: string[] = [];
  const open = (url: string): RoundTrip => ({
    async measure(timeoutMs) {
      asked.push(url);
      const rtt = script.shift() ?? null;
      time += rtt ?? timeoutMs;
      if (rtt === null) throw new Error('lost');
      return rtt;
    },
    close: async () => undefined,
  });
  return { probes, asked, options: { open, now: () => time, onProbe: (probe: Probe) => void probes.push(probe) }, pass: (ms: number) => void (time += ms) };
}

describe('probes', () => {
  test('go to the processes of a site in turn, one a second, and a lost one after its two seconds at once', async () => {
    const w = world([5, 40, null, 6]);
    const steps = createProbeSteps({ site: 'eu', urls: ['http://a:1', 'http://b:2/', 'http://c:3'] }, w.options);
    const never = new AbortController().signal;
    const pauses: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      pauses.push(await steps.probe(never));
      w.pass(pauses.at(-1)!);
    }
    expect(w.asked).toEqual(['http://a:1/healthz', 'http://b:2/healthz', 'http://c:3/healthz', 'http://a:1/healthz']);
    expect(pauses).toEqual([995, 960, 1, 994]);
    expect(w.probes).toEqual([
      { to: 'eu', path: 'http://a:1', sentAt: 10_000, rttMs: 5 }, { to: 'eu', path: 'http://b:2/', sentAt: 11_000, rttMs: 40 },
      { to: 'eu', path: 'http://c:3', sentAt: 12_000, rttMs: null }, { to: 'eu', path: 'http://a:1', sentAt: 12_001 + PROBE_TIMEOUT_MS, rttMs: 6 },
    ]);
  });

  test('that are given up because the node stops are none', async () => {
    const w = world([null]);
    const steps = createProbeSteps({ site: 'b', urls: ['http://b'] }, w.options);
    await steps.probe(AbortSignal.abort());
    expect(w.probes).toEqual([]);
  });

  test('begin after a second, spread evenly over the next one', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 17 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (count, random) => {
      const first = firstProbes(count, random);
      for (const [i, at] of first.entries()) {
        expect(at >= 1_000 && at <= 2_000).toBe(true);
        if (i > 0) expect(at - first[i - 1]!).toBeCloseTo(1_000 / count);
      }
    }));
  });
});

test('SLAs are about the way up alone; probes of other edge nodes are counted apart', () => {
  const sla = (id: string, more: Partial<Sla>): Sla =>
    ({ id, indicator: 'peering-rtt', objective: 0.9, windowDays: 30, scope: 'global', severity: 'ticket', owner: 'o', runbook: 'r', ...more });
  const figures = createFigures({ slas: [sla('rtt', { thresholdMs: 20 }), sla('loss', { indicator: 'peering-loss', thresholdRatio: 0.5 })], node: 'a', region: 'eu', reach: 'new' });
  figures.tick(0, { connected: true, logSize: 0, finalSize: 0 });
  expect(figures.peers()).toBeUndefined();
  for (const [to, rttMs] of [['eu', 10], ['eu', 30], ['b', 50], ['b', null], ['b', null], ['b', null], ['b', 10], ['b', 14]] as const) {
    figures.probed({ to, path: to, sentAt: 1, rttMs });
  }
  figures.tick(60_000, { connected: true, logSize: 0, finalSize: 0 });
  const { sums } = figures.take();
  expect(Object.fromEntries(sums.slas)).toEqual({ rtt: { events: 2, good: 1 }, loss: { events: 1, good: 1 } });
  expect(sums.peering.get('eu')).toMatchObject({ sent: 2, lost: 0, rtt: { count: 2 }, jitter: { count: 1, sum: 20 } });
  expect(sums.peering.get('b')).toMatchObject({ sent: 6, lost: 3, rtt: { count: 3 }, jitter: { count: 1, sum: 4 } });
  figures.kept();
  expect(figures.peers()).toEqual({ eu: { up: true, since: 1 }, b: { up: true, since: 1 } });
  const gauges = { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 0, peers: { eu: { up: true, since: 1 }, b: { up: false, since: 1 } } } as const;
  const metrics = new Map(figures.metrics(gauges).map((m) => [m.name, m]));
  expect(metrics.get('tidemark_peering_up')?.samples).toEqual([{ labels: { peer: 'eu' }, value: 1 }, { labels: { peer: 'b' }, value: 0 }]);
  expect(metrics.get('tidemark_peering_lost_total')?.samples).toContainEqual({ labels: { peer: 'b' }, value: 3 });
  expect(metrics.get('tidemark_peering_jitter_ms')?.samples).toContainEqual(expect.objectContaining({ labels: { peer: 'b' }, histogram: expect.objectContaining({ count: 1, sum: 4 }) }));
});

describe('TIDEMARK_PEERS', () => {
  const read = (value: unknown): unknown => parsePeers(value, ['a', 'eu']);
  test('is a list of sites and base URLs', () => {
    const peers = [{ site: 'b', url: 'http://127.0.0.1:4601' }, { site: 'c', url: 'https://c.example.com:8080/' }];
    expect(read(peers)).toEqual(peers);
    expect(read([])).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    ['no list', { site: 'b' }, 'TIDEMARK_PEERS: expected a JSON list of at most 16 {"site", "url"}, got {"site":"b"}'],
    ['too long', Array.from({ length: 10_000 }, (_, i) => ({ site: `s${i}`, url: 'http://x' })), 'got 10000 of them'],
    ['no object', ['b'], '[0]: expected {"site", "url"}, got "b"'], ['null', [null], '[0]: expected {"site", "url"}, got null'],
    ['more than that', [{ site: 'b', url: 'http://b', token: 'x' }], '[0]: expected nothing but site and url, got ["token"]'],
    ['no id', [{ site: '../b', url: 'http://b' }], '[0].site: expected the id of an edge node, got "../b"'],
    ['itself', [{ site: 'a', url: 'http://b' }], '[0].site: expected another edge node than this one, got "a"'],
    ['its region', [{ site: 'eu', url: 'http://b' }], '[0].site: expected another edge node than this one, got "eu"'],
    ['one twice', [{ site: 'b', url: 'http://b' }, { site: 'b', url: 'http://c' }], '[1].site: expected each one once, got "b"'],
    ['another protocol', [{ site: 'b', url: 'file:///etc/passwd' }], '[0].url: expected a base URL'],
    ['a path', [{ site: 'b', url: 'http://b/v1/settlements' }], '[0].url: expected a base URL'],
    ['a password', [{ site: 'b', url: 'http://u:p@b' }], '[0].url: expected a base URL'], ['no URL', [{ site: 'b' }], '[0].url: expected a base URL such as https://eu-fra-1.example.com:8080, got nothing'],
  ])('with %s is refused', (_what, value, message) => {
    expect(() => read(value)).toThrow(SettingsError);
    expect(() => read(value)).toThrow(message);
  });

  test('tells every mistake', () => {
    expect(() => read([{ site: 1, url: 'http://b' }, { site: 'b', url: 2 }])).toThrow(/\[0\]\.site[^\n]*\nTIDEMARK_PEERS: \[1\]\.url/);
  });
});
