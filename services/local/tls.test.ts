/**
 * The three tiers over HTTPS, in one process. Before each region replica and the control plane stands what stands there in a
 * deployment: a load balancer that ends TLS, asks for the caller's certificate and goes on over TLS.
 */
import { readFileSync } from 'node:fs';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { CONTROL_SETTINGS, EDGE_SETTINGS, REGION_SETTINGS } from '../../platform/index.ts';
import { startControlPlane } from '../control-plane/main.ts';
import { startEdgeNode } from '../edge-node/service.ts';
import { createControlClient, createEdgeClient } from '../protocol/client.ts';
import { createHttpClient, UnreachableError, type HttpClient } from '../protocol/http-client.ts';
import { startRegion } from '../regional-aggregator/main.ts';
import { createAuthority, withoutOpenssl, type Authority, type Issued } from '../shell/testing-certificates.ts';
import { readSettings, readTls, type Running } from '../shell/index.ts';
import { samplePlatform, temporaryFolder } from './fixtures/platform.ts';
import { provision } from './provision.ts';

const logger = pino({ level: 'silent' });
const cleanups: (() => unknown)[] = [];
const finished = (clean: () => unknown): void => void cleanups.push(clean);
afterAll(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface Front {
  readonly url: string;
  /** Common names of the certificates that callers showed. */
  readonly seen: Set<string>;
  target: string;
}

/** A load balancer with mutual TLS. */
async function startFront(authority: Authority, name: string): Promise<Front> {
  const { cert, key } = authority.issue(name);
  const front = { url: '', seen: new Set<string>(), target: '' };
  const server = createTlsServer({ cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: true }, (caller) => {
    front.seen.add(String(caller.getPeerCertificate().subject.CN));
    const { hostname, port } = new URL(front.target);
    const service = connectTls({ host: hostname, port: Number(port), ca: authority.cert });
    for (const [from, to] of [[caller, service], [service, caller]] as const) {
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  finished(() => server.close());
  front.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return front;
}

describe.skipIf(withoutOpenssl)('over HTTPS', () => {
  test('a settlement goes from an edge node through a region of two replicas to the control plane and back, every caller known by its certificate', async () => {
    const authority = createAuthority('platform authority', finished);
    const [region] = samplePlatform().regions;
    const platform = samplePlatform({ regions: [{ id: 'eu', location: region!.location, replicas: 2, edges: [{ id: 'eu-a', location: region!.location }] }] });
    const layout = provision(platform, temporaryFolder(finished));
    const [centre, ...replicas] = await Promise.all(['global', 'eu', 'eu'].map((name) => startFront(authority, name)));
    const urls = replicas.map((r) => r.url).join(',');

    const settingsOf = (site: string, process: string, own: Issued): Record<string, string> => ({
      TIDEMARK_SITE: site, TIDEMARK_DATA: layout.site(process), TIDEMARK_TRUST: layout.trust, TIDEMARK_TOKEN_FILE: layout.token,
      TIDEMARK_TLS_CERT_CONTENT: own.cert, TIDEMARK_TLS_KEY: own.keyPath, TIDEMARK_TLS_CA: authority.certPath,
    });
    const run = async (starting: Promise<Running>): Promise<string> => {
      const running = await starting;
      finished(() => running.stop());
      return running.url;
    };
    centre!.target = await run(startControlPlane(readSettings(CONTROL_SETTINGS, {
      ...settingsOf('global', 'global', authority.issue('global')), TIDEMARK_KEY: layout.globalKey,
      TIDEMARK_WITNESS_URLS: JSON.stringify({ eu: replicas.map((r) => r.url) }),
    }), logger));
    for (const [n, front] of replicas.entries()) {
      front.target = await run(startRegion(readSettings(REGION_SETTINGS, {
        ...settingsOf('eu', `eu/${n + 1}`, authority.issue('eu')), TIDEMARK_KEY: layout.replicaKey('eu', n), TIDEMARK_REGION_KEY: layout.regionKey('eu'),
        TIDEMARK_REPLICA: String(n), TIDEMARK_STREAM: `sqlite:${join(layout.region('eu'), 'stream.db')}`, TIDEMARK_PEER_URLS: urls,
        TIDEMARK_CONTROL_URL: centre!.url,
      }), logger));
    }
    const edgeUrl = await run(startEdgeNode(readSettings(EDGE_SETTINGS, {
      ...settingsOf('eu-a', 'eu-a', authority.issue('eu-a')), TIDEMARK_KEY: layout.edgeKey('eu-a'), TIDEMARK_REGION_URLS: urls, TIDEMARK_POLICY: layout.policy,
    }), logger));
    expect([edgeUrl, centre!.target, ...replicas.map((r) => r.target)].every((url) => url.startsWith('https://'))).toBe(true);

    const clientWith = (tls: Parameters<typeof readTls>[0]): HttpClient => {
      const client = createHttpClient(readTls(tls));
      finished(() => client.close());
      return client;
    };
    const nobody = { certificate: undefined, certificateKey: undefined, authorities: undefined };
    // Without a certificate of its own: the services themselves ask for none.
    const http = clientWith({ ...nobody, authorities: { source: 'ca', text: authority.cert } });
    const edge = createEdgeClient(edgeUrl, { http });
    const control = createControlClient(centre!.target, { http, token: readFileSync(layout.token, 'utf8').trim() });
    await control.openAccount({ account: 'bank', asset: 'EUR', overdraftLimit: null });
    await control.openAccount({ account: 'alice', asset: 'EUR', overdraftLimit: '0' });
    await expect.poll(async () => (await http.call(`${edgeUrl}/readyz`)).status).toBe(200);
    expect(await edge.settle({ id: 's1', asset: 'EUR', debitAccount: 'bank', creditAccount: 'alice', amount: 500n })).toMatchObject({ state: 'provisional', mode: 'online' });
    await expect.poll(async () => (await edge.settlement('s1')).state, { timeout: 20_000 }).toBe('final');
    expect(await control.account('alice')).toMatchObject({ posted: '500' });
    for (const url of [edgeUrl, centre!.target, replicas[1]!.target]) expect(await http.text(`${url}/metrics`)).toContain('\ntidemark_certificate_expires_seconds ');

    expect([...centre!.seen]).toEqual(['eu']);
    const seen = new Set(replicas.flatMap((r) => [...r.seen]));
    expect([...seen].toSorted()).toEqual(['eu', 'eu-a', 'global']);
    // Whoever shows nothing does not get past the load balancer, and whoever does not know the authority does not begin.
    await expect(http.call(`${centre!.url}/healthz`)).rejects.toThrow(UnreachableError);
    await expect(clientWith(nobody).call(`${edgeUrl}/healthz`)).rejects.toThrow(/certificate/);
  });
});
