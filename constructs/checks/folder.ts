/** Reads synthesized stacks: one `cdk.tf.json`, a folder with one, or a folder of such folders (`cdktf.out`). */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ChecksError, readStack, type Tree } from './core/index.ts';
import { digestOf } from './digest.ts';

/** File that CDKTF writes for each stack. */
export const STACK_FILE = 'cdk.tf.json';
/** Folder of `cdktf.out` with one folder for each stack. */
const STACKS_FOLDER = 'stacks';

export interface ReadStacks {
  readonly trees: readonly Tree[];
  /** SHA-256 of each stack's configuration, by name. */
  readonly digests: ReadonlyMap<string, string>;
}

/** @throws ChecksError when there is no stack, or one cannot be read: all that is wrong */
export function readStacks(path: string): ReadStacks {
  const files = filesOf(path);
  const trees: Tree[] = [];
  const digests = new Map<string, string>();
  const mistakes: string[] = [];
  for (const file of files) {
    try {
      const json = JSON.parse(readFileSync(file, 'utf8')) as unknown;
      const name = nameIn(json) ?? basename(dirname(file));
      if (digests.has(name)) throw new ChecksError([`${file}: there is another stack named ${name}`]);
      trees.push(readStack(name, json));
      digests.set(name, digestOf(json));
    } catch (error) {
      mistakes.push(...(error instanceof ChecksError ? error.mistakes : [`${file}: ${(error as Error).message}`]));
    }
  }
  if (mistakes.length > 0) throw new ChecksError(mistakes);
  return { trees, digests };
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) throw new ChecksError([`${path}: no such file or folder; \`npm run synth\` writes cdktf.out`]);
  if (!statSync(path).isDirectory()) return [path];
  const folders = [
    path,
    ...[path, join(path, STACKS_FOLDER)]
      .filter((folder) => existsSync(folder))
      .flatMap((folder) =>
        readdirSync(folder, { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => join(folder, entry.name))
          .sort(),
      ),
  ];
  const files = folders.map((folder) => join(folder, STACK_FILE)).filter((file) => existsSync(file));
  if (files.length === 0)
    throw new ChecksError([`${path}: holds no ${STACK_FILE}, nor do its folders; name one that a CDKTF app was synthesized to`]);
  return files;
}

function nameIn(json: unknown): string | undefined {
  const metadata = (json as { '//'?: { metadata?: { stackName?: unknown } } } | null)?.['//']?.metadata;
  return typeof metadata?.stackName === 'string' && metadata.stackName !== '' ? metadata.stackName : undefined;
}
