/** What package.json promises: every file that `exports` and `bin` name is there. */
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

/** The part of package.json that is read here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin: Readonly<Record<string, string>>;
}

/** One line for each target that is no file; a pattern has to meet at least one. */
export function missingTargets(root: string, manifest: Manifest): string[] {
  const targets = [
    ...Object.entries(manifest.exports).flatMap(([subpath, target]) =>
      (typeof target === 'string' ? [target] : Object.values(target)).map((file) => ({ what: `exports ${subpath}`, file }))),
    ...Object.entries(manifest.bin).map(([name, file]) => ({ what: `bin ${name}`, file })),
  ];
  const there = (file: string): boolean => (file.includes('*') ? globSync(file, { cwd: root }).length > 0 : existsSync(join(root, file)));
  return targets.filter(({ file }) => !there(file)).map(({ what, file }) => `${what}: ${file}: no such file`);
}
