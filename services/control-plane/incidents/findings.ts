/**
 * What the platform found about itself (a log that forks, a node that is halted, a transaction that failed) as incidents. The ledger keeps
 * each in the transaction that it was found in; here they are copied from there, so that everything that went wrong is in one place.
 */
import type { Severity } from '../../../platform/index.ts';
import type { KeptIncident, LedgerStore } from '../store.ts';
import { incidentId } from './evaluate.ts';
import { toldOf, type Telling } from './events.ts';
import { DETAILS_SHOWN, type Incident, type KnownOfFinding } from './model.ts';
import type { Change, IncidentStore } from './store.ts';

const COPY_STEP = 100;
const RUNBOOK = 'docs/operations.md';
/** Somebody has signed two stories, or the ledger stands still: that calls somebody. These wait. */
const TICKETS: ReadonlySet<string> = new Set(['telemetry-conflict']);

const severityOf = (kind: string): Severity => (TICKETS.has(kind) ? 'ticket' : 'page');
const keyOf = (kind: string, scope: string): string => `${kind} ${scope}`;

/**
 * Copies what is new. While an incident of the same kind and scope is open, it takes in what is found: whoever repeats himself fills no
 * list. They are closed by whoever has looked into them: nothing here can tell that a fork is mended.
 */
export async function copyFindings(ledger: Pick<LedgerStore, 'incidentsAfter'>, incidents: IncidentStore, telling: Telling, now: number): Promise<void> {
  for (;;) {
    const found = await ledger.incidentsAfter(incidents.cursor(), COPY_STEP);
    if (found.length === 0) return;
    const open = new Map(incidents.open().filter(({ state }) => state === null).map(({ incident }) => [keyOf(incident.kind, incident.scope), incident]));
    const groups = [...Map.groupBy(found, ({ kind, scope }) => keyOf(kind, scope))];
    incidents.apply(groups.map(([key, group]) => changeOf(group, open.get(key), telling)), now, found.at(-1)!.n);
    if (found.length < COPY_STEP) return;
  }
}

/** @param found in order, at least one */
function changeOf(found: readonly KeptIncident[], open: Incident | undefined, telling: Telling): Change {
  const first = found[0]!;
  const before = open?.known as KnownOfFinding | undefined;
  const known: KnownOfFinding = {
    occurrences: (before?.occurrences ?? 0) + found.length, lastAt: found.at(-1)!.at,
    details: [...found.map(({ at, detail }) => ({ at, detail })).reverse(), ...before?.details ?? []].slice(0, DETAILS_SHOWN),
  };
  if (open !== undefined) return { kind: 'update', id: open.id, known };
  const { n, at, kind, scope, detail } = first;
  const incident: Incident = {
    id: incidentId(telling.origin, kind, scope, at, n), kind, sla: null, indicator: null, scope, severity: severityOf(kind), owner: null, runbook: RUNBOOK,
    openedAt: at, closedAt: null, closedBy: null, budgetExhaustedAt: null, note: null, summary: `${kind}, ${scope}: ${detail}`, known, knownAtClose: null,
  };
  return { kind: 'open', incident, state: null, told: toldOf(telling, 'opened', incident, at) };
}
