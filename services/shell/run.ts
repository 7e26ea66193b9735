/** The last few lines of every service: settings, logger, start, signals. */
import pino from 'pino';
import type { Setting } from '../../platform/index.ts';
import { readSettings, SettingsError, type Settings } from './settings.ts';

export type Logger = pino.Logger;

export interface Running {
  readonly url: string;
  /** Stops taking requests, finishes what is under way, closes the database. */
  readonly stop: () => Promise<void>;
}

/** pino writes synchronously: what a killed process had to say is in its log. */
export const createLogger = (level: string, bindings: Record<string, unknown>): Logger =>
  pino({ level, base: bindings, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }));

const EXIT_SETTINGS = 2;

/** Runs a service as a process: prints `listening <url>` once it listens, stops on SIGINT and SIGTERM. */
export async function runService<T extends Record<string, Setting>>(
  name: string, spec: T, start: (settings: Settings<T>, logger: Logger) => Promise<Running>,
): Promise<void> {
  /** Another start would find the same: the exit code tells whoever started us. */
  const refuse = ({ message }: SettingsError): void => {
    process.stderr.write(`${name}: settings:\n${message}\n`, () => process.exit(EXIT_SETTINGS));
  };
  let settings: Settings<T>;
  try {
    settings = readSettings(spec, process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    refuse(error);
    return;
  }
  const common = settings as { site?: string; logLevel?: string };
  const logger = createLogger(common.logLevel ?? 'info', { service: name, site: common.site });
  // From here on, so that none is missed while the service starts: it then stops as soon as it has.
  const { promise: asked, resolve: ask } = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ask(signal));
  let running: Running;
  try {
    running = await start(settings, logger);
  } catch (error) {
    if (error instanceof SettingsError) {
      refuse(error);
      return;
    }
    logger.fatal({ err: error }, `${name} could not start`);
    process.exit(1);
  }
  process.stdout.write(`listening ${running.url}\n`);
  // The parent of a local platform holds our stdin: when it dies, however it dies, we go too.
  if (process.env['TIDEMARK_STOP_ON_STDIN_END'] === '1') process.stdin.on('end', () => ask('parent gone')).resume();
  logger.info({ signal: await asked }, 'stopping');
  try {
    await running.stop();
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, 'stop failed');
    process.exit(1);
  }
}
