/**
 * What must hold once everything has drained, of the simulated platform and of the real one, counted from the logs themselves.
 * The services' own books are only compared with what a stranger would recompute.
 */
import { decide } from '../services/protocol/decide.ts';
import {
  decodeBatch, decodeDecision, decodeGlobal, sameInstruction,
  type AccountState, type DecisionEntry, type Instruction, type OutcomeEntry, type Policy,
} from '../services/protocol/index.ts';
import { witnessedBy, type Trust } from '../services/transparency/index.ts';
import { hashLeaf, openCheckpoint, openCheckpointWithQuorum } from '../services/transparency/index.ts';

/** What a client was told, and what it had asked for. */
export interface Acknowledged {
  readonly id: string;
  /** It was told that the id stands on the log with other content. */
  readonly conflict: boolean;
  readonly node: string;
  readonly index: number;
  /** Leaf hash of the log entry, base64. */
  readonly leaf: string;
  readonly instruction: Instruction;
}

export interface LogView {
  readonly size: () => number;
  readonly entry: (i: number) => Uint8Array;
  readonly rootAt: (size: number) => Uint8Array;
}

export interface EdgeEvidence {
  readonly log: LogView;
  readonly pending: number;
  readonly reserved: (account: string) => bigint;
  /** Every account state that it relies on or would recall. */
  readonly known: readonly AccountState[];
}

export interface Evidence {
  readonly trust: Trust;
  readonly policy: Policy;
  /** Everything that a client ever asked for, by id. */
  readonly issued: ReadonlyMap<string, readonly Instruction[]>;
  readonly acknowledged: readonly Acknowledged[];
  readonly witnessed: readonly { readonly size: number; readonly note: string }[];
  readonly edges: ReadonlyMap<string, EdgeEvidence>;
  /** The honest ones, as `<region>/<number>`. */
  readonly replicas: ReadonlyMap<string, { readonly log: LogView }>;
  readonly centre: {
    readonly log: LogView;
    readonly accounts: ReadonlyMap<string, { readonly asset: string; readonly balance: bigint }>;
    /** Entries of a region's log that are applied. */
    readonly applied: (region: string) => number;
  };
}

type Violation = (what: string) => void;

export function check(e: Evidence, violation: Violation): { offline: number; rejected: number; duplicates: number } {
  const edgeEntries = new Map([...e.edges].map(([id, view]) => [id, entriesOf(view.log).map((bytes) => decodeDecision(bytes))]));
  const globalEntries = entriesOf(e.centre.log).map((bytes) => decodeGlobal(bytes));
  const outcomes = globalEntries.filter((entry) => entry.type === 'outcome');
  const checks = [
    () => checkEdges(e, edgeEntries, violation),
    () => checkAcknowledged(e, edgeEntries, violation),
    () => checkOutcomes(e, edgeEntries, globalEntries, violation),
    () => checkLedger(e, globalEntries, violation),
    () => checkIds(outcomes, violation),
    () => checkRegions(e, violation),
    () => checkWitnessed(e, violation),
  ];
  for (const one of checks) {
    try {
      one();
    } catch (error) {
      // What can't even be read is one finding more, and hides no other.
      violation((error as Error).message);
    }
  }
  return {
    offline: [...edgeEntries.values()].flat().filter((d) => d.decision.mode === 'offline').length,
    rejected: outcomes.filter((o) => o.status === 'rejected').length,
    duplicates: outcomes.filter((o) => o.duplicateOf !== undefined).length,
  };
}

const entriesOf = (log: { size: () => number; entry: (i: number) => Uint8Array }): Uint8Array[] =>
  Array.from({ length: log.size() }, (_, i) => log.entry(i));
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

function checkEdges(e: Evidence, edgeEntries: ReadonlyMap<string, readonly DecisionEntry[]>, violation: Violation): void {
  for (const [id, view] of e.edges) {
    if (view.pending !== 0) violation(`${id}: ${view.pending} settlements are still provisional`);
    for (const a of e.centre.accounts.keys()) {
      if (view.reserved(a) !== 0n) violation(`${id}: still ${view.reserved(a)} reserved on ${a}`);
    }
    for (const [i, entry] of edgeEntries.get(id)!.entries()) {
      const again = decide(entry.instruction, entry.inputs, e.policy);
      if (again.result !== entry.decision.result || again.mode !== entry.decision.mode
        || again.reason !== entry.decision.reason) {
        violation(`${id}: entry ${i} does not follow from its own inputs`);
      }
      if (!(e.issued.get(entry.instruction.id) ?? []).some((s) => sameInstruction(s, entry.instruction))) {
        violation(`${id}: entry ${i} was asked for by nobody`);
      }
    }
  }
}

