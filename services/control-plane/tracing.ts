/**
 * What the centre tells of a settlement's trace: the span `finalize`, from the receipt of its block until its outcome is witnessed, with
 * `apply` (the ledger's transaction) and `witness` in it. Nothing waits for any of it.
 */
import { spanIdOf, type SettlementTrace } from '../protocol/index.ts';
import { createUnderWay, type Attributes, type Metric, type Tracer } from '../shell/index.ts';

/** Followed settlements whose outcome is not witnessed. */
export const TRACES_UNDER_WAY_MAX = 10_000;
/** `finalize`, `apply`, `witness`. */
const SPANS = 3;

/** A followed settlement whose outcome was committed. */
export interface TracedOutcome {
  /** Of the outcome, in the global log. */
  readonly index: number;
  readonly id: string;
  readonly trace: SettlementTrace;
  readonly region: string;
  readonly node: string;
  readonly rejection: string | null;
  /** The block came in, its transaction began, and it was on disk. Milliseconds since 1970. */
  readonly receivedAt: number;
  readonly startedAt: number;
  readonly committedAt: number;
}

export interface CentreTracing {
  /** @param cut followed settlements beyond those that are remembered of one batch */
  readonly committed: (outcomes: readonly TracedOutcome[], cut?: number) => void;
  /** A round over everything committed begins. */
  readonly roundStarted: () => void;
  /** The global log is witnessed at this size. */
  readonly witnessed: (size: number) => void;
  readonly metrics: () => Metric[];
}

export function createCentreTracing(tracer: Tracer, now: () => number): CentreTracing {
  const underWay = createUnderWay<TracedOutcome>(TRACES_UNDER_WAY_MAX);
  let roundAt = 0;

  function tell(o: TracedOutcome, roundFrom: number, witnessedAt: number): void {
    const { trace: { traceId, settleId }, id } = o;
    const spanId = (name: string): string => spanIdOf(traceId, id, name);
    const common: Attributes = { 'tidemark.settlement.id': id, 'tidemark.region': o.region };
    const child = (name: string, start: number, end: number): void => tracer.tell({
      traceId, spanId: spanId(name), parentId: spanId('finalize'), name, kind: 'internal', start, end, attributes: common,
    });
    const state = o.rejection === null ? 'final' : 'rejected';
    const reason = o.rejection === null ? {} : { 'tidemark.reason': o.rejection };
    tracer.tell({
      traceId, spanId: spanId('finalize'), parentId: settleId, isRemote: true, name: 'finalize', kind: 'consumer', start: o.receivedAt, end: witnessedAt,
      attributes: { ...common, 'tidemark.node': o.node, 'tidemark.log.index': o.index, 'tidemark.state': state, ...reason },
    });
    child('apply', o.startedAt, o.committedAt);
    child('witness', Math.max(o.committedAt, roundFrom), witnessedAt);
    tracer.step(state, { traceId, spanId: spanId('finalize'), settlement: id }, o.rejection === null ? {} : { reason: o.rejection });
  }

  return {
    committed(outcomes, cut = 0) {
      if (!tracer.isHeard()) return;
      tracer.dropped(cut * SPANS);
      for (const o of outcomes) if (!underWay.add(o)) tracer.dropped(SPANS);
    },
    roundStarted() {
      roundAt = now();
    },
    witnessed(size) {
      const [at, from] = [now(), roundAt];
      for (const o of underWay.before(size)) tracer.soon(SPANS, () => tell(o, from, at));
    },
    metrics: tracer.metrics,
  };
}
