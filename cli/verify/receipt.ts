/** A receipt (C2SP tlog-proof) and a provenance entry, verified offline. */
import { decodeDecision, decodeGlobal, decodePolicy, policyDigest } from '../../services/protocol/index.ts';
import { parseTrust, type Trust } from '../../services/shell/trust.ts';
import { hashLeaf, parseProof, verifyInclusion } from '../../services/transparency/index.ts';
import { logNames, openLogCheckpoint, redecide } from './folder.ts';
import { Findings, type Report } from './report.ts';

/** The log whose checkpoint this is, by its origin, as trust.json names it: `global`, `region-eu`, `edge-eu-fra-1`. @throws Error when it names none */
export function logOf(checkpoint: string, trust: Trust): string {
  const origin = checkpoint.slice(0, checkpoint.indexOf('\n'));
  const name = logNames(trust).find(
    (n) => origin === (n === 'global' ? trust.global.name : `${trust.origin}/${n.replace('-', '/')}`),
  );
  if (name === undefined) {
    throw new Error(`its checkpoint is of ${JSON.stringify(origin.slice(0, 100))}, a log that trust.json does not name`);
  }
  return name;
}

/**
 * @param candidates entries that the receipt may be for; the one whose leaf is in the proof is found
 * @param trustText trust.json: whose signatures count
 */
export function verifyReceipt(file: string, receipt: string, candidates: readonly Uint8Array[], trustText: string): Report {
  const found = new Findings();
  found.attempt(file, () => {
    const trust = parseTrust(trustText);
    const proof = parseProof(receipt);
    const name = logOf(proof.checkpoint, trust);
    const checkpoint = openLogCheckpoint(proof.checkpoint, name, trust);
    found.count(`checkpoint of ${name}, size ${checkpoint.size}`);
    found.count('cosignatures', checkpoint.cosigners.length);
    const entries = proof.extraData === undefined ? candidates : [...candidates, proof.extraData];
    if (entries.length === 0) {
      throw new Error('a receipt does not contain its entry: give the provenance file as well, or the entry with --entry FILE');
    }
    const errors: Error[] = [];
    for (const entry of entries) {
      try {
        verifyInclusion(hashLeaf(entry), proof.index, checkpoint.size, proof.proof, checkpoint.root);
        found.count('inclusion proof');
        if (name !== 'global') return;
        const outcome = decodeGlobal(entry);
        if (outcome.type === 'outcome') {
          found.note(
            `${outcome.instruction.id} is ${outcome.status}${outcome.reason === undefined ? '' : ` (${outcome.reason})`} at `
              + `index ${proof.index} of the global log`,
          );
        }
        return;
      } catch (error) {
        errors.push(error as Error);
      }
    }
    throw errors[0]!;
  });
  return found.report('receipt');
}

export interface ProvenanceJson {
  readonly entry: string;
  readonly policy?: string;
  readonly node?: string;
  readonly index?: number;
  readonly leaf?: string;
}

/** Provenance as the edge node or the control plane gives it: the decision is taken again, byte for byte. */
export function verifyProvenance(file: string, text: string): Report {
  const found = new Findings();
  found.attempt(file, () => {
    const provenance = parseProvenance(text);
    if (provenance === null) throw new Error('is not a provenance document {entry, policy, node, index, leaf}');
    const bytes = Buffer.from(provenance.entry, 'utf8');
    if (provenance.leaf !== undefined) {
      const leaf = hashLeaf(bytes).toString('base64');
      if (leaf !== provenance.leaf) throw new Error(`leaf: is ${provenance.leaf}, the entry's is ${leaf}`);
      found.count('leaf hash');
    }
    if (provenance.policy === undefined) {
      const entry = decodeGlobal(bytes);
      found.count(`${entry.type} entry`);
      found.note('an entry of the global log: what it says is proven by its receipt, and recomputed when an export is verified');
      return;
    }
    const entry = decodeDecision(bytes);
    const policy = decodePolicy(provenance.policy);
    if (policyDigest(policy) !== entry.policy) {
      throw new Error(`policy: its digest is ${policyDigest(policy)}, the entry was decided under ${entry.policy}`);
    }
    found.count('decision policy');
    redecide(entry, bytes, policy);
    found.count('decision taken again');
    found.note(
      `${entry.instruction.id}: ${entry.decision.result} (${entry.decision.mode}${entry.decision.reason === undefined ? '' : `, ${entry.decision.reason}`})`,
    );
  });
  return found.report('provenance');
}

/** Null when the text is not such a document. */
export function parseProvenance(text: string): ProvenanceJson | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || typeof (value as { entry?: unknown }).entry !== 'string') return null;
  const { policy, leaf } = value as { policy?: unknown; leaf?: unknown };
  if ((policy !== undefined && typeof policy !== 'string') || (leaf !== undefined && typeof leaf !== 'string')) return null;
  return value as ProvenanceJson;
}
