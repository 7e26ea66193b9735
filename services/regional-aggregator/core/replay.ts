/**
 * What a region believes of its nodes' logs, and how a message of the ordered stream changes it. Every replica runs
 * `replay` over the same messages in the same order and so arrives at the same region log; whoever put a message into the
 * stream, and whatever it checked before, does not matter.
 */
import { EncodingError, type BatchEntry } from '../../protocol/index.ts';
import {
  bundleLeafHashes, bundleOffsets, EMPTY_ROOT, Frontier, verifyConsistency, type Verifier,
} from '../../transparency/index.ts';
import {
  ENTRY_BYTES_MAX, isRefusal, messageId, parseBatch, signedRoot, type Batch, type Refusal, type Sha256,
} from './batch.ts';

/** One node's log, as far as the region has it. */
export interface NodeState {
  readonly size: number;
  readonly root: Uint8Array;
  /** `Frontier.encode()` at `size`. */
  readonly frontier: Uint8Array;
}

export const emptyNode = (): NodeState => ({ size: 0, root: EMPTY_ROOT, frontier: Frontier.empty().encode() });

/** A batch that was found to continue `base`, with what that took to find out. */
export interface Extension {
  readonly id: string;
  readonly base: NodeState;
  readonly next: NodeState;
  /** Leaf hashes of the batch's entries, 32 bytes each. */
  readonly leaves: Uint8Array;
  readonly digest: Uint8Array;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);

/** Leaf hashes of a payload, with its bounds held. */
function leafHashes(batch: Batch): Uint8Array | Refusal {
  try {
    const offsets = bundleOffsets(batch.payload);
    const count = offsets.length - 1;
    // Before hashing: a payload may hold millions of empty entries.
    if (count !== batch.size - batch.from) {
      return { code: 'bad-batch', detail: `entries: ${count} of them, but the batch says ${batch.size - batch.from}` };
    }
    for (let i = 0; i < count; i += 1) {
      const length = offsets[i + 1]! - offsets[i]! - 2;
      if (length > ENTRY_BYTES_MAX) {
        return { code: 'bad-batch', detail: `entries[${i}]: ${length} bytes, at most ${ENTRY_BYTES_MAX} are allowed` };
      }
    }
    return bundleLeafHashes(batch.payload).hashes;
  } catch (error) {
    return { code: 'bad-batch', detail: `entries: ${(error as Error).message}` };
  }
}

/** Adds leaf hashes `skip ..` to a node's log. */
export function extend(base: NodeState, leaves: Uint8Array, skip = 0): NodeState {
  const frontier = Frontier.decode(base.frontier);
  frontier.appendMany(leaves.subarray(skip * 32));
  return { size: frontier.size, root: frontier.root(), frontier: frontier.encode() };
}

export interface Judgement {
  /** The batch continues the node's log: it may be published. */
  readonly extension?: Extension;
  /** The region has this part of the node's log already, unchanged. */
  readonly known?: true;
  readonly refusal?: Refusal;
}

/**
 * The first look at a batch, by the replica that received it, against its replicated state.
 *
 * @param rootAt root of the node's accepted log at a size of at most `state.size`
 */
export function assess(
  batch: Batch, digest: Uint8Array, verifier: Verifier, state: NodeState, rootAt: (size: number) => Uint8Array, sha256: Sha256,
): Judgement {
  const root = signedRoot(batch, verifier);
  if (isRefusal(root)) return { refusal: root };
  if (batch.size <= state.size) {
    if (same(rootAt(batch.size), root)) return { known: true };
    return batch.size === state.size
      ? refuse('fork', `the node signed another log of size ${batch.size} than the one the region has`)
      : refuse(
        'rollback',
        `the node signed a log of size ${batch.size} that is no prefix of the region's, of size ${state.size}`,
      );
  }
  if (batch.from > state.size) {
    return refuse('gap', `the batch starts at ${batch.from}, the region has the node's log up to ${state.size}`);
  }
  const leaves = leafHashes(batch);
  if (isRefusal(leaves)) return { refusal: leaves };
  const next = extend(state, leaves, state.size - batch.from);
  const consistent = batch.from === state.size ? consistency(batch, state, root) : null;
  if (!same(next.root, root)) {
    // A valid proof clears the node's log and leaves the entries as what is wrong.
    return state.size === 0 || consistent?.ok === true
      ? refuse('bad-batch', `the entries do not hash to the checkpoint of size ${batch.size}`)
      : refuse(
        'fork',
        `the node signed a log of size ${batch.size} that is not shown to continue the region's, of size ${state.size}`,
      );
  }
  // A batch cut differently from one whose answer was lost: the region says what it has, and the node continues from there.
  if (consistent === null) return { known: true };
  if (!consistent.ok) return refuse('bad-batch', `proof: ${consistent.detail}`);
  return { extension: { id: messageId(batch, digest, sha256), base: state, next, leaves, digest } };
}

