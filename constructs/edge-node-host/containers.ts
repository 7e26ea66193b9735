/** The containers of an edge node, and what can be wrong with the wishes for one. Loads no framework. */
import { parseCidr } from '../../platform/cidr.ts';
import { PEERS_MAX } from '../../platform/model.ts';
import { SERVICES } from '../../platform/services.ts';
import { containerOf, type ContainerDefinition, type SettingValue } from '../common/service-container.ts';
import type { Mistakes } from '../common/gather.ts';
import type { HostContext } from '../stateful-host/index.ts';
import { collectorContainer, type TelemetryPipelineAttributes } from '../telemetry-pipeline/collector.ts';
import { OTLP_SETTINGS } from '../telemetry-pipeline/defaults.ts';
import { EDGE_DEFAULTS, EDGE_SIZES, ON_PREMISES_MEMORY_MIB } from './defaults.ts';
import type { EdgeNodeHostProps, EdgePeer, EdgeSecrets } from './props.ts';

const SERVICE = SERVICES['edge-node'];

/** Of an edge node's properties those that its containers follow from. */
export interface EdgeTask extends Pick<EdgeNodeHostProps, 'site' | 'regionUrls' | 'policy' | 'slas' | 'peers' | 'image' | 'authorities' | 'size' | 'logLevel'> {
  readonly secrets: EdgeSecrets;
  readonly place: Pick<EdgeNodeHostProps['place'], 'kind'>;
  readonly telemetry?: { readonly pipeline: TelemetryPipelineAttributes; readonly image: string };
}

/** The edge node's container, and the collector's beside it where there is telemetry. */
export function edgeContainers(m: Mistakes, props: EdgeTask, host: HostContext): ContainerDefinition[] {
  const size = props.size ?? EDGE_DEFAULTS.size;
  const node = containerOf(m, {
    service: SERVICE, image: props.image, settings: settingsOf(props), logs: host.logs, dataVolume: host.dataVolume, networkMode: host.networkMode,
    memoryMib: props.place.kind === 'on-premises' ? ON_PREMISES_MEMORY_MIB[size] : EDGE_SIZES[props.place.kind][size].memoryMib,
  });
  if (props.telemetry === undefined) return [node];
  const { pipeline, image } = props.telemetry;
  return [node, collectorContainer(m, pipeline, { service: SERVICE, site: props.site, image, logs: host.logs, https: props.secrets.certificate !== undefined })];
}

/** Base URL that clients call. @param at DNS name or address */
export const edgeUrl = ({ secrets }: { readonly secrets: { readonly certificate?: unknown } }, at: string): string =>
  `${secrets.certificate === undefined ? 'http' : 'https'}://${at}:${SERVICE.port}`;

/** By the names of the contract. */
function settingsOf(props: EdgeTask): Record<string, SettingValue> {
  const { secrets } = props;
  return {
    site: props.site, regionUrls: props.regionUrls.join(','), policy: { content: props.policy },
    trust: { secretArn: secrets.trust }, key: { secretArn: secrets.key },
    ...(secrets.certificate === undefined ? {} : {
      certificate: { secretArn: secrets.certificate.chain }, certificateKey: { secretArn: secrets.certificate.key },
    }),
    ...(secrets.token === undefined ? {} : { token: { secretArn: secrets.token } }),
    ...(props.slas === undefined ? {} : { slas: { content: props.slas } }),
    ...(props.authorities === undefined ? {} : { authorities: { content: props.authorities } }),
    ...(props.peers === undefined || props.peers.length === 0 ? {} : { peers: JSON.stringify(props.peers.map(({ site, url }) => ({ site, url }))) }),
    ...(props.logLevel === undefined ? {} : { logLevel: props.logLevel }),
    ...(props.telemetry === undefined ? {} : OTLP_SETTINGS),
  };
}

/** What is looked at before anything is made. */
export type EdgeNodeWishes = Pick<EdgeNodeHostProps, 'regionUrls' | 'policy' | 'peers' | 'clientCidrs' | 'instanceType' | 'dataGib' | 'amiId' | 'snapshots' | 'protectData'> & {
  readonly place: { readonly kind: EdgeNodeHostProps['place']['kind']; readonly carrier?: unknown };
};

