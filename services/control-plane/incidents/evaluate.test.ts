/** From counts in the telemetry store to stored incidents and what receivers are to be told, on a clock of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Sla, Webhook } from '../../../platform/index.ts';
import { emptySums, type Delta, type Signed } from '../../telemetry/index.ts';
import type { KeptIncident } from '../store.ts';
import type { Instance } from '../telemetry/sla.ts';
import { openTelemetryStore } from '../telemetry/store.ts';
import { createEvaluator } from './evaluate.ts';
import { toldOf } from './events.ts';
import { copyFindings } from './findings.ts';
import type { Incident, KnownOfFinding, KnownOfSla } from './model.ts';
import { openIncidentStore, type IncidentStore } from './store.ts';

const MINUTE = 60_000;
const sla = (more: Partial<Sla> = {}): Sla =>
  ({ id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 100, windowDays: 30, scope: 'global', severity: 'page', owner: 'settlement', runbook: 'runbooks/x.ts', ...more });
const webhook = (id: string, more: Partial<Webhook> = {}): Webhook =>
  ({ id, url: 'https://hooks.example.com/', events: ['opened', 'updated', 'closed'], severity: 'ticket', scope: 'global', ...more });

function stage(instances: readonly Instance[], webhooks: readonly Webhook[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'incidents-'));
  const telemetry = openTelemetryStore(join(folder, 'telemetry.db'));
  let incidents = openIncidentStore(join(folder, 'incidents.db'));
  onTestFinished(() => {
    telemetry.close();
    incidents.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let time = Date.UTC(2026, 0, 1);
  const seqs = new Map<string, number>();
  const telling = { origin: 'tidemark.example', webhooks, regionOfSite: (site: string) => site.slice(0, 2) };
  const evaluator = (store: IncidentStore) => createEvaluator({ telemetry, incidents: store, instances, telling, now: () => time });
  let { evaluate } = evaluator(incidents);
  return {
    telemetry, telling,
    now: () => time,
    incidents: () => incidents,
    pass: (ms: number) => void (time += ms),
    evaluate: async (): Promise<void> => void await evaluate(),
    /** The process dies after an evaluation has found what it has, and before it is stored. */
    async evaluateAndDie(): Promise<void> {
      const dying: IncidentStore = { ...incidents, apply: () => { throw new Error('killed'); } };
      await evaluator(dying).evaluate().catch(() => 0);
      incidents.close();
      incidents = openIncidentStore(join(folder, 'incidents.db'));
      ({ evaluate } = evaluator(incidents));
    },
    /** A window of the site's last five seconds in which so many events were counted for SLAs. */
    tell(node: string, events: number, bad: number, id = 'final'): void {
      const seq = (seqs.get(node) ?? 0) + 1;
      seqs.set(node, seq);
      const sums = emptySums();
      if (events > 0) sums.slas.set(id, { events, good: events - bad });
      const value: Delta = {
        origin: 'tidemark.example', node, region: node.slice(0, 2), seq, acknowledged: 0, from: time - 5_000, to: time, sums,
        gauges: { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 0 },
      };
      const signed: Signed<Delta> = { value, note: `${node} ${seq}` };
      telemetry.add([signed], { region: node.slice(0, 2), note: 's' }, time);
    },
    all: (): readonly Incident[] => incidents.list({ state: 'all', scopes: null, before: null, limit: 1_000 }).map(({ incident }) => incident).toReversed(),
  };
}

type Stage = ReturnType<typeof stage>;

/** Minute by minute: everybody tells, then it is evaluated. */
async function minutes(s: Stage, count: number, each: (minute: number) => void): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    s.pass(MINUTE);
    each(i);
    await s.evaluate();
  }
}

const global = (nodes: readonly string[], more: Partial<Sla> = {}): Instance => ({ sla: sla(more), scope: 'global', nodes });

