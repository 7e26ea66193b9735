/**
 * Who we are to a registry: what `docker login` (and podman, crane, ...) left in Docker's config.json, or a credential
 * helper that it names. Nothing is stored or shown here.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { imageFailure, messageOf } from './errors.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

type Env = Readonly<Record<string, string | undefined>>;

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string }>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** Docker Hub's entry has a name of its own (docker/cli, `IndexServer`). */
const HUB_KEY = 'https://index.docker.io/v1/';
const HELPER = /^[A-Za-z0-9._-]+$/;
const HELPER_TIMEOUT_MS = 30_000;

/** Null when nobody has logged in to it. @param registry `docker.io`, `localhost:5000` @throws CliError */
export async function credentialsFor(registry: string, env: Env): Promise<Credentials | null> {
  const file = join(env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? homedir(), '.docker'), 'config.json');
  if (!existsSync(file)) return null;
  let config: DockerConfig;
  try {
    config = JSON.parse(readFileSync(file, 'utf8')) as DockerConfig;
  } catch (error) {
    throw imageFailure(`${file}: cannot be read: ${messageOf(error)}`);
  }
  const key = registry === 'docker.io' ? HUB_KEY : registry;
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  if (helper !== undefined && helper !== '') return askHelper(helper, key, file, env);
  const entry = [key, `https://${registry}`, `https://${registry}/`].map((name) => config.auths?.[name]?.auth).find((auth) => auth !== undefined);
  if (entry === undefined) return null;
  const text = Buffer.from(entry, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1) {
    throw imageFailure(`${file}: auths: the entry of ${registry} is not user:password in base64; log in again: docker login ${registry}`);
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

/** The protocol of docker-credential-helpers: the registry on standard input, JSON on standard output. */
function askHelper(helper: string, key: string, file: string, env: Env): Promise<Credentials | null> {
  if (!HELPER.test(helper)) throw imageFailure(`${file}: credential helper ${JSON.stringify(helper)}: not the name of one`);
  const program = `docker-credential-${helper}`;
  return new Promise((resolve, reject) => {
    const child = execFile(program, ['get'], { env: { ...env }, timeout: HELPER_TIMEOUT_MS, maxBuffer: 1024 * 1024 }, (error, stdout) => {
      if (error !== null) {
        if (/credentials not found/i.test(stdout)) resolve(null);
        // What the helper wrote may hold a secret: only that it failed is told.
        else {
          const code = 'code' in error ? String(error.code) : 'no exit code';
          reject(imageFailure(`${program}, which ${file} names, failed (${code}); log in again, or take it out of that file`));
        }
        return;
      }
      try {
        const { Username: username, Secret: password } = JSON.parse(stdout) as { Username: string; Secret: string };
        resolve({ username, password });
      } catch {
        reject(imageFailure(`${program}, which ${file} names, did not answer with JSON`));
      }
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(key);
  });
}
