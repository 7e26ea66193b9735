import { describe, expect, it } from 'vitest';
import { awsRegionOf, edgeHostOf, KNOWN_LOCATIONS, regionHostOf, secretName, secretsOf, stackName, zonesOf, type Deploy } from './index.ts';
import { formatCidr, isPrivate, parseCidr, type Cidr } from './cidr.ts';
import { checkPlatform } from './define.ts';
import config from '../tidemark.config.ts';

const deploy = config.deploy as Deploy;
const platform = { locations: [{ id: 'brno', near: 'eu-central-1', roundTripMs: 9 }], deploy };

describe('awsRegionOf', () => {
  it.each([
    ['eu-west-1', 'eu-west-1'], ['us-west-2-lax-1', 'us-west-2'], ['eu-west-2-wl2-man-wlz-1', 'eu-west-2'], ['eu-west-3-cmn-wlz-1', 'eu-west-3'],
    ['brno', 'eu-central-1'],
  ])('%s belongs to %s', (location, awsRegion) => {
    expect(awsRegionOf(location, platform)).toBe(awsRegion);
  });

  it('throws for a place that is nowhere', () => {
    expect(() => awsRegionOf('mars', platform)).toThrow('no location "mars"');
  });
});

describe('zones', () => {
  it('are three of every AWS region that sites can be in, but one', () => {
    for (const { id } of KNOWN_LOCATIONS.filter(({ kind }) => kind === 'region')) {
      expect(zonesOf(id, deploy), id).toHaveLength(id === 'us-west-1' ? 0 : 3);
    }
    expect(zonesOf('ap-northeast-1', deploy)).toEqual(['ap-northeast-1a', 'ap-northeast-1c', 'ap-northeast-1d']);
    expect(zonesOf('ap-northeast-1', { zones: { 'ap-northeast-1': ['ap-northeast-1b'] } })).toEqual(['ap-northeast-1b']);
    expect(zonesOf('constructor', deploy)).toEqual([]);
  });

  it('of Wavelength Zones can be named in a config', () => {
    const regions = [{ id: 'uk', location: 'eu-west-2', edges: [{ id: 'a', location: 'eu-west-2-wl1-lon-wlz-1' }] }];
    expect(checkPlatform({ ...config, regions, slas: [], witnessQuorum: 1 })).toEqual([]);
  });
});

