/**
 * Whether a block from a region may be applied: signatures, quorum, continuity, and that every decision in it is one that
 * its edge node has signed. The last is checked against the node's own log, leaf by leaf, so that not even all replicas of
 * a region together can make up a settlement. Changes nothing; says what to apply, or why not.
 */
import { decodeBatch, EncodingError, HASH_BASE64_PATTERN, Problem, type BatchEntry } from '../../protocol/index.ts';
import {
  bundleLeafHashes, hashLeaf, NoteError, openCheckpoint, openCheckpointWithQuorum, ProofError, verifyConsistency, verifyRange,
  type BundleHashes, type Checkpoint, type Frontier, type RegionTrust, type Verifier,
} from '../../transparency/index.ts';

/** Batches in one block, and hashes in one proof: more than any honest sender has use for. */
export const BLOCK_ENTRIES_MAX = 10_000;
const PROOF_HASHES_MAX = 128;

/** What the control plane knows of a region's log. */
export interface RegionState {
  /** Entries of the region's log that are applied. */
  readonly applied: number;
  /** Size and root of the last region checkpoint seen; a later one must extend it. */
  readonly size: number;
  readonly root: Uint8Array;
}

export interface NodeState {
  /** The node's log as far as its region has ordered it and the block before was applied. */
  readonly log: Frontier;
}

/** A batch that was found in order. */
export interface CheckedBatch {
  readonly node: string;
  readonly from: number;
  readonly to: number;
  readonly payload: Uint8Array;
  /** When it took its place in the region's order, by the stream's clock. Milliseconds since 1970. */
  readonly orderedAt: number;
  /** The node's log with this batch in it. */
  readonly log: Frontier;
}

export interface CheckedBlock {
  readonly region: string;
  readonly from: number;
  readonly to: number;
  /** The region's checkpoint that vouches for the block. */
  readonly size: number;
  readonly root: Uint8Array;
  readonly checkpoint: string;
  readonly batches: readonly CheckedBatch[];
}

/** A refusal. `signed`: the region itself has signed what is wrong with it, so the request is evidence against the region. */
export class BlockRefused extends Error {
  override readonly name = 'BlockRefused';
  readonly problem: Problem;
  readonly signed: boolean;
  constructor(problem: Problem, signed: boolean) {
    super(problem.message);
    this.problem = problem;
    this.signed = signed;
  }
}

interface Header {
  readonly checkpoint: string;
  readonly consistency: readonly Uint8Array[];
  readonly from: number;
  readonly to: number;
  readonly range: readonly Uint8Array[];
  readonly entries: readonly string[];
}

/**
 * @param header the frame's header, as it came
 * @param keys the public keys that decide about the region's blocks
 * @param state the region's state and the nodes' that the block will be applied to
 * @param sha256 of bytes, in base64
 * @returns the block, or null when all of it has been applied before
 * @throws BlockRefused
 */
export function checkBlock(
  header: Readonly<Record<string, unknown>>, parts: readonly Uint8Array[], keys: RegionTrust,
  state: RegionState, node: (id: string) => NodeState, sha256: (bytes: Uint8Array) => string,
): CheckedBlock | null {
  const h = readHeader(header, parts.length);
  const checkpoint = openRegionCheckpoint(h.checkpoint, keys);
  const problem = (status: number, code: string, detail: string): Problem =>
    new Problem(status, code, `block ${h.from}..${h.to} of region ${keys.id}: ${detail}`, { applied: state.applied, size: state.size });
  const refuse = (status: number, code: string, detail: string): BlockRefused =>
    new BlockRefused(problem(status, code, detail), true);
  /** What is wrong is not in what the region has signed. */
  const refuseSender = (status: number, code: string, detail: string): BlockRefused =>
    new BlockRefused(problem(status, code, detail), false);

  const sameSize = checkpoint.size === state.size;
  if (sameSize && !equal(checkpoint.root, state.root)) {
    throw refuse(409, 'fork', `its checkpoint of size ${state.size} has another root than the known one: the region has signed two logs`);
  }
  // Two replicas may deliver the same block: the second one's proofs start from a checkpoint that is no longer the last.
  if (h.to <= state.applied) return null;
  if (h.from !== state.applied) throw refuseSender(409, 'gap', `expected it to start at ${state.applied}`);
  if (checkpoint.size < state.size) {
    throw refuseSender(409, 'gap', `its checkpoint is of size ${checkpoint.size}, one of ${state.size} is known; send a larger one`);
  }
  if (h.to > checkpoint.size) throw refuseSender(400, 'bad-block', `its checkpoint covers only ${checkpoint.size} entries`);
  try {
    verifyConsistency(state.size, state.root, checkpoint.size, checkpoint.root, sameSize ? [] : h.consistency);
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    // Nobody has signed the proof: anyone may put junk beside a checkpoint that everyone can fetch.
    throw refuseSender(400, 'bad-proof', `its checkpoint is not shown to extend the one of size ${state.size}: ${error.message}`);
  }
  try {
    const leaves = h.entries.map((entry) => hashLeaf(Buffer.from(entry, 'utf8')));
    verifyRange(leaves, h.from, checkpoint.size, h.range, checkpoint.root);
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    throw refuseSender(400, 'bad-block', `entries and checkpoint do not agree: ${error.message}`);
  }

  const logs = new Map<string, Frontier>();
  const batches = h.entries.map((text, i): CheckedBatch => {
    const wrong = (detail: string): BlockRefused => refuse(400, 'bad-block', `entry ${h.from + i}: ${detail}`);
    const entry = readEntry(text, wrong);
    const vkey = keys.nodes.get(entry.node);
    if (entry.region !== keys.id) throw wrong(`it belongs to region ${entry.region}`);
    if (vkey === undefined) throw wrong(`the region has no node ${entry.node}`);
    const log = (logs.get(entry.node) ?? node(entry.node).log).copy();
    if (entry.from !== log.size) {
      throw wrong(`batch ${entry.from}..${entry.size} of node ${entry.node} does not follow on ${log.size}`);
    }
    const payload = parts[i]!;
    // The payload came beside what the region has signed: when it does not fit, that is the sender's doing alone.
    const digest = sha256(payload);
    if (digest !== entry.digest) {
      throw refuseSender(400, 'bad-block', `entry ${h.from + i}: its payload's SHA-256 is ${digest}, expected ${entry.digest}`);
    }
    const edge = readEdgeCheckpoint(entry, vkey, wrong);
    const leaves = leafHashes(payload, wrong);
    if (leaves.count !== entry.size - entry.from) {
      throw wrong(`its payload holds ${leaves.count} entries, expected ${entry.size - entry.from}`);
    }
    log.appendMany(leaves.hashes);
    if (!equal(log.root(), edge.root)) throw wrong(`its payload is not what node ${entry.node} has signed at size ${entry.size}`);
    logs.set(entry.node, log);
    return { node: entry.node, from: entry.from, to: entry.size, payload, orderedAt: entry.at, log };
  });
  return {
    region: keys.id, from: h.from, to: h.to, size: checkpoint.size, root: checkpoint.root, checkpoint: h.checkpoint, batches,
  };
}

