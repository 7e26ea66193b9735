/**
 * Images as a file: a tar archive that is an OCI image layout and, for the Docker of old, what `docker save` writes. So
 * `docker load`, `podman load`, `skopeo copy oci-archive:` and `tidemark images push` all take it.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { digestOf, stableJson, type Digest } from './digest.ts';
import { imageFailure, messageOf } from './errors.ts';
import { LABEL, type Image } from './image.ts';
import { MEDIA, type Descriptor, type Index } from './oci.ts';
import { tarPieces, type TarFile } from './tar.ts';

type Writable = Pick<Image, 'platform' | 'manifest' | 'descriptor' | 'parts'>;

/** What is pinned of images for one or more platforms: the one manifest, or an index over them. */
export function rootOf(images: readonly Writable[]): { descriptor: Descriptor; index: Buffer | null } {
  const [first, ...more] = images;
  if (first === undefined) throw new Error('assertion: an archive without images');
  if (more.length === 0) return { descriptor: first.descriptor, index: null };
  const sorted = [...images].sort((a, b) => (a.platform < b.platform ? -1 : 1));
  const index: Index = {
    schemaVersion: 2, mediaType: MEDIA.index, manifests: sorted.map((i) => i.descriptor),
    // Descriptions are the same for all platforms, and registries show those of the index.
    annotations: Object.fromEntries(Object.entries(first.manifest.annotations ?? {})
      .filter(([key, value]) => images.every((i) => i.manifest.annotations?.[key] === value))),
  };
  const bytes = Buffer.from(stableJson(index));
  return { descriptor: { mediaType: MEDIA.index, digest: digestOf(bytes), size: bytes.byteLength }, index: bytes };
}

/**
 * Writes the file whole or not at all.
 *
 * @param name `tidemark/edge-node`
 * @param version what it is called once Docker has loaded it: `tidemark/edge-node:VERSION`, with several platforms each with
 * its architecture
 * @param tag for a registry
 * @throws CliError
 */
export async function writeArchive(
  file: string, images: readonly Writable[], { name, version, tag, epoch }: { name: string; version: string; tag: string; epoch: number },
): Promise<void> {
  const { descriptor, index } = rootOf(images);
  const parts = new Map<Digest, Blob>(images.flatMap((image) => [...image.parts]));
  if (index !== null) parts.set(descriptor.digest, new Blob([Buffer.from(index)]));
  const pathOf = (digest: Digest): string => `blobs/${digest.replace(':', '/')}`;
  const top: Index = {
    schemaVersion: 2, mediaType: MEDIA.index,
    manifests: [{ ...descriptor, annotations: { [LABEL.refName]: tag, 'io.containerd.image.name': `docker.io/${name}:${version}` } }],
  };
  const docker = images.map((image) => ({
    Config: pathOf(image.manifest.config.digest), Layers: image.manifest.layers.map((l) => pathOf(l.digest)),
    RepoTags: [`${name}:${version}${images.length === 1 ? '' : `-${image.platform.split('/')[1]}`}`],
  }));
  const text = (value: unknown): Buffer => Buffer.from(stableJson(value));
  const files: TarFile[] = [
    { path: 'oci-layout', body: text({ imageLayoutVersion: '1.0.0' }) }, { path: 'index.json', body: text(top) },
    { path: 'manifest.json', body: text(docker) }, { path: 'blobs/' }, { path: 'blobs/sha256/' },
    ...[...parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([digest, body]) => ({ path: pathOf(digest), body })),
  ];
  await writeWhole(file, tarPieces(files, epoch));
}

/** Through a file beside it, which is gone when anything fails. @throws CliError */
export async function writeWhole(file: string, pieces: Iterable<Uint8Array | Blob>): Promise<void> {
  const partial = `${file}.partial`;
  let begun = false;
  try {
    mkdirSync(dirname(file), { recursive: true });
    const fd = openSync(partial, 'w');
    begun = true;
    try {
      for (const piece of pieces) {
        if (!(piece instanceof Blob)) writeAll(fd, piece);
        else for await (const chunk of piece.stream()) writeAll(fd, chunk);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(partial, file);
  } catch (error) {
    if (begun) rmSync(partial, { force: true });
    throw imageFailure(`${file}: cannot be written: ${messageOf(error)}`);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;) at += writeSync(fd, bytes, at);
}
