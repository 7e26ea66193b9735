/** What a command says and where: results on stdout, everything else on stderr. With `--json` stdout has JSON only. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT_HELP } from './errors.ts';

export interface Io {
  /** One line or several, a newline is added. */
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal that results go to; undefined where they go to a file, a pipe or a test. */
  readonly columns?: number | undefined;
}

export const processIo: Io = {
  out: (text) => {
    process.stdout.write(`${text}\n`);
  },
  err: (text) => {
    process.stderr.write(`${text}\n`);
  },
  env: process.env,
  get columns() {
    if (!process.stdout.isTTY) return undefined;
    const asked = Number(process.env['COLUMNS']);
    return Number.isSafeInteger(asked) && asked > 0 ? asked : process.stdout.columns;
  },
};

/** `1 entry`, `2,000 entries`. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

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

const widthOf = (text: string): number => text.split('\n').reduce((most, line) => Math.max(most, line.length), 0);

/** The first of the forms that is no wider than `columns`, else the last: widest, and best, first. */
export function fitting(columns: number | undefined, forms: readonly (() => string)[]): string {
  let text = '';
  for (const form of forms) {
    text = form();
    if (columns === undefined || widthOf(text) <= columns) break;
  }
  return text;
}

/** A table no wider than `columns`, as far as leaving out columns can do it: those of `dispensable`, in that order. */
export function fittedTable(
  rows: readonly (readonly string[])[], right: ReadonlySet<number>, dispensable: readonly number[], columns: number | undefined,
): string {
  return fitting(columns, [0, ...dispensable].map((_, n) => () => {
    const without = new Set(dispensable.slice(0, n));
    const kept = (rows[0] ?? []).map((_cell, i) => i).filter((i) => !without.has(i));
    return table(
      rows.map((row) => kept.map((i) => row[i] ?? '')), new Set(kept.flatMap((i, at) => (right.has(i) ? [at] : []))),
    );
  }));
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
