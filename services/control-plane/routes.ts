/** The control plane's HTTP interface: docs/protocol.md, "Region -> control plane" and "Control plane, for clients". */
import type { AssetScale } from '../../platform/index.ts';
import {
  ASSET_PATTERN, decodeFrame, decodeGlobal, EncodingError, FRAME_TYPE, ID_PATTERN, LIMIT_PATTERN, NATURAL_PATTERN, NONCE_PATTERN, Problem,
  type AccountState, type OutcomeEntry,
} from '../protocol/index.ts';
import { CLIENT_ERRORS, type Logger, type requireToken, type Server } from '../shell/index.ts';
import { decodeBundle, formatProof, hashLeaf, signNote, type Signer, type Trust } from '../transparency/index.ts';
import type { Applier, Opened, Opening } from './applier.ts';
import { BlockRefused } from './core/block.ts';
import { formatStatement, STATEMENT_ACCOUNTS_MAX, STATEMENT_OPENED_MAX } from './core/statement.ts';
import type { Pending } from './core/pending.ts';
import type { Outcomes } from './outcomes.ts';
import type { Incident, LedgerStore } from './store.ts';
import { accountView, settlementView } from './views.ts';
import type { Witnessed } from './witness.ts';

const WAIT_MAX_MS = 30_000;
const PAGE_MAX = 1_000;
const OPENINGS_MAX = 10_000;
/** Of a request that nobody has signed, this much is kept. */
const UNSIGNED_EVIDENCE_BYTES = 64 * 1024;
/** A recount of all balances is kept for so long. */
const TOTALS_MS = 2_000;
const STATEMENT_TRIES = 8;

export interface RoutesContext {
  readonly store: LedgerStore;
  readonly applier: Applier;
  readonly outcomes: Outcomes;
  readonly pending: Pending;
  readonly signer: Signer;
  /** What accounts may be in; none allows any. */
  readonly assets: readonly AssetScale[];
  readonly trust: Trust;
  readonly witnessed: () => Witnessed | null;
  readonly now: () => number;
  readonly logger: Logger;
  /** Shows an incident that has been stored. */
  readonly onIncident: (incident: Incident) => void;
  /** Somebody asks for the outcomes of a node of trust.json. */
  readonly onAsked: (node: string) => void;
  readonly requireToken: ReturnType<typeof requireToken>;
}

const id = { type: 'string', pattern: ID_PATTERN } as const;
const idParams = { type: 'object', required: ['id'], properties: { id } } as const;
const number = { type: 'string', pattern: NATURAL_PATTERN } as const;
const overdraftLimit = { anyOf: [{ type: 'string', pattern: LIMIT_PATTERN }, { type: 'null' }] } as const;
const account = {
  type: 'object', required: ['account', 'asset', 'overdraftLimit', 'posted', 'pending', 'balance', 'asOf'],
  properties: {
    account: id, asset: { type: 'string' }, overdraftLimit: { type: ['string', 'null'] }, posted: { type: 'string' },
    pending: { type: 'string' }, balance: { type: 'string' }, asOf: { type: 'integer' },
  },
} as const;
const opening = { asset: { type: 'string', pattern: ASSET_PATTERN }, overdraftLimit } as const;

export function controlRoutes(server: Server, context: RoutesContext): void {
  regionRoutes(server, context);
  accountRoutes(server, context);
  settlementRoutes(server, context);
}

