/**
 * The HTTP server that every service starts from: fastify with strict JSON, RFC 9457 errors, OpenAPI 3.1, health,
 * metrics, bounds on size and time, and the operator's token.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import swagger from '@fastify/swagger';
import fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Problem } from '../protocol/errors.ts';
import { parseTraceparent } from '../protocol/trace.ts';
import { FRAME_MAX, FRAME_TYPE } from '../protocol/frame.ts';
import { negotiate } from './accept.ts';
import { encodeMetrics, PROTOBUF_TYPE } from './metrics-protobuf.ts';
import { createProblemLog } from './problem-log.ts';
import { formatMetrics, TEXT_TYPE, type Metric } from './metrics.ts';
import type { Otlp } from './otlp/start.ts';
import { createReceiving } from './receiving.ts';
import type { FileContent } from './settings.ts';
import { parseStrictJson } from './strict-json.ts';
import type { ServerCertificate } from './tls.ts';
import { logIds } from './tracing/tracer.ts';

export type Server = FastifyInstance;

export interface ServerOptions {
  readonly name: string;
  readonly description: string;
  readonly logger: FastifyBaseLogger;
  /** Why the service is not ready, or null when it is. */
  readonly notReady: () => string | null;
  readonly metrics: () => readonly Metric[];
  /** Where what is at /metrics is sent as well, from when the server listens. @default - nowhere */
  readonly otlp?: Pick<Otlp, 'send'>;
  /** @default - plain HTTP */
  readonly certificate?: ServerCertificate | undefined;
}

const BODY_MAX = 8 * 1024 * 1024;
/** Bytes of all bodies together that are coming in or being worked on. */
const RECEIVING_MAX = 192 * 1024 * 1024;

const problemAnswer = (description: string): object =>
  ({ description, content: { 'application/problem+json': { schema: { $ref: 'problem#' } } } });
/** For a route's `response`: refusals, without saying which. */
export const CLIENT_ERRORS = { '4xx': problemAnswer('Problem details (RFC 9457)') } as const;
/** For a route's `response`: refusals by status, each with what it means. */
export const problemAnswers = (meanings: Readonly<Record<number, string>>): Readonly<Record<string, object>> =>
  Object.fromEntries(Object.entries(meanings).map(([status, meaning]) => [status, problemAnswer(meaning)]));

const problemSchema = {
  $id: 'problem', type: 'object', required: ['type', 'title', 'status', 'code', 'detail'], additionalProperties: true,
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' },
    code: { type: 'string' }, detail: { type: 'string' },
  },
};

/** A server with the common routes; the caller adds its own and calls `listen`. */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { certificate } = options;
  const server: FastifyInstance = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: requestLogger,
    bodyLimit: BODY_MAX,
    // A client that dawdles holds a socket, never more: whole request in 30 s, headers in 10 s.
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 65_000,
    ...encryption(certificate),
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: false },
    forceCloseConnections: true,
    // Raised before there is a route, a malformed URL for one.
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, new Problem(error.statusCode ?? 400, 'bad-request', error.message));
    },
    return503OnClosing: true,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true, useDefaults: true } },
  });
  server.server.maxConnections = 4_096;
  const warning = certificate?.warning(Date.now()) ?? null;
  if (warning !== null) options.logger.warn(warning);
  server.addSchema(problemSchema);
  await server.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: options.name, description: options.description, version: '1' } },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json['$id'] ?? `def-${i}`) },
  });
  server.addHook('onRequest', async (request, reply) => {
    // What senders chose (ids, names) is in answers: no browser is to guess at another type than the one that is said.
    reply.header('x-content-type-options', 'nosniff');
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') throw new Problem(415, 'unsupported-encoding', `content-encoding ${encoding.slice(0, 32)}: send the body as it is`);
  });
  const receiving = createReceiving(RECEIVING_MAX);
  server.addHook('preParsing', (request, reply, payload, done) => {
    const { headers } = request;
    if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0) {
      const { release } = receiving.watch(payload, () => request.raw.destroy());
      reply.raw.on('close', release);
    }
    done(null, payload);
  });
  server.removeContentTypeParser(['application/json', 'text/plain']);
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => parseStrictJson(body));
  server.addContentTypeParser('text/plain', { parseAs: 'buffer', bodyLimit: 256 * 1024 }, async (_request: FastifyRequest, body: Buffer) => body);
  server.addContentTypeParser(FRAME_TYPE, { parseAs: 'buffer', bodyLimit: FRAME_MAX }, async (_request: FastifyRequest, body: Buffer) => body);

  server.setNotFoundHandler(async (request) => {
    throw new Problem(404, 'not-found', `nothing is at ${request.method} ${request.url.slice(0, 200)}; see /openapi.json`);
  });
  const logProblem = createProblemLog();
  server.setErrorHandler(async (error: Error & { statusCode?: number; code?: string; validation?: { instancePath: string; message?: string; params?: object }[] }, request, reply) => {
    const problem = toProblem(error);
    logProblem(request, reply, problem, error);
    return sendProblem(reply, problem);
  });

  const hidden = { schema: { hide: false, tags: ['operations'] } };
  server.get('/healthz', hidden, async () => ({ status: 'ok' }));
  server.get('/readyz', hidden, async () => {
    const why = options.notReady();
    if (why !== null) throw new Problem(503, 'not-ready', why, {}, 1);
    return { status: 'ready' };
  });
  const metrics = (): readonly Metric[] => [...options.metrics(), {
    name: 'tidemark_receiving_bytes', type: 'gauge', unit: 'By', help: 'Bytes of request bodies that are coming in or being worked on.',
    samples: [{ value: receiving.bytes() }],
  }, ...(certificate === undefined ? [] : [expiry(certificate)])];
  server.get('/metrics', hidden, async ({ headers: { accept } }, reply) => {
    reply.header('vary', 'accept');
    if (negotiate(accept, [TEXT_TYPE, PROTOBUF_TYPE]) === TEXT_TYPE) return reply.type(TEXT_TYPE).send(formatMetrics(metrics()));
    return reply.type(PROTOBUF_TYPE).send(Buffer.from(encodeMetrics(metrics())));
  });
  if (options.otlp !== undefined) {
    const { otlp } = options;
    let sending: ReturnType<Otlp['send']> | undefined;
    server.addHook('onListen', async () => {
      sending = otlp.send(metrics);
    });
    // What is looked at is still open then.
    server.addHook('onClose', async () => sending?.stop());
  }
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger());
  return server;
}

