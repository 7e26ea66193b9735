/** Asks the control plane, and remembers whether it is there. */
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Failure {
  /** HTTP status; 0: nobody answered. */
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

export class AskError extends Error {
  override readonly name = 'AskError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** Since when nobody answers, milliseconds since 1970; null while somebody does. */
let lostAt: number | null = null;
const listeners = new Set<(at: number | null) => void>();

export function heard(there: boolean): void {
  const next = there ? null : lostAt ?? Date.now();
  if (next === lostAt) return;
  lostAt = next;
  for (const listener of listeners) listener(next);
}

export function useLostAt(): number | null {
  const [at, setAt] = useState(lostAt);
  useEffect(() => {
    listeners.add(setAt);
    setAt(lostAt);
    return () => void listeners.delete(setAt);
  }, []);
  return at;
}

const TIMEOUT_MS = 15_000;

/**
 * @param more as for fetch; `timeoutMs` null: for what takes as long as it takes, to its last byte
 * @throws AskError when nobody answers, or not with a 2xx
 */
export async function ask(path: string, signal?: AbortSignal, { timeoutMs = TIMEOUT_MS, ...more }: RequestInit & { readonly timeoutMs?: number | null } = {}): Promise<Response> {
  let response: Response;
  try {
    const signals = [...(signal === undefined ? [] : [signal]), ...(timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)])];
    response = await fetch(path, { ...more, signal: AbortSignal.any(signals), headers: { accept: 'application/json, text/plain, */*', ...more.headers } });
  } catch (error) {
    if (signal?.aborted !== true) heard(false);
    throw new AskError({ status: 0, code: 'unreachable', detail: error instanceof Error ? error.message : String(error) });
  }
  heard(true);
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({})) as Partial<Failure>;
  throw new AskError({ status: response.status, code: problem.code ?? 'error', detail: problem.detail ?? `${path} was answered with ${response.status}` });
}

/** Changes something. @throws AskError */
export async function change(method: 'POST' | 'DELETE', path: string, json?: object): Promise<unknown> {
  return (await ask(path, undefined, { method, ...(json === undefined ? {} : { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }) })).json();
}

export const askText = async (path: string, signal?: AbortSignal): Promise<string> => (await ask(path, signal)).text();
export const askJson = async (path: string, signal?: AbortSignal): Promise<unknown> => (await ask(path, signal)).json();

/** What is known of an answer: the last good one stays while newer ones fail. */
export interface Asked<T> {
  readonly data: T | null;
  readonly failure: Failure | null;
  readonly loading: boolean;
  readonly again: () => void;
}

/**
 * Asks for a path, and again every `everyMs`.
 * @param path null: nothing is asked
 * @param read turns the answer into what the page shows; what it throws is shown as a failure
 */
export function useAsked<T>(path: string | null, read: (value: unknown) => T, everyMs = 0): Asked<T> {
  const [state, setState] = useState<{ path: string | null; data: T | null; failure: Failure | null }>({ path: null, data: null, failure: null });
  const [round, setRound] = useState(0);
  const reader = useRef(read);
  reader.current = read;
  useEffect(() => {
    if (path === null) return undefined;
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const once = async (): Promise<void> => {
      try {
        const data = reader.current(await askJson(path, gone.signal));
        if (!gone.signal.aborted) setState({ path, data, failure: null });
      } catch (error) {
        const failure = error instanceof AskError ? error.failure : { status: 200, code: 'unreadable', detail: error instanceof Error ? error.message : String(error) };
        if (!gone.signal.aborted) setState((old) => ({ path, data: old.path === path ? old.data : null, failure }));
      }
      if (everyMs > 0 && !gone.signal.aborted) timer = setTimeout(() => void once(), everyMs);
    };
    void once();
    return () => {
      gone.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, round]);
  const current = state.path === path;
  return {
    data: current ? state.data : null, failure: current ? state.failure : null, loading: path !== null && (!current || (state.data === null && state.failure === null)),
    again: () => setRound((n) => n + 1),
  };
}
