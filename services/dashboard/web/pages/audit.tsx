/** What an auditor takes along, what it contains, and how it is verified without relying on this page or this server. */
import { useState } from 'preact/hooks';
import { AskError, askText } from '../client.tsx';
import { KeysPanel } from '../keys.tsx';
import { Note } from '../parts/states.tsx';
import { save, Table } from '../parts/table.tsx';
import { ExportPanel } from './export.tsx';

const CONTENTS: readonly { readonly what: string; readonly where: string; readonly proves: string; readonly check: string }[] = [
  { what: 'Checkpoint', where: '/checkpoint', proves: 'the size and the root of the log, signed and witnessed', check: 'Go golang.org/x/mod/sumdb/note; this page, Log' },
  { what: 'Tiles', where: '/tile/<level>/<index>', proves: 'every root and every proof, recomputed', check: 'sumdb/tlog, transparency-dev/merkle; this page, Log' },
  { what: 'Entries', where: '/tile/entries/<index>', proves: 'what every outcome was, byte for byte', check: 'SHA-256 of 0x00 and the entry is its leaf' },
  { what: 'Receipt of a settlement', where: '/v1/settlements/<id>/receipt', proves: 'its outcome is in the log under a witnessed checkpoint', check: 'C2SP tlog-proof; this page, Settlements' },
  { what: 'Raw telemetry', where: '/v1/telemetry/deltas', proves: 'what each site counted, signed by that site', check: 'the site\'s key in trust.json; sums of deltas are the figures' },
  { what: 'Public keys', where: '/trust.json', proves: 'nothing by itself: get it from who provisioned the platform', check: 'compare with the file that you were given' },
];

export function AuditPage() {
  return (
    <>
      <ExportPanel />
      <Reports />
      <section class="panel" aria-labelledby="contents">
        <h2 id="contents">Everything else that can be taken along</h2>
        <p>Everything that is exported is what the log itself consists of. Nothing is rewritten for the export, so that signatures and proofs still hold.</p>
        <Table
          caption="What there is, and where" name="what-there-is" rows={CONTENTS} rowKey={(c) => c.what} columns={[
            { name: 'What', show: (c) => c.what, value: (c) => c.what }, { name: 'Where', show: (c) => <code>{c.where}</code>, value: (c) => c.where },
            { name: 'What it proves', show: (c) => c.proves, value: (c) => c.proves }, { name: 'How to check it', show: (c) => c.check, value: (c) => c.check },
          ]}
        />
      </section>
      <section class="panel" aria-labelledby="verify">
        <h2 id="verify">Verify it without us</h2>
        <ol>
          <li>Get trust.json from who provisioned the platform, not from this server.</li>
          <li>Check the signature and the cosignatures of the checkpoint with it: any C2SP signed-note library does.</li>
          <li>Download all tiles and entries of that size; hash every entry, compare with the tiles, and compute the root.</li>
          <li>Take decisions again from their recorded inputs, and the ledger from the entries alone.</li>
          <li>Keep the checkpoint. Next time, prove that the log has only grown since.</li>
        </ol>
        <p><code>tidemark export</code> writes all of it into a folder that stands on its own, and <code>tidemark verify</code> checks that folder, offline:</p>
        <pre tabIndex={0}>{'tidemark export audit\ntidemark verify audit --trust trust.json     # your own copy'}</pre>
        <p>By hand:</p>
        <pre tabIndex={0}>{`curl ${location.origin}/checkpoint                 # origin, size, root, signatures\ncurl ${location.origin}/tile/entries/000           # the first 256 entries: uint16 length, JSON, ...\ncurl ${location.origin}/tile/0/000                 # their leaf hashes: SHA-256 of 0x00 and the entry`}</pre>
      </section>
      <KeysPanel />
    </>
  );
}

const FORMATS = [['html', 'HTML, to read', 'text/html'], ['csv', 'CSV', 'text/csv'], ['json', 'JSON', 'application/json']] as const;

const thisMonth = (): string => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)).toISOString().slice(0, 7);
};

function Reports() {
  const [month, setMonth] = useState(thisMonth);
  const [state, setState] = useState<{ readonly kind: 'idle' | 'working' | 'done' | 'absent' } | { readonly kind: 'failed'; readonly detail: string }>({ kind: 'idle' });
  const load = async (format: string, type: string): Promise<void> => {
    setState({ kind: 'working' });
    try {
      save(`sla-report-${month}.${format}`, await askText(`/v1/sla/report?month=${encodeURIComponent(month)}&format=${format}`), type);
      setState({ kind: 'done' });
    } catch (error) {
      const failure = error instanceof AskError ? error.failure : { status: 0, code: 'error', detail: String(error) };
      setState(failure.code === 'not-found' ? { kind: 'absent' } : { kind: 'failed', detail: failure.detail });
    }
  };
  return (
    <section class="panel" aria-labelledby="reports">
      <h2 id="reports">Service level report</h2>
      <p>Every SLA of one month, with the raw counts and the confidence intervals behind each figure.</p>
      <div class="actions">
        <label>Month<input type="month" pattern="[0-9]{4}-[0-9]{2}" value={month} onInput={(e) => setMonth(e.currentTarget.value)} /></label>
        {FORMATS.map(([format, name, type]) => <button key={format} type="button" disabled={month === ''} onClick={() => void load(format, type)}>Download {name}</button>)}
      </div>
      <div role="status">
        {state.kind === 'working' ? <p class="quiet">Making the report…</p> : state.kind === 'done' ? <p class="quiet">Downloaded.</p>
          : state.kind === 'absent' ? <Note title="Not available here">This control plane does not make reports.</Note>
            : state.kind === 'failed' ? <Note title="No report" error>{state.detail}</Note> : null}
      </div>
    </section>
  );
}
