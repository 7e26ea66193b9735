/** Reading what `deploy` says of zones and of single hosts, and whether they can be where they are said to be. */
import { EDGE_PREFIX, NETWORK_PREFIX, networkMistake } from './addresses.ts';
import { AWS_REGIONS, awsRegionOf, edgeKindOf, hostKindOf, hostKindsAt, ZONES, zonesOf } from './aws.ts';
import { parseCidr } from './cidr.ts';
import { CLIENT_CIDRS_MAX, DISK_GIB, OUTPOST_ARN, OUTPOST_ARN_ALLOWED, SIZES } from './deploy-limits.ts';
import type { EdgeHostInput, EdgeHostKind, RegionHostInput } from './deploy.ts';
import type { Maybe, Parts } from './define-shared.ts';
import type { Surroundings } from './define-sites.ts';
import { at, didYouMean, type Reader } from './issues.ts';
import type { Edge } from './model.ts';
import { isRegionLocation } from './rtt.ts';

const KINDS = ['region', 'local-zone', 'wavelength', 'outpost', 'on-premises'] as const satisfies readonly EdgeHostKind[];

/** What is left out of an object is not in it. */
type Written<T> = { [K in keyof T]?: T[K] | undefined };
const given = <T extends object>(o: Written<T>): T => Object.fromEntries(Object.entries(o).filter(([, value]) => value !== undefined)) as T;

/** Entries of an object by id; an id that is nobody's is reported without listing all that there are. */
function entriesOf(r: Reader, path: string, value: unknown, ids: readonly string[], what: string): [id: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    r.report(path, value, `an object by id of ${what}`);
    return [];
  }
  const known = new Set(ids);
  return Object.entries(value).filter(([id]) => {
    if (!known.has(id)) r.report(at(path, id), id, `the id of ${what}`, didYouMean(id, ids));
    return known.has(id);
  });
}

export function readZones(r: Reader, value: unknown): Record<string, readonly string[]> {
  const zones: Record<string, readonly string[]> = {};
  for (const [region, list] of entriesOf(r, 'deploy.zones', value, AWS_REGIONS, 'an AWS region')) {
    const path = at('deploy.zones', region);
    const names = r.list(path, list, 1, ZONES) ?? [];
    for (const [i, zone] of names.entries()) {
      if (typeof zone !== 'string' || zone.slice(0, -1) !== region || !/[a-z]$/.test(zone)) r.report(at(path, i), zone, `the name of a zone of ${region}: ${region}a`);
      else if (names.indexOf(zone) < i) r.report(at(path, i), zone, 'each zone once');
    }
    zones[region] = names as string[];
  }
  return zones;
}

export function readRegionHosts(r: Reader, value: unknown, { regions }: Surroundings): Record<string, RegionHostInput> {
  const ids = regions.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const hosts: Record<string, RegionHostInput> = {};
  for (const [id, host] of entriesOf(r, 'deploy.regions', value, ids, 'a region of `regions`')) {
    const path = at('deploy.regions', id);
    const o = r.object(path, host, ['size', 'cidr']);
    if (o === undefined) continue;
    const size = o['size'] === undefined ? undefined : r.oneOf(at(path, 'size'), o['size'], SIZES);
    hosts[id] = given<RegionHostInput>({ size, cidr: readNetwork(r, at(path, 'cidr'), o['cidr'], NETWORK_PREFIX) });
  }
  return hosts;
}

function readNetwork(r: Reader, path: string, value: unknown, prefix: number): Maybe<string> {
  if (value === undefined) return undefined;
  const mistake = networkMistake(value, { least: prefix, most: prefix });
  return mistake === undefined ? value as string : r.report(path, value, mistake);
}

export function readEdgeHosts(r: Reader, value: unknown, around: Surroundings): Record<string, EdgeHostInput> {
  const edges = new Map(around.regions.flatMap((region) => region.edges).flatMap((edge) => (edge.id === undefined ? [] : [[edge.id, edge] as const])));
  const hosts: Record<string, EdgeHostInput> = {};
  for (const [id, host] of entriesOf(r, 'deploy.edges', value, [...edges.keys()], 'an edge node of `regions`')) {
    hosts[id] = readEdgeHost(r, at('deploy.edges', id), host, edges.get(id)?.location, around);
  }
  return hosts;
}

function readEdgeHost(r: Reader, path: string, value: unknown, location: Maybe<string>, around: Surroundings): EdgeHostInput {
  const o = r.object(path, value, ['kind', 'size', 'diskGib', 'clientCidrs', 'cidr', 'zone', 'outpost']);
  if (o === undefined) return {};
  const kind = o['kind'] === undefined ? undefined : readKind(r, at(path, 'kind'), o['kind'], location);
  const is = kind ?? (location === undefined ? undefined : hostKindOf(location));
  const ofAws = <T>(key: string, read: () => Maybe<T>): Maybe<T> => {
    if (o[key] === undefined) return undefined;
    return is === 'on-premises' ? r.report(at(path, key), o[key], 'nothing on premises, where machine and network are there already') : read();
  };
  const size = o['size'] === undefined ? undefined : r.oneOf(at(path, 'size'), o['size'], SIZES);
  const { least, most } = DISK_GIB;
  const diskGib = ofAws('diskGib', () => r.integer(at(path, 'diskGib'), o['diskGib'], least, most, `GiB, ${least} to ${most}`));
  const clientCidrs = ofAws('clientCidrs', () => readClients(r, at(path, 'clientCidrs'), o['clientCidrs']));
  const cidr = ofAws('cidr', () => readNetwork(r, at(path, 'cidr'), o['cidr'], EDGE_PREFIX));
  const zone = ofAws('zone', () => readZone(r, at(path, 'zone'), o['zone'], is, location));
  const outpost = readOutpost(r, at(path, 'outpost'), o['outpost'], is, location === undefined ? undefined : awsRegionOf(location, around));
  return given<EdgeHostInput>({ kind, size, diskGib, clientCidrs, cidr, zone, outpost });
}

