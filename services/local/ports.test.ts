import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { samplePlatform, temporaryFolder } from './fixtures/platform.ts';
import { acquireLock } from './lock.ts';
import { linkId, planLocal } from './plan.ts';
import { HOST, PortsError, takePorts } from './ports.ts';

const plan = planLocal(samplePlatform());

/** The base of a block that was free a moment ago. */
async function freeBase(): Promise<number> {
  const ports = await takePorts(plan, 0, true);
  onTestFinished(() => ports.release());
  return ports.base;
}

test('a block from its base on: processes, control API, links, each its own', async () => {
  const base = await freeBase();
  const ports = await takePorts(plan, base, true);
  expect([...ports.processes.values()]).toEqual(plan.processes.map((_, i) => base + i));
  expect(ports.processes.get('global')).toBe(base);
  expect(ports.local).toBe(base + plan.processes.length);
  expect([...ports.links]).toEqual(plan.links.map((l, i) => [linkId(l), ports.local + 1 + i]));
});

test('without an emulated network there are no ports for it', async () => {
  expect((await takePorts(plan, await freeBase(), false)).links.size).toBe(0);
});

test('a port in use is named, with what it is for', async () => {
  const base = await freeBase();
  for (const port of [base + 4, base + plan.processes.length]) {
    const server = createServer().listen(port, HOST);
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
  }
  const error = await takePorts(plan, base, true).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(PortsError);
  const list = `${base + 4} (eu/1), ${base + plan.processes.length} (local control API)`;
  expect((error as Error).message).toContain(`ports ${list} already in use`);
});

test.each([1, 1023, 65_530, 65_536])('a block from %i does not fit', async (base) => {
  await expect(takePorts(plan, base, true)).rejects.toThrow(/allowed are 1024 to 65535/);
});

test('base 0 gives each platform a block of its own, and takes it back', async () => {
  const taken = await Promise.all(Array.from({ length: 5 }, () => takePorts(plan, 0, true)));
  expect(new Set(taken.map((p) => p.base)).size).toBe(5);
  for (const { release } of taken) release();
});

test('a lock has one holder at a time, also within one process', () => {
  const path = join(temporaryFolder(onTestFinished), 'lock');
  const first = acquireLock(path);
  expect(first).not.toBeNull();
  expect(acquireLock(path)).toBeNull();
  first?.release();
  const second = acquireLock(path);
  expect(second).not.toBeNull();
  second?.release();
});