/** The caller's trace stands in every line that is logged while its request is handled. */
function requestLogger(logger: FastifyBaseLogger, bindings: object, options: object, { headers }: { readonly headers: IncomingHttpHeaders }): FastifyBaseLogger {
  const context = headers['traceparent'] === undefined ? null : parseTraceparent(headers['traceparent']);
  const ids = context === null ? {} : logIds(context.traceId, context.spanId, context.sampled ? '01' : '00');
  return logger.child({ ...bindings, ...ids }, options);
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.retryAfter !== undefined) reply.header('retry-after', String(problem.retryAfter));
  return reply.status(problem.status).type('application/problem+json').send(Buffer.from(JSON.stringify(problem)));
}

function toProblem(error: Error & { statusCode?: number; code?: string; validation?: { instancePath: string; message?: string; params?: object }[] }): Problem {
  if (error instanceof Problem) return error;
  if (error.validation !== undefined) {
    const errors = error.validation.slice(0, 20).map((v) => ({ path: v.instancePath, message: v.message ?? '', ...v.params }));
    return new Problem(400, 'invalid-request', error.message, { errors });
  }
  const status = error.statusCode ?? 500;
  if (status === 413) return new Problem(413, 'too-large', 'the body is larger than this endpoint takes; send less at once');
  if (status === 415) return new Problem(415, 'unsupported-media-type', 'send application/json (or the media type that /openapi.json names for this endpoint)');
  if (status >= 400 && status < 500) return new Problem(status, 'bad-request', error.message);
  return new Problem(500, 'internal', 'something went wrong on our side; it is in this service\'s log');
}

function encryption(certificate: ServerCertificate | undefined): object {
  const limits = { headersTimeout: 10_000, maxHeaderSize: 16_384 };
  if (certificate === undefined) return { http: limits };
  const { cert, key, minVersion } = certificate;
  return { https: { ...limits, handshakeTimeout: 10_000, cert, key, minVersion } };
}

const expiry = ({ expiresAt }: ServerCertificate): Metric => ({
  name: 'tidemark_certificate_expires_seconds', type: 'gauge', unit: 's', help: 'When the certificate that is served expires, in seconds since 1970.',
  samples: [{ value: Math.floor(expiresAt / 1_000) }],
});

/** The bound address as a base URL. */
export function baseUrl(server: Server): string {
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${server.server instanceof TlsServer ? 'https' : 'http'}://${host}:${address.port}`;
}

/**
 * A check for routes that change the platform: `Authorization: Bearer <token>`. This is the one place where access is
 * decided; clients' own authentication belongs here too. Without a token nothing gets through.
 */
export function requireToken(file: FileContent | undefined): (request: FastifyRequest) => Promise<void> {
  const token = file?.text.trim() ?? randomBytes(32).toString('hex');
  const expected = Buffer.from(`Bearer ${token}`);
  return async (request) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) {
      throw new Problem(401, 'token-required', 'this changes the platform: send "Authorization: Bearer <token>" with the token of the data folder');
    }
  };
}
