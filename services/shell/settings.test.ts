import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { COMMON_SETTINGS, CONTROL_SETTINGS, EDGE_SETTINGS, REGION_SETTINGS, type Setting } from '../../platform/index.ts';
import { readAll, readSettings, SettingsError } from './settings.ts';
import { readSigner, readTrust } from './trust.ts';

const folder = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const [trust, key, policy] = [file('trust.json', '{}'), file('edge.skey', 'k\n'), file('policy.json', 'p')];

const edge = {
  TIDEMARK_SITE: 'n1', TIDEMARK_DATA: '/d', TIDEMARK_TRUST: trust, TIDEMARK_KEY: key, TIDEMARK_POLICY: policy, TIDEMARK_REGION_URLS: 'http://a, http://b',
};
const { TIDEMARK_POLICY: _policy, TIDEMARK_REGION_URLS: _urls, ...control } = edge;
const region = { ...control, TIDEMARK_REGION_KEY: key, TIDEMARK_STREAM: 'sqlite:/s', TIDEMARK_CONTROL_URL: 'http://c' };

function mistakes(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('are typed, with safe defaults', () => {
    expect(readSettings(EDGE_SETTINGS, edge)).toEqual({
      site: 'n1', data: '/d', host: '127.0.0.1', port: 0, logLevel: 'info', otlpTemporality: 'cumulative', telemetryWindow: 5_000, traceRatio: 0, traceClients: 100, peers: [], regionUrls: ['http://a', 'http://b'],
      trust: { source: trust, text: '{}' }, key: { source: key, text: 'k\n' }, policy: { source: policy, text: 'p' },
    });
  });

  it('report every mistake at once, by name, with what is expected', () => {
    const read = (): unknown => readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_SITE: undefined, TIDEMARK_PORT: '70000', TIDEMARK_KEY: '', TIDEMARK_TRUST: undefined });
    expect(mistakes(read)).toEqual([
      expect.stringMatching(/^TIDEMARK_SITE is not set: /),
      expect.stringMatching(/^TIDEMARK_PORT: expected a whole number from 0 to 65535, got "70000"/),
      expect.stringMatching(/^TIDEMARK_TRUST is not set \(a path; or TIDEMARK_TRUST_CONTENT, the content\): trust.json/),
      expect.stringMatching(/^TIDEMARK_KEY is empty/),
    ]);
    expect(() => readSettings(CONTROL_SETTINGS, { ...edge, TIDEMARK_WITNESS_URLS: '{' })).toThrow('TIDEMARK_WITNESS_URLS: not JSON');
  });

  it('have one name each, and a text that says what they are', () => {
    for (const spec of [COMMON_SETTINGS, EDGE_SETTINGS, REGION_SETTINGS, CONTROL_SETTINGS]) {
      const all: readonly Setting[] = Object.values(spec);
      expect(new Set(all.map((s) => s.env)).size).toBe(all.length);
      for (const s of all) expect(s.what.length).toBeGreaterThan(10);
    }
  });
});

describe('a file', () => {
  it('may come as its content', () => {
    const { TIDEMARK_KEY: _key, ...rest } = edge;
    const settings = readSettings(EDGE_SETTINGS, { ...rest, TIDEMARK_KEY_CONTENT: 'secret', TIDEMARK_TOKEN_FILE_CONTENT: 't' });
    expect(settings.key).toEqual({ source: 'TIDEMARK_KEY_CONTENT', text: 'secret' });
    expect(settings.token).toEqual({ source: 'TIDEMARK_TOKEN_FILE_CONTENT', text: 't' });
    expect(settings.certificate).toBeUndefined();
  });

  it('may be named by its adapter', () => {
    expect(readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_KEY: `file:${key}` }).key).toEqual({ source: key, text: 'k\n' });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['both', { TIDEMARK_POLICY_CONTENT: 'x' }, /^TIDEMARK_POLICY and TIDEMARK_POLICY_CONTENT are both set/],
    ['that is not there', { TIDEMARK_POLICY: join(folder, 'none') }, /^TIDEMARK_POLICY: cannot be read: ENOENT.*none' \(the policy/],
    ['optional, that is not there', { TIDEMARK_TLS_CA: join(folder, 'none') }, /^TIDEMARK_TLS_CA: cannot be read: ENOENT/],
    ['secret, that is not there', { TIDEMARK_TOKEN_FILE: join(folder, 'none') }, /^TIDEMARK_TOKEN_FILE \(its value is not shown.*\): cannot be read: ENOENT \(/],
    ['that is a folder', { TIDEMARK_TRUST: folder }, /^TIDEMARK_TRUST: cannot be read: EISDIR/],
    ['that is empty', { TIDEMARK_KEY: file('empty', '') }, /empty is empty: this service's private key/],
    ['of blanks', { TIDEMARK_KEY: file('blank', ' \n') }, /blank is empty/],
    ['of 8 MiB and a byte', { TIDEMARK_POLICY: file('large', Buffer.alloc(8 * 1024 ** 2 + 1, 97)) }, /large: larger than 8388608 bytes/],
    ['that is no text', { TIDEMARK_POLICY: file('binary', Uint8Array.of(0xff, 0xfe, 1)) }, /binary is not a text in UTF-8/],
  ])('is refused: %s', (_what, more, expected) => {
    expect(mistakes(() => readSettings(EDGE_SETTINGS, { ...edge, ...more }))).toEqual([expect.stringMatching(expected)]);
  });

  it.runIf(process.platform === 'linux')('that never ends is cut off', () => {
    expect(mistakes(() => readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_POLICY: '/dev/zero' }))[0]).toMatch(/\/dev\/zero: larger than 8388608 bytes/);
  });

  it('of 8 MiB is taken', () => {
    expect(readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_POLICY: file('most', Buffer.alloc(8 * 1024 ** 2, 97)) }).policy.text).toHaveLength(8 * 1024 ** 2);
  });
});

