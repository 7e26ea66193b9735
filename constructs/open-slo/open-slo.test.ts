/** The OpenSLO export: what the specification demands, and that it says what the SLAs say. */
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Check, Errors } from 'typebox/schema';
import { platformInputs } from '../../platform/arbitraries.ts';
import { burnRates } from '../../platform/burn-rates.ts';
import { definePlatform, type Platform, type Sla } from '../../platform/index.ts';
import platform from '../../tidemark.config.ts';
import { instancesOf, scopesOf } from '../sla-alarms/index.ts';
import { openSloYaml, toOpenSlo, type OpenSloDocument, type SloDocument } from './index.ts';
import { OPEN_SLO_SCHEMAS } from './testing.ts';

const FINAL: Sla = {
  id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 1_000, windowDays: 30, scope: 'global', severity: 'page',
  owner: 'Clearing & settlement', runbook: 'runbooks/finality.ts',
};
const AVAILABLE: Sla = { ...FINAL, id: 'available', indicator: 'availability', objective: 0.999, windowDays: 7, scope: 'site' };
type Source = Pick<Platform, 'name' | 'slas' | 'regions' | 'controlPlane' | 'deploy'>;
const PLATFORM: Source = {
  name: 'tidemark', slas: [FINAL, AVAILABLE], controlPlane: { id: 'global', location: 'eu-west-1' },
  regions: [{ id: 'eu', location: 'eu-central-1', replicas: 1, quorum: 1, edges: [{ id: 'eu-fra-1', location: 'eu-central-1' }] }],
};

const slosOf = (documents: readonly OpenSloDocument[]): SloDocument[] => documents.filter((one) => one.kind === 'SLO');
const problems = (one: OpenSloDocument): unknown => {
  const schema = OPEN_SLO_SCHEMAS[one.kind]!;
  return Check(schema, one) ? [] : Errors(schema, one);
};

/** Every name that a document refers to, as `kind/name`. */
function references(one: OpenSloDocument): string[] {
  if (one.kind === 'SLO') return [`Service/${one.spec.service}`, ...one.spec.alertPolicies.map(({ alertPolicyRef }) => `AlertPolicy/${alertPolicyRef}`)];
  if (one.kind !== 'AlertPolicy') return [];
  return [...one.spec.conditions.map(({ conditionRef }) => `AlertCondition/${conditionRef}`), ...one.spec.notificationTargets.map(({ targetRef }) => `AlertNotificationTarget/${targetRef}`)];
}

/** Valid documents, names used once, and each name known before it is used. */
function checkAll(documents: readonly OpenSloDocument[]): void {
  const known = new Set<string>();
  for (const one of documents) {
    expect(problems(one)).toEqual([]);
    for (const reference of references(one)) expect(known).toContain(reference);
    const name = `${one.kind}/${one.metadata.name}`;
    expect(known.has(name)).toBe(false);
    known.add(name);
  }
}

test('everything of it', () => {
  const documents = toOpenSlo(PLATFORM, { runbookBaseUrl: 'https://git.example.com/t' });
  checkAll(documents);
  expect(openSloYaml(documents)).toMatchSnapshot();
});

test('an SLO for each SLA and scope, with its objective, window and alerts', () => {
  const slos = slosOf(toOpenSlo(PLATFORM));
  expect(slos.map(({ metadata, spec }) => [metadata.name, spec.objectives[0].target, spec.timeWindow[0].duration, spec.alertPolicies.map((p) => p.alertPolicyRef)])).toEqual([
    ['final-global', 0.99, '30d', ['final-fast', 'final-slow', 'final-steady']],
    ['available-site-eu-fra-1', 0.999, '7d', ['available-fast', 'available-slow', 'available-steady']],
  ]);
  expect(slos[0]!.metadata.labels).toEqual({ sla: 'final', indicator: 'finality', scope: 'global', severity: 'page', owner: 'Clearing-settlement' });
});

test('alerts are those of the alarms: factor, window, severity, and silence once', () => {
  const documents = toOpenSlo(PLATFORM);
  const conditions = documents.filter((one) => one.kind === 'AlertCondition').map(({ metadata, spec }) =>
    [metadata.name, spec.severity, spec.condition.threshold, spec.condition.lookbackWindow, metadata.annotations!['short-window']]);
  expect(conditions).toEqual([
    ['final-fast', 'page', 14.4, '1h', '5m'], ['final-slow', 'page', 6, '6h', '30m'], ['final-steady', 'ticket', 1, '3d', '6h'],
    ['available-fast', 'page', 14.4, '14m', '1m'], ['available-slow', 'page', 6, '84m', '7m'], ['available-steady', 'ticket', 1, '1008m', '84m'],
  ]);
  const silent = documents.filter((one) => one.kind === 'AlertPolicy').filter(({ spec }) => spec.alertWhenNoData).map(({ metadata }) => metadata.name);
  // Clients may sleep: silence of what only they cause is no alert.
  expect(silent).toEqual([]);
});

