/** For tests: small images to build on, and a registry in this process that can be made to misbehave. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { writeArchive } from './archive.ts';
import { digestOf, stableJson, type Digest } from './digest.ts';
import { type Image } from './image.ts';
import { MEDIA, platformName, type Descriptor, type ImageConfig, type Manifest, type RunConfig } from './oci.ts';
import { tarBytes, type TarFile } from './tar.ts';

export type FakeImage = Pick<Image, 'platform' | 'manifest' | 'descriptor' | 'parts'>;

export interface FakeOptions {
  /** @default 'amd64' */
  readonly architecture?: string;
  /** Files of each layer. @default - one with /usr/local/bin/node */
  readonly layers?: readonly (readonly TarFile[])[];
  readonly run?: RunConfig;
  /** Instead of what the layers are. */
  readonly diffIds?: readonly Digest[];
}

export const NODE_FILES: readonly TarFile[] = [{ path: 'usr/local/bin/node', body: Buffer.from('not really'), mode: 0o755 }];

const described = (mediaType: string, bytes: Uint8Array): Descriptor => ({ mediaType, digest: digestOf(bytes), size: bytes.byteLength });

export function fakeImage({ architecture = 'amd64', layers = [NODE_FILES], run = {}, diffIds }: FakeOptions = {}): FakeImage {
  const archives = layers.map((files) => tarBytes(files, 0));
  const stored = archives.map((a) => gzipSync(a));
  const config: ImageConfig = {
    os: 'linux', architecture,
    config: { Env: ['PATH=/usr/local/bin:/usr/bin', 'NODE_VERSION=26.0.0'], Entrypoint: ['docker-entrypoint.sh'], Cmd: ['node'], ...run },
    rootfs: { type: 'layers', diff_ids: diffIds ?? archives.map((a) => digestOf(a)) },
  };
  const configBytes = Buffer.from(stableJson(config));
  const manifest: Manifest = {
    schemaVersion: 2, mediaType: MEDIA.manifest, config: described(MEDIA.config, configBytes), layers: stored.map((s) => described(MEDIA.layerGzip, s)),
  };
  const bytes = Buffer.from(stableJson(manifest));
  return {
    platform: platformName(config), manifest, descriptor: { ...described(MEDIA.manifest, bytes), platform: { os: 'linux', architecture } },
    parts: new Map([
      [digestOf(bytes), new Blob([bytes])], [manifest.config.digest, new Blob([configBytes])],
      ...stored.map((s): [Digest, Blob] => [digestOf(s), new Blob([s])]),
    ]),
  };
}

export const writeFake = (file: string, ...images: readonly FakeImage[]): Promise<void> =>
  writeArchive(file, images, { name: 'test/base', version: '1', tag: '1', epoch: 0 });

export interface FakeRegistry {
  /** `127.0.0.1:41234`. */
  readonly host: string;
  readonly blobs: Map<string, Buffer>;
  /** By `repository/tag` and `repository/digest`. */
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
  /** `METHOD path authorization`, in order. */
  readonly requests: string[];
  readonly put: (repository: string, image: FakeImage, tag?: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface FakeRegistryOptions {
  /** @default 'none' */
  readonly auth?: 'none' | 'basic' | 'bearer';
  /** `user:password`. @default 'somebody:secret' */
  readonly login?: string;
  /** Answers instead of the registry when it returns true. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Realm to ask for tokens, instead of its own. */
  readonly realm?: string;
}

/** The parts of distribution-spec 1.1 that are used. */
export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const { auth = 'none', login = 'somebody:secret' } = options;
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, { type: string; bytes: Buffer }>();
  const requests: string[] = [];
  const uploads = new Map<string, Buffer>();
  const basic = `Basic ${Buffer.from(login).toString('base64')}`;
  const server: Server = createServer((request, response) => {
    void bodyOf(request).then((body) => handle(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  function handle(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const url = new URL(request.url!, `http://${host}`);
    const { authorization } = request.headers;
    requests.push(`${request.method} ${url.pathname}${url.search} ${authorization ?? '-'}`);
    const end = (status: number, headers: Record<string, string> = {}, content: Buffer | string = ''): void =>
      void response.writeHead(status, headers).end(content);
    if (options.instead?.(request, response) === true) return undefined;
    if (url.pathname === '/token') {
      if (authorization !== undefined && authorization !== basic) return end(401);
      return end(200, {}, JSON.stringify({ token: `${url.searchParams.get('scope')} for ${authorization === basic ? 'somebody' : 'anybody'}` }));
    }
    if (auth === 'basic' && authorization !== basic) return end(401, { 'www-authenticate': 'Basic realm="test"' });
    if (auth === 'bearer' && !authorization?.startsWith('Bearer ')) {
      return end(401, { 'www-authenticate': `Bearer realm="${options.realm ?? `http://${host}/token`}",service="test"` });
    }
    const [, repository = '', kind = '', rest = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/(.*)$/.exec(url.pathname) ?? [];
    if (kind === 'manifests') return manifest(request, repository, rest, body, end);
    if (rest.startsWith('uploads/')) return upload(request, url, rest, body, end);
    const blob = blobs.get(rest);
    if (blob === undefined) return end(404, {}, '{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}');
    return end(200, { 'content-length': String(blob.length) }, request.method === 'HEAD' ? '' : blob);
  }

  type End = (status: number, headers?: Record<string, string>, content?: Buffer | string) => void;
  function manifest(request: IncomingMessage, repository: string, reference: string, body: Buffer, end: End): void {
    if (request.method === 'PUT') {
      const held = { type: request.headers['content-type'] ?? '', bytes: body };
      manifests.set(`${repository}/${reference}`, held).set(`${repository}/${digestOf(body)}`, held);
      return end(201);
    }
    const held = manifests.get(`${repository}/${reference}`);
    if (held === undefined) return end(404, {}, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    return end(200, { 'content-type': held.type, 'docker-content-digest': digestOf(held.bytes) }, request.method === 'HEAD' ? '' : held.bytes);
  }
  function upload(request: IncomingMessage, url: URL, rest: string, body: Buffer, end: End): void {
    const id = rest.slice('uploads/'.length);
    const mount = url.searchParams.get('mount');
    if (request.method === 'POST' && mount !== null && blobs.has(mount)) return end(201);
    const next = request.method === 'POST' ? String(uploads.size) : id;
    if (request.method === 'POST') uploads.set(next, Buffer.alloc(0));
    if (request.method === 'PATCH') uploads.set(id, Buffer.concat([uploads.get(id)!, body]));
    if (request.method === 'PUT') {
      const bytes = uploads.get(id)!;
      if (digestOf(bytes) !== url.searchParams.get('digest')) return end(400, {}, '{"errors":[{"code":"DIGEST_INVALID","message":"digest invalid"}]}');
      blobs.set(digestOf(bytes), bytes);
      return end(201);
    }
    return end(202, { location: `${url.pathname.slice(0, url.pathname.indexOf('uploads/'))}uploads/${next}?state=x` });
  }

  return {
    host, blobs, manifests, requests,
    async put(repository, image, tag) {
      for (const [digest, blob] of image.parts) blobs.set(digest, Buffer.from(await blob.arrayBuffer()));
      const bytes = Buffer.from(stableJson(image.manifest));
      manifests.set(`${repository}/${image.descriptor.digest}`, { type: MEDIA.manifest, bytes });
      if (tag !== undefined) manifests.set(`${repository}/${tag}`, { type: MEDIA.manifest, bytes });
    },
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
