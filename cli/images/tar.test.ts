import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { storedGzip } from './gzip.ts';
import { indexTar, tarBytes, type TarFile } from './tar.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-tar-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const tar = (...args: string[]): string => execFileSync('tar', args, { cwd: folder, encoding: 'utf8', env: { PATH: process.env['PATH'], TZ: 'UTC', LC_ALL: 'C' } });

const FILES: TarFile[] = [
  { path: 'app/' }, { path: 'app/service.mjs', body: Buffer.from('x'.repeat(1_000)) }, { path: 'data/', mode: 0o700, uid: 10_001, gid: 10_001 },
  { path: 'usr/bin/node', link: '../local/bin/node' },
];

describe('an archive', () => {
  test('is what tar lists: modes, numeric owners, sizes, the time that is given', () => {
    writeFileSync(at('a.tar'), tarBytes(FILES, 86_400));
    expect(tar('-tvf', 'a.tar').split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
      'drwxr-xr-x 0/0 0 1970-01-02 00:00 app/', '-rw-r--r-- 0/0 1000 1970-01-02 00:00 app/service.mjs', 'drwx------ 10001/10001 0 1970-01-02 00:00 data/',
      'lrw-r--r-- 0/0 0 1970-01-02 00:00 usr/bin/node -> ../local/bin/node', '',
    ]);
  });

  test('gives back every file, to tar and to us', () => {
    const name = fc.stringMatching(/^[a-z]{1,12}(?:\/[a-z]{1,12}){0,3}$/);
    fc.assert(fc.property(fc.uniqueArray(fc.tuple(name, fc.uint8Array({ maxLength: 1_500 })), { selector: ([n]) => n, maxLength: 5 }), (files) => {
      const file = at('b.tar');
      writeFileSync(file, tarBytes(files.map(([path, body]) => ({ path, body })), 0));
      const bytes = readFileSync(file);
      const places = indexTar(file);
      expect([...places.keys()]).toEqual(files.map(([n]) => n));
      for (const [n, body] of files) {
        const { offset, size } = places.get(n)!;
        expect(bytes.subarray(offset, offset + size).equals(Buffer.from(body))).toBe(true);
      }
    }), { numRuns: 30 });
    expect(tar('-tf', 'b.tar')).toBeTypeOf('string');
  });

  test('a name that does not fit is an assertion, not an extension', () => expect(() => tarBytes([{ path: 'x'.repeat(300) }], 0)).toThrow(/does not fit/));
});

describe('an archive of others', () => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}`;

  test.each(['gnu', 'pax', 'ustar', 'v7'])('written by tar as %s', (format) => {
    const source = at(`source-${format}`);
    mkdirSync(join(source, 'a'), { recursive: true });
    writeFileSync(join(source, 'a', 'layer.tar'), 'content');
    mkdirSync(join(source, 'b'));
    symlinkSync('../a/layer.tar', join(source, 'b', 'layer.tar'));
    if (format !== 'ustar' && format !== 'v7') {
      mkdirSync(join(source, long, '..'), { recursive: true });
      writeFileSync(join(source, long), 'far away');
    }
    const file = at(`${format}.tar`);
    tar('--format', format, '-cf', file, '-C', source, '.');
    const places = indexTar(file);
    const read = (path: string): string => {
      const place = places.get(path)!;
      return readFileSync(file).subarray(place.offset, place.offset + place.size).toString();
    };
    expect([read('a/layer.tar'), read('b/layer.tar')]).toEqual(['content', 'content']);
    if (format === 'gnu' || format === 'pax') expect(read(long)).toBe('far away');
  });

  const whole = tarBytes([{ path: 'a', body: Buffer.alloc(2_000, 1) }], 0);
  test.each([
    ['is empty', Buffer.alloc(0), /is empty/],
    ['is something else', Buffer.from('hello'.repeat(500)), /not a tar archive/],
    ['ends in the middle of a file', whole.subarray(0, 1_500), /ends in the middle of a file; it was not written to its end/],
    ['has no end', whole.subarray(0, 2_560), /has no end; it was not written to its end/],
    ['is compressed', Buffer.concat([...storedGzip([whole])]), /is compressed; unpack it first: gunzip/],
  ])('that %s says so', (_what, bytes, expected) => {
    writeFileSync(at('bad.tar'), bytes);
    expect(() => indexTar(at('bad.tar'))).toThrow(expected);
  });

  test('that is damaged anywhere never does harm', () => {
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(255), (where, value) => {
      const damaged = Buffer.from(whole);
      damaged[where] = value;
      writeFileSync(at('damaged.tar'), damaged);
      try {
        for (const { offset, size } of indexTar(at('damaged.tar')).values()) expect(offset + size).toBeLessThanOrEqual(damaged.length);
      } catch (error) {
        expect((error as Error).message).toContain(at('damaged.tar'));
      }
    }), { numRuns: 100 });
  });
});

describe('gzip', () => {
  test('unpacks to what went in, however it was cut', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (chunks) => {
      expect(gunzipSync(Buffer.concat([...storedGzip(chunks)])).equals(Buffer.concat(chunks))).toBe(true);
    }));
  });

  test('more than a block, the size modulo its field', () => {
    const large = Buffer.alloc(200_001, 7);
    expect(gunzipSync(Buffer.concat([...storedGzip([large])])).equals(large)).toBe(true);
  });
});
