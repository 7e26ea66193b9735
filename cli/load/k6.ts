/** k6 as a program: where it is, and a run of it whose samples come as they are taken. It is never linked in, and sends nothing home. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { CliError, EXIT } from '../errors.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SCRIPT = join(ROOT, 'loadtests', `main${extname(import.meta.filename)}`);
/** k6's own: thresholds were crossed. */
export const K6_BREACHED = 99;
const MAJOR_MIN = 2;

export interface K6 {
  readonly path: string;
  readonly version: string;
}

/** TIDEMARK_K6, then PATH, then what was built from tools/k6. @throws CliError that says how to get it */
export function findK6(env: Readonly<Record<string, string | undefined>>): K6 {
  const asked = env['TIDEMARK_K6'];
  const name = process.platform === 'win32' ? 'k6.exe' : 'k6';
  const candidates = asked === undefined
    ? [...(env['PATH'] ?? '').split(delimiter).filter((p) => p !== '').map((folder) => join(folder, name)), join(ROOT, 'tools', 'bin', name)]
    : [asked];
  const path = candidates.find((p) => existsSync(p));
  const how = 'Get k6 2.x from https://grafana.com/docs/k6/latest/set-up/install-k6/, or build the pinned one with Go: '
    + '`cd tools/k6 && go build -o ../bin/k6 go.k6.io/k6/v2`; TIDEMARK_K6 names another place';
  if (path === undefined) {
    throw new CliError(EXIT.usage, 'k6-missing', asked === undefined ? `k6 is not on this machine's PATH. ${how}` : `TIDEMARK_K6: ${asked}: no such file. ${how}`);
  }
  const said = spawnSync(path, ['version'], { encoding: 'utf8', timeout: 20_000 });
  const version = /k6(?:\.exe)? v(\d+\.\d+\.\d+)/.exec(said.stdout ?? '')?.[1];
  if (version === undefined) {
    throw new CliError(EXIT.usage, 'k6-missing', `${path} does not say that it is k6 (${(said.error?.message ?? said.stderr ?? '').trim().slice(0, 200)}). ${how}`);
  }
  if (Number(version.split('.')[0]) < MAJOR_MIN) throw new CliError(EXIT.usage, 'k6-old', `${path} is k6 ${version}; 2.0 or newer runs TypeScript as it is. ${how}`);
  return { path, version };
}

/** One measured value. */
export interface Sample {
  readonly metric: string;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly population: string;
}

export interface K6Run {
  /** 0, 99 when a threshold was crossed, anything else when the run itself failed. */
  readonly exitCode: number;
  /** What k6 said on stderr, its end. */
  readonly said: string;
}

const SAID_MAX = 64 * 1024;

/**
 * Runs the script with a plan. Samples come in the order of their taking; nothing is stored.
 *
 * @param planFile path of the plan as JSON
 * @param signal ends k6 by SIGINT: it stops its clients and ends as after a run
 */
export async function runK6(k6: K6, planFile: string, onSample: (sample: Sample) => void, signal: AbortSignal): Promise<K6Run> {
  const child = spawn(k6.path, ['run', '--quiet', '--no-color', '--no-usage-report', '--summary-mode=disabled', '--address=', '--out=json=-', SCRIPT], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Nothing of the user's own k6 set-up (cloud tokens, other outputs) takes part.
    env: {
      PATH: process.env['PATH'], HOME: process.env['HOME'], TIDEMARK_LOAD_PLAN: planFile, K6_NO_USAGE_REPORT: 'true', K6_AUTO_EXTENSION_RESOLUTION: 'false',
      ...(process.env['GOMAXPROCS'] === undefined ? {} : { GOMAXPROCS: process.env['GOMAXPROCS'] }),
    },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-SAID_MAX);
  });
  const stop = (): void => void child.kill('SIGINT');
  signal.addEventListener('abort', stop, { once: true });
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? EXIT.interrupted));
  });
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
      const sample = parseSample(line);
      if (sample !== null) onSample(sample);
    }
    return { exitCode: await ended, said };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Lines of these metrics only: k6 writes ten of its own for each request. */
const WANTED = /^\{"metric":"(?:client_|sla_|dropped_iterations"|iterations")/;

/** A line of k6's JSON output; null for what is not of interest, or no sample. */
export function parseSample(line: string): Sample | null {
  if (!WANTED.test(line)) return null;
  let point: { metric?: unknown; type?: unknown; data?: { time?: unknown; value?: unknown; tags?: { population?: unknown } } };
  try {
    point = JSON.parse(line) as typeof point;
  } catch {
    return null;
  }
  const { metric, type, data } = point;
  if (type !== 'Point' || typeof metric !== 'string' || typeof data?.value !== 'number' || typeof data.time !== 'string') return null;
  const population = data.tags?.population;
  return { metric, value: data.value, time: Date.parse(data.time), population: typeof population === 'string' ? population : '' };
}
