/**
 * The witness protocol: what an `add-checkpoint` request says, and what a witness answers. C2SP tlog-witness, section
 * "add-checkpoint" (https://c2sp.org/tlog-witness). The decision is pure; whoever calls it stores the new state and then
 * cosigns, in a way that no two requests for one log are decided on the same state.
 */
import { EncodingError } from '../protocol/errors.ts';
import { openCheckpoint, parseCheckpoint, parseDecimal, type Checkpoint } from './checkpoint.ts';
import { NoteError, ProofError, shown } from './errors.ts';
import { asBuffer, EMPTY_ROOT, HASH_SIZE } from './hash.ts';
import { strictBase64, type Verifier } from './keys.ts';
import { noteText, parseNote } from './note.ts';
import { PROOF_HASHES_MAX } from './tlog-proof.ts';
import { verifyConsistency } from './verify.ts';

/** Media type of the answer to a request whose old size is not the witness's. */
export const TLOG_SIZE_TYPE = 'text/x.tlog.size';

export interface AddCheckpoint {
  /** Size of the last checkpoint that the client believes the witness cosigned. */
  readonly oldSize: number;
  /** Consistency proof from `oldSize` to the checkpoint. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint. */
  readonly checkpoint: string;
}

export interface ParsedAddCheckpoint extends AddCheckpoint {
  /** The log that the checkpoint says it is of: nothing is verified yet. */
  readonly origin: string;
}

export function formatAddCheckpoint(request: AddCheckpoint): string {
  const body = [`old ${request.oldSize}`, ...request.proof.map((h) =>
    asBuffer(h).toString('base64')), '', request.checkpoint].join('\n');
  parseAddCheckpoint(body);
  return body;
}

/** @throws EncodingError or NoteError: a request to answer with 400 */
export function parseAddCheckpoint(body: string | Uint8Array): ParsedAddCheckpoint {
  const wrong = (why: string): EncodingError => new EncodingError(`add-checkpoint: ${why}`);
  const text = noteText(body);
  const split = text.indexOf('\n\n');
  if (split < 0) throw wrong('no empty line before the checkpoint');
  const [old = '', ...lines] = text.slice(0, split).split('\n');
  const oldSize = old.startsWith('old ') ? parseDecimal(old.slice('old '.length)) : null;
  if (oldSize === null) throw wrong(`line 1: expected "old <size>", got ${shown(old)}`);
  if (lines.length > PROOF_HASHES_MAX) throw wrong(`${lines.length} proof lines, at most ${PROOF_HASHES_MAX} are allowed`);
  const proof = lines.map((line, i) => {
    const hash = strictBase64(line);
    if (hash === null || hash.length !== HASH_SIZE) {
      throw wrong(`line ${i + 2}: expected ${HASH_SIZE} bytes in base64, got ${shown(line)}`);
    }
    return hash;
  });
  const checkpoint = text.slice(split + 2);
  return { oldSize, proof, checkpoint, origin: parseCheckpoint(parseNote(checkpoint).text).origin };
}

/** The latest checkpoint that the witness cosigned for a log. */
export interface WitnessState {
  readonly size: number;
  readonly root: Uint8Array;
}

export type WitnessDecision =
  | { readonly ok: true; readonly newState: { readonly size: number; readonly root: Buffer }; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly status: 403 | 404 | 400 | 409 | 422; readonly body: string; readonly contentType?: string };

/**
 * Whether a witness may cosign.
 *
 * @param state what it cosigned last for `request.origin`; null when nothing
 * @param log the key it trusts for `request.origin`; undefined when it doesn't know that log
 */
export function decideAddCheckpoint(
  state: WitnessState | null, request: ParsedAddCheckpoint, log: Verifier | undefined,
): WitnessDecision {
  const refuse = (status: 400 | 403 | 404 | 409 | 422, body: string): WitnessDecision =>
    ({ ok: false, status, body: `${body}\n` });
  if (log === undefined || log.name !== request.origin) {
    return refuse(404, `${shown(request.origin)} is not a log that this witness knows`);
  }
  let checkpoint: Checkpoint;
  try {
    checkpoint = openCheckpoint(request.checkpoint, log);
  } catch (error) {
    if (error instanceof NoteError) return refuse(403, error.message);
    throw error;
  }
  if (request.oldSize > checkpoint.size) {
    return refuse(400, `old size ${request.oldSize} is larger than the checkpoint's, ${checkpoint.size}`);
  }
  const known = state ?? { size: 0, root: EMPTY_ROOT };
  if (request.oldSize !== known.size) return { ok: false, status: 409, body: `${known.size}\n`, contentType: TLOG_SIZE_TYPE };
  if (checkpoint.size === known.size && !checkpoint.root.equals(known.root)) {
    return { ok: false, status: 409, body: `${known.size}\n`, contentType: TLOG_SIZE_TYPE };
  }
  try {
    verifyConsistency(known.size, known.root, checkpoint.size, checkpoint.root, request.proof);
  } catch (error) {
    if (error instanceof ProofError) return refuse(422, error.message);
    throw error;
  }
  return { ok: true, newState: { size: checkpoint.size, root: checkpoint.root }, checkpoint };
}
