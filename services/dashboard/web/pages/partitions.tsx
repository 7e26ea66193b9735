/** Cuts sites of a platform on this machine off and heals them, and says what to look at meanwhile. */
import { useEffect, useState } from 'preact/hooks';
import { PAGES, pathOf } from '../../pages.ts';
import { AskError } from '../client.tsx';
import { clock, count, plural } from '../format.ts';
import { useLive } from '../live.tsx';
import { partitionOf, useLocal, type Local, type LocalSite, type LocalState, type Partition } from '../local.tsx';
import { Failed, Loading, Note } from '../parts/states.tsx';
import { Link } from '../router.tsx';
import type { LiveSite } from '../telemetry-shapes.ts';

const LENGTHS: readonly (readonly [string, string])[] = [['', 'until it is healed'], ['15000', 'for 15 seconds'], ['60000', 'for a minute'], ['300000', 'for 5 minutes']];

/** What can be cut off, and what that does. */
interface Target {
  readonly id: string;
  readonly title: string;
  readonly keeps: string;
  readonly path: string | null;
}

function targetsOf({ sites }: LocalState): readonly (readonly [group: string, targets: readonly Target[]])[] {
  const edges = sites.filter((s) => s.tier === 'edge');
  const regions = [...new Set(sites.flatMap((s) => (s.tier === 'region' && s.region !== null ? [s.region] : [])))];
  const centre = sites.filter((s) => s.tier === 'global');
  return [
    ['Edge sites', edges.map((s) => ({ id: s.id, title: s.id, keeps: 'decides offline, within its limits', path: pathOf('site', s.id) }))],
    ['Regions', regions.map((id) => ({ id, title: id, keeps: `${plural(edges.filter((s) => s.region === id).length, 'site')} and ${plural(sites.filter((s) => s.tier === 'region' && s.region === id).length, 'replica')} keep each other`, path: pathOf('region', id) }))],
    ['Control plane', centre.map((s) => ({ id: s.id, title: s.id, keeps: 'this page stays: it is served on this machine', path: null }))],
  ];
}

export function PartitionsPage() {
  const local = useLocal();
  if (local.mode === 'absent') {
    return <Note title="Only on a platform on one machine">Sites can be cut off here where <code>tidemark up</code> runs all of them behind an emulated network, and the page is opened on that machine.</Note>;
  }
  if (local.state === null) return local.failure === null ? <Loading what="sites" /> : <Failed failure={local.failure} what="sites of the local platform" />;
  if (local.state.wan === 'direct') return <Note title="No network to cut">This platform runs with <code>--wan direct</code>: nothing lies between its sites. Start it without, and partitions are possible.</Note>;
  return <Faults local={local} state={local.state} />;
}

type Said = { readonly kind: 'said' | 'failed'; readonly words: string } | null;

function Faults({ local, state }: { local: Local; state: LocalState }) {
  const [length, setLength] = useState('');
  const [busy, setBusy] = useState<string | null>(null);
  const [said, setSaid] = useState<Said>(null);
  const run = async (what: string, words: string, work: () => Promise<void>): Promise<void> => {
    if (busy !== null) return;
    setBusy(what);
    try {
      await work();
      setSaid({ kind: 'said', words });
    } catch (error) {
      setSaid({ kind: 'failed', words: error instanceof AskError ? error.failure.detail : String(error) });
    }
    setBusy(null);
  };
  const forMs = length === '' ? null : Number(length);
  const lasting = LENGTHS.find(([value]) => value === length)![1];
  return (
    <>
      {local.failure === null ? null : <Note title="The local platform does not answer" error>{local.failure.detail} What is shown is the last that was heard.</Note>}
      <div class="split">
        <section class="panel" aria-labelledby="faults">
          <h2 id="faults">Sites</h2>
          <form class="row" onSubmit={(e) => e.preventDefault()}>
            <label>How long<select value={length} onChange={(e) => setLength(e.currentTarget.value)}>{LENGTHS.map(([value, name]) => <option key={value} value={value}>{name}</option>)}</select></label>
            <button type="button" disabled={state.partitions.length === 0} aria-disabled={busy !== null} onClick={() => void run('*', 'Everything is connected again.', () => local.heal(null))}>Heal all</button>
            <div role="status" class="announce">{said?.kind === 'said' ? said.words : ''}</div>
          </form>
          {said?.kind === 'failed' ? <div role="alert"><Note title="That did not work" error>{said.words}</Note></div> : null}
          {targetsOf(state).map(([group, targets]) => (
            <div key={group}>
              <h3>{group}</h3>
              <ul class="faults">
                {targets.map((t) => (
                  <Fault
                    key={t.id} target={t} state={state} busy={busy}
                    onCut={() => void run(t.id, `${t.title} is cut off ${lasting}.`, () => local.cut(t.id, forMs))}
                    onHeal={() => void run(t.id, `${t.title} is connected again.`, () => local.heal(t.id))}
                  />
                ))}
              </ul>
            </div>
          ))}
        </section>
        <Guide state={state} />
      </div>
    </>
  );
}

