/**
 * A control plane for tests of the page: answers in the shapes of the real one, over a small log with real signatures, proofs
 * and signed deltas, so that what the browser verifies is really verified. It can be told to lie, and to offer less.
 */
import fastify, { type FastifyInstance } from 'fastify';
import { emptySums, signDelta } from '../telemetry/index.ts';
import {
  addSignatures, cosign, encodeBundle, formatProof, generateSigner, hashLeaf, inclusionProof, parseTilePath, signCheckpoint, Tree,
} from '../transparency/index.ts';
import { testSeed } from '../transparency/testing.ts';
import { dashboardRoutes } from './serve.ts';

export interface Lies {
  /** `receipt` changes the amount in the entry; `page` the amount that is shown; `tile` a hash of a tile. */
  lie?: 'receipt' | 'page' | 'tile';
  /** Nothing of telemetry is there: a control plane from before it. */
  plain?: boolean;
  /** Nothing has happened yet. */
  empty?: boolean;
  /** A platform on one machine: sites can be cut off. */
  local?: boolean;
  /** Nothing of any site has come for half a minute. */
  unheard?: boolean;
  /** So many sites that probe each other. */
  peers?: number;
  /** How an audit export ends: as it should, in the middle, or never. */
  export?: 'whole' | 'cut' | 'stalled';
}

const ORIGIN = 'sample.example';
const SETTLEMENTS = 300;
const AT = Date.UTC(2026, 2, 1, 9, 30);

const global = generateSigner(`${ORIGIN}/global`, 'ed25519', testSeed(1)).signer;
const regions = ['eu', 'us'].map((id, r) => ({
  id, log: generateSigner(`${ORIGIN}/region/${id}`, 'ed25519', testSeed(20 + r)).signer,
  replicas: [0, 1, 2].map((n) => generateSigner(`${ORIGIN}/region/${id}/replica/${n}`, 'cosignature/v1', testSeed(2 + r * 3 + n)).signer),
  nodes: ['a', 'b'].map((n, i) => ({ id: `${id}-${n}`, signer: generateSigner(`${ORIGIN}/edge/${id}-${n}`, 'ed25519', testSeed(40 + r * 2 + i)).signer })),
}));
const nodes = regions.flatMap((r) => r.nodes.map((n) => ({ ...n, region: r.id })));

export const TRUST = JSON.stringify({
  origin: ORIGIN, global: global.vkey, witnessQuorum: 1,
  regions: regions.map((r) => ({ id: r.id, log: r.log.vkey, quorum: 2, replicas: r.replicas.map((s) => s.vkey), nodes: r.nodes.map((n) => ({ id: n.id, vkey: n.signer.vkey })) })),
});

interface Outcome { readonly amount: string; readonly asset: string; readonly at: number; readonly credit: string; readonly debit: string; readonly id: string; readonly index: number; readonly node: string; readonly reason?: string; readonly region: string; readonly status: string }

const outcomes = Array.from({ length: SETTLEMENTS }, (_, i): Outcome => {
  const rejected = i % 10 === 9;
  const node = nodes[i % nodes.length]!;
  return {
    amount: String(100 + i), asset: 'EUR', at: AT + i * 1_000, credit: 'bob', debit: 'alice', id: `pay-${i}`, index: Math.floor(i / nodes.length), node: node.id,
    ...(rejected ? { reason: 'insufficient-funds' } : {}), region: node.region, status: rejected ? 'rejected' : 'final',
  };
});
const bytesOf = (o: Outcome): Buffer => {
  const { amount, asset, at, credit, debit, id, index, node, reason, region, status } = o;
  return Buffer.from(JSON.stringify({ amount, asset, at, credit, debit, id, index, node, reason, region, status, type: 'outcome', v: 1 }));
};

async function createLog() {
  const entries = outcomes.map(bytesOf);
  const tree = Tree.empty();
  tree.appendMany(Buffer.concat(entries.map((e) => hashLeaf(e))));
  const tiles = new Map(tree.takeDirtyTiles().map((t) => [`${t.level}/${t.index}`, t.hashes]));
  const plain = await signCheckpoint({ origin: global.name, size: entries.length, root: tree.root() }, global);
  const cosigned = await Promise.all(regions[0]!.replicas.slice(0, 2).map((s, i) => cosign(plain, s, AT / 1_000 + 400 + i)));
  return { entries, checkpoint: addSignatures(plain, cosigned), tile: (level: number, index: number, width: number): Buffer => tiles.get(`${level}/${index}`)!.subarray(0, width * 32) };
}

