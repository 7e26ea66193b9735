/** How a machine of one's own is made a site. Loads no framework. */
import { SERVICES } from '../../platform/services.ts';
import type { Mistakes } from '../common/gather.ts';
import { agentConfig } from '../stateful-host/boot.ts';
import { PATHS } from '../stateful-host/defaults.ts';
import { INSTALL_SCRIPT } from './defaults.ts';

export interface InstallProps {
  readonly name: string;
  readonly awsRegion: string;
  readonly activationId: string;
  readonly activationCode: string;
}

/** The data folder and the agent's settings first: the agent reads them when it starts for the first time. */
export function installCommand({ name, awsRegion, activationId, activationCode }: InstallProps): string {
  const { uid } = SERVICES['edge-node'];
  return [
    'set -eu',
    `install -d -m 0700 -o ${uid} -g ${uid} ${PATHS.data}`,
    'install -d -m 0755 /etc/ecs',
    `cat > /etc/ecs/ecs.config <<'END'\n${agentConfig(name)}END`,
    // Whole before it runs: a download that is cut off must not be half an installation.
    'installer=$(mktemp)',
    `curl --proto =https --tlsv1.2 -fsS -o "$installer" ${INSTALL_SCRIPT}`,
    `bash "$installer" --region ${awsRegion} --cluster ${name} --activation-id ${activationId} --activation-code ${activationCode}`,
    '',
  ].join('\n');
}

/** When the right to register ends. */
export const checkUntil = (m: Mistakes, prop: string, until: string | undefined): void =>
  m.text(prop, until, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/, 'a UTC time such as 2026-01-31T00:00:00Z');
