/** The load generator: does the jobs of jobs.ts, one after the other, for the parent that forked it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import type {
  BatchJob, CentreJob, Job, JobResult, LoneJob, OpenAccountsJob, OpenJob, PostgresLoneJob, PostgresManyJob, Reply,
} from './jobs.ts';
import { ACCOUNTS, connectTo } from './postgres.ts';

/** So far below zero that nothing here is refused, and a limit all the same, so that the check is made. */
const OVERDRAFT = '1000000000000000';
const FINAL_TIMEOUT_MS = 30_000;

const open = (url: string): Client =>
  new Client(url, { pipelining: 1, keepAliveTimeout: 60_000, headersTimeout: 60_000, bodyTimeout: 60_000 });

const account = (n: number): string => `bench-${String(n).padStart(6, '0')}`;

/** Spread over all accounts by a multiplicative sequence: the same on every run, and no two neighbours alike. */
function settlement(prefix: string, n: number, hot: boolean): string {
  const half = ACCOUNTS / 2;
  const debit = hot ? 0 : (n * 7_919) % half;
  const credit = half + (n * 104_729) % half;
  return `{"id":"${prefix}-${n}","asset":"EUR","debitAccount":"${account(debit)}",`
    + `"creditAccount":"${account(credit)}","amount":"100"}`;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

async function send(
  client: Client, method: 'GET' | 'POST' | 'PUT', path: string, body?: string | Buffer, token?: string,
): Promise<Answer> {
  const response = await client.request({
    method, path,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.statusCode, body: Buffer.from(await response.body.arrayBuffer()) };
}

function expectStatus(what: string, answer: Answer, ...wanted: number[]): void {
  if (wanted.includes(answer.status)) return;
  const said = answer.body.toString('utf8').slice(0, 500);
  throw new Error(`${what}: expected ${wanted.join(' or ')}, got ${answer.status}: ${said}`);
}

function occurrences(text: Buffer, what: string): number {
  let n = 0;
  for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, at + what.length)) n += 1;
  return n;
}

async function settleOne(client: Client, body: string): Promise<void> {
  const answer = await send(client, 'POST', '/v1/settlements', body);
  expectStatus('POST /v1/settlements', answer, 201);
  if (!answer.body.includes('"provisional"')) throw new Error(`refused: ${answer.body.toString('utf8').slice(0, 300)}`);
}

