import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CONTROL_SETTINGS, EDGE_SETTINGS, REGION_SETTINGS, type Platform } from '../../platform/index.ts';
import { readSettings } from '../shell/index.ts';
import { findLocalPlatform, NotRunningError } from './control-client.ts';
import { samplePlatform, temporaryFolder, tinyPlatform } from './fixtures/platform.ts';
import { layoutOf, ProvisionError } from './provision.ts';
import { isAlive, readRunState, type RunState } from './run-state.ts';
import { startLocalPlatform, type LocalOptions, type LocalPlatform } from './start.ts';
import { LocalPlatformError, type Progress } from './supervisor.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const standIn = fixture('stand-in.ts');
const programs = { global: standIn, region: standIn, edge: standIn };
const LONG = 30_000;

type Watched = LocalPlatform & { progress: Progress[] };

async function up(options: Partial<LocalOptions> = {}, model: Platform = tinyPlatform()): Promise<Watched> {
  const progress: Progress[] = [];
  const platform = await startLocalPlatform(model, {
    dataDir: temporaryFolder(onTestFinished), portBase: 0, programs, onProgress: (p) => progress.push(p), ...options,
  });
  onTestFinished(() => platform.stop(2_000));
  return Object.defineProperties(platform as Watched, { progress: { value: progress } });
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

const get = async (url: string): Promise<string> => (await fetch(url)).text();
const environment = async (url: string): Promise<Record<string, string>> =>
  JSON.parse(await get(`${url}/env`)) as Record<string, string>;
const dial = async (from: string, to: string, ms = 5_000): Promise<string> =>
  get(`${from}/dial?ms=${ms}&url=${encodeURIComponent(to)}`);
const first = <T>(list: readonly T[]): T => list[0] as T;

describe('a platform', () => {
  test('starts every process with the settings that its service needs, and says where everything is', async () => {
    const platform = await up({}, samplePlatform());
    expect(platform.sites.map((s) => [s.id, s.tier])).toEqual([
      ['global', 'global'], ['eu-a', 'edge'], ['eu-b', 'edge'], ['us-a', 'edge'],
      ['eu/1', 'region'], ['eu/2', 'region'], ['eu/3', 'region'], ['us/1', 'region'],
    ]);
    expect(platform.sites.every((s) => s.state === 'listening' && s.restarts === 0 && !s.partitioned)).toBe(true);
    const layout = layoutOf(platform.dataDir);
    const control = readSettings(CONTROL_SETTINGS, await environment(platform.controlUrl));
    expect(control).toMatchObject({
      site: 'global', data: layout.site('global'), key: { source: layout.globalKey }, token: { source: layout.token },
    });
    expect(Object.keys(control.witnessUrls as object)).toEqual(['eu', 'us']);
    expect((control.witnessUrls as { eu: string[] }).eu).toHaveLength(3);

    const replica = readSettings(REGION_SETTINGS, await environment(platform.regionUrls['eu']?.[1] as string));
    expect(replica).toMatchObject({
      site: 'eu', replica: 1, data: layout.site('eu/2'), key: { source: layout.replicaKey('eu', 1) },
      regionKey: { source: layout.regionKey('eu') },
      stream: `sqlite:${join(layout.region('eu'), 'stream.db')}`, peerUrls: platform.regionUrls['eu'],
    });
    const { url, id } = first(platform.edges);
    const edge = readSettings(EDGE_SETTINGS, await environment(url));
    expect(edge).toMatchObject({ site: id, key: { source: layout.edgeKey(id) }, policy: { source: layout.policy }, data: layout.site(id) });
    expect(edge.regionUrls).toHaveLength(3);

    // Each dial goes through the emulated network and arrives at the right process.
    expect(await dial(url, `${edge.regionUrls[2]}/`)).toBe('eu');
    expect(await dial(platform.controlUrl, `${first((control.witnessUrls as { us: string[] }).us)}/`)).toBe('us');
    expect(await dial(first(platform.regionUrls['us'] ?? []), `${replica.controlUrl}/`)).toBe('global');
    const used = (await platform.links())?.links.filter((l) => l.opened > 0).map((l) => `${l.from}>${l.to}`);
    expect(used?.sort()).toEqual(['eu-a>eu/3', 'eu/2>global', 'global>us/1']);

    const state = readRunState(platform.dataDir);
    expect(state).toMatchObject({
      name: 'sample', state: 'running', controlUrl: platform.controlUrl, localUrl: platform.localUrl, pid: process.pid,
    });
    expect(state?.processes).toHaveLength(9);
    await platform.stop();
    expect(readRunState(platform.dataDir)).toBeNull();
    expect(state?.processes.filter((p) => isAlive(p.pid))).toEqual([]);
  }, LONG);

  test('stops edge nodes before regions before the control plane', async () => {
    const platform = await up({}, samplePlatform());
    await platform.stop();
    const logOf = (id: string): string => readFileSync(layoutOf(platform.dataDir).log(id), 'utf8');
    const at = (id: string): number => (JSON.parse(logOf(id).trim()) as { at: number }).at;
    const edges = ['eu-a', 'eu-b', 'us-a'].map(at);
    const replicas = ['eu/1', 'eu/2', 'eu/3', 'us/1'].map(at);
    expect(Math.max(...edges)).toBeLessThanOrEqual(Math.min(...replicas));
    expect(Math.max(...replicas)).toBeLessThanOrEqual(at('global'));
    expect(platform.progress.at(-1)?.kind).toBe('stopped');
    await platform.stop();
  }, LONG);

  test('direct: services dial each other, and there is nothing to cut', async () => {
    const platform = await up({ wan: 'direct' });
    const { TIDEMARK_REGION_URLS: urls } = await environment(first(platform.edges).url);
    expect(urls?.split(',')).toEqual(platform.regionUrls['eu']);
    await expect(platform.partition('eu-a')).rejects.toMatchObject({ status: 409, code: 'no-emulated-network' });
    await expect(platform.setWan({ enabled: true })).rejects.toMatchObject({ code: 'no-emulated-network' });
    expect(await platform.links()).toBeNull();
  }, LONG);

  test('is the only one in its folder, and its port block', async () => {
    const platform = await up();
    const holder = `(process ${process.pid}, ${platform.localUrl})`;
    await expect(up({ dataDir: platform.dataDir })).rejects.toThrow(`${holder} runs in ${platform.dataDir} already`);
    const base = Number(new URL(platform.controlUrl).port);
    await expect(up({ portBase: base })).rejects.toThrow(/global\).*already in use by another program/);
    expect(platform.sites.every((s) => s.state === 'listening')).toBe(true);
  }, LONG);

  test('a folder that does not fit is refused before anything starts, and is free again', async () => {
    const dataDir = temporaryFolder(onTestFinished);
    const platform = await up({ dataDir });
    await platform.stop();
    const start = startLocalPlatform(tinyPlatform({ origin: 'other.example' }), { dataDir, portBase: 0, programs });
    await expect(start).rejects.toBeInstanceOf(ProvisionError);
    await (await up({ dataDir })).stop();
  }, LONG);
});

