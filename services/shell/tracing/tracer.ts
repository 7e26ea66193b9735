/**
 * Where spans go: some at a time into a request to the OTLP receiver. Whoever tells one never waits, and nothing is kept for long:
 * what becomes of the requests is the exporter's (its queue is bounded).
 */
import type { Metric } from '../metrics.ts';
import type { OtlpExporter } from '../otlp/export.ts';
import { OTLP_SCOPE, type Attributes } from '../otlp/json.ts';
import type { Logger } from '../run.ts';
import { encodeTraces, type Span } from './span.ts';

/** Spans of one request, and how long the first of them waits for more. OTEL_BSP_MAX_EXPORT_BATCH_SIZE's default; a fifth of its delay. */
const BATCH_SPANS = 512;
const BATCH_MS = 1_000;
/** Pieces of work that wait for their turn, and how many of them one turn has: some milliseconds, whatever is told. */
const WAITING_MAX = 10_000;
const TURN_PIECES = 64;

export interface Tracer {
  /** Whether spans or steps go anywhere: else nobody has to find out about them. */
  readonly isHeard: () => boolean;
  /**
   * Tells in a turn of its own, in the order of the calls: hashing and encoding never hold up what is told of, however much of it ends at once.
   * @param spans that `work` tells; they count as dropped when too much waits
   */
  readonly soon: (spans: number, work: () => void) => void;
  /** The span has ended. */
  readonly tell: (span: Span) => void;
  /** A step of a settlement's way, for the log: at debug level, with the ids that lead to its trace. */
  readonly step: (what: string, at: StepIds, more?: Readonly<Record<string, unknown>>) => void;
  /** Something that was to be told will not be: there was no room to remember it. */
  readonly dropped: (spans: number) => void;
  readonly metrics: () => Metric[];
  /** Does what waits at once, and hands it over; resolves when what becomes of it is known. */
  readonly flush: () => Promise<void>;
}

export interface StepIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly settlement: string;
}

export interface TracerOptions {
  /** What tells this process from others. */
  readonly resource: Attributes;
  /** Null: spans go nowhere, and log lines have their ids all the same. */
  readonly exporter: Pick<OtlpExporter, 'post'> | null;
  readonly logger: Pick<Logger, 'debug' | 'error' | 'isLevelEnabled'>;
  /** Calls back after so many milliseconds; returns how to call that off. @default - a timer that keeps no process alive */
  readonly later?: (work: () => void, ms: number) => () => void;
  /** Calls back when others have had their turn. @default - setImmediate */
  readonly next?: (work: () => void) => void;
}

const timer = (work: () => void, ms: number): (() => void) => {
  const handle = setTimeout(work, ms).unref();
  return () => clearTimeout(handle);
};

const immediate = (work: () => void): void => void setImmediate(work);

export function createTracer({ resource, exporter, logger, later = timer, next = immediate }: TracerOptions): Tracer {
  let waiting: Span[] = [];
  let callOff: (() => void) | null = null;
  let told = 0;
  let lost = 0;
  let pieces: (() => void)[] = [];

  const isHeard = (): boolean => exporter !== null || logger.isLevelEnabled('debug');

  /** What goes wrong here must not reach what is told of. */
  function work(piece: () => void): void {
    try {
      piece();
    } catch (error) {
      logger.error({ err: error }, 'a span could not be told');
    }
  }

  function turn(): void {
    pieces.splice(0, TURN_PIECES).forEach(work);
    if (pieces.length > 0) next(turn);
  }

  async function send(): Promise<void> {
    callOff?.();
    callOff = null;
    if (waiting.length === 0) return;
    const spans = waiting;
    waiting = [];
    await exporter?.post('traces', encodeTraces(resource, OTLP_SCOPE, spans));
  }

  return {
    isHeard,
    soon(spans, piece) {
      if (!isHeard()) return;
      if (pieces.length >= WAITING_MAX) {
        lost += spans;
        return;
      }
      if (pieces.push(piece) === 1) next(turn);
    },
    tell(span) {
      if (exporter === null) return;
      told += 1;
      waiting.push(span);
      if (waiting.length >= BATCH_SPANS) void send();
      else callOff ??= later(() => void send(), BATCH_MS);
    },
    step(what, { traceId, spanId, settlement }, more) {
      if (logger.isLevelEnabled('debug')) logger.debug({ ...logIds(traceId, spanId), settlement, ...more }, what);
    },
    dropped(spans) {
      lost += spans;
    },
    metrics: () => [
      { name: 'tidemark_spans_total', type: 'counter', help: 'Spans handed to the OTLP exporter.', samples: [{ value: told }] },
      { name: 'tidemark_spans_dropped_total', type: 'counter', help: 'Spans that were not told, because too much was under way to remember it.', samples: [{ value: lost }] },
    ],
    async flush() {
      const all = pieces;
      pieces = [];
      all.forEach(work);
      await send();
    },
  };
}

/** The fields that lead from a log line to its trace: OpenTelemetry's "Trace Context in non-OTLP Log Formats". */
export const logIds = (traceId: string, spanId: string, flags = '01'): { readonly trace_id: string; readonly span_id: string; readonly trace_flags: string } =>
  ({ trace_id: traceId, span_id: spanId, trace_flags: flags });
