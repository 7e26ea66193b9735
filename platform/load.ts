/** A platform from a file: what `tidemark --config FILE` does. */
import { readFile, stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { definePlatform } from './define.ts';
import { ConfigError, show } from './issues.ts';
import type { Platform, PlatformInput } from './model.ts';

const MODULES = ['.ts', '.mts', '.js', '.mjs'];

/** A config file that is not there, can't be read, or is not a config; mistakes within a config are a ConfigError. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError';
}

/**
 * Reads a .ts, .mts, .js, .mjs file (default export) or a .json file.
 * @throws ConfigFileError when the file is missing or has no config in it
 * @throws ConfigError with every mistake of the config, naming the file
 */
export async function loadPlatform(file: string): Promise<Platform> {
  const path = resolve(file);
  const input = await readInput(path);
  try {
    return definePlatform(input as PlatformInput);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(error.issues, path) : error;
  }
}

async function readInput(path: string): Promise<unknown> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigFileError(error.code === 'ENOENT' ? `${path}: no such file` : `${path}: ${error.message}`, { cause: error });
  });
  if (!found.isFile()) throw new ConfigFileError(`${path}: not a file`);
  const extension = extname(path);
  if (extension === '.json') {
    const text = await readFile(path, 'utf8');
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new ConfigFileError(`${path}: not JSON: ${(error as Error).message}`, { cause: error });
    }
  }
  if (!MODULES.includes(extension)) {
    throw new ConfigFileError(`${path}: a config ends in ${[...MODULES, '.json'].join(', ')}, not in ${show(extension)}`);
  }
  const module = await importModule(path);
  if (module['default'] === undefined) {
    const others = Object.keys(module);
    const exported = others.length === 0 ? '' : ` (it exports ${others.join(', ')})`;
    throw new ConfigFileError(`${path}: has no default export${exported}; write \`export default definePlatform({...})\``);
  }
  return module['default'];
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(path).href) as Record<string, unknown>;
  } catch (error) {
    // The file calls definePlatform itself; its mistakes are the config's.
    if (error instanceof ConfigError) throw new ConfigError(error.issues, path);
    const reason = error instanceof Error ? error.message : show(error);
    throw new ConfigFileError(`${path}: can't be loaded: ${reason}`, { cause: error });
  }
}
