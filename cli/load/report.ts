/** A run's report: one object, and the forms that it is shown in. */
import type { LoadPlan } from '../../loadtests/plan.ts';
import { CLIENT_METRICS } from '../../loadtests/plan.ts';
import { toJson, type HistogramJson } from '../../services/telemetry/index.ts';
import type { Correlation } from './correlate.ts';
import { percent, quantiles, type Measured, type Verdict } from './measured.ts';

export interface LoadReport {
  readonly v: 1;
  readonly scenario: string;
  readonly title: string;
  readonly started: string;
  readonly seconds: number;
  readonly seed: number;
  /** `generated` from the seed, or the file that was replayed. */
  readonly data: string;
  /** Of this run alone: no two have the same. */
  readonly run: string;
  readonly versions: { readonly tidemark: string; readonly k6: string; readonly node: string };
  readonly machine: { readonly cpus: number; readonly model: string; readonly memoryGib: number };
  readonly target: string;
  readonly verdicts: readonly Verdict[];
  /** SLAs of the definition that this run says nothing about. */
  readonly unjudged: readonly { readonly sla: string; readonly why: string }[];
  /** Whether every SLA that was judged held, no answer was wrong, and the load was the one asked for. */
  readonly pass: boolean;
  /** What is wrong beside the SLAs: wrong answers, a load generator that fell behind. */
  readonly problems: readonly string[];
  readonly client: Readonly<Record<string, { readonly p50: number | null; readonly p95: number | null; readonly p99: number | null; readonly histogram: HistogramJson }>>;
  readonly counts: Readonly<Record<string, number>>;
  readonly correlation: Correlation;
  /** Second by second: sent, failed, and milliseconds. */
  readonly timeline: readonly { readonly at: number; readonly sent: number; readonly failed: number; readonly p50: number | null; readonly p99: number | null; readonly finalP99: number | null }[];
  /** For the ramp: the highest rate at which acknowledgements still kept their SLA. Settlements per second. */
  readonly knee?: { readonly rate: number | null; readonly limitedBy: 'sla' | 'generator' | 'none'; readonly steps: readonly { readonly rate: number; readonly sent: number; readonly asked: number; readonly p99: number | null; readonly good: number | null }[] };
  /** Against the last run of this scenario on this machine, if there was one. */
  readonly before?: { readonly started: string; readonly verdicts: readonly { readonly sla: string; readonly measured: number | null }[]; readonly p99: Readonly<Record<string, number | null>> };
}

export const timelineOf = (measured: Measured): LoadReport['timeline'] => measured.seconds().map((s) => {
  const ack = quantiles(s.acknowledged);
  return { at: s.at, sent: s.sent, failed: s.failed, p50: ack.p50, p99: ack.p99, finalP99: quantiles(s.final).p99 };
});

export const clientOf = (measured: Measured): LoadReport['client'] => Object.fromEntries(
  Object.entries(CLIENT_METRICS).filter(([, name]) => name.endsWith('_ms')).map(([key, name]) => {
    const h = measured.histogram(name);
    return [key, { ...quantiles(h), histogram: toJson(h) }] as const;
  }).filter(([, { histogram }]) => histogram.count > 0),
);

/** Less of a step's settlements than this sent, and the step was not the load that it is named after. */
const SENT_SHARE_MIN = 0.98;

