/**
 * How fast a platform can be at best: the round trips that a promise cannot go below. Queueing, fsync and computing come on top.
 */
import type { Edge, Platform, Region } from './model.ts';
import { createRoundTrips, type OwnFigures } from './rtt.ts';

/** The part of a platform that decides how far its sites are from each other. */
export type Topology = Pick<Platform, 'controlPlane' | 'regions' | 'witnessQuorum'> & OwnFigures;

export interface Floor {
  /** Milliseconds. */
  readonly ms: number;
  /** Of what it is made, for people. */
  readonly because: string;
}

export interface Floors {
  /** From an edge node's provisional decision to its knowing that it is ordered: to the region and back. */
  ordering(region: Region, edge: Edge): Floor;
  /** From an edge node to the centre and back, without witnesses: how soon word from the centre can be had. */
  centre(region: Region, edge: Edge): Floor;
  /**
   * From a request at an edge node to the proven outcome there: up through the region to the centre, the witnesses'
   * cosignatures, and down again.
   */
  finality(region: Region, edge: Edge): Floor;
  /** Between a region and the centre. */
  backbone(region: Region): Floor;
}

type Part = readonly [what: string, ms: number];

const sum = (...parts: readonly Part[]): Floor => ({
  ms: Math.round(parts.reduce((total, [, ms]) => total + ms, 0) * 10) / 10,
  because: parts.map(([what, ms]) => `${what} ${ms} ms`).join(' + '),
});

export function createFloors(topology: Topology): Floors {
  const roundTrips = createRoundTrips(topology);
  const centre = topology.controlPlane;
  const edgeLeg = (region: Region, edge: Edge): Part =>
    [`${edge.id} to ${region.id}`, roundTrips(edge.location, region.location)];
  const backbone = (region: Region): Part => [`${region.id} to ${centre.id}`, roundTrips(region.location, centre.location)];
  // The centre asks all regions at once; the answer that completes the quorum makes the checkpoint count.
  const witnesses = topology.regions
    .map((region): Part => [`${centre.id} to witness ${region.id}`, backbone(region)[1]])
    .sort((a, b) => a[1] - b[1]);
  const slowest = witnesses[topology.witnessQuorum - 1];
  if (slowest === undefined) throw new RangeError(`witnessQuorum ${topology.witnessQuorum} of ${witnesses.length} regions`);
  return {
    ordering: (region, edge) => sum(edgeLeg(region, edge)),
    centre: (region, edge) => sum(edgeLeg(region, edge), backbone(region)),
    finality: (region, edge) => sum(edgeLeg(region, edge), backbone(region), slowest),
    backbone: (region) => sum(backbone(region)),
  };
}
