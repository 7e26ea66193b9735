/**
 * When an incident begins and when it is over: a state machine for each SLA instance and each kind of breach. Of the two kinds one is open
 * at a time: while the budget goes too fast, that it is gone is a fact of that incident.
 *
 * It opens with the first evaluation that finds the breach, and closes when the breach has not been found for as long as the slowest
 * of its alerts looks back in its short window: what comes back within that time is still the same incident, so that an SLA on the
 * edge of its objective is one incident and not ten. Silence is no recovery: while a site that took part in the breach is not heard,
 * that time starts anew.
 */
import { burnRates, isAsSevere, isBurningNow, isExhausted, LONG_PER_SHORT, type BurnRate, type Counted, type Severity, type Sla } from '../../../platform/index.ts';

const MINUTE_MS = 60_000;

/** Breaches of an SLA: its budget goes too fast, or is gone. */
export const BREACHES = ['burn-rate', 'budget-exhausted'] as const;
export type Breach = (typeof BREACHES)[number];

/** What the machine remembers of an open incident; as it is stored. */
export interface OpenBreach {
  readonly openedAt: number;
  /** Since when the budget is known to be gone; null: it isn't. Milliseconds since 1970. @default null */
  readonly exhaustedAt?: number | null;
  /** Of the worst alert so far. */
  readonly severity: Severity;
  /** Alerts that were on since it opened, in the order of the table. */
  readonly alerts: readonly string[];
  /** For how long all must be quiet before it is over. Milliseconds. */
  readonly holdMs: number;
  /** It is over when nothing is found until then. Milliseconds since 1970. */
  readonly heldUntil: number;
  /** Sites that took part, those with the most bad events first; at most `SITES_MAX`. */
  readonly sites: readonly string[];
}

/** Sites of an incident that are remembered: until they are heard it is not over. */
export const SITES_MAX = 100;

/** What one evaluation found of one breach. */
export interface Finding {
  readonly at: number;
  /** The alerts that are on; none: it is quiet. */
  readonly alerts: readonly Alert[];
  /** Sites that take part, while an alert is on: those with the most bad events first. */
  readonly sites: readonly string[];
  /** Of the sites that took part some are not heard, so that nobody knows how it is. */
  readonly isSilent: boolean;
  /** Beside these alerts the whole window's budget is gone. @default - nobody looked */
  readonly isExhausted?: boolean;
}

export interface Alert {
  readonly id: string;
  readonly severity: Severity;
  readonly holdMs: number;
}

export type Step =
  | { readonly kind: 'none' }
  /** Only what is remembered changed. */
  | { readonly kind: 'held' | 'opened'; readonly state: OpenBreach }
  /** What receivers are told again for: each at most once. */
  | { readonly kind: 'updated'; readonly state: OpenBreach; readonly news: readonly News[] }
  | { readonly kind: 'closed' };

/** It calls somebody now; or the budget is gone, too. */
export type News = 'severity' | 'budget';

const NOTHING: Step = { kind: 'none' };

/**
 * One evaluation. The same state and finding always make the same step, so an evaluation whose result was not stored is simply made again.
 * @param open what is remembered; null while there is no incident
 */
export function step(open: OpenBreach | null, { at, alerts, sites, isSilent, isExhausted: isGone = false }: Finding): Step {
  const exhaustedAt = open?.exhaustedAt ?? (isGone ? at : null);
  const isNewlyExhausted = open !== null && exhaustedAt !== (open.exhaustedAt ?? null);
  if (alerts.length === 0) {
    if (open === null) return NOTHING;
    if (!isSilent && at >= open.heldUntil) return { kind: 'closed' };
    if (isNewlyExhausted) return { kind: 'updated', state: { ...open, exhaustedAt }, news: ['budget'] };
    return isSilent ? held(open, open, at) : NOTHING;
  }
  const holdMs = Math.max(open?.holdMs ?? 0, ...alerts.map((alert) => alert.holdMs));
  const worst: Severity = alerts.some(({ severity }) => severity === 'page') ? 'page' : 'ticket';
  const ids = alerts.map(({ id }) => id);
  if (open === null) {
    return { kind: 'opened', state: { openedAt: at, exhaustedAt, severity: worst, alerts: ids, holdMs, heldUntil: at + holdMs + MINUTE_MS, sites: sites.slice(0, SITES_MAX) } };
  }
  const next = { ...open, exhaustedAt, holdMs, alerts: union(open.alerts, ids), sites: union(open.sites, sites).slice(0, SITES_MAX) };
  const isWorse = !isAsSevere(open.severity, worst);
  if (!isWorse && !isNewlyExhausted) return held(open, next, at);
  const news: News[] = [...isWorse ? ['severity' as const] : [], ...isNewlyExhausted ? ['budget' as const] : []];
  return { kind: 'updated', state: { ...next, severity: isWorse ? worst : open.severity, heldUntil: at + holdMs + MINUTE_MS }, news };
}

const union = (a: readonly string[], b: readonly string[]): readonly string[] => [...new Set([...a, ...b])];

/** Held a minute longer than it must be, so that what is stored changes once a minute and not with every evaluation. */
function held(open: OpenBreach, next: OpenBreach, at: number): Step {
  const isNews = next.alerts.length > open.alerts.length || next.sites.length > open.sites.length;
  const isLater = at + next.holdMs > open.heldUntil;
  if (!isNews && !isLater) return NOTHING;
  return { kind: 'held', state: { ...next, heldUntil: isLater ? at + next.holdMs + MINUTE_MS : open.heldUntil } };
}

/** What an SLA's breaches are looked for by. */
export interface Watch {
  readonly rates: readonly BurnRate[];
  /** How long the budget must not have been exhausted before it counts as recovered. Milliseconds. */
  readonly budgetHoldMs: number;
}

/** Six hours of an SLA of 30 days: the short window of the published table's slowest alert, which looks at a tenth of the SLA's window. */
const BUDGET_HOLD_SHARE = 1 / (10 * LONG_PER_SHORT);

export const watchOf = (sla: Pick<Sla, 'indicator' | 'objective' | 'windowDays' | 'severity'>): Watch =>
  ({ rates: burnRates(sla), budgetHoldMs: Math.ceil(sla.windowDays * 24 * 60 * BUDGET_HOLD_SHARE) * MINUTE_MS });

/** @param count what was counted within so many minutes until now; asked for no more than is needed */
export const burningAlerts = ({ rates }: Watch, count: (minutes: number) => Counted): Alert[] =>
  rates.filter((rate) => isBurningNow(rate, count)).map(({ id, severity, short }) => ({ id, severity, holdMs: short.minutes * MINUTE_MS }));

/** A budget that is gone cannot be mended at night, so it is a ticket; what drains it has called somebody already. */
export const exhaustedAlerts = (sla: Sla, { budgetHoldMs }: Watch, counted: Counted): Alert[] =>
  (isExhausted(sla, counted) ? [{ id: 'budget', severity: 'ticket', holdMs: budgetHoldMs }] : []);

/** Whether something that concerns `scope` concerns who listens for `listened`: everything, a region with its sites, or one site. */
export function concerns(listened: string, scope: string, regionOfSite: (site: string) => string | undefined): boolean {
  if (listened === 'global' || listened === scope) return true;
  return listened.startsWith('region:') && scope.startsWith('site:') && `region:${regionOfSite(scope.slice('site:'.length)) ?? ''}` === listened;
}
