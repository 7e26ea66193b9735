/**
 * What is written for NATS, read by NATS: the server accepts each configuration, and three servers started by the container's own
 * script become one cluster that keeps what it has acknowledged. Needs `nats-server` (tools/nats-server) and `openssl`.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamServerConfig, type StreamServer, type StreamServerConfig } from './config.ts';
import { runFiles, startScript, STREAM_ENV, TOKEN_VARIABLE } from './container.ts';
import { STREAM_DEFAULTS } from './defaults.ts';
import { natsClient, type NatsClient } from './testing-nats.ts';

const absent = [['nats-server', '--version'], ['openssl', 'version']].filter(([program, arg]) => spawnSync(program!, [arg!]).status !== 0).map(([program]) => program);
if (process.platform !== 'linux') absent.push('a Linux loopback network');
const skipped = absent.length > 0 && process.env['CI'] !== 'true';
if (skipped) console.warn(`nats.test.ts: skipped, because of what is not here: ${absent.join(', ')} (tools/nats-server/go.mod builds nats-server)`);

const TOKEN = '12e3.token_of-the~stream';
const folder = mkdtempSync(join(tmpdir(), 'tidemark-nats-'));
const running: ChildProcess[] = [];
afterAll(async () => {
  await Promise.all(running.filter((one) => one.exitCode === null && one.signalCode === null).map((one) => { one.kill('SIGKILL'); return once(one, 'exit'); }));
  rmSync(folder, { recursive: true, force: true });
});

/** Ports that nobody listens on at all of these addresses. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer();
    server.listen(0);
    await once(server, 'listening');
    return server;
  }));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => { server.close(); return once(server, 'close'); }));
  return ports;
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

/** An authority, and one certificate for everybody, as a region has it. */
function makeCertificates(): void {
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test');
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'tls.key', '-out', 'tls.csr', '-subj', '/CN=eu');
  writeFileSync(join(folder, 'ext'), 'subjectAltName=IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3\nextendedKeyUsage=serverAuth,clientAuth\n');
  openssl('x509', '-req', '-in', 'tls.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext', '-out', 'tls.crt');
}

const SERVERS = [0, 1, 2].map((i): StreamServer => ({ name: `n${i}`, host: `127.0.0.${i + 1}`, zone: `zone-${i}` }));
const run = (i: number): string => join(folder, `run-${i}`);

function config(i: number, ports: readonly number[], tls: boolean): StreamServerConfig {
  const [client = 0, route = 0] = ports;
  return {
    server: SERVERS[i]!, servers: SERVERS, clusterName: 'tidemark-test-eu-stream', listen: SERVERS[i]!.host, storeFolder: join(folder, `data-${i}`),
    ports: { client, route, monitor: ports[2 + i] ?? 0 }, storeBytesMax: 1_024 ** 3, messageBytesMax: STREAM_DEFAULTS.messageBytesMax,
    connectionsMax: STREAM_DEFAULTS.connectionsMax, tokenVariable: TOKEN_VARIABLE, ...(tls ? { tls: runFiles(run(i)) } : {}),
  };
}

/** Starts it as the container does: the same shell, the same script, the same environment, another folder. */
function start(i: number, ports: readonly number[], token = TOKEN): ChildProcess {
  mkdirSync(run(i), { recursive: true });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const script = startScript({ folder: run(i), tls: true, program: 'nats-server' });
  const child = spawn('/bin/sh', ['-euc', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '', [STREAM_ENV.config]: streamServerConfig(config(i, ports, true)), [STREAM_ENV.token]: token,
      [STREAM_ENV.certificate]: read('tls.crt'), [STREAM_ENV.key]: read('tls.key'), [STREAM_ENV.authorities]: read('ca.pem'),
    },
  });
  running.push(child);
  return child;
}

const pause = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 100); });

/** As the container's health check asks; at last 20 s. */
async function healthy(port: number, query = '?js-enabled-only=true'): Promise<void> {
  for (const end = Date.now() + 20_000; ;) {
    const status = await fetch(`http://127.0.0.1:${port}/healthz${query}`).then((answer) => answer.status, () => 0);
    if (status === 200) return;
    if (Date.now() > end) throw new Error(`port ${port}: healthz answers ${status}`);
    await pause();
  }
}

