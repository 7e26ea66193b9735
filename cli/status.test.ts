import { expect, test } from 'vitest';
import type { RunState } from '../services/local/run-state.ts';
import type { ServiceStatus } from '../services/protocol/index.ts';
import { emptyHistogram, record, toJson } from '../services/telemetry/index.ts';
import { consequence } from './commands/partition.ts';
import { platformStatus, renderStatus } from './status.ts';

const histogram = (...values: number[]): ReturnType<typeof toJson> => {
  const h = emptyHistogram();
  for (const v of values) record(h, v);
  return toJson(h);
};
const edge = (id: string, lag: number[], pending: number): ServiceStatus => ({
  id, tier: 'edge', region: 'eu', state: 'ready', log: { origin: `x/edge/${id}`, size: 10 }, counts: { accepted: 10 },
  provisional: { count: pending, offline: 1, oldestMs: pending * 100, ratio: pending / 10 }, lag: { whole: histogram(...lag) },
  drift: {
    compared: 5, drifted: 1, amount: { EUR: '7' }, amountMax: { EUR: '7' }, reversed: 0, reversedAmount: {},
  }, incidents: [],
});
const site = (id: string, tier: 'edge' | 'region' | 'global', region?: string): RunState['sites'][number] =>
  ({
    id, tier, url: `http://127.0.0.1:1/${id}`, state: 'listening', pid: 1, restarts: 0, partitioned: id === 'eu-b',
    ...(region === undefined ? {} : { region }),
  });
const run: RunState = {
  v: 1, name: 'test', pid: 1, startedAt: 0, state: 'running', dataDir: '/x', controlUrl: 'http://c', localUrl: 'http://l', tokenFile: '/x/token',
  wan: { mode: 'emulated', scale: 1 }, partitions: [{ site: 'eu-b', since: 0, until: null }], processes: [],
  sites: [site('global', 'global'), site('eu-a', 'edge', 'eu'), site('eu-b', 'edge', 'eu'), site('eu/1', 'region', 'eu')],
};

test('a region is its edge nodes together: histograms merge, figures add up', () => {
  const status = platformStatus(run, new Map<string, ServiceStatus | null>([
    [
      'global',
      {
        id: 'global', tier: 'global', state: 'ready', log: { origin: 'x/global', size: 20 }, counts: {},
        incidents: [{ at: 0, kind: 'fork', detail: 'eu signed two logs' }],
      },
    ],
    ['eu-a', edge('eu-a', [10, 10, 10], 2)], ['eu-b', edge('eu-b', [1_000], 3)], ['eu/1', null],
  ]));
  expect(status.sites.map((s) => [s.id, s.tier, s.state, s.partitioned])).toEqual([
    [
      'global', 'global', 'ready', false,
    ], ['eu-a', 'edge', 'ready', false], ['eu-b', 'edge', 'ready', true], ['eu/1', 'region', 'down', false],
  ]);
  const [eu] = status.regions;
  expect(eu).toMatchObject(
    {
      id: 'eu', provisional: { count: 5, offline: 2, oldestMs: 300, ratio: 0.25 },
      drift: { compared: 10, drifted: 2, amount: { EUR: '14' }, amountMax: { EUR: '7' } },
    },
  );
  expect(eu!.lag.whole.count).toBe(4);
  expect(eu!.lag.whole.p50).toBeCloseTo(10, 0);
  expect(eu!.lag.whole.p99).toBeCloseTo(1_000, -1);
  expect(eu!.lag.ordered).toEqual({ count: 0, p50: null, p95: null, p99: null, max: null });
  expect(JSON.parse(JSON.stringify(status))).toEqual(status);

  const text = renderStatus(status);
  for (const part of [
    'eu-b', 'down', 'ready (cut off)', 'cut off: eu-b since', '3 (30.0%)', 'region eu', 'incident at global',
    'fork: eu signed two logs',
  ]) {
    expect(text).toContain(part);
  }
  expect(text.split('\n')[0]).toBe('test: running, round trips of the real network emulated');
  expect(text).toContain('DRIFTED SINCE START');
  for (const columns of [120, 80, 60]) {
    const lines = renderStatus({ ...status, partitions: [] }, columns).split('\n').filter((line) => !line.startsWith('incident'));
    expect(Math.max(...lines.map((line) => line.length)), `${columns} columns`).toBeLessThanOrEqual(columns);
    for (const part of ['SITE', 'STATE', 'ready (cut off)', 'LAG SINCE START']) expect(lines.join('\n')).toContain(part);
  }
});

test('what a cut means depends on what is cut off', () => {
  expect(consequence('eu', run)).toContain('its edge nodes go on');
  expect(consequence('eu-b', run)).toMatch(/^it goes on deciding/);
  expect(consequence('eu/1', run)).toContain('quorum of its replicas');
  expect(consequence('global', run)).toContain('nothing becomes final');
});
