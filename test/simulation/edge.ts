/**
 * A simulated edge node. Real: the core (decisions, promises, outcomes), the log, the checks of everything that comes down, the
 * link's choice of a replica. Modelled after the shell, because it decides something: group commit and repeated ids
 * (`intake.ts`), where the uplink goes on and when it rewinds (`uplink.ts`), what is kept of accounts (`store.ts`), and when a
 * replica is no longer believed: one alone may lie, so nothing that it says without proof stops a node, or keeps it waiting.
 */
import { createEdgeCore } from '../../services/edge-node/core/node.ts';
import { openStatement } from '../../services/edge-node/accounts.ts';
import { verifyOrdered, verifyOutcomes } from '../../services/edge-node/downlink.ts';
import { createLink } from '../../services/edge-node/link.ts';
import type { CachedRow, OutcomeRange } from '../../services/edge-node/store.ts';
import {
  decodeDecision, decodeOutcomes, encodeDecision, encodeFrame, sameInstruction, type AccountState, type DecisionEntry,
    type Frame, type Instruction,
} from '../../services/protocol/index.ts';
import type { Trust } from '../../services/transparency/index.ts';
import { hashLeaf } from '../../services/transparency/index.ts';
import { checkpointNote } from './keys.ts';
import { createLog, type MemoryLog } from './memory-log.ts';
import { edgeKey, POLICY, type Hooks } from './model.ts';
import { isRefusal, type Answer, type Co, type Process, type World } from './world.ts';

export type EdgeRecord =
  | { readonly kind: 'append'; readonly entries: readonly Uint8Array[] }
  | { readonly kind: 'settle'; readonly ranges: readonly OutcomeRange[] }
  /** Account states; `settled`: with all that the outcomes before that edge index say of accounts. */
  | { readonly kind: 'accounts'; readonly rows: readonly CachedRow[]; readonly settled: number | null }
  | { readonly kind: 'ordered'; readonly size: number };

export interface Settled {
  readonly id: string;
  readonly conflict: boolean;
  readonly node: string;
  readonly index: number;
  readonly leaf: string;
  readonly state: 'provisional' | 'rejected';
}

export interface EdgeView {
  readonly log: MemoryLog;
  readonly finalSize: number;
  readonly orderedSize: number;
  readonly pending: number;
  readonly halted: string | null;
  readonly drifted: number;
  readonly reserved: (account: string) => bigint;
  /** Every account state it relies on or would recall. */
  readonly known: readonly AccountState[];
}

export interface EdgeOptions extends Hooks {
  readonly region: string;
  /** In the order in which this node prefers them. */
  readonly replicas: readonly string[];
  readonly trust: Trust;
  /** Accounts known from the beginning. */
  readonly prefetched: readonly CachedRow[];
  readonly onView: (view: () => EdgeView) => void;
}

/** A replica's answer to a long poll; as a frame on the real wire. */
interface Down {
  readonly accepted: number;
  readonly ordered: unknown;
  readonly frame: Frame<Record<string, unknown>>;
}

const BATCH_MAX = 7;
const ACCOUNTS_MAX = 6;
const SAVE_ACCOUNTS_EVERY = 12;
const DOWN_WAIT_MS = 300;
/** While nothing of its log gets ordered, a node turns to another replica this often. */
const DOUBT_MS = 5_000;

