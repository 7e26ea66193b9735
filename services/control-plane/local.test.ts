/** Partitions on the page: what is passed on, and who is kept out. */
import fastify, { type FastifyInstance } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import pino from 'pino';
import { createHttpClient, createServer, SettingsError } from '../shell/index.ts';
import { localRoutes, readLocalControl } from './local.ts';

const TOKEN = { source: 'token', text: 'f00d\n' };
interface Passed { readonly method: string; readonly url: string; readonly token: string | undefined; readonly body: unknown }

/** A control API that tells what it was asked, and the control plane's routes before it. */
async function stage() {
  const passed: Passed[] = [];
  const api: FastifyInstance = fastify();
  // A DELETE that says it is JSON and has no body.
  api.addContentTypeParser('application/json', { parseAs: 'string' }, async (_request: unknown, body: string) => (body === '' ? undefined : JSON.parse(body) as unknown));
  api.all('*', async (request, reply) => {
    passed.push({ method: request.method, url: request.url, token: request.headers.authorization, body: request.body });
    if (request.url.endsWith('/nowhere')) return reply.status(404).send({ code: 'unknown-site', detail: 'no site "nowhere" here' });
    if (request.method === 'GET') {
      return {
        v: 1, name: 'sample', pid: 7, startedAt: 1, state: 'running', dataDir: '/secret/folder', controlUrl: 'http://c', localUrl: 'http://l', tokenFile: '/secret/token',
        wan: { mode: 'emulated', scale: 1 }, partitions: [{ site: 'eu-a', since: 5, until: null }],
        sites: [{ id: 'eu-a', tier: 'edge', region: 'eu', url: 'http://127.0.0.1:1', state: 'listening', pid: 8, restarts: 0, partitioned: true }], processes: [{ id: 'eu-a', pid: 8 }],
      };
    }
    return { healed: ['eu-a'] };
  });
  const url = await api.listen({ host: '127.0.0.1', port: 0 });
  const client = createHttpClient();
  const server = await createServer({ name: 't', description: 't', logger: pino({ level: 'silent' }), notReady: () => null, metrics: () => [] });
  localRoutes(server, readLocalControl(url, '127.0.0.1', TOKEN), client, () => 42);
  onTestFinished(async () => {
    await server.close();
    await client.close();
    await api.close();
  });
  return { server, passed, api };
}

const PAGE = { host: '127.0.0.1:4600', origin: 'http://127.0.0.1:4600', 'sec-fetch-site': 'same-origin' };
const cut = (headers: Record<string, string>, payload: unknown = { site: 'eu-a' }) => ({
  method: 'POST' as const, url: '/v1/local/partitions', headers: { 'content-type': 'application/json', ...headers }, payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
});

test('passes three questions on, with the token, and nothing else of the platform is told', async () => {
  const { server, passed } = await stage();
  const state = await server.inject({ url: '/v1/local', headers: { host: 'localhost:4600' } });
  expect(state.json()).toEqual({
    at: 42, name: 'sample', state: 'running', wan: { mode: 'emulated', scale: 1 }, partitions: [{ site: 'eu-a', since: 5, until: null }],
    sites: [{ id: 'eu-a', tier: 'edge', region: 'eu', state: 'listening', url: 'http://127.0.0.1:1', partitioned: true }],
  });
  expect((await server.inject(cut(PAGE, { site: 'eu/2', forMs: 5_000 }))).statusCode).toBe(201);
  expect((await server.inject({ method: 'DELETE', url: '/v1/local/partitions/eu%2F2', headers: PAGE })).json()).toEqual({ healed: ['eu-a'] });
  expect((await server.inject({ method: 'DELETE', url: '/v1/local/partitions', headers: PAGE })).statusCode).toBe(200);
  expect(passed.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['GET', '/v1/local', undefined], ['POST', '/v1/partitions', { site: 'eu/2', forMs: 5_000 }], ['DELETE', '/v1/partitions/eu%2F2', undefined], ['DELETE', '/v1/partitions', undefined],
  ]);
  expect(new Set(passed.map((p) => p.token))).toEqual(new Set(['Bearer f00d']));
  const unknown = await server.inject({ method: 'DELETE', url: '/v1/local/partitions/nowhere', headers: PAGE });
  expect([unknown.statusCode, unknown.json().code, unknown.json().detail]).toEqual([404, 'unknown-site', 'no site "nowhere" here']);
  for (const url of ['/v1/local/sites/eu-a/kill', '/v1/local/wan', '/v1/partitions']) expect((await server.inject({ method: 'POST', url, headers: PAGE })).statusCode, url).toBe(404);
});

