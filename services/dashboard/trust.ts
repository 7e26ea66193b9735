/** Whom the page trusts: `trust.json` (docs/protocol.md, names and keys), and whether enough of them have witnessed a checkpoint. */
import { NoteError } from '../transparency/errors.ts';
import type { TrustFile } from '../transparency/trust.ts';
import { openCheckpoint, readKey, type Checkpoint, type Key } from './notes.ts';

export interface Trust {
  readonly origin: string;
  readonly global: Key;
  readonly witnessQuorum: number;
  readonly regions: readonly { readonly id: string; readonly quorum: number; readonly replicas: readonly Key[]; readonly log: Key; readonly nodes: ReadonlyMap<string, Key> }[];
}

/** A region's part in witnessing one checkpoint. */
export interface RegionWitness {
  readonly region: string;
  /** How many replicas have to cosign. */
  readonly quorum: number;
  /** Replicas, by key name, with the time of the cosignature in seconds since 1970, or null without one. */
  readonly replicas: readonly { readonly name: string; readonly at: number | null }[];
  readonly holds: boolean;
}

export interface Witnessed {
  readonly checkpoint: Checkpoint;
  readonly regions: readonly RegionWitness[];
  readonly quorum: number;
  readonly holds: boolean;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((v) => typeof v === 'string');

function isTrustFile(value: unknown): value is TrustFile {
  return isRecord(value) && typeof value['origin'] === 'string' && typeof value['global'] === 'string'
    && Number.isSafeInteger(value['witnessQuorum']) && Array.isArray(value['regions']) && value['regions'].every((r) => isRecord(r)
      && typeof r['id'] === 'string' && typeof r['log'] === 'string' && Number.isSafeInteger(r['quorum']) && isTexts(r['replicas'])
      && Array.isArray(r['nodes']) && r['nodes'].every((n) => isRecord(n) && typeof n['id'] === 'string' && typeof n['vkey'] === 'string'));
}

/** @throws Error saying what is not as it has to be */
export async function readTrust(text: string): Promise<Trust> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error('trust.json: not JSON');
  }
  if (!isTrustFile(file)) throw new Error('trust.json: expected {origin, global, witnessQuorum, regions: [{id, log, quorum, replicas: [key], nodes: [{id, vkey}]}]}');
  const regions = await Promise.all(file.regions.map(async (r) => {
    // Two quorums that share no replica could witness two histories.
    if (!(r.quorum * 2 > r.replicas.length && r.quorum <= r.replicas.length)) {
      throw new Error(`trust.json: region ${r.id}: quorum ${r.quorum} of ${r.replicas.length} replicas: more than half of them is needed`);
    }
    const nodes = await Promise.all(r.nodes.map(async (n) => [n.id, await readKey(n.vkey)] as const));
    return { id: r.id, quorum: r.quorum, log: await readKey(r.log), replicas: await Promise.all(r.replicas.map(readKey)), nodes: new Map(nodes) };
  }));
  if (!(file.witnessQuorum >= 1 && file.witnessQuorum <= regions.length)) throw new Error(`trust.json: witnessQuorum ${file.witnessQuorum} of ${regions.length} regions`);
  return { origin: file.origin, global: await readKey(file.global), witnessQuorum: file.witnessQuorum, regions };
}

/**
 * The global checkpoint with the quorum counted. It does not throw when the quorum is missed: the page shows who is missing.
 *
 * @throws NoteError when it is not the global log's, or a signature does not verify
 */
export async function openWitnessed(note: string, trust: Trust): Promise<Witnessed> {
  const { checkpoint, cosignatures } = await openCheckpoint(note, trust.global, trust.regions.flatMap((r) => r.replicas));
  const regions = trust.regions.map(({ id, quorum, replicas }): RegionWitness => {
    const seen = replicas.map((key) => ({ key, at: cosignatures.find((c) => c.key.vkey === key.vkey)?.at ?? null }));
    // Two names of one public key count once.
    const keys = new Set(seen.filter((s) => s.at !== null).map((s) => s.key.publicKey));
    return { region: id, quorum, replicas: seen.map(({ key, at }) => ({ name: key.name, at })), holds: keys.size >= quorum };
  });
  return { checkpoint, regions, quorum: trust.witnessQuorum, holds: regions.filter((r) => r.holds).length >= trust.witnessQuorum };
}

/** @throws NoteError `no-quorum` */
export function requireQuorum({ checkpoint, regions, quorum, holds }: Witnessed): void {
  if (holds) return;
  const have = regions.filter((r) => r.holds).map((r) => r.region);
  throw new NoteError('no-quorum', `the checkpoint of size ${checkpoint.size} is witnessed by ${have.length === 0 ? 'no region' : have.join(', ')}; ${quorum} of ${regions.length} are needed`);
}
