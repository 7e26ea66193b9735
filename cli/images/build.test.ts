import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { readLock } from '../../constructs/service-image/lock.ts';
import { IMAGE, SERVICES } from '../../platform/index.ts';
import { run } from '../program.ts';
import { buildImages, epochOf, type BuildOptions } from './build.ts';
import { digestOf } from './digest.ts';
import { imagesIn, openSource, documentOf } from './source.ts';
import { fakeImage, NODE_FILES, startFakeRegistry, writeFake, type FakeOptions } from './testing.ts';
import { type ImageConfig } from './oci.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tidemark-build-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...parts: string[]): string => join(folder, ...parts);
const service = SERVICES['edge-node'];

async function base(name: string, options?: FakeOptions): Promise<string> {
  await writeFake(at(name), fakeImage(options));
  return at(name);
}
const options = (out: string, change: Partial<BuildOptions> = {}): BuildOptions =>
  ({ root: ROOT, services: [service], platforms: ['linux/amd64'], base: at('base.tar'), out: at(out), env: {}, ...change });
await base('base.tar', {
  run: {
    Env: ['PATH=/usr/local/bin:/usr/bin', 'NODE_VERSION=26.0.0', 'LANG=C.UTF-8', 'NODE_ENV=development'], Entrypoint: ['docker-entrypoint.sh'], Cmd: ['node'],
    User: 'root', Labels: { a: 'of the base' }, ExposedPorts: { '1/tcp': {} }, Volumes: { '/v': {} },
  },
});

async function configOf(archive: string): Promise<ImageConfig> {
  const source = await openSource(archive);
  const [image] = await imagesIn(source, source.roots);
  return JSON.parse((await documentOf(source, image!.manifest.config)).toString()) as ImageConfig;
}
async function tidemark(env: Record<string, string>, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await run(['images', ...args], { out: (t) => void (out += `${t}\n`), err: (t) => void (err += `${t}\n`), env: { DOCKER_CONFIG: folder, ...env } });
  return { code, out, err };
}

