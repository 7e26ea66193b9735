/** Which npm packages a bundle has in it, as package-lock.json and the disk know them. */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { imageFailure } from './errors.ts';

export interface Package {
  /** With its scope: `@fastify/swagger`. */
  readonly name: string;
  readonly version: string;
  /** As its author wrote it, an SPDX expression as a rule; null when nothing is said. */
  readonly license: string | null;
  /** Of the tarball, in Subresource Integrity notation (`sha512-...`). */
  readonly integrity: string | null;
  /** Names and versions of packages in the same bundle that it asks for. */
  readonly dependencies: readonly string[];
  /** Whether the kit itself asks for it. */
  readonly direct: boolean;
  /** The text of its licence and notice files. */
  readonly notice: string;
}

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const IN_PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const NOTICE = /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i;

export const nameAndVersion = (p: Pick<Package, 'name' | 'version'>): string => `${p.name}@${p.version}`;

/** @param modules files of a bundle @param root of the checkout @throws CliError when the disk does not have what the lock says */
export function packagesOf(modules: readonly string[], root: string): Package[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, LockEntry> };
  // node_modules may be a link to where they were installed.
  const installed = dirname(realpathSync(join(root, 'node_modules')));
  const keys = new Set<string>();
  for (const id of modules) {
    const key = IN_PACKAGE.exec(relative(installed, id).split(sep).join('/'))?.[1];
    if (key !== undefined) keys.add(key);
  }
  const problems: string[] = [];
  const found = [...keys].map((key): readonly [string, Package] => {
    const entry = lock.packages[key];
    const manifest = JSON.parse(readFileSync(join(installed, key, 'package.json'), 'utf8')) as { name: string; version: string };
    if (entry?.version !== manifest.version) problems.push(`${key}: ${manifest.version} is installed, package-lock.json says ${entry?.version ?? 'nothing'}`);
    const wanted = { ...entry?.dependencies, ...entry?.optionalDependencies, ...entry?.peerDependencies };
    return [key, {
      name: manifest.name, version: manifest.version, license: entry?.license ?? null, integrity: entry?.integrity ?? null,
      dependencies: Object.keys(wanted).flatMap((name) => resolve(key, name, lock.packages) ?? []).filter((k) => keys.has(k)).sort(),
      direct: Object.hasOwn(lock.packages['']?.dependencies ?? {}, key.replace(/^node_modules\//, '')),
      notice: noticeOf(join(installed, key)),
    }];
  });
  if (problems.length > 0) {
    throw imageFailure(`node_modules is not what package-lock.json says; run npm ci:\n${problems.map((p) => `  ${p}`).join('\n')}`);
  }
  const byKey = new Map(found);
  const packages = new Map<string, Package>();
  for (const [, p] of found) {
    const id = nameAndVersion(p);
    // The same version can be installed in several places.
    const before = packages.get(id);
    const dependencies = [...new Set([...before?.dependencies ?? [], ...p.dependencies.map((key) => nameAndVersion(byKey.get(key)!))])].sort();
    packages.set(id, { ...p, dependencies, direct: p.direct || before?.direct === true });
  }
  return [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, p]) => p);
}

/** Where Node finds `name` when a module of the package at `key` asks for it: in its own node_modules, then further up. */
function resolve(key: string, name: string, packages: Readonly<Record<string, LockEntry>>): string | null {
  for (let at = key; ;) {
    const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    if (packages[candidate] !== undefined) return candidate;
    if (at === '') return null;
    const up = at.lastIndexOf('/node_modules/');
    at = up < 0 ? '' : at.slice(0, up);
  }
}

function noticeOf(folder: string): string {
  const files = readdirSync(folder, { withFileTypes: true }).filter((f) => f.isFile() && NOTICE.test(f.name)).map((f) => f.name).sort();
  return files.map((name) => readFileSync(join(folder, name), 'utf8').trim()).join('\n\n');
}

/** The licences of all that is in a bundle, as their terms ask for. @param own the kit's own */
export function licensesText(own: string, packages: readonly Package[]): string {
  const rule = '-'.repeat(80);
  return [own.trim(), ...packages.map((p) => `${nameAndVersion(p)}\nLicence: ${p.license ?? 'not stated'}\n\n${p.notice}`.trim())]
    .join(`\n\n${rule}\n\n`).concat('\n');
}
