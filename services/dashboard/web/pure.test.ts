/** What needs no browser: addresses, figures, tables as CSV, the search for a cursor, reading answers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGES, pathOf, placeOf, type PageId } from '../pages.ts';
import { toCsv } from './csv.ts';
import { budgetLeft, duration, money, percent, perSecond, plural, range, ticks, time, windowName } from './format.ts';
import { readAssets, readOutcomes, readSettlement, readStatus } from './shapes.ts';
import { readIncident, readIncidents } from './incident-shapes.ts';
import { readIndicators, readLive, readSeries, readSlas } from './telemetry-shapes.ts';

describe('addresses', () => {
  it('lead back to their page and id, whatever the id is', () => {
    fc.assert(fc.property(fc.constantFrom(...Object.keys(PAGES) as PageId[]), fc.string({ minLength: 1, unit: 'grapheme' }), (page, id) => {
      fc.pre(id.isWellFormed());
      expect(placeOf(pathOf(page, id))).toEqual({ page, id: PAGES[page].includes(':id') ? id : '' });
    }));
  });

  it('of no page are none', () => {
    for (const path of ['', '/x', '/sites', '/sites/', '/sites/a/b', '/settlements/%ff', '/log/']) expect(placeOf(path), path).toBeNull();
  });
});

it('figures are shown in the unit that reads best', () => {
  expect([0.82, 12.34, 999, 1_000, 89_000, 3_600_000, 86_400_000, 864_000_000, null, Infinity].map((ms) => duration(ms)))
    .toEqual(['0.82 ms', '12.3 ms', '999 ms', '1.00 s', '89.0 s', '60.0 min', '24.0 h', '10.0 d', '–', '–']);
  expect([percent(0.99951, 2), percent(-0.5, 0), percent(null)]).toEqual(['99.95 %', '-50 %', '–']);
  expect([perSecond(12.5), perSecond(48_000.4), perSecond(null)]).toEqual(['12.5/s', '48,000/s', '–']);
  expect([time(0), time(null)]).toEqual(['1970-01-01 00:00:00.000 UTC', '–']);
  expect([range(1, 2, String), range(null, 2, String), range(1, null, String), range(null, null, String)]).toEqual(['1 to 2', 'up to 2', 'from 1', 'too little to say']);
  expect([plural(0, 'delta'), plural(1, 'delta'), plural(1_200, 'delta')]).toEqual(['0 deltas', '1 delta', '1,200 deltas']);
  const evening = Date.UTC(2026, 1, 28, 23, 59);
  expect(ticks([evening, evening + 30_000, evening + 60_000])).toEqual(['23:59:00\n2026-02-28', '23:59:30', '00:00:00\n2026-03-01']);
  expect(ticks([evening, evening + 3_600_000])).toEqual(['23:59\n2026-02-28', '00:59\n2026-03-01']);
  expect(ticks([evening, evening + 7 * 86_400_000])).toEqual(['02-28', '03-07']);
});

it('amounts have the places of their asset, and are called minor units where those are not known', () => {
  const scales = new Map([['EUR', 2], ['JPY', 0], ['BTC', 8]]);
  expect([money('472', 'EUR', scales), money('-5', 'EUR', scales), money('123456789', 'EUR', scales), money('1250', 'JPY', scales), money('1', 'BTC', scales)])
    .toEqual(['4.72 EUR', '-0.05 EUR', '1,234,567.89 EUR', '1,250 JPY', '0.00000001 BTC']);
  expect([money('472', 'CHF', scales), money('472', 'constructor', scales), money('4e2', 'EUR', scales), money('', 'EUR', scales)])
    .toEqual(['472 minor units of CHF', '472 minor units of constructor', '4e2 minor units of EUR', ' minor units of EUR']);
});

it('windows have the names of their alerts', () => {
  expect([5, 60, 360, 4_320, 90, null].map((minutes) => windowName(minutes))).toEqual(['5 min', '1 h', '6 h', '3 d', '90 min', '–']);
});

it('a budget spent many times over is a multiple, not a percentage', () => {
  expect([0.5, 0, -0.5, -10, -10.01, -783.9, null].map((left) => budgetLeft(left))).toEqual(['50.0 %', '0.0 %', '-50.0 %', '-1000.0 %', '11 times the budget spent', '785 times the budget spent', '–']);
});

it('CSV keeps every value, and starts no formula', () => {
  expect(toCsv(['a', 'b,c'], [['x"y', -1.5], ['=1+1', null], ['line\nbreak', undefined], ['-2', 3]]))
    .toBe('a,"b,c"\r\n"x""y",-1.5\r\n\'=1+1,\r\n"line\nbreak",\r\n\'-2,3\r\n');
});

describe('an answer of another shape', () => {
  it.each([[readLive], [readSlas], [readIndicators], [readSeries], [readOutcomes], [readSettlement], [readStatus], [readAssets], [readIncidents], [readIncident]])('is refused with what is missing: %o', (read) => {
    for (const value of [null, [], 'text', {}]) expect(() => read(value)).toThrow(/expected (?:an object|a list|a text|a number), got/);
  });

  it('sorts SLAs by what is left of their budget, those without events last', () => {
    const sla = (id: string, events: number, left: number): object => ({ sla: id, scope: 'global', indicator: 'finality', objective: 0.99, events, goodEvents: events, budget: { left } });
    expect(readSlas({ slas: [sla('idle', 0, 1), sla('b', 10, 0.5), sla('a', 10, 0.5), sla('gone', 10, -2)] }).map((s) => s.id)).toEqual(['gone', 'a', 'b', 'idle']);
  });
});
