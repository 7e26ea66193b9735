/**
 * What the edge node tells of a settlement's trace: which settlements are followed, and the spans `settle` (request to answer) with
 * `queue`, `decide` and `commit` in it, then `await order` and `await outcome`. Deciding never waits for any of it.
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  createSampler, formatTraceparent, parseTraceparent, Problem, readTrace, spanIdOf, type OutcomeEntry, type SettlementTrace,
  type TraceContext,
} from '../protocol/index.ts';
import { createAllowance, createUnderWay, type Attributes, type Metric, type SpanLink, type Tracer } from '../shell/index.ts';
import type { Decided, TracedCommit } from './intake.ts';

/** Followed settlements without outcome that are remembered; an outage fills this, and what comes then has no `await` spans. */
const UNDER_WAY_MAX = 10_000;
/** `await order` and `await outcome`. */
const AWAITED = 2;
/** `queue`, `decide` and `commit`. */
const DECIDED = 3;
const ROUTE: Attributes = { 'http.request.method': 'POST', 'http.route': '/v1/settlements' };

type TracedDecision = TracedCommit['traced'][number];

/** A request whose sender follows it, and may. */
export interface Followed extends TraceContext {
  readonly receivedAt: number;
}

interface UnderWay extends SettlementTrace {
  readonly index: number;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  orderedAt: number | null;
}

export interface EdgeTracing {
  /** What stands in the entry of a settlement whose sender does not follow it; undefined when none is followed. */
  readonly sample: ((id: string) => string | undefined) | undefined;
  /** Null when the sender does not follow this request, or too many do. */
  readonly followed: (headers: IncomingHttpHeaders, receivedAt: number) => Followed | null;
  /** A commit with followed settlements is on disk. */
  readonly decided: (commit: TracedCommit) => void;
  /** One settlement was answered. */
  readonly answered: (followed: Followed | null, decided: Decided, receivedAt: number, status: number) => void;
  /** A batch was answered. */
  readonly batchAnswered: (followed: Followed | null, decided: readonly Decided[], receivedAt: number) => void;
  /** A followed request was answered with a problem, or nothing better. */
  readonly failed: (followed: Followed, error: unknown) => void;
  /** At start, in order: a settlement without outcome, received when it was decided. @param told its span `settle` was told in an earlier life */
  readonly resume: (decision: TracedDecision, orderedAt: number | null, told: boolean) => void;
  readonly orderedUpTo: (size: number, time: number) => void;
  /** Outcomes of the log's entries `from` .. on are proven. */
  readonly settled: (from: number, outcomes: readonly OutcomeEntry[], time: number) => void;
  readonly metrics: () => Metric[];
}

export interface EdgeTracingOptions {
  readonly node: string;
  readonly region: string;
  readonly tracer: Tracer;
  readonly now: () => number;
  /** Of settlements that nobody follows, the node follows so many in a million. */
  readonly partsPerMillion: number;
  /** Requests whose sender may follow them, each second. */
  readonly clientsPerSecond: number;
}

