/** The node as a program sees it: HTTP in front, a region behind that is there, lies, or is not. */
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EDGE_SETTINGS } from '../../platform/index.ts';
import {
  decide, decodeDecision, decodeFrame, decodePolicy, encodeAccountState, encodeBatch, encodeFrame, encodeOutcome, encodePolicy, FRAME_TYPE,
  type AccountState, type OutcomeEntry, type Policy,
} from '../protocol/index.ts';
import { baseUrl, createHttpClient, createServer, readSettings, type Running, type Server } from '../shell/index.ts';
import {
  addSignatures, bundleLeafHashes, cosign, decodeBundle, encodeBundle, generateSigner, hashLeaf, openCheckpoint, parseProof, parseTrust, signCheckpoint,
  signNote, Tree, verifyProof, type Signer,
} from '../transparency/index.ts';
import { startEdgeNode } from './service.ts';

const policy: Policy = {
  version: 1, offlineAfterMs: 60_000, maxStalenessMs: 60_000, offlinePerAccount: { EUR: 300n }, offlinePerNode: { EUR: 500n },
};
const logger = pino({ level: 'silent' });
const http = createHttpClient();

/** A region and a centre in one: takes batches, makes outcomes of them, and answers as it is told to. */
interface FakeRegion {
  readonly url: string;
  readonly server: Server;
  accounts: Map<string, AccountState>;
  /** Accounts in the order in which they were opened, as far as the region tells without being asked for them by name. */
  opened: string[];
  /** Outcomes are made of what came, and shown. */
  settle(status?: 'final' | 'rejected'): Promise<void>;
  entries: Uint8Array[];
  /** How often newly opened accounts were told and the node came back for more. */
  toldOpened: number;
  /** Statements are signed over this nonce instead of the one asked with. */
  nonce: string | null;
  /** Changes a down answer before it is sent. */
  tamper: (header: Record<string, unknown>, parts: Uint8Array[]) => void;
  /** Resolves when the node has asked for outcomes from this index on. */
  asked(final: number): Promise<void>;
}

let dir: string;
let keys: Record<'global' | 'region' | 'replica' | 'edge', { signer: Signer; skey: string }>;
let region: FakeRegion;
let node: Running;

