/**
 * When an SLA alerts: multi-window, multi-burn-rate alerting of Google's Site Reliability Workbook, chapter 5 ("Alerting on
 * SLOs", Table 5-8). Alarms, the live SLA page and load tests all take their windows from here.
 *
 * A burn rate is how many times faster than sustainable the error budget goes: at 1 the budget lasts exactly the SLA's window.
 * An alert says "this share of the budget went within this time", which is the same as "the burn rate over this time was":
 *
 *     factor = budget share x SLA window / long window          2 % x 30 d / 1 h = 14.4
 *     error ratio that alerts = factor x (1 - objective)        14.4 x 0.1 % = 1.44 %
 *
 * It alerts while the ratio is exceeded over the long window (enough of the budget is gone) and over the short one (it is still
 * going), which is a twelfth of the long one, so that an alert ends soon after its cause.
 *
 * A ratio of few events is chance as much as fact: 3 bad ones of 139 are 2.2 %, and as likely as not of a service that keeps 99 %. So over
 * the long window the Wilson interval of the bad share must lie above the error ratio as a whole. With many events that changes nothing.
 */
import type { Indicator } from './indicators.ts';
import type { Severity, Sla } from './model.ts';

export interface BurnWindow {
  readonly id: string;
  readonly severity: Severity;
  /** Share of the error budget that goes within the long window when this alerts. Percent. */
  readonly budgetPercent: number;
  /** For an SLA window of `BURN_TABLE_DAYS`. Minutes. */
  readonly longMinutes: number;
}

/** The published table is for this SLA window. */
export const BURN_TABLE_DAYS = 30;
/** A short window is this part of its long one. */
export const LONG_PER_SHORT = 12;
/** No long window is longer: who answers for an SLA hears of it within a week. Minutes. */
export const LONG_MINUTES_MAX = 7 * 24 * 60;

/** Table 5-8. */
export const BURN_WINDOWS: readonly BurnWindow[] = [
  { id: 'fast', severity: 'page', budgetPercent: 2, longMinutes: 60 },
  { id: 'slow', severity: 'page', budgetPercent: 5, longMinutes: 6 * 60 },
  { id: 'steady', severity: 'ticket', budgetPercent: 10, longMinutes: 3 * 24 * 60 },
];

/** A window to look at, and how much must be in it before it says anything: the guard against alerts about a handful of events. */
export interface BurnLook {
  readonly minutes: number;
  /** With fewer events it is quiet. */
  readonly eventsMin: number;
  /** With fewer bad events it is quiet. */
  readonly badMin: number;
}

/** One alert of an SLA. */
export interface BurnRate {
  readonly id: string;
  readonly severity: Severity;
  readonly budgetPercent: number;
  /** How many times faster than sustainable the budget goes. */
  readonly factor: number;
  /** Alerts while the share of bad events is greater. Between 0 and 1. */
  readonly errorRatio: number;
  readonly long: BurnLook;
  readonly short: BurnLook;
  /** Of the long window, see `isEvident`: (bad - errorRatio x events)^2 must be more than this times the events. */
  readonly doubt: number;
  /** See `Counted.sinceMinutes`: history that it takes to be judged by the ratio alone. 0: none. */
  readonly historyMinutes: number;
}

/**
 * How an indicator's events come: one for each settlement, request or probe (`each`), exactly one a minute from each site
 * (`minute`, see `INDICATORS`), or one now and then, each worth looking at (`rare`).
 */
export type Pace = 'each' | 'minute' | 'rare';

export const PACES: Readonly<Record<Indicator, Pace>> = {
  'provisional-ack': 'each',
  ordering: 'each',
  finality: 'each',
  'provisional-age': 'minute',
  'provisional-ratio': 'minute',
  reconciliation: 'rare',
  'cache-drift': 'each',
  'peering-rtt': 'each',
  'peering-loss': 'minute',
  availability: 'each',
};

/** Least numbers in a long window. Of what comes by the minute, half of the minutes must have been told. */
const GUARD = { each: { events: 20, bad: 3 }, rare: { events: 1, bad: 1 }, minuteShare: 0.5 } as const;

