/** The SLAs of a platform as OpenSLO documents: a Service, an SLO for each SLA and scope, and what they alert on. */
import { createHash } from 'node:crypto';
import { burnRates, type BurnRate } from '../../platform/burn-rates.ts';
import { INDICATORS } from '../../platform/indicators.ts';
import { metricNamespace, SLA_LABELS, SLA_METRICS } from '../../platform/metrics.ts';
import type { Platform, Severity, Sla } from '../../platform/model.ts';
import {
  duration, goodEvent, instancesOf, percent, runbookLink, scopesOf, scopeSlug, scopeTitle, SILENCE, type SlaInstance,
} from '../sla-alarms/index.ts';
import type {
  AlertConditionDocument, AlertNotificationTargetDocument, AlertPolicyDocument, Document, Metadata, MetricSource, OpenSloDocument, ServiceDocument, SloDocument,
} from './model.ts';

/** Where the two counters of an SLA are read. */
export type OpenSloSource =
  | { readonly kind: 'cloudwatch'; readonly namespace: string; readonly region: string }
  | { readonly kind: 'prometheus' };

export interface OpenSloOptions {
  /** @default - CloudWatch in the control plane's AWS region for a platform with a deploy section, else Prometheus */
  readonly source?: OpenSloSource;
  /** What runbooks that are files of the repository are below. @default - the file's name as it is */
  readonly runbookBaseUrl?: string;
}

/** In an order in which each document comes after those that it names. */
export function toOpenSlo(
  platform: Pick<Platform, 'name' | 'slas' | 'regions' | 'controlPlane' | 'deploy'>, options: OpenSloOptions = {},
): OpenSloDocument[] {
  const instances = instancesOf(platform.slas, scopesOf(platform));
  const slas = platform.slas.filter((sla) => instances.some((instance) => instance.sla === sla));
  const alerts = slas.flatMap((sla) => burnRates(sla).map((rate) => ({ sla, rate })));
  const severities = [...new Set(alerts.map(({ rate }) => rate.severity))].sort();
  const source = options.source ?? defaultSource(platform);
  const name = namer(instances.map(({ sla, scope }): [string, string] => [`${sla.id}-${scopeSlug(scope)}`, `${sla.id}/${scope}`]));
  return [
    service(platform.name),
    ...severities.map(target),
    ...alerts.map(({ sla, rate }) => condition(sla, rate)),
    ...alerts.map(({ sla, rate }) => policy(sla, rate)),
    ...instances.map((instance) => slo(instance, { name: name(`${instance.sla.id}/${instance.scope}`), service: platform.name, source, ...options })),
  ];
}

/** One YAML stream, a document after the other. JSON is YAML 1.2, so a document is written as JSON. */
export const openSloYaml = (documents: readonly OpenSloDocument[]): string =>
  documents.map((document) => `---\n${JSON.stringify(document, null, 2)}\n`).join('');

const defaultSource = ({ name, deploy, controlPlane }: Pick<Platform, 'name' | 'deploy' | 'controlPlane'>): OpenSloSource => (deploy === undefined
  ? { kind: 'prometheus' } : { kind: 'cloudwatch', namespace: metricNamespace(name, deploy.environment), region: controlPlane.location });

const NAME_MAX = 63;

/** Names by key: as they are where that is a name, else shortened and told apart by a digest of their key. */
function namer(wanted: readonly (readonly [name: string, key: string])[]): (key: string) => string {
  const uses = new Map<string, number>();
  for (const [name] of wanted) uses.set(name, (uses.get(name) ?? 0) + 1);
  const names = new Map(wanted.map(([name, key]) => {
    const digest = createHash('sha256').update(key).digest('hex').slice(0, 8);
    return [key, name.length > NAME_MAX || uses.get(name) !== 1 ? `${name.slice(0, NAME_MAX - 9).replace(/-+$/, '')}-${digest}` : name];
  }));
  return (key) => names.get(key)!;
}

const document = <K extends string, S>(kind: K, metadata: Metadata, spec: S): Document<K, S> => ({ apiVersion: 'openslo/v1', kind, metadata, spec });

const service = (name: string): ServiceDocument => document('Service', { name }, { description: `Layer-2 clearing platform ${name}` });

const target = (severity: Severity): AlertNotificationTargetDocument => document('AlertNotificationTarget', { name: severity }, {
  target: severity, description: severity === 'page' ? 'Wakes somebody up' : 'Waits for office hours',
});

