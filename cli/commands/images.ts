import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { EMPTY_LOCK, LOCK_FILE, LockError, readLock, writeLock, type Digest, type ImageLock } from '../../constructs/service-image/lock.ts';
import { THIRD_PARTY } from '../../constructs/service-image/third-party.ts';
import { IMAGE, SERVICES, type ServiceId } from '../../platform/services.ts';
import { CONFIG_FILE } from '../config-file.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Archived } from '../images/build.ts';
import { PLATFORMS } from '../images/oci.ts';
import type { Pushed } from '../images/push.ts';
import { table, withJson, type Io } from '../io.ts';

// What builds and pushes is loaded when it is needed: the bundler takes a while.

const ROOT = join(import.meta.dirname, '..', '..');
const OUT = join('dist', 'images');
/** The pin that services are built on. */
const BASE = 'base';

interface LockOptions {
  readonly json?: boolean;
  /** False with --no-lock. */
  readonly lock: string | false;
}

const gather = (value: string, before: readonly string[]): string[] => [...before, ...value.split(',').filter((v) => v !== '')];

function platform(value: string, before: readonly string[] | undefined): string[] {
  const names = value.split(',');
  const unknown = names.filter((name) => !(PLATFORMS as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`expected ${PLATFORMS.join(' or ')}, or both with a comma, got ${unknown.join(', ')}`);
  }
  return [...new Set([...(before ?? []), ...names])];
}

export function addImages(program: Command, io: Io): void {
  const images = program.command('images').description('container images of the services: build, push, pin by digest');
  addBuild(images, io);
  addPush(images, io);
  addPin(images, io);
  addList(images, io);
  addBase(images, io);
}

/** Images are built of the sources, with tools that an installed kit does without. @throws CliError */
function needCheckout(): void {
  const entry = join(ROOT, SERVICES['control-plane'].entry);
  if (!existsSync(entry)) throw new CliError(EXIT.usage, 'no-checkout', `${entry}: no such file; images are built and pushed from a checkout of the kit`);
}

/** Beside the config, where synthesis looks for it. */
const withLock = (command: Command, io: Io): Command =>
  command.option('--lock <file>', 'the lock file', join(dirname(io.env['TIDEMARK_CONFIG'] ?? CONFIG_FILE), LOCK_FILE));
const withServices = (command: Command): Command =>
  command.option('--service <name>', `one of ${Object.keys(SERVICES).join(', ')}; can be given more than once (all of them, when left out)`, gather, []);

function addBuild(parent: Command, io: Io): void {
  withJson(withServices(withLock(
    parent.command('build').description('build images, without Docker; the same sources and base always give the same digest')
      .option(
        '--base <image>', 'what to build on: REPOSITORY@sha256:..., or an OCI layout or the output of docker save (the pin `base`, when left out)',
      )
      .option('--platform <names>', `${PLATFORMS.join(' or ')}; both with a comma`, platform)
      .option('--out <folder>', 'where images and SBOMs are written', OUT)
      .option('--no-lock', 'do not record the digests'),
    io,
  )), [
    'tidemark images build', 'tidemark images build --service edge-node --base node-base.tar',
    'tidemark images build --platform linux/amd64,linux/arm64',
  ]).action(async (options: LockOptions & { base?: string; platform?: string[]; out: string; service: string[] }) => {
    needCheckout();
    const { servicesOf } = await import('../images/bundle.ts');
    const { buildImages } = await import('../images/build.ts');
    const services = servicesOf(options.service);
    const lock = read(options.lock);
    const built = await buildImages({
      root: ROOT, services, platforms: options.platform ?? ['linux/amd64'], out: options.out, env: io.env,
      base: options.base ?? pinnedBase(lock, options.lock), onProgress: (what) => io.err(what),
    });
    const changed = record(options.lock, built);
    if (options.json === true) {
      io.out(JSON.stringify({ images: built.map(shown), lock: options.lock === false ? null : { file: options.lock, changed } }));
      return;
    }
    io.out(table([
      ['image', 'digest', 'MB', 'file'], ...built.map((b) => [b.name, b.digest, megabytes(b.platforms), b.archive]),
    ], new Set([2])));
    io.out(`${said(options.lock, changed)}\npush with: tidemark images push --registry HOST; try with: docker load -i FILE`);
  });
}

