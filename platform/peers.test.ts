import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { platformInputs } from './arbitraries.ts';
import { checkPlatform, definePlatform } from './define.ts';
import { deployed } from './deployed.ts';
import type { PlatformInput, RegionInput } from './model.ts';
import { deployedPeersOf, FULL_MESH_MAX, peersOf } from './peers.ts';
import { KNOWN_LOCATIONS } from './rtt.ts';

const locations = KNOWN_LOCATIONS.map((known) => known.id);

/** Regions with edge nodes, each at one of the locations; an id says nothing of where it is. */
const sizes = fc.array(fc.array(fc.nat(locations.length - 1), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 });
const inputOf = (shape: readonly (readonly number[])[]): PlatformInput => ({
  name: 'p', origin: 'p.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  regions: shape.map((edges, r): RegionInput => ({
    id: `r${r}`, location: 'eu-central-1', edges: edges.map((place, i) => ({ id: `s${(i * 7919 + r * 104_729) % 100_003}-${r}x${i}`, location: locations[place]! })),
  })),
});

type Plan = ReadonlyMap<string, readonly string[]>;
const planOf = (input: PlatformInput): Plan => {
  const platform = definePlatform(input);
  return new Map(platform.regions.flatMap((region) => region.edges.map((edge) => [edge.id, peersOf(platform, edge)] as const)));
};

/** Those that can be told of `start` by probes in either direction, within `among`. */
function connected(plan: Plan, start: string, among: ReadonlySet<string>): Set<string> {
  const found = new Set([start]);
  for (const one of found) {
    for (const [from, peers] of plan) {
      for (const to of peers) {
        if (from === one && among.has(to)) found.add(to);
        if (to === one && among.has(from)) found.add(from);
      }
    }
  }
  return found;
}

describe('who probes whom', () => {
  test('up to five all probe each other; of more nobody probes or is probed by more than four, and nobody itself', () => {
    fc.assert(fc.property(sizes, (shape) => {
      const plan = planOf(inputOf(shape));
      const probedBy = new Map<string, number>();
      for (const [from, peers] of plan) {
        expect(peers).not.toContain(from);
        expect([...peers]).toEqual([...new Set(peers)].sort());
        if (plan.size <= FULL_MESH_MAX) expect(peers).toHaveLength(plan.size - 1);
        else expect(peers.length).toBeGreaterThanOrEqual(2);
        expect(peers.length).toBeLessThanOrEqual(4);
        for (const to of peers) probedBy.set(to, (probedBy.get(to) ?? 0) + 1);
      }
      for (const count of probedBy.values()) expect(count).toBeLessThanOrEqual(4);
    }));
  });

  test('the probes connect the sites of each region without leaving it, and all regions', () => {
    fc.assert(fc.property(sizes, (shape) => {
      const input = inputOf(shape);
      const plan = planOf(input);
      const groups = [new Set(plan.keys()), ...input.regions.map((region) => new Set(region.edges!.map((edge) => edge.id)))];
      for (const group of groups) expect([...connected(plan, [...group][0]!, group)].sort()).toEqual([...group].sort());
    }), { numRuns: 50 });
  });

  test('the order in which things are written changes nothing', () => {
    fc.assert(fc.property(sizes, (shape) => {
      const input = inputOf(shape);
      const turned = { ...input, regions: input.regions.toReversed().map((region) => ({ ...region, edges: region.edges!.toReversed() })) };
      expect(new Map([...planOf(turned)].sort())).toEqual(new Map([...planOf(input)].sort()));
    }), { numRuns: 50 });
  });

  test('a site that comes changes the peers of at most four others', () => {
    fc.assert(fc.property(sizes, fc.nat(4), fc.nat(locations.length - 1), fc.string({ unit: fc.constantFrom(...'abcxyz019'), minLength: 1, maxLength: 8 }), (shape, at, place, name) => {
      const input = inputOf(shape);
      const before = planOf(input);
      fc.pre(before.size > FULL_MESH_MAX);
      const r = at % input.regions.length;
      const after = planOf({
        ...input, regions: input.regions.map((region, i) => (i === r ? { ...region, edges: [...region.edges!, { id: `new-${name}`, location: locations[place]! }] } : region)),
      });
      const changed = [...before].filter(([id, peers]) => peers.join() !== after.get(id)!.join());
      expect(changed.length).toBeLessThanOrEqual(4);
    }));
  });

  test('holds for every valid definition', () => {
    fc.assert(fc.property(platformInputs, (input) => {
      const plan = planOf(input);
      for (const [from, peers] of plan) for (const to of peers) expect(to !== from && plan.has(to)).toBe(true);
    }), { numRuns: 50 });
  });

  test('near sites come first: of a thousand, those at the same place probe each other', () => {
    const input = inputOf([Array.from({ length: 500 }, (_, i) => i % 10), Array.from({ length: 500 }, (_, i) => 10 + (i % 10))]);
    const platform = definePlatform(input);
    const where = new Map(platform.regions.flatMap((region) => region.edges.map((edge) => [edge.id, edge.location])));
    const near = platform.regions.flatMap((region) => region.edges.map((edge) => peersOf(platform, edge).filter((peer) => where.get(peer) === edge.location).length));
    expect(near.filter((count) => count >= 2).length).toBeGreaterThanOrEqual(960);
  });

  test('the definition may say it itself', () => {
    const input = inputOf([[0, 1, 2], [3]]);
    const [first, second] = input.regions as [RegionInput, RegionInput];
    const ids = first.edges!.map((edge) => edge.id) as [string, string, string];
    const far = second.edges![0]!.id;
    const wish = (peers: unknown): PlatformInput =>
      ({ ...input, regions: [{ ...first, edges: [{ ...first.edges![0]!, peers: peers as string[] }, ...first.edges!.slice(1)] }, second] });
    const plan = planOf(wish([far]));
    expect(plan.get(ids[0])).toEqual([far]);
    expect(plan.get(ids[1])).toEqual([ids[0], ids[2], far].sort());
    expect(planOf(wish([])).get(ids[0])).toEqual([]);
    const platform = definePlatform(wish([far]));
    expect(definePlatform(platform)).toEqual(platform);
  });

  test('wishes that can\'t be met are told', () => {
    const input = inputOf([[0, 1]]);
    const [region] = input.regions as [RegionInput];
    const [a, b] = region.edges!.map((edge) => edge.id) as [string, string];
    const issues = (peers: unknown): string[] =>
      checkPlatform({ ...input, regions: [{ ...region, edges: [{ ...region.edges![0], peers }, region.edges![1]] }] }).map((issue) => issue.message);
    expect(issues([b])).toEqual([]);
    expect(issues([a])).toEqual([`regions[0].edges[0].peers[0]: got "${a}"; allowed: another edge node than the one that probes`]);
    expect(issues(['r0'])).toEqual(['regions[0].edges[0].peers[0]: got "r0"; allowed: the id of an edge node of this platform']);
    expect(issues([`${b}1`])[0]).toContain(`did you mean "${b}"?`);
    expect(issues([b, b])[0]).toContain('peers[1]');
    expect(issues([7])[0]).toContain('the id of an edge node');
    expect(issues(b)[0]).toContain('a list of 0 to 16');
    expect(issues(Array.from({ length: 17 }, () => b))[0]).toContain('a list of 17');
  });
});

