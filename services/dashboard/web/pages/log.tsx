/** The global log: its checkpoint and who witnessed it, whether it only grew, and what is in its tiles. */
import { useEffect, useState } from 'preact/hooks';
import { checkGrowth, longerBefore, otherHistory, readBundle, type Growth, type Seen, type TileEntry } from '../../log-check.ts';
import { toBase64, type Bytes } from '../../merkle.ts';
import { openWitnessed, type Witnessed } from '../../trust.ts';
import { TILE_WIDTH } from '../../../transparency/tiles.ts';
import { ask, AskError, askText, type Failure } from '../client.tsx';
import { count, time } from '../format.ts';
import { canVerify, KeysPanel, useKeys } from '../keys.tsx';
import { Failed, Loading, Note } from '../parts/states.tsx';
import { Download, Table } from '../parts/table.tsx';
import { WitnessTable } from '../parts/witnesses.tsx';
import { allSeen, remember } from '../seen.tsx';

const fetchFile = async (path: string): Promise<Bytes> => new Uint8Array(await (await ask(`/${path}`)).arrayBuffer());
const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const POLL_MS = 5_000;

type CheckpointState = { readonly kind: 'loading' } | { readonly kind: 'none'; readonly failure: Failure } | { readonly kind: 'bad'; readonly detail: string; readonly note: string }
  | { readonly kind: 'ok'; readonly witnessed: Witnessed; readonly note: string };

