/** The harness itself: what it records, what fails, what is secret. */
import { Bucket } from '@pulumi/aws/s3/bucket.js';
import { getParameterOutput } from '@pulumi/aws/ssm/getParameter.js';
import { SecretVersion } from '@pulumi/aws/secretsmanager/secretVersion.js';
import * as pulumi from '@pulumi/pulumi';
import { expect, test } from 'vitest';
import { isSecret, valueOf, withMocks } from './index.ts';

test('records inputs, resolves outputs, and says what is secret', async () => {
  const run = await withMocks(() => {
    const bucket = new Bucket('b', { bucket: 'audit' });
    return { bucket, version: new SecretVersion('v', { secretId: bucket.id, secretString: pulumi.secret('hidden') }) };
  });
  expect(run.only('aws:s3/bucket:Bucket')).toMatchObject({ name: 'b', id: 'b-id', inputs: { bucket: 'audit' }, secretInputs: [], isComponent: false });
  expect(run.only('aws:secretsmanager/secretVersion:SecretVersion')).toMatchObject({ inputs: { secretId: 'b-id', secretString: 'hidden' }, secretInputs: ['secretString'] });
  expect(await valueOf(run.result.bucket.arn)).toBe('arn:aws:s3:eu-central-1:123456789012:b');
  expect(await isSecret(run.result.version.secretString.apply((text) => text))).toBe(true);
  expect(() => run.only('aws:kms/key:Key')).toThrow('expected one aws:kms/key:Key, found 0');
});

test('outputs and answers of one\'s own, and configuration', async () => {
  const run = await withMocks(() => [new Bucket('b').bucketDomainName, getParameterOutput({ name: '/x' }).insecureValue, pulumi.output(new pulumi.Config('p').require('k'))], {
    outputs: ({ type }) => (type === 'aws:s3/bucket:Bucket' ? { bucketDomainName: 'b.example.com' } : undefined),
    calls: { 'aws:ssm/getParameter:getParameter': ({ name }) => ({ insecureValue: `value of ${String(name)}` }) }, config: { 'p:k': 'v' },
  });
  expect(await Promise.all(run.result.map(valueOf))).toEqual(['b.example.com', 'value of /x', 'v']);
  expect(run.calls).toEqual([{ token: 'aws:ssm/getParameter:getParameter', inputs: { name: '/x' } }]);
});

test('what fails in the program or later fails the run', async () => {
  await expect(withMocks(() => { throw new Error('at once'); })).rejects.toThrow('at once');
  await expect(withMocks(() => void new Bucket('b', { bucket: pulumi.output('x').apply((): string => { throw new Error('later'); }) }))).rejects.toThrow('later');
  await expect(withMocks(() => void getParameterOutput({ name: '/x' }))).rejects.toThrow(/getParameter: called with \{"name":"\/x"\}; say in `calls`/);
});
