/** The frame around every page: where one is, whether the control plane answers, and the page itself. */
import { useEffect, useErrorBoundary, useRef } from 'preact/hooks';
import type { PageId, Place } from '../pages.ts';
import { PAGES } from '../pages.ts';
import { useLostAt } from './client.tsx';
import { clock } from './format.ts';
import { KeysProvider } from './keys.tsx';
import { LiveProvider, LiveState, useLive } from './live.tsx';
import { LocalProvider, useLocal } from './local.tsx';
import { MoneyProvider } from './money.tsx';
import { AuditPage } from './pages/audit.tsx';
import { IncidentPage, IncidentsPage } from './pages/incidents.tsx';
import { LogPage } from './pages/log.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { PartitionsPage } from './pages/partitions.tsx';
import { RecentPage } from './pages/recent.tsx';
import { ScopePage } from './pages/scope.tsx';
import { SettlementPage } from './pages/settlement.tsx';
import { Note } from './parts/states.tsx';
import { Link, usePlace } from './router.tsx';
import { ThemeButton } from './theme.tsx';

const NAV: readonly (readonly [PageId, string, readonly PageId[]])[] = [
  ['overview', 'Overview', ['overview', 'region', 'site']], ['settlements', 'Settlements', ['settlements', 'settlement']], ['incidents', 'Incidents', ['incidents', 'incident']],
  ['log', 'Log', ['log']], ['audit', 'Audit', ['audit']], ['partitions', 'Partitions', ['partitions']],
];

interface View { readonly title: string; readonly lead: string; readonly body: preact.VNode }

function viewOf(place: Place | null): View {
  switch (place?.page) {
    case 'overview': return { title: 'Overview', lead: 'What is promised, what is left of it, and how every site does right now.', body: <OverviewPage /> };
    case 'region': return { title: `Region ${place.id}`, lead: 'Lag, provisional states, drift and peering of the region\'s sites.', body: <ScopePage scope={`region:${place.id}`} key={place.id} /> };
    case 'site': return { title: `Site ${place.id}`, lead: 'Lag, provisional states, drift and peering of this site.', body: <ScopePage scope={`site:${place.id}`} key={place.id} /> };
    case 'settlements': return { title: 'Settlements', lead: 'Find one by its id, or look at the latest outcomes.', body: <RecentPage /> };
    case 'settlement': return { title: `Settlement ${place.id}`, lead: 'Its whole way, where it comes from, and its proof.', body: <SettlementPage id={place.id} key={place.id} /> };
    case 'incidents': return { title: 'Incidents', lead: 'What was breached or found, what was known then, and who was told.', body: <IncidentsPage /> };
    case 'incident': return { title: 'Incident', lead: 'What was known when it opened, and who was told.', body: <IncidentPage id={place.id} key={place.id} /> };
    case 'log': return { title: 'Log', lead: 'Checkpoints, who witnessed them, and whether the log only ever grew: verified in this browser.', body: <LogPage /> };
    case 'audit': return { title: 'Audit', lead: 'What can be taken along, what it contains, and how to verify it without us.', body: <AuditPage /> };
    case 'partitions': return { title: 'Partitions', lead: 'Cut a site of the platform on this machine off, and see what happens.', body: <PartitionsPage /> };
    case undefined: return { title: 'Nothing is here', lead: 'There is no page at this address.', body: <p><Link to="/">To the overview</Link></p> };
  }
}

export function App() {
  return <KeysProvider><LiveProvider><LocalProvider><MoneyProvider><Frame /></MoneyProvider></LocalProvider></LiveProvider></KeysProvider>;
}

function Frame() {
  const place = usePlace();
  const { title, lead, body } = viewOf(place);
  const { mode } = useLocal();
  const open = useLive().live?.openIncidents ?? 0;
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${title} · Tidemark`;
    // A screen reader hears where it is now; on the first page it does anyway.
    if (first.current) first.current = false;
    else heading.current?.focus();
  }, [title]);
  return (
    <>
      <a class="skip" href="#main">Skip to content</a>
      <header class="top">
        <Link to="/" className="brand">Tidemark</Link>
        <nav aria-label="Pages"><ul>
          {NAV.filter(([page]) => page !== 'partitions' || mode === 'there').map(([page, name, under]) => (
            <li key={page}><Link to={PAGES[page]} current={place !== null && under.includes(place.page)}>{name}{page === 'incidents' && open > 0 ? <span class="badge">{open}<span class="hidden"> open</span></span> : null}</Link></li>
          ))}
        </ul></nav>
        <div class="right"><LiveState /><ThemeButton /></div>
      </header>
      <Lost />
      <CutOff />
      <main id="main" tabIndex={-1}>
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        <p class="lead">{lead}</p>
        <Guarded key={title}>{body}</Guarded>
      </main>
    </>
  );
}

/** A page that fails takes nothing else with it. */
function Guarded({ children }: { children: preact.ComponentChildren }) {
  const [error, again] = useErrorBoundary((e) => console.error(e));
  if (error === undefined) return <>{children}</>;
  return (
    <Note title="This page failed" error>
      {error instanceof Error ? error.message : String(error)}
      <div class="actions"><button type="button" onClick={again}>Try again</button></div>
    </Note>
  );
}

/** What is cut off on this machine, on every page: figures of it stand still, and look as they did. */
function CutOff() {
  const { state } = useLocal();
  const cut = (state?.partitions ?? []).map((p) => {
    const isCentre = state!.sites.some((s) => s.id === p.site && s.tier === 'global');
    return `${isCentre ? 'the control plane is cut off from every site' : `${p.site} is cut off`} since ${clock(p.since)}`;
  });
  return (
    <div role="status">
      {cut.length === 0 ? null : <p class="banner" style={{ margin: 0, maxWidth: 'none' }}><span class="tag bad">Partition</span> On this machine <span>{cut.join('; ')}</span>. What is shown of it is what was heard last. <Link to={PAGES.partitions}>Heal it</Link></p>}
    </div>
  );
}

function Lost() {
  const at = useLostAt();
  return (
    <div role="status">
      {at === null ? null : <p class="banner" style={{ margin: 0, maxWidth: 'none' }}><span class="tag bad">Disconnected</span> The control plane has not answered since {clock(at)}. Figures are the last that arrived; it is asked again by itself.</p>}
    </div>
  );
}
