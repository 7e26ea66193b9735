/** A receipt (C2SP tlog-proof) and a provenance entry, verified offline. */
import {
  decodeDecision, decodeGlobal, decodePolicy, policyDigest, sameInstruction, type Instruction,
} from '../../services/protocol/index.ts';
import { hashLeaf, parseProof, parseTrust, verifyInclusion, type Trust } from '../../services/transparency/index.ts';
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

/** A provenance document that stands beside receipts. */
export interface NamedProvenance {
  readonly file: string;
  readonly provenance: ProvenanceJson;
}

/**
 * A receipt carries its entry in the proof's extra line; for one that does not, the entry has to be given. Provenance documents
 * beside it may be of the same log or of the other one (the edge's decision, the centre's outcome): they have to be of the
 * same settlement.
 *
 * @param candidates entries that the reader says the receipt is for
 * @param trustText trust.json: whose signatures count
 */
export function verifyReceipt(
  file: string, receipt: string, candidates: readonly Uint8Array[], trustText: string,
  provenances: readonly NamedProvenance[] = [],
): Report {
  const found = new Findings();
  found.attempt(file, () => {
    const trust = parseTrust(trustText);
    const proof = parseProof(receipt);
    const name = logOf(proof.checkpoint, trust);
    const checkpoint = openLogCheckpoint(proof.checkpoint, name, trust);
    found.count(`checkpoint of ${name}, size ${checkpoint.size}`);
    found.count('cosignatures', checkpoint.cosigners.length);
    const includes = (entry: Uint8Array): void =>
      verifyInclusion(hashLeaf(entry), proof.index, checkpoint.size, proof.proof, checkpoint.root);
    const entry = provenEntry(proof.extraData, candidates, provenances, includes);
    found.count('inclusion proof');
    const settlement = settlementOf(entry, name, proof.index);
    if (settlement === null) return;
    found.note(settlement.said);
    compareWithProvenances(settlement, provenances, found);
  });
  return found.report('receipt', { whose: 'given', text: trustText });
}

/** The entry that the receipt proves. @throws Error when there is none, or it is not the one that was given */
function provenEntry(
  own: Uint8Array | undefined, candidates: readonly Uint8Array[], provenances: readonly NamedProvenance[],
  includes: (entry: Uint8Array) => void,
): Uint8Array {
  if (own !== undefined) {
    includes(own);
    if (candidates.length > 0 && !candidates.some((c) => Buffer.from(c).equals(Buffer.from(own)))) {
      throw new Error('proves the entry that it carries, which is not the one that was given with --entry');
    }
    return own;
  }
  const entries = [...candidates, ...provenances.map((p) => Buffer.from(p.provenance.entry, 'utf8'))];
  if (entries.length === 0) {
    throw new Error('does not carry its entry: give the provenance file as well, or the entry with --entry FILE');
  }
  let first: unknown;
  for (const entry of entries) {
    try {
      includes(entry);
      return entry;
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/** What an entry of either log says of a settlement. */
interface Settlement {
  readonly log: 'edge' | 'global';
  readonly instruction: Instruction;
  /** Where it was decided; unknown where a document does not say. */
  readonly node: string | undefined;
  readonly index: number | undefined;
  readonly bytes: Uint8Array;
  /** In a sentence. */
  readonly said: string;
}

/** @param name of the log, index its place there @returns null when the entry is of no settlement @throws EncodingError */
function settlementOf(bytes: Uint8Array, name: string, index: number): Settlement | null {
  const because = (reason: string | undefined): string => (reason === undefined ? '' : ` (${reason})`);
  if (name === 'global') {
    const entry = decodeGlobal(bytes);
    if (entry.type !== 'outcome') return null;
    const { instruction, node, status, reason, duplicateOf } = entry;
    const repeats = duplicateOf === undefined ? '' : `; duplicate of entry ${duplicateOf}: nothing moved again`;
    return {
      log: 'global', instruction, node, index: entry.index, bytes,
      said: `${instruction.id} is ${status}${because(reason)} at index ${index} of the global log${repeats}`,
    };
  }
  if (!name.startsWith('edge-')) return null;
  const { instruction, decision } = decodeDecision(bytes);
  const node = name.slice('edge-'.length);
  return {
    log: 'edge', instruction, node, index, bytes,
    said: `${instruction.id} was ${decision.result}${because(decision.reason)} at index ${index} of the log of ${node}`,
  };
}

/** Null for a document that is of no settlement, or can't be read: its own check says so. */
function settlementOfProvenance({ entry, policy, node, index }: ProvenanceJson): Settlement | null {
  const bytes = Buffer.from(entry, 'utf8');
  try {
    if (policy === undefined) return settlementOf(bytes, 'global', index ?? 0);
    const { instruction } = decodeDecision(bytes);
    return { log: 'edge', instruction, node, index, bytes, said: '' };
  } catch {
    return null;
  }
}

/** One of the documents has to be of the receipt's settlement, and those that are have to agree with it. */
function compareWithProvenances(receipt: Settlement, provenances: readonly NamedProvenance[], found: Findings): void {
  const { id } = receipt.instruction;
  const others = provenances.flatMap(({ file, provenance }) => {
    const settlement = settlementOfProvenance(provenance);
    return settlement === null ? [] : [{ file, settlement }];
  });
  if (others.length === 0) return;
  const same = others.filter((o) => o.settlement.instruction.id === id);
  if (same.length === 0) {
    throw new Error(`is of settlement ${id}; given beside it are ${others.slice(0, 3)
      .map((o) => `${o.settlement.instruction.id} (${o.file})`).join(', ')}${others.length > 3 ? ', ...' : ''}`);
  }
  const differences = same.map((o) => ({ file: o.file, what: difference(receipt, o.settlement) }));
  for (const { file, what } of differences) if (what === null) found.note(`of the same settlement as ${file}`);
  if (differences.every((d) => d.what !== null)) throw new Error(`${id}: ${differences[0]!.file} ${differences[0]!.what}`);
  found.count('compared with provenance', differences.filter((d) => d.what === null).length);
}

/** In what `b` differs from `a`, null when both are of the same decision of the same node. */
function difference(a: Settlement, b: Settlement): string | null {
  if (!sameInstruction(a.instruction, b.instruction)) return 'has other accounts, asset or amount';
  if (a.node !== undefined && b.node !== undefined && a.node !== b.node) return `is of node ${b.node}, the receipt of ${a.node}`;
  if (a.index !== undefined && b.index !== undefined && a.index !== b.index) {
    return `is of entry ${b.index} of the edge log, the receipt of ${a.index}`;
  }
  if (a.log === b.log && !Buffer.from(a.bytes).equals(Buffer.from(b.bytes))) return 'has another entry than the receipt';
  return null;
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
  const { node, index } = value as { node?: unknown; index?: unknown };
  if ([policy, leaf, node].some((v) => v !== undefined && typeof v !== 'string')) return null;
  if (index !== undefined && !Number.isSafeInteger(index)) return null;
  return value as ProvenanceJson;
}