describe('an image', () => {
  test('is run as the contract says', async () => {
    const [built] = await buildImages(options('contract'));
    const { config, architecture, os, created } = await configOf(built!.archive);
    expect([os, architecture, created]).toEqual(['linux', 'amd64', '1970-01-01T00:00:00Z']);
    expect(config).toEqual({
      User: '10001:10001', WorkingDir: '/app', Entrypoint: null, Cmd: [...IMAGE.command], StopSignal: 'SIGTERM', ExposedPorts: { '8080/tcp': {} }, Volumes: { '/data': {} },
      Env: [
        'PATH=/usr/local/bin:/usr/bin', 'NODE_VERSION=26.0.0', 'LANG=C.UTF-8', 'NODE_ENV=production', 'TIDEMARK_DATA=/data', 'TIDEMARK_HOST=0.0.0.0', 'TIDEMARK_PORT=8080',
      ],
      Healthcheck: { Test: ['CMD', 'node', '/app/health.mjs'], Interval: 10e9, Timeout: 5e9, StartPeriod: 60e9, Retries: 3 },
      Labels: {
        'org.opencontainers.image.title': 'tidemark/edge-node', 'org.opencontainers.image.description': 'Tidemark: Edge node', 'org.opencontainers.image.licenses': 'Apache-2.0',
        'org.opencontainers.image.version': built!.version, 'org.opencontainers.image.revision': built!.source,
        'org.opencontainers.image.base.digest': built!.platforms['linux/amd64']!.base, 'tidemark.sbom.digest': built!.platforms['linux/amd64']!.sbom,
      },
    });
  });

  test('has the programs, their licences and the SBOM, for all to read, and a folder for data, for the service alone', async () => {
    const [built] = await buildImages(options('files'));
    const source = await openSource(built!.archive);
    const [image] = await imagesIn(source, source.roots);
    const layer = gunzipSync(Buffer.from(await (await source.blob(image!.manifest.layers.at(-1)!)).arrayBuffer()));
    writeFileSync(at('layer.tar'), layer);
    const list = execFileSync('tar', ['-tvf', at('layer.tar')], { encoding: 'utf8', env: { PATH: process.env['PATH'], TZ: 'UTC' } });
    expect(list.trimEnd().split('\n').map((line) => line.replace(/ +[0-9]+ 1970-01-01 00:00 /, ' '))).toEqual([
      'drwxr-xr-x 0/0 app/', '-rw-r--r-- 0/0 app/LICENSES.txt', '-rw-r--r-- 0/0 app/health.mjs', '-rw-r--r-- 0/0 app/sbom.cdx.json', '-rw-r--r-- 0/0 app/service.mjs',
      'drwx------ 10001/10001 data/',
    ]);
    const inside = (name: string): string => execFileSync('tar', ['-xOf', at('layer.tar'), name], { encoding: 'utf8' });
    const { sbom } = built!.platforms['linux/amd64']!;
    expect([digestOf(inside('app/sbom.cdx.json')), digestOf(readFileSync(at('files', 'edge-node.linux-amd64.cdx.json')))]).toEqual([sbom, sbom]);
    expect(inside('app/LICENSES.txt')).toMatch(/Apache License[^]*\nfastify@[^]*Licence: MIT[^]*\nundici@/);
  });

  test('of the control plane has the page, which it serves unless told otherwise, and names what the page is made of', async () => {
    const [built] = await buildImages(options('page', { services: [SERVICES['control-plane']] }));
    expect((await configOf(built!.archive)).config?.Env).toContain('TIDEMARK_DASHBOARD=/app/dashboard');
    const source = await openSource(built!.archive);
    const [image] = await imagesIn(source, source.roots);
    writeFileSync(at('page.tar'), gunzipSync(Buffer.from(await (await source.blob(image!.manifest.layers.at(-1)!)).arrayBuffer())));
    const names = execFileSync('tar', ['-tf', at('page.tar')], { encoding: 'utf8' }).trimEnd().split('\n');
    expect(names).toEqual(expect.arrayContaining(['app/dashboard/', 'app/dashboard/assets/', 'app/dashboard/index.html', 'app/service.mjs']));
    const sbom = readFileSync(at('page', 'control-plane.linux-amd64.cdx.json'), 'utf8');
    for (const name of ['preact', 'uplot']) expect(sbom).toMatch(new RegExp(`"name": ?"${name}"`));
    const [again] = await buildImages(options('page-again', { services: [SERVICES['control-plane']] }));
    expect(again!.digest).toBe(built!.digest);
  });

  test('is the same the next time, elsewhere: archive, digest, SBOM', async () => {
    const [a] = await buildImages(options('one'));
    const [b] = await buildImages(options('two/deeper'));
    expect(b!.digest).toBe(a!.digest);
    expect(readFileSync(b!.archive).equals(readFileSync(a!.archive))).toBe(true);
    expect(readdirSync(at('one'))).toEqual(['edge-node.linux-amd64.cdx.json', 'edge-node.tar']);
  });

  test('is another one on another base, or of another time', async () => {
    const other = await base('other.tar', { layers: [NODE_FILES, [{ path: 'x', body: Buffer.from('x') }]] });
    const [a] = await buildImages(options('a'));
    const [b] = await buildImages(options('b', { base: other }));
    const [c] = await buildImages(options('c', { env: { SOURCE_DATE_EPOCH: '1700000000' } }));
    expect(new Set([a!.digest, b!.digest, c!.digest]).size).toBe(3);
    expect(new Set([a!.source, b!.source, c!.source]).size).toBe(1);
    expect((await configOf(c!.archive)).created).toBe('2023-11-14T22:13:20Z');
    expect(readFileSync(at('c', 'edge-node.linux-amd64.cdx.json'), 'utf8')).toContain('"timestamp": "2023-11-14T22:13:20Z"');
  });

  test('for two platforms is an index over both', async () => {
    await writeFake(at('both.tar'), fakeImage(), fakeImage({ architecture: 'arm64' }));
    const [built] = await buildImages(options('both', { base: at('both.tar'), platforms: ['linux/arm64', 'linux/amd64'] }));
    expect(Object.keys(built!.platforms).sort()).toEqual(['linux/amd64', 'linux/arm64']);
    expect(built!.root.mediaType).toBe('application/vnd.oci.image.index.v1+json');
    const [turned] = await buildImages(options('turned', { base: at('both.tar'), platforms: ['linux/amd64', 'linux/arm64'] }));
    expect(turned!.digest).toBe(built!.digest);
    expect(readdirSync(at('both'))).toEqual(['edge-node.linux-amd64.cdx.json', 'edge-node.linux-arm64.cdx.json', 'edge-node.tar']);
  });
});

