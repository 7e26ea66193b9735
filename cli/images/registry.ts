/**
 * A registry (OCI distribution-spec 1.1) as far as it is needed: fetching a base by digest, and pushing what was built. It is
 * spoken to directly and not through Docker, which compresses layers anew when it pushes: the digest in the registry would
 * be another one than the one that was built, and differ between versions of Docker.
 */
import { createWriteStream, existsSync, mkdirSync, openAsBlob, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { credentialsFor } from './credentials.ts';
import { digestOf, isDigest, type Digest } from './digest.ts';
import { imageFailure, messageOf } from './errors.ts';
import { DOCUMENT_MAX, MEDIA, parseManifest, type Descriptor } from './oci.ts';
import { type Reference } from './reference.ts';
import { checked, type ImageSource } from './source.ts';

export interface RegistryOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @default - none */
  readonly onProgress?: (what: string) => void;
}

const DOCUMENTS = [MEDIA.index, MEDIA.manifest, MEDIA.dockerList, MEDIA.dockerManifest].join(', ');
/** For an answer to a question. */
const ASK_TIMEOUT_MS = 30_000;
/** For the bytes of one layer. */
const TRANSFER_TIMEOUT_MS = 15 * 60_000;
const HUB_HOST = 'registry-1.docker.io';
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?$/;

type Request = Omit<RequestInit, 'headers'> & { readonly headers?: Record<string, string>; readonly timeoutMs?: number };

/** One repository of a registry, with what it takes to be let in. */
export interface Repository {
  readonly name: string;
  /**
   * @param path below the repository, or a whole URL that the registry gave
   * @throws CliError when the registry can't be reached or doesn't let us in
   */
  readonly ask: (path: string, request?: Request) => Promise<Response>;
}

/** @param actions `pull` or `pull,push` */
export function openRepository(reference: Pick<Reference, 'registry' | 'path'>, actions: string, options: RegistryOptions): Repository {
  const { registry, path } = reference;
  // Like Docker: whoever can listen to loopback is on this machine.
  const origin = `${LOOPBACK.test(registry) ? 'http' : 'https'}://${registry === 'docker.io' ? HUB_HOST : registry}`;
  const name = `${registry}/${path}`;
  let authorization: string | null = null;
  const send = async (url: URL, { timeoutMs, headers, ...request }: Request): Promise<Response> => {
    try {
      return await fetch(url, {
        ...request, signal: AbortSignal.timeout(timeoutMs ?? ASK_TIMEOUT_MS),
        // Where a registry sends us on to (its storage) must not learn who we are; fetch drops it on redirects, too.
        headers: { ...headers, ...(authorization === null || url.origin !== origin ? {} : { authorization }) },
      });
    } catch (error) {
      throw imageFailure(`${registry}: cannot be reached: ${messageOf(error)}`);
    }
  };
  return {
    name,
    async ask(where, request = {}) {
      const url = new URL(where, `${origin}/v2/${path}/`);
      const response = await send(url, request);
      if (response.status !== 401) return response;
      // Not known yet, or a token that ran out.
      await response.body?.cancel();
      authorization = await authorize(response.headers.get('www-authenticate') ?? '', registry, `repository:${path}:${actions}`, options);
      return send(url, request);
    },
  };
}

/** RFC 7235 challenge to an Authorization header: Basic, or a token as distribution's token specification describes. */
async function authorize(challenge: string, registry: string, scope: string, options: RegistryOptions): Promise<string> {
  const credentials = await credentialsFor(registry, options.env);
  const basic = credentials === null ? null : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
  const login = `log in first: docker login ${registry} `
    + `(for ECR: aws ecr get-login-password | docker login --username AWS --password-stdin ${registry})`;
  if (/^basic\b/i.test(challenge)) {
    if (basic === null) throw imageFailure(`${registry}: asks who we are; ${login}`);
    return basic;
  }
  const parameter = (name: string): string | undefined => new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
  const realm = parameter('realm');
  if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm)) {
    throw imageFailure(`${registry}: asks for a way of logging in that is not known here: ${challenge.slice(0, 200) || 'it does not say which'}`);
  }
  const url = new URL(realm);
  if (url.protocol !== 'https:' && !LOOPBACK.test(url.host)) {
    throw imageFailure(`${registry}: wants our password sent to ${url.origin}, where others can read it`);
  }
  const service = parameter('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS), headers: basic === null ? {} : { authorization: basic } });
  } catch (error) {
    throw imageFailure(`${registry}: ${url.origin}, which gives its tokens, cannot be reached: ${messageOf(error)}`);
  }
  if (!response.ok) {
    throw imageFailure(`${registry}: ${url.origin} gives us no token (${response.status})${basic === null ? `; ${login}` : ''}`);
  }
  const answer = (await response.json().catch(() => ({}))) as { token?: unknown; access_token?: unknown };
  const token = answer.token ?? answer.access_token;
  if (typeof token !== 'string') throw imageFailure(`${registry}: ${url.origin} answered without a token`);
  return `Bearer ${token}`;
}

/** What a refusal says: distribution-spec, "Error Codes". */
export async function refusal(what: string, response: Response): Promise<Error> {
  const text = (await response.text().catch(() => '')).slice(0, 4_096);
  let reasons = '';
  try {
    const { errors } = JSON.parse(text) as { errors: { code?: string; message?: string }[] };
    reasons = errors.map((e) => `${e.code ?? ''} ${e.message ?? ''}`.trim()).join('; ');
  } catch {
    reasons = text.replace(/\s+/g, ' ').slice(0, 200);
  }
  return imageFailure(`${what}: ${response.status}${reasons === '' ? '' : ` (${reasons})`}`);
}

