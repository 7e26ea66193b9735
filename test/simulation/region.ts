/**
 * A simulated region: the ordered stream, and replicas that read it. Real: judging batches, replaying, agreeing on checkpoints,
 * the
 * witness's decision, every proof. Modelled after the shell: when a batch is published and answered (`ingress.ts`), who sends
 * blocks to the centre and from where (`forwarder.ts`), how notes travel between replicas (`agreement.ts`), what is
 * passed down (`relay.ts`).
 */
import { hash } from 'node:crypto';
import { parseBatch, messageId, type Batch } from '../../services/regional-aggregator/core/batch.ts';
import {
  cosigned, cosignedAt, grown, latest, quorumState, receive, tick, timeToProposal, type Cosigned, type QuorumState, type Turn,
} from '../../services/regional-aggregator/core/quorum.ts';
import { assess, emptyNode, extend, replay, type Extension, type NodeState,
  type ReplayContext } from '../../services/regional-aggregator/core/replay.ts';
import { encodeBatch, encodeFrame, EncodingError, type BatchEntry } from '../../services/protocol/index.ts';
import type { RegionTrust } from '../../services/transparency/index.ts';
import {
  bundleLeafHashes, decideAddCheckpoint, NoteError, parseAddCheckpoint, parseCheckpoint, parseNote, validSignatures,
} from '../../services/transparency/index.ts';
import { checkpointNote, withCosignatures } from './keys.ts';
import { createLog, type MemoryLog } from './memory-log.ts';
import { CENTRE, edgeKey, globalKey, regionKey, replicaId, replicaKey, streamId, type Hooks, type Lie } from './model.ts';
import { isRefusal, type Answer, type Co, type Process, type World } from './world.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

// ---- the ordered stream -----------------------------------------------------------------------------------------------

export interface StreamRecord {
  readonly seq: number;
  readonly at: number;
  readonly id: string;
  readonly data: Uint8Array;
}

const DEDUP_WINDOW_MS = 5_000;

export function bootStream(world: World, self: Process<StreamRecord>): void {
  const me = self as unknown as Process<never>;
  const exclusive = world.mutex();
  self.on('publish', function* publish({ id, data }: { id: string; data: Uint8Array }) {
    return yield* exclusive(function* append(): Co<unknown> {
      const all = self.disk.all();
      const at = Math.max(self.clock(), all.at(-1)?.at ?? 0);
      const same = all.findLast((r) => r.id === id && r.at > at - DEDUP_WINDOW_MS);
      if (same !== undefined) return { seq: same.seq };
      const seq = all.length + 1;
      self.disk.write({ seq, at, id, data });
      yield* world.step(me);
      self.disk.sync();
      yield* world.step(me);
      return { seq };
    });
  } as never);
}

// ---- a replica --------------------------------------------------------------------------------------------------------

interface Accepted {
  readonly entry: BatchEntry;
  readonly base: NodeState;
  readonly next: NodeState;
  readonly leaves: Uint8Array;
}

export type ReplicaRecord =
  | { readonly kind: 'commit'; readonly cursor: number; readonly accepted: readonly Accepted[] }
  | { readonly kind: 'reached'; readonly reached: Cosigned }
  | { readonly kind: 'witnessed'; readonly size: number; readonly root: Uint8Array };

export interface ReplicaView {
  readonly log: MemoryLog;
  readonly cursor: number;
  readonly reached: Cosigned | null;
  readonly halted: string | null;
}

export interface ReplicaOptions extends Hooks {
  readonly me: number;
  readonly trust: RegionTrust;
  readonly stream: Process<StreamRecord>;
  /** Null: it is honest. */
  readonly lie: Lie | null;
  /** How often a batch is acknowledged and then not published: a fault that the end-to-end retry has to cover. */
  readonly forgets: number;
  readonly onView: (view: () => ReplicaView) => void;
}

