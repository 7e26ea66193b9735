import { of, type Example, type Examples, type Section } from './model.ts';

const DIGEST = 'a'.repeat(64);
const task = (container: Record<string, unknown>, attributes: Record<string, unknown> = {}): Example =>
  of({
    aws_ecs_task_definition: {
      t: { family: 'edge', container_definitions: JSON.stringify([{ name: 'edge-node', ...container }]), ...attributes },
    },
  });
const taskOnly = (attributes: Record<string, unknown>): Example => task({}, attributes);
const environment = (name: string, value: string): Example => task({ environment: [{ name, value }] });
const service = (attributes: Record<string, unknown>, more: Section = {}): Example =>
  of({ aws_ecs_service: { s: attributes }, ...more });
const cluster = (execute: Record<string, unknown>) => ({
  aws_ecs_cluster: { c: { configuration: { execute_command_configuration: execute } } },
});
const repository = (attributes: Record<string, unknown>, more: Section = {}): Example =>
  of({ aws_ecr_repository: { r: attributes }, ...more });
const pinnedBy = (condition: string): Example => ({
  ...task({ image: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/tidemark/edge-node@${var.edge_node_digest}' }),
  variable: { edge_node_digest: { type: 'string', validation: [{ condition, error_message: 'a digest' }] } },
});

export const ECS_EXAMPLES: Examples = {
  'TM-ECS-01': {
    catches: [
      task({ privileged: true }),
      taskOnly({ container_definitions: '${jsonencode([{"name" = "a", "privileged" = true}])}' }),
      taskOnly({ container_definitions: '${file("containers.json")}' }),
      taskOnly({ container_definitions: '{' }),
    ],
    passes: [
      task({}),
      task({ privileged: false }),
      taskOnly({ container_definitions: '${jsonencode([{"name" = "a", "image" = "${var.image}"}])}' }),
    ],
  },
  'TM-ECS-02': {
    catches: [task({}), task({ user: 'root' }), task({ user: '0:0' }), task({ user: '${var.user}' })],
    passes: [task({ user: '10001:10001' }), task({ user: 'nobody' })],
  },
  'TM-ECS-03': { catches: [task({}), task({ readonlyRootFilesystem: false })], passes: [task({ readonlyRootFilesystem: true })] },
  'TM-ECS-04': {
    catches: [
      environment('DB_PASSWORD', 'hunter2'),
      environment('dbPassword', '${var.password}'),
      environment('TIDEMARK_KEY_CONTENT', 'PRIVATE+KEY+eu-fra-1+0123abcd+AQIDBA=='),
      environment('LEDGER', 'postgres://ledger:hunter2@db:5432/ledger'),
      environment('TIDEMARK_TOKEN_FILE_CONTENT', 'abc'),
    ],
    passes: [
      environment('TIDEMARK_TOKEN_FILE', '/data/token'),
      environment('SECRET_ARN', '${aws_secretsmanager_secret.s.arn}'),
      environment('TIDEMARK_PORT', '8080'),
      environment('TIDEMARK_POLICY_CONTENT', '{"offlineAfterMs":2000}'),
      task({ secrets: [{ name: 'DB_PASSWORD', valueFrom: '${aws_secretsmanager_secret.s.arn}' }] }),
    ],
  },
  'TM-ECS-05': {
    catches: [
      task({}),
      task({ image: 'tidemark/edge-node:1.2.3' }),
      task({ image: 'repo@sha256:abc' }),
      task({ image: '${var.image}' }),
      pinnedBy('${var.edge_node_digest != ""}'),
    ],
    passes: [
      task({ image: `repo@sha256:${DIGEST}` }),
      task({ image: `\${aws_ecr_repository.r.repository_url}@sha256:${DIGEST}` }),
      pinnedBy('${can(regex("^sha256:[0-9a-f]{64}$", var.edge_node_digest))}'),
    ],
  },
  'TM-ECS-06': {
    catches: [task({}), task({ logConfiguration: { logDriver: 'none' } })],
    passes: [
      task({ logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': '${aws_cloudwatch_log_group.l.name}' } } }),
    ],
  },
  'TM-ECS-07': {
    catches: [taskOnly({ pid_mode: 'host' }), taskOnly({ ipc_mode: 'host' })],
    passes: [taskOnly({}), taskOnly({ pid_mode: 'task' })],
  },
  'TM-ECS-08': {
    catches: [
      taskOnly({ volume: [{ name: 'd', host_path: '/var/run/docker.sock' }] }),
      taskOnly({ volume: { name: 'd', host_path: '/' } }),
      taskOnly({ volume: [{ name: 'd', host_path: '/etc//ssl/' }] }),
    ],
    passes: [taskOnly({ volume: [{ name: 'data', host_path: '/mnt/data/edge' }] })],
  },
  'TM-ECS-09': {
    catches: [taskOnly({ network_mode: 'host' }), taskOnly({}), taskOnly({ network_mode: 'bridge' })],
    passes: [taskOnly({ network_mode: 'awsvpc' }), taskOnly({ network_mode: 'bridge', requires_compatibilities: ['EXTERNAL'] })],
  },
  'TM-ECS-10': {
    catches: [
      task({ linuxParameters: { capabilities: { add: ['SYS_ADMIN'] } } }),
      task({ linuxParameters: { capabilities: { add: ['cap_net_admin'] } } }),
    ],
    passes: [task({}), task({ linuxParameters: { capabilities: { add: ['SYS_NICE'], drop: ['ALL'] } } })],
  },
  'TM-ECS-11': {
    catches: [service({ network_configuration: { assign_public_ip: true } })],
    passes: [service({}), service({ network_configuration: [{ assign_public_ip: false }] })],
  },
  'TM-ECS-12': {
    catches: [
      service({ enable_execute_command: true, cluster: '${aws_ecs_cluster.c.arn}' }, cluster({ logging: 'DEFAULT' })),
      service({ enable_execute_command: '${var.debug}' }),
      service({ enable_execute_command: true, cluster: 'arn' }),
    ],
    passes: [
      service({}),
      service(
        { enable_execute_command: true, cluster: '${aws_ecs_cluster.c.id}' },
        cluster({ logging: 'OVERRIDE', kms_key_id: 'k', log_configuration: { cloud_watch_log_group_name: 'sessions' } }),
      ),
    ],
  },
  'TM-ECR-01': {
    catches: [repository({}), repository({ image_tag_mutability: 'MUTABLE' })],
    passes: [repository({ image_tag_mutability: 'IMMUTABLE' })],
  },
  'TM-ECR-02': {
    catches: [repository({}), repository({ image_scanning_configuration: { scan_on_push: false } })],
    passes: [
      repository({ image_scanning_configuration: { scan_on_push: true } }),
      repository(
        {},
        {
          aws_ecr_registry_scanning_configuration: {
            s: {
              scan_type: 'ENHANCED',
              rule: { scan_frequency: 'CONTINUOUS_SCAN', repository_filter: { filter: '*', filter_type: 'WILDCARD' } },
            },
          },
        },
      ),
    ],
  },
  'TM-ECR-03': {
    catches: [
      repository({}),
      repository({ encryption_configuration: { encryption_type: 'AES256' } }),
      repository({ encryption_configuration: { encryption_type: 'KMS' } }),
    ],
    passes: [repository({ encryption_configuration: [{ encryption_type: 'KMS', kms_key: '${aws_kms_key.k.arn}' }] })],
  },
};
