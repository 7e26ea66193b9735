/** A site that is cut off, goes on offline and is healed, over an emulated WAN: how long it takes to reconcile, and who had nothing to reconcile. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { definePlatform } from '../../platform/index.ts';
import { startLocalPlatform } from '../../services/local/index.ts';
import { createControlClient, createEdgeClient } from '../../services/protocol/client.ts';
import { until } from './stage.ts';

test('the window of a partition is longer than no time, and a start or a cut with nothing decided is none', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-reconciliation-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const platform = await startLocalPlatform(definePlatform({
    name: 'reconciliation', origin: 'reconciliation.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
    regions: [{ id: 'eu', location: 'eu-central-1', edges: ['eu-a', 'eu-b', 'eu-c'].map((id) => ({ id, location: 'eu-central-1' })) }],
    policy: { offlineAfterMs: 1_000, offlinePerAccount: { EUR: '100000' }, offlinePerNode: { EUR: '100000' } },
    slas: [{ id: 'reconciled', indicator: 'reconciliation', objective: 0.9, thresholdMs: 60_000, owner: 'settlement', runbook: 'https://example.org/reconciliation' }],
  }), { dataDir, portBase: 0, wan: 'emulated', logLevel: 'warn' });
  onTestFinished(() => platform.stop(5_000));
  const token = readFileSync(platform.tokenFile, 'utf8').trim();
  const control = createControlClient(platform.controlUrl, { token });
  onTestFinished(() => control.close());
  await control.openAccounts([{ account: 'bank', asset: 'EUR', overdraftLimit: null }, { account: 'shop', asset: 'EUR', overdraftLimit: null }]);
  const urlOf = (id: string): string => platform.edges.find((e) => e.id === id)!.url;
  const edge = createEdgeClient(urlOf('eu-a'), { token });
  const idle = createEdgeClient(urlOf('eu-b'), { token });
  onTestFinished(async () => {
    await edge.close();
    await idle.close();
  });
  /** Of a series without labels, or of the SLA's; 0 while it is not there. */
  const metric = async (id: string, name: string): Promise<number> => {
    const text = await (await fetch(`${urlOf(id)}/metrics`)).text();
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(text)?.[1] ?? 0);
  };
  const batch = (name: string) => Array.from({ length: 10 }, (_, i) => ({ id: `${name}-${i}`, asset: 'EUR', debitAccount: 'bank', creditAccount: 'shop', amount: 1n }));
  expect(await edge.prefetch(['bank', 'shop'])).toEqual([]);
  await edge.settleMany(batch('before'));
  await until('all is final', 20_000, async () => (await edge.status()).counts['final'] === 10);

  await platform.partition('eu-a');
  await platform.partition('eu-b');
  for (const client of [edge, idle]) await until('it decides offline', 20_000, async () => (await client.status()).state === 'disconnected');
  await edge.settleMany(batch('offline'));
  expect((await edge.status()).provisional).toMatchObject({ count: 10, offline: 10 });
  await platform.heal();
  await until('all is final', 30_000, async () => (await edge.status()).counts['final'] === 20);
  await until('the other is back', 20_000, async () => (await idle.status()).state === 'ready');

  expect(await metric('eu-a', 'tidemark_edge_reconciliation_ms_count')).toBe(1);
  expect(await metric('eu-a', 'tidemark_edge_reconciliation_ms_sum')).toBeGreaterThan(0);
  expect(await metric('eu-a', 'tidemark_sla_events_total')).toBe(1);
  for (const id of ['eu-b', 'eu-c']) {
    expect(await metric(id, 'tidemark_edge_reconciliation_ms_count')).toBe(0);
    expect(await metric(id, 'tidemark_sla_events_total')).toBe(0);
  }
}, 120_000);