/** The header's fields, by type and bounds. @throws BlockRefused 400 */
function readHeader(header: Readonly<Record<string, unknown>>, partCount: number): Header {
  const wrong = (field: string, expected: string): BlockRefused => {
    const shown = JSON.stringify(header[field])?.slice(0, 80) ?? 'nothing';
    return new BlockRefused(new Problem(400, 'bad-block', `header.${field}: expected ${expected}, got ${shown}`), false);
  };
  const { checkpoint, from, to, entries } = header;
  if (typeof checkpoint !== 'string') throw wrong('checkpoint', 'a signed checkpoint');
  if (!isNat(from)) throw wrong('from', 'a non-negative integer');
  if (!isNat(to) || to < from) throw wrong('to', `an integer of at least from (${from})`);
  const listed = Array.isArray(entries) && entries.length === to - from && entries.length <= BLOCK_ENTRIES_MAX;
  if (!listed || !entries.every((e) => typeof e === 'string')) {
    throw wrong('entries', `${to - from} texts, at most ${BLOCK_ENTRIES_MAX}`);
  }
  if (partCount !== entries.length) {
    const detail = `${partCount} parts for ${entries.length} entries: expected one payload each`;
    throw new BlockRefused(new Problem(400, 'bad-block', detail), false);
  }
  const hashes = (field: string): Uint8Array[] => {
    const list = header[field];
    const isHash = (x: unknown): boolean => typeof x === 'string' && hashRegex.test(x);
    if (!Array.isArray(list) || list.length > PROOF_HASHES_MAX || !list.every(isHash)) {
      throw wrong(field, `at most ${PROOF_HASHES_MAX} SHA-256 hashes in base64`);
    }
    return (list as string[]).map((x) => Buffer.from(x, 'base64'));
  };
  return { checkpoint, from, to, entries, consistency: hashes('consistency'), range: hashes('range') };
}

function openRegionCheckpoint(note: string, keys: RegionTrust): Checkpoint {
  try {
    return openCheckpointWithQuorum(note, keys.log, keys.replicas, keys.quorum);
  } catch (error) {
    if (!(error instanceof NoteError || error instanceof EncodingError)) throw error;
    const needed = `${keys.quorum} of ${keys.replicas.length} replicas have to cosign it`;
    throw new BlockRefused(new Problem(403, 'no-quorum', `checkpoint of region ${keys.id}: ${error.message} (${needed})`), false);
  }
}

type Wrong = (detail: string) => BlockRefused;

function readEntry(text: string, wrong: Wrong): BatchEntry {
  try {
    return decodeBatch(text);
  } catch (error) {
    if (error instanceof EncodingError) throw wrong(error.message);
    throw error;
  }
}

function readEdgeCheckpoint(entry: BatchEntry, vkey: Verifier, wrong: Wrong): Checkpoint {
  let checkpoint: Checkpoint;
  try {
    checkpoint = openCheckpoint(entry.checkpoint, vkey);
  } catch (error) {
    if (!(error instanceof NoteError || error instanceof EncodingError)) throw error;
    throw wrong(`checkpoint of node ${entry.node}: ${error.message}`);
  }
  if (checkpoint.size !== entry.size) {
    throw wrong(`checkpoint of node ${entry.node} is of size ${checkpoint.size}, expected ${entry.size}`);
  }
  return checkpoint;
}

function leafHashes(payload: Uint8Array, wrong: Wrong): BundleHashes {
  try {
    return bundleLeafHashes(payload);
  } catch (error) {
    if (error instanceof EncodingError) throw wrong(`payload: ${error.message}`);
    throw error;
  }
}

const hashRegex = new RegExp(HASH_BASE64_PATTERN);
const isNat = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
