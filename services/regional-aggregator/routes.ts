/** The HTTP surface of a replica (docs/protocol.md), its status and its metrics. */
import type { FastifyRequest } from 'fastify';
import { FRAME_TYPE, ID_PATTERN, NATURAL_PATTERN, NONCE_PATTERN, Problem, type ServiceStatus } from '../protocol/index.ts';
import {
  CLIENT_ERRORS, problemOf, UnreachableError, type HttpClient, type Metric, type Server,
} from '../shell/index.ts';
import { DELTA_MAX, DELTAS_MAX } from '../telemetry/index.ts';
import type { RegionTrust, Signer, Verifier } from '../transparency/index.ts';
import type { Agreement } from './agreement.ts';
import type { Centre } from './centre.ts';
import { MESSAGE_MAX } from './core/batch.ts';
import type { Forwarder } from './forwarder.ts';
import type { Ingress } from './ingress.ts';
import { WAIT_MAX_MS, type Relay } from './relay.ts';
import type { Replica } from './replica.ts';
import type { RegionStore } from './store.ts';
import { TELEMETRY_BODY_MAX, type TelemetryRelay } from './telemetry.ts';
import type { RegionTracing } from './tracing.ts';
import { addCheckpoint } from './witness.ts';

/** Without the centre for longer than this, a replica calls itself disconnected. */
const DISCONNECTED_MS = 5_000;
const QUERY_TIMEOUT_MS = 2_000;
/** A region's note has a checkpoint and a few signature lines. */
const NOTE_BYTES_MAX = 16_384;
/** A proof of at most 63 lines and a checkpoint. */
const ADD_CHECKPOINT_BYTES_MAX = 65_536;
/** A thousand ids of 128 characters. */
const QUERY_BYTES_MAX = 160 * 1024;
const EVIDENCE_LIST_MAX = 200;

export interface Region {
  readonly me: number;
  readonly trust: RegionTrust;
  readonly global: Verifier;
  readonly replicaSigner: Signer;
  readonly store: RegionStore;
  readonly replica: Replica;
  readonly agreement: Agreement;
  readonly centre: Centre;
  readonly forwarder: Forwarder;
  readonly ingress: Ingress;
  readonly relay: Relay;
  readonly telemetry: TelemetryRelay;
  readonly tracing: RegionTracing;
  readonly http: HttpClient;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface DownRoute {
  readonly Params: { readonly node: string };
  readonly Querystring: { readonly ordered: string; readonly final: string; readonly wait: string };
}

const natural = (description: string): object =>
  ({ type: 'string', pattern: NATURAL_PATTERN, default: '0', description });

export function addRoutes(server: Server, r: Region): void {
  const bytes = (request: FastifyRequest, type: string): Buffer => {
    if (!Buffer.isBuffer(request.body)) throw new Problem(415, 'unsupported-media-type', `send ${type}`);
    return request.body;
  };

  server.post('/v1/batches', {
    bodyLimit: MESSAGE_MAX,
    schema: {
      tags: ['edge'], summary: 'A batch of an edge node\'s log, as a frame', consumes: [FRAME_TYPE],
      response: { 200: { type: 'object', required: ['size'], properties: { size: { type: 'integer' } } }, ...CLIENT_ERRORS },
    },
  }, (request) => r.ingress.take(bytes(request, FRAME_TYPE)));

  server.get<DownRoute>('/v1/nodes/:node/down', {
    schema: {
      tags: ['edge'], summary: 'What became of a node\'s entries: a long poll, answered with a frame',
      params: { type: 'object', properties: { node: { type: 'string', pattern: ID_PATTERN } } },
      querystring: {
        type: 'object', additionalProperties: false,
        properties: {
          ordered: natural('log size that the node knows to be ordered'),
          final: natural('edge index from which it needs outcomes'),
          wait: natural(`how long to wait for news, milliseconds, at most ${WAIT_MAX_MS}`),
        },
      },
    },
  }, async (request, reply) => {
    const { node } = request.params;
    if (!r.trust.nodes.has(node)) throw new Problem(404, 'unknown-node', `${node} is not a node of region ${r.trust.id}`);
    const halted = r.replica.halted();
    if (halted !== null) throw new Problem(503, 'halted', halted, {}, 5);
    const gone = new AbortController();
    reply.raw.on('close', () => gone.abort());
    const { ordered, final, wait } = request.query;
    const frame = await r.relay.down(
      node, { ordered: Number(ordered), final: Number(final), waitMs: Math.min(Number(wait), WAIT_MAX_MS) }, gone.signal,
    );
    return reply.type(FRAME_TYPE).send(frame);
  });

  server.post('/v1/accounts/query', {
    bodyLimit: QUERY_BYTES_MAX,
    schema: {
      tags: ['edge'], summary: 'Account states, signed by the control plane',
      body: {
        type: 'object', required: ['accounts', 'nonce'], additionalProperties: false,
        properties: {
          accounts: { type: 'array', maxItems: 1_000, items: { type: 'string', pattern: ID_PATTERN } },
          nonce: { type: 'string', pattern: NONCE_PATTERN }, openedAfter: { type: 'integer', minimum: 0 },
        },
      },
    },
  }, async (request, reply) => {
    try {
      const answer = await r.centre.call(r.http, '/v1/accounts/query', {
        method: 'POST', body: JSON.stringify(request.body), type: 'application/json', timeoutMs: QUERY_TIMEOUT_MS,
      });
      if (answer.status !== 200) throw problemOf('/v1/accounts/query', answer);
      return await reply.type('text/plain; charset=utf-8').send(answer.body);
    } catch (error) {
      if (error instanceof UnreachableError) {
        throw new Problem(503, 'centre-unreachable', 'the control plane does not answer; try again', {}, 1);
      }
      throw error;
    }
  });

  server.post<{ Body: { deltas: string[] } }>('/v1/telemetry', {
    bodyLimit: TELEMETRY_BODY_MAX,
    schema: {
      tags: ['edge'], summary: 'A node\'s telemetry deltas, signed notes; answered with the centre\'s signed acknowledgement',
      body: {
        type: 'object', required: ['deltas'], additionalProperties: false,
        properties: { deltas: { type: 'array', minItems: 1, maxItems: DELTAS_MAX, items: { type: 'string', maxLength: DELTA_MAX } } },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request, reply) => reply.type('text/plain; charset=utf-8').send(await r.telemetry.take(request.body.deltas)));

  server.post('/v1/cosignatures', {
    bodyLimit: NOTE_BYTES_MAX, schema: { tags: ['region'], summary: 'A peer\'s cosigned checkpoint of the region log' },
  }, async (request, reply) => {
    const note = await r.agreement.takeNote(bytes(request, 'text/plain').toString('utf8'));
    return note === null ? reply.status(204).send() : reply.type('text/plain; charset=utf-8').send(note);
  });

  server.get('/v1/cosignatures/latest', {
    schema: { tags: ['region'], summary: 'The largest checkpoint that this replica has cosigned' },
  }, async (_request, reply) => {
    const note = r.replica.halted() === null ? r.agreement.latestNote() : null;
    if (note === null) throw new Problem(404, 'no-checkpoint', r.replica.halted() ?? 'this replica has cosigned nothing yet');
    return reply.type('text/plain; charset=utf-8').send(note);
  });

  // Witnesses take a request whatever media type its client gives it.
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      '*', { parseAs: 'buffer', bodyLimit: ADD_CHECKPOINT_BYTES_MAX }, async (_request: FastifyRequest, body: Buffer) => body,
    );
    scope.post('/add-checkpoint', {
      schema: { tags: ['witness'], summary: 'C2SP tlog-witness, for the global log' },
    }, async (request, reply) => {
      const halted = r.replica.halted();
      if (halted !== null) throw new Problem(503, 'halted', halted, {}, 5);
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const answer = await addCheckpoint(body, r.global, r.replicaSigner, r.store, r.now());
      return reply.status(answer.status).type(answer.type).send(answer.body);
    });
  });

