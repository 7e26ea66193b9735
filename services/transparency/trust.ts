/** `trust.json`: who is who on a platform, by public key (docs/protocol.md, names and keys). */
import { parseVerifier, type Verifier } from './keys.ts';

export interface RegionTrust {
  readonly id: string;
  readonly log: Verifier;
  readonly quorum: number;
  readonly replicas: readonly Verifier[];
  readonly nodes: ReadonlyMap<string, Verifier>;
}

export interface Trust {
  readonly origin: string;
  readonly global: Verifier;
  readonly witnessQuorum: number;
  readonly regions: ReadonlyMap<string, RegionTrust>;
}

/** The file's own shape; made by whoever provisions the platform. */
export interface TrustFile {
  readonly origin: string;
  readonly global: string;
  readonly witnessQuorum: number;
  readonly regions: readonly {
    readonly id: string; readonly log: string; readonly quorum: number; readonly replicas: readonly string[];
    readonly nodes: readonly { readonly id: string; readonly vkey: string }[];
  }[];
}

/** @throws Error saying what is not as it has to be */
export function parseTrust(text: string): Trust {
  const file = shaped(json(text));
  const regions = new Map(file.regions.map((r): [string, RegionTrust] => {
    // Two quorums that share no replica could order, or witness, two histories.
    if (!(r.quorum * 2 > r.replicas.length && r.quorum <= r.replicas.length)) {
      throw new Error(`region ${r.id}: quorum ${r.quorum} of ${r.replicas.length} replicas cannot be: more than half of them has to`);
    }
    return [r.id, {
      id: r.id, log: parseVerifier(r.log), quorum: r.quorum, replicas: r.replicas.map(parseVerifier),
      nodes: new Map(r.nodes.map((n) => [n.id, parseVerifier(n.vkey)])),
    }];
  }));
  if (!(file.witnessQuorum >= 1 && file.witnessQuorum <= regions.size)) throw new Error(`witnessQuorum ${file.witnessQuorum} of ${regions.size} regions cannot be`);
  return { origin: file.origin, global: parseVerifier(file.global), witnessQuorum: file.witnessQuorum, regions };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a private key that somebody put in the wrong place.
    throw new Error('not JSON');
  }
}

/** Another file in its place is told from one with a wrong value in it. */
function shaped(value: unknown): TrustFile {
  const has = (o: unknown, texts: readonly string[], lists: readonly string[]): boolean => typeof o === 'object' && o !== null
    && texts.every((name) => typeof (o as Record<string, unknown>)[name] === 'string')
    && lists.every((name) => Array.isArray((o as Record<string, unknown>)[name]));
  const file = value as TrustFile;
  const ok = has(file, ['origin', 'global'], ['regions']) && file.regions.every((r) => has(r, ['id', 'log'], ['replicas', 'nodes'])
    && r.replicas.every((key) => typeof key === 'string') && r.nodes.every((n) => has(n, ['id', 'vkey'], [])));
  if (!ok) throw new Error('not a trust.json: expected {origin, global, witnessQuorum, regions: [{id, log, quorum, replicas: [key], nodes: [{id, vkey}]}]}');
  return file;
}

/**
 * The regions of which a quorum of replicas has cosigned. One replica is not enough: each remembers only what it was asked itself,
 * so two replicas can be led to two histories, while two quorums have a replica in common, who has seen the other history.
 *
 * @param cosigners key names of valid cosignatures, with or without repetition
 */
export function witnessedBy(trust: Pick<Trust, 'regions'>, cosigners: readonly string[]): string[] {
  const names = new Set(cosigners);
  return [...trust.regions.values()].filter((r) => r.replicas.filter((v) => names.has(v.name)).length >= r.quorum).map((r) => r.id);
}
