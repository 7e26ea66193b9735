/** Facts of a platform as outputs: from SSM, a Terraform state, another Pulumi stack. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { afterAll, expect, test } from 'vitest';
import { factsOf, outputName } from '../common/facts.ts';
import { factsFromSsm, factsFromStackReference, factsFromTerraformState, PublishedFacts, type StackId } from './index.ts';
import { isSecret, valueOf, withMocks } from './testing/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-state-'));
afterAll(() => rmSync(folder, { recursive: true }));

const stack: StackId<'region'> = { platform: 'tidemark', environment: 'production', kind: 'region', id: 'eu' };
const SSM = 'aws:ssm/getParameter:getParameter';

const outputs = (): Record<string, object> => Object.fromEntries(Object.keys(factsOf('region')).map((fact) => [outputName(fact), { value: `value of ${fact}`, type: 'string' }]));
function stateFile(name: string, state: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof state === 'string' ? state : JSON.stringify(state));
  return path;
}
const fromState = (path: string) => withMocks(() => factsFromTerraformState('region', { path }));

test('from SSM: under the names that the stacks publish, each looked up once, when it is asked for', async () => {
  const run = await withMocks(() => {
    const facts = factsFromSsm(stack, { region: 'eu-west-1' });
    return [facts.replicaUrls, facts.replicaUrls, facts.vpcId];
  }, { calls: { [SSM]: ({ name }) => ({ insecureValue: String(name).endsWith('urls') ? 'https://a,https://b' : 'vpc-1' }) } });
  expect(await Promise.all(run.result.map((output) => valueOf(output as pulumi.Output<unknown>)))).toEqual([['https://a', 'https://b'], ['https://a', 'https://b'], 'vpc-1']);
  expect(run.calls.map(({ inputs }) => inputs)).toEqual([
    { name: '/tidemark/production/region-eu/replica-urls', region: 'eu-west-1' }, { name: '/tidemark/production/region-eu/vpc-id', region: 'eu-west-1' },
  ]);
});

test('from a state: lists are lists, what is sensitive is secret and the rest is not', async () => {
  const path = stateFile('good', { version: 4, outputs: { ...outputs(), replica_urls: { value: 'https://a,https://b', type: 'string' }, vpc_id: { value: 'vpc-1', type: 'string', sensitive: true } } });
  const { result } = await fromState(path);
  expect(await valueOf(result.replicaUrls)).toEqual(['https://a', 'https://b']);
  expect(await valueOf(result.vpcId)).toBe('vpc-1');
  expect([await isSecret(result.vpcId), await isSecret(result.replicaUrls)]).toEqual([true, false]);
});

test('from a state in S3', async () => {
  const body = JSON.stringify({ version: 4, outputs: outputs() });
  const answer = (content: object) => withMocks(() => factsFromTerraformState('region', { s3: { bucket: 'states', key: 'eu.tfstate' } }).vpcId, { calls: { 'aws:s3/getObject:getObject': () => content as Record<string, unknown> } });
  const { result, calls } = await answer({ body, contentType: 'application/json' });
  expect(await valueOf(result)).toBe('value of vpcId');
  expect(calls[0]!.inputs).toEqual({ bucket: 'states', key: 'eu.tfstate' });
  await expect(answer({ contentType: 'binary/octet-stream' }).then((run) => valueOf(run.result))).rejects.toThrow(/s3:\/\/states\/eu\.tfstate.*binary\/octet-stream/);
});

test.each([
  ['no such file', () => join(folder, 'none'), /none: no such file/],
  ['no JSON', () => stateFile('text', 'terraform'), /not a Terraform state/],
  ['an older version', () => stateFile('old', { version: 3, modules: [] }), /version: expected 4, got 3/],
  ['encrypted', () => stateFile('tofu', { version: 4, encrypted_data: 'x' }), /encrypted by OpenTofu/],
  ['missing outputs, all at once', () => stateFile('few', { version: 4, outputs: { vpc_id: { value: 'v' } } }), /outputs\.vpc_cidr: missing[\s\S]*outputs\.public_ingress_name: missing; is it the state of a region stack\? It has vpc_id/],
  ['of another type', () => stateFile('type', { version: 4, outputs: { ...outputs(), vpc_id: { value: 7 } } }), /outputs\.vpc_id\.value: expected text, got 7/],
])('a state that is wrong says so: %s', async (_, path, message) => {
  await expect(fromState(path()).then((run) => valueOf(run.result.vpcId))).rejects.toThrow(message);
});

test('a sensitive value of the wrong type is not in the message', async () => {
  const path = stateFile('secret', { version: 4, outputs: { ...outputs(), vpc_id: { value: { password: 'hunter2' }, sensitive: true } } });
  const error = await fromState(path).then((run) => valueOf(run.result.vpcId)).catch((e: unknown) => e as Error);
  expect(String(error)).toMatch(/vpc_id\.value: is of another type/);
  expect(String(error)).not.toContain('hunter2');
});

test('exactly one of a path and an object in S3', async () => {
  await expect(withMocks(() => factsFromTerraformState('region', {}))).rejects.toThrow(/exactly one of path, s3 is needed, got none/);
  await expect(withMocks(() => factsFromTerraformState('region', { path: 'a', s3: { bucket: 'b', key: 'c' } }))).rejects.toThrow(/got path and s3/);
});

const exported = { securityGroupId: 'sg-1', url: 'https://fra', clusterArn: 'arn:x', serviceName: 'fra' };
const reference = (values: object) => withMocks(() => factsFromStackReference('edge', new pulumi.StackReference('org/edge/fra')), {
  outputs: ({ type }) => (type === 'pulumi:pulumi:StackReference' ? { name: 'org/edge/fra', outputs: values, secretOutputNames: [] } : undefined),
});

test('from another Pulumi stack, which exports the facts', async () => {
  const { result } = await reference(exported);
  expect(await valueOf(result.url)).toBe('https://fra');
  const { url: _, serviceName: __, ...rest } = exported;
  await expect(reference(rest).then((run) => valueOf(run.result.clusterArn))).rejects.toThrow(/url: the stack does not export it[\s\S]*serviceName: the stack/);
});

test('publishing: all facts, under the names that the other stacks read', async () => {
  const edge: StackId = { ...stack, kind: 'edge', id: 'eu-fra-1' };
  const run = await withMocks(() => void new PublishedFacts('facts', edge, exported));
  expect(run.ofType('aws:ssm/parameter:Parameter').map(({ inputs }) => [inputs['name'], inputs['value']]).sort()).toEqual([
    ['/tidemark/production/edge-eu-fra-1/cluster-arn', 'arn:x'], ['/tidemark/production/edge-eu-fra-1/security-group-id', 'sg-1'],
    ['/tidemark/production/edge-eu-fra-1/service-name', 'fra'], ['/tidemark/production/edge-eu-fra-1/url', 'https://fra'],
  ]);
  await expect(withMocks(() => void new PublishedFacts('facts', edge, { url: 'x' }))).rejects.toThrow(/securityGroupId: [\s\S]*clusterArn: [\s\S]*serviceName: /);
});
