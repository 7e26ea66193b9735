/** The control plane's stack in its shapes, as it is synthesized. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'cdktf';
import { afterAll, expect, test } from 'vitest';
import { evaluate, readStacks } from '../constructs/checks/index.ts';
import { FACTS, parameterName } from '../constructs/common/index.ts';
import { definePlatform, planAddresses, secretName, secretsOf, SERVICES, type DeployInput, type PlatformInput, type ServiceContract } from '../platform/index.ts';
import { stackId, type DeployedPlatform } from './common.ts';
import { GlobalStack } from './global.ts';

type Block = Record<string, unknown>;
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const DEPLOY: DeployInput = {
  domain: 'clearing.example.com', hostedZoneId: 'Z0123456789', replicaRegion: 'eu-central-1', accountId: '123456789012',
  contacts: { page: ['on-call@example.com'], ticket: ['team@example.com'] }, state: { bucket: 'state-of-tidemark', region: 'eu-west-1' },
};
const INPUT: PlatformInput = {
  name: 'tidemark', origin: 'tidemark.example', assets: [{ code: 'EUR', scale: 2 }, { code: 'USD', scale: 2 }], controlPlane: { location: 'eu-west-1' },
  regions: [
    { id: 'eu', location: 'eu-central-1', replicas: 3, edges: [{ id: 'eu-fra-1', location: 'eu-central-1' }] },
    { id: 'us', location: 'us-east-1', edges: [{ id: 'us-iad-1', location: 'us-east-1' }] },
  ],
  slas: [
    { id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 1_000, scope: 'global', severity: 'page', owner: 'settlement', runbook: 'runbooks/finality.ts' },
    { id: 'ordered', indicator: 'ordering', objective: 0.99, thresholdMs: 250, scope: 'region', owner: 'settlement', runbook: 'runbooks/ordering.ts' },
  ],
};
const PILOT: PlatformInput = { ...INPUT, regions: [{ ...INPUT.regions[0]!, replicas: 1 }] };

function synth(input: PlatformInput, deploy: Partial<DeployInput> = {}, authorities: string | null = PEM) {
  const platform = definePlatform({ ...input, deploy: { ...DEPLOY, ...deploy } }) as DeployedPlatform;
  const outdir = mkdtempSync(join(tmpdir(), 'tidemark-global-'));
  folders.push(outdir);
  const app = new App({ stackTraces: false, outdir });
  const stack = new GlobalStack(app, 'global', { platform, addresses: planAddresses(platform), images: undefined, authorities: authorities ?? undefined });
  app.synth();
  const text = readFileSync(join(outdir, 'stacks', 'global', 'cdk.tf.json'), 'utf8');
  const json = JSON.parse(text) as Block;
  const entries = (section: string, type: string): Block[] => Object.values(((json[section] as Block | undefined)?.[type] as Record<string, Block> | undefined) ?? {});
  const all = (type: string): Block[] => entries('resource', type);
  const only = (type: string): Block => {
    expect(all(type), type).toHaveLength(1);
    return all(type)[0]!;
  };
  return { platform, stack, outdir, text, json, all, only };
}
type Synth = ReturnType<typeof synth>;
const containersOf = ({ only }: Synth): Block[] => JSON.parse(only('aws_ecs_task_definition')['container_definitions'] as string) as Block[];
const environmentOf = (container: Block): Record<string, string> =>
  Object.fromEntries((container['environment'] as { name: string; value: string }[]).map(({ name, value }) => [name, value]));
const setting = (service: ServiceContract, name: string): string => service.settings[name]!.env;
const CONTROL = SERVICES['control-plane'];

test('in production: Aurora, Fargate, endpoints, a NAT gateway in each zone, everything protected', () => {
  const { all, only } = synth(INPUT);
  expect(only('aws_rds_cluster')).toMatchObject({
    deletion_protection: true, lifecycle: { prevent_destroy: true }, serverlessv2_scaling_configuration: { min_capacity: 1, max_capacity: 16 }, backup_retention_period: 35,
  });
  expect(all('aws_rds_cluster_instance')).toHaveLength(2);
  expect(only('aws_ecs_task_definition')).toMatchObject({ requires_compatibilities: ['FARGATE'], cpu: '2048' });
  expect(all('aws_nat_gateway')).toHaveLength(3);
  expect(all('aws_vpc_endpoint').map((e) => String(e['service_name']).split('.').slice(3).join('.')).sort()).toEqual(['ecr.api', 'ecr.dkr', 'kms', 'logs', 's3', 'secretsmanager', 'xray']);
  expect(all('aws_s3_bucket').every((bucket) => JSON.stringify(bucket['lifecycle']) === '{"prevent_destroy":true}')).toBe(true);
  expect(only('aws_lb')).toMatchObject({ internal: true, enable_deletion_protection: true });
  expect(all('aws_s3_bucket_object_lock_configuration').map((lock) => lock['rule'])).toEqual([0, 1].map(() => ({ default_retention: { mode: 'COMPLIANCE', days: 3650 } })));
});

test('as a pilot: a machine with a disk, one NAT gateway, no Aurora, and all of it can be taken down', () => {
  const made = synth(PILOT, { shape: 'pilot' });
  expect(made.all('aws_rds_cluster')).toEqual([]);
  expect(made.all('aws_nat_gateway')).toHaveLength(1);
  expect(made.only('aws_instance')).toMatchObject({ instance_type: 't3.medium' });
  expect(made.text).not.toContain('"prevent_destroy": true');
  const [control, collector] = containersOf(made);
  expect(environmentOf(control!)).toMatchObject({ [setting(CONTROL, 'ledger')]: 'sqlite', [setting(CONTROL, 'tiles')]: 'files' });
  expect(collector).toMatchObject({ name: 'collector', essential: false });
});

test('the rules of the kit find nothing in any shape', () => {
  const shapes: [PlatformInput, Partial<DeployInput>][] = [
    [INPUT, {}], [INPUT, { shape: 'pilot', storage: 'managed' }], [PILOT, { shape: 'pilot' }], [PILOT, { storage: 'embedded' }],
  ];
  for (const [input, deploy] of shapes) {
    const { findings } = evaluate(readStacks(synth(input, deploy).outdir).trees);
    expect(findings.map((f) => `${f.rule} ${f.path}: ${f.message}`), JSON.stringify(deploy)).toEqual([]);
  }
});

test('all facts are published, those of the private route tables in the number that regions count on', () => {
  const { platform, all } = synth(INPUT);
  const self = stackId(platform, 'global');
  expect(new Set(all('aws_ssm_parameter').map((p) => p['name']))).toEqual(new Set(Object.keys(FACTS.global).map((fact) => parameterName(self, fact))));
  const tables = all('aws_ssm_parameter').find((p) => p['name'] === parameterName(self, 'routeTableIds'))!['value'] as string;
  expect(tables.match(/aws_route_table\.[^.]*private/g)).toHaveLength(3);
});

test('the control plane is told what it needs: secrets by name, the regions\' replicas, the assets, whom to trust', () => {
  const made = synth(INPUT);
  const { platform, all } = made;
  const self = stackId(platform, 'global');
  const [control] = containersOf(made);
  const environment = environmentOf(control!);
  expect(JSON.parse(environment[setting(CONTROL, 'witnessUrls')]!)).toEqual({
    eu: [0, 1, 2].map((i) => `https://r${i}.eu.clearing.example.com:8080`), us: ['https://r0.us.clearing.example.com:8080'],
  });
  expect(environment).toMatchObject({
    [setting(CONTROL, 'assets')]: 'EUR:2,USD:2', [setting(CONTROL, 'site')]: 'global', [`${setting(CONTROL, 'authorities')}_CONTENT`]: PEM,
    [setting(CONTROL, 'ledger')]: expect.stringMatching(/^postgres:\/\/\$\{aws_rds_cluster\..*\.endpoint\}:5432\/tidemark$/),
    [setting(CONTROL, 'tiles')]: expect.stringMatching(/^s3:\/\/\$\{aws_s3_bucket\..*\.bucket\}\/tiles$/),
  });
  const secrets = all('aws_secretsmanager_secret').map((secret) => secret['name']);
  expect(new Set(secrets)).toEqual(new Set(secretsOf(platform, self).map((what) => secretName(self, what))));
  expect((control!['secrets'] as { name: string }[]).map(({ name }) => name).sort()).toEqual(
    ['key', 'trust', 'token', 'certificate', 'certificateKey', 'ledgerCredentials'].map((name) => `${setting(CONTROL, name)}_CONTENT`).sort(),
  );
});

test('webhooks: the control plane gets them with their secrets, and may reach their ports', () => {
  const webhooks = [
    { id: 'pager', url: 'https://hooks.example.com/page', severity: 'page' as const }, { id: 'own', url: 'https://hooks.example.com:8443/${x}' },
  ];
  const made = synth({ ...PILOT, webhooks }, { shape: 'pilot' });
  const [control] = containersOf(made);
  expect(JSON.parse(environmentOf(control!)[setting(CONTROL, 'webhooks')]!.replaceAll('$${', '${'))).toEqual(made.platform.webhooks);
  expect((control!['secrets'] as { name: string }[]).map(({ name }) => name)).toContain(`${setting(CONTROL, 'webhookSecrets')}_CONTENT`);
  expect(made.all('aws_secretsmanager_secret').map((secret) => secret['name'])).toContain(secretName(stackId(made.platform, 'global'), 'webhook-secrets'));
  const out = made.all('aws_vpc_security_group_egress_rule').filter((rule) => rule['cidr_ipv4'] === '0.0.0.0/0').map((rule) => rule['from_port']);
  expect(out.sort()).toEqual([443, 8443]);
  expect(evaluate(readStacks(made.outdir).trees).findings).toEqual([]);
});

test('the task may sign, append to the audit bucket, connect to the ledger and be watched, and nothing else', () => {
  const { json } = synth(INPUT);
  const policies = (json['resource'] as Record<string, Record<string, Block>>)['aws_iam_role_policy']!;
  const [, policy] = Object.entries(policies).find(([id]) => id.startsWith('control-plane_task_task-role_grants'))!;
  const { Statement } = JSON.parse(policy['policy'] as string) as { Statement: { Action: string[] }[] };
  expect([...new Set(Statement.flatMap((s) => s.Action.map((action) => action.split(':')[0])))].sort()).toEqual(['kms', 'logs', 'rds-db', 's3', 'xray']);
  expect(Statement.flatMap((s) => s.Action)).toEqual(expect.arrayContaining(['kms:GetPublicKey', 's3:PutObject', 'rds-db:connect']));
  expect(Statement.flatMap((s) => s.Action)).not.toContain('kms:Sign');
  expect(Statement.flatMap((s) => s.Action).filter((action) => /Delete|\*/.test(action))).toEqual([]);
});

