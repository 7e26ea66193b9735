/** Only what is used is loaded: a program of the one framework needs none of the other. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const constructs = join(import.meta.dirname, '..');
const url = (...path: string[]): string => pathToFileURL(join(constructs, ...path)).href;

/** Imports modules in a process in which packages whose names begin so cannot be found, as if they were not installed. */
function importWithout(missing: readonly string[], modules: readonly string[]): string {
  const program = `
    import { registerHooks } from 'node:module';
    const missing = ${JSON.stringify(missing)};
    registerHooks({ resolve(specifier, context, next) {
      if (missing.some((name) => specifier === name || specifier.startsWith(name + '/'))) throw new Error('not installed: ' + specifier + ', imported by ' + context.parentURL);
      return next(specifier, context);
    } });
    for (const module of ${JSON.stringify(modules)}) await import(module);
    console.log('loaded');
  `;
  return execFileSync(process.execPath, ['--input-type=module', '--no-warnings', '-e', program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

const CDKTF = ['cdktf', 'constructs', '@cdktf/provider-aws'];
const PULUMI = ['@pulumi/pulumi', '@pulumi/aws', '@pulumi/policy'];

test('Pulumi helpers load without CDKTF, and without @pulumi/policy', () => {
  expect(importWithout([...CDKTF, '@pulumi/policy'], [url('pulumi/index.ts'), url('pulumi/testing/index.ts'), url('pulumi/policy/index.ts')])).toBe('loaded');
});

test('the policy pack and the facts load with neither of the two', () => {
  expect(importWithout([...CDKTF, '@pulumi/aws', '@pulumi/policy'], [url('pulumi/policy/index.ts')])).toBe('loaded');
  expect(importWithout([...CDKTF, ...PULUMI], [url('common/facts.ts'), url('checks/core/index.ts')])).toBe('loaded');
});

test('constructs load without Pulumi', () => {
  const modules = readdirSync(constructs, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'pulumi' && readdirSync(join(constructs, entry.name)).includes('index.ts'))
    .map((entry) => url(entry.name, 'index.ts'));
  expect(modules.length).toBeGreaterThan(10);
  expect(importWithout(PULUMI, modules)).toBe('loaded');
});

test('what is missing is told of: the check itself works', () => {
  expect(() => importWithout(['@pulumi/pulumi'], [url('pulumi/index.ts')])).toThrow(/not installed: @pulumi\/pulumi/);
});
