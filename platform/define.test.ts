import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import config from '../tidemark.config.ts';
import { encodePolicy } from '../services/protocol/encoding.ts';
import { AMOUNT_MAX, ASSET_PATTERN } from '../services/protocol/types.ts';
import { platformInputs } from './arbitraries.ts';
import {
  ASSET_CODE_PATTERN, checkPlatform, ConfigError, definePlatform, LIMIT_PATTERN, portPlan, sitesOf, toPolicy,
  type Platform, type PlatformInput,
} from './index.ts';

const good = (): PlatformInput => ({
  name: 'small',
  origin: 'tidemark.example',
  assets: [{ code: 'EUR', scale: 2 }],
  controlPlane: { location: 'eu-west-1' },
  regions: [{ id: 'eu', location: 'eu-central-1', replicas: 3, edges: [{ id: 'eu-1', location: 'eu-central-1' }] }],
});

const sla = {
  id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 1_000, owner: 'settlement', runbook: 'https://example.org/r',
};

/** The good config with something else in it, however wrong. */
const withChange = (change: object): unknown => ({ ...good(), ...change });
const messages = (input: unknown): string[] => checkPlatform(input).map((issue) => issue.message);
const paths = (input: unknown): string[] => checkPlatform(input).map((issue) => issue.path);

describe('defaults', () => {
  it('fills in what is left out', () => {
    expect(definePlatform(good())).toEqual({
      name: 'small',
      origin: 'tidemark.example',
      assets: [{ code: 'EUR', scale: 2, name: 'EUR' }],
      controlPlane: { id: 'global', location: 'eu-west-1' },
      regions: [
        { id: 'eu', location: 'eu-central-1', replicas: 3, quorum: 2, edges: [{ id: 'eu-1', location: 'eu-central-1' }] },
      ],
      witnessQuorum: 1,
      policy: { version: 1, offlineAfterMs: 5_000, maxStalenessMs: 3_600_000, offlinePerAccount: {}, offlinePerNode: {} },
      slas: [],
      webhooks: [],
      locations: [],
      ports: { base: 4600 },
      wan: { enabled: true, roundTrips: [] },
    } satisfies Platform);
  });

  it.each([[1, 1], [2, 2], [3, 2], [4, 3], [5, 3], [6, 4], [7, 4]])('takes a majority of %i replicas: %i', (replicas, quorum) => {
    const [region] = good().regions;
    expect(definePlatform({ ...good(), regions: [{ ...region, replicas } as never] }).regions[0]?.quorum).toBe(quorum);
  });

  it('takes half of the regions, rounded up, as witnesses', () => {
    const location = 'eu-west-1';
    const regions = ['a', 'b', 'c'].map((id) => ({ id, location, edges: [{ id: `${id}-1`, location }] }));
    expect([1, 2, 3].map((n) => definePlatform({ ...good(), regions: regions.slice(0, n) }).witnessQuorum)).toEqual([1, 1, 2]);
  });

  it('takes limits as digits and as bigint, and hands them on as bigint', () => {
    const policy = { offlinePerAccount: { EUR: '2500' }, offlinePerNode: { EUR: 50_000n } };
    const platform = definePlatform({ ...good(), policy });
    expect(platform.policy.offlinePerNode).toEqual({ EUR: '50000' });
    expect(toPolicy(platform)).toEqual({
      version: 1, offlineAfterMs: 5_000, maxStalenessMs: 3_600_000,
      offlinePerAccount: { EUR: 2_500n }, offlinePerNode: { EUR: 50_000n },
    });
  });
});

