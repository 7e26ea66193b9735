/**
 * What the centre has for good. Its word that it has applied something binds nobody; an outcome in a global log that the
 * regions have witnessed can't be taken back without everyone seeing it. The outcomes of a node stand in the global log in
 * the order of its own log without a gap, so the last one of a batch vouches for the batch.
 */
import { decodeFrame, decodeOutcomes, EncodingError } from '../protocol/index.ts';
import { UnreachableError, type HttpClient } from '../shell/index.ts';
import { bundleLeafHashes, openCheckpointWithQuorum, ProofError, verifyRange, witnessedBy, type Trust } from '../transparency/index.ts';
import type { Centre } from './centre.ts';

const PROOF_HASHES_MAX = 128;
const TIMEOUT_MS = 5_000;

/**
 * Whether a witnessed global checkpoint covers the outcome of a node's entry.
 *
 * @param body what the centre answers when asked for one outcome of the node from `index` on
 * @returns false when it says that there is none yet
 * @throws NoteError, ProofError, EncodingError when what it says is not proven
 */
export function isProven(body: Uint8Array, trust: Trust, region: string, node: string, index: number): boolean {
  const { header, parts } = decodeFrame(body);
  const { checkpoint: note, outcomes } = header;
  if (!Array.isArray(outcomes)) throw new EncodingError('outcomes: expected a list');
  if (outcomes.length === 0) return false;
  const { from, start, proof } = outcomes[0] as { from?: unknown; start?: unknown; proof?: unknown };
  if (from !== index || typeof start !== 'number' || !Number.isSafeInteger(start) || start < 0) {
    throw new EncodingError(`outcomes[0]: expected from ${index} and a start, got ${JSON.stringify({ from, start })}`);
  }
  if (!Array.isArray(proof) || proof.length > PROOF_HASHES_MAX || !proof.every((h) => typeof h === 'string' && h.length === 44)) {
    throw new EncodingError('outcomes[0].proof: expected a list of hashes in base64');
  }
  if (typeof note !== 'string') throw new EncodingError('checkpoint: expected a signed note');
  const replicas = [...trust.regions.values()].flatMap((r) => r.replicas);
  const checkpoint = openCheckpointWithQuorum(note, trust.global, replicas, 0);
  const witnesses = witnessedBy(trust, checkpoint.cosigners).length;
  if (witnesses < trust.witnessQuorum) {
    throw new ProofError(`checkpoint: witnessed by ${witnesses} regions, ${trust.witnessQuorum} are needed`);
  }
  const entries = parts[0] ?? new Uint8Array();
  verifyRange(
    bundleLeafHashes(entries).hashes, start, checkpoint.size, proof.map((h: string) => Buffer.from(h, 'base64')), checkpoint.root,
  );
  const [outcome] = decodeOutcomes(entries);
  if (outcome?.region !== region || outcome.node !== node || outcome.index !== index) {
    throw new ProofError(`global entry ${start} is not the outcome of ${node}'s entry ${index}`);
  }
  return true;
}

/** Asks the centre for the proof. @throws as `isProven`, and UnreachableError */
export async function askProof(
  { trust, region, centre, http }: {
    readonly trust: Trust; readonly region: string; readonly centre: Centre; readonly http: HttpClient;
  },
  node: string, index: number, signal: AbortSignal,
): Promise<boolean> {
  const path = `/v1/nodes/${node}/outcomes?from=${index}&limit=1`;
  const answer = await centre.call(http, path, { timeoutMs: TIMEOUT_MS, signal });
  if (answer.status !== 200) throw new UnreachableError(`GET ${path}: ${answer.status}`);
  return isProven(answer.body, trust, region, node, index);
}
