/** Signatures: the specification's own vector, and what a receiver does with them. */
import { expect, test } from 'vitest';
import { parseWebhookSecrets, signatureHeaders } from './sign.ts';
import { verifies } from './testing.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const other = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDLPmgVpFKLdE=';
const keys = (value: unknown) => parseWebhookSecrets(JSON.stringify({ a: value }), [{ id: 'a' }]).get('a')!;

test('the vector of the reference libraries (standard-webhooks, "sign function works")', () => {
  expect(signatureHeaders(keys(secret), 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_999, '{"test": 2432232314}')).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330', 'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('a receiver believes what was signed, with the old secret or the new one, and nothing else', () => {
  const at = 1_790_000_000;
  const headers = signatureHeaders(keys([other, secret]), 'inc-1-opened', at * 1_000, '{"a":1}');
  const given = { headers, body: '{"a":1}' };
  expect([verifies(secret, given, at), verifies(other, given, at + 299)]).toEqual([true, true]);
  expect(verifies(`whsec_${Buffer.alloc(32).toString('base64')}`, given, at)).toBe(false);
  expect([verifies(secret, { ...given, body: '{"a":2}' }, at), verifies(secret, given, at + 301), verifies(secret, given, at - 301)]).toEqual([false, false, false]);
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) expect(verifies(secret, { ...given, headers: { ...headers, [name]: '1' } }, at)).toBe(false);
});

test.each<[unknown, RegExp]>([
  ['not json', /^not JSON/], [[], /expected a JSON object/], [null, /expected a JSON object/], [{}, /no secret for the webhook a; .*no secret for the webhook b/],
  [{ a: secret }, /^no secret for the webhook b/], [{ a: secret, b: [] }, /b: expected 1 to 3 secrets, got 0/], [{ a: secret, b: [secret, secret, secret, secret] }, /got 4/],
  [{ a: 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', b: secret }, /a: expected whsec_/], [{ a: `whsec_${Buffer.alloc(23).toString('base64')}`, b: secret }, /24 to 64/],
  [{ a: `whsec_${Buffer.alloc(65).toString('base64')}`, b: secret }, /24 to 64/], [{ a: 'whsec_%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%', b: secret }, /in base64/], [{ a: 7, b: secret }, /a: expected/],
])('secrets %j: what is wrong is said, and no secret with it', (given, message) => {
  const text = given === 'not json' ? `{"a": "${secret}"` : JSON.stringify(given);
  const read = (): unknown => parseWebhookSecrets(text, [{ id: 'a' }, { id: 'b' }]);
  expect(read).toThrow(message);
  expect(read).not.toThrow('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
});

test('secrets of webhooks that are none any more do not disturb', () => {
  expect([...parseWebhookSecrets(JSON.stringify({ a: secret, gone: 'x' }), [{ id: 'a' }]).keys()]).toEqual(['a']);
  expect(() => parseWebhookSecrets('{}', [{ id: 'toString' }])).toThrow('no secret');
});