  server.get('/v1/status', { schema: { tags: ['operations'] } }, async () => statusOf(r));
  server.get('/v1/evidence', {
    schema: { tags: ['operations'], summary: `What was refused, and why; the newest ${EVIDENCE_LIST_MAX}` },
  }, async () => ({ evidence: r.store.evidence(EVIDENCE_LIST_MAX) }));
}

function countsOf(r: Region): Record<string, number> {
  return {
    nodes: r.store.nodeCount(), batches: r.store.log.size, entries: r.store.entryCount(),
    queued: Math.max(0, (r.agreement.reached()?.size ?? 0) - (r.centre.applied() ?? 0)), queuedBytes: r.forwarder.backlogBytes(),
    refused: r.ingress.refused() + r.replica.refusedInStream(), evidence: r.store.evidenceCount(),
    quorumSize: r.agreement.reached()?.size ?? 0, forwarded: r.forwarder.forwarded(), applied: r.centre.applied() ?? 0,
    disagreeing: r.agreement.disagreeing().length,
  };
}

export function statusOf(r: Region): ServiceStatus {
  const age = r.centre.ageMs();
  return {
    id: r.trust.id, tier: 'region', region: r.trust.id, replica: r.me,
    state: r.replica.halted() !== null ? 'halted' : age === null || age > DISCONNECTED_MS ? 'disconnected' : 'ready',
    log: { origin: r.trust.log.name, size: r.store.log.size },
    counts: countsOf(r),
    incidents: r.replica.incidents(),
  };
}

export function metricsOf(r: Region): Metric[] {
  const counts = countsOf(r);
  const labels = { region: r.trust.id, replica: String(r.me) };
  const age = r.centre.ageMs();
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number): Metric =>
    ({ name: `tidemark_region_${name}`, type, help, samples: [{ labels, value }] });
  return [
    one('batches', 'gauge', 'Entries of the region log.', counts['batches']!),
    one('entries', 'gauge', 'Edge log entries that the region has.', counts['entries']!),
    one('quorum_size', 'gauge', 'Size of the largest checkpoint with a quorum.', counts['quorumSize']!),
    one('applied', 'gauge', 'Entries of the region log that the centre has applied.', counts['applied']!),
    one('queued_batches', 'gauge', 'Ordered batches that the centre has not applied.', counts['queued']!),
    one('queued_bytes', 'gauge', 'Message bytes in the stream that the centre has not applied.', counts['queuedBytes']!),
    one('forwarded_total', 'counter', 'Entries that this replica brought to the centre.', counts['forwarded']!),
    one('refused_total', 'counter', 'Batches refused, other than for load.', counts['refused']!),
    one('evidence', 'gauge', 'Pieces of evidence kept.', counts['evidence']!),
    one('disagreeing_replicas', 'gauge', 'Peers that cosigned another root than this replica\'s.', counts['disagreeing']!),
    one('telemetry_deltas_total', 'counter', 'Telemetry deltas that this replica brought to the centre.', r.telemetry.passed()),
    one('in_flight', 'gauge', 'Batches being taken.', r.ingress.inFlight()),
    one('waiters', 'gauge', 'Nodes waiting for news.', r.relay.waiters()),
    one('halted', 'gauge', '1 when this replica has stopped for good.', r.replica.halted() === null ? 0 : 1),
    one('centre_age_seconds', 'gauge', 'Time since word from the centre; -1 before the first.', age === null ? -1 : age / 1000),
    ...r.tracing.metrics(),
  ];
}