const alertName = (sla: Sla, rate: BurnRate): string => `${sla.id}-${rate.id}`;

/** OpenSLO v1 knows one window for an alert; the short one, and the guard, are told as annotations. */
const condition = (sla: Sla, rate: BurnRate): AlertConditionDocument => document('AlertCondition', {
  name: alertName(sla, rate),
  annotations: {
    'short-window': short(rate.short.minutes), 'budget-percent': String(rate.budgetPercent), 'error-ratio': String(rate.errorRatio),
    'events-min': String(rate.long.eventsMin), 'bad-min': String(rate.long.badMin),
  },
}, {
  description: `${rate.budgetPercent} % of the error budget goes within ${duration(rate.long.minutes)}: the burn rate is above ${rate.factor} `
    + `over that time and over ${duration(rate.short.minutes)}`,
  severity: rate.severity,
  condition: { kind: 'burnrate', op: 'gt', threshold: rate.factor, lookbackWindow: short(rate.long.minutes), alertAfter: '1m' },
});

const policy = (sla: Sla, rate: BurnRate): AlertPolicyDocument => document('AlertPolicy', { name: alertName(sla, rate) }, {
  description: `Tells whoever answers for ${sla.id}: ${rate.severity}`,
  alertWhenBreaching: true, alertWhenResolved: true,
  // Once for an SLA, with the severity that is its own.
  alertWhenNoData: SILENCE[sla.indicator] === 'alarm' && burnRates(sla).find(({ severity }) => severity === sla.severity)?.id === rate.id,
  conditions: [{ conditionRef: alertName(sla, rate) }], notificationTargets: [{ targetRef: rate.severity }],
});

interface SloContext extends OpenSloOptions {
  readonly name: string;
  readonly service: string;
  readonly source: OpenSloSource;
}

function slo(instance: SlaInstance, { name, service: serviceName, source, runbookBaseUrl }: SloContext): SloDocument {
  const { sla, scope } = instance;
  const runbook = runbookLink(sla, runbookBaseUrl);
  return document('SLO', {
    name, displayName: title(`${sla.id}, ${scopeTitle(scope)}`),
    labels: { sla: sla.id, indicator: sla.indicator, scope: scopeSlug(scope), severity: sla.severity, owner: labelValue(sla.owner) },
    annotations: { runbook },
  }, {
    description: `${percent(sla.objective)} good over ${sla.windowDays} d. Good is ${goodEvent(sla)}. Owner: ${sla.owner}. Runbook: ${runbook}`,
    service: serviceName,
    indicator: {
      metadata: { name, displayName: INDICATORS[sla.indicator].title },
      spec: {
        description: `Good is ${goodEvent(sla)}`,
        // A Prometheus counter only grows; CloudWatch holds what was counted in each minute.
        ratioMetric: {
          counter: source.kind === 'prometheus',
          good: metric(instance, SLA_METRICS.good, source), total: metric(instance, SLA_METRICS.events, source),
        },
      },
    },
    timeWindow: [{ duration: `${sla.windowDays}d`, isRolling: true }],
    budgetingMethod: 'Occurrences',
    objectives: [{ displayName: percent(sla.objective), target: sla.objective }],
    alertPolicies: burnRates(sla).map((rate) => ({ alertPolicyRef: alertName(sla, rate) })),
  });
}

function metric({ sla, scope }: SlaInstance, metricName: string, source: OpenSloSource): MetricSource {
  const labels = { [SLA_LABELS.sla]: sla.id, [SLA_LABELS.scope]: scope };
  if (source.kind === 'prometheus') {
    const selector = Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(',');
    return { metricSource: { type: 'Prometheus', spec: { query: `sum(${metricName}{${selector}})` } } };
  }
  const dimensions = Object.entries(labels).map(([label, value]) => ({ name: label, value }));
  return { metricSource: { type: 'CloudWatch', spec: { region: source.region, namespace: source.namespace, metricName, stat: 'Sum', dimensions } } };
}

/** `5m`, `6h`, `3d`: OpenSLO's shorthand. */
const short = (minutes: number): string => duration(minutes).replace(' min', 'm').replace(' ', '');
const title = (text: string): string => text.slice(0, NAME_MAX);
/** Letters, digits and . _ - with a letter or digit first. */
const labelValue = (text: string): string =>
  text.replace(/[^a-zA-Z0-9._-]+/g, '-').replace(/^[^a-zA-Z0-9]+/, '').replace(/[^a-zA-Z0-9]+$/, '').slice(0, NAME_MAX) || 'unnamed';
