/** Keeps the processes of one platform running, and the network between them as it was asked for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nearest, type Platform } from '../../platform/index.ts';
import { Problem } from '../protocol/errors.ts';
import { createHttpClient } from '../protocol/http-client.ts';
import { createChild, LOG_BYTES_MAX, type Child, type ChildChange } from './child.ts';
import { PARTITION_MS_MAX, SIGNALS, WAN_SCALE_MAX, type Operations } from './control-api.ts';
import { baseEnvironment, localUrl, processUrl, serviceEnvironment, type Observed } from './environment.ts';
import { boundLog, writeWhole } from './files.ts';
import { isCut, linkId, membersOf, partitionable, type LinkPlan, type LocalPlan, type ProcessPlan, type Tier } from './plan.ts';
import { HOST, type Ports } from './ports.ts';
import type { Layout } from './provision.ts';
import { startedAt, type LocalSite, type Partition, type RunState, type WanMode } from './run-state.ts';
import { createWanHost, WAN, type WanHost } from './wan-host.ts';
import type { LinkState } from './wan-process.ts';

export interface Progress {
  readonly kind: 'starting' | 'listening' | 'ready' | 'exited' | 'failed' | 'partitioned' | 'healed' | 'stopping' | 'stopped';
  readonly site?: string;
  /** One line, for people. */
  readonly message: string;
}

export interface SupervisorOptions {
  readonly platform: Platform;
  readonly plan: LocalPlan;
  readonly ports: Ports;
  readonly layout: Layout;
  readonly wan: WanMode;
  readonly wanScale: number;
  readonly logLevel: string;
  readonly nodeArgs: readonly string[];
  readonly programs: Readonly<Record<Tier, string>>;
  /** Folder of the built page. */
  readonly dashboard?: string | undefined;
  readonly observed?: Observed | undefined;
  readonly telemetryWindowMs?: number | undefined;
  readonly say: (progress: Progress) => void;
}

export interface Supervisor extends Operations {
  readonly sites: readonly LocalSite[];
  /** Starts everything and waits until it is ready. @throws LocalPlatformError */
  start(timeoutMs: number): Promise<void>;
  ready(site: string | undefined, timeoutMs: number): Promise<void>;
  stop(boundMs: number): Promise<void>;
  killAll(): void;
}

/** The platform could not be started, or did not get ready; says which part and why. */
export class LocalPlatformError extends Error {
  override readonly name = 'LocalPlatformError';
}

const READY_CALL_MS = 2_000;
const READY_PAUSE_MS = 25;
const LOG_CHECK_MS = 60_000;
const KILL_WAIT_MS = 5_000;
const STOP_ORDER: readonly Tier[] = ['edge', 'region', 'global'];

interface Running {
  readonly plan: ProcessPlan;
  readonly child: Child;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { platform, plan, ports, layout, say } = options;
  const env = baseEnvironment(process.env);
  const http = createHttpClient();
  const partitions = new Map<string, Partition & { readonly timer: NodeJS.Timeout | null }>();
  const failures = new Map<string, string>();
  const started = Date.now();
  let phase: RunState['state'] = 'starting';
  let mode = options.wan;
  let scale = options.wanScale;
  let logTimer: NodeJS.Timeout | null = null;
  let writePending = false;

  const running = new Map(plan.processes.map((p): [string, Running] => [p.id, {
    plan: p,
    child: createChild({
      id: p.id,
      args: [...options.nodeArgs, options.programs[p.tier]],
      env: { ...env, ...serviceEnvironment(p, { platform, plan, ports, layout, logLevel: options.logLevel, dashboard: options.dashboard, observed: options.observed, telemetryWindowMs: options.telemetryWindowMs }) },
      logFile: layout.log(p.id),
      onChange: (change) => changed(p.id, change),
    }),
  }]));
  const wan: WanHost | null = mode === 'direct' ? null : createWanHost({
    env, logFile: layout.log('wan'), onChange: (change) => changed(WAN, change),
    links: plan.links.map((link) => ({
      id: linkId(link), ...linkState(link),
      listen: { host: HOST, port: ports.links.get(linkId(link)) as number },
      target: { host: HOST, port: ports.processes.get(link.to) as number },
    })),
  });
  const children: readonly Child[] = [...(wan === null ? [] : [wan.child]), ...[...running.values()].map((r) => r.child)];

  const ofTier = (tier: Tier): Child[] => [...running.values()].filter((r) => r.plan.tier === tier).map((r) => r.child);
  const logOf = (child: Child): string => layout.log(child.id === WAN ? 'wan' : child.id);

