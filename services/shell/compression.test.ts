import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { COMPRESSED_MIN, compressAnswers } from './compression.ts';
import type { Server } from './server.ts';

const large = { sites: Array.from({ length: 100 }, (_, i) => ({ id: `site-${i}`, attainment: 0.99, name: 'Zürich' })) };
const text = JSON.stringify(large);

async function serving(): Promise<Server> {
  const server: Server = fastify();
  compressAnswers(server);
  server.get('/large', async () => large);
  server.get('/bytes', async (_request, reply) => reply.type('application/json; charset=utf-8').header('vary', 'accept').send(Buffer.from(text)));
  server.get('/counted', async (_request, reply) => reply.type('application/json').header('content-length', Buffer.byteLength(text)).send(text));
  server.get('/small', async () => ({ a: 1 }));
  server.get('/tagged', async (request, reply) => {
    void reply.header('etag', '"1"');
    return request.headers['if-none-match'] === '"1"' ? reply.status(304).send() : large;
  });
  server.get('/encoded', async (_request, reply) => reply.type('application/json').header('content-encoding', 'zstd').send(Buffer.from(text)));
  server.get('/stream', async (_request, reply) => reply.type('application/json').send(Readable.from([text])));
  server.get('/text', async (_request, reply) => reply.type('text/plain').send(text));
  server.get('/refused', async (_request, reply) => reply.status(400).send(large));
  server.get('/size/:n', async (request, reply) => reply.type('application/json').send('x'.repeat(Number((request.params as { n: string }).n))));
  server.post('/large', async () => large);
  await server.ready();
  return server;
}

test('who takes it gets the same answer in fewer bytes', async () => {
  const server = await serving();
  for (const path of ['/large', '/bytes', '/counted']) {
    for (const [accept, undo] of [['gzip, deflate, br', brotliDecompressSync], ['gzip', gunzipSync]] as const) {
      const { headers, rawPayload } = await server.inject({ url: path, headers: { 'accept-encoding': accept } });
      expect(headers).toMatchObject({ 'content-encoding': accept === 'gzip' ? 'gzip' : 'br', 'content-length': String(rawPayload.length) });
      expect(headers['vary']).toBe(path === '/bytes' ? 'accept, accept-encoding' : 'accept-encoding');
      expect(undo(rawPayload).toString()).toBe(text);
      expect(rawPayload.length).toBeLessThan(text.length / 4);
    }
    const plain = await server.inject({ url: path });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.headers['vary']).toMatch(/accept-encoding$/);
    expect(plain.payload).toBe(text);
  }
});

test('what is small, tagged, encoded, no JSON, a stream, a refusal or no GET is sent as it is', async () => {
  const server = await serving();
  const headers = { 'accept-encoding': 'br, gzip' };
  for (const url of ['/small', '/tagged', '/stream', '/text', '/refused', `/size/${COMPRESSED_MIN - 1}`]) expect((await server.inject({ url, headers })).headers['content-encoding'], url).toBeUndefined();
  expect((await server.inject({ url: `/size/${COMPRESSED_MIN}`, headers })).headers['content-encoding']).toBe('br');
  expect((await server.inject({ url: '/encoded', headers })).headers['content-encoding']).toBe('zstd');
  expect((await server.inject({ url: '/large', headers, method: 'POST' })).payload).toBe(text);
  const known = await server.inject({ url: '/tagged', headers: { ...headers, 'if-none-match': '"1"' } });
  expect([known.statusCode, known.rawPayload.length, known.headers['content-encoding']]).toEqual([304, 0, undefined]);
});

test('asked by many at once, each gets the whole answer, compressed or not', async () => {
  const server = await serving();
  await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom('br', 'gzip', 'identity'), { minLength: 1, maxLength: 40 }), async (accepts) => {
    const answers = await Promise.all(accepts.map((accept) => server.inject({ url: '/large', headers: { 'accept-encoding': accept } })));
    for (const { headers, rawPayload } of answers) {
      const encoding = headers['content-encoding'];
      const body = encoding === 'br' ? brotliDecompressSync(rawPayload) : encoding === 'gzip' ? gunzipSync(rawPayload) : rawPayload;
      expect(body.toString()).toBe(text);
    }
  }), { numRuns: 20 });
  // None is held against later ones.
  expect((await server.inject({ url: '/large', headers: { 'accept-encoding': 'br' } })).headers['content-encoding']).toBe('br');
});