function readKind(r: Reader, path: string, value: unknown, location: Maybe<string>): Maybe<EdgeHostKind> {
  const kind = r.oneOf(path, value, KINDS);
  if (kind === undefined || location === undefined || hostKindsAt(location).includes(kind)) return kind;
  const hint = kind === 'on-premises' ? 'a place of your own is one of `locations`' : undefined;
  return r.report(path, kind, `${hostKindsAt(location).join(' or ')}, as its location is ${location}`, hint);
}

export function readClients(r: Reader, path: string, value: unknown): Maybe<readonly string[]> {
  const list = r.list(path, value, 0, CLIENT_CIDRS_MAX);
  for (const [i, text] of (list ?? []).entries()) {
    const cidr = typeof text === 'string' ? parseCidr(text) : undefined;
    if (cidr === undefined) r.report(at(path, i), text, 'an IPv4 network in CIDR notation, without host bits: 192.0.2.0/24');
    else if (cidr.prefix < 8) r.report(at(path, i), text, 'a network of /8 or smaller: name those who are clients, not everybody');
    else if (list?.indexOf(text) !== i) r.report(at(path, i), text, 'each network once');
  }
  return list as Maybe<readonly string[]>;
}

function readZone(r: Reader, path: string, value: unknown, kind: Maybe<EdgeHostKind>, location: Maybe<string>): Maybe<string> {
  if (kind === 'outpost') return r.report(path, value, 'nothing for an Outpost; outpost.zone says it');
  if (kind === undefined || location === undefined) return undefined;
  const fits = typeof value === 'string' && (/-wl\d+-/.test(location) ? value === location : value.slice(0, -1) === location && /[a-z]$/.test(value));
  return fits ? value : r.report(path, value, `the name of a zone of ${location}: ${/-wl\d+-/.test(location) ? location : `${location}a`}`);
}

function readOutpost(
  r: Reader, path: string, value: unknown, kind: Maybe<EdgeHostKind>, awsRegion: Maybe<string>,
): Maybe<NonNullable<EdgeHostInput['outpost']>> {
  if (kind !== 'outpost') return value === undefined || kind === undefined ? undefined : r.report(path, value, `nothing for a host of kind ${kind}`);
  const o = r.object(path, value, ['arn', 'zone']);
  if (o === undefined) return undefined;
  const of = awsRegion ?? 'eu-central-1';
  const arn = r.text(at(path, 'arn'), o['arn'], OUTPOST_ARN, OUTPOST_ARN_ALLOWED);
  if (arn !== undefined && OUTPOST_ARN.exec(arn)?.groups?.['region'] !== awsRegion) r.report(at(path, 'arn'), arn, `an Outpost of ${of}, the AWS region of its location`);
  const zone = r.text(at(path, 'zone'), o['zone'], new RegExp(`^${of}[a-z]$`), `the availability zone that it belongs to: ${of}a`);
  return arn === undefined || zone === undefined ? undefined : { arn, zone };
}

interface Hosts {
  readonly zones: Readonly<Record<string, readonly string[]>>;
  readonly edges: Readonly<Record<string, EdgeHostInput>>;
}

/** Whether every network has the zones it needs, and an Outpost its particulars. */
export function checkPlaces(r: Reader, around: Surroundings, hosts: Hosts): void {
  const needed = new Map<string, { least: number; whose: string }>();
  const need = (location: string, least: number, whose: string): void => {
    const awsRegion = awsRegionOf(location, around);
    if ((needed.get(awsRegion)?.least ?? 0) < least) needed.set(awsRegion, { least, whose });
  };
  // Elsewhere than in an AWS region is a mistake that was reported where the location was read.
  const spread = (id: string, location: string): void => {
    if (isRegionLocation(location)) need(location, ZONES, id);
  };
  const { controlPlane, regions } = around;
  if (controlPlane !== undefined) spread(controlPlane.id, controlPlane.location);
  for (const region of regions) {
    if (region.location !== undefined) spread(region.id ?? 'it', region.location);
    for (const edge of region.edges) if (isWhole(edge) && edgeKindOf(hosts, edge) !== 'on-premises') need(edge.location, 1, edge.id);
  }
  for (const [awsRegion, { least, whose }] of needed) {
    const zones = zonesOf(awsRegion, hosts);
    if (zones.length >= least) continue;
    const allowed = `${least === 1 ? 'at least one zone' : `${least} zones`} for ${whose}${zones.length === 0 ? ': which ones there are differs by account' : ''}`;
    r.report(at('deploy.zones', awsRegion), Object.hasOwn(hosts.zones, awsRegion) ? hosts.zones[awsRegion] : undefined, allowed);
  }
}

const isWhole = (edge: Parts<Edge>): edge is Edge => edge.id !== undefined && edge.location !== undefined;
