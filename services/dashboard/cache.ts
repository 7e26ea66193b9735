/** The built page for who starts a platform: the one that an installed package brings, or one built once for each state of the sources. */
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildDashboard } from './build.ts';

const repository = join(import.meta.dirname, '..', '..');
const CACHE = join(repository, 'node_modules', '.cache', 'tidemark-dashboard');
/** What the page is made from: this folder, what it shares with other services, and the packages' versions. */
const SOURCES = ['services/dashboard', 'services/transparency', 'services/protocol', 'package-lock.json'];
/** Where a package has its built page (bin/pack puts it there): beside this module. A checkout has none there. */
export const PACKED_FOLDER = 'page';
const PACKED = join(import.meta.dirname, PACKED_FOLDER);
/** Built pages that are kept, the youngest ones. */
const KEPT = 3;

function digest(): string {
  const files = SOURCES.flatMap((source) => (statSync(join(repository, source)).isFile() ? [source]
    : readdirSync(join(repository, source), { recursive: true, encoding: 'utf8' }).map((name) => `${source}/${name}`)))
    .filter((name) => /\.(?:ts|tsx|css|html|svg|json)$/.test(name) && !name.endsWith('.test.ts')).sort();
  return hash('sha256', files.map((name) => `${name} ${hash('sha256', readFileSync(join(repository, name)))}\n`).join('')).slice(0, 16);
}

/**
 * The folder of the page: that of the package, or the one built from the sources as they are now, which is built if need be. Two may do
 * so at the same time.
 */
export async function dashboardFolder(cache: string = CACHE): Promise<string> {
  if (existsSync(join(PACKED, 'index.html'))) return PACKED;
  const folder = join(cache, digest());
  if (existsSync(join(folder, 'index.html'))) return folder;
  const making = `${folder}.${process.pid}.${hash('sha256', String(performance.now())).slice(0, 8)}`;
  mkdirSync(cache, { recursive: true });
  try {
    await buildDashboard(making);
    try {
      renameSync(making, folder);
    } catch (error) {
      // Somebody else was faster with the same.
      if (!existsSync(join(folder, 'index.html'))) throw error;
    }
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  forgetOld(cache, folder);
  return folder;
}

function forgetOld(cache: string, current: string): void {
  const built = readdirSync(cache).filter((name) => /^[0-9a-f]{16}$/.test(name)).map((name) => join(cache, name)).filter((path) => path !== current);
  const byAge = built.map((path) => ({ path, at: statSync(path).mtimeMs })).sort((a, b) => b.at - a.at);
  for (const { path } of byAge.slice(KEPT - 1)) rmSync(path, { recursive: true, force: true });
}
