/** What a host is, as the synthesized stack shows it. */
import { SecretsmanagerSecret } from '@cdktf/provider-aws/lib/secretsmanager-secret/index.js';
import { TerraformStack, Testing } from 'cdktf';
import { expect, test } from 'vitest';
import { ServiceRole } from '../common/index.ts';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { architectureOf, patchSchedule, StatefulHost, type StatefulHostProps } from './index.ts';
import { TEST_KEY, testContainer, testHost } from './testing.ts';

const NAME = 'tidemark-production-eu-fra-1';
const REGION = { region: 'eu-central-1' };
const host = (more: Partial<StatefulHostProps> = {}): Synthesized => synthStack((stack) => void new StatefulHost(stack, 'host', testHost(more)), REGION);

interface Statement { readonly Sid?: string; readonly Action: string[]; readonly Resource: string[]; readonly Condition?: object }
/** Statements of the policy of the role whose logical id holds `what`. */
function statements(s: Synthesized, what: string): Statement[] {
  const found = s.resources('aws_iam_role_policy').find(([id]) => id.includes(what));
  return found === undefined ? [] : (JSON.parse(found[1]['policy'] as string) as { Statement: Statement[] }).Statement;
}

test('a host with what is needed and nothing more', () => {
  expect(host().json).toMatchSnapshot();
});

test('the disk outlives the machine, is encrypted, and is let go only by a machine that has stopped', () => {
  const s = host();
  expect(s.only('aws_ebs_volume')).toMatchObject({
    availability_zone: 'eu-central-1a', size: 20, type: 'gp3', encrypted: true, kms_key_id: TEST_KEY, final_snapshot: true, lifecycle: { prevent_destroy: true },
  });
  expect(s.only('aws_volume_attachment')).toMatchObject({ stop_instance_before_detaching: true });
  expect(s.only('aws_volume_attachment')['skip_destroy']).toBeUndefined();
  // A machine that is replaced takes no disk with it: it has its root disk alone.
  expect(s.only('aws_instance')['ebs_block_device']).toBeUndefined();
});

test('the machine answers to nobody: no public address, no key, no rule that lets anything in', () => {
  const s = host();
  const machine = s.only('aws_instance');
  expect(machine).toMatchObject({
    associate_public_ip_address: false, ebs_optimized: true,
    metadata_options: { http_tokens: 'required', http_put_response_hop_limit: 1 },
    root_block_device: { encrypted: true, kms_key_id: TEST_KEY },
  });
  expect(machine['key_name']).toBeUndefined();
  expect(s.resources('aws_vpc_security_group_ingress_rule')).toEqual([]);
  expect(s.only('aws_vpc_security_group_egress_rule')).toMatchObject({ from_port: 443, to_port: 443, cidr_ipv4: '0.0.0.0/0' });
  expect(host({ outbound: 'none' }).resources('aws_vpc_security_group_egress_rule')).toEqual([]);
});

test('one log has one writer: the old task has ended before the new one starts, on the host that carries the name', () => {
  const s = host();
  expect(s.only('aws_ecs_service')).toMatchObject({
    desired_count: 1, deployment_minimum_healthy_percent: 0, deployment_maximum_percent: 100, launch_type: 'EC2',
    placement_constraints: [{ type: 'memberOf', expression: `attribute:tidemark.host == ${NAME}` }], deployment_circuit_breaker: { enable: true, rollback: true },
  });
  const [[attachment] = []] = s.resources('aws_volume_attachment');
  // Destroyed in the other order: the task ends before the disk goes.
  expect(s.only('aws_ecs_service')['depends_on']).toContain(`aws_volume_attachment.${attachment}`);
  expect(s.only('aws_instance')['user_data']).toContain(`ECS_INSTANCE_ATTRIBUTES={\\"tidemark.host\\":\\"${NAME}\\"}`);
  expect(s.only('aws_ecs_task_definition')).toMatchObject({ network_mode: 'host', volume: [{ name: 'data', host_path: '/var/lib/tidemark/data' }] });
});

