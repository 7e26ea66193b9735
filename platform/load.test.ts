import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import config from '../tidemark.config.ts';
import { ConfigError, ConfigFileError, loadPlatform } from './index.ts';

let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'tidemark-config-')); });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
const json = JSON.stringify(config);
const define = pathToFileURL(join(import.meta.dirname, 'index.ts')).href;

describe('loadPlatform', () => {
  it('reads the deployment in use', async () => {
    expect(await loadPlatform(join(import.meta.dirname, '..', 'tidemark.config.ts'))).toEqual(config);
  });

  it.each([
    ['a.json', json],
    ['a.js', `module.exports = ${json}`],
    ['a.mjs', `export default ${json}`],
    ['a.ts', `const config: object = ${json}; export default config;`],
    ['b.ts', `import { definePlatform } from '${define}'; export default definePlatform(${json});`],
  ])('reads %s', async (name, text) => {
    expect(await loadPlatform(write(name, text))).toEqual(config);
  });

  it('says which mistakes are in which file, whoever checks it', async () => {
    const wrong = json.replace('"scale":2', '"scale":20');
    const module = `import { definePlatform } from '${define}'; export default definePlatform(${wrong});`;
    for (const file of [write('c.json', wrong), write('c.ts', module)]) {
      const error = await loadPlatform(file).catch((e: unknown) => e) as ConfigError;
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toContain(`${file}: 1 mistake\n  assets[0].scale: got 20`);
    }
  });

  it.each([
    ['missing.ts', null, 'no such file'],
    ['d.ts', 'export const platform = 1;', 'no default export (it exports platform); write `export default definePlatform'],
    ['e.mjs', '', 'has no default export; write'],
    ['f.ts', 'export default {', 'can\'t be loaded'],
    ['g.mjs', 'throw new Error("no luck");', 'can\'t be loaded: no luck'],
    ['h.json', '{', 'not JSON'],
    ['i.yaml', 'name: x', 'a config ends in .ts, .mts, .js, .mjs, .json, not in ".yaml"'],
  ])('says what is wrong with %s', async (name, text, message) => {
    const file = text === null ? join(folder, name) : write(name, text);
    const error = await loadPlatform(file).catch((e: unknown) => e) as ConfigFileError;
    expect(error).toBeInstanceOf(ConfigFileError);
    expect(error.message).toContain(file);
    expect(error.message).toContain(message);
  });

  it('refuses a folder', async () => {
    await expect(loadPlatform(folder)).rejects.toThrow('not a file');
  });
});
