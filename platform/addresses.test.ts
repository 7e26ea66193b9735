import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, overlap, parseCidr, type Cidr } from './cidr.ts';
import {
  ConfigError, definePlatform, EDGE_PREFIX, formatAddressLock, NETWORK_PREFIX, parseAddressLock, planAddresses, planEdgeSubnets, planSubnets, recordedPlan,
  withPlan, type AddressPlan, type DeployInput, type Platform, type RegionInput,
} from './index.ts';

interface Shape {
  readonly cidr?: string;
  /** Region id -> ids of its edge sites. */
  readonly sites: Readonly<Record<string, readonly string[]>>;
  readonly deploy?: Partial<DeployInput>;
}

const platformOf = ({ cidr = '10.64.0.0/10', sites, deploy = {} }: Shape): Platform => definePlatform({
  name: 'tidemark', origin: 'tidemark.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  regions: Object.entries(sites).map(([id, edges]): RegionInput => ({
    id, location: 'eu-central-1', edges: edges.map((edge) => ({ id: edge, location: 'eu-central-1' })),
  })),
  deploy: {
    domain: 'clearing.example.com', hostedZoneId: 'Z0123456789', replicaRegion: 'eu-west-3', cidr,
    contacts: { page: ['a@example.com'], ticket: ['a@example.com'] }, ...deploy,
  },
});

const cidrOf = (text: string): Cidr => parseCidr(text) as Cidr;
const issuesOf = (run: () => unknown): string[] => {
  try {
    run();
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).issues.map((issue) => issue.message);
  }
};

/** Distinct networks inside the range: sorted by their beginning, none reaches into the next. */
function expectSound(plan: AddressPlan, within: string): void {
  const sorted = Object.entries(plan.networks).map(([stack, text]) => ({ stack, cidr: cidrOf(text) })).sort((a, b) => a.cidr.first - b.cidr.first);
  for (const [i, { stack, cidr }] of sorted.entries()) {
    expect(cidr.prefix, stack).toBe(stack.startsWith('edge-') ? EDGE_PREFIX : NETWORK_PREFIX);
    expect(contains(cidrOf(within), cidr), stack).toBe(true);
    const next = sorted[i + 1];
    if (next !== undefined && overlap(cidr, next.cidr)) expect.unreachable(`${stack} overlaps ${next.stack}`);
  }
}

const id = fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,6}[a-z0-9])?$/).filter((word) => word !== 'global');
/** Regions with edges, by distinct ids. */
const sites = fc.uniqueArray(id, { minLength: 2, maxLength: 40 }).chain((ids) => fc.tuple(
  fc.integer({ min: 1, max: Math.min(10, ids.length - 1) }), fc.array(fc.nat(9), { minLength: ids.length, maxLength: ids.length }),
).map(([regions, homes]): Record<string, string[]> => {
  const made: Record<string, string[]> = Object.fromEntries(ids.slice(0, regions).map((region): [string, string[]] => [region, []]));
  for (const [i, edge] of ids.slice(regions).entries()) made[ids[(homes[i] as number) % regions] as string]?.push(edge);
  return made;
}));
const ranges = fc.constantFrom('10.64.0.0/10', '10.0.0.0/8', '172.16.0.0/12', '10.32.0.0/12');