test('a breach opens an incident with what was known, grows from ticket to page, and closes when it has been over for long enough', async () => {
  const s = stage([global(['eu-a', 'eu-b', 'us-a'])], [webhook('all'), webhook('pages', { severity: 'page', events: ['opened', 'updated'] }), webhook('us', { scope: 'region:us' })]);
  // No young platform: seven hours ago there was an event.
  s.tell('eu-a', 1, 0);
  s.pass(7 * 60 * MINUTE);
  await minutes(s, 360, (i) => {
    s.tell('eu-a', i === 0 ? 99 : 100, 0);
    s.tell('eu-b', 100, 3);
  });
  // 1.5% bad over hours: slowly, but too fast. The third site has never been heard.
  expect(s.all()).toMatchObject([
    { kind: 'burn-rate', sla: 'final', scope: 'global', severity: 'ticket', owner: 'settlement', runbook: 'runbooks/x.ts', closedAt: null },
  ]);
  const [incident] = s.all() as [Incident];
  expect(incident.budgetExhaustedAt).toBe(incident.openedAt);
  const known = incident.known as KnownOfSla;
  expect(known).toMatchObject({
    objective: 0.99, windowDays: 30, events: 1_600, badEvents: 24, goodEvents: 1_576, attainment: 0.985, missingDeltas: 0, intervals: [{ method: 'wilson' }, { method: 'node-ratio' }],
    sites: { expected: 3, reporting: 2, most: [{ site: 'eu-b', events: 800, badEvents: 24 }], silent: ['us-a'], silentCount: 1 },
  });
  expect(known.budgetLeft).toBeCloseTo(-0.5, 9);
  expect(known.alerts).toMatchObject([{ id: 'fast', burning: false, long: { minutes: 60, badEvents: 24 } }, { id: 'slow' }, { id: 'steady', burning: true }]);
  expect(incident.summary).toBe('final, global: the error budget goes too fast. When it opened: 98.5% of 1600 events in 30 d good, objective 99%, 1.5 times the error budget used. '
    + '1 of 3 sites were silent. '
    + 'Good is a settlement whose outcome (final or rejected) is proven at its edge node within 100 ms of the request.');

  await minutes(s, 10, () => s.tell('eu-b', 300, 290));
  expect(s.all().map(({ severity }) => severity)).toEqual(['page']);
  expect(s.incidents().deliveries(incident.id)).toMatchObject([
    { webhook: 'all', event: 'opened', state: 'waiting', attempts: 0 }, { webhook: 'all', event: 'updated' }, { webhook: 'pages', event: 'updated' },
  ]);

  // The short window of the slowest alert is six hours: so long it is bad, and so long it must have been quiet.
  let closedAfter = 0;
  await minutes(s, 13 * 60, (i) => {
    s.tell('eu-b', 2_000, 0);
    s.tell('eu-a', 100, 0);
    if (closedAfter === 0 && s.all()[0]!.closedAt !== null) closedAfter = i;
  });
  expect(closedAfter).toBeGreaterThanOrEqual(6 * 60);
  expect(s.all()[0]).toMatchObject({ id: incident.id, severity: 'page', closedBy: 'recovery', knownAtClose: { budgetLeft: expect.any(Number) }, known: JSON.parse(JSON.stringify(known)) });
  expect(s.all()).toHaveLength(1);
  expect(s.incidents().deliveries(incident.id).map((d) => `${d.webhook} ${d.event}`)).toEqual(['all opened', 'all updated', 'pages updated', 'all closed']);
  const body = JSON.parse(s.incidents().due('all', s.now())!.body) as Record<string, unknown>;
  expect(body).toMatchObject({
    specversion: '1.0', id: `${incident.id}-opened`, source: '//tidemark.example/incidents', type: 'example.tidemark.incident.opened', subject: incident.id,
    time: new Date(incident.openedAt).toISOString(), datacontenttype: 'application/json', dataschema: 'urn:tidemark:schema:incident:1',
    data: { id: incident.id, state: 'open', severity: 'ticket', known: { events: 1_600 } },
  });
  expect(JSON.stringify(body).length).toBeLessThan(20_000);
}, 120_000);

test('silence is no recovery: until every site that took part is heard again, the incident stays open', async () => {
  const s = stage([global(['eu-a', 'eu-b', 'eu-c'], { windowDays: 1 })]);
  await minutes(s, 3, () => {
    s.tell('eu-a', 100, 60);
    s.tell('eu-b', 100, 0);
  });
  const open = (): number => s.all().filter(({ kind, closedAt }) => kind === 'burn-rate' && closedAt === null).length;
  expect(open()).toBe(1);
  // Two hours without a word from the one that was bad. The third one was never heard, and nobody waits for it.
  await minutes(s, 240, () => s.tell('eu-b', 1_000, 0));
  expect(open()).toBe(1);
  await minutes(s, 5, () => s.tell('eu-a', 0, 0));
  expect(open()).toBe(1);
  await minutes(s, 15, () => s.tell('eu-a', 0, 0));
  expect(open()).toBe(0);
});

test('whatever dies between evaluating and storing: the same incidents, each once', async () => {
  const play = async (dies: boolean): Promise<readonly Incident[]> => {
    const s = stage([global(['eu-a', 'eu-b'], { windowDays: 1 })]);
    for (let i = 0; i < 90; i += 1) {
      s.pass(MINUTE);
      s.tell('eu-a', 100, i % 45 < 4 ? 80 : 0);
      s.tell('eu-b', 1_000, 0);
      if (dies) await s.evaluateAndDie();
      await s.evaluate();
      if (dies) await s.evaluateAndDie();
    }
    return s.all();
  };
  const burning = (all: readonly Incident[]): readonly Incident[] => all.filter(({ kind }) => kind === 'burn-rate');
  const [without, withDeaths] = [await play(false), await play(true)];
  expect(burning(without).map(({ closedAt }) => closedAt === null)).toEqual([false, false]);
  expect(burning(withDeaths)).toEqual(burning(without));
  // Budgets are looked at every five minutes, and after a start.
  expect(withDeaths).toHaveLength(without.length);
});

