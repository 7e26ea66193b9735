/**
 * The pictures in the documents: starts a local platform, settles on it until there is something to see, cuts a site off, and takes them:
 * `npm run -s screenshots [-- FOLDER]`. It takes some minutes, because charts have a point for each minute.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium, type Browser, type Page } from 'playwright-core';
import { createControlClient, createEdgeClient, type EdgeClient } from '../protocol/client.ts';
import { CHROMIUM_FLAGS, findChromium } from './chromium.ts';
import { pathOf } from './pages.ts';
import { shrinkPng } from './png.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const FOLDER = join(REPOSITORY, 'docs', 'images');
const SIZE = { width: 1280, height: 960 };
/** Of one picture, and of all. Bytes. */
const PICTURE_MAX = 150_000;
const ALL_MAX = 600_000;
/** Points of a chart before it is worth a picture. */
const POINTS = 4;
const PATIENCE_MS = 10 * 60_000;
const SETTLE_EVERY_MS = 250;
const ASSET = 'EUR';
const SHOPS = 20;
/** Each site pays from an account of its own, as a bank's branch does. */
const debitOf = (edge: string): string => `bank-${edge}`;

interface Platform {
  readonly url: string;
  readonly token: string;
  readonly edges: readonly { readonly id: string; readonly region: string; readonly url: string }[];
  readonly child: ChildProcess;
}

