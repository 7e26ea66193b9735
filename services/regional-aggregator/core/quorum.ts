/**
 * How the replicas of a region agree on a checkpoint, seen from one of them: a state machine without clocks, keys or wires.
 *
 * Every replica replays the same stream, so at a given size all have the same root, and a replica that has reached a size
 * cosigns it for whoever asks. Sizes at which replicas stop to commit differ, so somebody has to name one: replica i does
 * when the log has outgrown the last quorum for `i * PROPOSE_STEP_MS`. With every replica running that is the first one
 * alone, and a round is one message to each peer; with the first ones stopped it is a little later. A wrong or silent
 * replica changes nothing: a root that is not mine gets no cosignature of mine, and no quorum without me can contradict me
 * unless I am the one who is wrong.
 */

/** How much longer each next replica waits for somebody else to propose a size, milliseconds. */
export const PROPOSE_STEP_MS = 25;
/** A size that this replica proposed and that found no quorum is followed by a larger one after this long, milliseconds. */
const REPROPOSE_MS = 100;
/** Sizes above the last quorum that are kept open at once; honest replicas need two or three. */
const OPEN_MAX = 64;

/** A cosigned checkpoint at one size: what peers send each other. */
export interface Cosigned {
  readonly size: number;
  readonly root: Uint8Array;
  /** The checkpoint with the region log's signature, and nothing else. */
  readonly note: string;
  /** Replica -> its cosignature line. */
  readonly lines: ReadonlyMap<number, string>;
}

export interface QuorumState {
  readonly me: number;
  readonly quorum: number;
  /** Size of this replica's own log, committed. */
  readonly size: number;
  /** The largest checkpoint with a quorum, or null. */
  readonly reached: Cosigned | null;
  /** Sizes above it that this replica has cosigned, and who else has. */
  readonly open: ReadonlyMap<number, Cosigned>;
  /** Replica -> the largest size it has cosigned that this replica has not reached yet. */
  readonly held: ReadonlyMap<number, Cosigned>;
  /** Replicas that cosigned a root that is not this replica's. */
  readonly disagreeing: ReadonlySet<number>;
  /** When the log first outgrew the last quorum, and the last proposal; milliseconds, null when there is none. */
  readonly waitingSince: number | null;
  readonly proposed: { readonly size: number; readonly at: number } | null;
}

export const quorumState = (me: number, quorum: number, size: number, reached: Cosigned | null, now: number): QuorumState => ({
  me, quorum, size, reached, open: new Map(), held: new Map(), disagreeing: new Set(), proposed: null,
  waitingSince: size > (reached?.size ?? 0) ? now : null,
});

export const reachedSize = (s: QuorumState): number => s.reached?.size ?? 0;

export type Effect =
  /** Sign the own checkpoint at this size and pass it to `cosigned`. */
  | { readonly do: 'sign'; readonly size: number }
  /** Ask the peers to cosign this size, once it is signed. They answer; nobody else has to send anything. */
  | { readonly do: 'tell'; readonly size: number }
  /** A peer cosigned another root: keep its note. */
  | { readonly do: 'disagree'; readonly replica: number; readonly theirs: Cosigned }
  /** `reached` is new: keep it. */
  | { readonly do: 'reached' }
  /** As many replicas as a quorum needs contradict this one: it is the one who is wrong. */
  | { readonly do: 'halt' };

export interface Turn {
  readonly state: QuorumState;
  readonly effects: readonly Effect[];
}

/** The own log has been committed at `size`; `rootAt` gives its root at any size up to there. */
export function grown(s: QuorumState, size: number, now: number, rootAt: (size: number) => Uint8Array): Turn {
  let turn: Turn = { state: { ...s, size, waitingSince: s.waitingSince ?? (size > reachedSize(s) ? now : null) }, effects: [] };
  for (const [replica, held] of s.held) {
    if (held.size > size) continue;
    const rest = new Map(turn.state.held);
    rest.delete(replica);
    const after = received({ ...turn.state, held: rest }, held, rootAt);
    turn = { state: after.state, effects: [...turn.effects, ...after.effects] };
  }
  return propose(turn, now);
}

/** Time passes. @see timeToProposal for when to call this */
export const tick = (s: QuorumState, now: number): Turn => propose({ state: s, effects: [] }, now);

/** Milliseconds until `tick` will propose something, Infinity when there is nothing to propose. */
export function timeToProposal(s: QuorumState, now: number): number {
  if (s.waitingSince === null) return Infinity;
  const due = s.proposed === null ? s.waitingSince + s.me * PROPOSE_STEP_MS : s.proposed.at + REPROPOSE_MS;
  return s.proposed !== null && s.proposed.size === s.size ? Infinity : Math.max(0, due - now);
}

