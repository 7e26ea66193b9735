/** Incidents of one breach over any sequence of evaluations: they alternate, they hold, they do not depend on crashes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Sla } from '../../../platform/index.ts';
import { burningAlerts, concerns, exhaustedAlerts, SITES_MAX, step, watchOf, type Alert, type Finding, type OpenBreach } from './incidents.ts';

const MINUTE = 60_000;
const ALERTS: readonly Alert[] = [
  { id: 'fast', severity: 'page', holdMs: 5 * MINUTE }, { id: 'slow', severity: 'page', holdMs: 30 * MINUTE }, { id: 'steady', severity: 'ticket', holdMs: 360 * MINUTE },
];

const findings = fc.array(fc.record({
  after: fc.integer({ min: 1_000, max: 40 * MINUTE }), alerts: fc.subarray([...ALERTS]), sites: fc.subarray(['a', 'b', 'c']), isSilent: fc.boolean(),
}), { maxLength: 60 }).map((list) => {
  let at = Date.UTC(2026, 0, 1);
  return list.map(({ after, ...finding }): Finding => ({ ...finding, at: (at += after) }));
});

interface Event { readonly kind: 'opened' | 'updated' | 'closed'; readonly at: number; readonly state: OpenBreach | null }

/** @param crashes before what was found is stored, by place: the evaluation is then made again */
function run(given: readonly Finding[], crashes: ReadonlySet<number> = new Set()): { readonly events: Event[]; readonly writes: number } {
  let stored: string | null = null;
  const events: Event[] = [];
  let writes = 0;
  given.forEach((finding, i) => {
    const open = stored === null ? null : JSON.parse(stored) as OpenBreach;
    let found = step(open, finding);
    if (crashes.has(i)) found = step(stored === null ? null : JSON.parse(stored) as OpenBreach, finding);
    if (found.kind === 'none') return;
    writes += 1;
    stored = found.kind === 'closed' ? null : JSON.stringify(found.state);
    if (found.kind !== 'held') events.push({ kind: found.kind, at: finding.at, state: found.kind === 'closed' ? open : found.state });
  });
  return { events, writes };
}

test('for any sequence: opened and closed take turns, and what is in between only grows worse, once', () => {
  fc.assert(fc.property(findings, (given) => {
    let isOpen = false;
    let worst = '';
    for (const { kind, state } of run(given).events) {
      expect(kind === 'opened').toBe(!isOpen);
      if (kind === 'updated') expect([worst, state!.severity]).toEqual(['ticket', 'page']);
      isOpen = kind !== 'closed';
      worst = state!.severity;
    }
  }));
});

test('it opens with the first alert and not before, and is over only when nothing was found or unheard for as long as the slowest of its alerts asks for', () => {
  fc.assert(fc.property(findings, (given) => {
    let open: { openedAt: number; holdMs: number; lastAt: number } | null = null;
    const events = new Map(run(given).events.map((event) => [event.at, event]));
    for (const { at, alerts, isSilent } of given) {
      const event = events.get(at);
      if (open === null) {
        expect(event?.kind).toBe(alerts.length > 0 ? 'opened' : undefined);
        if (alerts.length > 0) open = { openedAt: at, holdMs: Math.max(...alerts.map((a) => a.holdMs)), lastAt: at };
        continue;
      }
      if (alerts.length > 0 || isSilent) {
        expect(event?.kind).not.toBe('closed');
        open = { ...open, lastAt: at, holdMs: Math.max(open.holdMs, ...alerts.map((a) => a.holdMs)) };
      } else if (at - open.lastAt >= open.holdMs + MINUTE) {
        expect(event?.kind).toBe('closed');
      } else if (at - open.lastAt < open.holdMs) {
        expect(event?.kind).toBeUndefined();
      }
      if (event?.kind === 'closed') open = null;
    }
  }));
});

test('crashes between evaluating and storing change nothing', () => {
  fc.assert(fc.property(findings, fc.array(fc.nat(59)), (given, crashes) => {
    expect(run(given, new Set(crashes))).toEqual(run(given));
  }));
});

