/** The node's HTTP API; docs/protocol.md lists it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BATCH_MAX, ID_PATTERN, POLICY_DIGEST_PATTERN, Problem, type Instruction } from '../protocol/index.ts';
import { CLIENT_ERRORS, parseStrictBatch, problemAnswers, serveLog, type Server } from '../shell/index.ts';
import { hashLeaf, signCheckpoint, type Signer } from '../transparency/index.ts';
import type { AccountSource } from './accounts.ts';
import type { EdgeCore } from './core/node.ts';
import { parseInstruction } from './instruction.ts';
import type { Decided, Intake } from './intake.ts';
import type { Link } from './link.ts';
import { edgeProof, globalProof, receiptJson, settlementView } from './receipts.ts';
import type { EdgeStore } from './store.ts';
import { traceOf, type EdgeTracing, type Followed } from './tracing.ts';

export interface RouteOptions {
  readonly node: string;
  readonly signer: Signer;
  readonly core: EdgeCore;
  readonly store: EdgeStore;
  readonly intake: Intake;
  readonly accounts: AccountSource;
  readonly link: Link;
  readonly now: () => number;
  /** From disk into memory, when it is there. */
  readonly recall: (account: string) => boolean;
  readonly orderedSize: () => number;
  readonly halted: () => string | null;
  readonly onAnswered: (count: number, lagMs: number) => void;
  readonly tracing: EdgeTracing;
}

const id = { type: 'string', pattern: ID_PATTERN } as const;
const settlementSchema = {
  type: 'object', required: ['id', 'asset', 'debitAccount', 'creditAccount', 'amount'],
  properties: {
    id, asset: { type: 'string' }, debitAccount: id, creditAccount: id,
    amount: { type: 'string', description: 'minor units, digits' },
  },
} as const;
const settlementExample = { id: 'order-1', asset: 'EUR', debitAccount: 'alice', creditAccount: 'bob', amount: '1250' };
const receiptSchema = {
  type: 'object', required: ['id', 'state', 'mode', 'node', 'index', 'decidedAt', 'leaf'],
  properties: {
    id, state: { type: 'string', enum: ['provisional', 'rejected'] }, reason: { type: 'string' },
    mode: { type: 'string', enum: ['online', 'offline'] }, node: id, index: { type: 'integer' },
    decidedAt: { type: 'integer', description: 'milliseconds since 1970' }, leaf: { type: 'string', description: 'leaf hash, base64' },
  },
} as const;
const answerSchema = {
  type: 'object', required: ['settlements'],
  properties: {
    settlements: {
      type: 'array', description: 'one item for each settlement, in order',
      items: {
        oneOf: [
          { ...receiptSchema, required: [...receiptSchema.required, 'status'], properties: { ...receiptSchema.properties, status: { type: 'integer', enum: [200, 201] } } },
          {
            type: 'object', required: ['id', 'status', 'problem'],
            properties: { id: { type: ['string', 'null'] }, status: { type: 'integer', enum: [400, 409] }, problem: { $ref: 'problem#' } },
          },
        ],
      },
    },
  },
} as const;
/** For readers; what is sent is a text already. */
const answered = (description: string, schema: object): object => ({ description, content: { 'application/json': { schema } } });
const byId = { type: 'object', required: ['id'], properties: { id } } as const;
const accountsBody = {
  type: 'object', required: ['accounts'], additionalProperties: false,
  properties: { accounts: { type: 'array', maxItems: BATCH_MAX, items: id } },
} as const;

export function addRoutes(server: Server, o: RouteOptions): void {
  addSettlements(server, o);
  addAccounts(server, o);
  server.get('/v1/policies/:digest', {
    schema: {
      tags: ['settlements'], summary: 'A policy that decisions on this log name',
      params: { type: 'object', required: ['digest'], properties: { digest: { type: 'string', pattern: POLICY_DIGEST_PATTERN } } }, response: CLIENT_ERRORS,
    },
  }, async (request, reply) => {
    const text = o.store.policy((request.params as { digest: string }).digest);
    if (text === undefined) throw new Problem(404, 'not-found', 'no decision on this log was taken under that policy');
    return reply.type('application/json').send(text);
  });
  serveLog(server, {
    size: () => o.store.log.size,
    checkpoint: () => {
      const why = o.halted();
      if (why !== null) throw new Problem(503, 'halted', why, {}, 30);
      return signCheckpoint({ origin: o.signer.name, size: o.store.log.size, root: o.store.log.root() }, o.signer);
    },
    tile: (level, index, width) => o.store.log.readTile(level, index, width),
    bundle: (index, width) => o.store.log.bundle(index, width),
  });
}

