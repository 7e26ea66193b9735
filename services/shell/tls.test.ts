import { execFileSync } from 'node:child_process';
import { connect as connectPlain } from 'node:net';
import { connect, createServer as createTlsServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { afterAll, afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createHttpClient, UnreachableError, type HttpClient } from '../protocol/http-client.ts';
import { baseUrl, createServer } from './server.ts';
import { SettingsError, type FileContent } from './settings.ts';
import { createAuthority, withoutOpenssl, type Authority, type Issued } from './testing-certificates.ts';
import { readTls, type Tls } from './tls.ts';

const DAY_MS = 86_400_000;
const cleanups: (() => void)[] = [];
afterAll(() => {
  for (const clean of cleanups) clean();
});
afterEach(() => {
  vi.useRealTimers();
});

const content = (name: string, text: string): FileContent => ({ source: `TIDEMARK_TLS_${name}_CONTENT`, text });
const tlsOf = (own?: Pick<Issued, 'cert' | 'key'>, ca?: string): Tls => readTls({
  certificate: own === undefined ? undefined : content('CERT', own.cert),
  certificateKey: own === undefined ? undefined : content('KEY', own.key),
  authorities: ca === undefined ? undefined : content('CA', ca),
});

function clientOf(tls: Tls): HttpClient {
  const client = createHttpClient(tls);
  onTestFinished(() => client.close());
  return client;
}

describe.skipIf(withoutOpenssl)('TLS', () => {
  const authority: Authority = withoutOpenssl ? undefined as never : createAuthority('test authority', (clean) => cleanups.push(clean));
  const site: Issued = withoutOpenssl ? undefined as never : authority.issue('eu-a');

  async function serve(tls: Tls, lines: string[] = []): Promise<string> {
    const server = await createServer({
      name: 'test', description: 'test', logger: pino({ level: 'warn' }, { write: (line) => void lines.push(line) }), notReady: () => null, metrics: () => [],
      certificate: tls.certificate,
    });
    onTestFinished(() => server.close());
    await server.listen({ host: '127.0.0.1', port: 0 });
    return baseUrl(server);
  }

  /** A load balancer as far as clients see it: asks for a certificate, and says whose it was. */
  async function asking(own: Issued): Promise<string> {
    const server = createTlsServer({ cert: own.cert, key: own.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true }, (socket) => {
      const body = String(socket.getPeerCertificate().subject.CN);
      socket.on('error', () => undefined).once('data', () => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`));
    });
    server.on('tlsClientError', () => undefined);
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  describe('a server', () => {
    it('serves HTTPS to whoever trusts its authority, with or without a certificate of their own', async () => {
      const url = await serve(tlsOf(site));
      expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
      expect(await clientOf(tlsOf(undefined, authority.cert)).json(`${url}/healthz`)).toEqual({ status: 'ok' });
      expect(await clientOf(tlsOf(authority.issue('somebody'), authority.cert)).json(`${url}/healthz`)).toEqual({ status: 'ok' });
      expect(await clientOf(tlsOf(undefined, authority.cert)).text(`${url}/metrics`)).toContain(
        `\ntidemark_certificate_expires_seconds ${Math.floor(tlsOf(site).certificate!.expiresAt / 1_000)}\n`,
      );
    });

    it('is refused by whoever trusts other authorities, or none beside the well-known ones', async () => {
      const url = await serve(tlsOf(site));
      const other = createAuthority('other authority', (clean) => cleanups.push(clean));
      for (const tls of [tlsOf(), tlsOf(undefined, other.cert), tlsOf(other.issue('eu-a'))]) {
        const call = clientOf(tls).call(`${url}/healthz`);
        await expect(call).rejects.toThrow(UnreachableError);
        await expect(call).rejects.toThrow(/certificate/);
      }
    });

    it('is refused under a name that its certificate does not have, whatever the environment says', async () => {
      const url = await serve(tlsOf(authority.issue('eu-a', 'DNS:elsewhere.example')));
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      onTestFinished(() => void vi.unstubAllEnvs());
      await expect(clientOf(tlsOf(undefined, authority.cert)).call(`${url}/healthz`)).rejects.toThrow(/ERR_TLS_CERT_ALTNAME_INVALID/);
    });

    it('speaks TLS 1.2 or later, and no plain HTTP', async () => {
      const { port } = new URL(await serve(tlsOf(site)));
      const handshake = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): Promise<string> => new Promise((resolve) => {
        const socket = connect({
          host: '127.0.0.1', port: Number(port), ca: authority.cert, minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0',
        }, () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        socket.on('error', () => resolve('refused'));
      });
      expect(await Promise.all([handshake('TLSv1.1'), handshake('TLSv1.2'), handshake('TLSv1.3')])).toEqual(['refused', 'TLSv1.2', 'TLSv1.3']);
      const plain = await new Promise<string>((resolve) => {
        let text = '';
        const socket = connectPlain(Number(port), '127.0.0.1', () => socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'));
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1');
        }).on('close', () => resolve(text)).on('error', () => undefined);
      });
      expect(plain).not.toContain('ok');
    });

    it('sends the chain up to the authority that clients know', async () => {
      const between = authority.intermediate('between');
      const url = await serve(tlsOf(between.issue('eu-a')));
      expect(await clientOf(tlsOf(undefined, authority.cert)).json(`${url}/healthz`)).toEqual({ status: 'ok' });
    });

    it('warns of a certificate that has run out, with the date, and serves', async () => {
      const { expiresAt } = tlsOf(site).certificate!;
      const early: string[] = [];
      const late: string[] = [];
      await serve(tlsOf(site), early);
      vi.useFakeTimers({ toFake: ['Date'], now: expiresAt + DAY_MS });
      const url = await serve(tlsOf(site), late);
      vi.useRealTimers();
      expect(early).toEqual([]);
      expect(late).toHaveLength(1);
      expect((JSON.parse(late[0]!) as { msg: string }).msg).toBe(
        `TIDEMARK_TLS_CERT_CONTENT: the certificate of CN=eu-a expired on ${new Date(expiresAt).toISOString()}; others will refuse it`,
      );
      expect(await clientOf(tlsOf(undefined, authority.cert)).json(`${url}/healthz`)).toEqual({ status: 'ok' });
      expect(tlsOf(site).certificate!.warning(0)).toMatch(/is not valid before .*; others will refuse it until then/);
    });
  });

  describe('a client', () => {
    it('shows its certificate to servers that ask', async () => {
      const url = await asking(site);
      expect(await clientOf(tlsOf(authority.issue('eu-b'), authority.cert)).text(url)).toBe('eu-b');
    });

    it('without a certificate, or with one of another authority, is refused by them', async () => {
      const url = await asking(site);
      const other = createAuthority('other authority', (clean) => cleanups.push(clean));
      for (const tls of [tlsOf(undefined, authority.cert), tlsOf(other.issue('eu-b'), authority.cert)]) {
        await expect(clientOf(tls).call(url)).rejects.toThrow(UnreachableError);
      }
    });

    it('shares no connection between two exchanges', async () => {
      // A server that offers HTTP/2 is spoken to in HTTP/1.1 all the same.
      const offered = await new Promise<string | false | null>((resolve) => {
        const server = createTlsServer({ cert: site.cert, key: site.key, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        });
        onTestFinished(() => void server.close());
        server.listen(0, '127.0.0.1', () => {
          const { port } = server.address() as AddressInfo;
          clientOf(tlsOf(undefined, authority.cert)).call(`https://127.0.0.1:${port}`).catch(() => undefined);
        });
      });
      expect(offered).toBe('http/1.1');
    });
  });

  describe('settings that do not fit', () => {
    const said = (read: () => unknown): string => {
      try {
        read();
      } catch (error) {
        expect(error).toBeInstanceOf(SettingsError);
        return (error as Error).message;
      }
      return '';
    };
    const encrypted = (): string =>
      execFileSync('openssl', ['pkey', '-aes256', '-passout', 'pass:x', '-in', site.keyPath], { encoding: 'utf8' });

    it.each<[string, () => Tls, RegExp]>([
      ['a certificate without key', () => readTls({ certificate: content('CERT', site.cert), certificateKey: undefined, authorities: undefined }),
        /^TIDEMARK_TLS_CERT is set and TIDEMARK_TLS_KEY is not: set both, or neither/],
      ['a key without certificate', () => readTls({ certificate: undefined, certificateKey: content('KEY', site.key), authorities: undefined }),
        /^TIDEMARK_TLS_KEY is set and TIDEMARK_TLS_CERT is not: set both, or neither/],
      ['the key of another certificate', () => tlsOf({ cert: site.cert, key: authority.issue('other').key }),
        /^TIDEMARK_TLS_KEY_CONTENT: not the key of the certificate in TIDEMARK_TLS_CERT_CONTENT, which is of CN=eu-a$/],
      ['a chain in the wrong order', () => tlsOf({ cert: authority.cert + site.cert, key: site.key }),
        /^TIDEMARK_TLS_CERT_CONTENT: begins with the certificate of CN=test authority; the service's own, CN=eu-a, has to be the first$/],
      ['no certificate', () => tlsOf({ cert: 'hello', key: site.key }), /^TIDEMARK_TLS_CERT_CONTENT: no certificate in it/],
      ['a broken certificate', () => tlsOf({ cert: site.cert.replace(/\n[A-Za-z0-9+/]{64}\n/, '\n'), key: site.key }), /^TIDEMARK_TLS_CERT_CONTENT: certificate 1 of 1 cannot be read/],
      ['key and certificate in each other\'s place', () => tlsOf({ cert: site.key, key: site.cert }),
        /^TIDEMARK_TLS_CERT_CONTENT: no certificate in it.*\nTIDEMARK_TLS_KEY_CONTENT: no private key in it: expected PEM/],
      ['an encrypted key', () => tlsOf({ cert: site.cert, key: encrypted() }), /^TIDEMARK_TLS_KEY_CONTENT: the key is encrypted/],
      ['no authority, and no key either', () => tlsOf({ cert: site.cert, key: 'nothing' }, 'nothing'),
        /^TIDEMARK_TLS_KEY_CONTENT: no private key in it.*\nTIDEMARK_TLS_CA_CONTENT: no certificate in it/],
    ])('%s', (_what, read, expected) => {
      const message = said(read);
      expect(message).toMatch(expected);
      // Of a key no message has a line.
      for (const line of site.key.split('\n').filter((l) => l.length > 40)) expect(message).not.toContain(line.slice(0, 20));
    });

    it('nothing set is nothing done', () => {
      expect(tlsOf()).toEqual({ certificate: undefined, secureContext: undefined });
    });
  });
});
