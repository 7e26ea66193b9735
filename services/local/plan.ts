/** What runs on the one machine, and who dials whom across the emulated network: derived from the platform, nothing else. */
import { createRoundTrips, peersOf, portPlan, type Platform } from '../../platform/index.ts';
import { replicaName } from '../protocol/status.ts';

/** As in `/v1/status`. */
export type Tier = 'global' | 'region' | 'edge';

/** One process: the control plane, a replica of a region, or an edge node. */
export interface ProcessPlan {
  /** As in `portPlan`: the site's id, for a replica `<region>/<number from 1>`. */
  readonly id: string;
  /** The site it belongs to. */
  readonly site: string;
  readonly tier: Tier;
  readonly location: string;
  readonly region?: string;
  /** From 0, as the service's settings count. */
  readonly replica?: number;
}

/** One site's process dials another's. */
export interface LinkPlan {
  readonly from: string;
  readonly to: string;
  readonly roundTripMs: number;
}

export interface LocalPlan {
  /** In the order of their ports. */
  readonly processes: readonly ProcessPlan[];
  readonly links: readonly LinkPlan[];
}

export function planLocal(platform: Platform): LocalPlan {
  const roundTrip = createRoundTrips(platform);
  const byId = new Map<string, ProcessPlan>();
  const links: LinkPlan[] = [];
  const dial = (from: ProcessPlan, to: ProcessPlan): void => {
    links.push({ from: from.id, to: to.id, roundTripMs: roundTrip(from.location, to.location) });
  };
  const centre: ProcessPlan = {
    id: platform.controlPlane.id, site: platform.controlPlane.id, tier: 'global', location: platform.controlPlane.location,
  };
  byId.set(centre.id, centre);
  for (const region of platform.regions) {
    const replicas = Array.from({ length: region.replicas }, (_, replica): ProcessPlan => ({
      id: replicaName(region.id, replica), site: region.id, tier: 'region', location: region.location, region: region.id, replica,
    }));
    for (const replica of replicas) {
      byId.set(replica.id, replica);
      dial(replica, centre);
      dial(centre, replica);
    }
    region.edges.forEach((edge, i) => {
      const node: ProcessPlan = { id: edge.id, site: edge.id, tier: 'edge', location: edge.location, region: region.id };
      byId.set(node.id, node);
      // In the order in which the node prefers them: its neighbours start with another replica, so that the load spreads.
      for (let k = 0; k < replicas.length; k += 1) dial(node, replicas[(i + k) % replicas.length] as ProcessPlan);
    });
  }
  for (const region of platform.regions) {
    for (const edge of region.edges) {
      for (const peer of peersOf(platform, edge)) dial(byId.get(edge.id) as ProcessPlan, byId.get(peer) as ProcessPlan);
    }
  }
  const processes = [...portPlan(platform)].sort((a, b) => a[1] - b[1]).map(([id]) => {
    const found = byId.get(id);
    if (found === undefined) throw new Error(`the port plan names ${id}, which is not a process of this platform`);
    return found;
  });
  if (processes.length !== byId.size) {
    throw new Error(`the port plan has ${processes.length} processes, the platform ${byId.size}`);
  }
  return { processes, links };
}

export const linkId = (link: { readonly from: string; readonly to: string }): string => `${link.from}>${link.to}`;

/** What can be cut off from the rest: a site, or one replica of a region. */
export function partitionable(plan: LocalPlan): string[] {
  return [...new Set(plan.processes.flatMap((p) => (p.tier === 'region' ? [p.site, p.id] : [p.id])))];
}

/**
 * The processes that a partition of `site` separates from all others. A region is its replicas and its edge nodes: they
 * keep each other and lose the rest of the world.
 */
export function membersOf(plan: LocalPlan, site: string): ReadonlySet<string> {
  return new Set(plan.processes.filter((p) => p.id === site || (p.region === site && p.tier !== 'global')).map((p) => p.id));
}

/** Whether a partition of one of `sites` lies between the two ends of the link. */
export function isCut(plan: LocalPlan, link: LinkPlan, sites: Iterable<string>): boolean {
  for (const site of sites) {
    const members = membersOf(plan, site);
    if (members.has(link.from) !== members.has(link.to)) return true;
  }
  return false;
}