const figure = (value: number): object => ({
  value, intervals: [{ method: 'order-statistic', confidence: 0.95, low: value * 0.9, high: value * 1.1, note: 'Of these nodes alone.' }, { method: 'node-effects', confidence: 0.95, low: null, high: null }],
});
const lagOf = (p50: number): object => ({ unit: 'ms', count: 270, nodes: 2, quantiles: { p50: figure(p50), p95: figure(p50 * 3), p99: figure(p50 * 5) } });
const share = (count: number, of: number): object => ({
  count, of, value: count / of, intervals: [{ method: 'wilson', confidence: 0.95, low: Math.max(0, count / of - 0.02), high: count / of + 0.02 }, { method: 'node-ratio', confidence: 0.95, low: 0, high: 0.2 }],
});

const sla = (id: string, scope: string, events: number, good: number, objective: number): object => ({
  sla: id, scope, indicator: id, good: 'a settlement that was in time', objective, severity: 'page', owner: 'clearing', runbook: 'runbooks/finality.ts', events, goodEvents: good, badEvents: events - good,
  nodes: 2, attainment: events === 0 ? null : good / events, intervals: events === 0 ? [] : [{ method: 'wilson', confidence: 0.95, low: good / events - 0.001, high: 1 }],
  met: true, budget: { allowedBadEvents: events * (1 - objective), usedBadEvents: events - good, left: events === 0 ? 1 : 1 - (events - good) / (events * (1 - objective)) },
  windowDays: 30, alerts: [{ id: 'fast', severity: 'page', factor: 14.4, long: { minutes: 60, burnRate: 2.5 }, short: { minutes: 5, burnRate: 1 }, burning: false }], burning: false,
  exhaustedInMs: events === 0 ? null : 864_000_000,
});

const indicators = (scope: string, lies: Lies): object => ({
  window: '1h', scope, from: AT, to: AT + 3_600_000, nodes: { expected: 2, reporting: 2, silent: [] }, deltas: 60, missing: 1, coveredMs: 300_000,
  lag: { provisional: lagOf(0.8), ordered: lagOf(12), final: lagOf(30), whole: lagOf(44) }, counts: { accepted: 300, refused: 2, offline: 5, final: 270, rejected: 30, reversed: 3 },
  shares: { refused: share(2, 302), offline: share(5, 302), reversed: share(3, 300) }, provisional: { worstRatio: 0.12, worstAgeMs: 4_200 },
  drift: { true: share(296, 300), compared: 300, drifted: 4, amount: { EUR: '1200' }, reversedAmount: { EUR: '300' }, time: lagOf(80) },
  reconciliation: { ...lagOf(900), count: 1 },
  ...peeringOf(lies.peers ?? 4),
});

function peeringOf(sites: number): object {
  const names = sites <= 4 ? nodes.map((n) => n.id) : Array.from({ length: sites }, (_, i) => `eu-edge-${i}`);
  const way = (from: string, to: string, i: number): object => ({
    from, to, kind: to === 'eu' || to === 'us' ? 'region' : 'edge', sent: 600, lost: i % 7 === 3 ? 90 : i % 5 === 1 ? 2 : 0, reachable: share(598, 600),
    rtt: lagOf(9 + i), jitter: lagOf(0.4 + i / 10), up: i % 7 === 3 ? false : i % 11 === 10 ? null : true, upSince: AT,
  });
  const pairs = names.flatMap((from, i) => [way(from, from.slice(0, 2), i), ...names.filter((to) => to !== from).slice(0, 9).map((to, k) => way(from, to, i + k))]);
  return { peering: pairs.slice(0, 500), peeringPairs: { listed: Math.min(500, pairs.length), of: pairs.length } };
}

