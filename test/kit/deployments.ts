/** Every definition of this repository that goes to AWS, synthesized from scratch: what was planned and pinned here before plays no part. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadPlatform, type DeployedPlatform } from '../../platform/index.ts';
import { buildApp, stackNames, type AppOptions } from '../../stacks/app.ts';
import { ROOT } from './root.ts';
import { temporaryFolder } from './scratch.ts';

/** A `cdk.tf.json`. */
export interface StackJson {
  terraform: { required_providers: Record<string, { source: string; version: string }>; backend?: unknown };
  provider: Record<string, Block[]>;
  variable?: Record<string, Block>;
  resource: Record<string, Record<string, Block>>;
  data?: Record<string, Record<string, Block>>;
  [section: string]: unknown;
}
export type Block = Record<string, unknown>;

export interface Deployment {
  /** `pilot`, or `tidemark` for the config at the root. */
  readonly name: string;
  readonly config: string;
  readonly platform: DeployedPlatform;
}

export const DEPLOYMENTS: readonly Deployment[] = await deployments();

async function deployments(): Promise<Deployment[]> {
  const examples = readdirSync(join(ROOT, 'examples')).filter((file) => file.endsWith('.config.ts')).sort();
  const found: Deployment[] = [];
  for (const config of [join(ROOT, 'tidemark.config.ts'), ...examples.map((file) => join(ROOT, 'examples', file))]) {
    const platform = await loadPlatform(config);
    if (platform.deploy !== undefined) found.push({ name: basename(config, '.config.ts'), config, platform: platform as DeployedPlatform });
  }
  return found;
}

/** @throws Error when there is none of that name */
export function deployment(name: string): Deployment {
  const found = DEPLOYMENTS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name}.config.ts with a deploy section among ${DEPLOYMENTS.map((one) => one.name).join(', ')}`);
  return found;
}

/**
 * The stacks of a definition by name, in the order in which they are deployed.
 *
 * @param options.authorities of the platform, PEM @default - a variable of the stacks
 */
export function synthesize({ platform }: Pick<Deployment, 'platform'>, options: Pick<AppOptions, 'authorities'> = {}): ReadonlyMap<string, StackJson> {
  const outdir = temporaryFolder('synth');
  buildApp(platform, { ...options, outdir }).synth();
  return readStacks(outdir, stackNames(platform));
}

export const readStacks = (outdir: string, names: readonly string[]): ReadonlyMap<string, StackJson> =>
  new Map(names.map((name) => [name, JSON.parse(readFileSync(join(outdir, 'stacks', name, 'cdk.tf.json'), 'utf8')) as StackJson]));