describe('a process that ends', () => {
  test('is started again on its port after kill -9, any number of times', async () => {
    const platform = await up();
    const { url } = first(platform.edges);
    const pids = new Set<number>();
    for (let i = 0; i < 4; i += 1) {
      const { id, pid } = await platform.kill('eu-a');
      expect(id).toBe('eu-a');
      expect(isAlive(pid)).toBe(false);
      pids.add(pid);
      await platform.ready('eu-a');
    }
    expect(pids.size).toBe(4);
    expect(platform.sites.find((s) => s.id === 'eu-a')).toMatchObject({ restarts: 4, url, state: 'listening' });
    expect(await get(url)).toBe('eu-a');
  }, LONG);

  test('by itself comes back, too, with a word about how it ended', async () => {
    const platform = await up();
    await get(`${platform.controlUrl}/crash`).catch(() => {});
    await eventually(() => platform.progress.some((p) => p.kind === 'exited'));
    await platform.ready('global');
    const { message } = platform.progress.find((p) => p.kind === 'exited') as Progress;
    expect(message).toMatch(/^global ended with exit code 3; starting it again in \d+ ms$/);
    expect(platform.sites[0]).toMatchObject({ restarts: 1 });
  }, LONG);

  test('the network itself: comes back with delays and partitions as they were', async () => {
    const platform = await up({ wanScale: 0 });
    const { TIDEMARK_REGION_URLS: urls = '' } = await environment(first(platform.edges).url);
    await platform.partition('eu-a');
    const wan = platform.state().processes.find((p) => p.id === 'wide-area network');
    process.kill(wan?.pid as number, 'SIGKILL');
    const starts = (): number => platform.progress.filter((p) => p.site === 'wide-area network' && p.kind === 'listening').length;
    await eventually(() => starts() === 2);
    expect(await dial(first(platform.edges).url, first(urls.split(',')), 200)).toBe('TimeoutError');
    await platform.heal();
    expect(await dial(first(platform.edges).url, first(urls.split(',')))).toBe('eu');
  }, LONG);

  test('over and over before it listens fails the start, with what it wrote', async () => {
    const dataDir = temporaryFolder(onTestFinished);
    const program = join(dataDir, 'region.ts');
    writeFileSync(program, `process.argv.push('eu=exit:7'); await import(${JSON.stringify(standIn)});`);
    const start = up({ dataDir: join(dataDir, 'data'), programs: { ...programs, region: program } });
    const error = await start.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(LocalPlatformError);
    expect((error as Error).message).toContain('eu/1: 5 times in a row before it listened: ended with exit code 7;');
    expect((error as Error).message).toContain('the last it wrote: this one does not want to start');
    expect(existsSync(layoutOf(join(dataDir, 'data')).runState)).toBe(false);
  }, LONG);

  test('because of its settings fails the start at once', async () => {
    const dataDir = temporaryFolder(onTestFinished);
    const program = join(dataDir, 'global.ts');
    writeFileSync(program, `process.argv.push('global=exit:2'); await import(${JSON.stringify(standIn)});`);
    const start = up({ dataDir: join(dataDir, 'data'), programs: { ...programs, global: program } });
    await expect(start).rejects.toThrow(/^global: ended with exit code 2/);
  }, LONG);

  test('never: one that is not ready fails the start with the reason', async () => {
    const dataDir = temporaryFolder(onTestFinished);
    const program = join(dataDir, 'edge.ts');
    writeFileSync(program, `process.argv.push('eu-a=never-ready'); await import(${JSON.stringify(standIn)});`);
    const start = up({ dataDir: join(dataDir, 'data'), programs: { ...programs, edge: program }, startTimeoutMs: 2_000 });
    await expect(start).rejects.toThrow(/eu-a is not ready after 2000 ms: \/readyz answers 503/);
  }, LONG);

  test('one that does not stop when asked, or is halted, is killed after its time', async () => {
    const dataDir = temporaryFolder(onTestFinished);
    const program = join(dataDir, 'edge.ts');
    writeFileSync(program, `process.argv.push('eu-a=ignore-sigterm'); await import(${JSON.stringify(standIn)});`);
    const platform = await up({ dataDir: join(dataDir, 'data'), programs: { ...programs, edge: program } });
    await platform.kill('eu/1', 'SIGSTOP');
    const { processes } = platform.state();
    await platform.stop(200);
    expect(processes.filter((p) => isAlive(p.pid))).toEqual([]);
  }, LONG);
});

