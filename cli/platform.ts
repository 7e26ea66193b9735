/** The platform that runs in a data folder, as the commands reach it: token and addresses are found there. */
import { existsSync, readFileSync } from 'node:fs';
import { findLocalPlatform, NotRunningError, type LocalClient } from '../services/local/control-client.ts';
import { layoutOf } from '../services/local/provision.ts';
import type { RunState } from '../services/local/run-state.ts';
import {
  createControlClient, createEdgeClient, createRegionClient, type ControlClient, type EdgeClient, type LogClient,
  type RetryOptions,
} from '../services/protocol/client.ts';
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

/** @throws CliError `not-running` */
export async function connect(dataDir: string, retry: RetryOptions = {}): Promise<Connected> {
  let local: LocalClient;
  try {
    local = await findLocalPlatform(dataDir);
  } catch (error) {
    if (error instanceof NotRunningError) throw new CliError(EXIT.unreachable, 'not-running', error.message);
    throw error;
  }
  const state = await local.state();
  return { local, state, ...clientsOf(state, retry) };
}

/** Clients for every site of a platform. */
export function clientsOf(at: Addresses, retry: RetryOptions = {}): Omit<Connected, 'local' | 'state'> {
  const http: HttpClient = createHttpClient();
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
