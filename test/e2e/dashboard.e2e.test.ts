/** The dashboard of a real local platform, in a real Chromium: settle, look, verify, cut off, kill the control plane. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { verifyPaths } from '../../cli/verify/index.ts';
import { dashboardFolder } from '../../services/dashboard/cache.ts';
import { CHROMIUM_FLAGS, findChromium } from '../../services/dashboard/chromium.ts';
import { samplePlatform, temporaryFolder } from '../../services/local/fixtures/platform.ts';
import { startLocalPlatform } from '../../services/local/index.ts';
import { createControlClient, createEdgeClient } from '../../services/protocol/client.ts';

const executablePath = findChromium();
if (executablePath === null && process.env['CI'] === 'true') throw new Error('dashboard: no chromium on PATH; install the package chromium');

const model = samplePlatform({
  slas: [{ id: 'finality', indicator: 'finality', objective: 0.99, thresholdMs: 5_000, owner: 'clearing', runbook: 'https://example.com/finality' }],
});

test.skipIf(executablePath === null)('a settlement is followed from the edge to its proof, and its site through a partition that is made and healed on the page', async () => {
  const platform = await startLocalPlatform(model, { dataDir: temporaryFolder(onTestFinished), portBase: 0, wanScale: 0.1, dashboard: await dashboardFolder() });
  onTestFinished(() => platform.stop(5_000));
  const token = readFileSync(platform.tokenFile, 'utf8').trim();
  await createControlClient(platform.controlUrl, { token }).openAccounts([
    { account: 'bank', asset: 'EUR', overdraftLimit: null }, { account: 'alice', asset: 'EUR', overdraftLimit: '0' },
  ]);
  const edge = createEdgeClient(platform.edges.find((e) => e.id === 'eu-a')!.url, { token });
  await edge.prefetch(['bank', 'alice']);
  await edge.settleMany(Array.from({ length: 20 }, (_, i) => ({ id: `s-${i}`, asset: 'EUR', debitAccount: 'bank', creditAccount: 'alice', amount: 10n })));

  const browser = await chromium.launch({ executablePath: executablePath!, args: CHROMIUM_FLAGS });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(45_000);
  await page.goto(`${platform.controlUrl}/settlements/s-3`);
  await page.getByText('The proof holds').waitFor();
  await page.goto(`${platform.controlUrl}/log`);
  await page.getByText('Signed by the global log and witnessed, verified in this browser').waitFor();
  await page.getByRole('button', { name: 'Check consistency' }).click();
  await page.getByTestId('growth').waitFor();
  await page.goto(`${platform.controlUrl}/regions/eu`);
  await page.getByRole('img', { name: /^Lag percentiles over time/ }).locator('canvas').waitFor();
  await page.getByRole('button', { name: /raw deltas behind/ }).click();
  await page.getByText('signature holds').first().waitFor();
  await page.goto(platform.controlUrl);
  const site = page.getByRole('listitem').filter({ hasText: 'eu-a' }).filter({ hasText: 'Throughput' });
  await site.getByText('ready').waitFor();
  expect(await page.getByTestId('live').textContent()).toBe('Live');
  const row = page.getByTestId('fault-eu-a');
  await page.getByRole('link', { name: 'Partitions' }).click();
  await row.getByText('connected').waitFor();
  await page.getByRole('button', { name: 'Cut off eu-a' }).press('Enter');
  await page.getByRole('status').filter({ hasText: 'eu-a is cut off until it is healed.' }).waitFor();
  expect(platform.state().partitions.map((p) => p.site)).toEqual(['eu-a']);
  // It notices by itself, and goes on.
  const settle = async (id: string): Promise<string> =>
    (await edge.settle({ id, asset: 'EUR', debitAccount: 'bank', creditAccount: 'alice', amount: 5n })).mode;
  let n = 0;
  await expect.poll(() => settle(`cut-${n += 1}`), { timeout: 30_000 }).toBe('offline');
  const last = `cut-${n}`;
  await page.goto(`${platform.controlUrl}/settlements/${last}`);
  await page.getByText('No outcome yet').waitFor();
  await page.getByRole('link', { name: 'Partitions' }).click();
  await row.getByText('cut off').waitFor();
  await page.getByRole('button', { name: 'Heal eu-a' }).press('Enter');
  await page.getByRole('status').filter({ hasText: 'eu-a is connected again.' }).waitFor();
  await page.goto(`${platform.controlUrl}/settlements/${last}`);
  await page.getByText('The proof holds').waitFor();
  expect(await page.getByTestId('state').textContent()).toBe('final');
  // When each step was taken: it waited for the network between the first two.
  await page.getByText('From decision to the global log').waitFor();

  // What is exported on the page is checked without it.
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  await page.goto(`${platform.controlUrl}/audit`);
  await page.getByLabel('From (UTC)').fill(new Date(minute - 3_600_000).toISOString().slice(0, 16));
  await page.getByLabel('To (UTC, not included)').fill(new Date(minute).toISOString().slice(0, 16));
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export', exact: true }).click()]);
  const [verified] = verifyPaths([await download.path()], { trust: readFileSync(join(platform.dataDir, 'trust.json'), 'utf8') });
  expect(verified!.report).toMatchObject({ kind: 'audit', ok: true, failures: [] });

  await page.goto(platform.controlUrl);
  await platform.kill('global');
  await page.getByText('The control plane has not answered since').waitFor();
  // The supervisor starts it again, and the page finds it again by itself.
  await page.getByText('Live', { exact: true }).waitFor();
}, 240_000);
