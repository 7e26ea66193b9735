/** Edge nodes probe each other over the emulated network, and the centre knows which ways are open. */
import { expect, onTestFinished, test } from 'vitest';
import { samplePlatform, temporaryFolder } from './fixtures/platform.ts';
import { startLocalPlatform } from './start.ts';

const WAIT = { timeout: 40_000, interval: 250 };

interface Pair {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly sent: number;
  readonly lost: number;
  readonly up: boolean | null;
  readonly upSince: number | null;
  readonly rtt: { readonly count: number; readonly quantiles: { readonly p50: { readonly value: number } } };
  readonly jitter: { readonly count: number };
}

test('a site that is cut off is down for the others, and up again when it is back', async () => {
  const model = samplePlatform({
    regions: [{ id: 'eu', location: 'eu-west-1', edges: [{ id: 'eu-a', location: 'eu-west-1' }, { id: 'eu-b', location: 'eu-west-2' }] }],
    wan: { roundTrips: [{ between: ['eu-west-1', 'eu-west-2'], roundTripMs: 40 }] },
  });
  const platform = await startLocalPlatform(model, { dataDir: temporaryFolder(onTestFinished), portBase: 0 });
  onTestFinished(() => platform.stop(5_000));
  const pairs = async (): Promise<Pair[]> =>
    (await (await fetch(`${platform.controlUrl}/v1/telemetry/indicators?scope=region:eu&window=5m`)).json() as { peering: Pair[] }).peering;
  const way = async (from: string, to: string): Promise<Pair | undefined> => (await pairs()).find((p) => p.from === from && p.to === to);

  await expect.poll(async () => (await pairs()).map((p) => `${p.from}>${p.to} ${p.kind} ${p.up}`), WAIT).toEqual([
    'eu-a>eu region true', 'eu-a>eu-b edge true', 'eu-b>eu region true', 'eu-b>eu-a edge true',
  ]);
  await expect.poll(async () => (await way('eu-a', 'eu-b'))!.jitter.count, WAIT).toBeGreaterThan(2);
  const open = (await way('eu-a', 'eu-b'))!;
  // The emulated round trip; opening the connection would have cost another one, and is in none of them.
  expect(open.rtt.quantiles.p50.value).toBeGreaterThanOrEqual(40);
  expect(open.upSince).toBeLessThanOrEqual(Date.now());

  await platform.partition('eu-b');
  await expect.poll(async () => (await way('eu-a', 'eu-b'))?.up, WAIT).toBe(false);
  const down = (await way('eu-a', 'eu-b'))!;
  expect(down.lost).toBeGreaterThanOrEqual(3);
  expect(down.upSince).toBeGreaterThan(open.upSince!);
  // The way up is another one, and open.
  expect((await way('eu-a', 'eu'))?.up).toBe(true);
  expect(await (await fetch(`${platform.edges[0]!.url}/metrics`)).text()).toContain('tidemark_peering_up{peer="eu-b"} 0');

  await platform.heal('eu-b');
  await expect.poll(async () => (await way('eu-a', 'eu-b'))?.up, WAIT).toBe(true);
  // What the site that was cut off saw meanwhile comes after it is back.
  await expect.poll(async () => (await way('eu-b', 'eu-a'))?.lost, WAIT).toBeGreaterThanOrEqual(3);
}, 120_000);