describe('on AWS', () => {
  const deploy = (more: object): NonNullable<PlatformInput['deploy']> => ({
    domain: 'clearing.example.com', hostedZoneId: 'Z0123456789ABCDEFGHIJ', replicaRegion: 'eu-central-1', contacts: { page: ['a@example.com'], ticket: ['a@example.com'] }, ...more,
  });
  const input = (more: object, peers?: readonly string[]): PlatformInput => ({
    name: 'p', origin: 'p.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' }, locations: [{ id: 'vault', near: 'eu-central-1', roundTripMs: 5 }],
    regions: [{
      id: 'eu', location: 'eu-central-1',
      edges: [...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => ({ id, location: 'eu-central-1', ...(id === 'a' && peers !== undefined ? { peers } : {}) })), { id: 'own', location: 'vault' }],
    }],
    deploy: deploy(more),
  });

  test('nobody is probed unless sites are connected, and nobody on premises ever', () => {
    const alone = deployed(definePlatform(input({})));
    const together = deployed(definePlatform(input({ sitesConnected: true })));
    for (const { id } of alone.regions[0]!.edges) expect(deployedPeersOf(alone, { id })).toEqual({ probes: [], probedBy: [] });
    const all = new Map(together.regions[0]!.edges.map((edge) => [edge.id, deployedPeersOf(together, edge)]));
    expect(all.get('own')).toEqual({ probes: [], probedBy: [] });
    for (const [id, { probes }] of all) {
      for (const { site, url } of probes) {
        expect(site).not.toBe('own');
        expect(url).toBe(`https://${site}.clearing.example.com:8080`);
        expect(all.get(site)!.probedBy).toContain(id);
      }
    }
    expect([...all.values()].reduce((sum, { probedBy }) => sum + probedBy.length, 0)).toBe([...all.values()].reduce((sum, { probes }) => sum + probes.length, 0));
  });

  test('a wish for one that can\'t be reached is left out', () => {
    const platform = deployed(definePlatform(input({ sitesConnected: true }, ['c', 'own'])));
    expect(deployedPeersOf(platform, { id: 'a' }).probes.map(({ site }) => site)).toEqual(['c']);
    expect(peersOf(platform, { id: 'a' })).toEqual(['c', 'own']);
  });

  test('whether they are connected is yes or no', () => {
    expect(checkPlatform(input({ sitesConnected: 'yes' })).map((issue) => issue.message)).toEqual(['deploy.sitesConnected: got "yes"; allowed: true or false']);
    const platform = definePlatform(input({ sitesConnected: false }));
    expect(platform.deploy).not.toHaveProperty('sitesConnected');
    expect(definePlatform(platform)).toEqual(platform);
  });
});
