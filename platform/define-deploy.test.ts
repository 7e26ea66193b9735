import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPlatform, definePlatform, type ConfigError, type DeployInput, type PlatformInput } from './index.ts';

const deploy: DeployInput = {
  domain: 'clearing.example.com',
  hostedZoneId: 'Z0123456789ABCDEFGHIJ',
  replicaRegion: 'eu-west-3',
  contacts: { page: ['on-call@example.com'], ticket: ['https://tickets.example.com/hook'] },
};

const good: PlatformInput = {
  name: 'small',
  origin: 'tidemark.example',
  assets: [{ code: 'EUR', scale: 2 }],
  controlPlane: { location: 'eu-west-1' },
  regions: [{
    id: 'eu', location: 'eu-central-1', replicas: 3,
    edges: [
      { id: 'fra', location: 'eu-central-1' }, { id: 'waw', location: 'eu-central-1-waw-1' },
      { id: 'lon', location: 'eu-west-2-wl1-lon-wlz-1' }, { id: 'brno', location: 'brno' },
    ],
  }],
  locations: [{ id: 'brno', near: 'eu-central-1', roundTripMs: 9 }],
  deploy,
};

/** The good config with something else in it, however wrong. */
const withDeploy = (change: object, rest: object = {}): unknown => ({ ...good, deploy: { ...deploy, ...change }, ...rest });
const messages = (input: unknown): string[] => checkPlatform(input).map((issue) => issue.message);
const paths = (input: unknown): string[] => checkPlatform(input).map((issue) => issue.path);
const edge = (id: string, host: object): string[] => messages(withDeploy({ edges: { [id]: host } }));
const OUTPOST = { arn: 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0', zone: 'eu-central-1b' };

it('the place of runbooks is a URL that files can be put behind', () => {
  expect(definePlatform(withDeploy({ runbooks: 'https://git.example.com/main/' }) as PlatformInput).deploy?.runbooks).toBe('https://git.example.com/main/');
  for (const wrong of ['http://git.example.com/', 'https://git.example.com/main', 'https://git.example.com/?file=/', 7]) {
    expect(paths(withDeploy({ runbooks: wrong }))).toEqual(['deploy.runbooks']);
  }
});

describe('defaults', () => {
  it('are those of production', () => {
    expect(definePlatform(good).deploy).toEqual({
      ...deploy, environment: 'production', shape: 'production', storage: 'managed', cidr: '10.64.0.0/10', zones: {}, authorities: 'keys/ca.pem', operatorCidrs: [],
      retention: { logDays: 90, backupDays: 35, auditDays: 3_650 }, tags: {}, sizes: { controlPlane: 'medium', region: 'medium', edge: 'small' },
      regions: {}, edges: {},
    });
  });

  it('are smaller for a pilot', () => {
    const regions = [{ ...good.regions[0], replicas: 1 }];
    const platform = definePlatform(withDeploy({ shape: 'pilot', sizes: { edge: 'medium' } }, { regions }) as PlatformInput);
    expect(platform.deploy).toMatchObject({
      storage: 'embedded', sizes: { controlPlane: 'small', region: 'small', edge: 'medium' }, retention: { auditDays: 30 },
    });
  });

  it('leave a platform without the section as it is', () => {
    const { deploy: _, ...local } = good;
    expect(definePlatform(local)).not.toHaveProperty('deploy');
  });

  it('make a definition that defines itself', () => {
    const full = withDeploy({
      accountId: '012345678901', cidr: '172.16.0.0/12', zones: { 'eu-west-1': ['eu-west-1c', 'eu-west-1a', 'eu-west-1b'] }, tags: { team: 'Settlement' },
      state: { bucket: 'state.example', region: 'eu-central-2', kmsKeyArn: 'arn:aws:kms:eu-central-2:123456789012:key/mrk-0123456789abcdef0123456789abcdef' },
      retention: { logDays: 3_653, backupDays: 7, auditDays: 1 }, regions: { eu: { size: 'large', cidr: '172.20.0.0/18' } },
      edges: {
        fra: { kind: 'outpost', outpost: OUTPOST, diskGib: 200, clientCidrs: ['192.0.2.0/24'] }, brno: { size: 'medium' },
        waw: { zone: 'eu-central-1-waw-1b', cidr: '10.200.7.0/24' },
      },
    }) as PlatformInput;
    const platform = definePlatform(full);
    expect(platform.deploy).toMatchObject(full.deploy as object);
    expect(definePlatform(platform)).toEqual(platform);
    expect(definePlatform(JSON.parse(JSON.stringify(platform)) as PlatformInput)).toEqual(platform);
    expect(Object.isFrozen(platform.deploy?.edges['fra'])).toBe(true);
  });
});

describe('mistakes', () => {
  it('are reported all at once, each with path, value and what is allowed', () => {
    const wrong = withDeploy({
      environment: 'Prod', shape: 'prod', storage: 'postgres', accountId: 12_345, domain: 'https://Clearing.example.com/', hostedZoneId: '/hostedzone/Z123',
      cidr: '10.64.0.1/10', replicaRegion: 'eu-central-1a', authorities: '', contacts: { page: [], ticket: ['http://example.com', 'someone'] },
      state: { bucket: 'State', region: 'eu-centrall-1' }, retention: { logDays: 100, backupDays: 3, auditDays: 0.5 },
      tags: { 'aws:x': 'y', ok: 1 }, sizes: { edge: 'tiny', edges: 'small' }, regions: { us: {} }, edges: { waw1: {}, fra: { disk: 1 } }, zone: {},
    });
    expect(messages(wrong)).toMatchInlineSnapshot(`
      [
        "deploy.zone: unknown key; allowed: environment, shape, storage, accountId, domain, hostedZoneId, cidr, zones, replicaRegion, authorities, operatorCidrs, sitesConnected, contacts, runbooks, state, retention, tags, sizes, regions, edges; did you mean "zones"?",
        "deploy.environment: got "Prod"; allowed: a lower-case letter, then letters, digits and hyphens, at most 32, no hyphen at the end",
        "deploy.shape: got "prod"; allowed: one of pilot, production; did you mean "production"?",
        "deploy.storage: got "postgres"; allowed: one of embedded, managed",
        "deploy.accountId: got 12345; allowed: an AWS account: 12 digits, as a string; quote it: it is a name, and may begin with a 0",
        "deploy.domain: got "https://Clearing.example.com/"; allowed: a DNS domain in lower case, without scheme or dot at the end: clearing.example.com; did you mean "clearing.example.com"?",
        "deploy.hostedZoneId: got "/hostedzone/Z123"; allowed: the id of a Route 53 hosted zone: Z and capital letters and digits; did you mean "Z123"?",
        "deploy.cidr: got "10.64.0.1/10"; allowed: a private IPv4 network of /8 to /16 in CIDR notation, without host bits: 10.64.0.0/10",
        "deploy.replicaRegion: got "eu-central-1a"; allowed: an AWS region: eu-central-1; did you mean "eu-central-1"?",
        "deploy.authorities: got ""; allowed: path of a PEM file, relative to the config: keys/ca.pem",
        "deploy.contacts.page: got a list of 0; allowed: a list of 1 to 20",
        "deploy.contacts.ticket[0]: got "http://example.com"; allowed: an e-mail address, or an https URL; https, not http: alarms say what is broken",
        "deploy.contacts.ticket[1]: got "someone"; allowed: an e-mail address, or an https URL",
        "deploy.state.bucket: got "State"; allowed: the name of an S3 bucket: 3 to 63 small letters, digits, dots and dashes",
        "deploy.state.region: got "eu-centrall-1"; allowed: an AWS region: eu-central-1; did you mean "eu-central-1"?",
        "deploy.retention.logDays: got 100; allowed: days that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653; the next above is 120",
        "deploy.retention.backupDays: got 3; allowed: days, 7 to 35",
        "deploy.retention.auditDays: got 0.5; allowed: days, 1 to 36500",
        "deploy.tags["aws:x"]: got "aws:x"; allowed: a key that does not begin with aws: or tidemark:, which are taken",
        "deploy.tags.ok: got 1; allowed: text of at most 256 letters, digits, spaces and _ . : / = + - @",
        "deploy.sizes.edges: unknown key; allowed: controlPlane, region, edge; did you mean "edge"?",
        "deploy.sizes.edge: got "tiny"; allowed: one of small, medium, large",
        "deploy.regions.us: got "us"; allowed: the id of a region of \`regions\`",
        "deploy.edges.waw1: got "waw1"; allowed: the id of an edge node of \`regions\`; did you mean "waw"?",
        "deploy.edges.fra.disk: unknown key; allowed: kind, size, diskGib, clientCidrs, cidr, zone, outpost; did you mean "diskGib"?",
      ]
    `);
  });

  it.each([[null], [1], ['x'], [[]]])('find nothing to work with in %o', (value) => {
    expect(paths({ ...good, deploy: value })).toEqual(['deploy']);
  });

  it.each(['contacts', 'retention', 'tags', 'sizes', 'regions', 'edges', 'zones', 'state'])('cover %s null', (key) => {
    expect(paths(withDeploy({ [key]: null }))).toEqual([`deploy.${key}`]);
  });

  it('never end in anything but issues, whatever comes', () => {
    const keys = fc.constantFrom(
      'environment', 'shape', 'storage', 'accountId', 'domain', 'hostedZoneId', 'cidr', 'zones', 'replicaRegion', 'authorities', 'contacts', 'state',
      'retention', 'tags', 'sizes', 'regions', 'edges',
    );
    const anything = fc.anything({ withBigInt: true, withSparseArray: true });
    const hosts = fc.dictionary(fc.constantFrom('eu', 'fra', 'waw', 'brno', 'lon', '__proto__'), fc.oneof(anything, fc.dictionary(
      fc.constantFrom('kind', 'size', 'cidr', 'zone', 'outpost', 'clientCidrs', 'diskGib'),
      fc.oneof(anything, fc.constantFrom('outpost', 'on-premises', 'region', '10.64.0.0/18', '10.64.0.0/24', 'eu-central-1a')),
    )));
    fc.assert(fc.property(fc.dictionary(keys, fc.oneof(anything, hosts)), (change) => {
      for (const issue of checkPlatform(withDeploy(change))) expect(issue.message).toContain(issue.allowed);
    }), { numRuns: 500 });
  });
});

describe('names', () => {
  it.each(['example', 'clearing.example.com.', '-a.example', 'a_b.example', 'clearing.example.1', `${'a'.repeat(64)}.example`, 'Clearing.example.com'])(
    'refuse the domain %s', (domain) => {
      expect(paths(withDeploy({ domain }))).toEqual(['deploy.domain']);
    },
  );

  it('fit into what AWS allows: certificates, roles, buckets', () => {
    const long = `${'a'.repeat(30)}.${'b'.repeat(25)}.eu`;
    expect(messages(withDeploy({ domain: long }))).toEqual([
      expect.stringContaining(`allowed: a domain that makes control.${long} no longer than 64 characters (now 67)`),
    ]);
    expect(paths(withDeploy({ environment: 'production-of-the-north-west' }))).toEqual(['deploy.environment']);
    const regions = [{ id: 'eu', location: 'eu-central-1', edges: [{ id: 'a-site-with-a-name-that-is-long', location: 'eu-central-1' }] }];
    const [message] = messages(withDeploy({}, { regions }));
    expect(message).toContain('regions[0].edges[0].id: got "a-site-with-a-name-that-is-long"; allowed: at most 27 characters when deployed');
    expect(paths(withDeploy({}, { regions: [{ id: 'control', location: 'eu-west-1', edges: [{ id: 'a', location: 'eu-west-1' }] }] }))).toEqual(['regions[0].id']);
    // On this machine the name is as good as any.
    expect(messages({ ...good, regions, deploy: undefined })).toEqual([]);
  });
});

describe('networks', () => {
  it.each([
    ['8.0.0.0/10', 'in 10.0.0.0/8'], ['10.0.0.0/7', '/8 to /16'], ['10.0.0.0/17', '/8 to /16'], ['10.0.0.0', 'CIDR notation'],
    ['10.300.0.0/16', 'without host bits'], ['10.0.0.0/016', 'without host bits'], ['100.64.0.0/10', 'in 10.0.0.0/8'], ['172.17.0.0/16', 'container hosts'],
    [10, 'CIDR notation'], ['fd00::/16', 'CIDR notation'],
  ])('refuse %s to take networks from', (cidr, why) => {
    expect(messages(withDeploy({ cidr }))).toEqual([expect.stringContaining(why)]);
  });

  it('refuse a range that is too small for all sites', () => {
    const regions = ['a', 'b', 'c', 'd'].map((id) => ({ id, location: 'eu-west-1', edges: [{ id: `${id}-1`, location: 'eu-west-1' }] }));
    expect(messages(withDeploy({ cidr: '10.0.0.0/16' }, { regions }))).toEqual([
      'deploy.cidr: got "10.0.0.0/16"; allowed: a network with room for 5 of /18 and 4 of /24: none is left for region-c, region-d',
    ]);
    expect(paths(withDeploy({ cidr: '10.0.0.0/16' }, { regions: regions.slice(0, 2) }))).toEqual([]);
  });

  it('refuse sites\' own networks that are malformed, of the wrong size, public, or overlap', () => {
    const change = { regions: { eu: { cidr: '10.64.64.0/18' } }, edges: { fra: { cidr: '10.64.65.0/24' }, waw: { cidr: '10.1.1.0/24' }, lon: { cidr: '10.1.1.0/24' } } };
    expect(messages(withDeploy(change))).toEqual([
      'deploy.edges.fra.cidr: got "10.64.65.0/24"; allowed: a network that no other site has; region-eu has 10.64.64.0/18',
      'deploy.edges.lon.cidr: got "10.1.1.0/24"; allowed: a network that no other site has; edge-waw has 10.1.1.0/24',
    ]);
    expect(edge('fra', { cidr: '203.0.113.0/24' })[0]).toContain('in 10.0.0.0/8');
    expect(edge('fra', { cidr: '10.1.0.0/18' })[0]).toContain('of /24');
    expect(paths(withDeploy({ regions: { eu: { cidr: '10.1.0.0/24' } } }))).toEqual(['deploy.regions.eu.cidr']);
  });

  it('refuse clients that are everybody', () => {
    expect(edge('fra', { clientCidrs: ['0.0.0.0/0', '192.0.2.1/24', '192.0.2.0/24', '192.0.2.0/24'] })).toEqual([
      expect.stringContaining('deploy.edges.fra.clientCidrs[0]: got "0.0.0.0/0"; allowed: a network of /8 or smaller'),
      expect.stringContaining('deploy.edges.fra.clientCidrs[1]'), expect.stringContaining('clientCidrs[3]: got "192.0.2.0/24"; allowed: each network once'),
    ]);
  });
});

describe('places', () => {
  it('refuse the control plane or a region outside of an AWS region', () => {
    const regions = [{ ...good.regions[0], location: 'eu-west-2-wl1-lon-wlz-1', replicas: 1 }];
    expect(messages(withDeploy({}, { regions, controlPlane: { location: 'us-east-1-nyc-1' } }))).toEqual([
      'controlPlane.location: got "us-east-1-nyc-1"; allowed: an AWS region when deployed: it is spread over 3 zones; did you mean "us-east-1"?',
      'regions[0].location: got "eu-west-2-wl1-lon-wlz-1"; allowed: an AWS region when deployed: it is spread over 3 zones; did you mean "eu-west-2"?',
    ]);
    expect(paths(withDeploy({}, { controlPlane: { location: 'brno' } }))).toEqual(['controlPlane.location']);
    // What is said of a name that is none leads to one that may be there.
    const said = (location: unknown): string[] => messages(withDeploy({}, { controlPlane: { location } }))
      .map((message) => message.replace('allowed: an AWS region when deployed: it is spread over 3 zones', '...'));
    expect(said('us-east-1-nyc-1a')).toEqual(['controlPlane.location: got "us-east-1-nyc-1a"; ...; did you mean "us-east-1"?']);
    expect(said('us-east-1a')).toEqual(['controlPlane.location: got "us-east-1a"; ...; did you mean "us-east-1"?']);
    expect(said('us-esat-1')).toEqual(['controlPlane.location: got "us-esat-1"; ...; did you mean "us-east-1"?']);
    expect(said(7)).toEqual(['controlPlane.location: got 7; ...']);
  });

  it('ask for the zones where accounts differ, and take other ones', () => {
    const regions = [{ id: 'us', location: 'us-west-1', edges: [{ id: 'sfo', location: 'us-west-1' }] }];
    expect(messages(withDeploy({}, { regions }))).toEqual([
      'deploy.zones["us-west-1"]: got nothing; allowed: 3 zones for us: which ones there are differs by account',
    ]);
    expect(messages(withDeploy({ zones: { 'us-west-1': ['us-west-1a', 'us-west-1c'] } }, { regions }))).toEqual([
      'deploy.zones["us-west-1"]: got ["us-west-1a","us-west-1c"]; allowed: 3 zones for us',
    ]);
    const zones = { 'us-west-1': ['us-west-1a', 'us-west-1b', 'us-west-1c'] };
    expect(messages(withDeploy({ zones }, { regions }))).toEqual([]);
    expect(messages(withDeploy({ zones: { 'us-west-1': ['us-west-1a'] } }, { regions: [{ ...regions[0], location: 'us-west-2' }] }))).toEqual([]);
  });

  it('refuse zones of another region, zone ids, and the same one twice', () => {
    const zones = { 'eu-west-1': ['eu-west-2a', 'euw1-az1', 'eu-west-1a'], 'eu-west-3': ['eu-west-3a', 'eu-west-3a'], 'eu-wset-1': [] };
    expect(paths(withDeploy({ zones }))).toEqual([
      'deploy.zones["eu-wset-1"]', 'deploy.zones["eu-west-1"][0]', 'deploy.zones["eu-west-1"][1]', 'deploy.zones["eu-west-3"][1]',
    ]);
  });

  it('refuse a kind that contradicts the location', () => {
    expect(edge('waw', { kind: 'region' })).toEqual([
      'deploy.edges.waw.kind: got "region"; allowed: local-zone, as its location is eu-central-1-waw-1',
    ]);
    expect(edge('fra', { kind: 'on-premises' })[0]).toContain('region or outpost, as its location is eu-central-1; a place of your own is one of `locations`');
    expect(edge('brno', { kind: 'local-zone' })[0]).toContain('on-premises or outpost');
    expect(edge('lon', { kind: 'local-zone' })[0]).toContain('wavelength');
    expect(edge('lon', { kind: 'wave-length' })[0]).toContain('did you mean "wavelength"?');
  });

  it('ask an Outpost for its particulars, and no one else', () => {
    expect(edge('fra', { kind: 'outpost' })[0]).toContain('deploy.edges.fra.outpost: got nothing; allowed: an object with arn, zone');
    expect(edge('brno', { kind: 'outpost', outpost: OUTPOST })).toEqual([]);
    expect(edge('fra', { outpost: OUTPOST })[0]).toContain('nothing for a host of kind region');
    const elsewhere = { arn: OUTPOST.arn.replace('eu-central-1', 'us-east-1'), zone: 'us-east-1a' };
    expect(edge('fra', { kind: 'outpost', outpost: elsewhere, zone: 'eu-central-1a' })).toEqual([
      expect.stringContaining('nothing for an Outpost; outpost.zone says it'),
      expect.stringContaining('an Outpost of eu-central-1, the AWS region of its location'), expect.stringContaining('the availability zone that it belongs to'),
    ]);
    expect(edge('fra', { kind: 'outpost', outpost: { arn: 'op-1', zone: 'eu-central-1a' } })[0]).toContain('outpost.arn');
  });

  it('refuse on premises what is there already', () => {
    const change = { diskGib: 100, cidr: '10.1.1.0/24', clientCidrs: [], zone: 'eu-central-1a' };
    expect(edge('brno', change)).toHaveLength(4);
    for (const message of edge('brno', change)) expect(message).toContain('nothing on premises');
  });

  it.each([
    ['fra', 'eu-central-1b', true], ['fra', 'eu-west-1a', false], ['waw', 'eu-central-1-waw-1b', true], ['waw', 'eu-central-1a', false],
    ['lon', 'eu-west-2-wl1-lon-wlz-1', true], ['lon', 'eu-west-2-wl1-lon-wlz-1a', false], ['lon', 'eu-west-2-wl1-man-wlz-1', false],
  ])('%s in zone %s: %s', (id, zone, ok) => {
    expect(edge(id, { zone }).length).toBe(ok ? 0 : 1);
  });

  it.each([[19, false], [20, true], [16_384, true], [16_385, false], [20.5, false], ['20', false]])('a disk of %s GiB: %s', (diskGib, ok) => {
    expect(edge('fra', { diskGib }).length).toBe(ok ? 0 : 1);
  });
});

describe('the rest', () => {
  it('refuses several replicas on one disk', () => {
    expect(messages(withDeploy({ storage: 'embedded' }))).toEqual([
      'regions[0].replicas: got 3; allowed: 1 with embedded storage, whose order is a file on one disk; deploy.storage: "managed" has a cluster for it',
    ]);
  });

  it('refuses to keep the copy beside the original', () => {
    expect(messages(withDeploy({ replicaRegion: 'eu-west-1' }))[0]).toContain('another AWS region than the control plane\'s');
  });

  it('says which log retention is next', () => {
    expect(messages(withDeploy({ retention: { logDays: 366 } }))[0]).toContain('the next above is 400');
  });

  it.each([
    ['on-call@example.com', true], ['a+b@sub.example.com', true], ['https://hooks.example.com/x?y=z', true], ['https://user:secret@example.com', false],
    ['https://localhost', false], ['mailto:a@example.com', false], ['a@b@example.com', false], ['a b@example.com', false], ['a@example', false], ['https://', false],
  ])('contact %s: %s', (contact, ok) => {
    expect(paths(withDeploy({ contacts: { page: [contact], ticket: ['x@example.com'] } }))).toEqual(ok ? [] : ['deploy.contacts.page[0]']);
  });

  it('refuses more tags than a resource holds, and reserved ones', () => {
    const tags = Object.fromEntries(Array.from({ length: 41 }, (_, i) => [`tag-${i}`, 'x']));
    expect(paths(withDeploy({ tags }))).toEqual(['deploy.tags']);
    expect(paths(withDeploy({ tags: { 'AWS:x': 'y', 'tidemark:stack': 'y', 'a*': 'y', b: 'x'.repeat(257) } }))).toHaveLength(4);
  });

  it('wants the key of the state in the bucket\'s AWS region', () => {
    const kmsKeyArn = 'arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef';
    expect(paths(withDeploy({ state: { bucket: 'tf-state', region: 'eu-west-1', kmsKeyArn } }))).toEqual([]);
    expect(paths(withDeploy({ state: { bucket: 'tf-state', region: 'eu-west-2', kmsKeyArn } }))).toEqual(['deploy.state.kmsKeyArn']);
  });

  it('throws with the other mistakes of a config, all at once', () => {
    const input = { ...good, name: 'X', deploy: { ...deploy, domain: 'x' } };
    const error = ((): unknown => {
      try {
        return definePlatform(input);
      } catch (e) {
        return e;
      }
    })();
    expect((error as ConfigError).issues.map((issue) => issue.path)).toEqual(['name', 'deploy.domain']);
  });
});