/** As somebody would start it. @throws Error with what it said when it does not get ready */
async function startPlatform(data: string): Promise<Platform> {
  const child = spawn(process.execPath, [join(REPOSITORY, 'bin', 'tidemark.mjs'), 'up', '--json', '--data', data, '--port-base', '0'], { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  child.stderr.on('data', (text: Buffer) => void said.push(text.toString()));
  for await (const line of createInterface(child.stdout)) {
    const { ready, sites } = JSON.parse(line) as { ready: string; sites: { id: string; tier: string; region: string; url: string }[] };
    return { url: ready, token: readFileSync(join(data, 'token'), 'utf8').trim(), edges: sites.filter((s) => s.tier === 'edge'), child };
  }
  throw new Error(`screenshots: the platform did not start:\n${said.join('')}`);
}

/** Settles at every site all the time, more at the first ones; the ids of those that were taken, in order. */
function startTraffic(edges: readonly { readonly id: string; readonly client: EdgeClient }[]): { readonly settled: string[]; readonly stop: () => void } {
  const settled: string[] = [];
  let n = 0;
  const timer = setInterval(() => {
    edges.forEach(({ id, client }, i) => {
      const batch = Array.from({ length: 6 - i }, (_, k) => ({ id: `order-${n + k}`, asset: ASSET, debitAccount: debitOf(id), creditAccount: `shop-${(n + k) % SHOPS}`, amount: BigInt(1_000 + (n + k) % 977) }));
      n += batch.length;
      // A site that is cut off answers as well; one that is gone does not.
      client.settleMany(batch).then(() => settled.push(batch[0]!.id), () => undefined);
    });
  }, SETTLE_EVERY_MS);
  return { settled, stop: () => clearInterval(timer) };
}

/** Asks again until it is so. */
async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await look()) {
    if (performance.now() > deadline) throw new Error(`screenshots: waited ${PATIENCE_MS / 60_000} minutes for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** The chart with what is above and below it. */
async function showChart(page: Page): Promise<void> {
  await page.getByRole('img', { name: /^Lag percentiles over time/ }).locator('canvas').waitFor();
  await page.getByRole('img', { name: /^Throughput/ }).locator('canvas').waitFor();
  await page.evaluate('document.getElementById("lag-series").scrollIntoView()');
}

interface Picture {
  readonly name: string;
  readonly path: string;
  /** Until what is to be seen is there. */
  readonly ready: (page: Page) => Promise<unknown>;
  readonly schemes: readonly ('dark' | 'light')[];
}

async function take(browser: Browser, url: string, folder: string, pictures: readonly Picture[]): Promise<{ readonly file: string; readonly bytes: number }[]> {
  const taken: { file: string; bytes: number }[] = [];
  for (const { name, path, ready, schemes } of pictures) {
    for (const colorScheme of schemes) {
      const context = await browser.newContext({ colorScheme, viewport: SIZE, reducedMotion: 'reduce' });
      const page = await context.newPage();
      await page.goto(`${url}${path}`);
      await ready(page);
      await page.getByText(/^Loading /).waitFor({ state: 'detached' });
      const png = shrinkPng(await page.screenshot());
      const file = join(folder, `${name}-${colorScheme}.png`);
      if (png.length > PICTURE_MAX) throw new Error(`screenshots: ${file} takes ${png.length} bytes, at most ${PICTURE_MAX}`);
      writeFileSync(file, png);
      taken.push({ file, bytes: png.length });
      await context.close();
    }
  }
  return taken;
}

/** @param folder where the pictures go @throws Error when there is no Chromium, or something is not to be seen in time */
export async function takeScreenshots(folder: string, say: (line: string) => void): Promise<void> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('screenshots: no chromium on PATH; install the package chromium');
  mkdirSync(folder, { recursive: true });
  const data = mkdtempSync(join(tmpdir(), 'tidemark-screenshots-'));
  const cleanup: (() => unknown)[] = [() => rmSync(data, { recursive: true, force: true })];
  try {
    say('starting a platform');
    const platform = await startPlatform(data);
    cleanup.push(() => new Promise((resolve) => {
      platform.child.once('exit', resolve);
      platform.child.kill('SIGTERM');
    }));
    const { url, token } = platform;
    const shops = Array.from({ length: SHOPS }, (_, i) => `shop-${i}`);
    const banks = platform.edges.map((e) => debitOf(e.id));
    await createControlClient(url, { token }).openAccounts([...banks, ...shops].map((account) => ({ account, asset: ASSET, overdraftLimit: banks.includes(account) ? null : '0' })));
    const edges = platform.edges.map(({ id, url: at }) => ({ id, client: createEdgeClient(at, { token }) }));
    for (const { id, client } of edges) await client.prefetch([debitOf(id), ...shops]);
    const traffic = startTraffic(edges);
    cleanup.push(traffic.stop);
    const [{ id, region }] = platform.edges as [Platform['edges'][number]];
    say(`settling until the charts of ${region} have ${POINTS} points`);
    await until('the charts', async () => {
      const answer = await fetch(`${url}/v1/telemetry/series?scope=region:${region}&window=5m`);
      return answer.ok && (await answer.json() as { points: { final: number }[] }).points.filter((p) => p.final > 0).length >= POINTS;
    });
    const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
    cleanup.push(() => browser.close());
    const settlement = traffic.settled[0]!;
    const connected = await take(browser, url, folder, [
      { name: 'region', path: `${pathOf('region', region)}?window=5m`, schemes: ['dark'], ready: (p) => showChart(p) },
      { name: 'settlement', path: pathOf('settlement', settlement), schemes: ['light'], ready: (p) => p.getByText('The proof holds').waitFor() },
    ]);
    const page = await browser.newPage();
    await page.goto(`${url}${pathOf('partitions')}`);
    await page.getByRole('button', { name: `Cut off ${id}` }).click();
    await page.getByTestId(`fault-${id}`).getByText('cut off').waitFor();
    const cut = await take(browser, url, folder, [
      { name: 'overview', path: pathOf('overview'), schemes: ['dark', 'light'], ready: (p) => p.getByRole('listitem').filter({ hasText: id }).getByText('cut off').waitFor() },
      { name: 'partitions', path: pathOf('partitions'), schemes: ['dark', 'light'], ready: (p) => p.getByTestId(`fault-${id}`).getByText('cut off').waitFor() },
      { name: 'audit', path: pathOf('audit'), schemes: ['light'], ready: (p) => p.getByRole('heading', { name: 'Export a range' }).waitFor() },
    ]);
    const taken = [...connected, ...cut];
    for (const { file, bytes } of taken) say(`${file}: ${bytes} bytes`);
    const all = taken.reduce((sum, t) => sum + t.bytes, 0);
    if (all > ALL_MAX) throw new Error(`screenshots: all of them take ${all} bytes, at most ${ALL_MAX}`);
  } finally {
    for (const step of cleanup.toReversed()) await step();
  }
}

if (import.meta.main) await takeScreenshots(process.argv[2] ?? FOLDER, (line) => console.error(line));
