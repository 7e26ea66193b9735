/** `npm run check`: types, lint and layering at once; what is wrong, then one line that sums it up. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkLayering, repositoryRoot } from './layering.ts';

const started = performance.now();
const module = (...path) => join(repositoryRoot, 'node_modules', ...path);

/** Runs a JavaScript program with this Node; answers its output when it fails. */
const run = (file, args) => new Promise((resolve, reject) => {
  const child = spawn(process.execPath, [file, ...args], { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => { output += text; });
  }
  child.on('error', reject);
  child.on('close', (code, signal) => resolve(code === 0 ? '' : output || `ended with ${signal ?? `exit code ${code}`}\n`));
});

const layering = () => checkLayering(repositoryRoot).violations
  .map((v) => `${v.file}:${v.line}: imports ${v.imported}: ${v.why}\n`).join('');

const checks = {
  types: run(module('typescript', 'bin', 'tsc'), ['-p', '.']),
  // The page is for browsers: other globals, and JSX.
  page: run(module('typescript', 'bin', 'tsc'), ['-p', 'services/dashboard']),
  lint: run(module('oxlint', 'bin', 'oxlint'), ['.']),
  layering: Promise.resolve().then(layering),
};

const verdicts = [];
for (const [name, result] of Object.entries(checks)) {
  const output = await result;
  if (output !== '') process.stdout.write(`${output.trimEnd()}\n\n`);
  verdicts.push(`${name} ${output === '' ? 'ok' : 'FAILED'}`);
}
const failed = verdicts.some((verdict) => verdict.endsWith('FAILED'));
process.stdout.write(`check: ${verdicts.join(', ')} (${((performance.now() - started) / 1_000).toFixed(1)} s)\n`);
process.exitCode = failed ? 1 : 0;
