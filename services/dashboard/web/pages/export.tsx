/** The audit export of a range: asked for, saved while it comes in, with its progress, and how to check it. */
import { useRef, useState } from 'preact/hooks';
import { ask, AskError, useAsked } from '../client.tsx';
import { bytes, count } from '../format.ts';
import { useLive } from '../live.tsx';
import { Note } from '../parts/states.tsx';
import { saveBlob, Table } from '../parts/table.tsx';
import { readRegions } from '../shapes.ts';

const CONTENTS: readonly (readonly [file: string, what: string, check: string])[] = [
  ['deltas/SITE/N.ndjson', 'raw telemetry of each site, as received: one signed note in each line', 'the site\'s key in trust.json; any C2SP signed-note library'],
  ['sla.json', 'every SLA over the range, with the counts of each site', 'the sums of the deltas'],
  ['log.json', 'which entries of the global log are of the range, and where they are', 'two consistency proofs, up to the checkpoint'],
  ['checkpoint.txt', 'a checkpoint of the global log, signed and cosigned', 'the global log\'s key, and the witnesses\''],
  ['trust.json', 'the public keys, as this control plane has them', 'compare with the one that you were given'],
  ['SHA256SUMS', 'the digest of each file', 'sha256sum -c audit/SHA256SUMS'],
  ['manifest.note', 'scope, range, how many deltas of each site are here and missing, the digest of SHA256SUMS', 'the global log\'s key'],
];

/** Kept in the browser until it is whole; a larger one is the browser's own download. Bytes. */
const IN_PAGE_MAX = 256 * 1024 * 1024;
/** Chunks are put together to pieces of this size, which a browser may keep on disk. Bytes. */
const PIECE = 8 * 1024 * 1024;
/** WebCrypto digests what is in memory. Bytes. */
const DIGEST_MAX = 64 * 1024 * 1024;

type State = { readonly kind: 'idle' | 'asking' | 'absent' | 'cancelled' } | { readonly kind: 'running'; readonly got: number; readonly about: number; readonly deltas: number }
  | { readonly kind: 'done'; readonly name: string; readonly size: number; readonly sha256: string | null } | { readonly kind: 'large'; readonly about: number }
  | { readonly kind: 'failed'; readonly detail: string };

const MINUTE_MS = 60_000;
/** As an input of the type datetime-local has it. */
const local = (ms: number): string => new Date(Math.floor(ms / MINUTE_MS) * MINUTE_MS).toISOString().slice(0, 16);
const PRESETS: readonly (readonly [string, (now: number) => readonly [number, number]])[] = [
  ['Last hour', (now) => [now - 3_600_000, now]], ['Last 24 hours', (now) => [now - 86_400_000, now]],
  ['This month', (now) => [Date.UTC(new Date(now).getUTCFullYear(), new Date(now).getUTCMonth(), 1), now]],
];

export function ExportPanel() {
  const { live } = useLive();
  const regions = useAsked('/v1/regions', readRegions);
  const [scope, setScope] = useState('global');
  const [from, setFrom] = useState(() => local(Date.now() - 3_600_000));
  const [to, setTo] = useState(() => local(Date.now()));
  const [state, setState] = useState<State>({ kind: 'idle' });
  const stop = useRef<AbortController | null>(null);
  const path = `/v1/audit/export?scope=${encodeURIComponent(scope)}&from=${from}Z&to=${to}Z`;
  const isBusy = state.kind === 'asking' || state.kind === 'running';
  const preset = (range: (now: number) => readonly [number, number]): void => {
    const [begin, end] = range(Date.now());
    setFrom(local(begin));
    setTo(local(end));
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    stop.current = new AbortController();
    setState({ kind: 'asking' });
    setState(await take(path, stop.current.signal, setState));
  };
  return (
    <section class="panel" aria-labelledby="export">
      <h2 id="export">Export a range</h2>
      <p>One tar archive with everything an auditor needs of a range, as it was signed by who measured or wrote it. The same range gives the same bytes, once all of its deltas are in.</p>
      <form onSubmit={(event) => void submit(event)}>
        <div class="row">
          <label>From (UTC)<input type="datetime-local" required value={from} max={to} onInput={(e) => setFrom(e.currentTarget.value)} /></label>
          <label>To (UTC, not included)<input type="datetime-local" required value={to} min={from} onInput={(e) => setTo(e.currentTarget.value)} /></label>
          <label>Scope
            <select value={scope} onChange={(e) => setScope(e.currentTarget.value)}>
              <option value="global">the whole platform</option>
              {(regions.data ?? []).map((r) => <option key={r.id} value={`region:${r.id}`}>region {r.id}</option>)}
              {(live?.sites ?? []).map((s) => <option key={s.id} value={`site:${s.id}`}>site {s.id}</option>)}
            </select>
          </label>
        </div>
        <div class="actions">
          {PRESETS.map(([name, range]) => <button key={name} type="button" disabled={isBusy} onClick={() => preset(range)}>{name}</button>)}
        </div>
        <div class="actions">
          <button class="main" type="submit" disabled={isBusy}>Export</button>
          {isBusy ? <button type="button" onClick={() => stop.current?.abort()}>Cancel</button> : null}
          <a href={path} download="">Let the browser download it</a>
        </div>
      </form>
      <Progress state={state} />
      <details>
        <summary>What is in it, and how each part is checked</summary>
        <Table
          caption="Files in audit/" name="export-contents" rows={CONTENTS} rowKey={([file]) => file} columns={[
            { name: 'File', show: ([file]) => <code>{file}</code>, value: ([file]) => file }, { name: 'What it is', show: ([, what]) => what, value: ([, what]) => what },
            { name: 'Checked with', show: ([, , check]) => check, value: ([, , check]) => check },
          ]}
        />
      </details>
      <h3>Check it</h3>
      <p>Offline, with the trust.json that you were given. Every signature, digest, sum and proof is computed again:</p>
      <pre tabIndex={0}>{'npx tidemark verify audit-….tar --trust trust.json\n\n# or without us:\ntar xf audit-….tar && sha256sum -c audit/SHA256SUMS'}</pre>
    </section>
  );
}

