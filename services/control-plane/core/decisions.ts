/**
 * Reads the payload of a batch: an edge node's decision entries, thousands at a time, for the few fields the ledger needs.
 *
 * One expression holds the whole canonical form of a decision entry (RFC 8785 fixes the order of its fields, and none of
 * its strings can need escaping), so matching it is as strict as `decodeDecision` and several times faster. What it does
 * not match, for instance a balance of 19 digits, is put to `decodeDecision`, whose word is final.
 */
import { AMOUNT, ASSET, BALANCE_SHORT, ID, NATURAL, oneOf, POLICY_DIGEST, REFUSALS, TRACEPARENT } from '../../protocol/grammar.ts';
import { decodeDecision, EncodingError, type DecisionEntry, type RefusalReason } from '../../protocol/index.ts';

/** What one decision asks of the ledger. Texts, not numbers: they go into the outcome as they came. */
export interface Settlement {
  readonly id: string;
  readonly asset: string;
  readonly debit: string;
  readonly credit: string;
  /** Minor units, decimal. */
  readonly amount: string;
  /** Why the edge node refused it, or null when it accepted. */
  readonly refusal: RefusalReason | null;
}

/** A settlement that is followed. */
export interface Followed {
  /** Where it stands in the list of settlements. */
  readonly at: number;
  /** Of the settlement. */
  readonly id: string;
  /** As its entry has it. */
  readonly trace: string;
}

/** What an expression finds is a view that keeps all of the text alive that it was found in; these are remembered for longer than that. */
const copyOf = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

/** Where in a payload it went wrong: `entry` counts from 0 within the payload. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
  readonly entry: number;
  constructor(entry: number, message: string) {
    super(`payload entry ${entry}: ${message}`);
    this.entry = entry;
  }
}

const REASON = oneOf(REFUSALS);

const decision = new RegExp(
  `\\{"amount":"(${AMOUNT})","asset":"(${ASSET})","credit":"(${ID})","debit":"(${ID})","decidedAt":(${NATURAL}),"id":"(${ID})",`
  + `"inputs":\\{"connected":(?:true|false),"creditAsset":(?:"${ASSET}"|null),`
  + `"debit":(?:\\{"account":"${ID}","asOf":${NATURAL},"asset":"${ASSET}","balance":"${BALANCE_SHORT}",`
  + `"overdraft":(?:"${BALANCE_SHORT}"|null)\\}|null),`
  + `"debitAgeMs":${NATURAL},"offlineAccount":"${BALANCE_SHORT}","offlineNode":"${BALANCE_SHORT}","reserved":"${BALANCE_SHORT}"\\},`
  + `"mode":"(?:online|offline)","policy":"${POLICY_DIGEST}",(?:"reason":"(${REASON})","result":"refused"|"result":"provisional"),`
  + `(?:"trace":"(${TRACEPARENT})",)?"type":"decision","v":1\\}`, 'y');

/** A payload is turned into text in pieces of about this many bytes: one large string costs several times as much. */
const PIECE_BYTES = 32 * 1024;

/**
 * Appends the settlements of a payload to `out`.
 * @param payload a bundle that is not cut off
 * @param times gets when each was decided: milliseconds since 1970, by the node's clock
 * @param followed gets those that are
 * @throws PayloadError at the first entry that is not a canonical decision; `out` may hold those before it
 */
export function readDecisions(payload: Uint8Array, out: Settlement[], times: number[] = [], followed: Followed[] = []): void {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  let entry = 0;
  for (let begin = 0; begin < bytes.length;) {
    let end = begin;
    while (end < bytes.length && end - begin < PIECE_BYTES) end += 2 + (bytes[end]! << 8 | bytes[end + 1]!);
    // One character a byte, so that places in the text are places in the payload.
    const text = bytes.toString('latin1', begin, end);
    for (let offset = begin; offset < end; entry += 1) {
      const start = offset + 2;
      offset = start + (bytes[offset]! << 8 | bytes[offset + 1]!);
      decision.lastIndex = start - begin;
      const m = decision.exec(text);
      if (m !== null && decision.lastIndex === offset - begin) {
        out.push({
          id: m[6]!, asset: m[2]!, debit: m[4]!, credit: m[3]!, amount: m[1]!,
          refusal: m[7] === undefined ? null : m[7] as RefusalReason,
        });
        times.push(Number(m[5]));
        if (m[8] !== undefined) followed.push({ at: out.length - 1, id: copyOf(m[6]!), trace: copyOf(m[8]) });
      } else {
        const { instruction: s, decision: d, decidedAt, trace } = readSlowly(bytes.subarray(start, offset), entry);
        out.push({ id: s.id, asset: s.asset, debit: s.debitAccount, credit: s.creditAccount, amount: String(s.amount), refusal: d.reason ?? null });
        times.push(decidedAt);
        if (trace !== undefined) followed.push({ at: out.length - 1, id: s.id, trace });
      }
    }
    begin = end;
  }
}

function readSlowly(bytes: Uint8Array, entry: number): DecisionEntry {
  try {
    return decodeDecision(bytes);
  } catch (error) {
    if (error instanceof EncodingError) throw new PayloadError(entry, error.message);
    throw error;
  }
}
