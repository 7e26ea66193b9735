/**
 * Serves the built page: everything from memory, nothing but what was built, and under a policy that lets the page run its own
 * files and talk to its own origin only.
 */
import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptedEncoding } from '../protocol/accept-encoding.ts';
import { ASSETS, PAGES } from './pages.ts';

/** CSP level 3: no inline code, no eval, no other origin, no frame around it. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
  "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml',
};

/** By preference; each takes some milliseconds, once at the start. */
const ENCODINGS: readonly (readonly [name: string, compress: (bytes: Buffer) => Buffer])[] = [
  ['br', (bytes) => brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  })],
  ['gzip', (bytes) => gzipSync(bytes, { level: 9 })],
];

interface File {
  readonly type: string;
  readonly etag: string;
  /** By content encoding; '' is the file itself. */
  readonly bytes: ReadonlyMap<string, Buffer>;
}

export interface DashboardOptions {
  /** Text of the platform's trust.json: the public keys that the page checks proofs with, unless its user brings their own. @default - not served */
  readonly trust?: string;
}

function read(folder: string): ReadonlyMap<string, File> {
  if (!existsSync(join(folder, 'index.html'))) {
    throw new Error(`dashboard: ${folder} holds no index.html; build the page into it, or leave the setting out`);
  }
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.split(sep).join('/'));
  return new Map(names.filter((name) => TYPES[extname(name)] !== undefined).map((name): [string, File] => {
    const plain = readFileSync(join(folder, name));
    const copies = ENCODINGS.map(([encoding, compress]): [string, Buffer] => [encoding, compress(plain)]);
    return [name, {
      type: TYPES[extname(name)]!, etag: `"${hash('sha256', plain).slice(0, 32)}"`, bytes: new Map([...copies, ['', plain]]),
    }];
  }));
}

function send(request: FastifyRequest, reply: FastifyReply, file: File, cacheControl: string): FastifyReply {
  const encoding = acceptedEncoding(request.headers['accept-encoding'], ENCODINGS.map(([name]) => name)) ?? '';
  // One tag for each form of the file, as RFC 9110, section 8.8.3, asks for.
  const etag = encoding === '' ? file.etag : `${file.etag.slice(0, -1)}-${encoding}"`;
  void reply.headers({ ...HEADERS, etag, vary: 'accept-encoding', 'cache-control': cacheControl });
  const known = String(request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(etag) || known.includes('*')) return reply.status(304).send();
  if (encoding !== '') void reply.header('content-encoding', encoding);
  return reply.type(file.type).send(file.bytes.get(encoding));
}

/**
 * A fastify plugin that serves the page at `/` and at its other addresses.
 *
 * @param folder made by `buildDashboard`; read once, at once
 * @throws Error when nothing was built there
 */
export function dashboardRoutes(folder: string, options: DashboardOptions = {}): (server: FastifyInstance) => Promise<void> {
  const files = read(folder);
  const index = files.get('index.html')!;
  const schema = { hide: true };
  return async (server) => {
    // A browser asks again each time and mostly hears that it has the page already.
    for (const path of Object.values(PAGES)) server.get(path, { schema }, async (request, reply) => send(request, reply, index, 'no-cache'));
    for (const [name, file] of files) {
      if (name === 'index.html') continue;
      const cacheControl = name.startsWith(`${ASSETS}/`) ? 'public, max-age=31536000, immutable' : 'no-cache';
      server.get(`/${name}`, { schema }, async (request, reply) => send(request, reply, file, cacheControl));
    }
    const { trust } = options;
    if (trust !== undefined) {
      server.get('/trust.json', { schema: { tags: ['log'], summary: 'The platform\'s public keys' } }, async (_request, reply) =>
        reply.headers({ 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' }).type('application/json; charset=utf-8').send(trust));
    }
  };
}
