/** A platform that says how it is laid out on AWS. */
import type { Deploy } from './deploy.ts';
import { ConfigError } from './issues.ts';
import type { Platform } from './model.ts';

export type DeployedPlatform = Platform & { readonly deploy: Deploy };

/** @throws ConfigError saying what to add when the platform is for this machine only */
export function deployed(platform: Platform): DeployedPlatform {
  if (platform.deploy !== undefined) return platform as DeployedPlatform;
  const allowed = 'where it goes on AWS: { domain, hostedZoneId, replicaRegion, contacts: { page, ticket } }; examples/pilot.config.ts is a small one';
  throw new ConfigError([{ path: 'deploy', value: 'nothing', allowed, message: `deploy: got nothing; allowed: ${allowed}` }]);
}