describe('planAddresses', () => {
  it('gives every stack a network of its own inside the range', () => {
    fc.assert(fc.property(sites, ranges, (of, cidr) => {
      const plan = planAddresses(platformOf({ sites: of, cidr }));
      const edges = Object.values(of).flat();
      expect(Object.keys(plan.networks).sort()).toEqual(['global', ...Object.keys(of).map((r) => `region-${r}`), ...edges.map((e) => `edge-${e}`)].sort());
      expectSound(plan, cidr);
      for (const network of Object.values(plan.networks)) expect(overlap(cidrOf(network), cidrOf('172.17.0.0/16')), network).toBe(false);
    }), { numRuns: 100 });
  });

  it('does so for thousands of sites', () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, r) => [`r${r}`, Array.from({ length: 400 }, (_v, e) => `r${r}-e${e}`)]));
    const plan = planAddresses(platformOf({ sites: many }));
    expect(Object.keys(plan.networks)).toHaveLength(1 + 20 + 8_000);
    expectSound(plan, '10.64.0.0/10');
  });

  it('moves nobody, whoever comes, goes or changes places', () => {
    const change = fc.tuple(sites, sites, fc.boolean());
    fc.assert(fc.property(change, ([before, after, backwards]) => {
      const first = planAddresses(platformOf({ sites: before }));
      const reordered = Object.fromEntries(Object.entries(after).map(([r, edges]): [string, string[]] => [r, backwards ? edges.toReversed() : edges]).reverse());
      const second = planAddresses(platformOf({ sites: reordered }), first);
      expect(second.networks).toMatchObject(first.networks);
      expectSound(second, '10.64.0.0/10');
      // And back: whoever returns has what it had.
      expect(planAddresses(platformOf({ sites: before }), second)).toEqual(second);
    }), { numRuns: 100 });
  });

  it('is the same in whatever order sites are written', () => {
    fc.assert(fc.property(sites, (of) => {
      const reordered = Object.fromEntries(Object.entries(of).map(([r, edges]): [string, string[]] => [r, edges.toReversed()]).reverse());
      expect(planAddresses(platformOf({ sites: reordered }))).toEqual(planAddresses(platformOf({ sites: of })));
    }), { numRuns: 50 });
  });

  it('keeps to what the config says of single sites', () => {
    fc.assert(fc.property(sites, fc.nat(16_383), fc.nat(255), (of, edgeSlot, regionSlot) => {
      const network = (slot: number, prefix: number): string => {
        const first = cidrOf('10.64.0.0/10').first + slot * 2 ** (32 - prefix);
        return `${[24, 16, 8, 0].map((shift) => (first >>> shift) & 255).join('.')}/${prefix}`;
      };
      const region = Object.keys(of)[0] as string;
      const edge = Object.values(of).flat()[0] as string;
      const [regionCidr, edgeCidr] = [network(regionSlot, NETWORK_PREFIX), network(edgeSlot, EDGE_PREFIX)];
      fc.pre(!overlap(cidrOf(regionCidr), cidrOf(edgeCidr)));
      const plan = planAddresses(platformOf({ sites: of, deploy: { regions: { [region]: { cidr: regionCidr } }, edges: { [edge]: { cidr: edgeCidr } } } }));
      expect([plan.networks[`region-${region}`], plan.networks[`edge-${edge}`]]).toEqual([regionCidr, edgeCidr]);
      expectSound(plan, '10.64.0.0/10');
    }), { numRuns: 100 });
  });

  it('lets the config name networks outside of the range', () => {
    const plan = planAddresses(platformOf({ sites: { eu: ['a'] }, deploy: { edges: { a: { cidr: '192.168.7.0/24' } } } }));
    expect(plan.networks).toEqual({ global: '10.64.0.0/18', 'region-eu': '10.64.64.0/18', 'edge-a': '192.168.7.0/24' });
  });

  it('plans no network on premises', () => {
    const platform = definePlatform({
      ...platformOf({ sites: { eu: ['a'] } }), locations: [{ id: 'brno', near: 'eu-central-1', roundTripMs: 9 }],
      regions: [{ id: 'eu', location: 'eu-central-1', edges: [{ id: 'a', location: 'brno' }] }],
    });
    expect(Object.keys(planAddresses(platform).networks)).toEqual(['global', 'region-eu']);
  });

  it('refuses to move what is recorded, and says how to', () => {
    const platform = platformOf({ sites: { eu: ['a'] } });
    const plan = planAddresses(platform);
    const moved = platformOf({ sites: { eu: ['a'] }, deploy: { edges: { a: { cidr: '10.70.0.0/24' } } } });
    expect(issuesOf(() => planAddresses(moved, plan))).toEqual([
      'deploy.edges.a.cidr: got "10.70.0.0/24"; allowed: 10.127.255.0/24, where edge-a is by addresses.lock.json; '
      + 'to move what is there, and so to replace everything in it, take its line out of addresses.lock.json',
    ]);
    const elsewhere = platformOf({ sites: { eu: ['a'] }, cidr: '10.0.0.0/12' });
    expect(issuesOf(() => planAddresses(elsewhere, plan))).toEqual([
      'deploy.cidr: got "10.0.0.0/12"; allowed: a network with those of addresses.lock.json in it: edge-a at 10.127.255.0/24, global at 10.64.0.0/18, '
      + 'region-eu at 10.64.64.0/18; to move what is there, and so to replace everything in it, take their lines out of addresses.lock.json',
    ]);
    expect(planAddresses(platformOf({ sites: { eu: ['a'] }, cidr: '10.0.0.0/8' }), plan)).toEqual(plan);
  });

  it('does not give away what a removed site had, until its line is taken out', () => {
    const plan = planAddresses(platformOf({ sites: { eu: ['a', 'b'] } }));
    const taking = platformOf({ sites: { eu: ['b'] }, deploy: { edges: { b: { cidr: plan.networks['edge-a'] as string } } } });
    const { 'edge-b': _, ...withoutB } = plan.networks;
    expect(issuesOf(() => planAddresses(taking, { networks: withoutB }))[0]).toContain('edge-a is no more; take its line out');
    const { 'edge-a': __, ...withoutA } = withoutB;
    expect(planAddresses(taking, { networks: withoutA }).networks['edge-b']).toBe(plan.networks['edge-a']);
  });

  it('says what keeps a full range full', () => {
    const full = planAddresses(platformOf({ sites: { a: ['a1'], b: [] }, cidr: '10.0.0.0/16' }));
    const [message] = issuesOf(() => planAddresses(platformOf({ sites: { a: ['a1'], c: [] }, cidr: '10.0.0.0/16' }), full));
    expect(message).toContain('none is left for region-c; addresses.lock.json keeps networks of stacks that are no more: region-b; take');
  });
});