test('the counters, from CloudWatch where it is deployed, else from Prometheus', () => {
  const ratio = (one: SloDocument | undefined): unknown => one?.spec.indicator.spec.ratioMetric;
  expect(ratio(slosOf(toOpenSlo(PLATFORM))[1])).toMatchObject({
    counter: true, good: { metricSource: { type: 'Prometheus', spec: { query: 'sum(tidemark_sla_good_total{sla="available",scope="site:eu-fra-1"})' } } },
  });
  const deployed = { ...PLATFORM, deploy: { environment: 'production' } } as Source;
  expect(ratio(slosOf(toOpenSlo(deployed))[0])).toMatchObject({
    counter: false,
    total: { metricSource: { type: 'CloudWatch', spec: {
      region: 'eu-west-1', namespace: 'Tidemark/tidemark/production', metricName: 'tidemark_sla_events_total', stat: 'Sum',
      dimensions: [{ name: 'sla', value: 'final' }, { name: 'scope', value: 'global' }],
    } } },
  });
  expect(ratio(slosOf(toOpenSlo(deployed, { source: { kind: 'prometheus' } }))[0])).toMatchObject({ counter: true });
});

test('names that are too long, or would be the same, are told apart', () => {
  const long = 'a'.repeat(32);
  const documents = toOpenSlo({
    ...PLATFORM, slas: [{ ...FINAL, id: long, scope: 'site' }, { ...FINAL, id: 'a', scope: 'site' }, { ...FINAL, id: 'a-site', scope: 'site' }],
    regions: [{ ...PLATFORM.regions[0]!, edges: ['b', 'site-b', 'c'.repeat(32)].map((id) => ({ id, location: 'eu-central-1' })) }],
  });
  checkAll(documents);
  const names = slosOf(documents).map(({ metadata }) => metadata.name);
  expect(names).toHaveLength(9);
  expect(names).toContain('a-site-b');
  expect(names.filter((name) => /^a-site-site-b-[0-9a-f]{8}$/.test(name))).toHaveLength(2);
});

test('the stream is YAML that any JSON reader takes apart again', () => {
  const documents = toOpenSlo(PLATFORM);
  const parts = openSloYaml(documents).split(/^---\n/m).slice(1);
  expect(parts.map((part) => JSON.parse(part) as unknown)).toEqual(documents);
});

test('for any platform: valid documents, one SLO for each SLA and scope, and what they say is what the SLAs say', () => {
  fc.assert(fc.property(platformInputs, (input) => {
    const given = definePlatform(input);
    const documents = toOpenSlo(given);
    checkAll(documents);
    const instances = instancesOf(given.slas, scopesOf(given));
    const slos = slosOf(documents);
    expect(slos.map(({ spec }) => spec.objectives[0].target)).toEqual(instances.map(({ sla }) => sla.objective));
    expect(slos.map(({ spec }) => spec.alertPolicies.length)).toEqual(instances.map(({ sla }) => burnRates(sla).length));
  }), { numRuns: 50 });
});

test('the rules refuse what the specification refuses', () => {
  const [slo] = slosOf(toOpenSlo(PLATFORM)) as [SloDocument];
  const refused = (change: object): boolean => !Check(OPEN_SLO_SCHEMAS['SLO']!, { ...slo, ...change });
  expect(refused({})).toBe(false);
  expect(refused({ apiVersion: 'openslo/v2' })).toBe(true);
  expect(refused({ metadata: { name: 'Final' } })).toBe(true);
  expect(refused({ metadata: { name: 'a'.repeat(64) } })).toBe(true);
  expect(refused({ spec: { ...slo.spec, objectives: [{ target: 1 }] } })).toBe(true);
  expect(refused({ spec: { ...slo.spec, indicatorRef: 'both' } })).toBe(true);
  expect(refused({ spec: { ...slo.spec, timeWindow: [{ duration: '0d', isRolling: true }] } })).toBe(true);
  expect(refused({ spec: { ...slo.spec, description: 'x'.repeat(1_051) } })).toBe(true);
});

test('the README\'s example, with the deployment in use', () => {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(import.meta.dirname, 'README.md'), 'utf8'))![1]!.replaceAll(/^import .*$/gm, '');
  let written = '';
  // oxlint-disable-next-line no-new-func -- runs what the README tells its readers to
  new Function('openSloYaml', 'toOpenSlo', 'platform', 'process', code)(openSloYaml, toOpenSlo, platform, { stdout: { write: (text: string) => (written += text) } });
  checkAll(toOpenSlo(platform));
  expect(written).toBe(openSloYaml(toOpenSlo(platform)));
  expect(written).toContain('"kind": "SLO"');
});
