/**
 * The manifest of an export: every file with its size and SHA-256, and, in its own last field, the SHA-256 of itself without
 * that field. It has one form only (JSON as `renderManifest` writes it), so that no bit of it is free.
 */
import { hash } from 'node:crypto';

export const MANIFEST = 'manifest.json';

export interface ManifestFile {
  readonly path: string;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

export interface ManifestLog {
  readonly name: string;
  readonly origin: string;
  readonly size: number;
  /** Root hash at `size`, base64. */
  readonly root: string;
}

export interface ManifestBody {
  readonly format: 'tidemark-export/v1';
  /** Version of the program that wrote it. */
  readonly tidemark: string;
  readonly createdAt: string;
  readonly origin: string;
  readonly what: string;
  readonly logs: readonly ManifestLog[];
  readonly files: readonly ManifestFile[];
}

export interface Manifest extends ManifestBody {
  readonly sha256: string;
}

const render = (value: object): string => `${JSON.stringify(value, null, 1)}\n`;

export function renderManifest(body: ManifestBody): string {
  const { format, tidemark, createdAt, origin, what, logs, files } = body;
  const ordered = {
    format, tidemark, createdAt, origin, what,
    logs: logs.map((l) => ({ name: l.name, origin: l.origin, size: l.size, root: l.root })),
    files: files.map((f) => ({ path: f.path, size: f.size, sha256: f.sha256 })),
  };
  return render({ ...ordered, sha256: hash('sha256', render(ordered), 'hex') });
}

/** @throws Error when it is not exactly what `renderManifest` wrote */
export function parseManifest(bytes: Buffer): Manifest {
  const text = bytes.toString('utf8');
  let manifest: Manifest;
  try {
    manifest = JSON.parse(text) as Manifest;
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (manifest?.format !== 'tidemark-export/v1') {
    throw new Error(`format: expected tidemark-export/v1, got ${(JSON.stringify(manifest?.format) ?? 'nothing').slice(0, 80)}`);
  }
  const list = (value: unknown): value is object[] => Array.isArray(value) && value.every(
    (v) => typeof v === 'object' && v !== null,
  );
  if (!list(manifest.logs) || !list(manifest.files)) throw new Error('logs, files: expected lists of objects');
  if (!Buffer.from(renderManifest(manifest)).equals(bytes)) {
    throw new Error('was altered: its own SHA-256 (its last field) does not fit what stands in it');
  }
  for (const f of manifest.files) {
    if (typeof f.path !== 'string' || f.path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new Error(`files: ${JSON.stringify(f.path)} is not a path within the export`);
    }
  }
  return manifest;
}

export const fileOf = (path: string, bytes: Uint8Array): ManifestFile => ({
  path, size: bytes.byteLength, sha256: hash('sha256', bytes, 'hex'),
});
