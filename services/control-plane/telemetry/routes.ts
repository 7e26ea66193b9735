/** Telemetry over HTTP: docs/telemetry.md. */
import { hash } from 'node:crypto';
import type { Sla } from '../../../platform/index.ts';
import { ID_PATTERN, NATURAL_PATTERN, Problem } from '../../protocol/index.ts';
import { CLIENT_ERRORS, type Server } from '../../shell/index.ts';
import { DELTA_MAX, DELTAS_MAX } from '../../telemetry/index.ts';
import type { Trust } from '../../transparency/index.ts';
import type { IncidentStore } from '../incidents/store.ts';
import { basisOf, gather, gatherBasis, indicators, series } from './indicators.ts';
import type { Ingest, TelemetryRequest } from './ingest.ts';
import { LISTENERS_MAX, type Live } from './live.ts';
import { PAIRS_MAX, peeringPage } from './peering.ts';
import { REPORTED_INCIDENTS_MAX, reportCsv, reportHtml, REPORT_STYLE, type Report, type ReportRow } from './report.ts';
import { askedInstant, askedScope, duration, monthOf, rangeOf } from './scope.ts';
import { instancesOf, slaReport, slaStatusInTurns } from './sla.ts';
import type { TelemetryStore, TimeRange } from './store.ts';

const BODY_MAX = 6 * 1024 * 1024;
const PAGE_MAX = 1_000;
const POINTS_MAX = 500;
/** Asked again within so long, the same figures are told again. */
const FRESH_MS = 2_000;
const REMEMBERED_MAX = 200;
/** Questions that wait for their turn: they are answered one at a time, so that the ledger keeps its share of the machine. */
const QUESTIONS_MAX = 100;

export interface TelemetryContext {
  readonly trust: Trust;
  readonly slas: readonly Sla[];
  readonly store: TelemetryStore;
  readonly ingest: Ingest;
  readonly live: Live;
  readonly incidents: Pick<IncidentStore, 'during'>;
  readonly now: () => number;
}

const text = (description: string, more: object = {}): object => ({ type: 'string', description, ...more });
const SCOPE = text('global, region:ID or site:ID', { default: 'global', maxLength: 200 });
const WINDOW = text('minutes, hours or days: 5m, 1h, 24h, 30d', { default: '1h', maxLength: 20 });