describe.skipIf(skipped)('NATS', () => {
  let ports: number[] = [];
  const servers: ChildProcess[] = [];
  const tls = (): { ca: string; cert: string; key: string } => ({
    ca: readFileSync(join(folder, 'ca.pem'), 'utf8'), cert: readFileSync(join(folder, 'tls.crt'), 'utf8'), key: readFileSync(join(folder, 'tls.key'), 'utf8'),
  });
  const clientOf = (i: number): Promise<NatsClient> => natsClient({ host: SERVERS[i]!.host, port: ports[0]!, token: TOKEN, tls: tls() });

  beforeAll(async () => {
    expect(absent).toEqual([]);
    makeCertificates();
    ports = await freePorts(5);
    servers.push(...SERVERS.map((_, i) => start(i, ports)));
    await Promise.all(SERVERS.map((_, i) => healthy(ports[2 + i]!)));
    await Promise.all(SERVERS.map((_, i) => healthy(ports[2 + i]!, '')));
  });

  it('accepts every configuration', () => {
    for (const [i, withTls] of [[0, true], [1, false], [2, true]] as const) {
      const file = join(folder, `check-${i}.conf`);
      writeFileSync(file, streamServerConfig(config(i, ports, withTls)));
      const checked = spawnSync('nats-server', ['-t', '-c', file], { env: { PATH: process.env['PATH'], [TOKEN_VARIABLE]: `"${TOKEN}"` }, encoding: 'utf8' });
      expect(checked.status, checked.stderr).toBe(0);
    }
  });

  it('syncs every write, as it says itself', async () => {
    const jetstream = await (await fetch(`http://127.0.0.1:${ports[2]}/jsz`)).json() as { config: Record<string, unknown>; meta_cluster: Record<string, unknown> };
    expect(jetstream.config).toMatchObject({ sync_always: true, unique_tag: 'zone:', max_storage: 1_024 ** 3 });
    expect(jetstream.meta_cluster).toMatchObject({ name: 'tidemark-test-eu-stream', cluster_size: 3 });
  });

  it('lets nobody in without the token, or without a certificate of the authority', async () => {
    const { ca } = tls();
    const at = { host: SERVERS[0]!.host, port: ports[0]! };
    await expect(natsClient({ ...at, token: 'another', tls: tls() })).rejects.toThrow(/Authorization Violation/);
    await expect(natsClient({ ...at, tls: tls() })).rejects.toThrow(/Authorization Violation/);
    await expect(natsClient({ ...at, token: TOKEN, tls: { ca } })).rejects.toThrow(/certificate required|closed|ECONNRESET|EPIPE/);
    await expect(natsClient({ ...at, token: TOKEN })).rejects.toThrow(/closed|ECONNRESET|EPIPE|Secure Connection/);
  });

  it('keeps one order on three machines: a frame fits, and what was acknowledged outlives the loss of one', async () => {
    const before = await clientOf(0);
    const created = await before.request('$JS.API.STREAM.CREATE.order', JSON.stringify({ name: 'order', subjects: ['order.>'], storage: 'file', num_replicas: 3 }));
    expect(created['error']).toBeUndefined();
    const frame = Buffer.alloc(16 * 1_024 * 1_024, 1);
    expect(await before.request('order.batch', frame)).toMatchObject({ stream: 'order', seq: 1 });
    before.close();

    const gone = servers[0]!;
    gone.kill('SIGKILL');
    await once(gone, 'exit');
    const between = await clientOf(1);
    const acknowledged = await retried(() => between.request('order.batch', 'while one is gone'));
    const sequence = acknowledged['seq'] as number;
    expect(sequence).toBeGreaterThanOrEqual(2);
    between.close();

    // The first comes back with its disk, and the order goes on where it was.
    servers[0] = start(0, ports);
    await healthy(ports[2]!, '');
    const after = await clientOf(0);
    const info = await retried(() => after.request('$JS.API.STREAM.INFO.order', ''));
    expect(info).toMatchObject({ state: { messages: sequence, last_seq: sequence }, config: { num_replicas: 3 } });
    after.close();
  });

  it('does not start with a token that is none', async () => {
    const [client = 0, route = 0, ...monitors] = await freePorts(5);
    const child = start(0, [client, route, ...monitors], 'two words');
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => { said += String(chunk); });
    const [code] = await once(child, 'close') as [number | null];
    expect(code).toBe(2);
    expect(said).toMatch(/STREAM_TOKEN: expected letters, digits/);
    expect(said).not.toMatch(/two words/);
  });
});

/** A stream without a leader answers nothing or an error for a moment: asked again, at last 20 s. */
async function retried(request: () => Promise<Record<string, unknown>>): Promise<Record<string, unknown>> {
  for (const end = Date.now() + 20_000; ;) {
    const answer = await request().catch((error: Error) => ({ error: error.message }) as Record<string, unknown>);
    if ((answer['error'] === undefined && answer['status'] === undefined) || Date.now() > end) return answer;
    await pause();
  }
}
