/**
 * Where the parts of an image come from: an OCI image layout (a folder or a tar archive) or what `docker save` writes. A part
 * is named by its digest, and what is handed out has that digest. Nothing is unpacked.
 */
import { existsSync, openAsBlob, statSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, digestOfBlob, stableJson, type Digest } from './digest.ts';
import { imageFailure, imageUsage, messageOf } from './errors.ts';
import {
  DOCUMENT_MAX, isIndex, MEDIA, parseConfig, parseManifest, platformName, type Descriptor, type Index, type Manifest,
} from './oci.ts';
import { indexTar } from './tar.ts';

export interface ImageSource {
  /** For messages. */
  readonly label: string;
  /** The images in it, or indexes of images. */
  readonly roots: readonly Descriptor[];
  /** @throws CliError when there is no such part or it is not what its digest says */
  readonly blob: (descriptor: Descriptor) => Promise<Blob>;
}

/** The bytes of a manifest or a configuration. */
export async function documentOf(source: ImageSource, descriptor: Descriptor): Promise<Buffer> {
  if (descriptor.size > DOCUMENT_MAX) {
    throw imageFailure(`${source.label}: ${descriptor.digest}: ${descriptor.size} bytes is too large for a ${descriptor.mediaType}`);
  }
  return Buffer.from(await (await source.blob(descriptor)).arrayBuffer());
}

export const manifestOf = async (source: ImageSource, descriptor: Descriptor): Promise<Manifest | Index> =>
  parseManifest(await documentOf(source, descriptor), `${source.label}: ${descriptor.digest}`);

/** The one image for a platform. @throws CliError saying which there are */
export async function imageFor(source: ImageSource, platform: string): Promise<{ descriptor: Descriptor; manifest: Manifest }> {
  const found = await imagesIn(source, source.roots);
  const fitting = found.filter((image) => image.platform === platform);
  const [only] = fitting;
  if (only === undefined) {
    throw imageUsage(`${source.label}: has no image for ${platform}; it has ${found.map((i) => i.platform).join(', ') || 'none'}`);
  }
  if (new Set(fitting.map((i) => i.descriptor.digest)).size > 1) {
    throw imageUsage(`${source.label}: has ${fitting.length} images for ${platform}; give one that has one`);
  }
  return only;
}

const NESTED_MAX = 3;

export async function imagesIn(
  source: ImageSource, roots: readonly Descriptor[], depth = 0,
): Promise<{ platform: string; descriptor: Descriptor; manifest: Manifest }[]> {
  const found: { platform: string; descriptor: Descriptor; manifest: Manifest }[] = [];
  for (const descriptor of roots) {
    // Signatures and attestations lie beside images, for a platform that does not exist.
    if (descriptor.platform?.os === 'unknown' || descriptor.platform?.architecture === 'unknown') continue;
    const manifest = await manifestOf(source, descriptor);
    if (isIndex(manifest)) {
      if (depth >= NESTED_MAX) throw imageFailure(`${source.label}: indexes in indexes in indexes`);
      found.push(...await imagesIn(source, manifest.manifests, depth + 1));
    } else if (manifest.config.mediaType === MEDIA.config || manifest.config.mediaType === 'application/vnd.docker.container.image.v1+json') {
      const config = parseConfig(await documentOf(source, manifest.config), `${source.label}: configuration ${manifest.config.digest}`);
      found.push({ platform: platformName(config), descriptor, manifest });
    }
  }
  return found;
}

/** @param path of a folder or a file @throws CliError */
export async function openSource(path: string): Promise<ImageSource> {
  const files = await filesOf(path);
  if (files.has('oci-layout') && files.has('index.json')) return openLayout(path, files);
  if (files.has('manifest.json')) return openDockerArchive(path, files);
  throw imageUsage(`${path}: neither an OCI image layout (oci-layout, index.json) nor what docker save writes (manifest.json)`);
}

interface Files {
  readonly has: (name: string) => boolean;
  readonly open: (name: string) => Promise<Blob>;
}

