/**
 * CDKTF is archived; cdktn is its live fork. The same source on both gives the same Terraform, but for what names versions. How the
 * packages get the names of CDKTF is in tools/cdktn/package.json.
 */
import { cpSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { stackNames } from '../../stacks/app.ts';
import { copyKit } from './copy.ts';
import { DEPLOYMENTS, readStacks, synthesize, type StackJson } from './deployments.ts';
import { describeUnless } from './missing.ts';
import { succeed } from './process.ts';
import { ROOT } from './root.ts';
import { temporaryFolder } from './scratch.ts';

/** What may differ, and nothing else. */
const VERSIONS: readonly { readonly what: string; readonly take: (stack: StackJson) => unknown }[] = [
  { what: 'metadata of the library', take: (stack) => taken(stack, '//') },
  { what: 'source and release of the provider', take: (stack) => taken(stack.terraform, 'required_providers') },
];

const folder = temporaryFolder('cdktn');
const installed = await install();

describeUnless(installed)('the same source on cdktn', () => {
  test.each(DEPLOYMENTS.map((one) => [one.name, one] as const))('%s: gives the same Terraform but for versions', async (_name, deployment) => {
    const out = temporaryFolder('on-cdktn');
    await succeed(process.execPath, [join(folder, 'test/kit/synth-main.ts'), join(folder, relative(ROOT, deployment.config)), out], { cwd: folder });
    const theirs = readStacks(out, stackNames(deployment.platform));
    const ours = synthesize(deployment);
    for (const [name, stack] of ours) {
      const fork = theirs.get(name)!;
      for (const { what, take } of VERSIONS) {
        const [a, b] = [take(stack), take(fork)];
        expect(b, what).toBeDefined();
        expect(JSON.stringify(b), `${what}: no difference any more: remove it from the list`).not.toBe(JSON.stringify(a));
      }
      expect(fork, name).toEqual(stack);
    }
  });
});

function taken(block: object, name: string): unknown {
  const found = (block as Record<string, unknown>)[name];
  delete (block as Record<string, unknown>)[name];
  return found;
}

/** @returns what is missing, when the registry can't be reached */
async function install(): Promise<string | undefined> {
  cpSync(join(ROOT, 'tools/cdktn'), folder, { recursive: true });
  try {
    await succeed('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
  } catch (error) {
    return `cdktn (${(error as Error).message.split('\n').find((line) => line.includes('npm error')) ?? 'npm'})`;
  }
  // The provider asks for the library by its own name: under both names it has to be the one copy, with one set of classes.
  rmSync(join(folder, 'node_modules/cdktf'), { recursive: true });
  symlinkSync('cdktn', join(folder, 'node_modules/cdktf'));
  copyKit(folder);
  return undefined;
}
