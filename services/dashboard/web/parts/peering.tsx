/** The ways between sites as the probes saw them: a matrix, from whom to whom, and the list behind it. */
import { useState } from 'preact/hooks';
import { pathOf } from '../../pages.ts';
import { count, duration, percent, time } from '../format.ts';
import { Link } from '../router.tsx';
import type { Peering } from '../telemetry-shapes.ts';
import { Intervals } from './figures.tsx';
import { Table, type Column } from './table.tsx';

const lostShare = (p: Peering): number | null => (p.sent === 0 ? null : p.lost / p.sent);

/** What a cell can show: the figure, and a second one below it. */
const VIEWS: readonly { readonly id: string; readonly name: string; readonly show: (p: Peering) => readonly [string, string] }[] = [
  { id: 'rtt', name: 'Round trip: p50, p95', show: (p) => [duration(p.rtt.quantiles.p50.value), duration(p.rtt.quantiles.p95.value)] },
  { id: 'jitter', name: 'Jitter: p50, p95', show: (p) => [duration(p.jitter.quantiles.p50.value), duration(p.jitter.quantiles.p95.value)] },
  { id: 'loss', name: 'Loss', show: (p) => [percent(lostShare(p), 1), `${count(p.lost)} of ${count(p.sent)}`] },
  { id: 'reachable', name: 'Reachability', show: (p) => [percent(p.reachable?.value ?? null, 2), p.up === null ? '' : p.up ? 'up' : 'down'] },
];

/** In words for who can't see the colour. */
function healthOf(p: Peering): readonly [tone: string, words: string] {
  if (p.up === false) return ['bad', 'down'];
  const lost = lostShare(p) ?? 0;
  return lost >= 0.1 ? ['bad', 'loses a tenth or more'] : lost > 0 ? ['warn', 'loses probes'] : ['good', 'nothing lost'];
}

const COLUMNS: readonly Column<Peering>[] = [
  { name: 'From', show: (p) => <Link to={pathOf('site', p.from)}>{p.from}</Link>, value: (p) => p.from },
  { name: 'To', show: (p) => <Link to={pathOf(p.kind === 'region' ? 'region' : 'site', p.to)}>{p.to}</Link>, value: (p) => p.to },
  { name: 'Now', show: (p) => (p.up === null ? '–' : <><span class={`tag ${p.up ? 'good' : 'bad'}`}>{p.up ? 'up' : 'down'}</span>{p.upSince === null ? null : <span class="range">since {time(p.upSince).slice(0, 19)}</span>}</>), value: (p) => (p.up === null ? '' : p.up ? 'up' : 'down') },
  { name: 'Round trip p50', csvName: 'round trip p50 (ms)', number: true, show: (p) => <>{duration(p.rtt.quantiles.p50.value)}<Intervals of={p.rtt.quantiles.p50} show={duration} /></>, value: (p) => p.rtt.quantiles.p50.value, intervals: (p) => p.rtt.quantiles.p50.intervals },
  { name: 'p95', csvName: 'round trip p95 (ms)', number: true, show: (p) => <>{duration(p.rtt.quantiles.p95.value)}<Intervals of={p.rtt.quantiles.p95} show={duration} /></>, value: (p) => p.rtt.quantiles.p95.value, intervals: (p) => p.rtt.quantiles.p95.intervals },
  { name: 'p99', csvName: 'round trip p99 (ms)', number: true, show: (p) => duration(p.rtt.quantiles.p99.value), value: (p) => p.rtt.quantiles.p99.value },
  { name: 'Jitter p50', csvName: 'jitter p50 (ms)', number: true, show: (p) => duration(p.jitter.quantiles.p50.value), value: (p) => p.jitter.quantiles.p50.value },
  { name: 'Jitter p95', csvName: 'jitter p95 (ms)', number: true, show: (p) => duration(p.jitter.quantiles.p95.value), value: (p) => p.jitter.quantiles.p95.value },
  { name: 'Lost', csvName: 'lost probes', number: true, show: (p) => `${count(p.lost)} of ${count(p.sent)}`, value: (p) => p.lost },
  { name: 'Probes', csvName: 'probes', number: true, show: (p) => count(p.sent), value: (p) => p.sent },
  { name: 'Reachable', csvName: 'reachable (share)', number: true, show: (p) => <>{percent(p.reachable?.value ?? null, 2)}{p.reachable === null ? null : <Intervals of={p.reachable} show={(n) => percent(n, 2)} />}</>, value: (p) => p.reachable?.value, intervals: (p) => p.reachable?.intervals ?? [] },
];

/** `eu-2` before `eu-10`. */
const { compare } = new Intl.Collator('en', { numeric: true });
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort(compare);

/** @param of how many ways there are; those in `pairs` are the worst of them */
export function PeeringMatrix({ pairs, of, name }: { pairs: readonly Peering[]; of: number; name: string }) {
  const [view, setView] = useState(VIEWS[0]!.id);
  const { show, name: title } = VIEWS.find((v) => v.id === view)!;
  const from = sorted(pairs.map((p) => p.from));
  // Regions first: what every site depends on.
  const regions = sorted(pairs.filter((p) => p.kind === 'region').map((p) => p.to));
  const to = [...regions, ...sorted(pairs.filter((p) => p.kind !== 'region').map((p) => p.to))];
  const at = new Map(pairs.map((p) => [`${p.from} ${p.to}`, p]));
  const caption = `${title}, from each site to those that it probes`;
  return (
    <>
      <form class="row" onSubmit={(e) => e.preventDefault()}>
        <label>Show<select value={view} onChange={(e) => setView(e.currentTarget.value)}>{VIEWS.map((v) => <option key={v.id} value={v.id}>{v.name}</option>)}</select></label>
        <ul class="key">
          <li><span class="tag good">nothing lost</span></li><li><span class="tag warn">loses probes</span></li><li><span class="tag bad">down, or a tenth lost</span></li>
        </ul>
      </form>
      {of > pairs.length ? <p class="quiet">The {count(pairs.length)} worst of {count(of)} ways. A site's own page has all of its ways.</p> : null}
      <div class="scroll matrix" role="region" aria-label={caption} tabIndex={0}>
        <table>
          <caption>{caption}</caption>
          <thead><tr><th scope="col">From</th>{to.map((id) => <th scope="col" key={id}>{id}</th>)}</tr></thead>
          <tbody>
            {from.map((row) => (
              <tr key={row}>
                <th scope="row"><Link to={pathOf('site', row)}>{row}</Link></th>
                {to.map((column) => <Cell key={column} pair={at.get(`${row} ${column}`)} show={show} isOwn={row === column} />)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <details>
        <summary>Table: every way with its figures</summary>
        <Table caption="Probes between sites" columns={COLUMNS} rows={pairs} rowKey={(p) => `${p.from} ${p.to}`} name={name} />
      </details>
    </>
  );
}

function Cell({ pair, show, isOwn }: { pair: Peering | undefined; show: (p: Peering) => readonly [string, string]; isOwn: boolean }) {
  if (pair === undefined) return <td class="none"><span class="hidden">{isOwn ? 'itself' : 'not probed'}</span></td>;
  const [tone, words] = healthOf(pair);
  const [first, second] = show(pair);
  return <td class={`cell ${tone}`}><span class="value">{pair.up === false ? 'down' : first}</span><span class="range">{pair.up === false ? first : second}</span><span class="hidden">{words}</span></td>;
}
