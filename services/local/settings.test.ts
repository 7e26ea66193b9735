/** Services as programs that were given wrong settings: what they say, and the exit code that tells not to try again. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { PROGRAMS } from './environment.ts';
import { samplePlatform, temporaryFolder } from './fixtures/platform.ts';
import { provision } from './provision.ts';

const cleanups: (() => void)[] = [];
afterAll(() => cleanups.forEach((clean) => clean()));
const layout = provision(samplePlatform(), temporaryFolder((clean) => cleanups.push(clean)));
const common = { TIDEMARK_DATA: join(layout.root, 'unused'), TIDEMARK_TRUST: layout.trust, TIDEMARK_LOG_LEVEL: 'silent' };
const centre = { ...common, TIDEMARK_SITE: 'global', TIDEMARK_KEY: layout.globalKey };
const edge = { ...common, TIDEMARK_SITE: 'eu-a', TIDEMARK_KEY: layout.edgeKey('eu-a'), TIDEMARK_POLICY: layout.policy, TIDEMARK_REGION_URLS: 'http://r' };
const replica = {
  ...common, TIDEMARK_SITE: 'eu', TIDEMARK_KEY: layout.replicaKey('eu', 0), TIDEMARK_REGION_KEY: layout.regionKey('eu'),
  TIDEMARK_STREAM: `sqlite:${join(layout.root, 'unused.db')}`, TIDEMARK_CONTROL_URL: 'http://c',
};

test.each<[string, string, Record<string, string>, RegExp]>([
  ['planned adapters', PROGRAMS.global, { ...centre, TIDEMARK_LEDGER: 'postgres://db/x', TIDEMARK_TILES: 's3://b/p', TIDEMARK_KEY: 'awskms:arn' },
    /^control-plane: settings:\nTIDEMARK_KEY: the adapter awskms is planned.*\nTIDEMARK_LEDGER: the adapter postgres is planned.*available: sqlite.*\nTIDEMARK_TILES: the adapter s3 is planned.*\n$/],
  ['an adapter with something behind it', PROGRAMS.global, { ...centre, TIDEMARK_LEDGER: 'sqlite:/x', TIDEMARK_WITNESS_URLS: '[1]' },
    /\nTIDEMARK_WITNESS_URLS: expected .*\nTIDEMARK_LEDGER: expected sqlite and nothing behind it, got "sqlite:\/x"\n$/],
  ['webhooks that are none, or without a secret', PROGRAMS.global, { ...centre, TIDEMARK_WEBHOOKS: '[{"id":"a","url":"http://hooks.example.com/"}]' },
    /^control-plane: settings:\nTIDEMARK_WEBHOOKS: \[0\]: url of a: what goes to another machine is encrypted: https:\/\/\n$/],
  ['a webhook without its secret', PROGRAMS.global, {
    ...centre, TIDEMARK_WEBHOOKS: '[{"id":"a","url":"https://hooks.example.com/","events":["opened"],"severity":"page","scope":"global"}]', TIDEMARK_WEBHOOK_SECRETS_CONTENT: '{"b":"x"}',
  }, /^control-plane: settings:\nTIDEMARK_WEBHOOK_SECRETS_CONTENT: no secret for the webhook a; `tidemark keys create` makes one\n$/],
  ['the key of another', PROGRAMS.global, { ...centre, TIDEMARK_KEY: layout.edgeKey('eu-a') }, /^control-plane: settings:\n.*eu-a\.skey: is the key of .*the global log's is .* in .*trust\.json\n$/],
  ['files that are something else', PROGRAMS.edge, { ...edge, TIDEMARK_TRUST: layout.policy, TIDEMARK_POLICY: layout.token, TIDEMARK_KEY: layout.trust },
    /^edge-node: settings:\n.*policy\.json: not a trust\.json.*\n.*trust\.json: private key: expected PRIVATE\+KEY.*\n.*token: policy: .*\n$/],
  ['half a certificate', PROGRAMS.edge, { ...edge, TIDEMARK_TLS_KEY: layout.edgeKey('eu-a') }, /^edge-node: settings:\nTIDEMARK_TLS_KEY is set and TIDEMARK_TLS_CERT is not/],
  ['more than all, and a receiver that is none', PROGRAMS.edge, { ...edge, TIDEMARK_TRACE_RATIO: '1000001', TIDEMARK_OTLP_ENDPOINT: 'collector:4318' },
    /^edge-node: settings:\nTIDEMARK_OTLP_ENDPOINT: expected a URL .*\nTIDEMARK_TRACE_RATIO: expected at most 1000000, got 1000001 .*\n$/],
  ['the key of another replica', PROGRAMS.region, { ...replica, TIDEMARK_REPLICA: '1', TIDEMARK_PEER_URLS: 'http://a,http://b,http://c' },
    /^regional-aggregator: settings:\n.*replica-0\.skey: is not the key of replica 1, which is eu\/2, in .*trust\.json\n$/],
  ['too many replicas', PROGRAMS.region, { ...replica, TIDEMARK_REPLICA: '3' }, /^regional-aggregator: settings:\nTIDEMARK_REPLICA: region eu has 3 replicas, counted from 0; there is no replica 3\n$/],
])('%s: the service ends with exit code 2', (_what, program, env, expected) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [program], { env: { PATH: process.env['PATH'], ...env }, encoding: 'utf8' });
  expect(stderr).toMatch(expected);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).not.toContain(readFileSync(layout.token, 'utf8').trim());
});
