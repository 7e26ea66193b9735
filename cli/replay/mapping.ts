/**
 * The mapping language: how a row of a CSV file becomes a settlement. A mapping is a JSON file; those that ship with the
 * kit lie in cli/mappings and are found by the header of the file. cli/mappings/README.md describes the language.
 */
import { AMOUNT_MAX, ASSET_PATTERN, ID_PATTERN, type Instruction } from '../../services/protocol/index.ts';
import { parseDecimal } from './decimal.ts';

/** A column's value, trimmed, must be this, one of these, or anything but this. `""` is an empty column. */
export type Condition = string | readonly string[] | { readonly not: string | readonly string[] };

export interface Rule {
  readonly when: Readonly<Record<string, Condition>>;
  /** Account templates; `{column}` and `{own}` are filled in. */
  readonly debit: string;
  readonly credit: string;
}

/** The mapping file as it is written. */
export interface MappingFile {
  readonly name: string;
  readonly description?: string;
  /** Names of the columns, as the file's first line has them. */
  readonly header: readonly string[];
  /** Template of the settlement's id: unique in the file, the same every time. */
  readonly id: string;
  readonly asset: string;
  readonly amount: { readonly column: string; readonly scale: number };
  /** Column that the rows are ordered by: compared as numbers when both are digits, else as text. */
  readonly order: string;
  /** Template whose value chooses the edge node: what must keep its order must choose alike. */
  readonly site: string;
  /** Overdraft limit of every account that is opened: minor units as digits, or null for none; and why. */
  readonly overdraft: { readonly limit: string | null; readonly why: string };
  /** Template of the account that the row is about; `{own}` in rules stands for it. */
  readonly own: string;
  /** The first that fits makes the settlement; a row that none fits is an error. */
  readonly rules: readonly Rule[];
  /** What the file itself knows of balances: checked at the end. */
  readonly balance?: {
    /** Balance of `own` right after the row. */
    readonly column: string;
    /** How far a recorded balance may be off, for each entry of the account: rounding in the source. */
    readonly tolerancePerEntry: string;
    /** Where an account does not start from zero, a settlement with this id from this account brings it to its start. */
    readonly opening: { readonly id: string; readonly account: string };
  };
}

export interface MappedRow {
  /** Null when the amount is zero: nothing moves, so there is nothing to settle. */
  readonly instruction: Instruction | null;
  readonly own: string;
  /** Effect on `own` in minor units: positive when it is credited. */
  readonly signed: bigint;
  readonly order: string;
  readonly site: string;
  /** Recorded balance of `own` after the row, or null where the file has none. */
  readonly balance: bigint | null;
  /** Id of the opening settlement, if this row turns out to be the first of its account. */
  readonly openingId: string | null;
}

export interface Mapping {
  readonly file: MappingFile;
  readonly tolerancePerEntry: bigint;
  /** @param values the row's columns in the order of the header @throws MappingError */
  readonly map: (values: readonly string[]) => MappedRow;
}

export class MappingError extends Error {
  override readonly name = 'MappingError';
}

const idRegex = new RegExp(ID_PATTERN);

/** @throws MappingError with every mistake at once */
export function parseMapping(text: string, where: string): Mapping {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new MappingError(`${where}: not JSON: ${(error as Error).message}`);
  }
  const mistakes: string[] = [];
  check(raw, mistakes);
  if (mistakes.length > 0) {
    throw new MappingError(
      `${where}: ${mistakes.length} mistake${mistakes.length === 1 ? '' : 's'}\n${mistakes.map((m) => `  ${m}`).join('\n')}`,
    );
  }
  return compile(raw as MappingFile);
}

type Fill = (values: readonly string[], own: string) => string;

/** `{column}` becomes the column's value, `{own}` the row's own account. */
function template(text: string, columns: ReadonlyMap<string, number>): Fill {
  const parts = text.split(/\{([^{}]*)\}/);
  return (values, own) => {
    let out = '';
    for (let i = 0; i < parts.length; i += 1) {
      const part = parts[i]!;
      if (i % 2 === 0) out += part;
      else if (part === 'own' && !columns.has('own')) out += own;
      else out += values[columns.get(part)!]!.trim();
    }
    return out;
  };
}

