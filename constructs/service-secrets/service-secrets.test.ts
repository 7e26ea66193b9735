/** ServiceSecrets as the synthesized stack shows them. */
import { expect, test } from 'vitest';
import { type Statement } from '../common/index.ts';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { ServiceSecrets, type SecretSet, type ServiceSecretsProps } from './index.ts';

const PROPS: ServiceSecretsProps = {
  stack: { platform: 'tidemark', environment: 'production', kind: 'region', id: 'eu' }, settings: ['key-0', 'token', 'trust'],
  encryptionKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/1', accountId: '123456789012',
};
const synth = (props: Partial<ServiceSecretsProps> = {}, use: (secrets: ServiceSecrets) => void = () => undefined): Synthesized =>
  synthStack((stack) => use(new ServiceSecrets(stack, 'secrets', { ...PROPS, ...props })));
const attributes = (s: Synthesized, type: string): Record<string, unknown>[] => s.resources(type).map(([, one]) => one);

test('what is synthesized', () => {
  const { json } = synth();
  expect({ resource: json['resource'], data: json['data'] }).toMatchSnapshot();
});

test('secrets are named by what fills them, encrypted, and can be brought back', () => {
  const secrets = attributes(synth(), 'aws_secretsmanager_secret');
  expect(secrets.map((one) => one['name'])).toEqual(['key-0', 'token', 'trust'].map((what) => `/tidemark/production/region-eu/${what}`));
  for (const one of secrets) expect(one).toMatchObject({ kms_key_id: PROPS.encryptionKeyArn, recovery_window_in_days: 30 });
  expect(attributes(synth({ recoveryDays: 0 }), 'aws_secretsmanager_secret')[0]?.['recovery_window_in_days']).toBe(0);
});

test('no value is ever in the definition, the plan or the state', () => {
  const { json } = synth({}, (secrets) => secrets.setting('token'));
  expect(Object.keys(json['resource'] as object)).toEqual(['aws_secretsmanager_secret']);
  // Ids of versions; `aws_secretsmanager_secret_version` would have the value.
  expect(Object.keys(json['data'] as object)).toEqual(['aws_secretsmanager_secret_versions']);
});

test('nobody reads them without TLS or from another account, whatever else is allowed', () => {
  for (const one of attributes(synth(), 'aws_secretsmanager_secret')) {
    const { Statement } = JSON.parse(one['policy'] as string) as { Statement: Record<string, unknown>[] };
    expect(Statement.map((statement) => [statement['Effect'], statement['Condition']])).toEqual([
      ['Deny', { Bool: { 'aws:SecureTransport': 'false' } }], ['Deny', { StringNotEquals: { 'aws:PrincipalAccount': '123456789012' } }],
    ]);
  }
});

test('what uses a secret waits until it has a value, and an apply says what to do', () => {
  let used: unknown;
  const s = synth({}, (secrets) => { used = secrets.setting('key-0'); });
  expect(s.data('aws_secretsmanager_secret_versions')).toHaveLength(3);
  expect(s.data('aws_secretsmanager_secret_versions').map(([, one]) => one['lifecycle'])).toMatchObject(['key-0', 'token', 'trust'].map((what) => ({
    postcondition: [{
      condition: '${try(length(self.versions), 0) > 0}',
      error_message: `The secret /tidemark/production/region-eu/${what} has no value yet. Give it one with the commands that \`tidemark keys push DIR\` prints, then apply again.`,
    }],
  })));
  expect(used).toHaveProperty('secretArn');
  expect(synth({ mustBeFilled: false }).data('aws_secretsmanager_secret_versions')).toEqual([]);
});

test('reading is granted for what is named, with the key for nothing else', () => {
  const granted: Statement[] = [];
  let arns: Readonly<Record<string, string>> = {};
  synth({}, (secrets) => {
    ({ arns } = secrets);
    secrets.grantRead({ allow: (statement) => void granted.push(statement) }, 'token');
  });
  expect(granted).toEqual([
    { actions: ['secretsmanager:GetSecretValue'], resources: [arns['token']] },
    {
      actions: ['kms:Decrypt'], resources: [PROPS.encryptionKeyArn],
      conditions: { StringLike: { 'kms:ViaService': 'secretsmanager.*.amazonaws.com' }, StringEquals: { 'kms:EncryptionContext:SecretARN': [arns['token']] } },
    },
  ]);
});

test('secrets that exist are found by the same names', () => {
  let found: SecretSet | undefined;
  const s = synthStack((stack) => { found = ServiceSecrets.fromNames(stack, 'secrets', PROPS); });
  expect(s.data('aws_secretsmanager_secret').map(([, one]) => one['name'])).toEqual(['key-0', 'token', 'trust'].map((what) => `/tidemark/production/region-eu/${what}`));
  expect(s.json['resource']).toBeUndefined();
  expect(Object.keys(found?.arns ?? {})).toEqual(['key-0', 'token', 'trust']);
});

test('a secret that is not there is an error that names those that are', () => {
  expect(() => synth({}, (secrets) => secrets.arn('tls-key'))).toThrow('test/secrets: no secret "tls-key"; there are key-0, token, trust');
});

test('all mistakes are told at once', () => {
  expect(() => synth({ settings: ['Token', 'key', 'key'], recoveryDays: 3 })).toThrow(
    'test/secrets: 3 mistakes:\n  - settings: expected names in kebab case such as region-key, got "Token"\n  - settings: key named twice; name each once\n'
    + '  - recoveryDays: expected a whole number of days (or 0) from 7 to 30, got 3',
  );
  expect(() => synth({ settings: [] })).toThrow('settings: expected at least one, got none');
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_secretsmanager_secret')).toHaveLength(2);
});
