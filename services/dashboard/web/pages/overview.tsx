/** Open incidents; SLAs, worst budget first; then every site as it is right now. */
import { useState } from 'preact/hooks';
import { PAGES, pathOf } from '../../pages.ts';
import { useAsked } from '../client.tsx';
import { budgetLeft, clock, count, duration, percent, perSecond, plural, range, time, windowName } from '../format.ts';
import { heardOf, useLive } from '../live.tsx';
import { isCentreCut, partitionOf, useLocal } from '../local.tsx';
import { ScopeLink } from '../parts/figures.tsx';
import { Await, Loading, Note } from '../parts/states.tsx';
import { Csv, Table, type Column } from '../parts/table.tsx';
import { Link } from '../router.tsx';
import { readRegions, readStatus, type RegionState } from '../shapes.ts';
import { readSlas, type LiveSite, type Sla } from '../telemetry-shapes.ts';
import { OpenIncidents } from './incidents.tsx';

export function OverviewPage() {
  return <><Stale /><OpenIncidents /><Slas /><Sites /><Centre /></>;
}

/** That nothing comes any more, where it is so: what was heard last looks like what is. */
function Stale() {
  const { live } = useLive();
  const { late, lastAt, isAll } = heardOf(live);
  if (live === null || lastAt === null || late.length === 0) return null;
  if (isAll) {
    return <Note title={`No site has been heard since ${clock(lastAt)}, ${duration(live.at - lastAt)} ago`} error>All figures here are of then. Sites go on settling without this control plane: it may be cut off from them.</Note>;
  }
  return <Note title={`${plural(late.length, 'site')} not heard: ${late.slice(0, LATE_NAMED).map((s) => `${s.id} since ${clock(s.contactAt!)}`).join(', ')}${late.length > LATE_NAMED ? ' and others' : ''}`}>What is shown of them is of then, and figures of regions lack what they tell later.</Note>;
}

/** So many sites fit in a sentence. */
const LATE_NAMED = 5;

function budgetTone(left: number | null): string {
  if (left === null) return 'quiet';
  return left <= 0 ? 'bad' : left < 0.25 ? 'warn' : 'good';
}

const SLA_COLUMNS: readonly Column<Sla>[] = [
  { name: 'SLA', show: (s) => <>{s.id}<span class="range">{s.indicator}</span></>, value: (s) => s.id },
  { name: 'Scope', show: (s) => <ScopeLink scope={s.scope} />, value: (s) => s.scope },
  {
    name: 'Budget left', csvName: 'budget left (share)', value: (s) => s.budgetLeft, show: (s) => (s.budgetLeft === null ? <span class="quiet">nothing counted yet</span> : (
      <>
        <span class={s.budgetKnown ? budgetTone(s.budgetLeft) : 'quiet'}>{budgetLeft(s.budgetLeft)}</span>
        {s.budgetKnown ? null : <span class="range">so far; too little to judge {s.windowDays === null ? 'the window' : plural(s.windowDays, 'day')}</span>}
        <meter min={0} max={1} low={0.25} high={0.5} optimum={1} value={Math.max(0, s.budgetLeft)} aria-label={`Error budget left of ${s.id}, ${s.scope}`} />
      </>
    )),
  },
  {
    name: 'Attained', csvName: 'attainment (share)', number: true, value: (s) => s.attainment, intervals: (s) => s.intervals,
    show: (s) => <>{percent(s.attainment, 3)}{s.intervals.map((i) => <span class="range" key={i.method}>{range(i.low, i.high, (n) => percent(n, 3))} ({i.method})</span>)}</>,
  },
  { name: 'Promised', csvName: 'objective (share)', number: true, show: (s) => <>{percent(s.objective, 2)}{s.windowDays === null ? null : <span class="range">over {s.windowDays} d</span>}</>, value: (s) => s.objective },
  { name: 'Good of events', csvName: 'good', number: true, show: (s) => `${count(s.good)} of ${count(s.events)}`, value: (s) => s.good },
  {
    name: 'Burn rates', value: (s) => s.alerts.map((a) => `${a.id} ${a.long.rate ?? ''}`).join('; '),
    show: (s) => (s.alerts.length === 0 ? '–' : s.alerts.map((a) => (
      <span key={a.id} class={`range whole ${a.burning ? 'bad' : ''}`}>{a.id}, {windowName(a.long.minutes)}: {a.long.rate === null ? '–' : a.long.rate.toFixed(2)}{a.factor === null ? '' : ` of ${Number(a.factor.toFixed(2))}`}{a.burning ? ', alerts' : ''}</span>
    ))),
  },
  { name: 'Budget lasts', csvName: 'time to exhaustion (ms)', number: true, show: (s) => (!s.budgetKnown ? '–' : s.exhaustedInMs === 0 ? <span class="bad">gone</span> : duration(s.exhaustedInMs)), value: (s) => s.exhaustedInMs },
];