describe('what cannot be built says why, and leaves nothing half-made', () => {
  test.each([
    ['a base without Node', async (): Promise<Partial<BuildOptions>> => ({ base: await base('python.tar', { layers: [[{ path: 'usr/bin/python', body: Buffer.from('') }]] }) }), /there is no node where its PATH leads/],
    ['a base for another platform', async (): Promise<Partial<BuildOptions>> => ({ platforms: ['linux/arm64'] }), /has no image for linux\/arm64; it has linux\/amd64/],
    ['a base that is not what its configuration says', async (): Promise<Partial<BuildOptions>> => ({ base: await base('wrong.tar', { diffIds: [digestOf('x')] }) }), /unpacked its digest is/],
    ['a time that is none', async (): Promise<Partial<BuildOptions>> => ({ env: { SOURCE_DATE_EPOCH: 'yesterday' } }), /SOURCE_DATE_EPOCH: expected seconds since 1970, got "yesterday"/],
  ])('%s', async (name, change, expected) => {
    const out = name.replaceAll(' ', '-');
    await expect(buildImages(options(out, await change()))).rejects.toThrow(expected);
    expect(existsSync(at(out))).toBe(false);
  });

  test('a folder that cannot be written', async () => {
    writeFileSync(at('file'), '');
    await expect(buildImages(options('file/out'))).rejects.toThrow(/file\/out\/edge-node\.linux-amd64\.cdx\.json: cannot be written: /);
    // Something in the way of what is written beside the archive.
    mkdirSync(at('blocked', 'edge-node.tar.partial'), { recursive: true });
    await expect(buildImages(options('blocked'))).rejects.toThrow(/blocked\/edge-node\.tar: cannot be written: /);
    expect(existsSync(at('blocked', 'edge-node.tar'))).toBe(false);
  });

  test.skipIf(process.getuid?.() === 0)('a folder that is for reading only', async () => {
    mkdirSync(at('readonly'));
    chmodSync(at('readonly'), 0o500);
    await expect(buildImages(options('readonly'))).rejects.toThrow(/cannot be written: EACCES/);
  });

  test('an archive that was not written to its end', async () => {
    const [built] = await buildImages(options('cut'));
    const bytes = readFileSync(built!.archive);
    writeFileSync(built!.archive, bytes.subarray(0, bytes.length - 5_000));
    const { code, err } = await tidemark({}, 'push', '--registry', 'localhost:1', '--service', 'edge-node', '--out', at('cut'), '--lock', at('cut.lock'));
    expect([code, err]).toEqual([2, expect.stringMatching(/edge-node\.tar: .* was not written to its end, make it again/)]);
  });

  test.each(['-1', '1.5', '99999999999', ''])('SOURCE_DATE_EPOCH %j', (text) => expect(() => epochOf({ SOURCE_DATE_EPOCH: text })).toThrow(/expected seconds/));
});