export function bootEdge(world: World, self: Process<EdgeRecord>, o: EdgeOptions): void {
  const me = self as unknown as Process<never>;
  const key = edgeKey(self.id);
  const stored = new Map<string, CachedRow>(o.prefetched.map((row) => [row.state.account, row]));
  let orderedSize = 0;
  let finalOnDisk = 0;
  const onDisk: Uint8Array[] = [];
  const allRanges: OutcomeRange[] = [];
  let accountsSettled = 0;
  for (const r of self.disk.all()) {
    if (r.kind === 'append') onDisk.push(...r.entries);
    if (r.kind === 'ordered') orderedSize = Math.max(orderedSize, r.size);
    if (r.kind === 'settle') allRanges.push(...r.ranges);
    if (r.kind === 'accounts') {
      for (const row of r.rows) stored.set(row.state.account, row);
      accountsSettled = r.settled ?? accountsSettled;
    }
  }
  finalOnDisk = allRanges.at(-1)?.to ?? 0;
  orderedSize = Math.max(orderedSize, finalOnDisk);
  const log = createLog(onDisk);
  const core = createEdgeCore(POLICY, finalOnDisk);
  const entries: DecisionEntry[] = onDisk.map((bytes) => decodeDecision(bytes));
  const ids = new Map<string, number>(entries.map((e, i) => [e.instruction.id, i]));
  const recall = (account: string): boolean => {
    if (core.account(account) !== undefined) return true;
    const row = stored.get(account);
    if (row === undefined) return false;
    core.restoreAccount(row.state, row.confirmedAt);
    return true;
  };
  /** Accounts whose state in memory is newer than on disk. */
  const dirty = new Set<string>();
  let settledUnsaved = 0;
  function saveDirty(): void {
    const rows = [...dirty].flatMap((account): CachedRow[] => {
      const known = core.account(account);
      return known === undefined ? [] : [{ state: known.state, confirmedAt: known.confirmedAt }];
    });
    for (const row of rows) stored.set(row.state.account, row);
    self.disk.write({ kind: 'accounts', rows, settled: core.finalSize() });
    dirty.clear();
    settledUnsaved = 0;
  }
  for (const range of allRanges.filter((r) => r.from >= accountsSettled)) {
    decodeOutcomes(range.entries).forEach((outcome, i) => {
      recall(outcome.instruction.debitAccount);
      recall(outcome.instruction.creditAccount);
      for (const account of core.learnOutcome(outcome, range.start + i, range.at)) dirty.add(account);
    });
  }
  saveDirty();
  for (const e of entries.slice(finalOnDisk)) {
    recall(e.instruction.debitAccount);
    recall(e.instruction.creditAccount);
    core.replay(
      // As if nothing promised before the restart counted towards the offline limits.
      o.mutation === 'forget-promises' ? { ...e, inputs: { ...e.inputs, debit: e.inputs.debit && { ...e.inputs.debit, overdraft: null } } } : e,
    );
  }
  const link = createLink(o.replicas, POLICY.offlineAfterMs);
  const exclusive = world.mutex();
  const work = world.signal();
  let halted: string | null = null;
  let sent: number | null = null;
  let sentAt = 0;
  let uploading = false;
  let drifted = 0;
  /** When something was last proven to be ordered, or there was nothing to order. */
  let orderedAt = 0;
  /** Replicas that called this node's log forked: one alone may lie. */
  const accusers = new Set<string>();
  o.onView(() => ({
    log, finalSize: core.finalSize(), orderedSize, pending: core.pendingCount(), halted, drifted, reserved: core.reserved,
    known: [...new Set([...stored.keys(), ...entries.flatMap((e) => [e.instruction.debitAccount, e.instruction.creditAccount])])]
      .flatMap((id) => core.account(id)?.state ?? stored.get(id)?.state ?? []),
  }));

  function halt(why: string): void {
    halted ??= why;
    o.violation(`edge node ${self.id} halted: ${why}`);
  }

  /** What the policy promises, counted from the log itself and not from the core's books. */
  function checkExposure(fresh: readonly DecisionEntry[]): void {
    const exposed = (e: DecisionEntry): boolean =>
      e.decision.result === 'provisional' && e.decision.mode === 'offline' && e.inputs.debit !== null
        && e.inputs.debit.overdraft !== null;
    if (!fresh.some(exposed)) return;
    const perAccount = new Map<string, bigint>();
    const perNode = new Map<string, bigint>();
    for (const e of [...entries.slice(core.finalSize()), ...fresh].filter(exposed)) {
      const { asset, debitAccount, amount } = e.instruction;
      perNode.set(asset, (perNode.get(asset) ?? 0n) + amount);
      perAccount.set(debitAccount, (perAccount.get(debitAccount) ?? 0n) + amount);
      if (perNode.get(asset)! > POLICY.offlinePerNode[asset]!) {
        o.violation(
          `${self.id}: ${perNode.get(asset)} ${asset} promised offline, the limit of a node is ${POLICY.offlinePerNode[asset]}`,
        );
      }
      if (perAccount.get(debitAccount)! > POLICY.offlinePerAccount[asset]!) {
        o.violation(
          `${self.id}: ${perAccount.get(debitAccount)} ${asset} of ${debitAccount} promised offline, `
          + `the limit of an account is ${POLICY.offlinePerAccount[asset]}`,
        );
      }
    }
  }

  function* query(accounts: readonly string[]): Co<boolean> {
    const url = link.url();
    const askedAt = self.clock();
    const nonce = world.rng.between(0, 2 ** 31).toString(16).padStart(32, '0');
    const answer = yield* world.call<{ note: string }>(me, url, 'accounts', { accounts, nonce }, 1_000);
    if (answer === null || isRefusal(answer)) {
      link.failed(url);
      return false;
    }
    const { states } = openStatement(answer.note, o.trust, nonce, accounts);
    link.heard(askedAt);
    const rows: CachedRow[] = [];
    for (const state of states) {
      if (core.account(state.account) !== undefined && core.reserved(state.account) > 0n) continue;
      core.learn(state, askedAt);
      rows.push(core.account(state.account)!);
    }
    for (const row of rows) stored.set(row.state.account, row);
    self.disk.write({ kind: 'accounts', rows, settled: null });
    return true;
  }

  self.on('settle', function* settle({ instructions }: { instructions: readonly Instruction[] }) {
    if (halted !== null) return { problem: 'halted' };
    if (link.connected(self.clock())) {
      const missing = [...new Set(instructions.flatMap((s) => [s.debitAccount, s.creditAccount]))].filter((a) => !recall(a));
      if (missing.length > 0 && !(yield* query(missing))) return { problem: 'account-state-unavailable' };
    }
    return yield* exclusive(function* commit(): Co<readonly Settled[]> {
      const time = self.clock();
      const connected = link.connected(time);
      const first = log.size();
      const fresh: DecisionEntry[] = [];
      const places = instructions.map((s) => {
        const inGroup = fresh.findIndex((e) => e.instruction.id === s.id);
        const at = ids.get(s.id) ?? (inGroup < 0 ? undefined : first + inGroup);
        if (at !== undefined) return at;
        recall(s.debitAccount);
        recall(s.creditAccount);
        fresh.push(core.decide(s, time, connected));
        return first + fresh.length - 1;
      });
      if (fresh.length > 0) {
        checkExposure(fresh);
        const bytes = fresh.map((e) => Buffer.from(encodeDecision(e)));
        self.disk.write({ kind: 'append', entries: bytes });
        if (o.mutation !== 'acknowledge-before-sync') {
          yield* world.step(me);
          self.disk.sync();
          yield* world.step(me);
        }
        log.append(bytes);
        fresh.forEach((e, i) => ids.set(e.instruction.id, first + i));
        entries.push(...fresh);
        work.fire();
      }
      return instructions.map((s, i) => {
        const index = places[i]!;
        const entry = entries[index]!;
        return {
          id: s.id, conflict: !sameInstruction(entry.instruction, s), node: self.id, index,
          leaf: Buffer.from(hashLeaf(log.entry(index))).toString('base64'),
          state: entry.decision.result === 'provisional' ? 'provisional' as const : 'rejected' as const,
        };
      });
    });
  } as never);

  /** What one replica says without proof; only a proof, or a quorum of replicas, may stop a node. */
  function regionHas(url: string, size: number): void {
    if (size > log.size()) return link.failed(url);
    if (orderedSize >= log.size()) orderedAt = world.now();
    if (world.now() - orderedAt > DOUBT_MS) {
      // It answers, and nothing of ours gets ordered: it swallows our batches, or has no quorum. Another one may do better.
      sent = null;
      orderedAt = world.now();
      return link.failed(url);
    }
    if (sent === null || size > sent) {
      sent = size;
      work.fire();
    } else if (size < sent && !uploading && world.now() - sentAt > 2_000) {
      sent = size;
      work.fire();
    }
  }

  self.spawn((function* uplink(): Co {
    for (;;) {
      if (halted !== null) return;
      if (sent === null || sent >= log.size()) {
        yield* work.wait(1_000);
        continue;
      }
      const from: number = sent;
      const size = Math.min(log.size(), from + BATCH_MAX);
      const header: object = {
        node: self.id, from, size, checkpoint: checkpointNote(key, size, log.rootAt(size)),
        proof: (from === 0 ? [] : log.consistencyProof(from, size)).map((h) => Buffer.from(h).toString('base64')),
      };
      const url = link.url();
      uploading = true;
      const answer: Answer<{ size: number }> = yield* world.call<{ size: number }>(me, url, 'batch',
        encodeFrame(header, [log.bundle(from, size)]), 2_000);
      uploading = false;
      if (answer === null) {
        link.failed(url);
      } else if (!isRefusal(answer)) {
        if (answer.size <= log.size()) {
          sent = answer.size;
          sentAt = world.now();
          continue;
        }
        link.failed(url);
      } else {
        const has = answer['size'];
        if (answer.problem === 'gap' && typeof has === 'number' && has <= log.size()) sent = has;
        else if (answer.problem === 'fork' || answer.problem === 'rollback') {
          accusers.add(url);
          link.failed(url);
          if (accusers.size >= o.trust.regions.get(o.region)!.quorum) {
            halt(`uplink: ${answer.problem}: ${String(answer['detail'])}`);
          }
        }
      }
      yield* world.sleep(world.rng.between(20, 400));
    }
  })());

  function* applyOutcomes(frame: Frame<Record<string, unknown>>, from: number): Co {
    const proven = verifyOutcomes(frame, self.id, from, o.trust, self.clock());
    if (proven.length === 0) return;
    yield* exclusive(function* apply(): Co {
      for (const { range, outcomes } of proven) {
        if (range.to > orderedSize) {
          orderedSize = range.to;
          orderedAt = world.now();
        }
        if (range.to > log.size()) return halt(`outcomes up to ${range.to} of a log of ${log.size()}`);
        for (const [i, outcome] of outcomes.entries()) {
          if (!sameInstruction(outcome.instruction, entries[outcome.index]!.instruction)) {
            return halt(`the outcome of entry ${outcome.index} is of another instruction`);
          }
          const effect = core.settle(outcome, range.start + i, self.clock());
          if (effect.drift !== null && effect.drift !== 0n) drifted += 1;
          for (const account of effect.changed) dirty.add(account);
        }
      }
      self.disk.write({ kind: 'settle', ranges: proven.map((p) => p.range) });
      yield* world.step(me);
      self.disk.sync();
      settledUnsaved += proven.reduce((n, p) => n + p.outcomes.length, 0);
      if (settledUnsaved >= SAVE_ACCOUNTS_EVERY) saveDirty();
      if (core.accountCount() > ACCOUNTS_MAX) {
        saveDirty();
        core.evict(ACCOUNTS_MAX - 2);
      }
    });
  }

  self.spawn((function* downlink(): Co {
    for (;;) {
      if (halted !== null) return;
      const url = link.url();
      const from = core.finalSize();
      const answer = yield* world.call<Down>(
        me, url, 'down', { node: self.id, ordered: orderedSize, final: from, waitMs: DOWN_WAIT_MS }, DOWN_WAIT_MS + 1_500,
      );
      if (answer === null || isRefusal(answer)) {
        link.failed(url);
        yield* world.sleep(world.rng.between(20, 300));
        continue;
      }
      try {
        regionHas(url, answer.accepted);
        yield* applyOutcomes(answer.frame, from);
        if (answer.ordered !== null) {
          const size = verifyOrdered(answer.ordered, self.id, o.region, o.trust);
          if (size > log.size()) halt(`a region checkpoint with a quorum orders ${size} entries of a log of ${log.size()}`);
          if (size > orderedSize) {
            orderedSize = size;
            orderedAt = world.now();
            self.disk.write({ kind: 'ordered', size });
          }
        }
      } catch (error) {
        if (!['ProofError', 'NoteError', 'EncodingError'].includes((error as Error).name)) throw error;
        // Somebody above lies: believe nothing of it, ask another one.
        link.failed(url);
      }
      yield* world.sleep(world.rng.between(1, 60));
    }
  })());

  self.spawn((function* refresh(): Co {
    for (;;) {
      yield* world.sleep(300);
      const time = self.clock();
      const stale = core.staleAccounts(time - 60_000, time - 3_000, 100);
      yield* query(stale);
    }
  })());
}
