/** What the simulated tiers share: who is who, what can be broken on purpose, and what is watched while it runs. */
import type { Policy } from '../../services/protocol/index.ts';
import type { RegionTrust, Trust } from '../../services/transparency/index.ts';
import type { Rng } from './rng.ts';
import { simKey, type SimKey } from './keys.ts';

/** Deliberate bugs. The simulation is worth something only if it finds each of them. */
export const MUTATIONS = [
  /** The edge node answers before its log is synced. */
  'acknowledge-before-sync',
  /** The control plane writes outcomes and progress in two transactions. */
  'progress-apart',
  /** The control plane does not look for earlier outcomes of an id. */
  'no-duplicate-check',
  /** Replicas take every batch of the stream without judging it. */
  'skip-replay-validation',
  /** The witnessed size is moved on without asking witnesses; outcomes go out before they are durable. */
  'outcomes-before-sync',
  /** The edge node forgets, when restarted, what it has promised offline. */
  'forget-promises',
  /** The ledger takes no notice of overdraft limits. */
  'no-overdraft-check',
  /** A replica cosigns whatever root it is shown. */
  'cosign-anything',
] as const;
export type Mutation = (typeof MUTATIONS)[number];

/**
 * What a lying replica does. All of them also put junk into the stream.
 *
 * - `signs`: cosigns roots that are not those of its log, sends blocks under them, shows them to its nodes;
 * - `swallows`: acknowledges batches that it does not publish, and keeps from its nodes what is ordered;
 * - `slanders`: tells its nodes that the region has more of their log than they, or another one.
 */
export const LIES = ['signs', 'swallows', 'slanders'] as const;
export type Lie = (typeof LIES)[number];

export interface Topology {
  readonly regions: readonly {
    readonly id: string; readonly replicas: number; readonly quorum: number; readonly edges: readonly string[];
  }[];
  readonly witnessQuorum: number;
  /** Region id to the number of its replica that lies, and how. */
  readonly liars: ReadonlyMap<string, { readonly replica: number; readonly lie: Lie }>;
}

export const ORIGIN = 'sim.example';
export const CENTRE = 'centre';
export const replicaId = (region: string, n: number): string => `${region}/${n}`;
export const streamId = (region: string): string => `${region}/stream`;

export const edgeKey = (edge: string): SimKey => simKey(`${ORIGIN}/edge/${edge}`);
export const globalKey = (): SimKey => simKey(`${ORIGIN}/global`);
export const regionKey = (region: string): SimKey => simKey(`${ORIGIN}/region/${region}`);
export const replicaKey = (region: string, n: number): SimKey =>
  simKey(`${ORIGIN}/region/${region}/replica/${n}`, 'cosignature/v1');

export function trustOf(topology: Topology): Trust {
  return {
    origin: ORIGIN, global: globalKey().verifier, witnessQuorum: topology.witnessQuorum,
    regions: new Map(topology.regions.map((r): [string, RegionTrust] => [r.id, {
      id: r.id, log: regionKey(r.id).verifier, quorum: r.quorum,
      replicas: Array.from({ length: r.replicas }, (_, n) => replicaKey(r.id, n).verifier),
      nodes: new Map(r.edges.map((e) => [e, edgeKey(e).verifier])),
    }])),
  };
}

export function randomTopology(rng: Rng): Topology {
  const regions = Array.from({ length: rng.between(1, 2) }, (_, i) => {
    const id = ['eu', 'us'][i]!;
    const replicas = rng.pick([1, 2, 3, 3]);
    return { id, replicas, quorum: Math.floor(replicas / 2) + 1,
      edges: Array.from({ length: rng.between(1, 2) }, (__, k) => `${id}-${'ab'[k]}`) };
  });
  const liars = new Map(regions.filter((r) => r.replicas === 3 && rng.chance(0.4)).map((r) =>
    [r.id, { replica: rng.below(3), lie: rng.pick(LIES) }]));
  return { regions, witnessQuorum: rng.between(1, regions.length), liars };
}

export const POLICY: Policy = {
  version: 1, offlineAfterMs: 1_500, maxStalenessMs: 20_000,
  offlinePerAccount: { EUR: 150n, USD: 80n }, offlinePerNode: { EUR: 250n, USD: 120n },
};

export interface Hooks {
  readonly mutation: Mutation | null;
  /** Something that must never be was. */
  readonly violation: (what: string) => void;
}
