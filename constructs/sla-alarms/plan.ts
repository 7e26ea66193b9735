/**
 * Which alarms SLAs make, as plain data: what the construct turns into resources, and what anyone else can, too (a Pulumi
 * program, a test, a page that lists them).
 *
 * Each alert of an SLA is one composite alarm over metric alarms: the error ratio over the long window AND over the short one;
 * or, for silence, no event at all. Only composite alarms act, because only they can be suppressed during maintenance.
 */
import { burnRates, type BurnLook, type BurnRate, type BurnWindow } from '../../platform/burn-rates.ts';
import { goodEventOf, INDICATORS, type Indicator } from '../../platform/indicators.ts';
import { SLA_LABELS, SLA_METRICS } from '../../platform/metrics.ts';
import type { Severity, Sla } from '../../platform/model.ts';
import { SILENCE, SILENCE_WATCH, type SilencePolicy } from './defaults.ts';
import { instancesOf, scopeSlug, scopeTitle, type ScopeInstance, type SlaInstance } from './scopes.ts';

export interface AlarmPlanInput {
  /** Start of every name: `tidemark-production`. */
  readonly name: string;
  readonly slas: readonly Sla[];
  readonly scopes: readonly ScopeInstance[];
  /** CloudWatch namespace of the platform's metrics. */
  readonly namespace: string;
  readonly runbookBaseUrl?: string;
  readonly silence?: Readonly<Partial<Record<Indicator, SilencePolicy>>>;
  readonly windows?: readonly BurnWindow[];
}

/** A metric, or an expression over metrics; exactly one of the two. */
export interface QueryPlan {
  readonly id: string;
  readonly metric?: {
    readonly name: string;
    readonly namespace: string;
    readonly dimensions: Readonly<Record<string, string>>;
    readonly stat: string;
  };
  readonly expression?: string;
}

/** One metric alarm: without actions, it only feeds the composite one. */
export interface MetricAlarmPlan {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** The last one is what is compared. */
  readonly queries: readonly QueryPlan[];
  readonly comparison: 'GreaterThanThreshold' | 'LessThanThreshold';
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly periods: number;
  readonly treatMissingData: 'breaching' | 'notBreaching';
}

/** One alert: a composite alarm that is on while all of its parts are. */
export interface AlertPlan extends SlaInstance {
  readonly kind: 'burn' | 'silence';
  /** Of a burn rate: `fast`, `slow`, `steady`; else `silence`. */
  readonly id: string;
  readonly severity: Severity;
  readonly name: string;
  readonly description: string;
  readonly parts: readonly MetricAlarmPlan[];
  /** How long what happened during maintenance can still be seen. Seconds. */
  readonly afterMaintenanceSeconds: number;
  readonly rate?: BurnRate;
}

export function planAlerts(input: AlarmPlanInput): AlertPlan[] {
  return instancesOf(input.slas, input.scopes).flatMap((instance) => [
    ...burnRates(instance.sla, input.windows).map((rate) => burnAlert(input, instance, rate)),
    ...((input.silence?.[instance.sla.indicator] ?? SILENCE[instance.sla.indicator]) === 'alarm' ? [silenceAlert(input, instance)] : []),
  ]);
}

/** The name of an alert: `tidemark-production/final/global/fast`. No part holds a slash, so no two alerts share one. */
const alertName = (prefix: string, { sla, scope }: SlaInstance, id: string): string => `${prefix}/${sla.id}/${scopeSlug(scope)}/${id}`;

const counter = ({ namespace }: AlarmPlanInput, { sla, scope }: SlaInstance, id: 'good' | 'events'): QueryPlan => ({
  id,
  metric: { name: SLA_METRICS[id], namespace, dimensions: { [SLA_LABELS.sla]: sla.id, [SLA_LABELS.scope]: scope }, stat: 'Sum' },
});

/**
 * The share of bad events, or 0 while the guard says that there were too few to speak of one. The same as `isBurning` does, but
 * for what a young platform has no history of. All bad means that nothing was counted as good, so a gap there is a zero; a gap in `events` stays one.
 */
