/** The containers of services that stacks define, with their environment as a machine of the platform would hand it to them. */
import { SERVICES, type ServiceContract, type Setting } from '../../platform/index.ts';
import type { StackJson } from './deployments.ts';

export interface Container {
  readonly stack: string;
  readonly service: ServiceContract;
  readonly command: readonly string[];
  /** Without the word CMD. */
  readonly health: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variable -> name of the secret in Secrets Manager. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Where a disk is mounted. */
  readonly dataFolder: string;
}

interface Definition {
  readonly name: string;
  readonly command: readonly string[];
  readonly healthCheck: { readonly command: readonly string[] };
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly secrets: readonly { readonly name: string; readonly valueFrom: string }[];
  readonly mountPoints: readonly { readonly containerPath: string }[];
}

/** What only AWS knows; it must not come to a service's settings. */
const unknown = (expression: string): string => `unknown(${expression.replaceAll(/["\\]/g, '')})`;
const isUnknown = (value: string): boolean => value.includes('unknown(');

/** Every container of a service of the stacks, by stack. @throws Error when a setting depends on what is not known here */
export function containersOf(stacks: ReadonlyMap<string, StackJson>): Container[] {
  const facts = new Map([...stacks.values()].flatMap((stack) =>
    Object.values(stack.resource['aws_ssm_parameter'] ?? {}).map((block) => [String(block['name']), String(block['value'])] as const)));
  return [...stacks].flatMap(([name, stack]) => Object.values(stack.resource['aws_ecs_task_definition'] ?? {}).flatMap((task) => {
    const text = String(task['container_definitions']).replaceAll(/\$\{([^{}]*)\}/g, (_all, expression: string) => evaluate(expression, stack, facts));
    return (JSON.parse(text) as Definition[]).flatMap((definition) => {
      const service = Object.values(SERVICES).find(({ id }) => id === definition.name);
      return service === undefined ? [] : [containerOf(name, service, definition)];
    });
  }));
}

function containerOf(stack: string, service: ServiceContract, { command, healthCheck, environment, secrets, mountPoints }: Definition): Container {
  const [cmd, ...health] = healthCheck.command;
  if (cmd !== 'CMD') throw new Error(`${stack}: ${service.id}: the health check begins with ${cmd}, which is not run as it stands`);
  return {
    stack, service, command, health, dataFolder: mountPoints[0]?.containerPath ?? service.dataFolder,
    environment: available(stack, service, Object.fromEntries(environment.map(({ name, value }) => [name, value]))),
    secrets: Object.fromEntries(secrets.map(({ name, valueFrom }) => [name, valueFrom])),
  };
}

/** Adapters that are planned, by the contract's own table, give way to the one that is there; nothing else changes. */
function available(stack: string, service: ServiceContract, environment: Record<string, string>): Record<string, string> {
  for (const setting of Object.values<Setting>(service.settings)) {
    const value = environment[setting.env];
    const scheme = /^[a-z0-9]+/.exec(value ?? '')?.[0];
    if (value === undefined || scheme === undefined || setting.adapters?.[scheme]?.state !== 'planned') continue;
    const [there] = Object.entries(setting.adapters).find(([, adapter]) => adapter.state === 'available')!;
    // Said of the one with a path behind it, and no other: an adapter with a default stands alone.
    environment[setting.env] = setting.default === undefined ? `${there}:${service.dataFolder}/${setting.env.toLowerCase()}.db` : there;
  }
  const open = Object.entries(environment).filter(([, value]) => isUnknown(value));
  if (open.length > 0) throw new Error(`${stack}: ${service.id}: depends on what only AWS knows: ${open.map(([name, value]) => `${name}=${value}`).join(', ')}`);
  return environment;
}

/** The few forms that the kit writes; what else there is stays unknown. @returns what Terraform would put there */
function evaluate(expression: string, stack: StackJson, facts: ReadonlyMap<string, string>): string {
  const [, type, name] = /^data\.(\w+)\.([\w-]+)\.(?:secret_id|insecure_value)$/.exec(expression) ?? [];
  const block = type === undefined ? undefined : stack.data?.[type]?.[name!];
  if (type === 'aws_secretsmanager_secret_versions') {
    const [, secret] = /^\$\{aws_secretsmanager_secret\.([\w-]+)\.\w+\}$/.exec(String(block?.['secret_id'])) ?? [];
    return String(stack.resource['aws_secretsmanager_secret']?.[secret!]?.['name'] ?? unknown(expression));
  }
  const fact = type === 'aws_ssm_parameter' ? facts.get(String(block?.['name'])) : undefined;
  return fact === undefined || fact.includes('${') ? unknown(expression) : fact;
}
