import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { missingTargets } from './exports.ts';
import { rewriteSpecifiers } from './finish.ts';

describe('specifiers in declarations', () => {
  test.each([
    ["import { a } from './a.ts';", "import { a } from './a.js';"],
    ["export * from '../b/index.ts';", "export * from '../b/index.js';"],
    ['export { type C } from "./c.ts";', 'export { type C } from "./c.js";'],
    ["declare const d: import('./d.ts').D;", "declare const d: import('./d.js').D;"],
    ["import './e.ts';", "import './e.js';"],
  ])('%s', (before, after) => expect(rewriteSpecifiers(before)).toBe(after));

  test.each(["import { a } from 'a.ts';", "import { a } from './a.js';", "/** `loadPlatform('./a.ts')` */", "declare const file = './a.ts';"])(
    '%s stays', (text) => expect(rewriteSpecifiers(text)).toBe(text),
  );
});

describe('what package.json promises', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'tidemark-pack-'));
    mkdirSync(join(root, 'dist', 'one'), { recursive: true });
    for (const file of ['dist/one/index.js', 'dist/one/index.d.ts', 'bin.mjs']) writeFileSync(join(root, file), '');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const promised = (exports: Record<string, string | Record<string, string>>, bin = './bin.mjs'): string[] =>
    missingTargets(root, { name: 'kit', version: '1.0.0', exports, bin: { kit: bin } });

  test('is there', () => {
    expect(promised({ './one': { types: './dist/one/index.d.ts', default: './dist/one/index.js' }, './*': './dist/*/index.js' })).toEqual([]);
  });

  test('or is named, all at once', () => {
    expect(promised({ './two': { types: './dist/two/index.d.ts', default: './dist/one/index.js' }, './x/*': './dist/x/*/index.js' }, './no.mjs')).toEqual([
      'exports ./two: ./dist/two/index.d.ts: no such file', 'exports ./x/*: ./dist/x/*/index.js: no such file', 'bin kit: ./no.mjs: no such file',
    ]);
  });
});
