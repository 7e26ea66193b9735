/**
 * One settlement is one trace: how its context comes in (W3C Trace Context, header `traceparent`), stands in the decision's log
 * entry, and becomes the ids of spans.
 *
 * Only signed logs travel between the tiers, so the context travels in the entry, and each tier derives the ids of spans, its own
 * and those of the tiers below, from it: nobody has to be told them, and a span that is told again after a restart is the same span.
 */
import { hash } from 'node:crypto';
import { TRACEPARENT_PATTERN } from './grammar.ts';
import type { DecisionEntry } from './types.ts';

/** Of whoever asks: what a `traceparent` says. */
export interface TraceContext {
  /** 32 hex digits, not all zero. */
  readonly traceId: string;
  /** The caller's span: 16 hex digits, not all zero. */
  readonly spanId: string;
  readonly sampled: boolean;
}

/** The trace that a log entry names. */
export interface SettlementTrace {
  readonly traceId: string;
  /** The span `settle` of the edge node, which all other spans of the settlement are below. */
  readonly settleId: string;
  /** The client's span, or null where the node itself chose to follow the settlement. */
  readonly parentId: string | null;
}

const HEADER = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const INVALID = /^0+$/;
const SAMPLED = 1;

/**
 * W3C Trace Context, section 3.2 and 4.3: what is malformed is as if it were not there, and a version that is not known yet is read as
 * far as version 00 goes.
 */
export function parseTraceparent(header: unknown): TraceContext | null {
  if (typeof header !== 'string') return null;
  const found = HEADER.exec(header);
  if (found === null) return null;
  const [, version, traceId, spanId, flags, more] = found as unknown as [string, string, string, string, string, string | undefined];
  if (version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (INVALID.test(traceId) || INVALID.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** @param parentId the caller's span, 16 hex digits */
export const formatTraceparent = (traceId: string, parentId: string): string => `00-${traceId}-${parentId}-01`;

/** Never all zero, which would be no id. */
const nonZero = (hex: string): string => (INVALID.test(hex) ? `${hex.slice(0, -1)}1` : hex);

/** @param about what tells this span from the others of its trace, such as the settlement's id and the span's name */
export const spanIdOf = (traceId: string, ...about: readonly string[]): string =>
  nonZero(hash('sha256', ['tidemark span v1', traceId, ...about].join('\n')).slice(0, 16));

const settleIdOf = (traceId: string, id: string): string => spanIdOf(traceId, id, 'settle');

const whole = new RegExp(TRACEPARENT_PATTERN);

/**
 * @param id of the settlement
 * @throws Error when `trace` is not what an entry may hold
 */
export function readTrace(trace: string, id: string): SettlementTrace {
  if (!whole.test(trace)) throw new Error(`trace: expected a sampled W3C traceparent of version 00, got ${JSON.stringify(trace.slice(0, 64))}`);
  const traceId = trace.slice(3, 35);
  const parentId = trace.slice(36, 52);
  const settleId = settleIdOf(traceId, id);
  return { traceId, settleId, parentId: parentId === settleId ? null : parentId };
}

export const PARTS_PER_MILLION = 1_000_000;

/** 56 bits are what the last 14 digits of a trace id hold. */
const RANDOM_DIGITS = 14;
const RANDOM_VALUES = 2n ** 56n;

/**
 * Follows a share of all settlements. Which ones depends on the id alone, so that a repetition at any node gets the same answer; the
 * decision is OpenTelemetry's consistent probability sampling (the last 56 bits of the trace id against a threshold).
 *
 * @param partsPerMillion 0 to 1,000,000
 * @returns what belongs into the entry of a settlement, or undefined when it is not followed; undefined when none is
 */
export function createSampler(partsPerMillion: number): ((id: string) => string | undefined) | undefined {
  if (partsPerMillion === 0) return undefined;
  const threshold = (RANDOM_VALUES - RANDOM_VALUES * BigInt(partsPerMillion) / BigInt(PARTS_PER_MILLION)).toString(16).padStart(RANDOM_DIGITS, '0');
  return (id) => {
    const traceId = nonZero(hash('sha256', `tidemark trace v1\n${id}`).slice(0, 32));
    // Digits of one length compare as the numbers that they are.
    return traceId.slice(-RANDOM_DIGITS) < threshold ? undefined : formatTraceparent(traceId, settleIdOf(traceId, id));
  };
}

/** The trace id that an entry names. */
export const traceIdOf = ({ trace }: Pick<DecisionEntry, 'trace'>): string | undefined => trace?.slice(3, 35);
