/**
 * One child process that is kept running: started, started again when it ends unasked, stopped when asked.
 *
 * A child prints `listening ...` once it serves. It holds a pipe from us as its standard input and ends when that ends, so
 * it does not outlive us, however we end. Its standard error is a file of its own: a busy supervisor never blocks a service.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { createBackoff, type Backoff } from '../protocol/backoff.ts';
import { boundLog, PRIVATE_FILE } from './files.ts';

export type ChildState = 'starting' | 'listening' | 'waiting' | 'stopped' | 'failed';

export interface ChildSpec {
  readonly id: string;
  /** For Node: its options, the program, the program's arguments. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  /** Called for each process that is started; the channel is there when `ipc` is set. */
  readonly ipc?: (child: ChildProcess) => void;
  /** Something about this child has changed. */
  readonly onChange: (change: ChildChange) => void;
}

export type ChildChange =
  | { readonly kind: 'listening' }
  | { readonly kind: 'exited'; readonly how: string; readonly againInMs: number }
  | { readonly kind: 'failed'; readonly why: string };

export interface Child {
  readonly id: string;
  readonly state: ChildState;
  /** Null while none runs. */
  readonly pid: number | null;
  /** How often it was started again. */
  readonly restarts: number;
  /** What it said behind `listening`, null while it does not listen. */
  readonly said: string | null;
  start(): void;
  /** Sends a signal that somebody asked for; what follows from it is not held against the child. False: none runs. */
  signal(name: NodeJS.Signals): boolean;
  /** Resolves once the process with this pid is gone. */
  gone(pid: number): Promise<void>;
  /** SIGTERM, and SIGKILL when that does not help within `boundMs`. */
  stop(boundMs: number): Promise<void>;
}

/** Waits before a restart, full jitter. */
const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** Gives up on a child that ended unasked this often within a minute, or this often in a row without ever listening. */
const EXITS_MAX = 10;
const EXITS_WINDOW_MS = 60_000;
const FALSE_STARTS_MAX = 5;
/** runService's exit code for settings that are wrong: trying again does not help. */
const EXIT_SETTINGS = 2;
export const LOG_BYTES_MAX = 16 * 1024 * 1024;
const SAID_MAX = 4_096;

