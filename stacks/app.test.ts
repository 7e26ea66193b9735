/** All stacks of a platform together. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { scopesOf } from '../constructs/sla-alarms/index.ts';
import { definePlatform, planAddresses, recordedPlan, withPlan, type Platform, type PlatformInput } from '../platform/index.ts';
import { buildApp, stackNames } from './app.ts';
import type { DeployedPlatform } from './common.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-app-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const INPUT: PlatformInput = {
  name: 'tidemark', origin: 'tidemark.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  regions: [
    { id: 'us', location: 'us-east-1', replicas: 3, edges: [{ id: 'us-nyc-1', location: 'us-east-1-nyc-1' }, { id: 'us-iad-1', location: 'us-east-1' }, { id: 'us-cmh-1', location: 'us-east-2' }] },
    { id: 'eu', location: 'eu-central-1', edges: [{ id: 'eu-waw-1', location: 'eu-central-1-waw-1' }, { id: 'eu-cellar', location: 'cellar' }, { id: 'eu-dub-1', location: 'eu-west-1' }] },
    { id: 'ap', location: 'ap-northeast-1', edges: [{ id: 'ap-nrt-1', location: 'ap-northeast-1' }] },
  ],
  locations: [{ id: 'cellar', near: 'eu-central-1', roundTripMs: 8 }],
  slas: [
    { id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 2_000, scope: 'global', severity: 'page', owner: 'settlement', runbook: 'runbooks/finality.ts' },
    { id: 'ordered', indicator: 'ordering', objective: 0.99, thresholdMs: 400, scope: 'region', owner: 'settlement', runbook: 'runbooks/ordering.ts' },
    { id: 'acknowledged', indicator: 'provisional-ack', objective: 0.99, thresholdMs: 25, scope: 'site', owner: 'settlement', runbook: 'runbooks/acknowledgement.ts' },
  ],
  deploy: {
    accountId: '123456789012', domain: 'clearing.example.com', hostedZoneId: 'Z0123456789', replicaRegion: 'eu-central-1',
    contacts: { page: ['on-call@example.com'], ticket: ['team@example.com'] },
  },
};
const platform = definePlatform(INPUT) as DeployedPlatform;
/** As it stands in addresses.lock.json. */
const lock = withPlan(undefined, platform, planAddresses(platform));

/** What is synthesized, byte for byte, by stack. */
function synthesized(of: Platform): Record<string, string> {
  const outdir = mkdtempSync(join(folder, 'out-'));
  buildApp(of, { outdir, addresses: planAddresses(of as DeployedPlatform, recordedPlan(lock, of)) }).synth();
  const stacks = join(outdir, 'stacks');
  return Object.fromEntries(readdirSync(stacks).sort().map((name) => [name, readFileSync(join(stacks, name, 'cdk.tf.json'), 'utf8')]));
}

const permuted = fc.tuple(
  fc.shuffledSubarray([...INPUT.regions], { minLength: INPUT.regions.length }),
  fc.tuple(...INPUT.regions.map(({ edges = [] }) => fc.shuffledSubarray([...edges], { minLength: edges.length }))),
).map(([regions, edges]): PlatformInput => ({
  ...INPUT, regions: regions.map((region) => ({ ...region, edges: edges[INPUT.regions.indexOf(region)]! })),
}));

test('in whatever order sites are written, every stack is the same, byte for byte', () => {
  const before = synthesized(platform);
  expect(Object.keys(before)).toEqual(stackNames(platform).toSorted());
  fc.assert(fc.property(permuted, (input) => {
    expect(synthesized(definePlatform(input))).toEqual(before);
  }), { numRuns: 4 });
}, 120_000);

test('so are scopes, which dashboards for Grafana are made of', () => {
  fc.assert(fc.property(permuted, (input) => {
    expect(scopesOf(definePlatform(input))).toEqual(scopesOf(platform));
  }));
});
