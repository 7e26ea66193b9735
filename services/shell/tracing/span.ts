/** Spans, and their form in OTLP: the JSON mapping of opentelemetry-proto, trace/v1, with ids in hex and 64-bit numbers as texts. */
import { encodeAttributes, encodeResource, nanos, type Attributes } from '../otlp/json.ts';

/** To a span of this process. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Span {
  /** 32 and 16 hex digits in lower case. */
  readonly traceId: string;
  readonly spanId: string;
  /** Null: the first of its trace. */
  readonly parentId: string | null;
  /** Whether the parent is another process's. @default false */
  readonly isRemote?: boolean;
  /** One of few: it is what spans are grouped by. */
  readonly name: string;
  readonly kind: keyof typeof KINDS;
  /** Milliseconds since 1970, with fractions. */
  readonly start: number;
  /** Not before `start`: a clock that was set back makes a span of no length. */
  readonly end: number;
  readonly attributes: Attributes;
  readonly links?: readonly SpanLink[];
  /** What went wrong here. What a client got wrong is no error of ours (semantic conventions for HTTP, "Status"). */
  readonly error?: string;
}

/** `SpanKind`. */
const KINDS = { internal: 1, server: 2, consumer: 5 } as const;
const STATUS_ERROR = 2;
/** `SpanFlags`: the W3C flags in the lowest byte, then whether the parent is known to be remote, and whether it is. */
const [FLAG_SAMPLED, FLAG_HAS_IS_REMOTE, FLAG_IS_REMOTE] = [0x1, 0x100, 0x200];

function encodeSpan(s: Span): object {
  return {
    traceId: s.traceId, spanId: s.spanId, ...(s.parentId === null ? {} : { parentSpanId: s.parentId }),
    flags: FLAG_SAMPLED | FLAG_HAS_IS_REMOTE | (s.isRemote === true ? FLAG_IS_REMOTE : 0),
    name: s.name, kind: KINDS[s.kind], startTimeUnixNano: nanos(s.start), endTimeUnixNano: nanos(Math.max(s.start, s.end)),
    attributes: encodeAttributes(s.attributes),
    ...(s.links === undefined ? {} : { links: s.links.map((link) => ({ ...link, attributes: [], flags: FLAG_SAMPLED | FLAG_HAS_IS_REMOTE })) }),
    status: s.error === undefined ? {} : { code: STATUS_ERROR, message: s.error },
  };
}

/** `ExportTraceServiceRequest`, as text. */
export const encodeTraces = (resource: Attributes, scope: { readonly name: string; readonly version: string }, spans: readonly Span[]): string =>
  JSON.stringify({ resourceSpans: [{ resource: encodeResource(resource), scopeSpans: [{ scope, spans: spans.map(encodeSpan) }] }] });