describe('mistakes', () => {
  it('are reported all at once, each with path, value and what is allowed', () => {
    const wrong = {
      name: 'Tide Mark',
      orgin: 'tidemark.example',
      origin: 'https://tidemark.example',
      assets: [{ code: 'eur', scale: 2 }, { code: 'USD', scale: 10 }, { code: 'USD', scale: 2 }],
      controlPlane: { location: 'eu-west-1a' },
      regions: [
        { id: 'eu', location: 'eu-centrall-1', replicas: 8, edges: [{ id: 'eu', location: 'eu-central-1' }] },
        { id: 'us', location: 'us-east-1', replicas: 4, quorum: 2, edges: [{ id: 'us-1', locaton: 'us-east-1' }, 'us-2'] },
      ],
      witnessQuorum: 3,
      policy: { offlineAfterMs: '2s', offlinePerAccount: { USD: '12.50', JPY: '1' } },
      slas: [{ id: 'final', indicator: 'finalty', objective: 99 }],
      ports: { base: 80 },
      wan: { enabled: 'yes' },
    };
    expect(() => definePlatform(wrong as never)).toThrow(/^platform: 24 mistakes\n {2}orgin: unknown key/);
    expect(messages(wrong)).toMatchInlineSnapshot(`
      [
        "orgin: unknown key; allowed: name, origin, assets, controlPlane, regions, witnessQuorum, policy, slas, webhooks, locations, ports, wan, deploy; did you mean "origin"?",
        "name: got "Tide Mark"; allowed: a lower-case letter, then letters, digits and hyphens, at most 32, no hyphen at the end",
        "origin: got "https://tidemark.example"; allowed: a schema-less URL in lower case, such as tidemark.example or example.org/clearing; without the scheme",
        "assets[0].code: got "eur"; allowed: 2 to 12 capital letters and digits, a letter first: EUR",
        "assets[1].scale: got 10; allowed: decimal places of the minor unit, 0 to 9: 2 for cents",
        "assets[2].code: got "USD"; allowed: a name that no other asset has; assets[1].code has it",
        "controlPlane.location: got "eu-west-1a"; allowed: an AWS region, a Local Zone group (us-west-2-lax-1), a Wavelength Zone (us-west-2-wl1-las-wlz-1) or an id of \`locations\`; did you mean "eu-west-1"?",
        "regions[0].location: got "eu-centrall-1"; allowed: an AWS region, a Local Zone group (us-west-2-lax-1), a Wavelength Zone (us-west-2-wl1-las-wlz-1) or an id of \`locations\`; did you mean "eu-central-1"?",
        "regions[0].replicas: got 8; allowed: a whole number from 1 to 7",
        "regions[1].quorum: got 2; allowed: more than half of the 4 replicas: 3 to 4",
        "regions[1].edges[0].locaton: unknown key; allowed: id, location, peers; did you mean "location"?",
        "regions[1].edges[0].location: got nothing; allowed: an AWS region, a Local Zone group (us-west-2-lax-1), a Wavelength Zone (us-west-2-wl1-las-wlz-1) or an id of \`locations\`",
        "regions[1].edges[1]: got "us-2"; allowed: an object with id, location, peers",
        "witnessQuorum: got 3; allowed: how many of the regions cosign: 1 to 2",
        "policy.offlineAfterMs: got "2s"; allowed: a whole number from 100 to 3600000",
        "policy.offlinePerAccount.JPY: unknown key; allowed: USD",
        "policy.offlinePerAccount.USD: got "12.50"; allowed: minor units as a string of at most 18 digits, or a bigint",
        "slas[0].indicator: got "finalty"; allowed: one of provisional-ack, ordering, finality, provisional-age, provisional-ratio, reconciliation, cache-drift, peering-rtt, peering-loss, availability; did you mean "finality"?",
        "slas[0].objective: got 99; allowed: a share between 0 and 1, neither included: 0.99 (1 would leave no error budget)",
        "slas[0].owner: got nothing; allowed: the team that answers for it, 1 to 64 characters",
        "slas[0].runbook: got nothing; allowed: a page (https://...) or a file of this repository (docs/..., runbooks/...), with a heading of it if you like (docs/operations.md#finality)",
        "ports.base: got 80; allowed: a port from 1024 to 65527, for 9 processes with a port each from there on",
        "wan.enabled: got "yes"; allowed: true or false",
        "regions[0].edges[0].id: got "eu"; allowed: a name that no other site has; regions[0].id has it",
      ]
    `);
  });

  it.each([[undefined], [null], [1], ['platform'], [[]], [() => good()]])('find nothing to work with in %o', (input) => {
    expect(paths(input)).toEqual(['']);
  });

  it('name the nearest known key', () => {
    expect(messages(withChange({ witnesQuorum: 1 }))[0]).toContain('did you mean "witnessQuorum"?');
    expect(messages(withChange({ policy: { offlinePerAcount: {} } }))[0]).toContain('did you mean "offlinePerAccount"?');
    expect(messages(withChange({ xyzzy: 1 }))[0]).not.toContain('did you mean');
  });

  it('name the group of a zone', () => {
    const [message] = messages(withChange({ controlPlane: { location: 'us-west-2-lax-1a' } }));
    expect(message).toContain('did you mean "us-west-2-lax-1"?');
  });

  it('cover ids that meet anywhere', () => {
    const regions = [
      { id: 'eu', location: 'eu-west-1', edges: [{ id: 'us', location: 'eu-west-1' }] },
      { id: 'us', location: 'us-east-1', edges: [{ id: 'global', location: 'us-east-1' }] },
    ];
    expect(messages(withChange({ regions }))).toEqual([
      'regions[1].id: got "us"; allowed: a name that no other site has; regions[0].edges[0].id has it',
      'regions[1].edges[0].id: got "global"; allowed: a name that no other site has; controlPlane.id has it',
    ]);
  });

  it.each([
    ['replicas', 0], ['replicas', 8], ['replicas', 1.5], ['replicas', '3'], ['replicas', Number.NaN],
    ['quorum', 1], ['quorum', 4],
  ])('cover a region with %s %s', (key, value) => {
    const [region] = good().regions;
    expect(paths(withChange({ regions: [{ ...region, [key]: value }] }))).toEqual([`regions[0].${key}`]);
  });

  it.each([0, 2, -1, null])('cover a witness quorum of %s for one region', (witnessQuorum) => {
    expect(paths(withChange({ witnessQuorum }))).toEqual(['witnessQuorum']);
  });

  it('cover a platform without edge nodes and without regions', () => {
    expect(paths(withChange({ regions: [] }))).toEqual(['regions']);
    expect(paths(withChange({ regions: [{ id: 'eu', location: 'eu-west-1' }] }))).toEqual(['regions']);
  });

  it('say what an amount in major units would be', () => {
    const policy = { offlinePerAccount: { EUR: '25.5' }, offlinePerNode: { EUR: 2_550 } };
    expect(messages(withChange({ policy }))).toEqual([
      expect.stringContaining('25.5 EUR is \'2550\''), expect.stringContaining('quote it: \'2550\''),
    ]);
  });

  it('cover limits that contradict each other', () => {
    const of = (policy: object): string[] => paths(withChange({ policy }));
    expect(of({ offlinePerAccount: { EUR: '2' }, offlinePerNode: { EUR: '1' } })).toEqual(['policy.offlinePerNode.EUR']);
    expect(of({ offlinePerAccount: { EUR: '2' } })).toEqual(['policy.offlinePerNode.EUR']);
    expect(of({ offlineAfterMs: 2_000, maxStalenessMs: 1_999 })).toEqual(['policy.maxStalenessMs']);
  });

  it.each([
    'docs/../x.md', '/docs/x.md', 'docs/x.md#', 'docs/x.md#a b', 'docs/x.md#a#b', 'src/x.md', '#finality', 'http://example.org/r',
  ])('cover the runbook %o', (runbook) => {
    expect(paths(withChange({ slas: [{ ...sla, runbook }] }))).toEqual(['slas[0].runbook']);
  });

  it.each(['tidemark.example/', 'Tidemark.example', 'tide mark', 'a+b', '', `${'a'.repeat(60)}.${'b'.repeat(90)}`, '-a.example'])(
    'cover the origin %o', (origin) => {
      expect(paths(withChange({ origin }))).toEqual(['origin']);
    },
  );

  it('cover thresholds that an indicator does not take, and scopes that are nowhere', () => {
    const slas = [
      { ...sla, id: 'a', indicator: 'availability' },
      { ...sla, id: 'b', indicator: 'peering-loss', thresholdMs: undefined },
      { ...sla, id: 'c', scope: 'region:uk' },
      { ...sla, id: 'd', runbook: 'runbooks/../../etc/passwd' },
      { ...sla, id: 'a', objective: 1 },
    ];
    expect(paths(withChange({ slas }))).toEqual([
      'slas[0].thresholdMs', 'slas[1].thresholdRatio', 'slas[2].scope', 'slas[3].runbook', 'slas[4].id', 'slas[4].objective',
    ]);
  });

  it('cover thresholds of an SLA whose indicator is none', () => {
    const of = (fields: object): string[] => messages(withChange({ slas: [{ ...sla, indicator: 'finalty', ...fields }] }))
      .map((message) => message.replace(/^slas\[0\]\./, '').replace(/; .*/, ''));
    expect(of({ thresholdMs: -1 })).toEqual(['indicator: got "finalty"', 'thresholdMs: got -1']);
    expect(of({ thresholdMs: 1_000 })).toEqual(['indicator: got "finalty"']);
    expect(of({ thresholdMs: undefined })).toEqual(['indicator: got "finalty"']);
    expect(of({ thresholdMs: 0, thresholdRatio: 2 })).toEqual([
      'indicator: got "finalty"', 'thresholdMs: got 0', 'thresholdRatio: got 2', 'thresholdRatio: got 2',
    ]);
    expect(messages(withChange({ slas: [{ ...sla, indicator: 'finalty', thresholdRatio: 0.5 }] }))[1])
      .toBe('slas[0].thresholdRatio: got 0.5; allowed: nothing beside thresholdMs: no indicator takes both');
  });

  it.each(['policy', 'slas', 'locations', 'ports', 'wan'])('cover %s null: only what is left out has a default', (key) => {
    expect(paths(withChange({ [key]: null }))).toEqual([key]);
  });

  it('cover ports that would not suffice', () => {
    expect(paths(withChange({ ports: { base: 65_532 } }))).toEqual(['ports.base']);
    expect(paths(withChange({ ports: { base: 65_531 } }))).toEqual([]);
  });

  it('show values of any kind without failing', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    for (const name of [loop, 1n, Symbol('x'), () => 1, new Date(Number.NaN), 'x'.repeat(10_000), '\u0000', ['a', ['b']]]) {
      const [issue] = checkPlatform(withChange({ name }));
      expect(issue?.path).toBe('name');
      expect(issue?.value.length).toBeLessThanOrEqual(80);
    }
  });

  it('cover keys that only look harmless', () => {
    const input = JSON.parse(JSON.stringify(good()).replace('{', '{"__proto__":{"witnessQuorum":9},"constructor":1,')) as unknown;
    expect(paths(input)).toEqual(['__proto__', 'constructor']);
    const inherited = Object.create({ witnessQuorum: 9 }) as object;
    expect(checkPlatform(Object.assign(inherited, good()))).toEqual([]);
  });

  it('never end in anything but issues, whatever comes', () => {
    const keys = fc.constantFrom(...Object.keys(good()), 'policy', 'slas', 'locations', 'ports', 'wan', 'witnessQuorum');
    fc.assert(fc.property(fc.dictionary(keys, fc.anything({ withBigInt: true, withSparseArray: true })), (change) => {
      for (const issue of checkPlatform(withChange(change))) expect(issue.message).toContain(issue.allowed);
    }), { numRuns: 500 });
  });
});

