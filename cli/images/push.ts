/** Puts a built image into a registry, as it is: its digest there is the one that it was built with. */
import { type Archived } from './build.ts';
import { type Digest } from './digest.ts';
import { imageFailure } from './errors.ts';
import { isIndex, type Descriptor } from './oci.ts';
import { fetchManifest, openRepository, pushBlob, pushManifest, type RegistryOptions, type Repository } from './registry.ts';
import { documentOf, manifestOf } from './source.ts';

export interface PushTarget extends RegistryOptions {
  readonly registry: string;
  /** What names begin with; '' for nothing. */
  readonly prefix: string;
  /** Parts that were pushed before to the same registry -> the repository that has them. Added to. */
  readonly there: Map<Digest, string>;
}

export interface Pushed {
  /** By digest: what a stack pins. */
  readonly reference: string;
  readonly tag: string;
  /** Bytes that had to be sent. */
  readonly sent: number;
}

/** @throws CliError */
export async function pushImage(image: Archived, target: PushTarget): Promise<Pushed> {
  const path = target.prefix === '' ? image.name : `${target.prefix}/${image.name}`;
  const repository = openRepository({ registry: target.registry, path }, 'pull,push', target);
  const reference = `${target.registry}/${path}@${image.digest}`;
  if (await hasTag(repository, image)) return { reference, tag: image.tag, sent: 0 };
  const sent = await pushParts(repository, path, image, image.root, target);
  await pushManifest(repository, image.tag, image.root.mediaType, await bytesOf(image, image.root));
  // What counts is what the registry hands out.
  const { digest } = await fetchManifest(repository, image.tag);
  if (digest !== image.digest) {
    throw imageFailure(`${repository.name}:${image.tag}: the registry has ${digest}, ${image.digest} was pushed; do not use what is there`);
  }
  return { reference, tag: image.tag, sent };
}

/** Tags may be immutable, so what is there already is not pushed again. */
async function hasTag(repository: Repository, image: Archived): Promise<boolean> {
  const response = await repository.ask(`manifests/${image.tag}`, { method: 'HEAD', headers: { accept: image.root.mediaType } });
  await response.body?.cancel();
  return response.ok && response.headers.get('docker-content-digest') === image.digest;
}

const bytesOf = async (image: Archived, descriptor: Descriptor): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await documentOf(image.parts, descriptor));

/**
 * Everything below a manifest or an index, deepest first: a registry takes nothing that leads nowhere.
 *
 * @returns bytes that had to be sent
 */
async function pushParts(repository: Repository, path: string, image: Archived, root: Descriptor, target: PushTarget): Promise<number> {
  const manifest = await manifestOf(image.parts, root);
  let sent = 0;
  if (isIndex(manifest)) {
    for (const child of manifest.manifests) {
      sent += await pushParts(repository, path, image, child, target);
      await pushManifest(repository, child.digest, child.mediaType, await bytesOf(image, child));
    }
    return sent;
  }
  for (const part of [manifest.config, ...manifest.layers]) {
    const from = target.there.get(part.digest) ?? null;
    const needed = await pushBlob(repository, part, await image.parts.blob(part), from === path ? null : from);
    target.there.set(part.digest, path);
    if (!needed) continue;
    sent += part.size;
    target.onProgress?.(`${repository.name}: sent ${part.digest} (${(part.size / 1e6).toFixed(1)} MB)`);
  }
  return sent;
}
