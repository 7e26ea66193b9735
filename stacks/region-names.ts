/** Addresses that the control plane calls regions by; the names themselves are `platform/hosts.ts`'s. */
import { replicaHosts, SERVICES, type Platform, type Region } from '../platform/index.ts';
import type { DeployedPlatform } from './common.ts';

/** What the control plane calls over the private connection: each replica itself, not the load balancer that edge nodes call. */
export const replicaUrls = (platform: DeployedPlatform, region: Pick<Region, 'id' | 'replicas'>): string[] =>
  replicaHosts(platform.deploy, region).map((host) => `https://${host}:${SERVICES['regional-aggregator'].port}`);

/** The control plane's `witnessUrls`. */
export const witnessUrls = (platform: DeployedPlatform & Pick<Platform, 'regions'>): Record<string, string[]> =>
  Object.fromEntries(platform.regions.map((region) => [region.id, replicaUrls(platform, region)]));