function regionRoutes(server: Server, { store, applier, outcomes, trust, now, logger, onIncident, onAsked }: RoutesContext): void {
  const tags = ['regions'];
  const nodes = new Set([...trust.regions.values()].flatMap((r) => [...r.nodes.keys()]));
  const regionView = (region: string): Record<string, unknown> => {
    const { applied, size } = applier.region(region);
    return { id: region, applied, size };
  };

  server.post('/v1/blocks', {
    schema: { tags, summary: 'A block of a region\'s log', consumes: [FRAME_TYPE], response: CLIENT_ERRORS },
  }, async (request) => {
    const body = request.body;
    if (!Buffer.isBuffer(body)) throw new Problem(415, 'unsupported-media-type', `send ${FRAME_TYPE}`);
    let frame: ReturnType<typeof decodeFrame>;
    try {
      frame = decodeFrame(body);
    } catch (error) {
      if (error instanceof EncodingError) throw new Problem(400, 'bad-block', error.message);
      throw error;
    }
    const name = frame.header['region'];
    const keys = typeof name === 'string' ? trust.regions.get(name) : undefined;
    if (keys === undefined) {
      throw new Problem(403, 'unknown-region', `region ${JSON.stringify(name)?.slice(0, 80) ?? 'nothing'} is not in trust.json`);
    }
    try {
      const state = await applier.block(frame.header, frame.parts, keys);
      return { applied: state.applied, size: state.size };
    } catch (error) {
      if (!(error instanceof BlockRefused)) throw error;
      const { problem, signed } = error;
      logger.warn({ region: keys.id, code: problem.code, signed }, problem.message);
      if (problem.code !== 'gap') {
        const evidence = signed ? body : body.subarray(0, UNSIGNED_EVIDENCE_BYTES);
        const incident = { at: now(), kind: problem.code, detail: problem.message, scope: `region:${keys.id}` };
        await store.keepEvidence(incident, evidence, signed);
        if (signed) onIncident(incident);
      }
      throw problem;
    }
  });

  server.get('/v1/regions', { schema: { tags } }, async () => ({ regions: [...trust.regions.keys()].map(regionView) }));
  const regionOptions = { schema: { tags, params: idParams, response: CLIENT_ERRORS } };
  server.get<{ Params: { id: string } }>('/v1/regions/:id', regionOptions, async (request) => {
    if (!trust.regions.has(request.params.id)) {
      throw new Problem(404, 'unknown-region', `there is no region ${request.params.id}`);
    }
    return regionView(request.params.id);
  });

  server.get<{ Params: { node: string }; Querystring: { from: string; wait: string; limit?: string } }>('/v1/nodes/:node/outcomes', {
    schema: {
      tags, summary: 'Witnessed outcomes of a node from an index on; waits for them',
      params: { type: 'object', properties: { node: id } },
      querystring: {
        type: 'object', additionalProperties: false,
        properties: { from: { ...number, default: '0' }, wait: { ...number, default: '0' }, limit: number },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request, reply) => {
    const { node } = request.params;
    if (!nodes.has(node)) throw new Problem(404, 'unknown-node', `there is no node ${node}`);
    onAsked(node);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const waitMs = Math.min(Number(request.query.wait), WAIT_MAX_MS);
    const { from, limit } = request.query;
    const frame = await outcomes.ask(node, Number(from), waitMs, gone.signal, limit === undefined ? Infinity : Number(limit));
    return reply.type(FRAME_TYPE).send(frame);
  });
}

function accountRoutes(server: Server, context: RoutesContext): void {
  const { store, applier, pending, signer, now } = context;
  const tags = ['accounts'];
  const show = (a: NonNullable<Awaited<ReturnType<Applier['account']>>>): Record<string, unknown> =>
    accountView(a, pending.posted(a.id, a.balance), applier.size());
  const onRequest = context.requireToken;
  const codes = context.assets.map((a) => a.code);
  const unknownAsset = (asset: string): Problem | null => (codes.length === 0 || codes.includes(asset)
    ? null
    : new Problem(400, 'unknown-asset', `asset: expected one of this platform's, ${codes.join(', ')}, got ${asset}`));

  server.get('/v1/assets', { schema: { tags, summary: 'What accounts may be in, and how many decimal places amounts have' } }, async () => ({ assets: context.assets }));

  server.put<{ Params: { id: string }; Body: { asset: string; overdraftLimit: string | null } }>('/v1/accounts/:id', {
    onRequest,
    schema: {
      tags, summary: 'Opens an account or changes its overdraft limit; needs the token', params: idParams,
      body: { type: 'object', required: ['asset', 'overdraftLimit'], additionalProperties: false, properties: opening },
      response: { 200: account, 201: account, ...CLIENT_ERRORS },
    },
  }, async (request, reply) => {
    const o = openingOf({ account: request.params.id, ...request.body });
    const unknown = unknownAsset(o.asset);
    if (unknown !== null) throw unknown;
    const [opened] = await applier.open([o]);
    if (opened!.result === 'asset-mismatch') throw mismatch(o, opened!);
    const state = await applier.account(o.account);
    return reply.status(opened!.result === 'created' ? 201 : 200).send(show(state!));
  });

  server.post<{ Body: { accounts: { account: string; asset: string; overdraftLimit: string | null }[] } }>('/v1/accounts', {
    onRequest,
    schema: {
      tags, summary: 'Opens many accounts, each answered on its own; needs the token',
      body: {
        type: 'object', required: ['accounts'], additionalProperties: false, properties: { accounts: {
          type: 'array', minItems: 1, maxItems: OPENINGS_MAX,
          items: {
            type: 'object', required: ['account', 'asset', 'overdraftLimit'], additionalProperties: false,
            properties: { account: id, ...opening },
          },
        } },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request) => {
    const openings = request.body.accounts.map(openingOf);
    const opened = await applier.open(openings.filter((o) => unknownAsset(o.asset) === null));
    let next = 0;
    return {
      accounts: openings.map((asked) => {
        const { account: name, asset } = asked;
        const unknown = unknownAsset(asset);
        if (unknown !== null) return { account: name, status: unknown.status, problem: unknown };
        const o = opened[next]!;
        next += 1;
        return o.result === 'asset-mismatch'
          ? { account: name, status: 409, problem: mismatch(asked, o) }
          : { account: name, status: o.result === 'created' ? 201 : 200 };
      }),
    };
  });

  server.get<{ Params: { id: string } }>('/v1/accounts/:id', {
    schema: { tags, params: idParams, response: { 200: account, ...CLIENT_ERRORS } },
  }, async (request) => {
    const state = await applier.account(request.params.id);
    if (state === null) throw new Problem(404, 'account-unknown', `account ${request.params.id} was never opened`);
    return show(state);
  });

  server.get<{ Querystring: { after: string; limit: string } }>('/v1/accounts', {
    schema: {
      tags, querystring: {
        type: 'object', additionalProperties: false,
        properties: { after: { type: 'string', pattern: `${ID_PATTERN}|^$`, default: '' }, limit: { ...number, default: '100' } },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request) => {
    const limit = pageSize(request.query.limit);
    const page = await store.accounts(request.query.after, limit);
    return { accounts: page.map(show), next: page.length === limit ? page.at(-1)!.id : null };
  });

  server.post<{ Body: { accounts: string[]; nonce: string; openedAfter?: number } }>('/v1/accounts/query', {
    schema: {
      tags, summary: 'A signed statement about the states of accounts',
      body: {
        type: 'object', required: ['accounts', 'nonce'], additionalProperties: false,
        properties: {
          accounts: { type: 'array', maxItems: STATEMENT_ACCOUNTS_MAX, items: id },
          nonce: { type: 'string', pattern: NONCE_PATTERN, description: 'drawn by the asker; part of what is signed' },
          openedAfter: { type: 'integer', minimum: 0, description: 'also the accounts opened after so many; the statement says how far it goes' },
        },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request, reply) => {
    // All states of one size of the log: when something is committed while they are read, they are read again.
    for (let attempt = 0; attempt < STATEMENT_TRIES; attempt += 1) {
      const size = applier.size();
      const { openedAfter } = request.body;
      const opened = openedAfter === undefined ? [] : await store.openedAfter(openedAfter, STATEMENT_OPENED_MAX);
      const names = new Set([...request.body.accounts, ...opened.map((a) => a.id)]);
      const states = await Promise.all([...names].map(async (name): Promise<AccountState | string> => {
        const a = await applier.account(name);
        return a === null ? name : { account: a.id, asset: a.asset, balance: a.balance, overdraft: a.overdraft, asOf: size };
      }));
      if (size !== applier.size()) continue;
      const note = await signNote(formatStatement(signer.name, size, now(), request.body.nonce, opened.at(-1)?.ref ?? openedAfter ?? 0, states), [signer]);
      return reply.type('text/plain; charset=utf-8').send(note);
    }
    throw new Problem(503, 'busy', 'the accounts changed faster than they could be read', {}, 1);
  });

  let totals: { at: number; size: number; value: Promise<unknown> } | null = null;
  server.get('/v1/ledger', { schema: { tags, summary: 'Sum and number of accounts per asset, counted anew' } }, async () => {
    const at = now();
    if (totals === null || (at - totals.at > TOTALS_MS && totals.size !== applier.size())) {
      const value = store.totals().then((list) =>
        Object.fromEntries(list.map((t) => [t.asset, { sum: String(t.sum), accounts: t.accounts }])));
      totals = { at, size: applier.size(), value };
    }
    return { assets: await totals.value, settlements: applier.counts().applied };
  });
}

function settlementRoutes(server: Server, { store, witnessed }: RoutesContext): void {
  const tags = ['settlements'];
  const witnessedSize = (): number => witnessed()?.size ?? 0;

  async function find(name: string): Promise<{ index: number; bytes: Uint8Array; outcome: OutcomeEntry }> {
    const index = await store.settlement(name);
    if (index === null) {
      throw new Problem(404, 'settlement-unknown', `settlement ${name} has no outcome here; it may still be on its way`);
    }
    const bytes = decodeBundle(await store.entries(index, index + 1))[0]!;
    return { index, bytes, outcome: decodeGlobal(bytes) as OutcomeEntry };
  }

  const options = { schema: { tags, params: idParams, response: CLIENT_ERRORS } };
  server.get<{ Params: { id: string } }>('/v1/settlements/:id', options, async (request) => {
    const { index, outcome } = await find(request.params.id);
    return settlementView(outcome, index, witnessedSize(), await store.trace(index), await store.times(index));
  });
  server.get<{ Params: { id: string } }>('/v1/settlements/:id/provenance', options, async (request) => {
    const { bytes, outcome } = await find(request.params.id);
    const leaf = hashLeaf(bytes).toString('base64');
    return { entry: Buffer.from(bytes).toString('utf8'), node: outcome.node, index: outcome.index, region: outcome.region, leaf };
  });
  server.get<{ Params: { id: string } }>('/v1/settlements/:id/receipt', options, async (request, reply) => {
    const { index, bytes } = await find(request.params.id);
    const checkpoint = witnessed();
    if (checkpoint === null || index >= checkpoint.size) {
      const detail = `the outcome of ${request.params.id} is not in a witnessed checkpoint yet`;
      throw new Problem(409, 'not-witnessed', detail, { size: checkpoint?.size ?? 0 });
    }
    const proof = await store.inclusionProof(index, checkpoint.size);
    return reply.type('text/plain; charset=utf-8').send(formatProof({ index, proof, checkpoint: checkpoint.note, extraData: bytes }));
  });

  server.get<{ Querystring: { after?: string; limit: string } }>('/v1/outcomes', {
    schema: {
      tags, summary: 'Witnessed outcomes in the order of the global log, those after an index',
      querystring: {
        type: 'object', additionalProperties: false, properties: { after: number, limit: { ...number, default: '100' } },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request) => {
    const first = request.query.after === undefined ? 0 : Number(request.query.after) + 1;
    const end = Math.min(witnessedSize(), first + pageSize(request.query.limit));
    const entries = first < end ? decodeBundle(await store.entries(first, end)) : [];
    const outcomes = entries.flatMap((bytes, i) => {
      const entry = decodeGlobal(bytes);
      return entry.type === 'outcome' ? [settlementView(entry, first + i, end)] : [];
    });
    // Accounts opened in between have entries too, so a page may hold fewer outcomes than its limit and not be the last.
    return { outcomes, next: first < end ? end - 1 : first === 0 ? null : first - 1 };
  });
}

function pageSize(limit: string): number {
  const n = Number(limit);
  if (n < 1 || n > PAGE_MAX) throw new Problem(400, 'invalid-request', `limit: expected 1 to ${PAGE_MAX}, got ${limit}`);
  return n;
}

const openingOf = (o: { account: string; asset: string; overdraftLimit: string | null }): Opening =>
  ({ account: o.account, asset: o.asset, overdraft: o.overdraftLimit === null ? null : BigInt(o.overdraftLimit) });

const mismatch = (o: Opening, opened: Opened): Problem =>
  new Problem(409, 'asset-mismatch', `account ${o.account} holds ${opened.asset}, not ${o.asset}; an account keeps its asset`);
