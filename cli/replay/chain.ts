/**
 * What the recorded balances say: from which balance each account starts, and where it must end.
 *
 * Each row has the balance right after it, but rows of one day do not stand in the order of booking. That order is found by
 * chaining: row r follows r' when r'.balance + signed(r) is r.balance, within the source's rounding. A day may chain in more
 * than one way (a deposit and a withdrawal of the same amount); then all ways are kept until a later day decides.
 */
import type { MappedRow } from './mapping.ts';

export interface DayRow {
  readonly signed: bigint;
  readonly balance: bigint;
  /** False for rows behind the limit of the replay: they help to chain the day, and are not sent. */
  readonly sent: boolean;
  readonly openingId: string | null;
}

/** One way to read an account's history so far. */
interface Reading {
  /** Balance before the first row. */
  readonly start: bigint;
  readonly openingId: string | null;
  /** Recorded balance after the last row. */
  readonly end: bigint;
  /** Recorded balance before the last day. */
  readonly before: bigint;
}

export interface Expectation {
  readonly account: string;
  /** Balance before the account's first row, minor units. */
  readonly start: bigint;
  readonly openingId: string | null;
  /** What the account must hold after the rows that are sent. */
  readonly end: bigint;
  /** Rows that are sent. */
  readonly entries: number;
  /** No order of some day's rows agreed with the balances: start and end are the nearest that do. */
  readonly broken: boolean;
}

const abs = (v: bigint): bigint => (v < 0n ? -v : v);

/** More rows of one account on one day than this are not searched; sums decide. */
const SEARCHED_MAX = 12;
const READINGS_MAX = 16;

/**
 * Ends of all orders in which the day's rows chain, as indexes into `rows`: from `start`, or, when that is null, from each row that
 * can be the first. Empty when none chains.
 */
export function chainDay(rows: readonly DayRow[], start: bigint | null, tolerance: bigint): { first: number; last: number }[] {
  const n = rows.length;
  const found = new Map<number, { first: number; last: number }>();
  const follows = (balance: bigint, r: DayRow): boolean => abs(balance + r.signed - r.balance) <= tolerance;
  const firsts = rows.map((_, i) => i).filter((i) => start === null || follows(start, rows[i]!));
  if (n > SEARCHED_MAX) {
    const sum = rows.reduce((s, r) => s + r.signed, 0n);
    for (const first of firsts) {
      const target = rows[first]!.balance - rows[first]!.signed + sum;
      const last = nearestRow(rows, target);
      if (abs(rows[last]!.balance - target) <= tolerance * BigInt(n)) found.set(first * n + last, { first, last });
    }
    return [...found.values()];
  }
  for (const first of firsts) {
    // Depth first over (rows used, last row), each seen once: at most 12 * 2^12 steps.
    const seen = new Set<number>();
    const stack: { used: number; last: number }[] = [{ used: 1 << first, last: first }];
    while (stack.length > 0) {
      const { used, last } = stack.pop()!;
      if (used === (1 << n) - 1) {
        found.set(first * n + last, { first, last });
        continue;
      }
      for (let i = 0; i < n; i += 1) {
        const next = used | (1 << i);
        if (next === used || seen.has(next * n + i) || !follows(rows[last]!.balance, rows[i]!)) continue;
        seen.add(next * n + i);
        stack.push({ used: next, last: i });
      }
    }
  }
  return [...found.values()];
}

function nearestRow(rows: readonly DayRow[], target: bigint): number {
  let best = 0;
  rows.forEach((r, i) => {
    if (abs(r.balance - target) < abs(rows[best]!.balance - target)) best = i;
  });
  return best;
}

interface Account {
  readings: Reading[];
  day: string;
  today: DayRow[];
  entries: number;
  broken: boolean;
}

/** Takes the rows in order of days and says at the end what each account starts from and must end at. */
export class BalanceChains {
  readonly #tolerance: bigint;
  readonly #accounts = new Map<string, Account>();

  constructor(tolerancePerEntry: bigint) {
    this.#tolerance = tolerancePerEntry;
  }

  /** @param sent whether the row is part of the replay */
  add(row: MappedRow & { readonly balance: bigint }, sent: boolean): void {
    let a = this.#accounts.get(row.own);
    if (a === undefined) this.#accounts.set(row.own, a = { readings: [], day: row.order, today: [], entries: 0, broken: false });
    if (a.day !== row.order) {
      this.#endDay(a);
      a.day = row.order;
    }
    a.today.push({ signed: row.signed, balance: row.balance, sent, openingId: row.openingId });
    if (sent) a.entries += 1;
  }

  /** Of accounts with at least one row that is sent. */
  finish(): Expectation[] {
    const out: Expectation[] = [];
    for (const [account, a] of this.#accounts) {
      if (a.entries === 0) continue;
      const today = a.today;
      this.#endDay(a);
      // A way that starts from nothing is the likelier one: most accounts were opened at some time, few hold exactly zero.
      const reading = a.readings.find((r) => r.start === 0n) ?? a.readings[0]!;
      const all = today.every((r) => r.sent);
      const end = all ? reading.end : reading.before + today.reduce((s, r) => (r.sent ? s + r.signed : s), 0n);
      out.push({ account, start: reading.start, openingId: reading.openingId, end, entries: a.entries, broken: a.broken });
    }
    return out;
  }

  #endDay(a: Account): void {
    const rows = a.today;
    a.today = [];
    if (a.readings.length === 0) {
      a.readings = this.#firstDay(rows, a);
      return;
    }
    const next: Reading[] = [];
    for (const r of a.readings) {
      for (const { last } of chainDay(rows, r.end, this.#tolerance)) {
        const end = rows[last]!.balance;
        if (!next.some((n) => n.start === r.start && n.end === end)) next.push({ ...r, end, before: r.end });
      }
    }
    if (next.length === 0) {
      // A row is missing or wrong. The sum of the day is what the ledger will have; the row nearest to it is the last one.
      a.broken = true;
      const r = a.readings[0]!;
      const target = r.end + rows.reduce((s, row) => s + row.signed, 0n);
      next.push({ ...r, end: rows[nearestRow(rows, target)]!.balance, before: r.end });
    }
    a.readings = next.slice(0, READINGS_MAX);
  }

  #firstDay(rows: readonly DayRow[], a: Account): Reading[] {
    const readings: Reading[] = [];
    for (const { first, last } of chainDay(rows, null, this.#tolerance)) {
      const start = rows[first]!.balance - rows[first]!.signed;
      const end = rows[last]!.balance;
      if (!readings.some((r) => r.start === start && r.end === end)) {
        readings.push({ start, openingId: rows[first]!.openingId, end, before: start });
      }
    }
    if (readings.length > 0) {
      return readings.sort((x, y) => Number(y.start === 0n) - Number(x.start === 0n)).slice(0, READINGS_MAX);
    }
    a.broken = true;
    const first = rows[0]!;
    const start = first.balance - first.signed;
    const target = start + rows.reduce((s, r) => s + r.signed, 0n);
    return [{ start, openingId: first.openingId, end: rows[nearestRow(rows, target)]!.balance, before: start }];
  }
}
