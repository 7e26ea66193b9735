/**
 * The keys that proofs are checked with. Those that the control plane serves are the server's word; whoever wants to rely on nothing
 * it says loads the trust.json that they were given, and this browser keeps it.
 */
import { createContext, type ComponentChildren } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { readTrust, type Trust } from '../trust.ts';
import { AskError, askText, type Failure } from './client.tsx';
import { Failed, Loading, Note } from './parts/states.tsx';
import { store, stored } from './storage.tsx';

const NAME = 'tidemark:trust';

export interface Keys {
  readonly trust: Trust | null;
  /** `own`: a file that the user loaded. */
  readonly from: 'own' | 'server';
  readonly failure: Failure | null;
  readonly loading: boolean;
  readonly load: (text: string) => Promise<void>;
  readonly forget: () => void;
}

const Context = createContext<Keys | null>(null);

/** WebCrypto exists in secure contexts only: HTTPS, or this machine. */
export const canVerify = (): boolean => isSecureContext && 'subtle' in crypto;

export function KeysProvider({ children }: { children: ComponentChildren }) {
  const [own, setOwn] = useState(() => stored(NAME));
  const [state, setState] = useState<{ trust: Trust | null; failure: Failure | null; loading: boolean }>({ trust: null, failure: null, loading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!canVerify()) {
      setState({ trust: null, failure: null, loading: false });
      return undefined;
    }
    const gone = new AbortController();
    const read = async (): Promise<void> => {
      try {
        const trust = await readTrust(own ?? await askText('/trust.json', gone.signal));
        if (!gone.signal.aborted) setState({ trust, failure: null, loading: false });
      } catch (error) {
        if (gone.signal.aborted) return;
        const failure = error instanceof AskError ? error.failure : { status: 200, code: 'bad-trust', detail: error instanceof Error ? error.message : String(error) };
        setState({ trust: null, failure, loading: false });
        if (failure.status === 0) setTimeout(() => setRound((n) => n + 1), 3_000);
      }
    };
    void read();
    return () => gone.abort();
  }, [own, round]);
  const keys: Keys = {
    ...state, from: own === null ? 'server' : 'own',
    async load(text) {
      await readTrust(text);
      store(NAME, text);
      setOwn(text);
    },
    forget() {
      store(NAME, null);
      setOwn(null);
    },
  };
  return <Context.Provider value={keys}>{children}</Context.Provider>;
}

export const useKeys = (): Keys => useContext(Context)!;

/** Whose keys are used, and how to use others. */
export function KeysPanel() {
  const keys = useKeys();
  const [problem, setProblem] = useState<string | null>(null);
  const chosen = async (event: Event): Promise<void> => {
    const input = event.currentTarget as HTMLInputElement;
    const file = input.files?.[0];
    if (file === undefined) return;
    try {
      await keys.load(await file.text());
      setProblem(null);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    input.value = '';
  };
  return (
    <section class="panel" aria-labelledby="keys">
      <h2 id="keys">Keys that proofs are checked with</h2>
      <KeysState />
      <div class="actions">
        <label>Check with your own trust.json<input type="file" accept="application/json,.json" onChange={(event) => void chosen(event)} /></label>
        {keys.from === 'own' ? <button type="button" onClick={keys.forget}>Back to the keys of this server</button> : null}
      </div>
      {problem === null ? null : <Note title="That file was not taken" error>{problem}</Note>}
    </section>
  );
}

function KeysState() {
  const { trust, from, failure, loading } = useKeys();
  if (!canVerify()) return <Note title="This browser can't verify here" error>Proofs are verified with WebCrypto, which browsers offer over HTTPS and on this machine only. Open this page over HTTPS.</Note>;
  if (loading) return <Loading what="keys" />;
  if (failure?.status === 404) return <Note title="No keys">This control plane does not serve its public keys. Load the trust.json of the platform to verify proofs.</Note>;
  if (failure !== null) return <Failed failure={failure} what="keys" />;
  return (
    <>
      <p>{from === 'own'
        ? <><span class="tag good">Your own file</span> Kept in this browser: nothing that the server says is relied upon.</>
        : <><span class="tag warn">Served by this control plane</span> For a check that does not rely on it, load the trust.json that you were given.</>}
      </p>
      <dl>
        <dt>Platform</dt><dd class="mono">{trust!.origin}</dd>
        <dt>Global log</dt><dd class="mono">{trust!.global.vkey}</dd>
        <dt>Witnesses</dt><dd>{trust!.witnessQuorum} of {trust!.regions.length} regions: {trust!.regions.map((r) => `${r.id} (${r.quorum} of ${r.replicas.length})`).join(', ')}</dd>
      </dl>
    </>
  );
}
