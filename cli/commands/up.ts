import { relative } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { COMMON_SETTINGS, loadPlatform, type Platform } from '../../platform/index.ts';
import type { LocalPlatform, WanMode } from '../../services/local/index.ts';
import { endpointMistake } from '../../services/shell/otlp/endpoint.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { CliError, EXIT } from '../errors.ts';
import { counted, DATA_DEFAULT, table, withData, type CommonOptions, type Io } from '../io.ts';
import type { Ending } from '../program.ts';

interface UpOptions extends CommonOptions {
  readonly config: string;
  readonly portBase?: number;
  readonly wan?: WanMode;
  readonly wanScale?: number;
  readonly logLevel?: string;
  readonly otlp?: string;
  readonly traceRatio?: number;
}

export function port(text: string): number {
  const n = Number(text);
  if (!/^[0-9]+$/.test(text) || n > 65_000) {
    throw new InvalidArgumentError('expected a port from 0 to 65000; 0 lets the system choose a free block');
  }
  return n;
}

export function wanMode(text: string): WanMode {
  if (text === 'on') return 'emulated';
  if (text === 'off' || text === 'direct') return text;
  throw new InvalidArgumentError('expected on, off or direct');
}

function scale(text: string): number {
  const n = Number(text);
  if (!(n >= 0 && n <= 100)) throw new InvalidArgumentError('expected a factor from 0 to 100');
  return n;
}

function perMillion(text: string): number {
  const n = Number(text);
  if (!/^[0-9]+$/.test(text) || n > 1_000_000) throw new InvalidArgumentError('expected a whole number from 0 to 1000000');
  return n;
}

export function addUp(program: Command, io: Io, ending: Ending): void {
  withData(
    program.command('up').description('start the whole platform on this machine; Ctrl-C stops it')
      .option('--config <file>', 'the definition of the deployment', CONFIG_FILE)
      .option('--port-base <port>', 'first port of the block; 0 for a free one (the config\'s, when left out)', port)
      .option('--wan <mode>', 'emulated round trips between sites: on, off (partitions still work), direct '
        + '(nothing in between)', wanMode)
      .option('--wan-scale <factor>', 'all round trips times this', scale)
      .option('--log-level <level>', 'of the services; their logs lie in <data>/logs', 'info')
      .option('--otlp <url>', 'an OTLP/HTTP receiver that traces and metrics go to, such as http://127.0.0.1:4318')
      .option('--trace-ratio <n>', 'with --otlp: of a million settlements whose senders do not trace them, trace so many', perMillion),
    io, ['tidemark up', 'tidemark up --wan off', 'tidemark up --data /tmp/second --port-base 4700'],
  ).action(async (options: UpOptions) => {
    if (options.otlp !== undefined) checkReceiver(options.otlp);
    // Loaded here: the servers that it brings along are not for the commands that only talk to one.
    const { startLocalPlatform, stopOnSignal } = await import('../../services/local/index.ts');
    if (options.traceRatio !== undefined && options.otlp === undefined) throw new CliError(EXIT.usage, 'usage', '--trace-ratio: say where traces go with --otlp <url>');
    const definition = await loadPlatform(options.config);
    const say = (line: string): void => io.err(line);
    const dashboard = await builtDashboard(say);
    const platform = await startLocalPlatform(definition, {
      dataDir: options.data, dashboard,
      ...(options.portBase === undefined ? {} : { portBase: options.portBase }),
      ...(options.wan === undefined ? {} : { wan: options.wan }),
      ...(options.wanScale === undefined ? {} : { wanScale: options.wanScale }),
      ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
      ...(options.otlp === undefined ? {} : { observed: { otlp: options.otlp, traceRatio: options.traceRatio } }),
      onProgress: (p) => say(`${p.kind === 'failed' || p.kind === 'exited' ? '! ' : '  '}${p.message}`),
    });
    // Before anybody is told that it is ready: whoever waits for that may stop it at once.
    const stopped = stopOnSignal(platform);
    if (options.json === true) {
      io.out(
        JSON.stringify(
          {
            ready: platform.controlUrl, dashboard: dashboard === undefined ? null : platform.controlUrl, localUrl: platform.localUrl, dataDir: platform.dataDir,
            sites: platform.sites.map(({ id, tier, region, url }) => ({ id, tier, region, url })),
          },
        ),
      );
    } else {
      io.out(welcome(definition, platform, dashboard !== undefined, io));
      io.out(`ready ${platform.controlUrl}`);
    }
    await stopped;
    // Asked for with Ctrl-C or by whoever started it: that is a good end.
    ending.code = EXIT.ok;
  });
}

/** @throws CliError before anything is started that would end because of it */
function checkReceiver(otlp: string): void {
  const mistake = endpointMistake(otlp, COMMON_SETTINGS.otlpHeaders.env);
  if (mistake !== null) throw new CliError(EXIT.usage, 'usage', `--otlp: ${mistake.why}${mistake.shown ? `, got ${JSON.stringify(otlp.slice(0, 200))}` : ''}`);
}

/** The page that the control plane serves; without what it is built with there is none, and everything else works. */
async function builtDashboard(say: (line: string) => void): Promise<string | undefined> {
  try {
    const { dashboardFolder } = await import('../../services/dashboard/cache.ts');
    return await dashboardFolder();
  } catch (error) {
    say(`  no dashboard: ${(error as Error).message.split('\n', 1)[0]}`);
    return undefined;
  }
}

/** Where everything is, and what to try: each line can be pasted into a shell. */
function welcome(definition: Platform, platform: LocalPlatform, hasDashboard: boolean, io: Io): string {
  const asset = definition.assets[0]!.code;
  const edge = platform.edges[0];
  const region = edge?.region ?? definition.regions[0]!.id;
  const shown = relative(process.cwd(), platform.dataDir);
  const data = shown === DATA_DEFAULT && io.env['TIDEMARK_DATA'] === undefined ? '' : ` --data ${shown.startsWith('..') ? platform.dataDir : shown}`;
  const tidemark = 'npm run -s tidemark --';
  const lines = [
    '', `${definition.name}: ${counted(definition.regions.length, 'region')}, ${counted(platform.edges.length, 'edge node')}, `
      + `one control plane. Data in ${platform.dataDir}`, '',
    table([['SITE', 'TIER', 'URL'], ...platform.sites.map((s) => [s.id, s.tier, s.url])]), '',
    ...(hasDashboard ? [`Dashboard: ${platform.controlUrl}`, ''] : []), 'Try:',
    `  ${tidemark} account open treasury ${asset} --overdraft none${data}`,
    `  ${tidemark} account open alice ${asset}${data}`,
    `  ${tidemark} settle treasury alice 12.50 ${asset} --wait${data}`,
    `  ${tidemark} status${data}`,
    `  ${tidemark} partition ${region} --for 30s${data}`,
    `  ${tidemark} export audit${data} && ${tidemark} verify audit`,
  ];
  if (edge !== undefined) {
    lines.push(
      `  curl -s ${edge.url}/v1/settlements -H 'content-type: application/json' \\`,
      `    -d '{"id":"try-1","asset":"${asset}","debitAccount":"treasury","creditAccount":"alice","amount":"100"}'`,
      `  curl -s ${edge.url}/v1/settlements/try-1`,
    );
  }
  lines.push(
    `  curl -s ${platform.controlUrl}/v1/accounts/alice`, `  curl -s ${platform.controlUrl}/checkpoint`, '',
    'Ctrl-C stops everything; starting again goes on from what is on disk.', '',
  );
  return lines.join('\n');
}