  function linkState(link: LinkPlan): LinkState {
    return { oneWayMs: mode === 'emulated' ? (link.roundTripMs / 2) * scale : 0, cut: isCut(plan, link, partitions.keys()) };
  }

  async function applyWan(): Promise<void> {
    await wan?.set(plan.links.map(linkState));
    save();
  }

  function changed(id: string, change: ChildChange): void {
    if (change.kind === 'failed') {
      failures.set(id, change.why);
      say({ kind: 'failed', site: id, message: `${id} is given up: ${change.why}` });
    } else if (change.kind === 'exited') {
      say({ kind: 'exited', site: id, message: `${id} ${change.how}; starting it again in ${change.againInMs} ms` });
    } else {
      say({ kind: 'listening', site: id, message: `${id} listens` });
    }
    save();
  }

  /** Changes come in bursts; one write each turn of the event loop. */
  function save(): void {
    if (writePending) return;
    writePending = true;
    setImmediate(() => {
      writePending = false;
      if (phase !== 'stopping') writeState();
    });
  }

  const writeState = (): void => writeWhole(layout.runState, `${JSON.stringify(state(), null, 2)}\n`);

  function sites(): LocalSite[] {
    const cut = [...partitions.keys()].map((site) => membersOf(plan, site));
    return [...running.values()].map(({ plan: p, child }) => ({
      id: p.id, tier: p.tier,
      ...(p.region === undefined ? {} : { region: p.region }),
      ...(p.replica === undefined ? {} : { replica: p.replica }),
      url: processUrl(ports, p.id), state: child.state, pid: child.pid, restarts: child.restarts,
      partitioned: cut.some((members) => members.has(p.id)),
    }));
  }

  function state(): RunState {
    return {
      v: 1, name: platform.name, pid: process.pid, startedAt: started, state: phase, dataDir: layout.root,
      controlUrl: processUrl(ports, platform.controlPlane.id), localUrl: localUrl(ports), tokenFile: layout.token,
      wan: { mode, scale },
      partitions: [...partitions.values()].map(({ site, since, until }) => ({ site, since, until })),
      sites: sites(),
      processes: children.flatMap(({ id, pid }) => (pid === null ? [] : [{ id, pid, started: startedAt(pid) }])),
    };
  }

  function unknown(id: string, known: readonly string[]): Problem {
    const meant = nearest(id, known);
    const hint = meant === null ? '' : `; did you mean ${meant}?`;
    return new Problem(404, 'unknown-site', `no site ${JSON.stringify(id)} here${hint} (known: ${known.join(', ')})`);
  }

  function needWan(what: string): void {
    if (wan !== null) return;
    throw new Problem(409, 'no-emulated-network', `${what} need the emulated network, and this platform runs without one`);
  }

  async function heal(site?: string): Promise<string[]> {
    if (site !== undefined && !partitionable(plan).includes(site)) throw unknown(site, partitionable(plan));
    const healed = [...partitions.keys()].filter((s) => site === undefined || s === site);
    for (const s of healed) {
      const { timer } = partitions.get(s) ?? {};
      if (timer != null) clearTimeout(timer);
      partitions.delete(s);
    }
    if (healed.length > 0) await applyWan();
    for (const s of healed) say({ kind: 'healed', site: s, message: `${s} is connected again` });
    return healed;
  }

  /** Why one of these, or the network that they need, will not get ready any more. */
  function failureOf(ids: readonly string[]): string | null {
    const failed = [WAN, ...ids].find((id) => failures.has(id));
    return failed === undefined ? null : `${failed}: ${failures.get(failed)}`;
  }

  async function awaitReady(ids: readonly string[], timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    let over = false;
    const one = async (id: string): Promise<void> => {
      const { child } = running.get(id) as Running;
      let why = 'it does not listen yet';
      while (!over) {
        const failure = phase === 'stopping' ? 'the platform is stopping' : failureOf(ids);
        if (failure !== null) throw new LocalPlatformError(failure);
        if (child.state === 'listening') {
          const answer = await askReady(id);
          if (answer === null) {
            say({ kind: 'ready', site: id, message: `${id} is ready at ${processUrl(ports, id)}` });
            return;
          }
          why = answer;
        }
        if (performance.now() >= deadline) {
          throw new LocalPlatformError(`${id} is not ready after ${timeoutMs} ms: ${why} (log: ${layout.log(id)})`);
        }
        await sleep(READY_PAUSE_MS);
      }
    };
    try {
      await Promise.all(ids.map(one));
    } finally {
      over = true;
    }
  }

