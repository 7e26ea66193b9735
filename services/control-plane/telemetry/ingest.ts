/** Takes telemetry from the regions: verifies every signature again, stores each delta once, and acknowledges it to its node. */
import { EncodingError, Problem } from '../../protocol/index.ts';
import { addSums, checkSum, DELTAS_MAX, emptySums, openDelta, signAcknowledgement, type Delta, type Signed, type Sums } from '../../telemetry/index.ts';
import { NoteError, type Signer, type Trust } from '../../transparency/index.ts';
import type { Incident, LedgerStore } from '../store.ts';
import { ConflictError, type TelemetryStore } from './store.ts';

export interface TelemetryRequest {
  readonly region: string;
  /** The region's signed sum of the deltas, in their order. */
  readonly sum: string;
  readonly deltas: readonly string[];
}

export interface Ingest {
  /** @returns the signed acknowledgement @throws Problem */
  take(request: TelemetryRequest): Promise<string>;
  /** The last delta of each node that came in this life. */
  readonly latest: ReadonlyMap<string, Latest>;
  /** By region: what came in this life. */
  readonly received: ReadonlyMap<string, Sums>;
}

export interface Latest {
  readonly delta: Pick<Delta, 'node' | 'region' | 'seq' | 'from' | 'to' | 'gauges'>;
  readonly sums: Sums;
  readonly receivedAt: number;
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
  const received = new Map<string, Sums>();

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
    const incident = { at: o.now(), kind: 'telemetry-conflict', detail: conflict.message, scope: `site:${conflict.node}` };
    await o.ledger.keepEvidence(incident, Buffer.from(conflict.notes.join('\n')), true);
    o.onIncident(incident);
    return new Problem(409, 'telemetry-conflict', `${conflict.message}; both are kept as evidence`, { node: conflict.node, seq: conflict.seq });
  }

  return {
    latest, received,
    async take(request) {
      const deltas = opened(request);
      const receivedAt = o.now();
      let fresh: readonly Delta[];
      try {
        fresh = store.add(deltas, { region: request.region, note: request.sum }, receivedAt);
      } catch (error) {
        throw error instanceof ConflictError ? await keep(error) : error;
      }
      let sums = received.get(request.region);
      if (sums === undefined) received.set(request.region, sums = emptySums());
      for (const d of fresh) {
        addSums(sums, d.sums);
        if ((latest.get(d.node)?.delta.seq ?? 0) < d.seq) {
          const { node, region, seq, from, to, gauges } = d;
          latest.set(d.node, { delta: { node, region, seq, from, to, gauges }, sums: d.sums, receivedAt });
        }
      }
      if (fresh.length > 0) o.onDeltas?.();
      const nodes = [...new Set(deltas.map((d) => d.value.node))];
      return signAcknowledgement(trust.origin, Object.fromEntries(nodes.map((node) => [node, store.progress(node)?.contiguous ?? 0])), o.signer);
    },
  };
}
