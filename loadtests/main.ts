/**
 * The one k6 script: does what the plan says (TIDEMARK_LOAD_PLAN, see plan.ts). k6 runs it, Node never does.
 *
 * Times are k6's own (`timings.duration`: sent to last byte), without the wait for a free client: iterations are started at their
 * time whatever the answers take, and one that could not be started is counted by k6 as dropped, which fails the run.
 */
import exec from 'k6/execution';
import { SharedArray } from 'k6/data';
import http from 'k6/http';
import { Counter, Rate, Trend } from 'k6/metrics';
import { sleep } from 'k6';
import { createGenerator, customerAccount, merchantAccount } from './generator.ts';
import { CLIENT_METRICS, metricOf, samplesOf, type FileRow, type LoadPlan, type Population, type Role } from './plan.ts';
import { compileThresholds } from './thresholds.ts';

const plan = JSON.parse(open(__ENV['TIDEMARK_LOAD_PLAN'] as string)) as LoadPlan;

const trends = {
  acknowledged: new Trend(CLIENT_METRICS.acknowledged, true), ordered: new Trend(CLIENT_METRICS.ordered, true),
  final: new Trend(CLIENT_METRICS.final, true), read: new Trend(CLIENT_METRICS.read, true), reconciled: new Trend(CLIENT_METRICS.reconciled, true),
};
const counters = {
  sent: new Counter(CLIENT_METRICS.sent), refused: new Counter(CLIENT_METRICS.refused), failed: new Counter(CLIENT_METRICS.failed),
  wrong: new Counter(CLIENT_METRICS.wrong), followed: new Counter(CLIENT_METRICS.followed), ended: new Counter(CLIENT_METRICS.ended),
};
const judges = plan.slas.map((sla) => ({ sla, rate: new Rate(metricOf(sla)), samples: new Counter(samplesOf(sla)) }));

/** Counts one event of an indicator for every SLA that is about it. */
function judge(indicator: string, good: (sla: LoadPlan['slas'][number]) => boolean): void {
  for (const { sla, rate, samples } of judges) {
    if (sla.indicator !== indicator) continue;
    rate.add(good(sla));
    samples.add(1);
  }
}
const within = (ms: number) => (sla: LoadPlan['slas'][number]): boolean => ms <= (sla.thresholdMs as number);

/** For how long a settlement is followed; one that is not final by then has failed. */
const FOLLOWED_SECONDS = 60;

export const options = {
  scenarios: Object.fromEntries(Object.entries(plan.populations).map(([name, population]) => [name, executor(name, population)])),
  thresholds: compileThresholds(plan.slas),
  // Nothing of what k6 tags by itself is needed, and every tag makes another time series.
  systemTags: ['scenario'],
  summaryTrendStats: ['count', 'med', 'p(95)', 'p(99)', 'max'],
  noConnectionReuse: false,
  userAgent: 'tidemark-load',
  discardResponseBodies: false,
  setupTimeout: '60s',
};

function executor(name: string, { role, arrivals }: Population): object {
  // Whoever is followed is followed to the end, or until its time is up: what was never final is a bad event, not a missing one.
  const common = { exec: role, tags: { population: name }, gracefulStop: role === 'follow' ? `${FOLLOWED_SECONDS + 10}s` : '30s' };
  // How many clients may wait for an answer at once: two seconds' worth of arrivals.
  const clients = (rate: number): { preAllocatedVUs: number; maxVUs: number } =>
    ({ preAllocatedVUs: Math.min(200, Math.max(4, Math.ceil(rate / 4))), maxVUs: Math.min(2_000, Math.max(20, rate * 2)) });
  switch (arrivals.kind) {
    case 'constant':
      return { ...common, executor: 'constant-arrival-rate', rate: arrivals.rate, timeUnit: '1s', duration: `${Math.round(arrivals.seconds * 1_000)}ms`, ...clients(arrivals.rate) };
    case 'ramp': {
      const most = Math.max(...arrivals.stages.map((s) => s.rate));
      return {
        ...common, executor: 'ramping-arrival-rate', startRate: arrivals.stages[0]?.rate ?? 1, timeUnit: '1s', ...clients(most),
        stages: arrivals.stages.map(({ rate, seconds }) => ({ target: rate, duration: `${Math.round(seconds * 1_000)}ms` })),
      };
    }
    case 'loop':
      return role === 'watch' || role === 'drill'
        ? { ...common, executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: `${arrivals.seconds + 120}s` }
        : { ...common, executor: 'constant-vus', vus: arrivals.clients, duration: `${Math.round(arrivals.seconds * 1_000)}ms` };
  }
}

