import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { healthTarget, whyUnwell, type Target } from './health.ts';
import { certificate } from './testing-settings.ts';

const contract = { port: 8080, healthPath: '/healthz' };

describe('where to ask', () => {
  test.each([
    [{}, 'http://127.0.0.1:8080'], [{ TIDEMARK_PORT: '0' }, 'http://127.0.0.1:8080'], [{ TIDEMARK_PORT: '9000', TIDEMARK_HOST: '10.0.0.7' }, 'http://10.0.0.7:9000'],
    [{ TIDEMARK_HOST: '0.0.0.0' }, 'http://127.0.0.1:8080'], [{ TIDEMARK_HOST: '::' }, 'http://::1:8080'],
    [{ TIDEMARK_TLS_CERT: '/x.pem' }, 'https://127.0.0.1:8080'], [{ TIDEMARK_TLS_CERT_CONTENT: 'PEM' }, 'https://127.0.0.1:8080'],
    [{ TIDEMARK_TLS_CERT_CONTENT: '' }, 'http://127.0.0.1:8080'], [{ TIDEMARK_TLS_CA: '/ca.pem' }, 'http://127.0.0.1:8080'],
  ])('%j: %s', (env, expected) => {
    const { protocol, host, port, path } = healthTarget(contract, env);
    expect([`${protocol}//${host}:${port}`, path]).toEqual([expected, '/healthz']);
  });
});

describe('the answer', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const listen = (server: Server): Promise<Target> => new Promise((resolve) => {
    servers.push(server);
    server.listen(0, '127.0.0.1', () => resolve({ protocol: 'http:', host: '127.0.0.1', port: (server.address() as AddressInfo).port, path: '/healthz' }));
  });
  const answering: (status: number) => RequestListener = (status) => (request, response) => void response.writeHead(request.url === '/healthz' ? status : 404).end('{}');

  test('200 is well, anything else is told', async () => {
    expect(await whyUnwell(await listen(createServer(answering(200))), 5_000)).toBeNull();
    expect(await whyUnwell(await listen(createServer(answering(503))), 5_000)).toBe('/healthz answered 503');
  });

  test('nobody there', async () => {
    const target = await listen(createTcpServer());
    await new Promise((resolve) => servers[0]!.close(resolve));
    expect(await whyUnwell(target, 5_000)).toMatch(/ECONNREFUSED/);
  });

  test('nobody answers in time', async () => {
    expect(await whyUnwell(await listen(createTcpServer()), 50)).toMatch(/abort|timeout/i);
  });

  test('a certificate of nobody that is known, for another name, is no reason to restart the service', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-health-'));
    const made = certificate(folder);
    const target = await listen(createTlsServer({ key: readFileSync(made.certificateKey), cert: readFileSync(made.certificate) }, answering(200)));
    rmSync(folder, { recursive: true });
    expect(await whyUnwell({ ...target, protocol: 'https:' }, 5_000)).toBeNull();
    expect(await whyUnwell(target, 5_000)).not.toBeNull();
  });
});