test('networks: the control plane is reached from its own, and reaches the replicas of each region', () => {
  const { platform, all } = synth(INPUT);
  const { networks } = planAddresses(platform);
  const into = all('aws_vpc_security_group_ingress_rule').filter((rule) => rule['cidr_ipv4'] !== undefined);
  expect(new Set(into.map((rule) => `${String(rule['cidr_ipv4'])} ${String(rule['from_port'])}`))).toEqual(new Set([`${networks['global']} 443`]));
  const out = all('aws_vpc_security_group_egress_rule').filter((rule) => rule['from_port'] === 8080 && rule['cidr_ipv4'] !== undefined);
  expect(out.map((rule) => rule['cidr_ipv4']).sort()).toEqual([networks['region-eu'], networks['region-us']].sort());
});

test('images are copied to the AWS regions in use and no others; with everything in one, nowhere', () => {
  const { only } = synth(INPUT);
  const [rule] = (only('aws_ecr_replication_configuration')['replication_configuration'] as { rule: { destination: { region: string }[] }[] }).rule;
  expect(rule!.destination.map(({ region }) => region)).toEqual(['eu-central-1', 'us-east-1']);
  const near = { ...PILOT, regions: [{ id: 'eu', location: 'eu-west-1', edges: [{ id: 'eu-dub-1', location: 'eu-west-1' }] }] };
  expect(synth(near, { shape: 'pilot' }).all('aws_ecr_replication_configuration')).toEqual([]);
});

