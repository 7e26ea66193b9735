/**
 * Who may import whom, as DESIGN says it: read from the import lines of every file, so that types count, too.
 *
 * A part of the repository may import itself, `platform`, and what its row below allows. Tests are held to the rows of
 * their part with one exception: tests of `services/local`, of the command line and of the bench run the whole platform,
 * so they may import any part.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, sep } from 'node:path';

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly imported: string;
  readonly why: string;
}

/** What every service may build on. */
const VOCABULARY = ['services/protocol', 'services/transparency', 'services/telemetry'];

/** By part: the other parts it may import. A name with a file extension allows that file alone. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  // The package brings the page that is built.
  bin: ['services/dashboard/build.ts', 'services/dashboard/cache.ts'],
  // Among themselves these may import as long as there is no cycle, which lint finds (import/no-cycle).
  'services/protocol': VOCABULARY,
  'services/transparency': VOCABULARY,
  'services/telemetry': VOCABULARY,
  'services/shell': VOCABULARY,
  'services/edge-node': [...VOCABULARY, 'services/shell'],
  'services/regional-aggregator': [...VOCABULARY, 'services/shell'],
  // Serves the page that others have built.
  'services/control-plane': [...VOCABULARY, 'services/shell', 'services/dashboard/serve.ts'],
  'services/local': [...VOCABULARY, 'services/shell'],
  'services/dashboard': VOCABULARY,
  // Of the local platform: its front, and the files that only find and ask a running one, so that most commands start fast.
  // The kit is loaded by the commands that need it, when they run.
  cli: [
    ...VOCABULARY, 'constructs', 'stacks', 'loadtests', 'services/shell', 'services/local/index.ts', 'services/local/control-client.ts', 'services/local/provision.ts',
    'services/local/run-state.ts', 'services/dashboard/cache.ts', 'services/dashboard/build.ts',
  ],
  // Measures the parts, and the whole.
  bench: ['services', 'cli', 'stacks'],
  // The seeded simulation and the runs from end to end.
  test: ['services', 'cli', 'constructs', 'stacks', 'loadtests', 'bin'],
  constructs: [],
  stacks: ['constructs', 'runbooks'],
  runbooks: ['services/protocol'],
  loadtests: ['services/protocol'],
  examples: ['constructs', 'stacks'],
  tools: [...VOCABULARY],
};

/** What `platform` takes from the protocol is types, so that it never loads it; its tests compare values. */
const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = { platform: ['services/protocol'] };

const RUNS_EVERYTHING = ['services/local', 'cli', 'bench', 'test'];

/** A core may use these; it imports nothing of Node and no package. */
const CORE_ALLOWED = VOCABULARY;

/** `services/edge-node` of `services/edge-node/core/node.ts`; '' for a file at the root. */
export function partOf(file: string): string {
  const [first = '', second = '', ...rest] = file.split('/');
  if (second === '') return '';
  return first === 'services' && rest.length > 0 ? `services/${second}` : first;
}

const isTest = (file: string): boolean => file.endsWith('.test.ts');
const isCore = (file: string): boolean => /^services\/[^/]+\/core\//.test(file) && !isTest(file);

export interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly typeOnly: boolean;
}

/** Import and export-from lines, dynamic imports of a fixed name, side-effect imports. Comments do not count. */
export function importsOf(source: string): Import[] {
  // Comments become spaces of the same shape; strings (with what looks like a comment in them) stay.
  const code = source.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (match: string, string: string | undefined) => string ?? match.replace(/[^\n]/g, ' '),
  );
  const patterns = [
    /^[ \t]*(?:import|export)\s(?<clause>[^'"`;]*?)\bfrom\s*(['"])(?<specifier>[^'"\n]+)\2/gm,
    /^[ \t]*import\s*(['"])(?<specifier>[^'"\n]+)\1/gm,
    /\bimport\s*\(\s*(['"])(?<specifier>[^'"\n]+)\1/g,
  ];
  const found = patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match): Import => ({
    specifier: match.groups?.['specifier'] ?? '',
    line: code.slice(0, match.index + match[0].length).split('\n').length,
    typeOnly: isTypeOnly(match.groups?.['clause']),
  })));
  return found.sort((a, b) => a.line - b.line);
}

function isTypeOnly(clause: string | undefined): boolean {
  if (clause === undefined) return false;
  if (/^type\s/.test(clause)) return true;
  const names = /^\{([^}]*)\}\s*$/.exec(clause)?.[1]?.split(',').map((name) => name.trim()).filter((name) => name !== '');
  return names !== undefined && names.length > 0 && names.every((name) => name.startsWith('type '));
}

const within = (target: string, allowed: string): boolean => target === allowed || target.startsWith(`${allowed}/`);

/** Why `file` may not import `specifier`, or null when it may. Paths are relative to the root, with `/`. */
export function refusal(file: string, { specifier, typeOnly }: Pick<Import, 'specifier' | 'typeOnly'>): string | null {
  const relative = specifier.startsWith('.');
  if (isCore(file) && !relative) return 'a core is pure: it imports neither Node nor a package';
  if (!relative) return null;
  const target = posix.normalize(posix.join(posix.dirname(file), specifier));
  if (target.startsWith('../')) return 'this leaves the repository';
  const from = partOf(file);
  const to = partOf(target);
  if (isCore(file)) {
    const own = file.slice(0, file.indexOf('/core/') + '/core'.length);
    if (within(target, own) || to === 'platform' || CORE_ALLOWED.includes(to)) return null;
    return `a core may import itself, platform, ${CORE_ALLOWED.join(', ')}`;
  }
  if (to === from || to === 'platform') return null;
  if (to === '') {
    // Whoever runs the deployment in use may read it.
    return RUNS_EVERYTHING.includes(from) || from === 'stacks' || isTest(file) ? null : 'nothing here may import from the root';
  }
  if (isTest(file) && RUNS_EVERYTHING.includes(from)) return null;
  if (from === '') return to === 'bin' ? null : 'a file at the root may import platform';
  const allowed = ALLOWED[from];
  if (allowed === undefined) return `${from} has no row in bin/layering.ts; add one, with DESIGN`;
  if (allowed.some((part) => within(target, part))) return null;
  if ((typeOnly || isTest(file)) && (TYPES_ONLY[from] ?? []).includes(to)) return null;
  return `${from} may import ${['itself', 'platform', ...allowed].join(', ')}`;
}

export function checkFile(file: string, source: string): Violation[] {
  return importsOf(source).flatMap((found) => {
    const why = refusal(file, found);
    return why === null ? [] : [{ file, line: found.line, imported: found.specifier, why }];
  });
}

const SKIPPED = new Set(['node_modules', 'coverage', 'cdktf.out', 'dist']);

/** All TypeScript and JavaScript files below `root`, as paths relative to it. */
export function sourceFiles(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith('.') || SKIPPED.has(entry.name)) return [];
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sourceFiles(root, path);
    return /\.(?:ts|tsx|mts|js|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.mts') ? [path] : [];
  });
}

export function checkLayering(root: string): { readonly files: number; readonly violations: Violation[] } {
  const files = sourceFiles(root);
  return { files: files.length, violations: files.flatMap((file) => checkFile(file, readFileSync(join(root, file), 'utf8'))) };
}

/** The repository that this file is in. */
export const repositoryRoot = dirname(import.meta.dirname.split(sep).join('/'));