test.each<[string, Record<string, string>]>([
  ['a page of another origin', { ...PAGE, origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' }],
  ['a page of another port', { ...PAGE, origin: 'http://127.0.0.1:9999', 'sec-fetch-site': 'same-site' }],
  ['a sandboxed page', { ...PAGE, origin: 'null', 'sec-fetch-site': 'cross-site' }],
  ['an old browser at another origin', { host: PAGE.host, origin: 'http://evil.example' }],
  ['another origin that claims to be the same', { ...PAGE, origin: 'http://localhost:4600' }],
  ['no page at all', { host: PAGE.host }],
  ['an address typed by hand', { host: PAGE.host, 'sec-fetch-site': 'none' }],
  ['a name that was led here', { host: 'evil.example:4600', origin: 'http://evil.example:4600', 'sec-fetch-site': 'same-origin' }],
  ['a name that begins like ours', { ...PAGE, host: '127.0.0.1.evil.example' }],
  ['an address of the network', { ...PAGE, host: '192.168.0.5:4600' }],
  ['a host that is none', { ...PAGE, host: '127.0.0.1:4600/@evil' }],
])('%s changes nothing', async (_what, headers) => {
  const { server, passed } = await stage();
  for (const request of [cut(headers), { method: 'DELETE' as const, url: '/v1/local/partitions', headers }, { method: 'DELETE' as const, url: '/v1/local/partitions/eu-a', headers }]) {
    const answer = await server.inject(request);
    expect(answer.statusCode).toBe(403);
    expect(['not-local', 'not-from-the-page']).toContain(answer.json().code);
  }
  expect(passed).toEqual([]);
});

test('what a form can send is not taken, nor what is no partition', async () => {
  const { server, passed } = await stage();
  expect((await server.inject(cut({ ...PAGE, 'content-type': 'text/plain' }))).statusCode).toBe(415);
  for (const wrong of [{}, { site: '' }, { site: 'eu-a', forMs: 0 }, { site: 'eu-a', more: 1 }, '{"site":"a","site":"b"}', '[']) {
    expect((await server.inject(cut(PAGE, wrong))).statusCode, JSON.stringify(wrong)).toBe(400);
  }
  expect((await server.inject({ url: '/v1/local', headers: { host: 'evil.example' } })).statusCode).toBe(403);
  expect(passed).toEqual([]);
});

test('says so when the control API is gone', async () => {
  const { server, api } = await stage();
  await api.close();
  const answer = await server.inject({ url: '/v1/local', headers: { host: '127.0.0.1' } });
  expect([answer.statusCode, answer.json().code]).toEqual([502, 'local-unreachable']);
});

test.each([
  ['http://10.0.0.5:4601', '127.0.0.1', /^TIDEMARK_LOCAL_CONTROL: expected a URL on loopback, got "http:\/\/10\.0\.0\.5:4601"/],
  ['http://127.0.0.1.evil.example', '127.0.0.1', /expected a URL on loopback/],
  ['https://127.0.0.1:4601', '127.0.0.1', /expected a base URL/], ['127.0.0.1:4601', '127.0.0.1', /expected a base URL/],
  ['http://127.0.0.1:4601/v1', '127.0.0.1', /expected a base URL/], ['http://u:p@127.0.0.1:4601', '127.0.0.1', /expected a base URL/],
  ['http://127.0.0.1:4601', '0.0.0.0', /expected TIDEMARK_HOST on loopback with it, got "0\.0\.0\.0"/],
])('%s with the service on %s is refused', (url, host, message) => {
  expect(() => readLocalControl(url, host, TOKEN)).toThrow(SettingsError);
  expect(() => readLocalControl(url, host, TOKEN)).toThrow(message);
});

test('needs the token', () => {
  expect(() => readLocalControl('http://localhost:4601', '127.0.0.1', undefined)).toThrow(/needs TIDEMARK_TOKEN_FILE/);
  expect(readLocalControl('http://[::1]:4601/', '::1', TOKEN)).toEqual({ url: 'http://[::1]:4601', token: 'f00d' });
});
