/** The environment of each service's process: the settings of platform/services.ts for one machine. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Platform } from '../../platform/index.ts';
import { linkId, type LocalPlan, type ProcessPlan } from './plan.ts';
import { HOST, type Ports } from './ports.ts';
import type { Layout } from './provision.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** `.ts` in a checkout, `.js` in an installed package. */
const EXTENSION = extname(import.meta.filename);

/** The program of each tier. */
export const PROGRAMS = {
  global: here(`../control-plane/main${EXTENSION}`),
  region: here(`../regional-aggregator/main${EXTENSION}`),
  edge: here(`../edge-node/main${EXTENSION}`),
} as const;

export interface EnvironmentOptions {
  readonly platform: Platform;
  readonly plan: LocalPlan;
  readonly ports: Ports;
  readonly layout: Layout;
  readonly logLevel: string;
  /** Folder of the built page. */
  readonly dashboard?: string | undefined;
}

export const processUrl = (ports: Ports, id: string): string => `http://${HOST}:${ports.processes.get(id) as number}`;

/** Ours without what is meant for us: a service's settings come from here alone. */
export function baseEnvironment(own: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const kept = Object.entries(own).filter(([name]) => !name.startsWith('TIDEMARK_') && name !== 'NODE_CHANNEL_FD');
  return {
    // Ten processes compile the same modules: the second start takes half the time.
    NODE_COMPILE_CACHE: here('../../node_modules/.cache/tidemark'),
    ...Object.fromEntries(kept),
  };
}

export function serviceEnvironment(process: ProcessPlan, options: EnvironmentOptions): Record<string, string> {
  const { platform, plan, ports, layout, logLevel } = options;
  /** Where `process` finds another one: through its own link when there is an emulated network. */
  const dial = (to: string): string => {
    const port = ports.links.get(linkId({ from: process.id, to }));
    return port === undefined ? processUrl(ports, to) : `http://${HOST}:${port}`;
  };
  const common = {
    TIDEMARK_SITE: process.site,
    TIDEMARK_DATA: layout.site(process.id),
    TIDEMARK_HOST: HOST,
    TIDEMARK_PORT: String(ports.processes.get(process.id)),
    TIDEMARK_TRUST: layout.trust,
    TIDEMARK_TOKEN_FILE: layout.token,
    TIDEMARK_SLAS: layout.slas,
    TIDEMARK_LOG_LEVEL: logLevel,
  };
  const replicasOf = (region: string): string[] =>
    plan.processes.filter((p) => p.tier === 'region' && p.region === region).map((p) => p.id);
  if (process.tier === 'global') {
    const witnesses = Object.fromEntries(platform.regions.map((r) => [r.id, replicasOf(r.id).map(dial)]));
    return {
      ...common, TIDEMARK_KEY: layout.globalKey, TIDEMARK_LEDGER: 'sqlite',
      TIDEMARK_ASSETS: platform.assets.map((a) => a.code).join(','), TIDEMARK_WITNESS_URLS: JSON.stringify(witnesses),
      ...(options.dashboard === undefined ? {} : { TIDEMARK_DASHBOARD: options.dashboard }),
    };
  }
  const region = process.region as string;
  if (process.tier === 'region') {
    const replica = process.replica as number;
    return {
      ...common,
      TIDEMARK_REPLICA: String(replica),
      TIDEMARK_KEY: layout.replicaKey(region, replica),
      TIDEMARK_REGION_KEY: layout.regionKey(region),
      TIDEMARK_STREAM: `sqlite:${layout.region(region)}/stream.db`,
      TIDEMARK_PEER_URLS: replicasOf(region).map((id) => processUrl(ports, id)).join(','),
      TIDEMARK_CONTROL_URL: dial(platform.controlPlane.id),
    };
  }
  return {
    ...common,
    TIDEMARK_KEY: layout.edgeKey(process.id),
    TIDEMARK_REGION_URLS: plan.links.filter((l) => l.from === process.id).map((l) => dial(l.to)).join(','),
    TIDEMARK_POLICY: layout.policy,
  };
}
