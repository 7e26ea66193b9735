/**
 * `images.lock.json`: which bytes each container image of a deployment is, by digest. `tidemark images` writes it, synthesis
 * pins by it, and it is committed beside the definition, so that a change of what runs is a change that somebody reviewed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { replaceFile } from '../../platform/whole-file.ts';

export type Digest = `sha256:${string}`;
/** Of a digest as registries write it, and Terraform is made to check it. */
export const DIGEST_PATTERN = '^sha256:[0-9a-f]{64}$';
const DIGEST = new RegExp(DIGEST_PATTERN);
export const isDigest = (value: unknown): value is Digest => typeof value === 'string' && DIGEST.test(value);

export const LOCK_FILE = 'images.lock.json';
const LOCK_VERSION = 1;

/** One platform of an image that was built. */
export interface BuiltPlatform {
  /** Of the manifest. */
  readonly digest: Digest;
  /** What a host fetches: configuration and layers as they are stored. Bytes. */
  readonly size: number;
  /** Of the manifest of the image that it is built on. */
  readonly base: Digest;
  /** Of its CycloneDX document. */
  readonly sbom: Digest;
}

/** An image of one of the kit's own services. In which registry it is, the stack knows. */
export interface BuiltImage {
  /** What is pinned: the manifest, or with several platforms the index over them. */
  readonly digest: Digest;
  /** Of the programs in it, whatever they are put on. */
  readonly source: Digest;
  /** Of the kit. */
  readonly version: string;
  /** By platform: `linux/amd64`. */
  readonly platforms: Readonly<Record<string, BuiltPlatform>>;
}

/** An image that others made. */
export interface PinnedImage {
  /** With its registry: `public.ecr.aws/docker/library/nats`. */
  readonly repository: string;
  readonly digest: Digest;
  /** What it was called when it was pinned; says nothing about what runs. */
  readonly tag?: string;
}

export interface ImageLock {
  /** By name in a registry: `tidemark/edge-node`. */
  readonly built: Readonly<Record<string, BuiltImage>>;
  /** By the kit's name for it: `nats`. */
  readonly pinned: Readonly<Record<string, PinnedImage>>;
}

export const EMPTY_LOCK: ImageLock = { built: {}, pinned: {} };

export class LockError extends Error {
  override readonly name = 'LockError';
}

/** @param where for messages: the file @throws LockError with every mistake */
export function parseLock(text: string, where: string): ImageLock {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LockError(`${where}: not JSON: ${(error as Error).message}; take it from version control, or delete it and build and pin again`);
  }
  const mistakes: string[] = [];
  const lock = asObject(value, 'the file', mistakes);
  if (lock['version'] !== LOCK_VERSION) {
    throw new LockError(`${where}: version ${JSON.stringify(lock['version']) ?? 'missing'}; this tidemark writes and reads version ${LOCK_VERSION}`);
  }
  const known = new Set(['version', 'built', 'pinned']);
  for (const name of Object.keys(lock)) if (!known.has(name)) mistakes.push(`${name}: not known; allowed: ${[...known].join(', ')}`);
  const built = Object.entries(asObject(lock['built'], 'built', mistakes));
  const pinned = Object.entries(asObject(lock['pinned'], 'pinned', mistakes));
  for (const [name, image] of built) checkBuilt(`built.${name}`, image, mistakes);
  for (const [name, image] of pinned) checkPinned(`pinned.${name}`, image, mistakes);
  if (mistakes.length > 0) throw new LockError(`${where}:\n${mistakes.map((m) => `  ${m}`).join('\n')}`);
  return { built: Object.fromEntries(built), pinned: Object.fromEntries(pinned) } as ImageLock;
}

/** The lock in the file; an empty one when there is no such file. @throws LockError */
export function readLock(file: string): ImageLock {
  return existsSync(file) ? parseLock(readFileSync(file, 'utf8'), file) : EMPTY_LOCK;
}

/** The same lock always gives the same text. */
export function formatLock(lock: ImageLock): string {
  return `${JSON.stringify(sorted({ version: LOCK_VERSION, built: lock.built, pinned: lock.pinned }), null, 2)}\n`;
}

/** Whole or not at all: through a file beside it. @returns whether the file is another one than before */
export function writeLock(file: string, lock: ImageLock): boolean {
  const text = formatLock(lock);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return false;
  try {
    replaceFile(file, text);
  } catch (error) {
    throw new LockError(`${file}: cannot be written: ${(error as Error).message}`);
  }
  return true;
}

function checkBuilt(path: string, value: unknown, mistakes: string[]): void {
  const image = asObject(value, path, mistakes);
  for (const field of ['digest', 'source'] as const) checkDigest(`${path}.${field}`, image[field], mistakes);
  if (typeof image['version'] !== 'string' || image['version'] === '') {
    mistakes.push(`${path}.version: expected text, got ${shown(image['version'])}`);
  }
  const platforms = Object.entries(asObject(image['platforms'], `${path}.platforms`, mistakes));
  if (platforms.length === 0) mistakes.push(`${path}.platforms: none`);
  for (const [name, platform] of platforms) {
    const at = `${path}.platforms.${name}`;
    const built = asObject(platform, at, mistakes);
    for (const field of ['digest', 'base', 'sbom'] as const) checkDigest(`${at}.${field}`, built[field], mistakes);
    if (!Number.isSafeInteger(built['size']) || (built['size'] as number) <= 0) {
      mistakes.push(`${at}.size: expected a number of bytes, got ${shown(built['size'])}`);
    }
  }
}

function checkPinned(path: string, value: unknown, mistakes: string[]): void {
  const image = asObject(value, path, mistakes);
  checkDigest(`${path}.digest`, image['digest'], mistakes);
  if (typeof image['repository'] !== 'string' || !/^[^\s@$"]+\/[^\s@$"]+$/.test(image['repository'])) {
    mistakes.push(`${path}.repository: expected a repository with its registry, got ${shown(image['repository'])}`);
  }
  if (image['tag'] !== undefined && typeof image['tag'] !== 'string') {
    mistakes.push(`${path}.tag: expected text, got ${shown(image['tag'])}`);
  }
}

function checkDigest(path: string, value: unknown, mistakes: string[]): void {
  if (!isDigest(value)) mistakes.push(`${path}: expected sha256: and 64 hexadecimal digits, got ${shown(value)}`);
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 100);

function asObject(value: unknown, path: string, mistakes: string[]): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  mistakes.push(`${path}: expected an object, got ${shown(value)}`);
  return {};
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