/** So many that the sites stay in sight; the others are a click away, and the download has all. */
const SLAS_SHOWN = 5;

function Slas() {
  const [all, setAll] = useState(false);
  const slas = useAsked('/v1/sla', readSlas, 10_000);
  return (
    <section class="panel" aria-labelledby="slas">
      <h2 id="slas">Service levels, worst budget first</h2>
      <Await asked={slas} what="service levels">{(rows) => (rows.length === 0
        ? <Note title="No SLA is defined">SLAs stand in tidemark.config.ts; alarms, load tests and this table all follow from there.</Note>
        : (
          <>
            <Table caption="Error budgets of the current windows" columns={SLA_COLUMNS} rows={all ? rows : rows.slice(0, SLAS_SHOWN)} rowKey={(s) => `${s.id} ${s.scope}`} />
            <div class="actions">
              {rows.length <= SLAS_SHOWN ? null : <button type="button" class="quiet" aria-expanded={all} onClick={() => setAll(!all)}>{all ? `Only the ${SLAS_SHOWN} worst` : `All ${count(rows.length)}`}</button>}
              <Csv name="service-levels" columns={SLA_COLUMNS} rows={rows} />
            </div>
          </>
        ))}
      </Await>
    </section>
  );
}

const STATE_TONE: Readonly<Record<string, string>> = { ready: 'good', disconnected: 'warn', unknown: 'warn', silent: 'bad', halted: 'bad' };

const SITE_COLUMNS: readonly Column<LiveSite>[] = [
  { name: 'site', show: (s) => s.id, value: (s) => s.id }, { name: 'region', show: (s) => s.region, value: (s) => s.region }, { name: 'state', show: (s) => s.state, value: (s) => s.state },
  { name: 'settlements per second', show: () => '', value: (s) => s.throughput },
  { name: 'request to final p50 (ms)', show: () => '', value: (s) => s.p50Ms }, { name: 'request to final p99 (ms)', show: () => '', value: (s) => s.p99Ms }, { name: 'provisional ratio', show: () => '', value: (s) => s.provisionalRatio },
  { name: 'provisional', show: () => '', value: (s) => s.provisional }, { name: 'queued', show: () => '', value: (s) => s.queued },
];

function Sites() {
  const { mode, live } = useLive();
  return (
    <section class="panel" aria-labelledby="sites">
      <h2 id="sites">Sites, right now</h2>
      {live === null
        ? mode === 'absent' ? <Note title="No live feed here">This control plane does not send live figures. Regions, below, are asked every few seconds.</Note>
          : mode === 'lost' ? <Note title="No answer" error>The control plane did not answer yet.</Note> : <Loading what="sites" />
        : live.sites.length === 0 ? <Note title="No site has reported yet">Sites appear with their first telemetry, seconds after they start.</Note> : (
          <>
            <p class="quiet">As of {time(live.at)}{mode === 'live' ? '' : ', the last that arrived'}.</p>
            <div class="regions">{regionsOf(live.sites).map(([region, sites]) => <RegionSites key={region} region={region} sites={sites} dense={live.sites.length > DENSE_FROM} />)}</div>
            <div class="actions"><Csv name="sites" columns={SITE_COLUMNS} rows={live.sites} /></div>
          </>
        )}
    </section>
  );
}

/** With more sites than this each takes less room. */
const DENSE_FROM = 24;
const TROUBLE = ['halted', 'silent', 'disconnected', 'unknown'];

/** Regions by name; of each its sites, those in trouble first. */
function regionsOf(sites: readonly LiveSite[]): readonly (readonly [region: string, sites: readonly LiveSite[]])[] {
  const regions = new Map<string, LiveSite[]>();
  for (const site of sites) regions.set(site.region ?? '', [...regions.get(site.region ?? '') ?? [], site]);
  const rank = (s: LiveSite): number => (TROUBLE.includes(s.state) ? TROUBLE.indexOf(s.state) : TROUBLE.length);
  return [...regions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([region, all]) => [region, all.toSorted((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1))] as const);
}

function RegionSites({ region, sites, dense }: { region: string; sites: readonly LiveSite[]; dense: boolean }) {
  const trouble = TROUBLE.map((state) => [state, sites.filter((s) => s.state === state).length] as const).filter(([, n]) => n > 0);
  return (
    <div>
      <div class="group">
        <h3>{region === '' ? 'No region' : <Link to={pathOf('region', region)}>{region}</Link>}</h3>
        <span class="quiet">{plural(sites.length, 'site')}, {perSecond(sites.reduce((sum, s) => sum + (s.throughput ?? 0), 0))}</span>
        {trouble.map(([state, n]) => <span key={state} class={`tag ${STATE_TONE[state] ?? 'warn'}`}>{count(n)} {state}</span>)}
      </div>
      <ul class={`tiles${dense ? ' dense' : ''}`}>{sites.map((s) => (dense ? <DenseTile key={s.id} site={s} /> : <SiteTile key={s.id} site={s} />))}</ul>
    </div>
  );
}

