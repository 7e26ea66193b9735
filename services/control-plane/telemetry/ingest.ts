/** Takes telemetry from the regions: verifies every signature again, stores each delta once, and acknowledges it to its node. */
import { EncodingError, Problem } from '../../protocol/index.ts';
import {
  checkSum, deltaIn, DELTAS_MAX, emptyHistogram, LAG_STAGES, merge, openDelta, signAcknowledgement, type Delta, type Histogram, type LagStage, type Signed,
} from '../../telemetry/index.ts';
import { NoteError, type Signer, type Trust } from '../../transparency/index.ts';
import type { Incident, LedgerStore } from '../store.ts';
import { ConflictError, RefusedError, type TelemetryStore } from './store.ts';

/**
 * By how much a node's clock may be ahead of the centre's. A node whose clock is further ahead keeps its deltas until it is not. Without a bound,
 * windows of the future would have room for more events than can be added up. Milliseconds.
 */
export const AHEAD_MAX = 86_400_000;
/** Of a node's contradictions one is kept as evidence in so long: one says it all, and more would drive out those of others. Milliseconds. */
const EVIDENCE_EVERY_MS = 3_600_000;

export interface TelemetryRequest {
  readonly region: string;
  /** The region's signed sum of the deltas, in their order. */
  readonly sum: string;
  readonly deltas: readonly string[];
}

export interface Ingest {
  /** @returns the signed acknowledgement @throws Problem */
  take(request: TelemetryRequest): Promise<string>;
  /** The last delta of each node, while it is kept. */
  readonly latest: ReadonlyMap<string, Latest>;
  /** By region: lag as it came in this life. */
  readonly received: ReadonlyMap<string, Readonly<Record<LagStage, Histogram>>>;
}

export interface Latest {
  readonly delta: Pick<Delta, 'node' | 'region' | 'seq' | 'from' | 'to' | 'gauges'>;
  /** Settlements decided in its window, and their lag on the whole way. */
  readonly decided: number;
  readonly whole: Histogram;
  readonly receivedAt: number;
}

function latestOf({ node, region, seq, from, to, gauges, sums }: Delta, receivedAt: number): Latest {
  return { delta: { node, region, seq, from, to, gauges }, decided: sums.counts.accepted + sums.counts.refused, whole: sums.lag.whole, receivedAt };
}

export interface IngestOptions {
  readonly trust: Trust;
  readonly signer: Signer;
  readonly store: TelemetryStore;
  readonly ledger: Pick<LedgerStore, 'keepEvidence'>;
  readonly onIncident: (incident: Incident) => void;
  /** Something new was counted. @default - nobody waits for it */
  readonly onDeltas?: () => void;
  readonly now: () => number;
}

export function createIngest(o: IngestOptions): Ingest {
  const { trust, store } = o;
  const latest = new Map<string, Latest>();
  const received = new Map<string, Readonly<Record<LagStage, Histogram>>>();
  const evidenceAt = new Map<string, number>();
  // How the sites stand does not begin anew with this service.
  for (const node of [...trust.regions.values()].flatMap((region) => [...region.nodes.keys()])) {
    const last = store.last(node);
    try {
      if (last !== undefined) latest.set(node, latestOf(deltaIn(last.note), last.receivedAt));
    } catch (error) {
      // From before something in it was refused: its next one says how it stands.
      if (!(error instanceof EncodingError)) throw error;
    }
  }

  function opened(request: TelemetryRequest): Signed<Delta>[] {
    const region = trust.regions.get(request.region);
    if (region === undefined) throw new Problem(403, 'unknown-region', `region ${request.region} is not in trust.json; it has ${[...trust.regions.keys()].join(', ')}`);
    if (request.deltas.length > DELTAS_MAX) throw new Problem(400, 'bad-delta', `deltas: at most ${DELTAS_MAX}, got ${request.deltas.length}`);
    try {
      const deltas = request.deltas.map((note) => openDelta(note, trust.origin, region.id, region.nodes));
      checkSum(request.sum, region.log, trust.origin, region.id, deltas.map((d) => d.value));
      return deltas;
    } catch (error) {
      if (error instanceof EncodingError) throw new Problem(400, 'bad-delta', error.message);
      if (error instanceof NoteError) throw new Problem(error.code === 'malformed' ? 400 : 403, 'bad-delta', error.message);
      throw error;
    }
  }

  async function keep(conflict: ConflictError): Promise<Problem> {
    const { node, seq, message } = conflict;
    const incident = { at: o.now(), kind: 'telemetry-conflict', detail: message, scope: `site:${node}` };
    const kept = evidenceAt.get(node);
    if (kept !== undefined && Math.abs(incident.at - kept) < EVIDENCE_EVERY_MS) {
      return new Problem(409, 'telemetry-conflict', `${message}; evidence that it contradicts itself is kept already`, { node, seq });
    }
    evidenceAt.set(node, incident.at);
    await o.ledger.keepEvidence(incident, Buffer.from(conflict.notes.join('\n')), true);
    o.onIncident(incident);
    return new Problem(409, 'telemetry-conflict', `${message}; both are kept as evidence`, { node, seq });
  }

  return {
    latest, received,
    async take(request) {
      const deltas = opened(request);
      const receivedAt = o.now();
      const ahead = deltas.find((d) => d.value.to > receivedAt + AHEAD_MAX);
      if (ahead !== undefined) {
        const { node, seq, to } = ahead.value;
        throw new Problem(422, 'clock-ahead', `delta ${seq} of ${node} is about a time up to ${to}, here it is ${receivedAt}: its clock, or this one, is wrong by more than a day; set it, and keep the delta`, { node, seq });
      }
      let fresh: readonly Delta[];
      try {
        fresh = store.add(deltas, { region: request.region, note: request.sum }, receivedAt);
      } catch (error) {
        if (error instanceof RefusedError) throw new Problem(422, 'bad-delta', error.message, { node: error.node });
        throw error instanceof ConflictError ? await keep(error) : error;
      }
      let lag = received.get(request.region);
      if (lag === undefined) received.set(request.region, lag = { provisional: emptyHistogram(), ordered: emptyHistogram(), final: emptyHistogram(), whole: emptyHistogram() });
      for (const d of fresh) {
        for (const stage of LAG_STAGES) merge(lag[stage], d.sums.lag[stage]);
        if ((latest.get(d.node)?.delta.seq ?? 0) < d.seq) latest.set(d.node, latestOf(d, receivedAt));
      }
      if (fresh.length > 0) o.onDeltas?.();
      const nodes = [...new Set(deltas.map((d) => d.value.node))];
      return signAcknowledgement(trust.origin, Object.fromEntries(nodes.map((node) => [node, store.progress(node)?.contiguous ?? 0])), o.signer);
    },
  };
}
