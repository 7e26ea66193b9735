/**
 * The simulated control plane. Real: checking blocks, reading payloads, the ledger, the global log, statements, the witnesses'
 * requests. Modelled after the shell: one transaction for each block (`applier.ts`, `store.ts`), who is asked to cosign
 * (`witness.ts`),
 * which outcomes may go out (`outcomes.ts`).
 */
import { hash } from 'node:crypto';
import { BlockRefused, checkBlock, type NodeState, type RegionState } from '../../services/control-plane/core/block.ts';
import { readDecisions, type Settlement } from '../../services/control-plane/core/decisions.ts';
import { applyBatch, type Account, type Earlier, type Fate } from '../../services/control-plane/core/ledger.ts';
import { formatStatement } from '../../services/control-plane/core/statement.ts';
import { encodeAccount, type AccountState } from '../../services/protocol/index.ts';
import type { Trust } from '../../services/transparency/index.ts';
import { EMPTY_ROOT, formatAddCheckpoint, Frontier, validSignatures } from '../../services/transparency/index.ts';
import { checkpointNote, withCosignatures } from './keys.ts';
import { createLog, type MemoryLog } from './memory-log.ts';
import { globalKey, replicaId, type Hooks } from './model.ts';
import { isRefusal, type Co, type Process, type World } from './world.ts';

interface Range {
  readonly node: string;
  readonly from: number;
  readonly to: number;
  readonly start: number;
}

interface Progress {
  readonly region: { readonly id: string; readonly state: RegionState } | null;
  readonly nodes: readonly { readonly id: string; readonly log: Uint8Array }[];
}

export type CentreRecord =
  | ({
    readonly kind: 'commit'; readonly entries: readonly Uint8Array[]; readonly ids: readonly (readonly [string, Earlier])[];
    readonly accounts: readonly Account[]; readonly ranges: readonly Range[];
  } & Progress)
  | { readonly kind: 'witnessed'; readonly size: number; readonly note: string };

export interface CentreView {
  readonly log: MemoryLog;
  readonly accounts: ReadonlyMap<string, Account>;
  readonly witnessed: { readonly size: number; readonly note: string } | null;
  readonly region: (id: string) => RegionState;
}

export interface CentreOptions extends Hooks {
  readonly trust: Trust;
  readonly onView: (view: () => CentreView) => void;
  /** Every checkpoint that was witnessed. */
  readonly onWitnessed: (size: number, note: string) => void;
}

const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'base64');
const NEW_REGION: RegionState = { applied: 0, size: 0, root: EMPTY_ROOT };
const RANGES_MAX = 5;