export function telemetryRoutes(server: Server, c: TelemetryContext): void {
  const tags = ['telemetry'];
  const query = (properties: object, required: readonly string[] = []): object => ({ type: 'object', additionalProperties: false, required, properties });
  const answer = createAnswers(c.now);
  const sight = { trust: c.trust, latest: c.ingest.latest };

  server.post<{ Body: TelemetryRequest }>('/v1/telemetry', {
    bodyLimit: BODY_MAX,
    schema: {
      tags: ['regions'], summary: 'Telemetry deltas of a region\'s nodes with the region\'s sum, all signed notes; answered with a signed acknowledgement',
      body: {
        type: 'object', required: ['region', 'sum', 'deltas'], additionalProperties: false,
        properties: {
          region: { type: 'string', pattern: ID_PATTERN }, sum: { type: 'string', maxLength: 4 * DELTA_MAX },
          deltas: { type: 'array', minItems: 1, maxItems: DELTAS_MAX, items: { type: 'string', maxLength: DELTA_MAX } },
        },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request, reply) => reply.type('text/plain; charset=utf-8').send(await c.ingest.take(request.body)));

  server.get<{ Querystring: { scope: string; window: string } }>('/v1/telemetry/indicators', {
    schema: { tags, summary: 'Indicators over a time, with intervals and what they stand on', querystring: query({ scope: SCOPE, window: WINDOW }), response: CLIENT_ERRORS },
  }, async (request) => {
    const asked = askedScope(c.trust, request.query.scope);
    const windowMs = duration('window', request.query.window);
    return answer(`indicators ${asked.name} ${windowMs}`, async () =>
      ({ window: request.query.window, ...await indicators(c.store, asked, rangeOf(windowMs, c.now()), sight) }));
  });

  server.get<{ Querystring: { scope: string; window: string; after: string; limit: string } }>('/v1/telemetry/peering', {
    schema: {
      tags, summary: 'Every way between two sites that is probed, in order of their ids', response: CLIENT_ERRORS,
      querystring: query({
        scope: SCOPE, window: WINDOW, after: text('the last page\'s next', { default: '', maxLength: 200 }),
        limit: { type: 'string', pattern: NATURAL_PATTERN, default: '100', description: `1 to ${PAIRS_MAX}` },
      }),
    },
  }, async (request) => {
    const { after } = request.query;
    const asked = askedScope(c.trust, request.query.scope);
    const windowMs = duration('window', request.query.window);
    const limit = Number(request.query.limit);
    if (limit < 1 || limit > PAIRS_MAX) throw new Problem(400, 'invalid-request', `limit: expected 1 to ${PAIRS_MAX}, got ${limit}`);
    return answer(`peering ${asked.name} ${windowMs} ${limit} ${after}`, async () => {
      const range = rangeOf(windowMs, c.now());
      return { scope: asked.name, window: request.query.window, ...range, ...await peeringPage(await gather(c.store, asked, range), sight, after, limit) };
    });
  });

  server.get<{ Querystring: { scope: string; window: string; step?: string } }>('/v1/telemetry/series', {
    schema: {
      tags, summary: `Points over time for charts, at most ${POINTS_MAX}`, response: CLIENT_ERRORS,
      querystring: query({ scope: SCOPE, window: WINDOW, step: text('of a point; minutes, hours or days', { maxLength: 20 }) }),
    },
  }, async (request) => {
    const asked = askedScope(c.trust, request.query.scope);
    const windowMs = duration('window', request.query.window);
    const stepMs = request.query.step === undefined ? Math.max(60_000, Math.ceil(windowMs / 120 / 60_000) * 60_000) : duration('step', request.query.step);
    if (windowMs / stepMs > POINTS_MAX) throw new Problem(400, 'invalid-request', `step: ${windowMs / stepMs} points, at most ${POINTS_MAX}; take a longer step or a shorter window`);
    return answer(`series ${asked.name} ${windowMs} ${stepMs}`, async () => {
      const { from, to } = rangeOf(windowMs, c.now(), 60_000);
      // Points lie on the step's own grid, so that they stay what they are from one question to the next.
      const start = Math.floor(from / stepMs) * stepMs;
      return { scope: asked.name, from: start, to, stepMs, band: { method: 'order-statistic', confidence: 0.95 }, points: await series(c.store, asked, { from: start, to }, stepMs) };
    });
  });

  server.get<{ Querystring: { node?: string; region?: string; from?: string; to?: string; after: string; limit: string } }>('/v1/telemetry/deltas', {
    schema: {
      tags, response: CLIENT_ERRORS,
      summary: 'Deltas as they were received, with their signatures: all in the order in which they came, or those of a stretch of time in its order',
      querystring: query({
        from: text('a time of UTC, 2026-11-21T15:30:00Z, or milliseconds since 1970: those whose counts count at this time or later', { maxLength: 40 }),
        to: text('the same: those whose counts count before this time', { maxLength: 40 }),
        node: { type: 'string', pattern: ID_PATTERN }, region: { type: 'string', pattern: ID_PATTERN },
        after: { type: 'string', pattern: NATURAL_PATTERN, default: '0', description: 'the last page\'s next' },
        limit: { type: 'string', pattern: NATURAL_PATTERN, default: '100', description: `1 to ${PAGE_MAX}` },
      }),
    },
  }, async (request) => {
    const { node, region, after } = request.query;
    const limit = Number(request.query.limit);
    if (limit < 1 || limit > PAGE_MAX) throw new Problem(400, 'invalid-request', `limit: expected 1 to ${PAGE_MAX}, got ${limit}`);
    if (node !== undefined) askedScope(c.trust, `site:${node}`);
    if (region !== undefined) askedScope(c.trust, `region:${region}`);
    const scope = { ...(node === undefined ? {} : { node }), ...(region === undefined ? {} : { region }) };
    const range = timesOf(request.query.from, request.query.to);
    const deltas = range === null ? c.store.raw(scope, Number(after), limit) : c.store.rawWithin(scope, range, Number(after), limit);
    if (deltas === null) throw new Problem(400, 'invalid-request', `after: there is no delta ${after} (any more); leave it out to start again from the first one of the time`);
    return { deltas, next: deltas.at(-1)?.n ?? Number(after), progress: c.store.nodes().filter((p) => (node ?? p.node) === p.node && (region ?? p.region) === p.region) };
  });

  const instances = instancesOf(c.slas, c.trust);
  server.get('/v1/sla', { schema: { tags, summary: 'Attainment, error budget and burn rates of every SLA', response: CLIENT_ERRORS } }, () =>
    answer('sla', async () => ({ at: c.now(), slas: await slaStatusInTurns(c.store, instances, c.now()) })));

  server.get<{ Querystring: { month: string; format: 'html' | 'csv' | 'json' } }>('/v1/sla/report', {
    schema: {
      tags, summary: 'The SLA report of a month of UTC', response: CLIENT_ERRORS,
      querystring: query({ month: text('2026-11', { maxLength: 20 }), format: { type: 'string', enum: ['html', 'csv', 'json'], default: 'json' } }, ['month']),
    },
  }, async (request, reply) => {
    const { month, format } = request.query;
    const report = await answer(`report ${month}`, () => createReport(c, month)) as Report;
    if (format === 'json') return report;
    const name = `attachment; filename="sla-${month}.csv"`;
    if (format === 'csv') return reply.type('text/csv; charset=utf-8').header('content-disposition', name).send(reportCsv(report));
    const style = hash('sha256', REPORT_STYLE, 'base64');
    return reply.type('text/html; charset=utf-8').header('content-security-policy', `default-src 'none'; style-src 'sha256-${style}'`)
      .header('x-content-type-options', 'nosniff').send(reportHtml(report));
  });

  server.get('/v1/live', {
    schema: { tags, summary: 'How the sites stand, once a second: server-sent events of the type status' },
  }, (_request, reply) => {
    if (c.live.count() >= LISTENERS_MAX) throw new Problem(503, 'too-many-listeners', `${LISTENERS_MAX} listen already; try again later, or ask /v1/telemetry/indicators`, {}, 10);
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' });
    c.live.listen(reply.raw);
  });
}

/** The times that are asked about; null when all are. @throws Problem that says what is allowed */
function timesOf(from: string | undefined, to: string | undefined): TimeRange | null {
  if (from === undefined && to === undefined) return null;
  const range = { from: from === undefined ? 0 : askedInstant('from', from), to: to === undefined ? Number.MAX_SAFE_INTEGER : askedInstant('to', to) };
  if (range.from >= range.to) throw new Problem(400, 'invalid-request', `to: expected a time after from (${range.from}), got ${range.to}`);
  return range;
}

export async function createReport(c: Pick<TelemetryContext, 'trust' | 'slas' | 'store' | 'incidents' | 'now'>, month: string): Promise<Report> {
  const now = c.now();
  const range = monthOf(month, now);
  const asked = askedScope(c.trust, 'global');
  const basis = basisOf(asked, await gatherBasis(c.store, asked, range)) as unknown as Report['basis'];
  const slas = await slaReport(c.store, instancesOf(c.slas, c.trust), range) as unknown as readonly ReportRow[];
  return { platform: c.trust.origin, month, ...range, createdAt: now, partial: now < range.to, basis, slas, incidents: c.incidents.during(range.from, range.to, REPORTED_INCIDENTS_MAX) };
}

/** Answers one question at a time, and the same one from memory for a moment. */
function createAnswers(now: () => number): (key: string, work: () => Promise<unknown>) => Promise<unknown> {
  const known = new Map<string, { readonly at: number; readonly value: Promise<unknown> }>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return (key, work) => {
    const remembered = known.get(key);
    if (remembered !== undefined && now() - remembered.at <= FRESH_MS) return remembered.value;
    if (waiting >= QUESTIONS_MAX) throw new Problem(503, 'busy', `${waiting} questions wait already; ask again later`, {}, 2);
    waiting += 1;
    const value = last.then(work).finally(() => {
      waiting -= 1;
    });
    last = value.catch(() => undefined);
    known.set(key, { at: now(), value });
    value.catch(() => known.delete(key));
    if (known.size > REMEMBERED_MAX) known.delete(known.keys().next().value!);
    return value;
  };
}
