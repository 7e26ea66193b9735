/**
 * Reads a service's settings from its environment, by the tables in platform/services.ts. Every mistake is reported at once;
 * what is secret is never part of a message.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { contentVariable, type Setting } from '../../platform/index.ts';

/** What a setting of kind `file` holds. */
export interface FileContent {
  /** For messages: the path, or the name of the variable that the content came in. */
  readonly source: string;
  readonly text: string;
}

type Value<S extends Setting> = S['kind'] extends 'port' | 'number' ? number
  : S['kind'] extends 'list' ? readonly string[]
  : S['kind'] extends 'json' ? unknown
  : (S['kind'] extends 'file' ? FileContent : string) | (S extends { optional: true } ? undefined : never);

export type Settings<T extends Record<string, Setting>> = { readonly [K in keyof T]: Value<T[K]> };

type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that are wrong, or do not fit together. Trying again does not help: a service ends with exit code 2. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** Keys, certificates, trust.json and the policy are far smaller. Bytes. */
const FILE_MAX = 8 * 1024 * 1024;

/** @throws SettingsError listing every missing or malformed setting */
export function readSettings<T extends Record<string, Setting>>(spec: T, env: Environment): Settings<T> {
  return readAll(Object.fromEntries(Object.entries(spec).map(([name, setting]) => [name, () => readOne(setting, env)]))) as Settings<T>;
}

/**
 * Runs all readers, and reports what all of those that failed have to say.
 *
 * @throws SettingsError
 */
export function readAll<T extends Record<string, () => unknown>>(readers: T): { readonly [K in keyof T]: ReturnType<T[K]> } {
  const mistakes: string[] = [];
  const read = Object.entries(readers).map(([name, reader]) => {
    try {
      return [name, reader()];
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      mistakes.push(error.message);
      return [name, undefined];
    }
  });
  if (mistakes.length > 0) throw new SettingsError(mistakes.join('\n'));
  return Object.fromEntries(read) as { readonly [K in keyof T]: ReturnType<T[K]> };
}

/**
 * What `read` makes of a file's text.
 *
 * @throws SettingsError naming the file, with what `read` threw
 */
export function parsed<T>(file: FileContent, read: (text: string) => T): T {
  try {
    return read(file.text);
  } catch (error) {
    throw new SettingsError(`${file.source}: ${(error as Error).message}`, { cause: error });
  }
}

function readOne(setting: Setting, env: Environment): unknown {
  if (setting.kind === 'file') return readFileSetting(setting, env);
  const { env: name, what, kind } = setting;
  const raw = env[name] ?? setting.default;
  if (raw === undefined) {
    if (setting.optional === true) return undefined;
    throw new SettingsError(`${name} is not set: ${what}`);
  }
  if (kind === 'port' || kind === 'number') {
    const most = kind === 'port' ? 65535 : Number.MAX_SAFE_INTEGER;
    const value = Number(raw);
    if (/^[0-9]+$/.test(raw) && value <= most) return value;
    throw new SettingsError(`${name}: expected a whole number from 0 to ${most}, got ${JSON.stringify(raw)} (${what})`);
  }
  if (kind === 'list') return raw.split(',').map((s) => s.trim()).filter((s) => s !== '');
  if (kind === 'json') {
    try {
      return JSON.parse(raw) as unknown;
    } catch (error) {
      throw new SettingsError(`${name}: not JSON: ${(error as Error).message} (${what})`, { cause: error });
    }
  }
  if (raw === '') throw new SettingsError(`${name} is empty: ${what}`);
  if (setting.adapters !== undefined) checkAdapter(setting, SCHEME.exec(raw)?.[1] ?? raw);
  return raw;
}

/** Two letters at least: `C:` is a drive. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/;

function checkAdapter({ env: name, what, adapters = {}, secret }: Setting, scheme: string): void {
  const adapter = Object.hasOwn(adapters, scheme) ? adapters[scheme] : undefined;
  if (adapter?.state === 'available') return;
  const listed = (state: 'available' | 'planned'): string =>
    Object.entries(adapters).filter(([, a]) => a.state === state).map(([known, a]) => `${known} (${a.what})`).join(', ');
  if (adapter !== undefined) throw new SettingsError(`${name}: the adapter ${scheme} is planned, this version does not have it yet; available: ${listed('available')}`);
  const got = secret === true ? '' : `, got ${JSON.stringify(scheme.slice(0, 60))}`;
  throw new SettingsError(`${name}: no adapter of that name${got}; available: ${listed('available')}; planned: ${listed('planned') || 'none'} (${what})`);
}

function readFileSetting(setting: Setting, env: Environment): FileContent | undefined {
  const { env: name, what } = setting;
  const variable = contentVariable(setting);
  const path = env[name];
  const content = env[variable];
  if (path !== undefined && content !== undefined) {
    throw new SettingsError(`${name} and ${variable} are both set: set the path or the content, not both (${what})`);
  }
  if (content !== undefined) return checked({ source: variable, text: content }, what, Buffer.byteLength(content));
  if (path === undefined) {
    if (setting.optional === true) return undefined;
    throw new SettingsError(`${name} is not set (a path; or ${variable}, the content): ${what}`);
  }
  if (path === '') throw new SettingsError(`${name} is empty: ${what}`);
  const scheme = setting.adapters === undefined ? undefined : SCHEME.exec(path)?.[1];
  if (scheme !== undefined) checkAdapter(setting, scheme);
  const plain = scheme === undefined ? path : path.slice(scheme.length + 1);
  // Whoever put the content where the path belongs must not find it in a log.
  const isShown = setting.secret !== true && !/\n|PRIVATE.KEY/.test(path);
  return readFileContent(plain, what, isShown ? name : `${name} (its value is not shown; content belongs in ${variable})`, isShown);
}

/**
 * The whole of a text file.
 *
 * @param what it should be, for messages
 * @throws SettingsError when it can't be read, is empty, larger than 8 MiB or no UTF-8
 */
export function readFileContent(path: string, what: string, name: string = path, isShown = true): FileContent {
  const wrong = (why: string, cause?: unknown): SettingsError => new SettingsError(`${name}: ${why} (${what})`, { cause });
  let bytes: Buffer;
  try {
    bytes = readBounded(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw isShown ? wrong(`cannot be read: ${message}`, error) : wrong(`cannot be read: ${code ?? 'no reason is known'}`);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw wrong(`${path} is not a text in UTF-8`, error);
  }
  return checked({ source: path, text }, what, bytes.byteLength);
}

function checked(file: FileContent, what: string, bytes: number): FileContent {
  if (bytes > FILE_MAX) throw new SettingsError(`${file.source}: larger than ${FILE_MAX} bytes (${what})`);
  if (file.text.trim() === '') throw new SettingsError(`${file.source} is empty: ${what}`);
  return file;
}

/** A file that never ends (a device, a pipe) is read up to the bound, and a little more than that, which shows that it is passed. */
function readBounded(path: string): Buffer {
  const chunks: Buffer[] = [];
  const file = openSync(path, 'r');
  try {
    for (let length = 0; length <= FILE_MAX;) {
      const chunk = Buffer.allocUnsafe(65_536);
      const read = readSync(file, chunk);
      if (read === 0) break;
      chunks.push(chunk.subarray(0, read));
      length += read;
    }
  } finally {
    closeSync(file);
  }
  return Buffer.concat(chunks);
}
