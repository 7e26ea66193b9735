/** `tidemark check` over folders: what it prints, what it writes, how it ends. That the kit's own stacks pass is test/kit's. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { RULES } from '../../constructs/checks/core/index.ts';
import { ADDRESSES_FILE, loadPlatform } from '../../platform/index.ts';
import { stackNames } from '../../stacks/app.ts';
import { CONFIG_FILE } from '../config-file.ts';
import type { Io } from '../io.ts';
import { run } from '../program.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-check-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function check(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const io: Io = { out: (text) => void (out += `${text}\n`), err: (text) => void (err += `${text}\n`), env: {} };
  return { code: await run(['check', ...args], io), out, err };
}

function stackFolder(name: string, json: object): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(
    join(path, 'cdk.tf.json'),
    JSON.stringify({ terraform: { backend: { s3: { encrypt: true, use_lockfile: true } } }, ...json }),
  );
  return path;
}
const keys = (count: number, rotated: boolean): object => ({
  resource: {
    aws_kms_key: Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`k${i}`, { enable_key_rotation: rotated, tags: { a: 'b' } }]),
    ),
  },
});
const good = stackFolder('good', keys(1, true));
const bad = stackFolder('bad', keys(25, false));

describe('tidemark check', () => {
  test('ends with 0 and a line that sums it up when everything holds', async () => {
    expect(await check(good)).toEqual({ code: 0, out: '1 stack: 0 findings, 0 suppressed with a reason, 4 passed\n', err: '' });
  });
  test('ends with 1 and says what is wrong, why, where, and how to mend it', async () => {
    const { code, out } = await check(bad);
    expect(code).toBe(1);
    const [head, why, fix, first] = out.split('\n');
    expect(head).toBe('TM-KMS-01 (medium): A symmetric key is rotated every year.');
    expect(why).toMatch(/^ {2}why: /);
    expect(fix).toBe('  fix: Set enable_key_rotation true.');
    expect(first).toBe('  - bad/aws_kms_key.k0: is not rotated: false');
    expect(out).toContain('... and 5 more (--json has them)');
    expect(out.trimEnd().split('\n').at(-1)).toBe('1 stack: 25 findings (25 medium), 0 suppressed with a reason, 51 passed');
  });
  test('as JSON: findings, suppressed, passed, and nothing else', async () => {
    const reason = 'Encrypts nothing yet; goes with the next release.';
    const path = stackFolder('quiet', {
      ...keys(2, false),
      '//': { tidemark: { suppressions: [{ rule: 'TM-KMS-01', path: 'quiet/aws_kms_key.k0', reason }] } },
    });
    const { code, out, err } = await check(path, '--json');
    expect([code, err]).toEqual([1, '']);
    const result = JSON.parse(out) as object;
    expect(Object.keys(result)).toEqual(['findings', 'suppressed', 'passed']);
    expect(result).toMatchObject({
      findings: [
        {
          rule: 'TM-KMS-01',
          severity: 'medium',
          stack: 'quiet',
          address: 'aws_kms_key.k1',
          path: 'quiet/aws_kms_key.k1',
          message: 'is not rotated',
          value: 'false',
          fix: 'Set enable_key_rotation true.',
        },
      ],
      suppressed: [{ rule: 'TM-KMS-01', address: 'aws_kms_key.k0', reason, suppressedAt: 'quiet/aws_kms_key.k0' }],
      passed: expect.any(Number) as number,
    });
  });
  test('writes evidence in three forms, the same each time, a time only when asked', async () => {
    const file = (name: string): string => join(folder, name);
    for (const name of ['e.json', 'again.json', 'e.md', 'e.csv'])
      expect((await check(bad, '--out', file(name), '--json')).code).toBe(1);
    expect(readFileSync(file('e.json'), 'utf8')).toBe(readFileSync(file('again.json'), 'utf8'));
    const evidence = JSON.parse(readFileSync(file('e.json'), 'utf8')) as { rules: unknown[]; at?: string };
    expect(evidence).toMatchObject({
      schema: 'tidemark.checks.evidence/1',
      tool: { name: 'tidemark' },
      input: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string, stacks: [{ name: 'bad' }] },
    });
    expect([evidence.rules.length, evidence.at]).toEqual([RULES.length, undefined]);
    expect(readFileSync(file('e.md'), 'utf8')).toMatch(/^# Evidence of checks\n/);
    expect(
      readFileSync(file('e.csv'), 'utf8')
        .split('\r\n')
        .filter((line) => line.startsWith('TM-KMS-01')),
    ).toHaveLength(25);
    await check(good, '--out', file('timed.json'), '--at', '2026-01-31T12:00:00Z');
    expect(JSON.parse(readFileSync(file('timed.json'), 'utf8'))).toMatchObject({ at: '2026-01-31T12:00:00Z' });
  });
  test('lists the rules, as JSON with all that is known of them', async () => {
    const { code, out } = await check('--rules');
    expect(code).toBe(0);
    for (const { id } of RULES) expect(out).toContain(id);
    const listed = JSON.parse((await check('--rules', '--json')).out) as object[];
    expect(listed).toHaveLength(RULES.length);
    expect(listed[0]).toMatchObject({
      id: RULES[0]?.id,
      why: RULES[0]?.why,
      fix: RULES[0]?.fix,
      controls: expect.arrayContaining([
        { framework: 'SOC 2', control: 'CC6.1', title: expect.any(String) as string },
      ]) as unknown,
    });
  });
});

describe('mistakes in usage end with 2', () => {
  const unknownRule = stackFolder('unknown', {
    '//': { tidemark: { suppressions: [{ rule: 'TM-KMS-77', path: 'unknown', reason: 'a reason that is long enough' }] } },
  });
  const broken = join(folder, 'broken');
  mkdirSync(broken);
  writeFileSync(join(broken, 'cdk.tf.json'), '{');
  test.each([
    [[join(folder, 'nothing')], 'no such file or folder'],
    [[broken], 'JSON'],
    [[unknownRule], '"TM-KMS-77", which is no rule; did you mean TM-KMS-0'],
    [[good, '--out', 'evidence.pdf'], 'expected a name that ends with .json, .md, .csv'],
    [[good, '--out', join(folder, 'none', 'e.json')], 'ENOENT'],
    [[good, '--at', 'yesterday'], '--at yesterday: expected a time'],
    [[good, '--config', 'x.ts'], 'not both'],
    [['--config', join(folder, 'none.ts')], 'no such file'],
    [[good, 'another'], 'too many arguments'],
    [['--jsno'], 'unknown option'],
  ])('%j', async (args, told) => {
    const { code, out, err } = await check(...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(told);
  });
  test('as JSON on stdout as well', async () => {
    expect(JSON.parse((await check(broken, '--json')).out)).toMatchObject({
      error: { code: 'checks', message: expect.stringContaining('JSON') as string },
    });
  });
});

test('without a folder judges the stacks of a config as they would be synthesized, and leaves nothing behind', async () => {
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  vi.stubEnv('TMPDIR', temporary);
  const lock = join(dirname(CONFIG_FILE), ADDRESSES_FILE);
  const before = existsSync(lock);
  const { code, out, err } = await check('--config', CONFIG_FILE, '--json', '--out', join(folder, 'kit.json'));
  vi.unstubAllEnvs();
  const { findings, passed } = JSON.parse(out) as { findings: unknown[]; passed: number };
  expect([code, err]).toEqual([findings.length === 0 ? 0 : 1, '']);
  expect(passed).toBeGreaterThan(1_000);
  const { input } = JSON.parse(readFileSync(join(folder, 'kit.json'), 'utf8')) as { input: { stacks: { name: string }[] } };
  expect(input.stacks.map((stack) => stack.name).sort()).toEqual(stackNames(await loadPlatform(CONFIG_FILE)).sort());
  expect(readdirSync(temporary)).toEqual([]);
  expect(existsSync(lock)).toBe(before);
});