describe('a partition', () => {
  test('cuts what it should, shows, and heals by itself', async () => {
    const platform = await up({ wanScale: 0 }, samplePlatform());
    const [edge, other] = [platform.edges[0]?.url as string, platform.edges[2]?.url as string];
    const urls = (await environment(edge))['TIDEMARK_REGION_URLS']?.split(',') as string[];
    const partition = await platform.partition('eu-a', 60_000);
    expect(partition.until).toBe(partition.since + 60_000);
    expect(platform.sites.filter((s) => s.partitioned).map((s) => s.id)).toEqual(['eu-a']);
    expect(await dial(edge, urls[0] as string, 200)).toBe('TimeoutError');
    expect(await dial(other, ((await environment(other))['TIDEMARK_REGION_URLS'] as string))).toBe('us');
    // The site itself still answers: only the wide-area network is gone.
    expect(await get(edge)).toBe('eu-a');
    await platform.partition('eu-a', 1);
    await eventually(() => platform.progress.some((p) => p.kind === 'healed'));
    expect(platform.state().partitions).toEqual([]);
    expect(await dial(edge, urls[0] as string)).toBe('eu');
    expect(platform.progress.filter((p) => p.kind === 'healed').map((p) => p.site)).toEqual(['eu-a']);
  }, LONG);

  test('of a region shows at its edge nodes; healing all heals each', async () => {
    const platform = await up({}, samplePlatform());
    await platform.partition('eu');
    await platform.partition('us-a');
    const partitioned = platform.sites.filter((s) => s.partitioned).map((s) => s.id);
    expect(partitioned).toEqual(['eu-a', 'eu-b', 'us-a', 'eu/1', 'eu/2', 'eu/3']);
    expect((await platform.links())?.links.filter((l) => l.cut)).toHaveLength(11);
    expect(await platform.heal()).toEqual(['eu', 'us-a']);
    expect(await platform.heal()).toEqual([]);
    await expect(platform.partition('eu-x')).rejects.toMatchObject({
      status: 404, code: 'unknown-site', message: expect.stringContaining('did you mean eu-'),
    });
    await expect(platform.heal('mars')).rejects.toMatchObject({ status: 404 });
    await expect(platform.kill('eu')).rejects.toMatchObject({ status: 404 });
    await expect(platform.partition('eu', 0.5)).rejects.toMatchObject({ status: 400 });
  }, LONG);
});

