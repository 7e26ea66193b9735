/** Incidents as they are stored, told and asked for. Times are milliseconds since 1970. */
import { INCIDENT_EVENTS, SEVERITIES, type IncidentEvent, type Indicator, type Severity } from '../../../platform/index.ts';

/** What was known of an SLA when its incident opened, or closed. */
export interface KnownOfSla {
  readonly at: number;
  readonly windowDays: number;
  readonly objective: number;
  readonly attainment: number | null;
  readonly events: number;
  readonly goodEvents: number;
  readonly badEvents: number;
  /** Share of the window's error budget that is left; can be negative. */
  readonly budgetLeft: number;
  readonly exhaustedInMs: number | null;
  /** Of the attainment, as in `GET /v1/sla`. */
  readonly intervals: readonly unknown[];
  /** Alerts with their burn rates, as in `GET /v1/sla`. */
  readonly alerts: readonly unknown[];
  readonly sites: {
    readonly expected: number;
    /** Counted in the SLA's window. */
    readonly reporting: number;
    /** Those with the most bad events, at most `SITES_SHOWN`. */
    readonly most: readonly { readonly site: string; readonly events: number; readonly badEvents: number }[];
    /** Not heard of late; the first `SITES_SHOWN`, and how many there are. */
    readonly silent: readonly string[];
    readonly silentCount: number;
  };
  /** Deltas that were numbered and never came, of all these sites. */
  readonly missingDeltas: number;
}

/** What is known of something that the platform found about itself. */
export interface KnownOfFinding {
  readonly occurrences: number;
  readonly lastAt: number;
  /** The latest, newest first, at most `DETAILS_SHOWN`. */
  readonly details: readonly { readonly at: number; readonly detail: string }[];
}

export const SITES_SHOWN = 20;
export const DETAILS_SHOWN = 10;

/** `merged`: what it says is a fact of another incident now, which its note names. */
export const CLOSED_BY = ['recovery', 'operator', 'merged'] as const;
export type ClosedBy = (typeof CLOSED_BY)[number];

export interface Incident {
  readonly id: string;
  /** `burn-rate`, `budget-exhausted`; or what the platform found about itself: `node-halted`, `fork`, ... */
  readonly kind: string;
  readonly sla: string | null;
  readonly indicator: Indicator | null;
  /** `global`, `region:eu` or `site:eu-fra-1`. */
  readonly scope: string;
  /** Of the worst alert since it opened. */
  readonly severity: Severity;
  readonly owner: string | null;
  readonly runbook: string;
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly closedBy: ClosedBy | null;
  /** Since when the SLA's whole budget is gone as well; null: it wasn't, as far as was seen. */
  readonly budgetExhaustedAt: number | null;
  /** What the operator said who closed it. */
  readonly note: string | null;
  readonly summary: string;
  readonly known: KnownOfSla | KnownOfFinding;
  readonly knownAtClose: KnownOfSla | null;
}

export type DeliveryState = 'waiting' | 'delivered' | 'given-up';

export interface Delivery {
  readonly webhook: string;
  readonly event: IncidentEvent;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** HTTP status of the last attempt; null before the first one, and when there was no answer. */
  readonly lastStatus: number | null;
  /** Why the last attempt failed, or none was made. */
  readonly lastError: string | null;
  /** Of the last attempt; before the first one when it was put in the queue. */
  readonly at: number;
}

export type IncidentView = Incident & { readonly state: 'open' | 'closed'; readonly deliveries: readonly Delivery[] };

const nullable = (type: string): object => ({ type: [type, 'null'] });
const time = { type: 'integer', description: 'milliseconds since 1970' };

/** An incident as it is told (`data` of an event) and asked for; deliveries stand in what is asked for alone. */
export const INCIDENT_SCHEMA = {
  $id: 'incident', type: 'object',
  required: [
    'id', 'kind', 'state', 'sla', 'indicator', 'scope', 'severity', 'owner', 'runbook', 'openedAt', 'closedAt', 'closedBy', 'budgetExhaustedAt', 'note', 'summary', 'known', 'knownAtClose',
  ],
  properties: {
    id: { type: 'string' }, kind: { type: 'string' }, state: { type: 'string', enum: ['open', 'closed'] }, sla: nullable('string'), indicator: nullable('string'),
    scope: { type: 'string' }, severity: { type: 'string', enum: SEVERITIES }, owner: nullable('string'), runbook: { type: 'string' },
    openedAt: time, closedAt: { ...time, type: ['integer', 'null'] }, closedBy: { type: ['string', 'null'], enum: [...CLOSED_BY, null] },
    budgetExhaustedAt: { ...time, type: ['integer', 'null'], description: 'since when the whole budget of the SLA is gone as well' }, note: nullable('string'),
    summary: { type: 'string' },
    known: { type: 'object', additionalProperties: true, description: 'what was known when it opened' },
    knownAtClose: { type: ['object', 'null'], additionalProperties: true, description: 'the same when it closed' },
    deliveries: {
      type: 'array',
      items: {
        type: 'object', required: ['webhook', 'event', 'state', 'attempts', 'lastStatus', 'lastError', 'at'],
        properties: {
          webhook: { type: 'string' }, event: { type: 'string', enum: INCIDENT_EVENTS }, state: { type: 'string', enum: ['waiting', 'delivered', 'given-up'] },
          attempts: { type: 'integer' }, lastStatus: nullable('integer'), lastError: nullable('string'), at: time,
        },
      },
    },
  },
} as const;
