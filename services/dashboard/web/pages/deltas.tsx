/** The raw deltas behind a figure, as the control plane received them; each signature is checked here. */
import { useEffect, useState } from 'preact/hooks';
import { openSigned } from '../../notes.ts';
import type { Trust } from '../../trust.ts';
import { useAsked } from '../client.tsx';
import { time } from '../format.ts';
import { useKeys } from '../keys.tsx';
import { Await, Note } from '../parts/states.tsx';
import { Download, Table } from '../parts/table.tsx';
import { readDeltas, type RawDelta } from '../telemetry-shapes.ts';

const PAGE = 50;

/** @param from milliseconds since 1970: when the figures begin that the deltas are behind, and end */
export function Deltas({ scope, from, to }: { scope: string; from: number; to: number }) {
  const [kind, id = ''] = scope.split(':');
  // As it was when the list was opened: figures move on with every minute.
  const [range] = useState({ from, to });
  const path = `/v1/telemetry/deltas?${kind === 'site' ? 'node' : 'region'}=${encodeURIComponent(id)}&from=${range.from}&to=${range.to}`;
  const [after, setAfter] = useState(0);
  const page = useAsked(`${path}&limit=${PAGE}&after=${after}`, readDeltas);
  return (
    <Await asked={page} what="raw deltas">{({ deltas, next }) => (
      <>
        <List deltas={deltas} name={scope.replace(':', '-')} />
        <div class="actions">
          {after === 0 ? null : <button type="button" onClick={() => setAfter(0)}>First page</button>}
          {deltas.length < PAGE ? null : <button type="button" onClick={() => setAfter(next)}>Next page</button>}
        </div>
      </>
    )}</Await>
  );
}

async function check(d: RawDelta, trust: Trust): Promise<string> {
  const node = trust.regions.map((r) => r.nodes.get(d.node)).find((k) => k !== undefined);
  if (node === undefined) return 'no key of this node is known';
  return openSigned(d.note, node).then(() => '', (error: unknown) => (error instanceof Error ? error.message : String(error)));
}

function List({ deltas, name }: { deltas: readonly RawDelta[]; name: string }) {
  const { trust } = useKeys();
  /** By number: why the signature does not hold, or '' when it does. */
  const [checked, setChecked] = useState<ReadonlyMap<number, string>>(new Map());
  useEffect(() => {
    let gone = false;
    if (trust !== null) void Promise.all(deltas.map(async (d) => [d.n, await check(d, trust)] as const)).then((all) => gone || setChecked(new Map(all)));
    return () => {
      gone = true;
    };
  }, [deltas, trust]);
  if (deltas.length === 0) return <Note title="No delta in this window">A site sends one every few seconds while something happens, and one a minute otherwise.</Note>;
  const verdict = (d: RawDelta): string => {
    const why = checked.get(d.n);
    return why === undefined ? 'not checked' : why === '' ? 'signature holds' : why;
  };
  const iso = (ms: number): string => new Date(ms).toISOString();
  return (
    <>
      <Table
        caption="Deltas as received, each signed by its site" name={`${name}-deltas`} rows={deltas} rowKey={(d) => String(d.n)} columns={[
          { name: 'Number', show: (d) => `${d.node} ${d.seq}`, value: (d) => d.seq }, { name: 'Site', show: (d) => d.node, value: (d) => d.node },
          { name: 'From', show: (d) => time(d.from), value: (d) => iso(d.from) }, { name: 'To', show: (d) => time(d.to), value: (d) => iso(d.to) },
          { name: 'Received', show: (d) => time(d.receivedAt), value: (d) => iso(d.receivedAt) },
          { name: 'Signature', show: (d) => <span class={`tag ${checked.get(d.n) === '' ? 'good' : checked.has(d.n) ? 'bad' : 'warn'}`}>{verdict(d)}</span>, value: verdict },
          { name: 'Signed note', show: (d) => <details><summary>Show {d.node} {d.seq}</summary><pre tabIndex={0}>{d.note}</pre></details>, value: (d) => d.note },
        ]}
      />
      <div class="actions"><Download name={`${name}-deltas.json`} type="application/json" text={() => JSON.stringify(deltas, null, 2)}>Download JSON</Download></div>
    </>
  );
}
