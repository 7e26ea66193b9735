/** Programs that are not ours, started for a test and never left behind. */
import { spawn } from 'node:child_process';

export interface Outcome {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment. @default - this process's */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds after which it is ended. @default 300000 */
  readonly timeoutMs?: number;
}

/** Runs a program to its end. @throws Error when it can't be started */
export function run(program: string, args: readonly string[], { cwd, env = process.env, timeoutMs = 300_000 }: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...(cwd === undefined ? {} : { cwd }), env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The same, and its standard output. @throws Error with what it said when it fails */
export async function succeed(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ended with ${code ?? 'a signal'}\n${stderr || stdout}`);
  return stdout;
}

/** Does the work of each item, `width` at a time; answers in the order of the items. */
export async function inParallel<A, B>(width: number, items: readonly A[], work: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  const rest = items.entries();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const [i, item] of rest) results[i] = await work(item);
  }));
  return results;
}
