/** Incidents as the page uses them; see shapes.ts. */
import { fields, items, number, numberOr, text, textOr, type Fields } from './shapes.ts';
import { readAlert, readIntervals, type Alert, type Interval } from './telemetry-shapes.ts';

/** What was known of an SLA at one time. */
export interface KnownSla {
  readonly at: number;
  readonly objective: number | null;
  readonly windowDays: number | null;
  readonly attainment: number | null;
  readonly intervals: readonly Interval[];
  readonly events: number;
  readonly bad: number;
  readonly budgetLeft: number | null;
  readonly exhaustedInMs: number | null;
  readonly alerts: readonly Alert[];
  /** Sites with the most bad events, first ones first. */
  readonly most: readonly { readonly site: string; readonly events: number; readonly bad: number }[];
  readonly silent: readonly string[];
  readonly silentCount: number;
  readonly missing: number;
}

/** What the platform found about itself. */
export interface KnownFinding {
  readonly occurrences: number;
  readonly details: readonly { readonly at: number; readonly detail: string }[];
}

export interface Delivery {
  readonly webhook: string;
  readonly event: string;
  readonly state: string;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly at: number;
}

export interface Incident {
  readonly id: string;
  readonly kind: string;
  readonly sla: string | null;
  readonly indicator: string | null;
  readonly scope: string;
  readonly severity: string;
  readonly owner: string | null;
  readonly runbook: string;
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly closedBy: string | null;
  readonly note: string | null;
  readonly summary: string;
  readonly slaState: KnownSla | null;
  readonly finding: KnownFinding | null;
  readonly atClose: KnownSla | null;
  readonly deliveries: readonly Delivery[];
}

function readKnownSla(value: unknown): KnownSla {
  const o = fields('known', value);
  const sites = fields('sites', o['sites'] ?? {});
  const silent = Array.isArray(sites['silent']) ? sites['silent'].map(String) : [];
  return {
    at: numberOr(o, 'at', 0), objective: numberOr(o, 'objective', null), windowDays: numberOr(o, 'windowDays', null), attainment: numberOr(o, 'attainment', null),
    intervals: readIntervals(o['intervals']), events: numberOr(o, 'events', 0), bad: numberOr(o, 'badEvents', 0), budgetLeft: numberOr(o, 'budgetLeft', null),
    exhaustedInMs: numberOr(o, 'exhaustedInMs', null), alerts: items('alerts', o['alerts'] ?? [], readAlert),
    most: items('sites.most', sites['most'] ?? [], (s) => ({ site: text(s, 'site'), events: number(s, 'events'), bad: number(s, 'badEvents') })),
    silent, silentCount: numberOr(sites, 'silentCount', silent.length), missing: numberOr(o, 'missingDeltas', 0),
  };
}

const readFinding = (o: Fields): KnownFinding => ({
  occurrences: number(o, 'occurrences'), details: items('details', o['details'] ?? [], (d) => ({ at: number(d, 'at'), detail: text(d, 'detail') })),
});

function readIncidentFields(o: Fields): Incident {
  const known = fields('known', o['known']);
  const isFinding = 'occurrences' in known;
  return {
    id: text(o, 'id'), kind: textOr(o, 'kind', 'breach'), sla: textOr(o, 'sla', null), indicator: textOr(o, 'indicator', null), scope: text(o, 'scope'),
    severity: text(o, 'severity'), owner: textOr(o, 'owner', null), runbook: textOr(o, 'runbook', ''), openedAt: number(o, 'openedAt'), closedAt: numberOr(o, 'closedAt', null),
    closedBy: textOr(o, 'closedBy', null), note: textOr(o, 'note', null), summary: text(o, 'summary'),
    slaState: isFinding ? null : readKnownSla(known), finding: isFinding ? readFinding(known) : null, atClose: o['knownAtClose'] == null ? null : readKnownSla(o['knownAtClose']),
    deliveries: items('deliveries', o['deliveries'] ?? [], (d) => ({
      webhook: text(d, 'webhook'), event: text(d, 'event'), state: text(d, 'state'), attempts: number(d, 'attempts'), lastStatus: numberOr(d, 'lastStatus', null),
      lastError: textOr(d, 'lastError', null), at: number(d, 'at'),
    })),
  };
}

export const readIncident = (value: unknown): Incident => readIncidentFields(fields('incident', value));

export interface IncidentsPage { readonly incidents: readonly Incident[]; readonly next: string | null }

export function readIncidents(value: unknown): IncidentsPage {
  const o = fields('answer', value);
  return { incidents: items('incidents', o['incidents'], readIncidentFields), next: textOr(o, 'next', null) };
}