export function createEdgeTracing(o: EdgeTracingOptions): EdgeTracing {
  const { tracer, now } = o;
  const underWay = createUnderWay<UnderWay>(UNDER_WAY_MAX);
  const allowance = createAllowance(o.clientsPerSecond);
  let ignored = 0;
  const site: Attributes = { 'tidemark.node': o.node, 'tidemark.region': o.region };

  function child(of: SettlementTrace, id: string, name: string, start: number, end: number, attributes: Attributes = {}): string {
    const spanId = spanIdOf(of.traceId, id, name);
    tracer.tell({
      traceId: of.traceId, spanId, parentId: of.settleId, name, kind: 'internal', start, end,
      attributes: { 'tidemark.settlement.id': id, ...attributes },
    });
    return spanId;
  }

  const decisionOf = ({ entry, index }: Pick<TracedDecision, 'entry' | 'index'>): Attributes => {
    const { instruction, decision } = entry;
    return {
      ...site, 'tidemark.settlement.id': instruction.id, 'tidemark.asset': instruction.asset, 'tidemark.log.index': index,
      'tidemark.state': decision.result === 'refused' ? 'rejected' : 'provisional', 'tidemark.mode': decision.mode,
      ...(decision.reason === undefined ? {} : { 'tidemark.reason': decision.reason }),
    };
  };

  /** The span that all others of a settlement are below. */
  function tellSettle(d: Pick<TracedDecision, 'entry' | 'index'>, start: number, end: number, attributes: Attributes, links: readonly SpanLink[] = []): void {
    const { id } = d.entry.instruction;
    const { traceId, settleId, parentId } = readTrace(d.entry.trace!, id);
    tracer.tell({
      traceId, spanId: settleId, parentId, isRemote: parentId !== null, name: 'settle', kind: 'server', start, end,
      attributes: { ...attributes, ...decisionOf(d) }, ...(links.length === 0 ? {} : { links }),
    });
    tracer.step('decided', { traceId, spanId: settleId, settlement: id }, { state: d.entry.decision.result, reason: d.entry.decision.reason });
  }

  /** A request that is followed and decided nothing new: told in its sender's trace, under an id of its own. */
  function tellRequest(f: Followed, name: string, attributes: Attributes, links: readonly SpanLink[] = [], error?: string): string {
    const spanId = spanIdOf(f.traceId, f.spanId, name, String(f.receivedAt));
    tracer.tell({
      traceId: f.traceId, spanId, parentId: f.spanId, isRemote: true, name, kind: 'server', start: f.receivedAt, end: now(),
      attributes: { ...ROUTE, ...site, ...attributes }, ...(links.length === 0 ? {} : { links }), ...(error === undefined ? {} : { error }),
    });
    return spanId;
  }

  const linkTo = ({ entry }: Pick<Decided, 'entry'>): SpanLink[] => {
    if (entry.trace === undefined) return [];
    const { traceId, settleId } = readTrace(entry.trace, entry.instruction.id);
    return [{ traceId, spanId: settleId }];
  };

  return {
    sample: createSampler(o.partsPerMillion),
    followed(headers, receivedAt) {
      if (headers['traceparent'] === undefined) return null;
      const context = parseTraceparent(headers['traceparent']);
      if (context?.sampled !== true) return null;
      if (allowance.take(receivedAt)) return { ...context, receivedAt };
      ignored += 1;
      return null;
    },
    decided({ startedAt, decidedAt, committedAt, traced }) {
      if (!tracer.isHeard()) return;
      for (const { entry, index, receivedAt } of traced) {
        const { id } = entry.instruction;
        const trace = readTrace(entry.trace!, id);
        tracer.soon(DECIDED, () => {
          child(trace, id, 'queue', Math.min(receivedAt, startedAt), startedAt);
          child(trace, id, 'decide', startedAt, decidedAt, { 'tidemark.connected': entry.inputs.connected });
          child(trace, id, 'commit', decidedAt, committedAt, { 'tidemark.log.index': index });
        });
        if (!underWay.add({ ...trace, index, id, since: committedAt, orderedAt: null })) tracer.dropped(AWAITED);
      }
    },
    answered(followed, decided, receivedAt, status) {
      const isNew = !decided.repeated && decided.entry.trace !== undefined;
      if (isNew) {
        const answeredAt = now();
        tracer.soon(1, () => tellSettle(decided, receivedAt, answeredAt, { ...ROUTE, 'http.response.status_code': status }));
      } else if (followed !== null) {
        tellRequest(followed, 'settle', { 'http.response.status_code': status, 'tidemark.settlement.id': decided.entry.instruction.id }, linkTo(decided));
      }
    },
    batchAnswered(followed, decided, receivedAt) {
      const links: SpanLink[] = followed === null ? []
        : [{ traceId: followed.traceId, spanId: tellRequest(followed, 'settle batch', { 'http.response.status_code': 200, 'tidemark.batch.size': decided.length }) }];
      const answeredAt = now();
      for (const d of decided) {
        if (d.entry.trace !== undefined && !d.repeated) tracer.soon(1, () => tellSettle(d, receivedAt, answeredAt, ROUTE, links));
      }
    },
    failed(followed, error) {
      const { status, code } = error instanceof Problem ? error : { status: 500, code: 'internal' };
      tellRequest(followed, 'settle', { 'http.response.status_code': status, 'error.type': code }, [], status >= 500 ? code : undefined);
    },
    resume(decision, orderedAt, told) {
      const { entry, index, receivedAt } = decision;
      const { id } = entry.instruction;
      // A life that ended in a kill may not have come to tell it; the id is the same, so it is one span in any case.
      if (!told) tracer.soon(1, () => tellSettle(decision, receivedAt, receivedAt, { ...ROUTE, 'tidemark.resumed': true }));
      if (!underWay.add({ ...readTrace(entry.trace!, id), index, id, since: receivedAt, orderedAt })) tracer.dropped(AWAITED);
    },
    orderedUpTo(size, time) {
      const all = underWay.all();
      // What is ordered stands at the front: only the others are looked at.
      for (let place = all.length - 1; place >= 0; place -= 1) {
        const u = all[place]!;
        if (u.orderedAt !== null) break;
        if (u.index >= size) continue;
        u.orderedAt = time;
        tracer.soon(1, () => {
          const spanId = child(u, u.id, 'await order', u.since, time);
          tracer.step('ordered', { traceId: u.traceId, spanId, settlement: u.id });
        });
      }
    },
    settled(from, outcomes, time) {
      for (const u of underWay.before(from + outcomes.length)) {
        const outcome = outcomes[u.index - from];
        if (outcome === undefined) continue;
        const { status, reason, duplicateOf } = outcome;
        tracer.soon(1, () => {
          const spanId = child(u, u.id, 'await outcome', u.orderedAt ?? u.since, time, {
            'tidemark.state': status, ...(reason === undefined ? {} : { 'tidemark.reason': reason }),
            ...(duplicateOf === undefined ? {} : { 'tidemark.duplicate_of': duplicateOf }),
          });
          tracer.step('outcome known', { traceId: u.traceId, spanId, settlement: u.id }, { state: status, reason });
        });
      }
    },
    metrics: () => [
      ...tracer.metrics(),
      {
        name: 'tidemark_edge_traceparents_ignored_total', type: 'counter',
        help: 'Requests whose sender wanted them followed, but too many did in that second.', samples: [{ value: ignored }],
      },
    ],
  };
}

/** What stands in the entry of a settlement whose sender follows it. */
export const traceOf = (followed: Followed): string => formatTraceparent(followed.traceId, followed.spanId);