const GROUP_MESSAGES = 4;
const BLOCK_ENTRIES_MAX = 3;
const STEP_IN_MS = 400;
const LEAD_MS = 5_000;
const LOOK_MS = 100;
const ASK_MS = 1_000;
const HEARTBEAT_MS = 500;
const TRIES = 4;

const noteOf = (c: Cosigned): string => withCosignatures(c.note, [...c.lines].sort((a, b) => a[0] - b[0]).map(([, line]) =>
  line));

export function bootReplica(world: World, self: Process<ReplicaRecord>, o: ReplicaOptions): void {
  const me = self as unknown as Process<never>;
  const { trust } = o;
  const region = trust.id;
  const logKey = regionKey(region);
  const ownKey = replicaKey(region, o.me);
  const peers = trust.replicas.map((_, n) => n).filter((n) => n !== o.me);

  // ---- what the disk holds ----
  let cursor = 0;
  let kept: Cosigned | null = null;
  let witnessed: { size: number; root: Uint8Array } | null = null;
  const rows: Accepted[] = [];
  const nodes = new Map<string, NodeState>();
  const take = (accepted: readonly Accepted[]): void => {
    for (const a of accepted) {
      rows.push(a);
      nodes.set(a.entry.node, a.next);
    }
  };
  for (const r of self.disk.all()) {
    if (r.kind === 'commit') {
      take(r.accepted);
      ({ cursor } = r);
    } else if (r.kind === 'reached') kept = r.reached;
    else witnessed = r;
  }
  const log = createLog(rows.map((r) => Buffer.from(encodeBatch(r.entry))));
  const stateOf = (node: string): NodeState => nodes.get(node) ?? emptyNode();
  const signsOthers = o.lie === 'signs';
  const rootAt = (size: number): Uint8Array => (signsOthers ? sha256(Buffer.concat([Buffer.from('another world'),
    log.rootAt(size)])) : log.rootAt(size));

  let halted: string | null = null;
  function halt(why: string): void {
    // A liar is outvoted; it does not stop for that.
    if (halted !== null || o.lie !== null) return;
    halted = why;
    o.violation(`replica ${self.id} halted: ${why}`);
  }

  let state: QuorumState = quorumState(o.me, trust.quorum, log.size(), kept, world.now());

  // ---- replay ----
  const grew = world.signal();
  const progress = world.signal();
  const assessed = new Map<string, Extension>();
  const swallowed = new Map<string, number>();

  /** The stream's messages after the cursor; null while it is out of reach. */
  const readStream = (after: number, most: number): readonly StreamRecord[] | null =>
    (o.stream.up() && world.reaches(self.id, o.stream.id) ? o.stream.disk.synced().slice(after, after + most) : null);

  self.spawn((function* replayLoop(): Co {
    for (;;) {
      const messages = readStream(cursor, GROUP_MESSAGES);
      if (halted !== null) return;
      if (messages === null || messages.length === 0) {
        yield* world.sleep(LOOK_MS);
        continue;
      }
      const changed = new Map<string, NodeState>();
      const context: ReplayContext = {
        region, sha256, verifier: (node) => trust.nodes.get(node), state: (node) => changed.get(node) ?? stateOf(node),
        assessed: (id) => assessed.get(id),
      };
      const accepted: Accepted[] = [];
      for (const m of messages) {
        const step = o.mutation === 'skip-replay-validation' ? blindly(context, m) : replay(context, m.data, m.seq, m.at);
        if (step === null || !step.accepted) continue;
        changed.set(step.entry.node, step.next);
        accepted.push({ entry: step.entry, base: step.base, next: step.next, leaves: step.leaves });
        assessed.delete(step.id);
      }
      const upto = cursor + messages.length;
      self.disk.write({ kind: 'commit', cursor: upto, accepted });
      yield* world.step(me);
      self.disk.sync();
      take(accepted);
      log.append(accepted.map((a) => Buffer.from(encodeBatch(a.entry))));
      cursor = upto;
      progress.fire();
      if (accepted.length > 0) {
        turn(grown(state, log.size(), world.now(), rootAt));
        grew.fire();
      }
      yield* world.sleep(world.rng.between(0, 10));
    }
  })());

  /** A replica without judgement: whatever can be parsed is in. */
  function blindly(context: ReplayContext, m: StreamRecord): ReturnType<typeof replay> | null {
    try {
      const batch = parseBatch(m.data);
      const base = context.state(batch.node);
      const { hashes } = bundleLeafHashes(batch.payload);
      const digest = sha256(batch.payload);
      return {
        accepted: true, base, next: extend(base, hashes), leaves: hashes, id: '',
        entry: { region, node: batch.node, from: batch.from, size: batch.size, checkpoint: batch.checkpoint,
          digest: Buffer.from(digest).toString('base64'), seq: m.seq, at: m.at },
      };
    } catch (error) {
      if (error instanceof EncodingError) return null;
      throw error;
    }
  }

  function nodeRootAt(node: string, size: number): Uint8Array {
    const now = stateOf(node);
    if (size === now.size) return now.root;
    if (size === 0) return emptyNode().root;
    const row = rows.find((r) => r.entry.node === node && r.entry.size >= size)!;
    return extend(row.base, row.leaves.subarray(0, (size - row.base.size) * 32)).root;
  }

  function* passed(seq: number, timeoutMs: number): Co<boolean> {
    const until = world.now() + timeoutMs;
    while (cursor < seq) {
      if (world.now() >= until) return false;
      yield* progress.wait(until - world.now());
    }
    return true;
  }

  // ---- ingress ----
  self.on('batch', function* ingress(message: Uint8Array) {
    if (halted !== null) return { problem: 'halted' };
    let batch: Batch;
    try {
      batch = parseBatch(message);
    } catch (error) {
      return { problem: 'bad-batch', detail: (error as Error).message };
    }
    const digest = sha256(batch.payload);
    const id = messageId(batch, digest, sha256);
    const verifier = trust.nodes.get(batch.node);
    if (verifier === undefined) return { problem: 'unknown-node' };
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const judgement = assess(batch, digest, verifier, stateOf(batch.node), (size) => nodeRootAt(batch.node, size), sha256);
      if (judgement.known === true) return { size: stateOf(batch.node).size };
      if (judgement.refusal !== undefined) {
        const ahead = judgement.refusal.code === 'gap' ? readStream(cursor, 100) : null;
        if (ahead === null || ahead.length === 0) {
          return { problem: judgement.refusal.code, detail: judgement.refusal.detail, size: stateOf(batch.node).size };
        }
        yield* passed(cursor + ahead.length, 2_000);
        continue;
      }
      assessed.set(judgement.extension!.id, judgement.extension!);
      if (o.lie === 'swallows') {
        swallowed.set(batch.node, Math.max(batch.size, swallowed.get(batch.node) ?? 0));
        return { size: batch.size };
      }
      if (o.lie === 'slanders' && world.rng.chance(0.5)) {
        return { problem: world.rng.pick(['fork', 'rollback']), detail: 'slander' };
      }
      if (world.rng.chance(o.forgets)) return { size: batch.size };
      const published = yield* world.call<{ seq: number }>(me, o.stream.id, 'publish',
        { id: attempt === 0 ? id : `${id}.${cursor}`, data: message }, 1_000);
      if (published === null || isRefusal(published)) return { problem: 'stream-unavailable' };
      if (!(yield* passed(published.seq, 2_000))) return { problem: 'replay-behind' };
      const { size } = stateOf(batch.node);
      if (size >= batch.size) return { size };
    }
    return { problem: 'not-ordered' };
  } as never);

  // ---- agreement ----
  let proposal = 0;
  let timer = 0;
  const news = world.signal();
  const reachedNews = world.signal();

  function turn(t: Turn): void {
    ({ state } = t);
    for (const effect of t.effects) {
      if (effect.do === 'sign') self.spawn(sign(effect.size));
      if (effect.do === 'tell') proposal = effect.size;
      if (effect.do === 'reached' && state.reached !== null) {
        self.disk.write({ kind: 'reached', reached: state.reached });
        reachedNews.fire();
      }
      if (effect.do === 'halt') halt(`outvoted by ${[...state.disagreeing].join(', ')}`);
    }
    const wait = timeToProposal(state, world.now());
    timer += 1;
    const mine = timer;
    if (wait !== Infinity && halted === null) {
      self.spawn((function* later(): Co {
        yield* world.sleep(wait);
        if (mine === timer) turn(tick(state, world.now()));
      })());
    }
    news.fire();
  }

  function* sign(size: number): Co {
    yield* world.sleep(world.rng.between(0, 5));
    if (halted !== null) return;
    const root = rootAt(size);
    const note = checkpointNote(logKey, size, root);
    turn(
      cosigned(state, { size, root, note, lines: new Map([[o.me, ownKey.cosign(note, Math.floor(self.clock() / 1000))]]) },
        world.now()),
    );
  }

  /** @throws NoteError */
  function readNote(note: string): Cosigned {
    const { text, signatures } = parseNote(note);
    const good = validSignatures(note, signatures.map((s) => s.line).join(''), [trust.log, ...trust.replicas]);
    const logLine = good.find((s) => s.verifier.vkey === trust.log.vkey);
    if (logLine === undefined) throw new NoteError('unsigned', 'not signed by the region');
    const { size, root } = parseCheckpoint(text);
    const lines = new Map(good.filter((s) => s !== logLine).map((s) =>
      [trust.replicas.findIndex((r) => r.name === s.name), s.line]));
    return { size, root, note: `${text}\n${logLine.line}`, lines };
  }

  function receiveNote(note: string): void {
    const theirs = readNote(note);
    if (o.mutation === 'cosign-anything' && theirs.size > 0 && ![...theirs.lines.keys()].includes(o.me)) {
      const line = ownKey.cosign(theirs.note, Math.floor(self.clock() / 1000));
      const all: Cosigned = { ...theirs, lines: new Map([...theirs.lines, [o.me, line]]) };
      if (all.lines.size >= trust.quorum && all.size > (state.reached?.size ?? 0)) {
        state = { ...state, reached: all };
        return;
      }
    }
    turn(receive(state, theirs, world.now(), rootAt));
  }

  self.on('cosignatures', function* takeNote(note: string) {
    if (halted !== null) return { problem: 'halted' };
    tryNote(note);
    yield* world.sleep(world.rng.between(0, 6));
    const mine = latest(state);
    return { note: mine === null ? null : noteOf(mine) };
  } as never);

  /** What a peer answers may be anything. */
  function tryNote(note: string): void {
    try {
      receiveNote(note);
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
    }
  }

  for (const n of peers) {
    let told = { size: 0, cosigners: 0 };
    let askedAt = -Infinity;
    const newsFor = (): Cosigned | null => {
      const mine = cosignedAt(state, proposal);
      if (mine === null) return null;
      if (told.size !== mine.size) return mine;
      return mine === state.reached && told.cosigners < trust.quorum ? mine : null;
    };
    self.spawn((function* peerLoop(): Co {
      for (;;) {
        if (halted !== null) return;
        const mine = newsFor() ?? (world.now() - askedAt >= ASK_MS ? latest(state) : null);
        if (mine === null) {
          yield* news.wait(Math.max(50, askedAt + ASK_MS - world.now()));
          continue;
        }
        askedAt = world.now();
        const answer = yield* world.call<{ note: string | null }>(me, replicaId(region, n), 'cosignatures', noteOf(mine), 800);
        if (answer === null || isRefusal(answer)) {
          yield* world.sleep(200);
          continue;
        }
        told = { size: mine.size, cosigners: new Set([...mine.lines.keys(), n]).size };
        const { note } = answer;
        if (note !== null) tryNote(note);
        yield* world.sleep(1);
      }
    })());
  }

  // ---- the centre ----
  let heardAt = -Infinity;
  let centre = null as { applied: number; size: number } | null;
  function* toCentre<T>(kind: string, body: unknown, timeoutMs: number): Co<Answer<T>> {
    const answer = yield* world.call<T>(me, CENTRE, kind, body, timeoutMs);
    if (answer !== null) heardAt = world.now();
    return answer;
  }
  const centreNews = world.signal();
  const learn = (applied: number, size: number): void => {
    centre = { applied, size };
    centreNews.fire();
  };

  self.spawn((function* heartbeat(): Co {
    for (;;) {
      if (world.now() - heardAt >= HEARTBEAT_MS || centre === null) {
        const answer = yield* toCentre<{ applied: number; size: number }>('region', { region }, 800);
        if (answer !== null && !isRefusal(answer)) learn(answer.applied, answer.size);
      }
      yield* world.sleep(HEARTBEAT_MS);
    }
  })());

  self.spawn((function* forwarder(): Co {
    let leadUntil = o.me === 0 ? Infinity : -Infinity;
    let waitingSince: number | null = null;
    for (;;) {
      if (halted !== null) return;
      const reached = signsOthers ? latest(state) : state.reached;
      if (centre === null || reached === null || reached.size <= centre.applied || reached.size < centre.size) {
        waitingSince = null;
        yield* reachedNews.wait(HEARTBEAT_MS);
        continue;
      }
      waitingSince ??= world.now();
      if (leadUntil <= world.now()) {
        const due = waitingSince + o.me * STEP_IN_MS - world.now();
        if (due > 0) {
          yield* world.sleep(due);
          continue;
        }
        leadUntil = world.now() + LEAD_MS;
      }
      const { applied, size: known } = centre;
      const to = Math.min(reached.size, applied + BLOCK_ENTRIES_MAX, log.size());
      const parts: Uint8Array[] = [];
      for (const row of rows.slice(applied, to)) {
        const message = readStream(row.entry.seq - 1, 1)?.[0];
        if (message === undefined) break;
        parts.push(parseBatch(message.data).payload);
      }
      if (parts.length === 0 || reached.size > log.size()) {
        yield* world.sleep(LOOK_MS);
        continue;
      }
      const base64 = (hashes: readonly Uint8Array[]): string[] => hashes.map((h) => Buffer.from(h).toString('base64'));
      const header = {
        region, checkpoint: noteOf(reached), from: applied, to: applied + parts.length,
        consistency: known === 0 || known === reached.size ? [] : base64(log.consistencyProof(known, reached.size)),
        range: base64(log.rangeProof(applied, applied + parts.length, reached.size)),
        entries: parts.map((_, i) => Buffer.from(log.entry(applied + i)).toString('utf8')),
      };
      const answer = yield* toCentre<{ applied: number; size: number }>('block', { header, parts }, 2_000);
      if (answer === null) {
        yield* world.sleep(world.rng.between(50, 500));
      } else if (!isRefusal(answer)) {
        if (o.me > 0 && answer.applied > applied + parts.length) leadUntil = -Infinity;
        learn(answer.applied, answer.size);
        waitingSince = null;
      } else {
        if (answer.problem === 'gap' && typeof answer['applied'] === 'number' && answer['applied'] !== centre.applied) {
          learn(answer['applied'], Number(answer['size']));
        }
        else if (answer.problem === 'gap' || o.lie !== null) yield* world.sleep(1_000);
        else {
          if (answer.problem !== 'busy') {
            o.violation(
              `the centre refused a block of honest replica ${self.id}: ${answer.problem}: ${String(answer['detail'])}`,
            );
          }
          yield* world.sleep(1_000);
        }
      }
      yield* world.sleep(1);
    }
  })());

  self.on('accounts', function* accounts(body: unknown) {
    return (yield* toCentre('accounts', body, 800)) ?? { problem: 'centre-unreachable' };
  } as never);

  self.on('down', function* down({ node, ordered, final,
    waitMs }: { node: string; ordered: number; final: number; waitMs: number }) {
    if (halted !== null) return { problem: 'halted' };
    const until = world.now() + waitMs;
    let frame: unknown = { header: { checkpoint: null, outcomes: [] }, parts: [] };
    let news_: unknown = null;
    for (;;) {
      news_ = o.lie === 'swallows' ? null : orderedNews(node, ordered);
      const answer = yield* toCentre<{ frame: { header: { outcomes: unknown[] } } }>('outcomes', { node, from: final }, 600);
      if (answer !== null && !isRefusal(answer)) ({ frame } = answer as { frame: unknown });
      if (news_ !== null || (frame as { parts: unknown[] }).parts.length > 0 || world.now() >= until) break;
      yield* reachedNews.wait(Math.min(100, until - world.now()));
    }
    let accepted = stateOf(node).size;
    if (o.lie === 'slanders' && world.rng.chance(0.3)) accepted += world.rng.between(1, 1_000);
    if (o.lie === 'swallows') accepted = Math.max(accepted, swallowed.get(node) ?? 0);
    return { accepted, centreAgeMs: heardAt === -Infinity ? null : Math.round(world.now() - heardAt), ordered: news_, frame };
  } as never);

  function orderedNews(node: string, known: number): unknown {
    const reached = signsOthers ? latest(state) : state.reached;
    if (reached === null || reached.size > log.size()) return null;
    const index = rows.slice(0, reached.size).findLastIndex((r) => r.entry.node === node);
    if (index < 0 || rows[index]!.entry.size <= known) return null;
    return {
      entry: Buffer.from(log.entry(index)).toString('utf8'), index, size: reached.size,
      proof: log.inclusionProof(index, reached.size).map((h) => Buffer.from(h).toString('base64')), checkpoint: noteOf(reached),
    };
  }

  // ---- the witness ----
  const witnessing = world.mutex();
  self.on('add-checkpoint', function* addCheckpoint(body: string) {
    return yield* witnessing(function* decide(): Co<unknown> {
      const request = parseAddCheckpoint(body);
      const decision = decideAddCheckpoint(witnessed, request, globalKey().verifier);
      if (!decision.ok) return { problem: String(decision.status), size: Number(decision.body.trim()) };
      if (decision.newState.size > (witnessed?.size ?? -1)) {
        witnessed = decision.newState;
        self.disk.write({ kind: 'witnessed', ...decision.newState });
        yield* world.step(me);
        self.disk.sync();
        yield* world.step(me);
      }
      return { line: ownKey.cosign(request.checkpoint, Math.floor(self.clock() / 1000)) };
    });
  } as never);

  // ---- a liar's own initiative ----
  if (o.lie !== null) {
    self.spawn((function* junk(): Co {
      for (let n = 0; ; n += 1) {
        yield* world.sleep(world.rng.between(200, 2_000));
        const victim = world.rng.pick([...trust.nodes.keys()]);
        const old = readStream(0, 1_000)?.at(world.rng.below(Math.max(1, cursor)));
        const made = encodeFrame({
          node: victim, from: stateOf(victim).size, size: stateOf(victim).size + 1, proof: [],
          // Signed by another node's key, or an old one of the victim's, never by the victim for this.
          checkpoint: checkpointNote(edgeKey(`${victim}-thief`), stateOf(victim).size + 1, rootAt(log.size())),
        }, [Buffer.from([0, 2, 0x7b, 0x7d])]);
        const data = world.rng.pick([Buffer.from('junk'), made, old?.data ?? made]);
        yield* world.call(me, streamId(region), 'publish', { id: `junk.${self.id}.${world.now()}.${n}`, data }, 500);
      }
    })());
  }

  o.onView(() => ({ log, cursor, reached: state.reached, halted }));
  turn(grown(state, log.size(), world.now(), rootAt));
}
