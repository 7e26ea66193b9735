/** What people do with the page, in a real Chromium. Without one the suite is skipped; in CI that is a failure. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { buildDashboard } from './build.ts';
import { CHROMIUM_FLAGS, findChromium } from './chromium.ts';
import { startStub, TRUST, type Lies } from './testing.ts';

const executablePath = findChromium();
if (executablePath === null) {
  if (process.env['CI'] !== undefined && process.env['CI'] !== 'false') throw new Error('dashboard journeys: no chromium on PATH; install the package chromium');
  console.info('dashboard journeys skipped: no chromium on PATH');
}
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe.skipIf(executablePath === null)('the page', () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-dashboard-'));
  beforeAll(async () => {
    await buildDashboard(folder);
    browser = await chromium.launch({ executablePath: executablePath!, args: CHROMIUM_FLAGS });
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A fresh browser at a page of a control plane; whatever the browser complains of fails the test. */
  async function open(path: string, lies: Lies = {}, options: BrowserContextOptions = {}) {
    const stub = await startStub(folder, lies);
    const context = await browser.newContext({ colorScheme: 'dark', ...options });
    onTestFinished(async () => {
      await context.close();
      await stub.stop();
    });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // A 404 is an answer: this control plane does not offer that.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
    });
    await page.goto(`${stub.url}${path}`);
    return { page, stub, complaints };
  }

  // Awaited by who calls this.
  // oxlint-disable-next-line vitest/require-awaited-expect-poll
  const eventually = <T>(look: () => Promise<T>) => expect.poll(look, { timeout: 15_000 });
  const text = (page: Page, id: string): Promise<string | null> => page.getByTestId(id).textContent();
  const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name, level: 1 });

  it('shows SLAs worst budget first and every site, live', async () => {
    const { page, complaints } = await open('/');
    await heading(page, 'Overview').waitFor();
    await page.getByRole('table', { name: 'Error budgets of the current windows' }).waitFor();
    const rows = await page.getByRole('region', { name: 'Error budgets of the current windows' }).locator('tbody th').allTextContents();
    expect(rows.map((r) => r.replace(/^(ordering|finality|cache-drift).*/, '$1'))).toEqual(['ordering', 'finality', 'cache-drift']);
    const site = page.getByRole('listitem').filter({ hasText: 'eu-a' }).filter({ hasText: 'Throughput' });
    const before = await site.textContent();
    expect(await text(page, 'live')).toBe('Live');
    await eventually(() => site.textContent()).not.toBe(before);
    await page.getByText('silent', { exact: true }).waitFor();
    await page.getByText('region us offered two checkpoints of size 12').waitFor();
    expect(complaints).toEqual([]);
  });

  it('finds a settlement, shows its way, and verifies its proof in the browser', async () => {
    const { page, complaints } = await open('/');
    await page.getByRole('link', { name: 'Settlements' }).click();
    await page.getByRole('link', { name: 'pay-299' }).waitFor();
    await page.getByLabel('Settlement id').fill('pay-42');
    await page.getByRole('button', { name: 'Find' }).press('Enter');
    await heading(page, 'Settlement pay-42').waitFor();
    expect(await page.title()).toBe('Settlement pay-42 · Tidemark');
    await eventually(() => text(page, 'verdict')).toBe('The proof holds');
    expect(await text(page, 'state')).toBe('final');
    await page.getByText('1.42 EUR', { exact: true }).waitFor();
    await page.getByText('Quorum reached').waitFor({ state: 'attached' });
    await page.getByText('Who witnessed the checkpoint, and when').click();
    await page.getByText('sample.example/region/eu/replica/1', { exact: true }).waitFor();
    await page.goBack();
    await heading(page, 'Settlements').waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows a rejected settlement with its reason, and its proof', async () => {
    const { page } = await open('/settlements/pay-9');
    await page.getByText('insufficient-funds').first().waitFor();
    await eventually(() => text(page, 'verdict')).toBe('The proof holds');
  });

  it.each([
    ['receipt', 'The entry is in the log under that checkpoint: no'], ['page', 'The entry is the outcome of this settlement: no'],
  ] as const)('says that a proof fails when the server lies in its %s', async (lie, step) => {
    const { page } = await open('/settlements/pay-42', { lie });
    await eventually(() => text(page, 'verdict')).toBe('The proof does not hold: do not rely on this settlement');
    expect(await page.getByRole('listitem').filter({ hasText: step }).count()).toBe(1);
  });

  it('checks with the user\'s own keys, and keeps them', async () => {
    const { page } = await open('/settlements/pay-42');
    await eventually(() => text(page, 'verdict')).toBe('The proof holds');
    const upload = (content: string) => page.getByLabel('Check with your own trust.json').setInputFiles({ name: 'trust.json', mimeType: 'application/json', buffer: Buffer.from(content) });
    await upload('{"origin": 1}');
    await page.getByText('That file was not taken').waitFor();
    const [eu, us] = (JSON.parse(TRUST) as { regions: unknown[] }).regions;
    // Somebody who trusts region us alone: it has not witnessed.
    await upload(JSON.stringify({ ...JSON.parse(TRUST) as object, regions: [us] }));
    await eventually(() => text(page, 'verdict')).toMatch(/does not hold/);
    await page.reload();
    await eventually(() => text(page, 'verdict')).toMatch(/does not hold/);
    await page.getByText('Your own file', { exact: true }).waitFor();
    await upload(JSON.stringify({ ...JSON.parse(TRUST) as object, regions: [eu] }));
    await eventually(() => text(page, 'verdict')).toBe('The proof holds');
    await page.getByRole('button', { name: 'Back to the keys of this server' }).click();
    await page.getByText('Served by this control plane', { exact: true }).waitFor();
  });

  it('checks that the log only grew, and opens its tiles', async () => {
    const { page, complaints } = await open('/log');
    await eventually(() => text(page, 'checkpoint')).toMatch(/^Signed by the global log/);
    await page.getByLabel('Older size').fill('123');
    await page.getByRole('button', { name: 'Check consistency' }).click();
    await eventually(() => text(page, 'growth')).toBe('The first 123 entries are unchanged among the 300');
    await page.getByLabel('Older size').fill('301');
    await page.getByRole('button', { name: 'Check consistency' }).click();
    await page.getByText('expected 0 ≤ older ≤ newer ≤ 300').waitFor();
    await page.getByLabel('Bundle').fill('1');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('All 44 entries hash to what the tile says').waitFor();
    expect(complaints).toEqual([]);
  });

  it('does not call a checkpoint good that too few have witnessed', async () => {
    const { page } = await open('/log');
    const [, us] = (JSON.parse(TRUST) as { regions: unknown[] }).regions;
    await page.getByLabel('Check with your own trust.json').setInputFiles({ name: 'trust.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify({ ...JSON.parse(TRUST) as object, regions: [us] })) });
    await eventually(() => text(page, 'checkpoint')).toMatch(/not witnessed by a quorum: do not rely on it$/);
    await page.getByText('Quorum missed').waitFor();
  });

  it('remembers what it has seen, and says so when the log is another one or shorter', async () => {
    const { page } = await open('/log');
    await eventually(() => text(page, 'checkpoint')).toMatch(/^Signed by the global log/);
    const remember = (size: number): Promise<unknown> =>
      page.evaluate(`localStorage.setItem('tidemark:seen', JSON.stringify([{ origin: 'sample.example/global', size: ${size}, root: 'AAAA', at: 0 }]))`);
    await remember(300);
    await page.reload();
    await page.getByText('This checkpoint does not verify').waitFor();
    await page.getByText('the log has two histories: at size 300').waitFor();
    await remember(301);
    await page.reload();
    await page.getByText('Shorter than it was').waitFor();
  });

  it('works where the browser stores nothing, and survives a page that fails', async () => {
    const { page } = await open('/log', {}, { bypassCSP: true });
    await page.addInitScript("Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } })");
    await page.reload();
    await eventually(() => text(page, 'checkpoint')).toMatch(/^Signed by the global log/);
    await page.getByRole('button', { name: 'Light colours' }).click();
    await page.addInitScript('Object.defineProperty(Intl.NumberFormat.prototype, "format", { get: () => () => { throw new Error("broken"); } })');
    await page.reload();
    await page.getByText('This page failed').waitFor();
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByText('Everything else that can be taken along').waitFor();
  });

  it('finds tampered tiles', async () => {
    const { page } = await open('/log', { lie: 'tile' });
    await eventually(() => text(page, 'checkpoint')).toMatch(/^Signed by the global log/);
    await page.getByRole('button', { name: 'Check consistency' }).click();
    await page.getByText('the tiles lead to the root').waitFor();
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('Some entries do not hash to what the tile says').waitFor();
  });

  it('shows a region over time, the table behind a chart, its download, and the raw deltas', async () => {
    const { page, complaints } = await open('/regions/eu');
    const chart = page.getByRole('img', { name: /^Lag percentiles over time/ });
    await chart.locator('canvas').waitFor();
    await page.getByText('Table: Lag percentiles over time').click();
    await page.getByRole('columnheader', { name: 'p99 high' }).waitFor();
    const figure = page.locator('figure').filter({ has: chart });
    const [download] = await Promise.all([page.waitForEvent('download'), figure.getByRole('button', { name: 'Download CSV' }).last().click()]);
    expect(download.suggestedFilename()).toBe('region-eu-lag-whole-1h.csv');
    const lines = readFileSync(await download.path(), 'utf8').split('\r\n');
    expect(lines.slice(0, 2)).toEqual([
      'Time,p50 (ms),p50 low (ms),p50 high (ms),p95 (ms),p95 low (ms),p95 high (ms),p99 (ms),p99 low (ms),p99 high (ms)',
      '2026-03-01T09:30:00.000Z,40,36,44,90,81,99.00000000000001,150,135,165',
    ]);
    expect(lines[5]).toBe('2026-03-01T09:34:00.000Z,,,,,,,,,');
    await page.getByText('1 delta missing').waitFor();
    // What has to be said beside an interval stands below the table, once; its ends are in the download.
    const stages = page.getByRole('region', { name: 'Lag by stage' });
    await stages.getByRole('list', { name: 'About the intervals' }).getByText('order-statistic: Of these nodes alone.').waitFor();
    const [figures] = await Promise.all([page.waitForEvent('download'), stages.getByRole('button', { name: 'Download CSV' }).click()]);
    expect(readFileSync(await figures.path(), 'utf8').split('\r\n')[0]).toMatch(/^Stage,Settlements,p50 \(ms\),p50 \(ms\) order-statistic low,p50 \(ms\) order-statistic high,p50 \(ms\) node-effects low,/);
    await page.getByRole('button', { name: 'Show the raw deltas behind these figures' }).click();
    await eventually(() => page.getByText('signature holds').count()).toBe(2);
    await page.getByText('does not verify: the note was altered').waitFor();
    expect(complaints).toEqual([]);
  });

  it('says what is not there on a control plane without telemetry', async () => {
    const { page } = await open('/', { plain: true });
    await page.getByText('This control plane does not offer service levels.').waitFor();
    await page.getByText('This control plane does not send live figures.').waitFor();
    expect(await page.getByRole('region', { name: /^How far each region/ }).locator('tbody tr').count()).toBe(2);
    await page.goto(`${new URL(page.url()).origin}/sites/eu-a`);
    await page.getByText('This control plane does not offer figures over time.').waitFor();
    await page.getByText('This control plane does not offer figures of this window.').waitFor();
  });

  it('says what is empty on a platform that has just begun', async () => {
    const { page } = await open('/', { empty: true });
    await page.getByText('No SLA is defined').waitFor();
    await page.getByText('No site has reported yet').waitFor();
    await page.getByRole('link', { name: 'Settlements' }).click();
    await page.getByText('No settlement has an outcome yet').waitFor();
    await page.getByLabel('Settlement id').fill('nobody');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByText('No outcome yet').waitFor();
    await page.getByRole('link', { name: 'Log', exact: true }).click();
    await page.getByText('No checkpoint yet').waitFor();
    await page.goto(`${new URL(page.url()).origin}/log/nothing`);
    // Not a page of ours: the server's own answer.
    await page.getByText('not-found').first().waitFor();
  });

  it('says when the control plane is gone, and keeps what it knew', async () => {
    const { page, stub } = await open('/');
    await page.getByText('eu-b').first().waitFor();
    await stub.stop();
    await page.getByText('The control plane has not answered since').waitFor();
    await eventually(() => text(page, 'live')).toBe('Disconnected');
    expect(await page.getByText('eu-b').first().isVisible()).toBe(true);
    expect(await page.getByRole('table', { name: 'Error budgets of the current windows' }).isVisible()).toBe(true);
    const again = await startStub(folder, {}, Number(new URL(stub.url).port));
    onTestFinished(() => again.stop());
    await eventually(() => text(page, 'live')).toBe('Live');
    expect(await page.getByText('The control plane has not answered since').count()).toBe(0);
  });

  it('downloads the report of a month', async () => {
    const { page } = await open('/audit');
    await page.getByLabel('Month').fill('2026-02');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).first().click()]);
    expect(download.suggestedFilename()).toBe('sla-report-2026-02.csv');
    expect(readFileSync(await download.path(), 'utf8')).toBe('report 2026-02 csv');
  });

  it('works by keyboard: skip link, navigation, and focus on the new heading', async () => {
    const { page } = await open('/');
    await heading(page, 'Overview').waitFor();
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toBe('Skip to content');
    await page.getByRole('link', { name: 'Log', exact: true }).focus();
    await page.keyboard.press('Enter');
    await heading(page, 'Log').waitFor();
    await eventually(() => page.locator(':focus').textContent()).toBe('Log');
  });

  it('cuts a site off and heals it, by keyboard, and says so', async () => {
    const { page, complaints } = await open('/', { local: true });
    await page.getByRole('link', { name: 'Partitions' }).click();
    await heading(page, 'Partitions').waitFor();
    const site = page.getByTestId('fault-eu-a');
    await site.getByText('connected').waitFor();
    await page.getByLabel('How long').selectOption('for a minute');
    await page.getByRole('button', { name: 'Cut off eu-a' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('status').filter({ hasText: 'eu-a is cut off for a minute.' }).waitFor();
    await site.getByText('to go').waitFor();
    // The button that had the focus is another one now, and still has it.
    await eventually(() => page.locator(':focus').textContent()).toBe('Heal');
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('listitem').filter({ hasText: 'Throughput' }).filter({ hasText: 'eu-a' }).getByText('cut off').waitFor();
    await page.goBack();
    // The new page takes the focus to its heading; a key pressed before that would be the heading's.
    await eventually(() => page.locator(':focus').textContent()).toBe('Partitions');
    await page.getByRole('button', { name: 'Heal eu-a' }).press('Space');
    await page.getByRole('status').filter({ hasText: 'eu-a is connected again.' }).waitFor();
    await site.getByText('connected').waitFor();
    await page.getByRole('button', { name: 'Cut off eu', exact: true }).click();
    await site.getByText('cut off with eu').waitFor();
    await page.getByRole('button', { name: 'Heal all' }).click();
    await site.getByText('connected').waitFor();
    await page.getByRole('button', { name: 'Cut off us-b' }).click();
    await page.getByRole('alert').filter({ hasText: 'partitions need the emulated network' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('says on every page that something on this machine is cut off, and that no site is heard any more', async () => {
    const { page, complaints } = await open('/partitions', { local: true, unheard: true });
    await page.getByRole('button', { name: 'Cut off global' }).click();
    const banner = page.getByText('the control plane is cut off from every site');
    await banner.waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await heading(page, 'Overview').waitFor();
    await banner.waitFor();
    expect(await text(page, 'live')).toMatch(/^No site heard since 09:30:\d\d UTC$/);
    await page.getByText(/^No site has been heard since 09:30:\d\d UTC, 31\.0 s ago/).waitFor();
    const tile = page.getByRole('listitem').filter({ hasText: 'eu-a' }).filter({ hasText: 'Throughput' });
    expect(await tile.textContent()).toMatch(/not heard for 31\.0 s/);
    await page.getByRole('link', { name: 'Settlements' }).click();
    await page.getByRole('link', { name: 'pay-299' }).waitFor();
    await banner.waitFor();
    expect(complaints).toEqual([]);
  });

  it('says once that there is no such site', async () => {
    const { page } = await open('/sites/nope');
    await page.getByText('There is no such site', { exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
  });

  it('draws lag on a logarithmic scale, too, and remembers it in the address', async () => {
    const { page, complaints } = await open('/sites/eu-a');
    await page.locator('.chart canvas').first().waitFor();
    const picture = () => page.evaluate('document.querySelector(".chart canvas")?.toDataURL()');
    const linear = await picture();
    await page.getByLabel('Scale of lag').selectOption('log');
    await eventually(picture).not.toBe(linear);
    expect(new URL(page.url()).searchParams.get('scale')).toBe('log');
    expect(complaints).toEqual([]);
  });

  it('shows amounts in minor units, and says so, where a control plane does not tell the places of its assets', async () => {
    const { page } = await open('/settlements', { plain: true });
    await page.getByText('399 minor units of EUR', { exact: true }).waitFor();
  });

  it('has nothing to cut off on another platform', async () => {
    const { page } = await open('/partitions');
    await page.getByText('Only on a platform on one machine').waitFor();
    expect(await page.getByRole('link', { name: 'Partitions' }).count()).toBe(0);
  });

  it('shows incidents: those that are open first of all, what was known, who was told', async () => {
    const { page, complaints } = await open('/');
    await page.getByRole('heading', { name: '2 open incidents' }).waitFor();
    await page.getByRole('link', { name: 'Incidents 2 open' }).click();
    await heading(page, 'Incidents').waitFor();
    const rows = page.getByRole('region', { name: 'Incidents', exact: true }).locator('tbody tr');
    // What is open is what somebody comes for.
    await eventually(() => rows.count()).toBe(2);
    await page.getByLabel('State').selectOption('all');
    await eventually(() => rows.count()).toBe(50);
    await page.getByRole('button', { name: 'Older ones' }).click();
    await eventually(() => rows.count()).toBe(60);
    expect(await page.getByRole('button', { name: 'Older ones' }).count()).toBe(0);
    await page.getByLabel('State').selectOption('open');
    await eventually(() => rows.count()).toBe(2);
    await page.getByRole('link', { name: 'finality burns its budget 0' }).click();
    await page.getByText('gone', { exact: true }).waitFor();
    expect(await page.getByRole('link', { name: 'https://example.com/finality' }).getAttribute('href')).toBe('https://example.com/finality');
    await page.getByText('given-up').waitFor();
    await page.getByText('answered 503').waitFor();
    await page.getByText('1: us-b').waitFor();
    await page.getByText('20.10 over 1 h').waitFor();
    await page.getByText('31.00 over 5 min').waitFor();
    await page.getByText('npx tidemark incidents close inc-0').waitFor();
    await page.goto(`${new URL(page.url()).origin}/incidents/inc-2`);
    await page.getByText('two checkpoints of size 12').waitFor();
    await page.goto(`${new URL(page.url()).origin}/incidents/none`);
    await page.getByText('there is no incident none').waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows the ways between sites as a matrix, also of many', async () => {
    const { page, complaints } = await open('/regions/eu', { peers: 50 });
    const matrix = page.getByRole('region', { name: /from each site to those that it probes/ });
    await matrix.waitFor();
    expect(await matrix.locator('tbody tr').count()).toBe(50);
    expect(await matrix.locator('tbody tr').nth(3).locator('td').first().textContent()).toMatch(/^down12\.0 msdown$/);
    await page.getByLabel('Show').selectOption('Loss');
    await eventually(() => matrix.locator('caption').textContent()).toMatch(/^Loss/);
    await page.getByText('Table: every way with its figures').click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).last().click()]);
    expect(readFileSync(await download.path(), 'utf8').split('\r\n')).toHaveLength(502);
    // Scrolls in itself, not with the page.
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('exports a range, with its progress, and saves what is whole alone', async () => {
    const { page } = await open('/audit');
    await page.getByLabel('From (UTC)').fill('2026-03-01T09:00');
    await page.getByLabel('To (UTC, not included)').fill('2026-03-01T10:00');
    await page.getByLabel('Scope').selectOption('region:eu');
    expect(await page.getByRole('link', { name: 'Let the browser download it' }).getAttribute('href')).toBe('/v1/audit/export?scope=region%3Aeu&from=2026-03-01T09:00Z&to=2026-03-01T10:00Z');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export', exact: true }).click()]);
    expect([download.suggestedFilename(), readFileSync(await download.path()).length]).toEqual(['audit-global.tar', 3_072]);
    await eventually(() => text(page, 'export-sha256')).toMatch(/^[0-9a-f]{64}$/);
  });

  it('says that an export was cut off, and cancels one', async () => {
    const cut = await open('/audit', { export: 'cut' });
    await cut.page.getByRole('button', { name: 'Export', exact: true }).click();
    await cut.page.getByText('The connection was cut before the end of the archive').waitFor();
    const { page } = await open('/audit', { export: 'stalled' });
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    await page.getByRole('progressbar', { name: 'Export' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Nothing was saved.').waitFor();
  });

  it('shows when each step of a settlement was taken, and its trace', async () => {
    const { page } = await open('/settlements/pay-42');
    await page.getByText('+14.0 ms').waitFor();
    await page.getByText('+31.0 ms').waitFor();
    await page.getByText('45.0 ms', { exact: true }).waitFor();
    expect(await text(page, 'trace')).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  const PAGES = ['/', '/regions/eu', '/sites/eu-a', '/settlements', '/settlements/pay-42', '/incidents', '/incidents/inc-0', '/incidents/inc-2', '/log', '/audit', '/partitions'];
  it.each(PAGES)('%s has no violation of accessibility, in either colours, and fits a phone', async (path) => {
    for (const colorScheme of ['dark', 'light'] as const) {
      const { page, complaints } = await open(path, { local: true, peers: 12 }, { colorScheme, bypassCSP: true, viewport: { width: 360, height: 740 } });
      await heading(page, /./).waitFor();
      await eventually(() => page.getByText(/^Loading /).count()).toBe(0);
      await page.evaluate(axe);
      const { violations } = await page.evaluate('axe.run()') as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
      expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html.slice(0, 200)} ${n.failureSummary}`).join(' | ')}`)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
      expect(complaints).toEqual([]);
    }
  });
});