describe('the command', () => {
  const lock = at('images.lock.json');

  test('build records, push sends what was recorded, list shows it', async () => {
    const registry = await startFakeRegistry();
    const built = await tidemark({}, 'build', '--service', 'edge-node,control-plane', '--base', at('base.tar'), '--out', at('out'), '--lock', lock);
    expect([built.code, built.out]).toEqual([0, expect.stringContaining(`recorded in ${lock}; commit it`)]);
    const recorded = readLock(lock);
    expect(Object.keys(recorded.built)).toEqual(['tidemark/control-plane', 'tidemark/edge-node']);
    const text = readFileSync(lock, 'utf8');

    const pushed = await tidemark({}, 'push', '--registry', `${registry.host}/pre`, '--service', 'edge-node', '--out', at('out'), '--lock', lock, '--json');
    const { images, lock: after } = JSON.parse(pushed.out) as { images: { reference: string; sent: number }[]; lock: object };
    expect([pushed.code, images.map((i) => i.reference)]).toEqual([0, [`${registry.host}/pre/tidemark/edge-node@${recorded.built['tidemark/edge-node']!.digest}`]]);
    expect([after, readFileSync(lock, 'utf8')]).toEqual([{ file: lock, changed: false }, text]);
    await registry.close();

    const list = JSON.parse((await tidemark({}, 'list', '--lock', lock, '--json')).out) as { images: { name: string; digest?: string }[]; missing: string[] };
    expect(list.missing).toEqual(['tidemark/regional-aggregator', 'base', 'collector', 'nats']);
    expect(list.images.find((i) => i.name === 'tidemark/control-plane')?.digest).toBe(recorded.built['tidemark/control-plane']!.digest);
    expect((await tidemark({}, 'list', '--lock', lock)).out).toMatch(/tidemark\/regional-aggregator +- +not built: tidemark images build\n[^]*nats +- +not pinned: tidemark images pin nats /);
  });

  test('pin records a digest, or looks up what a tag is now; build takes the pin', async () => {
    const registry = await startFakeRegistry();
    const image = fakeImage();
    await registry.put('team/node', image, '26');
    expect((await tidemark({}, 'pin', 'base', `${registry.host}/team/node:26`, '--lock', lock)).out).toContain(`base: ${registry.host}/team/node@${image.descriptor.digest}`);
    expect(readLock(lock).pinned['base']).toEqual({ repository: `${registry.host}/team/node`, digest: image.descriptor.digest, tag: '26' });
    const digest = digestOf('collector');
    expect((await tidemark({}, 'pin', 'collector', `example.com/c@${digest}`, '--lock', lock)).code).toBe(0);
    expect(readLock(lock).pinned['collector']).toEqual({ repository: 'example.com/c', digest });
    const built = await tidemark({}, 'build', '--service', 'edge-node', '--out', at('pinned'), '--lock', lock, '--json');
    await registry.close();
    expect(built.code).toBe(0);
    expect(readLock(lock).built['tidemark/edge-node']!.platforms['linux/amd64']!.base).toBe(image.descriptor.digest);
    expect(Object.keys(readLock(lock).pinned)).toEqual(['base', 'collector']);
  });

  test('--no-lock records nothing', async () => {
    const built = await tidemark({}, 'build', '--service', 'edge-node', '--base', at('base.tar'), '--out', at('nolock'), '--no-lock', '--json');
    expect(JSON.parse(built.out)).toMatchObject({ lock: null, images: [{ name: 'tidemark/edge-node' }] });
  });

  test.each([
    ['no base', ['build', '--lock', at('empty.lock')], 2, /no base image: .*has no pin `base`; pin one .*--base .*tidemark images base FILE/],
    ['an unknown service', ['build', '--service', 'ledger', '--base', at('base.tar')], 2, /no such service: ledger; there are edge-node, regional-aggregator, control-plane/],
    ['an unknown platform', ['build', '--platform', 'windows/amd64'], 2, /expected linux\/amd64 or linux\/arm64, or both with a comma, got windows\/amd64/],
    ['a base by tag', ['build', '--base', 'node:26'], 2, /a tag means something else tomorrow/],
    ['a base that is not there', ['build', '--base', './none.tar'], 2, /none\.tar: no such file or folder/],
    ['nothing built', ['push', '--registry', 'localhost:1', '--out', at('nothing')], 2, /nothing\/edge-node\.tar: no such file or folder/],
    ['no registry', ['push'], 2, /required option '--registry <host>'/],
    ['a registry that is a URL', ['push', '--registry', 'https://example.com'], 2, /is no registry; expected HOST/],
    ['a pin with a wrong digest', ['pin', 'nats', 'nats@sha256:12'], 2, /after @ comes sha256: and 64 hexadecimal digits/],
    ['a pin of a service', ['pin', 'edge-node', 'a/b'], 2, /is a service of the kit: tidemark images build --service edge-node/],
    ['a pin with a name that is none', ['pin', 'Nats!', 'a/b'], 2, /expected a name of small letters/],
  ] as const)('%s', async (_what, args, code, expected) => {
    const answer = await tidemark({}, ...args, ...(args.includes('--lock' as never) ? [] : ['--lock', at('none.lock')]));
    expect([answer.code, answer.err]).toEqual([code, expect.stringMatching(expected)]);
  });

  test('a lock that makes no sense is told before any work', async () => {
    writeFileSync(at('bad.lock'), '{"version":1,"built":{"a":1},"pinned":{}}');
    for (const args of [['build', '--base', at('base.tar'), '--out', at('never')], ['list'], ['push', '--registry', 'localhost:1', '--out', at('never')], ['pin', 'nats', `a/b@${digestOf('')}`]]) {
      const { code, err } = await tidemark({}, ...args, '--lock', at('bad.lock'));
      expect([code, err]).toEqual([2, expect.stringContaining('built.a: expected an object, got 1')]);
    }
    expect(existsSync(at('never'))).toBe(false);
  });
});
