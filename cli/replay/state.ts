/**
 * What a replay remembers in the data folder, so that it can go on where it was stopped. Sending a settlement twice does
 * no harm; sending an opening settlement with another amount would, so those are written down before anything is sent.
 */
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync, openSync, fsyncSync, closeSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface ReplayState {
  readonly v: 1;
  readonly file: string;
  readonly mapping: string;
  /** Digest of what is replayed: the cursor counts for exactly that. */
  digest: string;
  /** Edge nodes that the rows are spread over. */
  readonly edges: readonly string[];
  /** Account -> what its opening settlement moves into it, minor units; '0' where there is none. */
  readonly openings: Record<string, string>;
  /** Rows that are acknowledged without a gap. */
  cursor: number;
  /** Most rows that any run set out to send. */
  rowsMost: number;
}

/** One file of the source, whatever part of it is replayed, is told by its mapping and its first row. */
export const statePath = (dataDir: string, mapping: string, firstId: string): string =>
  join(dataDir, 'replay', `${mapping.replaceAll(/[^A-Za-z0-9-]/g, '-')}-${hash('sha256', firstId, 'hex').slice(0, 16)}.json`);

export function readState(path: string): ReplayState | null {
  if (!existsSync(path)) return null;
  const state = JSON.parse(readFileSync(path, 'utf8')) as ReplayState;
  if (state.v !== 1) throw new Error(`${path}: version ${JSON.stringify(state.v)} is not known here`);
  return state;
}

/** @param durable wait for the disk: needed for what must not be forgotten, not for the cursor */
export function writeState(path: string, state: ReplayState, durable: boolean): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(state)}\n`);
  if (durable) {
    const file = openSync(`${path}.new`, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
  renameSync(`${path}.new`, path);
}