const generate = createGenerator({
  seed: plan.seed, merchants: plan.accounts.merchants, customers: plan.accounts.customers, skew: plan.skew, hotShare: plan.hotShare,
});
/** Once for all clients: k6 shares it between them. */
const rows = plan.file === undefined ? null
  : new SharedArray('settlements', () => open(plan.file as string).trim().split('\n').map((line) => JSON.parse(line) as FileRow));
const JSON_HEADERS = { headers: { 'content-type': 'application/json' }, timeout: '30s' };

interface Wire {
  readonly id: string;
  readonly asset: string;
  readonly debitAccount: string;
  readonly creditAccount: string;
  readonly amount: string;
}

/** The settlement of this iteration, and the edge node that it goes to. */
function next(): { readonly edge: LoadPlan['edges'][number]; readonly settlement: Wire } {
  const { name, iterationInTest } = exec.scenario;
  const n = Object.keys(plan.populations).indexOf(name) * 100_000_000 + iterationInTest;
  return settlementOf(n);
}

function settlementOf(n: number): { readonly edge: LoadPlan['edges'][number]; readonly settlement: Wire } {
  const { prefix } = plan.accounts;
  if (rows !== null) {
    const [debitAccount, creditAccount, amount, edge] = rows[n % rows.length] as FileRow;
    return {
      edge: plan.edges[edge] as LoadPlan['edges'][number],
      settlement: { id: `${plan.run}-${n}`, asset: plan.asset, debitAccount: `${prefix}-${debitAccount}`, creditAccount: `${prefix}-${creditAccount}`, amount },
    };
  }
  const g = generate(n);
  return {
    edge: plan.edges[Math.floor(g.site * plan.edges.length)] as LoadPlan['edges'][number],
    settlement: {
      id: `${plan.run}-${n}`, asset: plan.asset, debitAccount: customerAccount(prefix, g.debit), creditAccount: merchantAccount(prefix, g.credit),
      amount: String(g.amount),
    },
  };
}

type Answer = ReturnType<typeof http.post>;

const failed = (answer: Answer): boolean => answer.status === 0 || answer.status >= 500;

/** What every answer to a good client's settlement tells. */
function judgeSettled(answer: Answer, id: string): boolean {
  counters.sent.add(1);
  judge('availability', () => !failed(answer));
  if (failed(answer)) {
    counters.failed.add(1);
    judge('provisional-ack', () => false);
    return false;
  }
  judge('provisional-ack', within(answer.timings.duration));
  trends.acknowledged.add(answer.timings.duration);
  const receipt = answer.status === 200 || answer.status === 201 ? answer.json() as { id?: string; state?: string } : null;
  // An answer that is none: the worst thing that a clearing platform can do.
  if (receipt === null || receipt.id !== id || (receipt.state !== 'provisional' && receipt.state !== 'rejected')) {
    counters.wrong.add(1);
    return false;
  }
  if (receipt.state === 'rejected') counters.refused.add(1);
  return receipt.state === 'provisional';
}

export function settle(): void {
  const { edge, settlement } = next();
  judgeSettled(http.post(`${edge.url}/v1/settlements`, JSON.stringify(settlement), JSON_HEADERS), settlement.id);
}

export function follow(): void {
  const { edge, settlement } = next();
  const started = Date.now();
  counters.followed.add(1);
  if (!judgeSettled(http.post(`${edge.url}/v1/settlements`, JSON.stringify(settlement), JSON_HEADERS), settlement.id)) {
    counters.ended.add(1);
    return;
  }
  const acknowledged = Date.now();
  let ordered = false;
  for (let pause = 0.01; Date.now() - started < FOLLOWED_SECONDS * 1_000; pause = Math.min(0.1, pause * 1.5)) {
    sleep(pause);
    const answer = http.get(`${edge.url}/v1/settlements/${settlement.id}`, { timeout: '30s' });
    if (answer.status !== 200) continue;
    const { state } = answer.json() as { state: string };
    if (!ordered && state !== 'provisional') {
      ordered = true;
      trends.ordered.add(Date.now() - acknowledged);
      judge('ordering', within(Date.now() - acknowledged));
    }
    if (state === 'final' || state === 'rejected') {
      trends.final.add(Date.now() - started);
      judge('finality', within(Date.now() - started));
      counters.ended.add(1);
      return;
    }
  }
  // A minute without an end is a bad event, not a missing one.
  if (!ordered) judge('ordering', () => false);
  judge('finality', () => false);
  counters.ended.add(1);
}