const refuse = (code: Refusal['code'], detail: string): Judgement => ({ refusal: { code, detail } });

function consistency(batch: Batch, state: NodeState, root: Uint8Array): { ok: boolean; detail: string } {
  if (batch.from === 0) return { ok: batch.proof.length === 0, detail: 'expected none from size 0' };
  try {
    verifyConsistency(batch.from, state.root, batch.size, root, [...batch.proof]);
    return { ok: true, detail: '' };
  } catch (error) {
    return { ok: false, detail: (error as Error).message };
  }
}

export interface ReplayContext {
  readonly region: string;
  readonly sha256: Sha256;
  /** Key of a node of this region; undefined for any other name. */
  readonly verifier: (node: string) => Verifier | undefined;
  readonly state: (node: string) => NodeState;
  /** What this replica found out when it received the message itself: spares hashing it twice. */
  readonly assessed: (id: string) => Extension | undefined;
}

export type Step =
  | {
    readonly accepted: true; readonly entry: BatchEntry; readonly base: NodeState; readonly next: NodeState;
    readonly leaves: Uint8Array; readonly id: string;
  }
  | { readonly accepted: false; readonly node: string; readonly refusal: Refusal; readonly id: string | null };

/**
 * One message of the stream. Depends on nothing but the message, its place and the states, so that all replicas agree;
 * a message that does not continue its node's log changes nothing.
 *
 * @param seq place in the stream
 * @param at the stream's time of the message, milliseconds since 1970
 */
export function replay(context: ReplayContext, message: Uint8Array, seq: number, at: number): Step {
  let batch: Batch;
  try {
    batch = parseBatch(message);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    return { accepted: false, node: '', refusal: { code: 'bad-batch', detail: error.message }, id: null };
  }
  const { node, from, size, checkpoint } = batch;
  const digest = context.sha256(batch.payload);
  const id = messageId(batch, digest, context.sha256);
  const rejected = (refusal: Refusal): Step => ({ accepted: false, node, refusal, id });
  const verifier = context.verifier(node);
  if (verifier === undefined) {
    return rejected({ code: 'unknown-node', detail: `${node.slice(0, 128)} is not a node of region ${context.region}` });
  }
  const base = context.state(node);
  const accepted = (next: NodeState, leaves: Uint8Array): Step => ({
    accepted: true, base, next, leaves, id,
    entry: { region: context.region, node, from, size, checkpoint, digest: Buffer.from(digest).toString('base64'), seq, at },
  });
  const assessed = context.assessed(id);
  if (assessed !== undefined && assessed.base.size === base.size && same(assessed.base.root, base.root)) {
    return accepted(assessed.next, assessed.leaves);
  }
  const root = signedRoot(batch, verifier);
  if (isRefusal(root)) return rejected(root);
  // Also where the region has the batch already: two replicas may have published it at the same time.
  if (from !== base.size) {
    return rejected({ code: 'gap', detail: `the batch starts at ${from}, the region has the node's log up to ${base.size}` });
  }
  const leaves = leafHashes(batch);
  if (isRefusal(leaves)) return rejected(leaves);
  const next = extend(base, leaves);
  if (!same(next.root, root)) {
    return rejected({ code: 'fork', detail: `the entries up to ${size} do not hash to the checkpoint` });
  }
  return accepted(next, leaves);
}
