/** The shell around `core/quorum.ts`: signs, checks peers' notes, and passes notes between the replicas. */
import { Problem, replicaName } from '../protocol/index.ts';
import { startLoop, UnreachableError, type HttpClient, type Logger, type Loop } from '../shell/index.ts';
import {
  addSignatures, cosign, formatCheckpoint, NoteError, openCheckpointWithQuorum, parseCheckpoint, parseNote, signCheckpoint,
  validSignatures, type Signer, type Verifier,
} from '../transparency/index.ts';
import {
  cosigned, cosignedAt, grown, latest, quorumState, receive, tick, timeToProposal, type Cosigned, type QuorumState, type Turn,
} from './core/quorum.ts';
import { sha256, type Replica } from './replica.ts';
import { decodeReached, encodeReached, type RegionStore } from './store.ts';

/** Peers are asked for their latest note this often: covers whatever was not delivered, milliseconds. */
const ASK_MS = 1_000;
const PEER_TIMEOUT_MS = 2_000;
const RETRY_MS = 200;
const VERIFIED_MAX = 512;

/** A checkpoint of the region log with a quorum of cosignatures. */
export interface Reached {
  readonly size: number;
  /** The signed note. */
  readonly note: string;
}

export interface Agreement {
  /** The largest, or null before the first. */
  reached(): Reached | null;
  /** Calls back when `reached` has changed. */
  onReached(listener: () => void): void;
  /** A peer's note. @returns what this replica has to say, or null when it has cosigned nothing yet @throws Problem */
  takeNote(note: string): Promise<string | null>;
  /** The largest checkpoint that this replica has cosigned, with everybody's cosignatures that it knows of. */
  latestNote(): string | null;
  /** The smallest log size that every replica of the region is known to have cosigned. */
  smallestPeer(): number;
  disagreeing(): readonly number[];
  stop(): Promise<void>;
}

export interface AgreementOptions {
  readonly region: string;
  readonly me: number;
  readonly quorum: number;
  readonly regionSigner: Signer;
  readonly replicaSigner: Signer;
  readonly regionVerifier: Verifier;
  /** Keys of all replicas of the region in order, this one's included. */
  readonly replicas: readonly Verifier[];
  /** Base URLs in the same order; this one's own is not called. */
  readonly peerUrls: readonly string[];
  readonly store: RegionStore;
  readonly replica: Replica;
  /** The last place of the stream. */
  readonly lastSeq: () => Promise<number>;
  readonly http: HttpClient;
  readonly logger: Logger;
  readonly now: () => number;
}

const noteOf = (c: Cosigned): string => addSignatures(
  c.note, [...c.lines.entries()].sort((a, b) => a[0] - b[0]).map(([, line]) => line),
);

interface Peer {
  readonly n: number;
  readonly url: string;
  /** The size that it was told last, and who it then knew had cosigned that. */
  told: { readonly size: number; readonly cosigners: ReadonlySet<number> };
  askedAt: number;
  /** Largest size it has cosigned. */
  size: number;
  loop: Loop;
}

