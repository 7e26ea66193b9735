/** A platform under test: started for the benchmark, loaded, watched until everything is final, weighed. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { definePlatform, INDICATORS, type Indicator, type Platform } from '../platform/index.ts';
import { startLocalPlatform, type LocalPlatform } from '../services/local/index.ts';
import type { ServiceStatus } from '../services/protocol/index.ts';
import { createHttpClient, type HttpClient } from '../services/shell/index.ts';
import type { Cleanup } from './cleanup.ts';
import type { BatchJob, JobResult } from './jobs.ts';
import type { Load } from './load.ts';

export type Tier = 'edge' | 'region' | 'global';
export const TIERS: readonly Tier[] = ['edge', 'region', 'global'];

/** What one run through all tiers took. */
export interface Run {
  readonly load: JobResult;
  /** From the first request to the last answer of an edge node. */
  readonly answeredSeconds: number;
  /** From the first request until the last settlement is final, as its edge node knows it. */
  readonly finalSeconds: number;
  /** Processor time that each tier's processes took. Seconds. */
  readonly cpu: Readonly<Record<Tier, number>>;
}

export interface Stand {
  readonly local: LocalPlatform;
  readonly token: string;
  /** Settlements on all edge logs. */
  size(): Promise<number>;
  edgeStatus(): Promise<readonly ServiceStatus[]>;
  /** Sends the batches and waits until all of them are final. @throws Error when one was rejected or nothing moves any more */
  settle(job: Omit<BatchJob, 'kind' | 'urls' | 'prefix'>): Promise<Run>;
  /** Waits until every entry of every edge log has its outcome. */
  drain(): Promise<void>;
  /** Resident memory of each tier's processes, each with the size of the log it serves. */
  readonly weights: readonly { readonly tier: Tier; readonly id: string; readonly size: number; readonly mib: number }[];
  /** Processor time that all of its processes took so far. Seconds. */
  cpu(): number;
  /** Takes such a weight now. */
  weigh(): Promise<void>;
  stop(): Promise<void>;
}

/** One region with one replica and one edge node: what the design's numbers are about. */
export const smallest: Platform = definePlatform({
  name: 'bench',
  origin: 'bench.tidemark.example',
  assets: [{ code: 'EUR', scale: 2, name: 'Euro' }],
  controlPlane: { location: 'eu-central-1' },
  regions: [{ id: 'r', location: 'eu-central-1', replicas: 1, edges: [{ id: 'edge', location: 'eu-central-1' }] }],
  witnessQuorum: 1,
  // So long that a region that is paused for a measurement does not count as out of reach.
  policy: { version: 1, offlineAfterMs: 60_000, maxStalenessMs: 3_600_000, offlinePerAccount: {}, offlinePerNode: {} },
  slas: [],
});

/** The same with an SLA for each indicator, as an operator's deployment has them. */
export const observed: Platform = definePlatform({
  ...smallest,
  slas: Object.entries(INDICATORS).map(([indicator, { threshold }]) => ({
    id: indicator, indicator: indicator as Indicator, objective: 0.99, windowDays: 30, scope: 'site' as const, severity: 'ticket' as const, owner: 'bench', runbook: 'docs/operations.md#when-an-sla-is-breached',
    ...(threshold === 'ms' ? { thresholdMs: 500 } : threshold === 'ratio' ? { thresholdRatio: 0.05 } : {}),
  })),
});

const POLL_MS = 25;
/** Nothing became final for this long: it never will. */
const STUCK_MS = 30_000;

let serial = 0;
/** Ids are unique over all jobs of one benchmark. */
export const nextPrefix = (): string => `b${(serial += 1)}`;

