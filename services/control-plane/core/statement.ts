/** The text of a statement about account states (docs/protocol.md, "Region -> control plane"), to be signed as a note. */
import { encodeAccountState, type AccountState } from '../../protocol/index.ts';

export const STATEMENT_TITLE = 'tidemark account states v1';
/** Accounts in one statement. */
export const STATEMENT_ACCOUNTS_MAX = 1_000;

/**
 * @param origin name of the global log
 * @param size of the global log that the states are of
 * @param at milliseconds since the epoch
 * @param nonce what the asker chose, so that an old statement cannot pass for a fresh one
 * @param states in the order asked for; a bare id is an account that does not exist
 */
export function formatStatement(
  origin: string, size: number, at: number, nonce: string, states: readonly (AccountState | string)[],
): string {
  const items = states.map((s) => (typeof s === 'string' ? `{"account":"${s}","unknown":true}` : encodeAccountState(s)));
  return `${STATEMENT_TITLE}\n${origin}\n${size}\n${at}\n${nonce}\n[${items.join(',')}]\n`;
}