/** One after the other on one connection. */
async function oneByOne(count: number, warmup: number, pauseMs: number, step: (n: number) => Promise<void>): Promise<JobResult> {
  const latenciesMs: number[] = [];
  for (let n = 0; n < warmup; n += 1) await step(n);
  const startedNs = process.hrtime.bigint();
  for (let n = warmup; n < warmup + count; n += 1) {
    const before = performance.now();
    await step(n);
    latenciesMs.push(performance.now() - before);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  return { startedNs, answeredNs: process.hrtime.bigint(), latenciesMs, finalMs: [] };
}

async function lone(job: LoneJob): Promise<JobResult> {
  const client = open(job.url);
  try {
    return await oneByOne(job.count, job.warmup, job.pauseMs ?? 0, (n) => settleOne(client, settlement(job.prefix, n, false)));
  } finally {
    await client.destroy();
  }
}

async function batches(job: BatchJob): Promise<JobResult> {
  const bodies: Buffer[] = [];
  for (let n = 0; n < job.count; n += job.batch) {
    const items = Array.from({ length: Math.min(job.batch, job.count - n) }, (_, i) => settlement(job.prefix, n + i, job.hot));
    bodies.push(Buffer.from(`{"settlements":[${items.join(',')}]}`));
  }
  const clients = job.urls.flatMap((url) => Array.from({ length: job.connections }, () => open(url)));
  const latenciesMs: number[] = [];
  let accepted = 0;
  const startedNs = process.hrtime.bigint();
  try {
    // Each connection takes the next batch when its last one is answered; node k takes every k-th, so that shares are equal.
    await Promise.all(clients.map(async (client, c) => {
      const node = Math.floor(c / job.connections);
      for (let b = node + (c % job.connections) * job.urls.length; b < bodies.length; b += clients.length) {
        const before = performance.now();
        const answer = await send(client, 'POST', '/v1/settlements', bodies[b]!);
        latenciesMs.push(performance.now() - before);
        expectStatus('POST /v1/settlements', answer, 200);
        accepted += occurrences(answer.body, '"state":"provisional"');
      }
    }));
    const answeredNs = process.hrtime.bigint();
    if (accepted !== job.count) throw new Error(`${accepted} of ${job.count} settlements were accepted`);
    return { startedNs, answeredNs, latenciesMs, finalMs: [] };
  } finally {
    await Promise.all(clients.map((c) => c.destroy()));
  }
}

async function openLoop(job: OpenJob): Promise<JobResult> {
  // More connections than a node that keeps up needs at once. Behind one that does not, settlements wait here, and their time
  // runs.
  const clients = Array.from({ length: 32 }, () => open(job.url));
  const watcher = open(job.url);
  const idle = [...clients];
  const waiting: ((client: Client) => void)[] = [];
  const latenciesMs: number[] = [];
  const finalMs: number[] = [];
  const under: Promise<void>[] = [];
  const startedNs = process.hrtime.bigint();
  const start = performance.now();

  async function one(n: number, due: number): Promise<void> {
    const client = idle.pop() ?? await new Promise<Client>((resolve) => {
      waiting.push(resolve);
    });
    await settleOne(client, settlement(job.prefix, n, false));
    latenciesMs.push(performance.now() - due);
    const next = waiting.shift();
    if (next === undefined) idle.push(client);
    else next(client);
    if (n % job.watchOneIn !== 0) return;
    while (performance.now() - due < FINAL_TIMEOUT_MS) {
      const answer = await send(watcher, 'GET', `/v1/settlements/${job.prefix}-${n}`);
      expectStatus('GET /v1/settlements', answer, 200);
      if (answer.body.includes('"state":"final"')) {
        finalMs.push(performance.now() - due);
        return;
      }
      await sleep(2);
    }
    throw new Error(`settlement ${job.prefix}-${n} is not final after ${FINAL_TIMEOUT_MS} ms`);
  }

  try {
    for (let n = 0; n < job.rate * job.seconds; n += 1) {
      const due = start + (n * 1_000) / job.rate;
      const wait = due - performance.now();
      if (wait > 0) await sleep(wait);
      const settled = one(n, due);
      // Looked at below; until then a failure must not count as unhandled.
      settled.catch(() => {});
      under.push(settled);
    }
    await Promise.all(under);
    return { startedNs, answeredNs: process.hrtime.bigint(), latenciesMs, finalMs };
  } finally {
    await Promise.allSettled(under);
    await Promise.all([...clients, watcher].map((c) => c.destroy()));
  }
}

async function centre(job: CentreJob): Promise<JobResult> {
  const client = open(job.url);
  try {
    return await oneByOne(job.count, job.warmup, job.pauseMs, async (n) => {
      // Another limit each time: a write, not a repetition.
      const body = JSON.stringify({ asset: 'EUR', overdraftLimit: String(1_000 + n) });
      expectStatus('PUT /v1/accounts', await send(client, 'PUT', '/v1/accounts/bench-centre', body, job.token), 200, 201);
    });
  } finally {
    await client.destroy();
  }
}

async function openAccounts(job: OpenAccountsJob): Promise<JobResult> {
  const clients = Array.from({ length: 16 }, () => open(job.url));
  const body = JSON.stringify({ asset: 'EUR', overdraftLimit: OVERDRAFT });
  const startedNs = process.hrtime.bigint();
  try {
    await Promise.all(clients.map(async (client, c) => {
      for (let n = c; n < ACCOUNTS; n += clients.length) {
        expectStatus('PUT /v1/accounts', await send(client, 'PUT', `/v1/accounts/${account(n)}`, body, job.token), 200, 201);
      }
    }));
    const answeredNs = process.hrtime.bigint();
    await Promise.all(job.edges.map(prefetch));
    return { startedNs, answeredNs, latenciesMs: [], finalMs: [] };
  } finally {
    await Promise.all(clients.map((c) => c.destroy()));
  }
}

/** What a node that is put into service gets first: the states of the accounts that it will serve. */
async function prefetch(edge: string): Promise<void> {
  const client = open(edge);
  try {
    for (let n = 0; n < ACCOUNTS; n += 1_000) {
      const accounts = Array.from({ length: Math.min(1_000, ACCOUNTS - n) }, (_, i) => account(n + i));
      const answer = await send(client, 'POST', '/v1/accounts/prefetch', JSON.stringify({ accounts }));
      expectStatus('POST /v1/accounts/prefetch', answer, 200);
    }
  } finally {
    await client.destroy();
  }
}

/** Unique over all jobs of this process: PostgreSQL's ids are numbers. */
let serial = 0;

async function postgresLone(job: PostgresLoneJob): Promise<JobResult> {
  const client = connectTo(job.socket);
  await client.connect();
  try {
    const insert = { name: 'insert', text: 'INSERT INTO note (id, debit, credit, amount) VALUES ($1, $2, $3, $4)' };
    return await oneByOne(job.count, job.warmup, 0, async (n) => {
      serial += 1;
      await client.query({ ...insert, values: [serial, account(n % ACCOUNTS), account((n + 1) % ACCOUNTS), 100] });
    });
  } finally {
    await client.end();
  }
}

async function postgresMany(job: PostgresManyJob): Promise<JobResult> {
  const client = connectTo(job.socket);
  await client.connect();
  try {
    const half = ACCOUNTS / 2;
    return await oneByOne(Math.ceil(job.count / job.batch), 1, 0, async () => {
      const numbers = Array.from({ length: job.batch }, (_, i) => serial + i + 1);
      serial += job.batch;
      await client.query({
        name: 'settle_many', text: 'SELECT settle_many($1, $2, $3, $4)',
        values: [
          numbers, numbers.map((n) => 1 + (n * 7_919) % half), numbers.map((n) => half + 1 + (n * 104_729) % half),
          numbers.map(() => 100),
        ],
      });
    });
  } finally {
    await client.end();
  }
}

function perform(job: Job): Promise<JobResult> {
  switch (job.kind) {
    case 'lone': return lone(job);
    case 'batches': return batches(job);
    case 'open': return openLoop(job);
    case 'centre': return centre(job);
    case 'open-accounts': return openAccounts(job);
    case 'postgres-lone': return postgresLone(job);
    case 'postgres-many': return postgresMany(job);
  }
}

process.on('message', (job: Job) => {
  perform(job).then(
    (result): Reply => ({ ok: true, result }),
    (error: unknown): Reply => ({ ok: false, error: error instanceof Error ? error.stack ?? error.message : String(error) }),
  ).then((reply) => process.send?.(reply), () => process.exit(1));
});
// The benchmark is gone, however it went.
process.on('disconnect', () => process.exit(0));
