import { accessSync, constants, mkdirSync } from 'node:fs';
import { CliError, EXIT } from './errors.ts';

/** Makes the folder that a command writes to, with those above it. @param what the option or argument that names it @throws CliError when it is none, or can't be written */
export function makeOutFolder(folder: string, what: string, mode?: number): void {
  try {
    mkdirSync(folder, { recursive: true, ...(mode === undefined ? {} : { mode }) });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new CliError(EXIT.usage, 'not-writable', `${what}: ${(error as Error).message}; give a folder that can be made or written`);
  }
}
