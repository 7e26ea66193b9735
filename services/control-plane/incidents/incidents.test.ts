/** Incidents of a running control plane: found in what regions send, asked for, closed by hand, told, reported. */
import { request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import type { Sla } from '../../../platform/index.ts';
import { emptySums, signDelta, signSum, sumOf, type Delta } from '../../telemetry/index.ts';
import type { FakeRegion } from '../testing.ts';
import { json, start, type Bench } from '../testing-service.ts';
import { startReceiver, verifies } from './testing.ts';

const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const sla = (id: string, more: Partial<Sla> = {}): Sla =>
  ({ id, indicator: 'finality', objective: 0.99, thresholdMs: 100, windowDays: 30, scope: 'global', severity: 'page', owner: 'settlement', runbook: 'runbooks/x.ts', ...more });
const slas = [sla('final'), sla('sites', { scope: 'site', severity: 'ticket' })];

async function tell(bench: Bench, region: FakeRegion, node: string, seq: number, bad: Readonly<Record<string, number>>, events = 100): Promise<number> {
  const to = Date.now();
  const sums = emptySums();
  for (const [id, count] of Object.entries(bad)) sums.slas.set(id, { events, good: events - count });
  const delta: Delta = {
    origin: 'tidemark.example', node, region: region.id, seq, acknowledged: 0, from: to - 5_000, to, sums,
    gauges: { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 0 },
  };
  const sum = await signSum(sumOf('tidemark.example', region.id, to, [delta]), region.logSigner);
  return (await bench.post('/v1/telemetry', { region: region.id, sum, deltas: [await signDelta(delta, region.nodes.get(node)!.signer)] })).status;
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise(setImmediate);
  }
}

const list = async (bench: Bench, query = 'state=all') => json(await bench.get(`/v1/incidents?${query}`)).incidents as { id: string; kind: string; sla: string | null; scope: string; state: string }[];

