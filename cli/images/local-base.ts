/**
 * A base image from this machine: the pinned Node, the libraries that it is linked to, certificates of authorities and the
 * few files that a C library asks for. For places without a registry, and for tests; the same Node and system give the
 * same image. Updates of the system reach it only when it is made again.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeArchive } from './archive.ts';
import { digestOf, stableJson, type Digest } from './digest.ts';
import { imageFailure, imageUsage, messageOf } from './errors.ts';
import { storedGzip } from './gzip.ts';
import { PATH_DEFAULT } from './inspect.ts';
import { MEDIA, platformName, type Descriptor, type ImageConfig, type Manifest } from './oci.ts';
import { tarBytes, type TarFile } from './tar.ts';

export interface LocalBase {
  readonly file: string;
  readonly digest: Digest;
  readonly platform: string;
  readonly nodeVersion: string;
  /** Of the layer. Bytes. */
  readonly size: number;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const OS_RELEASE = '/usr/lib/os-release';
/** Libraries that glibc loads by name when addresses are looked up; since 2.34 they are in libc itself. */
const LOADED_BY_NAME = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];

/** @param epoch time of the files. Seconds since 1970 @throws CliError */
export async function makeLocalBase(file: string, epoch: number): Promise<LocalBase> {
  const architecture = ARCHITECTURES[process.arch];
  if (process.platform !== 'linux' || architecture === undefined) {
    throw imageUsage(`a base image can be made on Linux on x64 and arm64 only, this is ${process.platform} on ${process.arch}; `
      + 'use an image of Node by digest');
  }
  const node = realpathSync(process.execPath);
  const libraries = librariesOf(node);
  const archive = tarBytes(withFolders(filesOf(node, libraries)), epoch);
  const layer = Buffer.concat([...storedGzip([archive])]);
  const created = new Date(epoch * 1_000).toISOString().replace('.000Z', 'Z');
  const config: ImageConfig = {
    os: 'linux', architecture, created, config: { Env: [`PATH=${PATH_DEFAULT}`, `NODE_VERSION=${process.versions.node}`], Cmd: ['node'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(archive)] }, history: [{ created, created_by: 'tidemark images base' }],
  };
  const configBytes = Buffer.from(stableJson(config));
  const described = (mediaType: string, bytes: Uint8Array): Descriptor => ({ mediaType, digest: digestOf(bytes), size: bytes.byteLength });
  const stored = described(MEDIA.layerGzip, layer);
  const manifest: Manifest = { schemaVersion: 2, mediaType: MEDIA.manifest, config: described(MEDIA.config, configBytes), layers: [stored] };
  const bytes = Buffer.from(stableJson(manifest));
  const platform = platformName(config);
  const descriptor = { ...described(MEDIA.manifest, bytes), platform: { os: 'linux', architecture } };
  const parts = new Map([
    [descriptor.digest, new Blob([bytes])], [manifest.config.digest, new Blob([configBytes])], [stored.digest, new Blob([layer])],
  ]);
  const version = `node-${process.versions.node}`;
  await writeArchive(file, [{ platform, manifest, descriptor, parts }], { name: 'tidemark/base', version, tag: version, epoch });
  return { file, digest: descriptor.digest, platform, nodeVersion: process.versions.node, size: layer.byteLength };
}

const said = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', env: { PATH: process.env['PATH'], LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'pipe'] });

/** The loader and all shared libraries, as the loader finds them. */
function librariesOf(program: string): string[] {
  let text: string;
  try {
    text = said('ldd', [program]);
  } catch (error) {
    throw imageFailure(`ldd ${program}: ${messageOf(error)}; it says which libraries Node needs`);
  }
  const missing = [...text.matchAll(/^\s*(\S+) => not found/gm)].map((m) => m[1]);
  if (missing.length > 0) throw imageFailure(`${program}: not found: ${missing.join(', ')}; install them`);
  const found = [...text.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map((m) => m[1]!);
  const beside = new Set(found.filter((path) => path.includes('libc.so')).map(dirname));
  const byName = [...beside].flatMap((folder) => LOADED_BY_NAME.map((name) => join(folder, name))).filter((path) => existsSync(path));
  return [...new Set([...found, ...byName])].sort();
}

function filesOf(node: string, libraries: readonly string[]): TarFile[] {
  const text = (path: string, body: string): TarFile => ({ path, body: Buffer.from(body) });
  const copy = (path: string, mode: number): TarFile => ({ path: path.slice(1), body: readFileSync(path), mode });
  const present = [CERTIFICATES, OS_RELEASE].filter((path) => existsSync(path));
  return [
    { path: 'usr/local/bin/node', body: readFileSync(node), mode: 0o755 },
    ...libraries.map((path) => copy(path, 0o755)),
    ...present.map((path) => copy(path, 0o644)),
    text('etc/passwd', 'root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n'),
    text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
    text('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
    ...debianPackages(libraries),
    ...licenceOf(node),
    { path: 'tmp/', mode: 0o1777 },
  ];
}

const licenceOf = (node: string): TarFile[] => {
  const file = join(dirname(node), '..', 'LICENSE');
  return existsSync(file) ? [{ path: 'usr/local/share/doc/node/LICENSE', body: readFileSync(file) }] : [];
};

/** Which Debian packages the files are from, where scanners look for it in images without dpkg, and their licences. */
function debianPackages(libraries: readonly string[]): TarFile[] {
  const query = (...args: string[]): string => {
    try {
      return said('dpkg-query', args);
    } catch {
      // No dpkg here, or no such package.
      return '';
    }
  };
  // A file is known by the name that its package gave it, before or after /lib became /usr/lib.
  const names = (path: string): string[] =>
    [...new Set([path, realpathSync(path)].flatMap((p) => [p, p.replace(/^\/usr\//, '/'), `/usr${p}`]))];
  const owner = (path: string): string | undefined =>
    names(path).map((name) => /^([^\s:,]+)[^/]*: \//.exec(query('-S', name))?.[1]).find((found) => found !== undefined);
  // The certificates' file is put together by its package's installation, and the release's may be a link: nobody owns the names.
  const packages = [...new Set([...libraries.map(owner), 'ca-certificates', 'base-files'])].filter((name) => name !== undefined).sort();
  return packages.flatMap((name) => {
    const status = query('-s', name).trim();
    const copyright = `/usr/share/doc/${name}/copyright`;
    return [
      ...(status === '' ? [] : [{ path: `var/lib/dpkg/status.d/${name}`, body: Buffer.from(`${status}\n`) }]),
      ...(existsSync(copyright) ? [{ path: copyright.slice(1), body: readFileSync(copyright) }] : []),
    ];
  });
}

/** Files in order, each folder before what is in it. */
function withFolders(files: readonly TarFile[]): TarFile[] {
  const all = new Map(files.map((file) => [file.path, file]));
  for (const { path } of files) {
    const parts = path.replace(/\/$/, '').split('/').slice(0, -1);
    parts.forEach((_part, i) => {
      const folder = `${parts.slice(0, i + 1).join('/')}/`;
      if (!all.has(folder)) all.set(folder, { path: folder });
    });
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
