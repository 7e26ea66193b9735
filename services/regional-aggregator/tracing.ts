/**
 * What a replica tells of a settlement's trace: the span `order`, from the receipt of its batch until a quorum has agreed on its place,
 * with `publish` (only where the batch came in), `replay` and `cosign` in it. Every replica does its own work, so each has spans of its
 * own. Nothing waits for any of it.
 */
import { findTraced, holdsTrace, spanIdOf, TRACED_MAX, type BatchEntry, type SettlementTrace } from '../protocol/index.ts';
import { createUnderWay, type Attributes, type Metric, type Tracer } from '../shell/index.ts';
import { parseBatch } from './core/batch.ts';

/** Followed settlements whose order is not agreed upon. */
const UNDER_WAY_MAX = 10_000;
/** Batches between their receipt and their replay. */
const RECEIVED_MAX = 256;
/** `order`, `replay`, `cosign`. */
const SPANS = 3;

/** Milliseconds since 1970, all of them. */
interface Receipt {
  readonly receivedAt: number;
  readonly publishedFrom: number;
  publishedAt: number | null;
}

/** A message of the stream that was taken into the region's log. */
export interface Replayed {
  readonly message: Uint8Array;
  readonly entry: BatchEntry;
  /** Place in the region's log. */
  readonly index: number;
  /** As `Ingress` calls it. */
  readonly id: string;
  readonly startedAt: number;
  readonly committedAt: number;
}

interface UnderWay extends Omit<Replayed, 'message'> {
  readonly settlement: string;
  readonly trace: SettlementTrace;
  readonly receipt: Receipt | null;
}

export interface RegionTracing {
  /** A batch is about to be published. @returns to be called when it is */
  readonly publishing: (id: string, receivedAt: number) => (() => void);
  /** Messages were committed. */
  readonly replayed: (messages: readonly Replayed[]) => void;
  /** A quorum has cosigned the region's log at this size. */
  readonly reached: (size: number) => void;
  readonly metrics: () => Metric[];
}

export interface RegionTracingOptions {
  readonly region: string;
  /** `eu/1`, as people name it. */
  readonly replica: string;
  readonly tracer: Tracer;
  readonly now: () => number;
}

export function createRegionTracing({ region, replica, tracer, now }: RegionTracingOptions): RegionTracing {
  const received = new Map<string, Receipt>();
  const underWay = createUnderWay<UnderWay>(UNDER_WAY_MAX);

  function tell(u: UnderWay, reachedAt: number): void {
    const { settlement: id, trace: { traceId, settleId } } = u;
    const spanId = (name: string): string => spanIdOf(traceId, id, name, replica);
    const common: Attributes = { 'tidemark.settlement.id': id, 'tidemark.region': region };
    const child = (name: string, start: number, end: number, attributes: Attributes): void => tracer.tell({
      traceId, spanId: spanId(name), parentId: spanId('order'), name, kind: 'internal', start, end, attributes: { ...common, ...attributes },
    });
    // A replica that did not take the batch in hears of it by the stream, whose time says when.
    const start = Math.min(u.receipt?.receivedAt ?? u.entry.at, u.startedAt);
    tracer.tell({
      traceId, spanId: spanId('order'), parentId: settleId, isRemote: true, name: 'order', kind: 'consumer', start, end: reachedAt,
      attributes: { ...common, 'tidemark.node': u.entry.node, 'tidemark.batch.size': u.entry.size - u.entry.from, 'tidemark.log.index': u.index },
    });
    if (u.receipt !== null) child('publish', u.receipt.publishedFrom, u.receipt.publishedAt ?? u.startedAt, { 'tidemark.stream.seq': u.entry.seq });
    child('replay', u.startedAt, u.committedAt, { 'tidemark.stream.seq': u.entry.seq });
    child('cosign', u.committedAt, reachedAt, {});
    tracer.step('ordered', { traceId, spanId: spanId('order'), settlement: id });
  }

  return {
    publishing(id, receivedAt) {
      const receipt: Receipt = { receivedAt, publishedFrom: now(), publishedAt: null };
      received.set(id, receipt);
      if (received.size > RECEIVED_MAX) received.delete(received.keys().next().value!);
      return () => {
        receipt.publishedAt = now();
      };
    },
    replayed(messages) {
      // Of all these together, which the replica replays in one turn.
      let left = TRACED_MAX;
      for (const { message, ...at } of messages) {
        const receipt = received.get(at.id) ?? null;
        received.delete(at.id);
        if (!tracer.isHeard() || !holdsTrace(message)) continue;
        const { traced, looked, isCut } = findTraced(parseBatch(message).payload, left);
        left -= looked;
        if (isCut) tracer.dropped(SPANS);
        for (const t of traced) if (!underWay.add({ ...at, settlement: t.entry.instruction.id, trace: t.trace, receipt })) tracer.dropped(SPANS);
      }
    },
    reached(size) {
      const at = now();
      for (const u of underWay.before(size)) tracer.soon(SPANS, () => tell(u, at));
    },
    metrics: tracer.metrics,
  };
}
