/**
 * ECS container definitions of the services, written from their contract (platform/services.ts): what a stack says and what
 * the image reads are one definition. Loads no framework.
 */
import { contentVariable, IMAGE, type ServiceContract, type Setting } from '../../platform/services.ts';
import type { Mistakes } from './gather.ts';

/** A setting's value: as it is; the content of a file; or from Secrets Manager. */
export type SettingValue = string | { readonly content: string } | { readonly secretArn: string };

/** A container definition as the ECS API has it (RegisterTaskDefinition, containerDefinitions). */
export interface ContainerDefinition {
  readonly name: string;
  readonly image: string;
  readonly essential: boolean;
  readonly [field: string]: unknown;
}

export interface LogTarget {
  readonly logGroupName: string;
  /** AWS region of the log group. */
  readonly region: string;
}

export interface ServiceContainerProps<S extends ServiceContract = ServiceContract> {
  readonly service: S;
  /** By digest: `repository@sha256:...`. */
  readonly image: string;
  /** By the contract's names (`regionUrls`, not TIDEMARK_REGION_URLS). `data`, `host` and `port` follow from the contract. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly logs: LogTarget;
  /** Name of the volume of the task that holds the service's data. @default - the container's own, which is gone with it */
  readonly dataVolume?: string;
  /** MiB; the container is ended when it takes more. @default - the task's */
  readonly memoryMib?: number;
  /** `awsvpc`: the port of the contract. `host`: the same port of the host. @default 'awsvpc' */
  readonly networkMode?: 'awsvpc' | 'host';
}

/** As a container definition has it. */
export interface Environment {
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly secrets: readonly { readonly name: string; readonly valueFrom: string }[];
}

/** The environment of a service's container: plain values, and secrets by ARN. Reports every setting that is missing or unknown. */
export function environmentOf(
  m: Mistakes, service: ServiceContract, given: Readonly<Record<string, SettingValue>>,
): Environment {
  const all: Readonly<Record<string, SettingValue>> = { data: service.dataFolder, host: '0.0.0.0', port: String(service.port), ...given };
  const environment: { name: string; value: string }[] = [];
  const secrets: { name: string; valueFrom: string }[] = [];
  for (const name of Object.keys(all)) {
    if (service.settings[name] === undefined) m.add(`settings.${name}: the ${service.id} has no such setting; it has ${Object.keys(service.settings).join(', ')}`);
  }
  for (const [name, setting] of Object.entries<Setting>(service.settings)) {
    const value = all[name];
    if (value === undefined) {
      if (setting.default === undefined && setting.optional !== true) m.add(`settings.${name}: needed: ${setting.what}`);
    } else if (typeof value === 'string') {
      environment.push({ name: setting.env, value });
    } else if ('content' in value) {
      if (setting.kind !== 'file') m.add(`settings.${name}: is not a file, so it has no content; give the value itself`);
      if (setting.secret === true) m.add(`settings.${name}: is secret; give the ARN of a secret that holds it, not the content`);
      environment.push({ name: contentVariable(setting), value: value.content });
    } else {
      secrets.push({ name: setting.kind === 'file' ? contentVariable(setting) : setting.env, valueFrom: value.secretArn });
    }
  }
  return { environment, secrets };
}

/** The container of a service: read-only root, no privileges, health check and stop time of the contract, logs to CloudWatch. */
export function containerOf(m: Mistakes, props: ServiceContainerProps): ContainerDefinition {
  const { service } = props;
  const { environment, secrets } = environmentOf(m, service, props.settings);
  return {
    name: service.id,
    image: props.image,
    essential: true,
    command: [...IMAGE.command],
    user: `${service.uid}:${service.uid}`,
    readonlyRootFilesystem: true,
    privileged: false,
    linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['ALL'] } },
    environment,
    secrets,
    portMappings: [{ containerPort: service.port, hostPort: service.port, protocol: 'tcp', name: 'http' }],
    mountPoints: props.dataVolume === undefined ? [] : [{ sourceVolume: props.dataVolume, containerPath: service.dataFolder, readOnly: false }],
    ...(props.memoryMib === undefined ? {} : { memory: props.memoryMib }),
    healthCheck: {
      command: ['CMD', ...IMAGE.healthCommand], interval: IMAGE.health.intervalSeconds, timeout: IMAGE.health.timeoutSeconds,
      retries: IMAGE.health.retries, startPeriod: IMAGE.health.startPeriodSeconds,
    },
    stopTimeout: service.stopTimeoutSeconds,
    ulimits: [{ name: 'nofile', softLimit: 65_536, hardLimit: 65_536 }],
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': props.logs.logGroupName, 'awslogs-region': props.logs.region, 'awslogs-stream-prefix': service.id,
        // A service is never held up by the place where its log goes.
        mode: 'non-blocking', 'max-buffer-size': '8m',
      },
    },
  };
}