function checkAcknowledged(e: Evidence, edgeEntries: ReadonlyMap<string, readonly DecisionEntry[]>, violation: Violation): void {
  for (const ack of e.acknowledged) {
    const entry = edgeEntries.get(ack.node)![ack.index];
    if (entry === undefined) {
      violation(
        `${ack.id} was acknowledged as entry ${ack.index} of ${ack.node}, and its log does not have it: lost`,
      );
      continue;
    }
    const leaf = Buffer.from(hashLeaf(e.edges.get(ack.node)!.log.entry(ack.index))).toString('base64');
    if (leaf !== ack.leaf) violation(`${ack.id}: entry ${ack.index} of ${ack.node} is not the one of its receipt`);
    if (ack.conflict === sameInstruction(entry.instruction, ack.instruction)) {
      violation(`${ack.id}: ${ack.conflict ? 'called a conflict with itself' : 'acknowledged with the content of another'}`);
    }
  }
}

function checkOutcomes(
  e: Evidence, edgeEntries: ReadonlyMap<string, readonly DecisionEntry[]>,
    globalEntries: readonly ReturnType<typeof decodeGlobal>[], violation: Violation,
): void {
  const next = new Map<string, number>();
  for (const [g, o] of globalEntries.entries()) {
    if (o.type !== 'outcome') continue;
    const expected = next.get(o.node) ?? 0;
    next.set(o.node, expected + 1);
    const entry = edgeEntries.get(o.node)?.[o.index];
    if (o.index !== expected) {
      violation(
        `global entry ${g}: outcome of entry ${o.index} of ${o.node}, expected ${expected}: `
        + (o.index < expected ? 'a second one' : 'one is missing'),
      );
    }
    if (entry === undefined || !sameInstruction(entry.instruction, o.instruction)) {
      violation(`global entry ${g}: ${o.instruction.id} is not what stands at entry ${o.index} of ${o.node}: invented`);
      continue;
    }
    const refused = entry.decision.result === 'refused';
    // An id that has an outcome already keeps it, whatever this node made of it.
    const own = o.duplicateOf === undefined && o.reason !== 'id-conflict';
    if (o.refusedAtEdge === true ? !refused || o.reason !== entry.decision.reason : refused && own) {
      violation(
        `global entry ${g}: the edge ${refused ? 'refused' : 'accepted'} ${o.instruction.id}, the outcome says otherwise`,
      );
    }
  }
  for (const [id, entries] of edgeEntries) if ((next.get(id)
    ?? 0) !== entries.length) violation(`${id}: ${entries.length} entries, ${next.get(id) ?? 0} outcomes`);
}

function checkLedger(e: Evidence, globalEntries: readonly ReturnType<typeof decodeGlobal>[], violation: Violation): void {
  const balances = new Map<string, { asset: string; overdraft: bigint | null; balance: bigint }>();
  /** By account: from which size of the log on it had which balance. */
  const history = new Map<string, { readonly size: number; readonly balance: bigint }[]>();
  const note = (id: string, size: number): void => void history.set(id, [...(history.get(id) ?? []), { size,
    balance: balances.get(id)!.balance }]);
  for (const [g, o] of globalEntries.entries()) {
    if (o.type === 'account') {
      if (balances.has(o.account)) violation(`global entry ${g}: ${o.account} is opened a second time`);
      balances.set(o.account, { asset: o.asset, overdraft: o.overdraft, balance: 0n });
      note(o.account, g + 1);
      continue;
    }
    const debit = balances.get(o.instruction.debitAccount);
    const credit = balances.get(o.instruction.creditAccount);
    if (o.status === 'final' && o.duplicateOf === undefined) {
      if (debit === undefined || credit === undefined || debit.asset !== o.instruction.asset
        || credit.asset !== o.instruction.asset) {
        violation(`global entry ${g}: moves ${o.instruction.asset} between accounts that are not both open in it`);
        continue;
      }
      debit.balance -= o.instruction.amount;
      credit.balance += o.instruction.amount;
      note(o.instruction.debitAccount, g + 1);
      note(o.instruction.creditAccount, g + 1);
      if (debit.overdraft !== null && debit.balance < -debit.overdraft) {
        violation(`global entry ${g}: leaves ${o.instruction.debitAccount} at ${debit.balance}, its limit is ${debit.overdraft}`);
      }
    }
    if (o.debitBalance !== undefined && o.debitBalance !== debit?.balance) {
      violation(`global entry ${g}: says the debit account has ${o.debitBalance}, recomputed ${debit?.balance}`);
    }
    if (o.creditBalance !== undefined && o.creditBalance !== credit?.balance) {
      violation(`global entry ${g}: says the credit account has ${o.creditBalance}, recomputed ${credit?.balance}`);
    }
  }
  const sums = new Map<string, bigint>();
  for (const [id, account] of e.centre.accounts) {
    sums.set(account.asset, (sums.get(account.asset) ?? 0n) + account.balance);
    if (balances.get(id)?.balance !== account.balance) {
      violation(`${id}: the ledger has ${account.balance}, the log makes ${balances.get(id)?.balance}`);
    }
  }
  for (const [asset, sum] of sums) if (sum !== 0n) violation(`the ledger's ${asset} sum to ${sum}`);
  for (const [edge, view] of e.edges) {
    for (const known of view.known) {
      const at = history.get(known.account)?.findLast((h) => h.size <= known.asOf)?.balance;
      if (at !== known.balance) {
        violation(
          `${edge} believes that ${known.account} had ${known.balance} at size ${known.asOf} of the global log; it had ${at}`,
        );
      }
    }
  }
  if (balances.size !== e.centre.accounts.size) {
    violation(`${e.centre.accounts.size} accounts in the ledger, ${balances.size} in the log`);
  }
}

