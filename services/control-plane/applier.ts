/**
 * The one place where the ledger changes: blocks and account openings wait in a bounded queue and are applied strictly
 * one after the other, several of them in one transaction when they wait together. Whoever handed one in gets an answer
 * when it is durable.
 */
import { hash } from 'node:crypto';
import { encodeAccount, Problem, readTrace, TRACED_MAX, type AccountEntry } from '../protocol/index.ts';
import { EMPTY_ROOT, Frontier, type RegionTrust } from '../transparency/index.ts';
import { checkBlock, type CheckedBlock, type NodeState, type RegionState } from './core/block.ts';
import { PayloadError, readDecisions, type Followed, type Settlement } from './core/decisions.ts';
import { applyBatch, undo, type Account, type Earlier, type Effects, type Fate, type LedgerView } from './core/ledger.ts';
import { packTimes } from './core/times.ts';
import { createAccountCache } from './account-cache.ts';
import type { Counts, Found, Head, Incident, LedgerStore, NodeRow, OutcomeRange } from './store.ts';
import type { TracedOutcome } from './tracing.ts';

/** What waits at most; beyond it callers are told to come back. */
const QUEUED_BLOCKS_MAX = 64;
const QUEUED_BYTES_MAX = 64 * 1024 * 1024;
const QUEUED_OPENINGS_MAX = 40_000;
/** One transaction takes blocks until it has this many settlements: enough to share an fsync, not so many that others wait. */
const TRANSACTION_SETTLEMENTS = 8_192;
const CACHED_ACCOUNTS = 400_000;
/** Outcomes that wait to be witnessed, at most: what has to be read again at a start, and kept in memory until then. */
const UNWITNESSED_MAX = 2_000_000;
const RETRY_SECONDS = 1;

export interface Opening {
  readonly account: string;
  readonly asset: string;
  readonly overdraft: bigint | null;
}

/** `created`: new; `changed`: another limit than before; `same`: it was like that; `asset-mismatch`: it holds `asset`. */
export interface Opened {
  readonly result: 'created' | 'changed' | 'same' | 'asset-mismatch';
  readonly asset: string;
  /** Size of the global log in which the account is as asked for. */
  readonly size: number;
}

/** Something was committed. */
export interface Committed {
  readonly size: number;
  readonly effects: readonly Effects[];
  readonly ranges: readonly OutcomeRange[];
  /** The outcomes of each range, in bundle encoding. */
  readonly bundles: readonly Uint8Array[];
  readonly traced: readonly TracedOutcome[];
  /** Followed settlements beyond those that are remembered of one batch. */
  readonly cut: number;
}

export interface Applier {
  /** Resolves when the block is durable, with what the region should send next. @throws BlockRefused, Problem 503 */
  block(header: Readonly<Record<string, unknown>>, parts: readonly Uint8Array[], keys: RegionTrust): Promise<RegionState>;
  /** Each on its own, in order. @throws Problem 503 */
  open(openings: readonly Opening[]): Promise<readonly Opened[]>;
  /** As last committed; null for a region that never sent anything. */
  region(id: string): RegionState;
  /** Entries of the node's log that have an outcome in the committed global log. */
  nodeApplied(id: string): number;
  readonly size: () => number;
  readonly counts: () => Counts;
  readonly queued: () => number;
  /** Why it takes nothing any more, or null. */
  readonly halted: () => string | null;
  readonly haltedNodes: () => readonly NodeRow[];
  /** With everything committed; a copy. */
  account(id: string): Promise<Readonly<Account> | null>;
  stop(): Promise<void>;
}

interface BlockJob {
  readonly kind: 'block';
  readonly block: CheckedBlock;
  readonly receivedAt: number;
  readonly bytes: number;
  readonly done: (state: RegionState) => void;
  readonly failed: (error: unknown) => void;
}

interface OpenJob {
  readonly kind: 'open';
  readonly openings: readonly Opening[];
  readonly done: (opened: readonly Opened[]) => void;
  readonly failed: (error: unknown) => void;
}

type Job = BlockJob | OpenJob;