/** Tells of every request of a client whether it was served: answered, in time, and not with a 5xx. */
export function countRequests(server: Server, requested: (good: boolean) => void): void {
  const isClients = (url: string): boolean => url.startsWith('/v1/') && !url.startsWith('/v1/status');
  server.addHook('onResponse', async (request, reply) => {
    if (isClients(request.url)) requested(reply.statusCode < 500);
  });
  // Whoever has sent everything and left before the answer did not get one in time.
  server.addHook('onRequestAbort', async (request) => {
    if (isClients(request.url) && request.raw.complete) requested(false);
  });
}

function addSettlements(server: Server, o: RouteOptions): void {
  const tags = ['settlements'];
  // In a context of its own: this body is read by the batch-aware parser.
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => parseStrictBatch(body, 'settlements', 5));
    scope.post('/v1/settlements', {
      // The body's schema is for readers: items are checked one by one, so that each gets an answer of its own.
      validatorCompiler: () => () => true,
      schema: {
        tags, summary: 'Settle one, or up to 10,000',
        headers: { type: 'object', properties: { traceparent: { type: 'string', description: 'W3C Trace Context; with the sampled flag, a lone settlement is traced through all tiers' } } },
        body: { oneOf: [settlementSchema, { type: 'object', required: ['settlements'], properties: { settlements: { type: 'array', maxItems: BATCH_MAX, items: settlementSchema } } }], examples: [settlementExample] },
        response: {
          200: answered('Repeated: the receipt of the first time; or the answers to a batch', { oneOf: [receiptSchema, answerSchema] }),
          201: answered('Decided and durable', receiptSchema),
          ...problemAnswers({
            400: 'Not a settlement, or not a batch: every mistake is named', 409: 'The id stands on the log with other content',
            413: 'More than 8 MiB', 415: 'Another media type or encoding than plain application/json',
            503: 'Halted, overloaded, or the centre could not be asked for a new account: send again',
          }),
        },
      },
    }, async (request, reply) => {
      const receivedAt = o.now();
      const followed = o.tracing.followed(request.headers, receivedAt);
      if (followed === null) return settle(o, request, reply, receivedAt, null);
      try {
        return await settle(o, request, reply, receivedAt, followed);
      } catch (error) {
        o.tracing.failed(followed, error);
        throw error;
      }
    });
  });

  const find = (request: FastifyRequest): ReturnType<Intake['find']> & object => {
    const wanted = (request.params as { id: string }).id;
    const found = o.intake.find(wanted);
    if (found === undefined) throw new Problem(404, 'not-found', `no settlement ${wanted} was decided at this node`);
    return found;
  };
  server.get('/v1/settlements/:id', { schema: { tags, params: byId, summary: 'State of a settlement' } }, async (request) =>
    settlementView(o.store, o.node, find(request), o.orderedSize()));
  server.get('/v1/settlements/:id/receipt', {
    schema: { tags, params: byId, summary: 'Proof (C2SP tlog-proof): of the global log once there is an outcome, of the edge log before', querystring: { type: 'object', properties: { log: { type: 'string', enum: ['edge', 'global'] } } } },
  }, async (request, reply) => {
    const { index } = find(request);
    const { log } = request.query as { log?: 'edge' | 'global' };
    const global = log === 'edge' ? null : globalProof(o.store, index);
    if (log === 'global' && global === null) throw new Problem(409, 'not-final', 'this settlement has no outcome in the global log yet; ?log=edge gives the edge log\'s proof');
    return reply.type('text/plain; charset=utf-8').send(global ?? await edgeProof(o.store, o.signer, index));
  });
  server.get('/v1/settlements/:id/provenance', { schema: { tags, params: byId, summary: 'The log entry with all inputs of the decision, and its policy' } }, async (request) => {
    const { entry, index } = find(request);
    const bytes = o.store.log.entry(index);
    return {
      entry: Buffer.from(bytes).toString('utf8'), policy: o.store.policy(entry.policy), node: o.node, index,
      leaf: Buffer.from(hashLeaf(bytes)).toString('base64'),
    };
  });
}

type Item = { readonly instruction: Instruction } | { readonly problem: Problem; readonly id: unknown };

