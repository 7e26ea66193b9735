/** The text of a statement about account states (docs/protocol.md, "Region -> control plane"), to be signed as a note. */
import { encodeAccountState, type AccountState } from '../../protocol/index.ts';

export const STATEMENT_TITLE = 'tidemark account states v1';
/** Accounts that were asked for, in one statement; newly opened ones come on top. */
export const STATEMENT_ACCOUNTS_MAX = 1_000;
/** Newly opened accounts in one statement. */
export const STATEMENT_OPENED_MAX = 500;

/**
 * @param origin name of the global log
 * @param size of the global log that the states are of
 * @param at milliseconds since the epoch
 * @param nonce what the asker chose, so that an old statement cannot pass for a fresh one
 * @param opened how many accounts had been opened when the last of the newly opened ones in it was
 * @param states in the order asked for; a bare id is an account that does not exist
 */
export function formatStatement(
  origin: string, size: number, at: number, nonce: string, opened: number, states: readonly (AccountState | string)[],
): string {
  const items = states.map((s) => (typeof s === 'string' ? `{"account":"${s}","unknown":true}` : encodeAccountState(s)));
  return `${STATEMENT_TITLE}\n${origin}\n${size}\n${at}\n${nonce}\n[${items.join(',')}]\n${opened}\n`;
}
