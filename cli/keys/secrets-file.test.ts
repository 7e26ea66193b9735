import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { definePlatform, deployed } from '../../platform/index.ts';
import { pathOf, secretFiles } from './layout.ts';
import { formatSecrets, planPush, quoted } from './secrets-file.ts';

const platform = deployed(definePlatform({
  name: 'tm', origin: 'tm.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  regions: [{ id: 'eu', location: 'eu-central-1', edges: [{ id: 'eu-a', location: 'eu-central-1-waw-1' }] }],
  deploy: {
    environment: 'test', domain: 'clearing.example.com', hostedZoneId: 'Z0123456789', replicaRegion: 'eu-west-3',
    contacts: { page: ['a@example.com'], ticket: ['a@example.com'] },
  },
}));
const FILES = secretFiles(platform);
const CONTENT = 'what nobody may see';

const root = mkdtempSync(join(tmpdir(), 'tidemark-push-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let dir: string;
let n = 0;
const at = (file: string): string => join(dir, file);
beforeEach(() => {
  dir = join(root, `folder-${n++}`);
  for (const { file } of FILES) {
    mkdirSync(dirname(pathOf(dir, file)), { recursive: true });
    writeFileSync(pathOf(dir, file), CONTENT);
  }
  writeFileSync(at('secrets.json'), formatSecrets(platform, FILES));
});

describe('push', () => {
  it('prints a command for each secret, with its AWS region, and says what is not here', () => {
    rmSync(at('eu-a/key'));
    const { commands, skipped } = planPush(dir, ['eu-a']);
    expect(skipped).toEqual(['eu-a/key']);
    const line = (what: string, file: string): string =>
      `aws secretsmanager put-secret-value --region eu-central-1 --secret-id /tm/test/edge-eu-a/${what} --secret-string file://${at(`eu-a/${file}`)}`;
    expect(commands).toEqual([line('trust', 'trust.json'), line('token', 'token'), line('tls-cert', 'tls.crt'), line('tls-key', 'tls.key')]);
    expect(planPush(dir, []).commands).toHaveLength(FILES.length - 1);
  });

  it('never prints what is in a file', () => {
    expect(planPush(dir, []).commands.join('\n')).not.toContain(CONTENT);
  });

  it('takes a folder of any name', () => {
    const odd = join(root, 'it\'s $(odd) `here`; "really"');
    cpSync(dir, odd, { recursive: true });
    const [command] = planPush(odd, ['global']).commands;
    const words = execFileSync('sh', ['-c', `aws() { printf '%s\\n' "$@"; }; ${command}`], { encoding: 'utf8' }).trim().split('\n');
    expect(words.slice(-1)).toEqual([`file://${join(odd, 'global', 'key')}`]);
  });

  it.each([
    ['not JSON', '{'], ['another version', '{"version":2,"platform":"a","environment":"b","secrets":{}}'],
    ['a name with a command in it', '{"version":1,"platform":"a","environment":"b","secrets":{"/a/b/c/d;reboot":{"file":"x/y","region":"eu-west-1"}}}'],
    ['a file elsewhere', '{"version":1,"platform":"a","environment":"b","secrets":{"/a/b/c/d":{"file":"../../etc/passwd","region":"eu-west-1"}}}'],
    ['a region with a command in it', '{"version":1,"platform":"a","environment":"b","secrets":{"/a/b/c/d":{"file":"x/y","region":"$(reboot)"}}}'],
    ['nothing', '{"version":1,"platform":"a","environment":"b","secrets":{"/a/b/c/d":null}}'],
  ])('refuses secrets.json with %s', (_, text) => {
    writeFileSync(at('secrets.json'), text);
    expect(() => planPush(dir, [])).toThrow(at('secrets.json'));
  });

  it('knows its sites', () => {
    expect(() => planPush(dir, ['mars'])).toThrow('no secrets of mars');
    expect(() => planPush(root, [])).toThrow('`tidemark keys create` makes it');
  });
});

it('quotes words for a shell', () => {
  for (const word of ['plain', 'a b', '$(x)', '`x`', 'it\'s', '"', '\\', 'a\nb', '*', '~', '']) {
    expect(execFileSync('sh', ['-c', `printf %s ${quoted(word)}`], { encoding: 'utf8' })).toBe(word);
  }
});
