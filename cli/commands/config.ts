import type { Command } from 'commander';
import { loadPlatform, sitesOf } from '../../platform/index.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { counted, withJson, type Io } from '../io.ts';

export function addConfig(program: Command, io: Io): void {
  const config = program.command('config').description('the definition of the deployment');
  withJson(
    config.command('check').description('check a config; every mistake is reported at once, with what is allowed')
      .argument('[file]', 'the config', CONFIG_FILE),
    ['tidemark config check', 'tidemark config check other.config.ts --json'],
  ).action(async (file: string, options: { json?: boolean }) => {
    const platform = await loadPlatform(file);
    const sites = sitesOf(platform);
    if (options.json === true) {
      io.out(
        JSON.stringify(
          { ok: true, file, name: platform.name, origin: platform.origin, assets: platform.assets.map((a) => a.code), sites },
        ),
      );
      return;
    }
    const edges = sites.filter((s) => s.tier === 'edge').length;
    io.out(`${file}: in order. ${platform.name} settles ${platform.assets.map((a) => a.code).join(', ')} with `
      + `${counted(platform.regions.length, 'region')} and ${counted(edges, 'edge node')}; `
        + `${counted(platform.slas.length, 'SLA')}`);
  });
}