async function settle(o: RouteOptions, request: FastifyRequest, reply: FastifyReply, receivedAt: number, followed: Followed | null): Promise<FastifyReply> {
  const why = o.halted();
  if (why !== null) throw new Problem(503, 'halted', why, {}, 30);
  const { body } = request;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Problem(400, 'invalid-settlement', 'send one settlement {id, asset, debitAccount, creditAccount, amount} or {"settlements": [...]}');
  const list = (body as { settlements?: unknown }).settlements;
  if (list === undefined) {
    const instruction = parseInstruction(body);
    if (o.link.connected(receivedAt)) await o.accounts.ensure([instruction.debitAccount, instruction.creditAccount]);
    const [decided] = await o.intake.settle([instruction], receivedAt, followed === null ? undefined : traceOf(followed));
    o.onAnswered(1, o.now() - receivedAt);
    if (decided!.conflict) throw conflict(decided!);
    const status = decided!.repeated ? 200 : 201;
    o.tracing.answered(followed, decided!, receivedAt, status);
    return reply.status(status).type('application/json').send(receiptJson(o.node, decided!));
  }
  if (!Array.isArray(list) || list.length === 0 || list.length > BATCH_MAX) {
    throw new Problem(400, 'invalid-batch', `settlements: expected a list of 1 to ${BATCH_MAX} settlements, got ${Array.isArray(list) ? `${list.length} items` : typeof list}`);
  }
  const beside = Object.keys(body).filter((name) => name !== 'settlements');
  if (beside.length > 0) throw new Problem(400, 'invalid-batch', `expected nothing beside "settlements", got ${JSON.stringify(beside[0]!.slice(0, 64))}`);
  const items: Item[] = list.map((raw: unknown) => {
    try {
      return { instruction: parseInstruction(raw) };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const named = (raw as { id?: unknown } | null)?.id;
      return { problem: error, id: typeof named === 'string' ? named.slice(0, 128) : null };
    }
  });
  const instructions: Instruction[] = [];
  for (const item of items) if ('instruction' in item) instructions.push(item.instruction);
  if (o.link.connected(receivedAt)) await o.accounts.ensure(accountsOf(instructions));
  const decided = instructions.length === 0 ? [] : await o.intake.settle(instructions, receivedAt);
  o.onAnswered(instructions.length, o.now() - receivedAt);
  o.tracing.batchAnswered(followed, decided, receivedAt);
  let next = 0;
  // Receipts are ids, codes and digits: one byte a character, until a problem quotes what a client sent.
  let ascii = true;
  let answer = '{"settlements":[';
  for (let i = 0; i < items.length; i += 1) {
    if (i > 0) answer += ',';
    const item = items[i]!;
    if ('problem' in item) {
      ascii = false;
      answer += JSON.stringify({ id: item.id, status: item.problem.status, problem: item.problem });
      continue;
    }
    const d = decided[next]!;
    next += 1;
    if (d.conflict) answer += JSON.stringify({ id: item.instruction.id, status: 409, problem: conflict(d) });
    else answer += receiptJson(o.node, d, d.repeated ? 200 : 201);
  }
  return reply.status(200).type('application/json').send(Buffer.from(`${answer}]}`, ascii ? 'latin1' : 'utf8'));
}

function* accountsOf(instructions: readonly Instruction[]): Iterable<string> {
  for (const s of instructions) {
    yield s.debitAccount;
    yield s.creditAccount;
  }
}

function conflict(d: Decided): Problem {
  const s = d.entry.instruction;
  return new Problem(409, 'id-conflict', `settlement ${s.id} stands on the log with other content (entry ${d.index}); choose another id`, {
    index: d.index,
    existing: { id: s.id, asset: s.asset, debitAccount: s.debitAccount, creditAccount: s.creditAccount, amount: s.amount.toString() },
  });
}

function addAccounts(server: Server, o: RouteOptions): void {
  const tags = ['accounts'];
  server.get('/v1/accounts/:id', { schema: { tags, params: byId, summary: 'Last-known-good state of an account, and what is reserved here' } }, async (request) => {
    const account = (request.params as { id: string }).id;
    const time = o.now();
    if (!o.recall(account) && o.link.connected(time)) await o.accounts.ensure([account]);
    const cached = o.core.account(account);
    if (cached === undefined) {
      throw o.link.connected(time)
        ? new Problem(404, 'account-unknown', `the centre knows no account ${account}`)
        : new Problem(404, 'account-unknown', `this node has no state of account ${account} yet, and the centre is out of reach`);
    }
    const { state, confirmedAt } = cached;
    const reserved = o.core.reserved(account);
    return {
      account, asset: state.asset, balance: state.balance.toString(), overdraftLimit: state.overdraft?.toString() ?? null,
      reserved: reserved.toString(), available: state.overdraft === null ? null : (state.balance + state.overdraft - reserved).toString(),
      asOf: state.asOf, ageMs: Math.max(0, Math.floor(time - confirmedAt)), connected: o.link.connected(time),
    };
  });
  server.post('/v1/accounts/prefetch', {
    schema: { tags, body: accountsBody, summary: 'Fill the cache before the node goes into service' },
  }, async (request) => {
    const { accounts } = request.body as { accounts: string[] };
    await o.accounts.ensure(accounts);
    const unknown = accounts.filter((account) => o.core.account(account) === undefined);
    return { known: accounts.length - unknown.length, unknown };
  });
}
