/** The platform's definition from a stack's configuration. */
import { join } from 'node:path';
import { Config } from '@pulumi/pulumi';
import { expect, test } from 'vitest';
import { loadConfig } from './index.ts';
import { withMocks } from './testing/index.ts';

const load = async (config: Record<string, string>) => (await withMocks(() => loadConfig(new Config('edge')), { config })).result;
const example = join(import.meta.dirname, '../../examples/pilot.config.ts');
const small = { name: 'small', origin: 'tidemark.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' }, regions: [{ id: 'eu', location: 'eu-central-1', edges: [{ id: 'fra', location: 'eu-central-1' }] }] };

test('from a file, as the command line takes it', async () => {
  expect((await load({ 'edge:platformFile': example })).regions.length).toBeGreaterThan(0);
});

test('inline', async () => {
  expect((await load({ 'edge:platform': JSON.stringify(small) })).name).toBe('small');
});

test.each([
  ['neither', {}, /exactly one of edge:platformFile, edge:platform is needed, got none/],
  ['both', { 'edge:platformFile': example, 'edge:platform': JSON.stringify(small) }, /got edge:platformFile and edge:platform/],
  ['no such file', { 'edge:platformFile': '/nowhere/a.ts' }, /\/nowhere\/a\.ts: no such file/],
  ['no object', { 'edge:platform': 'tidemark' }, /edge:platform: expected an object, got tidemark/],
  ['mistakes, all of them, with the key', { 'edge:platform': JSON.stringify({ ...small, name: 'Not A Name', assets: [] }) }, /edge:platform[\s\S]*name[\s\S]*assets/],
])('refuses: %s', async (_, config, message) => {
  await expect(load(config as Record<string, string>)).rejects.toThrow(message);
});
