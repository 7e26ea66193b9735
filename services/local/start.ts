/** Starts a whole platform on this machine. */
import { mkdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Platform } from '../../platform/index.ts';
import { createLogger } from '../shell/index.ts';
import { createControlApi, type Operations, type Signal } from './control-api.ts';
import { localUrl, processUrl, PROGRAMS, type Observed } from './environment.ts';
import { PRIVATE_FOLDER } from './files.ts';
import { acquireLock } from './lock.ts';
import { planLocal, type Tier } from './plan.ts';
import { HOST, takePorts } from './ports.ts';
import { layoutOf, provision } from './provision.ts';
import { clearOrphans, readRunState, type LocalSite, type WanMode } from './run-state.ts';
import { createSupervisor, LocalPlatformError, type Progress } from './supervisor.ts';

export interface LocalOptions {
  readonly dataDir: string;
  /** The first port of the block; 0: a free block. @default - the config's */
  readonly portBase?: number;
  /**
   * `emulated`: round trips as in the table, times `wanScale`. `off`: none, but partitions are possible. `direct`: the services
   * dial each other without anything in between, for measurements. @default - `emulated` or `off`, as the config says
   */
  readonly wan?: WanMode;
  /** @default 1 */
  readonly wanScale?: number;
  /** Of the services. @default 'info' */
  readonly logLevel?: string;
  readonly onProgress?: (progress: Progress) => void;
  /** Milliseconds until every process is ready. @default 60000 */
  readonly startTimeoutMs?: number;
  /** Options of Node for the services' processes, such as `--cpu-prof`. @default - none */
  readonly nodeArgs?: readonly string[];
  /** Folder of the built dashboard, which the control plane then serves at /. @default - none */
  readonly dashboard?: string | undefined;
  /** Where traces and metrics go. @default - nowhere */
  readonly observed?: Observed | undefined;
  /** Of edge nodes: how long a telemetry window is, milliseconds; 0 counts, but sends nothing. @default - as the service has it */
  readonly telemetryWindowMs?: number | undefined;
  /** Other programs for the tiers. @default - the services of this repository */
  readonly programs?: Readonly<Partial<Record<Tier, string>>>;
}

export interface LocalPlatform extends Operations {
  readonly name: string;
  readonly dataDir: string;
  readonly tokenFile: string;
  /** All processes as they are now, in the order of their ports. */
  readonly sites: readonly LocalSite[];
  /** The control plane. */
  readonly controlUrl: string;
  /** Region -> its replicas. */
  readonly regionUrls: Readonly<Record<string, readonly string[]>>;
  readonly edges: readonly { readonly id: string; readonly region: string; readonly url: string }[];
  /** The local control API. */
  readonly localUrl: string;
  /** @param signal SIGKILL unless told otherwise */
  kill(site: string, signal?: Signal): Promise<{ readonly id: string; readonly pid: number }>;
  /** Resolves once the process, or every one, listens and says that it is ready. @throws LocalPlatformError */
  ready(site?: string, timeoutMs?: number): Promise<void>;
  /** Stops edge nodes, regions, control plane, in this order; each may take `boundMs` (10 s), then it is killed. */
  stop(boundMs?: number): Promise<void>;
  /** While it stops: ends whatever still runs, at once. */
  killAll(): void;
}

const START_TIMEOUT_MS = 60_000;
const STOP_BOUND_MS = 10_000;

/** @throws ProvisionError, PortsError, LocalPlatformError; whatever was started by then is stopped again */
export async function startLocalPlatform(platform: Platform, options: LocalOptions): Promise<LocalPlatform> {
  const dataDir = resolve(options.dataDir);
  const say = (progress: Progress): void => options.onProgress?.(progress);
  mkdirSync(dataDir, { recursive: true, mode: PRIVATE_FOLDER });
  const lock = acquireLock(layoutOf(dataDir).lock);
  if (lock === null) {
    const holder = readRunState(dataDir);
    throw new LocalPlatformError(
      `a platform${holder === null ? '' : ` (process ${holder.pid}, ${holder.localUrl})`} runs in ${dataDir} already; `
      + 'stop it, or start this one in another folder, with another --port-base',
    );
  }
  const cleanup: (() => unknown)[] = [() => lock.release()];
  const cleanUp = async (): Promise<void> => {
    for (const step of cleanup.splice(0).reverse()) await step();
  };
  try {
    await clearOrphans(readRunState(dataDir), (message) => say({ kind: 'starting', message }));
    const plan = planLocal(platform);
    const wan = options.wan ?? (platform.wan.enabled ? 'emulated' : 'off');
    // Before any key is made: a start that finds its ports taken leaves nothing half-made behind.
    const ports = await takePorts(plan, options.portBase ?? platform.ports.base, wan !== 'direct');
    cleanup.push(() => ports.release());
    const layout = provision(platform, dataDir);
    const supervisor = createSupervisor({
      platform, plan, ports, layout, say, wan, wanScale: options.wanScale ?? 1, logLevel: options.logLevel ?? 'info',
      dashboard: options.dashboard, observed: options.observed, telemetryWindowMs: options.telemetryWindowMs, nodeArgs: options.nodeArgs ?? [], programs: { ...PROGRAMS, ...options.programs },
    });
    cleanup.push(() => rmSync(layout.runState, { force: true }));
    cleanup.push(() => supervisor.stop(STOP_BOUND_MS));
    const started = supervisor.start(options.startTimeoutMs ?? START_TIMEOUT_MS);
    // Looked at below; until then a failure must not count as unhandled.
    started.catch(() => {});
    const api = await createControlApi(supervisor, layout.token, createLogger('silent', {}));
    cleanup.push(() => api.close());
    await Promise.all([started, api.listen({ host: HOST, port: ports.local })]);

    let stopped: Promise<void> | null = null;
    const stopEverything = async (boundMs: number): Promise<void> => {
      await supervisor.stop(boundMs);
      await cleanUp();
      say({ kind: 'stopped', message: 'stopped' });
    };
    return {
      name: platform.name, dataDir, tokenFile: layout.token,
      get sites() {
        return supervisor.sites;
      },
      controlUrl: processUrl(ports, platform.controlPlane.id),
      regionUrls: Object.fromEntries(platform.regions.map((r) =>
        [r.id, plan.processes.filter((p) => p.tier === 'region' && p.region === r.id).map((p) => processUrl(ports, p.id))])),
      edges: platform.regions.flatMap((r) => r.edges.map((e) => ({ id: e.id, region: r.id, url: processUrl(ports, e.id) }))),
      localUrl: localUrl(ports),
      state: supervisor.state, links: supervisor.links,
      partition: supervisor.partition, heal: supervisor.heal, setWan: supervisor.setWan,
      kill: (site, signal = 'SIGKILL') => supervisor.kill(site, signal),
      killAll: supervisor.killAll,
      ready: (site, timeoutMs = START_TIMEOUT_MS) => supervisor.ready(site, timeoutMs),
      stop: (boundMs = STOP_BOUND_MS) => (stopped ??= stopEverything(boundMs)),
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

/**
 * Waits for SIGINT, SIGTERM or SIGHUP and stops the platform; a second one ends what is still running at once.
 * @returns the signal that came first, after the platform has stopped
 */
export async function stopOnSignal(platform: LocalPlatform): Promise<NodeJS.Signals> {
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const came = Promise.withResolvers<NodeJS.Signals>();
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) platform.killAll();
    stopping = true;
    came.resolve(signal);
  };
  for (const name of signals) process.on(name, onSignal);
  const signal = await came.promise;
  try {
    await platform.stop();
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
  return signal;
}