/** A node's progress; `log` is replaced, never changed, so that a copy of the map is a snapshot. */
interface Node {
  readonly region: string;
  readonly log: Frontier;
  readonly haltedAt: number | null;
  readonly haltedWhy: string | null;
}

interface Progress {
  readonly regions: Map<string, RegionState>;
  readonly nodes: Map<string, Node>;
}

export interface ApplierOptions {
  readonly store: LedgerStore;
  readonly head: Head;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Size of the witnessed checkpoint. */
  readonly witnessedSize: () => number;
  /** Called synchronously right after each commit, before anybody is answered. */
  readonly onCommit: (committed: Committed) => void;
  /** @param isStored whether the transaction that it was found in has stored it */
  readonly onIncident: (incident: Incident, isStored: boolean) => void;
}

const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'base64');

const NEW_REGION: RegionState = { applied: 0, size: 0, root: EMPTY_ROOT };

export function createApplier({ store, head, now, witnessedSize, onCommit, onIncident }: ApplierOptions): Applier {
  const committed: Progress = {
    regions: new Map(head.regions.map((r) => [r.id, { applied: r.applied, size: r.size, root: r.root }])),
    nodes: new Map(head.nodes.map((n) => [
      n.id, { region: n.region, log: Frontier.decode(n.log), haltedAt: n.haltedAt, haltedWhy: n.haltedWhy },
    ])),
  };
  /** As it will be when everything in the queue is committed: what a new block is checked against. */
  const planned: { regions: Map<string, RegionState>; logs: Map<string, Frontier> } = { regions: new Map(), logs: new Map() };
  const cache = createAccountCache(CACHED_ACCOUNTS);
  let size = head.size;
  let counts = head.counts;
  let queue: Job[] = [];
  let queuedBlocks = 0;
  let queuedBytes = 0;
  let queuedOpenings = 0;
  let running: Promise<void> | null = null;
  let stopped = false;
  let halted: string | null = null;

  let committing: Promise<void> | null = null;

  async function commit(...[wanted, decide]: Parameters<LedgerStore['commit']>): Promise<void> {
    const work = store.commit(wanted, decide);
    committing = work.catch(() => undefined);
    try {
      await work;
    } finally {
      committing = null;
    }
  }

  const region = (id: string): RegionState => committed.regions.get(id) ?? NEW_REGION;

  function checkOpen(): void {
    if (stopped) throw new Problem(503, 'stopping', 'the control plane is stopping', {}, RETRY_SECONDS);
    if (halted !== null) throw new Problem(503, 'halted', halted, {}, 30);
  }

  const tryAgain = (): Problem =>
    new Problem(503, 'not-stored', 'it could not be stored and nothing of it was applied; send it again', {}, RETRY_SECONDS);

  function enqueue(job: Job): void {
    queue.push(job);
    running ??= run();
  }

  /** Answers of blocks that repeat one in the queue wait until that one is durable. */
  let lastBlock: Promise<unknown> = Promise.resolve();

  async function block(
    header: Readonly<Record<string, unknown>>, parts: readonly Uint8Array[], keys: RegionTrust,
  ): Promise<RegionState> {
    const receivedAt = now();
    checkOpen();
    if (queuedBlocks >= QUEUED_BLOCKS_MAX || queuedBytes >= QUEUED_BYTES_MAX) {
      throw new Problem(503, 'busy', `${queuedBlocks} blocks wait to be applied; send this one again later`, {}, RETRY_SECONDS);
    }
    if (size - witnessedSize() > UNWITNESSED_MAX) {
      const detail = `${size - witnessedSize()} outcomes wait for the regions to cosign them; send this block again later`;
      throw new Problem(503, 'not-witnessed', detail, {}, 5 * RETRY_SECONDS);
    }
    const node = (id: string): NodeState => ({ log: planned.logs.get(id) ?? committed.nodes.get(id)?.log ?? Frontier.empty() });
    const state = planned.regions.get(keys.id) ?? region(keys.id);
    const checked = checkBlock(header, parts, keys, state, node, sha256);
    if (checked === null) {
      await lastBlock;
      const after = region(keys.id);
      if (after.applied < Number(header['to'])) throw tryAgain();
      return after;
    }
    const bytes = checked.batches.reduce((sum, b) => sum + b.payload.byteLength, 0);
    planned.regions.set(keys.id, { applied: checked.to, size: checked.size, root: checked.root });
    for (const b of checked.batches) planned.logs.set(b.node, b.log);
    queuedBlocks += 1;
    queuedBytes += bytes;
    const answer = new Promise<RegionState>((done, failed) => enqueue({ kind: 'block', block: checked, receivedAt, bytes, done, failed }));
    lastBlock = answer.catch(() => undefined);
    return answer;
  }

  async function open(openings: readonly Opening[]): Promise<readonly Opened[]> {
    checkOpen();
    if (queuedOpenings >= QUEUED_OPENINGS_MAX) {
      throw new Problem(503, 'busy', `${queuedOpenings} accounts wait to be opened; send these again later`, {}, RETRY_SECONDS);
    }
    queuedOpenings += openings.length;
    return new Promise((done, failed) => enqueue({ kind: 'open', openings, done, failed }));
  }

  async function run(): Promise<void> {
    // What arrives in the same turn of the event loop shares a transaction.
    await new Promise(setImmediate);
    while (queue.length > 0) {
      const jobs = takeGroup();
      try {
        if (jobs[0]!.kind === 'block') await applyBlocks(jobs as BlockJob[]);
        else await applyOpenings(jobs as OpenJob[]);
      } catch (error) {
        failAll(jobs, error);
      }
      for (const job of jobs) release(job);
      await new Promise(setImmediate);
    }
    running = null;
  }

  /** The jobs at the head of the queue that are of one kind and fit one transaction; at least one. */
  function takeGroup(): Job[] {
    const kind = queue[0]!.kind;
    let settlements = 0;
    let n = 0;
    while (n < queue.length && queue[n]!.kind === kind && settlements < TRANSACTION_SETTLEMENTS) {
      const job = queue[n]!;
      settlements += job.kind === 'block' ? job.block.batches.reduce((sum, b) => sum + b.to - b.from, 0) : job.openings.length;
      n += 1;
    }
    const group = queue.slice(0, n);
    queue = queue.slice(n);
    return group;
  }

  function release(job: Job): void {
    if (job.kind === 'open') {
      queuedOpenings -= job.openings.length;
      return;
    }
    queuedBlocks -= 1;
    queuedBytes -= job.bytes;
  }

  /** Blocks in the queue were checked against what these would have left behind: they fail with them, and are sent again. */
  function failAll(jobs: readonly Job[], error: unknown): void {
    const waiting = queue.filter((job) => job.kind === 'block');
    queue = queue.filter((job) => job.kind !== 'block');
    planned.regions.clear();
    planned.logs.clear();
    for (const job of waiting) release(job);
    for (const job of [...jobs, ...waiting]) job.failed(tryAgain());
    const detail = `a transaction failed and was taken back: ${(error as Error).message}`;
    onIncident({ at: now(), kind: 'commit-failed', detail }, false);
    if ((error as Error).name === 'LedgerError') halted = detail;
  }

  async function applyBlocks(jobs: readonly BlockJob[]): Promise<void> {
    const at = now();
    const incidents: Incident[] = [];
    const regions = new Map<string, CheckedBlock>();
    const nodes = new Map<string, Node>();
    const all: Settlement[] = [];
    const runs: { region: string; node: string; from: number; start: number; end: number; orderedAt: number }[] = [];
    /** When each of `all` was decided. */
    const decided: number[] = [];
    const followed: (Followed & { readonly region: string; readonly node: string; readonly receivedAt: number })[] = [];
    let cut = 0;
    for (const { block: b, receivedAt } of jobs) {
      regions.set(b.region, b);
      for (const batch of b.batches) {
        const before = nodes.get(batch.node) ?? committed.nodes.get(batch.node);
        let haltedAt = before?.haltedAt ?? null;
        let haltedWhy = before?.haltedWhy ?? null;
        const start = all.length;
        if (haltedAt === null) {
          try {
            const ofBatch: Followed[] = [];
            readDecisions(batch.payload, all, decided, ofBatch);
            runs.push({ region: b.region, node: batch.node, from: batch.from, start, end: all.length, orderedAt: batch.orderedAt });
            for (const f of ofBatch.slice(0, TRACED_MAX)) followed.push({ ...f, region: b.region, node: batch.node, receivedAt });
            cut += Math.max(0, ofBatch.length - TRACED_MAX);
          } catch (error) {
            if (!(error instanceof PayloadError)) throw error;
            // Signed by the node and in the region's order, yet no decision: there is nothing to give an outcome to. Nothing of
            // this batch or of later ones of this node is applied; the region's other nodes go on.
            all.length = start;
            decided.length = start;
            haltedAt = batch.from;
            haltedWhy = `entry ${batch.from + error.entry} of its log is no decision: ${error.message}`;
            incidents.push({ at, kind: 'node-halted', scope: `site:${batch.node}`, detail: `node ${batch.node} of region ${b.region}: ${haltedWhy}` });
          }
        }
        nodes.set(batch.node, { region: b.region, log: batch.log, haltedAt, haltedWhy });
      }
    }

    const missing = new Set<string>();
    for (const s of all) {
      if (cache.get(s.debit) === undefined) missing.add(s.debit);
      if (cache.get(s.credit) === undefined) missing.add(s.credit);
    }
    const first = size;
    const ranges: OutcomeRange[] = [];
    const effects: Effects[] = [];
    const bundles: { bundle: Uint8Array; count: number }[] = [];
    let next = counts;
    const fates: Fate[] = [];
    try {
      await commit({ ids: all.map((s) => s.id), accounts: [...missing] }, (found) => {
        for (const account of found.accounts) cache.put(account);
        const view: LedgerView = { account: cache.get, earlier: earlierOf(found, first, all, fates) };
        const changed = new Set<Account>();
        for (const r of runs) {
          const settlements = runs.length === 1 ? all : all.slice(r.start, r.end);
          const batch = { region: r.region, node: r.node, from: r.from, first: first + r.start, settlements };
          const e = applyBatch(view, batch, at, fates);
          effects.push(e);
          for (const account of e.changed) changed.add(account);
          bundles.push({ bundle: bundleOf(e.entries), count: e.entries.length });
          ranges.push({ node: r.node, from: r.from, to: r.from + settlements.length, start: first + r.start });
          next = {
            ...next, applied: next.applied + settlements.length, rejected: next.rejected + e.rejected,
            final: next.final + settlements.length - e.rejected, duplicates: next.duplicates + e.duplicates,
          };
        }
        return {
          bundles, accounts: [...changed], counts: next, incidents,
          ranges: ranges.map((range, i) => ({ ...range, orderedAt: runs[i]!.orderedAt, decidedAt: packTimes(decided.slice(runs[i]!.start, runs[i]!.end)) })),
          traces: followed.map((f) => ({ index: first + f.at, trace: f.trace })),
          regions: [...regions.values()].map((b) => ({
            id: b.region, applied: b.to, size: b.size, root: b.root, checkpoint: b.checkpoint,
          })),
          nodes: [...nodes].map(([id, n]) => rowOf(id, n)),
        };
      });
    } catch (error) {
      for (const e of effects.toReversed()) undo(e);
      throw error;
    }
    size += all.length;
    counts = next;
    for (const b of regions.values()) committed.regions.set(b.region, { applied: b.to, size: b.size, root: b.root });
    for (const [id, n] of nodes) committed.nodes.set(id, n);
    for (const incident of incidents) onIncident(incident, true);
    const committedAt = followed.length === 0 ? at : now();
    onCommit({
      size, effects, ranges, bundles: bundles.map((b) => b.bundle), cut,
      traced: followed.map((f) => ({
        index: first + f.at, id: f.id, trace: readTrace(f.trace, f.id), region: f.region, node: f.node, rejection: fates[f.at] ?? null,
        receivedAt: f.receivedAt, startedAt: at, committedAt,
      })),
    });
    for (const job of jobs) job.done(region(job.block.region));
  }

  async function applyOpenings(jobs: readonly OpenJob[]): Promise<void> {
    const at = now();
    const wanted = new Set<string>();
    for (const job of jobs) for (const o of job.openings) if (cache.get(o.account) === undefined) wanted.add(o.account);
    const answers: Opened[][] = [];
    const limitsBefore: { account: Account; overdraft: bigint | null }[] = [];
    const created: Account[] = [];
    let next = counts;
    let appended = 0;
    try {
      await commit({ ids: [], accounts: [...wanted] }, (found) => {
        for (const account of found.accounts) cache.put(account);
        const entries: string[] = [];
        const changed = new Set<Account>();
        for (const job of jobs) answers.push(job.openings.map((o) => openOne(o, entries, changed)));
        appended = entries.length;
        next = { ...counts, accounts: counts.accounts + created.length };
        return {
          bundles: entries.length === 0 ? [] : [{ bundle: bundleOf(entries), count: entries.length }],
          accounts: [...changed], regions: [], nodes: [], ranges: [], traces: [], counts: next, incidents: [],
        };
      });
    } catch (error) {
      for (const { account, overdraft } of limitsBefore.toReversed()) account.overdraft = overdraft;
      for (const account of created) cache.drop(account.id);
      throw error;
    }
    size += appended;
    counts = next;
    if (appended > 0) onCommit({ size, effects: [], ranges: [], bundles: [], traced: [], cut: 0 });
    jobs.forEach((job, i) => job.done(answers[i]!));

    function openOne(o: Opening, entries: string[], changed: Set<Account>): Opened {
      let account = cache.get(o.account);
      let result: Opened['result'] = 'same';
      if (account === undefined) {
        account = { id: o.account, asset: o.asset, overdraft: o.overdraft, balance: 0n, ref: null, touched: -1 };
        cache.put(account);
        created.push(account);
        result = 'created';
      } else if (account.asset !== o.asset) {
        return { result: 'asset-mismatch', asset: account.asset, size };
      } else if (account.overdraft !== o.overdraft) {
        limitsBefore.push({ account, overdraft: account.overdraft });
        account.overdraft = o.overdraft;
        result = 'changed';
      }
      if (result !== 'same') {
        const entry: AccountEntry = { type: 'account', account: o.account, asset: o.asset, overdraft: o.overdraft, at };
        entries.push(encodeAccount(entry));
        changed.add(account);
      }
      return { result, asset: o.asset, size: size + entries.length };
    }
  }

  return {
    block, open, region,
    nodeApplied: (id) => {
      const node = committed.nodes.get(id);
      return node === undefined ? 0 : node.haltedAt ?? node.log.size;
    },
    size: () => size,
    counts: () => counts,
    queued: () => queuedBlocks,
    halted: () => halted,
    haltedNodes: () => [...committed.nodes].filter(([, n]) => n.haltedAt !== null)
      .map(([id, n]) => rowOf(id, n)),
    async account(id) {
      // While a transaction is on its way, the accounts in memory are ahead of what is durable.
      while (committing !== null) await committing;
      const account = cache.get(id);
      return account === undefined ? store.account(id) : { ...account };
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}

const rowOf = (id: string, n: Node): NodeRow =>
  ({ id, region: n.region, log: n.log.encode(), haltedAt: n.haltedAt, haltedWhy: n.haltedWhy });

/** How the ledger asks for earlier outcomes; those of this very transaction are told from what has been decided so far. */
function earlierOf(
  found: Found, first: number, all: readonly Settlement[], fates: readonly Fate[],
): (index: number) => Earlier | undefined {
  if (found.earlier.size === 0) return () => undefined;
  return (index) => {
    const hit = found.earlier.get(index - first);
    if (hit === undefined) return undefined;
    if (hit.outcome !== null) return hit.outcome;
    const place = hit.index - first;
    return { ...all[place]!, index: hit.index, reason: fates[place] ?? null };
  };
}

/** Outcomes are ASCII: what they consist of are ids, digits and our own words. */
function bundleOf(entries: readonly string[]): Buffer {
  let length = 0;
  for (const entry of entries) length += 2 + entry.length;
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  for (const entry of entries) {
    out[at] = entry.length >> 8;
    out[at + 1] = entry.length & 0xff;
    at += 2 + out.write(entry, at + 2, 'latin1');
  }
  return out;
}
