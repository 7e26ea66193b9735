/**
 * Has the global log's checkpoints witnessed: signs one over everything committed, asks replicas of every region to
 * cosign it (C2SP tlog-witness), and counts it as witnessed as soon as quorums of enough regions have. One round at a time; the
 * next one takes everything that was committed meanwhile.
 */
import { Problem } from '../protocol/index.ts';
import { createBackoff, startLoop, type HttpClient, type Logger } from '../shell/index.ts';
import {
  addSignatures, formatAddCheckpoint, signCheckpoint, TLOG_SIZE_TYPE, validSignatures, witnessedBy, type Signer, type Trust, type Verifier,
  type VerifiedSignature,
} from '../transparency/index.ts';
import type { LedgerStore } from './store.ts';

const REQUEST_TIMEOUT_MS = 4_000;
/** Silent for so long, a replica is still waited for, but another one of its region is asked beside it. */
const PATIENCE_MS = 300;
const PAUSE_BASE_MS = 50;
const PAUSE_MAX_MS = 2_000;

export interface Witnessed {
  readonly size: number;
  /** The checkpoint with the log's signature and its cosignatures. */
  readonly note: string;
}

export interface Witness {
  /** Something was committed. */
  wake(): void;
  readonly witnessed: () => Witnessed | null;
  /** By region: size of the last checkpoint that it cosigned since this process started, and what stood in its way last. */
  readonly regions: () => readonly { readonly region: string; readonly size: number | null; readonly problem: string | null }[];
  stop(): Promise<void>;
}

export interface WitnessOptions {
  readonly store: LedgerStore;
  readonly signer: Signer;
  readonly trust: Pick<Trust, 'witnessQuorum' | 'regions'>;
  /** Region id to its replicas' base URLs. */
  readonly urls: Readonly<Record<string, readonly string[]>>;
  readonly client: Pick<HttpClient, 'call'>;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
  readonly initial: Witnessed | null;
  /** Size of the committed log. */
  readonly size: () => number;
  /** A round over everything committed begins; called in the same turn in which `size` was asked. */
  readonly onRound: () => void;
  /** The round's checkpoint is witnessed and stored. */
  readonly onWitnessed: (witnessed: Witnessed) => void;
  readonly onIncident: (kind: string, detail: string) => void;
}

interface Replica {
  readonly url: string;
  /** The last size it cosigned, as far as known: what a consistency proof starts from. */
  size: number;
}

interface Region {
  readonly id: string;
  readonly keys: readonly Verifier[];
  /** Cosignatures that make the region count. */
  readonly quorum: number;
  /** In order of preference: who cosigned last comes first, who failed to comes last. */
  replicas: Replica[];
  asking: Promise<void> | null;
  cosigned: number | null;
  problem: string | null;
}

interface Round {
  readonly size: number;
  readonly note: string;
  /** By region that counts: its cosignature lines. */
  readonly lines: Map<string, string>;
  open: boolean;
}