export function read(): void {
  const { edge, settlement } = next();
  const answer = http.get(`${edge.url}/v1/accounts/${settlement.debitAccount}`, { timeout: '30s' });
  judge('availability', () => !failed(answer));
  if (failed(answer)) counters.failed.add(1);
  else trends.read.add(answer.timings.duration);
  if (answer.status === 200 && (answer.json() as { account?: string }).account !== settlement.debitAccount) counters.wrong.add(1);
}

export function batch(): void {
  const { iterationInTest } = exec.scenario;
  const base = 90_000_000_000 + iterationInTest * plan.batchSize;
  const { edge } = settlementOf(base);
  const settlements = Array.from({ length: plan.batchSize }, (_, i) => settlementOf(base + i).settlement);
  const answer = http.post(`${edge.url}/v1/settlements`, JSON.stringify({ settlements }), JSON_HEADERS);
  counters.sent.add(plan.batchSize);
  if (failed(answer)) counters.failed.add(1);
  else if ((answer.json() as { settlements?: unknown[] }).settlements?.length !== plan.batchSize) counters.wrong.add(1);
}

/** The same five times at once: all are answered alike, and one is decided. */
export function retry(): void {
  const { edge, settlement } = next();
  const body = JSON.stringify(settlement);
  const answers = http.batch(Array.from({ length: 5 }, () => ['POST', `${edge.url}/v1/settlements`, body, JSON_HEADERS] as [string, string, string, object]));
  const receipts = new Set<string>();
  let created = 0;
  for (const answer of answers) {
    judgeSettled(answer, settlement.id);
    if (answer.status === 201) created++;
    if (answer.status === 200 || answer.status === 201) receipts.add(String((answer.json() as { index?: number }).index));
  }
  if (created > 1 || receipts.size > 1) counters.wrong.add(1);
}

const BIG = 'x'.repeat(9 * 1024 * 1024);

/** Each kind of bad request, with the statuses that are right answers to it. */
function bads(): readonly { readonly send: (url: string) => Answer; readonly right: readonly number[] }[] {
  const post = (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) => (url: string): Answer =>
    http.post(`${url}/v1/settlements`, body, { headers, timeout: '30s' });
  const { settlement } = next();
  const other = (fields: object): string => JSON.stringify({ ...settlement, id: `${settlement.id}-bad`, ...fields });
  return [
    { send: post('{'), right: [400] },
    { send: post('[]'), right: [400] },
    { send: post(other({ amount: '-1' })), right: [400] },
    { send: post(other({ amount: 1.5 })), right: [400] },
    { send: post(other({ amount: '9'.repeat(40) })), right: [400] },
    { send: post(other({ debitAccount: '../../etc/passwd' })), right: [400] },
    { send: post(other({ extra: true })), right: [400] },
    { send: post(other({ debitAccount: `${plan.accounts.prefix}-nobody` })), right: [200, 201] },
    { send: post(JSON.stringify(settlement), { 'content-type': 'text/csv' }), right: [415] },
    { send: post(`{"settlements":[${'{},'.repeat(10_001)}{}]}`), right: [400] },
    { send: (url) => http.get(`${url}/v1/settlements/${'a'.repeat(300)}`), right: [400, 404, 414] },
    { send: (url) => http.del(`${url}/v1/settlements/${settlement.id}`), right: [404, 405] },
    { send: (url) => http.get(`${url}/tile/99/x/y`), right: [400, 404] },
  ];
}

export function abuse(): void {
  const all = bads();
  const { iterationInTest } = exec.scenario;
  const edge = plan.edges[iterationInTest % plan.edges.length] as LoadPlan['edges'][number];
  // One in fifty is larger than any endpoint takes.
  if (iterationInTest % 50 === 49) {
    const answer = http.post(`${edge.url}/v1/settlements`, `{"id":"${BIG}"}`, JSON_HEADERS);
    if (answer.status !== 413 && answer.status !== 0) counters.wrong.add(1);
    return;
  }
  const { send, right } = all[iterationInTest % all.length] as (typeof all)[number];
  const answer = send(edge.url);
  // Too busy is a right answer to those who are too many.
  if (!right.includes(answer.status) && answer.status !== 429 && answer.status !== 503) counters.wrong.add(1);
}

