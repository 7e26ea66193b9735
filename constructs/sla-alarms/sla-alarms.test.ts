/** SLA alarms as the synthesized stack shows them, against the arithmetic that they stand for. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { burnRates, isBurning, type BurnRate } from '../../platform/burn-rates.ts';
import { INDICATORS, type Indicator } from '../../platform/indicators.ts';
import { metricNamespace } from '../../platform/metrics.ts';
import type { Sla } from '../../platform/model.ts';
import platform from '../../tidemark.config.ts';
import { ServiceRole } from '../common/index.ts';
import { synthStack, type Synthesized } from '../common/testing.ts';
import {
  instancesOf, LIMITS, monthlyCost, planAlerts, scopesOf, SILENCE, SlaAlarms, type ScopeInstance, type SlaAlarmsProps,
} from './index.ts';
import { ratioExpression } from './plan.ts';

const FINAL: Sla = {
  id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 1_000, windowDays: 30, scope: 'global', severity: 'page',
  owner: 'settlement', runbook: 'https://runbooks.example.com/finality',
};
const AVAILABLE: Sla = { ...FINAL, id: 'available', indicator: 'availability', objective: 0.999, scope: 'site' };
const RATIO: Sla = { ...FINAL, id: 'ratio', indicator: 'provisional-ratio', thresholdRatio: 0.05, scope: 'site', severity: 'ticket' };
const PROPS: SlaAlarmsProps = {
  name: 'tidemark-test', slas: [FINAL], scopes: ['global'], namespace: 'Tidemark/tidemark/test',
  topicArns: { page: ['arn:aws:sns:eu-west-1:111122223333:page'], ticket: ['arn:aws:sns:eu-west-1:111122223333:ticket'] },
};
type Attributes = Readonly<Record<string, unknown>>;

const synth = (more: Partial<SlaAlarmsProps> = {}): Synthesized => synthStack((stack) => void new SlaAlarms(stack, 'alarms', { ...PROPS, ...more }));
/** By name, in order of names. */
const named = (all: Synthesized, type: string): ReadonlyMap<string, Attributes> =>
  new Map(all.resources(type).map(([, attributes]): [string, Attributes] => [attributes['alarm_name'] as string, attributes]).sort(([a], [b]) => (a < b ? -1 : 1)));
const metricAlarms = (all: Synthesized): ReadonlyMap<string, Attributes> => named(all, 'aws_cloudwatch_metric_alarm');
const composites = (all: Synthesized): ReadonlyMap<string, Attributes> => named(all, 'aws_cloudwatch_composite_alarm');

test('everything of it', () => {
  expect(synth({
    slas: [{ ...FINAL, scope: 'region' }, RATIO], scopes: ['region:eu', 'site:eu-fra-1'], maintenanceAlarmName: 'tidemark-test-maintenance', opsItems: { page: 2 },
    tags: { team: 'platform' },
  }).json).toMatchSnapshot();
});

test('the windows and thresholds of the published table', () => {
  const all = metricAlarms(synth());
  const seen = [...all].map(([name, alarm]) => {
    const queries = alarm['metric_query'] as readonly { metric?: { period: number } }[];
    return [name.replace('tidemark-test/final/global/', ''), alarm['threshold'], ...new Set(queries.flatMap(({ metric }) => (metric === undefined ? [] : [metric.period])))];
  });
  expect(seen).toEqual([
    ['fast/long', 0.144, 3_600], ['fast/short', 0.144, 300],
    ['slow/long', 0.06, 21_600], ['slow/short', 0.06, 1_800],
    ['steady/long', 0.01, 259_200], ['steady/short', 0.01, 21_600],
  ]);
  for (const [, alarm] of all) expect(alarm).toMatchObject({ comparison_operator: 'GreaterThanThreshold', evaluation_periods: 1, treat_missing_data: 'notBreaching' });
});

test('the counters of this SLA in this scope, and nothing else, are divided', () => {
  const [alarm] = metricAlarms(synth()).values() as Iterable<Attributes>;
  const queries = alarm?.['metric_query'] as readonly Attributes[];
  const counter = (name: string): object => ({
    dimensions: { sla: 'final', scope: 'global' }, metric_name: name, namespace: 'Tidemark/tidemark/test', period: 3_600, stat: 'Sum',
  });
  expect(queries).toEqual([
    { id: 'events', metric: counter('tidemark_sla_events_total'), return_data: false },
    { id: 'good', metric: counter('tidemark_sla_good_total'), return_data: false },
    { id: 'ratio', expression: 'IF((events >= 20) AND (events - FILL(good, 0) >= 3) AND ((events - FILL(good, 0) - 0.144 * events) ^ 2 > 0.473513580074 * events), 1 - FILL(good, 0) / events, 0)', return_data: true },
  ]);
});