export function bootCentre(world: World, self: Process<CentreRecord>, o: CentreOptions): void {
  const me = self as unknown as Process<never>;
  const key = globalKey();
  const regions = new Map<string, RegionState>();
  const nodes = new Map<string, Frontier>();
  const accounts = new Map<string, Account>();
  const ids = new Map<string, Earlier>();
  const ranges: Range[] = [];
  let witnessed: { size: number; note: string } | null = null;
  const onDisk: Uint8Array[] = [];
  for (const r of self.disk.all()) {
    if (r.kind === 'witnessed') witnessed = r;
    else {
      onDisk.push(...r.entries);
      remember(r);
    }
  }
  const log = createLog(onDisk);
  if (witnessed !== null && witnessed.size > log.size()) {
    o.violation(`the centre's witnessed checkpoint is of ${witnessed.size} entries, its log has ${log.size()}`);
  }
  o.onView(() => ({
    log, accounts, witnessed, region: (id) => regions.get(id) ?? NEW_REGION,
  }));

  function remember(r: Extract<CentreRecord, { kind: 'commit' }>): void {
    for (const [id, earlier] of r.ids) if (!ids.has(id)) ids.set(id, earlier);
    for (const a of r.accounts) accounts.set(a.id, { ...a, touched: -1 });
    ranges.push(...r.ranges);
    if (r.region !== null) regions.set(r.region.id, r.region.state);
    for (const n of r.nodes) nodes.set(n.id, Frontier.decode(n.log));
  }

  const exclusive = world.mutex();
  const committed = world.signal();

  function* commit(record: Extract<CentreRecord, { kind: 'commit' }>): Co {
    if (o.mutation === 'progress-apart') {
      self.disk.write({ ...record, region: null, nodes: [] });
      yield* world.step(me);
      self.disk.sync();
      self.disk.write({ ...record, entries: [], ids: [], accounts: [], ranges: [] });
    } else {
      self.disk.write(record);
    }
    if (o.mutation === 'outcomes-before-sync') {
      log.append(record.entries);
      remember(record);
      committed.fire();
      yield* world.sleep(50);
      yield* world.step(me);
      self.disk.sync();
      return;
    }
    yield* world.step(me);
    self.disk.sync();
    log.append(record.entries);
    remember(record);
    committed.fire();
    yield* world.step(me);
  }

  self.on('block', function* block({ header, parts }: { header: Record<string, unknown>; parts: readonly Uint8Array[] }) {
    return yield* exclusive(function* apply(): Co<unknown> {
      const keys = o.trust.regions.get(String(header['region']));
      if (keys === undefined) return { problem: 'unknown-region' };
      const before = regions.get(keys.id) ?? NEW_REGION;
      let checked: ReturnType<typeof checkBlock>;
      try {
        checked = checkBlock(header, parts, keys, before, (id): NodeState => ({ log: nodes.get(id) ?? Frontier.empty() }),
          sha256);
      } catch (error) {
        if (!(error instanceof BlockRefused)) throw error;
        return { problem: error.problem.code, detail: error.message, applied: before.applied, size: before.size };
      }
      if (checked === null) return { applied: before.applied, size: before.size };
      const at = self.clock();
      // On copies: a crash in the middle leaves nothing of them.
      const touched = new Map<string, Account>();
      const fresh = new Map<string, Earlier>();
      const entries: Uint8Array[] = [];
      const newRanges: Range[] = [];
      const logs = new Map<string, Frontier>();
      for (const batch of checked.batches) {
        const all: Settlement[] = [];
        readDecisions(batch.payload, all);
        const first = log.size() + entries.length;
        const fates: Fate[] = [];
        const claimed = new Map<string, number>();
        const hits = new Map<number, () => Earlier>();
        all.forEach((s, i) => {
          const known = ids.get(s.id) ?? fresh.get(s.id);
          const inBatch = claimed.get(s.id);
          if (known !== undefined) hits.set(first + i, () => known);
          else if (inBatch !== undefined) hits.set(first + i, () =>
            ({ ...all[inBatch]!, index: first + inBatch, reason: fates[inBatch] ?? null }));
          else claimed.set(s.id, i);
        });
        const effects = applyBatch({
          account: (id) => {
            const copy = touched.get(id) ?? accounts.get(id);
            if (copy === undefined) return undefined;
            if (!touched.has(id)) {
              touched.set(id, o.mutation === 'no-overdraft-check' ? { ...copy, overdraft: null } : { ...copy });
            }
            return touched.get(id);
          },
          earlier: (index) => (o.mutation === 'no-duplicate-check' ? undefined : hits.get(index)?.()),
        }, { region: keys.id, node: batch.node, from: batch.from, first, settlements: all }, at, fates);
        for (const [id, i] of claimed) fresh.set(id, { ...all[i]!, index: first + i, reason: fates[i] ?? null });
        entries.push(...effects.entries.map((text) => Buffer.from(text)));
        newRanges.push({ node: batch.node, from: batch.from, to: batch.to, start: first });
        logs.set(batch.node, batch.log);
      }
      const next: RegionState = { applied: checked.to, size: checked.size, root: checked.root };
      yield* commit({
        kind: 'commit', entries, ids: [...fresh], ranges: newRanges,
        accounts: [...touched.values()].map((a) => ({ ...a, overdraft: accounts.get(a.id)!.overdraft })),
        region: { id: keys.id, state: next }, nodes: [...logs].map(([id, f]) => ({ id, log: f.encode() })),
      });
      return { applied: next.applied, size: next.size };
    });
  } as never);

  self.on('open', function* open({ account, asset, overdraft }: { account: string; asset: string; overdraft: bigint | null }) {
    return yield* exclusive(function* openOne(): Co<unknown> {
      const known = accounts.get(account);
      if (known !== undefined && known.asset !== asset) return { problem: 'asset-mismatch' };
      if (known === undefined) {
        yield* commit({
          kind: 'commit', entries: [Buffer.from(encodeAccount({ type: 'account', account, asset, overdraft,
            at: self.clock() }))], ids: [], ranges: [],
          accounts: [{ id: account, asset, overdraft, balance: 0n, ref: null, touched: -1 }], region: null, nodes: [],
        });
      }
      return { opened: account };
    });
  } as never);

  self.on('region', function* regionState({ region }: { region: string }) {
    yield* world.sleep(0);
    const { applied, size } = regions.get(region) ?? NEW_REGION;
    return { applied, size };
  } as never);

  self.on('accounts', function* accountStates({ accounts: wanted, nonce }: { accounts: readonly string[]; nonce: string }) {
    return yield* exclusive(function* read(): Co<unknown> {
      yield* world.sleep(0);
      const states = wanted.map((id): AccountState | string => {
        const a = accounts.get(id);
        return a === undefined ? id : { account: id, asset: a.asset, balance: a.balance, overdraft: a.overdraft,
          asOf: log.size() };
      });
      return { note: key.note(formatStatement(key.verifier.name, log.size(), self.clock(), nonce, 0, states)) };
    });
  } as never);

  self.on('outcomes', function* outcomes({ node, from }: { node: string; from: number }) {
    yield* world.sleep(0);
    const list: { from: number; to: number; start: number; proof: string[] }[] = [];
    const parts: Uint8Array[] = [];
    const upto = witnessed?.size ?? 0;
    let next = from;
    for (const r of ranges.filter((x) => x.node === node && x.to > from).slice(0, RANGES_MAX)) {
      const start = r.start + (next - r.from);
      if (r.start + (r.to - r.from) > upto || next < r.from) break;
      list.push(
        { from: next, to: r.to, start, proof: log.rangeProof(start, r.start + (r.to - r.from), upto).map((h) =>
          Buffer.from(h).toString('base64')) },
      );
      parts.push(log.bundle(start, r.start + (r.to - r.from)));
      next = r.to;
    }
    return { frame: { header: { checkpoint: witnessed?.note ?? null, outcomes: list }, parts } };
  } as never);

  self.spawn((function* witness(): Co {
    const sizes = new Map<string, number>();
    for (;;) {
      const size = log.size();
      if (witnessed?.size === size || size === 0) {
        yield* committed.wait(1_000);
        continue;
      }
      const note = checkpointNote(key, size, log.rootAt(size));
      const lines = new Map<string, string>();
      const answered = world.signal();
      let open = o.trust.regions.size;
      for (const region of o.trust.regions.values()) {
        const own: string[] = [];
        let next = 0;
        let busy = region.quorum;
        for (let k = 0; k < region.quorum; k += 1) self.spawn(askOn());
        // A quorum at once, and the next one for each that fails.
        function* askOn(): Co {
          for (let line: string | null = null; line === null && next < region.replicas.length;) {
            const n = next;
            next += 1;
            line = yield* askReplica(replicaId(region.id, n), region.replicas[n]!.name);
            if (line !== null) own.push(line);
          }
          busy -= 1;
          if (own.length === region.quorum) lines.set(region.id, own.join(''));
          if (busy === 0) open -= 1;
          answered.fire();
        }
      }
      while (lines.size < o.trust.witnessQuorum && open > 0) yield* answered.wait(Infinity);
      if (lines.size < o.trust.witnessQuorum) {
        yield* world.sleep(world.rng.between(50, 500));
        continue;
      }
      const next = { size, note: withCosignatures(note, lines.values()) };
      self.disk.write({ kind: 'witnessed', ...next });
      yield* world.step(me);
      if (o.mutation !== 'outcomes-before-sync') self.disk.sync();
      witnessed = next;
      o.onWitnessed(size, next.note);

      function* askReplica(id: string, name: string): Co<string | null> {
        for (let attempt = 0; attempt < 2; attempt += 1) {
          const old = sizes.get(id) ?? 0;
          if (old > size) return null;
          const body = formatAddCheckpoint(
            { oldSize: old, proof: old === 0 ? [] : log.consistencyProof(old, size), checkpoint: note },
          );
          const answer = yield* world.call<{ line: string }>(me, id, 'add-checkpoint', body, 800);
          if (answer === null) return null;
          if (!isRefusal(answer)) {
            const verifier = [...o.trust.regions.values()].flatMap((r) => r.replicas).find((v) => v.name === name)!;
            if (validSignatures(note, answer.line, [verifier]).length === 0) return null;
            sizes.set(id, size);
            return answer.line;
          }
          if (answer.problem !== '409') return null;
          const theirs = Number(answer['size']);
          if (theirs > log.size()) {
            o.violation(
              `witness ${id} has cosigned size ${theirs} of the global log, which has ${log.size()}: entries were lost`,
            );
          }
          sizes.set(id, theirs);
        }
        return null;
      }
    }
  })());
}
