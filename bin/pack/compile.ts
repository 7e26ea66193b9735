/** TypeScript's compiler as a program. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** Compiles what tsconfig.build.json of `root` names into `out`; answers what the compiler found wrong, '' when nothing. */
export async function compile(root: string, out: string): Promise<string> {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const child = spawn(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', out, '--pretty', 'false'], {
    cwd: root, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => { said += text; });
  }
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code === 0 ? '' : said.trimEnd() || `the compiler ended with ${signal ?? `exit code ${code}`}`));
  });
}