test('each site on its own, whatever the others do; SLAs that are dropped are closed by whoever dropped them', async () => {
  const sites = ['eu-a', 'eu-b', 'us-a'];
  const instances = sites.map((site): Instance => ({ sla: sla({ scope: 'site' }), scope: `site:${site}`, nodes: [site] }));
  const s = stage(instances, [webhook('eu', { scope: 'region:eu' })]);
  await minutes(s, 5, () => sites.forEach((site) => s.tell(site, 50, site === 'eu-b' ? 0 : 40)));
  expect(s.all().filter(({ kind }) => kind === 'burn-rate').map(({ scope }) => scope)).toEqual(['site:eu-a', 'site:us-a']);
  const told = s.all().map(({ id, scope }) => [scope, s.incidents().deliveries(id).length]);
  expect(told.filter(([scope]) => scope === 'site:us-a').every(([, count]) => count === 0)).toBe(true);
  expect(told.filter(([scope]) => scope === 'site:eu-a').every(([, count]) => count === 1)).toBe(true);
  await createEvaluator({ telemetry: s.telemetry, incidents: s.incidents(), instances: [], telling: s.telling, now: s.now }).evaluate();
  expect(s.all().every(({ closedAt, closedBy, note }) => closedAt !== null && closedBy === 'operator' && note === 'the definition has this SLA no more')).toBe(true);
});

test('a handful of events opens nothing', async () => {
  const s = stage([global(['eu-a'])]);
  await minutes(s, 3, () => s.tell('eu-a', 5, 5));
  expect(s.all()).toEqual([]);
  await minutes(s, 1, () => s.tell('eu-a', 5, 5));
  expect(s.all().map(({ kind }) => kind)).toEqual(['burn-rate']);
});

test('one incident at a time: that the budget is gone is told once as a fact of the one that burns it, and is a ticket of its own before and after', async () => {
  const s = stage([global(['eu-a'], { windowDays: 1 })], [webhook('all')]);
  s.tell('eu-a', 20_000, 0);
  s.pass(200 * MINUTE);
  // Of the last hours more is bad than may be, of the whole day's budget not all; and then all of it.
  await minutes(s, 6, () => s.tell('eu-a', 1_000, 30));
  expect(s.all()).toMatchObject([{ kind: 'burn-rate', budgetExhaustedAt: null, severity: 'ticket' }]);
  await minutes(s, 6, () => s.tell('eu-a', 1_000, 60));
  const [burn] = s.all() as [Incident];
  expect(s.all()).toMatchObject([{ kind: 'burn-rate', budgetExhaustedAt: expect.any(Number) as number, severity: 'ticket', closedAt: null }]);
  expect(burn.summary).toMatch(/% of the error budget left\. .* The error budget is used up since 2026-01-01 03:\d\d UTC\.$/);
  expect(s.incidents().deliveries(burn.id).map(({ event }) => event)).toEqual(['opened', 'updated']);
  // Quiet for as long as it takes: the burning is over, and the budget is still gone.
  await minutes(s, 30, () => s.tell('eu-a', 100, 0));
  expect(s.all()).toMatchObject([{ id: burn.id, closedBy: 'recovery' }, { kind: 'budget-exhausted', severity: 'ticket', closedAt: null, budgetExhaustedAt: null }]);
  // It burns again, so fast that somebody is called: the ticket goes on in that.
  await minutes(s, 5, () => s.tell('eu-a', 10_000, 9_000));
  const [, ticket, page] = s.all() as [Incident, Incident, Incident];
  expect([ticket, page]).toMatchObject([
    { closedBy: 'merged', closedAt: page.openedAt, note: `goes on in ${page.id}` }, { kind: 'burn-rate', severity: 'page', closedAt: null, budgetExhaustedAt: page.openedAt },
  ]);
  expect(s.all()).toHaveLength(3);
  expect(s.incidents().deliveries(ticket.id).map(({ event }) => event)).toEqual(['opened', 'closed']);
});

