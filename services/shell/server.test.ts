import pino from 'pino';
import { expect, test } from 'vitest';
import { createServer } from './server.ts';

test('no answer leaves its type to a browser\'s guess, and what is refused is a problem that says why', async () => {
  const server = await createServer({ name: 't', description: 't', logger: pino({ level: 'silent' }), notReady: () => 'not yet', metrics: () => [] });
  for (const [url, status] of [['/healthz', 200], ['/readyz', 503], ['/metrics', 200], ['/openapi.json', 200], ['/nothing', 404]] as const) {
    const answer = await server.inject(url);
    expect([url, answer.statusCode, answer.headers['x-content-type-options']]).toEqual([url, status, 'nosniff']);
  }
  const encoded = await server.inject({ method: 'POST', url: '/nothing', headers: { 'content-encoding': 'gzip' } });
  expect(encoded.headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff' });
  expect(encoded.json()).toMatchObject({ status: 415, code: 'unsupported-encoding' });
  await server.close();
});
