import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, test } from 'vitest';
import { parseAmount, showAmount } from './amounts.ts';
import { CliError } from './errors.ts';
import { parseSpan, type Io } from './io.ts';
import { createProgram, run } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function tidemark(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => {
      out += `${text}\n`;
    },
    err: (text) => {
      err += `${text}\n`;
    },
    env: { TIDEMARK_DATA: join(folder, 'nothing-here') },
  };
  return { code: await run(args, io), out, err };
}

const commands = (): { name: string; command: Command }[] => {
  const walk = (command: Command, path: string): { name: string; command: Command }[] => command.commands.flatMap((c) => {
    const name = `${path} ${c.name()}`.trim();
    return c.commands.length > 0 ? walk(c, name) : [{ name, command: c }];
  });
  return walk(createProgram({ out: () => {}, err: () => {}, env: {} }, { code: 0 }), '');
};

describe('every command', () => {
  test('there are these', () => expect(commands().map((c) => c.name)).toEqual([
    'up', 'status', 'incidents list', 'incidents close', 'settle', 'account open', 'account show', 'replay', 'replay-isolated', 'partition', 'heal', 'load', 'verify', 'export', 'synth',
    'config check', 'check', 'slas', 'images build', 'images push', 'images pin', 'images list', 'images base', 'keys create', 'keys renew', 'keys push', 'version',
  ]));
  test.each(commands().map((c) => c.name))('%s has help with examples, exit codes and --json', async (name) => {
    const { code, out } = await tidemark(...name.split(' '), '--help');
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: tidemark /);
    expect(out).toContain('Examples:\n  $ ');
    expect(out).toContain('Exit codes:\n  0 ');
    expect(out).toContain('--json');
  });
});

describe('the command line', () => {
  test.each(
    [['statsu', 'status'], ['partion', 'partition'], ['verfy', 'verify'], ['exprot', 'export'], ['repaly', 'replay']],
  )('%s: did you mean %s?', async (typed, meant) => {
    const { code, out, err } = await tidemark(typed);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(`Did you mean ${meant}?`);
  });
  test.each(
    [
      ['status', '--jsno'], ['replay'], ['settle', 'a', 'b'], ['replay', 'x.csv', '--rate', 'fast'],
      ['account', 'open', 'we ird', 'EUR'], ['settle', 'a', 'b/c', '1', 'EUR'], ['export', import.meta.filename],
      ['up', '--wan', 'maybe'], ['up', '--trace-ratio', '2000000'], ['up', '--trace-ratio', '5'], ['partition', 'eu', '--for', 'a while'], ['account', 'opne', 'x', 'EUR'],
      ['incidents', 'close', 'inc-1'], ['incidents', '--limit', '0'], ['incidents', '--shut'],
    ],
  )('%s %s is a mistake in usage', async (...args) => {
    expect((await tidemark(...args)).code).toBe(2);
  });
  test.each([
    ['not-a-url', '--otlp: expected a URL that begins with http:// or https://, got "not-a-url"'], ['ftp://x', '--otlp: expected a URL that begins with http:// or https://, got "ftp://x"'],
    ['http://me:s3cret@x', '--otlp: a user or a password does not belong in it; set TIDEMARK_OTLP_HEADERS'], ['http://x/v1/traces', '--otlp: the path of a signal is appended to it'],
  ])('up --otlp %s starts nothing', async (otlp, message) => {
    const data = join(folder, 'never-started');
    const { code, err } = await tidemark('up', '--otlp', otlp, '--data', data);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).not.toContain('s3cret');
    expect(existsSync(data)).toBe(false);
  });
  test('without a command it says what there is', async () => {
    const { code, err } = await tidemark();
    expect(code).toBe(2);
    expect(err).toContain('Start here:');
  });
  test('help and version are no errors', async () => {
    expect(await tidemark('--help')).toMatchObject({ code: 0, err: '' });
    expect(await tidemark('--version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect((await tidemark('help', 'settle')).out).toContain('tidemark settle alice bob 12.50 EUR');
    expect(await tidemark('help', 'account', 'open')).toMatchObject(
      { code: 0, out: expect.stringMatching(/^Usage: tidemark account open /) },
    );
    expect((await tidemark('help', 'replay')).out).not.toContain('null');
  });
  test('a file where a folder is due is told as such', async () => {
    const here = import.meta.filename;
    expect((await tidemark('export', here)).err).toBe(`tidemark: ${here}: is a file; name a folder\n`);
  });
  test('an error that nobody expected is one line, and its stack is there for who asks', async () => {
    const file = join(folder, 'is-a-file');
    writeFileSync(file, '');
    const plain = await tidemark('status', '--data', join(file, 'below'), '--json');
    expect(plain.err.trimEnd().split('\n')).toHaveLength(1);
    const broken = join(folder, 'broken');
    mkdirSync(broken);
    writeFileSync(join(broken, 'platform.json'), '{');
    const told = await tidemark('status', '--data', broken);
    expect(told).toMatchObject({ code: 1, err: expect.stringMatching(/^tidemark: .*platform\.json: not JSON.*--debug[^\n]*\n$/) });
    expect((await tidemark('status', '--data', broken, '--debug')).err).toMatch(/\n {4}at /);
  });
  test('a reader that has seen enough is no error', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    expect(await new Promise((resolve) => {
      child.on('close', resolve);
    })).toBe(0);
    expect(err).toBe('');
  });
  test.each(
    [
      ['status'], ['settle', 'a', 'b', '1', 'EUR'], ['account', 'show', 'a'], ['partition', 'eu'], ['heal'],
      ['export', 'x'], ['replay', 'x.csv'],
    ],
  )('%s without a platform ends with 3, and says what to do', async (...args) => {
    const { code, out, err } = await tidemark(...args);
    expect(code).toBe(3);
    expect(out).toBe('');
    expect(err).toMatch(/no platform runs in .*nothing-here.*tidemark up/);
  });
  test('with --json an error is JSON on stdout as well', async () => {
    const missing = await tidemark('status', '--json');
    expect(JSON.parse(missing.out)).toEqual(
      { error: { code: 'not-running', message: expect.stringContaining('no platform runs') as string } },
    );
    expect(missing.code).toBe(3);
    const usage = await tidemark('settle', '--json');
    expect(JSON.parse(usage.out)).toMatchObject({ error: { code: 'usage' } });
    expect(usage.code).toBe(2);
  });
});

