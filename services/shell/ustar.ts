/**
 * Tar archives (POSIX.1-1988 ustar) that are a function of their content alone: plain files with one mode, no owner and no time. What is
 * read has to be exactly what is written here, so that every reader sees the same files in it.
 */

/** Bytes. Everything in an archive begins at a multiple of it. */
export const TAR_BLOCK = 512;
/** An archive ends with two blocks of zeros. */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK);
/** Eleven octal digits. Bytes. */
export const TAR_FILE_MAX = 8 ** 11 - 1;

const NAME_MAX = 100;
const PREFIX_MAX = 155;

/** @param path ASCII, relative @throws Error when the format has no room for it */
export function tarHeader(path: string, size: number): Buffer {
  // The longest prefix that leaves a name: there is one way to write a path.
  const split = path.length <= NAME_MAX ? -1 : path.lastIndexOf('/', PREFIX_MAX);
  const [prefix, name] = split < 0 ? ['', path] : [path.slice(0, split), path.slice(split + 1)];
  if (!/^[\x21-\x7e]+$/.test(path) || name === '' || name.length > NAME_MAX || !(size >= 0 && size <= TAR_FILE_MAX)) {
    throw new Error(`tar: ${JSON.stringify(path.slice(0, 200))} of ${size} bytes does not fit a ustar header`);
  }
  const block = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, at: number, digits: number): void => void block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  block.write(name, 0, 'latin1');
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write('        0', 148, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  octal(0, 329, 7);
  octal(0, 337, 7);
  block.write(prefix, 345, 'latin1');
  // The sum is taken with blanks in its own place.
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** What fills the last block of a file of this size. */
export const tarPadding = (size: number): Buffer => Buffer.alloc((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);

/** Whole bytes of one file in an archive. */
export const tarFile = (path: string, body: Uint8Array): Buffer => Buffer.concat([tarHeader(path, body.byteLength), body, tarPadding(body.byteLength)]);

export interface TarEntry {
  readonly path: string;
  readonly body: Buffer;
}

/**
 * The files of an archive in their order, one in memory at a time.
 *
 * @param read so many bytes from there; fewer where the archive ends
 * @param sizeMax of one file; a larger one is refused. Bytes
 * @throws Error when the bytes are not an archive as this module writes it, whole
 */
export function* tarEntries(read: (offset: number, length: number) => Buffer, sizeMax: number): Generator<TarEntry> {
  for (let at = 0; ;) {
    const block = read(at, TAR_BLOCK);
    if (block.length < TAR_BLOCK) throw new Error(`ends at byte ${at + block.length} without the end of an archive: it was cut off, get it again`);
    if (block.every((byte) => byte === 0)) {
      const rest = read(at, TAR_END.length + 1);
      if (!rest.equals(TAR_END)) throw new Error(`at byte ${at}: expected the end of the archive, two blocks of zeros and nothing behind them`);
      return;
    }
    const text = (from: number, length: number): string => block.toString('latin1', from, from + length).replace(/\0.*$/s, '');
    const prefix = text(345, PREFIX_MAX);
    const path = prefix === '' ? text(0, NAME_MAX) : `${prefix}/${text(0, NAME_MAX)}`;
    const size = /^[0-7]{11}$/.test(text(124, 12)) ? Number.parseInt(text(124, 12), 8) : NaN;
    if (!(size <= sizeMax) || !/^[\x21-\x7e]+$/.test(path) || !tarHeader(path, size).equals(block)) {
      throw new Error(`at byte ${at}: no header as an export has it${size > sizeMax ? `: a file of ${size} bytes, at most ${sizeMax} are read` : ''}`);
    }
    const body = read(at + TAR_BLOCK, size);
    const padding = tarPadding(size);
    if (body.length < size || !read(at + TAR_BLOCK + size, padding.length).equals(padding)) {
      throw new Error(`${path}: cut off, or something stands behind it: get the export again`);
    }
    yield { path, body };
    at += TAR_BLOCK + size + padding.length;
  }
}