test('that the budget is gone is told once, whenever it is found, with whatever else is news', () => {
  const fast = ALERTS.slice(0, 1);
  const at = (time: number, alerts: readonly Alert[], isExhausted?: boolean): Finding => ({ at: time, alerts, sites: [], isSilent: false, ...(isExhausted === undefined ? {} : { isExhausted }) });
  const opened = step(null, at(1, ALERTS.slice(2), false)) as { state: OpenBreach };
  expect(opened).toMatchObject({ kind: 'opened', state: { exhaustedAt: null } });
  expect(step(null, at(1, fast, true))).toMatchObject({ kind: 'opened', state: { exhaustedAt: 1 } });
  expect(step(opened.state, at(2, fast, true))).toMatchObject({ kind: 'updated', news: ['severity', 'budget'], state: { exhaustedAt: 2, severity: 'page' } });
  const gone = step(opened.state, at(3, [], true)) as { state: OpenBreach };
  expect(gone).toMatchObject({ kind: 'updated', news: ['budget'], state: { exhaustedAt: 3, severity: 'ticket', heldUntil: opened.state.heldUntil } });
  // What is over is over; that the budget is gone is then a ticket of its own.
  expect(step(opened.state, at(opened.state.heldUntil, [], true)).kind).toBe('closed');
  expect(step(gone.state, at(4, ALERTS.slice(2), true)).kind).toBe('none');
  expect(step(gone.state, at(4, fast, false))).toMatchObject({ kind: 'updated', news: ['severity'], state: { exhaustedAt: 3 } });
});

test('an SLA on the edge of its objective is one incident, and is written down once a minute', () => {
  const flapping = Array.from({ length: 6 * 60 * 24 }, (_, i): Finding => ({ at: i * 10_000, alerts: i % 13 < 6 ? [ALERTS[0]!] : [], sites: ['a'], isSilent: false }));
  const { events, writes } = run(flapping);
  expect(events.map(({ kind }) => kind)).toEqual(['opened']);
  expect(writes).toBeLessThanOrEqual(24 * 60 + 1);
});

test('sites that took part are remembered, no more than fit', () => {
  const many = Array.from({ length: 3 * SITES_MAX }, (_, i) => `s${i}`);
  const opened = step(null, { at: 0, alerts: [ALERTS[0]!], sites: many.slice(0, 2), isSilent: false });
  expect(opened).toMatchObject({ kind: 'opened', state: { sites: ['s0', 's1'], alerts: ['fast'] } });
  const held = step((opened as { state: OpenBreach }).state, { at: 1, alerts: [ALERTS[0]!], sites: many.toReversed(), isSilent: true });
  expect(held).toMatchObject({ kind: 'held', state: { sites: ['s0', 's1', ...many.toReversed().slice(0, SITES_MAX - 2)] } });
});

const sla = (more: Partial<Sla> = {}): Sla =>
  ({ id: 'final', indicator: 'finality', objective: 0.99, thresholdMs: 100, windowDays: 30, scope: 'global', severity: 'page', owner: 'o', runbook: 'runbooks/x.ts', ...more });

test('long windows are read only when the short one is bad', () => {
  const asked: number[] = [];
  const alerts = burningAlerts(watchOf(sla()), (minutes) => {
    asked.push(minutes);
    return { good: minutes === 5 ? 80 : 100, events: 100 };
  });
  expect(asked).toEqual([5, 60, 30, 360]);
  expect(alerts).toEqual([]);
  expect(burningAlerts(watchOf(sla()), () => ({ good: 70, events: 100 }))).toEqual(ALERTS);
});

test('a budget is used up when more is bad than allowed, of enough', () => {
  const exhausted = (good: number, events: number, more: Partial<Sla> = {}): number => exhaustedAlerts(sla(more), watchOf(sla(more)), { good, events }).length;
  expect([exhausted(970, 1_000), exhausted(990, 1_000), exhausted(989, 1_000)]).toEqual([1, 0, 1]);
  // A handful says nothing; of minutes half of the window must have been told.
  expect([exhausted(0, 19), exhausted(18, 20)]).toEqual([0, 0]);
  expect([exhausted(21_000, 21_599, { indicator: 'provisional-ratio' }), exhausted(21_000, 21_600, { indicator: 'provisional-ratio' })]).toEqual([0, 1]);
  expect(exhaustedAlerts(sla(), watchOf(sla()), { good: 0, events: 100 })).toEqual([{ id: 'budget', severity: 'ticket', holdMs: 360 * MINUTE }]);
});

test('whom an incident concerns', () => {
  const regionOf = (site: string): string | undefined => ({ 'eu-a': 'eu', 'us-a': 'us' })[site];
  const ask = (listened: string, scope: string): boolean => concerns(listened, scope, regionOf);
  expect(['global', 'region:eu', 'site:eu-a', 'site:gone'].map((scope) => ask('global', scope))).toEqual([true, true, true, true]);
  expect(['global', 'region:eu', 'region:us', 'site:eu-a', 'site:us-a', 'site:gone'].map((scope) => ask('region:eu', scope))).toEqual([false, true, false, true, false, false]);
  expect(['global', 'region:eu', 'site:eu-a', 'site:us-a'].map((scope) => ask('site:eu-a', scope))).toEqual([false, false, true, false]);
});
