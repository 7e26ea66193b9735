/** `npm run -s coverage:intervals -- [--json] [--runs N] [--seed N]`: the measured coverage of every interval method. */
import { parseArgs } from 'node:util';
import { COVERAGE_HEAD, coverageLine, FLEETS, measureCoverage } from './coverage.ts';

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

if (!values.json) process.stdout.write(COVERAGE_HEAD);
const rows = FLEETS.flatMap((fleet, i) => {
  process.stderr.write(`${i + 1} of ${FLEETS.length}: ${fleet.name}\n`);
  const found = measureCoverage(fleet, runs, seed + i);
  if (!values.json) for (const row of found) process.stdout.write(coverageLine(row));
  return found;
});
if (values.json) process.stdout.write(`${JSON.stringify({ confidence: 0.95, seed, runs, fleets: FLEETS, coverage: rows })}\n`);
