/** The mapping on the real file. It lies beside the repository and is not part of it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { checkBalances } from './check.ts';
import { scan } from './scan.ts';
import { findMapping, mappedRows } from './source.ts';

const FILE = join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'bank-transactions', '1993.csv.gz');
const folder = mkdtempSync(join(tmpdir(), 'tidemark-bank-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const absent = !existsSync(FILE);
if (absent && process.env['CI'] !== 'true') console.warn(`skipped: ${FILE} is not there`);

/** What the ledger will have come to: each account from its start, by the amounts that are sent. */
async function ledger(path: string, limit: number): Promise<{ plan: Awaited<ReturnType<typeof scan>>; check: ReturnType<typeof checkBalances>; openings: number }> {
  const mapping = await findMapping(path);
  const plan = await scan(path, mapping, limit);
  const balances = new Map(plan.expected.map((e) => [e.account, e.start]));
  let n = 0;
  for await (const row of mappedRows(path, mapping)) {
    if (n >= limit) break;
    n += 1;
    balances.set(row.own, balances.get(row.own)! + row.signed);
  }
  return {
    plan, check: checkBalances(plan.expected, (a) => balances.get(a), mapping.tolerancePerEntry),
    openings: plan.expected.filter((e) => e.start !== 0n).length,
  };
}

describe.skipIf(absent && process.env['CI'] !== 'true')('a year of a bank', () => {
  test('comes to what its README says was counted', async () => {
    const { plan, check, openings } = await ledger(FILE, Infinity);
    expect(plan).toMatchObject(
      { rows: 28_205, zeroRows: 0, sorted: true, amount: 20_430_852_870n, from: '930101', to: '931231' },
    );
    expect(check).toMatchObject({ accounts: 1_139, matching: 1_139, exact: 681, broken: 0 });
    expect(openings).toBe(0);
    const others = [...plan.accounts.keys()].filter((a) => !a.startsWith('account:')).sort();
    expect(others.filter((a) => a.startsWith('bank:'))).toHaveLength(13);
    expect(others.filter((a) => !a.startsWith('bank:'))).toEqual(['cash', 'fees', 'interest']);
  });

  // Other months come in the same form, and do not start from empty accounts. Rows of a day are shuffled: their order means nothing.
  test.each(
    [['9306', '9307', Infinity], ['9303', '9309', 5_000], ['9312', '9313', 777], ['930630', '930632', Infinity]],
  )('from %s to %s, limit %s', async (from, to, limit) => {
    const [header, ...rows] = gunzipSync(readFileSync(FILE)).toString().trimEnd().split('\n');
    let state = 1;
    const part = rows.map((text) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return { text, date: text.split(',')[2]!, key: state };
    }).filter((r) => r.date >= from && r.date < to).sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : a.key - b.key));
    const path = join(folder, `${from}.csv`);
    writeFileSync(path, `${[header, ...part.map((r) => r.text)].join('\n')}\n`);
    const { plan, check, openings } = await ledger(path, limit);
    expect(plan.rows).toBe(Math.min(limit, part.length));
    expect(check.matching).toBe(check.accounts);
    expect(check.broken).toBe(0);
    expect(openings).toBeGreaterThan(100);
  });
});
