/** For tests: the example of a README is a file beside it, which is type-checked and synthesized. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Testing, type App, type TerraformStack } from 'cdktf';
import { expect } from 'vitest';
import { synthesized, type Synthesized } from '../common/testing.ts';

/** Holds the README to `example.ts`, as a user of the package would write it, and synthesizes the example. */
export function checkExample(folder: string, Example: new (app: App, id: string) => TerraformStack): Synthesized {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const example = readFileSync(join(folder, 'example.ts'), 'utf8')
    .replace(/^\/\*\*[^\n]*\*\/\n/, '')
    .replaceAll(/'\.\.\/([\w-]+)\/index\.ts'/g, '\'tidemark/constructs/$1\'')
    .replace(/'\.\/index\.ts'/, `'tidemark/constructs/${folder.split(/[\\/]/).at(-1)!}'`);
  expect(/```ts\n([\s\S]*?)```/.exec(readme)?.[1], `the ts block of ${folder}/README.md`).toBe(example);
  return synthesized(new Example(Testing.app(), 'example'));
}
