/** The dashboard of a real local platform, in a real Chromium: settle, look, verify, cut off, kill the control plane. */
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
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

test.skipIf(executablePath === null)('a settlement is followed from the edge to its proof, and its site through a partition', async () => {
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
  await platform.kill('global');
  await page.getByText('The control plane has not answered since').waitFor();
  // The supervisor starts it again, and the page finds it again by itself.
  await page.getByText('Live', { exact: true }).waitFor();
}, 120_000);
