/** Who cosigned a checkpoint, and whether that is enough. */
import type { Witnessed } from '../../trust.ts';
import { time } from '../format.ts';
import { Table } from './table.tsx';

interface Row { readonly region: string; readonly replica: string; readonly at: number | null }

export function WitnessTable({ witnessed, name }: { witnessed: Witnessed; name: string }) {
  const rows = witnessed.regions.flatMap((r) => r.replicas.map((x): Row => ({ region: r.region, replica: x.name, at: x.at })));
  const holding = witnessed.regions.filter((r) => r.holds);
  return (
    <>
      <p>{witnessed.holds ? <span class="tag good">Quorum reached</span> : <span class="tag bad">Quorum missed</span>}: {holding.length} of {witnessed.regions.length} regions have witnessed size {witnessed.checkpoint.size}, {witnessed.quorum} needed.</p>
      {witnessed.holds && rows.some((r) => r.at === null)
        ? <p class="quiet">Enough have cosigned, so this checkpoint counts, and cosignatures that come later are not added to it: who was cut off or slower then has none here, and cosigns the next checkpoint.</p> : null}
      <Table
        caption={`Cosignatures of the checkpoint of size ${witnessed.checkpoint.size}`} name={name} rows={rows} rowKey={(r) => r.replica}
        columns={[
          { name: 'Replica', show: (r) => <span class="mono">{r.replica}</span>, value: (r) => r.replica },
          { name: 'Region', show: (r) => r.region, value: (r) => r.region },
          {
            name: 'Cosigned', value: (r) => (r.at === null ? '' : new Date(r.at * 1_000).toISOString()),
            show: (r) => (r.at === null ? <span class={`tag ${witnessed.holds ? 'quiet' : 'warn'}`}>{witnessed.holds ? 'not needed' : 'not yet'}</span> : <span class="tag good">{time(r.at * 1_000)}</span>),
          },
        ]}
      />
    </>
  );
}
