/**
 * Partitions on the page of a platform on one machine: passes exactly three questions on to its control API, with the operator's
 * token, which the page doesn't have.
 *
 * In the place of a token stands where a request comes from: this machine (the service listens on loopback alone, or does not start),
 * and a page of this very service. A page from elsewhere in the same browser is kept out by what browsers add to requests (Fetch
 * Metadata, section 2.4: Sec-Fetch-Site; RFC 6454: Origin), and one that has its own name lead here (DNS rebinding) by `Host`.
 */
import type { FastifyRequest } from 'fastify';
import { CONTROL_SETTINGS } from '../../platform/index.ts';
import { isLoopback } from '../../platform/loopback.ts';
import { Problem } from '../protocol/index.ts';
import { CLIENT_ERRORS, problemOf, SettingsError, UnreachableError, type Answer, type FileContent, type HttpClient, type Server } from '../shell/index.ts';

const TIMEOUT_MS = 5_000;
const SITE = { type: 'string', minLength: 1, maxLength: 80 } as const;

export interface LocalControl {
  /** Of the control API, without a slash at its end. */
  readonly url: string;
  readonly token: string;
}

/** @throws SettingsError unless everything stays on this machine */
export function readLocalControl(url: string, host: string, token: FileContent | undefined): LocalControl {
  const { env, what } = CONTROL_SETTINGS.local;
  const wrong = (expected: string, got: string): SettingsError => new SettingsError(`${env}: expected ${expected}, got ${JSON.stringify(got.slice(0, 200))} (${what})`);
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || parsed.protocol !== 'http:' || parsed.pathname !== '/' || parsed.search + parsed.hash + parsed.username + parsed.password !== '') {
    throw wrong('a base URL such as http://127.0.0.1:4601', url);
  }
  if (!isLoopback(parsed.hostname)) throw wrong('a URL on loopback', url);
  if (!isLoopback(host)) throw wrong(`${CONTROL_SETTINGS.host.env} on loopback with it`, host);
  if (token === undefined) throw new SettingsError(`${env}: needs ${CONTROL_SETTINGS.token.env} (${what})`);
  return { url: parsed.origin, token: token.text.trim() };
}

/** @throws Problem unless the request is for this machine by name */
function requireOwnHost(request: FastifyRequest): URL {
  const host = request.headers.host ?? '';
  const own = URL.canParse(`${request.protocol}://${host}`) ? new URL(`${request.protocol}://${host}`) : null;
  if (own === null || own.host !== host.toLowerCase() || !isLoopback(own.hostname)) {
    throw new Problem(403, 'not-local', `host ${JSON.stringify(host.slice(0, 80))}: this is for who asks this machine by 127.0.0.1 or localhost`);
  }
  return own;
}

/** @throws Problem unless a page of this service, in a browser, sends the request */
async function requireOwnPage(request: FastifyRequest): Promise<void> {
  const own = requireOwnHost(request);
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (origin === undefined && site === undefined) {
    throw new Problem(403, 'not-from-the-page', 'this is for the page alone; programs ask the local control API, with the token: `tidemark partition`');
  }
  if ((origin !== undefined && origin !== own.origin) || (site !== undefined && site !== 'same-origin')) {
    throw new Problem(403, 'not-from-the-page', `sent by ${JSON.stringify(String(origin ?? site).slice(0, 80))}: only the page of this control plane may change something here`);
  }
}

interface RunState {
  readonly name: string;
  readonly state: string;
  readonly wan: { readonly mode: string; readonly scale: number };
  readonly partitions: readonly { readonly site: string; readonly since: number; readonly until: number | null }[];
  readonly sites: readonly { readonly id: string; readonly tier: string; readonly region?: string; readonly state: string; readonly url: string; readonly partitioned: boolean }[];
}

/** What the page needs of it: neither folders nor processes. */
const shown = ({ name, state, wan, partitions, sites }: RunState, now: number): object => ({
  at: now, name, state, wan: { mode: wan.mode, scale: wan.scale },
  partitions: partitions.map(({ site, since, until }) => ({ site, since, until })),
  sites: sites.map((s) => ({ id: s.id, tier: s.tier, ...(s.region === undefined ? {} : { region: s.region }), state: s.state, url: s.url, partitioned: s.partitioned })),
});

export function localRoutes(server: Server, control: LocalControl, client: HttpClient, now: () => number): void {
  const tags = ['local'];
  async function ask(method: 'GET' | 'POST' | 'DELETE', path: string, json?: object): Promise<unknown> {
    const url = `${control.url}${path}`;
    let answer: Answer;
    try {
      answer = await client.call(url, {
        method, token: control.token, timeoutMs: TIMEOUT_MS, ...(json === undefined ? {} : { body: JSON.stringify(json), type: 'application/json' }),
      });
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      throw new Problem(502, 'local-unreachable', 'the local platform\'s control API does not answer; is `tidemark up` still running?', {}, 2);
    }
    if (answer.status >= 400) throw problemOf(url, answer);
    return JSON.parse(answer.body.toString('utf8'));
  }
  const fromPage = { onRequest: requireOwnPage };

  server.get('/v1/local', { schema: { tags, summary: 'The platform on this machine: its sites and what is cut off', response: CLIENT_ERRORS } }, async (request) => {
    requireOwnHost(request);
    return shown(await ask('GET', '/v1/local') as RunState, now());
  });

  server.post<{ Body: { site: string; forMs?: number } }>('/v1/local/partitions', {
    ...fromPage,
    schema: {
      tags, summary: 'Cuts a site off; for the page alone', consumes: ['application/json'], response: CLIENT_ERRORS,
      body: { type: 'object', required: ['site'], additionalProperties: false, properties: { site: SITE, forMs: { type: 'integer', minimum: 1 } } },
    },
    preValidation: async (request) => {
      // A form of another page can send texts, but no JSON.
      if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) throw new Problem(415, 'unsupported-media-type', 'send application/json');
    },
  }, async (request, reply) => reply.status(201).send(await ask('POST', '/v1/partitions', request.body)));

  server.delete('/v1/local/partitions', { ...fromPage, schema: { tags, summary: 'Heals every partition; for the page alone', response: CLIENT_ERRORS } },
    () => ask('DELETE', '/v1/partitions'));

  server.delete<{ Params: { site: string } }>('/v1/local/partitions/:site', {
    ...fromPage, schema: { tags, summary: 'Heals one partition; for the page alone', params: { type: 'object', properties: { site: SITE } }, response: CLIENT_ERRORS },
  }, (request) => ask('DELETE', `/v1/partitions/${encodeURIComponent(request.params.site)}`));
}
