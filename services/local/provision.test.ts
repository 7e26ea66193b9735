import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { toPolicy, type Platform, type PlatformInput } from '../../platform/index.ts';
import { encodePolicy } from '../protocol/index.ts';
import { parseSigner, parseTrust, type Signer, type Trust } from '../transparency/index.ts';
import { samplePlatform, temporaryFolder } from './fixtures/platform.ts';
import { layoutOf, provision, ProvisionError } from './provision.ts';

const folder = (): string => temporaryFolder(onTestFinished);
const readTrust = (path: string): Trust => parseTrust(readFileSync(path, 'utf8'));
const readSigner = (path: string): Signer => parseSigner(readFileSync(path, 'utf8').trim());
const regions = (samplePlatform() as PlatformInput).regions;

/** Every file below a folder with its content and mode. */
function snapshot(dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir, { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).map((e) => {
    const path = join(e.parentPath, e.name);
    return [path.slice(dir.length), `${(statSync(path).mode & 0o777).toString(8)} ${readFileSync(path, 'utf8')}`];
  }));
}

function refusal(platform: Platform, dir: string): string {
  try {
    provision(platform, dir);
  } catch (error) {
    if (error instanceof ProvisionError) return error.message;
    throw error;
  }
  throw new Error('expected a refusal');
}