const knownOfSla = (at: number): object => ({
  at, windowDays: 30, objective: 0.999, attainment: 0.9971, events: 120_000, goodEvents: 119_652, badEvents: 348, budgetLeft: -1.9, exhaustedInMs: 0,
  intervals: [{ method: 'wilson', confidence: 0.95, low: 0.9968, high: 0.9974 }],
  alerts: [{ id: 'fast', severity: 'page', factor: 14.4, long: { minutes: 60, burnRate: 20.1 }, short: { minutes: 5, burnRate: 31 }, burning: true }],
  sites: { expected: 4, reporting: 3, most: [{ site: 'eu-a', events: 40_000, badEvents: 301 }], silent: ['us-b'], silentCount: 1 }, missingDeltas: 2,
});
const incidents = Array.from({ length: 60 }, (_, i): object => {
  const openedAt = AT - i * 3_600_000;
  const isFinding = i % 3 === 2;
  return {
    id: `inc-${i}`, kind: isFinding ? 'fork' : 'burn-rate', state: i < 2 ? 'open' : 'closed', sla: isFinding ? null : 'finality', indicator: isFinding ? null : 'finality',
    scope: i === 1 ? 'site:eu-a' : 'global', severity: i % 2 === 0 ? 'page' : 'ticket', owner: isFinding ? null : 'clearing', runbook: i === 0 ? 'https://example.com/finality' : 'runbooks/finality.ts',
    openedAt, closedAt: i < 2 ? null : openedAt + 600_000, closedBy: i < 2 ? null : 'recovery', note: null, summary: isFinding ? 'region us offered two checkpoints' : `finality burns its budget ${i}`,
    known: isFinding ? { occurrences: 3, lastAt: openedAt, details: [{ at: openedAt, detail: 'two checkpoints of size 12' }] } : knownOfSla(openedAt),
    knownAtClose: i < 2 || isFinding ? null : knownOfSla(openedAt + 600_000),
    deliveries: i === 0 ? [{ webhook: 'pager', event: 'opened', state: 'given-up', attempts: 9, lastStatus: 503, lastError: 'answered 503', at: AT }, { webhook: 'chat', event: 'opened', state: 'delivered', attempts: 1, lastStatus: 204, lastError: null, at: AT }] : [],
  };
});

/** What a control plane of a platform on one machine answers; partitions are kept as long as the stub runs. */
function localStub(server: FastifyInstance): void {
  const partitions = new Map<string, object>();
  const sites = [{ id: 'global', tier: 'global' }, ...regions.map((r) => ({ id: `${r.id}/1`, tier: 'region', region: r.id })), ...nodes.map((n) => ({ id: n.id, tier: 'edge', region: n.region }))];
  server.get('/v1/local', async () => ({
    at: Date.now(), name: 'sample', state: 'running', wan: { mode: 'emulated', scale: 1 }, partitions: [...partitions.values()],
    sites: sites.map((s) => ({ ...s, state: 'listening', url: 'http://127.0.0.1:4', partitioned: partitions.has(s.id) })),
  }));
  server.post<{ Body: { site: string; forMs?: number } }>('/v1/local/partitions', async (request, reply) => {
    const { site, forMs } = request.body;
    if (site === 'us-b') return reply.status(409).send({ code: 'no-emulated-network', detail: 'partitions need the emulated network' });
    const partition = { site, since: Date.now(), until: forMs === undefined ? null : Date.now() + forMs };
    partitions.set(site, partition);
    return reply.status(201).send(partition);
  });
  server.delete('/v1/local/partitions', async () => {
    partitions.clear();
    return { healed: [] };
  });
  server.delete<{ Params: { site: string } }>('/v1/local/partitions/:site', async (request) => ({ healed: partitions.delete(request.params.site) ? [request.params.site] : [] }));
}

const series = (scope: string): object => ({
  scope, from: AT, to: AT + 600_000, stepMs: 60_000, band: { method: 'order-statistic', confidence: 0.95 },
  points: Array.from({ length: 10 }, (_, i) => {
    const q = (value: number): object => ({ value, low: value * 0.9, high: value * 1.1 });
    const lag = { count: 27, quantiles: { p50: q(40 + i), p95: q(90 + i), p99: q(150 + i * 3) } };
    return {
      from: AT + i * 60_000, to: AT + (i + 1) * 60_000, nodes: 2, deltas: 6, missing: 0, settlements: 30, perSecond: 0.5 + i / 10, final: 27, rejected: 3, offline: 0, drifted: 0,
      provisionalRatio: 0.01 * i, provisionalAgeMs: 100 * i,
      // A minute without settlements.
      lag: i === 4 ? { whole: { count: 0, quantiles: null } } : { provisional: lag, ordered: lag, final: lag, whole: lag },
    };
  }),
});

