/** What the compiler leaves to do: specifiers in declarations, data that is read at run time, a package.json for the layout. */
import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from './exports.ts';

/** Read by path when the kit runs. */
const DATA = ['cli/mappings'];

export const manifestOf = (root: string): Manifest => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

/** The compiler rewrites `./x.ts` to `./x.js` in modules and leaves declarations as they are, which not every reader of them accepts. */
export const rewriteSpecifiers = (declaration: string): string =>
  declaration.replace(/((?:\bfrom|\bimport)\s*\(?\s*)(['"])(\.{1,2}\/[^'"\n]*)\.ts\2/g, '$1$2$3.js$2');

export function finish(root: string, out: string): { readonly scripts: number; readonly declarations: number } {
  const declarations = globSync('**/*.d.ts', { cwd: out });
  for (const name of declarations) {
    const file = join(out, name);
    const before = readFileSync(file, 'utf8');
    const after = rewriteSpecifiers(before);
    if (after !== before) writeFileSync(file, after);
  }
  for (const folder of DATA) cpSync(join(root, folder), join(out, folder), { recursive: true });
  const { name, version } = manifestOf(root);
  // Found by whoever looks for the package.json above a module, as cli/version.ts does.
  writeFileSync(join(out, 'package.json'), `${JSON.stringify({ name, version, private: true, type: 'module' }, null, 2)}\n`);
  return { scripts: globSync('**/*.js', { cwd: out }).length, declarations: declarations.length };
}