describe('a supervisor that ends', () => {
  async function startProgram(dataDir: string): Promise<{ child: ChildProcess; state: RunState; lines: string[] }> {
    const child = spawn(process.execPath, [fixture('up.ts'), dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const lines: string[] = [];
    const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    reader.on('line', (line) => lines.push(line));
    await once(reader, 'line');
    return { child, lines, state: JSON.parse(first(lines)) as RunState };
  }

  test('by kill -9 takes its processes with it, and the folder can be used at once', async () => {
    const dataDir = temporaryFolder(onTestFinished);
    const { child, state } = await startProgram(dataDir);
    expect(state.processes).toHaveLength(4);
    const client = await findLocalPlatform(dataDir);
    expect((await client.state()).pid).toBe(child.pid);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect(findLocalPlatform(dataDir)).rejects.toBeInstanceOf(NotRunningError);
    const platform = await up({ dataDir });
    expect(state.processes.filter((p) => isAlive(p.pid))).toEqual([]);
    expect(platform.sites.every((s) => s.state === 'listening')).toBe(true);
  }, LONG);

  test.each(['SIGINT', 'SIGTERM'] as const)('by %s stops everything first', async (signal) => {
    const dataDir = temporaryFolder(onTestFinished);
    const { child, state, lines } = await startProgram(dataDir);
    child.kill(signal);
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    expect(lines.at(-1)).toBe(`stopped by ${signal}`);
    expect(state.processes.filter((p) => isAlive(p.pid))).toEqual([]);
    await expect(findLocalPlatform(dataDir)).rejects.toBeInstanceOf(NotRunningError);
  }, LONG);

  test('a run state of another version is not read', () => {
    const dataDir = temporaryFolder(onTestFinished);
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(layoutOf(dataDir).runState, '{"v":9}');
    expect(() => readRunState(dataDir)).toThrow(/version 9 is not known/);
  });
});
