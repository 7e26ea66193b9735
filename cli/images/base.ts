/** The image that a service is put on: from a file, or from a registry by digest, and checked before it is built on. */
import { existsSync } from 'node:fs';
import { imageFailure, imageUsage } from './errors.ts';
import { inspectLayers, type Contents, type Layer } from './inspect.ts';
import { LAYER_MEDIA, parseConfig, type Descriptor, type ImageConfig } from './oci.ts';
import { parseReference } from './reference.ts';
import { openRegistry, type RegistryOptions } from './registry.ts';
import { documentOf, imageFor, openSource, type ImageSource } from './source.ts';

export interface BaseLayer extends Layer {
  readonly descriptor: Descriptor;
}

export interface Base {
  /** As it was given, for messages. */
  readonly label: string;
  /** Its repository, when it came from a registry. */
  readonly name: string | null;
  /** Of the image for the platform. */
  readonly digest: Descriptor['digest'];
  readonly config: ImageConfig;
  readonly layers: readonly BaseLayer[];
  readonly contents: Contents;
}

export interface BaseOptions extends RegistryOptions {
  /** Folder that what comes from a registry is kept in. */
  readonly cache: string;
}

/** A file or folder on this machine, or `REPOSITORY@sha256:...`. @throws CliError */
export async function openBase(
  given: string, options: BaseOptions,
): Promise<{ readonly source: ImageSource; readonly name: string | null }> {
  if (existsSync(given)) return { source: await openSource(given), name: null };
  if (/^[./~]|\.(?:tar|tgz|gz)$/.test(given)) throw imageUsage(`${given}: no such file or folder`);
  const reference = parseReference(given);
  if (reference.digest === undefined) {
    throw imageUsage(`${given}: a tag means something else tomorrow; name the base by digest (${given}@sha256:...), or record the digest that the tag `
      + `has now: tidemark images pin base ${given}`);
  }
  return { source: await openRegistry(reference, reference.digest, options), name: reference.repository };
}

/** @param platform `linux/amd64` @throws CliError */
export async function baseFor(source: ImageSource, name: string | null, platform: string): Promise<Base> {
  const { descriptor, manifest } = await imageFor(source, platform);
  const config = parseConfig(await documentOf(source, manifest.config), `${source.label}: configuration`);
  const ids = config.rootfs.diff_ids;
  if (ids.length !== manifest.layers.length) {
    throw imageFailure(`${source.label}: ${manifest.layers.length} layers, but its configuration names ${ids.length}`);
  }
  const layers: BaseLayer[] = [];
  for (const [i, layer] of manifest.layers.entries()) {
    const mediaType = LAYER_MEDIA[layer.mediaType];
    if (mediaType === undefined) {
      throw imageUsage(`${source.label}: layer ${layer.digest} is a ${layer.mediaType}, which cannot be built on`);
    }
    const stored = { mediaType, digest: layer.digest, size: layer.size };
    layers.push({ mediaType, digest: layer.digest, diffId: ids[i]!, blob: await source.blob(layer), descriptor: stored });
  }
  const contents = await inspectLayers(layers, config, source.label);
  return { label: source.label, name, digest: descriptor.digest, config, layers, contents };
}
