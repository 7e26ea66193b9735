/** Rows of a CSV file (RFC 4180), gzip or not, streamed: a file of any size is read in bounded memory. */
import { createReadStream } from 'node:fs';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import {
  compareOrder, fitsHeader, MappingError, parseMapping, type MappedRow, type Mapping, type MappingFile,
} from './mapping.ts';

/** The mappings that ship with the kit. */
export const MAPPINGS = join(import.meta.dirname, '..', 'mappings');

const RECORD_MAX = 1024 * 1024;

/** The file cannot be read as what it should be; names the file and the line. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

/** The records of the file, header first, each with the line that it ends on. @throws SourceError */
async function* records(path: string): AsyncGenerator<{ values: string[]; line: number }> {
  const parser = parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true, max_record_size: RECORD_MAX });
  try {
    const input = createReadStream(path, { highWaterMark: 256 * 1024 });
    const fed = await isGzip(path) ? pipeline(input, createGunzip(), parser) : pipeline(input, parser);
    // The parser's iterator throws what the pipeline rejects with; that is where it is reported.
    fed.catch(() => {});
    for await (const { record, info } of parser as Readable & AsyncIterable<{ record: string[]; info: { lines: number } }>) yield { values: record, line: info.lines };
    await fed;
  } catch (error) {
    throw new SourceError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** The first line of the file. @throws SourceError */
export async function readHeader(path: string): Promise<string[]> {
  for await (const { values } of records(path)) return values;
  throw new SourceError(`${path}: is empty; expected a CSV file with a header`);
}

/**
 * The mapping for the file: the one named, or the one that ships with the kit and has the file's header.
 * @throws MappingError, SourceError
 */
export async function findMapping(path: string, mappingPath?: string, folder = MAPPINGS): Promise<Mapping> {
  const header = await readHeader(path);
  if (mappingPath !== undefined) {
    const text = await readFile(mappingPath, 'utf8').catch((error: Error) => {
      throw new MappingError(`${mappingPath}: ${error.message}`);
    });
    const mapping = parseMapping(text, mappingPath);
    if (!fitsHeader(mapping.file, header)) {
      throw new MappingError(`${mappingPath}: is for files with the header ${mapping.file.header.join(',')}; that of ${path} `
        + `is ${header.join(',').slice(0, 300)}`);
    }
    return mapping;
  }
  const names: string[] = [];
  for (const name of (await readdir(folder)).filter((n) => n.endsWith('.json')).sort()) {
    const text = await readFile(join(folder, name), 'utf8');
    const file = JSON.parse(text) as MappingFile;
    names.push(file.name);
    if (fitsHeader(file, header)) return parseMapping(text, join(folder, name));
  }
  throw new MappingError(`${path}: no mapping ships for the header ${header.join(',').slice(0, 300)} (there are `
    + `${names.join(', ')}); write one and name it with --mapping FILE`);
}

/** The file's rows, mapped, in the file's order. @throws SourceError naming file and line */
export async function* mappedRows(path: string, mapping: Mapping): AsyncGenerator<MappedRow> {
  let first = true;
  for await (const { values, line } of records(path)) {
    if (first) {
      first = false;
      continue;
    }
    let row: MappedRow;
    try {
      row = mapping.map(values);
    } catch (error) {
      if (!(error instanceof MappingError)) throw error;
      throw new SourceError(`${path}, line ${line}: ${error.message}`);
    }
    yield row;
  }
}

/** The rows in their order: as they stand when the file is sorted, else sorted in memory, stably. */
export async function* orderedRows(path: string, mapping: Mapping, sorted: boolean): AsyncGenerator<MappedRow> {
  if (sorted) {
    yield* mappedRows(path, mapping);
    return;
  }
  const all: MappedRow[] = [];
  for await (const row of mappedRows(path, mapping)) all.push(row);
  all.sort((a, b) => compareOrder(a.order, b.order));
  yield* all;
}
