/** Where an audit export's files are read from: the archive as the control plane wrote it, or a folder that it was unpacked into. */
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import { TAR_BLOCK, tarEntries, tarHeader, type TarEntry } from '../../services/shell/ustar.ts';
import { AUDIT_FILE_MAX, AUDIT_FILES, AUDIT_FOLDER, AUDIT_SUMS_MAX } from '../../services/telemetry/index.ts';

/** Bytes from a place in a file; fewer where it ends. */
type Read = (offset: number, length: number) => Buffer;

function withFile<T>(path: string, use: (read: Read) => T): T {
  const fd = openSync(path, 'r');
  try {
    return use((offset, length) => {
      const buffer = Buffer.allocUnsafe(length);
      let got = 0;
      for (let n = -1; got < length && n !== 0;) got += n = readSync(fd, buffer, got, length - got, offset + got);
      return buffer.subarray(0, got);
    });
  } finally {
    closeSync(fd);
  }
}

/** The files in their order, one in memory at a time; each call reads them from the first one on. @throws Error at what is no file of an export */
export type AuditEntries = () => Iterable<TarEntry>;

/** @param path for which `isAudit` or `auditFolder` has something */
export function withAuditEntries<T>(path: string, use: (entries: AuditEntries) => T): T {
  const folder = statSync(path).isDirectory() ? auditFolder(path) ?? path : null;
  if (folder !== null) return use(() => folderEntries(folder));
  return withFile(path, (read) => use(() => tarEntries(read, AUDIT_SUMS_MAX)));
}

/** Whether a file begins as an audit export does. */
export const isAudit = (path: string): boolean => withFile(path, (read) => {
  const block = read(0, TAR_BLOCK);
  const size = block.toString('latin1', 124, 135);
  return block.length === TAR_BLOCK && /^[0-7]{11}$/.test(size) && tarHeader(AUDIT_FILES.readme, Number.parseInt(size, 8)).equals(block);
});

// ---- unpacked ---------------------------------------------------------------------------------------------------------

const inFolder = (path: string): string => path.slice(AUDIT_FOLDER.length + 1);
/** One of these is enough: the other export has none of them, and what else is missing is said by the check. */
const MARKS: readonly string[] = [AUDIT_FILES.manifest, AUDIT_FILES.sla, AUDIT_FILES.log, `${AUDIT_FOLDER}/deltas`].map(inFolder);

/** @returns the folder that holds the files: this one, or `audit` in it; null when neither is an audit export */
export const auditFolder = (path: string): string | null =>
  [path, join(path, AUDIT_FOLDER)].find((folder) => MARKS.some((mark) => existsSync(join(folder, mark)))) ?? null;

/** In the order in which SHA256SUMS lists them, then what it doesn't list, then itself and the manifest: that of the archive. */
function* folderEntries(folder: string): Generator<TarEntry> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((e) => !e.isDirectory())
    .map((e) => `${AUDIT_FOLDER}/${relative(folder, join(e.parentPath, e.name)).replaceAll('\\', '/')}`);
  // As in an archive: nothing that a terminal obeys.
  const odd = names.find((name) => !/^[\x21-\x7e]+$/.test(name));
  if (odd !== undefined) throw new Error(`${JSON.stringify(odd.slice(0, 200))}: is no part of an audit export`);
  const read = (name: string): Buffer => {
    const file = join(folder, inFolder(name));
    const stat = lstatSync(file);
    // Nothing is followed to elsewhere, and nothing is opened that has no end.
    if (!stat.isFile()) throw new Error(`${name}: is no plain file`);
    const max = name === AUDIT_FILES.sums ? AUDIT_SUMS_MAX : AUDIT_FILE_MAX;
    if (stat.size > max) throw new Error(`${name}: ${stat.size} bytes, at most ${max} are read`);
    return readFileSync(file);
  };
  const rank = new Map<string, number>();
  if (names.includes(AUDIT_FILES.sums)) {
    for (const [i, line] of read(AUDIT_FILES.sums).toString('utf8').split('\n').entries()) rank.set(line.slice(66), i);
  }
  rank.set(AUDIT_FILES.sums, Infinity);
  rank.set(AUDIT_FILES.manifest, Infinity);
  const rankOf = (name: string): number => rank.get(name) ?? Number.MAX_SAFE_INTEGER;
  const compare = <V extends number | string>(a: V, b: V): number => (a < b ? -1 : a > b ? 1 : 0);
  // SHA256SUMS comes before manifest.note by name, too.
  names.sort((a, b) => compare(rankOf(a), rankOf(b)) || compare(a, b));
  for (const path of names) yield { path, body: read(path) };
}

// ---- packed by somebody else --------------------------------------------------------------------------------------------

/** By the first bytes: gzip (RFC 1952), zstd (RFC 8878), xz, bzip2. */
const COMPRESSIONS: readonly (readonly [name: string, magic: Buffer])[] = [
  ['gzip', Buffer.from('1f8b', 'hex')], ['zstd', Buffer.from('28b52ffd', 'hex')], ['xz', Buffer.from('fd377a585a00', 'hex')], ['bzip2', Buffer.from('BZh')],
];
/** Of a compressed file, to see what is in it; gzip makes at most some 1,000 times as many of them. Bytes. */
const PEEKED = 4_096;

/** What an archive is that is not as the control plane writes it, and what to do with it; null for what is none. Nothing in it is checked. */
export function foreignArchive(path: string): string | null {
  const start = withFile(path, (read) => read(0, PEEKED));
  const [compression] = COMPRESSIONS.find(([, magic]) => start.subarray(0, magic.length).equals(magic)) ?? [];
  const first = firstPath(compression === 'gzip' ? inflated(start) : start);
  const isExport = first !== null && /^(?:\.\/)?audit(?:\/|$)/.test(first);
  const advice = (flags: string): string => `its files can be checked where they are unpacked: mkdir unpacked && tar ${flags} '${path.replaceAll('\'', '\'\\\'\'')}' -C unpacked `
    + `&& tidemark verify unpacked/${AUDIT_FOLDER}`;
  if (compression !== undefined) return isExport ? `holds an audit export, compressed by ${compression}; ${advice('-xzf')}` : `is compressed by ${compression}; decompress it first`;
  if (first === null) return null;
  return isExport ? `holds an audit export that another program has packed again; ${advice('-xf')}` : `is a tar archive whose first file is ${JSON.stringify(first)}, not an audit export`;
}

function inflated(start: Buffer): Buffer {
  try {
    return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
}

/** POSIX.1-2017, pax, "ustar Interchange Format"; GNU's and pax's own headers begin in the same way. @returns null when it is no tar archive */
function firstPath(start: Buffer): string | null {
  for (let at = 0; at + TAR_BLOCK <= start.length;) {
    const block = start.subarray(at, at + TAR_BLOCK);
    const text = (from: number, length: number): string => block.toString('latin1', from, from + length).replace(/\0.*$/s, '');
    const number = (from: number, length: number): number => Number.parseInt(text(from, length).trim() || '0', 8);
    const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if (!block.subarray(257, 262).equals(Buffer.from('ustar')) || number(148, 8) !== sum) return null;
    // Records about the file behind them.
    if (!'xgLK'.includes(text(156, 1) || '0')) return text(0, 100);
    at += TAR_BLOCK * (1 + Math.ceil(number(124, 12) / TAR_BLOCK));
  }
  return null;
}
