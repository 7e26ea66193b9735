/**
 * For tests: a Docker engine and a registry of our own (Debian's docker.io and docker-registry), each with folder, socket or
 * port to itself and gone afterwards. They run as root without systemd; what already runs on the machine is left alone.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'];
const START_TIMEOUT_MS = 60_000;

function findProgram(name: string): string | null {
  for (const folder of FOLDERS) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not there.
    }
  }
  return null;
}

/** What is missing to run containers in tests; null when nothing is. */
export function whyNoDocker(): string | null {
  const missing = ['dockerd', 'docker', 'docker-registry'].filter((name) => findProgram(name) === null);
  if (missing.length > 0) return `${missing.join(', ')} not found (Debian: docker.io, docker-registry)`;
  return process.getuid?.() === 0 ? null : 'dockerd needs root';
}

export interface Docker {
  /** Standard output of `docker ARGS`, trimmed; of `logs` both. Rejects with what it said when it fails. */
  readonly docker: (...args: string[]) => Promise<string>;
  /** First line of `docker ARGS` that it prints; it is ended then. */
  readonly firstLine: (...args: string[]) => Promise<string>;
  readonly stop: () => Promise<void>;
}

export async function startDocker(): Promise<Docker> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-docker-'));
  const host = `unix://${join(folder, 'docker.sock')}`;
  mkdirSync(join(folder, 'config'));
  const daemon = await start(findProgram('dockerd')!, [
    '--host', host, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'docker.pid'),
    // Containers have no network here, so the machine's rules stay as they are.
    '--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false',
  ], /API listen on/);
  const env = { PATH: process.env['PATH'], HOME: folder, DOCKER_CONFIG: join(folder, 'config'), DOCKER_HOST: host };
  const client = findProgram('docker')!;
  const docker = (...args: string[]): Promise<string> => new Promise((resolve, reject) => {
    execFile(client, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(`${stdout}${args[0] === 'logs' ? stderr : ''}`.trim());
      else reject(new Error(`docker ${args.join(' ')}: ${stderr.trim() || error.message}`));
    });
  });
  return {
    docker,
    async firstLine(...args) {
      const child = spawn(client, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        for await (const line of createInterface({ input: child.stdout })) return line;
        throw new Error(`docker ${args.join(' ')} ended without a line`);
      } finally {
        child.kill('SIGKILL');
      }
    },
    async stop() {
      const running = await docker('ps', '-aq').catch(() => '');
      if (running !== '') await docker('rm', '--force', '--volumes', ...running.split('\n')).catch(() => '');
      await end(daemon);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Registry {
  /** `127.0.0.1:41234`. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-registry-'));
  const config = join(folder, 'config.yml');
  writeFileSync(config, JSON.stringify({
    version: 0.1, log: { level: 'info' }, storage: { filesystem: { rootdirectory: join(folder, 'data') } }, http: { addr: '127.0.0.1:0' },
  }));
  const server = await start(findProgram('docker-registry')!, ['serve', config], /listening on (127\.0\.0\.1:[0-9]+)/);
  return {
    host: server.match[1]!,
    async stop() {
      await end(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Started {
  readonly child: ChildProcess;
  readonly match: RegExpExecArray;
  readonly ended: Promise<void>;
}

/** @param ready what it writes on standard error when it can be used */
async function start(program: string, args: readonly string[], ready: RegExp): Promise<Started> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: FOLDERS.join(delimiter) } });
  let said = '';
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => resolve());
  });
  const late = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  const match = await new Promise<RegExpExecArray>((resolve, reject) => {
    child.on('error', reject);
    child.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-20_000);
      const found = ready.exec(said);
      if (found !== null) resolve(found);
    });
    ended.then(() => reject(new Error(`${program} ended before it was ready:\n${said.slice(-2_000)}`)), reject);
  });
  clearTimeout(late);
  return { child, match, ended };
}

async function end({ child, ended }: Started): Promise<void> {
  child.kill('SIGTERM');
  const last = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  await ended;
  clearTimeout(last);
}
