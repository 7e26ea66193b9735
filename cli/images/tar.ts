/**
 * Tar archives (POSIX ustar) that are a function of their content alone: names in order, one time, numeric owners, modes as
 * given. Reading finds where each file lies in an archive, so that nothing needs to be unpacked.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { posix } from 'node:path';
import { Header, Pax } from 'tar';
import { imageUsage } from './errors.ts';

const BLOCK = 512;
/** An archive ends with two blocks of zeros. */
const END = Buffer.alloc(2 * BLOCK);

export interface TarFile {
  /** Relative, without `./`; a folder's ends with `/`. */
  readonly path: string;
  /** Nothing for a folder; for a link where it leads. */
  readonly body?: Uint8Array | Blob;
  readonly link?: string;
  /** @default 0o644, 0o755 for a folder */
  readonly mode?: number;
  /** @default 0 */
  readonly uid?: number;
  /** @default 0 */
  readonly gid?: number;
}

const sizeOf = (body: Uint8Array | Blob | undefined): number =>
  (body === undefined ? 0 : body instanceof Blob ? body.size : body.byteLength);

/** The archive's pieces in order. @param mtime of every file. Seconds since 1970 */
export function* tarPieces(files: readonly TarFile[], mtime: number): Generator<Uint8Array | Blob> {
  for (const file of files) {
    const size = sizeOf(file.body);
    const folder = file.path.endsWith('/');
    const block = Buffer.alloc(BLOCK);
    const header = new Header({
      path: file.path, size, mtime: new Date(mtime * 1_000),
      uid: file.uid ?? 0, gid: file.gid ?? 0, mode: file.mode ?? (folder ? 0o755 : 0o644),
      type: folder ? 'Directory' : file.link === undefined ? 'File' : 'SymbolicLink',
      ...(file.link === undefined ? {} : { linkpath: file.link }),
    });
    // What does not fit ustar would need an extension, and different readers see different names then.
    if (header.encode(block, 0)) throw new Error(`assertion: ${file.path} does not fit a ustar header`);
    yield block;
    if (file.body !== undefined) yield file.body;
    const rest = size % BLOCK;
    if (rest > 0) yield Buffer.alloc(BLOCK - rest);
  }
  yield END;
}

/** For archives that fit memory. */
export const tarBytes = (files: readonly TarFile[], mtime: number): Buffer =>
  Buffer.concat([...tarPieces(files, mtime)].map((piece) => {
    if (piece instanceof Blob) throw new Error('assertion: a body on disk in an archive in memory');
    return piece;
  }));

export interface Place {
  /** In the archive. Bytes. */
  readonly offset: number;
  readonly size: number;
}

/** More files than an image archive has are not looked at. */
const FILES_MAX = 100_000;
/** Of an extended header. Bytes. */
const EXTENSION_MAX = 1024 * 1024;

/** Where each file of an archive lies; a link has the place of what it leads to. @throws CliError when it is not a whole tar archive */
export function indexTar(file: string): Map<string, Place> {
  const fd = openSync(file, 'r');
  try {
    return indexOpenTar(file, fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

function indexOpenTar(file: string, fd: number, total: number): Map<string, Place> {
  const places = new Map<string, Place>();
  const links: [string, string][] = [];
  const bytes = (offset: number, size: number): Buffer => {
    const buffer = Buffer.alloc(size);
    if (readSync(fd, buffer, 0, size, offset) !== size) {
      throw imageUsage(`${file}: ends in the middle of a file; it was not written to its end, make it again`);
    }
    return buffer;
  };
  if (total >= 2 && bytes(0, 2).equals(Buffer.from([0x1f, 0x8b]))) {
    throw imageUsage(`${file}: is compressed; unpack it first: gunzip ${file}`);
  }
  let extension: Pax | undefined;
  let longPath: string | undefined;
  let longLink: string | undefined;
  for (let at = 0, count = 0; at + BLOCK <= total; count += 1) {
    const block = bytes(at, BLOCK);
    if (block.every((b) => b === 0)) return resolveLinks(places, links);
    const header = new Header(block, 0, extension);
    if (!header.cksumValid || header.size === undefined || count > FILES_MAX) {
      throw imageUsage(`${file}: not a tar archive of an image (at byte ${at})`);
    }
    const place = { offset: at + BLOCK, size: header.size };
    if (place.offset + place.size > total) bytes(place.offset, place.size);
    at = place.offset + Math.ceil(place.size / BLOCK) * BLOCK;
    const text = (): string => bytes(place.offset, Math.min(place.size, EXTENSION_MAX)).toString('utf8');
    if (header.type === 'ExtendedHeader') {
      extension = Pax.parse(text(), extension);
      continue;
    }
    if (header.type === 'NextFileHasLongPath') {
      longPath = text().replace(/\0.*/s, '');
      continue;
    }
    if (header.type === 'NextFileHasLongLinkpath') {
      longLink = text().replace(/\0.*/s, '');
      continue;
    }
    const path = posix.normalize(longPath ?? header.path ?? '').replace(/^\.?\//, '');
    if (header.type === 'File' || header.type === 'OldFile' || header.type === 'ContiguousFile') places.set(path, place);
    const linkpath = longLink ?? header.linkpath ?? '';
    if (header.type === 'SymbolicLink') links.push([path, posix.normalize(posix.join(posix.dirname(path), linkpath))]);
    if (header.type === 'Link') links.push([path, posix.normalize(linkpath).replace(/^\.?\//, '')]);
    extension = longPath = longLink = undefined;
  }
  throw imageUsage(`${file}: ${total === 0 ? 'is empty' : 'has no end; it was not written to its end, make it again'}`);
}

/** `docker save` of old writes a layer that occurs twice as a link to its first place. */
function resolveLinks(places: Map<string, Place>, links: readonly [string, string][]): Map<string, Place> {
  for (const [path, target] of links) {
    const place = places.get(target);
    if (place !== undefined) places.set(path, place);
  }
  return places;
}
