/** Incidents: which are open, what was known when each opened, and who was told. */
import { useEffect, useState } from 'preact/hooks';
import { PAGES, pathOf } from '../../pages.ts';
import { askJson, AskError, useAsked } from '../client.tsx';
import { budgetLeft, clock, count, duration, percent, plural, time, windowName } from '../format.ts';
import { readIncident, readIncidents, type Delivery, type Incident, type KnownFinding, type KnownSla } from '../incident-shapes.ts';
import { useLive } from '../live.tsx';
import { Intervals, Notes, ScopeLink } from '../parts/figures.tsx';
import { Await, Note } from '../parts/states.tsx';
import { Download, Table, type Column } from '../parts/table.tsx';
import { Link, useChoice } from '../router.tsx';
import type { Alert, Burn } from '../telemetry-shapes.ts';

const PATH = '/v1/incidents';
const EVERY_MS = 5_000;
const PAGE = 50;

export const Severity = ({ incident: i }: { incident: Incident }) =>
  <span class={`tag ${i.closedAt !== null ? 'quiet' : i.severity === 'page' ? 'bad' : 'warn'}`}>{i.closedAt === null ? i.severity : `closed, was ${i.severity}`}</span>;

/** Its first sentence; the page of the incident has all of it. */
const shortOf = (i: Incident): string => i.summary.split('. ', 1)[0]!.replace(/\.$/, '');
const subjectOf = (i: Incident): string => i.sla ?? i.kind;
const lasted = (i: Incident): string => (i.closedAt === null ? `open since ${clock(i.openedAt)}` : `${duration(i.closedAt - i.openedAt)}`);
const iso = (ms: number | null): string => (ms === null ? '' : new Date(ms).toISOString());

export const INCIDENT_COLUMNS: readonly Column<Incident>[] = [
  { name: 'What', csvName: 'summary', show: (i) => <><Link to={pathOf('incident', i.id)}>{shortOf(i)}</Link><span class="range">{subjectOf(i)}{i.sla === null ? '' : `, ${i.kind}`}</span></>, value: (i) => i.summary },
  { name: 'Severity', show: (i) => <Severity incident={i} />, value: (i) => i.severity },
  { name: 'Scope', show: (i) => <ScopeLink scope={i.scope} />, value: (i) => i.scope },
  { name: 'Opened', show: (i) => <>{time(i.openedAt).slice(0, 19)}<span class="range">{lasted(i)}</span></>, value: (i) => iso(i.openedAt) },
  { name: 'Closed', show: (i) => (i.closedAt === null ? '–' : time(i.closedAt).slice(0, 19)), value: (i) => iso(i.closedAt) },
  { name: 'Owner', show: (i) => i.owner ?? '–', value: (i) => i.owner },
];

const STATES = [['open', 'Open'], ['closed', 'Closed'], ['all', 'All']] as const;

export function IncidentsPage() {
  const [state, setState] = useChoice('state', STATES.map(([value]) => value), 'open');
  const query = `${PATH}?state=${state}&limit=${PAGE}`;
  const first = useAsked(query, readIncidents, EVERY_MS);
  const [older, setOlder] = useState<{ readonly query: string; readonly list: readonly Incident[]; readonly next: string | null } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const more = older?.query === query ? older : null;
  const next = more === null ? first.data?.next ?? null : more.next;
  const loadMore = async (): Promise<void> => {
    try {
      const page = readIncidents(await askJson(`${query}&after=${encodeURIComponent(next!)}`));
      setOlder({ query, list: [...more?.list ?? [], ...page.incidents], next: page.next });
      setProblem(null);
    } catch (error) {
      setProblem(error instanceof AskError ? error.failure.detail : String(error));
    }
  };
  return (
    <section class="panel" aria-labelledby="incidents">
      <h2 id="incidents">{state === 'all' ? 'All incidents, newest first' : `${STATES.find(([s]) => s === state)![1]} incidents, newest first`}</h2>
      <form class="row" onSubmit={(e) => e.preventDefault()}>
        <label>State<select value={state} onChange={(e) => setState(e.currentTarget.value)}>{STATES.map(([value, name]) => <option key={value} value={value}>{name}</option>)}</select></label>
      </form>
      <Await asked={first} what="incidents">{({ incidents }) => (incidents.length === 0
        ? <Note title={state === 'open' ? 'No incident is open' : 'No incident'}>One opens when an SLA's error budget burns too fast or is gone, and when the platform finds something wrong with itself.</Note>
        : (
          <>
            <Table caption="Incidents" columns={INCIDENT_COLUMNS} rows={merged(incidents, more?.list ?? [])} rowKey={(i) => i.id} name={`incidents-${state}`} />
            {next === null ? null : <div class="actions"><button type="button" onClick={() => void loadMore()}>Older ones</button></div>}
            {problem === null ? null : <Note title="No older ones" error>{problem}</Note>}
          </>
        ))}
      </Await>
    </section>
  );
}

