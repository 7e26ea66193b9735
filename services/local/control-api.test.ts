import { request } from 'node:http';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createControlApi, type Operations } from './control-api.ts';
import { createLocalClient } from './control-client.ts';
import { temporaryFolder } from './fixtures/platform.ts';
import type { RunState } from './run-state.ts';

const TOKEN = 'ab'.repeat(32);

async function setUp() {
  const calls: unknown[][] = [];
  const state = { v: 1, name: 'sample', state: 'running', sites: [], wan: { mode: 'emulated', scale: 1 } } as unknown as RunState;
  const operations: Operations = {
    state: () => state,
    links: async () => ({ cpuMs: 1, links: [] }),
    partition: async (...args) => {
      calls.push(['partition', ...args]);
      return { site: args[0], since: 1, until: null };
    },
    heal: async (...args) => {
      calls.push(['heal', ...args]);
      return ['eu'];
    },
    kill: async (...args) => {
      calls.push(['kill', ...args]);
      return { id: args[0], pid: 7 };
    },
    setWan: async (...args) => {
      calls.push(['setWan', ...args]);
    },
  };
  const tokenFile = join(temporaryFolder(onTestFinished), 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const server = await createControlApi(operations, tokenFile, pino({ level: 'silent' }));
  onTestFinished(() => server.close());
  const localUrl = await server.listen({ host: '127.0.0.1', port: 0 });
  return { calls, localUrl, tokenFile };
}

const CHANGES = [
  ['POST', '/v1/partitions', { site: 'eu' }],
  ['DELETE', '/v1/partitions', undefined],
  ['DELETE', '/v1/partitions/eu', undefined],
  ['POST', '/v1/sites/eu%2F1/kill', { signal: 'SIGKILL' }],
  ['PUT', '/v1/wan', { enabled: false }],
] as const;

test.each(CHANGES)('%s %s needs the token', async (method, path, body) => {
  const { calls, localUrl } = await setUp();
  const wrong = [undefined, 'Bearer', `Bearer ${'ab'.repeat(31)}ac`, `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN} `.repeat(20)];
  for (const authorization of wrong) {
    const response = await fetch(`${localUrl}${path}`, {
      method,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect([authorization, response.status]).toEqual([authorization, 401]);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  }
  expect(calls).toEqual([]);
});

test('the client reaches every operation, ids with a slash included', async () => {
  const { calls, ...found } = await setUp();
  const client = createLocalClient(found);
  expect(await client.state()).toMatchObject({ name: 'sample', state: 'running' });
  expect(await client.links()).toMatchObject({ mode: 'emulated', cpuMs: 1 });
  await client.partition('eu/1', 5);
  await client.partition('eu');
  expect(await client.heal('eu/1')).toEqual(['eu']);
  await client.heal();
  expect(await client.kill('eu/1', 'SIGSTOP')).toEqual({ id: 'eu/1', pid: 7 });
  await client.setWan({ scale: 0.5 });
  expect(calls).toEqual([
    ['partition', 'eu/1', 5], ['partition', 'eu', undefined], ['heal', 'eu/1'], ['heal'], ['kill', 'eu/1', 'SIGSTOP'],
    ['setWan', { scale: 0.5 }],
  ]);
});

/** Method, path, body, status of the answer. */
const HOSTILE: readonly (readonly [string, string, string, number])[] = [
  ['POST', '/v1/partitions', '{"site":"eu","site":"us"}', 400],
  ['POST', '/v1/partitions', '{"site":"eu","forMs":0}', 400],
  ['POST', '/v1/partitions', '{"site":"eu","forMs":-1}', 400],
  ['POST', '/v1/partitions', '{"site":"eu","forMs":1.5}', 400],
  ['POST', '/v1/partitions', '{"site":"eu","forMs":1e300}', 400],
  ['POST', '/v1/partitions', '{"site":"eu","forMs":"5"}', 400],
  ['POST', '/v1/partitions', '{"site":"eu","more":1}', 400],
  ['POST', '/v1/partitions', '{"site":7}', 400],
  ['POST', '/v1/partitions', '{"site":""}', 400],
  ['POST', '/v1/partitions', `{"site":"${'x'.repeat(1_000)}"}`, 400],
  ['POST', '/v1/partitions', '{}', 400],
  ['POST', '/v1/partitions', '[]', 400],
  ['POST', '/v1/partitions', 'null', 400],
  ['POST', '/v1/partitions', '{"site":', 400],
  ['POST', '/v1/partitions', '\u00ff', 400],
  ['POST', '/v1/partitions', `${'['.repeat(100_000)}`, 400],
  ['POST', '/v1/partitions', `"${'x'.repeat(9 * 1024 * 1024)}"`, 413],
  ['POST', '/v1/sites/eu/kill', '{"signal":"SIGUSR1"}', 400],
  ['POST', '/v1/sites/eu/kill', '{"signal":9}', 400],
  ['POST', `/v1/sites/${'x'.repeat(200)}/kill`, '{}', 400],
  ['PUT', '/v1/wan', '{}', 400],
  ['PUT', '/v1/wan', '{"scale":-1}', 400],
  ['PUT', '/v1/wan', '{"scale":1000}', 400],
  ['PUT', '/v1/wan', '{"enabled":"yes"}', 400],
  ['DELETE', `/v1/partitions/${'x'.repeat(200)}`, '', 400],
  ['GET', '/v1/elsewhere', '', 404],
];

// Each is answered as a problem and does nothing.
test.each(HOSTILE.map((h) => ({ name: `${h[0]} ${h[1].slice(0, 30)} ${h[2].slice(0, 40)}`, h })))('$name', async ({ h }) => {
  const [method, path, body, status] = h;
  const { calls, localUrl } = await setUp();
  const answer = await new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
    const bytes = body === '\u00ff' ? Buffer.from([0xff]) : Buffer.from(body);
    const content = body === '' ? {} : { 'content-type': 'application/json', 'content-length': bytes.byteLength };
    const headers = { authorization: `Bearer ${TOKEN}`, ...content };
    const outgoing = request(`${localUrl}${path}`, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const type = String(response.headers['content-type']);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, type, body: text }));
    });
    // The server may close on a body that it refuses by its length, before all of it was sent.
    outgoing.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? undefined : reject(error)));
    outgoing.end(bytes);
  });
  expect(answer.status).toBe(status);
  expect(answer.type).toMatch(/^application\/problem\+json/);
  expect(JSON.parse(answer.body)).toMatchObject({ status, detail: expect.any(String) });
  expect(calls).toEqual([]);
});
