/** All commands put together, and how they end. */
import { Command, CommanderError } from 'commander';
import { ConfigError, ConfigFileError } from '../platform/index.ts';
import { Problem } from '../services/protocol/errors.ts';
import { UnreachableError } from '../services/protocol/http-client.ts';
import { CliError, EXIT, EXIT_HELP } from './errors.ts';
import { processIo, type Io } from './io.ts';
import { version } from './version.ts';
import { addAccount } from './commands/account.ts';
import { addCheck } from './commands/check.ts';
import { addConfig } from './commands/config.ts';
import { addExport } from './commands/export.ts';
import { addImages } from './commands/images.ts';
import { addIncidents } from './commands/incidents.ts';
import { addKeys } from './commands/keys.ts';
import { addLoad } from './commands/load.ts';
import { addHeal, addPartition } from './commands/partition.ts';
import { addReplay } from './commands/replay.ts';
import { addReplayIsolated } from './commands/replay-isolated.ts';
import { addSettle } from './commands/settle.ts';
import { addSlas } from './commands/slas.ts';
import { addSynth } from './commands/synth.ts';
import { addStatus } from './commands/status.ts';
import { addUp } from './commands/up.ts';
import { addVerify } from './commands/verify.ts';
import { addVersion } from './commands/version.ts';

/** What a command sets when it ends otherwise than well. */
export interface Ending {
  code: number;
}

export function createProgram(io: Io, ending: Ending): Command {
  const program = new Command('tidemark')
    .description('Settle at the edge in milliseconds, make it final at the centre with a proof anyone can check.')
    .version(version, '-V, --version')
    .option('--debug', 'with an error that was not expected, say where in the program it came from')
    .showSuggestionAfterError(true)
    .showHelpAfterError('(--help says more)')
    .addHelpText('after', `
Start here:
  $ tidemark up                                  the platform of tidemark.config.ts on this machine
  $ tidemark status                              every site: state, lag, drift
  $ tidemark account open alice EUR
  $ tidemark settle alice bob 12.50 EUR --wait
  $ tidemark partition eu --for 30s              cut a region off; it goes on
  $ tidemark export audit && tidemark verify audit
${EXIT_HELP}`);
  for (const add of [
    addUp, addStatus, addIncidents, addSettle, addAccount, addReplay, addReplayIsolated, addPartition, addHeal, addLoad, addVerify, addExport, addSynth, addConfig, addCheck, addSlas, addImages, addKeys, addVersion,
  ]) add(program, io, ending);
  configure(program, io);
  return program;
}

function configure(command: Command, io: Io): void {
  command.exitOverride().configureOutput(
    { writeOut: (text) => io.out(text.replace(/\n$/, '')), writeErr: (text) => io.err(text.replace(/\n$/, '')) },
  );
  for (const sub of command.commands) configure(sub, io);
}

/** Runs one command line. @returns the exit code */
export async function run(args: readonly string[], io: Io = processIo): Promise<number> {
  const ending: Ending = { code: EXIT.ok };
  try {
    await createProgram(io, ending).parseAsync(withSubcommandHelp(args), { from: 'user' });
    return ending.code;
  } catch (error) {
    return told(error, args, io);
  }
}

/** `help account open` is `account open --help`; Commander's own help goes one command deep. */
function withSubcommandHelp(args: readonly string[]): readonly string[] {
  return args[0] === 'help' && args.length > 2 ? [...args.slice(1), '--help'] : args;
}

function told(error: unknown, args: readonly string[], io: Io): number {
  if (error instanceof CommanderError) {
    // Commander has said it already. Help and version that were asked for are no error.
    if (error.exitCode === 0) return EXIT.ok;
    if (args.includes('--json')) {
      io.out(JSON.stringify({ error: { code: 'usage', message: error.message.replace(/^error: /, '') } }));
    }
    return EXIT.usage;
  }
  const { code, exitCode, message } = describe(error);
  if (args.includes('--json')) {
    io.out(JSON.stringify({ error: { code, message, ...(error instanceof ConfigError ? { issues: error.issues } : {}) } }));
  }
  const debug = args.includes('--debug') || io.env['TIDEMARK_LOG_LEVEL'] === 'debug';
  const unexpected = code === 'unexpected';
  const hint = unexpected && !debug ? ' (not expected; --debug or TIDEMARK_LOG_LEVEL=debug says where it came from)' : '';
  io.err(`tidemark: ${message}${hint}`);
  if (unexpected && debug && error instanceof Error && error.stack !== undefined) io.err(error.stack);
  return exitCode;
}

function describe(error: unknown): { code: string; exitCode: number; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CliError) return { code: error.code, exitCode: error.exitCode, message };
  if (error instanceof Problem) {
    // What was typed names nothing that there is, or is no such thing: not that the platform would not.
    const usage = error.status === 400 || error.code === 'unknown-site';
    return { code: error.code, exitCode: usage ? EXIT.usage : EXIT.failed, message: `${message} (${error.code})` };
  }
  if (error instanceof UnreachableError) return { code: 'unreachable', exitCode: EXIT.unreachable, message };
  if (error instanceof ConfigError || error instanceof ConfigFileError) return { code: 'config', exitCode: EXIT.usage, message };
  const name = error instanceof Error ? error.name : '';
  if (USAGE.has(name)) return { code: 'usage', exitCode: EXIT.usage, message };
  if (FAILED.has(name)) return { code: 'failed', exitCode: EXIT.failed, message };
  return { code: 'unexpected', exitCode: EXIT.failed, message: message.split('\n', 1)[0]! };
}

/** Errors of parts of the program that say all there is to say. */
const USAGE = new Set(['MappingError', 'SourceError', 'VerifyUsageError', 'ConstructError', 'LockError']);
const FAILED = new Set(['ExportError', 'ProvisionError', 'PortsError', 'LocalPlatformError']);
