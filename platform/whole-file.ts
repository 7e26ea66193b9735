/** Files that are whole or not there at all: written beside their place, then moved to it. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface ReplaceOptions {
  /** Permissions of the file. @default - those that the process gives new files */
  readonly mode?: number;
  /** Whether it has to survive a power cut, too. @default true */
  readonly durable?: boolean;
}

/** The file holds either what it held before or all of `content`. @throws the system's error; nothing is left beside it then */
export function replaceFile(path: string, content: string, { mode, durable = true }: ReplaceOptions = {}): void {
  const temporary = `${path}.${process.pid}.new`;
  const file = openSync(temporary, 'w', mode);
  try {
    try {
      writeFileSync(file, content);
      if (durable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  // Windows has no handle on a folder to sync.
  if (!durable || process.platform === 'win32') return;
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