function SiteState({ site: s }: { site: LiveSite }) {
  const { state: local } = useLocal();
  if (partitionOf(local, s.id, s.region) !== undefined) return <Link to={PAGES.partitions}><span class="tag bad">cut off</span></Link>;
  const { live } = useLive();
  // What it said of itself is old; that it is silent, or halted, still holds.
  const isOld = s.isLate && s.state !== 'silent' && s.state !== 'halted';
  if (isOld && live !== null && s.contactAt !== null) return <span class="tag warn">not heard for {duration(live.at - s.contactAt)}</span>;
  return <span class={`tag ${STATE_TONE[s.state] ?? 'warn'}`}>{s.state}</span>;
}

const DenseTile = ({ site: s }: { site: LiveSite }) => (
  <li class="tile">
    <h3><Link to={pathOf('site', s.id)}>{s.id}</Link><SiteState site={s} /></h3>
    <span class="range">{perSecond(s.throughput)}, p99 {duration(s.p99Ms)}, {percent(s.provisionalRatio, 1)} provisional</span>
  </li>
);

function SiteTile({ site: s }: { site: LiveSite }) {
  return (
    <li class="tile">
      <h3>
        <Link to={pathOf('site', s.id)}>{s.id}</Link>
        <SiteState site={s} />
      </h3>
      <dl>
        <dt>Throughput</dt><dd>{perSecond(s.throughput)}</dd>
        <dt>Lag to final</dt><dd>{duration(s.p50Ms)}<span class="range">p99 {duration(s.p99Ms)}</span></dd>
        <dt>Provisional now</dt><dd>{percent(s.provisionalRatio, 1)}{s.provisional === null ? null : <span class="range">{plural(s.provisional, 'settlement')}</span>}</dd>
        <dt>Queued</dt><dd>{count(s.queued)}</dd>
        <dt>Figures of</dt><dd>{s.heardAt === null ? 'never told' : clock(s.heardAt)}</dd>
      </dl>
    </li>
  );
}

const REGION_COLUMNS: readonly Column<RegionState>[] = [
  { name: 'Region', show: (r) => <Link to={pathOf('region', r.id)}>{r.id}</Link>, value: (r) => r.id },
  { name: 'Batches ordered', number: true, show: (r) => count(r.size), value: (r) => r.size },
  { name: 'Batches applied', number: true, show: (r) => count(r.applied), value: (r) => r.applied },
];

function Centre() {
  const status = useAsked('/v1/status', readStatus, 3_000);
  const regions = useAsked('/v1/regions', readRegions, 3_000);
  const isCut = isCentreCut(useLocal().state);
  return (
    <div class="columns">
      <section class="panel" aria-labelledby="regions">
        <h2 id="regions">Regions, as the ledger has them</h2>
        <Await asked={regions} what="regions">{(rows) => <Table caption="How far each region's log is applied" columns={REGION_COLUMNS} rows={rows} rowKey={(r) => r.id} name="regions" />}</Await>
      </section>
      <section class="panel" aria-labelledby="centre">
        <h2 id="centre">Control plane</h2>
        <Await asked={status} what="state of the control plane">{(s) => (
          <>
            <dl>
              <dt>State</dt><dd><span class={`tag ${STATE_TONE[s.state] ?? 'warn'}`}>{s.state}</span>{isCut ? <> <Link to={PAGES.partitions}><span class="tag bad">cut off</span></Link></> : null}</dd>
              <dt>Final</dt><dd>{count(s.counts['final'])}</dd>
              <dt>Rejected</dt><dd>{count(s.counts['rejected'])}</dd>
              <dt>Accounts</dt><dd>{count(s.counts['accounts'])}</dd>
              <dt>Log</dt><dd>{count(s.logSize)} entries, {count(s.counts['unwitnessed'])} not witnessed yet</dd>
              <dt>Witnesses</dt><dd>{plural(s.counts['witnesses'] ?? 0, 'region')} cosigning</dd>
            </dl>
            <h3>What it found</h3>
            {s.incidents.length === 0 ? <p class="quiet">None.</p> : (
              <Table
                caption="The latest, newest first" rows={s.incidents} rowKey={(i) => `${i.at} ${i.kind} ${i.detail}`} name="incidents" columns={[
                  { name: 'Time', show: (i) => time(i.at), value: (i) => new Date(i.at).toISOString() },
                  { name: 'Kind', show: (i) => i.kind, value: (i) => i.kind }, { name: 'What was found', show: (i) => i.detail, value: (i) => i.detail },
                ]}
              />
            )}
          </>
        )}</Await>
      </section>
    </div>
  );
}
