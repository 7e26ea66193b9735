import { statSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { BATCH_MAX } from '../../services/protocol/index.ts';
import { CliError, EXIT } from '../errors.ts';
import { counted, withData, type CommonOptions, type Io } from '../io.ts';
import { onInterrupt } from '../interrupt.ts';
import { connect } from '../platform.ts';
import { createProgress, type Progress } from '../progress.ts';
import type { Ending } from '../program.ts';
import type { Mapping } from '../replay/mapping.ts';
import { renderReplay } from '../replay/report.ts';
import { replay, type Phase, type ReplayOptions, type ReplayResult } from '../replay/run.ts';
import { scan, type Plan } from '../replay/scan.ts';
import { findMapping } from '../replay/source.ts';
import { version } from '../version.ts';

/** How long a node that does not answer, or is full, is tried again. */
export const PATIENCE_MS = 600_000;
export const BATCH_DEFAULT = 500;
export const RECEIPTS_DEFAULT = 300;

export interface FileOptions {
  readonly mapping?: string;
  readonly limit: number;
  readonly rate: number;
  readonly batch: number;
  readonly receipts: number;
}

export function positive(text: string): number {
  const n = Number(text);
  if (!/^[0-9]+$/.test(text) || n < 1 || !Number.isSafeInteger(n)) {
    throw new InvalidArgumentError('expected a whole number of at least 1');
  }
  return n;
}

/** Options that both replays have. */
export function withFile(command: Command): Command {
  return command.argument('<file>', 'a CSV file with a header, gzip or not')
    .option('--mapping <file>', 'how a row becomes a settlement (found by the file\'s header when it ships with the kit); '
      + 'cli/mappings/README.md')
    .addOption(new Option('--limit <n>', 'only the first so many rows').argParser(positive).default(Infinity, 'all'))
    .addOption(new Option('--rate <n>', 'settlements per second').argParser(positive).default(Infinity, 'as fast as it goes'))
    .option(
      '--batch <n>', `settlements in one request, at most ${BATCH_MAX}`,
      (v: string) => Math.min(BATCH_MAX, positive(v)), BATCH_DEFAULT,
    )
    .option(
      '--receipts <n>', 'receipts to fetch and verify one by one, beside the proofs of all',
      (v: string) => (v === '0' ? 0 : positive(v)), RECEIPTS_DEFAULT,
    );
}

/** Finds the mapping and reads the file once. @throws CliError 2 when there is no such file */
export async function planFile(file: string, options: FileOptions): Promise<{ mapping: Mapping; plan: Plan }> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new CliError(EXIT.usage, 'no-such-file', `${file}: no such file`);
  }
  const mapping = await findMapping(file, options.mapping);
  return { mapping, plan: await scan(file, mapping, options.limit) };
}

const PHASES: Readonly<Record<Phase, string>> = {
  accounts: 'opening accounts', sending: 'sending', settling: 'becoming final', export: 'fetching the logs', checking: 'verifying', receipts: 'receipts',
};

/** One bar after the other, as the phases go by. */
export function phaseProgress(): { on: ReplayOptions['onProgress']; stop: () => void } {
  let current: { phase: Phase; progress: Progress } | null = null;
  return {
    on(phase, done, total, note) {
      if (current?.phase !== phase) {
        current?.progress.stop();
        current = { phase, progress: createProgress(PHASES[phase]) };
      }
      current.progress.update(done, total, note);
    },
    stop: () => current?.progress.stop(),
  };
}

export const planLine = (file: string, mapping: Mapping, plan: Plan): string =>
  `${file}: ${counted(plan.rows, 'row')} from ${plan.from} to ${plan.to}, ${counted(plan.accounts.size, 'account')}, of which `
    + `${plan.expected.length.toLocaleString('en')} with recorded balances (mapping ${mapping.file.name}`
    + `${plan.sorted ? '' : '; not in order, sorted in memory'})`;

export function reportReplay(result: ReplayResult, mapping: Mapping, json: boolean, io: Io, ending: Ending): void {
  if (!result.ok) ending.code = EXIT.failed;
  io.out(json ? JSON.stringify(result) : renderReplay(result, mapping.file.asset, mapping.file.amount.scale, io.columns));
}

export function addReplay(program: Command, io: Io, ending: Ending): void {
  withData(
    withFile(program.command('replay').description('replay a file of recorded transactions into the running platform, and '
      + 'check what comes of it'))
      .option('--restart', 'send everything again from the first row (harmless: ids are the same)'),
    io, [
      'tidemark replay transactions.csv.gz', 'tidemark replay transactions.csv --rate 200 --limit 5000',
      'tidemark replay sales.csv --mapping sales.mapping.json --json',
    ],
  ).action(async (file: string, options: CommonOptions & FileOptions & { restart?: boolean }) => {
    const interrupt = onInterrupt('stopped; the same command goes on where it was');
    const platform = await connect(options.data, { patienceMs: PATIENCE_MS, signal: interrupt.signal });
    const progress = phaseProgress();
    try {
      const { mapping, plan } = await planFile(file, options);
      io.err(planLine(file, mapping, plan));
      const work = replay({
        path: file, mapping, plan, target: platform, limit: options.limit, rate: options.rate, batch: options.batch, receipts: options.receipts,
        restart: options.restart === true, version, onProgress: progress.on, say: io.err,
      });
      const result = await Promise.race([work, interrupt.happened]);
      progress.stop();
      reportReplay(result, mapping, options.json === true, io, ending);
    } finally {
      progress.stop();
      interrupt.stop();
      await platform.close();
    }
  });
}
