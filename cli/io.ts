/** What a command says and where: results on stdout, everything else on stderr. With `--json` stdout has JSON only. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT_HELP } from './errors.ts';

export interface Io {
  /** One line or several, a newline is added. */
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export const processIo: Io = {
  out: (text) => {
    process.stdout.write(`${text}\n`);
  },
  err: (text) => {
    process.stderr.write(`${text}\n`);
  },
  env: process.env,
};

export interface CommonOptions {
  readonly json?: boolean;
  readonly data: string;
}

export const DATA_DEFAULT = '.tidemark';

/** `--json`, examples and exit codes: every command has them. */
export function withJson(command: Command, examples: readonly string[]): Command {
  return command
    .option('--json', 'print JSON on stdout, and nothing else there')
    .addHelpText('after', `\nExamples:\n${examples.map((e) => `  $ ${e}`).join('\n')}\n${EXIT_HELP}`);
}

/** The same, and `--data`, for commands about a platform. */
export function withData(command: Command, io: Io, examples: readonly string[]): Command {
  return withJson(command.option(
    '--data <folder>', 'data folder of the platform (or set TIDEMARK_DATA)', (v: string) => resolve(v), resolve(
      io.env['TIDEMARK_DATA'] ?? DATA_DEFAULT,
    ),
  ), examples);
}

/** Columns aligned, numbers to the right. */
export function table(rows: readonly (readonly string[])[], right: ReadonlySet<number> = new Set()): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map(
    (row) => row.map((cell, i) => (right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ').trimEnd(),
  ).join('\n');
}

const SPAN = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `30s`, `500ms`, `2m`, `1h`; without a unit seconds. Milliseconds, or null when it is no such thing. */
export function parseSpan(text: string): number | null {
  const match = SPAN.exec(text);
  if (match === null) return null;
  const ms = Math.round(Number(match[1]) * UNIT_MS[match[2] ?? 's']!);
  return ms >= 1 && Number.isSafeInteger(ms) ? ms : null;
}

export const ms = (v: number | null): string => (v === null ? '-' : v >= 10_000 ? `${(v / 1_000).toFixed(1)} s` : v >= 100 ? `${Math.round(v)} ms` : `${v.toFixed(1)} ms`);
