/** What the node says of one settlement: its receipt, its state, its proofs. Built from the log and the proven outcomes. */
import { decodeGlobal, traceIdOf, type DecisionEntry, type OutcomeEntry, type SettlementState } from '../protocol/index.ts';
import { bundleLeafHashes, decodeBundle, formatProof, inclusionFromRange, signCheckpoint, type Signer } from '../transparency/index.ts';
import type { Decided } from './intake.ts';
import type { EdgeStore, OutcomeRange } from './store.ts';

/** The answer to a settlement: a function of its log entry alone, so that it is the same whenever it is asked for. */
export function receiptJson(node: string, d: Pick<Decided, 'entry' | 'index' | 'leaf'>, status?: number): string {
  const { entry } = d;
  // All of it is ids, codes and digits: nothing to escape.
  return `{"id":"${entry.instruction.id}","state":"${entry.decision.result === 'provisional' ? 'provisional' : 'rejected'}",`
    + (entry.decision.reason === undefined ? '' : `"reason":"${entry.decision.reason}",`)
    + `"mode":"${entry.decision.mode}","node":"${node}","index":${d.index},"decidedAt":${entry.decidedAt},"leaf":"${d.leaf}"`
    + `${status === undefined ? '' : `,"status":${status}`}}`;
}

export interface Settlement {
  readonly id: string;
  readonly state: SettlementState;
  readonly [field: string]: unknown;
}

function outcomeOf(range: OutcomeRange, index: number): OutcomeEntry {
  const entry = decodeGlobal(decodeBundle(range.entries)[index - range.from]!);
  if (entry.type !== 'outcome') throw new Error(`assertion: entry ${index} has an outcome of type ${entry.type}`);
  return entry;
}

export function settlementView(store: EdgeStore, node: string, found: { entry: DecisionEntry; index: number }, orderedSize: number): Settlement {
  const { entry, index } = found;
  const s = entry.instruction;
  const range = store.outcomeRange(index);
  const outcome = range === undefined ? undefined : outcomeOf(range, index);
  const orderedAt = index < orderedSize ? store.orderedAt(index) : undefined;
  const state: SettlementState = outcome?.status
    ?? (entry.decision.result === 'refused' ? 'rejected' : index < orderedSize ? 'ordered' : 'provisional');
  // What this node refused may be final all the same: as a duplicate of what another node had accepted.
  const reason = outcome === undefined ? entry.decision.reason : outcome.reason;
  const refusedHere = outcome === undefined ? entry.decision.result === 'refused' : outcome.refusedAtEdge === true;
  return {
    id: s.id, state, asset: s.asset, debitAccount: s.debitAccount, creditAccount: s.creditAccount, amount: s.amount.toString(),
    mode: entry.decision.mode, ...(reason === undefined ? {} : { reason }),
    ...(refusedHere ? { refusedAtEdge: true } : {}),
    node, index, decidedAt: entry.decidedAt,
    ...(entry.trace === undefined ? {} : { traceId: traceIdOf(entry) }),
    ...(orderedAt === undefined ? {} : { orderedAt }),
    ...(range === undefined ? {} : { finalAt: range.at, globalIndex: range.start + index - range.from }),
    ...(outcome?.duplicateOf === undefined ? {} : { duplicateOf: outcome.duplicateOf }),
  };
}

/** The edge log's proof at the commit that wrote the entry, with the entry in its extra line: the same text whenever it is asked for. */
export async function edgeProof(store: EdgeStore, signer: Signer, index: number): Promise<string> {
  const size = store.log.spanOf(index).end;
  const checkpoint = await signCheckpoint({ origin: signer.name, size, root: store.log.rootAt(size) }, signer);
  return formatProof({ index, proof: store.log.inclusionProof(index, size), checkpoint, extraData: store.log.entry(index) });
}

/** The global log's proof, or null while there is no outcome. */
export function globalProof(store: EdgeStore, index: number): string | null {
  const range = store.outcomeRange(index);
  if (range === undefined) return null;
  const globalIndex = range.start + index - range.from;
  // The second line of a checkpoint is its size (C2SP tlog-checkpoint); this one was verified before it was stored.
  const size = Number(range.checkpoint.split('\n', 2)[1]);
  const { hashes } = bundleLeafHashes(range.entries);
  return formatProof({
    index: globalIndex, proof: inclusionFromRange(globalIndex, hashes, range.start, size, range.proof), checkpoint: range.checkpoint,
    extraData: decodeBundle(range.entries)[index - range.from]!,
  });
}
