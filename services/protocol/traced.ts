/** Finds the settlements in a bundle of decisions that are followed by a trace, at no cost where there are none. */
import { decodeDecision } from './encoding.ts';
import { EncodingError } from './errors.ts';
import { readTrace, type SettlementTrace } from './trace.ts';
import type { DecisionEntry } from './types.ts';

/** Looked at in one go; hashing and reading these takes some milliseconds, whoever sends what. */
export const TRACED_MAX = 1_024;

export interface Traced {
  /** Place in the bundle, from 0. */
  readonly place: number;
  readonly entry: DecisionEntry;
  readonly trace: SettlementTrace;
}

export interface TracedList {
  readonly traced: readonly Traced[];
  /** Entries looked at, followed or not. */
  readonly looked: number;
  /** There are more than were looked at; how many was not counted. */
  readonly isCut: boolean;
}

const NONE: TracedList = { traced: [], looked: 0, isCut: false };
/** No string in an entry can hold a quote, so this stands where the field is, or in an entry that is none. The longer, the faster it is searched for. */
const FIELD = Buffer.from(',"trace":"00-');

/** Whether it is worth a look. */
export const holdsTrace = (bytes: Uint8Array): boolean => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(FIELD);

/**
 * One native search over all bytes; entries are only read where it finds something.
 *
 * @param bundle entries in the bundle encoding of tlog-tiles; what is no decision, or cut off, counts as not followed
 * @param most entries to look at
 */
export function findTraced(bundle: Uint8Array, most = TRACED_MAX): TracedList {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  let hit = bytes.indexOf(FIELD);
  if (hit < 0) return NONE;
  const traced: Traced[] = [];
  let looked = 0;
  let place = 0;
  for (let offset = 0; offset + 2 <= bytes.byteLength; place += 1) {
    const start = offset + 2;
    offset = start + bytes.readUInt16BE(offset);
    if (hit >= offset) continue;
    // Bounded by entries looked at, not by those that are in order.
    if (looked === most) return { traced, looked, isCut: true };
    looked += 1;
    const entry = read(bytes.subarray(start, offset));
    if (entry?.trace !== undefined) traced.push({ place, entry, trace: readTrace(entry.trace, entry.instruction.id) });
    hit = bytes.indexOf(FIELD, offset);
    if (hit < 0) break;
  }
  return { traced, looked, isCut: false };
}

function read(bytes: Uint8Array): DecisionEntry | null {
  try {
    return decodeDecision(bytes);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    return null;
  }
}