/** One id, one fate: it moves money once at most, and every repetition of the same content shares the first one's fate. */
function checkIds(outcomes: readonly OutcomeEntry[], violation: Violation): void {
  const firsts = new Map<string, OutcomeEntry>();
  for (const o of outcomes) {
    const { id } = o.instruction;
    const first = firsts.get(id);
    if (first === undefined) {
      firsts.set(id, o);
      if (o.duplicateOf !== undefined) violation(`${id}: called a duplicate of ${o.duplicateOf}, but has no earlier outcome`);
      continue;
    }
    if (o.refusedAtEdge === true) continue;
    const same = sameInstruction(first.instruction, o.instruction);
    if (o.status === 'final' && o.duplicateOf === undefined) violation(`${id}: moves money a second time`);
    if (!same && o.reason !== 'id-conflict') {
      violation(`${id}: other content under a used id became ${o.status} ${o.reason ?? ''}`);
    }
    if (same && (o.status !== first.status || o.duplicateOf === undefined)) {
      violation(`${id}: a repetition became ${o.status}, the first was ${first.status}`);
    }
  }
}

function checkRegions(e: Evidence, violation: Violation): void {
  for (const region of e.trust.regions.values()) {
    const members = [...e.replicas].filter(([id]) => id.startsWith(`${region.id}/`));
    const [reference] = members;
    if (reference === undefined) continue;
    const [, { log }] = reference;
    for (const [id, view] of members) {
      if (view.log.size() !== log.size() || !equal(view.log.rootAt(view.log.size()), log.rootAt(log.size()))) {
        violation(`${id} has another region log than ${reference[0]}`);
      }
    }
    const next = new Map<string, number>();
    for (const [i, bytes] of entriesOf(log).entries()) {
      const { node, from, size, checkpoint } = decodeBatch(bytes);
      if (from !== (next.get(node) ?? 0)) {
        violation(`region ${region.id}, entry ${i}: a batch of ${node} starts at ${from}, expected ${next.get(node) ?? 0}`);
      }
      next.set(node, size);
      const edgeLog = e.edges.get(node)!.log;
      const signed = openCheckpoint(checkpoint, region.nodes.get(node)!);
      if (signed.size !== size || size > edgeLog.size() || !equal(signed.root, edgeLog.rootAt(size))) {
        violation(`region ${region.id}, entry ${i}: ${node} has another log at size ${size} than it signed there`);
      }
    }
    for (const node of region.nodes.keys()) {
      const edge = e.edges.get(node)!;
      if ((next.get(node) ?? 0) !== edge.log.size()) {
        violation(`region ${region.id} has ${next.get(node) ?? 0} entries of ${node}, which has ${edge.log.size()}`);
      }
    }
    if (e.centre.applied(region.id) !== log.size()) {
      violation(`the centre has applied ${e.centre.applied(region.id)} of region ${region.id}'s ${log.size()} batches`);
    }
  }
}

/** Every checkpoint that anybody may have relied on is one of the log as it is now. */
function checkWitnessed(e: Evidence, violation: Violation): void {
  const replicas = [...e.trust.regions.values()].flatMap((r) => r.replicas);
  for (const { size, note } of e.witnessed) {
    const checkpoint = openCheckpointWithQuorum(note, e.trust.global, replicas, 1);
    if (witnessedBy(e.trust, checkpoint.cosigners).length < e.trust.witnessQuorum) {
      violation(`the checkpoint of size ${size} was cosigned by too few regions`);
    }
    if (size > e.centre.log.size() || !equal(checkpoint.root, e.centre.log.rootAt(size))) {
      violation(`a witnessed checkpoint of size ${size} is not of the global log that there is`);
    }
  }
}
