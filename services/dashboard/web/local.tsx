/** The platform on this machine, where there is one: what runs, what is cut off, and cutting off and healing. */
import { createContext, type ComponentChildren } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { askJson, AskError, change, type Failure } from './client.tsx';
import { fields, items, number, numberOr, text, textOr } from './shapes.ts';

export interface LocalSite {
  readonly id: string;
  readonly tier: string;
  readonly region: string | null;
  /** Of its process. */
  readonly state: string;
  readonly url: string;
  /** Whether a partition lies between it and the rest, its own or its region's. */
  readonly partitioned: boolean;
}

export interface Partition {
  readonly site: string;
  /** Milliseconds since 1970; `until` null: until it is healed. */
  readonly since: number;
  readonly until: number | null;
}

export interface LocalState {
  readonly at: number;
  readonly name: string;
  readonly wan: string;
  readonly partitions: readonly Partition[];
  readonly sites: readonly LocalSite[];
}

export function readLocal(value: unknown): LocalState {
  const o = fields('local', value);
  return {
    at: number(o, 'at'), name: text(o, 'name'), wan: text(fields('wan', o['wan']), 'mode'),
    partitions: items('partitions', o['partitions'], (p) => ({ site: text(p, 'site'), since: number(p, 'since'), until: numberOr(p, 'until', null) })),
    sites: items('sites', o['sites'], (s) => ({
      id: text(s, 'id'), tier: text(s, 'tier'), region: textOr(s, 'region', null), state: text(s, 'state'), url: text(s, 'url'), partitioned: s['partitioned'] === true,
    })),
  };
}

/** `absent`: this is no platform on one machine. */
export interface Local {
  readonly mode: 'asking' | 'absent' | 'there';
  /** The last that was heard. */
  readonly state: LocalState | null;
  readonly failure: Failure | null;
  /** @throws AskError */
  readonly cut: (site: string, forMs: number | null) => Promise<void>;
  /** @param site null: all @throws AskError */
  readonly heal: (site: string | null) => Promise<void>;
}

const NOWHERE = (): Promise<void> => Promise.reject(new Error('no local platform'));
const Context = createContext<Local>({ mode: 'asking', state: null, failure: null, cut: NOWHERE, heal: NOWHERE });
export const useLocal = (): Local => useContext(Context);

const POLL_MS = 2_000;
const PATH = '/v1/local';

export function LocalProvider({ children }: { children: ComponentChildren }) {
  const [local, setLocal] = useState<Pick<Local, 'mode' | 'state' | 'failure'>>({ mode: 'asking', state: null, failure: null });
  const look = useRef<() => Promise<void>>(() => Promise.resolve());
  useEffect(() => {
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    look.current = async () => {
      clearTimeout(timer);
      try {
        const state = readLocal(await askJson(PATH, gone.signal));
        setLocal({ mode: 'there', state, failure: null });
      } catch (error) {
        if (gone.signal.aborted) return;
        const failure = error instanceof AskError ? error.failure : { status: 200, code: 'unreadable', detail: String(error) };
        // A control plane without it does not get one while it runs; one that answers no more may.
        if (failure.status === 404 || failure.code === 'not-local') {
          setLocal({ mode: 'absent', state: null, failure: null });
          return;
        }
        setLocal((old) => ({ ...old, failure }));
      }
      if (!gone.signal.aborted) timer = setTimeout(() => void look.current(), POLL_MS);
    };
    void look.current();
    return () => {
      gone.abort();
      clearTimeout(timer);
    };
  }, []);
  const value: Local = {
    ...local,
    async cut(site, forMs) {
      await change('POST', `${PATH}/partitions`, forMs === null ? { site } : { site, forMs });
      await look.current();
    },
    async heal(site) {
      await change('DELETE', `${PATH}/partitions${site === null ? '' : `/${encodeURIComponent(site)}`}`);
      await look.current();
    },
  };
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** Whether the control plane, and with it this page's figures, is cut off. */
export const isCentreCut = (state: LocalState | null): boolean =>
  state !== null && state.partitions.some((p) => state.sites.some((s) => s.id === p.site && s.tier === 'global'));

/** The partition that cuts this site off, its own or its region's; undefined while it is connected. */
export const partitionOf = (state: LocalState | null, site: string, region: string | null): Partition | undefined =>
  state?.partitions.find((p) => p.site === site) ?? state?.partitions.find((p) => p.site === region);