test('containers are started again by the host itself, but not with settings that are wrong', () => {
  const definitions = (more: Partial<StatefulHostProps>): Record<string, unknown>[] =>
    JSON.parse(host(more).only('aws_ecs_task_definition')['container_definitions'] as string) as Record<string, unknown>[];
  expect(definitions({})[0]).toMatchObject({ restartPolicy: { enabled: true, ignoredExitCodes: [2], restartAttemptPeriod: 60 } });
  expect(definitions({ containers: () => [testContainer({ restartPolicy: { enabled: false } })] })[0]).toMatchObject({ restartPolicy: { enabled: false } });
});

test('what the starting of a task may read follows from its containers', () => {
  const s = synthStack((stack) => {
    const { arn } = new SecretsmanagerSecret(stack, 'secret', { name: 'key' });
    new StatefulHost(stack, 'host', testHost({
      secretsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/secrets',
      containers: () => [
        testContainer({ secrets: [{ name: 'A', valueFrom: arn }, { name: 'B', valueFrom: `${arn}:password::` }] }),
        testContainer({
          name: 'other', essential: false, secrets: [
            { name: 'C', valueFrom: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:token-AbCdEf:json:AWSCURRENT:' },
            { name: 'D', valueFrom: 'arn:aws:ssm:eu-central-1:123456789012:parameter/level' },
          ],
        }),
      ],
    }));
  }, REGION);
  const by = Object.fromEntries(statements(s, 'execution').map((statement) => [statement.Sid, statement]));
  expect(by['Secrets']?.Resource).toEqual(['${aws_secretsmanager_secret.secret.arn}', 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:token-AbCdEf']);
  expect(by['Parameters']?.Resource).toEqual(['arn:aws:ssm:eu-central-1:123456789012:parameter/level']);
  expect(by['SecretsKey']).toMatchObject({
    Action: ['kms:Decrypt'], Resource: ['arn:aws:kms:eu-central-1:123456789012:key/secrets'],
    Condition: { StringEquals: { 'kms:ViaService': ['secretsmanager.eu-central-1.amazonaws.com', 'ssm.eu-central-1.amazonaws.com'] } },
  });
  // The containers themselves were granted nothing.
  expect(statements(s, 'task-role')).toEqual([]);
});

test('a host without secrets may use no key', () => {
  expect(statements(host(), 'execution').map((statement) => statement.Sid)).toEqual(['Log']);
});

test('no role may do everything, and the machine registers with its own cluster only', () => {
  const s = host();
  const all = s.resources('aws_iam_role_policy').flatMap(([id]) => statements(s, id));
  for (const { Action } of all) for (const action of Action) expect(action).not.toContain('*');
  const register = statements(s, 'machine').find((statement) => statement.Sid === 'Register');
  expect(register?.Resource).toEqual([expect.stringMatching(/^\$\{aws_ecs_cluster\.\w+\.arn\}$/)]);
  expect(all.flatMap((statement) => statement.Action)).not.toContain('ssm:GetParameter');
});

test('snapshots are taken of this disk alone, and only those may be deleted', () => {
  const s = host({ snapshots: { at: '01:15', keep: 3 } });
  expect(s.only('aws_dlm_lifecycle_policy')).toMatchObject({
    policy_details: { target_tags: { 'tidemark:host': NAME }, schedule: [{ copy_tags: true, create_rule: { times: ['01:15'] }, retain_rule: { count: 3 } }] },
  });
  expect(s.only('aws_ebs_volume')['tags']).toMatchObject({ 'tidemark:host': NAME });
  expect((s.only('aws_instance')['root_block_device'] as { tags: object }).tags).toEqual({ Name: NAME });
  expect(statements(s, 'snapshots').find((statement) => statement.Action.includes('ec2:DeleteSnapshot'))?.Condition)
    .toEqual({ StringEquals: { 'aws:ResourceTag/tidemark:host': NAME } });
  expect(host({ snapshots: false }).resources('aws_dlm_lifecycle_policy')).toEqual([]);
});

test('what recovers a machine, and its disk, follow from where it is', () => {
  const actions = (s: Synthesized): unknown => s.resources('aws_cloudwatch_metric_alarm').flatMap(([, alarm]) => alarm['alarm_actions']);
  expect(actions(host())).toEqual(['arn:aws:automate:eu-central-1:ec2:reboot', 'arn:aws:automate:eu-central-1:ec2:recover']);
  const outpostArn = 'arn:aws:outposts:eu-central-1:123456789012:outpost/op-1';
  const outpost = host({ place: 'outpost', outpostArn, instanceType: 'm5.large' });
  expect(actions(outpost)).toEqual(['arn:aws:automate:eu-central-1:ec2:reboot']);
  expect(outpost.only('aws_ebs_volume')).toMatchObject({ type: 'gp2', outpost_arn: outpostArn });
  expect(host({ place: 'local-zone', zone: 'eu-central-1-waw-1a' }).only('aws_ebs_volume')).toMatchObject({ type: 'gp2', availability_zone: 'eu-central-1-waw-1a' });
});

test('the image and the boot text of the machine are taken when it is made, and replace no machine afterwards', () => {
  const s = host();
  expect(s.data('aws_ssm_parameter').map(([, p]) => p['name'])).toEqual(['/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id']);
  const kept = { ignore_changes: ['ami', 'user_data', 'user_data_base64'] };
  expect(s.only('aws_instance')['lifecycle']).toEqual(kept);
  expect(s.only('aws_instance')['user_data_replace_on_change']).toBeUndefined();
  const pinned = host({ amiId: 'ami-0123456789abcdef0' });
  expect(pinned.only('aws_instance')).toMatchObject({ ami: 'ami-0123456789abcdef0' });
  expect(pinned.only('aws_instance')['lifecycle']).toEqual(kept);
  expect(['t4g.small', 'm7g.large', 'c6gn.xlarge', 'im4gn.large', 'a1.medium'].map(architectureOf)).toEqual(Array(5).fill('arm64'));
  expect(['t3.small', 'm6i.large', 'g4dn.xlarge', 'c5.large'].map(architectureOf)).toEqual(Array(4).fill('x86_64'));
});

test('hosts that must not restart together are patched at different times', () => {
  const schedules = Array.from({ length: 49 }, (_, i) => patchSchedule(i));
  expect(new Set(schedules).size).toBe(49);
  expect(schedules.slice(0, 2)).toEqual(['cron(0 3 ? * SUN *)', 'cron(0 3 ? * MON *)']);
  expect(host({ patching: { schedule: patchSchedule(8) } }).only('aws_ssm_association')).toMatchObject({
    name: 'AWS-RunPatchBaseline', schedule_expression: 'cron(0 4 ? * MON *)', apply_only_at_cron_interval: true, parameters: { Operation: 'Install', RebootOption: 'RebootIfNeeded' },
  });
  expect(host({ patching: false }).resources('aws_ssm_association')).toEqual([]);
});

test('a chain of hosts is updated one after the other', () => {
  const s = synthStack((stack) => {
    const first = new StatefulHost(stack, 'first', testHost({ name: 'first', waitForSteadyState: true }));
    new StatefulHost(stack, 'second', testHost({ name: 'second', waitForSteadyState: true, after: [first.pinned.service] }));
  }, REGION);
  const [[first] = ['']] = s.resources('aws_ecs_service');
  const second = s.resources('aws_ecs_service').find(([id]) => id.startsWith('second'))?.[1];
  expect(second).toMatchObject({ wait_for_steady_state: true });
  expect(second?.['depends_on']).toContain(`aws_ecs_service.${first}`);
});

test('load balancers get the task by its first container unless said otherwise', () => {
  const s = host({ targetGroups: [{ arn: 'arn:group', port: 8080 }, { arn: 'arn:other', port: 9090, container: 'side' }] });
  expect(s.only('aws_ecs_service')['load_balancer']).toEqual([
    { target_group_arn: 'arn:group', container_name: 'edge-node', container_port: 8080 }, { target_group_arn: 'arn:other', container_name: 'side', container_port: 9090 },
  ]);
});

test('all mistakes are told at once, under the path of the host', () => {
  const wrong = (): Synthesized => host({
    name: 'Not A Name', zone: 'us-east-1a', instanceType: 't2.micro', dataGib: 10, privateIp: '10.0.0.256', outpostArn: 'arn:x', logRetentionDays: 42,
    snapshots: { at: '25:00', keep: 0 }, patching: { schedule: 'weekly' }, files: [{ path: '../etc/passwd', content: '' }, { path: 'a', content: '' }, { path: 'a', content: '' }],
  });
  expect(wrong).toThrow(/^test\/host: 12 mistakes:/);
  for (const prop of ['name', 'dataGib', 'privateIp', 'zone', 'instanceType', 'outpostArn', 'logRetentionDays', 'snapshots\\.at', 'snapshots\\.keep', 'patching\\.schedule', 'files\\[0\\]', 'files\\[2\\]']) {
    expect(wrong).toThrow(new RegExp(`  - ${prop}`));
  }
  expect(() => host({ place: 'outpost' })).toThrow('outpostArn: needed');
  expect(() => host({ files: [{ path: 'big', content: 'x'.repeat(16_000) }] })).toThrow(/files: with them the user data has \d+ bytes, and EC2 takes 16384/);
});

test('containers that could not be placed, pinned or told apart are refused', () => {
  const wrong = (): Synthesized => host({
    containers: () => [testContainer({ memory: undefined, image: 'nginx:latest', essential: false }), testContainer({ essential: false })],
  });
  expect(wrong).toThrow(/edge-node: needs memory[\s\S]*edge-node\.image: expected repository@sha256[\s\S]*this name is there twice/);
  expect(wrong).toThrow('none of them is essential');
  expect(() => host({ containers: () => [] })).toThrow('containers: none');
});

test('rules name exactly one other party', () => {
  const s = synthStack((stack) => {
    const made = new StatefulHost(stack, 'host', testHost({ outbound: 'none' }));
    made.allowFrom('clients', { port: 8080, cidr: '10.20.0.0/16', description: 'Clients' });
    made.allowTo('region', { port: 443, securityGroupId: 'sg-region', description: 'Region' });
  }, REGION);
  expect(s.only('aws_vpc_security_group_ingress_rule')).toMatchObject({ from_port: 8080, to_port: 8080, ip_protocol: 'tcp', cidr_ipv4: '10.20.0.0/16' });
  expect(s.only('aws_vpc_security_group_egress_rule')).toMatchObject({ from_port: 443, referenced_security_group_id: 'sg-region' });
  const stack = new TerraformStack(Testing.app(), 'test');
  const made = new StatefulHost(stack, 'host', testHost());
  // @ts-expect-error -- as JavaScript would have it
  expect(() => made.allowFrom('nobody', { port: 0, description: 'x' })).toThrow(/exactly one of nobody\.cidr[\s\S]*nobody\.port/);
  expect(() => made.allowFrom('internet', { port: 8080, cidr: '10.0.0.1/8', description: 'x' })).toThrow(/internet\.cidr: expected an IPv4 network/);
});

test('a host of another stack lets one in and out, too', () => {
  const s = synthStack((stack) => {
    const other = StatefulHost.fromAttributes(stack, 'other', { instanceId: 'i-1', privateIp: '10.0.0.5', securityGroupId: 'sg-1', clusterArn: 'arn:cluster', serviceName: 'other' });
    other.allowFrom('peers', { port: 8080, securityGroupId: 'sg-2', description: 'Peers' });
    other.allowTo('peers', { port: 8080, securityGroupId: 'sg-2', description: 'Peers' });
  });
  expect(s.only('aws_vpc_security_group_ingress_rule')).toMatchObject({ security_group_id: 'sg-1', referenced_security_group_id: 'sg-2' });
  expect(s.only('aws_vpc_security_group_egress_rule')).toMatchObject({ security_group_id: 'sg-1' });
});

test('sessions and deployments are granted for this host alone', () => {
  const s = synthStack((stack) => {
    const made = new StatefulHost(stack, 'host', testHost());
    const operator = new ServiceRole(stack, 'operator', { name: 'operator', services: ['ec2.amazonaws.com'] });
    made.grantSession(operator);
    made.grantDeploy(operator);
  }, REGION);
  expect(statements(s, 'operator')).toEqual([
    { Effect: 'Allow', Action: ['ssm:StartSession'], Resource: [expect.stringMatching(/^\$\{aws_instance\.\w+\.arn\}$/)] },
    { Effect: 'Allow', Action: ['ecs:DescribeServices', 'ecs:UpdateService'], Resource: [expect.stringMatching(/^\$\{aws_ecs_service\.\w+\.id\}$/)] },
  ]);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).only('aws_vpc_security_group_ingress_rule')).toMatchObject({ from_port: 5000 });
});