test('breaches and what the ledger finds are one list: told, paged through, closed by hand, in the live status, the metrics and the report', async () => {
  const receiver = await startReceiver();
  onTestFinished(receiver.close);
  const webhooks = [{ id: 'pager', url: receiver.url, events: ['opened', 'updated', 'closed'] as const, severity: 'ticket' as const, scope: 'global' as const }];
  const bench = await start({ slas, webhooks, webhookSecrets: { pager: SECRET } });
  const [r0] = bench.platform.regions;
  expect(json(await bench.get('/v1/incidents'))).toEqual({ incidents: [], next: null });

  expect(await tell(bench, r0!, 'r0-n0', 1, { final: 60, sites: 60 })).toBe(200);
  // The same number once more with other content: somebody signs two stories.
  expect(await tell(bench, r0!, 'r0-n0', 1, { final: 1 })).toBe(409);
  const all = await until(async () => {
    const found = await list(bench);
    return found.length === 3 ? found : undefined;
  });
  expect(all.map(({ kind, sla: of, scope }) => `${kind} ${of ?? '-'} ${scope}`).sort()).toEqual([
    'burn-rate final global', 'burn-rate sites site:r0-n0', 'telemetry-conflict - site:r0-n0',
  ]);
  expect(await list(bench, 'scope=site:r0-n0')).toHaveLength(2);
  expect(await list(bench, 'scope=region:r0')).toHaveLength(2);
  expect(await list(bench, 'scope=region:r1')).toEqual([]);
  const first = json(await bench.get('/v1/incidents?limit=2'));
  const rest = json(await bench.get(`/v1/incidents?limit=3&after=${first.next}`));
  expect([...first.incidents, ...rest.incidents].map((i: { id: string }) => i.id)).toEqual(all.map(({ id }) => id));
  expect([first.next, rest.next]).toEqual([expect.any(String), null]);

  const burning = all.find(({ kind, sla: of }) => kind === 'burn-rate' && of === 'final')!;
  const one = json(await bench.get(`/v1/incidents/${burning.id}`));
  expect(one).toMatchObject({
    id: burning.id, state: 'open', severity: 'page', owner: 'settlement', runbook: 'runbooks/x.ts', closedAt: null, knownAtClose: null, budgetExhaustedAt: one.openedAt,
    known: { attainment: 0.4, objective: 0.99, events: 100, badEvents: 60, sites: { expected: 4, reporting: 1, most: [{ site: 'r0-n0', events: 100, badEvents: 60 }], silentCount: 3 } },
  });
  expect(one.summary).toMatch(/^final, global: the error budget goes too fast\. When it opened: 40% of 100 events in 30 d good, objective 99%, 60 times the error budget used\./);
  await receiver.came(3);
  expect(receiver.received.every((got) => verifies(SECRET, got, Date.now() / 1_000))).toBe(true);
  expect(new Set(receiver.received.map(({ event }) => event.subject))).toEqual(new Set(all.map(({ id }) => id)));

  const conflict = all.find(({ kind }) => kind === 'telemetry-conflict')!;
  expect(json(await bench.get('/v1/status')).incidents).toEqual([{ at: expect.any(Number), kind: 'telemetry-conflict', detail: expect.any(String) }]);
  expect((await bench.post(`/v1/incidents/${conflict.id}/close`, { note: 'n' }, 'wrong')).status).toBe(401);
  expect((await bench.post(`/v1/incidents/${conflict.id}/close`, {})).status).toBe(400);
  expect(json(await bench.post(`/v1/incidents/${conflict.id}/close`, { note: 'node replaced' }))).toMatchObject({ state: 'closed', closedBy: 'operator', note: 'node replaced' });
  expect(json(await bench.post(`/v1/incidents/${conflict.id}/close`, { note: 'again' }))).toMatchObject({ status: 409, code: 'incident-closed' });
  expect(json(await bench.get('/v1/incidents/inc-none'))).toMatchObject({ status: 404, code: 'unknown-incident' });
  await receiver.came(4);
  expect(receiver.received.at(-1)!.event).toMatchObject({ id: `${conflict.id}-closed`, data: { state: 'closed', note: 'node replaced' } });

  const told = async (): Promise<string> => (await bench.get('/metrics')).body.toString();
  await until(async () => ((await told()).includes('tidemark_webhook_waiting{webhook="pager"} 0') ? true : undefined));
  expect(await told()).toContain('tidemark_incidents_open{severity="page"} 1\n');
  expect(await told()).toContain('tidemark_webhook_deliveries_total{webhook="pager",state="delivered"} 4\n');
  const live = await new Promise<string>((resolve, reject) => {
    const req = request(`${bench.running.url}/v1/live`, (response) => void response.setEncoding('utf8').once('data', (text: string) => {
      req.destroy();
      resolve(text);
    }).on('error', () => undefined));
    req.on('error', reject).end();
  });
  expect(JSON.parse(/^data: (.*)$/m.exec(live)![1]!)).toMatchObject({ incidents: { open: 2 } });

  const month = new Date().toISOString().slice(0, 7);
  const report = json(await bench.get(`/v1/sla/report?month=${month}`));
  expect(report.incidents).toMatchObject({ total: 3 });
  expect(report.incidents.incidents.map((i: { id: string }) => i.id).sort()).toEqual(all.map(({ id }) => id).sort());
  const csv = (await bench.get(`/v1/sla/report?month=${month}&format=csv`)).body.toString().split('\r\n');
  expect([csv[0]!.split(',').at(-1), csv[1]!.split(',').at(-1)]).toEqual(['incidents', '1']);
  const html = (await bench.get(`/v1/sla/report?month=${month}&format=html`)).body.toString();
  expect(html).toContain('<h2>Incidents</h2>');
  expect(html).toContain('node replaced');

  await bench.restart();
  expect((await list(bench)).map(({ id, state }) => `${id} ${state}`)).toEqual(all.map(({ id }) => `${id} ${id === conflict.id ? 'closed' : 'open'}`));
  expect(receiver.received).toHaveLength(4);
});

test.each([
  ['state=shut', 'state'], ['limit=0', '1 to 200'], ['limit=201', '1 to 200'], ['limit=x', 'pattern'], ['after=-1', 'pattern'], ['scope=planet', 'global, region:ID or site:ID'],
  ['scope=region:zz', 'regions r0, r1'], ['page=2', 'additional properties'],
])('/v1/incidents?%s says what is allowed', async (query, detail) => {
  const bench = await start({ slas });
  const problem = json(await bench.get(`/v1/incidents?${query}`));
  expect([problem.status, problem.code]).toEqual([400, 'invalid-request']);
  expect(problem.detail).toContain(detail);
});

test('the OpenAPI document describes them', async () => {
  const bench = await start({ slas });
  const document = json(await bench.get('/openapi.json'));
  expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/v1/incidents', '/v1/incidents/{id}', '/v1/incidents/{id}/close']));
  expect(document.components.schemas.incident.properties.deliveries.items.properties.state.enum).toEqual(['waiting', 'delivered', 'given-up']);
});
