/** Whole or not at all. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile } from './whole-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-whole-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('replaces what was there, with the permissions that were asked for, and leaves nothing beside it', () => {
  const file = join(folder, 'a');
  writeFileSync(file, 'before');
  chmodSync(file, 0o644);
  replaceFile(file, 'after', { mode: 0o600 });
  expect(readFileSync(file, 'utf8')).toBe('after');
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['a']);
});

test('what cannot be replaced stays as it was, without a half-written file beside it', () => {
  const file = join(folder, 'a');
  mkdirSync(file);
  writeFileSync(join(file, 'kept'), '');
  expect(() => replaceFile(file, 'after')).toThrow();
  expect(readdirSync(folder)).toEqual(['a']);
  expect(readdirSync(file)).toEqual(['kept']);
});