const live = (tick: number, isUnheard: boolean): object => ({
  at: AT + tick * 1_000 + (isUnheard ? 31_000 : 0), centre: {}, incidents: { open: 2 }, sites: nodes.map((n, i) => ({
    isLate: isUnheard || i === 2,
    id: n.id, region: n.region, state: (['ready', 'disconnected', 'silent', 'unknown'] as const)[i], heardAt: i === 3 ? null : AT + tick * 1_000, contactAt: i === 3 ? null : AT + tick * 1_000, perSecond: i === 3 ? 0 : 12.5 + tick,
    lagMs: { p50: 40, p95: 90, p99: i === 3 ? null : 150 }, provisionalRatio: 0.02 * i, provisional: i * 40, provisionalAgeMs: 100 * i, ...(i === 0 ? {} : { provisionalByAge: [i * 20, i * 12, i * 8, 0, 0, 0] }), queued: 2 * i, seq: 7,
  })),
});

/** @param port 0: a free one */
export async function startStub(folder: string, lies: Lies = {}, port = 0): Promise<{ readonly url: string; readonly server: FastifyInstance; stop(): Promise<void> }> {
  const log = await createLog();
  const size = (): number => (lies.empty === true ? 0 : outcomes.length);
  const server = fastify({ forceCloseConnections: true });
  await server.register(dashboardRoutes(folder, { trust: TRUST }));
  const problem = (code: string, detail: string): object => ({ type: `urn:tidemark:problem:${code}`, title: code, code, detail });
  server.setNotFoundHandler((request, reply) => reply.status(404).send(problem('not-found', `nothing is at GET ${request.url}`)));
  const view = (o: Outcome, globalIndex: number): object => ({
    id: o.id, state: o.status, asset: o.asset, debitAccount: o.debit, creditAccount: o.credit, amount: lies.lie === 'page' ? '999999' : o.amount, region: o.region, node: o.node, index: o.index,
    globalIndex, decidedAt: o.at - 45, orderedAt: o.at - 31, finalAt: o.at, ...(globalIndex === 42 ? { traceId: '0af7651916cd43dd8448eb211c80319c' } : {}), ...(o.reason === undefined ? {} : { reason: o.reason }),
  });

  server.get('/v1/status', async () => ({
    id: 'global', tier: 'global', state: 'ready', log: { origin: global.name, size: size() },
    counts: { final: size() * 0.9, rejected: size() * 0.1, accounts: 2, witnessedSize: size(), unwitnessed: 0, witnesses: 1 },
    incidents: lies.empty === true ? [] : [{ at: AT, kind: 'fork', detail: 'region us offered two checkpoints of size 12' }],
  }));
  server.get('/v1/regions', async () => ({ regions: regions.map((r) => ({ id: r.id, applied: size() / 2, size: size() / 2 })) }));
  server.get<{ Querystring: { after?: string; limit: string } }>('/v1/outcomes', async (request) => {
    const first = Number(request.query.after ?? -1) + 1;
    return { outcomes: outcomes.slice(first, Math.min(size(), first + Number(request.query.limit))).map((o, i) => view(o, first + i)), next: size() - 1 };
  });
  const indexOf = (id: string): number => outcomes.slice(0, size()).findIndex((o) => o.id === id);
  for (const part of ['', '/provenance', '/receipt'] as const) {
    server.get<{ Params: { id: string } }>(`/v1/settlements/:id${part}`, async (request, reply) => {
      const { id } = request.params;
      const index = indexOf(id);
      if (index < 0) return reply.status(404).send(problem('settlement-unknown', `settlement ${id} has no outcome here`));
      const o = outcomes[index]!;
      if (part === '') return view(o, index);
      if (part === '/provenance') return { entry: bytesOf(o).toString(), node: o.node, index: o.index, region: o.region, leaf: hashLeaf(bytesOf(o)).toString('base64') };
      const extraData = lies.lie === 'receipt' ? bytesOf({ ...o, amount: '1' }) : bytesOf(o);
      return reply.type('text/plain').send(formatProof({ index, proof: inclusionProof(index, outcomes.length, log.tile), checkpoint: log.checkpoint, extraData }));
    });
  }
  server.get('/checkpoint', async (_request, reply) =>
    (lies.empty === true ? reply.status(404).send(problem('no-checkpoint', 'this log has no checkpoint yet')) : reply.type('text/plain').send(log.checkpoint)));
  server.get('/tile/*', async (request, reply) => {
    const tile = parseTilePath(request.url.slice(1))!;
    const first = tile.index * 256;
    const bytes = Buffer.from(tile.kind === 'entries' ? encodeBundle(log.entries.slice(first, first + tile.width)) : log.tile(tile.level, tile.index, tile.width));
    if (lies.lie === 'tile' && tile.kind === 'tile') bytes[3]! ^= 1;
    return reply.type('application/octet-stream').send(bytes);
  });
  if (lies.plain !== true) server.get('/v1/assets', async () => ({ assets: [{ code: 'EUR', scale: 2 }] }));
  if (lies.plain !== true) await telemetryStub(server, lies);
  if (lies.local === true) localStub(server);
  const url = await server.listen({ host: '127.0.0.1', port });
  return { url, server, stop: () => server.close() };
}

