/**
 * Several hosts' reports of one run as one: thresholds are judged anew from all events together, quantiles from the sum of the
 * histograms. k6 itself would judge each host apart, and an average of percentiles is no percentile.
 */
import { readFileSync } from 'node:fs';
import { fromJson, merge, quantile, toJson } from '../../services/telemetry/index.ts';
import { CliError, EXIT } from '../errors.ts';
import { judge } from './measured.ts';
import type { LoadReport } from './report.ts';

export function readReport(file: string): LoadReport {
  let report: Partial<LoadReport>;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as Partial<LoadReport>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(EXIT.usage, 'report', `${file}: ${code === 'ENOENT' ? 'no such file' : message}`);
  }
  if (report.v !== 1 || !Array.isArray(report.verdicts) || report.client === undefined) {
    throw new CliError(EXIT.usage, 'report', `${file}: not a report.json of \`tidemark load\``);
  }
  return report as LoadReport;
}

/** @throws CliError when the reports are not of one run: other scenarios, other SLAs */
export function mergeReports(reports: readonly LoadReport[], files: readonly string[]): LoadReport {
  const [first, ...others] = reports;
  if (first === undefined || others.length === 0) throw new CliError(EXIT.usage, 'usage', '--merge: name two reports or more');
  const shape = (r: LoadReport): string => JSON.stringify([r.scenario, r.data, r.verdicts.map((v) => [v.sla, v.objective, v.thresholdMs, v.thresholdRatio])]);
  const stranger = reports.findIndex((r) => shape(r) !== shape(first));
  if (stranger > 0) throw new CliError(EXIT.usage, 'report', `${files[stranger]}: is about another scenario, other settlements or other SLAs than ${files[0]}`);

  const twice = reports.findIndex((r, i) => reports.findIndex((o) => o.run === r.run) < i);
  if (twice > 0) throw new CliError(EXIT.usage, 'report', `${files[twice]}: is the same run as one before it`);
  const start = (r: LoadReport): number => Date.parse(r.started);
  const [from, to] = [Math.max(...reports.map(start)), Math.min(...reports.map((r) => start(r) + r.seconds * 1_000))];
  if (!(from < to)) {
    const apart = reports.map((r, i) => `${files[i]} from ${r.started} for ${r.seconds.toFixed(0)} s`).join(', ');
    throw new CliError(EXIT.usage, 'report', `--merge: these did not run at the same time: ${apart}`);
  }

  const client = new Map<string, ReturnType<typeof fromJson>>();
  for (const report of reports) {
    for (const [name, { histogram }] of Object.entries(report.client)) {
      const known = client.get(name);
      if (known === undefined) client.set(name, fromJson(histogram));
      else merge(known, fromJson(histogram));
    }
  }
  const counts: Record<string, number> = {};
  for (const report of reports) for (const [name, n] of Object.entries(report.counts)) counts[name] = (counts[name] ?? 0) + n;
  const verdicts = first.verdicts.map((v, i) => {
    const all = reports.map((r) => r.verdicts[i]!);
    const share = { good: all.reduce((sum, o) => sum + o.good, 0), events: all.reduce((sum, o) => sum + o.samples, 0) };
    return judge({ ...v, id: v.sla, samplesMin: v.samplesMin }, share, []);
  });
  const problems = reports.flatMap((r, i) => r.problems.map((p) => `${files[i]}: ${p}`));
  const { knee: _knee, before: _before, ...rest } = first;
  return {
    ...rest, target: [...new Set(reports.map((r) => r.target))].join(' '), seconds: Math.max(...reports.map((r) => r.seconds)), verdicts, problems, counts,
    pass: problems.length === 0 && verdicts.every((v) => v.pass),
    client: Object.fromEntries([...client].map(([name, h]) => [name, { p50: quantile(h, 0.5), p95: quantile(h, 0.95), p99: quantile(h, 0.99), histogram: toJson(h) }])),
    correlation: {
      acknowledgement: [], decided: null,
      disagreements: reports.flatMap((r, i) => r.correlation.disagreements.map((d) => `${files[i]}: ${d}`)),
    },
    timeline: [],
  };
}
