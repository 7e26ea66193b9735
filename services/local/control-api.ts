/** The local control API: what runs here, and faults on demand. On loopback; what changes something needs the token. */
import type { FastifyBaseLogger } from 'fastify';
import { CLIENT_ERRORS, createServer, readFileContent, requireToken, type NumberMetric, type Server } from '../shell/index.ts';
import type { LocalSite, Partition, RunState } from './run-state.ts';
import type { LinkStats } from './wan.ts';

export const SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGABRT', 'SIGSTOP', 'SIGCONT'] as const;
export type Signal = (typeof SIGNALS)[number];
/** A day: longer partitions are healed by hand. */
export const PARTITION_MS_MAX = 86_400_000;
export const WAN_SCALE_MAX = 100;

export interface LinkReport extends LinkStats {
  readonly from: string;
  readonly to: string;
  /** As emulated now. Milliseconds. */
  readonly roundTripMs: number;
  readonly cut: boolean;
}

/** What the platform can be asked; used by the routes below and, in the same process, by tests and benchmarks. */
export interface Operations {
  state(): RunState;
  links(): Promise<{ readonly cpuMs: number; readonly links: readonly LinkReport[] } | null>;
  partition(site: string, forMs?: number): Promise<Partition>;
  heal(site?: string): Promise<string[]>;
  kill(site: string, signal: Signal): Promise<{ readonly id: string; readonly pid: number }>;
  setWan(wan: { readonly enabled?: boolean; readonly scale?: number }): Promise<void>;
}

const site = { type: 'string', minLength: 1, maxLength: 80 };

export async function createControlApi(operations: Operations, tokenFile: string, logger: FastifyBaseLogger): Promise<Server> {
  const server = await createServer({
    name: 'Tidemark, local platform',
    description: 'The platform on this machine: its processes, its emulated network, faults on demand.',
    logger,
    notReady: () => (operations.state().state === 'running' ? null : `the platform is ${operations.state().state}`),
    metrics: () => {
      const each = (value: (site: LocalSite) => number): NumberMetric['samples'] =>
        operations.state().sites.map((s) => ({ labels: { site: s.id }, value: value(s) }));
      return [
        {
          name: 'tidemark_local_restarts_total', help: 'Times a process was started again.', type: 'counter',
          samples: each((s) => s.restarts),
        },
        {
          name: 'tidemark_local_up', help: '1 while the process listens.', type: 'gauge',
          samples: each((s) => (s.state === 'listening' ? 1 : 0)),
        },
        {
          name: 'tidemark_local_partitioned', help: '1 while the site is cut off.', type: 'gauge',
          samples: each((s) => (s.partitioned ? 1 : 0)),
        },
      ];
    },
  });
  const changes = { onRequest: requireToken(readFileContent(tokenFile, 'the operator\'s token')) };
  const tags = ['local'];

  server.get('/v1/local', { schema: { tags, summary: 'What runs here' } }, async () => operations.state());
  server.get('/v1/wan', { schema: { tags, summary: 'The emulated network, link by link' } },
    async () => ({ ...operations.state().wan, ...(await operations.links()) }));

  server.post<{ Body: { site: string; forMs?: number } }>('/v1/partitions', {
    ...changes,
    schema: {
      tags, summary: 'Cuts a site off from the rest',
      body: {
        type: 'object', required: ['site'], additionalProperties: false,
        properties: { site, forMs: { type: 'integer', minimum: 1, maximum: PARTITION_MS_MAX } },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request, reply) => reply.status(201).send(await operations.partition(request.body.site, request.body.forMs)));

  server.delete('/v1/partitions', { ...changes, schema: { tags, summary: 'Heals every partition', response: CLIENT_ERRORS } },
    async () => ({ healed: await operations.heal() }));

  server.delete<{ Params: { site: string } }>('/v1/partitions/:site', {
    ...changes,
    schema: { tags, summary: 'Heals one partition', params: { type: 'object', properties: { site } }, response: CLIENT_ERRORS },
  }, async (request) => ({ healed: await operations.heal(request.params.site) }));

  server.post<{ Params: { id: string }; Body: { signal?: Signal } }>('/v1/sites/:id/kill', {
    ...changes,
    schema: {
      tags, summary: 'Sends a signal to a process; one that ends is started again',
      params: { type: 'object', properties: { id: site } },
      body: {
        type: 'object', additionalProperties: false,
        properties: { signal: { type: 'string', enum: SIGNALS, default: 'SIGKILL' } },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request) => operations.kill(request.params.id, request.body.signal ?? 'SIGKILL'));

  server.put<{ Body: { enabled?: boolean; scale?: number } }>('/v1/wan', {
    ...changes,
    schema: {
      tags, summary: 'Switches the emulated round trips on or off, or scales them',
      body: {
        type: 'object', additionalProperties: false, minProperties: 1,
        properties: { enabled: { type: 'boolean' }, scale: { type: 'number', minimum: 0, maximum: WAN_SCALE_MAX } },
      },
      response: CLIENT_ERRORS,
    },
  }, async (request) => {
    await operations.setWan(request.body);
    return operations.state().wan;
  });
  return server;
}
