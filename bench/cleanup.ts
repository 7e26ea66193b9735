/** What was started or made and must not stay: undone in reverse order, at the end or on the way out. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export interface Cleanup {
  add(undo: () => Promise<void> | void): void;
  /** A folder that goes when this ends. */
  folder(parent: string, prefix: string): string;
  /** Undoes everything; errors are reported, never thrown, so that the rest is still undone. */
  run(report: (what: string) => void): Promise<void>;
}

export function createCleanup(): Cleanup {
  const undo: (() => Promise<void> | void)[] = [];
  return {
    add: (task) => void undo.push(task),
    folder(parent, prefix) {
      const path = mkdtempSync(join(parent, prefix));
      undo.push(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }));
      return path;
    },
    async run(report) {
      for (let task = undo.pop(); task !== undefined; task = undo.pop()) {
        try {
          await task();
        } catch (error) {
          report((error as Error).message);
        }
      }
    },
  };
}

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Sends the signal and waits for the end; SIGKILL when it does not come within `boundMs`. */
  stop(signal: NodeJS.Signals, boundMs?: number): Promise<void>;
}

/** @throws Error when the program cannot be started */
export async function start(file: string, args: readonly string[], options: SpawnOptions): Promise<Started> {
  const child = spawn(file, args, options);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  if (child.pid === undefined) {
    const [error] = await once(child, 'error') as [Error];
    throw new Error(`${file} cannot be started: ${error.message}`);
  }
  child.on('error', () => {});
  return {
    child, pid: child.pid,
    async stop(signal, boundMs = 15_000) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      const last = setTimeout(() => child.kill('SIGKILL'), boundMs);
      await exited;
      clearTimeout(last);
    },
  };
}

/** Runs a program to its end. @throws Error with what it wrote when it fails */
export async function run(file: string, args: readonly string[], options: SpawnOptions = {}): Promise<string> {
  const { child } = await start(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => { text += chunk.toString('utf8'); });
  child.stderr?.on('data', (chunk: Buffer) => { text += chunk.toString('utf8'); });
  const [code, signal] = await once(child, 'close') as [number | null, string | null];
  if (code !== 0) throw new Error(`${file} ended with ${code ?? signal}: ${text.trim().slice(-2_000)}`);
  return text;
}
