/** A copy of the kit's sources elsewhere, with packages of its own where a test wants others. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './root.ts';

/** What a synthesis may load. */
const SOURCES = ['constructs', 'examples', 'platform', 'runbooks', 'services', 'stacks', 'test/kit', 'tidemark.config.ts', 'package.json'] as const;

/** Copies them; packages that the folder doesn't have in its node_modules are the checkout's. */
export function copyKit(folder: string): void {
  for (const source of SOURCES) {
    const from = join(ROOT, source);
    if (!existsSync(from)) continue;
    cpSync(from, join(folder, source), { recursive: true, filter: (path) => !path.endsWith('.test.ts') });
  }
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, Record<string, string>>;
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    const [here, there] = [join(folder, 'node_modules', name), join(ROOT, 'node_modules', name)];
    if (existsSync(here) || !existsSync(there)) continue;
    mkdirSync(dirname(here), { recursive: true });
    symlinkSync(there, here);
  }
}
