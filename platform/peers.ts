/**
 * Which edge nodes probe which. With up to five of them each probes all others; with more, each probes up to four, and is probed by
 * up to four, so that the work stays the same however many sites there are:
 *
 * - the next two on a ring of places: sorted by region, then by the AWS region that a site hangs on, its way to there, its location.
 *   Neighbours on it are near, and the sites of a region follow each other, so these probes connect each region in itself, and all
 *   regions with each other;
 * - the next two on a ring of hashed ids, which are anywhere: two parts of the platform that lose each other are seen from many sites.
 *
 * The nearest sites of all would be a choice, too, but the one site in a hub is the nearest of all around it, and would be probed by
 * each of them. On a ring nobody is popular, and a site that comes or goes changes the lists of at most four others (but for the step
 * from five to six).
 */
import { awsRegionOf, edgeKindOf, hash } from './aws.ts';
import type { DeployedPlatform } from './deployed.ts';
import { siteHost } from './hosts.ts';
import type { Edge, Platform, Region } from './model.ts';
import { createRoundTrips } from './rtt.ts';
import { SERVICES } from './services.ts';

/** Up to so many edge nodes all probe each other. */
export const FULL_MESH_MAX = 5;
/** Successors on each of the two rings. */
const NEXT = 2;

/** One edge node as its peer finds it: an entry of the setting TIDEMARK_PEERS. */
export interface PeerAddress {
  readonly site: string;
  /** Base URL. */
  readonly url: string;
}

/** By edge node: those that it probes, sorted. */
export type PeerPlan = ReadonlyMap<string, readonly string[]>;

interface Place {
  readonly edge: Edge;
  /** On the ring of places: compared one after the other. */
  readonly key: readonly (string | number)[];
  /** On the ring of hashes. */
  readonly hash: number;
}

function compare(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  const i = a.findIndex((part, n) => part !== b[n]);
  return i < 0 ? 0 : (a[i] as string | number) < (b[i] as string | number) ? -1 : 1;
}

/**
 * Who probes whom, of the sites that `isReachable` from other sites. Wishes of the definition (`peers`) come first; of those too, what
 * can't be reached is left out.
 */
function plan(platform: Platform, isReachable: (edge: Edge) => boolean): PeerPlan {
  const roundTrip = createRoundTrips(platform);
  const ways = new Map<string, readonly (string | number)[]>();
  const placeOf = (region: Region, edge: Edge): Place => {
    let way = ways.get(edge.location);
    if (way === undefined) {
      const hub = awsRegionOf(edge.location, platform);
      ways.set(edge.location, way = [hub, hub === edge.location ? 0 : roundTrip(hub, edge.location), edge.location]);
    }
    const spot = hash(edge.id);
    return { edge, key: [region.id, ...way, spot, edge.id], hash: spot };
  };
  const places = platform.regions.flatMap((region) => region.edges.filter(isReachable).map((edge) => placeOf(region, edge)));
  const byPlace = places.toSorted((a, b) => compare(a.key, b.key));
  const byHash = places.toSorted((a, b) => compare([a.hash, a.edge.id], [b.hash, b.edge.id]));
  const reachable = new Set(places.map(({ edge }) => edge.id));
  const found = new Map<string, Set<string>>(places.map(({ edge }) => [edge.id, new Set()]));
  for (const ring of [byPlace, byHash]) {
    const steps = ring.length <= FULL_MESH_MAX ? ring.length - 1 : NEXT;
    for (const [i, { edge }] of ring.entries()) {
      for (let step = 1; step <= steps; step += 1) found.get(edge.id)!.add(ring[(i + step) % ring.length]!.edge.id);
    }
  }
  return new Map(platform.regions.flatMap((region) => region.edges.map(({ id, peers }) => {
    const wished = peers?.filter((peer) => reachable.has(peer));
    return [id, reachable.has(id) ? [...wished ?? found.get(id)!].sort() : []] as const;
  })));
}

/** Definitions are frozen, and asked about once for each of their sites. */
function remembered<P extends Platform>(make: (platform: P) => PeerPlan): (platform: P) => PeerPlan {
  const known = new WeakMap<P, PeerPlan>();
  return (platform) => {
    let found = known.get(platform);
    if (found === undefined) known.set(platform, found = make(platform));
    return found;
  };
}

/** On one machine, where every site can be reached. */
const everywhere = remembered((platform: Platform) => plan(platform, () => true));

/** The edge nodes that one of them probes, sorted by id; on one machine, where every site can be reached. */
export const peersOf = (platform: Platform, edge: Pick<Edge, 'id'>): readonly string[] => everywhere(platform).get(edge.id) ?? [];

/** On AWS, where sites can be reached that are connected with each other, and whose addresses are known: not those on premises. */
const connected = remembered((platform: DeployedPlatform) =>
  plan(platform, (edge) => platform.deploy.sitesConnected === true && edgeKindOf(platform.deploy, edge) !== 'on-premises'));

export interface DeployedPeers {
  /** The edge nodes that it probes, sorted by id, by the names that their certificates are made out to. */
  readonly probes: readonly PeerAddress[];
  /** The edge nodes that probe it, sorted: they have to get in. */
  readonly probedBy: readonly string[];
}

/** Whom an edge node on AWS probes, and by whom it is probed: nobody, unless the definition says that sites are connected. */
export function deployedPeersOf(platform: DeployedPlatform, edge: Pick<Edge, 'id'>): DeployedPeers {
  const all = connected(platform);
  const { port } = SERVICES['edge-node'];
  return {
    probes: (all.get(edge.id) ?? []).map((site) => ({ site, url: `https://${siteHost(platform.deploy, { id: site })}:${port}` })),
    probedBy: [...all].flatMap(([from, peers]) => (peers.includes(edge.id) ? [from] : [])).sort(),
  };
}
