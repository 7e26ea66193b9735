/** Files that must be whole or not there at all, and readable by their owner alone. */
import { copyFileSync, existsSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { replaceFile } from '../../platform/whole-file.ts';

export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

/** The file holds either what it held before or all of `content`, also after a power cut. */
export function writeAtomic(path: string, content: string, mode: number = PRIVATE_FILE): void {
  replaceFile(path, content, { mode });
}

/** The same for what need not survive a power cut. */
export const writeWhole = (path: string, content: string): void => replaceFile(path, content, { mode: PRIVATE_FILE, durable: false });

/** @throws Error naming the file when it is not JSON */
export function readJson(path: string): unknown {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path}: not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** What is said of a file that a later version wrote. */
export const unknownVersion = (version: unknown): string =>
  `version ${JSON.stringify(version)} is not known here; run the Tidemark that wrote it`;

/** Whether anybody but the owner may read or change the file. Windows keeps no such bits. */
export const isExposed = (path: string): boolean => process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0;

/**
 * Keeps a log from growing without bound: what is there moves to `<path>.1` once it is larger than `bytesMax`. Its writer
 * has the file open for appending and goes on in it; a line written between copy and truncation is lost.
 */
export function boundLog(path: string, bytesMax: number): void {
  if (!existsSync(path) || statSync(path).size <= bytesMax) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}
