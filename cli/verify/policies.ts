/**
 * What follows from trust.json for other tools: the public keys of the cosigners, each in a file, and for each log a C2SP
 * tlog-policy saying which of them have to have cosigned its checkpoints (docs/protocol.md, names and keys).
 */
import {
  formatPolicy, parseVerifier, type PolicyGroup, type PolicyWitness, type TrustFile, type WitnessPolicy,
} from '../../services/transparency/index.ts';

const witness = (region: string, replica: number, vkey: string): PolicyWitness =>
  ({ name: `region-${region}-replica-${replica}`, verifier: parseVerifier(vkey) });

/** The global log: a region witnesses when `quorum` of its replicas have cosigned, and `witnessQuorum` regions have to. */
export function globalPolicy(trust: TrustFile): WitnessPolicy {
  const groups: PolicyGroup[] = trust.regions.map(
    (r) => ({ name: `region-${r.id}`, threshold: r.quorum, members: r.replicas.map((_, i) => `region-${r.id}-replica-${i}`) }),
  );
  return {
    logs: [{ verifier: parseVerifier(trust.global) }],
    witnesses: trust.regions.flatMap((r) => r.replicas.map((vkey, i) => witness(r.id, i, vkey))),
    groups: [...groups, { name: 'witnesses', threshold: trust.witnessQuorum, members: groups.map((g) => g.name) }],
    quorum: 'witnesses',
  };
}

function regionPolicy(region: TrustFile['regions'][number]): WitnessPolicy {
  const witnesses = region.replicas.map((vkey, i) => witness(region.id, i, vkey));
  return {
    logs: [{ verifier: parseVerifier(region.log) }], witnesses,
    groups: [{ name: 'replicas', threshold: region.quorum, members: witnesses.map((w) => w.name) }], quorum: 'replicas',
  };
}

const edgePolicy = (vkey: string): WitnessPolicy => ({
  logs: [{ verifier: parseVerifier(vkey) }], witnesses: [], groups: [], quorum: 'none',
});

/** `policy` for the global log, which is the one that receipts are checked with, and one beside each log. */
export function logPolicies(trust: TrustFile): Map<string, string> {
  const global = formatPolicy(globalPolicy(trust));
  const out = new Map([['policy', global], ['logs/global/policy', global]]);
  for (const region of trust.regions) {
    out.set(`logs/region-${region.id}/policy`, formatPolicy(regionPolicy(region)));
    for (const node of region.nodes) out.set(`logs/edge-${node.id}/policy`, formatPolicy(edgePolicy(node.vkey)));
  }
  return out;
}

export const witnessFiles = (trust: TrustFile): Map<string, string> =>
  new Map(
    trust.regions.flatMap(
      (r) => r.replicas.map((vkey, i): [string, string] => [`witnesses/region-${r.id}-replica-${i}.vkey`, `${vkey}\n`]),
    ),
  );

/** `logs/<name>/vkey`: the public key of each log. */
export const vkeyFiles = (trust: TrustFile): Map<string, string> => new Map([
  ['logs/global/vkey', `${trust.global}\n`],
  ...trust.regions.flatMap((r): [string, string][] => [
    [
      `logs/region-${r.id}/vkey`, `${r.log}\n`,
    ], ...r.nodes.map((n): [string, string] => [`logs/edge-${n.id}/vkey`, `${n.vkey}\n`]),
  ]),
]);
