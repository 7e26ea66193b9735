/**
 * Requests become decisions here. All settlements that wait when the disk is free go into one commit (group commit):
 * decided one after the other, written and synced once, answered together.
 */
import {
  decodeDecision, encodeDecision, Problem, sameInstruction, type DecisionEntry, type Instruction,
} from '../protocol/index.ts';
import { bundleLeafHashes, hashLeaf, LogCorruptError } from '../transparency/index.ts';
import type { EdgeCore } from './core/node.ts';
import type { EdgeStore } from './store.ts';

/** Settlements that may wait for one another; more is answered 503 at once. */
const QUEUE_MAX = 200_000;
/** Settlements decided in one commit. */
const GROUP_MAX = 20_000;
/** Entries without outcome that the node keeps in memory; a partition that fills this stops the intake. */
export const PENDING_MAX = 1_000_000;

/** What became of one item: its entry on the log, now or earlier, or the conflict with an earlier one. */
export interface Decided {
  readonly entry: DecisionEntry;
  readonly index: number;
  /** Leaf hash, base64. */
  readonly leaf: string;
  /** It stood on the log already. */
  readonly repeated: boolean;
  /** The earlier one asks for something else. */
  readonly conflict: boolean;
}

/** A commit with entries that are followed; times in milliseconds since 1970. */
export interface TracedCommit {
  /** Deciding began. */
  readonly startedAt: number;
  readonly decidedAt: number;
  /** It is on disk. */
  readonly committedAt: number;
  readonly traced: readonly { readonly entry: DecisionEntry; readonly index: number; readonly receivedAt: number }[];
}

export interface Flush {
  readonly first: number;
  readonly count: number;
  readonly decidedAt: number;
  /** When the oldest request of the group came in. */
  readonly receivedAt: number;
  readonly offline: number;
  readonly refused: number;
}

export interface Intake {
  /** @param trace what stands in the entry of a lone settlement that its sender follows */
  settle(instructions: readonly Instruction[], receivedAt: number, trace?: string): Promise<readonly Decided[]>;
  /** The entry under an id, if there is one. */
  find(id: string): { entry: DecisionEntry; index: number; leaf: string } | undefined;
  queued(): number;
}

const STORAGE_FAILED = (): Problem =>
  new Problem(503, 'storage-failed', 'the node could not write its log, or read back what it wrote, and has stopped deciding; see its log', {}, 30);

interface Waiting {
  readonly instructions: readonly Instruction[];
  readonly receivedAt: number;
  readonly trace: string | undefined;
  readonly resolve: (decided: readonly Decided[]) => void;
  readonly reject: (error: unknown) => void;
}