describe('subnets', () => {
  const network = fc.nat(255).map((n) => `10.${64 + (n >> 2)}.${(n & 3) * 64}.0/18`);

  it('of a control plane or region are disjoint and inside', () => {
    fc.assert(fc.property(network, (cidr) => {
      const plan = planSubnets(cidr, ['eu-west-1a', 'eu-west-1b', 'eu-west-1c']);
      const all = [...plan.public, ...plan.private, ...plan.isolated];
      expect(all).toHaveLength(9);
      for (const [i, a] of all.entries()) {
        expect(contains(cidrOf(cidr), cidrOf(a.cidr))).toBe(true);
        for (const b of all.slice(i + 1)) expect(overlap(cidrOf(a.cidr), cidrOf(b.cidr)), `${a.cidr} ${b.cidr}`).toBe(false);
      }
    }), { numRuns: 50 });
    expect(planSubnets('10.64.0.0/18', ['x', 'y', 'z']).isolated.map((subnet) => subnet.zone)).toEqual(['x', 'y', 'z']);
  });

  it('of an edge site are disjoint and inside', () => {
    const plan = planEdgeSubnets('10.127.255.0/24', 'eu-central-1-waw-1a', ['eu-central-1a', 'eu-central-1b', 'eu-central-1c']);
    expect(plan).toEqual({
      host: { zone: 'eu-central-1-waw-1a', cidr: '10.127.255.0/26' },
      public: { zone: 'eu-central-1-waw-1a', cidr: '10.127.255.64/26' },
      endpoints: [
        { zone: 'eu-central-1a', cidr: '10.127.255.128/27' }, { zone: 'eu-central-1b', cidr: '10.127.255.160/27' },
        { zone: 'eu-central-1c', cidr: '10.127.255.192/27' },
      ],
    });
    const all = [plan.host, plan.public, ...plan.endpoints].map(({ cidr }) => cidrOf(cidr));
    for (const [i, a] of all.entries()) {
      expect(contains(cidrOf('10.127.255.0/24'), a)).toBe(true);
      for (const b of all.slice(i + 1)) expect(overlap(a, b)).toBe(false);
    }
  });

  it('want a network of the right size and distinct zones', () => {
    expect(() => planSubnets('10.64.0.0/16', ['a', 'b', 'c'])).toThrow('a network of /18 is needed');
    expect(() => planSubnets('10.64.0.0/18', ['a', 'b', 'b'])).toThrow('3 different zones');
    expect(() => planEdgeSubnets('10.64.0.0/24', 'a', [])).toThrow('1 to 3 zones');
  });
});

describe('the record', () => {
  const platform = platformOf({ sites: { eu: ['b', 'a'] } });
  const plan = planAddresses(platform);

  it('comes back as it was written, for each deployment on its own', () => {
    const staging = platformOf({ sites: { eu: ['z'] }, deploy: { environment: 'staging' } });
    const lock = withPlan(withPlan(undefined, staging, planAddresses(staging)), platform, plan);
    const text = formatAddressLock(lock);
    expect(parseAddressLock(text, 'x')).toEqual(lock);
    expect(formatAddressLock(parseAddressLock(text, 'x'))).toBe(text);
    expect(recordedPlan(lock, platform)).toEqual(plan);
    expect(recordedPlan(lock, platformOf({ sites: { eu: ['z'] }, deploy: { environment: 'test' } }))).toBeUndefined();
    expect(recordedPlan(undefined, platform)).toBeUndefined();
    // Sorted, a line for each network.
    expect(text.split('\n').filter((line) => line.includes('/24')).map((line) => line.trim())).toEqual([
      '"edge-a": "10.127.255.0/24",', '"edge-b": "10.127.254.0/24",', '"edge-z": "10.127.255.0/24",',
    ]);
  });

  it('is refused with every mistake in it', () => {
    const text = JSON.stringify({
      version: 2, deployment: {},
      deployments: { Tidemark: {}, 'a/b': { 'region-eu': '10.0.0.0/24', 'edge-a': '8.8.8.0/24', 'edge-b': '10.1.1.0/24', 'edge-c': '10.1.1.0/24', eu: '10.2.0.0/18' } },
    });
    expect(issuesOf(() => parseAddressLock(text, 'addresses.lock.json')).map((message) => message.split(':')[0])).toEqual([
      'deployment', 'version', 'deployments.Tidemark', 'deployments["a/b"]["region-eu"]', 'deployments["a/b"]["edge-a"]', 'deployments["a/b"]["edge-c"]',
      'deployments["a/b"].eu',
    ]);
  });

  it.each([['{', 'not JSON'], ['[]', 'an object with version, deployments'], ['{"version":1}', 'deployments: got nothing'], ['null', 'an object']])(
    'is refused when it is %s', (text, why) => {
      expect(() => parseAddressLock(text, '/x/addresses.lock.json')).toThrow(/^\/x\/addresses\.lock\.json: 1 mistake/);
      expect(() => parseAddressLock(text, '/x/addresses.lock.json')).toThrow(why);
    },
  );

  it('reads anything without failing in another way', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      issuesOf(() => parseAddressLock(text, 'x'));
    }), { numRuns: 200 });
  });
});