function compile(file: MappingFile): Mapping {
  const columns = new Map(file.header.map((name, i): [string, number] => [name, i]));
  const fill = (text: string): Fill => template(text, columns);
  const column = (name: string): number => columns.get(name)!;
  const id = fill(file.id);
  const own = fill(file.own);
  const site = fill(file.site);
  const opening = file.balance === undefined ? null : fill(file.balance.opening.id);
  const amountAt = column(file.amount.column);
  const balanceAt = file.balance === undefined ? -1 : column(file.balance.column);
  const orderAt = column(file.order);
  const rules = file.rules.map(
    (rule) => ({
      fits: Object.entries(rule.when).map(([name, c]) => ({ at: column(name), fits: condition(c) })),
      debit: fill(rule.debit), credit: fill(rule.credit),
    }),
  );
  const { scale } = file.amount;

  const account = (value: string, what: string): string => {
    if (!idRegex.test(value)) {
      throw new MappingError(`${what} ${JSON.stringify(value.slice(0, 140))} is not an id: it must match ${ID_PATTERN}`);
    }
    return value;
  };

  return {
    file,
    tolerancePerEntry: file.balance === undefined ? 0n : parseDecimal(file.balance.tolerancePerEntry, scale),
    map(values) {
      if (values.length !== file.header.length) {
        throw new MappingError(`${values.length} columns, the header has ${file.header.length}`);
      }
      const rule = rules.find((r) => r.fits.every((c) => c.fits(values[c.at]!.trim())));
      if (rule === undefined) {
        const shown = file.header.map((name, i) => `${name}=${JSON.stringify(values[i])}`).join(' ').slice(0, 300);
        throw new MappingError(`no rule of the mapping fits this row: ${shown}`);
      }
      const ownAccount = account(own(values, ''), 'own account');
      const debit = account(rule.debit(values, ownAccount), 'debit account');
      const credit = account(rule.credit(values, ownAccount), 'credit account');
      const amount = field(file.amount.column, () => parseDecimal(values[amountAt]!, scale));
      if (amount < 0n || amount > AMOUNT_MAX) {
        throw new MappingError(`${file.amount.column}: expected 0 to ${AMOUNT_MAX} minor units, got ${amount}`);
      }
      if (debit === credit) throw new MappingError(`debit and credit account are both ${debit}`);
      if (debit !== ownAccount && credit !== ownAccount) {
        throw new MappingError(`neither ${debit} nor ${credit} is the row's own account ${ownAccount}`);
      }
      return {
        instruction: amount === 0n ? null : {
          id: account(id(values, ownAccount), 'id'), asset: file.asset, debitAccount: debit, creditAccount: credit,
          amount,
        },
        own: ownAccount, signed: credit === ownAccount ? amount : -amount, order: values[orderAt]!.trim(), site: site(values, ownAccount),
        balance: balanceAt < 0 ? null : field(file.balance!.column, () => parseDecimal(values[balanceAt]!, scale)),
        openingId: opening === null ? null : account(opening(values, ownAccount), 'id of the opening settlement'),
      };
    },
  };
}

function field<T>(column: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new MappingError(`${column}: ${(error as Error).message}`);
  }
}

function condition(c: Condition): (value: string) => boolean {
  if (typeof c === 'string') return (v) => v === c;
  if ('not' in c) {
    const inner = condition(c.not);
    return (v) => !inner(v);
  }
  const values = new Set(c);
  return (v) => values.has(v);
}