export function createIntake(
  core: EdgeCore, store: EdgeStore, now: () => number, connected: () => boolean,
  /** Brings an account's last known state from disk into the core, when it is not there. */
  recall: (account: string) => void,
  onFlush: (flush: Flush, traced: TracedCommit | null) => void,
  /** The log could not be written, or is not what was written: memory and disk differ, and nothing more may be decided. */
  onFailure: (error: unknown) => void,
  /** What stands in the entry of a settlement whose sender does not follow it; undefined when none is followed. */
  sample?: (id: string) => string | undefined,
): Intake {
  let waiting: Waiting[] = [];
  let queued = 0;
  let scheduled = false;
  let failed = false;

  function read(index: number): { entry: DecisionEntry; index: number; leaf: string } {
    const bytes = store.log.entry(index);
    return { entry: decodeDecision(bytes), index, leaf: Buffer.from(hashLeaf(bytes)).toString('base64') };
  }

  function flush(): void {
    scheduled = false;
    const group: Waiting[] = [];
    let size = 0;
    while (waiting.length > 0 && (size === 0 || size + waiting[0]!.instructions.length <= GROUP_MAX)) {
      const next = waiting.shift()!;
      size += next.instructions.length;
      group.push(next);
    }
    queued -= size;
    try {
      const answers = commit(group, size);
      group.forEach((w, i) => w.resolve(answers[i]!));
    } catch (error) {
      failed = true;
      onFailure(error);
      for (const w of [...group, ...waiting]) w.reject(STORAGE_FAILED());
      waiting = [];
      queued = 0;
      store.abandon();
    }
    if (waiting.length > 0) schedule();
  }

  function commit(group: readonly Waiting[], size: number): readonly (readonly Decided[])[] {
    const time = now();
    const online = connected();
    const first = store.log.size;
    const all: Instruction[] = [];
    /** By item: the trace that its sender follows it in. */
    let followed: Map<number, string> | null = null;
    for (const w of group) {
      if (w.trace !== undefined) (followed ??= new Map()).set(all.length, w.trace);
      for (const instruction of w.instructions) all.push(instruction);
    }
    const entries: DecisionEntry[] = [];
    const texts: string[] = [];
    /** For each item: the position of its entry in this commit, or what was found on the log. */
    const places: (number | { entry: DecisionEntry; index: number; leaf: string })[] = [];
    let bytes = 0;
    let refused = 0;
    const traced: { entry: DecisionEntry; index: number; item: number }[] = [];
    for (let i = 0; i < size; i += 1) {
      const instruction = all[i]!;
      const earlier = store.claimId(instruction.id);
      if (earlier !== null) {
        places.push(earlier < first ? read(earlier) : earlier - first);
        continue;
      }
      recall(instruction.debitAccount);
      recall(instruction.creditAccount);
      const decided = core.decide(instruction, time, online);
      const trace = followed?.get(i) ?? sample?.(instruction.id);
      const entry = trace === undefined ? decided : { ...decided, trace };
      if (trace !== undefined) traced.push({ entry, index: first + entries.length, item: i });
      const text = encodeDecision(entry);
      bytes += 2 + text.length;
      if (entry.decision.result === 'refused') refused += 1;
      places.push(entries.length);
      entries.push(entry);
      texts.push(text);
    }
    let hashes: Uint8Array = Buffer.alloc(0);
    if (entries.length > 0) {
      const bundle = Buffer.allocUnsafe(bytes);
      let offset = 0;
      for (const text of texts) {
        // Ids, codes and digits only: every entry is ASCII, and its length in bytes that of the string.
        bundle.writeUInt16BE(text.length, offset);
        bundle.write(text, offset + 2, 'latin1');
        offset += 2 + text.length;
      }
      hashes = bundleLeafHashes(bundle).hashes;
      const decidedAt = traced.length === 0 ? time : now();
      store.append(bundle, hashes);
      const receivedAt = group.reduce((least, w) => Math.min(least, w.receivedAt), time);
      onFlush(
        { first, count: entries.length, decidedAt: time, receivedAt, offline: online ? 0 : entries.length, refused },
        traced.length === 0 ? null : { startedAt: time, decidedAt, committedAt: now(), traced: withRequests(traced, group) },
      );
    }
    const leaves = Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength);
    let item = 0;
    let fresh = 0;
    return group.map((w) => w.instructions.map((instruction) => {
      const place = places[item]!;
      item += 1;
      if (typeof place !== 'number') return { ...place, repeated: true, conflict: !sameInstruction(place.entry.instruction, instruction) };
      const entry = entries[place]!;
      // Entries are in the order in which their ids first came: a place that was given out before is a repetition.
      const repeated = place < fresh;
      if (!repeated) fresh += 1;
      return {
        entry, index: first + place, leaf: leaves.toString('base64', place * 32, place * 32 + 32), repeated,
        conflict: repeated && !sameInstruction(entry.instruction, instruction),
      };
    }));
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    // After the sockets that are ready now have been read: what they bring joins the group.
    setImmediate(flush);
  }

  return {
    settle(instructions, receivedAt, trace) {
      if (failed) return Promise.reject(STORAGE_FAILED());
      if (queued + instructions.length > QUEUE_MAX) {
        return Promise.reject(new Problem(503, 'overloaded', `${queued} settlements wait already, at most ${QUEUE_MAX} may; send again later`, {}, 1));
      }
      if (core.pendingCount() + queued + instructions.length > PENDING_MAX) {
        return Promise.reject(new Problem(503, 'too-many-pending', `${core.pendingCount()} settlements of this node are not final yet, at most ${PENDING_MAX} may be; send again later`, {}, 5));
      }
      queued += instructions.length;
      return new Promise((resolve, reject) => {
        waiting.push({ instructions, receivedAt, trace, resolve, reject });
        schedule();
      });
    },
    find(id) {
      try {
        const index = store.findId(id);
        return index === null ? undefined : read(index);
      } catch (error) {
        if (!(error instanceof LogCorruptError)) throw error;
        failed = true;
        onFailure(error);
        throw STORAGE_FAILED();
      }
    },
    queued: () => queued,
  };
}

/** With when the request of each came in; both lists are in the order of the items. */
function withRequests(traced: readonly { entry: DecisionEntry; index: number; item: number }[], group: readonly Waiting[]): TracedCommit['traced'] {
  let request = 0;
  let end = group[0]!.instructions.length;
  return traced.map(({ entry, index, item }) => {
    while (item >= end) {
      request += 1;
      end += group[request]!.instructions.length;
    }
    return { entry, index, receivedAt: group[request]!.receivedAt };
  });
}
