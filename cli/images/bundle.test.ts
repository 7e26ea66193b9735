import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { SERVICES, type ServiceId } from '../../platform/index.ts';
import { bundleService, servicesOf, type Bundle } from './bundle.ts';
import { testSettings } from './testing-settings.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tidemark-bundle-'));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const ids = Object.keys(SERVICES) as ServiceId[];
const bundles = new Map<ServiceId, Promise<Bundle>>(ids.map((id) => [id, bundleService(id, ROOT)]));

/** The sources that bundles are made of, elsewhere. */
function checkout(name: string, from = ROOT): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'cli', 'images'), { recursive: true });
  for (const part of ['services', 'platform', 'package.json', 'package-lock.json', 'cli/images/health.ts']) {
    cpSync(join(from, part), join(root, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return root;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function start(file: string, env: Record<string, string>): { child: ChildProcess; listening: Promise<string>; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [file], { cwd: join(file, '..'), env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let [out, err] = ['', ''];
  child.stderr.on('data', (chunk: Buffer) => void (err += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const match = /^listening (\S+)\n/m.exec(out);
      if (match !== null) resolve(match[1]!);
    });
    ended.then(({ code }) => reject(new Error(`ended with ${code} before it listened:\n${err}`)), reject);
  });
  // Waited for by those who expect it to listen.
  listening.catch(() => {});
  return { child, listening, ended };
}

function unpack(bundle: Bundle, app: string): void {
  for (const { name, bytes } of bundle.files) {
    mkdirSync(dirname(join(app, name)), { recursive: true });
    writeFileSync(join(app, name), bytes);
  }
}

describe.each(ids)('%s', (id) => {
  test('runs from its file alone, is well, and stops when it is told to', async () => {
    const bundle = await bundles.get(id)!;
    const app = join(folder, 'app', id);
    unpack(bundle, app);
    const { pageFolder } = SERVICES[id];
    const [page, programs] = [true, false].map((isPage) => bundle.files.map((f) => f.name).filter((name) => name.startsWith('dashboard/') === isPage));
    expect(programs).toEqual(['health.mjs', 'service.mjs']);
    expect(page!.includes('dashboard/index.html')).toBe(pageFolder !== undefined);

    const settings = testSettings(join(folder, 'keys', id), { data: () => join(app, 'data') })[id];
    const service = start(join(app, 'service.mjs'), { ...settings, TIDEMARK_PORT: '0', ...(pageFolder === undefined ? {} : { TIDEMARK_DASHBOARD: join(app, 'dashboard') }) });
    const url = new URL(await service.listening);
    if (pageFolder !== undefined) expect(await (await fetch(url)).text()).toMatch(/<title>Tidemark<\/title>/);
    const answer = await fetch(new URL(SERVICES[id].healthPath, url));
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }]);
    expect(await start(join(app, 'health.mjs'), { TIDEMARK_PORT: url.port }).ended).toEqual({ code: 0, signal: null });

    service.child.kill('SIGTERM');
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(await start(join(app, 'health.mjs'), { TIDEMARK_PORT: url.port }).ended).toEqual({ code: 1, signal: null });
  });

  test('serves TLS when it is given a certificate, and is asked by TLS whether it is well', async () => {
    const app = join(folder, 'tls', id);
    unpack(await bundles.get(id)!, app);
    const settings = { ...testSettings(join(folder, 'tls-keys', id), { data: () => join(app, 'data'), tls: true })[id], TIDEMARK_PORT: '0' };
    const service = start(join(app, 'service.mjs'), settings);
    const url = new URL(await service.listening);
    expect(url.protocol).toBe('https:');
    expect(await start(join(app, 'health.mjs'), { ...settings, TIDEMARK_PORT: url.port }).ended).toEqual({ code: 0, signal: null });
    expect(await start(join(app, 'health.mjs'), { TIDEMARK_PORT: url.port }).ended).toEqual({ code: 1, signal: null });
    service.child.kill('SIGTERM');
    expect(await service.ended).toEqual({ code: 0, signal: null });
  });

  test('without settings it says which, and ends with 2', async () => {
    const app = join(folder, 'bare', id);
    unpack(await bundles.get(id)!, app);
    expect(await start(join(app, 'service.mjs'), {}).ended).toEqual({ code: 2, signal: null });
  });
});