export async function startStand(
  platform: Platform, folder: string, load: Load, cleanup: Cleanup, nodeArgs: readonly string[], say: (line: string) => void,
  telemetryWindowMs?: number,
): Promise<Stand> {
  const local = await startLocalPlatform(platform, {
    dataDir: folder, portBase: 0, wan: 'direct', logLevel: 'warn', nodeArgs, telemetryWindowMs,
    onProgress: (p) => {
      if (p.kind === 'exited' || p.kind === 'failed') say(p.message);
    },
  });
  cleanup.add(() => local.stop());
  const http: HttpClient = createHttpClient();
  cleanup.add(() => http.close());
  const token = readFileSync(local.tokenFile, 'utf8').trim();
  const status = (url: string): Promise<ServiceStatus> => http.json<ServiceStatus>(`${url}/v1/status`);
  const edgeStatus = (): Promise<ServiceStatus[]> => Promise.all(local.edges.map((e) => status(e.url)));
  const total = (all: readonly ServiceStatus[], count: string): number => all.reduce((sum, s) => sum + (s.counts[count] ?? 0), 0);
  const size = (all: readonly ServiceStatus[]): number => all.reduce((sum, s) => sum + s.log.size, 0);
  const weights: { tier: Tier; id: string; size: number; mib: number }[] = [];

  function cpuNow(): Record<Tier, number> {
    const sums = { edge: 0, region: 0, global: 0 };
    for (const site of local.sites) if (site.pid !== null) sums[site.tier] += cpuSeconds(site.pid);
    return sums;
  }

  async function drain(): Promise<void> {
    let before = -1;
    let movedAt = performance.now();
    for (;;) {
      const all = await edgeStatus();
      const settled = total(all, 'settled');
      if (all.every((s) => s.counts['settled'] === s.log.size)) return;
      if (settled !== before) {
        before = settled;
        movedAt = performance.now();
      } else if (performance.now() - movedAt > STUCK_MS) {
        const incidents = all.flatMap((s) => s.incidents.map((i) => `  ${s.id}: ${i.kind}: ${i.detail}`));
        const what = `${size(all) - settled} settlements have not become final in ${STUCK_MS} ms`;
        throw new Error([what, ...incidents, ...lastWords(local.dataDir)].join('\n'));
      }
      await sleep(POLL_MS);
    }
  }

  await load.run({ kind: 'open-accounts', url: local.controlUrl, edges: local.edges.map((e) => e.url), token });
  return {
    local, token, edgeStatus, drain, weights,
    size: async () => size(await edgeStatus()),
    cpu: () => Object.values(cpuNow()).reduce((sum, s) => sum + s, 0),
    async settle(job) {
      const before = await edgeStatus();
      const cpuBefore = cpuNow();
      const result = await load.run({ ...job, kind: 'batches', urls: local.edges.map((e) => e.url), prefix: nextPrefix() });
      await drain();
      const finalNs = process.hrtime.bigint();
      const cpuAfter = cpuNow();
      const after = await edgeStatus();
      const rejected = total(after, 'rejected') - total(before, 'rejected');
      const final = total(after, 'final') - total(before, 'final');
      if (rejected !== 0 || final !== job.count) {
        throw new Error(`of ${job.count} settlements ${final} became final and ${rejected} were rejected`);
      }
      const cpu = (tier: Tier): number => cpuAfter[tier] - cpuBefore[tier];
      return {
        load: result,
        answeredSeconds: Number(result.answeredNs - result.startedNs) / 1e9,
        finalSeconds: Number(finalNs - result.startedNs) / 1e9,
        cpu: { edge: cpu('edge'), region: cpu('region'), global: cpu('global') },
      };
    },
    async weigh() {
      const edges = new Map((await edgeStatus()).map((s) => [s.id, s.log.size]));
      const all = [...edges.values()].reduce((sum, n) => sum + n, 0);
      for (const site of local.sites) {
        if (site.pid === null) continue;
        weights.push({ tier: site.tier, id: site.id, size: edges.get(site.id) ?? all, mib: residentMiB(site.pid) });
      }
    },
    stop: () => local.stop(),
  };
}

/** What the services wrote last to their logs. */
function lastWords(dataDir: string): string[] {
  const folder = join(dataDir, 'logs');
  return readdirSync(folder).flatMap((file) => {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n').filter((line) => line !== '');
    return lines.slice(-3).map((line) => `  ${file}: ${line.slice(0, 500)}`);
  });
}

/** Resident memory of a process. */
export function residentMiB(pid: number): number {
  if (existsSync(`/proc/${pid}/status`)) {
    return Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}

/** Processor time of a process so far, in user and in system mode; NaN where the system does not tell (only Linux does). */
export function cpuSeconds(pid: number): number {
  if (!existsSync(`/proc/${pid}/stat`)) return Number.NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // proc_pid_stat(5): utime and stime are fields 14 and 15, in ticks, of which Linux shows 100 a second to every program.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
