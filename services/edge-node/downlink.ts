/**
 * Brings down what became of the node's entries: their place in the region's order, and their outcomes. Nothing of it is
 * believed without its proof: the order under a checkpoint that a quorum of replicas cosigned, the outcomes under a global
 * checkpoint that the regions witnessed.
 */
import {
  decodeBatch, decodeOutcomes, EncodingError, type Frame, type OutcomeEntry,
} from '../protocol/index.ts';
import { createBackoff, startLoop, type HttpClient, type Logger, type Loop } from '../shell/index.ts';
import {
  bundleLeafHashes, hashLeaf, NoteError, openCheckpointWithQuorum, ProofError, verifyInclusion, verifyRange, witnessedBy, type Trust,
} from '../transparency/index.ts';
import type { Link } from './link.ts';
import type { OutcomeRange } from './store.ts';

export interface ProvenOutcomes {
  readonly range: OutcomeRange;
  readonly outcomes: readonly OutcomeEntry[];
}

export interface DownlinkOptions {
  readonly node: string;
  readonly region: string;
  readonly trust: Trust;
  readonly link: Link;
  readonly http: HttpClient;
  readonly logger: Logger;
  readonly now: () => number;
  /** Long-poll wait, milliseconds. */
  readonly waitMs: number;
  readonly orderedSize: () => number;
  readonly finalSize: () => number;
  readonly logSize: () => number;
  readonly halted: () => boolean;
  /** The replica at this URL says that it has so much of the log; nothing proves that. */
  readonly onAccepted: (size: number, url: string) => void;
  /** A quorum of the region has cosigned more of the log than there is: this disk has lost some. */
  readonly onRolledBack: (detail: string) => void;
  readonly onOrdered: (size: number) => void;
  /** @param askedAt when the exchange that brought them began */
  readonly onOutcomes: (proven: readonly ProvenOutcomes[], askedAt: number) => void;
  /** Somebody above sends what does not verify. */
  readonly onLie: (detail: string) => void;
}

const base64List = (value: unknown, name: string): Uint8Array[] => {
  if (!Array.isArray(value) || value.length > 200 || !value.every((v) => typeof v === 'string' && v.length === 44)) {
    throw new EncodingError(`${name}: expected a list of hashes in base64`);
  }
  return value.map((v: string) => Buffer.from(v, 'base64'));
};
const natural = (value: unknown, name: string): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new EncodingError(`${name}: expected a non-negative integer, got ${JSON.stringify(value) ?? 'nothing'}`);
  return value;
};
const string = (value: unknown, name: string): string => {
  if (typeof value !== 'string') throw new EncodingError(`${name}: expected text`);
  return value;
};
const object = (value: unknown, name: string): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new EncodingError(`${name}: expected an object`);
  return value as Record<string, unknown>;
};

/** @throws ProofError, EncodingError when the answer does not prove that the node's log is ordered up to the returned size */
export function verifyOrdered(value: unknown, node: string, region: string, trust: Trust): number {
  const ordered = object(value, 'ordered');
  const r = trust.regions.get(region);
  if (r === undefined) throw new EncodingError(`region ${region} is not in trust.json`);
  const text = string(ordered['entry'], 'ordered.entry');
  const checkpoint = openCheckpointWithQuorum(string(ordered['checkpoint'], 'ordered.checkpoint'), r.log, r.replicas, r.quorum);
  if (checkpoint.origin !== r.log.name) throw new ProofError(`ordered.checkpoint: origin ${checkpoint.origin}, expected ${r.log.name}`);
  verifyInclusion(hashLeaf(Buffer.from(text)), natural(ordered['index'], 'ordered.index'), checkpoint.size, base64List(ordered['proof'], 'ordered.proof'), checkpoint.root);
  const entry = decodeBatch(text);
  if (entry.node !== node) throw new ProofError(`ordered.entry: is of node ${entry.node}`);
  return entry.size;
}