/** New ones push others from the first page to the second. */
function merged(first: readonly Incident[], older: readonly Incident[]): readonly Incident[] {
  const known = new Set(first.map((i) => i.id));
  return [...first, ...older.filter((i) => !known.has(i.id))];
}

/** On the overview; the others are a click away. */
const SHOWN = 4;

/** Those that are open, for the overview: what pages somebody first. */
export function OpenIncidents() {
  const open = useAsked(`${PATH}?state=open&limit=20`, readIncidents, EVERY_MS);
  const told = useLive().live?.openIncidents ?? null;
  // The live feed tells how many at once: the list is not to say otherwise beside it.
  const isBehind = told !== null && open.data !== null && open.data.next === null && told !== open.data.incidents.length;
  useEffect(() => {
    if (isBehind) open.again();
  }, [isBehind, told]);
  // Where there are no incidents at all, the overview has nothing to say about them.
  if (open.data === null) return null;
  const incidents = open.data.incidents.toSorted((a, b) => Number(b.severity === 'page') - Number(a.severity === 'page') || b.openedAt - a.openedAt);
  if (incidents.length === 0) return <p class="all-well"><span class="tag good">No incident is open</span></p>;
  return (
    <section class="panel alarm" aria-labelledby="open-incidents">
      <h2 id="open-incidents">{plural(incidents.length, 'open incident')}{open.data.next === null ? '' : ' and more'}</h2>
      <ul class="rows">
        {incidents.slice(0, SHOWN).map((i) => (
          <li key={i.id}>
            <Severity incident={i} /><Link to={pathOf('incident', i.id)}>{shortOf(i)}</Link>
            <span class="range"><ScopeLink scope={i.scope} />, {lasted(i)}{i.owner === null ? '' : `, ${i.owner}`}</span>
          </li>
        ))}
      </ul>
      {incidents.length <= SHOWN && open.data.next === null ? null : <p class="more"><Link to={PAGES.incidents}>All that are open</Link></p>}
    </section>
  );
}