/** After so long no platform is young any more. Minutes. */
const HISTORY_MINUTES_MAX = 30;
/** When more than this share of events is bad it is no slow start, and seen at once. */
const OUTAGE = 0.5;
/** What comes by the minute has a guard of its own, and what is rare is always worth a look. */
const historyOf = (pace: Pace, errorRatio: number, shortMinutes: number): number =>
  (pace === 'each' ? Math.min(shortMinutes, HISTORY_MINUTES_MAX, Math.floor(OUTAGE / errorRatio)) : 0);
/** For a whole budget. */
const budgetHistory = ({ indicator, objective }: Pick<Sla, 'indicator' | 'objective'>): number => historyOf(PACES[indicator], rounded(1 - objective), HISTORY_MINUTES_MAX);

function look(pace: Pace, minutes: number, shortened: number): BurnLook {
  if (pace === 'minute') return { minutes, eventsMin: Math.max(1, Math.floor(minutes * GUARD.minuteShare)), badMin: 1 };
  const { events, bad } = GUARD[pace];
  return { minutes, eventsMin: Math.ceil(events / shortened), badMin: Math.ceil(bad / shortened) };
}

/** Of a 95 % interval, two-sided: the one that is shown beside a share. */
const Z = 1.959963984540054;
/** See `isEvident`. */
const doubtOf = (errorRatio: number): number => rounded(Z * Z * errorRatio * (1 - errorRatio));

/**
 * Whether the Wilson interval of the share of bad events lies above a ratio. The interval holds the ratios that a score test does not reject
 * (Wilson, JASA 22, 1927), so this is the test itself, without its root: alarms in CloudWatch can say the same, and have none.
 */
function isEvident(errorRatio: number, doubt: number, { good, events }: Counted): boolean {
  const excess = events - good - errorRatio * events;
  return excess > 0 && excess ** 2 > doubt * events;
}

/** Twelve digits are more than any measurement has, and hide what doubles make of 1 - 0.99. */
const rounded = (value: number): number => Number(value.toPrecision(12));

/** Minutes, and how many times faster than sustainable the budget goes. */
export interface ScaledWindow {
  readonly longMinutes: number;
  readonly shortMinutes: number;
  readonly factor: number;
}

/** The windows for an SLA window of another length: the same shares of its budget, over windows in proportion. Factors stay. */
export function scaleWindow(window: BurnWindow, windowDays: number): ScaledWindow {
  const longMinutes = Math.min(LONG_MINUTES_MAX, Math.max(1, Math.round((window.longMinutes * windowDays) / BURN_TABLE_DAYS)));
  return {
    longMinutes,
    shortMinutes: Math.max(1, Math.round(longMinutes / LONG_PER_SHORT)),
    factor: rounded((window.budgetPercent * windowDays * 24 * 60) / (100 * longMinutes)),
  };
}

/**
 * The alerts of an SLA. One of severity `ticket` takes the windows for tickets alone, so that nobody is called for it.
 *
 * Left out is what can't happen: where even an outage of everything burns more slowly than the factor (an error ratio of 1 or
 * more), as with an objective of 0.9 and a factor of 14.4.
 */
export function burnRates(
  sla: Pick<Sla, 'indicator' | 'objective' | 'windowDays' | 'severity'>, windows: readonly BurnWindow[] = BURN_WINDOWS,
): BurnRate[] {
  const pace = PACES[sla.indicator];
  return windows.filter(({ severity }) => sla.severity === 'page' || severity === 'ticket').map((window): BurnRate => {
    const { longMinutes, shortMinutes, factor } = scaleWindow(window, sla.windowDays);
    const errorRatio = rounded(factor * (1 - sla.objective));
    return {
      id: window.id, severity: window.severity, budgetPercent: window.budgetPercent, factor,
      errorRatio, long: look(pace, longMinutes, 1), short: look(pace, shortMinutes, LONG_PER_SHORT), doubt: doubtOf(errorRatio),
      historyMinutes: historyOf(pace, errorRatio, shortMinutes),
    };
  }).filter(({ errorRatio }) => errorRatio < 1);
}

/** What was counted within a window. */
export interface Counted {
  readonly good: number;
  readonly events: number;
  /**
   * For how long there have been events at all. On a young platform the first minute is all there is, and a few slow events of it would be the
   * whole of a window of days. So until there is as much history as the short window is long, or half an hour, what came before it counts as if
   * it had been good, at the same pace: an outage of half of everything is seen at once, and a slow start is not taken for one.
   * @default - longer than any window
   */
  readonly sinceMinutes?: number;
}