/** @throws ProofError, EncodingError when an outcome is not proven to be in the witnessed global log */
export function verifyOutcomes(frame: Frame<Record<string, unknown>>, node: string, from: number, trust: Trust, now: number): ProvenOutcomes[] {
  const list = frame.header['outcomes'];
  if (!Array.isArray(list)) throw new EncodingError('outcomes: expected a list');
  if (list.length === 0) return [];
  if (list.length !== frame.parts.length) throw new EncodingError(`outcomes: ${list.length} ranges, but ${frame.parts.length} parts`);
  const note = string(frame.header['checkpoint'], 'checkpoint');
  const replicas = [...trust.regions.values()].flatMap((r) => r.replicas);
  const checkpoint = openCheckpointWithQuorum(note, trust.global, replicas, 0);
  const witnesses = witnessedBy(trust, checkpoint.cosigners);
  if (checkpoint.origin !== trust.global.name) throw new ProofError(`checkpoint: origin ${checkpoint.origin}, expected ${trust.global.name}`);
  if (witnesses.length < trust.witnessQuorum) throw new ProofError(`checkpoint: witnessed by ${witnesses.length} regions, ${trust.witnessQuorum} are needed`);
  let next = from;
  return list.map((item: unknown, k) => {
    const o = object(item, `outcomes[${k}]`);
    const entries = frame.parts[k]!;
    const range: OutcomeRange = {
      from: natural(o['from'], 'from'), to: natural(o['to'], 'to'), start: natural(o['start'], 'start'),
      proof: base64List(o['proof'], 'proof'), entries, checkpoint: note, at: now,
    };
    if (range.from !== next || range.to <= range.from) throw new ProofError(`outcomes[${k}]: covers ${range.from} to ${range.to}, expected it to begin at ${next}`);
    next = range.to;
    const { count, hashes } = bundleLeafHashes(entries);
    if (count !== range.to - range.from) throw new ProofError(`outcomes[${k}]: ${count} entries for ${range.to - range.from} settlements`);
    verifyRange(hashes, range.start, checkpoint.size, range.proof, checkpoint.root);
    const outcomes = decodeOutcomes(entries);
    outcomes.forEach((outcome, i) => {
      if (outcome.node !== node || outcome.index !== range.from + i) {
        throw new ProofError(`outcomes[${k}]: global entry ${range.start + i} is not the outcome of this node's entry ${range.from + i}`);
      }
    });
    return { range, outcomes };
  });
}

export function startDownlink(o: DownlinkOptions): Loop {
  const backoff = createBackoff(50, 2_000);
  return startLoop(async (signal) => {
    if (o.halted()) return Infinity;
    const url = o.link.url();
    const final = o.finalSize();
    const askedAt = o.now();
    try {
      const frame = await o.http.frame(`${url}/v1/nodes/${o.node}/down?ordered=${o.orderedSize()}&final=${final}&wait=${o.waitMs}`, {
        timeoutMs: o.waitMs + 5_000, signal,
      });
      const { accepted, ordered } = frame.header;
      const proven = verifyOutcomes(frame, o.node, final, o.trust, o.now());
      if (ordered !== null && ordered !== undefined) {
        const size = verifyOrdered(ordered, o.node, o.region, o.trust);
        if (size > o.logSize()) {
          o.onRolledBack(`a quorum of the region has cosigned ${size} entries of this node's log, the node itself has only ${o.logSize()}: its disk lost some`);
          return Infinity;
        }
        if (size > o.orderedSize()) o.onOrdered(size);
      }
      if (proven.length > 0) o.onOutcomes(proven, askedAt);
      o.onAccepted(natural(accepted, 'accepted'), url);
      backoff.reset();
      return 0;
    } catch (error) {
      if (signal.aborted) throw error;
      o.link.failed(url);
      if (error instanceof ProofError || error instanceof NoteError || error instanceof EncodingError) o.onLie(`${url}: ${error.message}`);
      throw error;
    }
  }, (error) => {
    o.logger.debug({ err: error }, 'downlink: no word from the region');
    return backoff.next();
  });
}
