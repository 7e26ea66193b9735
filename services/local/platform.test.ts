/** The real services, as `tidemark up` starts them: settle, cut off, kill, heal; the end state is as if nothing had happened. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { samplePlatform, temporaryFolder } from './fixtures/platform.ts';
import { startLocalPlatform, type LocalPlatform } from './start.ts';

type Json = Record<string, unknown>;

const model = samplePlatform({
  policy: { offlineAfterMs: 3_000, offlinePerAccount: { EUR: '100000' }, offlinePerNode: { EUR: '100000' } },
});

/** A small client; one that keeps trying while a process is being started again. */
function clientOf(platform: LocalPlatform) {
  const token = readFileSync(platform.tokenFile, 'utf8').trim();
  const edge = (id: string): string => platform.edges.find((e) => e.id === id)?.url as string;
  async function call(method: string, url: string, body?: object): Promise<Json> {
    for (;;) {
      try {
        const response = await fetch(url, {
          method,
          headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        if (response.status < 500) return await response.json() as Json;
      } catch {
        // The process is gone for a moment.
      }
      await sleep(20);
    }
  }
  return {
    open: (account: string, overdraftLimit: string | null) =>
      call('PUT', `${platform.controlUrl}/v1/accounts/${account}`, { asset: 'EUR', overdraftLimit }),
    settle: (node: string, id: string, debitAccount: string, creditAccount: string, amount: string) =>
      call('POST', `${edge(node)}/v1/settlements`, { id, asset: 'EUR', debitAccount, creditAccount, amount }),
    async final(node: string, id: string): Promise<Json> {
      for (;;) {
        const settlement = await call('GET', `${edge(node)}/v1/settlements/${id}`);
        if (settlement['state'] === 'final' || settlement['state'] === 'rejected') return settlement;
        await sleep(20);
      }
    },
    async offline(node: string): Promise<void> {
      while ((await call('GET', `${edge(node)}/v1/accounts/alice`))['connected'] !== false) await sleep(20);
    },
    balance: async (account: string) => (await call('GET', `${platform.controlUrl}/v1/accounts/${account}`))['balance'],
  };
}

test('settles, survives a partition and kill -9 of every tier, and carries on from disk', async () => {
  const dataDir = temporaryFolder(onTestFinished);
  const start = async (): Promise<LocalPlatform> => {
    const platform = await startLocalPlatform(model, { dataDir, portBase: 0, wanScale: 0.1 });
    onTestFinished(() => platform.stop(5_000));
    return platform;
  };
  const platform = await start();
  const client = clientOf(platform);
  await client.open('bank', null);
  await client.open('alice', '0');
  await client.open('bob', '0');
  expect(await client.settle('eu-a', 's1', 'bank', 'alice', '5000')).toMatchObject({ state: 'provisional', mode: 'online' });
  expect(await client.final('eu-a', 's1')).toMatchObject({ state: 'final' });
  await client.settle('eu-a', 's2', 'alice', 'bob', '1000');
  expect(await client.final('eu-a', 's2')).toMatchObject({ state: 'final' });

  await platform.partition('eu');
  await client.offline('eu-a');
  expect(await client.settle('eu-a', 's3', 'alice', 'bob', '300')).toMatchObject({ state: 'provisional', mode: 'offline' });
  expect(await client.settle('us-a', 's4', 'bank', 'bob', '7')).toMatchObject({ state: 'provisional', mode: 'online' });
  expect(await client.final('us-a', 's4')).toMatchObject({ state: 'final' });
  for (const id of ['eu-a', 'eu/1', 'eu/2', 'us/1', 'global']) await platform.kill(id);
  await platform.heal();
  expect(await client.final('eu-a', 's3')).toMatchObject({ state: 'final' });
  expect(await Promise.all(['bank', 'alice', 'bob'].map(client.balance))).toEqual(['-5007', '3700', '1307']);
  await platform.ready();
  await platform.stop();

  const again = await start();
  expect(await clientOf(again).balance('alice')).toBe('3700');
  expect(await clientOf(again).final('eu-a', 's3')).toMatchObject({ state: 'final', mode: 'offline' });
}, 60_000);