/** Less than zero when `a` comes before `b`. */
export function compareOrder(a: string, b: string): number {
  if (a === b) return 0;
  if (/^[0-9]+$/.test(a) && /^[0-9]+$/.test(b)) {
    const x = a.replace(/^0+/, '');
    const y = b.replace(/^0+/, '');
    if (x.length !== y.length) return x.length - y.length;
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return a < b ? -1 : 1;
}

/** Whether a file with this first line is one that the mapping is for. */
export const fitsHeader = (mapping: MappingFile, header: readonly string[]): boolean =>
  mapping.header.length === header.length && mapping.header.every((name, i) => name === header[i]!.trim());

// ---- reading -------------------------------------------------------------------------------------------------------

const KEYS = ['name', 'description', 'header', 'id', 'asset', 'amount', 'order', 'site', 'overdraft', 'own', 'rules', 'balance'];

function check(raw: unknown, mistakes: string[]): void {
  const say = (path: string, value: unknown, allowed: string): void => {
    mistakes.push(`${path}: got ${(JSON.stringify(value) ?? 'nothing').slice(0, 80)}; expected ${allowed}`);
  };
  const object = (path: string, value: unknown, keys?: readonly string[]): Record<string, unknown> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      say(path, value, `an object${keys === undefined ? '' : ` with ${keys.join(', ')}`}`);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (keys !== undefined && !keys.includes(key)) {
        say(`${path}.${key}`, (value as Record<string, unknown>)[key], `only ${keys.join(', ')} here`);
      }
    }
    return value as Record<string, unknown>;
  };
  const text = (path: string, value: unknown, pattern = /./, allowed = 'text'): void => {
    if (typeof value !== 'string' || !pattern.test(value)) say(path, value, allowed);
  };
  const m = object('mapping', raw, KEYS);
  if (mistakes.length > 0 && Object.keys(m).length === 0) return;
  const header = Array.isArray(m['header']) && m['header'].length > 0 && m['header'].every((h) => typeof h === 'string') ? m['header'] as string[] : null;
  if (header === null) say('header', m['header'], 'the list of the columns\' names');
  else if (new Set(header).size !== header.length) say('header', header, 'names that differ');
  const columns = `a column of the header (${header?.join(', ') ?? ''})`;
  const column = (path: string, value: unknown): void => {
    if (typeof value !== 'string' || header?.includes(value) === false) say(path, value, columns);
  };
  const filled = (path: string, value: unknown, own: boolean): void => {
    if (typeof value !== 'string' || value === '') {
      say(path, value, 'a template like account:{account_id}');
      return;
    }
    for (const [, name] of value.matchAll(/\{([^{}]*)\}/g)) {
      if (header?.includes(name!) === false && !(own && name === 'own')) {
        say(path, value, `{column} with ${columns}${own ? ', or {own}' : ''}`);
      }
    }
  };
  text('name', m['name']);
  filled('id', m['id'], true);
  text('asset', m['asset'], new RegExp(ASSET_PATTERN), 'an asset code like EUR');
  const amount = object('amount', m['amount'], ['column', 'scale']);
  column('amount.column', amount['column']);
  const scale = amount['scale'];
  if (typeof scale !== 'number' || !Number.isInteger(scale) || scale < 0 || scale > 9) {
    say('amount.scale', scale, 'decimal places, 0 to 9');
  }
  column('order', m['order']);
  filled('site', m['site'], true);
  filled('own', m['own'], false);
  const overdraft = object('overdraft', m['overdraft'], ['limit', 'why']);
  if (overdraft['limit'] !== null) {
    text('overdraft.limit', overdraft['limit'], /^(0|[1-9][0-9]{0,17})$/, 'minor units as digits, or null for no limit');
  }
  text('overdraft.why', overdraft['why'], /./, 'the reason for the limit');
  if (!Array.isArray(m['rules']) || m['rules'].length === 0) say('rules', m['rules'], 'a list of rules {when, debit, credit}');
  else {
    m['rules'].forEach((rule: unknown, i) => {
      const r = object(`rules[${i}]`, rule, ['when', 'debit', 'credit']);
      for (const [name, c] of Object.entries(object(`rules[${i}].when`, r['when']))) {
        column(`rules[${i}].when`, name);
        const values = typeof c === 'object' && c !== null && !Array.isArray(c) && Object.keys(c).join() === 'not' ? (c as { not: unknown }).not : c;
        if (!(typeof values === 'string' || (Array.isArray(values) && values.every((v) => typeof v === 'string')))) {
          say(`rules[${i}].when.${name}`, c, 'a value, a list of values, or {"not": ...}');
        }
      }
      filled(`rules[${i}].debit`, r['debit'], true);
      filled(`rules[${i}].credit`, r['credit'], true);
    });
  }
  if (m['balance'] === undefined) return;
  const balance = object('balance', m['balance'], ['column', 'tolerancePerEntry', 'opening']);
  column('balance.column', balance['column']);
  text('balance.tolerancePerEntry', balance['tolerancePerEntry'], /^[0-9]{1,9}(\.[0-9]{1,9})?$/, 'a decimal like 0.10');
  const opening = object('balance.opening', balance['opening'], ['id', 'account']);
  filled('balance.opening.id', opening['id'], true);
  text('balance.opening.account', opening['account'], idRegex, 'an account id');
}