/** What a node is told of its region: known at once, or when the deployment has looked it up. */
export function checkRegion(m: Mistakes, regionUrls: readonly string[], policy: string): void {
  if (regionUrls.length === 0) m.add('regionUrls: none; an edge node needs at least one replica of its region');
  for (const [i, url] of regionUrls.entries()) m.text(`regionUrls[${i}]`, url, /^https?:\/\/[^/\s,]+\/?$/, 'a base URL without a path and without a comma');
  if (m.known(policy) && !isCanonical(policy)) m.add('policy: expected canonical JSON (RFC 8785), as policyText(platform) gives it');
}

/** What can be wrong with the way to the region. @param at what the names of properties begin with */
export function checkLink(m: Mistakes, at: string, { subnetIds, domain, hosts }: { readonly subnetIds: readonly unknown[]; readonly domain: string; readonly hosts: readonly string[] }): void {
  if (subnetIds.length === 0) m.add(`${at}subnetIds: none; the endpoint needs at least one`);
  m.text(`${at}domain`, domain, /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$/, 'a DNS name');
  if (hosts.length === 0) m.add(`${at}hosts: none; name the region's replicas`);
  for (const [i, host] of hosts.entries()) if (!host.endsWith(`.${domain}`)) m.add(`${at}hosts[${i}]: ${host} is not below ${domain}`);
}

function checkPeers(m: Mistakes, peers: readonly EdgePeer[], kind: EdgeNodeWishes['place']['kind']): void {
  if (peers.length > PEERS_MAX) m.add(`peers: ${peers.length}; an edge node probes at most ${PEERS_MAX} others`);
  if (peers.length > 0 && kind === 'on-premises') m.add('peers: on premises the kit knows no way to other sites; leave them out');
  for (const [i, { url, cidr }] of peers.entries()) {
    m.text(`peers[${i}].url`, url, /^https?:\/\/[^/\s,]+\/?$/, 'a base URL without a path');
    if (m.known(cidr) && (parseCidr(cidr)?.prefix ?? 0) === 0) m.add(`peers[${i}].cidr: expected the IPv4 network of ${peers[i]!.site}, got ${JSON.stringify(cidr)}`);
  }
}

/** What can be wrong with the wishes for an edge node, apart from its machine. */
export function checkEdgeNode(m: Mistakes, props: EdgeNodeWishes): void {
  const { place, clientCidrs = [], regionUrls } = props;
  checkRegion(m, regionUrls, props.policy);
  checkPeers(m, props.peers ?? [], place.kind);
  for (const [i, cidr] of clientCidrs.entries()) {
    if (!m.known(cidr)) continue;
    const parsed = parseCidr(cidr);
    if (parsed === undefined) m.add(`clientCidrs[${i}]: expected an IPv4 network such as 10.20.0.0/16, got ${JSON.stringify(cidr)}`);
    else if (parsed.prefix === 0) m.add(`clientCidrs[${i}]: the whole internet is not a network of clients; name theirs`);
  }
  if (place.kind === 'on-premises') {
    if (clientCidrs.length > 0) m.add('clientCidrs: on premises there is no security group; say it to the firewall there');
    for (const name of ['instanceType', 'dataGib', 'amiId', 'snapshots', 'protectData'] as const) {
      if (props[name] !== undefined) m.add(`${name}: on premises the machine and its disk are yours`);
    }
  } else if (place.carrier !== undefined && place.kind !== 'wavelength') {
    m.add(`place.carrier: only a Wavelength Zone has a carrier, and this is ${place.kind}`);
  }
}

/** Without numbers that need more than JSON.stringify, and a policy has none, canonical means: no spaces, keys in order. */
function isCanonical(text: string): boolean {
  const sorted = (value: unknown): unknown => (typeof value !== 'object' || value === null || Array.isArray(value) ? value
    : Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)])));
  try {
    return JSON.stringify(sorted(JSON.parse(text))) === text;
  } catch {
    return false;
  }
}
