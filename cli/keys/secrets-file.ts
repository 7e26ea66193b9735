/** `secrets.json`: which file becomes which secret, and in which AWS region. Holds names only. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeployedPlatform } from '../../platform/index.ts';
import { CliError, EXIT } from '../errors.ts';
import { FILES, pathOf, type SecretFile } from './layout.ts';

export interface SecretsFile {
  readonly version: 1;
  readonly platform: string;
  readonly environment: string;
  /** By name in Secrets Manager. */
  readonly secrets: Readonly<Record<string, { readonly file: string; readonly region: string }>>;
}

export function formatSecrets(platform: DeployedPlatform, files: readonly SecretFile[]): string {
  const content: SecretsFile = {
    version: 1, platform: platform.name, environment: platform.deploy.environment,
    secrets: Object.fromEntries(files.map(({ name, file, awsRegion }) => [name, { file, region: awsRegion }])),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** @throws CliError when it is missing or makes no sense */
export function readSecrets(dir: string): SecretsFile {
  const path = join(dir, FILES.secrets);
  const wrong = (what: string): CliError => new CliError(EXIT.usage, 'secrets-file', `${path}: ${what}`);
  if (!existsSync(path)) throw wrong('no such file; `tidemark keys create` makes it');
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw wrong(`not JSON: ${(error as Error).message}`);
  }
  if (!isSecretsFile(content)) throw wrong('not what `tidemark keys create` writes; put it back from a copy');
  return content;
}

/** The lines of it become commands that somebody runs, so nothing in it may say more than a name. */
function isSecretsFile(content: unknown): content is SecretsFile {
  if (typeof content !== 'object' || content === null) return false;
  const { version, platform, environment, secrets } = content as Record<string, unknown>;
  if (version !== 1 || typeof platform !== 'string' || typeof environment !== 'string') return false;
  if (typeof secrets !== 'object' || secrets === null || Array.isArray(secrets)) return false;
  return Object.entries(secrets as Record<string, unknown>).every(([name, value]) => {
    const { file, region } = (value ?? {}) as Record<string, unknown>;
    return /^(?:\/[a-z0-9][a-z0-9-]*){4}$/.test(name) && typeof file === 'string' && /^[a-z][a-z0-9-]*\/[a-z][a-z0-9.-]*$/.test(file)
      && typeof region === 'string' && /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region);
  });
}

/** A word for a POSIX shell. */
export const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll('\'', '\'\\\'\'')}'`);

export interface PushPlan {
  /** One command for each secret whose file is here. */
  readonly commands: readonly string[];
  /** Files that are not here. */
  readonly skipped: readonly string[];
}

/** @param sites only these; @throws CliError for one that has no secrets */
export function planPush(dir: string, sites: readonly string[]): PushPlan {
  const { secrets } = readSecrets(dir);
  const known = new Set(Object.values(secrets).map(({ file }) => file.slice(0, file.indexOf('/'))));
  const unknown = sites.filter((site) => !known.has(site));
  if (unknown.length > 0) throw new CliError(EXIT.usage, 'unknown-site', `no secrets of ${unknown.join(', ')} in ${join(dir, FILES.secrets)}; it has ${[...known].join(', ')}`);
  const commands: string[] = [];
  const skipped: string[] = [];
  for (const [name, { file, region }] of Object.entries(secrets)) {
    if (sites.length > 0 && !sites.includes(file.slice(0, file.indexOf('/')))) continue;
    const path = pathOf(dir, file);
    if (!existsSync(path)) skipped.push(file);
    else commands.push(`aws secretsmanager put-secret-value --region ${region} --secret-id ${name} --secret-string ${quoted(`file://${path}`)}`);
  }
  return { commands, skipped };
}
