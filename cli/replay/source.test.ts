import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import type { MappedRow } from './mapping.ts';
import { scan } from './scan.ts';
import { findMapping, mappedRows, orderedRows, readHeader, SourceError } from './source.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-source-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const HEADER = 'trans_id,account_id,date,type,operation,amount,balance,k_symbol,bank,account';
const rows = [
  '1,7,930101,PRIJEM,VKLAD,10.00,10.00,,,', '2,7,930102,PRIJEM,,0.50,10.50,UROK,,',
  '3,8,930103,PRIJEM,PREVOD Z UCTU,5.00,5.00,,AB,12',
];
const csv = (...lines: string[]): string => `${[HEADER, ...lines].join('\n')}\n`;
const all = async (iterable: AsyncIterable<MappedRow>): Promise<MappedRow[]> => {
  const out: MappedRow[] = [];
  for await (const r of iterable) out.push(r);
  return out;
};

describe('reading a file', () => {
  test('gzip or not, Windows line ends, a byte order mark, quotes: the same rows', async () => {
    const plain = file('a.csv', csv(...rows));
    const mapping = await findMapping(plain);
    expect(mapping.file.name).toBe('berka-bank');
    const expected = await all(mappedRows(plain, mapping));
    expect(expected.map((r) => r.instruction?.id)).toEqual(['trans:1', 'trans:2', 'trans:3']);
    for (const other of [
      file(
        'b.anything', gzipSync(csv(...rows)),
      ), file('c.csv', csv(...rows).replaceAll('\n', '\r\n')), file('d.csv', `\ufeff${csv(...rows)}`),
      file('e.csv', csv(...rows).replaceAll('VKLAD', '"VKLAD"').trimEnd()),
    ]) expect(await all(mappedRows(other, await findMapping(other)))).toEqual(expected);
  });

  test('a mistake names the file and the line', async () => {
    const path = file('f.csv', csv(rows[0]!, '2,7,930102,PRIJEM,,1e5,10.50,UROK,,'));
    await expect(all(mappedRows(path, await findMapping(path)))).rejects.toThrow(/f\.csv, line 3: amount: expected a decimal/);
  });

  test('a gzip that was cut off, a quote that never ends, and an empty file are refused', async () => {
    const whole = gzipSync(csv(...Array.from({ length: 2_000 }, (_, i) => rows[0]!.replace('1', String(i + 1)))));
    const mapping = await findMapping(file('g.csv', csv(...rows)));
    await expect(all(mappedRows(file('cut.gz', whole.subarray(0, whole.length - 20)), mapping))).rejects.toThrow(SourceError);
    await expect(all(mappedRows(file('quote.csv', csv('"1,7,930101')), mapping))).rejects.toThrow(SourceError);
    await expect(readHeader(file('empty.csv', ''))).rejects.toThrow(/is empty/);
  });

  test('a file that no mapping is for says which there are', async () => {
    await expect(
      findMapping(file('h.csv', 'a,b\n1,2\n')),
    ).rejects.toThrow(/no mapping ships for the header a,b \(there are berka-bank\).*--mapping/);
  });

  test('a mapping for another header is refused', async () => {
    const path = file('i.csv', 'a,b\n1,2\n');
    await expect(
      findMapping(path, join(import.meta.dirname, '..', 'mappings', 'berka-bank.json')),
    ).rejects.toThrow(/is for files with the header trans_id/);
  });

  test('rows out of order are sorted, those of one day stay as they stand', async () => {
    const path = file('j.csv', csv(rows[2]!, rows[0]!, rows[1]!));
    const mapping = await findMapping(path);
    const plan = await scan(path, mapping, Infinity);
    expect(plan).toMatchObject({ rows: 3, sorted: false, from: '930101', to: '930103', amount: 1_550n });
    expect(
      (await all(orderedRows(path, mapping, false))).map((r) => r.instruction?.id),
    ).toEqual(['trans:1', 'trans:2', 'trans:3']);
    expect([...plan.accounts.keys()].sort()).toEqual(['account:7', 'account:8', 'bank:AB', 'cash', 'interest']);
  });

  test('rows of amount zero are counted and not sent; the limit counts rows', async () => {
    const path = file('k.csv', csv(rows[0]!, '2,7,930102,PRIJEM,,0.00,10.00,UROK,,', '3,7,930103,PRIJEM,VKLAD,1.00,11.00,,,'));
    const mapping = await findMapping(path);
    expect(
      await scan(path, mapping, Infinity),
    ).toMatchObject({ rows: 3, zeroRows: 1, expected: [{ account: 'account:7', start: 0n, end: 1_100n, entries: 3 }] });
    const limited = await scan(path, mapping, 2);
    expect(limited).toMatchObject({ rows: 2, zeroRows: 1, expected: [{ end: 1_000n, entries: 2 }] });
    expect(limited.digest).not.toBe((await scan(path, mapping, Infinity)).digest);
  });
});
