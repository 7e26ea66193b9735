/** Signing keys, as the synthesized stack shows them. */
import { expect, test } from 'vitest';
import { ServiceRole } from '../common/index.ts';
import { synthStack } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { SigningKey } from './index.ts';

const PROPS = { name: 'tidemark-test-checkpoints', description: 'Checkpoints of a test' };

test('the whole key', () => {
  expect(synthStack((stack) => void new SigningKey(stack, 'key', PROPS)).json).toMatchSnapshot();
});

test('it is an Ed25519 key for signing that Terraform does not destroy by accident', () => {
  const { only } = synthStack((stack) => void new SigningKey(stack, 'key', PROPS));
  expect(only('aws_kms_key')).toMatchObject({
    customer_master_key_spec: 'ECC_NIST_EDWARDS25519', key_usage: 'SIGN_VERIFY', enable_key_rotation: false, lifecycle: { prevent_destroy: true },
  });
  const pilot = synthStack((stack) => void new SigningKey(stack, 'key', { ...PROPS, preventDestroy: false }));
  expect(pilot.only('aws_kms_key')).not.toHaveProperty('lifecycle');
});

test('to sign is granted with the one algorithm that verifiers of notes know, apart from the public key', () => {
  const { resources } = synthStack((stack) => {
    const role = (name: string) => new ServiceRole(stack, name, { name, services: ['ecs-tasks.amazonaws.com'] });
    const key = new SigningKey(stack, 'key', PROPS);
    key.grantSign(role('signer'));
    SigningKey.fromArn('arn:aws:kms:eu-west-1:1:key/1').grantGetPublicKey(role('reader'));
  });
  const statements = resources('aws_iam_role_policy').map(([, p]) => (JSON.parse(p['policy'] as string) as { Statement: unknown[] }).Statement);
  expect(statements).toContainEqual([expect.objectContaining({ Action: ['kms:Sign'], Condition: { StringEquals: { 'kms:SigningAlgorithm': 'ED25519_SHA_512' } } })]);
  expect(statements).toContainEqual([{ Effect: 'Allow', Action: ['kms:DescribeKey', 'kms:GetPublicKey'], Resource: ['arn:aws:kms:eu-west-1:1:key/1'] }]);
});

test('all mistakes at once', () => {
  expect(() => synthStack((stack) => void new SigningKey(stack, 'key', { ...PROPS, name: '', deletionDays: 6 }))).toThrow(/test\/key: 2 mistakes:[\s\S]*name[\s\S]*deletionDays/);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_kms_key')).toHaveLength(1);
});
