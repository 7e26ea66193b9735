import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { definePlatform, deployed, type DeployedPlatform, type PlatformInput } from '../../platform/index.ts';
import { withoutOpenssl } from '../../services/shell/testing-certificates.ts';
import { parseSigner, parseTrust } from '../../services/transparency/index.ts';
import { run } from '../program.ts';
import { namesOf } from './certificates.ts';
import { createKeys } from './create.ts';
import { secretFiles } from './layout.ts';
import { renew } from './renew.ts';

const DAY_MS = 86_400_000;
const DOMAIN = 'clearing.example.com';

interface Shape {
  readonly replicas?: number;
  readonly edges?: readonly string[];
  readonly more?: Partial<PlatformInput>;
  readonly environment?: string;
}

const inputOf = ({ replicas = 1, edges = ['eu-a'], more = {}, environment = 'test' }: Shape = {}): PlatformInput => ({
  name: 'tm', origin: 'tm.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  regions: [{ id: 'eu', location: 'eu-central-1', replicas, edges: edges.map((id) => ({ id, location: 'eu-central-1-waw-1' })) }],
  deploy: {
    environment, domain: DOMAIN, hostedZoneId: 'Z0123456789', replicaRegion: 'eu-west-3', storage: 'managed',
    contacts: { page: ['a@example.com'], ticket: ['a@example.com'] },
  },
  ...more,
});
const platformOf = (shape?: Shape): DeployedPlatform => deployed(definePlatform(inputOf(shape)));

const root = mkdtempSync(join(tmpdir(), 'tidemark-keys-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** All files of a folder with their content. */
function contentOf(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1).replaceAll('\\', '/')).sort();
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(dir, file), 'utf8')]));
}

const messageOf = async (work: Promise<unknown>): Promise<string> => work.then(() => expect.unreachable(), (error: Error) => error.message);

