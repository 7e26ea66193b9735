/** The control plane, as the synthesized stack shows it: on Fargate, and on a machine with a disk. */
import { expect, test } from 'vitest';
import { SERVICES } from '../../platform/index.ts';
import { ServiceRole, type SettingValue } from '../common/index.ts';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { ControlPlane, type ControlPlaneProps, type FargateProps, type HostProps } from './index.ts';

const secret = (what: string): SettingValue => ({ secretArn: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${what}-AbCdEf` });
const COMMON: Record<string, SettingValue> = {
  site: 'global', trust: secret('trust'), key: secret('key'), token: secret('token'), certificate: secret('tls-cert'), certificateKey: secret('tls-key'),
};
const MANAGED: Record<string, SettingValue> = { ...COMMON, ledger: 'postgres://db.example:5432/tidemark', tiles: 's3://audit/tiles' };
const FARGATE: FargateProps = { kind: 'fargate', subnetIds: ['subnet-1', 'subnet-2'] };
const HOST: HostProps = { kind: 'host', subnetId: 'subnet-1', zone: 'eu-west-1a' };
const PROPS: ControlPlaneProps = {
  name: 'tidemark-test-control', region: 'eu-west-1', vpcId: 'vpc-1', hostName: 'control.clearing.example.com', hostedZoneId: 'Z1', balancerSubnetIds: ['subnet-1', 'subnet-2'],
  clientCidrs: ['10.64.0.0/18'], trustedCidrs: ['10.64.0.0/10'], accessLogs: { bucketName: 'logs', prefix: 'alb' }, compute: FARGATE,
  image: `registry/tidemark/control-plane@sha256:${'a'.repeat(64)}`, settings: MANAGED, encryptionKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/1',
};
const synth = (props: Partial<ControlPlaneProps> = {}, then?: (plane: ControlPlane) => void): Synthesized => synthStack((stack) => {
  const plane = new ControlPlane(stack, 'control', { ...PROPS, ...props });
  then?.(plane);
});
const onHost = (props: Partial<ControlPlaneProps> = {}, then?: (plane: ControlPlane) => void): Synthesized => synth({ compute: HOST, settings: COMMON, ...props }, then);
const statementsOf = (policy: unknown): { Sid?: string; Action: string[]; Resource: string[] }[] => (JSON.parse(policy as string) as { Statement: { Action: string[]; Resource: string[] }[] }).Statement;
const containersOf = ({ only }: Synthesized): Record<string, unknown>[] => JSON.parse(only('aws_ecs_task_definition')['container_definitions'] as string) as Record<string, unknown>[];

test('the whole control plane on Fargate', () => {
  expect(synth().json).toMatchSnapshot();
});

test('there are never two writers', () => {
  for (const { only } of [synth(), onHost()]) {
    expect(only('aws_ecs_service')).toMatchObject({
      desired_count: 1, deployment_minimum_healthy_percent: 0, deployment_maximum_percent: 100, availability_zone_rebalancing: 'DISABLED',
      deployment_circuit_breaker: { enable: true, rollback: true }, enable_execute_command: false,
    });
  }
});

test('the way in: TLS 1.3, one host name, private addresses, only named networks, everything logged', () => {
  const { only, resources } = synth();
  expect(only('aws_lb')).toMatchObject({
    internal: true, drop_invalid_header_fields: true, enable_deletion_protection: true, access_logs: { bucket: 'logs', prefix: 'alb', enabled: true }, connection_logs: { enabled: true },
  });
  expect(only('aws_lb_listener')).toMatchObject({ port: 443, protocol: 'HTTPS', ssl_policy: 'ELBSecurityPolicy-TLS13-1-3-2021-06', default_action: [{ type: 'fixed-response', fixed_response: { status_code: '404' } }] });
  expect(only('aws_lb_listener_rule')).toMatchObject({ condition: [{ host_header: { values: ['control.clearing.example.com'] } }] });
  expect(only('aws_lb_target_group')).toMatchObject({ target_type: 'ip', protocol: 'HTTPS', port: 8080, health_check: { path: SERVICES['control-plane'].healthPath, protocol: 'HTTPS' } });
  expect(only('aws_acm_certificate')).toMatchObject({ domain_name: 'control.clearing.example.com', validation_method: 'DNS' });
  const ingress = resources('aws_vpc_security_group_ingress_rule').map(([, r]) => [r['from_port'], r['cidr_ipv4'] ?? 'group']);
  expect(ingress.sort()).toEqual([[443, '10.64.0.0/18'], [8080, 'group']]);
});

test('without a certificate of its own the service is called in the clear inside the network, and says so nowhere else', () => {
  const { only } = synth({ settings: { ...MANAGED, certificate: undefined as never, certificateKey: undefined as never } });
  expect(only('aws_lb_target_group')).toMatchObject({ protocol: 'HTTP', health_check: { protocol: 'HTTP' } });
  expect(only('aws_lb_listener')).toMatchObject({ protocol: 'HTTPS' });
});

test('the firewall limits who is not of the platform, and rules that signed blocks would trip over only count', () => {
  const { only } = synth();
  const rules = only('aws_wafv2_web_acl')['rule'] as { name: string; action?: unknown; override_action?: unknown; statement: Record<string, Record<string, unknown>> }[];
  expect(rules.map((rule) => rule.name)).toEqual(['rate', 'AWSManagedRulesAmazonIpReputationList', 'AWSManagedRulesKnownBadInputsRuleSet', 'AWSManagedRulesCommonRuleSet']);
  expect(rules[0]).toMatchObject({ action: { block: {} }, statement: { rate_based_statement: { limit: 2000, aggregate_key_type: 'IP', scope_down_statement: { not_statement: {} } } } });
  const common = rules[3]!.statement['managed_rule_group_statement']!;
  expect(common['rule_action_override']).toContainEqual({ name: 'SizeRestrictions_BODY', action_to_use: { count: {} } });
  expect(only('aws_wafv2_ip_set')).toMatchObject({ addresses: ['10.64.0.0/10'] });
  expect(only('aws_wafv2_web_acl_logging_configuration')).toMatchObject({ redacted_fields: [{ single_header: { name: 'authorization' } }] });
  expect(only('aws_wafv2_web_acl_association')['resource_arn']).toContain('aws_lb.');
});

test('the container is the one of the contract; secrets come from where secrets are, and only these may be read', () => {
  const synthesized = synth();
  const [container, ...others] = containersOf(synthesized);
  expect(others).toEqual([]);
  expect(container).toMatchObject({ name: 'control-plane', readonlyRootFilesystem: true, user: '10001:10001', privileged: false });
  expect(container!['environment']).toEqual(expect.arrayContaining([{ name: 'TIDEMARK_LEDGER', value: 'postgres://db.example:5432/tidemark' }, { name: 'TIDEMARK_SITE', value: 'global' }]));
  const policies = synthesized.resources('aws_iam_role_policy').flatMap(([, p]) => statementsOf(p['policy']));
  const read = policies.filter((s) => s.Action.includes('secretsmanager:GetSecretValue')).flatMap((s) => s.Resource);
  expect(read.sort()).toEqual(['key', 'tls-cert', 'tls-key', 'token', 'trust'].map((what) => (secret(what) as { secretArn: string }).secretArn));
  expect(synthesized.only('aws_ecs_task_definition')).toMatchObject({ cpu: '1024', memory: '2048', network_mode: 'awsvpc', requires_compatibilities: ['FARGATE'] });
  expect(synthesized.only('aws_ecs_cluster')).toMatchObject({ configuration: { managed_storage_configuration: { fargate_ephemeral_storage_kms_key_id: PROPS.encryptionKeyArn } } });
  expect(synthesized.only('aws_ecs_service')).toMatchObject({ network_configuration: { assign_public_ip: false } });
});

test('on a machine with a disk: the same container, the data on the disk, behind the same load balancer', () => {
  const synthesized = onHost({ sidecars: () => [{ name: 'collector', image: `registry/collector@sha256:${'b'.repeat(64)}`, essential: false, memory: 256 }] });
  const { only } = synthesized;
  expect(containersOf(synthesized).map((c) => c['name'])).toEqual(['control-plane', 'collector']);
  expect(containersOf(synthesized)[0]).toMatchObject({ mountPoints: [{ sourceVolume: 'data', containerPath: '/data' }], memory: 2560 });
  expect(only('aws_lb_target_group')).toMatchObject({ target_type: 'instance' });
  expect(only('aws_ecs_service')['load_balancer']).toMatchObject([{ container_name: 'control-plane', container_port: 8080 }]);
  expect(only('aws_ebs_volume')).toMatchObject({ size: 50, encrypted: true, lifecycle: { prevent_destroy: true } });
  expect(only('aws_instance')).toMatchObject({ instance_type: 't3.medium' });
});

test('who is let in and out, what may be granted', () => {
  for (const make of [synth, onHost]) {
    const { resources } = make({}, (plane) => {
      plane.allowFrom('Operators', { cidr: '10.1.0.0/16' });
      plane.allowTo('Ledger database', { securityGroupId: 'sg-db' }, 5432);
      plane.grantDeploy(new ServiceRole(plane, 'pipeline', { name: 'pipeline', services: ['codebuild.amazonaws.com'] }));
      expect(plane.url).toBe('https://control.clearing.example.com');
    });
    expect(resources('aws_vpc_security_group_ingress_rule').map(([, r]) => r['cidr_ipv4'])).toContain('10.1.0.0/16');
    expect(resources('aws_vpc_security_group_egress_rule').map(([, r]) => [r['referenced_security_group_id'], r['from_port']])).toContainEqual(['sg-db', 5432]);
    expect(resources('aws_iam_role_policy').flatMap(([, p]) => statementsOf(p['policy'])).flatMap((s) => s.Action)).toContain('ecs:UpdateService');
  }
  expect(ControlPlane.fromAttributes({ url: 'https://c.example.com', securityGroupId: 'sg-1' })).toEqual({ url: 'https://c.example.com', securityGroupId: 'sg-1' });
});

test('all mistakes at once', () => {
  expect(() => synth({
    name: 'Control', hostName: 'control', image: 'registry/control:latest', balancerSubnetIds: ['subnet-1'], clientCidrs: ['0.0.0.0/0', '10.0.0.0'], settings: COMMON,
    compute: { kind: 'fargate', subnetIds: [], cpu: 1024, memoryMib: 1000 },
  })).toThrow([
    'test/control: 9 mistakes:',
    '  - name: expected a lower-case letter, then letters, digits and hyphens, at most 48, no hyphen at the end, got "Control"',
    '  - hostName: expected a DNS name such as control.clearing.example.com, got "control"',
    '  - image: expected an image by digest, repository@sha256:... (a tag can be moved to other bytes), got "registry/control:latest"',
    '  - balancerSubnetIds: expected subnets in two zones at least, got 1',
    '  - clientCidrs[0]: 0.0.0.0/0 is everybody; name networks, or say internetFacing',
    '  - clientCidrs[1]: expected an IPv4 network such as 10.64.0.0/18, got "10.0.0.0"',
    '  - settings.ledger, settings.tiles: on Fargate nothing of the data folder outlives a task; give postgres:// and s3:// ones, or compute of kind host',
    '  - compute.subnetIds: none; name at least one',
    '  - compute.memoryMib: with 1024 CPU units Fargate has 2048 to 8192 MiB in steps of 1024, got 1000',
  ].join('\n'));
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_wafv2_web_acl')).toHaveLength(1);
});