function addPush(parent: Command, io: Io): void {
  withJson(withServices(withLock(
    parent.command('push').description('put built images into a registry, without Docker; logs in as docker login did')
      .requiredOption('--registry <host>', 'HOST[:PORT][/PREFIX], such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com')
      .option('--out <folder>', 'where they were built', OUT),
    io,
  )), [
    'tidemark images push --registry 123456789012.dkr.ecr.eu-west-1.amazonaws.com',
    'tidemark images push --registry localhost:5000 --service edge-node',
  ]).action(async (options: LockOptions & { registry: string; out: string; service: string[] }) => {
    needCheckout();
    const { servicesOf } = await import('../images/bundle.ts');
    const { archiveOf, readArchived } = await import('../images/build.ts');
    const { parsePrefix } = await import('../images/reference.ts');
    const { pushImage } = await import('../images/push.ts');
    const target = { ...parsePrefix(options.registry), env: io.env, there: new Map(), onProgress: (what: string) => io.err(what) };
    // A lock that makes no sense is told now, not after the work.
    read(options.lock);
    // All are looked at before the first is sent.
    const archived: Archived[] = [];
    for (const service of servicesOf(options.service)) archived.push(await readArchived(archiveOf(options.out, service), service));
    const pushed: Pushed[] = [];
    for (const image of archived) pushed.push(await pushImage(image, target));
    const changed = record(options.lock, archived);
    if (options.json === true) {
      io.out(JSON.stringify({ images: pushed.map((p, i) => ({ ...shown(archived[i]!), ...p })), lock: { file: options.lock, changed } }));
      return;
    }
    for (const { reference, tag, sent } of pushed) {
      io.out(`${reference}\n  tag ${tag}, ${sent === 0 ? 'was there already' : `${(sent / 1e6).toFixed(1)} MB sent`}`);
    }
    io.out(said(options.lock, changed));
  });
}

function addPin(parent: Command, io: Io): void {
  withJson(withLock(
    parent.command('pin').description('record which image of others is meant, by digest; a tag is looked up in its registry now')
      .argument('<name>', `what the kit calls it: ${[...Object.keys(THIRD_PARTY)].join(', ')}, or a name of your own`)
      .argument('<reference>', 'REPOSITORY[:TAG][@sha256:...]'), io,
  ), [
    'tidemark images pin base node:26-slim', 'tidemark images pin nats public.ecr.aws/docker/library/nats@sha256:0123...',
  ]).action(async (name: string, given: string, options: LockOptions) => {
    const { parseReference } = await import('../images/reference.ts');
    const { fetchManifest, openRepository } = await import('../images/registry.ts');
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
      throw new CliError(EXIT.usage, 'usage', `${JSON.stringify(name)}: expected a name of small letters, digits and -`);
    }
    if (Object.hasOwn(SERVICES, name)) {
      throw new CliError(EXIT.usage, 'usage', `${name} is a service of the kit: tidemark images build --service ${name}`);
    }
    const reference = parseReference(given);
    const lock = read(options.lock);
    const lookUp = (): Promise<{ digest: Digest }> => fetchManifest(openRepository(reference, 'pull', { env: io.env }), reference.tag ?? 'latest');
    const digest = reference.digest ?? (await lookUp()).digest;
    const pin = { repository: reference.repository, digest, ...(reference.tag === undefined ? {} : { tag: reference.tag }) };
    const changed = write(options.lock, { ...lock, pinned: { ...lock.pinned, [name]: pin } });
    io.out(options.json === true ? JSON.stringify({ name, ...pin, lock: { file: options.lock, changed } })
      : `${name}: ${pin.repository}@${pin.digest}\n${said(options.lock, changed)}`);
  });
}