describe.skipIf(withoutOpenssl)('keys', () => {
  /** Made once; tests work on copies. */
  const template = join(root, 'template');
  let dir: string;
  let n = 0;
  const at = (file: string): string => join(dir, file);
  const certificate = (file: string): X509Certificate => new X509Certificate(readFileSync(at(file)));
  beforeAll(async () => { await createKeys(platformOf(), template); });
  beforeEach(() => {
    dir = join(root, `copy-${n++}`);
    cpSync(template, dir, { recursive: true });
  });

  describe('create', () => {
    it('makes a file for every secret, for its owner alone, and says under which name it goes where', () => {
      const files = secretFiles(platformOf());
      const common = ['.gitignore', 'ca.key', 'ca.pem', 'deployment.json', 'secrets.json', 'trust.json'];
      expect(Object.keys(contentOf(dir))).toEqual([...common, ...files.map((file) => file.file)].sort());
      expect(Object.keys(contentOf(join(dir, 'eu')))).toEqual([
        'key-0', 'region-key', 'stream-tls.crt', 'stream-tls.key', 'stream-token', 'tls.crt', 'tls.key', 'token', 'trust.json',
      ]);
      for (const { file } of [...files, { file: 'ca.key' }]) expect(statSync(at(file)).mode & 0o777, file).toBe(0o600);
      for (const site of ['global', 'eu', 'eu-a', '.']) expect(statSync(at(site)).mode & 0o777, site).toBe(0o700);
      const { secrets } = JSON.parse(readFileSync(at('secrets.json'), 'utf8')) as { secrets: Record<string, unknown> };
      expect(secrets['/tm/test/region-eu/region-key']).toEqual({ file: 'eu/region-key', region: 'eu-central-1' });
      expect(secrets['/tm/test/edge-eu-a/tls-cert']).toEqual({ file: 'eu-a/tls.crt', region: 'eu-central-1' });
      expect(secrets['/tm/test/global/token']).toEqual({ file: 'global/token', region: 'eu-west-1' });
    });

    it('makes a signing secret for each webhook, and for one that comes later; what is there stays', async () => {
      const hook = (id: string) => ({ id, url: `https://hooks.example.com/${id}` });
      const of = (...ids: string[]) => createKeys(platformOf({ more: { webhooks: ids.map(hook) } }), dir);
      expect((await of('a')).created).toEqual(['global/webhook-secrets.json']);
      const file = at('global/webhook-secrets.json');
      const read = (): Record<string, string> => JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
      const { a } = read();
      expect(a).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      await of('a', 'b');
      expect(Object.keys(read())).toEqual(['a', 'b']);
      await of('b');
      expect([read()['a'], read()['a'] === read()['b']]).toEqual([a, false]);
      // Put somewhere safer: not made again, and the service says what it lacks.
      rmSync(file);
      expect(await of('b')).toMatchObject({ created: [], elsewhere: ['global/webhook-secrets.json'] });
      writeFileSync(file, `["${a}"]`, { mode: 0o600 });
      const message = await messageOf(of('b'));
      expect(message).toContain('not an object: webhook id -> signing secret');
      expect(message).not.toContain(a);
    });

    it('lets nothing secret into version control', () => {
      execFileSync('git', ['init', '--quiet'], { cwd: dir });
      const seen = execFileSync('git', ['ls-files', '--others', '--exclude-standard'], { cwd: dir, encoding: 'utf8' }).trim().split('\n');
      expect(seen.sort()).toEqual(['.gitignore', 'ca.pem', 'deployment.json', 'secrets.json', 'trust.json']);
    });

    it('makes note keys that trust.json names', () => {
      const trust = parseTrust(readFileSync(at('trust.json'), 'utf8'));
      const vkey = (file: string): string => parseSigner(readFileSync(at(file), 'utf8').trim()).vkey;
      const eu = trust.regions.get('eu');
      expect([trust.global, eu?.log, eu?.replicas[0], eu?.nodes.get('eu-a')].map((key) => key?.vkey))
        .toEqual(['global/key', 'eu/region-key', 'eu/key-0', 'eu-a/key'].map(vkey));
    });

    it('makes certificates of its own authority, by site', () => {
      const authority = certificate('ca.pem');
      expect([authority.subject, authority.ca, authority.checkIssued(authority)]).toEqual(['CN=tm-test authority', true, true]);
      expect(Math.round((authority.validToDate.getTime() - authority.validFromDate.getTime()) / DAY_MS)).toBe(3_650);
      const expected = [
        ['global/tls', 'global', [`global.${DOMAIN}`, `control.${DOMAIN}`]], ['eu/tls', 'eu', [`eu.${DOMAIN}`, `r0.eu.${DOMAIN}`]],
        ['eu-a/tls', 'eu-a', [`eu-a.${DOMAIN}`]], ['eu/stream-tls', 'stream.eu', [0, 1, 2].map((i) => `n${i}.stream.eu.${DOMAIN}`)],
      ] as const;
      for (const [file, name, names] of expected) {
        const leaf = certificate(`${file}.crt`);
        expect([leaf.subject, namesOf(leaf), leaf.ca, leaf.verify(authority.publicKey)]).toEqual([`CN=${name}`, names, false, true]);
        expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(at(`${file}.key`))))).toBe(true);
        expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
        // Client and server.
        expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
        expect(Math.round((leaf.validToDate.getTime() - leaf.validFromDate.getTime()) / DAY_MS)).toBe(397);
      }
      const serials = ['ca.pem', ...expected.map(([file]) => `${file}.crt`)].map((file) => certificate(file).serialNumber);
      expect(new Set(serials).size).toBe(5);
    });

    it('with which sites recognise each other', async () => {
      const side = (site: string): { key: Buffer; cert: Buffer; ca: Buffer } => (
        { key: readFileSync(at(`${site}/tls.key`)), cert: readFileSync(at(`${site}/tls.crt`)), ca: readFileSync(at('ca.pem')) });
      const server = createServer({ ...side('eu'), requestCert: true, rejectUnauthorized: true });
      server.on('tlsClientError', () => {});
      server.on('secureConnection', (socket: TLSSocket) => socket.end(String(socket.getPeerCertificate().subject.CN)));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const ask = (servername: string, options: object): Promise<string> => new Promise((resolve, reject) => {
        let said = '';
        connect({ port, host: '127.0.0.1', servername, ...options }).setEncoding('utf8').on('data', (text: string) => { said += text; })
          .on('end', () => resolve(said)).on('error', reject);
      });
      try {
        expect(await ask(`r0.eu.${DOMAIN}`, side('eu-a'))).toBe('eu-a');
        await expect(ask(`global.${DOMAIN}`, side('eu-a'))).rejects.toThrow('does not match certificate');
        await expect(ask(`r0.eu.${DOMAIN}`, { ca: side('eu').ca })).rejects.toThrow();
      } finally {
        server.close();
      }
    });

    it('overwrites nothing, and has nothing to do a second time', async () => {
      const before = contentOf(dir);
      expect(await createKeys(platformOf(), dir)).toEqual({ created: [], elsewhere: [], notices: [] });
      expect(contentOf(dir)).toEqual(before);
    });

    it('adds what a new site needs, and lets those know who have to', async () => {
      const before = contentOf(dir);
      const result = await createKeys(platformOf({ edges: ['eu-b', 'eu-a'] }), dir);
      expect([...result.created].sort()).toEqual(['eu-b/key', 'eu-b/tls.crt', 'eu-b/tls.key', 'eu-b/token', 'eu-b/trust.json']);
      expect(result.notices).toEqual([]);
      const after = contentOf(dir);
      const changed = Object.keys(before).filter((file) => before[file] !== after[file]);
      expect(changed).toEqual(['deployment.json', 'eu/trust.json', 'global/trust.json', 'secrets.json', 'trust.json']);
      const nodes = (file: string): string[] => [...(parseTrust(after[file] as string).regions.get('eu')?.nodes.keys() ?? [])];
      expect([nodes('trust.json'), nodes('eu-a/trust.json'), nodes('eu-b/trust.json')]).toEqual([['eu-a', 'eu-b'], ['eu-a'], ['eu-b']]);
      expect(parseTrust(after['trust.json'] as string).regions.get('eu')?.nodes.get('eu-a')?.vkey)
        .toBe(parseTrust(before['trust.json'] as string).regions.get('eu')?.nodes.get('eu-a')?.vkey);
    });

    it('adds the key of a new replica, and says whose certificate lacks its name', async () => {
      const result = await createKeys(platformOf({ replicas: 3 }), dir);
      expect(result.created).toEqual(['eu/key-1', 'eu/key-2']);
      expect(result.notices).toEqual([
        `${at('eu/tls.crt')} is not for r1.eu.${DOMAIN}, r2.eu.${DOMAIN}: run \`tidemark keys renew ${dir} eu\``,
      ]);
      await renew(platformOf({ replicas: 3 }), dir, ['eu']);
      expect(await createKeys(platformOf({ replicas: 3 }), dir)).toEqual({ created: [], elsewhere: [], notices: [] });
    });

    it('does not make again what was put elsewhere', async () => {
      for (const file of ['ca.key', 'eu-a/key', 'eu-a/token', 'eu-a/tls.key', 'eu-a/tls.crt']) rmSync(at(file));
      expect(await createKeys(platformOf(), dir)).toEqual({ created: [], elsewhere: ['eu-a/key', 'eu-a/token', 'eu-a/tls.crt', 'eu-a/tls.key'], notices: [] });
    });

    it('finishes what was interrupted', async () => {
      for (const file of ['secrets.json', 'deployment.json', 'trust.json', 'eu/tls.crt', 'eu-a/tls.crt', 'eu-a/tls.key', 'eu/token']) rmSync(at(file));
      const key = readFileSync(at('eu/tls.key'));
      const note = readFileSync(at('eu-a/key'));
      const { created } = await createKeys(platformOf(), dir);
      expect([...created].sort()).toEqual(['deployment.json', 'eu-a/tls.crt', 'eu-a/tls.key', 'eu/tls.crt', 'eu/token', 'secrets.json', 'trust.json']);
      expect([readFileSync(at('eu/tls.key')), readFileSync(at('eu-a/key'))]).toEqual([key, note]);
      expect(certificate('eu/tls.crt').checkPrivateKey(createPrivateKey(key))).toBe(true);
    });

    it('asks for the authority\'s key when something is to be issued, and makes nothing before', async () => {
      rmSync(at('ca.key'));
      const before = contentOf(dir);
      expect(await messageOf(createKeys(platformOf({ edges: ['eu-a', 'eu-b'] }), dir))).toContain(
        `${at('ca.key')}: is not here, and a certificate for eu-b is to be issued; put it back for that long`,
      );
      expect(contentOf(dir)).toEqual(before);
    });

    it('refuses a folder that does not fit, with everything that stands against it', async () => {
      const other = join(root, 'other');
      await createKeys(platformOf({ environment: 'other' }), other);
      cpSync(join(other, 'ca.pem'), at('ca.pem'));
      cpSync(join(other, 'eu', 'tls.key'), at('eu/tls.key'));
      writeFileSync(at('eu-a/tls.crt'), '-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n');
      chmodSync(at('eu-a/token'), 0o644);
      const message = await messageOf(createKeys(platformOf({ environment: 'staging', more: { origin: 'other.example' } }), dir));
      for (const part of [
        'origin: was tm.example, is other.example', 'the folder is of tm/test, the config of tm/staging', `${at('eu-a/token')}: others than its owner can read it`,
        `${at('global/tls.crt')}: not of the authority in ca.pem`, `${at('eu/tls.crt')}: eu/tls.key is not its key`, `${at('eu-a/tls.crt')}: not what it should be (PEM)`,
      ]) expect(message).toContain(part);
      expect(message).not.toContain('hush');
    });

    it('refuses to start another authority beside certificates of one that is gone', async () => {
      for (const file of ['ca.pem', 'ca.key']) rmSync(at(file));
      expect(await messageOf(createKeys(platformOf(), dir))).toContain(`${at('ca.pem')}: is gone, and certificates were issued under it`);
    });

    it('says what expires, and what has', async () => {
      const inDays = async (days: number): Promise<readonly string[]> => (await createKeys(platformOf(), dir, Date.now() + days * DAY_MS)).notices;
      expect(await inDays(300)).toEqual([]);
      expect((await inDays(380))[0]).toMatch(/global\/tls\.crt expires in 1[67] days: run `tidemark keys renew .* global`$/);
      expect((await inDays(400))[0]).toContain('has expired on');
    });
  });

  describe('renew', () => {
    it('issues another certificate for the same key and the same names', async () => {
      const before = contentOf(dir);
      const renewed = await renew(platformOf(), dir, ['eu']);
      expect(renewed.map(({ site, file }) => [site, file])).toEqual([['eu', 'eu/tls.crt'], ['eu', 'eu/stream-tls.crt']]);
      const after = contentOf(dir);
      expect(Object.keys(before).filter((file) => before[file] !== after[file])).toEqual(['eu/stream-tls.crt', 'eu/tls.crt']);
      const [old, now] = [new X509Certificate(before['eu/tls.crt'] as string), certificate('eu/tls.crt')];
      expect(now.serialNumber).not.toBe(old.serialNumber);
      expect([now.subject, now.subjectAltName, now.fingerprint256 === old.fingerprint256]).toEqual([old.subject, old.subjectAltName, false]);
      expect(statSync(at('eu/tls.crt')).mode & 0o777).toBe(0o600);
      expect((await createKeys(platformOf(), dir)).notices).toEqual([]);
    });

    it('makes a new key when asked to', async () => {
      const before = readFileSync(at('eu-a/tls.key'), 'utf8');
      await renew(platformOf(), dir, ['eu-a'], { newKey: true });
      expect(readFileSync(at('eu-a/tls.key'), 'utf8')).not.toBe(before);
      expect(certificate('eu-a/tls.crt').checkPrivateKey(createPrivateKey(readFileSync(at('eu-a/tls.key'))))).toBe(true);
      expect(statSync(at('eu-a/tls.key')).mode & 0o777).toBe(0o600);
    });

    it('says everything that is in the way, and changes nothing', async () => {
      const before = contentOf(dir);
      rmSync(at('ca.key'));
      rmSync(at('eu/tls.key'));
      const message = await messageOf(renew(platformOf(), dir, ['eu', 'globl', 'mars']));
      expect(message.split('\n')).toEqual([
        'no site globl in the config; did you mean global?', 'no site mars in the config; it has global, eu, eu-a',
        `${at('ca.key')}: is not here; put it back for that long`, `${at('eu/tls.key')}: is not here; put it back for that long`,
      ]);
      expect(readFileSync(at('eu/tls.crt'), 'utf8')).toBe(before['eu/tls.crt']);
    });

    it('issues nothing that outlives its authority', async () => {
      const soon = Date.now() + 3_600 * DAY_MS;
      const [{ validTo } = { validTo: '' }] = await renew(platformOf(), dir, ['eu-a'], { now: soon });
      expect(Date.parse(validTo)).toBeLessThanOrEqual(certificate('ca.pem').validToDate.getTime());
      expect(await messageOf(renew(platformOf(), dir, ['eu-a'], { now: Date.now() + 3_660 * DAY_MS }))).toContain('has expired on');
    });

    it('says when the key is not the authority\'s', async () => {
      cpSync(at('eu/tls.key'), at('ca.key'));
      expect(await messageOf(renew(platformOf(), dir, ['eu-a']))).toMatch(/openssl x509 failed|the authority's key is not the one of/);
    });
  });

  describe('the commands', () => {
    const tidemark = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
      const [out, err]: [string[], string[]] = [[], []];
      const code = await run(args, { out: (text) => void out.push(text), err: (text) => void err.push(text), env: {} });
      return { code, out: out.join('\n'), err: err.join('\n') };
    };
    const config = (name: string, shape?: Shape): string => {
      const file = join(root, `${name}.json`);
      writeFileSync(file, JSON.stringify(inputOf(shape)));
      return file;
    };

    it('create, renew, push', async () => {
      const file = config('commands', { edges: ['eu-a', 'eu-c'] });
      const made = await tidemark('keys', 'create', dir, '--config', file, '--json');
      expect(made).toMatchObject({ code: 0, err: '' });
      expect((JSON.parse(made.out) as { created: string[] }).created).toContain('eu-c/key');
      expect(await tidemark('keys', 'create', dir, '--config', file)).toMatchObject({ code: 0, out: `nothing was missing in ${dir}` });
      const renewed = await tidemark('keys', 'renew', dir, 'eu-c', '--config', file);
      expect(renewed).toMatchObject({ code: 0, out: expect.stringMatching(/^SITE +FILE +VALID UNTIL\neu-c +eu-c\/tls\.crt +20/) });
      const pushed = await tidemark('keys', 'push', dir, '--site', 'eu-c');
      expect(pushed.out.split('\n')).toHaveLength(5);
    });

    it('end with 1 when somebody has to do something, and with 2 for what makes no sense', async () => {
      expect(await tidemark('keys', 'create', dir, '--config', config('replicas', { replicas: 3 }))).toMatchObject({ code: 1, err: expect.stringContaining('keys renew') });
      expect(await tidemark('keys', 'create', dir, '--config', config('elsewhere', { environment: 'other' }))).toMatchObject({ code: 1 });
      expect(await tidemark('keys', 'renew', dir, 'mars', '--config', config('mars'))).toMatchObject({ code: 2 });
      const local = join(root, 'local.json');
      writeFileSync(local, JSON.stringify({ ...inputOf(), deploy: undefined }));
      expect(await tidemark('keys', 'create', dir, '--config', local)).toMatchObject({ code: 2, err: expect.stringContaining('deploy: got nothing') });
    });
  });
});

describe('without the program openssl', () => {
  const path = process.env['PATH'];
  afterEach(() => {
    process.env['PATH'] = path;
  });

  it('says which tool is missing', async () => {
    process.env['PATH'] = join(root, 'nothing-here');
    const dir = join(root, 'toolless');
    expect(await messageOf(createKeys(platformOf(), dir))).toContain('the program openssl is missing');
    // What needs no certificate is there; the next run goes on from it.
    expect(existsSync(join(dir, 'eu', 'region-key'))).toBe(true);
    expect(existsSync(join(dir, 'secrets.json'))).toBe(false);
  });
});
