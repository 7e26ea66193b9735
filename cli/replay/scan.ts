/** The first pass over the file: what there is to do, which accounts it needs, what it must come to. */
import { hash } from 'node:crypto';
import { BalanceChains, type Expectation } from './chain.ts';
import { compareOrder, type MappedRow, type Mapping } from './mapping.ts';
import { orderedRows } from './source.ts';

export interface Plan {
  /** Rows to replay, and how many of them move nothing (amount zero) and are not sent. */
  readonly rows: number;
  readonly zeroRows: number;
  /** Whether the file stands in order already. */
  readonly sorted: boolean;
  /** Every account with the site-choice values that use it. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
  /** What the file's own balances say; empty where it has none. */
  readonly expected: readonly Expectation[];
  /** Order values of the first and the last row. */
  readonly from: string;
  readonly to: string;
  /** Sum of all amounts, minor units. */
  readonly amount: bigint;
  /** Digest of what is replayed: ids and amounts in order, and the mapping. */
  readonly digest: string;
}

/** @param limit at most so many rows; Infinity for all @throws SourceError */
export async function scan(path: string, mapping: Mapping, limit: number): Promise<Plan> {
  const sorted = await isSorted(path, mapping);
  const chains = new BalanceChains(mapping.tolerancePerEntry);
  const accounts = new Map<string, Set<string>>();
  let rows = 0;
  let zeroRows = 0;
  let amount = 0n;
  let from = '';
  let to = '';
  let digest = hash('sha256', JSON.stringify(mapping.file));
  const ids: string[] = [];
  const absorb = (): void => {
    digest = hash('sha256', `${digest}\n${ids.join('\n')}`);
    ids.length = 0;
  };
  const use = (account: string, site: string): void => {
    const sites = accounts.get(account);
    if (sites === undefined) accounts.set(account, new Set([site]));
    else sites.add(site);
  };
  for await (const row of orderedRows(path, mapping, sorted)) {
    const sent = rows < limit;
    if (!sent && row.order !== to) break;
    if (row.balance !== null) chains.add(row as MappedRow & { balance: bigint }, sent);
    if (!sent) continue;
    if (rows === 0) from = row.order;
    to = row.order;
    rows += 1;
    if (row.instruction === null) {
      zeroRows += 1;
      use(row.own, row.site);
      continue;
    }
    amount += row.instruction.amount;
    use(row.instruction.debitAccount, row.site);
    use(row.instruction.creditAccount, row.site);
    ids.push(`${row.instruction.id} ${row.instruction.amount}`);
    if (ids.length === 1_000) absorb();
  }
  absorb();
  const expected = chains.finish();
  return { rows, zeroRows, sorted, accounts, expected, from, to, amount, digest };
}

async function isSorted(path: string, mapping: Mapping): Promise<boolean> {
  let last: string | null = null;
  for await (const row of orderedRows(path, mapping, true)) {
    if (last !== null && compareOrder(last, row.order) > 0) return false;
    last = row.order;
  }
  return true;
}