test('alarms of the global SLAs alone, silenced by the maintenance alarm', () => {
  const { platform, stack, all } = synth(INPUT);
  expect(stack.alarms.alerts.length).toBeGreaterThan(0);
  expect(new Set(stack.alarms.alerts.map(({ plan }) => plan.sla.id))).toEqual(new Set(['final']));
  expect(platform.slas).toHaveLength(2);
  for (const alarm of all('aws_cloudwatch_composite_alarm')) expect(alarm['actions_suppressor']).toMatchObject({ alarm: expect.stringContaining('maintenance') });
});

test('one dashboard of the whole platform, in the AWS region that the metrics are in', () => {
  const { stack, all } = synth(INPUT);
  expect(all('aws_cloudwatch_dashboard').map((d) => d['dashboard_name']).sort()).toEqual([...stack.dashboard.dashboardNames].sort());
  const text = all('aws_cloudwatch_dashboard').map((d) => d['dashboard_body'] as string).join('\n');
  for (const shown of ['final', 'ordered', 'region:eu', 'Tidemark/tidemark/production', 'eu-west-1']) expect(text).toContain(shown);
});

test('without a lock file and an authority, digests and certificates are variables that must be given', () => {
  const { json } = synth(INPUT, {}, null);
  expect(Object.keys(json['variable'] as Block).sort()).toEqual(['authorities', 'collector_digest', 'control_plane_digest']);
  for (const variable of Object.values(json['variable'] as Record<string, Block>)) expect(variable).not.toHaveProperty('default');
});

test('the same definition gives the same text', () => {
  expect(synth(INPUT).text).toBe(synth(INPUT).text);
});
