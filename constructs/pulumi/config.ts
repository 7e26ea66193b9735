/** The platform's definition from the configuration of a Pulumi stack. */
import type { Config } from '@pulumi/pulumi';
import { ConfigError, definePlatform, loadPlatform, type Platform, type PlatformInput } from '../../platform/index.ts';
import { check } from './mistakes.ts';

export interface ConfigKeys {
  /** Key of the path of a definition, as `tidemark --config` takes it; relative to the program's folder. @default 'platformFile' */
  readonly file?: string;
  /** Key of the definition itself, as an object. @default 'platform' */
  readonly inline?: string;
}

/**
 * The platform that the stack's configuration names (`platformFile: ../tidemark.config.ts`) or holds (`platform: {...}`).
 * @throws ConstructError unless exactly one of the two is set
 * @throws ConfigFileError when the file is missing or holds no definition
 * @throws ConfigError with every mistake of the definition
 */
export async function loadConfig(config: Config, keys: ConfigKeys = {}): Promise<Platform> {
  const { file = 'platformFile', inline = 'platform' } = keys;
  const [path, text] = [config.get(file), config.get(inline)];
  check(`configuration of ${config.name}`, (m) => {
    m.exactlyOne({ [`${config.name}:${file}`]: path, [`${config.name}:${inline}`]: text });
    if (path !== undefined && path.trim() === '') m.add(`${config.name}:${file}: is empty; expected the path of a definition such as ../tidemark.config.ts`);
    if (text !== undefined && !isObject(text)) m.add(`${config.name}:${inline}: expected an object, got ${text.slice(0, 80)}; \`pulumi config set --path\` writes one`);
  });
  if (path !== undefined) return await loadPlatform(path);
  try {
    return definePlatform(JSON.parse(text!) as PlatformInput);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(error.issues, `${config.name}:${inline}`) : error;
  }
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