function propose(turn: Turn, now: number): Turn {
  const s = turn.state;
  if (timeToProposal(s, now) > 0) return turn;
  const state = { ...s, proposed: { size: s.size, at: now } };
  const effects: Effect[] = [{ do: 'tell', size: s.size }];
  if (s.open.get(s.size)?.lines.has(s.me) !== true) effects.unshift({ do: 'sign', size: s.size });
  return { state, effects: [...turn.effects, ...effects] };
}

/** This replica has signed what an effect asked for: `mine` carries its own line alone. */
export function cosigned(s: QuorumState, mine: Cosigned, now: number): Turn {
  if (mine.size <= reachedSize(s)) return { state: s, effects: [] };
  return settle({ ...s, open: merged(s.open, mine) }, mine.size, now);
}

/** Peers' cosignatures, verified, over one checkpoint; a line of this replica's own among them is from before it was restarted. */
export function receive(s: QuorumState, theirs: Cosigned, now: number, rootAt: (size: number) => Uint8Array): Turn {
  const turn = received(s, theirs, rootAt);
  const after = settle(turn.state, theirs.size, now);
  return { state: after.state, effects: [...turn.effects, ...after.effects] };
}

function received(s: QuorumState, theirs: Cosigned, rootAt: (size: number) => Uint8Array): Turn {
  const peers = [...theirs.lines.keys()].filter((r) => r !== s.me);
  if (theirs.size > s.size) {
    const held = new Map(s.held);
    for (const r of peers) {
      const before = held.get(r);
      if (before === undefined || before.size < theirs.size) held.set(r, theirs);
    }
    return { state: { ...s, held }, effects: [] };
  }
  const mine = rootAt(theirs.size);
  if (!mine.every((byte, i) => byte === theirs.root[i])) {
    const disagreeing = new Set([...s.disagreeing, ...peers]);
    const effects: Effect[] = peers.map((replica) => ({ do: 'disagree', replica, theirs }));
    if (disagreeing.size >= s.quorum) effects.push({ do: 'halt' });
    return { state: { ...s, disagreeing }, effects };
  }
  if (theirs.size <= reachedSize(s)) return { state: s, effects: [] };
  const known = s.open.get(theirs.size);
  const open = merged(s.open, theirs);
  const signed = known?.lines.has(s.me) === true || theirs.lines.has(s.me);
  return { state: { ...s, open }, effects: signed ? [] : [{ do: 'sign', size: theirs.size }] };
}

/** What is signed; the log's own signature below it may differ. */
const textOf = (c: Cosigned): string => c.note.split('\n\n', 1)[0]!;

/** @throws Error when the texts differ: whoever reads notes off the wire lets only the plain checkpoint through */
function merged(open: ReadonlyMap<number, Cosigned>, more: Cosigned): ReadonlyMap<number, Cosigned> {
  const out = new Map(open);
  const known = out.get(more.size);
  if (known !== undefined && textOf(known) !== textOf(more)) {
    throw new Error(`cosignatures of size ${more.size} over two texts: they can't stand under one note`);
  }
  out.set(more.size, known === undefined ? more : { ...known, lines: new Map([...known.lines, ...more.lines]) });
  while (out.size > OPEN_MAX) out.delete(Math.min(...out.keys()));
  return out;
}

/** Whether a quorum stands at `size` now. */
function settle(s: QuorumState, size: number, now: number): Turn {
  const candidate = s.open.get(size);
  if (candidate === undefined || candidate.lines.size < s.quorum || !candidate.lines.has(s.me)) return { state: s, effects: [] };
  const above = <T>(m: ReadonlyMap<number, T>): ReadonlyMap<number, T> => new Map([...m].filter(([n]) => n > size));
  return propose({
    state: { ...s, reached: candidate, open: above(s.open), waitingSince: s.size > size ? now : null, proposed: null },
    effects: [{ do: 'reached' }],
  }, now);
}

/** The checkpoint at this size, when this replica has cosigned it and it still matters. */
export function cosignedAt(s: QuorumState, size: number): Cosigned | null {
  if (s.reached?.size === size) return s.reached;
  const open = s.open.get(size);
  return open?.lines.has(s.me) === true ? open : null;
}

/** What this replica answers its peers: the largest checkpoint that it has cosigned, with everybody's lines. */
export function latest(s: QuorumState): Cosigned | null {
  let best = s.reached;
  for (const c of s.open.values()) if (c.lines.has(s.me) && c.size > (best?.size ?? 0)) best = c;
  return best;
}
