/** The kit as a package: packed, installed in a project that has nothing else, and used there as somebody would who only has npm. */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repositoryRoot } from '../../bin/layering.ts';
import { addApp, addExamples, addPeers, installIn, pack, run, runUntil, succeed, typeCheck, type Packed } from './project.ts';

const MINUTES = 60_000;
/** Bytes. Half a megabyte, and as much again to grow; a folder that slipped in is more. */
const TARBALL_BYTES_MOST = 1_500_000;
const CDKTF = ['cdktf', 'constructs', '@cdktf/provider-aws'];
const OTHERS = ['@grafana/grafana-foundation-sdk', '@pulumi/pulumi', '@pulumi/aws', '@pulumi/policy', '@types/node'];

const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string; exports: Record<string, unknown> };
const root = mkdtempSync(join(realpathSync(tmpdir()), 'tidemark-package-'));
/** Without any peer, and with those that a CDKTF app has. */
const bare = join(root, 'bare');
const project = join(root, 'project');
const at = (...path: string[]): string => join(project, ...path);
let packed: Packed;
let examples: string[];

beforeAll(async () => {
  packed = await pack(root);
  await installIn(bare, packed.file);
  await installIn(project, packed.file);
  addPeers(project, [...CDKTF, ...OTHERS]);
  addApp(project);
  examples = addExamples(project);
}, 5 * MINUTES);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the tarball', () => {
  test('has the licence, the readme and the programs, and neither sources nor tests', () => {
    const files = packed.files.map(({ path }) => path);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'bin/tidemark.mjs', 'dist/package/cli/main.js', 'dist/package/services/dashboard/page/index.html', 'docs/deploy.md']));
    expect(files.filter((file) => /\.m?tsx?$/.test(file) && !file.endsWith('.d.ts'))).toEqual([]);
    expect(files.filter((file) => /\.test\.|__snapshots__|arbitraries|fixture|\/example\b|\/testing/.test(file) && !file.includes('constructs/pulumi/testing'))).toEqual([]);
    expect(files.filter((file) => file.startsWith('dist/') && !file.startsWith('dist/package/'))).toEqual([]);
  });

  test(`is smaller than ${TARBALL_BYTES_MOST / 1e6} MB`, () => {
    expect(packed.size).toBeLessThan(TARBALL_BYTES_MOST);
  });

  test('has a declaration for every module, and neither names a source nor the machine it was made on', () => {
    const files = new Set(packed.files.map(({ path }) => path).filter((path) => path.startsWith('dist/package/') && path.endsWith('s')));
    // Not those of the page: a browser loads them.
    const modules = [...files].filter((file) => file.endsWith('.js') && !file.includes('/dashboard/page/'));
    expect(modules.filter((file) => !files.has(file.replace(/\.js$/, '.d.ts')))).toEqual([]);
    for (const file of files) {
      const text = readFileSync(join(bare, 'node_modules', 'tidemark', file), 'utf8');
      expect(text, file).not.toContain(repositoryRoot);
      expect(text, file).not.toMatch(/\bfrom '\.[^']*\.ts'|\bimport\('\.[^']*\.ts'\)/);
    }
  });
});

describe('installed without peers', () => {
  test.each(['platform', 'protocol', 'transparency'])('tidemark/%s needs none', async (name) => {
    const loaded = JSON.parse(await succeed(bare, process.execPath, '-e', `import('tidemark/${name}').then((m) => console.log(JSON.stringify(Object.keys(m))))`)) as string[];
    expect(loaded.length).toBeGreaterThan(10);
  });

  test('npx tidemark runs, and says which version it is', async () => {
    expect((await succeed(bare, 'npx', '--no-install', 'tidemark', '--version')).trim()).toBe(manifest.version);
  });

  test('the whole platform starts, from JavaScript', async () => {
    const config = readFileSync(join(repositoryRoot, 'examples', 'laptop.config.ts'), 'utf8').replace('\'../platform/index.ts\'', '\'tidemark/platform\'');
    writeFileSync(join(bare, 'laptop.config.ts'), config);
    const up = ['up', '--config', 'laptop.config.ts', '--data', join(root, 'data'), '--port-base', '0'];
    const { code, output } = await runUntil(bare, 'ready http', process.execPath, join(bare, 'node_modules', 'tidemark', 'bin', 'tidemark.mjs'), ...up);
    expect(code, output).toBe(0);
    // With its page, which is not built here.
    expect(output).not.toContain('no dashboard');
  }, MINUTES);

  test('tidemark config check reads a config that imports the package, from the folder it is called in', async () => {
    const config = readFileSync(join(repositoryRoot, 'examples', 'pilot.config.ts'), 'utf8');
    writeFileSync(join(bare, 'tidemark.config.ts'), config.replace('\'../platform/index.ts\'', '\'tidemark/platform\''));
    expect(await succeed(bare, 'npx', '--no-install', 'tidemark', 'config', 'check')).toContain('eu-fra-1');

    writeFileSync(join(bare, 'wrong.config.ts'), config.replace('\'../platform/index.ts\'', '\'tidemark/platform\'').replace('eu-central-1-waw-1', 'nowhere-1'));
    const wrong = await run(bare, 'npx', ['--no-install', 'tidemark', 'config', 'check', 'wrong.config.ts']);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('nowhere-1') as string });
  });
});

