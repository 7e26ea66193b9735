/** What can be wrong with SLA alarms: all of it is found before anything is made. */
import { LONG_MINUTES_MAX, expectedEvents, finestObjective, type BurnWindow } from '../../platform/burn-rates.ts';
import { isIndicator } from '../../platform/indicators.ts';
import { SITE_ID_PATTERN, type Severity, type Sla } from '../../platform/model.ts';
import type { Mistakes } from '../common/index.ts';
import { isPeriod, LIMITS, rangeLimit } from './limits.ts';
import { planAlerts, type AlertPlan, type AlarmPlanInput, type MetricAlarmPlan } from './plan.ts';
import { SCOPE_ALLOWED, SCOPE_PATTERN, type ScopeInstance } from './scopes.ts';

export interface CheckedInput extends AlarmPlanInput {
  /** ARNs, by severity. */
  readonly actions: Readonly<Record<Severity, readonly string[]>>;
  readonly sources: Readonly<Record<string, number>>;
}

/** As CloudWatch wants the namespaces of one's own (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html). */
export const NAMESPACE = /^(?!AWS\/)[\w.\-/#:]{1,255}$/;
export const NAMESPACE_ALLOWED = 'a CloudWatch namespace: at most 255 letters, digits and ._-/#:, not starting with AWS/';

/** Reports every mistake; the plan, as far as the input allows one. */
export function checkAlarms(m: Mistakes, input: CheckedInput): AlertPlan[] {
  m.text('name', input.name, /^[\w.-]{1,100}$/, 'at most 100 letters, digits and . _ -');
  m.text('namespace', input.namespace, NAMESPACE, NAMESPACE_ALLOWED);
  m.text('runbookBaseUrl', input.runbookBaseUrl, /^https:\/\/[^\s"{}]{1,300}$/, 'the https:// address that runbook files are below');
  const scopes = checkScopes(m, input.scopes);
  checkSources(m, input.scopes, input.sources);
  checkWindows(m, input.windows ?? []);
  for (const indicator of Object.keys(input.silence ?? {})) if (!isIndicator(indicator)) m.add(`silence.${indicator}: there is no such indicator`);
  const usable = checkSlas(m, input.slas);
  const plan = planAlerts({ ...input, slas: usable, scopes });
  const ringing = new Set(plan.map(({ severity }) => severity));
  for (const severity of ['page', 'ticket'] as const) checkActions(m, severity, input.actions[severity], ringing.has(severity));
  for (const alert of plan) {
    checkSamples(m, alert, input.sources[alert.scope] ?? 1);
    checkLimits(m, alert);
  }
  for (const sla of usable) checkReach(m, sla, plan);
  return plan;
}

/** Reports what is none, and what is named twice; gives the rest. */
export function checkScopes(m: Mistakes, scopes: readonly ScopeInstance[]): ScopeInstance[] {
  for (const [i, scope] of scopes.entries()) {
    m.text(`scopes[${i}]`, scope, SCOPE_PATTERN, SCOPE_ALLOWED);
    if (scopes.indexOf(scope) !== i) m.add(`scopes[${i}]: ${scope} is named twice`);
  }
  return scopes.filter((scope) => SCOPE_PATTERN.test(scope));
}

/** Reports what is wrong with them; gives the rest. */
export const checkSlas = (m: Mistakes, slas: readonly Sla[]): Sla[] => slas.filter((sla, i) => checkSla(m, sla, `slas[${i}]`, slas));

function checkSources(m: Mistakes, scopes: readonly ScopeInstance[], sources: Readonly<Record<string, number>>): void {
  for (const [scope, count] of Object.entries(sources)) {
    m.range(`sources.${scope}`, count, 1, 100_000, 'sites');
    if (!(scopes as readonly string[]).includes(scope)) m.add(`sources.${scope}: is none of the scopes`);
  }
}

function checkWindows(m: Mistakes, windows: readonly BurnWindow[]): void {
  for (const [i, window] of windows.entries()) {
    m.text(`windows[${i}].id`, window.id, SLA_ID, SLA_ID_ALLOWED);
    // `silence` names an alert already.
    if (window.id === 'silence' || windows.findIndex(({ id }) => id === window.id) !== i) m.add(`windows[${i}].id: ${window.id} is taken`);
    m.range(`windows[${i}].longMinutes`, window.longMinutes, 1, LONG_MINUTES_MAX, 'minutes');
    if (!(window.budgetPercent > 0 && window.budgetPercent <= 100)) {
      m.add(`windows[${i}].budgetPercent: expected more than 0 and at most 100 percent, got ${window.budgetPercent}`);
    }
  }
}

const SLA_ID = new RegExp(SITE_ID_PATTERN);
const SLA_ID_ALLOWED = 'a lower-case letter, then letters, digits and hyphens, at most 32, no hyphen at the end';

/** Whether alarms can be planned for it: an SLA of a checked definition passes, one made by hand may not. */
function checkSla(m: Mistakes, sla: Sla, path: string, all: readonly Sla[]): boolean {
  const found: string[] = [];
  const wrong = (what: string): void => void found.push(`${path}.${what}`);
  if (typeof sla.id !== 'string' || !SLA_ID.test(sla.id)) wrong(`id: expected ${SLA_ID_ALLOWED}, got ${JSON.stringify(sla.id)}`);
  if (all.findIndex(({ id }) => id === sla.id) !== all.indexOf(sla)) wrong(`id: ${JSON.stringify(sla.id)} is used twice`);
  if (!isIndicator(sla.indicator)) wrong(`indicator: there is no ${JSON.stringify(sla.indicator)}`);
  if (!(sla.objective > 0 && sla.objective < 1)) wrong(`objective: expected a share between 0 and 1, got ${sla.objective}`);
  if (!(Number.isInteger(sla.windowDays) && sla.windowDays >= 1 && sla.windowDays <= 90)) {
    wrong(`windowDays: expected a whole number of days from 1 to 90, got ${sla.windowDays}`);
  }
  if (sla.severity !== 'page' && sla.severity !== 'ticket') wrong(`severity: expected page or ticket, got ${JSON.stringify(sla.severity)}`);
  if (typeof sla.runbook !== 'string' || !/^\S{4,}$/.test(sla.runbook)) {
    wrong('runbook: who is called needs the next step; give a page (https://...) or a file (docs/...#heading)');
  }
  if (typeof sla.owner !== 'string' || sla.owner.trim() === '') wrong('owner: the team that answers for it is needed');
  // Terraform reads descriptions and tags as templates.
  for (const key of ['owner', 'runbook'] as const) {
    if (/[$%]\{/.test(sla[key])) wrong(`${key}: holds \${ or %{, which Terraform would evaluate; got ${JSON.stringify(sla[key])}`);
  }
  for (const what of found) m.add(what);
  return found.length === 0;
}

function checkActions(m: Mistakes, severity: Severity, actions: readonly string[], rings: boolean): void {
  const { most, source } = LIMITS.actions;
  if (actions.length > most) m.add(`topicArns.${severity}: ${actions.length} actions, an alarm has at most ${most} (${source})`);
  if (rings && actions.length === 0) m.add(`topicArns.${severity}: nobody is told; name at least one topic, or an OpsItem severity in opsItems.${severity}`);
}

/** An objective finer than the number of events can show makes an alert of a single bad one. */
function checkSamples(m: Mistakes, { sla, scope, rate }: AlertPlan, sources: number): void {
  if (rate === undefined) return;
  const finest = finestObjective(sla.indicator, rate, sources);
  if (finest === undefined || sla.objective <= finest) return;
  const events = expectedEvents(sla.indicator, rate.long, sources);
  const advice = finest > 0 ? `set an objective of at most ${Math.floor(finest * 1e4) / 1e4}` : 'set a longer windowDays';
  m.add(`SLA ${sla.id}, ${scope}, ${rate.id}: an objective of ${sla.objective} is too fine for ${events} events in ${rate.long.minutes} minutes, `
    + `one bad one would be an alert; ${advice}${rate.severity === 'page' ? ', or severity ticket, whose window is longer' : ''}`);
}

/** An SLA that is to page somebody has an alert that can. */
function checkReach(m: Mistakes, sla: Sla, plan: readonly AlertPlan[]): void {
  const own = plan.filter((alert) => alert.sla.id === sla.id);
  if (own.length === 0 || own.some(({ kind, severity }) => kind === 'burn' && severity === sla.severity)) return;
  m.add(`SLA ${sla.id}: with an objective of ${sla.objective} not even an outage of everything burns its budget fast enough for a ${sla.severity}; `
    + `${sla.severity === 'page' ? 'set severity ticket, or ' : ''}set a higher objective`);
}

function checkLimits(m: Mistakes, alert: AlertPlan): void {
  const within = (what: string, value: number, { most, source }: { most: number; source: string }): void => {
    if (value > most) m.add(`alarm ${alert.name}: ${what} ${value}, CloudWatch allows ${most} (${source})`);
  };
  within('number of alarms in its rule', alert.parts.length, LIMITS.children);
  within('length of its rule', ruleOf(alert.parts.map(({ name }) => name)).length, LIMITS.rule);
  for (const { name, description } of [alert, ...alert.parts]) {
    within('length of the name', name.length, LIMITS.name);
    within(`length of the description of ${name}`, description.length, LIMITS.description);
  }
  for (const part of alert.parts) checkPart(m, part, within);
}

function checkPart(m: Mistakes, part: MetricAlarmPlan, within: (what: string, value: number, limit: { most: number; source: string }) => void): void {
  if (!isPeriod(part.periodSeconds)) m.add(`alarm ${part.name}: a period of ${part.periodSeconds} s is neither 10, 20 nor 30 s, nor whole minutes`);
  within(`seconds that ${part.name} looks back`, part.periodSeconds * part.periods, rangeLimit(part.periodSeconds));
  within(`number of metrics of ${part.name}`, part.queries.filter(({ metric }) => metric !== undefined).length, LIMITS.metrics);
  for (const { expression } of part.queries) within(`length of the expression of ${part.name}`, expression?.length ?? 0, LIMITS.expression);
}

/** The rule of a composite alarm that is on while all of these are. */
export const ruleOf = (alarmNames: readonly string[]): string => alarmNames.map((name) => `ALARM("${name}")`).join(' AND ');
