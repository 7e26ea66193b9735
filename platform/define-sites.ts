/** Reading where everything is: locations, the control plane, regions with their edge nodes. */
import { awsRegionOf, ZONES } from './aws.ts';
import { at, didYouMean, type Reader } from './issues.ts';
import { ID, ID_ALLOWED, or, unique, type Maybe, type Parts } from './define-shared.ts';
import { PEERS_MAX, type ControlPlane, type Edge, type LocationInput, type Region } from './model.ts';
import { isKnownLocation, isRegionLocation, KNOWN_LOCATIONS } from './rtt.ts';

/** How many of each there may be; more than anyone needs, few enough to reason about. */
const REGIONS_MAX = 100;
const EDGES_MAX = 1_000;
const LOCATIONS_MAX = 1_000;
const ROUND_TRIP_MS_MAX = 10_000;

export function readLocations(r: Reader, value: unknown): LocationInput[] {
  const seen = new Map<string, string>();
  const locations: LocationInput[] = [];
  for (const [i, item] of (r.list('locations', value, 0, LOCATIONS_MAX) ?? []).entries()) {
    const path = at('locations', i);
    const o = r.object(path, item, ['id', 'near', 'roundTripMs']);
    if (o === undefined) continue;
    const id = r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
    const regions = awsRegions();
    const near = typeof o['near'] === 'string' && isRegionLocation(o['near'])
      ? o['near']
      : r.report(at(path, 'near'), o['near'], `an AWS region: ${regions.join(', ')}`, didYouMean(o['near'], regions));
    const roundTripMs = readRoundTripMs(r, at(path, 'roundTripMs'), o['roundTripMs']);
    if (id === undefined) continue;
    if (isKnownLocation(id)) r.report(at(path, 'id'), id, 'a name that is not in the table of AWS locations already');
    unique(r, seen, id, at(path, 'id'), 'location');
    // Kept even when incomplete, so that sites may name it; any issue stops the config anyway.
    locations.push({ id, near: near ?? 'us-east-1', roundTripMs: roundTripMs ?? 0 });
  }
  return locations;
}

export const readRoundTripMs = (r: Reader, path: string, value: unknown): Maybe<number> =>
  r.number(path, value, (ms) => ms >= 0 && ms <= ROUND_TRIP_MS_MAX, `milliseconds from 0 to ${ROUND_TRIP_MS_MAX}`);

/** A zone's name ends in a letter (us-west-2-lax-1a); its location is the group without it. */
const groupOf = (zone: string): string => (/^[a-z]{2}-.*\d[a-z]$/.test(zone) ? zone.slice(0, -1) : zone);

const awsRegions = (): string[] => KNOWN_LOCATIONS.filter((known) => known.parent === undefined).map((known) => known.id);

export function readLocation(r: Reader, path: string, value: unknown, places: ReadonlySet<string>): Maybe<string> {
  if (typeof value === 'string' && places.has(value)) return value;
  const group = typeof value === 'string' ? groupOf(value) : value;
  const hint = places.has(group as string) ? `did you mean ${JSON.stringify(group)}?` : didYouMean(group, places);
  return r.report(path, value, 'an AWS region, a Local Zone group (us-west-2-lax-1), a Wavelength Zone (us-west-2-wl1-las-wlz-1) or an id of `locations`', hint);
}

/** What a location may be depends on where it is for: on AWS, the control plane and regions are spread over the zones of an AWS region. */
export interface Places {
  /** Ids of all that are known. */
  readonly known: ReadonlySet<string>;
  readonly locations: readonly LocationInput[];
  /** Whether the definition says how it is laid out on AWS. */
  readonly onAws: boolean;
}

/** Where the control plane or a region is. A place that is known is of use to later checks, even where it may not be. */
function readCentre(r: Reader, path: string, value: unknown, { known, locations, onAws }: Places): Maybe<string> {
  if (!onAws || (typeof value === 'string' && isRegionLocation(value))) return readLocation(r, path, value, known);
  const text = typeof value === 'string' ? value : '';
  const place = known.has(text) ? text : groupOf(text);
  const hint = known.has(place) ? `did you mean ${JSON.stringify(awsRegionOf(place, { locations }))}?` : didYouMean(value, awsRegions());
  r.report(path, value, `an AWS region when deployed: it is spread over ${ZONES} zones`, hint);
  return known.has(text) ? text : undefined;
}

export function readControlPlane(r: Reader, value: unknown, places: Places): Maybe<ControlPlane> {
  const path = 'controlPlane';
  const o = r.object(path, value, ['id', 'location']);
  if (o === undefined) return undefined;
  const id = o['id'] === undefined ? 'global' : r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
  const location = readCentre(r, at(path, 'location'), o['location'], places);
  return id === undefined || location === undefined ? undefined : { id, location };
}

/** The rest of the definition, as far as it could be read. */
export interface Surroundings {
  readonly name: Maybe<string>;
  readonly controlPlane: Maybe<ControlPlane>;
  readonly regions: readonly RegionParts[];
  readonly locations: readonly LocationInput[];
}

export type RegionParts = Parts<Omit<Region, 'edges'>> & { readonly edges: readonly Parts<Edge>[]; readonly path: string };

