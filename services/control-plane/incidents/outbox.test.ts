/** Deliveries to receivers that fail in every way, over a real network; the clock of the retries is the test's. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { INCIDENT_EVENTS, type IncidentEvent, type Webhook } from '../../../platform/index.ts';
import { GIVE_UP_MS } from '../core/webhooks.ts';
import { toldOf } from './events.ts';
import type { Delivery, Incident } from './model.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { createSender } from './send.ts';
import { parseWebhookSecrets } from './sign.ts';
import { openIncidentStore, WAITING_MAX, type IncidentStore } from './store.ts';
import { startReceiver, verifies, type Behaviour, type Receiver } from './testing.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const HOUR = 3_600_000;

const incident = (id: string, more: Partial<Incident> = {}): Incident => ({
  id, kind: 'burn-rate', sla: id, indicator: 'finality', scope: 'global', severity: 'page', owner: 'o', runbook: 'runbooks/x.ts', openedAt: 1, closedAt: null, closedBy: null, budgetExhaustedAt: null,
  note: null, summary: 's', known: { occurrences: 1, lastAt: 1, details: [] }, knownAtClose: null, ...more,
});

interface Bench {
  readonly store: () => IncidentStore;
  readonly outbox: () => Outbox;
  readonly now: () => number;
  pass(ms: number): void;
  open(id: string): void;
  close(id: string): void;
  restart(): Promise<void>;
  /** The incident's deliveries once they are as wanted. */
  until(id: string, wanted: (deliveries: readonly Delivery[]) => boolean): Promise<readonly Delivery[]>;
}

async function bench(urls: Readonly<Record<string, string>>, timeoutMs = 2_000): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  const webhooks = Object.entries(urls).map(([id, url]): Webhook => ({ id, url, events: INCIDENT_EVENTS, severity: 'ticket', scope: 'global' }));
  const keys = parseWebhookSecrets(JSON.stringify(Object.fromEntries(webhooks.map(({ id }) => [id, SECRET]))), webhooks);
  const telling = { origin: 'tidemark.example', webhooks, regionOfSite: () => undefined };
  let time = Date.now();
  const now = (): number => time;
  const start = () => {
    const store = openIncidentStore(join(folder, 'incidents.db'));
    const sender = createSender({ now, timeoutMs });
    const outbox = createOutbox({ store, webhooks, keys, sender, logger: pino({ level: 'silent' }), now, random: () => 0 });
    return { store, sender, outbox };
  };
  let running = start();
  const stop = async (): Promise<void> => {
    await running.outbox.stop();
    await running.sender.close();
    running.store.close();
  };
  onTestFinished(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const tell = (type: IncidentEvent, i: Incident) => toldOf(telling, type, i, time);
  return {
    store: () => running.store, outbox: () => running.outbox, now,
    pass(ms) {
      time += ms;
      running.outbox.wake();
    },
    open(id) {
      running.store.apply([{ kind: 'open', incident: incident(id), state: null, told: tell('opened', incident(id)) }], time);
      running.outbox.wake();
    },
    close(id) {
      running.store.apply([{ kind: 'close', id, at: time, by: 'operator', note: 'n', known: null, told: tell('closed', incident(id, { closedAt: time })) }], time);
      running.outbox.wake();
    },
    async restart() {
      await stop();
      running = start();
    },
    async until(id, wanted) {
      for (;;) {
        const deliveries = running.store.deliveries(id);
        if (wanted(deliveries)) return deliveries;
        await new Promise(setImmediate);
      }
    },
  };
}

async function receiver(behaviour?: Behaviour): Promise<Receiver> {
  const made = await startReceiver(behaviour);
  onTestFinished(made.close);
  return made;
}

const delivered = (d: readonly Delivery[]): boolean => d.length > 0 && d.every(({ state }) => state === 'delivered');
const attempted = (n: number) => (d: readonly Delivery[]): boolean => (d[0]?.attempts ?? 0) >= n;