describe('a bundle', () => {
  test('is the same from another folder, and says nothing of either', async () => {
    const place = checkout('a/place');
    const [here, there] = [await bundleService('edge-node', place), await bundleService('edge-node', checkout('another', place))];
    expect(there.digest).toBe(here.digest);
    expect(there.files.map((f) => f.bytes.equals(here.files.find((h) => h.name === f.name)!.bytes))).toEqual([true, true]);
    for (const { bytes } of there.files) for (const somewhere of [ROOT, folder]) expect(bytes.includes(somewhere)).toBe(false);
    expect(there.packages).toEqual(here.packages);
  });

  test('is another one when a source is', async () => {
    const root = checkout('changed');
    const entry = join(root, SERVICES['edge-node'].entry);
    writeFileSync(entry, `${readFileSync(entry, 'utf8')}\nconsole.error('changed');\n`);
    expect((await bundleService('edge-node', root)).digest).not.toBe((await bundles.get('edge-node')!).digest);
  });

  test('names the packages that are in it, with licence and hash, and nothing of the tools', async () => {
    const { packages } = await bundles.get('control-plane')!;
    const fastify = packages.find((p) => p.name === 'fastify')!;
    expect(fastify).toMatchObject({ license: 'MIT', direct: true });
    expect(fastify.integrity).toMatch(/^sha512-/);
    expect(fastify.dependencies).toContain(`find-my-way@${packages.find((p) => p.name === 'find-my-way')!.version}`);
    expect(fastify.notice).toContain('Permission is hereby granted');
    for (const p of packages) expect([p.name, p.license, p.integrity]).toEqual([p.name, expect.any(String), expect.stringMatching(/^sha512-/)]);
    expect(packages.filter((p) => /^(?:cdktf|vitest|rolldown|typescript|commander|@pulumi|@cdktf)/.test(p.name))).toEqual([]);
  });

  test('is refused when something that it needs is not there', async () => {
    const root = checkout('broken');
    const entry = join(root, SERVICES['edge-node'].entry);
    writeFileSync(entry, `import 'no-such-package';\n${readFileSync(entry, 'utf8')}`);
    await expect(bundleService('edge-node', root)).rejects.toThrow(/edge-node: cannot be one file:[^]*no-such-package/);
  });

  test('is refused when other versions are installed than the lock says', async () => {
    const root = checkout('stale');
    const lock = join(root, 'package-lock.json');
    const text = readFileSync(lock, 'utf8');
    const { version } = (JSON.parse(text) as { packages: Record<string, { version: string }> }).packages['node_modules/fastify']!;
    const changed = JSON.parse(text) as { packages: Record<string, { version: string }> };
    changed.packages['node_modules/fastify']!.version = '0.0.1';
    writeFileSync(lock, JSON.stringify(changed));
    await expect(bundleService('edge-node', root)).rejects.toThrow(`node_modules/fastify: ${version} is installed, package-lock.json says 0.0.1`);
  });

  test('is made of a checkout', async () => {
    await expect(bundleService('edge-node', join(folder, 'nowhere'))).rejects.toThrow(/services\/edge-node\/main\.ts: no such file; images are built from a checkout/);
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });
});

test('services by name', () => {
  expect(servicesOf([]).map((s) => s.id)).toEqual(ids);
  expect(servicesOf(['control-plane']).map((s) => s.id)).toEqual(['control-plane']);
  expect(() => servicesOf(['edge', 'edge-node', 'x'])).toThrow(/no such service: edge, x; there are edge-node, regional-aggregator, control-plane/);
});
