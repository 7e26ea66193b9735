/** Webhooks of a definition: what may be said, and what is said back. */
import { expect, test } from 'vitest';
import { checkPlatform, definePlatform, isAsSevere, secretsOf, webhookUrlMistake } from './index.ts';

const base = {
  name: 'small', origin: 'tidemark.example', assets: [{ code: 'EUR', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  regions: [{ id: 'eu', location: 'eu-central-1', edges: [{ id: 'eu-1', location: 'eu-central-1' }] }],
};
const url = 'https://hooks.example.com/tidemark';
const messages = (webhooks: unknown): string[] => checkPlatform({ ...base, webhooks }).map((issue) => issue.message);

test('defaults: every event, every severity, everything', () => {
  const { webhooks } = definePlatform({ ...base, webhooks: [{ id: 'a', url }, { id: 'b', url: 'http://localhost:9/', events: ['closed', 'opened'], severity: 'page', scope: 'region:eu' }] });
  expect(webhooks).toEqual([
    { id: 'a', url, events: ['opened', 'updated', 'closed'], severity: 'ticket', scope: 'global' },
    { id: 'b', url: 'http://localhost:9/', events: ['opened', 'closed'], severity: 'page', scope: 'region:eu' },
  ]);
  expect(definePlatform({ ...base, webhooks }).webhooks).toEqual(webhooks);
});

test('mistakes are reported all at once; what may hold a password is not repeated', () => {
  expect(messages([
    { id: 'a', url: 'http://hooks.example.com/' }, { id: 'a', url: 'https://me:s3cret@hooks.example.com/' }, { id: 'B', url, events: [], retries: 3 },
    { id: 'c', url, events: ['opened', 'opened', 'reopened'], severity: 'critical', scope: 'region:us' }, { id: 'd' }, 'https://x',
  ])).toEqual([
    expect.stringContaining('webhooks[0].url: got an address that incidents are not sent to; allowed: an address such as https://'),
    'webhooks[1].id: got "a"; allowed: a name that no other webhook has; webhooks[0].id has it',
    expect.stringContaining('credentials in an address end up in logs; deliveries are signed instead'),
    expect.stringContaining('webhooks[2].retries: unknown key; allowed: id, url, events, severity, scope'),
    expect.stringContaining('webhooks[2].id: got "B"'),
    'webhooks[2].events: got a list of 0; allowed: a list of 1 to 3',
    expect.stringContaining('webhooks[3].events[2]: got "reopened"; allowed: one of opened, updated, closed'),
    'webhooks[3].events[1]: got "opened"; allowed: each event once',
    'webhooks[3].severity: got "critical"; allowed: one of ticket, page',
    expect.stringContaining('webhooks[3].scope: got "region:us"; allowed: global (everything), region:ID'),
    expect.stringContaining('webhooks[4].url: got nothing'),
    expect.stringContaining('webhooks[5]: got "https://x"; allowed: an object with id'),
  ]);
  expect(messages([{ id: 'a', url: 'https://me:s3cret@hooks.example.com/' }]).join()).not.toContain('s3cret');
  expect(messages(Array.from({ length: 21 }, (_, i) => ({ id: `w${i}`, url })))).toEqual(['webhooks: got a list of 21; allowed: a list of 0 to 20']);
});

test.each([
  'http://hooks.example.com/', 'ftp://hooks.example.com/', 'hooks.example.com', 'https://u@hooks.example.com/', 'https://hooks.example.com/#a', 'https://hooks.example.com/#',
  'https://169.254.169.254/latest/meta-data', 'https://2852039166/', 'https://[fe80::1]/', 'https://[::ffff:169.254.169.254]/', 'http://0.0.0.0:80/', 'http://127.evil.example/', 'http://localhost.evil.example/',
  `https://hooks.example.com/${'a'.repeat(2_000)}`, 'https://hooks.example.com/a b', 'javascript:alert(1)',
])('%s is no receiver', (address) => {
  expect(webhookUrlMistake(address)).toEqual(expect.any(String));
});

test.each([url, 'https://hooks.example.com:8443/a?b=c', 'http://localhost:4800/', 'http://127.0.0.1:4800/x', 'http://[::1]:4800/', 'https://10.0.0.7/x'])('%s is one', (address) => {
  expect(webhookUrlMistake(address)).toBeUndefined();
});

test('severities have an order; signing secrets are a secret of the control plane, if there is something to sign', () => {
  expect([isAsSevere('page', 'ticket'), isAsSevere('ticket', 'ticket'), isAsSevere('ticket', 'page')]).toEqual([true, true, false]);
  const names = (webhooks: readonly { readonly id: string; readonly url: string }[]): readonly string[] =>
    secretsOf({ ...definePlatform({ ...base, webhooks }), deploy: { storage: 'embedded' } }, { kind: 'global' });
  expect(names([])).not.toContain('webhook-secrets');
  expect(names([{ id: 'a', url }])).toContain('webhook-secrets');
});
