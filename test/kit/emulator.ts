/** An emulator of AWS (moto) on loopback: a server of our own, in a Python environment of its own. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root.ts';
import { succeed } from './process.ts';

const TOOL = join(ROOT, 'tools/moto');
/** Whoever calls it is of this account, unless another is wanted. */
const ACCOUNT = '123456789012';

export interface Emulator {
  /** What AWS clients are to be told: where it is, and who they are. */
  readonly env: Readonly<Record<string, string>>;
  /** One call of an AWS API. @throws Error with what it answered when that is not success */
  readonly call: (call: Call) => Promise<string>;
  readonly close: () => Promise<void>;
}

export interface Call {
  readonly service: string;
  readonly region: string;
  /** @default 'POST' */
  readonly method?: string;
  /** @default '/' */
  readonly path?: string;
  /** Operation of a JSON API: `secretsmanager.PutSecretValue`. @default - none: the path says it */
  readonly target?: string;
  readonly body: string;
}

/** The environment's Python, made at the first time. @returns what is missing, when it can't be made */
export async function findPython(): Promise<{ readonly python: string } | { readonly missing: string }> {
  const requirements = join(TOOL, 'requirements.txt');
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(ROOT, 'node_modules/.cache/tidemark', `moto-${digest}`);
  const [python, ready] = [join(folder, 'bin/python'), join(folder, 'ready')];
  if (existsSync(ready)) return { python };
  rmSync(folder, { recursive: true, force: true });
  try {
    await succeed('python3', ['-m', 'venv', folder]);
    await succeed(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', requirements]);
  } catch (error) {
    return { missing: `the AWS emulator, moto of ${requirements} (${(error as Error).message.split('\n').filter(Boolean).slice(0, 2).join(' ')})` };
  }
  writeFileSync(ready, '');
  return { python };
}

/** Those of the operations that it does not have. */
export async function missingOperations(python: string, operations: readonly string[]): Promise<string[]> {
  return (await succeed(python, [join(TOOL, 'missing.py'), ...operations])).split('\n').filter(Boolean);
}

export async function startEmulator(python: string, account = ACCOUNT): Promise<Emulator> {
  const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'], {
    // Policies that AWS manages, which roles refer to, are there only when asked for.
    env: { ...process.env, MOTO_ACCOUNT_ID: account, MOTO_IAM_LOAD_MANAGED_POLICIES: 'true', PYTHONUNBUFFERED: '1' }, stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => void child.on('close', () => resolve()));
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => reject(new Error(`the AWS emulator ended with ${code}:\n${said}`)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-20_000);
      const [, found] = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  return {
    env: {
      AWS_ENDPOINT_URL: url, AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing', AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    },
    call: (call) => answer(url, call),
    close: async () => {
      child.kill();
      await ended;
    },
  };
}

async function answer(url: string, { service, region, method = 'POST', path = '/', target, body }: Call): Promise<string> {
  // It goes by the scope of the signature to know whom a call is for, and checks no signature.
  const scope = `AWS4-HMAC-SHA256 Credential=testing/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  const headers = { authorization: scope, ...(target === undefined ? {} : { 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' }) };
  const response = await fetch(`${url}${path}`, { method, headers, body });
  const text = await response.text();
  if (!response.ok) throw new Error(`${service} ${target ?? path}: ${response.status} ${text}`);
  return text;
}
