/** The environment of each service's process: the settings of platform/services.ts for one machine. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatAssetScales, type Platform } from '../../platform/index.ts';
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
  readonly observed?: Observed | undefined;
  /** How long an edge node's telemetry window is, milliseconds; 0 counts, but sends nothing. */
  readonly telemetryWindowMs?: number | undefined;
}

/** Who is told of traces and metrics. */
export interface Observed {
  /** Base URL of an OTLP/HTTP receiver. */
  readonly otlp: string;
  /** Of a million settlements whose senders do not trace them, how many are traced. @default 0 */
  readonly traceRatio?: number | undefined;
}

/** Of the local control API. */
export const localUrl = (ports: Ports): string => `http://${HOST}:${ports.local}`;
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
  const { platform, plan, ports, layout, logLevel, observed, telemetryWindowMs } = options;
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
    ...(observed === undefined ? {} : { TIDEMARK_OTLP_ENDPOINT: observed.otlp }),
  };
  const replicasOf = (region: string): string[] =>
    plan.processes.filter((p) => p.tier === 'region' && p.region === region).map((p) => p.id);
  if (process.tier === 'global') {
    const witnesses = Object.fromEntries(platform.regions.map((r) => [r.id, replicasOf(r.id).map(dial)]));
    return {
      ...common, TIDEMARK_KEY: layout.globalKey, TIDEMARK_LEDGER: 'sqlite',
      TIDEMARK_ASSETS: formatAssetScales(platform.assets), TIDEMARK_WITNESS_URLS: JSON.stringify(witnesses),
      ...(platform.webhooks.length === 0 ? {} : { TIDEMARK_WEBHOOKS: JSON.stringify(platform.webhooks), TIDEMARK_WEBHOOK_SECRETS: layout.webhookSecrets }),
      // Whoever sees the page may cut sites off: this is the network of a machine's own platform.
      ...(options.dashboard === undefined ? {} : { TIDEMARK_DASHBOARD: options.dashboard, TIDEMARK_LOCAL_CONTROL: localUrl(ports) }),
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
  const dialled = plan.links.filter((l) => l.from === process.id).map((l) => l.to);
  const tierOf = (id: string): ProcessPlan['tier'] | undefined => plan.processes.find((p) => p.id === id)?.tier;
  return {
    ...common,
    TIDEMARK_KEY: layout.edgeKey(process.id),
    // In the order in which the node prefers them.
    TIDEMARK_REGION_URLS: dialled.filter((to) => tierOf(to) === 'region').map(dial).join(','),
    TIDEMARK_PEERS: JSON.stringify(dialled.filter((to) => tierOf(to) === 'edge').map((site) => ({ site, url: dial(site) }))),
    TIDEMARK_POLICY: layout.policy,
    ...(observed?.traceRatio === undefined ? {} : { TIDEMARK_TRACE_RATIO: String(observed.traceRatio) }),
    ...(telemetryWindowMs === undefined ? {} : { TIDEMARK_TELEMETRY_WINDOW_MS: String(telemetryWindowMs) }),
  };
}