/** The share of bad events, and whether there were enough to speak of one. */
function exceeds({ eventsMin, badMin }: BurnLook, errorRatio: number, { good, events, sinceMinutes = Infinity }: Counted, historyMinutes: number): boolean {
  const known = historyMinutes === 0 ? 1 : Math.min(1, sinceMinutes / historyMinutes);
  return events >= eventsMin && events - good >= badMin && rounded((1 - good / events) * known) > errorRatio;
}

/** Whether an alert is on, given what was counted within its two windows. */
export const isBurning = (rate: BurnRate, long: Counted, short: Counted): boolean => exceedsLong(rate, long) && exceedsShort(rate, short);

const exceedsShort = (rate: BurnRate, short: Counted): boolean => exceeds(rate.short, rate.errorRatio, short, rate.historyMinutes);
const exceedsLong = (rate: BurnRate, long: Counted): boolean =>
  exceeds(rate.long, rate.errorRatio, long, rate.historyMinutes) && isEvident(rate.errorRatio, rate.doubt, long);

/**
 * The same where counting is dear: the long window is looked at only when the short one exceeds.
 * @param count what was counted within so many minutes
 */
export const isBurningNow = (rate: BurnRate, count: (minutes: number) => Counted): boolean =>
  exceedsShort(rate, count(rate.short.minutes)) && exceedsLong(rate, count(rate.long.minutes));

/**
 * Whether the error budget of an SLA's whole window is used up: more events were bad than the objective allows. The same guard
 * holds as for alerts, so that the first bad event of a young platform is no breach. Once there is half a window of history a budget is
 * a sum and no guess, and no evidence is asked for.
 */
export function isExhausted(sla: Pick<Sla, 'indicator' | 'objective' | 'windowDays'>, counted: Counted): boolean {
  const errorRatio = rounded(1 - sla.objective);
  const isCovered = (counted.sinceMinutes ?? Infinity) >= COVERED_SHARE * sla.windowDays * 24 * 60;
  return exceeds(budgetLook(sla), errorRatio, counted, budgetHistory(sla)) && (isCovered || isEvident(errorRatio, doubtOf(errorRatio), counted));
}

/** With so much of its window behind it a budget is a sum. */
const COVERED_SHARE = 0.5;

const budgetLook = ({ indicator, windowDays }: Pick<Sla, 'indicator' | 'windowDays'>): BurnLook => look(PACES[indicator], windowDays * 24 * 60, 1);

/** Whether enough was counted, over enough time, to say of a whole window's budget what is left of it. */
export const isBudgetKnown = (sla: Pick<Sla, 'indicator' | 'objective' | 'windowDays'>, counted: Counted): boolean => isExhausted(sla, counted)
  || (counted.events >= budgetLook(sla).eventsMin && (counted.sinceMinutes ?? Infinity) >= budgetHistory(sla));

/** How many times faster than sustainable the budget of an objective goes; 0 when nothing happened. */
export const burnRateOf = (objective: number, { good, events }: Counted): number => (events === 0 ? 0 : (1 - good / events) / (1 - objective));

/**
 * How many events a look has, if that is known beforehand: one a minute from each site.
 * @param sources how many sites are counted together
 */
export const expectedEvents = (indicator: Indicator, { minutes }: BurnLook, sources: number): number | undefined =>
  (PACES[indicator] === 'minute' ? minutes * sources : undefined);

/**
 * The finest objective with which an alert still takes more than one bad event, for indicators with a known number of them;
 * with a finer one the first bad minute is an alert, whatever the table says.
 */
export function finestObjective(indicator: Indicator, rate: BurnRate, sources: number): number | undefined {
  const events = expectedEvents(indicator, rate.long, sources);
  return events === undefined ? undefined : rounded(1 - leastShare(events) / rate.factor);
}

/** The lower end of the Wilson interval of one bad event among so many. */
const leastShare = (events: number): number => (1 + Z * Z / 2 - Z * Math.sqrt((events - 1) / events + Z * Z / 4)) / (events + Z * Z);
