import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SERVICES } from '../../platform/index.ts';
import { baseFor, openBase } from './base.ts';
import { readArchived, type Archived } from './build.ts';
import { digestOf } from './digest.ts';
import { LABEL, SBOM_LABEL } from './image.ts';
import { writeArchive } from './archive.ts';
import { pushImage } from './push.ts';
import { fetchManifest, openRepository } from './registry.ts';
import { fakeImage, NODE_FILES, startFakeRegistry, type FakeImage, type FakeRegistry, type FakeRegistryOptions } from './testing.ts';
import { MEDIA, type Manifest } from './oci.ts';
import { stableJson } from './digest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-registry-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let registry: FakeRegistry;
let cache: string;
/** Of Docker's configuration, in a folder of its own. */
let env: Record<string, string>;
const begin = async (options?: FakeRegistryOptions): Promise<FakeRegistry> => (registry = await startFakeRegistry(options));
const login = (config: object): void => writeFileSync(join(env['DOCKER_CONFIG']!, 'config.json'), JSON.stringify(config));
const auths = (text: string): object => ({ auths: { [registry.host]: { auth: Buffer.from(text).toString('base64') } } });

beforeEach(() => {
  cache = mkdtempSync(join(folder, 'cache-'));
  env = { DOCKER_CONFIG: mkdtempSync(join(folder, 'docker-')), PATH: process.env['PATH']! };
});
afterEach(() => registry.close());

/** An image that looks like one of ours. */
function ours(base: FakeImage = fakeImage()): FakeImage {
  const manifest: Manifest = {
    ...base.manifest, annotations: {
      [LABEL.title]: 'tidemark/edge-node', [LABEL.version]: '1', [LABEL.revision]: digestOf('r'), [LABEL.baseDigest]: digestOf('b'), [SBOM_LABEL]: digestOf('s'),
    },
  };
  const bytes = Buffer.from(stableJson(manifest));
  const digest = digestOf(bytes);
  return { ...base, manifest, descriptor: { ...base.descriptor, digest, size: bytes.length }, parts: new Map([...base.parts, [digest, new Blob([bytes])]]) };
}
async function archived(...images: FakeImage[]): Promise<Archived> {
  const file = join(cache, 'edge-node.tar');
  await writeArchive(file, images, { name: 'tidemark/edge-node', version: '1', tag: '1-abc', epoch: 0 });
  return readArchived(file, SERVICES['edge-node']);
}
const target = () => ({ registry: registry.host, prefix: 'team', env, there: new Map<`sha256:${string}`, string>() });

describe('a base from a registry', () => {
  const open = async (digest: string): Promise<string> => {
    const { source, name } = await openBase(`${registry.host}/team/node@${digest}`, { env, cache });
    return (await baseFor(source, name, 'linux/amd64')).digest;
  };

  test('by digest: fetched once, kept, and compared', async () => {
    await begin();
    const image = fakeImage();
    await registry.put('team/node', image);
    expect(await open(image.descriptor.digest)).toBe(image.descriptor.digest);
    const fetched = registry.requests.filter((r) => r.includes('/blobs/')).length;
    expect(await open(image.descriptor.digest)).toBe(image.descriptor.digest);
    expect(registry.requests.filter((r) => r.includes('/blobs/')).length).toBe(fetched);
    // A kept part that was damaged since is found, and fetched anew the next time.
    const [layer] = image.manifest.layers;
    writeFileSync(join(cache, layer!.digest.replace(':', '-')), Buffer.alloc(layer!.size));
    await expect(open(image.descriptor.digest)).rejects.toThrow(/it is damaged/);
    expect(await open(image.descriptor.digest)).toBe(image.descriptor.digest);
  });

  test('a registry that hands out something else is caught, and nothing of it is kept', async () => {
    await begin();
    const image = fakeImage();
    await registry.put('team/node', image);
    const { digest } = image.manifest.layers[0]!;
    for (const wrong of [Buffer.from('short'), Buffer.alloc(image.manifest.layers[0]!.size), Buffer.alloc(1_000_000)]) {
      registry.blobs.set(digest, wrong);
      await expect(open(image.descriptor.digest)).rejects.toThrow(/expected|announced/);
      expect(readdirSync(cache).filter((name) => name.includes(digest.slice(7)))).toEqual([]);
    }
    registry.manifests.set(`team/node/${image.descriptor.digest}`, { type: MEDIA.manifest, bytes: Buffer.from('{}') });
    await expect(open(image.descriptor.digest)).rejects.toThrow(/what came has the digest/);
  });

  test('one that it does not have', async () => {
    await begin();
    await expect(open(digestOf('none'))).rejects.toThrow(/404 \(MANIFEST_UNKNOWN manifest unknown\)/);
  });

  test('a registry that is not there', async () => {
    const { host } = await begin();
    await registry.close();
    await expect(openBase(`${host}/x@${digestOf('')}`, { env, cache })).rejects.toThrow(new RegExp(`${host}: cannot be reached: .*ECONNREFUSED`));
    await begin();
  });

  test('storage elsewhere gets the request, and not our password', async () => {
    const storage = await startFakeRegistry();
    await begin({
      auth: 'basic', instead: (request: IncomingMessage, response: ServerResponse) => {
        if (!request.url!.includes('/blobs/')) return false;
        response.writeHead(307, { location: `http://${storage.host}${request.url}` }).end();
        return true;
      },
    });
    login(auths('somebody:secret'));
    const image = fakeImage();
    await registry.put('team/node', image);
    await storage.put('team/node', image);
    expect(await open(image.descriptor.digest)).toBe(image.descriptor.digest);
    expect(storage.requests.length).toBeGreaterThan(0);
    expect(storage.requests.filter((r) => !r.endsWith(' -'))).toEqual([]);
    await storage.close();
  });
});

