/** The replica as a witness of the global log: C2SP tlog-witness, `add-checkpoint` (https://c2sp.org/tlog-witness). */
import { EncodingError } from '../protocol/index.ts';
import {
  cosign, decideAddCheckpoint, NoteError, parseAddCheckpoint, type ParsedAddCheckpoint, type Signer, type Verifier,
} from '../transparency/index.ts';
import type { RegionStore } from './store.ts';

export interface WitnessAnswer {
  readonly status: number;
  readonly body: string;
  readonly type: string;
}

const TEXT = 'text/plain; charset=utf-8';

/** @param nowMs milliseconds since 1970 */
export async function addCheckpoint(
  body: Uint8Array, log: Verifier, signer: Signer, store: RegionStore, nowMs: number,
): Promise<WitnessAnswer> {
  let request: ParsedAddCheckpoint;
  try {
    request = parseAddCheckpoint(body);
  } catch (error) {
    if (!(error instanceof EncodingError) && !(error instanceof NoteError)) throw error;
    return { status: 400, body: `${error.message}\n`, type: TEXT };
  }
  // Without a pause between looking and storing, so that no two requests are decided on the same state.
  const state = store.witnessed(request.origin);
  const decision = decideAddCheckpoint(state, request, log);
  if (!decision.ok) return { status: decision.status, body: decision.body, type: decision.contentType ?? TEXT };
  if (state === null || decision.newState.size > state.size) {
    store.setWitnessed(request.origin, decision.newState.size, decision.newState.root);
  }
  return { status: 200, body: await cosign(request.checkpoint, signer, Math.floor(nowMs / 1000)), type: TEXT };
}