describe('physics', () => {
  it('refuses a finality target below the round trips between the tiers', () => {
    // Frankfurt to Frankfurt 3.2, to Dublin 25.9, and the witness 25.9.
    const at = (thresholdMs: number): unknown => withChange({ slas: [{ ...sla, thresholdMs }] });
    expect(messages(at(55))).toEqual([]);
    expect(messages(at(54.9))).toEqual([
      'slas[0].thresholdMs: got 54.9; allowed: at least 55 ms, the round trips between the tiers '
      + '(eu-1 to eu 3.2 ms + eu to global 25.9 ms + global to witness eu 25.9 ms)',
    ]);
  });

  it('looks at the slowest edge node in scope', () => {
    const regions = [
      ...good().regions,
      { id: 'ap', location: 'ap-southeast-2', edges: [{ id: 'ap-1', location: 'ap-southeast-2' }] },
    ];
    const at = (scope: string): string[] => paths(withChange({ regions, slas: [{ ...sla, scope, thresholdMs: 100 }] }));
    expect([at('global'), at('region'), at('region:eu'), at('site:eu-1'), at('site:ap-1')])
      .toEqual([['slas[0].thresholdMs'], ['slas[0].thresholdMs'], [], [], ['slas[0].thresholdMs']]);
  });

  it('follows round trips that are known better', () => {
    const wan = { roundTrips: [{ between: ['eu-west-1', 'eu-central-1'], roundTripMs: 5 }] };
    expect(paths(withChange({ wan, slas: [{ ...sla, thresholdMs: 14 }] }))).toEqual([]);
  });

  it('refuses to call a node offline before it can have heard anything', () => {
    const regions = [{ id: 'ap', location: 'ap-southeast-2', edges: [{ id: 'ap-1', location: 'ap-southeast-2' }] }];
    expect(paths(withChange({ regions, policy: { offlineAfterMs: 200 } }))).toEqual(['policy.offlineAfterMs']);
  });

  it('lets an acknowledgement be as fast as it likes: it needs no network', () => {
    expect(paths(withChange({ slas: [{ ...sla, indicator: 'provisional-ack', thresholdMs: 1 }] }))).toEqual([]);
  });

  it('does not build on distances that are wrong themselves', () => {
    const locations = [{ id: 'own', near: 'nowhere', roundTripMs: 1 }];
    const controlPlane = { location: 'own' };
    expect(paths(withChange({ locations, controlPlane, slas: [{ ...sla, thresholdMs: 1 }] }))).toEqual(['locations[0].near']);
  });
});

