import { describe, expect, test } from 'vitest';
import { createRoundTrips } from '../../platform/index.ts';
import { samplePlatform } from './fixtures/platform.ts';
import { isCut, linkId, membersOf, partitionable, planLocal } from './plan.ts';

const platform = samplePlatform();
const plan = planLocal(platform);
const cutBy = (...sites: string[]): string[] => plan.links.filter((l) => isCut(plan, l, sites)).map(linkId).sort();

test('processes follow the port plan: control plane, edge nodes, replicas', () => {
  expect(plan.processes.map((p) => p.id)).toEqual(['global', 'eu-a', 'eu-b', 'us-a', 'eu/1', 'eu/2', 'eu/3', 'us/1']);
  expect(plan.processes.find((p) => p.id === 'eu/2')).toEqual({
    id: 'eu/2', site: 'eu', tier: 'region', location: 'eu-west-1', region: 'eu', replica: 1,
  });
});

test('each dial between sites has a link with the round trip of the table; replicas of a region dial each other without', () => {
  const ids = plan.links.map(linkId);
  expect([...ids].sort()).toEqual([
    'eu-a>eu/1', 'eu-a>eu/2', 'eu-a>eu/3', 'eu-b>eu/1', 'eu-b>eu/2', 'eu-b>eu/3', 'eu/1>global', 'eu/2>global', 'eu/3>global',
    'global>eu/1', 'global>eu/2', 'global>eu/3', 'global>us/1', 'us-a>us/1', 'us/1>global',
    'eu-a>eu-b', 'eu-a>us-a', 'eu-b>eu-a', 'eu-b>us-a', 'us-a>eu-a', 'us-a>eu-b',
  ].sort());
  const roundTrip = createRoundTrips(platform);
  expect(plan.links.find((l) => linkId(l) === 'us/1>global')?.roundTripMs).toBe(roundTrip('us-east-1', 'eu-central-1'));
  expect(plan.links.find((l) => linkId(l) === 'eu-b>eu/1')?.roundTripMs).toBe(roundTrip('eu-west-2', 'eu-west-1'));
});

test('neighbouring edge nodes prefer different replicas', () => {
  const preferred = (edge: string): string[] => plan.links.filter((l) => l.from === edge && l.to.includes('/')).map((l) => l.to);
  expect(preferred('eu-a')).toEqual(['eu/1', 'eu/2', 'eu/3']);
  expect(preferred('eu-b')).toEqual(['eu/2', 'eu/3', 'eu/1']);
});

describe('partitions', () => {
  test('of an edge node cuts its own links', () => {
    expect(cutBy('eu-a')).toEqual(['eu-a>eu-b', 'eu-a>eu/1', 'eu-a>eu/2', 'eu-a>eu/3', 'eu-a>us-a', 'eu-b>eu-a', 'us-a>eu-a']);
  });
  test('of a region cuts it off from the centre and the sites of others, both ways, and leaves its members together', () => {
    expect(cutBy('eu')).toEqual(['eu-a>us-a', 'eu-b>us-a', 'eu/1>global', 'eu/2>global', 'eu/3>global', 'global>eu/1', 'global>eu/2', 'global>eu/3', 'us-a>eu-a', 'us-a>eu-b']);
    expect([...membersOf(plan, 'eu')].sort()).toEqual(['eu-a', 'eu-b', 'eu/1', 'eu/2', 'eu/3']);
  });
  test('of one replica cuts its long links', () => {
    expect(cutBy('eu/2')).toEqual(['eu-a>eu/2', 'eu-b>eu/2', 'eu/2>global', 'global>eu/2']);
  });
  test('of the control plane cuts everything to and from it', () => {
    expect(cutBy('global')).toEqual(plan.links.filter((l) => l.from === 'global' || l.to === 'global').map(linkId).sort());
  });
  test('of several sites cut what any of them cuts', () => {
    expect(cutBy('eu-a', 'us')).toEqual([
      'eu-a>eu-b', 'eu-a>eu/1', 'eu-a>eu/2', 'eu-a>eu/3', 'eu-a>us-a', 'eu-b>eu-a', 'eu-b>us-a', 'global>us/1', 'us-a>eu-a', 'us-a>eu-b', 'us/1>global',
    ]);
    expect(cutBy()).toEqual([]);
  });
  test('can be of every site and every replica', () => {
    expect(partitionable(plan)).toEqual(['global', 'eu-a', 'eu-b', 'us-a', 'eu', 'eu/1', 'eu/2', 'eu/3', 'us', 'us/1']);
  });
});
