/**
 * What is synthesized runs: each container of a service, taken out of the stacks, is started from its bundle with exactly the
 * environment that stands there. With those of the pilot the whole platform is put together, load balancers included, and settles.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createSecureContext, rootCertificates } from 'node:tls';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeys } from '../../cli/keys/create.ts';
import { FILES, secretFiles } from '../../cli/keys/layout.ts';
import { issueAuthority, issueLeaf, newPrivateKey } from '../../cli/keys/openssl.ts';
import { createControlClient, createEdgeClient } from '../../services/protocol/client.ts';
import { createHttpClient, UnreachableError } from '../../services/protocol/http-client.ts';
import { containersOf, type Container } from './containers.ts';
import { deployment, synthesize, type Deployment } from './deployments.ts';
import { balance, buildImages, start, type Images, type Started } from './machines.ts';
import { describeUnless } from './missing.ts';
import { liveOn } from './own-address.ts';
import { temporaryFolder } from './scratch.ts';

const TIMEOUT_MS = 120_000;
/** Secrets that are not of `tidemark keys`: made by hand, as the deployment guide says. */
const BY_HAND = { 'ledger-credentials': JSON.stringify({ username: 'tidemark', password: 'of nobody' }) } as const;

/** Addresses on loopback, one for each machine. */
const ADDRESS = { 'control-plane': '127.77.0.2', 'regional-aggregator': '127.77.0.3', 'edge-node': '127.77.0.4' } as const;
const WELL_KNOWN_PORT = 443;

// Whole networks of loopback addresses are Linux's, and ports below 1024 the superuser's.
const possible = process.platform === 'linux' && process.getuid?.() === 0;

