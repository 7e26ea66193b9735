/**
 * Reads through the layers of a base image: that they are what its configuration says, that there is a Node where PATH
 * leads, and which Node and which Debian packages they bring, for the SBOM.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { posix } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { finish, type Digest } from './digest.ts';
import { imageFailure, imageUsage, messageOf } from './errors.ts';
import { MEDIA, type ImageConfig } from './oci.ts';

export interface Layer {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Of the archive in it. */
  readonly diffId: Digest;
  readonly blob: Blob;
}

export interface OsPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

export interface Contents {
  /** Where it is, and its version if the image says so. */
  readonly node: { readonly path: string; readonly version: string | null };
  /** `id` and `version` as in os-release(5). */
  readonly os: { readonly id: string; readonly version: string; readonly name: string } | null;
  /** By name; empty where there is no dpkg. */
  readonly packages: readonly OsPackage[];
}

export const PATH_DEFAULT = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Of a layer, unpacked. Bytes. */
const LAYER_MAX = 16 * 2 ** 30;
/** Of a file that is read. Bytes. */
const TEXT_MAX = 16 * 1024 * 1024;

const OS_RELEASE = ['etc/os-release', 'usr/lib/os-release'];
const DPKG = /^var\/lib\/dpkg\/(?:status|status\.d\/[^/]+)$/;

/** @param label of the image, for messages @throws CliError */
export async function inspectLayers(layers: readonly Layer[], config: ImageConfig, label: string): Promise<Contents> {
  const env = new Map((config.config?.Env ?? []).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const folders = (env.get('PATH') ?? PATH_DEFAULT).split(':').map((folder) => folder.replace(/^\/+|\/+$/g, ''));
  const programs = folders.map((folder) => posix.join(folder, 'node'));
  const wanted = (path: string): 'text' | 'name' | null =>
    (programs.includes(path) ? 'name' : OS_RELEASE.includes(path) || DPKG.test(path) ? 'text' : null);
  const files = new Map<string, string>();
  for (const layer of layers) await readLayer(layer, label, wanted, files);
  const program = programs.find((path) => files.has(path));
  if (program === undefined) {
    throw imageUsage(`${label}: there is no node where its PATH leads (${folders.map((f) => `/${f}`).join(', ')}); `
      + 'take an image of Node, such as node:26-slim');
  }
  return {
    node: { path: `/${program}`, version: env.get('NODE_VERSION') ?? null },
    os: osOf(OS_RELEASE.map((path) => files.get(path)).find((text) => text !== undefined && text !== '')),
    packages: packagesOf([...files].filter(([path]) => DPKG.test(path)).map(([, text]) => text)),
  };
}

/** Puts what the layer has of what is wanted into `files`, and takes away what it hides (image-spec layer.md, "Whiteouts"). */
async function readLayer(
  layer: Layer, label: string, wanted: (path: string) => 'text' | 'name' | null, files: Map<string, string>,
): Promise<void> {
  const where = `${label}: layer ${layer.digest}`;
  const hash = createHash('sha256');
  const parser = new Parser();
  const added = new Map<string, string>();
  const hidden: string[] = [];
  let failure: Error | null = null;
  parser.on('error', (error: Error) => {
    failure = error;
  });
  parser.on('entry', (entry: ReadEntry) => {
    const path = posix.normalize(entry.path).replace(/^\.?\/|\/$/g, '');
    const name = posix.basename(path);
    if (name === '.wh..wh..opq') hidden.push(`${posix.dirname(path)}/`);
    else if (name.startsWith('.wh.')) hidden.push(posix.join(posix.dirname(path), name.slice(4)));
    if (wanted(path) !== 'text' || entry.size > TEXT_MAX) {
      if (wanted(path) !== null) added.set(path, '');
      entry.resume();
      return;
    }
    const chunks: Buffer[] = [];
    entry.on('data', (chunk: Buffer) => chunks.push(chunk));
    entry.on('end', () => added.set(path, Buffer.concat(chunks).toString('utf8')));
  });
  try {
    let size = 0;
    for await (const chunk of unpacked(layer) as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > LAYER_MAX) throw new Error(`more than ${LAYER_MAX} bytes unpacked`);
      hash.update(chunk);
      if (failure === null && !parser.write(chunk)) await once(parser, 'drain');
    }
  } catch (error) {
    throw imageFailure(`${where}: cannot be unpacked: ${messageOf(error)}`);
  }
  const diffId = finish(hash);
  if (diffId !== layer.diffId) {
    throw imageFailure(`${where}: unpacked its digest is ${diffId}, the configuration says ${layer.diffId}; `
      + 'it is damaged, fetch it again');
  }
  if (failure === null) parser.end();
  for (const path of hidden) {
    for (const known of files.keys()) if (known === path || known.startsWith(path.endsWith('/') ? path : `${path}/`)) files.delete(known);
  }
  for (const [path, text] of added) files.set(path, text);
}

function unpacked(layer: Layer): AsyncIterable<Uint8Array> {
  const stored = Readable.fromWeb(layer.blob.stream());
  const through = (unpack: Transform): AsyncIterable<Uint8Array> => {
    stored.on('error', (error) => unpack.destroy(error));
    return stored.pipe(unpack);
  };
  if (layer.mediaType === MEDIA.layerGzip) return through(createGunzip());
  return layer.mediaType === MEDIA.layerZstd ? through(createZstdDecompress()) : stored;
}

function osOf(text: string | undefined): Contents['os'] {
  if (text === undefined) return null;
  const value = (key: string): string => {
    const match = new RegExp(`^${key}=(?:"([^"\n]*)"|'([^'\n]*)'|([^\n]*))$`, 'm').exec(text);
    return match?.slice(1).find((v) => v !== undefined) ?? '';
  };
  return { id: value('ID') || 'linux', version: value('VERSION_ID'), name: value('PRETTY_NAME') || value('NAME') || 'Linux' };
}

/** Installed packages in dpkg's status files (deb-control(5) paragraphs). */
function packagesOf(texts: readonly string[]): OsPackage[] {
  const found = new Map<string, OsPackage>();
  for (const paragraph of texts.flatMap((text) => text.split(/\n\n+/))) {
    const field = (name: string): string => new RegExp(`^${name}: *(.+)$`, 'm').exec(paragraph)?.[1]?.trim() ?? '';
    const [name, version, architecture, status] = [field('Package'), field('Version'), field('Architecture'), field('Status')];
    if (name === '' || version === '' || (status !== '' && !status.endsWith(' installed'))) continue;
    found.set(`${name} ${architecture}`, { name, version, architecture });
  }
  return [...found.values()].sort((a, b) => (`${a.name} ${a.architecture}` < `${b.name} ${b.architecture}` ? -1 : 1));
}