async function telemetryStub(server: FastifyInstance, lies: Lies): Promise<void> {
  const node = nodes[0]!;
  const deltas = await Promise.all([1, 2, 3].map(async (seq) => {
    const note = await signDelta({
      origin: ORIGIN, node: node.id, region: node.region, seq, acknowledged: seq - 1, from: AT + seq * 5_000, to: AT + (seq + 1) * 5_000, sums: emptySums(),
      gauges: { state: 'ready', provisional: 0, provisionalRatio: 0, provisionalAgeMs: 0, queued: 0, logSize: 75 },
    }, node.signer);
    // The third was changed on its way.
    return { n: seq, node: node.id, region: node.region, seq, from: AT + seq * 5_000, to: AT + (seq + 1) * 5_000, receivedAt: AT + (seq + 1) * 5_000 + 40, note: seq === 3 ? note.replace('"logSize":75', '"logSize":76') : note };
  }));
  server.get('/v1/sla', async () => ({
    at: AT, slas: lies.empty === true ? [] : [sla('finality', 'global', 10_000, 9_999, 0.999), sla('ordering', 'region:eu', 10_000, 9_800, 0.99), sla('cache-drift', 'site:eu-a', 0, 0, 0.99)],
  }));
  server.get<{ Querystring: { month: string; format: string } }>('/v1/sla/report', async (request, reply) => reply.type('text/plain').send(`report ${request.query.month} ${request.query.format}`));
  server.get<{ Querystring: { scope: string } }>('/v1/telemetry/indicators', async (request, reply) =>
    (request.query.scope === 'site:nope' ? reply.status(400).send({ code: 'invalid-request', detail: 'scope: there is no edge node "nope"' }) : indicators(request.query.scope, lies)));
  server.get<{ Querystring: { scope: string } }>('/v1/telemetry/series', async (request) => series(request.query.scope));
  server.get<{ Querystring: { after?: string; limit: string } }>('/v1/telemetry/deltas', async (request) => {
    const page = deltas.filter((d) => d.n > Number(request.query.after ?? 0)).slice(0, Number(request.query.limit));
    return { deltas: page, next: page.at(-1)?.n ?? 0, progress: [] };
  });
  const listed = lies.empty === true ? [] : incidents as { id: string; state: string }[];
  server.get<{ Querystring: { state: string; limit: string; after?: string } }>('/v1/incidents', async (request) => {
    const { state, limit, after } = request.query;
    const fitting = listed.filter((i) => state === 'all' || i.state === state);
    const start = after === undefined ? 0 : fitting.findIndex((i) => i.id === after) + 1;
    const page = fitting.slice(start, start + Number(limit));
    return { incidents: page, next: start + page.length < fitting.length ? page.at(-1)!.id : null };
  });
  server.get<{ Params: { id: string } }>('/v1/incidents/:id', async (request, reply) =>
    listed.find((i) => i.id === request.params.id) ?? reply.status(404).send({ code: 'unknown-incident', detail: `there is no incident ${request.params.id}` }));
  server.get('/v1/audit/export', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'application/x-tar', 'content-disposition': 'attachment; filename="audit-global.tar"', 'tidemark-deltas': '12', 'tidemark-bytes-about': '4096' });
    reply.raw.write(Buffer.alloc(2_048, 'x'));
    if (lies.export === 'cut') reply.raw.end(Buffer.alloc(1_024, 'x'));
    else if (lies.export !== 'stalled') reply.raw.end(Buffer.alloc(1_024));
  });
  server.get('/v1/live', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    let tick = 0;
    const tell = (): void => void reply.raw.write(`event: status\ndata: ${JSON.stringify(lies.empty === true ? { at: AT, sites: [] } : live(tick += 1, lies.unheard === true))}\n\n`);
    tell();
    const timer = setInterval(tell, 200);
    reply.raw.on('close', () => clearInterval(timer));
  });
}
