/** The deployment's policy as the decision takes it. */
import type { Policy } from '../services/protocol/types.ts';
import type { Platform } from './model.ts';

const amounts = (limits: Readonly<Record<string, string>>): Record<string, bigint> =>
  Object.fromEntries(Object.entries(limits).map(([asset, digits]) => [asset, BigInt(digits)]));

/** Limits are in minor units on both sides; an asset without a limit is not settled offline. */
export function toPolicy(platform: Pick<Platform, 'policy'>): Policy {
  const { version, offlineAfterMs, maxStalenessMs, offlinePerAccount, offlinePerNode } = platform.policy;
  return {
    version, offlineAfterMs, maxStalenessMs,
    offlinePerAccount: amounts(offlinePerAccount), offlinePerNode: amounts(offlinePerNode),
  };
}
