/** Containers: what they may do on their host, what they are made of, what is written into their definition. */
import { eachContainer, nameOf } from '../containers.ts';
import type { Block, Problem, Resource, Rule, Tree, Value } from '../model.ts';
import { isSecretName, secretIn } from '../secrets.ts';
import { isExpression, partsOf } from '../template.ts';
import {
  absent,
  block,
  blocks,
  isBlock,
  mustBeFalse,
  mustBeOneOf,
  mustBeTrue,
  problem,
  texts,
  truth,
  undecided,
} from '../values.ts';

const TASK = ['aws_ecs_task_definition'];

const list = (value: Value): readonly Block[] => (Array.isArray(value) ? (value as Value[]).filter(isBlock) : []);
const inContainer = (judge: (container: Block) => readonly Problem[]): Rule['check'] =>
  eachContainer((container) => judge(container).map((p) => ({ ...p, message: `${nameOf(container)}: ${p.message}` })));

/** By digest, or by a variable that takes nothing else. */
function isPinned(image: string, tree: Tree): boolean {
  if (/@sha256:[0-9a-f]{64}$/.test(image)) return true;
  const last = partsOf(image).at(-1);
  if (last === undefined || 'literal' in last) return false;
  const name = /^var\.([A-Za-z_][\w-]*)$/.exec(last.expression)?.[1];
  const isDigest = tree.variable(name ?? '')?.conditions.some((c) => c.includes('^sha256:[0-9a-f]{64}$')) === true;
  const isReference = tree.variable(name ?? '')?.conditions.some((c) => c.includes('@sha256:[0-9a-f]{64}$')) === true;
  return (isDigest && /@\$\{[^{}]*\}$/.test(image)) || isReference;
}

const ROOT_USERS = /^(?:root|0+)(?::|$)/;
/** Folders of a host whose owner in a container owns the host; the exact ones are harmless further down. */
const HOST_FOLDERS = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
  '/var/run',
  '/var/lib/docker',
  '/var/lib/containerd',
  '/var/lib/ecs',
];
const HOST_FOLDERS_EXACT = ['/', '/var', '/var/lib', '/opt', '/home', '/mnt'];
function isHostPath(written: string): boolean {
  const path = written.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '');
  return HOST_FOLDERS_EXACT.includes(path) || HOST_FOLDERS.some((folder) => path === folder || path.startsWith(`${folder}/`));
}
/** Capabilities that lead out of a container, or into the network of others. */
const CAPABILITIES = [
  'ALL',
  'SYS_ADMIN',
  'SYS_MODULE',
  'SYS_PTRACE',
  'SYS_RAWIO',
  'SYS_BOOT',
  'SYS_TIME',
  'NET_ADMIN',
  'NET_RAW',
  'DAC_READ_SEARCH',
  'DAC_OVERRIDE',
  'MAC_ADMIN',
  'MAC_OVERRIDE',
  'SETFCAP',
  'SETPCAP',
  'MKNOD',
  'AUDIT_CONTROL',
  'SYSLOG',
];

function environmentSecrets(container: Block): Problem[] {
  return list(container['environment']).flatMap(({ name, value }) => {
    const kind = secretIn(value);
    if (kind !== null) return [{ message: `${nameOf(container)}: ${String(name)} holds ${kind}`, value: String(name) }];
    // An expression may make the secret, which then stands in the state and in the task definition.
    return isSecretName(String(name)) && !absent(value)
      ? [{ message: `${nameOf(container)}: ${String(name)} is named like a secret and is a plain value`, value: String(name) }]
      : [];
  });
}

/** Whether sessions in containers of the cluster are logged and encrypted. */
const sessionsLogged = (cluster: Resource): boolean =>
  blocks(cluster, 'configuration')
    .flatMap((c) => blocks(c, 'execute_command_configuration'))
    .some((c) => !absent(c['kms_key_id']) && (c['logging'] === 'OVERRIDE' ? blocks(c, 'log_configuration').length > 0 : false));

