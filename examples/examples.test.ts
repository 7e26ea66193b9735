import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deployed, edgeHostOf, loadPlatform, planAddresses, type Platform } from '../platform/index.ts';

const load = (name: string): Promise<Platform> => loadPlatform(join(import.meta.dirname, `${name}.config.ts`));
const kinds = (platform: Platform): string[] =>
  platform.regions.flatMap((region) => region.edges.map((edge) => edgeHostOf(deployed(platform), edge).kind));

describe('the examples', () => {
  it('are these three', () => {
    expect(readdirSync(import.meta.dirname).filter((file) => file.endsWith('.config.ts')).sort())
      .toEqual(['laptop.config.ts', 'pilot.config.ts', 'production.config.ts']);
  });

  it('a laptop: nothing goes to AWS', async () => {
    const platform = await load('laptop');
    expect(platform.regions.map((region) => [region.replicas, region.edges.length])).toEqual([[1, 1]]);
    expect(() => deployed(platform)).toThrow('deploy: got nothing; allowed: where it goes on AWS');
  });

  it('a pilot: one region, two sites, embedded storage, small', async () => {
    const platform = await load('pilot');
    expect(platform.regions.map((region) => [region.replicas, region.edges.length])).toEqual([[1, 2]]);
    expect(platform.deploy).toMatchObject({ shape: 'pilot', storage: 'embedded', sizes: { controlPlane: 'small', region: 'small', edge: 'small' } });
    expect(Object.keys(planAddresses(platform).networks)).toEqual(['edge-eu-fra-1', 'edge-eu-waw-1', 'global', 'region-eu']);
  });

  it('production: three regions of three replicas, a site of every kind', async () => {
    const platform = await load('production');
    expect(platform.regions.map((region) => [region.id, region.replicas, region.quorum])).toEqual([['eu', 3, 2], ['us', 3, 2], ['ap', 3, 2]]);
    expect([...new Set(kinds(platform))].sort()).toEqual(['local-zone', 'on-premises', 'outpost', 'region', 'wavelength']);
    const { networks } = planAddresses(platform);
    expect(networks['edge-eu-lon-1']).toBe('10.200.7.0/24');
    expect(networks['edge-eu-brq-1']).toBeUndefined();
  });

  it('of one folder have nothing in common that AWS or addresses.lock.json would confuse', async () => {
    const names = (await Promise.all(['pilot', 'production'].map(load))).map((platform) => `${platform.name}/${deployed(platform).deploy.environment}`);
    expect(new Set(names).size).toBe(names.length);
  });
});
