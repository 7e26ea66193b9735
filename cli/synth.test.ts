/** `tidemark synth` as a user runs it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

test('a stack that is none, and a definition without deploy, say what there is', async () => {
  expect(await synth('--stack', 'edge-mars')).toMatchObject({ code: 2, err: expect.stringContaining('no such stack: edge-mars; this config has global, region-eu') });
  const { deploy: _deploy, ...laptop } = platform;
  writeFileSync(config, JSON.stringify(laptop));
  expect(await synth()).toMatchObject({ code: 2, err: expect.stringContaining('deploy: got nothing; allowed: where it goes on AWS') });
});