export function createWitness(options: WitnessOptions): Witness {
  const { store, signer, trust, client, logger } = options;
  const regions = [...trust.regions.values()].map((r): Region => ({
    id: r.id, keys: r.replicas, quorum: r.quorum, replicas: (options.urls[r.id] ?? []).map((url) => ({ url: url.replace(/\/+$/, ''), size: 0 })),
    asking: null, cosigned: null, problem: null,
  }));
  const backoff = createBackoff(PAUSE_BASE_MS, PAUSE_MAX_MS);
  let witnessed = options.initial;
  /** It was witnessed by the quorums of its time; where those have grown it is witnessed again, though nothing was committed. */
  let enough = witnessed !== null && isWitnessed(witnessed.note, trust);

  /** Asks one replica; returns its cosignatures, verified. @throws Error saying why there are none */
  async function ask(replica: Replica, keys: readonly Verifier[], round: Round, signal: AbortSignal): Promise<VerifiedSignature[]> {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      // Another replica of the same database of ours may have got further; then ours would be the copy that lost entries.
      if (replica.size > round.size) throw new Error(`it has cosigned size ${replica.size} already`);
      const proof = replica.size === 0 ? [] : await store.consistencyProof(replica.size, round.size);
      const body = formatAddCheckpoint({ oldSize: replica.size, proof, checkpoint: round.note });
      const answer = await client.call(`${replica.url}/add-checkpoint`, {
        method: 'POST', body, type: 'text/plain; charset=utf-8', timeoutMs: REQUEST_TIMEOUT_MS, signal,
      });
      const text = answer.body.toString('utf8');
      if (answer.status === 200) {
        const signatures = validSignatures(round.note, text, keys);
        if (signatures.length === 0) throw new Error('its answer holds no valid cosignature by a key of its region');
        replica.size = round.size;
        return signatures;
      }
      const conflict = answer.status === 409 && String(answer.headers['content-type'] ?? '').startsWith(TLOG_SIZE_TYPE);
      if (!conflict) throw new Error(`it answered ${answer.status}: ${text.slice(0, 200)}`);
      const theirs = Number(text.trim());
      if (!/^(0|[1-9][0-9]{0,15})\n?$/.test(text)) {
        throw new Error(`it answered 409 with ${JSON.stringify(text.slice(0, 40))} for a size`);
      }
      if (theirs === replica.size) throw new Error(`at size ${theirs} it has cosigned another root`);
      if (theirs > options.size()) {
        const detail = `${replica.url} has cosigned size ${theirs} of this log, but it has ${options.size()}: entries were lost`;
        options.onIncident('witness-ahead', detail);
      }
      replica.size = theirs;
    }
    throw new Error('it changes the size it knows from request to request');
  }

  /**
   * Asks a quorum of the region's replicas at once, and the next one for each that fails or keeps silent, until a quorum has
   * cosigned or nobody is left; who has not answered by then is not waited for.
   */
  async function askRegion(region: Region, round: Round, signal: AbortSignal): Promise<void> {
    const order = [...region.replicas];
    /** By key, so that no replica counts twice, under whichever addresses it is listed. */
    const lines = new Map<string, string>();
    const good: Replica[] = [];
    const failures = new Map<Replica, string>();
    const over = new AbortController();
    const stop = (): void => over.abort();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    let asked = 0;
    let underWay = 0;
    await new Promise<void>((resolve) => {
      const askNext = (): void => {
        const replica = over.signal.aborted ? undefined : order[asked];
        if (replica === undefined) return;
        asked += 1;
        underWay += 1;
        const patience = setTimeout(askNext, PATIENCE_MS);
        void ask(replica, region.keys, round, over.signal).then((signatures) => {
          const before = lines.size;
          for (const { verifier, line } of signatures) lines.set(verifier.vkey, line);
          if (lines.size === before) throw new Error('its cosignature came from another address of this region already');
          good.push(replica);
        }).catch((error: unknown) => {
          if (over.signal.aborted) return;
          failures.set(replica, `${replica.url}: ${(error as Error).message}`);
          askNext();
        }).finally(() => {
          clearTimeout(patience);
          underWay -= 1;
          if (lines.size >= region.quorum) over.abort();
          // Those that are given up end at once, so that the next round finds nobody busy with this one.
          if (underWay === 0) resolve();
        });
      };
      for (let i = 0; i < region.quorum; i += 1) askNext();
      if (asked === 0) resolve();
    });
    signal.removeEventListener('abort', stop);
    const silent = order.slice(0, asked).filter((r) => !good.includes(r) && !failures.has(r));
    region.replicas = [...good, ...order.slice(asked), ...silent, ...failures.keys()];
    if (lines.size >= region.quorum) {
      region.cosigned = round.size;
      if (region.problem !== null) logger.info({ region: region.id }, 'region cosigns again');
      region.problem = null;
      round.lines.set(region.id, [...lines.values()].join(''));
      return;
    }
    const why = [...failures.values()].join('; ') || 'no other is configured';
    const problem = `${lines.size} replicas cosigned, ${region.quorum} have to; ${why}`;
    if (region.problem === null && !signal.aborted) logger.warn({ region: region.id, problem }, 'region does not cosign');
    region.problem = problem;
  }

  /** Resolves when the quorum is there, or when it can't come any more. */
  function runRound(round: Round, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let left = regions.length;
      const settle = (): void => {
        left -= 1;
        if (round.lines.size >= trust.witnessQuorum || left === 0) resolve();
      };
      for (const region of regions) {
        void (async () => {
          // An earlier round's request to this region may still be under way: its replicas are asked one thing at a time.
          while (region.asking !== null) await region.asking;
          if (!round.open) return;
          region.asking = askRegion(region, round, signal);
          await region.asking;
          region.asking = null;
        })().finally(settle);
      }
    });
  }

  /** After a failure the pause is kept, however much is committed meanwhile. */
  let resting = false;

  async function step(signal: AbortSignal): Promise<number> {
    resting = false;
    const size = options.size();
    if (witnessed !== null && enough && witnessed.size === size) return Infinity;
    options.onRound();
    const root = await store.rootAt(size);
    const note = await signCheckpoint({ origin: signer.name, size, root }, signer);
    const round: Round = { size, note, lines: new Map(), open: true };
    await runRound(round, signal);
    round.open = false;
    if (signal.aborted) return 0;
    if (round.lines.size < trust.witnessQuorum) {
      throw new Problem(503, 'no-witnesses', `${round.lines.size} of ${trust.witnessQuorum} regions cosigned size ${size}`);
    }
    const next = { size, note: addSignatures(round.note, [...round.lines.values()]) };
    await store.setWitnessed(next.size, next.note);
    witnessed = next;
    enough = true;
    backoff.reset();
    options.onWitnessed(next);
    return 0;
  }

  const loop = startLoop(step, (error) => {
    if (!(error instanceof Problem)) logger.warn({ err: error }, 'witnessing failed');
    resting = true;
    return backoff.next();
  });

  return {
    wake() {
      if (!resting) loop.wake();
    },
    witnessed: () => witnessed,
    regions: () => regions.map((r) => ({ region: r.id, size: r.cosigned, problem: r.problem })),
    async stop() {
      await loop.stop();
      await Promise.all(regions.map((r) => r.asking));
    },
  };
}

/** Whether a checkpoint of ours has the cosignatures that trust.json asks for. */
function isWitnessed(note: string, trust: WitnessOptions['trust']): boolean {
  const keys = [...trust.regions.values()].flatMap((r) => r.replicas);
  const lines = note.slice(note.lastIndexOf('\n\n') + 2);
  return witnessedBy(trust, validSignatures(note, lines, keys).map((s) => s.verifier.name)).length >= trust.witnessQuorum;
}
