/** What is built is small and the same every time; what is served is what was built, and nothing else. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { buildDashboard } from './build.ts';
import { dashboardFolder } from './cache.ts';
import { PAGES } from './pages.ts';
import { CONTENT_SECURITY_POLICY, dashboardRoutes } from './serve.ts';

/** Of the document and everything that it loads by itself, as Brotli and as gzip. Bytes. */
const FIRST_LOAD_MAX = 80 * 1024;

const temporary = (): string => mkdtempSync(join(tmpdir(), 'tidemark-dashboard-'));
const folder = temporary();
beforeAll(() => buildDashboard(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filesOf = (path: string): Map<string, Buffer> => new Map(readdirSync(path, { recursive: true, withFileTypes: true }).filter((f) => f.isFile())
  .map((f): [string, Buffer] => [join(f.parentPath, f.name).slice(path.length + 1), readFileSync(join(f.parentPath, f.name))]).sort());

async function server(trust?: string) {
  const s = fastify();
  await s.register(dashboardRoutes(folder, trust === undefined ? {} : { trust }));
  onTestFinished(() => s.close());
  return s;
}

const index = (): string => readFileSync(join(folder, 'index.html'), 'utf8');
const loaded = (): string[] => [...index().matchAll(/(?:src|href)="\/([^"]+)"/g)].map((m) => m[1]!);

describe('the built page', () => {
  it('needs little for its first load', async () => {
    expect(loaded().map((name) => name.replace(/-[\w-]{8}\./, '.')).sort()).toEqual(['assets/index.css', 'assets/index.js', 'icon.svg']);
    const s = await server();
    for (const encoding of ['br', 'gzip']) {
      let bytes = 0;
      for (const url of ['/', ...loaded().map((name) => `/${name}`)]) {
        const answer = await s.inject({ url, headers: { 'accept-encoding': encoding } });
        expect(answer.headers['content-encoding'], url).toBe(encoding);
        bytes += answer.rawPayload.length;
      }
      expect(bytes, encoding).toBeLessThan(FIRST_LOAD_MAX);
    }
  });

  it('has nothing inline, and names no other place', () => {
    expect(index()).not.toMatch(/<style|style=|<script(?![^>]* src=)| on[a-z]+=/);
    for (const [name, bytes] of filesOf(folder)) {
      if (/\.(?:html|css)$/.test(name)) expect(bytes.toString(), name).not.toMatch(/https?:\/\//);
      expect(bytes.includes(import.meta.dirname), name).toBe(false);
    }
  });

  it('is the same every time', async () => {
    const again = temporary();
    onTestFinished(() => rmSync(again, { recursive: true, force: true }));
    await buildDashboard(again);
    expect(filesOf(again)).toEqual(filesOf(folder));
  });

  it('is built once for one state of the sources, also by two at a time', async () => {
    const cache = temporary();
    onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
    const [one, two] = await Promise.all([dashboardFolder(cache), dashboardFolder(cache)]);
    expect(two).toBe(one);
    expect(readdirSync(cache)).toHaveLength(1);
    expect(filesOf(one)).toEqual(filesOf(folder));
    writeFileSync(join(one, 'marker'), '');
    expect(filesOf(await dashboardFolder(cache)).has('marker')).toBe(true);
  });
});

describe('the server', () => {
  it('answers every page with the document, under a policy that allows nothing foreign', async () => {
    const s = await server();
    for (const path of Object.values(PAGES)) {
      const { statusCode, headers, body } = await s.inject(path.replace(':id', 'some%20id'));
      expect({ statusCode, body }, path).toEqual({ statusCode: 200, body: index() });
      expect(headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache', 'content-security-policy': CONTENT_SECURITY_POLICY, 'x-content-type-options': 'nosniff', vary: 'accept-encoding',
      });
    }
    expect(CONTENT_SECURITY_POLICY).not.toMatch(/unsafe|\*|http/);
  });

  it('lets hashed files be kept for ever, and others be asked for again', async () => {
    const s = await server();
    for (const name of loaded()) {
      const { headers, rawPayload } = await s.inject(`/${name}`);
      expect(rawPayload).toEqual(readFileSync(join(folder, name)));
      expect(headers['cache-control']).toBe(name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
    }
  });

  it('says that nothing changed to who has the same', async () => {
    const s = await server();
    const { headers } = await s.inject('/');
    const etag = headers['etag'] as string;
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) expect((await s.inject({ url: '/', headers: { 'if-none-match': known } })).statusCode, known).toBe(304);
    expect((await s.inject({ url: '/', headers: { 'if-none-match': '"other"' } })).statusCode).toBe(200);
    expect((await s.inject({ url: '/', headers: { 'if-none-match': etag, 'accept-encoding': 'br' } })).statusCode).toBe(200);
  });

  it('compresses for who takes it', async () => {
    const s = await server();
    const encoding = async (accept: string): Promise<unknown> => (await s.inject({ url: '/', headers: { 'accept-encoding': accept } })).headers['content-encoding'];
    expect(await Promise.all(['gzip, deflate, br', 'gzip', 'br;q=0, gzip;q=0.5', 'br;q=0.0', 'identity', ''].map(encoding))).toEqual(['br', 'gzip', 'gzip', undefined, undefined, undefined]);
    for (const name of ['', ...loaded()]) {
      const plain = (await s.inject(`/${name}`)).rawPayload;
      const compressed = async (accept: string): Promise<Buffer> => (await s.inject({ url: `/${name}`, headers: { 'accept-encoding': accept } })).rawPayload;
      expect(brotliDecompressSync(await compressed('br')), name).toEqual(plain);
      expect(gunzipSync(await compressed('gzip')), name).toEqual(plain);
    }
  });

  it('serves nothing that is not of the page', async () => {
    const s = await server();
    for (const path of ['/index.html', '/index.html.gz', '/assets/', '/assets/..%2findex.html', '/assets/../../package.json', '/sites', '/sites/a/b', '/v1/nothing', '/trust.json']) {
      expect((await s.inject(path)).statusCode, path).toBe(404);
    }
  });

  it('serves the public keys when it has them', async () => {
    const { headers, body } = await (await server('{"origin":"x"}')).inject('/trust.json');
    expect([headers['content-type'], body]).toEqual(['application/json; charset=utf-8', '{"origin":"x"}']);
  });

  it('does not start without a built page', () => {
    expect(() => dashboardRoutes(join(folder, 'assets'))).toThrow(/assets holds no index\.html; build the page into it/);
  });
});