describe('config check', () => {
  test('reports every mistake at once', async () => {
    const file = join(folder, 'bad.json');
    writeFileSync(file, JSON.stringify({ name: 'X', origin: 'x.example', assets: [], regions: [{ id: 'eu' }] }));
    const { code, err } = await tidemark('config', 'check', file);
    expect(code).toBe(1);
    expect(err).toContain(file);
    const json = await tidemark('config', 'check', file, '--json');
    expect((JSON.parse(json.out) as { error: { issues: unknown[] } }).error.issues.length).toBeGreaterThan(2);
  });
  test('the config of this repository is in order', async () => {
    const { code, out } = await tidemark('config', 'check', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true });
  });
  test(
    'a file that is not there',
    async () => expect(
      await tidemark('config', 'check', join(folder, 'no.ts')),
    ).toMatchObject({ code: 2, err: expect.stringContaining('no such file') }),
  );
});

describe('verify', () => {
  test('what it cannot recognise is a mistake in usage', async () => {
    const file = join(folder, 'letter.txt');
    writeFileSync(file, 'Dear auditor');
    expect(await tidemark('verify', file)).toMatchObject({ code: 2, err: expect.stringContaining('neither a receipt') });
    expect(await tidemark('verify', join(folder, 'none'))).toMatchObject({ code: 2 });
    expect(await tidemark('verify', folder, '--trust', join(folder, 'none'))).toMatchObject(
      { code: 2, err: `tidemark: --trust ${join(folder, 'none')}: no such file\n` },
    );
    expect(await tidemark('verify', folder, '--trust', file)).toMatchObject(
      { code: 2, err: expect.stringContaining('is not a trust.json') },
    );
  });
  test('a provenance document that does not hold ends with 1', async () => {
    const file = join(folder, 'p.json');
    writeFileSync(file, '{"entry":"{}","policy":"{}"}');
    const { code, out } = await tidemark('verify', file, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ ok: false, results: [{ path: file, kind: 'provenance', failureCount: 1 }] });
  });
});

test('spans', () => {
  expect(['500ms', '30s', '2m', '1h', '15', '0.5s'].map(parseSpan)).toEqual([500, 30_000, 120_000, 3_600_000, 15_000, 500]);
  expect(['', 's', '-1s', '1d', '0', '1 s', '1e3'].map(parseSpan)).toEqual([null, null, null, null, null, null, null]);
});

test('amounts', () => {
  const scales = { EUR: 2, JPY: 0 };
  expect(parseAmount('12.5', 'EUR', scales, false)).toBe(1_250n);
  expect(parseAmount('1250', 'EUR', scales, true)).toBe(1_250n);
  expect(parseAmount('12', 'JPY', scales, false)).toBe(12n);
  expect(showAmount('-1250', 'EUR', scales)).toBe('-12.50 EUR');
  expect(showAmount('7', 'XAU', scales)).toBe('7 minor units of XAU');
  for (const many of ['9'.repeat(44), `${'9'.repeat(44)}.50`, '9'.repeat(18)]) {
    expect(() => parseAmount(many, 'EUR', scales, false)).toThrow('too large; at most 9999999999999999.99 EUR');
  }
  for (const [text, asset, minor] of [
    ['1.234', 'EUR', false], ['1.5', 'JPY', false], ['1.5', 'EUR', true], ['0', 'EUR', false], ['-1', 'EUR', false],
    ['1', 'XAU', false], ['9'.repeat(18), 'EUR', false],
  ] as const) {
    expect(() => parseAmount(text, asset, scales, minor), text).toThrow(CliError);
  }
});