describe('logging in', () => {
  const tagged = async (): Promise<string> => {
    await registry.put('team/node', fakeImage(), '26');
    return (await fetchManifest(openRepository({ registry: registry.host, path: 'team/node' }, 'pull', { env }), '26')).digest;
  };

  test('with a token that needs no name', async () => {
    await begin({ auth: 'bearer' });
    await tagged();
    expect(registry.requests.at(-1)).toMatch(/Bearer repository:team\/node:pull for anybody$/);
  });

  test('with a token for who docker login says we are', async () => {
    await begin({ auth: 'bearer' });
    login(auths('somebody:secret'));
    await tagged();
    expect(registry.requests.at(-1)).toMatch(/Bearer repository:team\/node:pull for somebody$/);
  });

  test('with name and password', async () => {
    await begin({ auth: 'basic' });
    login(auths('somebody:secret'));
    expect(await tagged()).toMatch(/^sha256:/);
  });

  test('without having logged in: how to is said', async () => {
    await begin({ auth: 'basic' });
    await expect(tagged()).rejects.toThrow(/asks who we are; log in first: docker login .*aws ecr get-login-password/);
  });

  test('with the wrong password, which is not shown', async () => {
    await begin({ auth: 'basic' });
    login(auths('somebody:wrong'));
    await expect(tagged()).rejects.toThrow(/401/);
    await expect(tagged()).rejects.not.toThrow(/wrong/);
  });

  test('with a credential helper', async () => {
    await begin({ auth: 'basic' });
    const bin = join(cache, 'bin');
    mkdirSync(bin);
    const helper = join(bin, 'docker-credential-test');
    writeFileSync(helper, `#!/bin/sh\nread host\n[ "$1 $host" = "get ${registry.host}" ] && echo '{"Username":"somebody","Secret":"secret"}'\n`);
    chmodSync(helper, 0o755);
    env['PATH'] = `${bin}:${env['PATH']}`;
    login({ credHelpers: { [registry.host]: 'test' } });
    expect(await tagged()).toMatch(/^sha256:/);
    writeFileSync(helper, '#!/bin/sh\necho "secret thing"; exit 3\n');
    await expect(tagged()).rejects.toThrow(/docker-credential-test, which .* names, failed \(3\)/);
    await expect(tagged()).rejects.not.toThrow(/secret thing/);
    login({ credsStore: '../../bin/sh' });
    await expect(tagged()).rejects.toThrow(/not the name of one/);
  });

  test('somewhere that would send our password in the clear is refused', async () => {
    await begin({ auth: 'bearer', realm: 'http://tokens.example.com/' });
    login(auths('somebody:secret'));
    await expect(tagged()).rejects.toThrow(/wants our password sent to http:\/\/tokens\.example\.com, where others can read it/);
  });

  test('with a configuration that makes no sense', async () => {
    await begin({ auth: 'basic' });
    login(auths('nonsense'));
    await expect(tagged()).rejects.toThrow(/not user:password in base64/);
    writeFileSync(join(env['DOCKER_CONFIG']!, 'config.json'), '{');
    await expect(tagged()).rejects.toThrow(/config\.json: cannot be read/);
  });

  test('a token that ran out is asked for again', async () => {
    let refused = false;
    await begin({
      auth: 'bearer', instead: (request, response) => {
        if (refused || request.headers.authorization === undefined || !request.url!.includes('/blobs/')) return false;
        refused = true;
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end();
        return true;
      },
    });
    await pushImage(await archived(ours()), target());
    expect([refused, registry.requests.filter((r) => r.startsWith('GET /token')).length]).toEqual([true, 2]);
  });
});

