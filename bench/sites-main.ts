/** `npm run -s bench:sites -- [--sites N] [--hours N] [--json]`: the centre's telemetry with many sites. */
import { parseArgs } from 'node:util';
import { measureSites } from './sites.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, sites: { type: 'string', default: '1000' }, hours: { type: 'string', default: '3' } },
});
const whole = (name: 'sites' | 'hours', most: number): number => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  process.stderr.write(`--${name}: expected a whole number from 1 to ${most}, got ${JSON.stringify(values[name])}\n`);
  process.exit(2);
};
const options = { sites: whole('sites', 10_000), hours: whole('hours', 10_000), windowMs: 5 * 60_000, days: 62 };
const r = await measureSites(options, (line) => void process.stderr.write(`${line}\n`));
if (values.json) {
  process.stdout.write(`${JSON.stringify(r)}\n`);
} else {
  process.stdout.write(`${r.sites} sites, ${r.deltas} deltas of ${r.deltaBytes.toFixed(0)} bytes: ${r.deltaMicros.toFixed(0)} µs of processor time and `
    + `${r.diskBytesPerDelta.toFixed(0)} bytes on disk for one\nheap after each hour: ${r.heapMib.map((h) => h.toFixed(1)).join(', ')} MiB; while questions are answered up to ${r.peakMib.toFixed(0)} MiB\n\n`
    + `| question | seconds | longest turn, ms | answer, KiB |\n| --- | ---: | ---: | ---: |\n`
    + `${r.questions.map((q) => `| ${q.what} | ${q.seconds.toFixed(2)} | ${q.blockedMs.toFixed(0)} | ${(q.bytes / 1024).toFixed(0)} |\n`).join('')}`);
}