async function filesOf(path: string): Promise<Files> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw imageUsage(`${path}: no such file or folder`);
  if (stat.isDirectory()) return { has: (name) => existsSync(join(path, name)), open: (name) => openAsBlob(join(path, name)) };
  const places = indexTar(path);
  const archive = await openAsBlob(path);
  return {
    has: (name) => places.has(name),
    open: async (name) => {
      const place = places.get(name);
      if (place === undefined) throw imageFailure(`${path}: has no ${name}`);
      return archive.slice(place.offset, place.offset + place.size);
    },
  };
}

async function openLayout(path: string, files: Files): Promise<ImageSource> {
  const index = parseManifest(await small(files, 'index.json', path), `${path}: index.json`);
  if (!isIndex(index)) throw imageUsage(`${path}: index.json: has no manifests`);
  const known = new Set<Digest>();
  return {
    label: path, roots: index.manifests,
    blob: async (descriptor) => {
      const name = `blobs/${descriptor.digest.replace(':', '/')}`;
      if (!files.has(name)) throw imageFailure(`${path}: has no ${name}`);
      return checked(await files.open(name), descriptor, `${path}: ${name}`, known);
    },
  };
}

/**
 * The archive of `docker save` (moby image/spec v1.2): a configuration and layers by name, no manifest. The manifest that is
 * made for them here depends on them alone.
 */
async function openDockerArchive(path: string, files: Files): Promise<ImageSource> {
  const list = json(await small(files, 'manifest.json', path), `${path}: manifest.json`);
  if (!Array.isArray(list) || list.length !== 1) {
    throw imageUsage(`${path}: holds ${Array.isArray(list) ? list.length : 'no'} images; save one: docker save IMAGE -o FILE`);
  }
  const { Config: config, Layers: layers } = list[0] as { Config?: unknown; Layers?: unknown };
  if (typeof config !== 'string' || !Array.isArray(layers) || !layers.every((l) => typeof l === 'string')) {
    throw imageUsage(`${path}: manifest.json: expected Config and Layers`);
  }
  const blobs = new Map<Digest, Blob>();
  const add = async (name: string, mediaType: string): Promise<Descriptor> => {
    const blob = await files.open(name);
    const digest = await digestOfBlob(blob);
    blobs.set(digest, blob);
    return { mediaType, digest, size: blob.size };
  };
  const configuration = await add(config, MEDIA.config);
  const stored: Descriptor[] = [];
  for (const name of layers as string[]) stored.push(await add(name, await isGzip(await files.open(name)) ? MEDIA.layerGzip : MEDIA.layer));
  const manifest: Manifest = { schemaVersion: 2, mediaType: MEDIA.manifest, config: configuration, layers: stored };
  const bytes = Buffer.from(stableJson(manifest));
  const root: Descriptor = { mediaType: MEDIA.manifest, digest: digestOf(bytes), size: bytes.byteLength };
  blobs.set(root.digest, new Blob([bytes]));
  return {
    label: path, roots: [root],
    blob: async (descriptor) => {
      const blob = blobs.get(descriptor.digest);
      if (blob === undefined) throw imageFailure(`${path}: has no ${descriptor.digest}`);
      return blob;
    },
  };
}

/** @param known digests that were compared before: a part is read through once */
export async function checked(blob: Blob, descriptor: Descriptor, where: string, known: Set<Digest>): Promise<Blob> {
  if (blob.size !== descriptor.size) {
    throw imageFailure(`${where}: ${blob.size} bytes, expected ${descriptor.size}; it is damaged, make or fetch it again`);
  }
  if (!known.has(descriptor.digest)) {
    const digest = await digestOfBlob(blob);
    if (digest !== descriptor.digest) {
      throw imageFailure(`${where}: its digest is ${digest}, expected ${descriptor.digest}; it is damaged, make or fetch it again`);
    }
    known.add(descriptor.digest);
  }
  return blob;
}

async function small(files: Files, name: string, path: string): Promise<Buffer> {
  const blob = await files.open(name);
  if (blob.size > DOCUMENT_MAX) throw imageUsage(`${path}: ${name}: ${blob.size} bytes is too large`);
  return Buffer.from(await blob.arrayBuffer());
}

async function isGzip(blob: Blob): Promise<boolean> {
  return Buffer.from(await blob.slice(0, 2).arrayBuffer()).equals(Buffer.from([0x1f, 0x8b]));
}

function json(bytes: Buffer, where: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw imageUsage(`${where}: not JSON: ${messageOf(error)}`);
  }
}

