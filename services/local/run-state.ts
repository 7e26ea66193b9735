/** `platform.json` in the data folder: how others find a running platform, and what a crashed one left behind. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildState } from './child.ts';
import { readJson, unknownVersion } from './files.ts';
import type { Tier } from './plan.ts';
import { layoutOf } from './provision.ts';

export interface LocalSite {
  /** `global`, `eu/1`, `eu-fra-1`. */
  readonly id: string;
  readonly tier: Tier;
  readonly region?: string;
  /** From 0. */
  readonly replica?: number;
  readonly url: string;
  readonly state: ChildState;
  /** Null while no process runs. */
  readonly pid: number | null;
  readonly restarts: number;
  readonly partitioned: boolean;
}

export interface Partition {
  readonly site: string;
  /** Milliseconds since the epoch; `until` null: until it is healed. */
  readonly since: number;
  readonly until: number | null;
}

/** `direct`: no emulated network at all, so neither delays nor partitions. */
export type WanMode = 'emulated' | 'off' | 'direct';

export interface RunState {
  readonly v: 1;
  readonly name: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly state: 'starting' | 'running' | 'stopping';
  readonly dataDir: string;
  /** The control plane. */
  readonly controlUrl: string;
  /** The local control API. */
  readonly localUrl: string;
  readonly tokenFile: string;
  readonly wan: { readonly mode: WanMode; readonly scale: number };
  readonly partitions: readonly Partition[];
  readonly sites: readonly LocalSite[];
  /** Every process of the platform; the system's own time of its start tells it from a later one with the same id. */
  readonly processes: readonly { readonly id: string; readonly pid: number; readonly started: string | null }[];
}

/** What the last platform in this folder wrote, null when it stopped cleanly. It may not run any more: ask it. */
export function readRunState(dataDir: string): RunState | null {
  const state = readJson(layoutOf(dataDir).runState) as RunState | null;
  if (state !== null && state.v !== 1) {
    throw new Error(`${layoutOf(dataDir).runState}: ${unknownVersion(state.v)}`);
  }
  return state;
}

/** When the system started the process, in its own words; null when it cannot tell (only Linux does). */
export function startedAt(pid: number): string | null {
  try {
    // The second field is the program's name in parentheses and may hold anything; proc_pid_stat(5), field 22.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const ORPHANS_WAIT_MS = 15_000;

/**
 * The processes of a platform that was killed end by themselves; two must never write to the same data. Waits for them, and
 * ends those that do not go, where it is certain that they are the ones.
 */
export async function clearOrphans(
  before: RunState | null, say: (message: string) => void, waitMs: number = ORPHANS_WAIT_MS,
): Promise<void> {
  const left = (): RunState['processes'] =>
    (before?.processes ?? []).filter((p) => isAlive(p.pid) && (p.started === null || startedAt(p.pid) === p.started));
  const deadline = performance.now() + waitMs;
  let told = false;
  for (let orphans = left(); orphans.length > 0; orphans = left()) {
    const ids = orphans.map((o) => o.id).join(', ');
    if (!told) say(`waiting for ${orphans.length} processes of the platform that was killed here (${ids})`);
    told = true;
    if (performance.now() > deadline) {
      const unsure = orphans.filter((o) => o.started === null);
      if (unsure.length > 0) {
        const list = unsure.map((o) => `${o.pid} (${o.id})`).join(', ');
        throw new Error(`processes ${list} may be left from the platform before; end them, then start again`);
      }
      for (const orphan of orphans) process.kill(orphan.pid, 'SIGKILL');
    }
    await sleep(50);
  }
}
