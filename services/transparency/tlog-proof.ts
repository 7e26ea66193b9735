/**
 * Receipts that can be checked offline: C2SP tlog-proof, section "Format" (https://c2sp.org/tlog-proof).
 */
import { EncodingError } from '../protocol/errors.ts';
import { openCheckpointWithQuorum, parseCheckpoint, parseDecimal, type CosignedCheckpoint } from './checkpoint.ts';
import { shown } from './errors.ts';
import { asBuffer, HASH_SIZE, hashLeaf } from './hash.ts';
import { strictBase64, type Verifier } from './keys.ts';
import { NOTE_MAX, noteText, parseNote } from './note.ts';
import { openWitnessed, type WitnessPolicy } from './policy.ts';
import { verifyInclusion } from './verify.ts';

export const PROOF_HEADER = 'c2sp.org/tlog-proof@v1';
/** Hashes of one proof: a tree of uint64 leaves is not higher. */
export const PROOF_HASHES_MAX = 63;

export interface TlogProof {
  /** Index of the entry, from 0. */
  readonly index: number;
  /** Inclusion proof, from the leaf's sibling up. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
  /** Opaque and not authenticated by anything. */
  readonly extraData?: Uint8Array;
}

const wrong = (why: string): EncodingError => new EncodingError(`tlog-proof: ${why}`);

const base64 = (bytes: Uint8Array): string => asBuffer(bytes).toString('base64');

export function formatProof(p: TlogProof): string {
  const text = [
    PROOF_HEADER,
    ...(p.extraData === undefined ? [] : [`extra ${base64(p.extraData)}`]),
    `index ${p.index}`,
    ...p.proof.map(base64),
    '',
    p.checkpoint,
  ].join('\n');
  parseProof(text);
  return text;
}

/** @throws EncodingError or NoteError; nothing is verified */
export function parseProof(receipt: string | Uint8Array): TlogProof & { readonly proof: readonly Buffer[] } {
  if (receipt.length > NOTE_MAX) throw wrong(`${receipt.length} bytes, at most ${NOTE_MAX} are read`);
  const text = noteText(receipt);
  const split = text.indexOf('\n\n');
  if (split < 0) throw wrong('no empty line before the checkpoint');
  const [header = '', ...lines] = text.slice(0, split).split('\n');
  if (header !== PROOF_HEADER) throw wrong(`line 1: expected ${PROOF_HEADER}, got ${shown(header)}`);
  let extraData: Buffer | undefined;
  if (lines[0]?.startsWith('extra ') === true) {
    const extra = strictBase64(lines.shift()!.slice('extra '.length));
    if (extra === null) throw wrong('line 2: the extra data is not base64');
    extraData = extra;
  }
  const indexLine = lines.shift() ?? '';
  const index = indexLine.startsWith('index ') ? parseDecimal(indexLine.slice('index '.length)) : null;
  if (index === null) throw wrong(`expected "index <decimal>", got ${shown(indexLine)}`);
  if (lines.length > PROOF_HASHES_MAX) throw wrong(`${lines.length} hashes, at most ${PROOF_HASHES_MAX} are possible`);
  const proof = lines.map((line, i) => {
    const hash = strictBase64(line);
    if (hash === null || hash.length !== HASH_SIZE) {
      throw wrong(`hash ${i}: expected ${HASH_SIZE} bytes in base64, got ${shown(line)}`);
    }
    return hash;
  });
  const checkpoint = text.slice(split + 2);
  parseCheckpoint(parseNote(checkpoint).text);
  return extraData === undefined ? { index, proof, checkpoint } : { index, proof, checkpoint, extraData };
}

/** Whom to trust: a policy, or a log's key and how many of which cosigners. */
export type ProofTrust =
  WitnessPolicy | { readonly log: Verifier; readonly cosigners?: readonly Verifier[]; readonly quorum?: number };

export interface VerifiedProof {
  readonly index: number;
  readonly checkpoint: CosignedCheckpoint;
  /** Not authenticated. */
  readonly extraData?: Uint8Array;
}

/**
 * Checks a receipt from the bytes: signatures and quorum of its checkpoint, then that the entry is in that tree.
 *
 * @param leaf the entry's bytes, or its leaf hash
 * @throws EncodingError, NoteError or ProofError, saying what does not hold
 */
export function verifyProof(
  receipt: string | Uint8Array, leaf: { readonly entry: Uint8Array } | { readonly leafHash: Uint8Array }, trust: ProofTrust,
): VerifiedProof {
  const { index, proof, checkpoint: note, extraData } = parseProof(receipt);
  const checkpoint = 'witnesses' in trust
    ? openWitnessed(note, trust)
    : openCheckpointWithQuorum(note, trust.log, trust.cosigners ?? [], trust.quorum ?? 0);
  const leafHash = 'entry' in leaf ? hashLeaf(leaf.entry) : leaf.leafHash;
  verifyInclusion(leafHash, index, checkpoint.size, proof, checkpoint.root);
  return extraData === undefined ? { index, checkpoint } : { index, checkpoint, extraData };
}
