/** Burn rates against the published table, the formula, and what must hold for every SLA. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BURN_WINDOWS, burnRateOf, burnRates, expectedEvents, finestObjective, isBudgetKnown, isBurning, isExhausted, LONG_MINUTES_MAX, PACES, scaleWindow, type BurnRate } from './burn-rates.ts';
import { INDICATORS, type Indicator } from './indicators.ts';
import type { Sla } from './model.ts';

type Watched = Pick<Sla, 'indicator' | 'objective' | 'windowDays' | 'severity'>;
const sla = (more: Partial<Watched> = {}): Watched => ({ indicator: 'finality', objective: 0.999, windowDays: 30, severity: 'page', ...more });

const slas = fc.record<Watched>({
  indicator: fc.constantFrom(...Object.keys(INDICATORS) as Indicator[]),
  objective: fc.double({ min: 0.001, max: 0.99999, noNaN: true }),
  windowDays: fc.integer({ min: 1, max: 90 }),
  severity: fc.constantFrom('page', 'ticket'),
});

test('the published table (Site Reliability Workbook, Table 5-8)', () => {
  const table = burnRates(sla()).map((r) => [r.severity, r.long.minutes, r.short.minutes, r.factor, r.budgetPercent]);
  expect(table).toEqual([
    ['page', 60, 5, 14.4, 2],
    ['page', 6 * 60, 30, 6, 5],
    ['ticket', 3 * 24 * 60, 6 * 60, 1, 10],
  ]);
  // The workbook's rules for 99.9 %: 14.4 * 0.001, 6 * 0.001, 0.001.
  expect(burnRates(sla()).map((r) => r.errorRatio)).toEqual([0.0144, 0.006, 0.001]);
});

test('other SLA windows: the same share of the budget over windows in proportion', () => {
  const scaled = (days: number): number[][] => BURN_WINDOWS.map((window) => Object.values(scaleWindow(window, days)));
  expect(scaled(7)).toEqual([[14, 1, 14.4], [84, 7, 6], [1008, 84, 1]]);
  expect(scaled(1)).toEqual([[2, 1, 14.4], [12, 1, 6], [144, 12, 1]]);
  // 90 days would look back 9 days; after 7 of them 10 % of the budget is a higher rate.
  expect(scaled(90)).toEqual([[180, 15, 14.4], [1080, 90, 6], [LONG_MINUTES_MAX, 840, 1.28571428571]]);
});

test('nobody is called for an SLA of tickets', () => {
  expect(burnRates(sla({ severity: 'ticket' })).map((r) => r.id)).toEqual(['steady']);
});

test('an alert that even an outage of everything would not set off is left out', () => {
  expect(burnRates(sla({ objective: 0.9 })).map((r) => r.id)).toEqual(['slow', 'steady']);
  expect(burnRates(sla({ objective: 0.5 })).map((r) => r.id)).toEqual(['steady']);
});

test('for every SLA: the formula holds, thresholds can be exceeded, and the budget share is what it says', () => {
  fc.assert(fc.property(slas, (given) => {
    const rates = burnRates(given);
    if (given.objective >= 0.9999) expect(rates.length).toBe(given.severity === 'page' ? 3 : 1);
    for (const rate of rates) {
      expect(rate.errorRatio).toBeGreaterThan(0);
      expect(rate.errorRatio).toBeLessThan(1);
      // Burning at exactly the factor for the long window takes the share of the budget.
      expect((rate.factor * rate.long.minutes) / (given.windowDays * 1440)).toBeCloseTo(rate.budgetPercent / 100, 9);
      expect(Number.isInteger(rate.long.minutes) && Number.isInteger(rate.short.minutes)).toBe(true);
      expect(rate.short.minutes).toBeLessThan(rate.long.minutes);
      expect(rate.long.minutes).toBeLessThanOrEqual(LONG_MINUTES_MAX);
      for (const look of [rate.long, rate.short]) {
        expect(look.badMin).toBeGreaterThanOrEqual(1);
        expect(look.eventsMin).toBeGreaterThanOrEqual(look.badMin);
      }
    }
  }));
});

test('burning is bad now and bad for long', () => {
  const [fast] = burnRates(sla()) as [BurnRate];
  const bad = { good: 900, events: 1_000 };
  const good = { good: 1_000, events: 1_000 };
  expect(isBurning(fast, bad, bad)).toBe(true);
  expect(isBurning(fast, good, bad)).toBe(false);
  expect(isBurning(fast, bad, good)).toBe(false);
  // Exactly at the ratio is not above it, and what is above by chance is not either: 1,440 and 1.96 standard deviations of 37.7.
  expect([98_560, 98_559, 98_487, 98_486].map((of) => isBurning(fast, { good: of, events: 100_000 }, bad))).toEqual([false, false, false, true]);
  expect(isBurning(fast, bad, { good: 98_559, events: 100_000 })).toBe(true);
});

test('the guard: a handful of events says nothing, whatever their ratio', () => {
  const [fast] = burnRates(sla()) as [BurnRate];
  const still = { good: 0, events: 5 };
  expect(isBurning(fast, { good: 0, events: 19 }, still)).toBe(false);
  expect(isBurning(fast, { good: 0, events: 20 }, still)).toBe(true);
  expect(isBurning(fast, { good: 98, events: 100 }, still)).toBe(false);
  expect(isBurning(fast, { good: 0, events: 0 }, { good: 0, events: 0 })).toBe(false);
  // A partition is rare, and one that was not reconciled in time is worth a ticket.
  const [steady] = burnRates(sla({ indicator: 'reconciliation', severity: 'ticket' })) as [BurnRate];
  expect(isBurning(steady, { good: 0, events: 1 }, { good: 0, events: 1 })).toBe(true);
});

test('with little history, what came before counts as good until there is as much as the short window is long, or half an hour; how bad it has to be falls with every minute', () => {
  const [fast, slow, steady] = burnRates(sla({ objective: 0.99 })) as [BurnRate, BurnRate, BurnRate];
  const at = (bad: number, sinceMinutes: number) => ({ good: 1_000_000 - 1_000 * bad, events: 1_000_000, sinceMinutes });
  const isOn = (rate: BurnRate, bad: number, since: number): boolean => isBurning(rate, at(bad, since), at(bad, since));
  // 14.4% of events are bad, or 6%: enough once there are minutes of history, while half of them is at any time.
  expect([1, 2, 3, 60].map((since) => [145, 250, 500].map((bad) => isOn(fast, bad, since)))).toEqual([
    [false, false, true], [false, true, true], [true, true, true], [true, true, true],
  ]);
  expect([1, 4, 8, 90].map((since) => [61, 200, 500].map((bad) => isOn(slow, bad, since)))).toEqual([
    [false, false, true], [false, true, true], [true, true, true], [true, true, true],
  ]);
  expect([isOn(steady, 20, 15), isOn(steady, 20, 16), isOn(steady, 11, 27), isOn(steady, 11, 28), isOn(steady, 400, 1)]).toEqual([false, true, false, true, true]);
  const budget = sla({ objective: 0.99 });
  expect([isExhausted(budget, at(20, 15)), isExhausted(budget, at(20, 16)), isExhausted(budget, at(400, 1))]).toEqual([false, true, true]);
  expect([isBudgetKnown(budget, at(0, 29)), isBudgetKnown(budget, at(0, 30)), isBudgetKnown(budget, at(400, 1)), isBudgetKnown(budget, { good: 9, events: 9 })]).toEqual([false, true, true, false]);
  // Partitions are few, and minutes have a guard of their own.
  const [rare] = burnRates(sla({ indicator: 'reconciliation', severity: 'ticket' })) as [BurnRate];
  expect(isBurning(rare, { good: 0, events: 1, sinceMinutes: 1 }, { good: 0, events: 1, sinceMinutes: 1 })).toBe(true);
});

test('a share of few events is evidence only when its whole Wilson interval is on the bad side; of a budget, until there is half a window of history', () => {
  const [steady] = burnRates(sla({ objective: 0.99, severity: 'ticket' })) as [BurnRate];
  const few = { good: 136, events: 139 };
  expect(isBurning(steady, few, few)).toBe(false);
  expect(isBurning(steady, { good: 133, events: 139 }, few)).toBe(true);
  const budget = sla({ objective: 0.99 });
  expect([60, 15 * 24 * 60 - 1, 15 * 24 * 60, undefined].map((sinceMinutes) => isExhausted(budget, { ...few, ...(sinceMinutes === undefined ? {} : { sinceMinutes }) })))
    .toEqual([false, false, true, true]);
  fc.assert(fc.property(fc.constantFrom(0.9, 0.99, 0.999), fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 0, max: 1, noNaN: true }), (objective, events, share) => {
    const [rate] = burnRates(sla({ objective, severity: 'ticket', indicator: 'reconciliation' })) as [BurnRate];
    const bad = Math.round(events * share);
    const z = 1.959963984540054;
    const [p, n] = [bad / events, events];
    const low = (p + z * z / (2 * n) - z * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n);
    if (Math.abs(low - rate.errorRatio) > 1e-9) expect(isBurning(rate, { good: events - bad, events }, { good: 0, events: 1 })).toBe(low > rate.errorRatio);
  }));
});

test('the burn rate itself', () => {
  expect(burnRateOf(0.999, { good: 999, events: 1_000 })).toBeCloseTo(1, 9);
  expect(burnRateOf(0.99, { good: 0, events: 7 })).toBeCloseTo(100, 9);
  expect(burnRateOf(0.99, { good: 0, events: 0 })).toBe(0);
});

test('what is counted by the minute has a known number of events, and a finest objective', () => {
  const [fast] = burnRates(sla({ indicator: 'provisional-ratio' })) as [BurnRate];
  expect(expectedEvents('provisional-ratio', fast.long, 1)).toBe(60);
  expect(expectedEvents('provisional-ratio', fast.long, 10)).toBe(600);
  expect(expectedEvents('finality', fast.long, 1)).toBeUndefined();
  // 1 of 60 minutes is 0.29 % to 8.9 %; 14.4 times the budget of 99.98 % is 0.288 %.
  const finest = finestObjective('provisional-ratio', fast, 1) as number;
  expect(finest).toBeCloseTo(1 - 0.002947 / 14.4, 6);
  expect(finestObjective('provisional-ratio', fast, 2)).toBeGreaterThan(finest);
  const one = (objective: number): boolean => {
    const [rate] = burnRates(sla({ indicator: 'provisional-ratio', objective })) as [BurnRate];
    return isBurning(rate, { good: 59, events: 60 }, { good: 4, events: 5 });
  };
  expect([one(finest - 1e-6), one(finest + 1e-6)]).toEqual([false, true]);
});

test('at the finest objective and coarser, one bad minute in a full window is no alert', () => {
  fc.assert(fc.property(slas, fc.integer({ min: 1, max: 50 }), (given, sources) => {
    if (PACES[given.indicator] !== 'minute') return;
    for (const rate of burnRates(given)) {
      const finest = finestObjective(given.indicator, rate, sources) as number;
      const events = rate.long.minutes * sources;
      const one = { good: events - 1, events };
      const shorter = { good: rate.short.minutes * sources - 1, events: rate.short.minutes * sources };
      if (given.objective < finest - 1e-9) expect(isBurning(rate, one, shorter)).toBe(false);
    }
  }));
});
