import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { definePlatform, formatAddressLock, planAddresses, withPlan, type PlatformInput } from '../../platform/index.ts';
import { run } from '../program.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-config-check-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folder: string;
let n = 0;
beforeEach(() => {
  folder = join(root, String(n++));
  mkdirSync(folder);
});

const good: PlatformInput = {
  name: 'tm', origin: 'tm.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  locations: [{ id: 'brno', near: 'eu-central-1', roundTripMs: 9 }],
  regions: [{
    id: 'eu', location: 'eu-central-1', replicas: 3, edges: [{ id: 'waw', location: 'eu-central-1-waw-1' }, { id: 'brq', location: 'brno' }],
  }],
  deploy: {
    domain: 'clearing.example.com', hostedZoneId: 'Z0123456789', replicaRegion: 'eu-west-3', contacts: { page: ['a@example.com'], ticket: ['a@example.com'] },
  },
};
const write = (input: unknown, name = 'a.json'): string => {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(input));
  return file;
};
const record = (input: PlatformInput): void => {
  const platform = definePlatform(input);
  writeFileSync(join(folder, 'addresses.lock.json'), formatAddressLock(withPlan(undefined, platform, planAddresses(platform))));
};

async function check(file: string, { json = false, columns }: { json?: boolean; columns?: number } = {}): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await run(['config', 'check', file, ...(json ? ['--json'] : [])], {
    out: (text) => void out.push(text), err: (text) => void err.push(text), env: {}, columns,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('a config that is in order', () => {
  it('says what goes where', async () => {
    const file = write(good);
    expect(await check(file)).toEqual({
      code: 0, err: '', out: `${file}: in order. tm settles EUR with 1 region and 2 edge nodes; 0 SLAs
On AWS: production, the production shape with managed storage, below clearing.example.com

SITE    STACK      KIND         AWS REGION    ZONES                NETWORK
global  global     region       eu-west-1     a b c                10.64.0.0/18 *
eu      region-eu  region       eu-central-1  a b c                10.64.64.0/18 *
waw     edge-waw   local-zone   eu-central-1  eu-central-1-waw-1a  10.127.255.0/24 *
brq     edge-brq   on-premises  eu-central-1  -                    -

* not in addresses.lock.json yet: \`tidemark synth\` records it`,
    });
  });

  it('marks what is recorded, and keeps to it', async () => {
    record(good);
    const [region] = good.regions;
    const more = write({ ...good, regions: [{ ...region, edges: [{ id: 'ham', location: 'eu-central-1-ham-1' }, ...region?.edges ?? []] }] });
    const { out } = await check(more);
    expect(out).toMatch(/waw .* 10\.127\.255\.0\/24$/m);
    expect(out).toMatch(/ham .* 10\.127\.254\.0\/24 \*$/m);
    expect((await check(write(good))).out).not.toContain('*');
  });

  it('fits a narrow terminal', async () => {
    const { out } = await check(write(good), { columns: 70 });
    for (const line of out.split('\n').slice(3)) expect(line.length).toBeLessThanOrEqual(70);
  });

  it('is JSON when asked', async () => {
    const { code, out } = await check(write(good), { json: true });
    const { ok, sites, deploy } = JSON.parse(out) as { ok: boolean; sites: { id: string; deploy: object }[]; deploy: object };
    expect([code, ok, deploy]).toEqual([0, true, {
      environment: 'production', shape: 'production', storage: 'managed', domain: 'clearing.example.com', cidr: '10.64.0.0/10',
    }]);
    expect(sites.find((site) => site.id === 'waw')?.deploy).toEqual({
      stack: 'edge-waw', awsRegion: 'eu-central-1', kind: 'local-zone', zones: ['eu-central-1-waw-1a'], network: '10.127.255.0/24', recorded: false,
    });
  });

  it('may be for this machine only', async () => {
    const { deploy: _, ...local } = good;
    expect(await check(write(local))).toMatchObject({ code: 0, out: expect.stringContaining('It has no `deploy`: it runs on this machine only.') });
    expect((JSON.parse((await check(write(local), { json: true })).out) as object)).not.toHaveProperty('deploy');
  });
});

describe('a config with mistakes', () => {
  const bad = { ...good, name: 'T', deploy: { ...good.deploy, domain: 'x', edges: { wav: {} } } };

  it('ends with 1, and lists them all', async () => {
    const file = write(bad);
    const { code, out, err } = await check(file);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^tidemark: .*a\.json: 3 mistakes\n {2}name: got "T".*\n {2}deploy\.domain: .*\n {2}deploy\.edges\.wav: .*did you mean "waw"\?$/);
  });

  it('is JSON when asked', async () => {
    const { code, out } = await check(write(bad), { json: true });
    const { ok, error } = JSON.parse(out) as { ok: boolean; error: { issues: { path: string }[] } };
    expect([code, ok, error.issues.map((issue) => issue.path)]).toEqual([1, false, ['name', 'deploy.domain', 'deploy.edges.wav']]);
  });

  it('is one whose networks can\'t be where they are', async () => {
    record(good);
    const { code, err } = await check(write({ ...good, deploy: { ...good.deploy, edges: { waw: { cidr: '10.70.0.0/24' } } } }));
    expect([code, err]).toEqual([1, expect.stringContaining('deploy.edges.waw.cidr: got "10.70.0.0/24"; allowed: 10.127.255.0/24')]);
  });

  it('is one beside a record that makes no sense', async () => {
    writeFileSync(join(folder, 'addresses.lock.json'), '<<<<<<< HEAD\n');
    expect(await check(write(good))).toMatchObject({ code: 1, err: expect.stringContaining(`${join(folder, 'addresses.lock.json')}: 1 mistake\n  not JSON`) });
  });
});

it('a file that is not there, or is no config, makes no sense', async () => {
  expect(await check(join(folder, 'none.ts'))).toMatchObject({ code: 2 });
  cpSync(write(good), join(folder, 'a.txt'));
  expect(await check(join(folder, 'a.txt'))).toMatchObject({ code: 2 });
});
