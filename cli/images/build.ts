/** Builds the images of services: programs, base, image, SBOM, archive. Needs no Docker. */
import { join } from 'node:path';
import { IMAGE, type ServiceContract } from '../../platform/services.ts';
import { type BuiltImage } from '../../constructs/service-image/lock.ts';
import { rootOf, writeArchive, writeWhole } from './archive.ts';
import { baseFor, openBase, type Base } from './base.ts';
import { bundleService } from './bundle.ts';
import { isDigest } from './digest.ts';
import { imageFailure, imageUsage } from './errors.ts';
import { composeImage, LABEL, SBOM_LABEL } from './image.ts';
import { readKit } from './kit.ts';
import { type Descriptor } from './oci.ts';
import { imagesIn, openSource, type ImageSource } from './source.ts';

export interface BuildOptions {
  /** Of the checkout. */
  readonly root: string;
  readonly services: readonly ServiceContract[];
  /** `linux/amd64`; with several an image is an index over them. */
  readonly platforms: readonly string[];
  /** A file or folder, or `REPOSITORY@sha256:...`. */
  readonly base: string;
  /** Folder to write. */
  readonly out: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: (what: string) => void;
}

/** An image in its archive. */
export interface Archived extends BuiltImage {
  /** `tidemark/edge-node`. */
  readonly name: string;
  /** For a registry; another image never gets the same. */
  readonly tag: string;
  readonly archive: string;
  readonly parts: ImageSource;
  readonly root: Descriptor;
}

export const archiveOf = (out: string, service: ServiceContract): string => join(out, `${service.id}.tar`);
export const sbomOf = (out: string, service: ServiceContract, platform: string): string =>
  join(out, `${service.id}.${platform.replaceAll('/', '-')}.cdx.json`);

/** Seconds since 1970 that everything is dated with: SOURCE_DATE_EPOCH (reproducible-builds.org), else 0. @throws CliError */
export function epochOf(env: BuildOptions['env']): number {
  const text = env['SOURCE_DATE_EPOCH'] ?? '0';
  // ustar has 11 octal digits for it.
  if (!/^[0-9]{1,10}$/.test(text) || Number(text) >= 8 ** 11) {
    throw imageUsage(`SOURCE_DATE_EPOCH: expected seconds since 1970, got ${JSON.stringify(text)}`);
  }
  return Number(text);
}

/** @throws CliError; what is in `out` is then as it was, but for images that were already done */
export async function buildImages(options: BuildOptions): Promise<Archived[]> {
  const { root, out, platforms, onProgress } = options;
  const epoch = epochOf(options.env);
  const kit = readKit(root);
  const { source, name } = await openBase(options.base, {
    env: options.env, cache: join(out, 'cache'), ...(onProgress === undefined ? {} : { onProgress }),
  });
  const bases: Base[] = [];
  for (const platform of platforms) bases.push(await baseFor(source, name, platform));
  const built: Archived[] = [];
  for (const service of options.services) {
    onProgress?.(`building ${service.id}`);
    const bundle = await bundleService(service.id, root);
    const images = bases.map((base) => composeImage({ bundle, base, kit, epoch }));
    const archive = archiveOf(out, service);
    const tag = `${kit.version}-${rootOf(images).descriptor.digest.slice('sha256:'.length).slice(0, 12)}`;
    for (const image of images) await writeWhole(sbomOf(out, service, image.platform), [image.sbom]);
    await writeArchive(archive, images, { name: IMAGE.repository(service.id), version: kit.version, tag, epoch });
    built.push(await readArchived(archive, service));
  }
  return built;
}

/** What an archive of `buildImages` holds. @throws CliError when it is damaged or another image */
export async function readArchived(archive: string, service: ServiceContract): Promise<Archived> {
  const source = await openSource(archive);
  const [root, ...more] = source.roots;
  const name = IMAGE.repository(service.id);
  const tag = root?.annotations?.[LABEL.refName];
  const images = await imagesIn(source, source.roots);
  const annotations = images[0]?.manifest.annotations ?? {};
  if (root === undefined || more.length > 0 || tag === undefined || annotations[LABEL.title] !== name) {
    throw imageUsage(`${archive}: is not the image of ${name}; build it: tidemark images build --service ${service.id}`);
  }
  const digestIn = (labels: Readonly<Record<string, string>> | undefined, label: string): BuiltImage['digest'] => {
    const value = labels?.[label];
    if (!isDigest(value)) throw imageFailure(`${archive}: ${label}: expected a digest, got ${JSON.stringify(value) ?? 'nothing'}`);
    return value;
  };
  return {
    name, tag, archive, root, parts: source, digest: root.digest,
    source: digestIn(annotations, LABEL.revision), version: annotations[LABEL.version] ?? '',
    platforms: Object.fromEntries(images.map(({ platform, descriptor, manifest }) => [platform, {
      digest: descriptor.digest, size: [manifest.config, ...manifest.layers].reduce((sum, d) => sum + d.size, 0),
      base: digestIn(manifest.annotations, LABEL.baseDigest), sbom: digestIn(manifest.annotations, SBOM_LABEL),
    }])),
  };
}
