import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { digestOf } from './digest.ts';
import { inspectLayers, type Contents, type Layer } from './inspect.ts';
import { MEDIA, type ImageConfig, type RunConfig } from './oci.ts';
import { tarBytes, type TarFile } from './tar.ts';
import { NODE_FILES } from './testing.ts';
import { gzipSync } from 'node:zlib';

const text = (path: string, body: string): TarFile => ({ path, body: Buffer.from(body) });
const layer = (files: readonly TarFile[], mediaType: string = MEDIA.layer): Layer => {
  const archive = tarBytes(files, 0);
  const stored = mediaType === MEDIA.layerGzip ? gzipSync(archive) : mediaType === MEDIA.layerZstd ? zstdCompressSync(archive) : archive;
  return { mediaType, digest: digestOf(stored), diffId: digestOf(archive), blob: new Blob([new Uint8Array(stored)]) };
};
const config = (run: RunConfig = {}): ImageConfig => ({ os: 'linux', architecture: 'amd64', config: run, rootfs: { type: 'layers', diff_ids: [] } });
const inspect = (layers: readonly Layer[], run?: RunConfig): Promise<Contents> => inspectLayers(layers, config(run), 'base.tar');

describe('Node', () => {
  test('is found where PATH leads, with the version that the image says', async () => {
    expect((await inspect([layer(NODE_FILES)], { Env: ['NODE_VERSION=26.1.0'] })).node).toEqual({ path: '/usr/local/bin/node', version: '26.1.0' });
    expect((await inspect([layer([{ path: 'nodejs/bin/node', link: '../node' }])], { Env: ['PATH=/nodejs/bin/:/bin'] })).node).toEqual({ path: '/nodejs/bin/node', version: null });
  });

  test.each([
    ['nowhere', [[text('usr/local/bin/python', '')]]], ['in a folder that PATH does not name', [[text('opt/node', '')]]],
    ['hidden by a later layer', [NODE_FILES, [text('usr/local/bin/.wh.node', '')]]], ['hidden with its folder', [NODE_FILES, [text('usr/.wh.local', '')]]],
    ['hidden with all of its folder', [NODE_FILES, [text('usr/local/.wh..wh..opq', '')]]],
  ])('%s: the base is refused', async (_where, layers) => {
    await expect(inspect(layers.map((files) => layer(files)))).rejects.toThrow(/base\.tar: there is no node where its PATH leads .*node:26-slim/);
  });

  test('put back after it was hidden is there', async () => {
    expect((await inspect([layer(NODE_FILES), layer([text('usr/.wh.local', '')]), layer(NODE_FILES)])).node.path).toBe('/usr/local/bin/node');
  });
});

describe('layers', () => {
  test.each([MEDIA.layer, MEDIA.layerGzip, MEDIA.layerZstd])('as %s', async (mediaType) => {
    expect((await inspect([layer(NODE_FILES, mediaType)])).node.path).toBe('/usr/local/bin/node');
  });

  test('an empty one among them', async () => {
    expect((await inspect([layer([]), layer(NODE_FILES)])).node.path).toBe('/usr/local/bin/node');
  });

  test('one that is not what the configuration says', async () => {
    await expect(inspect([{ ...layer(NODE_FILES), diffId: digestOf('another') }])).rejects.toThrow(/unpacked its digest is sha256:.*the configuration says .*damaged/);
  });

  test('one that cannot be unpacked', async () => {
    const { digest, diffId } = layer(NODE_FILES);
    await expect(inspect([{ mediaType: MEDIA.layerGzip, digest, diffId, blob: new Blob(['nonsense']) }])).rejects.toThrow(/cannot be unpacked/);
  });
});

describe('the system', () => {
  const status = 'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u9\nDescription: C library\n x\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n';

  test('Debian: its packages, of one file or of many, and what is no longer installed left out', async () => {
    const { os, packages } = await inspect([layer([
      ...NODE_FILES, text('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'), text('var/lib/dpkg/status', status),
      text('var/lib/dpkg/status.d/tzdata', 'Package: tzdata\nVersion: 2025a\nArchitecture: all\n'),
    ])]);
    expect(os).toEqual({ id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' });
    expect(packages).toEqual([{ name: 'libc6', version: '2.36-9+deb12u9', architecture: 'amd64' }, { name: 'tzdata', version: '2025a', architecture: 'all' }]);
  });

  test('nothing known of it', async () => {
    expect(await inspect([layer(NODE_FILES)])).toMatchObject({ os: null, packages: [] });
  });
});