test('only composite alarms act: short and long together, with their severity', () => {
  const all = synth();
  for (const [, alarm] of metricAlarms(all)) for (const key of ['alarm_actions', 'ok_actions', 'insufficient_data_actions']) expect(alarm).not.toHaveProperty(key);
  const told = [...composites(all)].map(([name, alarm]) => [name, alarm['alarm_actions']]);
  expect(told).toEqual([
    ['tidemark-test/final/global/fast', PROPS.topicArns.page], ['tidemark-test/final/global/slow', PROPS.topicArns.page],
    ['tidemark-test/final/global/steady', PROPS.topicArns.ticket],
  ]);
  const rule = composites(all).get('tidemark-test/final/global/fast')?.['alarm_rule'] as string;
  expect(rule).toMatch(/^ALARM\("\$\{aws_cloudwatch_metric_alarm\.[\w-]+fast_long\w*\.alarm_name\}"\) AND ALARM\("\$\{aws_cloudwatch_metric_alarm\.[\w-]+fast_short\w*\.alarm_name\}"\)$/);
});

test('an SLA of tickets calls nobody', () => {
  const all = composites(synth({ slas: [{ ...FINAL, severity: 'ticket' }] }));
  expect([...all].map(([name, alarm]) => [name, alarm['alarm_actions']])).toEqual([['tidemark-test/final/global/steady', PROPS.topicArns.ticket]]);
});

test('where silence is a fault, missing data is breaching, in an alarm of its own', () => {
  const all = synth({ slas: [AVAILABLE], scopes: ['site:eu-fra-1'], silence: { availability: 'alarm' } });
  const silence = metricAlarms(all).get('tidemark-test/available/site-eu-fra-1/silence/events');
  expect(silence).toMatchObject({ treat_missing_data: 'breaching', comparison_operator: 'LessThanThreshold', threshold: 1, evaluation_periods: 3, datapoints_to_alarm: 3 });
  expect(composites(all).get('tidemark-test/available/site-eu-fra-1/silence')?.['alarm_actions']).toEqual(PROPS.topicArns.page);
  const breaching = (given: Synthesized): number => [...metricAlarms(given).values()].filter((alarm) => alarm['treat_missing_data'] === 'breaching').length;
  expect(breaching(all)).toBe(1);
  expect(breaching(synth())).toBe(0);
  expect(breaching(synth({ silence: { finality: 'alarm' } }))).toBe(1);
  expect(breaching(synth({ slas: [AVAILABLE], scopes: ['site:eu-fra-1'] })), 'an idle site pages nobody').toBe(0);
});

test('every indicator has its alarms and a policy for silence', () => {
  for (const indicator of Object.keys(INDICATORS) as Indicator[]) {
    const plan = planAlerts({ ...PROPS, slas: [{ ...FINAL, indicator }] });
    expect(plan.map(({ id }) => id), indicator).toEqual(['fast', 'slow', 'steady', ...(SILENCE[indicator] === 'alarm' ? ['silence'] : [])]);
  }
});

test('maintenance suppresses every alert, until what happened during it is out of the short window', () => {
  const all = composites(synth({ slas: [FINAL, { ...AVAILABLE, scope: 'global' }], silence: { availability: 'alarm' }, maintenanceAlarmName: 'maintenance' }));
  const suppressors = [...all].map(([name, alarm]) => [name.replace('tidemark-test/', ''), alarm['actions_suppressor']]);
  const by = (extension: number): object => ({ alarm: 'maintenance', wait_period: 120, extension_period: extension });
  expect(suppressors).toEqual([
    ['available/global/fast', by(300)], ['available/global/silence', by(900)], ['available/global/slow', by(1_800)], ['available/global/steady', by(21_600)],
    ['final/global/fast', by(300)], ['final/global/slow', by(1_800)], ['final/global/steady', by(21_600)],
  ]);
  for (const [, alarm] of composites(synth())) expect(alarm).not.toHaveProperty('actions_suppressor');
});