export const ECS_RULES: readonly Rule[] = [
  {
    id: 'TM-ECS-01',
    severity: 'high',
    controls: ['CC6.1', 'CC6.8'],
    types: TASK,
    what: 'No container is privileged.',
    why: 'A privileged container is root on its host.',
    fix: 'Take privileged away; grant the one capability or device that is needed.',
    check: inContainer((c) => mustBeFalse(c['privileged'], 'is privileged')),
  },
  {
    id: 'TM-ECS-02',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.8'],
    types: TASK,
    what: 'A container says which user it runs as, and it is not root.',
    why: 'Without it the image decides, and most decide for root.',
    fix: 'Set user to a number above 0, such as 10001:10001.',
    check: inContainer((c) =>
      absent(c['user'])
        ? [problem('names no user')]
        : isExpression(c['user'])
          ? [undecided('its user', c['user'])]
          : ROOT_USERS.test(String(c['user']))
            ? [problem('runs as root', c['user'])]
            : [],
    ),
  },
  {
    id: 'TM-ECS-03',
    severity: 'medium',
    controls: ['CC6.8'],
    types: TASK,
    what: 'The root file system of a container is read-only.',
    why: 'What gets in cannot leave a program behind.',
    fix: 'Set readonlyRootFilesystem true and mount volumes for what is written.',
    check: inContainer((c) => mustBeTrue(c['readonlyRootFilesystem'], 'may write to its root file system')),
  },
  {
    id: 'TM-ECS-04',
    severity: 'high',
    controls: ['CC6.1', 'C1.1'],
    types: TASK,
    what: 'Secrets reach a container by reference.',
    why: 'The environment of a task definition is readable with ecs:DescribeTaskDefinition, in the console and in the state.',
    fix: 'Use secrets with valueFrom and the ARN of a secret.',
    check: eachContainer(environmentSecrets),
  },
  {
    id: 'TM-ECS-05',
    severity: 'high',
    controls: ['CC6.8', 'CC8.1'],
    types: TASK,
    what: 'An image is pinned by its digest.',
    why: 'A tag can be moved: what runs would no longer be what was reviewed, and hosts may differ from each other.',
    fix: 'Write repository@sha256:..., or a variable with the validation ^sha256:[0-9a-f]{64}$.',
    check: (task, tree, parameters) =>
      inContainer((c) =>
        typeof c['image'] === 'string' && isPinned(c['image'], tree)
          ? []
          : [problem('its image is not pinned by digest', c['image'])],
      )(task, tree, parameters),
  },
  {
    id: 'TM-ECS-06',
    severity: 'medium',
    controls: ['CC7.2', 'CC7.3'],
    types: TASK,
    what: 'A container sends its log away.',
    why: 'A log on the host is gone with the host, or changed by who is on it.',
    fix: 'Set logConfiguration.',
    check: inContainer((c) =>
      isBlock(c['logConfiguration'])
      && !absent(c['logConfiguration']['logDriver'])
      && c['logConfiguration']['logDriver'] !== 'none'
        ? []
        : [problem('has no log configuration')],
    ),
  },
  {
    id: 'TM-ECS-07',
    severity: 'high',
    controls: ['CC6.1', 'CC6.8'],
    types: TASK,
    what: 'A task does not share the processes and the memory of its host.',
    why: "In the host's name spaces a container reads the environment and memory of all others.",
    fix: 'Take pid_mode and ipc_mode host away.',
    check: ({ attributes }) =>
      ['pid_mode', 'ipc_mode'].flatMap((name) =>
        absent(attributes[name]) ? [] : mustBeOneOf(attributes[name], ['task', 'none'], `${name} is ${String(attributes[name])}`),
      ),
  },
  {
    id: 'TM-ECS-08',
    severity: 'high',
    controls: ['CC6.1', 'CC6.8'],
    types: TASK,
    what: 'No container gets the container daemon or a system folder of its host.',
    why: "Who writes to the daemon's socket or to /etc is root on the host.",
    fix: 'Mount a folder of the data volume.',
    check: (task) =>
      blocks(task, 'volume')
        .flatMap((volume) => [volume['host_path'], ...blocks(volume, 'host').map((h) => h['source_path'])])
        .filter((path) => typeof path === 'string' && isHostPath(path))
        .map((path) => problem(`mounts ${String(path)} of the host`, path)),
  },
  {
    id: 'TM-ECS-09',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.6'],
    types: TASK,
    what: 'A task has a network interface of its own.',
    why: "On the host's network every port of the container is one of the host, and it reaches the host's loopback and credentials.",
    fix: 'Set network_mode awsvpc (bridge, with fixed host ports, for ECS Anywhere).',
    check: (task) => {
      const external = texts(task.attributes['requires_compatibilities']).includes('EXTERNAL');
      return mustBeOneOf(
        task.attributes['network_mode'],
        external ? ['awsvpc', 'bridge', 'none'] : ['awsvpc', 'none'],
        `its network mode is ${String(task.attributes['network_mode'] ?? 'bridge')}`,
        'bridge',
      );
    },
  },
  {
    id: 'TM-ECS-10',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.8'],
    types: TASK,
    what: 'No container is given a capability that leads out of it.',
    why: 'SYS_ADMIN, NET_ADMIN and their like are root by another name.',
    fix: 'Take the capability out of linuxParameters.capabilities.add; drop ALL.',
    check: inContainer((c) => {
      const parameters = isBlock(c['linuxParameters']) ? c['linuxParameters'] : {};
      const capabilities = isBlock(parameters['capabilities']) ? parameters['capabilities'] : {};
      return texts(capabilities['add'])
        .filter((name) => CAPABILITIES.includes(name.toUpperCase().replace(/^CAP_/, '')))
        .map((name) => problem(`has the capability ${name}`, name));
    }),
  },
  {
    id: 'TM-ECS-11',
    severity: 'high',
    controls: ['CC6.6'],
    types: ['aws_ecs_service'],
    what: 'A task has no public address.',
    why: 'It is then on the internet with nothing but its security group before it.',
    fix: 'Take assign_public_ip away; go out by a NAT gateway or endpoints.',
    check: (service) => mustBeFalse(block(service, 'network_configuration')['assign_public_ip'], 'has a public address'),
  },
  {
    id: 'TM-ECS-12',
    severity: 'medium',
    controls: ['CC6.1', 'CC7.2'],
    types: ['aws_ecs_service'],
    what: 'Commands in containers are off, or encrypted and logged.',
    why: 'ECS Exec is a shell in production; without a log nobody can tell what was done in it.',
    fix: 'Take enable_execute_command away, or give the cluster an execute_command_configuration with kms_key_id, logging OVERRIDE and log_configuration.',
    check: ({ attributes }, tree) => {
      const on = truth(attributes['enable_execute_command']) ?? false;
      if (on === 'unknown') return [undecided('whether commands are on', attributes['enable_execute_command'])];
      return !on || tree.follow(attributes['cluster']).some((r) => r.type === 'aws_ecs_cluster' && sessionsLogged(r))
        ? []
        : [problem('commands are on, and not logged')];
    },
  },
];