export function createChild(
  spec: ChildSpec, now: () => number = () => performance.now(), backoff: Backoff = createBackoff(BACKOFF_BASE_MS, BACKOFF_MAX_MS),
): Child {
  let process_: ChildProcess | null = null;
  let state: ChildState = 'stopped';
  let said: string | null = null;
  let restarts = -1;
  let asked = false;
  let stopping = false;
  let exits: number[] = [];
  let falseStarts = 0;
  let again: NodeJS.Timeout | null = null;
  const waiters = new Map<number, (() => void)[]>();

  function run(): void {
    again = null;
    restarts += 1;
    asked = false;
    said = null;
    state = 'starting';
    boundLog(spec.logFile, LOG_BYTES_MAX);
    const log = openSync(spec.logFile, 'a', PRIVATE_FILE);
    let child: ChildProcess;
    try {
      child = spawn(process.execPath, spec.args, {
        env: { ...spec.env, TIDEMARK_STOP_ON_STDIN_END: '1' },
        stdio: ['pipe', 'pipe', log, ...(spec.ipc === undefined ? [] : ['ipc' as const])],
        // A session of its own: a terminal's Ctrl-C reaches us alone, and we stop the services in order.
        detached: process.platform !== 'win32',
        windowsHide: true,
      });
    } finally {
      closeSync(log);
    }
    process_ = child;
    // The pipe's other end may close before ours: nothing to do about it, 'exit' follows.
    child.stdin?.on('error', () => {});
    let exited = false;
    const onExit = (how: string, code: number | null): void => {
      if (exited) return;
      exited = true;
      ended(child, how, code);
    };
    child.on('error', (error) => {
      if (child.pid === undefined) onExit(`cannot be started: ${error.message}`, null);
    });
    child.on('exit', (code, signal) => onExit(signal === null ? `ended with exit code ${code}` : `ended by ${signal}`, code));
    readLine(child, (line) => {
      said = line;
      state = 'listening';
      falseStarts = 0;
      spec.onChange({ kind: 'listening' });
    });
    spec.ipc?.(child);
  }

  function ended(child: ChildProcess, how: string, code: number | null): void {
    const neverListened = state === 'starting';
    process_ = null;
    said = null;
    for (const done of waiters.get(child.pid ?? -1) ?? []) done();
    waiters.delete(child.pid ?? -1);
    if (stopping) {
      state = 'stopped';
      return;
    }
    if (!asked) {
      exits = [...exits.filter((at) => at > now() - EXITS_WINDOW_MS), now()];
      falseStarts = neverListened ? falseStarts + 1 : 0;
    }
    const last = lastLine(spec.logFile);
    const detail = `${how}${last === '' ? '' : `; the last it wrote: ${last}`}`;
    const why = neverListened && code === EXIT_SETTINGS ? detail
      : exits.length >= EXITS_MAX ? `${exits.length} times in a minute: ${detail}`
      : falseStarts >= FALSE_STARTS_MAX ? `${falseStarts} times in a row before it listened: ${detail}` : null;
    if (why !== null) {
      state = 'failed';
      spec.onChange({ kind: 'failed', why: `${why} (log: ${spec.logFile})` });
      return;
    }
    if (exits.length <= 1) backoff.reset();
    const againInMs = asked ? 0 : backoff.next();
    state = 'waiting';
    again = setTimeout(run, againInMs);
    spec.onChange({ kind: 'exited', how: asked ? how : detail, againInMs });
  }

  const gone = (pid: number): Promise<void> => new Promise((resolve) => {
    if (process_?.pid !== pid) resolve();
    else waiters.set(pid, [...(waiters.get(pid) ?? []), resolve]);
  });

  return {
    id: spec.id,
    get state() {
      return state;
    },
    get pid() {
      return process_?.pid ?? null;
    },
    get restarts() {
      return Math.max(0, restarts);
    },
    get said() {
      return said;
    },
    start() {
      if (state === 'stopped' && !stopping) run();
    },
    signal(name) {
      if (process_ === null || process_.pid === undefined) return false;
      asked ||= name !== 'SIGSTOP' && name !== 'SIGCONT';
      return process_.kill(name);
    },
    gone,
    async stop(boundMs) {
      stopping = true;
      if (again !== null) clearTimeout(again);
      again = null;
      const child = process_;
      if (child === null || child.pid === undefined) {
        if (state !== 'failed') state = 'stopped';
        return;
      }
      child.kill('SIGTERM');
      // One that was halted by SIGSTOP hears the first signal only now.
      if (process.platform !== 'win32') child.kill('SIGCONT');
      const last = setTimeout(() => child.kill('SIGKILL'), boundMs);
      await gone(child.pid);
      clearTimeout(last);
    },
  };
}

/** The first line of standard output that starts with `listening `; everything else there is read and dropped. */
function readLine(child: ChildProcess, found: (rest: string) => void): void {
  let text: string | null = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    if (text === null) return;
    text += chunk;
    const match = /^listening (.*)\r?\n/m.exec(text);
    if (match !== null) {
      text = null;
      found((match[1] as string).trim());
    } else if (text.length > SAID_MAX) {
      text = text.slice(-SAID_MAX);
    }
  });
}

/** For messages: what a process that ended wrote last, one line, shortened; a structured line's own message. */
export function lastLine(logFile: string): string {
  const file = openSync(logFile, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, 16_384));
    readSync(file, bytes, 0, bytes.byteLength, size - bytes.byteLength);
    const lines = bytes.toString('utf8').split('\n').map((l) => l.trim()).filter((l) => l !== '');
    // Of a stack trace, the line that names the error says more than the last one.
    const line = lines.findLast((l) => /^(?:\w*Error\b|\{)/.test(l)) ?? lines.at(-1) ?? '';
    return readable(line).slice(0, 400);
  } finally {
    closeSync(file);
  }
}

function readable(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    const text = [msg, err?.message].filter((t) => typeof t === 'string').join(': ');
    return text === '' ? line : text;
  } catch {
    return line;
  }
}
