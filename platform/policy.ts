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

/**
 * The same as the text that an edge node is given: canonical JSON (RFC 8785), as `encodePolicy` of the protocol writes it. Codes of
 * assets and digits need no escaping, so sorted keys without spaces are all that it takes.
 */
export function policyText(platform: Pick<Platform, 'policy'>): string {
  const { maxStalenessMs, offlineAfterMs, offlinePerAccount, offlinePerNode, version } = platform.policy;
  const sorted = (limits: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(limits).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({
    maxStalenessMs, offlineAfterMs, offlinePerAccount: sorted(offlinePerAccount), offlinePerNode: sorted(offlinePerNode), version,
  });
}