describe('pushing', () => {
  test('the registry has exactly what was built, by tag and by digest', async () => {
    await begin();
    const image = await archived(ours());
    const pushed = await pushImage(image, target());
    expect(pushed).toEqual({ reference: `${registry.host}/team/tidemark/edge-node@${image.digest}`, tag: '1-abc', sent: image.platforms['linux/amd64']!.size });
    expect(digestOf(registry.manifests.get('team/tidemark/edge-node/1-abc')!.bytes)).toBe(image.digest);
    const { source } = await openBase(pushed.reference, { env, cache });
    expect((await baseFor(source, null, 'linux/amd64')).digest).toBe(image.digest);
  });

  test('again: nothing is sent, and no tag is written', async () => {
    await begin();
    const image = await archived(ours());
    await pushImage(image, target());
    registry.requests.length = 0;
    expect((await pushImage(image, target())).sent).toBe(0);
    expect(registry.requests.filter((r) => !r.startsWith('HEAD'))).toEqual([]);
  });

  test('several platforms: each by its digest, the index by the tag', async () => {
    await begin();
    const image = await archived(ours(), ours(fakeImage({ architecture: 'arm64', layers: [NODE_FILES, [{ path: 'b', body: Buffer.from('arm') }]] })));
    await pushImage(image, target());
    const tagged = registry.manifests.get('team/tidemark/edge-node/1-abc')!;
    expect([tagged.type, digestOf(tagged.bytes)]).toEqual([MEDIA.index, image.digest]);
    for (const { digest } of Object.values(image.platforms)) expect(registry.manifests.has(`team/tidemark/edge-node/${digest}`)).toBe(true);
  });

  test('a part that another repository has is not sent again', async () => {
    await begin();
    const to = target();
    const image = await archived(ours());
    await pushImage(image, to);
    registry.requests.length = 0;
    // Gone from this repository, as a registry sees it, but known to be in another.
    const [layer] = [...to.there.keys()].slice(1);
    const kept = registry.blobs.get(layer!)!;
    const other = { ...image, name: 'tidemark/other', tag: '2' };
    to.there.set(layer!, 'team/tidemark/edge-node');
    registry.blobs.delete(layer!);
    const bytes = (await pushImage(other, to)).sent;
    expect(registry.requests.find((r) => r.includes('mount='))).toContain(`mount=${layer}&from=team%2Ftidemark%2Fedge-node`);
    expect(bytes).toBe(kept.length);
  });

  test('a registry that keeps something else than was pushed is told of', async () => {
    await begin({
      instead: (request, response) => {
        if (request.method !== 'PUT' || !request.url!.includes('/manifests/')) return false;
        registry.manifests.set('team/tidemark/edge-node/1-abc', { type: MEDIA.manifest, bytes: Buffer.from('{"schemaVersion":2}') });
        response.writeHead(201).end();
        return true;
      },
    });
    const image = await archived(ours());
    await expect(pushImage(image, target())).rejects.toThrow(new RegExp(`the registry has sha256:.*, ${image.digest} was pushed`));
  });

  test('a refusal is told with its reason', async () => {
    await begin({
      instead: (request, response) => {
        if (request.method !== 'POST') return false;
        response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"repository does not exist"}]}');
        return true;
      },
    });
    await expect(pushImage(await archived(ours()), target())).rejects.toThrow(/403 \(DENIED repository does not exist\)/);
  });

  test('an archive of something else', async () => {
    await begin();
    await expect(archived(fakeImage())).rejects.toThrow(/is not the image of tidemark\/edge-node; build it: tidemark images build --service edge-node/);
  });
});
