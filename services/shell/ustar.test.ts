import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { TAR_BLOCK, TAR_END, tarEntries, tarFile, tarHeader } from './ustar.ts';

const name = fc.string({ unit: fc.constantFrom(...'aZ09._:@-'), minLength: 1, maxLength: 90 });
const path = fc.array(name, { minLength: 1, maxLength: 2 }).map((parts) => parts.join('/'));
const files = fc.array(fc.tuple(path, fc.uint8Array({ maxLength: 2_000 })), { maxLength: 6 });
const archiveOf = (list: readonly (readonly [string, Uint8Array])[]): Buffer => Buffer.concat([...list.map(([p, body]) => tarFile(p, body)), TAR_END]);
const readBack = (bytes: Buffer, sizeMax = 10_000): [string, Buffer][] =>
  [...tarEntries((offset, length) => bytes.subarray(offset, offset + length), sizeMax)].map((e) => [e.path, e.body]);

test('what is written is read back', () => {
  fc.assert(fc.property(files, (list) => {
    expect(readBack(archiveOf(list))).toEqual(list.map(([p, body]) => [p, Buffer.from(body)]));
  }));
});

test('the system\'s tar reads the same, also where a path is long', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-ustar-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const list = [['audit/a.txt', Buffer.from('x')], [`audit/deltas/${'n'.repeat(128)}/000001.ndjson`, Buffer.alloc(512, 'y')], ['audit/empty', Buffer.alloc(0)]] as const;
  writeFileSync(join(folder, 'a.tar'), archiveOf(list));
  execFileSync('tar', ['-xf', 'a.tar'], { cwd: folder });
  for (const [p, body] of list) expect(readFileSync(join(folder, p))).toEqual(body);
});

test('no other bytes are an archive: cut off anywhere, any byte changed outside of a file', () => {
  const whole = archiveOf([['audit/a', Buffer.from('abc')], ['audit/b', Buffer.alloc(0)]]);
  for (let length = 0; length < whole.length; length += 37) expect(() => readBack(whole.subarray(0, length)), String(length)).toThrow();
  expect(() => readBack(Buffer.concat([whole, Buffer.alloc(1)]))).toThrow(/nothing behind them/);
  for (let at = 0; at < whole.length; at += 1) {
    if (at >= TAR_BLOCK && at < TAR_BLOCK + 3) continue;
    const changed = Buffer.from(whole);
    changed[at]! ^= 1;
    expect(() => readBack(changed), String(at)).toThrow();
  }
});

test('a file that is larger than what is read is refused before it is read', () => {
  const reads: number[] = [];
  const bytes = archiveOf([['big', Buffer.alloc(5_000)]]);
  expect(() => [...tarEntries((offset, length) => {
    reads.push(length);
    return bytes.subarray(offset, offset + length);
  }, 4_999)]).toThrow(/a file of 5000 bytes, at most 4999 are read/);
  expect(reads).toEqual([TAR_BLOCK]);
});

test.each(['', 'a b', 'ä', `${'x'.repeat(101)}`, `${'p'.repeat(156)}/a`, 'a/'.repeat(60)])('%j has no place in a header', (p) => {
  expect(() => tarHeader(p, 1)).toThrow(/does not fit/);
});