describe('what is secret', () => {
  const SECRET = 'PRIVATE+KEY+t.example/edge/n1+00000000+AbCdEfGhIjKlMnOpQrStUvWxYz0123456789';

  it.each<[string, () => unknown]>([
    ['a key in place of its path', () => readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_KEY: SECRET })],
    ['a token in place of its path', () => readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_TOKEN_FILE: SECRET })],
    ['a key in place of the path of something else', () => readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_TRUST: SECRET })],
    ['a key that is none', () => readSigner({ source: 'TIDEMARK_KEY_CONTENT', text: SECRET })],
    ['a key in place of trust.json', () => readTrust({ source: 'TIDEMARK_TRUST_CONTENT', text: SECRET })],
  ])('is not in a message: %s', (_what, read) => {
    const said = mistakes(read).join('\n');
    expect(said).toMatch(/TIDEMARK_/);
    expect(said).not.toContain('AbCdEf');
  });

  it('is not in the error\'s cause either', () => {
    try {
      readSettings(EDGE_SETTINGS, { ...edge, TIDEMARK_KEY: SECRET, TIDEMARK_TRUST: SECRET });
    } catch (error) {
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('AbCdEf');
    }
    expect.assertions(1);
  });
});

describe('an adapter', () => {
  it.each<[string, Record<string, Setting>, Record<string, string>, RegExp]>([
    ['planned', CONTROL_SETTINGS, { ...control, TIDEMARK_LEDGER: 'postgres://user:pw@db/x' }, /^TIDEMARK_LEDGER: the adapter postgres is planned, this version does not have it yet; available: sqlite \(a file/],
    ['planned', CONTROL_SETTINGS, { ...control, TIDEMARK_TILES: 's3://bucket/prefix' }, /^TIDEMARK_TILES: the adapter s3 is planned.*available: files \(the data folder\)/],
    ['planned', REGION_SETTINGS, { ...region, TIDEMARK_STREAM: 'nats://n:4222/eu' }, /^TIDEMARK_STREAM: the adapter nats is planned.*available: sqlite/],
    ['planned', EDGE_SETTINGS, { ...edge, TIDEMARK_KEY: 'awskms:arn:aws:kms:x' }, /^TIDEMARK_KEY: the adapter awskms is planned.*available: file \(a note key/],
    ['unknown', CONTROL_SETTINGS, { ...control, TIDEMARK_LEDGER: 'mysql:x' }, /^TIDEMARK_LEDGER: no adapter of that name, got "mysql"; available: sqlite \(.*\); planned: postgres/],
    ['not named', REGION_SETTINGS, { ...region, TIDEMARK_STREAM: '/data/stream.db' }, /^TIDEMARK_STREAM: no adapter of that name, got "\/data\/stream.db"; available: sqlite/],
    ['of the object prototype', CONTROL_SETTINGS, { ...control, TIDEMARK_LEDGER: 'constructor' }, /no adapter of that name/],
  ])('that is %s is refused, naming the ones that there are', (_what, spec, env, expected) => {
    expect(mistakes(() => readSettings(spec, env))).toEqual([expect.stringMatching(expected)]);
  });

  it('that is available is taken as it is written', () => {
    expect(readSettings(REGION_SETTINGS, region).stream).toBe('sqlite:/s');
    expect(readSettings(CONTROL_SETTINGS, control)).toMatchObject({ ledger: 'sqlite', tiles: 'files' });
  });
});

it('several readers say together what is wrong; other errors pass', () => {
  const fail = (message: string) => (): never => {
    throw new SettingsError(message);
  };
  expect(readAll({ a: () => 1, b: () => 'x' })).toEqual({ a: 1, b: 'x' });
  expect(mistakes(() => readAll({ a: fail('one'), b: () => 2, c: fail('two') }))).toEqual(['one', 'two']);
  expect(() => readAll({ a: fail('one'), b: () => {
    throw new TypeError('bug');
  } })).toThrow(TypeError);
});
