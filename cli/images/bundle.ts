/**
 * The programs of an image: a service in one file, without node_modules, the program that asks it whether it is well, and the page
 * that it serves, where it serves one.
 * The same sources give the same bytes, wherever the checkout is.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { rolldown, type Plugin } from 'rolldown';
import { IMAGE, SERVICES, type ServiceContract, type ServiceId } from '../../platform/services.ts';
import { buildDashboard } from '../../services/dashboard/build.ts';
import { digestOf, type Digest } from './digest.ts';
import { imageFailure, imageUsage } from './errors.ts';
import { packagesOf, type Package } from './packages.ts';

export interface BundleFile {
  /** In the image's working folder. */
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Bundle {
  readonly service: ServiceContract;
  /** By name. */
  readonly files: readonly BundleFile[];
  /** What of others is in them. */
  readonly packages: readonly Package[];
  /** Of the names and contents of the files. */
  readonly digest: Digest;
}

const BUILTIN = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)]);
const fileName = (command: readonly string[]): string => command.at(-1)!.replace(`${IMAGE.workdir}/`, '');

/** @param names as on the command line; none means all @throws CliError naming every unknown one */
export function servicesOf(names: readonly string[]): ServiceContract[] {
  const unknown = names.filter((name) => !Object.hasOwn(SERVICES, name));
  if (unknown.length > 0) throw imageUsage(`no such service: ${unknown.join(', ')}; there are ${Object.keys(SERVICES).join(', ')}`);
  return Object.values(SERVICES).filter((service) => names.length === 0 || names.includes(service.id));
}

/** @param root of the checkout @throws CliError */
export async function bundleService(id: ServiceId, root: string): Promise<Bundle> {
  const service = SERVICES[id];
  const entry = join(root, service.entry);
  if (!existsSync(entry)) throw imageUsage(`${entry}: no such file; images are built from a checkout of the kit`);
  const program = await bundle(root, `import ${JSON.stringify(entry)};`, service.id);
  const health = await bundle(root, `import { main } from ${JSON.stringify(join(root, 'cli/images/health.ts'))};
await main(${JSON.stringify({ port: service.port, healthPath: service.healthPath })}, ${IMAGE.health.timeoutSeconds * 1_000});`, 'health');
  const page = service.pageFolder === undefined ? { files: [], modules: [] } : await bundlePage(root, service.pageFolder);
  const files = [
    ...page.files,
    { name: fileName(IMAGE.healthCommand), bytes: Buffer.from(health.code) },
    { name: fileName(IMAGE.command), bytes: Buffer.from(program.code) },
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    service, files, packages: packagesOf([...program.modules, ...health.modules, ...page.modules], root),
    digest: digestOf(files.map((f) => `${digestOf(f.bytes)} ${f.name}\n`).join('')),
  };
}

/** The page, in its folder below the working folder. */
async function bundlePage(root: string, pageFolder: string): Promise<{ files: BundleFile[]; modules: readonly string[] }> {
  const out = mkdtempSync(join(tmpdir(), 'tidemark-page-'));
  try {
    const modules = await buildDashboard(out, join(root, 'services', 'dashboard', 'web'));
    const names = readdirSync(out, { recursive: true, withFileTypes: true }).filter((f) => f.isFile()).map((f) => relative(out, join(f.parentPath, f.name)).split(sep).join('/'));
    const below = pageFolder.replace(`${IMAGE.workdir}/`, '');
    return { files: names.map((name) => ({ name: `${below}/${name}`, bytes: readFileSync(join(out, name)) })), modules };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** What is made for the bundle alone: it has no place on the disk, so its name is the same everywhere. */
const ENTRY = '\0entry';
const entryPlugin = (code: string): Plugin => ({
  name: 'entry',
  resolveId: (id) => (id === ENTRY ? id : null),
  load: (id) => (id === ENTRY ? { code, moduleType: 'js' } : null),
});

async function bundle(root: string, code: string, what: string): Promise<{ code: string; modules: string[] }> {
  const problems: string[] = [];
  const build = await rolldown({
    input: { main: ENTRY }, cwd: root, platform: 'node', tsconfig: false, plugins: [entryPlugin(code)],
    // Nothing in the bundle may say where the checkout was.
    experimental: { attachDebugInfo: 'none' },
    onLog: (_level, log) => {
      if (log.code === 'UNRESOLVED_IMPORT') problems.push(log.message);
    },
  });
  try {
    const { output } = await build.generate({
      format: 'esm', codeSplitting: false, minify: false, sourcemap: false,
      // Licences are in a file of their own, beside the bundle.
      comments: false,
    });
    const [chunk, ...more] = output;
    const foreign = [...chunk.imports, ...chunk.dynamicImports].filter((name) => !BUILTIN.has(name));
    if (foreign.length > 0) problems.push(`imports that are not in the bundle: ${foreign.join(', ')}`);
    if (more.length > 0) problems.push(`more than one file: ${more.map((m) => m.fileName).join(', ')}`);
    if (problems.length > 0) throw imageFailure(`${what}: cannot be one file:\n${problems.map((p) => `  ${p}`).join('\n')}`);
    const modules = Object.entries(chunk.modules).filter(([, m]) => m.renderedLength > 0).map(([id]) => id);
    return { code: chunk.code, modules };
  } finally {
    await build.close();
  }
}