function addList(parent: Command, io: Io): void {
  withJson(withLock(
    parent.command('list').description('what the lock file pins, and what it does not yet'), io,
  ), ['tidemark images list', 'tidemark images list --json']).action((options: LockOptions) => {
    const lock = read(options.lock);
    const all = (known: readonly string[], recorded: object): string[] => [...new Set([...known, ...Object.keys(recorded)])];
    const services = Object.keys(SERVICES).map((id) => IMAGE.repository(id as ServiceId));
    const built = all(services, lock.built).map((name) => ({ name, kind: 'built', ...lock.built[name] }));
    const pinned = all(Object.keys(THIRD_PARTY), lock.pinned).map((name) => ({ name, kind: 'pinned', ...lock.pinned[name] }));
    const missing = [...built, ...pinned].filter((image) => image.digest === undefined).map((image) => image.name);
    if (options.json === true) {
      io.out(JSON.stringify({ file: options.lock, images: [...built, ...pinned], missing }));
      return;
    }
    const platforms = (b: (typeof built)[number]): string =>
      (b.platforms === undefined ? 'not built: tidemark images build' : `${Object.keys(b.platforms).join(', ')}, version ${b.version}`);
    const toPin = (name: string): string => `not pinned: tidemark images pin ${name} ${THIRD_PARTY[name]?.suggested ?? 'REPOSITORY:TAG'}`;
    io.out(table([
      ['image', 'digest', 'from'],
      ...built.map((b) => [b.name, b.digest ?? '-', platforms(b)]), ...pinned.map((p) => [p.name, p.digest ?? '-', p.repository ?? toPin(p.name)]),
    ]));
  });
}

function addBase(parent: Command, io: Io): void {
  withJson(
    parent.command('base')
      .description('make a base image of the Node, the libraries and the certificates of this machine (Linux), where there is no registry')
      .argument('<file>', 'archive to write'),
    ['tidemark images base node-base.tar && tidemark images build --base node-base.tar'],
  ).action(async (file: string, options: { json?: boolean }) => {
    const { epochOf } = await import('../images/build.ts');
    const { makeLocalBase } = await import('../images/local-base.ts');
    const made = await makeLocalBase(file, epochOf(io.env));
    io.out(options.json === true ? JSON.stringify(made)
      : `${file}: Node ${made.nodeVersion} for ${made.platform}, ${(made.size / 1e6).toFixed(1)} MB\n${made.digest}\n`
        + `build on it with: tidemark images build --base ${file}`);
  });
}

type Built = ImageLock['built'][string] & { readonly name: string; readonly archive: string; readonly tag: string };

const entryOf = ({ digest, source, version, platforms }: Built): ImageLock['built'][string] => ({ digest, source, version, platforms });
const shown = (image: Built): object => ({ name: image.name, ...entryOf(image), tag: image.tag, archive: image.archive });
const megabytes = (platforms: Built['platforms']): string => Object.values(platforms).map((p) => (p.size / 1e6).toFixed(1)).join(', ');
const said = (file: string | false, changed: boolean): string =>
  (file === false ? 'not recorded (--no-lock)' : changed ? `recorded in ${file}; commit it` : `${file}: as before`);

function pinnedBase(lock: ImageLock, file: string | false): string {
  const pin = lock.pinned[BASE];
  if (pin !== undefined) return `${pin.repository}@${pin.digest}`;
  throw new CliError(EXIT.usage, 'usage', `no base image: ${file === false ? 'with --no-lock' : `${file} has no pin \`${BASE}\``}; `
    + `pin one (tidemark images pin ${BASE} ${THIRD_PARTY[BASE]!.suggested}), name one (--base REPOSITORY@sha256:... or a file), `
    + 'or make one of this machine (tidemark images base FILE)');
}

function read(file: string | false): ImageLock {
  return file === false ? EMPTY_LOCK : locked(() => readLock(file));
}

/** Building and pushing take a while: what is in the file by now stays. */
function record(file: string | false, images: readonly Built[]): boolean {
  const lock = read(file);
  return write(file, { ...lock, built: { ...lock.built, ...Object.fromEntries(images.map((image) => [image.name, entryOf(image)])) } });
}

const write = (file: string | false, lock: ImageLock): boolean => file !== false && locked(() => writeLock(file, lock));

function locked<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof LockError) throw new CliError(EXIT.usage, 'images-lock', error.message);
    throw error;
  }
}
