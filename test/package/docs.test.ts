/** Commands that the documents tell people to type: each exists, with the options that it is given. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { repositoryRoot } from '../../bin/layering.ts';

const PAGES = ['docs/deploy.md', 'constructs/README.md', 'stacks/README.md'];

interface Typed {
  /** `keys push` */
  readonly command: string;
  readonly options: readonly string[];
  readonly line: string;
}

/** `npx tidemark keys push keys --site eu | sh  # ...` and `npm run -s synth`. */
function typed(page: string): Typed[] {
  const text = readFileSync(join(repositoryRoot, page), 'utf8');
  const [, ...calls] = text.split(/(?:npx tidemark|`tidemark) /);
  return calls.map((rest) => {
    const [line = ''] = rest.split(/[\n|;#`]|\s&&/);
    const words = line.trim().split(/\s+/);
    const [first = '', second = ''] = words;
    const isGroup = ['keys', 'images', 'config', 'account'].includes(first);
    return { command: isGroup ? `${first} ${second}` : first, options: words.filter((word) => word.startsWith('--')), line: line.trim() };
  });
}

const all = PAGES.flatMap(typed);
const commands = [...new Set(all.map(({ command }) => command))].sort();

test('the documents name commands', () => {
  expect(commands).toEqual(expect.arrayContaining(['config check', 'keys create', 'keys push', 'images build', 'images push', 'check']));
});

test.each(commands)('tidemark %s is a command, with these options', async (command) => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(repositoryRoot, 'cli', 'main.ts'), ...command.split(' '), '--help']);
  expect(stdout).toContain(`Usage: tidemark ${command} `);
  for (const { options, line } of all.filter((one) => one.command === command)) {
    for (const option of options) expect(stdout, line).toMatch(new RegExp(`${option}\\b`));
  }
});
