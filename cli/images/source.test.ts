import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { baseFor, openBase } from './base.ts';
import { digestOf, stableJson } from './digest.ts';
import { MEDIA, parseConfig, parseManifest } from './oci.ts';
import { imageFor, openSource } from './source.ts';
import { tarBytes, type TarFile } from './tar.ts';
import { fakeImage, writeFake } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-source-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

/** The image as an OCI layout in a folder. */
async function layoutFolder(name: string, image = fakeImage(), change: Record<string, string> = {}): Promise<string> {
  const root = at(name);
  const put = (path: string, bytes: Uint8Array | string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), change[path] ?? bytes);
  };
  put('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
  put('index.json', stableJson({ schemaVersion: 2, manifests: [image.descriptor] }));
  for (const [digest, blob] of image.parts) put(`blobs/${digest.replace(':', '/')}`, Buffer.from(await blob.arrayBuffer()));
  return root;
}

/** The image as Docker 20.10 saves it; the second layer is a link to the first. */
async function dockerArchive(name: string, layers: readonly Buffer[], images = 1): Promise<string> {
  const config = stableJson({ os: 'linux', architecture: 'amd64', config: { Env: ['PATH=/usr/local/bin'] }, rootfs: { type: 'layers', diff_ids: layers.map((l) => digestOf(l)) } });
  const files: TarFile[] = layers.map((body, i) => (i > 0 && body.equals(layers[0]!) ? { path: `${i}/layer.tar`, link: '../0/layer.tar' } : { path: `${i}/layer.tar`, body }));
  const entry = { Config: 'config.json', RepoTags: null, Layers: layers.map((_l, i) => `${i}/layer.tar`) };
  writeFileSync(at(name), tarBytes([
    ...files, { path: 'config.json', body: Buffer.from(config) }, { path: 'manifest.json', body: Buffer.from(JSON.stringify(Array.from({ length: images }, () => entry))) },
  ], 0));
  return at(name);
}

describe('an image is the same', () => {
  test('in a folder and in an archive', async () => {
    const image = fakeImage();
    await writeFake(at('image.tar'), image);
    for (const path of [await layoutFolder('folder', image), at('image.tar')]) {
      const source = await openSource(path);
      const base = await baseFor(source, null, 'linux/amd64');
      expect([base.digest, base.layers.map((l) => l.digest)]).toEqual([image.descriptor.digest, image.manifest.layers.map((l) => l.digest)]);
    }
  });

  test('however docker save wrote it: its manifest depends on what is in it alone', async () => {
    const layer = tarBytes([{ path: 'usr/local/bin/node', body: Buffer.from('n') }], 0);
    const a = await openSource(await dockerArchive('a.tar', [layer, layer]));
    const b = await openSource(await dockerArchive('b.tar', [layer, layer]));
    expect(a.roots[0]?.digest).toBe(b.roots[0]?.digest);
    const base = await baseFor(a, null, 'linux/amd64');
    expect(base.layers.map((l) => [l.mediaType, l.digest])).toEqual([0, 1].map(() => [MEDIA.layer, digestOf(layer)]));
  });
});

describe('by platform', () => {
  test('one of several', async () => {
    const [amd64, arm64] = [fakeImage(), fakeImage({ architecture: 'arm64' })];
    await writeFake(at('both.tar'), amd64, arm64);
    const source = await openSource(at('both.tar'));
    expect((await imageFor(source, 'linux/arm64')).descriptor.digest).toBe(arm64.descriptor.digest);
    expect((await imageFor(source, 'linux/amd64')).descriptor.digest).toBe(amd64.descriptor.digest);
  });

  test('one that there is not: what there is is said', async () => {
    await writeFake(at('one.tar'), fakeImage());
    await expect(imageFor(await openSource(at('one.tar')), 'linux/arm64')).rejects.toThrow(/one\.tar: has no image for linux\/arm64; it has linux\/amd64/);
  });
});

describe('what is damaged or foreign says so', () => {
  test.each([
    ['nothing', 'none.tar', /none\.tar: no such file or folder/], ['a folder with something else', '.', /neither an OCI image layout .* nor what docker save writes/],
  ])('%s', async (_what, name, expected) => {
    await expect(openBase(name === '.' ? folder : at(name), { env: {}, cache: folder })).rejects.toThrow(expected);
  });

  test('a part with other bytes', async () => {
    const image = fakeImage();
    const layer = image.manifest.layers[0]!;
    const root = await layoutFolder('damaged', image);
    const file = join(root, 'blobs', layer.digest.replace(':', '/'));
    const bytes = readFileSync(file);
    bytes[20]! ^= 1;
    writeFileSync(file, bytes);
    await expect(baseFor(await openSource(root), null, 'linux/amd64')).rejects.toThrow(new RegExp(`its digest is sha256:.*, expected ${layer.digest}; it is damaged`));
    writeFileSync(file, bytes.subarray(1));
    await expect(baseFor(await openSource(root), null, 'linux/amd64')).rejects.toThrow(new RegExp(`${layer.size - 1} bytes, expected ${layer.size}`));
  });

  test('a part that is not there', async () => {
    const image = fakeImage();
    const root = await layoutFolder('missing', image);
    rmSync(join(root, 'blobs', image.manifest.config.digest.replace(':', '/')));
    await expect(baseFor(await openSource(root), null, 'linux/amd64')).rejects.toThrow(/has no blobs\/sha256\//);
  });

  test('several images in one archive of docker save', async () => {
    await expect(dockerArchive('two.tar', [tarBytes([], 0)], 2).then(openSource)).rejects.toThrow(/holds 2 images; save one/);
  });

  test('documents of another kind', () => {
    const digest = digestOf('');
    const manifest = (value: unknown): unknown => parseManifest(Buffer.from(JSON.stringify(value)), 'it');
    for (const [value, expected] of [
      [[], /expected a JSON object/], [{ schemaVersion: 1 }, /schemaVersion 1; expected 2/], [{ schemaVersion: 2 }, /neither an image manifest/],
      [{ schemaVersion: 2, layers: [], config: { digest: '../../x', size: 1, mediaType: 'x' } }, /it: config: digest: expected sha256:/],
      [{ schemaVersion: 2, manifests: [{ digest, size: -1, mediaType: 'x' }] }, /manifests\[0\]: size: expected bytes, got -1/],
      [{ schemaVersion: 2, manifests: [{ digest, size: 1 }] }, /manifests\[0\]: mediaType/],
    ] as const) expect(() => manifest(value)).toThrow(expected);
    expect(() => parseManifest(Buffer.from('{'), 'it')).toThrow(/^it: not JSON/);
    const config = (value: unknown): unknown => parseConfig(Buffer.from(JSON.stringify(value)), 'it');
    expect(() => config({ rootfs: { diff_ids: ['x'] } })).toThrow(/rootfs\.diff_ids/);
    expect(() => config({ rootfs: { diff_ids: [] } })).toThrow(/neither os nor architecture/);
    expect(() => config({ rootfs: { diff_ids: [] }, os: 'linux', architecture: 'amd64', config: { Env: ['A'] } })).toThrow(/config\.Env/);
  });

  test('a tag instead of a digest', async () => {
    await expect(openBase('node:26-slim', { env: {}, cache: folder })).rejects.toThrow(/a tag means something else tomorrow; .*tidemark images pin base node:26-slim/);
  });
});
