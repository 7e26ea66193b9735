/** One load run against a target: accounts, k6, figures of both sides, report. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { CLIENT_METRICS, type LoadPlan } from '../../loadtests/plan.ts';
import type { Scenario } from '../../loadtests/scenarios.ts';
import type { ControlClient, EdgeClient } from '../../services/protocol/client.ts';
import { CliError, EXIT } from '../errors.ts';
import { version } from '../version.ts';
import { openAccounts } from './accounts.ts';
import { correlate, roundTripMs, snapshot } from './correlate.ts';
import { K6_BREACHED, runK6, type K6 } from './k6.ts';
import { createMeasured, quantiles, verdictOf } from './measured.ts';
import { clientOf, kneeOf, timelineOf, type LoadReport } from './report.ts';

export interface RunOptions {
  readonly plan: LoadPlan;
  readonly scenario: Scenario;
  /** Accounts of the file that the settlements are from. @default - the generated ones */
  readonly fileAccounts?: readonly string[] | undefined;
  readonly k6: K6;
  readonly control: ControlClient;
  readonly edges: readonly EdgeClient[];
  /** For people: where it ran. */
  readonly target: string;
  readonly before: LoadReport | null;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** @param note a few words on what was measured so far */
  readonly onProgress: (secondsDone: number, secondsAll: number, note: string) => void;
}

/** Iterations that k6 could not start because no client was free: more than this share, and the load was not the one asked for. */
const DROPPED_MAX = 0.01;
/** Accounts have room for any run: more refusals than this are a fault. Offline limits of a partition refuse rightly. */
const REFUSED_MAX = 0.01;

export const lengthOf = (plan: LoadPlan): number => Math.max(...Object.values(plan.populations).map(({ arrivals }) =>
  (arrivals.kind === 'ramp' ? arrivals.stages.reduce((sum, s) => sum + s.seconds, 0) : arrivals.seconds)));

/** @throws CliError when the run could not be made; a breached SLA is no error but in the report */
export async function runLoad(o: RunOptions): Promise<LoadReport> {
  const { plan } = o;
  const opened = await openAccounts(plan, o.fileAccounts, o.control, o.edges);
  o.say(`${opened.toLocaleString('en')} accounts opened, known to ${o.edges.length === 1 ? 'the edge node' : `all ${o.edges.length} edge nodes`}`);
  const network = Math.max(...await Promise.all(o.edges.map((edge) => roundTripMs(edge.url))));
  const before = await snapshot(o.edges);
  const measured = createMeasured();
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-load-'));
  const planFile = join(folder, 'plan.json');
  // It holds the token of the local platform.
  writeFileSync(planFile, JSON.stringify(plan), { mode: 0o600 });
  const started = new Date();
  const all = lengthOf(plan);
  const seconds = (): number => (Date.now() - started.getTime()) / 1_000;
  const timer = setInterval(() => {
    const ack = quantiles(measured.histogram(CLIENT_METRICS.acknowledged));
    o.onProgress(Math.min(all, Math.floor(seconds())), Math.ceil(all), `${measured.counter(CLIENT_METRICS.sent).toLocaleString('en')} sent, p99 ${ack.p99 === null ? '-' : `${ack.p99.toFixed(1)} ms`}`);
  }, 500);
  let run;
  try {
    run = await runK6(o.k6, planFile, measured.add, o.signal);
  } finally {
    clearInterval(timer);
    rmSync(folder, { recursive: true, force: true });
  }
  if (o.signal.aborted) throw new CliError(EXIT.interrupted, 'interrupted', 'interrupted; nothing is judged');
  if (run.exitCode !== 0 && run.exitCode !== K6_BREACHED) {
    throw new CliError(EXIT.failed, 'k6-failed', `k6 ended with ${run.exitCode}: ${run.said.trim().split('\n').slice(-5).join('\n')}`);
  }
  const took = seconds();
  const after = await snapshot(o.edges);
  const correlation = correlate(measured.histogram(CLIENT_METRICS.acknowledged), before, after, network);
  const verdicts = plan.slas.map((sla) => verdictOf(sla, measured));
  const counts = {
    sent: measured.counter(CLIENT_METRICS.sent), refused: measured.counter(CLIENT_METRICS.refused), failed: measured.counter(CLIENT_METRICS.failed),
    wrong: measured.counter(CLIENT_METRICS.wrong), dropped: measured.counter('dropped_iterations'),
    ...(correlation.decided === null ? {} : { decided: correlation.decided }),
  };
  const iterations = measured.counter('iterations');
  const unjudged = measured.counter(CLIENT_METRICS.followed) - measured.counter(CLIENT_METRICS.ended);
  // What was not sent might have been bad: it may not be more than the strictest SLA could bear.
  const droppedMax = Math.min(DROPPED_MAX, ...plan.slas.map((sla) => 1 - sla.objective).filter((share) => share > 0));
  const problems = [
    ...(counts.wrong > 0 ? [`${counts.wrong} answers were wrong: not the receipt of what was sent, or two decisions for one id`] : []),
    ...(unjudged > 0 ? [`${unjudged} settlements were followed, and their end was not judged: k6 stopped before they had one`] : []),
    ...(plan.drill === undefined && counts.refused > REFUSED_MAX * counts.sent
      ? [`${counts.refused} of ${counts.sent} settlements were refused, though every account has room for them: see the nodes' reasons`] : []),
    ...(counts.dropped > droppedMax * (iterations + counts.dropped)
      ? [`${counts.dropped} of ${iterations + counts.dropped} requests could not be sent at their time: the target or the load generator fell behind, so the load was lower than asked for`] : []),
  ];
  const knee = kneeOf(plan, measured);
  const machine = cpus();
  return {
    v: 1, scenario: plan.scenario, title: o.scenario.title, started: started.toISOString(), seconds: took, seed: plan.seed, data: plan.data, run: plan.run,
    versions: { tidemark: version, k6: o.k6.version, node: process.versions.node },
    machine: { cpus: machine.length, model: machine[0]?.model.trim() ?? 'unknown', memoryGib: Math.round(totalmem() / 2 ** 30) },
    target: o.target, verdicts, unjudged: plan.unjudged,
    // A ramp goes on until something gives: finding the knee is the point, so going over it is no failure.
    pass: (knee === undefined ? verdicts.every((v) => v.pass) && problems.length === 0 : knee.rate !== null && counts.wrong === 0),
    problems, client: clientOf(measured), counts, correlation, timeline: timelineOf(measured),
    ...(knee === undefined ? {} : { knee }),
    ...(o.before === null ? {} : {
      before: {
        started: o.before.started, verdicts: o.before.verdicts.map(({ sla, measured: share }) => ({ sla, measured: share })),
        p99: Object.fromEntries(Object.entries(o.before.client).map(([name, c]) => [name, c.p99])),
      },
    }),
  };
}