/** The steps of a ramp, judged one by one. */
export function kneeOf(plan: LoadPlan, measured: Measured): LoadReport['knee'] {
  const arrivals = plan.populations['clients']?.arrivals;
  if (plan.scenario !== 'ramp' || arrivals?.kind !== 'ramp') return undefined;
  const sla = plan.slas.find((s) => s.indicator === 'provisional-ack');
  const seconds = measured.seconds();
  let from = 0;
  const steps = [...new Set(arrivals.stages.map((s) => s.rate))].map((rate) => {
    const own = arrivals.stages.filter((s) => s.rate === rate);
    const length = own.reduce((sum, s) => sum + s.seconds, 0);
    // The first of a step's two stages is the slope from the step before.
    const asked = rate * own.slice(1).reduce((sum, s) => sum + s.seconds, 0);
    const inside = seconds.filter((s) => s.at >= from && s.at < from + length);
    from += length;
    const all = inside.flatMap((s) => [...s.acknowledged.buckets]);
    const count = all.reduce((sum, [, n]) => sum + n, 0);
    const failed = inside.reduce((sum, s) => sum + s.failed, 0);
    const good = sla?.thresholdMs === undefined || count + failed === 0 ? null
      : all.filter(([index]) => 2 ** (index / 64) <= sla.thresholdMs!).reduce((sum, [, n]) => sum + n, 0) / (count + failed);
    const p99s = inside.map((s) => quantiles(s.acknowledged).p99).filter((v) => v !== null).sort((a, b) => a - b);
    return { rate, asked: asked, sent: inside.reduce((sum, s) => sum + s.sent, 0), p99: p99s[Math.floor(p99s.length / 2)] ?? null, good };
  });
  // A rate that was never sent was not kept, either.
  const unsent = steps.findIndex((s) => s.sent < SENT_SHARE_MIN * s.asked);
  const broken = steps.findIndex((s) => s.good === null || s.good < (sla?.objective ?? 0));
  const ends = [unsent, broken].filter((i) => i >= 0);
  const end = ends.length === 0 ? steps.length : Math.min(...ends);
  return { rate: steps[end - 1]?.rate ?? null, limitedBy: ends.length === 0 ? 'none' : end === broken ? 'sla' : 'generator', steps };
}

const ms = (value: number | null): string => (value === null ? '-' : value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`);

/** What a threshold says: `<= 25 ms`. */
export const limitOf = (v: Pick<Verdict, 'thresholdMs' | 'thresholdRatio'>): string =>
  (v.thresholdMs !== undefined ? `<= ${v.thresholdMs} ms` : v.thresholdRatio !== undefined ? `<= ${v.thresholdRatio}` : '');

export const intervalOf = (v: Verdict): string => (v.interval.low === null || v.interval.high === null ? '-' : `${percent(v.interval.low)} to ${percent(v.interval.high)}`);

/** Rows for a terminal: one an SLA. */
export function verdictRows(report: LoadReport): string[][] {
  const before = new Map(report.before?.verdicts.map((v) => [v.sla, v.measured]) ?? []);
  return [
    ['SLA', 'LIMIT', 'OBJECTIVE', 'GOOD', '95% INTERVAL', 'SAMPLES', 'LAST RUN', ''],
    ...report.verdicts.map((v) => {
      const last = before.get(v.sla);
      return [
        v.sla, limitOf(v), percent(v.objective), v.measured === null ? '-' : percent(v.measured), intervalOf(v), v.samples.toLocaleString('en'),
        last === undefined || last === null ? '-' : percent(last), v.pass ? 'pass' : `FAIL: ${v.why ?? ''}`,
      ];
    }),
  ];
}

export function latencyRows(report: LoadReport): string[][] {
  return [
    ['CLIENTS SAW', 'P50', 'P95', 'P99', 'COUNT', 'LAST P99'],
    ...Object.entries(report.client).map(([name, c]) => [
      name, ms(c.p50), ms(c.p95), ms(c.p99), c.histogram.count.toLocaleString('en'), ms(report.before?.p99[name] ?? null),
    ]),
  ];
}

const xml = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\t\n\x20-\uD7FF\uE000-\uFFFD]/g, '?');

/** JUnit's XML, as CI systems read it: one case an SLA, one for each problem. */
export function toJunit(report: LoadReport): string {
  const failures = report.verdicts.filter((v) => !v.pass).length + report.problems.length;
  const cases = [
    ...report.verdicts.map((v) => {
      const body = v.pass ? '' : `<failure message="${xml(v.why ?? '')}">${xml(JSON.stringify(v))}</failure>`;
      return `  <testcase classname="${xml(report.scenario)}" name="${xml(`${v.sla} ${limitOf(v)}`.trim())}" time="${report.seconds.toFixed(3)}">${body}</testcase>`;
    }),
    ...report.problems.map((p, i) => `  <testcase classname="${xml(report.scenario)}" name="run ${i + 1}"><failure message="${xml(p)}"/></testcase>`),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="${xml(`tidemark load ${report.scenario}`)}" tests="${cases.length}" failures="${failures}" `
    + `timestamp="${xml(report.started)}" time="${report.seconds.toFixed(3)}">\n${cases.join('\n')}\n</testsuite>\n`;
}
