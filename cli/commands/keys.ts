/** `tidemark keys`: what is secret of a deployment, made and kept outside of Terraform. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { deployed, loadPlatform, type DeployedPlatform } from '../../platform/index.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { EXIT } from '../errors.ts';
import { counted, table, withJson, type Io } from '../io.ts';
import { createKeys } from '../keys/create.ts';
import { renew } from '../keys/renew.ts';
import { planPush } from '../keys/secrets-file.ts';
import type { Ending } from '../program.ts';

interface ConfigOptions {
  readonly config: string;
  readonly json?: boolean;
}

const load = async (file: string): Promise<DeployedPlatform> => deployed(await loadPlatform(file));

export function addKeys(program: Command, io: Io, ending: Ending): void {
  const keys = program.command('keys').description('keys, tokens and certificates of a deployment, kept out of Terraform');
  const withConfig = (command: Command): Command => command.option(
    '--config <file>', 'the definition of the deployment (or set TIDEMARK_CONFIG)', io.env['TIDEMARK_CONFIG'] ?? CONFIG_FILE,
  );

  withJson(
    withConfig(keys.command('create').description('make what is missing in a folder; nothing that is there is overwritten').argument('<dir>', 'the folder')),
    ['tidemark keys create keys', 'tidemark keys create keys --config examples/pilot.config.ts'],
  ).action(async (dir: string, { config, json }: ConfigOptions) => {
    const folder = resolve(dir);
    const result = await createKeys(await load(config), folder);
    if (json === true) io.out(JSON.stringify({ dir: folder, ...result }));
    else io.out(result.created.length === 0 ? `nothing was missing in ${folder}` : `made ${counted(result.created.length, 'file')} in ${folder}; \`tidemark keys push ${dir}\` says how they get to AWS. Keep ca.key where nobody else comes.`);
    if (result.elsewhere.length > 0) io.err(`${counted(result.elsewhere.length, 'file')} made earlier ${result.elsewhere.length === 1 ? 'is' : 'are'} not here any more, and not made again: ${result.elsewhere.slice(0, 5).join(', ')}${result.elsewhere.length > 5 ? ', ...' : ''}`);
    for (const notice of result.notices) io.err(notice);
    if (result.notices.length > 0) ending.code = EXIT.failed;
  });

  withJson(
    withConfig(keys.command('renew').description('issue new certificates for sites, of the same names').argument('<dir>', 'the folder').argument('<sites...>', 'ids of sites'))
      .option('--new-key', 'make a new private key, too: certificate and key are then to be pushed together'),
    ['tidemark keys renew keys eu-fra-1', 'tidemark keys renew keys eu global --new-key'],
  ).action(async (dir: string, sites: string[], { config, json, newKey }: ConfigOptions & { newKey?: boolean }) => {
    const renewed = await renew(await load(config), resolve(dir), sites, { newKey: newKey === true });
    if (json === true) io.out(JSON.stringify({ renewed }));
    else io.out(table([['SITE', 'FILE', 'VALID UNTIL'], ...renewed.map(({ site, file, validTo }) => [site, file, validTo])]));
  });

  withJson(
    keys.command('push').description('print, and never run, the commands that put the files into Secrets Manager')
      .argument('<dir>', 'the folder').option('--site <ids...>', 'only of these sites'),
    ['tidemark keys push keys', 'tidemark keys push keys --site eu-fra-1 | sh'],
  ).action((dir: string, { site = [], json }: { site?: string[]; json?: boolean }) => {
    const { commands, skipped } = planPush(resolve(dir), site);
    if (json === true) io.out(JSON.stringify({ commands, skipped }));
    else if (commands.length > 0) io.out(commands.join('\n'));
    if (skipped.length > 0) io.err(`not here, so left as they are: ${skipped.join(', ')}`);
  });
}
