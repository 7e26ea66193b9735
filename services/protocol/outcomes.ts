/**
 * Reads outcome entries by the thousand. One expression holds the whole canonical form of an outcome (RFC 8785 fixes the
 * order of its fields, and none of its strings can need escaping), so matching it is as strict as `decodeGlobal` and
 * several times faster. What it does not match, for instance a balance of 19 digits, is put to `decodeGlobal`.
 */
import { decodeGlobal } from './encoding.ts';
import { EncodingError } from './errors.ts';
import { AMOUNT, ASSET, BALANCE_SHORT, ID, NATURAL, oneOf, REJECTIONS } from './grammar.ts';
import type { OutcomeEntry, RejectionReason } from './types.ts';

const REASON = oneOf(REJECTIONS);

const outcome = new RegExp(
  `\\{"amount":"(${AMOUNT})","asset":"(${ASSET})","at":(${NATURAL}),"credit":"(${ID})",(?:"creditBalance":"(${BALANCE_SHORT})",)?`
  + `"debit":"(${ID})",(?:"debitBalance":"(${BALANCE_SHORT})",)?(?:"duplicateOf":(${NATURAL}),)?"id":"(${ID})","index":(${NATURAL}),"node":"(${ID})",`
  + `(?:"reason":"(${REASON})",)?("refusedAtEdge":true,)?"region":"(${ID})","status":"(final|rejected)","type":"outcome","v":1\\}`, 'y');

/**
 * @param bundle outcome entries in tlog-tiles bundle encoding
 * @throws EncodingError at the first entry that is not a canonical outcome
 */
export function decodeOutcomes(bundle: Uint8Array): OutcomeEntry[] {
  const text = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength).toString('latin1');
  const out: OutcomeEntry[] = [];
  for (let offset = 0; offset < bundle.byteLength;) {
    const start = offset + 2;
    offset = start + (bundle[offset]! << 8 | bundle[offset + 1]!);
    outcome.lastIndex = start;
    const m = outcome.exec(text);
    if (m !== null && outcome.lastIndex === offset && (m[15] === 'rejected') === (m[12] !== undefined)) out.push(fromMatch(m));
    else out.push(slowly(bundle.subarray(start, offset), out.length));
  }
  return out;
}

function fromMatch(m: RegExpExecArray): OutcomeEntry {
  return {
    type: 'outcome',
    instruction: { id: m[9]!, asset: m[2]!, debitAccount: m[6]!, creditAccount: m[4]!, amount: BigInt(m[1]!) },
    region: m[14]!, node: m[11]!, index: Number(m[10]), status: m[15] as 'final' | 'rejected',
    ...(m[12] === undefined ? undefined : { reason: m[12] as RejectionReason }),
    ...(m[13] === undefined ? undefined : { refusedAtEdge: true as const }),
    ...(m[8] === undefined ? undefined : { duplicateOf: Number(m[8]) }),
    ...(m[7] === undefined ? undefined : { debitBalance: BigInt(m[7]) }),
    ...(m[5] === undefined ? undefined : { creditBalance: BigInt(m[5]) }),
    at: Number(m[3]),
  };
}

function slowly(bytes: Uint8Array, entry: number): OutcomeEntry {
  const decoded = decodeGlobal(bytes);
  if (decoded.type !== 'outcome') throw new EncodingError(`entry ${entry}: expected an outcome, got ${decoded.type}`);
  return decoded;
}