interface Status {
  readonly provisional?: { readonly count: number; readonly oldestMs: number; readonly ratio: number };
  readonly drift?: { readonly compared: number; readonly drifted: number };
}

const statusOf = (edge: LoadPlan['edges'][number]): Status | null => {
  const answer = http.get(`${edge.url}/v1/status`, { timeout: '10s' });
  return answer.status === 200 ? answer.json() as Status : null;
};

/** Every edge node's own figures, once a second; drift is judged from the difference between the end and the beginning. */
export function watch(): void {
  const seconds = (plan.populations[exec.scenario.name] as Population).arrivals.kind === 'loop'
    ? ((plan.populations[exec.scenario.name] as Population).arrivals as { seconds: number }).seconds : 0;
  const first = plan.edges.map(statusOf);
  const started = Date.now();
  while (Date.now() - started < seconds * 1_000) {
    sleep(1);
    const warm = Date.now() - started >= plan.ratioWarmUpSeconds * 1_000;
    for (const edge of plan.edges) {
      const provisional = statusOf(edge)?.provisional;
      if (provisional === undefined) {
        // A node that does not answer keeps nothing.
        if (warm) judge('provisional-ratio', () => false);
        judge('provisional-age', () => false);
        continue;
      }
      if (warm) judge('provisional-ratio', (sla) => provisional.ratio <= (sla.thresholdRatio as number));
      judge('provisional-age', within(provisional.oldestMs));
    }
  }
  for (const [i, edge] of plan.edges.entries()) {
    const [before, after] = [first[i]?.drift, statusOf(edge)?.drift];
    if (before === undefined || after === undefined) {
      judge('cache-drift', () => false);
      continue;
    }
    const drifted = after.drifted - before.drifted;
    // Enough of them for any objective, and not millions of samples: the shares are exact.
    const compared = after.compared - before.compared;
    const step = Math.max(1, Math.ceil(compared / 10_000));
    for (let k = 0; k < compared; k += step) judge('cache-drift', () => k >= drifted);
  }
}

export function drill(): void {
  const { drill: d } = plan;
  if (d === undefined) return;
  const headers = { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' };
  sleep(d.fromSeconds);
  const cut = http.post(`${d.url}/v1/partitions`, JSON.stringify({ site: d.region }), { headers });
  if (cut.status >= 300) exec.test.abort(`the region ${d.region} could not be cut off: ${cut.status} ${String(cut.body).slice(0, 200)}`);
  sleep(d.forSeconds);
  const healed = http.del(`${d.url}/v1/partitions/${d.region}`, null, { headers: { authorization: headers.authorization } });
  if (healed.status >= 300) exec.test.abort(`the region ${d.region} could not be healed: ${healed.status} ${String(healed.body).slice(0, 200)}`);
  const started = Date.now();
  const behind = plan.edges.filter((edge) => d.edges.includes(edge.id));
  // What was provisional when the region came back is what has to be reconciled; new settlements go on coming.
  const owed: (number | null)[] = behind.map(() => null);
  const reconciled = (): boolean => behind.every((edge, i) => {
    const size = finalSize(edge);
    if (size === null) return false;
    owed[i] ??= size.decided;
    return size.final >= (owed[i] as number);
  });
  let done = reconciled();
  while (!done && Date.now() - started < RECONCILED_WITHIN_MS) {
    sleep(0.1);
    done = reconciled();
  }
  const ms = Date.now() - started;
  if (done) trends.reconciled.add(ms);
  judge('reconciliation', (sla) => done && within(ms)(sla));
}

/** Longer than this nobody waits for a region to reconcile; the judge's verdict is then a bad one. */
const RECONCILED_WITHIN_MS = 110_000;

/** Null where the node does not say. */
function finalSize(edge: LoadPlan['edges'][number]): { readonly decided: number; readonly final: number } | null {
  const answer = http.get(`${edge.url}/v1/status`, { timeout: '10s' });
  if (answer.status !== 200) return null;
  const { log, provisional } = answer.json() as { log?: { size: number }; provisional?: { count: number } };
  return log === undefined || provisional === undefined ? null : { decided: log.size, final: log.size - provisional.count };
}

/** All roles are exported, as k6 looks them up by name; this makes sure that none is missing. */
export const ROLES: Readonly<Record<Role, () => void>> = { settle, read, batch, retry, follow, abuse, watch, drill };