export function IncidentPage({ id }: { id: string }) {
  const incident = useAsked(`${PATH}/${encodeURIComponent(id)}`, readIncident, EVERY_MS);
  return (
    <>
      <p><Link to={PAGES.incidents}>All incidents</Link></p>
      <Await asked={incident} what="incident">{(i) => (
        <>
          <div class="columns">
            <section class="panel" aria-labelledby="incident">
              <h2 id="incident">{shortOf(i)}</h2>
              {shortOf(i).length + 1 < i.summary.length ? <p>{i.summary}</p> : null}
              <dl>
                <dt>State</dt><dd><Severity incident={i} /></dd>
                <dt>About</dt><dd>{subjectOf(i)}{i.sla === null ? null : <span class="range">{i.kind}, {i.indicator}</span>}</dd>
                <dt>Scope</dt><dd><ScopeLink scope={i.scope} /></dd>
                <dt>Opened</dt><dd>{time(i.openedAt)}</dd>
                <dt>Closed</dt><dd>{i.closedAt === null ? 'not yet' : <>{time(i.closedAt)}<span class="range">after {duration(i.closedAt - i.openedAt)}{i.closedBy === null || i.closedBy === 'merged' ? '' : `, by ${i.closedBy}`}{i.note === null ? '' : `: ${i.note}`}</span></>}</dd>
                {i.closedAt === null ? <><dt>Close by hand</dt><dd><code>npx tidemark incidents close {i.id} --note "why"</code></dd></> : null}
                <dt>Owner</dt><dd>{i.owner ?? '–'}</dd>
                <dt>Runbook</dt><dd>{/^https?:\/\//.test(i.runbook) ? <a href={i.runbook} rel="noopener noreferrer">{i.runbook}</a> : <code>{i.runbook || '–'}</code>}</dd>
              </dl>
            </section>
            {i.slaState === null ? null : <Known title="What was known when it opened" known={i.slaState} />}
            {i.atClose === null ? null : <Known title="And when it closed" known={i.atClose} />}
            {i.finding === null ? null : <Finding finding={i.finding} id={i.id} />}
          </div>
          {i.slaState === null ? null : <Evidence known={i.slaState} id={i.id} />}
          <section class="panel" aria-labelledby="deliveries">
            <h2 id="deliveries">Who was told</h2>
            {i.deliveries.length === 0 ? <Note title="No webhook is told of this">Webhooks stand in tidemark.config.ts; each says which severities it is told of.</Note>
              : <Table caption="Webhooks" columns={DELIVERY_COLUMNS} rows={i.deliveries} rowKey={(d) => `${d.webhook} ${d.event}`} name={`${i.id}-deliveries`} />}
            <div class="actions"><Download name={`incident-${i.id}.json`} type="application/json" text={() => JSON.stringify(i, null, 2)}>Download incident</Download></div>
          </section>
        </>
      )}</Await>
    </>
  );
}

function Known({ title, known: k }: { title: string; known: KnownSla }) {
  const heading = title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  return (
    <section class="panel" aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      <dl>
        <dt>Attained</dt><dd>{percent(k.attainment, 3)}{k.objective === null ? null : ` of ${percent(k.objective, 2)}`}{k.windowDays === null ? null : ` over ${k.windowDays} d`}<Intervals of={k} show={(n) => percent(n, 3)} /></dd>
        <dt>Budget left</dt><dd class={k.budgetLeft !== null && k.budgetLeft <= 0 ? 'bad' : ''}>{budgetLeft(k.budgetLeft)}</dd>
        <dt>Lasts</dt><dd>{k.exhaustedInMs === 0 ? 'gone' : duration(k.exhaustedInMs)}</dd>
        <dt>Events</dt><dd>{count(k.events)}, {count(k.bad)} bad</dd>
        <dt>Silent sites</dt><dd>{k.silentCount === 0 ? 'none' : `${count(k.silentCount)}: ${k.silent.join(', ')}`}</dd>
        <dt>Deltas missing</dt><dd>{k.missing === 0 ? 'none' : count(k.missing)}</dd>
      </dl>
      <Notes of={[['attainment', k.intervals]]} />
    </section>
  );
}

function Finding({ finding, id }: { finding: KnownFinding; id: string }) {
  return (
    <section class="panel" aria-labelledby="finding">
      <h2 id="finding">What was found</h2>
      <p>{plural(finding.occurrences, 'time')}; the latest:</p>
      <Table
        caption="Newest first" name={`${id}-details`} rows={finding.details} rowKey={(d) => `${d.at} ${d.detail}`} columns={[
          { name: 'Time', show: (d) => time(d.at), value: (d) => iso(d.at) }, { name: 'What', show: (d) => d.detail, value: (d) => d.detail },
        ]}
      />
    </section>
  );
}

const rate = (n: number | null): string => (n === null ? '–' : n.toFixed(2));
const burn = (b: Burn): string => `${rate(b.rate)} over ${windowName(b.minutes)}`;
const BURN_COLUMNS: readonly Column<Alert>[] = [
  { name: 'Alert', show: (a) => a.id, value: (a) => a.id },
  { name: 'Long window', csvName: 'burn rate over the long window', number: true, show: (a) => burn(a.long), value: (a) => a.long.rate },
  { name: 'Short window', csvName: 'burn rate over the short window', number: true, show: (a) => burn(a.short), value: (a) => a.short.rate },
  { name: 'Alerts when both are from', csvName: 'alerts from', number: true, show: (a) => rate(a.factor), value: (a) => a.factor },
  { name: 'State', show: (a) => (a.burning ? <span class="tag bad">burning</span> : <span class="tag good">below</span>), value: (a) => (a.burning ? 'burning' : 'below') },
];
const MOST_COLUMNS: readonly Column<KnownSla['most'][number]>[] = [
  { name: 'Site', show: (m) => <Link to={pathOf('site', m.site)}>{m.site}</Link>, value: (m) => m.site },
  { name: 'Bad events', number: true, show: (m) => count(m.bad), value: (m) => m.bad },
  { name: 'Events', number: true, show: (m) => count(m.events), value: (m) => m.events },
  { name: 'Share bad', number: true, show: (m) => percent(m.events === 0 ? null : m.bad / m.events, 2), value: (m) => (m.events === 0 ? null : m.bad / m.events) },
];

function Evidence({ known, id }: { known: KnownSla; id: string }) {
  return (
    <div class="columns">
      <section class="panel" aria-labelledby="burn">
        <h2 id="burn">How fast the budget went</h2>
        <Table caption="Burn rates when it opened" columns={BURN_COLUMNS} rows={known.alerts} rowKey={(a) => a.id} name={`${id}-burn-rates`} />
      </section>
      <section class="panel" aria-labelledby="most">
        <h2 id="most">Sites that contributed most</h2>
        {known.most.length === 0 ? <Note title="None">No site had bad events in the window.</Note> : <Table caption="Most bad events first" columns={MOST_COLUMNS} rows={known.most} rowKey={(m) => m.site} name={`${id}-sites`} />}
      </section>
    </div>
  );
}

const DELIVERY_TONE: Readonly<Record<string, string>> = { delivered: 'good', waiting: 'warn', 'given-up': 'bad' };
const DELIVERY_COLUMNS: readonly Column<Delivery>[] = [
  { name: 'Webhook', show: (d) => d.webhook, value: (d) => d.webhook }, { name: 'Event', show: (d) => d.event, value: (d) => d.event },
  { name: 'State', show: (d) => <span class={`tag ${DELIVERY_TONE[d.state] ?? 'warn'}`}>{d.state}</span>, value: (d) => d.state },
  { name: 'Attempts', number: true, show: (d) => count(d.attempts), value: (d) => d.attempts },
  { name: 'Last answer', show: (d) => <>{d.lastStatus ?? (d.attempts === 0 ? 'not tried yet' : 'none')}{d.lastError === null ? null : <span class="range">{d.lastError}</span>}</>, value: (d) => d.lastStatus ?? d.lastError },
  { name: 'At', show: (d) => time(d.at), value: (d) => iso(d.at) },
];