function useCheckpoint(): CheckpointState {
  const { trust } = useKeys();
  const [state, setState] = useState<CheckpointState>({ kind: 'loading' });
  useEffect(() => {
    // With other keys, another verdict.
    setState({ kind: 'loading' });
    if (trust === null) return undefined;
    let timer: ReturnType<typeof setTimeout>;
    let gone = false;
    const look = async (): Promise<void> => {
      let next: CheckpointState;
      try {
        const note = await askText('/checkpoint');
        try {
          const witnessed = await openWitnessed(note, trust);
          const other = otherHistory(witnessed.checkpoint, allSeen());
          if (other !== null) throw new Error(`the log has two histories: at size ${other.size} its root was ${other.root} on ${time(other.at)}, now it is ${toBase64(witnessed.checkpoint.root)}`);
          if (witnessed.holds) remember(witnessed.checkpoint);
          next = { kind: 'ok', witnessed, note };
        } catch (error) {
          next = { kind: 'bad', detail: said(error), note };
        }
      } catch (error) {
        next = { kind: 'none', failure: error instanceof AskError ? error.failure : { status: 200, code: 'error', detail: said(error) } };
      }
      if (gone) return;
      // The same checkpoint again is no news, and no answer does not take away the last one.
      setState((old) => ((old.kind === 'ok' && ((next.kind === 'ok' && next.note === old.note) || (next.kind === 'none' && next.failure.status === 0))) ? old : next));
      timer = setTimeout(() => void look(), POLL_MS);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [trust]);
  return state;
}

export function LogPage() {
  const state = useCheckpoint();
  const { trust, loading } = useKeys();
  return (
    <>
      <section class="panel" aria-labelledby="checkpoint">
        <h2 id="checkpoint">Newest checkpoint</h2>
        {trust === null ? (loading ? <Loading what="keys" /> : <Note title="Not verified">{canVerify() ? 'There are no keys to verify with; see below.' : 'This browser can\'t verify here; see below.'}</Note>)
          : state.kind === 'loading' ? <Loading what="checkpoint" />
            : state.kind === 'none' ? (state.failure.code === 'no-checkpoint' ? <Note title="No checkpoint yet">The log has none until a quorum of regions has witnessed its first entries.</Note> : <Failed failure={state.failure} what="checkpoint" />)
              : state.kind === 'bad' ? <><p class="verdict bad" role="status">This checkpoint does not verify</p><Note title="Why" error>{state.detail}</Note><pre tabIndex={0}>{state.note}</pre></>
                : <Current witnessed={state.witnessed} note={state.note} />}
      </section>
      {state.kind === 'ok' ? <><GrowthPanel witnessed={state.witnessed} /><TilesPanel size={state.witnessed.checkpoint.size} /></> : null}
      <KeysPanel />
    </>
  );
}

function Current({ witnessed, note }: { witnessed: Witnessed; note: string }) {
  const { origin, size, root } = witnessed.checkpoint;
  const longer = longerBefore(witnessed.checkpoint, allSeen());
  return (
    <>
      {longer === null ? null : <Note title="Shorter than it was" error>This browser has verified a checkpoint of size {longer.size} on {time(longer.at)}. A log never shrinks: entries are missing, or an old checkpoint is shown.</Note>}
      <p class={`verdict ${witnessed.holds ? 'good' : 'warn'}`} role="status" data-testid="checkpoint">
        {witnessed.holds ? 'Signed by the global log and witnessed, verified in this browser' : 'Signed by the global log, but not witnessed by a quorum: do not rely on it'}
      </p>
      <dl><dt>Origin</dt><dd class="mono">{origin}</dd><dt>Size</dt><dd>{count(size)} entries</dd><dt>Root</dt><dd class="mono">{toBase64(root)}</dd></dl>
      <h3>Cosignatures</h3>
      <WitnessTable witnessed={witnessed} name={`cosignatures-${size}`} />
      <details><summary>The checkpoint, as it was verified</summary><pre tabIndex={0}>{note}</pre></details>
      <div class="actions"><Download name={`checkpoint-${size}.txt`} text={() => note}>Download checkpoint</Download></div>
    </>
  );
}

function GrowthPanel({ witnessed }: { witnessed: Witnessed }) {
  const { checkpoint } = witnessed;
  const [seen, setSeen] = useState<readonly Seen[]>(allSeen);
  const own = seen.filter((s) => s.origin === checkpoint.origin);
  const [older, setOlder] = useState(() => String(own[0]?.size ?? 0));
  const [newer, setNewer] = useState(() => String(checkpoint.size));
  const [result, setResult] = useState<Growth | string | 'working' | null>(null);
  useEffect(() => setSeen(allSeen()), [checkpoint.size]);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setResult('working');
    try {
      setResult(await checkGrowth(Number(older), Number(newer), checkpoint, fetchFile, seen));
    } catch (error) {
      setResult(said(error));
    }
  };
  return (
    <section class="panel" aria-labelledby="growth">
      <h2 id="growth">Has it only grown?</h2>
      <p class="quiet">Computes both roots and the consistency proof from the log's tiles, checks them against the signed checkpoint, and against what this browser remembers.</p>
      <form class="row" onSubmit={(event) => void submit(event)}>
        <label>Older size<input inputMode="numeric" pattern="[0-9]+" required value={older} onInput={(e) => setOlder(e.currentTarget.value)} /></label>
        <label>Newer size<input inputMode="numeric" pattern="[0-9]+" required value={newer} onInput={(e) => setNewer(e.currentTarget.value)} /></label>
        <button class="main" type="submit">Check consistency</button>
      </form>
      <div role="status">
        {result === 'working' ? <p class="quiet">Checking…</p>
          : typeof result === 'string' ? <Note title="Not consistent, or not checked" error>{result}</Note>
            : result === null ? null : (
              <>
                <p class="verdict good" data-testid="growth">The first {count(result.oldSize)} entries are unchanged among the {count(result.newSize)}</p>
                <dl>
                  <dt>Root at {result.oldSize}</dt><dd class="mono">{result.oldRoot}</dd><dt>Root at {result.newSize}</dt><dd class="mono">{result.newRoot}</dd>
                  <dt>Proof</dt><dd>{result.proof.length} hashes</dd>
                  <dt>Remembered</dt><dd>{result.remembered.length === 0 ? 'neither size was seen by this browser before' : `${result.remembered.length} earlier checkpoint${result.remembered.length === 1 ? '' : 's'} with the same root`}</dd>
                </dl>
              </>
            )}
      </div>
      {own.length === 0 ? null : (
        <details><summary>Checkpoints that this browser remembers</summary>
          <Table
            caption="Verified here, oldest first" name="checkpoints-seen" rows={own} rowKey={(s) => `${s.size} ${s.root}`} columns={[
              { name: 'Size', show: (s) => count(s.size), value: (s) => s.size, number: true }, { name: 'Root', show: (s) => <span class="mono">{s.root}</span>, value: (s) => s.root },
              { name: 'Verified', show: (s) => time(s.at), value: (s) => new Date(s.at).toISOString() },
            ]}
          />
        </details>
      )}
    </section>
  );
}

function TilesPanel({ size }: { size: number }) {
  const last = Math.max(0, Math.ceil(size / TILE_WIDTH) - 1);
  const [index, setIndex] = useState('0');
  const [state, setState] = useState<{ readonly of: number; readonly entries: readonly TileEntry[] } | string | null>(null);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      setState({ of: Number(index), entries: await readBundle(Number(index), size, fetchFile) });
    } catch (error) {
      setState(said(error));
    }
  };
  return (
    <section class="panel" aria-labelledby="tiles">
      <h2 id="tiles">Tiles</h2>
      <p class="quiet">Entries lie in bundles of {TILE_WIDTH}, their hashes in tiles beside them. Bundles 0 to {last}.</p>
      <form class="row" onSubmit={(event) => void submit(event)}>
        <label>Bundle<input inputMode="numeric" pattern="[0-9]+" required value={index} onInput={(e) => setIndex(e.currentTarget.value)} /></label>
        <button type="submit">Open</button>
      </form>
      {typeof state === 'string' ? <Note title="Not opened" error>{state}</Note> : state === null ? null : (
        <>
          <p role="status">{state.entries.every((e) => e.agrees) ? <span class="tag good">All {state.entries.length} entries hash to what the tile says</span> : <span class="tag bad">Some entries do not hash to what the tile says</span>}</p>
          <Table
            caption={`Entries of bundle ${state.of}`} name={`bundle-${state.of}`} rows={state.entries} rowKey={(e) => String(e.index)} columns={[
              { name: 'Index', show: (e) => String(e.index), value: (e) => e.index },
              { name: 'Entry', show: (e) => <code>{e.text}</code>, value: (e) => e.text },
              { name: 'Leaf hash', show: (e) => <span class={`mono ${e.agrees ? '' : 'bad'}`}>{e.leaf}{e.agrees ? '' : ' (the tile says otherwise)'}</span>, value: (e) => e.leaf },
            ]}
          />
        </>
      )}
    </section>
  );
}
