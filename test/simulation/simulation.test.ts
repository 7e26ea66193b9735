/**
 * Seeds of the whole-platform simulation. `TIDEMARK_SEEDS=5000` runs more of them, `TIDEMARK_SEED=123` one alone; a seed that
 * fails is
 * named in the message, and fails again every time.
 */
import { describe, expect, it } from 'vitest';
import { MUTATIONS } from './model.ts';
import { simulate, type RunResult } from './simulation.ts';

const one = process.env['TIDEMARK_SEED'];
const count = Number(process.env['TIDEMARK_SEEDS'] ?? 150);
const seeds = one === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(one)];
/** Enough for each deliberate bug to show; most do within ten. */
const MUTATION_SEEDS = 60;
const LONG = 60_000 + count * 1_000;

const shown = (r: RunResult): string => `TIDEMARK_SEED=${r.seed} found:\n${r.violations.map((v) => `  ${v}`).join('\n')}`;

describe('all three tiers, simulated', () => {
  it(`lose, double and invent nothing under ${seeds.length} seeds of crashes, partitions and lost writes`, () => {
    const total = { acknowledged: 0, crashes: 0, offline: 0, rejected: 0, duplicates: 0, drifted: 0 };
    for (const seed of seeds) {
      const result = simulate({ seed });
      if (result.violations.length > 0) expect.fail(shown(result));
      for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += result.figures[name];
    }
    // A simulation in which nothing happens proves nothing.
    if (seeds.length >= 100) for (const [name, n] of Object.entries(total)) expect(n, name).toBeGreaterThan(seeds.length);
  }, LONG);

  it('does the same again for the same seed', () => {
    for (const seed of [3, 11]) {
      const [a, b] = [simulate({ seed }), simulate({ seed })];
      expect(b.trace).toBe(a.trace);
      expect(b.balances).toEqual(a.balances);
    }
  });

  it('ends with the same balances whatever the interleaving, where accounts do not depend on each other', () => {
    for (let workload = 1; workload <= 6; workload += 1) {
      const runs = [101, 202, 303].map((seed) => simulate({ seed: seed + workload, workload, independent: true }));
      for (const run of runs) if (run.violations.length > 0) expect.fail(`workload ${workload}: ${shown(run)}`);
      expect(new Set(runs.map((r) => r.trace)).size).toBe(runs.length);
      for (const run of runs.slice(1)) expect(run.balances, `workload ${workload}, seed ${run.seed}`).toEqual(runs[0]!.balances);
      expect([...runs[0]!.balances.values()].some((balance) => balance !== 0n)).toBe(true);
    }
  }, LONG);
});

describe('a deliberate bug', () => {
  it.each(MUTATIONS)('%s is found', (mutation) => {
    for (let seed = 1; seed <= MUTATION_SEEDS; seed += 1) {
      try {
        if (simulate({ seed, mutation }).violations.length > 0) return;
      } catch {
        // An assertion of the product's own code was first.
        return;
      }
    }
    expect.fail(`${MUTATION_SEEDS} seeds did not find it`);
  }, LONG);
});
