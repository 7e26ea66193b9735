/** `tidemark synth` as a user runs it. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import platform from '../tidemark.config.ts';
import { run } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-synth-'));
const config = join(folder, 'config.json');
const out = join(folder, 'out');
const lock = join(folder, 'addresses.lock.json');
beforeAll(() => writeFileSync(config, JSON.stringify(platform)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function synth(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const io = (key: 'out' | 'err') => (text: string): void => {
    said[key] += `${text}\n`;
  };
  return { code: await run(['synth', '--config', config, '--out', out, ...args], { out: io('out'), err: io('err'), env: {} }), ...said };
}

test('--frozen plans nothing; without it the plan is written once, and then nothing is left to plan', async () => {
  const frozen = await synth('--frozen');
  expect([frozen.code, existsSync(lock), existsSync(out)]).toEqual([1, false, false]);
  expect(frozen.err).toContain('no network is recorded for');
  const first = await synth();
  expect(first.code).toBe(0);
  expect(first.err).toContain('commit it, so that they stay where they are');
  for (const stack of ['global', 'region-eu', 'edge-us-nyc-1']) expect(existsSync(join(out, 'stacks', stack, 'cdk.tf.json'))).toBe(true);
  const written = readFileSync(lock, 'utf8');
  expect((await synth('--frozen')).code).toBe(0);
  expect(readFileSync(lock, 'utf8')).toBe(written);
});

test('says what managed storage still waits for', async () => {
  expect((await synth('--stack', 'global')).err).toContain('control-plane TIDEMARK_LEDGER=postgres:...');
});

test('says what Terraform will ask for, which stacks need it and what records it', async () => {
  const said = (await synth()).err;
  const row = (variable: string): string => said.split('\n').find((line) => line.startsWith(`${variable} `))?.replace(/ {2,}/g, ' | ') ?? `no ${variable}`;
  expect(row('collector_digest')).toMatch(/^collector_digest \| all 7 stacks \| tidemark images pin collector \S+aws-otel-collector:latest --lock \S+images\.lock\.json$/);
  expect(row('edge_node_digest')).toContain(' | edge-eu-fra-1, edge-eu-waw-1 and 2 more | tidemark images build --lock ');
  expect(row('nats_digest')).toContain(' | region-eu, region-us | tidemark images pin nats ');
  expect(row('authorities')).toMatch(/ \| global, region-eu, region-us \| tidemark keys create \S+keys --config \S+config\.json$/);
  const listed = JSON.parse((await synth('--json')).out) as { variables: { name: string; stacks: string[] }[] };
  expect(listed.variables.map(({ name, stacks }) => [name, stacks.length])).toEqual([
    ['authorities', 3], ['collector_digest', 7], ['control_plane_digest', 1], ['edge_node_digest', 4], ['nats_digest', 2], ['regional_aggregator_digest', 2],
  ]);
});

test('says nothing of variables once files beside the config have it all', async () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const built = { digest, source: digest, version: '1', platforms: { 'linux/amd64': { digest, size: 1, base: digest, sbom: digest } } };
  const images = join(folder, 'images.lock.json');
  const keys = join(folder, 'keys');
  writeFileSync(images, JSON.stringify({
    version: 1, built: Object.fromEntries(['control-plane', 'edge-node', 'regional-aggregator'].map((id) => [`tidemark/${id}`, built])),
    pinned: Object.fromEntries(['collector', 'nats'].map((name) => [name, { repository: `registry.example/${name}`, digest }])),
  }));
  mkdirSync(keys);
  writeFileSync(join(keys, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');
  expect((await synth()).err).not.toContain('VARIABLE');
  rmSync(images);
  // The authority is still there, and no word about it.
  const said = (await synth()).err;
  expect([said.includes('collector_digest'), said.includes('authorities')]).toEqual([true, false]);
  rmSync(keys, { recursive: true });
});

test('an output folder that is a file is told as what it is', async () => {
  writeFileSync(join(folder, 'a-file'), '');
  expect(await synth('--out', join(folder, 'a-file'))).toMatchObject({ code: 2, err: expect.stringMatching(/^tidemark: --out: EEXIST.*a-file.*; give a folder/) });
});

test('a stack that is none, and a definition without deploy, say what there is', async () => {
  expect(await synth('--stack', 'edge-mars')).toMatchObject({ code: 2, err: expect.stringContaining('no such stack: edge-mars; this config has global, region-eu') });
  const { deploy: _deploy, ...laptop } = platform;
  writeFileSync(config, JSON.stringify(laptop));
  expect(await synth()).toMatchObject({ code: 2, err: expect.stringContaining('deploy: got nothing; allowed: where it goes on AWS') });
});