async function startRegion(): Promise<FakeRegion> {
  const server = await createServer({ name: 'fake', description: 'fake', logger, notReady: () => null, metrics: () => [] });
  const outcomes: Uint8Array[] = [];
  let down: { header: Record<string, unknown>; parts: Uint8Array[] } = { header: { ordered: null, outcomes: [] }, parts: [] };
  let wake: (() => void)[] = [];
  const asks: { final: number; resolve: () => void }[] = [];
  const self: FakeRegion = {
    url: '', server, accounts: new Map(), opened: [], toldOpened: 0, entries: [], nonce: null, tamper: () => undefined,
    asked: (final) => new Promise((resolve) => asks.push({ final, resolve })),
    async settle(status = 'final') {
      const from = outcomes.length;
      const at = 1;
      for (const bytes of self.entries.slice(from)) {
        const e = decodeDecision(bytes);
        const refused = e.decision.reason;
        const outcome: OutcomeEntry = {
          type: 'outcome', instruction: e.instruction, region: 'eu', node: 'n1', index: outcomes.length, at,
          ...(refused !== undefined ? { status: 'rejected', reason: refused, refusedAtEdge: true } : status === 'final' ? { status } : { status, reason: 'insufficient-funds' }),
          debitBalance: 0n, creditBalance: 0n,
        };
        outcomes.push(Buffer.from(encodeOutcome(outcome)));
      }
      const tree = Tree.empty();
      const bundle = encodeBundle(outcomes.slice(from));
      for (const o of outcomes) tree.append(hashLeaf(o));
      let note = await signCheckpoint({ origin: keys.global.signer.name, size: tree.size, root: tree.root() }, keys.global.signer);
      note = addSignatures(note, [await cosign(note, keys.replica.signer, 1)]);
      const batch = encodeBatch({
        region: 'eu', node: 'n1', from, size: self.entries.length, checkpoint: 'x', digest: Buffer.alloc(32).toString('base64'), seq: 1, at,
      });
      const order = Tree.empty();
      order.append(hashLeaf(Buffer.from(batch)));
      let ordered = await signCheckpoint({ origin: keys.region.signer.name, size: 1, root: order.root() }, keys.region.signer);
      ordered = addSignatures(ordered, [await cosign(ordered, keys.replica.signer, 1)]);
      // The left siblings of a range that begins at 0 are none; that is the only range these tests need.
      down = {
        header: {
          ordered: { entry: batch, index: 0, size: 1, proof: [], checkpoint: ordered }, checkpoint: note,
          outcomes: [{ from, to: outcomes.length, start: from, proof: [] }],
        },
        parts: [bundle],
      };
      for (const w of wake) w();
      wake = [];
    },
  };
  server.post('/v1/batches', async (request) => {
    const { header, parts } = decodeFrame(request.body as Buffer);
    openCheckpoint(header['checkpoint'] as string, parseTrust(trustText()).regions.get('eu')!.nodes.get('n1')!);
    self.entries.push(...decodeBundle(Uint8Array.from(parts[0]!)).slice(self.entries.length - (header['from'] as number)));
    for (const w of wake) w();
    wake = [];
    return { size: self.entries.length };
  });
  server.get('/v1/nodes/n1/down', async (request, reply) => {
    const { final } = request.query as { final: string };
    for (const a of asks.splice(0)) if (a.final === Number(final)) a.resolve(); else asks.push(a);
    const fresh = (down.header['outcomes'] as { from: number }[]).some((o) => o.from === Number(final));
    if (!fresh && Number(final) === self.entries.length && self.entries.length > 0) {
      await new Promise<void>((resolve) => {
        wake.push(resolve);
        setTimeout(resolve, 50).unref();
      });
    }
    const header: Record<string, unknown> = structuredClone({
      accepted: self.entries.length, centreAgeMs: 0, ...(fresh ? down.header : { ordered: null, outcomes: [] }),
    });
    const parts = fresh ? [...down.parts] : [];
    self.tamper(header, parts);
    return reply.type(FRAME_TYPE).send(encodeFrame(header, parts));
  });
  server.post('/v1/accounts/query', async (request, reply) => {
    const { accounts, nonce, openedAfter } = request.body as { accounts: string[]; nonce: string; openedAfter?: number };
    const fresh = openedAfter === undefined ? [] : self.opened.slice(openedAfter);
    if (openedAfter !== undefined && openedAfter > 0) self.toldOpened += 1;
    const list = [...accounts, ...fresh].map((a) => (self.accounts.has(a) ? encodeAccountState(self.accounts.get(a)!) : `{"account":"${a}","unknown":true}`));
    const note = await signNote(`tidemark account states v1\n${keys.global.signer.name}\n1\n1\n${self.nonce ?? nonce}\n[${list.join(',')}]\n${self.opened.length}\n`, [keys.global.signer]);
    return reply.type('text/plain').send(note);
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  return Object.assign(self, { url: baseUrl(server) });
}

const trustText = (): string => JSON.stringify({
  origin: 't.example', global: keys.global.signer.vkey, witnessQuorum: 1,
  regions: [{
    id: 'eu', log: keys.region.signer.vkey, quorum: 1, replicas: [keys.replica.signer.vkey], nodes: [{ id: 'n1', vkey: keys.edge.signer.vkey }],
  }],
});

const start = (): Promise<Running> => startEdgeNode(readSettings(EDGE_SETTINGS, {
  TIDEMARK_SITE: 'n1', TIDEMARK_DATA: join(dir, 'data'), TIDEMARK_TRUST: join(dir, 'trust.json'), TIDEMARK_KEY: join(dir, 'edge.key'),
  TIDEMARK_POLICY: join(dir, 'policy.json'), TIDEMARK_REGION_URLS: region.url,
  ...(existsSync(join(dir, 'slas.json')) ? { TIDEMARK_SLAS: join(dir, 'slas.json') } : {}),
}), logger);

/** Asks until the answer is as wanted; the test's own timeout is the bound. */
async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
const get = <T = Record<string, unknown>>(path: string): Promise<T> => http.json<T>(`${node.url}${path}`);
const post = async (body: unknown, path = '/v1/settlements'): Promise<{ status: number; body: Record<string, unknown> }> => {
  const answer = await http.call(`${node.url}${path}`, { method: 'POST', type: 'application/json', body: typeof body === 'string' ? body : JSON.stringify(body) });
  return { status: answer.status, body: JSON.parse(answer.body.toString()) as Record<string, unknown> };
};
const pay = (id: string, amount = '10', debitAccount = 'a', creditAccount = 'b'): object => ({ id, asset: 'EUR', debitAccount, creditAccount, amount });
const ready = (): Promise<unknown> => until(() => http.call(`${node.url}/readyz`), (a) => a.status === 200);
const account = (id: string, balance: bigint, overdraft: bigint | null = 0n): [string, AccountState] => [id, { account: id, asset: 'EUR', balance, overdraft, asOf: 0 }];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tidemark-edge-'));
  keys = {
    global: generateSigner('t.example/global', 'ed25519'), region: generateSigner('t.example/region/eu', 'ed25519'),
    replica: generateSigner('t.example/region/eu/replica/0', 'cosignature/v1'), edge: generateSigner('t.example/edge/n1', 'ed25519'),
  };
  writeFileSync(join(dir, 'trust.json'), trustText());
  writeFileSync(join(dir, 'edge.key'), keys.edge.skey);
  writeFileSync(join(dir, 'policy.json'), encodePolicy(policy));
  region = await startRegion();
  region.accounts = new Map([account('a', 1_000n), account('b', 0n), account('world', 0n, null)]);
  node = await start();
  await ready();
});
afterEach(async () => {
  await node.stop();
  await region.server.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('telemetry', () => {
  const sla = (id: string, indicator: string, more: object): object =>
    ({ id, indicator, objective: 0.9, windowDays: 30, scope: 'site', severity: 'page', owner: 'o', runbook: 'r', ...more });
  const metric = async (name: string, labels: string): Promise<number> =>
    Number(new RegExp(`^${name}\\{${labels}\\} (.*)$`, 'm').exec(await http.text(`${node.url}/metrics`))?.[1]);
  const counted = (id: string): Promise<number[]> =>
    Promise.all(['events', 'good'].map((which) => metric(`tidemark_sla_${which}_total`, `sla="${id}",scope="site:n1"`)));

  it('counts settlements towards the SLAs, what was under way at a restart included, once', async () => {
    await node.stop();
    const slas = [
      sla('ack', 'provisional-ack', { thresholdMs: 60_000 }), sla('ordered', 'ordering', { thresholdMs: 60_000 }), sla('final', 'finality', { thresholdMs: 60_000 }),
      sla('up', 'availability', {}), sla('drift', 'cache-drift', {}),
    ];
    writeFileSync(join(dir, 'slas.json'), JSON.stringify(slas));
    node = await start();
    await ready();
    await post({ settlements: ['s1', 's2'].map((id) => pay(id)) });
    await post(pay('s1', '11'));
    await post({ broken: true });
    expect([await counted('ack'), await counted('up'), await counted('final')]).toEqual([[3, 3], [3, 3], [0, 0]]);
    await until(async () => region.entries.length, (n) => n === 2);
    await node.stop();
    node = await start();
    await region.settle();
    await until(() => counted('final'), ([events]) => events === 2);
    expect([await counted('ack'), await counted('ordered'), await counted('final')]).toEqual([[0, 0], [2, 2], [2, 2]]);
    // The region says that 0 is left on a, both times: the node believed 990, and then 10 less than what it had just learned.
    expect(await counted('drift')).toEqual([2, 0]);
    await node.stop();
    node = await start();
    expect([await counted('ordered'), await counted('final')]).toEqual([[0, 0], [0, 0]]);
  });

  it('says what is wrong with the SLAs, and does not start', async () => {
    await node.stop();
    writeFileSync(join(dir, 'slas.json'), JSON.stringify([sla('a', 'finality', {})]));
    await expect(start()).rejects.toThrow(/slas\.json: SLAs: \[0\]: thresholdMs: expected milliseconds, got nothing/);
    rmSync(join(dir, 'slas.json'));
    node = await start();
  });
});

describe('settling', () => {
  it('answers with a receipt, the same one however often it is asked, also after a restart', async () => {
    const first = await post(pay('s1'));
    expect(first).toMatchObject({ status: 201, body: { id: 's1', state: 'provisional', mode: 'online', node: 'n1', index: 0 } });
    expect(await post(pay('s1'))).toEqual({ status: 200, body: first.body });
    await node.stop();
    node = await start();
    expect(await post(pay('s1'))).toEqual({ status: 200, body: first.body });
    expect((await get<{ log: { size: number } }>('/v1/status')).log.size).toBe(1);
  });

  it('refuses the same id with other content, alone and in a batch', async () => {
    await post(pay('s1'));
    expect(await post(pay('s1', '11'))).toMatchObject({ status: 409, body: { code: 'id-conflict', existing: { amount: '10' } } });
    const { body } = await post({ settlements: [pay('s1'), pay('s1', '12'), pay('s2'), pay('s2'), pay('s2', '13'), { id: 'bad' }, pay('s3', '5000')] });
    expect((body['settlements'] as { status: number }[]).map((s) => s.status)).toEqual([200, 409, 201, 200, 409, 400, 201]);
    expect((body['settlements'] as object[])[6]).toMatchObject({ state: 'rejected', reason: 'insufficient-funds' });
  });

  it('gives a proof of its own log at once, and the global log\'s once final, both verifiable', async () => {
    const { body } = await post({ settlements: ['s1', 's2', 's3'].map((id) => pay(id)) });
    expect((body['settlements'] as object[])).toHaveLength(3);
    const before = await http.text(`${node.url}/v1/settlements/s2/receipt`);
    const { entry } = await get<{ entry: string }>('/v1/settlements/s2/provenance');
    const trust = parseTrust(trustText());
    verifyProof(before, { entry: Buffer.from(entry) }, { log: trust.regions.get('eu')!.nodes.get('n1')!, cosigners: [], quorum: 0 });
    await until(async () => region.entries.length, (n) => n === 3);
    await region.settle();
    const final = await until(() => get('/v1/settlements/s2'), (s) => s['state'] === 'final');
    expect(final).toMatchObject({ globalIndex: 1, index: 1, amount: '10' });
    const proof = await http.text(`${node.url}/v1/settlements/s2/receipt`);
    expect(parseProof(proof).index).toBe(1);
    const outcome = encodeOutcome({
      type: 'outcome', instruction: decodeDecision(entry).instruction, region: 'eu', node: 'n1', index: 1, at: 1, status: 'final', debitBalance: 0n, creditBalance: 0n,
    });
    verifyProof(proof, { entry: Buffer.from(outcome) }, { log: trust.global, cosigners: trust.regions.get('eu')!.replicas, quorum: 1 });
    expect(await http.text(`${node.url}/v1/settlements/s2/receipt?log=edge`)).toBe(before);
  });

  it('records inputs that lead to the same decision again', async () => {
    await post({ settlements: [pay('s1', '600'), pay('s2', '600')] });
    for (const [id, result] of [['s1', 'provisional'], ['s2', 'refused']] as const) {
      const { entry, policy: text } = await get<{ entry: string; policy: string }>(`/v1/settlements/${id}/provenance`);
      const e = decodeDecision(entry);
      expect(e.decision.result).toBe(result);
      expect(decide(e.instruction, e.inputs, decodePolicy(text))).toEqual(e.decision);
    }
  });

  it('reverses what the centre rejects, and counts it', async () => {
    await post(pay('s1', '700'));
    expect(await get('/v1/accounts/a')).toMatchObject({ reserved: '700', available: '300', balance: '1000' });
    await until(async () => region.entries.length, (n) => n === 1);
    await region.settle('rejected');
    await until(() => get('/v1/settlements/s1'), (s) => s['state'] === 'rejected');
    expect(await get('/v1/accounts/a')).toMatchObject({ reserved: '0', balance: '0' });
    expect(await get('/v1/status')).toMatchObject({ drift: { compared: 1, drifted: 1, reversed: 1, reversedAmount: { EUR: '700' }, amount: { EUR: '1000' } } });
  });

  it('does not sign, serve or go on from a log that was changed on its disk', async () => {
    await post(pay('s1'));
    await node.stop();
    const path = join(dir, 'data', 'edge.db');
    /** Turns one bit of the amount over; twice is as before. */
    const spoil = (): void => {
      const db = new DatabaseSync(path);
      const { entries } = db.prepare('SELECT entries FROM log_rows').get() as { entries: Uint8Array };
      entries[Buffer.from(entries).indexOf('"amount"') + 10]! ^= 1;
      db.prepare('UPDATE log_rows SET entries = ?').run(entries);
      db.close();
    };
    spoil();
    await expect(start()).rejects.toThrow('hash to another root');
    spoil();
    node = await start();
    expect((await http.call(`${node.url}/v1/settlements/s1`)).status).toBe(200);
  });

  it('signs, sends and finds nothing of a commit that failed, and carries on from what was on its disk', async () => {
    await post(pay('s1'));
    const path = join(dir, 'data', 'edge.db');
    const sql = (statements: string): void => {
      const db = new DatabaseSync(path);
      db.exec(statements);
      db.close();
    };
    sql("CREATE TRIGGER full BEFORE INSERT ON log_rows BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    expect(await post({ settlements: [pay('s2'), pay('s3')] })).toMatchObject({ status: 503, body: { code: 'storage-failed' } });
    expect(await post(pay('s2'))).toMatchObject({ status: 503 });
    expect((await http.call(`${node.url}/v1/settlements/s2`)).status).toBe(404);
    expect((await http.call(`${node.url}/checkpoint`)).status).toBe(503);
    expect(await get('/v1/status')).toMatchObject({ state: 'halted', log: { size: 1 } });
    await node.stop();
    sql('DROP TRIGGER full');
    node = await start();
    await ready();
    expect(await post(pay('s2'))).toMatchObject({ status: 201, body: { index: 1 } });
    await until(async () => region.entries.length, (n) => n === 2);
  });

  it('killed at any moment, knows balances and promises again from its disk', async () => {
    await post({ settlements: [pay('s1', '600'), pay('s2', '100')] });
    await until(async () => region.entries.length, (n) => n === 2);
    await region.settle('rejected');
    await until(() => get('/v1/settlements/s2'), (s) => s['state'] === 'rejected');
    region.accounts.set(...account('c', 70n));
    await post(pay('s3', '30', 'c', 'b'));
    const before = await Promise.all(['a', 'b', 'c'].map((id) => get<{ balance: string; reserved: string; asOf: number }>(`/v1/accounts/${id}`)));
    // What a power cut leaves: the files as they are, nothing closed.
    cpSync(join(dir, 'data'), join(dir, 'copy'), { recursive: true });
    await node.stop();
    rmSync(join(dir, 'data'), { recursive: true });
    renameSync(join(dir, 'copy'), join(dir, 'data'));
    node = await start();
    await ready();
    const after = await Promise.all(['a', 'b', 'c'].map((id) => get<{ balance: string; reserved: string; asOf: number }>(`/v1/accounts/${id}`)));
    const known = (list: { balance: string; reserved: string; asOf: number }[]): unknown => list.map(({ balance, reserved, asOf }) => ({ balance, reserved, asOf }));
    expect(known(after)).toEqual(known(before));
    expect(before[0]).toMatchObject({ balance: '0', reserved: '0' });
    expect(before[2]).toMatchObject({ balance: '70', reserved: '30' });
  });

  it('says at once that an account does not exist, and 503 when nobody can be asked', async () => {
    expect(await post(pay('s1', '1', 'nobody'))).toMatchObject({ status: 201, body: { state: 'rejected', reason: 'account-unknown' } });
    await region.server.close();
    expect(await post(pay('s2', '1', 'nobody-else'))).toMatchObject({ status: 503, body: { code: 'account-state-unavailable' } });
    expect((await http.call(`${node.url}/v1/settlements/s2`)).status).toBe(404);
  });
});

describe('a region that lies', () => {
  it.each([
    ['other outcomes', (_h: Record<string, unknown>, parts: Uint8Array[]) => {
      if (parts.length > 0) parts[0] = Buffer.from(Buffer.from(parts[0]!).toString().replace('"amount":"10"', '"amount":"99"'));
    }],
    ['outcomes of a checkpoint that nobody witnessed', (h: Record<string, unknown>) => {
      if (typeof h['checkpoint'] === 'string') h['checkpoint'] = h['checkpoint'].split('\n').slice(0, -2).join('\n') + '\n';
    }],
    ['an order without quorum', (h: Record<string, unknown>) => {
      const o = h['ordered'] as { checkpoint: string } | null;
      if (o !== null) o.checkpoint = o.checkpoint.split('\n').slice(0, -2).join('\n') + '\n';
    }],
    ['nonsense', (h: Record<string, unknown>) => {
      h['outcomes'] = [{ from: -1 }];
    }],
  ])('with %s is not believed', async (_what, tamper) => {
    await post(pay('s1'));
    await until(async () => region.entries.length, (n) => n === 1);
    region.tamper = tamper;
    await region.settle();
    await until(() => get<{ incidents: { kind: string }[] }>('/v1/status'), (s) => s.incidents.some((i) => i.kind === 'unproven'));
    expect(await get('/v1/settlements/s1')).toMatchObject({ state: 'provisional' });
    region.tamper = () => undefined;
    await until(() => get('/v1/settlements/s1'), (s) => s['state'] === 'final');
  });

  it('about how much it has is not believed, and an old statement is no sign of life', async () => {
    region.nonce = 'f'.repeat(32);
    region.tamper = (h) => {
      h['accepted'] = 5;
    };
    await until(() => get<{ incidents: { kind: string }[] }>('/v1/status'), (s) => s.incidents.some((i) => i.kind === 'unproven'));
    expect(await post(pay('s9'))).toMatchObject({ status: 503, body: { code: 'account-state-unavailable' } });
    region.nonce = null;
    expect(await post(pay('s9'))).toMatchObject({ status: 201 });
  });

  it('but proves that a quorum has more of the log than the node, stops the node', async () => {
    await post(pay('s1'));
    await until(async () => region.entries.length, (n) => n === 1);
    await region.settle();
    await until(() => get('/v1/settlements/s1'), (s) => s['state'] === 'final');
    await node.stop();
    rmSync(join(dir, 'data'), { recursive: true });
    node = await start();
    await until(() => get<{ state: string }>('/v1/status'), (s) => s.state === 'halted');
    expect(await post(pay('s9'))).toMatchObject({ status: 503, body: { code: 'halted' } });
    expect((await http.call(`${node.url}/checkpoint`)).status).toBe(503);
  });
});

it('describes itself: every answer of a route, and no path that OpenAPI has no name for', async () => {
  interface Answer { content: Record<string, { schema: { oneOf?: { properties: object }[]; $ref?: string } }> }
  const { paths } = await get<{ paths: Record<string, Record<string, { parameters?: { name: string }[]; responses: Record<string, Answer> }>> }>('/openapi.json');
  const { responses } = paths['/v1/settlements']!['post']!;
  expect(Object.keys(responses)).toEqual(['200', '201', '400', '409', '413', '415', '503']);
  expect(responses['200']!.content['application/json']!.schema.oneOf!.map((s) => Object.keys(s.properties).includes('settlements'))).toEqual([false, true]);
  expect(responses['413']!.content['application/problem+json']!.schema.$ref).toBe('#/components/schemas/problem');
  expect(Object.keys(paths).filter((p) => p.includes('*'))).toEqual([]);
  expect(paths['/tile/{path}']!['get']!.parameters!.map((p) => p.name)).toEqual(['path']);
  // A policy's digest is looked up, so anything else is refused before.
  expect((await http.call(`${node.url}/v1/policies/..%2f..`)).status).toBe(400);
  expect((await http.call(`${node.url}/v1/policies/0123456789abcdef`)).status).toBe(404);
});

describe('cut off', () => {
  it('knows accounts that it was never asked for, when they were opened before', async () => {
    region.accounts.set(...account('new', 50n));
    region.opened.push('new');
    await node.stop();
    writeFileSync(join(dir, 'policy.json'), encodePolicy({ ...policy, version: 2, offlineAfterMs: 400 }));
    node = await start();
    await until(async () => (await http.call(`${node.url}/v1/status`)).status, () => region.toldOpened > 0);
    await region.server.close();
    await node.stop();
    node = await start();
    expect(await post(pay('s1', '20', 'new', 'b'))).toMatchObject({ status: 201, body: { mode: 'offline' } });
    expect(await get('/v1/accounts/new')).toMatchObject({ balance: '50', connected: false });
  });

  it('goes on within the offline limits, marked as such', async () => {
    await post('{"accounts":["a","b"]}', '/v1/accounts/prefetch');
    await node.stop();
    await region.server.close();
    // A node that has not heard from its region since it started is cut off.
    writeFileSync(join(dir, 'policy.json'), encodePolicy({ ...policy, version: 2 }));
    node = await start();
    const { body } = await post({ settlements: [pay('s1', '200'), pay('s2', '100'), pay('s3', '1'), pay('s4', '1', 'nobody')] });
    expect(body['settlements']).toMatchObject([
      { mode: 'offline', state: 'provisional' }, { mode: 'offline', state: 'provisional' },
      { mode: 'offline', state: 'rejected', reason: 'offline-limit-account' }, { mode: 'offline', state: 'rejected', reason: 'account-unknown' },
    ]);
    expect(await get('/v1/accounts/a')).toMatchObject({ connected: false, reserved: '300', balance: '1000' });
    expect(await get('/v1/status')).toMatchObject({ state: 'disconnected', provisional: { count: 4, offline: 4 } });
  });
});

describe('hostile input', () => {
  it.each([
    ['not JSON', '{"id"', 400, 'malformed-json'],
    ['nothing', '', 400, undefined],
    ['null', 'null', 400, 'invalid-settlement'],
    ['a list', '[]', 400, 'invalid-settlement'],
    ['an empty batch', '{"settlements":[]}', 400, 'invalid-batch'],
    ['something beside the batch', '{"settlements":[{}],"x":1}', 400, 'invalid-batch'],
    ['too many', JSON.stringify({ settlements: Array.from({ length: 10_001 }, () => 0) }), 400, 'invalid-batch'],
    ['the same name twice', '{"id":"a","id":"b","asset":"EUR","debitAccount":"a","creditAccount":"b","amount":"1"}', 400, 'duplicate-key'],
    ['depth', '['.repeat(50_000), 400, 'nested-too-deep'],
    ['a negative amount', JSON.stringify(pay('x', '-1')), 400, 'invalid-settlement'],
    ['a zero amount', JSON.stringify(pay('x', '0')), 400, 'invalid-settlement'],
    ['a fraction', JSON.stringify(pay('x', '1.5')), 400, 'invalid-settlement'],
    ['a huge amount', JSON.stringify(pay('x', '1'.repeat(19))), 400, 'invalid-settlement'],
    ['a number as amount', JSON.stringify({ ...pay('x'), amount: 5 }), 400, 'invalid-settlement'],
    ['an id with a slash', JSON.stringify(pay('../x')), 400, 'invalid-settlement'],
    ['an id too long', JSON.stringify(pay('x'.repeat(129))), 400, 'invalid-settlement'],
    ['the same account twice', JSON.stringify(pay('x', '1', 'a', 'a')), 400, 'invalid-settlement'],
    ['a field too many', JSON.stringify({ ...pay('x'), memo: 'hi' }), 400, 'invalid-settlement'],
    ['a prototype', '{"__proto__":{"id":"x"},"id":"x","asset":"EUR","debitAccount":"a","creditAccount":"b","amount":"1"}', 400, 'invalid-settlement'],
    ['9 MB', `{"settlements":["${'x'.repeat(9_000_000)}"]}`, 413, 'too-large'],
  ] as [string, string, number, string | undefined][])('%s', async (...[, body, status, code]) => {
    const answer = await post(body);
    expect(answer.status).toBe(status);
    if (code !== undefined) expect(answer.body['code']).toBe(code);
    expect((await get<{ log: { size: number } }>('/v1/status')).log.size).toBe(0);
  });

  it('in another media type, or not UTF-8, is refused', async () => {
    const xml = await http.call(`${node.url}/v1/settlements`, { method: 'POST', type: 'application/xml', body: '<a/>' });
    expect(xml.status).toBe(415);
    const plain = await http.call(`${node.url}/v1/settlements`, { method: 'POST', type: 'text/plain', body: JSON.stringify(pay('x')) });
    expect(plain.status).toBe(415);
    const latin = await http.call(`${node.url}/v1/settlements`, { method: 'POST', type: 'application/json', body: Buffer.from([0x7b, 0xff, 0x7d]) });
    expect([latin.status, latin.headers['content-type']]).toEqual([400, 'application/problem+json']);
  });

  it('in a malformed URL is a problem like any other', async () => {
    const answer = await http.call(`${node.url}/v1/settlements/%ff`);
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'application/problem+json']);
  });

  it('names every mistake of an item', async () => {
    const { body } = await post({ id: '', asset: 'eur', amount: '01', debitAccount: 'a' });
    expect((body['errors'] as { path: string }[]).map((e) => e.path)).toEqual(['/id', '/asset', '/creditAccount', '/amount']);
  });

  it('a client that hangs up in the middle of its request leaves nothing behind', async () => {
    const { port, hostname } = new URL(node.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write('POST /v1/settlements HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"id":"half');
        socket.end();
      });
      socket.on('close', () => resolve()).on('error', () => resolve()).resume();
    });
    expect((await get<{ log: { size: number } }>('/v1/status')).log.size).toBe(0);
    expect((await post(pay('s1'))).status).toBe(201);
  });

  it('tiles that do not exist are not found', async () => {
    await post(pay('s1'));
    for (const path of ['/tile/0/001', '/tile/0/000.p/2', '/tile/entries/000', '/tile/64/000', '/tile/0/..%2f', '/tile/x']) {
      expect((await http.call(node.url + path)).status).toBe(404);
    }
    const bundle = (await http.call(`${node.url}/tile/entries/000.p/1`)).body;
    expect(bundleLeafHashes(bundle).count).toBe(1);
    expect((await http.call(`${node.url}/tile/0/000.p/1`)).body.equals(Buffer.from(bundleLeafHashes(bundle).hashes))).toBe(true);
  });
});
