/** From programs and a base to an image: one layer, a configuration by the service's contract, a manifest. */
import { COMMON_SETTINGS, CONTROL_SETTINGS, IMAGE } from '../../platform/services.ts';
import { type Base } from './base.ts';
import { type Bundle } from './bundle.ts';
import { digestOf, stableJson, type Digest } from './digest.ts';
import { storedGzip } from './gzip.ts';
import { PATH_DEFAULT } from './inspect.ts';
import { licensesText } from './packages.ts';
import { MEDIA, platformName, type Descriptor, type ImageConfig, type Manifest, type RunConfig } from './oci.ts';
import { createSbom } from './sbom.ts';
import { tarBytes, type TarFile } from './tar.ts';

export interface ImageInput {
  readonly bundle: Bundle;
  readonly base: Base;
  /** Version, licence (SPDX) and licence text of the kit. */
  readonly kit: { readonly version: string; readonly license: string; readonly licenseText: string };
  /** The time that files and image say they are of. Seconds since 1970. */
  readonly epoch: number;
}

export interface Image {
  readonly platform: string;
  readonly manifest: Manifest;
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly sbom: Buffer;
  /** All parts by digest: manifest, configuration, layers. */
  readonly parts: ReadonlyMap<Digest, Blob>;
  /** Configuration and layers. Bytes. */
  readonly size: number;
}

const NANOSECONDS = 1_000_000_000;
/** What the image says of the SBOM in it; the other labels are the well-known ones (image-spec annotations.md). */
export const SBOM_LABEL = 'tidemark.sbom.digest';
export const SBOM_FILE = 'sbom.cdx.json';
export const LABEL = {
  title: 'org.opencontainers.image.title',
  description: 'org.opencontainers.image.description',
  version: 'org.opencontainers.image.version',
  revision: 'org.opencontainers.image.revision',
  licenses: 'org.opencontainers.image.licenses',
  created: 'org.opencontainers.image.created',
  baseName: 'org.opencontainers.image.base.name',
  baseDigest: 'org.opencontainers.image.base.digest',
  refName: 'org.opencontainers.image.ref.name',
} as const;

const described = (mediaType: string, bytes: Uint8Array): Descriptor => ({ mediaType, digest: digestOf(bytes), size: bytes.byteLength });

export function composeImage(input: ImageInput): Image {
  const { bundle, base, kit, epoch } = input;
  const created = new Date(epoch * 1_000).toISOString().replace('.000Z', 'Z');
  const name = IMAGE.repository(bundle.service.id);
  const sbom = Buffer.from(createSbom({
    bundle, base, name, version: kit.version, license: kit.license, ...(epoch === 0 ? {} : { timestamp: created }),
  }));
  const archive = tarBytes(layerFiles(input, sbom), epoch);
  const layer = Buffer.concat([...storedGzip([archive])]);
  const stored = described(MEDIA.layerGzip, layer);

  const labels: Record<string, string> = {
    [LABEL.title]: name, [LABEL.description]: `Tidemark: ${bundle.service.title}`, [LABEL.version]: kit.version, [LABEL.revision]: bundle.digest,
    [LABEL.licenses]: kit.license, [LABEL.baseDigest]: base.digest, ...(base.name === null ? {} : { [LABEL.baseName]: base.name }),
    [SBOM_LABEL]: digestOf(sbom),
  };
  const { os, architecture, variant } = base.config;
  const config: ImageConfig = {
    os, architecture, ...(variant === undefined ? {} : { variant }), created, config: runConfig(input, labels),
    rootfs: { type: 'layers', diff_ids: [...base.config.rootfs.diff_ids, digestOf(archive)] },
    history: [
      ...(base.config.history ?? base.layers.map(() => ({ comment: 'base' }))),
      { created, created_by: 'tidemark images build', comment: bundle.service.title },
    ],
  };
  const configBytes = Buffer.from(stableJson(config));
  const manifest: Manifest = {
    schemaVersion: 2, mediaType: MEDIA.manifest, config: described(MEDIA.config, configBytes),
    layers: [...base.layers.map((l) => l.descriptor), stored], annotations: labels,
  };
  const manifestBytes = Buffer.from(stableJson(manifest));
  const platform = platformName(base.config);
  return {
    platform, manifest, sbom,
    descriptor: { ...described(MEDIA.manifest, manifestBytes), platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } },
    parts: new Map<Digest, Blob>([
      [digestOf(manifestBytes), new Blob([manifestBytes])], [manifest.config.digest, new Blob([configBytes])],
      [stored.digest, new Blob([layer])],
      ...base.layers.map((l): [Digest, Blob] => [l.digest, l.blob]),
    ]),
    size: [manifest.config, ...manifest.layers].reduce((sum, d) => sum + d.size, 0),
  };
}

/** Programs that the user of the image can read but not change, and a folder for data that nobody else can. */
function layerFiles({ bundle, kit }: ImageInput, sbom: Buffer): TarFile[] {
  const { dataFolder, uid } = bundle.service;
  const work = IMAGE.workdir.slice(1);
  const files: TarFile[] = [
    { path: `${work}/` },
    { path: `${work}/LICENSES.txt`, body: Buffer.from(licensesText(kit.licenseText, bundle.packages)) },
    { path: `${work}/${SBOM_FILE}`, body: sbom },
    ...foldersOf(bundle.files.map((f) => f.name)).map((name) => ({ path: `${work}/${name}/` })),
    ...bundle.files.map((f) => ({ path: `${work}/${f.name}`, body: f.bytes })),
    { path: `${dataFolder.slice(1)}/`, mode: 0o700, uid, gid: uid },
  ];
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Every folder that these files are in. */
const foldersOf = (names: readonly string[]): string[] =>
  [...new Set(names.flatMap((name) => name.split('/').slice(0, -1).map((_part, i, parts) => parts.slice(0, i + 1).join('/'))))];

/** Of the base its environment is kept; what it ran, and what it said of itself, is not ours. */
function runConfig({ bundle, base }: ImageInput, labels: Record<string, string>): RunConfig {
  const { service } = bundle;
  const own = new Map([
    ['NODE_ENV', 'production'],
    [COMMON_SETTINGS.data.env, service.dataFolder], [COMMON_SETTINGS.host.env, '0.0.0.0'], [COMMON_SETTINGS.port.env, String(service.port)],
    ...(service.pageFolder === undefined ? [] : [[CONTROL_SETTINGS.dashboard.env, service.pageFolder] as const]),
  ]);
  const nameOf = (line: string): string => line.slice(0, line.indexOf('='));
  const env = (base.config.config?.Env ?? []).filter((line) => !own.has(nameOf(line)));
  const path = env.some((line) => nameOf(line) === 'PATH') ? [] : [`PATH=${PATH_DEFAULT}`];
  const { intervalSeconds, timeoutSeconds, startPeriodSeconds, retries } = IMAGE.health;
  return {
    User: `${service.uid}:${service.uid}`, WorkingDir: IMAGE.workdir, Entrypoint: null, Cmd: [...IMAGE.command],
    Env: [...path, ...env, ...[...own].map(([key, value]) => `${key}=${value}`)],
    ExposedPorts: { [`${service.port}/tcp`]: {} }, Volumes: { [service.dataFolder]: {} }, StopSignal: 'SIGTERM', Labels: labels,
    Healthcheck: {
      Test: ['CMD', ...IMAGE.healthCommand], Interval: intervalSeconds * NANOSECONDS, Timeout: timeoutSeconds * NANOSECONDS,
      StartPeriod: startPeriodSeconds * NANOSECONDS, Retries: retries,
    },
  };
}