/** What a registry announces is no bound: bytes are counted as they come. */
async function readBounded(response: Response, tooLarge: string): Promise<Buffer<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > DOCUMENT_MAX) throw imageFailure(tooLarge);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The digest that a tag or a digest has now, and its document. @throws CliError */
export async function fetchManifest(
  repository: Repository, reference: string,
): Promise<{ readonly digest: Digest; readonly mediaType: string; readonly bytes: Buffer<ArrayBuffer> }> {
  const response = await repository.ask(`manifests/${reference}`, { headers: { accept: DOCUMENTS } });
  if (!response.ok) throw await refusal(`${repository.name}: ${reference}`, response);
  const bytes = await readBounded(response, `${repository.name}: ${reference}: too large for a manifest`);
  const digest = digestOf(bytes);
  // What is asked for by digest is that or nothing; for a tag the registry says what it thinks it is.
  const said = isDigest(reference) ? reference : response.headers.get('docker-content-digest');
  if (said !== null && said !== digest) {
    throw imageFailure(`${repository.name}: ${reference}: what came has the digest ${digest}, expected ${said}`);
  }
  const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim();
  return { digest, bytes, mediaType: type ?? parseManifest(bytes, repository.name).mediaType };
}

export interface FetchOptions extends RegistryOptions {
  /** Folder that layers are kept in, by digest. */
  readonly cache: string;
}

/** An image in a registry as a source: layers are fetched when they are asked for, and kept. @throws CliError */
export async function openRegistry(reference: Reference, digest: Digest, options: FetchOptions): Promise<ImageSource> {
  const repository = openRepository(reference, 'pull', options);
  const label = `${reference.repository}@${digest}`;
  const known = new Set<Digest>();
  const root = await fetchManifest(repository, digest);
  const documents = new Map<Digest, Buffer<ArrayBuffer>>([[digest, root.bytes]]);
  return {
    label, roots: [{ mediaType: root.mediaType, digest, size: root.bytes.byteLength }],
    blob: async (descriptor) => {
      const held = documents.get(descriptor.digest);
      if (held !== undefined) return new Blob([held]);
      if (DOCUMENTS.includes(descriptor.mediaType)) {
        const { bytes } = await fetchManifest(repository, descriptor.digest);
        documents.set(descriptor.digest, bytes);
        return new Blob([bytes]);
      }
      const file = join(options.cache, descriptor.digest.replace(':', '-'));
      if (!existsSync(file)) {
        options.onProgress?.(`${reference.repository}: fetching ${descriptor.digest} (${(descriptor.size / 1e6).toFixed(1)} MB)`);
        await fetchBlob(repository, descriptor, file);
      }
      try {
        return await checked(await openAsBlob(file), descriptor, file, known);
      } catch (error) {
        // Next time it is fetched anew.
        rmSync(file, { force: true });
        throw error;
      }
    },
  };
}

async function fetchBlob(repository: Repository, descriptor: Descriptor, file: string): Promise<void> {
  const response = await repository.ask(`blobs/${descriptor.digest}`, { timeoutMs: TRANSFER_TIMEOUT_MS });
  if (!response.ok || response.body === null) throw await refusal(`${repository.name}: ${descriptor.digest}`, response);
  mkdirSync(join(file, '..'), { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  let received = 0;
  try {
    await pipeline(Readable.fromWeb(response.body), async function* bounded(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        received += chunk.byteLength;
        if (received > descriptor.size) throw new Error(`more than the ${descriptor.size} bytes that were announced`);
        yield chunk;
      }
    }, createWriteStream(partial));
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    throw imageFailure(`${repository.name}: ${descriptor.digest}: ${messageOf(error)}`);
  }
}

/** Puts a part where it is not yet. @param from another repository of the registry that has it @returns whether it had to be sent */
export async function pushBlob(repository: Repository, descriptor: Descriptor, blob: Blob, from: string | null): Promise<boolean> {
  const what = `${repository.name}: ${descriptor.digest}`;
  const there = await repository.ask(`blobs/${descriptor.digest}`, { method: 'HEAD' });
  if (there.ok) return false;
  const mount = from === null ? '' : `?mount=${descriptor.digest}&from=${encodeURIComponent(from)}`;
  const begun = await repository.ask(`blobs/uploads/${mount}`, { method: 'POST' });
  if (begun.status === 201) return false;
  if (begun.status !== 202) throw await refusal(`${what}: upload`, begun);
  await begun.body?.cancel();
  // Start, one chunk with all of it, end: the way that every registry knows.
  const sent = await repository.ask(locationOf(begun, what), {
    method: 'PATCH', body: blob, headers: { 'content-type': 'application/octet-stream' }, timeoutMs: TRANSFER_TIMEOUT_MS,
  });
  if (sent.status !== 202 && sent.status !== 204) throw await refusal(`${what}: upload`, sent);
  await sent.body?.cancel();
  const end = new URL(locationOf(sent, what));
  end.searchParams.set('digest', descriptor.digest);
  const ended = await repository.ask(end.href, { method: 'PUT', timeoutMs: TRANSFER_TIMEOUT_MS });
  if (ended.status !== 201 && ended.status !== 204) throw await refusal(`${what}: upload`, ended);
  await ended.body?.cancel();
  return true;
}

/** @param reference tag or digest that it is found by */
export async function pushManifest(
  repository: Repository, reference: string, mediaType: string, bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const response = await repository.ask(`manifests/${reference}`, { method: 'PUT', body: bytes, headers: { 'content-type': mediaType } });
  if (!response.ok) throw await refusal(`${repository.name}:${reference}`, response);
  await response.body?.cancel();
}

function locationOf(response: Response, what: string): string {
  const location = response.headers.get('location');
  if (location === null) throw imageFailure(`${what}: the registry does not say where to send it`);
  return new URL(location, response.url).href;
}
