/** Pictures of a running control plane's pages: `node services/dashboard/screenshots.ts <url> <folder> [<settlement id>]`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium } from './chromium.ts';
import { pathOf } from './pages.ts';

const SIZE = { width: 1280, height: 800 };
/** A moment for what is loaded after the page itself: the live feed, charts, proofs. Milliseconds. */
const SETTLE_MS = 2_500;

/** Which pages, by the name of the picture. */
const pictures = (settlement: string | undefined): readonly (readonly [string, string])[] => [
  ['overview', pathOf('overview')], ['log', pathOf('log')], ['audit', pathOf('audit')], ...(settlement === undefined ? [] : [['settlement', pathOf('settlement', settlement)] as const]),
];

/** @throws Error when there is no Chromium, or nobody at `url` */
export async function takeScreenshots(url: string, folder: string, settlement?: string): Promise<string[]> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('screenshots: no chromium on PATH; install the package chromium');
  mkdirSync(folder, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  try {
    const taken: string[] = [];
    for (const colorScheme of ['dark', 'light'] as const) {
      const page = await (await browser.newContext({ colorScheme, viewport: SIZE })).newPage();
      for (const [name, path] of pictures(settlement)) {
        await page.goto(`${url}${path}`);
        await page.waitForTimeout(SETTLE_MS);
        const file = join(folder, `${name}-${colorScheme}.png`);
        await page.screenshot({ path: file });
        taken.push(file);
      }
    }
    return taken;
  } finally {
    await browser.close();
  }
}

if (import.meta.main) {
  const [url, folder, settlement] = process.argv.slice(2);
  if (url === undefined || folder === undefined) {
    console.error('usage: screenshots.ts <url of a control plane> <folder> [<settlement id>]');
    process.exitCode = 2;
  } else {
    console.log((await takeScreenshots(url, folder, settlement)).join('\n'));
  }
}
