/** Alarms of SLAs: multi-window, multi-burn-rate, on two counters each. */
export { checkScopes, checkSlas, NAMESPACE, NAMESPACE_ALLOWED } from './checks.ts';
export { MAINTENANCE_WAIT_SECONDS, PRICES, SILENCE, SILENCE_WATCH, type SilencePolicy } from './defaults.ts';
export { LIMITS } from './limits.ts';
export {
  duration, goodEvent, percent, planAlerts, runbookLink, type AlarmPlanInput, type AlertPlan, type MetricAlarmPlan, type QueryPlan,
} from './plan.ts';
export { covers, instancesOf, scopesOf, scopeSlug, scopeTitle, type ScopeInstance, type SlaInstance } from './scopes.ts';
export { monthlyCost, type AlarmProps, type OpsItemSeverity } from './alarms.ts';
export { SlaAlarms, type AlarmPlace, type ExistingSlaAlarms, type SlaAlarmsProps, type SlaAlert } from './sla-alarms.ts';