function Progress({ state: s }: { state: State }) {
  return (
    <>
      {s.kind === 'running' ? (
        <p>
          <progress max={1} value={Math.min(0.99, s.got / Math.max(1, s.about))} aria-label="Export" /> {bytes(s.got)} of about {bytes(s.about)}, {count(s.deltas)} deltas
        </p>
      ) : null}
      <div role="status">
        {s.kind === 'asking' ? <p class="quiet">The control plane puts it together…</p>
          : s.kind === 'done' ? (
            <div class="state"><strong>Saved as {s.name}</strong>{bytes(s.size)}{s.sha256 === null ? '' : <>, SHA-256 <span class="mono" data-testid="export-sha256">{s.sha256}</span></>}</div>
          ) : s.kind === 'cancelled' ? <Note title="Cancelled">Nothing was saved.</Note>
            : s.kind === 'absent' ? <Note title="Not available here">This control plane does not make audit exports.</Note>
              : s.kind === 'large' ? <Note title={`About ${bytes(s.about)}`}>That is more than a page should hold. Let the browser download it, or take a shorter range or one site.</Note>
                : s.kind === 'failed' ? <Note title="No export" error>{s.detail}</Note> : null}
      </div>
    </>
  );
}

/** Takes it chunk by chunk, and saves it when it is whole. Never throws. */
async function take(path: string, signal: AbortSignal, tell: (state: State) => void): Promise<State> {
  try {
    const response = await ask(path, signal, { timeoutMs: null });
    const header = (name: string): number => Number(response.headers.get(name) ?? 0);
    const [about, deltas] = [header('tidemark-bytes-about'), header('tidemark-deltas')];
    if (about > IN_PAGE_MAX) {
      await response.body?.cancel();
      return { kind: 'large', about };
    }
    const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? 'audit.tar';
    const pieces: Blob[] = [];
    let chunks: Uint8Array<ArrayBuffer>[] = [];
    let [got, held] = [0, 0];
    const flush = (): void => {
      pieces.push(new Blob(chunks));
      [chunks, held] = [[], 0];
    };
    tell({ kind: 'running', got, about, deltas });
    const reader = response.body!.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      got += part.value.length;
      held += part.value.length;
      if (held < PIECE) continue;
      flush();
      tell({ kind: 'running', got, about, deltas });
    }
    flush();
    const whole = new Blob(pieces, { type: 'application/x-tar' });
    // A connection that was cut in the middle looks like an end: an archive ends with two blocks of zeros.
    const end = new Uint8Array(await whole.slice(-1_024).arrayBuffer());
    if (end.length < 1_024 || end.some((byte) => byte !== 0)) return { kind: 'failed', detail: 'The connection was cut before the end of the archive; nothing was saved. Export it again.' };
    saveBlob(name, whole);
    return { kind: 'done', name, size: got, sha256: got > DIGEST_MAX || !isSecureContext ? null : await digest(whole) };
  } catch (error) {
    if (signal.aborted) return { kind: 'cancelled' };
    const failure = error instanceof AskError ? error.failure : { status: 0, code: 'error', detail: error instanceof Error ? error.message : String(error) };
    return failure.code === 'not-found' ? { kind: 'absent' } : { kind: 'failed', detail: failure.detail };
  }
}

const digest = async (blob: Blob): Promise<string> =>
  [...new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