describe('in a CDKTF app', () => {
  test('every entry can be imported', async () => {
    const constructs = packed.files.flatMap(({ path }) => /^dist\/package\/constructs\/([^/]+)\/index\.js$/.exec(path)?.[1] ?? []);
    expect(constructs.length).toBeGreaterThan(15);
    const entries = [
      ...Object.keys(manifest.exports).filter((name) => !name.includes('*') && !name.endsWith('.json')).map((name) => name.slice(2)),
      ...constructs.map((name) => `constructs/${name}`),
    ];
    const all = `await Promise.all(${JSON.stringify(entries.map((name) => `tidemark/${name}`))}.map((name) => import(name)))`;
    await succeed(project, process.execPath, '--input-type=module', '-e', all);
  }, MINUTES);

  test.each(['nodenext', 'bundler'] as const)('what users write has the types of the kit (moduleResolution: %s)', async (resolution) => {
    expect(examples.length).toBeGreaterThan(8);
    expect(await typeCheck(project, resolution)).toBe('');
  }, MINUTES);

  test('an app with a construct and the rule pack synthesizes', async () => {
    await succeed(project, process.execPath, at('main.mts'), at('out'));
    const { resource } = JSON.parse(readFileSync(at('out', 'stacks', 'mine', 'cdk.tf.json'), 'utf8')) as { resource: Record<string, unknown> };
    expect(Object.keys(resource)).toEqual(expect.arrayContaining(['aws_vpc', 'aws_subnet', 'aws_flow_log', 'aws_kms_key']));
  }, MINUTES);

  test('the examples of the READMEs synthesize', async () => {
    await succeed(project, process.execPath, at('examples.mts'), at('out'), ...examples);
    const missing = examples.map((file) => basename(file, '.mts')).filter((name) => !existsSync(at('out', name, 'stacks', 'example', 'cdk.tf.json')));
    expect(missing).toEqual([]);
  }, MINUTES);

  test('a Pulumi program reads what the stacks published', async () => {
    expect(JSON.parse(await succeed(project, process.execPath, at('pulumi.mts')))).toMatchObject({ topic: 'value of /tidemark/production/global/page-topic-arn' });
  }, MINUTES);

  test('a construct loads its own resources only', async () => {
    const loadedBy = async (name: string): Promise<{ cdktf: boolean; pulumi: boolean; barrel: boolean; resources: string[] }> =>
      JSON.parse(await succeed(project, process.execPath, at('loaded.mts'), name)) as never;
    expect(await loadedBy('tidemark/platform')).toEqual({ cdktf: false, pulumi: false, barrel: false, resources: [] });
    expect(await loadedBy('tidemark/constructs/encryption-key')).toMatchObject({ cdktf: true, pulumi: false, barrel: false });
    const alarms = await loadedBy('tidemark/constructs/sla-alarms');
    expect(alarms).toMatchObject({ cdktf: true, pulumi: false, barrel: false });
    expect(alarms.resources.filter((name) => !/cloudwatch|caller-identity|partition|region|iam|sns|ssm/.test(name))).toEqual([]);
    expect(await loadedBy('tidemark/constructs')).toMatchObject({ pulumi: false, barrel: false });
    expect(await loadedBy('tidemark/constructs/pulumi')).toMatchObject({ cdktf: false, pulumi: true });
  }, MINUTES);

  test('a stack can be had alone, and tidemark synth and check give what they give in a checkout', async () => {
    const config = readFileSync(join(repositoryRoot, 'examples', 'pilot.config.ts'), 'utf8');
    writeFileSync(at('tidemark.config.ts'), config.replace('\'../platform/index.ts\'', '\'tidemark/platform\''));
    writeFileSync(join(root, 'checkout.config.ts'), config.replace('../platform/index.ts', join(repositoryRoot, 'platform', 'index.ts')));
    await succeed(project, 'npx', '--no-install', 'tidemark', 'synth', '--out', 'kit');
    await succeed(project, process.execPath, at('one-stack.mts'));
    expect(existsSync(at('cdktf.out', 'stacks', 'global', 'cdk.tf.json'))).toBe(true);
    await succeed(root, process.execPath, join(repositoryRoot, 'cli', 'main.ts'), 'synth', '--config', 'checkout.config.ts', '--out', 'checkout');
    for (const stack of ['global', 'region-eu', 'edge-eu-fra-1', 'edge-eu-waw-1']) {
      const file = join('stacks', stack, 'cdk.tf.json');
      expect(readFileSync(at('kit', file), 'utf8'), stack).toBe(readFileSync(join(root, 'checkout', file), 'utf8'));
    }
    const judged = await run(project, 'npx', ['--no-install', 'tidemark', 'check', 'kit', '--json']);
    const inCheckout = await run(project, process.execPath, [join(repositoryRoot, 'cli', 'main.ts'), 'check', 'kit', '--json']);
    expect((JSON.parse(judged.stdout) as { passed: number }).passed).toBeGreaterThan(100);
    expect([judged.code, judged.stdout]).toEqual([inCheckout.code, inCheckout.stdout]);
  }, 2 * MINUTES);
});
