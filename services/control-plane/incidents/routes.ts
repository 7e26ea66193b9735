/** Incidents over HTTP: docs/telemetry.md. */
import { NATURAL_PATTERN, Problem } from '../../protocol/index.ts';
import { CLIENT_ERRORS, type requireToken, type Server } from '../../shell/index.ts';
import type { Trust } from '../../transparency/index.ts';
import { askedScope } from '../telemetry/scope.ts';
import { toldOf, type Telling } from './events.ts';
import { INCIDENT_SCHEMA, type Incident, type IncidentView } from './model.ts';
import type { IncidentStore } from './store.ts';

const PAGE_MAX = 200;
const NOTE_MAX = 1_000;

export interface IncidentRoutesContext {
  readonly store: IncidentStore;
  readonly trust: Trust;
  readonly telling: Telling;
  readonly requireToken: ReturnType<typeof requireToken>;
  readonly now: () => number;
  /** There is something to deliver. */
  readonly onTold: () => void;
}

type Query = { readonly state: 'open' | 'closed' | 'all'; readonly scope: string; readonly after?: string; readonly limit: string };

export function incidentRoutes(server: Server, { store, trust, telling, requireToken: token, now, onTold }: IncidentRoutesContext): void {
  const tags = ['incidents'];
  const answer = { $ref: 'incident#' };
  const params = { type: 'object', required: ['id'], properties: { id: { type: 'string', maxLength: 100 } } };
  server.addSchema(INCIDENT_SCHEMA);
  const view = (incident: Incident): IncidentView =>
    ({ ...incident, state: incident.closedAt === null ? 'open' : 'closed', deliveries: store.deliveries(incident.id) });
  const found = (id: string): Incident => {
    const incident = store.get(id);
    if (incident === null) throw new Problem(404, 'unknown-incident', `there is no incident ${id}; GET /v1/incidents?state=all lists them`);
    return incident;
  };

  server.get<{ Querystring: Query }>('/v1/incidents', {
    schema: {
      tags, summary: 'Incidents, newest first',
      querystring: {
        type: 'object', additionalProperties: false,
        properties: {
          state: { type: 'string', enum: ['open', 'closed', 'all'], default: 'open' },
          scope: { type: 'string', maxLength: 200, default: 'global', description: 'global (all of them), region:ID (with its sites) or site:ID' },
          after: { type: 'string', pattern: NATURAL_PATTERN, description: 'the last page\'s next' },
          limit: { type: 'string', pattern: NATURAL_PATTERN, default: '50', description: `1 to ${PAGE_MAX}` },
        },
      },
      response: {
        200: {
          type: 'object', required: ['incidents', 'next'],
          properties: { incidents: { type: 'array', items: answer }, next: { type: ['string', 'null'], description: 'what to pass as after; null on the last page' } },
        },
        ...CLIENT_ERRORS,
      },
    },
  }, async (request) => {
    const { state, scope, after } = request.query;
    const limit = Number(request.query.limit);
    if (limit < 1 || limit > PAGE_MAX) throw new Problem(400, 'invalid-request', `limit: expected 1 to ${PAGE_MAX}, got ${limit}`);
    const { nodes } = askedScope(trust, scope);
    const scopes = scope === 'global' ? null : [scope, ...nodes.map((node) => `site:${node}`)];
    const page = store.list({ state, scopes, before: after === undefined ? null : Number(after), limit: limit + 1 });
    return { incidents: page.slice(0, limit).map(({ incident }) => view(incident)), next: page.length > limit ? String(page[limit - 1]!.n) : null };
  });

  server.get<{ Params: { id: string } }>('/v1/incidents/:id', {
    schema: { tags, summary: 'One incident', params, response: { 200: answer, ...CLIENT_ERRORS } },
  }, async (request) => view(found(request.params.id)));

  server.post<{ Params: { id: string }; Body: { note: string } }>('/v1/incidents/:id/close', {
    onRequest: token,
    schema: {
      tags, summary: 'Closes an incident by hand; only what is bad after that opens a new one', params,
      body: { type: 'object', required: ['note'], additionalProperties: false, properties: { note: { type: 'string', minLength: 1, maxLength: NOTE_MAX, description: 'why' } } },
      response: { 200: answer, ...CLIENT_ERRORS },
    },
  }, async (request) => {
    const incident = found(request.params.id);
    if (incident.closedAt !== null) throw new Problem(409, 'incident-closed', `${incident.id} is closed since ${new Date(incident.closedAt).toISOString()}`);
    const at = now();
    const { note } = request.body;
    const after: Incident = { ...incident, closedAt: at, closedBy: 'operator', note };
    store.apply([{ kind: 'close', id: incident.id, at, by: 'operator', note, known: null, told: toldOf(telling, 'closed', after, at) }], at);
    onTold();
    return view(found(incident.id));
  });
}
