/** The live picture: server-sent events from `/v1/live`, one connection for the whole page. */
import { createContext, type ComponentChildren } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { ask, AskError, heard } from './client.tsx';
import { clock } from './format.ts';
import { readLive, type Live, type LiveSite } from './telemetry-shapes.ts';

/** `absent`: this control plane has no live feed. */
export type LiveMode = 'connecting' | 'live' | 'lost' | 'absent';

export interface LiveFeed { readonly mode: LiveMode; readonly live: Live | null }

const Context = createContext<LiveFeed>({ mode: 'connecting', live: null });
export const useLive = (): LiveFeed => useContext(Context);

const FIRST_RETRY_MS = 1_000;
const RETRY_MAX_MS = 10_000;
/** The feed sends something every second: after so long without anything it is taken for lost. */
const SILENT_MS = 10_000;

export function LiveProvider({ children }: { children: ComponentChildren }) {
  const [feed, setFeed] = useState<LiveFeed>({ mode: 'connecting', live: null });
  useEffect(() => {
    let source: EventSource | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pause = FIRST_RETRY_MS;
    let gone = false;
    const later = (ms: number): void => {
      clearTimeout(timer);
      if (!gone) timer = setTimeout(connect, ms);
    };
    /** Whether nobody answers, or there is only no feed. */
    async function lost(): Promise<void> {
      source?.close();
      const mode = await ask('/v1/status').then((): LiveMode => 'absent', (error: unknown): LiveMode => (error instanceof AskError && error.failure.status > 0 ? 'absent' : 'lost'));
      if (gone) return;
      setFeed((old) => ({ mode, live: mode === 'absent' && old.live === null ? null : old.live }));
      later(pause);
      pause = Math.min(RETRY_MAX_MS, pause * 2);
    }
    function silence(): void {
      clearTimeout(timer);
      timer = setTimeout(() => void lost(), SILENT_MS);
    }
    function connect(): void {
      source = new EventSource('/v1/live');
      const received = (event: MessageEvent<string>): void => {
        silence();
        heard(true);
        pause = FIRST_RETRY_MS;
        try {
          const live = readLive(JSON.parse(event.data));
          setFeed({ mode: 'live', live });
        } catch (error) {
          console.error('live feed:', error);
        }
      };
      source.addEventListener('message', received);
      source.addEventListener('status', received);
      source.addEventListener('error', () => void lost());
      silence();
    }
    connect();
    return () => {
      gone = true;
      clearTimeout(timer);
      source?.close();
    };
  }, []);
  return <Context.Provider value={feed}>{children}</Context.Provider>;
}

const SAYS: Readonly<Record<LiveMode, readonly [string, string]>> = {
  connecting: ['warn', 'Connecting'], live: ['good', 'Live'], lost: ['bad', 'Disconnected'], absent: ['warn', 'No live feed'],
};

/**
 * Of the sites that were ever heard of: those that should have been since, when anybody was last, and whether that is all of them:
 * then it is rather this control plane that is cut off.
 */
export function heardOf(live: Live | null): { readonly late: readonly LiveSite[]; readonly lastAt: number | null; readonly isAll: boolean } {
  const known = (live?.sites ?? []).filter((s) => s.contactAt !== null);
  const late = known.filter((s) => s.isLate);
  return { late, lastAt: known.length === 0 ? null : known.reduce((at, s) => Math.max(at, s.contactAt!), 0), isAll: known.length > 0 && late.length === known.length };
}

export function LiveState() {
  const { mode, live } = useLive();
  const { lastAt, isAll } = heardOf(live);
  const [tone, words] = mode === 'live' && isAll && lastAt !== null ? ['warn', `No site heard since ${clock(lastAt)}`] : SAYS[mode];
  return <span class={`tag ${tone}`} data-testid="live">{words}</span>;
}