test('severity and budget are told one after the other, each event under an id of its own', async () => {
  const s = stage([global(['eu-a'], { windowDays: 1 })], [webhook('all')]);
  s.tell('eu-a', 20_000, 0);
  s.pass(200 * MINUTE);
  for (const bad of [30, 60, 900]) await minutes(s, 6, () => s.tell('eu-a', 1_000, bad));
  const ids: string[] = [];
  const [incident] = s.all() as [Incident];
  for (let due = s.incidents().due('all', s.now()); due !== null; due = s.incidents().due('all', s.now())) {
    ids.push((JSON.parse(due.body) as { id: string }).id);
    s.incidents().attempted(due.n, { state: 'delivered', attempts: 1, status: 204, error: null, at: s.now(), nextAt: s.now() });
  }
  expect(ids).toEqual(['opened', 'updated-budget', 'updated-severity'].map((event) => `${incident.id}-${event}`));
  expect(incident).toMatchObject({ severity: 'page', budgetExhaustedAt: expect.any(Number) as number });
});

test('closed by hand, a breach opens again only for what was bad after that, also after a restart', async () => {
  const close = (s: Stage): void => {
    for (const i of s.all().filter(({ closedAt }) => closedAt === null)) {
      s.incidents().apply([{ kind: 'close', id: i.id, at: s.now(), by: 'operator', note: 'mended', known: null, told: toldOf(s.telling, 'closed', i, s.now()) }], s.now());
    }
  };
  const s = stage([global(['eu-a'])]);
  await minutes(s, 3, () => s.tell('eu-a', 1_000, 1_000));
  expect(s.all()).toMatchObject([{ kind: 'burn-rate', severity: 'page', closedAt: null }]);
  close(s);
  // Nothing comes, then what is good, then a few that are not: the old ones still fill every window.
  await minutes(s, 3, () => undefined);
  await s.evaluateAndDie();
  await minutes(s, 20, () => s.tell('eu-a', 100, 0));
  await minutes(s, 3, () => s.tell('eu-a', 100, 1));
  expect(s.all()).toHaveLength(1);
  await minutes(s, 10, () => s.tell('eu-a', 1_000, 1_000));
  expect(s.all().map(({ kind, closedBy }) => [kind, closedBy])).toEqual([['burn-rate', 'operator'], ['burn-rate', null]]);
  // Of one that goes on, the operator hears again.
  close(s);
  await minutes(s, 10, () => s.tell('eu-a', 1_000, 1_000));
  expect(s.all().map(({ closedBy }) => closedBy)).toEqual(['operator', 'operator', null]);
});

test('a slow start of a young platform opens nothing; one that stays too slow does within half an hour, and one that is out of order at once', async () => {
  const opened = async (count: number, bad: (minute: number) => number): Promise<unknown> => {
    const s = stage([global(['eu-a'])]);
    const first = new Map<string, number>();
    await minutes(s, count, (i) => {
      for (const { kind } of s.all()) if (!first.has(kind)) first.set(kind, i);
      s.tell('eu-a', 1_000, bad(i));
    });
    return Object.fromEntries(first);
  };
  expect(await opened(60, (i) => (i < 5 ? 40 : 0))).toEqual({});
  // 2% of events are bad, of 1%.
  expect(await opened(40, () => 20)).toEqual({ 'burn-rate': 15 });
  expect(await opened(10, () => 1_000)).toEqual({ 'burn-rate': 1 });
}, 60_000);

test('what the ledger finds is copied once, and put together by kind and scope while it is open', async () => {
  const s = stage([], [webhook('all')]);
  const kept: KeptIncident[] = [];
  const find = (kind: string, scope: string, detail: string): void => void kept.push({ n: kept.length + 1, at: 1_000 + kept.length, kind, scope, detail });
  const ledger = { incidentsAfter: async (n: number, limit: number) => kept.filter((k) => k.n > n).slice(0, limit) };
  const copy = (): Promise<void> => copyFindings(ledger, s.incidents(), s.telling, s.now());
  for (let i = 0; i < 250; i += 1) find('fork', 'region:eu', `fork ${i}`);
  find('telemetry-conflict', 'site:eu-a', 'two deltas');
  find('fork', 'region:us', 'another');
  await copy();
  await copy();
  expect(s.all().map(({ kind, scope, severity, sla: of, owner }) => [kind, scope, severity, of, owner])).toEqual([
    ['fork', 'region:eu', 'page', null, null], ['telemetry-conflict', 'site:eu-a', 'ticket', null, null], ['fork', 'region:us', 'page', null, null],
  ]);
  const known = (): KnownOfFinding => s.all()[0]!.known as KnownOfFinding;
  expect(known()).toMatchObject({ occurrences: 250, lastAt: 1_249 });
  expect(known().details.map(({ detail }) => detail)).toEqual(Array.from({ length: 10 }, (_, i) => `fork ${249 - i}`));
  find('fork', 'region:eu', 'again');
  await copy();
  expect(known()).toMatchObject({ occurrences: 251 });
  expect(s.incidents().deliveries(s.all()[0]!.id)).toHaveLength(1);
  // An evaluation of SLAs leaves them alone.
  await s.evaluate();
  expect(s.all().every(({ closedAt }) => closedAt === null)).toBe(true);
});
