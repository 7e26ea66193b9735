/** Images in a real Docker engine and a real registry. Skipped where there is none; in CI there has to be one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IMAGE, SERVICES } from '../../platform/index.ts';
import { buildImages, type Archived } from './build.ts';
import { makeLocalBase, type LocalBase } from './local-base.ts';
import { pushImage } from './push.ts';
import { testSettings } from './testing-settings.ts';
import { startDocker, startRegistry, whyNoDocker, type Docker, type Registry } from './testing-docker.ts';

const why = whyNoDocker();
if (why !== null && process.env['CI'] === 'true') throw new Error(`containers cannot be tested: ${why}`);
if (why !== null) process.stderr.write(`cli/images: tests with containers are skipped: ${why}\n`);

const ROOT = join(import.meta.dirname, '..', '..');
const services = Object.values(SERVICES);

describe.skipIf(why !== null)('with Docker', () => {
  let folder: string;
  let engine: Docker;
  let registry: Registry;
  let base: LocalBase;
  let built: readonly Archived[];
  const build = (out: string, file: string): Promise<Archived[]> =>
    buildImages({ root: ROOT, services, platforms: [base.platform], base: file, out: join(folder, out), env: {} });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-images-'));
    [engine, registry] = await Promise.all([startDocker(), startRegistry()]);
    base = await makeLocalBase(join(folder, 'base.tar'), 0);
    built = await build('out', base.file);
    for (const image of built) await engine.docker('load', '--input', image.archive);
  }, 180_000);
  afterAll(async () => {
    await Promise.all([engine?.stop(), registry?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  test('a base of this machine is the same every time', async () => {
    expect((await makeLocalBase(join(folder, 'again.tar'), 0)).digest).toBe(base.digest);
  });

  describe.each(services.map((s) => [s.id, s] as const))('%s', (id, service) => {
    const container = `test-${id}`;

    test('runs without root, on a read-only root, is well, and ends in time when it is told to', async () => {
      // One of them with TLS: its health is then asked by TLS, too.
      const settings = testSettings(join(folder, 'keys', id), { tls: id === 'edge-node' })[id];
      const since = String(Math.floor(Date.now() / 1_000) - 1);
      await engine.docker(
        'run', '--detach', '--name', container, '--network', 'none', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--init',
        '--health-interval', '1s', ...Object.entries(settings).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
        `${IMAGE.repository(id)}:${built[0]!.version}`,
      );
      const next = await engine.firstLine(
        'events', '--since', since, '--filter', `container=${container}`, '--filter', 'event=health_status', '--filter', 'event=die', '--format', '{{.Status}}',
      );
      expect(next, await engine.docker('logs', container)).toBe('health_status: healthy');

      const program = `const fs = require('node:fs'); const can = (path) => { try { fs.writeFileSync(path, ''); return true; } catch (error) { return error.code; } };
        console.log(JSON.stringify([process.getuid(), process.getgid(), can('/app/service.mjs'), can('/x'), can('${service.dataFolder}/x')]))`;
      expect(JSON.parse(await engine.docker('exec', container, 'node', '-e', program))).toEqual([service.uid, service.uid, 'EROFS', 'EROFS', true]);

      await engine.docker('stop', '--time', String(service.stopTimeoutSeconds), container);
      // 137 would be that it had to be killed.
      expect(await engine.docker('inspect', '--format', '{{.State.ExitCode}}', container)).toBe('0');
    });

    test('without settings it says so and ends with 2', async () => {
      await expect(engine.docker('run', '--rm', '--network', 'none', '--read-only', `${IMAGE.repository(id)}:${built[0]!.version}`)).rejects.toThrow(/TIDEMARK_SITE/);
    });
  });

  test('what a registry hands out is what was built, and Docker runs it by its digest', async () => {
    const there = new Map<`sha256:${string}`, string>();
    for (const image of built) {
      const pushed = await pushImage(image, { registry: registry.host, prefix: 'pre', env: {}, there });
      expect(pushed.reference).toBe(`${registry.host}/pre/${image.name}@${image.digest}`);
      await engine.docker('pull', '--quiet', pushed.reference);
      expect(await engine.docker('run', '--rm', '--network', 'none', pushed.reference, 'node', '--version')).toBe(`v${base.nodeVersion}`);
    }
    // The base is sent once, and only mentioned for the others.
    const again = await pushImage(built[0]!, { registry: registry.host, prefix: 'second', env: {}, there });
    expect(again.sent).toBe(0);
  });

  test('what docker save writes can be built on', async () => {
    await engine.docker('load', '--input', base.file);
    const saved = join(folder, 'saved.tar');
    await engine.docker('save', '--output', saved, `tidemark/base:node-${base.nodeVersion}`);
    const [first] = await build('on-saved', saved);
    await engine.docker('load', '--input', first!.archive);
    expect(await engine.docker('run', '--rm', '--network', 'none', `${first!.name}:${first!.version}`, 'node', '-p', '6*7')).toBe('42');
  });
});
