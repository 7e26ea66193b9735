/**
 * The real Terraform with the real AWS provider, in folders of its own. The provider is the one that the stacks ask for, from the
 * registry; or, with TF_PLUGIN_DIR, the newest one of a filesystem mirror, with the version constraint overridden in the copies that it reads.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StackJson } from './deployments.ts';
import { isOlder, UNKNOWN_TO_OLDER, without } from './older-provider.ts';
import { run, succeed, type Outcome } from './process.ts';
import { ROOT } from './root.ts';
import { temporaryFolder } from './scratch.ts';

export interface Terraform {
  readonly program: string;
  /** Release of the AWS provider; undefined: the one that the stacks ask for. */
  readonly providerVersion: string | undefined;
  /** Whether that knows less than the stacks use. */
  readonly isOlder: boolean;
  readonly initArguments: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly summary: string;
  readonly detail?: string;
  readonly address?: string;
  readonly snippet?: { readonly context?: string; readonly code?: string };
}

const PROVIDER = 'registry.terraform.io/hashicorp/aws';

/** @returns what is missing, and where to get it, when Terraform or a provider is */
export async function findTerraform(): Promise<Terraform | { readonly missing: string }> {
  const scratch = temporaryFolder('terraform');
  // The one of the machine may point to a file that is not there, or to mirrors that we were not told of.
  const config = join(scratch, 'terraform.rc');
  writeFileSync(config, 'disable_checkpoint = true\n');
  const env = {
    ...process.env, TF_CLI_CONFIG_FILE: config, TF_IN_AUTOMATION: '1', TF_INPUT: '0', TF_REGISTRY_CLIENT_TIMEOUT: '10', TF_REGISTRY_DISCOVERY_RETRY: '1',
  };
  const program = 'terraform';
  try {
    await succeed(program, ['version', '-json'], { env });
  } catch (error) {
    return { missing: `terraform (${(error as Error).message.split('\n')[0]}): https://developer.hashicorp.com/terraform/install` };
  }
  const mirror = process.env['TF_PLUGIN_DIR'];
  if (mirror !== undefined && mirror !== '') {
    const providerVersion = newest(join(mirror, PROVIDER));
    if (providerVersion === undefined) return { missing: `the AWS provider: TF_PLUGIN_DIR=${mirror} has no ${PROVIDER}` };
    return { program, providerVersion, isOlder: isOlder(providerVersion), initArguments: [`-plugin-dir=${mirror}`], env };
  }
  return fromRegistry(program, env, scratch);
}

/** The provider is some hundred megabytes: it is kept for the next time. */
async function fromRegistry(program: string, env: Terraform['env'], scratch: string): Promise<Terraform | { readonly missing: string }> {
  const cache = join(ROOT, 'node_modules/.cache/tidemark/terraform');
  mkdirSync(cache, { recursive: true });
  const terraform: Terraform = { program, providerVersion: undefined, isOlder: false, initArguments: [], env: { ...env, TF_PLUGIN_CACHE_DIR: cache } };
  writeFileSync(join(scratch, 'main.tf.json'), JSON.stringify({ terraform: { required_providers: { aws: { source: 'hashicorp/aws' } } } }));
  const { code } = await run(program, ['init', '-no-color'], { cwd: scratch, env: terraform.env });
  if (code === 0) return terraform;
  return { missing: 'the AWS provider: the registry can\'t be reached, and TF_PLUGIN_DIR names no mirror (tools/terraform/find-mirror.sh looks for one)' };
}

function newest(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder).filter((name) => /^\d+\.\d+\.\d+$/.test(name)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
}

/** What of the stack this provider can read. */
export function readable(terraform: Terraform, stack: StackJson, unknown = UNKNOWN_TO_OLDER): StackJson {
  const copy = terraform.isOlder ? without(stack, unknown).stack : structuredClone(stack);
  const { aws } = copy.terraform.required_providers;
  if (aws !== undefined && terraform.providerVersion !== undefined) aws.version = terraform.providerVersion;
  return copy;
}

/** A folder with a stack, initialised. The backend is what the caller makes of it. */
export async function initialise(terraform: Terraform, stack: StackJson, files: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = temporaryFolder('stack');
  for (const [name, content] of Object.entries({ 'cdk.tf.json': stack, ...files })) writeFileSync(join(folder, name), JSON.stringify(content, null, 2));
  await succeed(terraform.program, ['init', '-no-color', ...terraform.initArguments], { cwd: folder, env: terraform.env });
  return folder;
}

/** `terraform validate` of a stack: what it says, errors and warnings. */
export async function validate(terraform: Terraform, stack: StackJson): Promise<readonly Diagnostic[]> {
  const local = { ...stack, terraform: { ...stack.terraform, backend: { local: {} } } };
  const folder = await initialise(terraform, local);
  const { stdout, stderr } = await run(terraform.program, ['validate', '-json'], { cwd: folder, env: terraform.env });
  try {
    return (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
  } catch {
    throw new Error(`terraform validate: ${stderr || stdout}`);
  }
}

export const describeDiagnostic = ({ severity, summary, detail, address, snippet }: Diagnostic): string =>
  [severity, summary, address ?? snippet?.context, snippet?.code?.trim(), detail].filter(Boolean).join(' | ');

/** Runs Terraform in a folder with a stack, never asking anything. */
export const terraformIn = (terraform: Terraform, folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> =>
  run(terraform.program, args, { cwd: folder, env: { ...terraform.env, ...env }, timeoutMs: 900_000 });