describe('the first start', () => {
  test('makes a key for every signer, by its name in the protocol, and trusts exactly these', () => {
    const layout = provision(samplePlatform(), folder());
    const trust = readTrust(layout.trust);
    expect(readSigner(layout.globalKey).name).toBe('sample.example/global');
    expect(trust.global.name).toBe('sample.example/global');
    expect([trust.origin, trust.witnessQuorum, [...trust.regions.keys()]]).toEqual(['sample.example', 1, ['eu', 'us']]);
    const eu = trust.regions.get('eu');
    expect([eu?.log.name, eu?.quorum]).toEqual(['sample.example/region/eu', 2]);
    expect(eu?.replicas.map((v) => v.name)).toEqual([0, 1, 2].map((n) => `sample.example/region/eu/replica/${n}`));
    const nodes = [...(eu?.nodes ?? [])].map(([id, v]) => [id, v.name]);
    expect(nodes).toEqual([['eu-a', 'sample.example/edge/eu-a'], ['eu-b', 'sample.example/edge/eu-b']]);
    expect(readSigner(layout.regionKey('eu')).vkey).toContain('sample.example/region/eu+');
    expect(readSigner(layout.replicaKey('eu', 2)).kind).toBe('cosignature/v1');
    expect(readSigner(layout.edgeKey('us-a')).kind).toBe('ed25519');
  });

  test('a signing secret for each webhook, and none without; an exposed file is refused', () => {
    const dir = folder();
    const { webhookSecrets } = provision(samplePlatform(), dir);
    expect(existsSync(webhookSecrets)).toBe(false);
    const platform = samplePlatform({ webhooks: [{ id: 'a', url: 'http://localhost:9/' }] });
    provision(platform, dir);
    const before = readFileSync(webhookSecrets, 'utf8');
    expect(JSON.parse(before)).toEqual({ a: expect.stringMatching(/^whsec_/) });
    provision(platform, dir);
    expect(readFileSync(webhookSecrets, 'utf8')).toBe(before);
    chmodSync(webhookSecrets, 0o644);
    expect(refusal(platform, dir)).toContain('webhook-secrets.json: others than its owner can read it');
  });

  test('writes policy and token; all of it for its owner alone', () => {
    const dir = folder();
    const layout = provision(samplePlatform(), dir);
    expect(readFileSync(layout.policy, 'utf8')).toBe(encodePolicy(toPolicy(samplePlatform())));
    expect(readFileSync(layout.token, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(JSON.parse(readFileSync(layout.slas, 'utf8'))).toEqual(samplePlatform().slas);
    for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
      expect([entry.name, mode]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
    }
  });

  test('two platforms have nothing in common', () => {
    const [a, b] = [provision(samplePlatform(), folder()), provision(samplePlatform(), folder())];
    expect(readFileSync(a.token, 'utf8')).not.toBe(readFileSync(b.token, 'utf8'));
    expect(readTrust(a.trust).global.vkey).not.toBe(readTrust(b.trust).global.vkey);
  });
});

describe('a later start', () => {
  test('changes nothing', () => {
    const dir = folder();
    provision(samplePlatform(), dir);
    const before = snapshot(dir);
    provision(samplePlatform(), dir);
    expect(snapshot(dir)).toEqual(before);
  });

  test('finishes what a crash cut off: keys that are there stay', () => {
    const dir = folder();
    const layout = provision(samplePlatform(), dir);
    const keys = readFileSync(layout.globalKey, 'utf8');
    for (const file of [layout.trust, layout.deployment, layout.policy, layout.token, layout.edgeKey('us-a')]) rmSync(file);
    provision(samplePlatform(), dir);
    expect(readFileSync(layout.globalKey, 'utf8')).toBe(keys);
    expect(readTrust(layout.trust).regions.get('us')?.nodes.has('us-a')).toBe(true);
  });

  test('adds a region, an edge node, replicas; what was there keeps its keys', () => {
    const dir = folder();
    const layout = provision(samplePlatform(), dir);
    const before = readTrust(layout.trust);
    provision(samplePlatform({
      regions: [
        {
          id: 'eu', location: 'eu-west-1', replicas: 5,
          edges: [...(regions[0]?.edges ?? []), { id: 'eu-c', location: 'eu-west-3' }],
        },
        regions[1]!,
        { id: 'ap', location: 'ap-south-1', edges: [{ id: 'ap-a', location: 'ap-south-1' }] },
      ],
    }), dir);
    const after = readTrust(layout.trust);
    expect([...after.regions.keys()]).toEqual(['eu', 'us', 'ap']);
    const [old, grown] = [before.regions.get('eu'), after.regions.get('eu')];
    expect(grown?.quorum).toBe(3);
    expect(grown?.replicas.slice(0, 3).map((v) => v.vkey)).toEqual(old?.replicas.map((v) => v.vkey));
    expect(grown?.replicas).toHaveLength(5);
    expect([...(grown?.nodes.keys() ?? [])]).toEqual(['eu-a', 'eu-b', 'eu-c']);
    expect(after.global.vkey).toBe(before.global.vkey);
  });

  test('keeps what the config no longer names: files, and trust in its history; the private key may go', () => {
    const dir = folder();
    const layout = provision(samplePlatform(), dir);
    const fewer = samplePlatform({ regions: [{ ...regions[0]!, edges: [{ id: 'eu-a', location: 'eu-west-1' }] }] });
    provision(fewer, dir);
    const trust = readTrust(layout.trust);
    expect([...(trust.regions.get('eu')?.nodes.keys() ?? [])]).toEqual(['eu-a', 'eu-b']);
    expect(trust.regions.get('us')?.nodes.has('us-a')).toBe(true);
    expect(existsSync(layout.edgeKey('us-a'))).toBe(true);
    rmSync(layout.edgeKey('us-a'));
    provision(fewer, dir);
    expect(refusal(samplePlatform(), dir)).toContain('the private key of sample.example/edge/us-a is gone');
  });

  test('takes a changed policy with a higher version', () => {
    const dir = folder();
    const layout = provision(samplePlatform({ policy: { version: 3 } }), dir);
    const message = refusal(samplePlatform({ policy: { version: 3, offlineAfterMs: 1_000 } }), dir);
    expect(message).toMatch(/policy: changed, but its version is 3 and was 3/);
    provision(samplePlatform({ policy: { version: 4, offlineAfterMs: 1_000 } }), dir);
    expect(readFileSync(layout.policy, 'utf8')).toContain('"offlineAfterMs":1000');
  });
});

describe('refuses, and leaves everything as it was', () => {
  const cases: readonly { readonly name: string; readonly change: Partial<PlatformInput>; readonly says: readonly RegExp[] }[] = [
    { name: 'another origin', change: { origin: 'other.example' }, says: [/origin: was sample\.example, is other\.example/] },
    {
      name: 'another id of the control plane', change: { controlPlane: { id: 'centre', location: 'eu-central-1' } },
      says: [/controlPlane\.id: was global, is centre/],
    },
    { name: 'another scale', change: { assets: [{ code: 'EUR', scale: 3 }] }, says: [/EUR had 2 decimal places, now 3/] },
    {
      name: 'fewer replicas', change: { regions: [{ ...regions[0]!, replicas: 1, quorum: 1 }, regions[1]!] },
      says: [/regions\.eu\.replicas: was 3, is 1/],
    },
    {
      name: 'an edge node that moves, and one whose id was a region, both at once',
      change: {
        regions: [
          { ...regions[0]!, edges: [{ id: 'us-a', location: 'us-east-1' }] },
          { id: 'eu-b', location: 'us-east-1' },
          { id: 'na', location: 'us-east-1', edges: [{ id: 'us', location: 'us-east-1' }] },
        ],
      },
      says: [/us-a was an edge node of us/, /eu-b was an edge node of eu/, /us was a region/],
    },
  ];
  test.each(cases)('$name', ({ change, says }) => {
    const dir = folder();
    provision(samplePlatform(), dir);
    const before = snapshot(dir);
    const message = refusal(samplePlatform(change), dir);
    for (const text of says) expect(message).toMatch(text);
    expect(message).toContain(dir);
    expect(snapshot(dir)).toEqual(before);
  });

  test('a private key that is gone, exposed, someone else\'s or broken', () => {
    const dir = folder();
    const layout = provision(samplePlatform(), dir);
    const original = readFileSync(layout.globalKey, 'utf8');
    rmSync(layout.globalKey);
    expect(refusal(samplePlatform(), dir)).toContain('the private key of sample.example/global is gone');
    writeFileSync(layout.globalKey, original, { mode: 0o644 });
    expect(refusal(samplePlatform(), dir)).toContain('others than its owner can read it');
    chmodSync(layout.globalKey, 0o600);
    writeFileSync(layout.globalKey, readFileSync(layout.edgeKey('eu-a')));
    expect(refusal(samplePlatform(), dir)).toContain("the key is sample.example/edge/eu-a's, expected sample.example/global's");
    const other = provision(samplePlatform(), folder());
    writeFileSync(layout.globalKey, readFileSync(other.globalKey));
    expect(refusal(samplePlatform(), dir)).toContain('not the key that trust.json has');
    writeFileSync(layout.globalKey, 'PRIVATE+KEY+nonsense\n');
    expect(refusal(samplePlatform(), dir)).toContain(layout.globalKey);
    writeFileSync(layout.globalKey, original);
    provision(samplePlatform(), dir);
  });

  test('a token that others can read', () => {
    const dir = folder();
    const layout = provision(samplePlatform(), dir);
    chmodSync(layout.token, 0o640);
    expect(refusal(samplePlatform(), dir)).toContain(layout.token);
  });

  test('a record that is not JSON, or of a later version', () => {
    const dir = folder();
    mkdirSync(dir, { recursive: true });
    const layout = layoutOf(dir);
    writeFileSync(layout.deployment, '{"v":');
    expect(() => provision(samplePlatform(), dir)).toThrow(/deployment\.json: not JSON/);
    writeFileSync(layout.deployment, '{"v":2}');
    expect(refusal(samplePlatform(), dir)).toMatch(/version 2 is not known/);
  });
});