export function startAgreement(o: AgreementOptions): Agreement {
  const { store, replica } = o;
  const nameOf = (n: number): string => replicaName(o.region, n);
  const rootAt = (size: number): Uint8Array => store.log.rootAt(size);
  const kept = store.get('reached');
  const before = kept === null ? null : decodeReached(kept);
  let state: QuorumState = quorumState(
    o.me, o.quorum, store.log.size, before !== null && isQuorum(before) ? before : null, o.now(),
  );
  const listeners: (() => void)[] = [];
  const signing = new Map<number, Promise<void>>();
  const peers: Peer[] = [];
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  /** The size that this replica proposed last. */
  let proposal = 0;
  /** Signatures that were verified or made here, by note text and line. */
  const verified = new Set<string>();
  let reachedNote = state.reached === null ? null : { size: state.reached.size, note: noteOf(state.reached) };

  /** Whether others will find a quorum on this note, whatever led this replica to believe in it. */
  function isQuorum(c: Cosigned): boolean {
    try {
      const opened = openCheckpointWithQuorum(noteOf(c), o.regionVerifier, o.replicas, o.quorum);
      return opened.size === c.size && Buffer.compare(opened.root, c.root) === 0;
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
      replica.incident('bad-quorum', `the note of size ${c.size} that was to be the quorum's does not open: ${error.message}`);
      return false;
    }
  }

  function turn(t: Turn): void {
    if (t.effects.some((e) => e.do === 'reached') && t.state.reached !== null && !isQuorum(t.state.reached)) return;
    state = t.state;
    for (const effect of t.effects) {
      if (effect.do === 'sign') void sign(effect.size);
      if (effect.do === 'tell') proposal = effect.size;
      if (effect.do === 'reached' && state.reached !== null) {
        reachedNote = { size: state.reached.size, note: noteOf(state.reached) };
        store.putSoon('reached', encodeReached(state.reached));
        for (const listener of listeners) listener();
      }
      if (effect.do === 'disagree') keepDisagreement(effect.replica, effect.theirs);
      if (effect.do === 'halt') {
        replica.halt(
          'replica-outvoted',
          `${[...state.disagreeing].map(nameOf).join(', ')} cosigned other roots than this one: what this one has is wrong`,
        );
      }
    }
    clearTimeout(timer);
    const wait = timeToProposal(state, o.now());
    if (wait !== Infinity && !stopped && replica.halted() === null) timer = setTimeout(() => turn(tick(state, o.now())), wait);
    for (const peer of peers) if (newsFor(peer) !== null) peer.loop.wake();
  }

  function keepDisagreement(n: number, theirs: Cosigned): void {
    const isNew = store.keep({
      at: o.now(), who: nameOf(n), kind: 'replica-disagrees',
      hash: Buffer.from(sha256(Buffer.from(theirs.note))).toString('hex'),
      detail: `cosigned another root at size ${theirs.size}`, document: noteOf(theirs),
      known: JSON.stringify({ size: theirs.size, root: Buffer.from(rootAt(theirs.size)).toString('base64') }),
    });
    if (isNew) {
      replica.incident('replica-disagrees', `${nameOf(n)} cosigned another root than this replica's at size ${theirs.size}`);
    }
  }

  /** Cosigns the own log at a size that it has reached; at most one signature is made for a size at a time. */
  function sign(size: number): Promise<void> {
    if (stopped || replica.halted() !== null) return Promise.resolve();
    const running = signing.get(size);
    if (running !== undefined) return running;
    const work = (async () => {
      const root = rootAt(size);
      const note = await signCheckpoint({ origin: o.regionSigner.name, size, root }, o.regionSigner);
      const line = await cosign(note, o.replicaSigner, Math.floor(o.now() / 1000));
      const { text, signatures } = parseNote(note);
      for (const s of signatures) remember(text + s.line);
      remember(text + line);
      if (!stopped) turn(cosigned(state, { size, root, note, lines: new Map([[o.me, line]]) }, o.now()));
    })().catch((error: unknown) => {
      o.logger.error({ err: error, size }, 'signing failed');
    }).finally(() => signing.delete(size));
    signing.set(size, work);
    return work;
  }

  /** A peer's note with those of its signatures that are good. @throws NoteError */
  function readNote(note: string): Cosigned {
    const { text, signatures } = parseNote(note);
    const { origin, size, root } = parseCheckpoint(text);
    // All replicas have the log's key, so its signature does not say that they signed the same words. Cosignatures over
    // anything more than size and root can't stand under the note of those who signed just that.
    if (text !== formatCheckpoint({ origin, size, root })) {
      throw new NoteError('malformed', `checkpoint of size ${size}: expected origin, size and root, and nothing else`);
    }
    const fresh = signatures.filter((s) => !verified.has(text + s.line));
    for (const s of validSignatures(note, fresh.map((f) => f.line).join(''), [o.regionVerifier, ...o.replicas])) remember(
      text + s.line,
    );
    const good = signatures.filter((s) => verified.has(text + s.line));
    const log = good.find((s) => s.hash === o.regionVerifier.hash && s.name === o.regionVerifier.name);
    if (log === undefined || origin !== o.regionVerifier.name) {
      throw new NoteError('unsigned', `not a checkpoint signed by ${o.regionVerifier.name}`);
    }
    // Whoever has the log's key can make any number of its signatures: only the replicas' own keys count.
    const lines = new Map<number, string>();
    o.replicas.forEach((r, n) => {
      const line = good.find((s) => s.name === r.name && s.hash === r.hash)?.line;
      if (line !== undefined) lines.set(n, line);
    });
    if (lines.size === 0) throw new NoteError('no-quorum', 'cosigned by no replica of this region');
    return { size, root, note: `${text}\n${log.line}`, lines };
  }

  function remember(signature: string): void {
    verified.add(signature);
    if (verified.size > VERIFIED_MAX) verified.delete(verified.keys().next().value!);
  }

  async function take(note: string): Promise<Cosigned> {
    const theirs = readNote(note);
    for (const peer of peers) if (theirs.lines.has(peer.n)) peer.size = Math.max(peer.size, theirs.size);
    turn(receive(state, theirs, o.now(), rootAt));
    if (theirs.size > store.log.size && theirs.lines.size >= o.quorum) await expectSize(theirs.size);
    await signing.get(theirs.size);
    return theirs;
  }

  /** A quorum has a larger log than this replica: it must be so in the stream, too, once all of that is replayed. */
  async function expectSize(size: number): Promise<void> {
    const last = await o.lastSeq();
    if (last > store.cursor() || size <= store.log.size || replica.halted() !== null) return;
    replica.halt(
      'replica-outvoted',
      `a quorum has cosigned size ${size}, but the stream up to its end, ${last}, makes only ${store.log.size} here`,
    );
  }

  /** What this replica proposed, where the peer has not heard of it, or not of enough cosignatures for a quorum that exists. */
  function newsFor(peer: Peer): Cosigned | null {
    const mine = cosignedAt(state, proposal);
    if (mine === null) return null;
    if (peer.told.size !== mine.size) return mine;
    return mine === state.reached && peer.told.cosigners.size < o.quorum ? mine : null;
  }

  function startPeer(n: number, url: string): void {
    const peer: Peer = { n, url, told: { size: 0, cosigners: new Set() }, askedAt: -Infinity, size: 0, loop: undefined as never };
    peers.push(peer);
    peer.loop = startLoop(async (signal) => {
      if (replica.halted() !== null) return Infinity;
      const news = newsFor(peer);
      if (news !== null) {
        const answer = await o.http.call(`${url}/v1/cosignatures`, {
          method: 'POST', body: noteOf(news), type: 'text/plain', timeoutMs: PEER_TIMEOUT_MS, signal,
        });
        peer.told = { size: news.size, cosigners: new Set([...news.lines.keys(), n]) };
        peer.askedAt = o.now();
        if (answer.status === 200) await take(answer.body.toString('utf8'));
        return newsFor(peer) === null ? ASK_MS : 0;
      }
      const due = peer.askedAt + ASK_MS - o.now();
      if (due > 0) return due;
      peer.askedAt = o.now();
      const answer = await o.http.call(`${url}/v1/cosignatures/latest`, { timeoutMs: PEER_TIMEOUT_MS, signal });
      if (answer.status === 200) await take(answer.body.toString('utf8'));
      return ASK_MS;
    }, (error) => {
      if (!(error instanceof UnreachableError)) o.logger.warn({ err: error, replica: nameOf(n) }, 'a peer\'s note was not taken');
      return error instanceof UnreachableError ? RETRY_MS : ASK_MS;
    });
  }

  o.peerUrls.forEach((url, n) => {
    if (n !== o.me) startPeer(n, url);
  });
  replica.onGrown(() => turn(grown(state, store.log.size, o.now(), rootAt)));
  turn(grown(state, store.log.size, o.now(), rootAt));

  return {
    reached: () => reachedNote,
    onReached: (listener) => void listeners.push(listener),
    async takeNote(note) {
      const halted = replica.halted();
      if (halted !== null) throw new Problem(503, 'halted', halted, {}, 5);
      try {
        await take(note);
      } catch (error) {
        if (!(error instanceof NoteError)) throw error;
        throw new Problem(
          error.code === 'malformed' ? 400 : 403, error.code === 'malformed' ? 'bad-note' : 'bad-signature', error.message,
        );
      }
      const mine = latest(state);
      return mine === null ? null : noteOf(mine);
    },
    latestNote() {
      const mine = latest(state);
      return mine === null ? null : noteOf(mine);
    },
    smallestPeer: () => Math.min(store.log.size, ...peers.map((p) => p.size)),
    disagreeing: () => [...state.disagreeing],
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await Promise.all(peers.map((p) => p.loop.stop()));
      await Promise.all(signing.values());
    },
  };
}
