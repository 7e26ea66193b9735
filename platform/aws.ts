/**
 * AWS regions and zones: which region a place belongs to, and which zones a network there is spread over.
 *
 * Zones are a table, not a lookup of `aws_availability_zones` at plan time: subnets are named, sized and made by zone, so the answer
 * must be known at synthesis and must never change by itself. A lookup does change: when AWS opens a zone, and from account to
 * account. Where an account differs from the table, `deploy.zones` says so.
 */
import type { Deploy, EdgeHostInput, EdgeHostKind, RegionHostInput, Size } from './deploy.ts';
import type { Edge, LocationInput, Platform, Region } from './model.ts';
import { nearZone, WAVELENGTH_ZONES } from './near-zones.ts';
import { isRegionLocation, KNOWN_LOCATIONS } from './rtt.ts';

/** AWS regions that nobody measured round trips of, so that no site is there; buckets may be. */
const UNMEASURED_REGIONS = [
  'ap-east-2', 'ap-south-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5', 'ap-southeast-6', 'ap-southeast-7', 'ca-west-1', 'eu-central-2',
  'eu-south-2', 'il-central-1', 'me-central-1', 'mx-central-1',
] as const;

/** Every AWS region of the `aws` partition. */
export const AWS_REGIONS: readonly string[] = [
  ...KNOWN_LOCATIONS.filter((known) => known.kind === 'region').map((known) => known.id), ...UNMEASURED_REGIONS,
].sort();

/** `aws`, `aws-cn`, `aws-us-gov`: the partition of an AWS region, which stands first in every ARN there. */
export function partitionOf(awsRegion: string): string {
  if (awsRegion.startsWith('cn-')) return 'aws-cn';
  return awsRegion.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** How many zones a control plane's and a region's network is spread over. */
export const ZONES = 3;

/**
 * Letters of three zones of a region: those that every account has, or the ones that new accounts get. us-west-1 is missing
 * because every account has two zones there, and which two differs.
 */
const ZONE_LETTERS: Readonly<Record<string, string>> = {
  'af-south-1': 'abc', 'ap-east-1': 'abc',
  // Tokyo's b, Montreal's c: only for accounts that have been there long.
  'ap-northeast-1': 'acd', 'ca-central-1': 'abd',
  'ap-northeast-2': 'abc', 'ap-northeast-3': 'abc', 'ap-south-1': 'abc', 'ap-southeast-1': 'abc', 'ap-southeast-2': 'abc',
  'eu-central-1': 'abc', 'eu-north-1': 'abc', 'eu-south-1': 'abc', 'eu-west-1': 'abc', 'eu-west-2': 'abc', 'eu-west-3': 'abc',
  'me-south-1': 'abc', 'sa-east-1': 'abc', 'us-east-1': 'abc', 'us-east-2': 'abc', 'us-west-2': 'abc',
};

/** The AWS region of a place: its own, the parent of its zone, or the one that a location of one's own is `near`. */
export function awsRegionOf(location: string, platform: { readonly locations: readonly LocationInput[] }): string {
  if (isRegionLocation(location)) return location;
  const found = nearZone(location)?.parent ?? platform.locations.find((own) => own.id === location)?.near;
  if (found === undefined) throw new RangeError(`no location ${JSON.stringify(location)} in the tables or in the platform's \`locations\``);
  return found;
}

/** Zones of an AWS region that networks are spread over; none where the table can't know. */
export function zonesOf(awsRegion: string, deploy: Pick<Deploy, 'zones'>): readonly string[] {
  if (Object.hasOwn(deploy.zones, awsRegion)) return deploy.zones[awsRegion] as readonly string[];
  return Object.hasOwn(ZONE_LETTERS, awsRegion) ? [...ZONE_LETTERS[awsRegion] as string].map((letter) => awsRegion + letter) : [];
}

/** The kind of host that a location speaks of by itself. */
export function hostKindOf(location: string): EdgeHostKind {
  if (isRegionLocation(location)) return 'region';
  if (nearZone(location) === undefined) return 'on-premises';
  return WAVELENGTH_ZONES.has(location) ? 'wavelength' : 'local-zone';
}

/** Kinds that a location can be: an Outpost stands at one's own, or is thought of as part of its AWS region. */
export function hostKindsAt(location: string): readonly EdgeHostKind[] {
  const kind = hostKindOf(location);
  return kind === 'region' || kind === 'on-premises' ? [kind, 'outpost'] : [kind];
}

/** `eu-central-1-waw-1a` of `eu-central-1-waw-1`. The older Wavelength Zones are called like their group. */
export const zoneOfGroup = (location: string): string => (/-wl\d+-/.test(location) ? location : `${location}a`);

/** An edge node's host, with all that follows from its location and the deployment. */
export interface EdgeHost {
  readonly kind: EdgeHostKind;
  readonly size: Size;
  /** AWS region that it belongs to. */
  readonly awsRegion: string;
  /** Zone of its subnet; absent on premises. */
  readonly zone?: string;
  /** Of a Local Zone or Wavelength Zone: the group of addresses that AWS announces there. */
  readonly networkBorderGroup?: string;
  readonly clientCidrs: readonly string[];
  /** GiB */
  readonly diskGib?: number;
  readonly outpost?: NonNullable<EdgeHostInput['outpost']>;
}

type Deployed = Pick<Platform, 'locations'> & { readonly deploy: Deploy };

const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(record, key) ? record[key] : undefined);

/** Where an edge node's host is. */
export const edgeKindOf = (deploy: Pick<Deploy, 'edges'>, edge: Edge): EdgeHostKind => own(deploy.edges, edge.id)?.kind ?? hostKindOf(edge.location);

export function edgeHostOf(platform: Deployed, edge: Edge): EdgeHost {
  const { deploy } = platform;
  const said = own(deploy.edges, edge.id) ?? {};
  const kind = edgeKindOf(deploy, edge);
  const awsRegion = awsRegionOf(edge.location, platform);
  const zone = said.outpost?.zone ?? said.zone ?? zoneFor(kind, edge, zonesOf(awsRegion, deploy));
  return {
    kind, size: said.size ?? deploy.sizes.edge, awsRegion, clientCidrs: said.clientCidrs ?? [],
    ...(zone === undefined ? {} : { zone }),
    ...(kind === 'local-zone' || kind === 'wavelength' ? { networkBorderGroup: edge.location } : {}),
    ...(said.diskGib === undefined ? {} : { diskGib: said.diskGib }),
    ...(said.outpost === undefined ? {} : { outpost: said.outpost }),
  };
}

function zoneFor(kind: EdgeHostKind, edge: Edge, zones: readonly string[]): string | undefined {
  if (kind === 'on-premises') return undefined;
  if (kind === 'local-zone' || kind === 'wavelength') return zoneOfGroup(edge.location);
  // Several sites of one AWS region are spread over its zones, each by its own name alone, so that none moves when others come.
  return zones[hash(edge.id) % zones.length];
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let h = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x0100_0193);
  return h >>> 0;
}

export interface RegionHost extends Required<Pick<RegionHostInput, 'size'>> {
  readonly awsRegion: string;
  readonly zones: readonly string[];
}

export function regionHostOf(platform: Deployed, region: Pick<Region, 'id' | 'location'>): RegionHost {
  const { deploy } = platform;
  const awsRegion = awsRegionOf(region.location, platform);
  return { size: own(deploy.regions, region.id)?.size ?? deploy.sizes.region, awsRegion, zones: zonesOf(awsRegion, deploy) };
}
