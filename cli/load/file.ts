/** Settlements of a file for a load run: read with the mapping that `tidemark replay` uses, written as k6 takes them. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { FileRow } from '../../loadtests/plan.ts';
import type { Platform } from '../../platform/index.ts';
import { CliError, EXIT } from '../errors.ts';
import { chooseSite } from '../replay/sites.ts';
import { findMapping, mappedRows } from '../replay/source.ts';

export interface FileSettlements {
  readonly path: string;
  /** The file's name and digest: a report says what it was made with. */
  readonly what: string;
  readonly asset: string;
  readonly accounts: readonly string[];
}

/** More are not needed for a load that looks real, and k6 holds all of them in memory. */
const ROWS_MAX = 100_000;

/** Before anything is started for it. @throws CliError */
export function checkFile(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) throw new CliError(EXIT.usage, 'no-such-file', `--replay: ${file}: no such file`);
}

/** @param folder where the rows are put for k6 @throws CliError, SourceError, MappingError */
export async function readFileSettlements(file: string, platform: Platform, nodes: readonly string[], folder: string): Promise<FileSettlements> {
  checkFile(file);
  const mapping = await findMapping(file);
  const { asset } = mapping.file;
  if (!platform.assets.some((a) => a.code === asset)) {
    throw new CliError(EXIT.usage, 'unknown-asset', `--replay: ${file} is in ${asset}, and this platform settles ${platform.assets.map((a) => a.code).join(', ')}`);
  }
  const accounts = new Set<string>();
  const rows: string[] = [];
  for await (const { instruction, site } of mappedRows(file, mapping)) {
    if (instruction === null) continue;
    accounts.add(instruction.debitAccount).add(instruction.creditAccount);
    const row: FileRow = [instruction.debitAccount, instruction.creditAccount, instruction.amount.toString(), nodes.indexOf(chooseSite(site, nodes))];
    rows.push(JSON.stringify(row));
    if (rows.length === ROWS_MAX) break;
  }
  if (rows.length === 0) throw new CliError(EXIT.usage, 'empty-file', `--replay: ${file} has no settlement`);
  const path = join(folder, 'settlements.jsonl');
  writeFileSync(path, `${rows.join('\n')}\n`);
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  return { path, what: `${basename(file)}, sha256 ${digest}`, asset, accounts: [...accounts] };
}
