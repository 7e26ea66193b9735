/** `npm run -s coverage:intervals -- [--json] [--runs N] [--seed N]`: the measured coverage of every interval method. */
import { parseArgs } from 'node:util';
import { FLEETS, measureCoverage } from './coverage.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, runs: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } },
});

const whole = (name: 'runs' | 'seed', least: number, most: number): number => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  process.stderr.write(`--${name}: expected a whole number from ${least} to ${most}, got ${JSON.stringify(values[name])}\n`);
  process.exit(2);
};
const [runs, seed] = [whole('runs', 10, 100_000), whole('seed', 0, 2 ** 31)];

const rows = FLEETS.flatMap((fleet, i) => {
  process.stderr.write(`${i + 1} of ${FLEETS.length}: ${fleet.name}\n`);
  return measureCoverage(fleet, runs, seed + i);
});
if (values.json) {
  process.stdout.write(`${JSON.stringify({ confidence: 0.95, seed, runs, fleets: FLEETS, coverage: rows })}\n`);
} else {
  process.stdout.write(`| fleet | of | method | coverage | within 2 points |\n| --- | --- | --- | --- | --- |\n`);
  for (const r of rows) {
    process.stdout.write(`| ${r.fleet} | ${r.of} | ${r.method} | ${(r.coverage * 100).toFixed(1)}% ± ${(r.error * 196).toFixed(1)} | ${r.holds ? 'yes' : 'no'} |\n`);
  }
}
