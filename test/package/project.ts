/** An empty project of a user, with the packed kit installed in it, and what they have of their own. */
import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { repositoryRoot } from '../../bin/layering.ts';

export const appFolder = join(import.meta.dirname, 'app');

export interface Packed {
  readonly file: string;
  /** Bytes of the tarball. */
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What npm says to its scripts is not for an npm that is started anew, except where packages come from. */
const KEPT = /^npm_config_(?:registry|cache|userconfig|globalconfig|cafile|(?:https?_|no)?proxy)$/i;

function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) =>
    KEPT.test(name) || !(/^npm_/i.test(name) || name.startsWith('TIDEMARK_') || name.startsWith('VITEST') || name === 'NODE_OPTIONS' || name === 'NODE_ENV'));
  // Scripts that say `node` mean the Node that runs this test.
  return { ...Object.fromEntries(own), PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter) };
}

export const run = async (folder: string, command: string, args: readonly string[]): Promise<Ran> => await new Promise((resolve, reject) => {
  execFile(command, args, { cwd: folder, env: environment(), encoding: 'utf8', maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
    if (error !== null && typeof error.code !== 'number') reject(new Error(`${command} can't be run: ${error.message}`, { cause: error }));
    else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
  });
});

/** Runs a program until it says `line`, then interrupts it as Ctrl-C does; answers how it ended. */
export const runUntil = async (folder: string, line: string, command: string, ...args: string[]): Promise<{ readonly code: number | null; readonly output: string }> =>
  await new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let isTold = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        output += text;
        if (isTold || !output.includes(line)) return;
        isTold = true;
        child.kill('SIGINT');
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });

/** @throws Error with everything that was said when the program fails */
export async function succeed(folder: string, command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(folder, command, args);
  if (code !== 0) throw new Error(`${basename(command)} ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

const npm = async (folder: string, ...args: string[]): Promise<string> => {
  const script = process.env['npm_execpath'];
  return script !== undefined && /npm-cli\.c?js$/.test(script)
    ? await succeed(folder, process.execPath, script, ...args)
    : await succeed(folder, 'npm', ...args);
};

/** `npm pack`, as a release would do it. */
export async function pack(folder: string): Promise<Packed> {
  const [packed] = JSON.parse(await npm(repositoryRoot, 'pack', '--json', '--pack-destination', folder)) as (Omit<Packed, 'file'> & { filename: string })[];
  if (packed === undefined) throw new Error('npm pack packed nothing');
  return { ...packed, file: join(folder, packed.filename) };
}

/** A project with nothing in it but the kit: no peers, and not the Node that it can bring, as there is one. */
export async function installIn(folder: string, tarball: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'mine', version: '1.0.0', private: true, type: 'module' }));
  await npm(
    folder, 'install', tarball, '--prefer-offline', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error',
  );
}

/** Gives the project what a user installs beside the kit, without half a gigabyte of copies. */
export function addPeers(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const to = join(folder, 'node_modules', name);
    if (existsSync(to)) continue;
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(join(repositoryRoot, 'node_modules', name), to, 'junction');
  }
}

/** Puts the examples of the READMEs into the project, as a reader would; answers the files. */
export function addExamples(folder: string): string[] {
  const to = join(folder, 'examples');
  mkdirSync(to, { recursive: true });
  const constructs = join(repositoryRoot, 'constructs');
  return readdirSync(constructs).flatMap((name) => {
    const readme = join(constructs, name, 'README.md');
    const code = existsSync(readme) ? /```ts\n([\s\S]*?)```/.exec(readFileSync(readme, 'utf8'))?.[1] : undefined;
    // Others show a few lines of a program.
    if (code?.includes('export class Example ') !== true) return [];
    const file = join(to, `${name}.mts`);
    writeFileSync(file, code);
    return [file];
  });
}

/** The apps of a user: ours, and the one that the README of the stacks shows. */
export function addApp(folder: string): void {
  cpSync(appFolder, folder, { recursive: true });
  const [, shown = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(repositoryRoot, 'stacks', 'README.md'), 'utf8')) ?? [];
  writeFileSync(join(folder, 'one-stack.mts'), shown);
}

/** Checks the project's types by both ways of finding modules that know `exports`; answers what is wrong. */
export async function typeCheck(folder: string, resolution: 'nodenext' | 'bundler'): Promise<string> {
  const config = join(folder, `tsconfig.${resolution}.json`);
  writeFileSync(config, JSON.stringify({
    compilerOptions: {
      target: 'es2024', lib: ['es2024', 'esnext.collection'], module: resolution === 'bundler' ? 'esnext' : 'nodenext', moduleResolution: resolution,
      noEmit: true, strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true, types: ['node'],
      // Declarations of others are theirs; ours are checked by being used, and by the check of the sources.
      skipLibCheck: true,
    },
    include: ['*.mts', 'examples/*.mts'],
  }));
  const { code, stdout, stderr } = await run(folder, process.execPath, [join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', config, '--pretty', 'false']);
  return code === 0 ? '' : `${stdout}${stderr}`;
}