describeUnless(possible ? undefined : 'containers as programs: need Linux and root, for addresses and port 443 of their own')('what is synthesized runs', () => {
  const folder = temporaryFolder('runs');
  const wellKnown = join(folder, 'well-known.pem');
  const started: Started[] = [];
  let images: Images;
  let front: { readonly key: string; readonly cert: string };

  beforeAll(async () => {
    images = await buildImages(join(folder, 'images'));
    // In place of the authorities that everybody knows, which certificates of load balancers are from.
    const key = write('well-known.key', newPrivateKey());
    write('well-known.pem', await issueAuthority('Everybody knows', key));
    const leaf = write('front.key', newPrivateKey());
    const names = ['control.pilot.example.com', 'r0.eu.pilot.example.com'];
    front = { key: readFileSync(leaf, 'utf8'), cert: await issueLeaf({ commonName: names[0]!, names, days: 2 }, leaf, { certificate: wellKnown, key }) };
  }, TIMEOUT_MS);
  afterAll(async () => void await Promise.all(started.map((one) => one.stop())));

  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  };

  /** A deployment whose secrets are there. */
  const filled = async (of: Deployment): Promise<{ containers: Container[]; secret: (name: string) => string; authorities: string; token: string }> => {
    const keys = join(folder, `keys-${of.name}`);
    await createKeys(of.platform, keys);
    const files = new Map(secretFiles(of.platform).map(({ name, file }) => [name, join(keys, file)]));
    const secret = (name: string): string => {
      const byHand = BY_HAND[name.split('/').at(-1)! as keyof typeof BY_HAND];
      const file = files.get(name);
      if (file === undefined && byHand === undefined) throw new Error(`${name}: no such secret of tidemark keys create`);
      return file === undefined ? byHand : readFileSync(file, 'utf8');
    };
    const authorities = readFileSync(join(keys, FILES.authority), 'utf8');
    const token = secretFiles(of.platform).find(({ stack, what }) => stack.kind === 'global' && what === 'token')!;
    return { containers: containersOf(synthesize(of, { authorities })), secret, authorities, token: secret(token.name).trim() };
  };

  const disk = (name: string): string => {
    const path = join(folder, 'disks', name);
    mkdirSync(path, { recursive: true });
    return path;
  };

  test('the pilot settles: from edge node through region to the ledger, over TLS that both sides prove themselves with', async () => {
    const pilot = deployment('pilot');
    const { containers, secret, authorities, token } = await filled(pilot);
    const site = 'eu-fra-1';
    const { domain } = pilot.platform.deploy;
    const names = {
      [`control.${domain}`]: ADDRESS['control-plane'], [`r0.eu.${domain}`]: ADDRESS['regional-aggregator'], [`${site}.${domain}`]: ADDRESS['edge-node'],
    };
    const closers = [
      await balance(ADDRESS['control-plane'], { host: ADDRESS['control-plane'], port: 8_080 }, front),
      // Only sites of the platform get past this one.
      await balance(ADDRESS['regional-aggregator'], { host: ADDRESS['regional-aggregator'], port: 8_080 }, { ...front, ca: authorities, requestCert: true, rejectUnauthorized: true }),
    ];
    const running = containers.filter(({ stack }) => ['global', 'region-eu', `edge-${site}`].includes(stack)).map((container) => {
      const one = start({ container, images, secret, disk: disk(`pilot-${container.stack}`), machine: { address: ADDRESS[container.service.id], names }, wellKnown });
      started.push(one);
      return { container, one };
    });
    expect(running.map(({ container }) => container.service.id).sort()).toEqual(['control-plane', 'edge-node', 'regional-aggregator']);
    for (const { container, one } of running) await healthy(container, one);

    liveOn({ names });
    const http = createHttpClient({ secureContext: createSecureContext({ ca: [...rootCertificates, authorities, readFileSync(wellKnown, 'utf8')] }) });
    const control = createControlClient(`https://control.${domain}`, { token, http });
    const edge = createEdgeClient(`https://${site}.${domain}:8080`, { http });
    await control.openAccount({ account: 'alice', asset: 'EUR', overdraftLimit: null });
    await control.openAccount({ account: 'bob', asset: 'EUR', overdraftLimit: '0' });
    // It hears of accounts by and by; asked, at once.
    await eventually(async () => expect(await edge.prefetch(['alice', 'bob'])).toEqual([]));
    const receipt = await edge.settle({ id: 'first', asset: 'EUR', amount: 1_234n, debitAccount: 'alice', creditAccount: 'bob' });
    expect(receipt.state).toBe('provisional');
    await eventually(async () => expect((await edge.settlement('first')).state).toBe('final'));
    expect((await control.account('bob')).balance).toBe('1234');

    // Nobody without a certificate of the platform reaches a replica through the load balancer.
    await expect(http.call(`https://r0.eu.${domain}:${WELL_KNOWN_PORT}/healthz`)).rejects.toThrow(UnreachableError);
    await http.close();
    for (const { one } of [...running].reverse()) expect(await one.stop(), one.said()).toBe(0);
    for (const close of closers) await close();
  }, TIMEOUT_MS);

  test('each container of production starts, and is well', async () => {
    const { containers, secret } = await filled(deployment('production'));
    const kinds = new Map(containers.map((container) => [`${container.service.id} ${Object.keys(container.environment)} ${Object.keys(container.secrets)}`, container]));
    expect(new Set([...kinds.values()].map(({ service }) => service.id)).size).toBe(3);
    for (const container of kinds.values()) {
      const one = start({ container, images, secret, disk: disk(`production-${container.stack}`), machine: { address: ADDRESS[container.service.id], names: {} }, wellKnown });
      started.push(one);
      await healthy(container, one);
      expect(await one.stop(), `${container.stack}: ${one.said()}`).toBe(0);
    }
  }, TIMEOUT_MS);

  test('each refuses to start without a setting that it needs, by name', async () => {
    const { containers, secret } = await filled(deployment('pilot'));
    for (const container of new Map(containers.map((one) => [one.service.id, one])).values()) {
      const { TIDEMARK_TRUST_CONTENT: _trust, ...secrets } = container.secrets;
      const { TIDEMARK_SITE: _site, ...environment } = container.environment;
      const one = start({
        container: { ...container, secrets, environment }, images, secret, disk: disk('none'), machine: { address: ADDRESS[container.service.id], names: {} }, wellKnown,
      });
      started.push(one);
      expect(await one.ended, one.said()).toBe(2);
      expect(one.said()).toMatch(/TIDEMARK_SITE/);
      expect(one.said()).toMatch(/TIDEMARK_TRUST_CONTENT/);
    }
  }, TIMEOUT_MS);
});

/** Asks as often as the container agent would, only without its pauses. */
async function healthy(container: Container, one: Started): Promise<void> {
  let ended = false;
  void one.ended.then(() => { ended = true; });
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { code, stdout, stderr } = await one.health();
    // It is well before it says so; told to stop in between, it would not have listened to that yet.
    if (code === 0 && one.said().includes('listening ')) return;
    if (ended || performance.now() > deadline) throw new Error(`${container.stack}: ${container.service.id} is not well: ${stdout}${stderr}\n${one.said()}`);
  }
}

async function eventually(holds: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      return await holds();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}