test('a delivery is a signed CloudEvent', async () => {
  const r = await receiver();
  const b = await bench({ a: r.url });
  b.open('i1');
  const [got] = await r.came(1);
  expect(got!.headers).toMatchObject({ 'content-type': 'application/cloudevents+json; charset=utf-8', 'webhook-id': 'i1-opened' });
  expect(verifies(SECRET, got!, b.now() / 1_000)).toBe(true);
  expect(got!.event).toMatchObject({ specversion: '1.0', id: 'i1-opened', type: 'example.tidemark.incident.opened', data: { id: 'i1', state: 'open' } });
  expect(await b.until('i1', delivered)).toEqual([{ webhook: 'a', event: 'opened', state: 'delivered', attempts: 1, lastStatus: 204, lastError: null, at: b.now() }]);
});

test.each<[string, Behaviour, { readonly lastStatus: number | null; readonly lastError: RegExp }]>([
  ['500', (response) => void response.writeHead(500).end('out of\norder \u0007'), { lastStatus: 500, lastError: /^it answered 500: out of order$/ }],
  ['a redirect', (response) => void response.writeHead(307, { location: '/elsewhere' }).end(), { lastStatus: 307, lastError: /redirects are not followed/ }],
  ['a connection that breaks', (response) => void response.destroy(), { lastStatus: null, lastError: /UND_ERR_SOCKET|ECONNRESET/ }],
  ['no HTTP at all', (response) => void response.socket!.end('whatever\r\n\r\n'), { lastStatus: null, lastError: /does not match the HTTP\/1.1 protocol/ }],
  ['headers without an end', (response) => void response.socket!.write(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(10_000)}`), { lastStatus: null, lastError: /HEADERS_OVERFLOW|no answer/ }],
  ['silence', () => undefined, { lastStatus: null, lastError: /^no answer within 300 ms$/ }],
])('%s is tried again, with the same id, until it is taken', async (_what, behaviour, expected) => {
  const r = await receiver(behaviour);
  const b = await bench({ a: r.url }, 300);
  b.open('i1');
  await b.until('i1', attempted(1));
  b.pass(2_500);
  const [delivery] = await b.until('i1', attempted(2));
  expect(delivery).toMatchObject({ state: 'waiting', attempts: 2, lastStatus: expected.lastStatus, lastError: expect.stringMatching(expected.lastError) });
  r.behave((response) => void response.writeHead(202).end());
  b.pass(5_000);
  expect(await b.until('i1', delivered)).toMatchObject([{ attempts: 3, lastStatus: 202, lastError: null }]);
  expect(new Set(r.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set(['i1-opened']));
  // Each attempt is signed for its own time.
  expect(new Set(r.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(3);
  expect(r.received.every((got) => verifies(SECRET, got, b.now() / 1_000))).toBe(true);
});

test('a status that has come counts, however long or slow the rest is', async () => {
  const r = await receiver((response, _request, n) => {
    response.writeHead(n === 1 ? 200 : 500);
    // Ends never.
    const drip = setInterval(() => response.write('x'.repeat(n === 1 ? 1 : 100_000)), 5);
    response.on('close', () => clearInterval(drip)).on('error', () => undefined);
  });
  const b = await bench({ a: r.url });
  b.open('i1');
  await b.until('i1', delivered);
  b.open('i2');
  const [second] = await b.until('i2', attempted(1));
  expect(second!.lastStatus).toBe(500);
  expect(second!.lastError!.length).toBeLessThan(300);
});

test('whoever says when to come back is left alone until then, whatever there is to tell', async () => {
  const r = await receiver((response) => void response.writeHead(429, { 'retry-after': '3600' }).end());
  const b = await bench({ a: r.url });
  b.open('i1');
  await b.until('i1', attempted(1));
  b.open('i2');
  b.pass(HOUR - 1_000);
  await b.restart();
  r.behave((response) => void response.writeHead(204).end());
  // After a restart only the one that was refused keeps its time.
  await b.until('i2', delivered);
  expect(b.store().deliveries('i1')).toMatchObject([{ state: 'waiting', attempts: 1, lastStatus: 429 }]);
  b.pass(1_000);
  await b.until('i1', delivered);

  r.behave((response) => void response.writeHead(503, { 'retry-after': '60' }).end());
  b.open('i3');
  await b.until('i3', attempted(1));
  const before = r.received.length;
  b.open('i4');
  b.pass(59_000);
  await new Promise(setImmediate);
  expect(r.received).toHaveLength(before);
  r.behave((response) => void response.writeHead(204).end());
  b.pass(1_000);
  await Promise.all([b.until('i3', delivered), b.until('i4', delivered)]);
});

test('of one incident everything comes in order; others and other receivers do not wait for it', async () => {
  const bad = await receiver((response, _request) => void response.writeHead(500).end());
  const picky = await receiver();
  const silent = await receiver(() => undefined);
  const b = await bench({ bad: bad.url, picky: picky.url, silent: silent.url });
  picky.behave((response) => void response.writeHead(picky.received.at(-1)!.event.subject === 'i1' ? 400 : 204).end());
  b.open('i1');
  await b.until('i1', (d) => d.find(({ webhook }) => webhook === 'picky')?.attempts === 1);
  b.close('i1');
  b.open('i2');
  await b.until('i2', (d) => d.find(({ webhook }) => webhook === 'picky')?.state === 'delivered');
  expect(picky.received.map(({ event }) => event.id)).toEqual(['i1-opened', 'i2-opened']);
  picky.behave((response) => void response.writeHead(204).end());
  b.pass(2_500);
  await b.until('i1', (d) => d.filter(({ webhook }) => webhook === 'picky').every(({ state }) => state === 'delivered'));
  expect(picky.received.map(({ event }) => event.id)).toEqual(['i1-opened', 'i2-opened', 'i1-opened', 'i1-closed']);
});

test('a receiver that is gone is told nothing more, until the service starts again', async () => {
  const r = await receiver((response) => void response.writeHead(410).end());
  const b = await bench({ a: r.url });
  b.open('i1');
  await b.until('i1', attempted(1));
  b.open('i2');
  b.pass(HOUR);
  await new Promise(setImmediate);
  expect(r.received).toHaveLength(1);
  expect(b.store().deliveries('i2')).toMatchObject([{ state: 'waiting', attempts: 0 }]);
  r.behave((response) => void response.writeHead(204).end());
  await b.restart();
  await Promise.all([b.until('i1', delivered), b.until('i2', delivered)]);
});

test('after three days it is given up, and said; the next event of the incident is still told', async () => {
  const r = await receiver((response) => void response.writeHead(500).end());
  const b = await bench({ a: r.url });
  b.open('i1');
  await b.until('i1', attempted(1));
  b.pass(GIVE_UP_MS);
  const [delivery] = await b.until('i1', (d) => d[0]!.state === 'given-up');
  expect(delivery).toMatchObject({ attempts: 2, lastStatus: 500 });
  r.behave((response) => void response.writeHead(204).end());
  b.close('i1');
  expect(await b.until('i1', (d) => d[1]?.state === 'delivered')).toMatchObject([{ event: 'opened', state: 'given-up' }, { event: 'closed' }]);
  const counts = b.outbox().metrics()[0]!.samples.map((s) => [s.labels!['state'], (s as { value: number }).value]);
  expect(counts).toEqual([['delivered', 1], ['failed', 2], ['given-up', 1]]);
});

test('a restart carries on; what waits for a receiver that the definition no longer has is given up', async () => {
  const r = await receiver((response) => void response.destroy());
  const b = await bench({ a: r.url });
  b.open('i1');
  await b.until('i1', attempted(1));
  r.behave((response) => void response.writeHead(204).end());
  await b.restart();
  expect(b.store().deliveries('i1')).toMatchObject([{ state: 'waiting', attempts: 1 }]);
  b.pass(2_500);
  await b.until('i1', delivered);
  expect(b.store().giveUp(['other'], 0, b.now())).toEqual(new Map());
  r.behave(() => undefined);
  b.open('i2');
  expect(b.store().giveUp(['other'], 0, b.now())).toEqual(new Map([['a', 1]]));
  expect(b.store().deliveries('i2')).toMatchObject([{ state: 'given-up', lastError: 'the definition has no such webhook any more' }]);
});

test('no more wait than fit; what is beyond is given up at once', () => {
  const store = openIncidentStore(':memory:');
  const told = (id: string) => ({ id: `${id}-opened`, type: 'opened' as const, at: 0, body: '{}', webhooks: ['a'] });
  const ids = Array.from({ length: WAITING_MAX + 2 }, (_, i) => `i${i}`);
  store.apply(ids.map((id) => ({ kind: 'open', incident: incident(id), state: null, told: told(id) })), 0);
  expect(store.waiting('a')).toBe(WAITING_MAX);
  expect(store.deliveries(ids.at(-1)!)).toMatchObject([{ state: 'given-up', attempts: 0, lastError: `${WAITING_MAX} others waited already` }]);
  store.close();
});

test('what is over goes when it is old enough; what is open stays', () => {
  const store = openIncidentStore(':memory:');
  const day = 86_400_000;
  const told = (id: string, type: 'opened' | 'closed', at: number) => ({ id: `${id}-${type}`, type, at, body: '{}', webhooks: ['a'] });
  for (const id of ['old', 'open']) store.apply([{ kind: 'open', incident: incident(id), state: null, told: told(id, 'opened', 0) }], 0);
  store.apply([{ kind: 'close', id: 'old', at: day, by: 'recovery', note: null, known: null, told: told('old', 'closed', day) }], day);
  // Not while it waits.
  store.prune(100 * day);
  expect(store.deliveries('old')).toHaveLength(2);
  store.giveUp([], 0, day);
  store.prune(100 * day);
  expect([store.deliveries('old'), store.get('old')?.closedAt]).toEqual([[], day]);
  store.prune(4_002 * day);
  expect([store.get('old'), store.get('open')?.id]).toEqual([null, 'open']);
  store.close();
});

test('one incident of a kind at a time, and what is closed stays as it is', () => {
  const store = openIncidentStore(':memory:');
  const open = (id: string) => store.apply([{
    kind: 'open', incident: incident(id, { sla: 'final' }), state: null, told: { id: `${id}-opened`, type: 'opened', at: 0, body: '{}', webhooks: ['a'] },
  }], 0);
  open('first');
  open('second');
  expect([store.get('second'), store.waiting('a'), store.openCounts()]).toEqual([null, 1, { ticket: 0, page: 1 }]);
  const close = (note: string) => store.apply([{
    kind: 'close', id: 'first', at: 5, by: 'operator', note, known: null, told: { id: 'first-closed', type: 'closed', at: 5, body: '{}', webhooks: ['a'] },
  }], 5);
  close('once');
  close('twice');
  store.apply([{ kind: 'update', id: 'first', summary: 'other' }], 6);
  expect(store.get('first')).toMatchObject({ note: 'once', summary: 's' });
  expect(store.waiting('a')).toBe(2);
  open('third');
  expect(store.list({ state: 'all', scopes: ['global'], before: null, limit: 9 }).map(({ incident: i }) => i.id)).toEqual(['third', 'first']);
  expect(store.list({ state: 'closed', scopes: null, before: null, limit: 9 }).map(({ incident: i }) => i.id)).toEqual(['first']);
  expect(store.list({ state: 'open', scopes: ['region:eu'], before: null, limit: 9 })).toEqual([]);
  expect(store.during(5, 9, 9)).toMatchObject({ total: 2 });
  expect(store.during(6, 9, 1)).toMatchObject({ total: 1, incidents: [{ id: 'third' }] });
  store.close();
});
