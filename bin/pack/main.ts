/**
 * `npm pack` runs this first: the kit as JavaScript with declarations in dist/package, laid out as the checkout is. Node strips
 * types nowhere below node_modules, so an installed kit can't be the sources; the checkout itself needs none of this.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../layering.ts';
import { buildDashboard } from '../../services/dashboard/build.ts';
import { PACKED_FOLDER } from '../../services/dashboard/cache.ts';
import { compile } from './compile.ts';
import { missingTargets } from './exports.ts';
import { finish, manifestOf } from './finish.ts';

const out = join(repositoryRoot, 'dist', 'package');
const fail = (what: string): never => {
  process.stderr.write(`pack: ${what}\n`);
  process.exit(1);
};

rmSync(out, { recursive: true, force: true });
const wrong = await compile(repositoryRoot, out);
if (wrong !== '') fail(`the sources do not compile:\n${wrong}`);
const { scripts, declarations } = finish(repositoryRoot, out);
// Who has the package has no Vite.
await buildDashboard(join(out, 'services', 'dashboard', PACKED_FOLDER));
const missing = missingTargets(repositoryRoot, manifestOf(repositoryRoot));
if (missing.length > 0) fail(`package.json names what is not there:\n${missing.map((m) => `  ${m}`).join('\n')}`);
// Standard output is npm's: `npm pack --json` writes there.
process.stderr.write(`pack: ${scripts} modules and ${declarations} declarations in dist/package\n`);