  /** Null: ready. Else what stands against it. */
  async function askReady(id: string): Promise<string | null> {
    try {
      const answer = await http.call(`${processUrl(ports, id)}/readyz`, { timeoutMs: READY_CALL_MS });
      return answer.status === 200 ? null : `/readyz answers ${answer.status}: ${answer.body.toString('utf8').slice(0, 300)}`;
    } catch (error) {
      return (error as Error).message;
    }
  }

  return {
    get sites() {
      return sites();
    },
    state,

    async start(timeoutMs) {
      writeState();
      say({ kind: 'starting', message: `starting ${running.size} processes` });
      // All at once; they wait for each other themselves. The network and the upper tiers first, so that what dials finds them.
      const order: readonly Child[] = [
        ...(wan === null ? [] : [wan.child]),
        ...STOP_ORDER.toReversed().flatMap((tier) => ofTier(tier)),
      ];
      for (const child of order) {
        boundLog(logOf(child), 0);
        child.start();
      }
      logTimer = setInterval(() => {
        for (const child of children) boundLog(logOf(child), LOG_BYTES_MAX);
      }, LOG_CHECK_MS).unref();
      save();
      await awaitReady([...running.keys()], timeoutMs);
      phase = 'running';
      save();
    },

    ready: async (site, timeoutMs) => {
      if (site !== undefined && !running.has(site)) throw unknown(site, [...running.keys()]);
      await awaitReady(site === undefined ? [...running.keys()] : [site], timeoutMs);
    },

    async links() {
      const stats = await wan?.stats();
      if (stats == null) return null;
      return {
        cpuMs: stats.cpuMs,
        links: plan.links.flatMap((link, i) => {
          const found = stats.links[i];
          const { oneWayMs, cut } = linkState(link);
          return found === undefined ? [] : [{ from: link.from, to: link.to, roundTripMs: 2 * oneWayMs, cut, ...found }];
        }),
      };
    },

    async partition(site, forMs) {
      needWan('partitions');
      if (!partitionable(plan).includes(site)) throw unknown(site, partitionable(plan));
      if (forMs !== undefined && !(Number.isInteger(forMs) && forMs >= 1 && forMs <= PARTITION_MS_MAX)) {
        throw new Problem(400, 'invalid-request', `forMs: expected a whole number from 1 to ${PARTITION_MS_MAX}, got ${forMs}`);
      }
      const before = partitions.get(site);
      if (before?.timer != null) clearTimeout(before.timer);
      const now = Date.now();
      const timer = forMs === undefined ? null : setTimeout(() => void heal(site), forMs);
      const partition: Partition = { site, since: before?.since ?? now, until: forMs === undefined ? null : now + forMs };
      partitions.set(site, { ...partition, timer });
      await applyWan();
      say({ kind: 'partitioned', site, message: `${site} is cut off${forMs === undefined ? '' : ` for ${forMs} ms`}` });
      return partition;
    },
    heal,

    async kill(id, signal) {
      const found = running.get(id);
      if (found === undefined) throw unknown(id, [...running.keys()]);
      if (!SIGNALS.includes(signal)) {
        throw new Problem(400, 'invalid-request', `signal: expected one of ${SIGNALS.join(', ')}, got ${String(signal)}`);
      }
      const { child } = found;
      const { pid } = child;
      if (pid === null || !child.signal(signal)) {
        throw new Problem(409, 'not-running', `${id} has no process right now (${child.state})`);
      }
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') {
        const waited = new AbortController();
        await Promise.race([child.gone(pid), sleep(KILL_WAIT_MS, undefined, { signal: waited.signal }).catch(() => {})]);
        waited.abort();
      }
      return { id, pid };
    },

    async setWan(wanted) {
      needWan('round trips');
      if (wanted.scale !== undefined && !(wanted.scale >= 0 && wanted.scale <= WAN_SCALE_MAX)) {
        throw new Problem(400, 'invalid-request', `scale: expected 0 to ${WAN_SCALE_MAX}, got ${wanted.scale}`);
      }
      mode = wanted.enabled === undefined ? mode : wanted.enabled ? 'emulated' : 'off';
      scale = wanted.scale ?? scale;
      await applyWan();
    },

    killAll() {
      for (const child of children) child.signal('SIGKILL');
    },

    async stop(boundMs) {
      if (phase === 'stopping') return;
      phase = 'stopping';
      writeState();
      say({ kind: 'stopping', message: 'stopping edge nodes, regions, control plane' });
      if (logTimer !== null) clearInterval(logTimer);
      for (const { timer } of partitions.values()) if (timer !== null) clearTimeout(timer);
      for (const tier of STOP_ORDER) {
        await Promise.all(ofTier(tier).map((child) => child.stop(boundMs)));
      }
      await wan?.child.stop(boundMs);
      await http.close();
    },
  };
}
