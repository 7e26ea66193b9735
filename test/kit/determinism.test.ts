/** The same definition gives the same bytes: in another process, folder and checkout, for another user in another place of the world. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { copyKit } from './copy.ts';
import { DEPLOYMENTS } from './deployments.ts';
import { succeed } from './process.ts';
import { ROOT } from './root.ts';
import { temporaryFolder } from './scratch.ts';

const ELSEWHERE = { TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', USER: 'somebody', LOGNAME: 'somebody', HOME: '/nonexistent' };

describe('synthesis', () => {
  const copy = temporaryFolder('elsewhere');
  copyKit(copy);

  test.each(DEPLOYMENTS.map((one) => [one.name, one.config] as const))('%s: gives the same bytes anywhere', async (_name, config) => {
    const here = await synthesized(ROOT, config, {});
    expect(Object.keys(here).length).toBeGreaterThan(3);
    expect(await synthesized(copy, join(copy, relative(ROOT, config)), ELSEWHERE)).toEqual(here);
  });

  test('what is compared is not indifferent to the definition', async () => {
    const [first, second] = await Promise.all(DEPLOYMENTS.slice(0, 2).map((one) => synthesized(ROOT, one.config, {})));
    expect(first!['stacks/global/cdk.tf.json']).not.toBe(second!['stacks/global/cdk.tf.json']);
  });
});

/** Digest of each file, by path. */
async function synthesized(root: string, config: string, env: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const out = temporaryFolder('bytes');
  await succeed(process.execPath, [join(root, 'test/kit/synth-main.ts'), config, out], { cwd: root, env: { ...process.env, ...env } });
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(out, path)).isFile()).sort();
  return Object.fromEntries(files.map((path) => [path, createHash('sha256').update(readFileSync(join(out, path))).digest('hex')]));
}
