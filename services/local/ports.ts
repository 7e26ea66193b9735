/**
 * The block of ports of a local platform: `base` is the control plane's, then follow all edge nodes, all replicas (as in
 * `portPlan`), the local control API and, last, the links of the emulated network.
 */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { PRIVATE_FOLDER } from './files.ts';
import { acquireLock, type Lock } from './lock.ts';
import { linkId, type LocalPlan } from './plan.ts';

export const HOST = '127.0.0.1';

export interface Ports {
  readonly base: number;
  readonly processes: ReadonlyMap<string, number>;
  readonly local: number;
  /** By `linkId`; empty without links. */
  readonly links: ReadonlyMap<string, number>;
  readonly release: () => void;
}

export class PortsError extends Error {
  override readonly name = 'PortsError';
}

/** Below the ports that systems give to outgoing connections (Linux: from 32768, others: from 49152), in blocks of 128. */
const FREE_FIRST = 10_240;
const FREE_END = 32_640;
const UNIT = 128;

/** What each port of the block is for. */
function purposes(plan: LocalPlan, withLinks: boolean): string[] {
  const links = withLinks ? plan.links.map((l) => `link ${linkId(l)}`) : [];
  return [...plan.processes.map((p) => p.id), 'local control API', ...links];
}

/**
 * Takes the block that starts at `base`, or, when `base` is 0, one that nothing on this machine listens in and no other
 * platform of this user has taken.
 * @throws PortsError naming every port in use and what it was for
 */
export async function takePorts(plan: LocalPlan, base: number, withLinks: boolean): Promise<Ports> {
  const wanted = purposes(plan, withLinks);
  if (base === 0) return takeFreeBlock(plan, wanted, withLinks);
  if (base < 1024 || base + wanted.length > 65_536) {
    const last = base + wanted.length - 1;
    throw new PortsError(`ports ${base} to ${last} are needed, allowed are 1024 to 65535: choose another --port-base`);
  }
  const used = await portsInUse(base, wanted.length);
  if (used.length > 0) {
    const list = used.slice(0, 5).map((port) => `${port} (${wanted[port - base]})`).join(', ');
    const more = used.length > 5 ? ` and ${used.length - 5} more` : '';
    throw new PortsError(
      `${used.length === 1 ? 'port' : 'ports'} ${list}${more} already in use by another program; stop it, or move this `
      + `platform's block of ${wanted.length} ports with --port-base`,
    );
  }
  return assign(plan, base, withLinks, () => {});
}

async function takeFreeBlock(plan: LocalPlan, wanted: readonly string[], withLinks: boolean): Promise<Ports> {
  const units = Math.ceil(wanted.length / UNIT);
  const places = (FREE_END - FREE_FIRST) / UNIT - units + 1;
  const folder = join(tmpdir(), `tidemark-ports-${userInfo().username}`);
  mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const start = Math.floor(Math.random() * Math.max(1, places));
  for (let i = 0; i < places; i += 1) {
    const base = FREE_FIRST + ((start + i) % places) * UNIT;
    const locks: Lock[] = [];
    const release = (): void => locks.forEach((lock) => lock.release());
    for (let unit = 0; unit < units; unit += 1) {
      const lock = acquireLock(join(folder, `${base + unit * UNIT}`));
      if (lock === null) break;
      locks.push(lock);
    }
    const ours = locks.length === units && (await portsInUse(base, wanted.length)).length === 0;
    if (ours) return assign(plan, base, withLinks, release);
    release();
  }
  const range = `${FREE_FIRST} and ${FREE_END}`;
  throw new PortsError(`no block of ${wanted.length} free ports between ${range}; give one with --port-base`);
}

function assign(plan: LocalPlan, base: number, withLinks: boolean, release: () => void): Ports {
  const local = base + plan.processes.length;
  return {
    base, local, release,
    processes: new Map(plan.processes.map((p, i) => [p.id, base + i])),
    links: new Map((withLinks ? plan.links : []).map((l, i) => [linkId(l), local + 1 + i])),
  };
}

/** Which of `count` ports from `first` on cannot be listened on. */
export async function portsInUse(first: number, count: number): Promise<number[]> {
  const results = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
  return results.flatMap((free, i) => (free ? [] : [first + i]));
}

const isFree = (port: number): Promise<boolean> => new Promise((resolve, reject) => {
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
    else reject(error);
  });
  server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)));
});