describe('hosts', () => {
  const host = (location: string, said: Deploy['edges'][string] = {}): unknown =>
    edgeHostOf({ ...platform, deploy: { ...deploy, edges: { x: said } } }, { id: 'x', location });

  it('are what their location makes them', () => {
    expect(host('us-west-2-lax-1')).toEqual({
      kind: 'local-zone', size: 'small', awsRegion: 'us-west-2', zone: 'us-west-2-lax-1a', networkBorderGroup: 'us-west-2-lax-1', clientCidrs: [],
    });
    expect(host('us-west-2-wl1-las-wlz-1')).toMatchObject({ kind: 'wavelength', zone: 'us-west-2-wl1-las-wlz-1', networkBorderGroup: 'us-west-2-wl1-las-wlz-1' });
    expect(host('eu-west-3-cmn-wlz-1')).toMatchObject({ zone: 'eu-west-3-cmn-wlz-1a', networkBorderGroup: 'eu-west-3-cmn-wlz-1' });
    expect(host('brno')).toEqual({ kind: 'on-premises', size: 'small', awsRegion: 'eu-central-1', clientCidrs: [] });
  });

  it('are what the deployment says they are', () => {
    const outpost = { arn: 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0', zone: 'eu-central-1c' };
    expect(host('brno', { kind: 'outpost', outpost, size: 'large', diskGib: 99, clientCidrs: ['192.0.2.0/24'] })).toEqual({
      kind: 'outpost', size: 'large', awsRegion: 'eu-central-1', zone: 'eu-central-1c', clientCidrs: ['192.0.2.0/24'], diskGib: 99, outpost,
    });
    expect(host('us-west-2-lax-1', { zone: 'us-west-2-lax-1b' })).toMatchObject({ zone: 'us-west-2-lax-1b' });
    expect(regionHostOf({ ...platform, deploy: { ...deploy, regions: { eu: { size: 'large' } } } }, { id: 'eu', location: 'eu-central-1' })).toEqual({
      size: 'large', awsRegion: 'eu-central-1', zones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'],
    });
  });

  it('of one AWS region are spread over its zones, each by its name alone', () => {
    const zone = (id: string): string | undefined => edgeHostOf(platform, { id, location: 'eu-central-1' }).zone;
    const zones = Array.from({ length: 300 }, (_, i) => zone(`site-${i}`));
    for (const letter of 'abc') expect(zones.filter((z) => z === `eu-central-1${letter}`).length).toBeGreaterThan(60);
    expect(zone('site-7')).toBe(zones[7]);
  });

  it('have nothing of what every object has', () => {
    expect(edgeHostOf(platform, { id: 'constructor', location: 'eu-central-1' })).toMatchObject({ kind: 'region', size: 'small' });
  });
});

describe('secrets', () => {
  const stack = { platform: 'tidemark', environment: 'production' };

  it('are named by platform, environment, stack and what they are', () => {
    expect(secretName({ ...stack, kind: 'region', id: 'eu' }, 'key-0')).toBe('/tidemark/production/region-eu/key-0');
    expect(secretName({ ...stack, kind: 'global' }, 'tls-key')).toBe('/tidemark/production/global/tls-key');
    expect(stackName({ kind: 'edge', id: 'eu-fra-1' })).toBe('edge-eu-fra-1');
  });

  it('are those that the services of the stack read', () => {
    const of = (storage: Deploy['storage'], kind: 'global' | 'region' | 'edge', id?: string): readonly string[] =>
      secretsOf({ regions: config.regions, webhooks: [], deploy: { storage } }, { kind, ...(id === undefined ? {} : { id }) });
    expect(of('managed', 'edge', 'eu-fra-1')).toEqual(['key', 'trust', 'token', 'tls-cert', 'tls-key']);
    expect(of('embedded', 'global')).toEqual(of('managed', 'edge', 'eu-fra-1'));
    expect(of('managed', 'global')).toEqual([...of('embedded', 'global'), 'ledger-credentials']);
    expect(of('embedded', 'region', 'us')).toEqual(['key-0', 'region-key', 'trust', 'token', 'tls-cert', 'tls-key']);
    expect(of('managed', 'region', 'eu')).toEqual([
      'key-0', 'key-1', 'key-2', 'region-key', 'trust', 'token', 'tls-cert', 'tls-key', 'stream-token', 'stream-tls-cert', 'stream-tls-key',
    ]);
    expect(() => of('managed', 'region', 'uk')).toThrow('no region "uk"; there are eu, us');
  });
});

describe('networks in CIDR notation', () => {
  it('are read and written', () => {
    for (const text of ['0.0.0.0/0', '10.64.0.0/10', '255.255.255.255/32', '192.168.1.128/25']) {
      expect(formatCidr(parseCidr(text) as Cidr)).toBe(text);
    }
  });

  it.each(['10.0.0.1/24', '10.0.0.0', '010.0.0.0/8', '10.0.0.0/33', '10.0.0.256/32', '10.0.0/8', ' 10.0.0.0/8', '10.0.0.0/8\n', '1e1.0.0.0/8', ''])('%j is none', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it.each([['10.0.0.0/8', true], ['8.0.0.0/6', false], ['172.31.255.0/24', true], ['172.32.0.0/16', false], ['192.168.0.0/15', false]])('%s private: %s', (text, expected) => {
    expect(isPrivate(parseCidr(text) as Cidr)).toBe(expected);
  });
});
