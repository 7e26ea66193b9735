/** DNS names of a deployment: certificates are made out to them, and stacks make the records. */
import type { Deploy } from './deploy.ts';
import type { ControlPlane, Platform, Region } from './model.ts';
import { SERVICES } from './services.ts';

type Domain = Pick<Deploy, 'domain'>;

/** First label of the name that the control plane is called by, whatever its id; so no region or edge site may have it. */
export const CONTROL_LABEL = 'control';
/** Servers of a region's JetStream cluster. */
export const STREAM_SERVERS = 3;

/** `control.clearing.example.com` */
export const controlHost = (deploy: Domain): string => `${CONTROL_LABEL}.${deploy.domain}`;

/** `eu-fra-1.clearing.example.com` */
export const siteHost = (deploy: Domain, site: Pick<ControlPlane, 'id'>): string => `${site.id}.${deploy.domain}`;

/** `r0.eu.clearing.example.com`, for each replica in order. */
export const replicaHosts = (deploy: Domain, region: Pick<Region, 'id' | 'replicas'>): string[] =>
  Array.from({ length: region.replicas }, (_, i) => `r${i}.${siteHost(deploy, region)}`);

/**
 * `https://r0.eu.clearing.example.com:8080`: what the control plane and the replicas themselves call, each replica by itself. Edge
 * nodes call the load balancer before them, on the port of HTTPS.
 */
export const replicaUrls = (deploy: Domain, region: Pick<Region, 'id' | 'replicas'>): string[] =>
  replicaHosts(deploy, region).map((host) => `https://${host}:${SERVICES['regional-aggregator'].port}`);

/** The control plane's setting `witnessUrls`: region id -> its replicas. */
export const witnessUrls = (platform: Pick<Platform, 'regions'> & { readonly deploy: Domain }): Record<string, string[]> =>
  Object.fromEntries(platform.regions.map((region) => [region.id, replicaUrls(platform.deploy, region)]));

/** `n0.stream.eu.clearing.example.com`, for each server of the region's stream. */
export const streamHosts = (deploy: Domain, region: Pick<Region, 'id'>): string[] =>
  Array.from({ length: STREAM_SERVERS }, (_, i) => `n${i}.stream.${siteHost(deploy, region)}`);
