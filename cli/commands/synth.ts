/** `tidemark synth`: the stacks of a config as Terraform JSON. The kit is loaded when it runs, so that other commands start fast. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { deployed, IMAGE, loadPlatform, SERVICES, type Deploy, type Setting } from '../../platform/index.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { CliError, EXIT } from '../errors.ts';
import { counted, table, withJson, type Io } from '../io.ts';
import { FILES } from '../keys/layout.ts';
import { makeOutFolder } from '../out-folder.ts';
import { askedVariables, stacksShown, type AskedVariable } from '../variables.ts';

interface SynthOptions {
  readonly config: string;
  readonly out: string;
  readonly stack?: readonly string[];
  readonly frozen?: boolean;
  readonly json?: boolean;
}

export function addSynth(program: Command, io: Io): void {
  withJson(
    program.command('synth').description('write the stacks of a config as Terraform JSON: <out>/stacks/<stack>/cdk.tf.json')
      .option('--config <file>', 'the definition of the deployment (or set TIDEMARK_CONFIG)', io.env['TIDEMARK_CONFIG'] ?? CONFIG_FILE)
      .option('--out <folder>', 'where to (or set CDKTF_OUTDIR, as cdktf-cli does)', io.env['CDKTF_OUTDIR'] ?? 'cdktf.out')
      .option('--frozen', 'fail when networks would be planned anew, instead of writing addresses.lock.json: for CI and reviews')
      .option('--stack <names...>', 'only these: global, region-eu, edge-eu-fra-1'),
    ['tidemark synth', 'tidemark synth --config examples/pilot.config.ts --out /tmp/pilot', 'tidemark synth --stack global region-eu'],
  ).action(async (options: SynthOptions) => {
    const platform = await loadPlatform(options.config);
    const { loadLocks, saveAddresses, unrecorded } = await import('../../stacks/locks.ts');
    const { buildApp, stackNames } = await import('../../stacks/app.ts');
    const known = stackNames(deployed(platform));
    const unknown = (options.stack ?? []).filter((name) => !known.includes(name));
    if (unknown.length > 0) {
      throw new CliError(EXIT.usage, 'unknown-stack', `--stack: no such stack: ${unknown.join(', ')}; this config has ${known.join(', ')}`);
    }
    const folder = dirname(resolve(options.config));
    const locks = loadLocks(folder, deployed(platform));
    const unplanned = unrecorded(locks);
    if (options.frozen === true && unplanned.length > 0) {
      throw new CliError(EXIT.failed, 'not-planned', `--frozen: no network is recorded for ${unplanned.join(', ')}; run \`tidemark synth\` without it and commit addresses.lock.json`);
    }
    const out = resolve(options.out);
    // cdktf makes the last folder only.
    makeOutFolder(out, '--out');
    const app = buildApp(platform, {
      outdir: out, addresses: locks.addresses, images: locks.images, authorities: locks.authorities, ...(options.stack === undefined ? {} : { only: options.stack }),
    });
    app.synth();
    // Written last: a synthesis that failed has planned nothing.
    const planned = saveAddresses(folder, locks);
    const names = known.filter((name) => options.stack === undefined || options.stack.includes(name));
    const files = names.map((name) => join(out, 'stacks', name, 'cdk.tf.json'));
    const missing = files.filter((file) => !existsSync(file));
    if (missing.length > 0) throw new CliError(EXIT.failed, 'not-written', `synthesis did not write ${missing.join(', ')}`);
    const variables = askedVariables(readBack(names, files));
    if (options.json === true) {
      io.out(JSON.stringify({ out, stacks: names.map((name, i) => ({ name, file: files[i] })), addresses: planned, images: locks.images !== undefined, variables }));
      return;
    }
    io.out(table([['STACK', 'FILE'], ...names.map((name, i) => [name, files[i]!])]));
    if (planned.added.length > 0) io.err(`planned networks for ${planned.added.join(', ')} in ${planned.file}: commit it, so that they stay where they are`);
    const how = await remedies(options.config, resolve(folder, deployed(platform).deploy.authorities), io.env['TIDEMARK_CONFIG'] ?? CONFIG_FILE);
    for (const line of toBeGiven(variables, names.length, how)) io.err(line);
    const left = readdirSync(join(out, 'stacks')).filter((name) => !known.includes(name));
    if (left.length > 0) io.err(`${join(out, 'stacks')} still holds ${left.join(', ')} of an earlier synthesis, which this config does not have: destroy what is deployed of it, then delete the folder`);
    for (const line of plannedAdapters(deployed(platform).deploy.storage)) io.err(line);
    io.out(`${counted(names.length, 'stack')} in ${out}`);
  });
}

function* readBack(names: readonly string[], files: readonly string[]): Generator<{ name: string; written: object }> {
  for (const [i, name] of names.entries()) yield { name, written: JSON.parse(readFileSync(files[i]!, 'utf8')) as object };
}

/** What Terraform will ask for, by whom, and how it need not ask. */
function toBeGiven(variables: readonly AskedVariable[], stacks: number, how: ReadonlyMap<string, string>): string[] {
  if (variables.length === 0) return [];
  return [
    'Terraform will ask for what no file beside the config has:',
    table([
      ['VARIABLE', 'NEEDED BY', 'RECORD IT WITH'],
      ...variables.map(({ name, stacks: needing, description }) => [name, stacksShown(needing, stacks), how.get(name) ?? `- (${description ?? 'not described'})`]),
    ]),
    'and synthesize again. Or give it to each plan: <variable> = "..." in terraform.tfvars beside the stack\'s cdk.tf.json, or TF_VAR_<variable> in the environment.',
  ];
}

/** By variable: the command after which synthesis knows the value. @param authorities the file that `deploy.authorities` names */
async function remedies(config: string, authorities: string, usual: string): Promise<ReadonlyMap<string, string>> {
  const { digestVariableName, recordCommand, LOCK_FILE, THIRD_PARTY } = await import('../../constructs/service-image/index.ts');
  const { AUTHORITIES_VARIABLE } = await import('../../stacks/authorities.ts');
  const images = [...Object.values(SERVICES).map(({ id }) => IMAGE.repository(id)), ...Object.keys(THIRD_PARTY)];
  // Both commands look beside the usual config when nothing is said.
  const lock = dirname(resolve(config)) === dirname(resolve(usual)) ? '' : ` --lock ${join(dirname(config), LOCK_FILE)}`;
  const keys = `tidemark keys create ${relative('.', dirname(authorities)) || '.'}${resolve(config) === resolve(usual) ? '' : ` --config ${config}`}`;
  return new Map([
    ...images.map((image) => [digestVariableName(image), recordCommand(image) + lock] as const),
    [AUTHORITIES_VARIABLE, basename(authorities) === FILES.authority ? keys : `PEM certificates in ${relative('.', authorities)}, which deploy.authorities names`],
  ]);
}

/** What managed storage is written for, and the services cannot do yet: told before somebody deploys it. */
function plannedAdapters(storage: Deploy['storage']): string[] {
  if (storage === 'embedded') return [];
  const planned = Object.values(SERVICES).flatMap(({ id, settings }) => Object.values<Setting>(settings).flatMap(({ env, adapters = {} }) =>
    Object.entries(adapters).filter(([scheme, { state }]) => state === 'planned' && scheme !== 'awskms').map(([scheme]) => `${id} ${env}=${scheme}:...`)));
  return planned.length === 0 ? [] : [
    `managed storage is written for adapters that the services do not have yet (${planned.join('; ')}): they say so and do not start. What runs today is deploy.storage 'embedded'`,
  ];
}