describe('the platform', () => {
  it('cannot be changed, nor through what it was made of', () => {
    const input = good();
    const platform = definePlatform(input);
    (input.regions[0] as { id: string }).id = 'other';
    expect(platform.regions[0]?.id).toBe('eu');
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
    expect(frozen(platform)).toBe(true);
    expect(() => { (platform as { name: string }).name = 'x'; }).toThrow(TypeError);
  });

  it('is a valid config that defines itself, also by way of JSON', () => {
    fc.assert(fc.property(platformInputs, (input) => {
      const platform = definePlatform(input);
      expect(definePlatform(platform)).toEqual(platform);
      expect(definePlatform(JSON.parse(JSON.stringify(platform)) as PlatformInput)).toEqual(platform);
      // Frozen or not, nothing of the input is in it.
      expect(Object.isFrozen(input)).toBe(false);
    }), { numRuns: 200 });
  });

  it('has distinct sites and ports, and a policy that the protocol can encode', () => {
    fc.assert(fc.property(platformInputs, (input) => {
      const platform = definePlatform(input);
      const sites = sitesOf(platform);
      expect(new Set(sites.map((site) => site.id)).size).toBe(sites.length);
      const ports = [...portPlan(platform).values()];
      expect(ports).toEqual(ports.map((_, i) => platform.ports.base + i));
      expect(ports.every((port) => port < 65_536)).toBe(true);
      expect(encodePolicy(toPolicy(platform))).toContain('"version":1');
    }), { numRuns: 100 });
  });
});

describe('the protocol', () => {
  it('has the same assets and amounts', () => {
    expect(ASSET_CODE_PATTERN).toBe(ASSET_PATTERN);
    expect([AMOUNT_MAX, AMOUNT_MAX + 1n].map((amount) => new RegExp(LIMIT_PATTERN).test(String(amount)))).toEqual([true, false]);
  });
});

describe('tidemark.config.ts', () => {
  it('is what issue 3 asks for: two regions, one of three replicas, two edge nodes each', () => {
    expect(config.regions.map((region) => [region.replicas, region.quorum, region.edges.length])).toEqual([[3, 2, 2], [1, 1, 2]]);
    expect(config.assets.map((asset) => asset.code)).toEqual(['EUR', 'USD', 'CZK']);
  });

});

it('throws an error that carries the issues', () => {
  try {
    definePlatform({} as never);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { issues } = error as ConfigError;
    expect(issues.map((issue) => issue.path)).toEqual(['name', 'origin', 'assets', 'controlPlane', 'regions']);
  }
});