export const ratioExpression = ({ eventsMin, badMin }: BurnLook, { errorRatio, doubt }: Pick<BurnRate, 'errorRatio' | 'doubt'>): string =>
  `IF((events >= ${eventsMin}) AND (events - FILL(good, 0) >= ${badMin})${doubt === 0 ? '' : ` AND ((events - FILL(good, 0) - ${errorRatio} * events) ^ 2 > ${doubt} * events)`}, `
  + '1 - FILL(good, 0) / events, 0)';

function burnAlert(input: AlarmPlanInput, instance: SlaInstance, rate: BurnRate): AlertPlan {
  const name = alertName(input.name, instance, rate.id);
  const part = (which: 'long' | 'short'): MetricAlarmPlan => {
    const window = rate[which];
    return {
      id: which, name: `${name}/${which}`, comparison: 'GreaterThanThreshold', threshold: rate.errorRatio,
      description: `Share of bad events over ${duration(window.minutes)}, one part of ${name}. ${runbook(input, instance.sla)}`,
      queries: [counter(input, instance, 'events'), counter(input, instance, 'good'), { id: 'ratio', expression: ratioExpression(window, { errorRatio: rate.errorRatio, doubt: which === 'long' ? rate.doubt : 0 }) }],
      // One period as long as the window: the ratio of sums, and never a mean of ratios.
      periodSeconds: window.minutes * 60, periods: 1, treatMissingData: 'notBreaching',
    };
  };
  return {
    ...instance, kind: 'burn', id: rate.id, severity: rate.severity, name, rate,
    description: `${heading(instance)} ${rate.budgetPercent} % of the error budget of ${instance.sla.windowDays} days goes within `
      + `${duration(rate.long.minutes)}: more than ${percent(rate.errorRatio)} of events are bad over that time and over the last `
      + `${duration(rate.short.minutes)}. ${ending(input, instance.sla)}`,
    parts: [part('long'), part('short')],
    afterMaintenanceSeconds: rate.short.minutes * 60,
  };
}

function silenceAlert(input: AlarmPlanInput, instance: SlaInstance): AlertPlan {
  const name = alertName(input.name, instance, 'silence');
  const { periodSeconds, periods } = SILENCE_WATCH;
  const after = duration((periodSeconds * periods) / 60);
  return {
    ...instance, kind: 'silence', id: 'silence', severity: instance.sla.severity, name,
    description: `${heading(instance)} Nothing was counted for ${after}, good or bad: what counts it is down or cut off. `
      + ending(input, instance.sla),
    parts: [{
      id: 'events', name: `${name}/events`, comparison: 'LessThanThreshold', threshold: 1,
      description: `Events within ${after}, the one part of ${name}. ${runbook(input, instance.sla)}`,
      queries: [counter(input, instance, 'events')], periodSeconds, periods, treatMissingData: 'breaching',
    }],
    afterMaintenanceSeconds: periodSeconds * periods,
  };
}

// ---- words ---------------------------------------------------------------------------------------------------------

/** Good events as the SLA has them, with the threshold in the place of T. */
export const goodEvent = (sla: Sla): string => goodEventOf(sla);

/** `0.144` -> `14.4 %`, without what doubles add. */
export const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(6))} %`;

/** `5 min`, `6 h`, `3 d`: the largest unit that is whole. */
export function duration(minutes: number): string {
  if (minutes % 1440 === 0) return `${minutes / 1440} d`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
}

/** A page as it is; a file of the repository below the base URL, if there is one. */
export const runbookLink = (sla: Pick<Sla, 'runbook'>, baseUrl?: string): string =>
  (baseUrl === undefined || sla.runbook.startsWith('https:') ? sla.runbook : `${baseUrl.replace(/\/+$/, '')}/${sla.runbook}`);

const heading = ({ sla, scope }: SlaInstance): string =>
  `SLA ${sla.id} (${INDICATORS[sla.indicator].title}, ${percent(sla.objective)}), ${scopeTitle(scope)}.`;
const runbook = (input: AlarmPlanInput, sla: Sla): string => `Runbook: ${runbookLink(sla, input.runbookBaseUrl)}`;
const ending = (input: AlarmPlanInput, sla: Sla): string => `Good is ${goodEvent(sla)}. Owner: ${sla.owner}. ${runbook(input, sla)}`;
