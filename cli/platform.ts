/** The platform that runs in a data folder, as the commands reach it: token and addresses are found there. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { findLocalPlatform, NotRunningError, type LocalClient } from '../services/local/control-client.ts';
import { layoutOf } from '../services/local/provision.ts';
import type { RunState } from '../services/local/run-state.ts';
import {
  createControlClient, createEdgeClient, createRegionClient, type ControlClient, type EdgeClient, type LogClient,
  type RetryOptions,
} from '../services/protocol/client.ts';
import { Problem } from '../services/protocol/errors.ts';
import { createHttpClient, type HttpClient } from '../services/protocol/http-client.ts';
import type { LogSource } from './export/write.ts';
import { CliError, EXIT } from './errors.ts';

export interface EdgeSite {
  readonly id: string;
  readonly region: string;
  readonly client: EdgeClient;
}

export interface Connected {
  readonly dataDir: string;
  readonly local: LocalClient;
  readonly state: RunState;
  readonly control: ControlClient;
  readonly edges: readonly EdgeSite[];
  /** Region -> its replicas. */
  readonly regions: ReadonlyMap<string, readonly LogClient[]>;
  /** Text of trust.json. */
  readonly trust: string;
  close(): Promise<void>;
}

/** The part of a run state that says where everything is. */
export type Addresses = Pick<RunState, 'dataDir' | 'controlUrl' | 'sites' | 'tokenFile'>;

/** The platform that runs in the folder. @throws CliError `not-running`, `token-missing`, `token-wrong` */
export async function findLocal(dataDir: string): Promise<LocalClient> {
  let local: LocalClient;
  try {
    local = await findLocalPlatform(dataDir);
  } catch (error) {
    if (error instanceof NotRunningError) throw new CliError(EXIT.unreachable, 'not-running', error.message);
    const { code, path } = error as NodeJS.ErrnoException;
    const { token } = layoutOf(dataDir);
    if (code === 'ENOENT' && path !== undefined && resolve(path) === resolve(token)) throw tokenMissing(path);
    throw error;
  }
  const state = await local.state();
  const told = withTokenTold(state.tokenFile);
  return {
    ...local,
    partition: (site, forMs) => told(state.localUrl, local.partition(site, forMs)),
    heal: (site) => told(state.localUrl, local.heal(site)),
  };
}

const tokenMissing = (path: string): CliError => new CliError(EXIT.usage, 'token-missing',
  `${path} is missing: the token without which nothing may change the platform. Put it back from a copy, or stop the platform `
  + 'and start it again: `tidemark up` makes a new one');

/** A refused token, told with the file that it is from. */
const withTokenTold = (tokenFile: string) => async <T>(url: string, call: Promise<T>): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    throw new CliError(EXIT.failed, 'token-wrong', `${tokenFile} is not the token of the running platform at `
      + `${new URL(url).origin}: put the one back that it was started with, or stop it and start it again, then this one counts`);
  }
};

/** @throws CliError `not-running`, `token-missing` */
export async function connect(dataDir: string, retry: RetryOptions = {}): Promise<Connected> {
  const local = await findLocal(dataDir);
  const state = await local.state();
  return { local, state, ...clientsOf(state, retry) };
}

/** Clients for every site of a platform. */
export function clientsOf(at: Addresses, retry: RetryOptions = {}): Omit<Connected, 'local' | 'state'> {
  const plain = createHttpClient();
  const told = withTokenTold(at.tokenFile);
  const http: HttpClient = {
    ...plain, json: <T>(url: string, call?: Parameters<HttpClient['json']>[1]) => told(url, plain.json<T>(url, call)),
  };
  const token = readFileSync(at.tokenFile, 'utf8').trim();
  const options = { ...retry, http, token };
  const regions = new Map<string, LogClient[]>();
  for (const site of at.sites) {
    if (site.tier !== 'region' || site.region === undefined) continue;
    const replicas = regions.get(site.region) ?? [];
    regions.set(site.region, [...replicas, createRegionClient(site.url, options)]);
  }
  return {
    dataDir: at.dataDir, regions,
    control: createControlClient(at.controlUrl, options),
    edges: at.sites.filter((s) => s.tier === 'edge').map(
      (s) => ({ id: s.id, region: s.region ?? '', client: createEdgeClient(s.url, options) }),
    ),
    trust: readFileSync(layoutOf(at.dataDir).trust, 'utf8'),
    close: () => http.close(),
  };
}

/** Decimal places of the platform's assets, from the data folder. */
export function assetScales(dataDir: string): Readonly<Record<string, number>> {
  const path = layoutOf(dataDir).deployment;
  if (!existsSync(path)) return {};
  return (JSON.parse(readFileSync(path, 'utf8')) as { assets: Record<string, number> }).assets;
}

/** @throws CliError naming the sites that there are */
export function edgeOf(platform: Pick<Connected, 'edges'>, id: string | undefined): EdgeSite {
  const edge = id === undefined ? platform.edges[0] : platform.edges.find((e) => e.id === id);
  if (edge === undefined) {
    throw new CliError(EXIT.usage, 'unknown-site', `no edge node is called ${id}; there are `
      + `${platform.edges.map((e) => e.id).join(', ')}`);
  }
  return edge;
}

/** Every log of the platform, for an export. Of a region's replicas the one whose checkpoint is the newest is read. */
export function logSources(platform: Pick<Connected, 'control' | 'edges' | 'regions'>): Map<string, LogSource> {
  const of = (client: LogClient): LogSource => ({ checkpoint: () => client.checkpoint(), file: (path) => client.file(path) });
  const out = new Map<string, LogSource>([['global', of(platform.control)]]);
  for (const [id, replicas] of platform.regions) out.set(`region-${id}`, newestOf(replicas));
  for (const edge of platform.edges) {
    out.set(`edge-${edge.id}`, { ...of(edge.client), policy: (digest) => edge.client.policy(digest) });
  }
  return out;
}

function newestOf(replicas: readonly LogClient[]): LogSource {
  let chosen = replicas[0]!;
  return {
    async checkpoint() {
      const answers = await Promise.allSettled(replicas.map((r) => r.checkpoint()));
      let newest: string | null = null;
      answers.forEach((answer, i) => {
        if (answer.status === 'rejected' || answer.value === null) return;
        if (newest !== null && sizeOf(answer.value) <= sizeOf(newest)) return;
        newest = answer.value;
        chosen = replicas[i]!;
      });
      const failed = answers.find((a) => a.status === 'rejected');
      if (newest === null && failed !== undefined) throw failed.reason;
      return newest;
    },
    file: (path) => chosen.file(path),
  };
}

/** Second line of a checkpoint; only compared here, and verified later. */
const sizeOf = (note: string): number => Number(note.split('\n')[1]);
