/** The pure parts: data, thresholds, scenarios. That the script does what it says is tested by running it (test/load.test.ts). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INDICATORS, type Indicator, type Sla } from '../platform/index.ts';
import { createGenerator, LOG_DEVIATION, LOG_MEAN, pick, uniform, zipf } from './generator.ts';
import { metricOf, samplesOf, type Role } from './plan.ts';
import { SCENARIOS } from './scenarios.ts';
import { compileThresholds, judgedSlas } from './thresholds.ts';

const BANK = join(import.meta.dirname, '..', '..', 'shared', 'data', 'bank-transactions', '1993.csv.gz');
const OPTIONS = { seed: 7, merchants: 50, customers: 1_000, skew: 1.05, hotShare: 0 };

describe('the generator', () => {
  it('has amounts like the real bank data', () => {
    const [header = '', ...rows] = gunzipSync(readFileSync(BANK)).toString('utf8').trim().split('\n');
    const column = header.split(',').map((name) => name.replaceAll('"', '').trim()).indexOf('amount');
    const logs = rows.map((row) => Math.log(Number(row.split(',')[column]?.replaceAll('"', '')))).filter(Number.isFinite);
    const mean = logs.reduce((a, b) => a + b) / logs.length;
    const deviation = Math.sqrt(logs.reduce((a, b) => a + (b - mean) ** 2, 0) / logs.length);
    expect(mean).toBeCloseTo(LOG_MEAN, 1);
    expect(deviation).toBeCloseTo(LOG_DEVIATION, 1);
  });

  it('gives the same settlement for the same seed and number, and a customer always the same site', () => {
    const [a, b] = [createGenerator(OPTIONS), createGenerator(OPTIONS)];
    const sites = new Map<number, number>();
    for (let n = 0; n < 5_000; n++) {
      const g = a(n);
      expect(b(n)).toEqual(g);
      expect(sites.get(g.debit) ?? g.site).toBe(g.site);
      sites.set(g.debit, g.site);
    }
    expect(createGenerator({ ...OPTIONS, seed: 8 })(1)).not.toEqual(a(1));
  });

  it('stays within its bounds for any seed and number', () => {
    fc.assert(fc.property(fc.nat(2 ** 31 - 1), fc.nat(2 ** 40), (seed, n) => {
      const g = createGenerator({ ...OPTIONS, seed })(n);
      expect(g.credit).toBeLessThan(OPTIONS.merchants);
      expect(g.debit).toBeLessThan(OPTIONS.customers);
      expect(Number.isInteger(g.amount) && g.amount >= 1 && g.amount <= 10_000_000).toBe(true);
      expect(g.site >= 0 && g.site < 1).toBe(true);
    }));
  });

  it('follows Zipf\'s law, and sends the asked share to the hot account', () => {
    const counts = new Map<number, number>();
    const cumulative = zipf(1_000, 1);
    for (let n = 0; n < 100_000; n++) {
      const rank = pick(cumulative, uniform(3, n, 0));
      counts.set(rank, (counts.get(rank) ?? 0) + 1);
    }
    // H(1000) = 7.485: the first has 13.4%, the second half of that.
    expect(counts.get(0)! / 100_000).toBeCloseTo(1 / 7.485, 2);
    expect(counts.get(1)! / counts.get(0)!).toBeCloseTo(0.5, 1);
    const hot = createGenerator({ ...OPTIONS, skew: 0, hotShare: 0.8 });
    const share = Array.from({ length: 10_000 }, (_, n) => hot(n).credit).filter((c) => c === 0).length / 10_000;
    expect(share).toBeCloseTo(0.8 + 0.2 / OPTIONS.merchants, 1);
  });
});

describe('thresholds', () => {
  const sla = (indicator: Indicator): Sla => ({
    id: `a-${indicator}`, indicator, objective: 0.99, windowDays: 30, scope: 'global', severity: 'page', owner: 'o', runbook: 'r',
    ...(INDICATORS[indicator].threshold === 'ms' ? { thresholdMs: 25 } : {}), ...(INDICATORS[indicator].threshold === 'ratio' ? { thresholdRatio: 0.1 } : {}),
  });
  const all = (Object.keys(INDICATORS) as Indicator[]).map(sla);

  it('are compiled from the SLAs, each with its sample-count partner', () => {
    const { judged } = judgedSlas(all, ['settle', 'follow', 'watch', 'drill'], false, 600);
    const compiled = compileThresholds(judged);
    for (const j of judged) {
      expect(compiled[metricOf(j)]).toEqual([`rate>=${j.objective}`]);
      expect(compiled[samplesOf(j)]).toEqual([`count>=${j.samplesMin}`]);
      expect(j.samplesMin).toBeGreaterThan(0);
    }
    expect(Object.keys(compiled)).toHaveLength(2 * judged.length);
  });

  it('every SLA is judged or said why not', () => {
    fc.assert(fc.property(fc.subarray<Role>(['settle', 'read', 'follow', 'watch', 'drill']), fc.boolean(), fc.integer({ min: 2, max: 200 }), (roles, partition, seconds) => {
      const { judged, unjudged } = judgedSlas(all, roles, partition, seconds);
      expect([...judged.map((j) => j.id), ...unjudged.map((u) => u.sla)].sort()).toEqual(all.map((s) => s.id).sort());
      for (const { why } of unjudged) expect(why).not.toBe('');
    }));
  });
});

describe('scenarios', () => {
  it.each([...SCENARIOS.values()].map((s) => [s.name, s] as const))('%s makes whole rates for any rate and length', (_, scenario) => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 2, max: 100_000 }), (rate, seconds) => {
      const populations = Object.values(scenario.populations({ rate, seconds }));
      expect(populations.some((p) => p.judged)).toBe(true);
      for (const { arrivals } of populations) {
        if (arrivals.kind === 'ramp') for (const stage of arrivals.stages) expect(stage.seconds).toBeGreaterThan(0);
        const numbers = arrivals.kind === 'ramp' ? arrivals.stages.map((s) => s.rate) : arrivals.kind === 'constant' ? [arrivals.rate] : [arrivals.clients];
        for (const n of numbers) expect(Number.isInteger(n) && n >= 1, `${n}`).toBe(true);
      }
    }));
  });
});
