/**
 * The container of one server. Its configuration comes in the environment and is written to memory when it starts, so that a
 * change of it is a new task, which the cluster takes one server at a time, and not a new machine.
 */
import { type ContainerDefinition, type LogTarget } from '../common/index.ts';
import { STREAM_HEALTH } from './defaults.ts';

/** Names in the container's environment. */
export const STREAM_ENV = {
  config: 'STREAM_CONFIG', token: 'STREAM_TOKEN', certificate: 'STREAM_TLS_CERT', key: 'STREAM_TLS_KEY', authorities: 'STREAM_TLS_CA',
} as const;
/** As the configuration refers to it. */
export const TOKEN_VARIABLE = 'NATS_TOKEN';
/** Held in memory: what is written there is gone with the task. */
export const RUN_FOLDER = '/run/nats';

/** The files in `RUN_FOLDER`. */
export const runFiles = (folder: string): Readonly<Record<'config' | 'certificate' | 'key' | 'authorities', string>> => ({
  config: `${folder}/nats.conf`, certificate: `${folder}/tls.crt`, key: `${folder}/tls.key`, authorities: `${folder}/ca.pem`,
});

/**
 * POSIX shell: writes the files and becomes the server. A token that is no token ends it with 2, as the services do with a
 * setting that is wrong; in quotes it stays text, because NATS reads `12e3` as a number.
 */
export function startScript(options: { readonly folder: string; readonly tls: boolean; readonly program: string }): string {
  const files = runFiles(options.folder);
  const wrong = `${STREAM_ENV.token}: expected letters, digits and . _ ~ + / = - only, and at least one; push the stream token again`;
  return [
    'umask 077',
    `token=$(printf %s "$${STREAM_ENV.token}")`,
    `case "$token" in`,
    `  ''|*[!A-Za-z0-9._~+/=-]*) echo '${wrong}' >&2; exit 2;;`,
    'esac',
    `printf %s "$${STREAM_ENV.config}" > ${files.config}`,
    ...(options.tls ? (['certificate', 'key', 'authorities'] as const).map((what) => `printf '%s\\n' "$${STREAM_ENV[what]}" > ${files[what]}`) : []),
    `unset ${Object.values(STREAM_ENV).join(' ')}`,
    `export ${TOKEN_VARIABLE}="\\"$token\\""`,
    `exec ${options.program} -c ${files.config}`,
  ].join('\n');
}

export interface StreamContainerProps {
  /** NATS with a shell and wget (the image's alpine variant), by digest. */
  readonly image: string;
  /** The whole of nats.conf. */
  readonly config: string;
  readonly tokenSecretArn: string;
  readonly tls?: { readonly certificateSecretArn: string; readonly keySecretArn: string; readonly authorities: string };
  readonly memoryMib: number;
  readonly uid: number;
  readonly monitorPort: number;
  readonly ports: readonly number[];
  readonly dataVolume: string;
  readonly dataFolder: string;
  readonly logs: LogTarget;
}

export function streamContainer(props: StreamContainerProps): ContainerDefinition {
  const { tls } = props;
  return {
    name: 'nats',
    image: props.image,
    essential: true,
    entryPoint: ['/bin/sh', '-euc'],
    command: [startScript({ folder: RUN_FOLDER, tls: tls !== undefined, program: 'nats-server' })],
    user: `${props.uid}:${props.uid}`,
    readonlyRootFilesystem: true,
    privileged: false,
    linuxParameters: {
      initProcessEnabled: true, capabilities: { drop: ['ALL'] }, tmpfs: [{ containerPath: RUN_FOLDER, size: 8, mountOptions: ['nosuid', 'nodev', 'noexec'] }],
    },
    environment: [
      { name: STREAM_ENV.config, value: props.config },
      // Go's collector works towards this instead of being ended at the limit.
      { name: 'GOMEMLIMIT', value: `${Math.floor(props.memoryMib * 0.8)}MiB` },
      ...(tls === undefined ? [] : [{ name: STREAM_ENV.authorities, value: tls.authorities }]),
    ],
    secrets: [
      { name: STREAM_ENV.token, valueFrom: props.tokenSecretArn },
      ...(tls === undefined ? [] : [
        { name: STREAM_ENV.certificate, valueFrom: tls.certificateSecretArn }, { name: STREAM_ENV.key, valueFrom: tls.keySecretArn },
      ]),
    ],
    portMappings: props.ports.map((port) => ({ containerPort: port, hostPort: port, protocol: 'tcp' })),
    mountPoints: [{ sourceVolume: props.dataVolume, containerPath: props.dataFolder, readOnly: false }],
    memory: props.memoryMib,
    healthCheck: {
      // That JetStream serves here: whether its streams have a majority is not this server's to mend by being restarted.
      command: ['CMD-SHELL', `wget -q -O /dev/null 'http://127.0.0.1:${props.monitorPort}/healthz?js-enabled-only=true'`],
      interval: STREAM_HEALTH.interval, timeout: STREAM_HEALTH.timeout, retries: STREAM_HEALTH.retries, startPeriod: STREAM_HEALTH.startPeriod,
    },
    // NATS hands its leaderships over and closes its files on SIGTERM.
    stopTimeout: STREAM_HEALTH.stop,
    ulimits: [{ name: 'nofile', softLimit: 65_536, hardLimit: 65_536 }],
    logConfiguration: {
      logDriver: 'awslogs',
      options: {
        'awslogs-group': props.logs.logGroupName, 'awslogs-region': props.logs.region, 'awslogs-stream-prefix': 'nats',
        mode: 'non-blocking', 'max-buffer-size': '8m',
      },
    },
  };
}
