import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compareOrder, MappingError, parseMapping, type MappingFile } from './mapping.ts';
import { MAPPINGS } from './source.ts';

const SMALL: MappingFile = {
  name: 'small', header: [
    'id', 'day', 'who', 'kind', 'amount', 'left',
  ], id: 'x:{id}', asset: 'EUR', amount: { column: 'amount', scale: 2 }, order: 'day',
  site: '{who}', overdraft: { limit: null, why: 'history' }, own: 'person:{who}',
  rules: [
    { when: { kind: 'in' }, debit: 'outside', credit: '{own}' },
    { when: { kind: ['out', 'fee'], who: { not: 'nobody' } }, debit: '{own}', credit: '{kind}' },
    { when: { kind: '' }, debit: '{own}', credit: 'unnamed' },
  ],
  balance: { column: 'left', tolerancePerEntry: '0.10', opening: { id: 'open:{who}', account: 'start' } },
};
const small = parseMapping(JSON.stringify(SMALL), 'small.json');

describe('mapping', () => {
  test('the first rule that fits makes the settlement', () => {
    expect(small.map(['1', '01', 'ann', 'in', '12.50', '12.50'])).toEqual({
      instruction: {
        id: 'x:1', asset: 'EUR', debitAccount: 'outside', creditAccount: 'person:ann', amount: 1_250n,
      }, own: 'person:ann', signed: 1_250n,
      order: '01', site: 'ann', balance: 1_250n, openingId: 'open:ann',
    });
    expect(
      small.map(['2', '01', 'ann', 'fee', '0.50', '12.00']),
    ).toMatchObject({ signed: -50n, instruction: { debitAccount: 'person:ann', creditAccount: 'fee' } });
    // A blank column is an empty one.
    expect(small.map(['3', '01', 'ann', ' ', '1', '11.00']).instruction?.creditAccount).toBe('unnamed');
  });

  test('a row that moves nothing is no settlement', () => {
    expect(
      small.map(['4', '01', 'ann', 'in', '0.00', '11.00']),
    ).toMatchObject({ instruction: null, signed: 0n, balance: 1_100n });
  });

  test.each([
    [['5', '01', 'ann', 'gift', '1', '1'], /no rule of the mapping fits this row: .*kind="gift"/],
    [['5', '01', 'ann', 'in', '-1', '1'], /amount: expected 0 to/],
    [['5', '01', 'ann', 'in', '1.005', '1'], /amount: 1.005: more than 2 decimal places/],
    [['5', '01', 'ann', 'in', '1', 'much'], /left: expected a decimal number/],
    [['5 6', '01', 'ann', 'in', '1', '1'], /id "x:5 6" is not an id/],
    [['5', '01', 'a/b', 'in', '1', '1'], /own account "person:a\/b" is not an id/],
    [['5', '01', 'ann', 'in', '1'], /5 columns, the header has 6/],
  ])('refuses %j', (row, message) => {
    expect(() => small.map(row)).toThrow(message);
    expect(() => small.map(row)).toThrow(MappingError);
  });

  test('every mistake of a mapping is reported at once, with what is allowed', () => {
    const bad = {
      ...SMALL, asset: 'euro', order: 'date', site: '{where}', amount: { column: 'sum', scale: 99 }, overdraft: { limit: -1 },
      rules: [
        { when: { sort: 5 }, debit: '{own}', credit: '' },
      ], balance: { ...SMALL.balance, tolerancePerEntry: 'some' }, extra: true,
    };
    let message = '';
    try {
      parseMapping(JSON.stringify(bad), 'bad.json');
    } catch (error) {
      message = (error as Error).message;
    }
    for (const part of [
      'bad.json: ', 'mapping.extra', 'asset: got "euro"', 'order: got "date"', 'site: got "{where}"', 'amount.column: got "sum"', 'amount.scale: got 99',
      'overdraft.limit: got -1', 'overdraft.why: got nothing', 'rules[0].when: got "sort"', 'rules[0].when.sort: got 5', 'rules[0].credit: got ""', 'balance.tolerancePerEntry: got "some"',
    ]) expect(message).toContain(part);
  });

  test.each(
    ['', 'null', '[]', '{', '"x"', '{}'],
  )('%j is not a mapping', (text) => expect(() => parseMapping(text, 'm.json')).toThrow(MappingError));

  test('every mapping that ships is in order, and no two are for the same header', () => {
    const headers = readdirSync(MAPPINGS).filter((n) => n.endsWith('.json')).map(
      (name) => parseMapping(readFileSync(join(MAPPINGS, name), 'utf8'), name).file.header.join(),
    );
    expect(headers.length).toBeGreaterThan(0);
    expect(new Set(headers).size).toBe(headers.length);
  });
});

describe('order', () => {
  test.each(
    [
      ['930101', '930102', -1], ['9', '10', -1], ['007', '7', 0], ['2020-01-02', '2020-01-10', -1], ['b', 'a', 1],
      ['99', '99', 0],
    ] as const,
  )('%s and %s', (a, b, sign) => {
    expect(Math.sign(compareOrder(a, b))).toBe(sign);
    expect(Math.sign(compareOrder(b, a))).toBe(sign === 0 ? 0 : -sign);
  });
});

describe('the bank mapping', () => {
  const bank = parseMapping(readFileSync(join(MAPPINGS, 'berka-bank.json'), 'utf8'), 'berka-bank.json');
  const row = (type: string, operation: string, symbol: string, other = ''): string[] => [
    '17', '5', '930101', type, operation, '10.00', '10.00', symbol, other, other === '' ? '' : '123',
  ];
  test.each([
    [
      row('PRIJEM', 'VKLAD', ''), 'cash', 1_000n,
    ], [row('PRIJEM', '', 'UROK'), 'interest', 1_000n], [row('PRIJEM', 'PREVOD Z UCTU', 'DUCHOD', 'YZ'), 'bank:YZ', 1_000n],
    [
      row('VYDAJ', 'VYBER', ''), 'cash', -1_000n,
    ], [row('VYBER', 'VYBER', ''), 'cash', -1_000n], [row('VYDAJ', 'VYBER KARTOU', ' '), 'cash', -1_000n],
    [row('VYDAJ', 'VYBER', 'SLUZBY'), 'fees', -1_000n], [row('VYDAJ', 'VYBER', 'SANKC. UROK'), 'interest', -1_000n],
    [
      row('VYDAJ', 'PREVOD NA UCET', 'SIPO', 'AB'), 'bank:AB', -1_000n,
    ], [row('VYDAJ', 'PREVOD NA UCET', ''), 'bank:unknown', -1_000n],
    [row('PRIJEM', 'PREVOD Z UCTU', ''), 'bank:unknown', 1_000n], [row('PRIJEM', '', ''), 'interest', 1_000n],
  ] as const)('%j: %s', (values, counterparty, signed) => {
    const mapped = bank.map(values);
    expect(mapped.signed).toBe(signed);
    expect(mapped.instruction).toMatchObject({
      id: 'trans:17', asset: 'CZK', debitAccount: signed > 0n ? counterparty : 'account:5', creditAccount: signed > 0n ? 'account:5' : counterparty,
    });
  });
  test('an unknown kind of row is refused', () => expect(() => bank.map(row('JINY', 'VKLAD', ''))).toThrow(/no rule/));
});
