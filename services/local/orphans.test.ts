import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { clearOrphans, isAlive, startedAt, type RunState } from './run-state.ts';

async function sleeper(): Promise<ChildProcess & { pid: number }> {
  const script = "process.stdout.write('x'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  return child as unknown as ChildProcess & { pid: number };
}

const left = (processes: RunState['processes']): RunState => ({ processes }) as RunState;

test('nothing to wait for: no run before, or only processes that have gone', async () => {
  await clearOrphans(null, () => {});
  const child = await sleeper();
  const started = startedAt(child.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await clearOrphans(left([{ id: 'eu/1', pid: child.pid, started }]), () => {});
});

test.runIf(process.platform === 'linux')('a process that only has the same id is somebody else\'s, and left alone', async () => {
  const child = await sleeper();
  await clearOrphans(left([{ id: 'eu/1', pid: child.pid, started: '1' }]), () => {}, 0);
  expect(isAlive(child.pid)).toBe(true);
});

test.runIf(process.platform === 'linux')('one that does not go by itself is ended, after its time', async () => {
  const child = await sleeper();
  const said: string[] = [];
  await clearOrphans(left([{ id: 'eu/1', pid: child.pid, started: startedAt(child.pid) }]), (message) => said.push(message), 100);
  expect(isAlive(child.pid)).toBe(false);
  expect(said).toEqual(['waiting for 1 processes of the platform that was killed here (eu/1)']);
});

test('where the system cannot tell, nothing is ended and the message names the process', async () => {
  const child = await sleeper();
  const before = left([{ id: 'eu/1', pid: child.pid, started: null }]);
  await expect(clearOrphans(before, () => {}, 0)).rejects.toThrow(`${child.pid} (eu/1)`);
  expect(isAlive(child.pid)).toBe(true);
});
