/** A thousand sites that tell for hours: what the centre holds in memory is bounded, and others have their turn while it is asked. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Sla } from '../../../platform/index.ts';
import { indicators } from './indicators.ts';
import { createIngest } from './ingest.ts';
import { sitesNow } from './live.ts';
import { askedScope, rangeOf } from './scope.ts';
import { instancesOf, slaReport, slaStatus, slaStatusInTurns } from './sla.ts';
import { openTelemetryStore } from './store.ts';
import { createManySites } from './testing-sites.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heapMib = (): number => {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

const HOUR = 3_600_000;
const slas: readonly Sla[] = (['global', 'region', 'site'] as const).map((scope) =>
  ({ id: scope, indicator: 'finality', objective: 0.99, thresholdMs: 500, windowDays: 30, scope, severity: 'page', owner: 'o', runbook: 'runbooks/x.ts' }));

test('through the whole intake, over hours, and with every question asked', async () => {
  const many = createManySites({ regions: 20, nodes: 50, events: 4, slas: slas.map((s) => s.id) });
  const { trust, global } = many.platform;
  const store = openTelemetryStore(':memory:');
  let now = Date.UTC(2026, 9, 1);
  const ingest = createIngest({
    trust, signer: global.signer, store, ledger: { keepEvidence: () => Promise.reject(new Error('nothing is wrong here')) }, onIncident: () => undefined, now: () => now,
  });
  const hour = async (): Promise<void> => {
    now += HOUR;
    for await (const request of many.tell(now - HOUR, now)) {
      await ingest.take(request);
      // As after a lost answer: nothing is counted or held twice.
      if (request.region === 'r7') await ingest.take(request);
    }
  };
  await hour();
  const first = heapMib();
  for (let n = 2; n <= 4; n += 1) await hour();
  const last = heapMib();
  // A thousand deltas as they came are some 3 MiB; the database lies outside of this heap.
  expect(last - first).toBeLessThan(4);
  expect([ingest.latest.size, ingest.received.size, store.nodes().length]).toEqual([1_000, 20, 1_000]);
  expect(store.nodes().every((n) => n.contiguous === 4 && n.stored === 4)).toBe(true);

  const sight = { trust, latest: ingest.latest };
  let turns = 0;
  const watch = setInterval(() => {
    turns += 1;
  }, 0);
  const all = await indicators(store, askedScope(trust, 'global'), rangeOf(30 * 24 * HOUR, now), sight);
  clearInterval(watch);
  expect(all).toMatchObject({ deltas: 4_000, missing: 0, nodes: { expected: 1_000, reporting: 1_000 }, counts: { accepted: 16_000 }, lag: { whole: { count: 16_000, nodes: 1_000 } } });
  // Others had a turn many times over.
  expect(turns).toBeGreaterThan(5);
  const instances = instancesOf(slas, trust);
  expect(instances).toHaveLength(1 + 20 + 1_000);
  const states = await slaStatusInTurns(store, instances, now);
  // A little at a time or at once, it is the same.
  expect(states).toEqual(slaStatus(store, instances, now));
  expect(states[0]).toMatchObject({ scope: 'global', events: 16_000, nodes: 1_000 });
  expect(await slaReport(store, instances, { from: Date.UTC(2026, 9, 1), to: Date.UTC(2026, 10, 1) })).toHaveLength(instances.length);
  expect(sitesNow(trust, ingest.latest, now)).toHaveLength(1_000);
  expect(heapMib() - last).toBeLessThan(20);
  store.close();
}, 240_000);
