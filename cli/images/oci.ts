/**
 * The formats of the Open Container Initiative (image-spec 1.1) as far as they are used here, read with suspicion: what
 * comes from a registry or a file is checked before anything is believed. Docker's older media types mean the same.
 */
import { isDigest, type Digest } from './digest.ts';
import { imageFailure } from './errors.ts';

export const MEDIA = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

/** Layers by media type: what they are called in images built here. Others (encrypted, foreign) can't be built on. */
export const LAYER_MEDIA: Readonly<Record<string, string>> = {
  [MEDIA.layer]: MEDIA.layer,
  [MEDIA.layerGzip]: MEDIA.layerGzip,
  [MEDIA.layerZstd]: MEDIA.layerZstd,
  'application/vnd.docker.image.rootfs.diff.tar': MEDIA.layer,
  'application/vnd.docker.image.rootfs.diff.tar.gzip': MEDIA.layerGzip,
};

/** Manifests, indexes and configurations are small; more is not read. Bytes. */
export const DOCUMENT_MAX = 4 * 1024 * 1024;

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a container is run with (image-spec config.md; `Healthcheck` is Docker's). */
export interface RunConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  /** Times in nanoseconds. */
  readonly Healthcheck?: {
    readonly Test: readonly string[];
    readonly Interval: number;
    readonly Timeout: number;
    readonly StartPeriod: number;
    readonly Retries: number;
  };
}

export interface History {
  readonly created?: string;
  readonly created_by?: string;
  readonly comment?: string;
  readonly author?: string;
  readonly empty_layer?: boolean;
}

export interface ImageConfig extends Platform {
  readonly created?: string;
  readonly config?: RunConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly History[];
}

/** What this kit has a pinned Node for. */
export const PLATFORMS = ['linux/amd64', 'linux/arm64'] as const;
export type PlatformName = (typeof PLATFORMS)[number];

/** `linux/amd64`. The variant of arm64 is always v8, so it is left out. */
export const platformName = (p: Platform): string =>
  `${p.os}/${p.architecture}${p.variant === undefined || (p.architecture === 'arm64' && p.variant === 'v8') ? '' : `/${p.variant}`}`;

/** @param where for messages @throws CliError */
export function parseManifest(bytes: Uint8Array, where: string): Manifest | Index {
  const value = parseObject(bytes, where);
  if (value['schemaVersion'] !== 2) throw imageFailure(`${where}: schemaVersion ${shown(value['schemaVersion'])}; expected 2`);
  const annotations = value['annotations'] === undefined ? {} : { annotations: value['annotations'] as Record<string, string> };
  if (Array.isArray(value['manifests'])) {
    const manifests = value['manifests'].map((m: unknown, i) => parseDescriptor(m, `${where}: manifests[${i}]`));
    return { schemaVersion: 2, mediaType: textOr(value['mediaType'], MEDIA.index), manifests, ...annotations };
  }
  if (!Array.isArray(value['layers'])) throw imageFailure(`${where}: neither an image manifest (layers) nor an index (manifests)`);
  return {
    schemaVersion: 2, mediaType: textOr(value['mediaType'], MEDIA.manifest), ...annotations,
    config: parseDescriptor(value['config'], `${where}: config`),
    layers: value['layers'].map((l: unknown, i) => parseDescriptor(l, `${where}: layers[${i}]`)),
  };
}

export const isIndex = (value: Manifest | Index): value is Index => 'manifests' in value;

export function parseConfig(bytes: Uint8Array, where: string): ImageConfig {
  const value = parseObject(bytes, where);
  const rootfs = value['rootfs'] as { diff_ids?: unknown } | undefined;
  const ids = rootfs?.diff_ids;
  if (!Array.isArray(ids) || !ids.every(isDigest)) throw imageFailure(`${where}: rootfs.diff_ids: expected a list of digests`);
  if (typeof value['os'] !== 'string' || typeof value['architecture'] !== 'string') {
    throw imageFailure(`${where}: says neither os nor architecture`);
  }
  const run = value['config'] ?? {};
  const env = (run as RunConfig).Env ?? [];
  if (typeof run !== 'object' || !Array.isArray(env) || !env.every((e) => typeof e === 'string' && e.includes('='))) {
    throw imageFailure(`${where}: config.Env: expected a list of NAME=value`);
  }
  return { ...value, config: run } as unknown as ImageConfig;
}

function parseDescriptor(value: unknown, where: string): Descriptor {
  const d = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (!isDigest(d['digest'])) {
    throw imageFailure(`${where}: digest: expected sha256: and 64 hexadecimal digits, got ${shown(d['digest'])}`);
  }
  if (!Number.isSafeInteger(d['size']) || (d['size'] as number) < 0) {
    throw imageFailure(`${where}: size: expected bytes, got ${shown(d['size'])}`);
  }
  if (typeof d['mediaType'] !== 'string') throw imageFailure(`${where}: mediaType: expected text, got ${shown(d['mediaType'])}`);
  return d as unknown as Descriptor;
}

function parseObject(bytes: Uint8Array, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw imageFailure(`${where}: not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw imageFailure(`${where}: expected a JSON object`);
  return value as Record<string, unknown>;
}

const textOr = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 100);
