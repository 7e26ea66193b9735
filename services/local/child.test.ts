import { existsSync, readFileSync, statSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createChild, lastLine, type Child, type ChildChange } from './child.ts';
import { boundLog, writeAtomic } from './files.ts';
import { temporaryFolder } from './fixtures/platform.ts';
import { isAlive, startedAt } from './run-state.ts';

const AT_ONCE = { next: () => 0, reset: () => {} };

function setUp(script: string, now?: () => number): { child: Child; changes: ChildChange[]; logFile: string } {
  const folder = temporaryFolder(onTestFinished);
  const changes: ChildChange[] = [];
  const logFile = join(folder, 'child.log');
  const child = createChild({
    id: 'child', args: ['--eval', script], env: process.env, logFile, onChange: (change) => changes.push(change),
  }, now, AT_ONCE);
  onTestFinished(() => child.stop(100));
  child.start();
  return { child, changes, logFile };
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(2);
}

const SERVES = "process.stdout.write('listening here\\n'); process.stdin.on('end', () => process.exit(0)).resume();";

test('is listening once it says so, whatever else it prints and however it is cut', async () => {
  const { child } = setUp(`process.stdout.write('hello\\nliste');
    setTimeout(() => process.stdout.write('ning http://x:1  \\r\\nmore\\n'), 20); process.stdin.resume();`);
  expect(child.state).toBe('starting');
  await eventually(() => child.state === 'listening');
  expect(child.said).toBe('http://x:1');
});

test('is given up after ten ends within a minute, loudly, with its last words', async () => {
  const { child, changes, logFile } = setUp(`${SERVES} process.stderr.write('Error: the disk is full\\n    at somewhere\\n');
    setTimeout(() => process.exit(9), 1);`);
  await eventually(() => child.state === 'failed');
  expect(child.restarts).toBe(9);
  expect(changes.filter((c) => c.kind === 'exited')).toHaveLength(9);
  expect(changes.at(-1)).toEqual({
    kind: 'failed',
    why: `10 times in a minute: ended with exit code 9; the last it wrote: Error: the disk is full (log: ${logFile})`,
  });
  await child.stop(100);
  expect(child.state).toBe('failed');
  expect(child.signal('SIGTERM')).toBe(false);
}, 20_000);

test('is not given up for ends that lie far apart', async () => {
  let minutes = 0;
  const { child } = setUp(`${SERVES} setTimeout(() => process.exit(1), 1);`, () => (minutes += 1) * 60_000);
  await eventually(() => child.restarts >= 12);
  expect(child.state).not.toBe('failed');
}, 20_000);

test('signals that somebody asked for are not held against it', async () => {
  const { child, changes } = setUp(SERVES);
  for (let i = 0; i < 12; i += 1) {
    await eventually(() => child.state === 'listening');
    const pid = child.pid as number;
    expect(child.signal('SIGKILL')).toBe(true);
    await child.gone(pid);
    expect(isAlive(pid)).toBe(false);
  }
  await eventually(() => child.state === 'listening');
  expect(child.restarts).toBe(12);
  expect(changes.filter((c) => c.kind === 'exited').every((c) => c.how === 'ended by SIGKILL' && c.againInMs === 0)).toBe(true);
}, 20_000);

test('a stop while it waits for its restart keeps it stopped', async () => {
  const folder = temporaryFolder(onTestFinished);
  const child = createChild(
    { id: 'child', args: ['--eval', 'process.exit(1)'], env: process.env, logFile: join(folder, 'log'), onChange: () => {} },
    undefined, { next: () => 60_000, reset: () => {} },
  );
  child.start();
  await eventually(() => child.state === 'waiting');
  await child.stop(100);
  expect([child.state, child.pid, child.restarts]).toEqual(['stopped', null, 0]);
});

test('has the log to itself, private, and keeps a large one as one old copy', async () => {
  const folder = temporaryFolder(onTestFinished);
  const log = join(folder, 'log');
  writeFileSync(log, 'x'.repeat(1_000));
  boundLog(log, 1_000);
  expect(statSync(log).size).toBe(1_000);
  appendFileSync(log, 'y');
  boundLog(log, 1_000);
  expect(readFileSync(log, 'utf8')).toBe('');
  expect(readFileSync(`${log}.1`, 'utf8')).toHaveLength(1_001);
  boundLog(join(folder, 'not there'), 0);

  const { logFile, child } = setUp(`${SERVES} process.stderr.write('said\\n');`);
  await eventually(() => child.state === 'listening' && readFileSync(logFile, 'utf8') === 'said\n');
  expect(statSync(logFile).mode & 0o777).toBe(0o600);
});

test.each([
  ['', ''],
  ['one\n\ntwo\n\n', 'two'],
  ['{"level":30,"msg":"starts"}\n{"level":60,"msg":"cannot open","err":{"message":"disk full"}}\n', 'cannot open: disk full'],
  ['{"level":30,"msg":"starts"}\nTypeError: x is not it\n    at a\n    at b\n\nNode.js v26\n', 'TypeError: x is not it'],
  ['{"broken', '{"broken'],
])('the last words of %j', (log, words) => {
  const path = join(temporaryFolder(onTestFinished), 'log');
  writeFileSync(path, log);
  expect(lastLine(path)).toBe(words);
});

test('a file is replaced whole; a failed write leaves the old one and nothing else', () => {
  const folder = temporaryFolder(onTestFinished);
  const path = join(folder, 'file');
  writeAtomic(path, 'old');
  expect(() => writeAtomic(path, { toString: 1 } as unknown as string)).toThrow(TypeError);
  expect(readFileSync(path, 'utf8')).toBe('old');
  expect(existsSync(`${path}.${process.pid}.new`)).toBe(false);
  writeAtomic(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
});

test.runIf(process.platform === 'linux')('a process is told from a later one with the same id by when it started', () => {
  expect(startedAt(process.pid)).toMatch(/^\d+$/);
  expect(startedAt(process.pid)).toBe(startedAt(process.pid));
  expect(startedAt(2 ** 22 + 1)).toBeNull();
});