/** Whole seconds, as a clock counts. */
function seconds(ms: number): string {
  const all = Math.max(0, Math.round(ms / 1_000));
  return all < 60 ? `${all} s` : `${Math.floor(all / 60)} min ${all % 60} s`;
}

/** Milliseconds since 1970, by this browser's clock, once a second. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function Fault({ target, state, busy, onCut, onHeal }: { target: Target; state: LocalState; busy: string | null; onCut: () => void; onHeal: () => void }) {
  const { live } = useLive();
  const own = state.partitions.find((p) => p.site === target.id);
  const site = state.sites.find((s) => s.id === target.id);
  // A region's partition cuts off its sites, too: it is healed there.
  const other = own === undefined ? partitionOf(state, target.id, site?.tier === 'edge' ? site.region : null) : undefined;
  const told = live?.sites.find((s) => s.id === target.id);
  const name = target.path === null ? <strong>{target.title}</strong> : <Link to={target.path}>{target.title}</Link>;
  return (
    <li class={own === undefined && other === undefined ? '' : 'cut'} data-testid={`fault-${target.id}`}>
      <div class="who">
        {name}
        <span class="range">{told === undefined ? target.keeps : saysOf(told)}</span>
      </div>
      <Connection own={own} other={other} site={site} />
      {/* Not disabled while it works: a button that is loses the focus. */}
      {own === undefined
        ? <button type="button" aria-disabled={busy !== null} aria-label={`Cut off ${target.title}`} onClick={onCut}>Cut off</button>
        : <button type="button" class="main" aria-disabled={busy !== null} aria-label={`Heal ${target.title}`} onClick={onHeal}>Heal</button>}
    </li>
  );
}

const saysOf = (s: LiveSite): string => `${count(s.queued)} queued, ${count(s.provisional)} provisional${s.heardAt === null ? '' : `, told ${clock(s.heardAt)}`}`;

function Connection({ own, other, site }: { own: Partition | undefined; other: Partition | undefined; site: LocalSite | undefined }) {
  const now = useNow();
  const cut = own ?? other;
  if (cut === undefined) {
    return site === undefined || site.state === 'listening' ? <span class="tag good">connected</span> : <span class="tag warn">{site.state}</span>;
  }
  const left = cut.until === null ? '' : `, ${seconds(cut.until - now)} to go`;
  return (
    <span>
      <span class="tag bad">{own === undefined ? `cut off with ${cut.site}` : 'cut off'}</span>
      <span class="range">for {seconds(now - cut.since)}{left}</span>
    </span>
  );
}

/** What one should see happen, for the site that is cut off or the first one. */
function Guide({ state }: { state: LocalState }) {
  const cut = state.sites.find((s) => s.tier === 'edge' && partitionOf(state, s.id, s.region) !== undefined);
  const site = cut ?? state.sites.find((s) => s.tier === 'edge');
  if (site === undefined) return null;
  const done = (is: boolean): string => (is ? 'ok' : '');
  return (
    <section class="panel" aria-labelledby="guide">
      <h2 id="guide">What you should see</h2>
      <ol class="steps">
        <li class={done(cut !== undefined)}><strong>Cut {site.id} off.</strong> Connections freeze, as in a real partition: nobody is told. Its figures stand still here, because they come over the same network.</li>
        <li><strong>It notices by itself,</strong> after <code>offlineAfterMs</code> of the policy without a word from the centre, and goes on: within its offline limits, from the last known good state. <a href={`${site.url}/v1/status`} target="_blank" rel="noopener">Ask it directly</a>.</li>
        <li><strong>Settle there.</strong> The answer says <code>provisional</code>, decided <code>offline</code>:
          <pre tabIndex={0}>{`npx tidemark settle alice bob 5.00 EUR --site ${site.id}`}</pre>
          <Link to={PAGES.settlements}>Settlements</Link> here do not know it yet.
        </li>
        <li><strong>Heal it.</strong> It sends what it decided, proofs come back, and every one of them becomes final, or is rejected with a reason and reversed. Nothing is lost, and nothing counts twice.</li>
        <li><strong>Look at it afterwards:</strong> <Link to={pathOf('site', site.id)}>{site.id}</Link> has the drift of what it believed and the time to reconcile, and deltas that it kept meanwhile.</li>
      </ol>
    </section>
  );
}
