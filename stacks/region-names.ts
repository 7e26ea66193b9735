/** DNS names of a region: the private zone of its network, its public names, and its certificates all go by these. */
import { SERVICES, type Platform, type Region } from '../platform/index.ts';
import type { DeployedPlatform } from './common.ts';

/** `eu.clearing.example.com`: what all names of a region are below. */
export const regionDomain = (platform: DeployedPlatform, region: Pick<Region, 'id'>): string => `${region.id}.${platform.deploy.domain}`;

/** `r0.eu.clearing.example.com`, for each replica in order. */
export const replicaHosts = (platform: DeployedPlatform, region: Pick<Region, 'id' | 'replicas'>): string[] =>
  Array.from({ length: region.replicas }, (_, i) => `r${i}.${regionDomain(platform, region)}`);

/** What the control plane calls over the private connection: each replica itself, not the load balancer that edge nodes call. */
export const replicaUrls = (platform: DeployedPlatform, region: Pick<Region, 'id' | 'replicas'>): string[] =>
  replicaHosts(platform, region).map((host) => `https://${host}:${SERVICES['regional-aggregator'].port}`);

/** The control plane's `witnessUrls`. */
export const witnessUrls = (platform: DeployedPlatform & Pick<Platform, 'regions'>): Record<string, string[]> =>
  Object.fromEntries(platform.regions.map((region) => [region.id, replicaUrls(platform, region)]));