test('descriptions say what is wrong, for whom, and what to do', () => {
  const all = synth({ slas: [{ ...FINAL, runbook: 'docs/operations.md#finality' }], runbookBaseUrl: 'https://git.example.com/tidemark/' });
  expect(composites(all).get('tidemark-test/final/global/fast')?.['alarm_description']).toBe('SLA final (Finality, 99 %), global. 2 % of the error budget of 30 days '
    + 'goes within 1 h: more than 14.4 % of events are bad over that time and over the last 5 min. Good is a settlement whose outcome (final or rejected) is proven '
    + 'at its edge node within 1000 ms of the request. Owner: settlement. Runbook: https://git.example.com/tidemark/docs/operations.md#finality');
  for (const [, alarm] of [...metricAlarms(all), ...composites(all)]) expect(alarm['alarm_description']).toContain('Runbook: https://git.example.com/tidemark/docs/operations.md#finality');
  // AWS refuses a # in the value of a tag.
  for (const [, alarm] of composites(all)) expect(alarm['tags']).toMatchObject({ runbook: 'https://git.example.com/tidemark/docs/operations.md' });
});

test('OpsItems, quiet endings, tags, another provider', () => {
  const all = synthStack((stack) => {
    const provider = new AwsProvider(stack, 'global', { region: 'eu-central-1', alias: 'global' });
    void new SlaAlarms(stack, 'alarms', {
      ...PROPS, slas: [{ ...FINAL, owner: 'Clearing & settlement' }], opsItems: { page: 1 }, tellWhenOver: false, tags: { team: 'x', sla: 'overridden' }, provider,
    });
  });
  const fast = composites(all).get('tidemark-test/final/global/fast') as Attributes;
  expect(fast['alarm_actions']).toEqual([...PROPS.topicArns.page, expect.stringMatching(/^arn:\$\{data\.aws_partition\..*\}:ssm:\$\{data\.aws_region\..*\.id\}:\$\{.*account_id\}:opsitem:1#CATEGORY=Availability$/)]);
  expect(composites(all).get('tidemark-test/final/global/steady')?.['alarm_actions']).toEqual(PROPS.topicArns.ticket);
  expect(fast).not.toHaveProperty('ok_actions');
  expect(fast['tags']).toMatchObject({ team: 'x', sla: 'final', scope: 'global', severity: 'page', owner: 'Clearing - settlement' });
  for (const type of ['aws_cloudwatch_metric_alarm', 'aws_cloudwatch_composite_alarm']) for (const [, r] of all.resources(type)) expect(r['provider']).toBe('aws.global');
  expect(all.data('aws_region').map(([, d]) => d['provider'])).toEqual(['aws.global']);
});

test('which scopes: all of a kind, one of them, and none that is not here', () => {
  const slas: Sla[] = [AVAILABLE, { ...FINAL, scope: 'region:eu' }, { ...RATIO, scope: 'site:us-nyc-1' }, { ...FINAL, id: 'g' }];
  const scopes = scopesOf({ regions: [{ id: 'eu', location: 'x', replicas: 1, quorum: 1, edges: [{ id: 'eu-fra-1', location: 'x' }, { id: 'us-nyc-1', location: 'x' }] }] });
  expect(scopes).toEqual(['global', 'region:eu', 'site:eu-fra-1', 'site:us-nyc-1']);
  expect(instancesOf(slas, scopes).map(({ sla, scope }) => `${sla.id} ${scope}`)).toEqual([
    'available site:eu-fra-1', 'available site:us-nyc-1', 'final region:eu', 'ratio site:us-nyc-1', 'g global',
  ]);
  expect(synth({ slas, scopes: ['region:us'] }).resources('aws_cloudwatch_metric_alarm')).toEqual([]);
});

test('those of another stack are known by their SLAs; whoever asks may see their state', () => {
  const { only } = synthStack((stack) => {
    const made = new SlaAlarms(stack, 'alarms', PROPS);
    const existing = SlaAlarms.fromSlas(PROPS, { region: 'eu-west-1', accountId: '111122223333' });
    expect(existing.alarmNames).toEqual(made.alarmNames);
    expect(existing.alarmArns[0]).toBe('arn:aws:cloudwatch:eu-west-1:111122223333:alarm:tidemark-test/final/global/fast');
    expect(made.alarmArns).toHaveLength(3);
    made.grantDescribe(new ServiceRole(stack, 'role', { name: 'r', services: ['ecs-tasks.amazonaws.com'] }));
  });
  expect(only('aws_iam_role_policy')['policy']).toContain('cloudwatch:DescribeAlarms');
});

test('alerts whose names would run together are still told apart', () => {
  const slas = [{ ...FINAL, id: 'a', scope: 'site' as const }, { ...FINAL, id: 'a-site', scope: 'site' as const }];
  expect(composites(synth({ slas, scopes: ['site:b', 'site:site-b'] })).size).toBe(12);
});

test('all mistakes at once, with the construct\'s path', () => {
  expect(() => synth({
    name: 'a b', namespace: 'AWS/x', runbookBaseUrl: 'http://x', scopes: ['global', 'global', 'site:UP' as ScopeInstance], sources: { 'region:eu': 0 },
    topicArns: { page: [], ticket: Array.from({ length: 6 }, (_, i) => `arn:${i}`) }, opsItems: { ticket: 5 as never },
    slas: [FINAL, { ...FINAL, runbook: '' }, { ...FINAL, id: 'x', objective: 1 }, { ...FINAL, id: 'y', owner: '${file("/x")}' }, { ...FINAL, id: 'z', windowDays: 91 }],
    windows: [{ id: 'silence', severity: 'page', budgetPercent: 2, longMinutes: 0 }],
  })).toThrow(new RegExp(['test/alarms: \\d+ mistakes:', 'opsItems\\.ticket', 'name: expected', 'namespace: expected', 'runbookBaseUrl: expected', 'scopes\\[1\\]: global is named twice',
    'scopes\\[2\\]: expected', 'sources\\.region:eu: expected', 'sources\\.region:eu: is none', 'windows\\[0\\]\\.id: silence is taken', 'windows\\[0\\]\\.longMinutes', 'slas\\[1\\]\\.id: "final" is used twice',
    'slas\\[1\\]\\.runbook', 'slas\\[2\\]\\.objective', 'slas\\[3\\]\\.owner: holds', 'slas\\[4\\]\\.windowDays', 'topicArns\\.ticket: 7 actions'].join('[\\s\\S]*')));
  expect(() => synth({ topicArns: { page: [], ticket: ['arn:t'] } })).toThrow('test/alarms: topicArns.page: nobody is told; name at least one topic, or an OpsItem severity in opsItems.page');
  expect(() => synth({ topicArns: { page: [], ticket: ['arn:t'] }, opsItems: { page: 1 } })).not.toThrow();
});

test('an objective that is too fine for its number of events is a mistake that says how fine it may be', () => {
  const paging: Sla = { ...RATIO, severity: 'page', objective: 0.9999 };
  const scopes: ScopeInstance[] = ['site:eu-fra-1'];
  expect(() => synth({ slas: [paging], scopes })).toThrow('test/alarms: SLA ratio, site:eu-fra-1, fast: an objective of 0.9999 is too fine for 60 events in 60 minutes, one bad one would be '
    + 'an alert; set an objective of at most 0.9997, or severity ticket, whose window is longer');
  expect(() => synth({ slas: [{ ...paging, objective: 0.9997 }], scopes })).not.toThrow();
  expect(() => synth({ slas: [{ ...paging, severity: 'ticket' }], scopes })).not.toThrow();
  expect(() => synth({ slas: [{ ...paging, scope: 'region' }], scopes: ['region:eu'], sources: { 'region:eu': 3 } })).not.toThrow();
});

test('an SLA to page for that can never page is a mistake', () => {
  expect(() => synth({ slas: [{ ...FINAL, objective: 0.8 }] })).toThrow('SLA final: with an objective of 0.8 not even an outage of everything burns its budget fast enough for a page; set severity ticket');
  expect(() => synth({ slas: [{ ...FINAL, objective: 0.9 }] })).not.toThrow();
});

test('windows that CloudWatch cannot look back over are a mistake with its source', () => {
  expect(() => synth({ windows: [{ id: 'long', severity: 'page', budgetPercent: 10, longMinutes: 30 * 24 * 60 }] })).toThrow(/windows\[0\]\.longMinutes: expected/);
  expect(() => synth({ slas: [{ ...FINAL, runbook: `https://x/${'y'.repeat(1_000)}` }] })).toThrow(/length of the description of .* 1\d\d\d, CloudWatch allows 1024 \(https:/);
});

const slas = fc.uniqueArray(fc.record<Sla>({
  id: fc.stringMatching(/^[a-z]{1,32}$/), indicator: fc.constantFrom(...Object.keys(INDICATORS) as Indicator[]),
  objective: fc.double({ min: 0.85, max: 0.9999, noNaN: true }), thresholdMs: fc.integer({ min: 1, max: 60_000 }), windowDays: fc.integer({ min: 1, max: 90 }),
  scope: fc.constantFrom('global', 'region', 'site', 'region:eu'), severity: fc.constantFrom('page', 'ticket'),
  owner: fc.string({ minLength: 1, maxLength: 64, unit: 'grapheme-ascii' }).filter((owner) => owner.trim() !== '' && !/[$%]\{/.test(owner)),
  runbook: fc.stringMatching(/^https:\/\/[a-z./-]{4,480}$/),
}), { selector: (sla) => sla.id, maxLength: 4 });

test('for any SLAs: nothing that CloudWatch refuses, and names that are all different', () => {
  fc.assert(fc.property(slas, (given) => {
    const plan = planAlerts({ ...PROPS, name: 'n'.repeat(100), slas: given, scopes: ['global', 'region:eu', 'site:a', 'site:b'] });
    const names = plan.flatMap(({ name, parts }) => [name, ...parts.map((part) => part.name)]);
    expect(new Set(names).size).toBe(names.length);
    for (const alert of plan) {
      for (const { name, description } of [alert, ...alert.parts]) {
        expect(name.length).toBeLessThanOrEqual(LIMITS.name.most);
        expect(description.length).toBeLessThanOrEqual(LIMITS.description.most);
      }
      for (const { periodSeconds, periods, queries } of alert.parts) {
        expect(periodSeconds % 60).toBe(0);
        expect(periodSeconds * periods).toBeLessThanOrEqual(periodSeconds < 3_600 ? 86_400 : 604_800);
        expect(queries.length).toBeLessThanOrEqual(3);
      }
    }
  }));
});

/** Metric math as CloudWatch documents it, for the one form of expression that is used here; no data point where `events` has none. */
function ratio(rate: BurnRate, which: 'long' | 'short', events: number, good: number | undefined): number {
  const script = ratioExpression(rate[which], { errorRatio: rate.errorRatio, doubt: which === 'long' ? rate.doubt : 0 }).replaceAll('^', '**').replace(/^IF\((.*), (1 - .*), 0\)$/, '($1) ? $2 : 0').replaceAll(' AND ', ' && ').replaceAll('FILL(good, 0)', '(good ?? 0)');
  // oxlint-disable-next-line no-new-func -- evaluates what the construct wrote
  return (new Function('events', 'good', `return ${script}`) as (e: number, g: number | undefined) => number)(events, good);
}

test('the expression and the threshold of an alarm say what the platform\'s arithmetic says', () => {
  const counted = fc.tuple(fc.integer({ min: 1, max: 200 }), fc.double({ min: 0, max: 1, noNaN: true })).map(([events, share]) => ({ events, good: Math.round(events * share) }));
  fc.assert(fc.property(fc.constantFrom(...Object.keys(INDICATORS) as Indicator[]), fc.constantFrom(0.9, 0.99, 0.999), fc.integer({ min: 1, max: 90 }), counted, counted,
    (indicator, objective, windowDays, long, short) => {
      for (const rate of burnRates({ indicator, objective, windowDays, severity: 'page' })) {
        const on = (which: 'long' | 'short', { events, good }: { events: number; good: number }): boolean =>
          ratio(rate, which, events, good === 0 ? undefined : good) > rate.errorRatio;
        expect(on('long', long) && on('short', short)).toBe(isBurning(rate, long, short));
      }
    }));
  const [fast] = burnRates(FINAL) as [BurnRate];
  expect(ratio(fast, 'long', 100, undefined)).toBe(1);
});

test('the README\'s example, with the deployment in use', () => {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(import.meta.dirname, 'README.md'), 'utf8'))![1]!;
  const all = synthStack((stack) => {
    // oxlint-disable-next-line no-new-func -- runs what the README tells its readers to
    new Function('stack', 'SlaAlarms', 'platform', 'metricNamespace', 'pageTopicArn', 'ticketTopicArn', code)(stack, SlaAlarms, platform, metricNamespace, 'arn:page', 'arn:ticket');
  });
  expect([...composites(all).keys()]).toEqual([
    'acknowledgement/site-eu-fra-1/fast', 'acknowledgement/site-eu-fra-1/slow', 'acknowledgement/site-eu-fra-1/steady', 'edge-available/site-eu-fra-1/fast',
    'edge-available/site-eu-fra-1/slow', 'edge-available/site-eu-fra-1/steady', 'provisional-states/site-eu-fra-1/silence',
    'provisional-states/site-eu-fra-1/steady',
  ].map((name) => `tidemark-production/${name}`));
});

test('the costs in the README are those of the plan', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
  const cost = (sla: Sla, silence: 'alarm' | 'quiet'): string =>
    `$${monthlyCost(planAlerts({ ...PROPS, slas: [{ ...sla, scope: 'global' }], silence: { [sla.indicator]: silence } })).toFixed(2)}`;
  const rows = [...readme.matchAll(/^\| (page|ticket) \| (no|yes) \| \d+ \| \d+ \| (\$[\d.]+) \|$/gm)];
  expect(rows).toHaveLength(4);
  for (const [, severity, silence, stated] of rows) expect(stated, `${severity} ${silence}`).toBe(cost({ ...FINAL, severity: severity as 'page' }, silence === 'yes' ? 'alarm' : 'quiet'));
});