export function readRegions(r: Reader, value: unknown, places: Places): RegionParts[] {
  const list = r.list('regions', value, 1, REGIONS_MAX);
  const regions = (list ?? []).map((item, i): RegionParts => {
    const path = at('regions', i);
    const o = r.object(path, item, ['id', 'location', 'replicas', 'quorum', 'edges']);
    if (o === undefined) return { id: undefined, location: undefined, replicas: undefined, quorum: undefined, edges: [], path };
    const id = r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
    const location = readCentre(r, at(path, 'location'), o['location'], places);
    const replicas = o['replicas'] === undefined ? 1 : r.integer(at(path, 'replicas'), o['replicas'], 1, 7);
    const quorum = readQuorum(r, path, o['quorum'], replicas);
    return { id, location, replicas, quorum, edges: readEdges(r, path, or(o['edges'], []), places.known), path };
  });
  if (list !== undefined && list.length > 0 && regions.every((region) => region.edges.length === 0)) {
    r.say('regions', 'no edge node in any of them', 'at least one region with at least one edge node');
  }
  return regions;
}

function readQuorum(r: Reader, regionPath: string, value: unknown, replicas: Maybe<number>): Maybe<number> {
  const path = at(regionPath, 'quorum');
  if (replicas === undefined) return value === undefined ? undefined : r.integer(path, value, 1, 7);
  const majority = Math.floor(replicas / 2) + 1;
  if (value === undefined) return majority;
  return r.integer(path, value, majority, replicas, `more than half of the ${replicas} replicas: ${majority} to ${replicas}`);
}

function readEdges(r: Reader, regionPath: string, value: unknown, places: ReadonlySet<string>): Parts<Edge>[] {
  const listPath = at(regionPath, 'edges');
  return (r.list(listPath, value, 0, EDGES_MAX) ?? []).map((item, i) => {
    const path = at(listPath, i);
    const o = r.object(path, item, ['id', 'location', 'peers']);
    if (o === undefined) return { id: undefined, location: undefined };
    const id = r.text(at(path, 'id'), o['id'], ID, ID_ALLOWED);
    const edge = { id, location: readLocation(r, at(path, 'location'), o['location'], places) };
    return o['peers'] === undefined ? edge : { ...edge, peers: readPeers(r, at(path, 'peers'), o['peers']) };
  });
}

/** Whether they exist is looked at when all sites are known. */
function readPeers(r: Reader, path: string, value: unknown): string[] {
  const seen = new Map<string, string>();
  return (r.list(path, value, 0, PEERS_MAX) ?? []).flatMap((item, i) => {
    const peer = r.text(at(path, i), item, ID, 'the id of an edge node');
    if (peer === undefined || !unique(r, seen, peer, at(path, i), 'peer')) return [];
    return [peer];
  });
}

export function completeRegion({ id, location, replicas, quorum, edges }: RegionParts): Maybe<Region> {
  if (id === undefined || location === undefined || replicas === undefined || quorum === undefined) return undefined;
  const whole: Edge[] = [];
  for (const edge of edges) {
    const { peers } = edge;
    if (edge.id !== undefined && edge.location !== undefined) whole.push({ id: edge.id, location: edge.location, ...(peers === undefined ? {} : { peers }) });
  }
  return { id, location, replicas, quorum, edges: whole };
}

export function readWitnessQuorum(r: Reader, value: unknown, regions: readonly RegionParts[]): Maybe<number> {
  if (regions.length === 0) {
    if (value !== undefined) r.integer('witnessQuorum', value, 1, REGIONS_MAX);
    return undefined;
  }
  if (value === undefined) return Math.ceil(regions.length / 2);
  return r.integer('witnessQuorum', value, 1, regions.length, `how many of the regions cosign: 1 to ${regions.length}`);
}

export function checkSiteIds(r: Reader, controlPlane: Maybe<ControlPlane>, regions: readonly RegionParts[]): void {
  const seen = new Map<string, string>();
  if (controlPlane !== undefined) seen.set(controlPlane.id, 'controlPlane.id');
  for (const region of regions) {
    if (region.id !== undefined) unique(r, seen, region.id, at(region.path, 'id'), 'site');
    for (const [i, edge] of region.edges.entries()) {
      if (edge.id !== undefined) unique(r, seen, edge.id, at(at(at(region.path, 'edges'), i), 'id'), 'site');
    }
  }
}

/** Whoever is probed is an edge node, and another one. */
export function checkPeers(r: Reader, regions: readonly RegionParts[]): void {
  const ids = regions.flatMap((region) => region.edges.flatMap(({ id }) => (id === undefined ? [] : [id])));
  const known = new Set(ids);
  for (const region of regions) {
    for (const [i, edge] of region.edges.entries()) {
      for (const [n, peer] of (edge.peers ?? []).entries()) {
        const path = at(at(at(at(region.path, 'edges'), i), 'peers'), n);
        if (peer === edge.id) r.report(path, peer, 'another edge node than the one that probes');
        else if (!known.has(peer)) r.report(path, peer, 'the id of an edge node of this platform', didYouMean(peer, known));
      }
    }
  }
}
