/** The example program under mocks: one edge site and its alarms for the production deployment of examples/. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadPlatform, policyText } from '../../../platform/index.ts';
import { valueOf, withMocks, type MockOptions } from '../testing/index.ts';
import { deployEdge } from './index.ts';

const file = join(import.meta.dirname, '../../../examples/production.config.ts');
const platform = await loadPlatform(file);
const [region] = platform.regions;
const [site] = region!.edges;
const digest = `@sha256:${'a'.repeat(64)}`;

const options: MockOptions = {
  project: 'tidemark-edge', stack: site!.id,
  config: Object.fromEntries(Object.entries({
    platformFile: file, site: site!.id, vpcId: 'vpc-1', subnetId: 'subnet-1', linkSubnetIds: '["subnet-2"]', authorities: '-----BEGIN CERTIFICATE-----\n',
    encryptionKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/1', image: `registry.example.com/tidemark/edge-node${digest}`, collectorImage: `registry.example.com/collector${digest}`,
    trust: '{"trust":1}', key: 'PRIVATE+KEY+node', tlsCert: 'chain', tlsKey: 'PRIVATE+KEY+tls',
  }).map(([name, value]) => [`tidemark-edge:${name}`, value])),
  secretConfig: ['trust', 'key', 'tlsCert', 'tlsKey'].map((name) => `tidemark-edge:${name}`),
  calls: {
    'aws:ssm/getParameter:getParameter': ({ name }) => ({ insecureValue: String(name).endsWith('replica-urls') ? 'https://r0.example.com' : String(name).replaceAll('/', '-').slice(1) }),
  },
};

test('deploys the site where it is, and its alarms where the control plane is', async () => {
  const run = await withMocks(() => deployEdge(), options);
  const outputs = run.result.outputs;
  expect(await valueOf(outputs.url)).toBe(`https://${site!.id}.${platform.deploy!.domain}:8080`);
  expect(outputs.alarmNames.length).toBeGreaterThan(0);
  expect(run.only('aws:ec2/instance:Instance').provider).toContain('::own::');
  for (const alarm of run.ofType('aws:cloudwatch/compositeAlarm:CompositeAlarm')) expect(alarm.provider).toContain('::central::');
  const [container] = JSON.parse(run.only('aws:ecs/taskDefinition:TaskDefinition').inputs['containerDefinitions'] as string) as { environment: { name: string; value: string }[] }[];
  expect(container!.environment).toContainEqual({ name: 'TIDEMARK_POLICY_CONTENT', value: policyText(platform) });
  expect(container!.environment).toContainEqual({ name: 'TIDEMARK_REGION_URLS', value: 'https://r0.example.com' });
  const versions = run.ofType('aws:secretsmanager/secretVersion:SecretVersion');
  expect(versions.map(({ secretInputs }) => secretInputs)).toEqual(versions.map(() => ['secretString']));
  expect(JSON.stringify(run.resources.filter((resource) => !versions.includes(resource)))).not.toContain('PRIVATE+KEY');
});

test('the same program asks for the same, in any run', async () => {
  const [a, b] = [await withMocks(() => deployEdge(), options), await withMocks(() => deployEdge(), options)];
  expect(a.resources).toEqual(b.resources);
});

test('a preview, in which nothing is known yet, gets through', async () => {
  const run = await withMocks(() => deployEdge(), { ...options, preview: true });
  expect(run.ofType('aws:ecs/service:Service')).toHaveLength(1);
});

test('a site that the definition does not have', async () => {
  await expect(withMocks(() => deployEdge(), { ...options, config: { ...options.config, 'tidemark-edge:site': 'nowhere' } })).rejects.toThrow(/no edge site "nowhere"/);
});
