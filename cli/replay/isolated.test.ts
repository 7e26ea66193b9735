/** `npm run replay:bank` on the real file: a whole year, one region cut off for the middle third, everything checked. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../program.ts';
import type { ReplayResult } from './run.ts';

const FILE = join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'bank-transactions', '1993.csv.gz');

test.skipIf(!existsSync(FILE) && process.env['CI'] !== 'true')('a year of a bank through all tiers', { timeout: 240_000 }, async () => {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run(['replay-isolated', FILE, '--json'], { out: (text) => out.push(text), err: (text) => err.push(text), env: {} });
  expect(err.join('\n')).toMatch(/eu is cut off, before row 9402 of 28205\neu is connected again \(before row 18804\)/);
  const result = JSON.parse(out.at(-1)!) as ReplayResult;
  expect(result).toMatchObject({
    ok: true, transactions: 28_205, accounts: 1_139, accountsMatching: 1_139, accountsExact: 681, ledgerSum: '0', lost: 0, duplicated: 0, rejected: 0,
    refused: 0, failed: 0, provisionalLeft: 0, proofsFailed: 0, openings: 0, problems: [],
  });
  expect(result.proofsChecked).toBeGreaterThan(28_205);
  expect(result.decidedOffline).toBeGreaterThan(3_000);
  expect(result.lag['eu']!.whole.p99).toBeGreaterThan(0);
  expect(result.lag['all']!.whole.count).toBe(28_205);
  expect(result.seconds).toBeGreaterThan(0);
  expect(code).toBe(0);
});
