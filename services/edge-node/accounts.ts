/**
 * Account states from the centre: fetched on a first miss, refreshed while in use, always with the centre's signature over a
 * nonce of ours. So each answer is also proof that the centre was in reach after we asked, whoever passed it on.
 */
import { randomBytes } from 'node:crypto';
import { decodeAccountState, Problem, type AccountState } from '../protocol/index.ts';
import type { HttpClient } from '../shell/index.ts';
import { openNote, type Trust } from '../transparency/index.ts';
import type { Link } from './link.ts';

/** Accounts in one query. */
export const QUERY_MAX = 1_000;
/** How long a client may wait for the first state of an account. */
const MISS_TIMEOUT_MS = 3_000;
/** How long "there is no such account" is believed. */
const UNKNOWN_FOR_MS = 1_000;
const UNKNOWN_MAX = 100_000;

export interface AccountSource {
  /**
   * Asks the centre for a sign of life, and with it for these accounts (at most {@link QUERY_MAX}) and for those that were opened
   * since it was asked last: a node that is cut off later knows them all.
   *
   * @returns whether more accounts were opened than fit the answer
   * @throws UnreachableError, Problem
   */
  refresh(accounts: readonly string[]): Promise<boolean>;
  /** Fetches those of `accounts` that nothing is known of; concurrent calls share one query. */
  ensure(accounts: Iterable<string>): Promise<void>;
}

/** More newly opened accounts are in no statement. */
const OPENED_MAX = 500;

/**
 * @param nonce that the statement was asked for with
 * @param asked accounts that were asked for; others are not taken, but for newly opened ones when those were asked for (null)
 * @throws Error when the text is not the centre's statement, or not the answer to this question
 * @returns states of accounts that exist, and the ids of those that do not
 */
export function openStatement(
  text: string, trust: Trust, nonce: string, asked: readonly string[] | null,
): { states: AccountState[]; unknown: string[]; opened: number } {
  const lines = openNote(text, [trust.global]).text.split('\n');
  if (lines[0] !== 'tidemark account states v1' || lines[1] !== trust.global.name) throw new Error('not a statement of account states by the control plane');
  if (lines[4] !== nonce) throw new Error('an old statement of account states: its nonce is not the one that was asked with');
  const items = JSON.parse(lines[5] ?? '') as unknown[];
  const opened = Number(lines[6]);
  if (!Number.isSafeInteger(opened) || opened < 0) throw new Error('a statement of account states that does not say how many accounts were opened');
  const states: AccountState[] = [];
  const unknown: string[] = [];
  for (const item of items) {
    if ((item as { unknown?: unknown }).unknown === true) unknown.push(String((item as { account: unknown }).account));
    else states.push(decodeAccountState(item));
  }
  if (asked === null) return { states, unknown, opened };
  const wanted = new Set(asked);
  return { states: states.filter((s) => wanted.has(s.account)), unknown: unknown.filter((id) => wanted.has(id)), opened };
}

export function createAccountSource(
  link: Link, http: HttpClient, trust: Trust, now: () => number, known: (account: string) => boolean,
  /** The centre has answered. @param askedAt when it was asked, so it was in reach after that */
  onWord: (askedAt: number) => void,
  /** @param askedAt when the centre was asked: the states are at least that fresh */
  onStates: (states: readonly AccountState[], askedAt: number) => void,
): AccountSource {
  const unknownUntil = new Map<string, number>();
  const underWay = new Map<string, Promise<void>>();

  /** Accounts that had been opened when the centre was asked last. */
  let openedBefore = 0;

  async function query(accounts: readonly string[], withOpened = false): Promise<number> {
    const url = link.url();
    const nonce = randomBytes(16).toString('hex');
    const askedAt = now();
    try {
      const note = await http.text(`${url}/v1/accounts/query`, {
        method: 'POST', body: JSON.stringify({ accounts, nonce, ...(withOpened ? { openedAfter: openedBefore } : {}) }), type: 'application/json', timeoutMs: MISS_TIMEOUT_MS,
      });
      const { states, unknown, opened } = openStatement(note, trust, nonce, withOpened ? null : accounts);
      onWord(askedAt);
      onStates(states, askedAt);
      if (unknownUntil.size > UNKNOWN_MAX) unknownUntil.clear();
      for (const id of unknown) unknownUntil.set(id, now() + UNKNOWN_FOR_MS);
      if (withOpened) openedBefore = Math.max(openedBefore, opened);
      return states.length;
    } catch (error) {
      // A replica that has no way to the centre may have a neighbour that has.
      link.failed(url);
      throw error;
    }
  }

  async function fetch(accounts: readonly string[]): Promise<void> {
    for (let i = 0; i < accounts.length; i += QUERY_MAX) await query(accounts.slice(i, i + QUERY_MAX));
  }

  return {
    refresh: async (accounts) => (await query(accounts.slice(0, QUERY_MAX), true)) >= accounts.length + OPENED_MAX,
    async ensure(accounts) {
      const missing: string[] = [];
      const waits = new Set<Promise<void>>();
      for (const id of new Set(accounts)) {
        if (known(id) || (unknownUntil.get(id) ?? 0) > now()) continue;
        const pending = underWay.get(id);
        if (pending === undefined) missing.push(id);
        else waits.add(pending);
      }
      if (missing.length > 0) {
        const mine = fetch(missing).finally(() => {
          for (const id of missing) underWay.delete(id);
        });
        for (const id of missing) underWay.set(id, mine);
        waits.add(mine);
      }
      if (waits.size === 0) return;
      try {
        await Promise.all(waits);
      } catch (error) {
        throw new Problem(503, 'account-state-unavailable',
          `an account is new to this node and the centre could not be asked for it (${(error as Error).message.slice(0, 200)}); send again`, {}, 1);
      }
    },
  };
}
